//! One line of a log as text: a message that a person reads, and fields that a query finds.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::Level;

/// A longer line is cut within its message, and [`CUT_SUFFIX`] added (Open Runtimes v5).
pub const MESSAGE_CHARS_MAX: usize = 8_000;
/// What a cut message ends with (Open Runtimes v5).
pub const CUT_SUFFIX: &str = "... Log truncated due to size limit (8000 characters)";
/// A longer text of a field is cut. Fields are ids, names and reasons.
pub const FIELD_CHARS_MAX: usize = 300;

/// The value of a field. Units stand in the names: `duration_ms`, `input_tokens`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// A word or a sentence.
    Text(String),
    /// A count or a quantity.
    Number(u64),
}

/// A field: its name, which is `snake_case`, and its value.
pub type Field = (&'static str, FieldValue);

impl From<&str> for FieldValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for FieldValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for FieldValue {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for FieldValue {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<std::time::Duration> for FieldValue {
    /// Whole milliseconds.
    fn from(time: std::time::Duration) -> Self {
        Self::Number(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The line as a person reads it: the message, then the fields as logfmt. A line break within
/// stays one that is written out.
pub(super) fn logfmt(message: &str, fields: &[Field]) -> String {
    let mut tail = String::new();
    for (name, value) in fields {
        let _ = match value {
            FieldValue::Number(number) => write!(tail, " {name}={number}"),
            FieldValue::Text(text) => write!(tail, " {name}={}", quoted(text)),
        };
    }
    let chars = tail.chars().count();
    let mut line = cut(message, MESSAGE_CHARS_MAX.saturating_sub(chars));
    line.push_str(&tail);
    line
}

/// The line as one JSON object, whose fields Amazon's log service finds.
pub(super) fn json(time: String, level: Level, message: &str, fields: &[Field]) -> String {
    let mut object = Map::new();
    object.insert("timestamp".to_owned(), time.into());
    object.insert("level".to_owned(), level.as_str().into());
    let message = cut(message, MESSAGE_CHARS_MAX);
    object.insert("message".to_owned(), message.into());
    for (name, value) in fields {
        let value = match value {
            FieldValue::Number(number) => Value::from(*number),
            FieldValue::Text(text) => Value::from(short(text)),
        };
        object.insert((*name).to_owned(), value);
    }
    Value::Object(object).to_string()
}

fn quoted(text: &str) -> String {
    let text = short(text);
    let is_plain = |char: char| !char.is_control() && !matches!(char, ' ' | '"' | '=' | '\\');
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    // JSON's quotes are those of logfmt.
    Value::from(text).to_string()
}

fn short(text: &str) -> &str {
    let end = text.char_indices().nth(FIELD_CHARS_MAX);
    end.map_or(text, |(end, _)| &text[..end])
}

fn cut(message: &str, chars_max: usize) -> String {
    match message.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}{CUT_SUFFIX}", &message[..end]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn fields_follow_the_message_and_are_quoted_where_needed() {
        let fields = [
            ("model", "grok-4.7".into()),
            ("duration_ms", Duration::from_micros(1_999).into()),
            ("attempt", 2_u32.into()),
            ("error", "it said \"no\"\nand left".into()),
            ("empty", "".into()),
            ("formula", "a=b".into()),
        ];
        assert_eq!(
            logfmt("the model answered", &fields),
            r#"the model answered model=grok-4.7 duration_ms=1 attempt=2 error="it said \"no\"\nand left" empty="" formula="a=b""#
        );
    }

    #[test]
    fn a_line_is_one_json_object_with_numbers_as_numbers() {
        let time = "2026-11-30T09:00:00.000Z".to_owned();
        let fields = [("task", "t1".into()), ("wait_ms", 5_u64.into())];
        let line = json(time, Level::Error, "two\nlines", &fields);
        assert_eq!(
            line,
            r#"{"level":"ERROR","message":"two\nlines","task":"t1","timestamp":"2026-11-30T09:00:00.000Z","wait_ms":5}"#
        );
    }

    #[test]
    fn a_long_message_is_cut_and_its_fields_stay() {
        let message = "ä".repeat(MESSAGE_CHARS_MAX);
        assert_eq!(logfmt(&message, &[]), message);
        let line = logfmt(&message, &[("task", "t1".into())]);
        assert!(line.ends_with(&format!("{CUT_SUFFIX} task=t1")), "{line}");
        let chars = line.chars().count() - CUT_SUFFIX.chars().count();
        assert_eq!(chars, MESSAGE_CHARS_MAX);
    }

    #[test]
    fn a_long_field_is_cut() {
        let field = "x".repeat(FIELD_CHARS_MAX + 1);
        let line = logfmt("m", &[("f", field.as_str().into())]);
        assert_eq!(line, format!("m f={}", &field[1..]));
    }
}
