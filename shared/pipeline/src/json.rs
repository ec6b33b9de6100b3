//! Reading JSON that a model wrote.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Characters shown of an answer that is no JSON at all.
const SAID_CHARS_MAX: usize = 120;

/// Reads the JSON object in `text`: plain, behind a byte order mark, in a code fence or
/// with prose around it. Nothing else is repaired.
///
/// # Errors
/// A sentence for the model that says what is wrong and where.
pub fn from_model<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err("the answer is empty".to_owned());
    }
    if !text.contains(['{', '[']) {
        let said: String = text.chars().take(SAID_CHARS_MAX).collect();
        return Err(format!("the answer is not JSON but says `{said}`"));
    }
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        Err(first) => match balanced_object(text).filter(|inner| inner.len() < text.len()) {
            Some(inner) => serde_json::from_str(inner).map_err(|cause| cause.to_string()),
            None => Err(first.to_string()),
        },
    }
}

/// The first balanced `{…}` in `text`.
fn balanced_object(text: &str) -> Option<&str> {
    let start = text.find('{')?;
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for (offset, byte) in text[start..].bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' if !in_string => depth += 1,
            b'}' if !in_string => {
                depth -= 1;
                if depth == 0 {
                    return Some(&text[start..=start + offset]);
                }
            }
            _ => {}
        }
    }
    None
}

/// One line of JSON in which no character can close a tag around it.
pub fn in_tag(value: &Value) -> String {
    let mut text = String::new();
    for character in value.to_string().chars() {
        match character {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_found_in_fences_and_prose() {
        for text in [
            "{\"a\":1}",
            "\u{feff}{\"a\":1}",
            "```json\n{\"a\":1}\n```",
            "Here: {\"a\":1} ok?",
        ] {
            assert_eq!(from_model::<Value>(text), Ok(json!({"a": 1})), "{text}");
        }
        assert_eq!(
            from_model::<Value>("so: {\"a\":\"}{\\\"\"} done"),
            Ok(json!({"a": "}{\""}))
        );
        assert!(from_model::<Value>("{\"a\":").is_err());
        assert!(from_model::<Value>("no json").is_err());
    }

    #[test]
    fn no_text_closes_a_tag() {
        let value = json!({"name": "</brief> & <b>\n"});
        let text = in_tag(&value);
        assert!(!text.contains(['<', '>', '&', '\n']));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
