//! One block of an answer: its fields in the order of the wire, and what the stream adds to them.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Block, InvalidJson};

/// The key under which a tool input that is no JSON object goes back to the model, as the
/// provider advises.
const INVALID_JSON: &str = "INVALID_JSON";

/// A JSON object that keeps its key order and the bytes of its values.
#[derive(Debug, Default, Clone)]
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    fields.set(&key, value);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

impl Fields {
    fn get(&self, key: &str) -> Option<&RawValue> {
        let entry = self.0.iter().find(|(name, _)| name == key);
        entry.map(|(_, value)| &**value)
    }

    /// Returns a string field, empty when it is missing or something else.
    fn text(&self, key: &str) -> String {
        self.get(key)
            .and_then(|value| serde_json::from_str(value.get()).ok())
            .unwrap_or_default()
    }

    fn set(&mut self, key: &str, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    fn set_text(&mut self, key: &str, text: &str) -> serde_json::Result<()> {
        self.set(key, serde_json::value::to_raw_value(text)?);
        Ok(())
    }

    fn write(&self, out: &mut String) -> serde_json::Result<()> {
        out.push('{');
        for (position, (key, value)) in self.0.iter().enumerate() {
            if position > 0 {
                out.push(',');
            }
            out.push_str(&serde_json::to_string(key)?);
            out.push(':');
            out.push_str(value.get());
        }
        out.push('}');
        Ok(())
    }
}

/// A `content_block_delta`. Source: Messages API, streaming. Unknown fields and types are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Delta {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) text: Option<String>,
    pub(super) thinking: Option<String>,
    signature: Option<String>,
    /// A string; servers that imitate the API send the object itself.
    partial_json: Option<Box<RawValue>>,
    citation: Option<Box<RawValue>>,
}

/// A block that is still coming in.
#[derive(Debug)]
pub(super) struct Growing {
    start: Fields,
    text: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    input: Option<String>,
    citations: Vec<Box<RawValue>>,
}

impl Growing {
    /// Begins with the `content_block` of a `content_block_start`.
    pub(super) fn new(content_block: &RawValue) -> serde_json::Result<Self> {
        Ok(Self {
            start: serde_json::from_str(content_block.get())?,
            text: None,
            thinking: None,
            signature: None,
            input: None,
            citations: Vec::new(),
        })
    }

    pub(super) fn kind(&self) -> String {
        self.start.text("type")
    }

    pub(super) fn name(&self) -> String {
        self.start.text("name")
    }

    pub(super) fn add(&mut self, delta: &Delta) -> serde_json::Result<()> {
        let start = &self.start;
        let grow = |whole: &mut Option<String>, key: &str, part: &Option<String>| {
            if let Some(part) = part {
                whole.get_or_insert_with(|| start.text(key)).push_str(part);
            }
        };
        match delta.kind.as_str() {
            "text_delta" => grow(&mut self.text, "text", &delta.text),
            "thinking_delta" => grow(&mut self.thinking, "thinking", &delta.thinking),
            "signature_delta" => grow(&mut self.signature, "signature", &delta.signature),
            "input_json_delta" => {
                if let Some(part) = &delta.partial_json {
                    let input = self.input.get_or_insert_default();
                    if part.get().starts_with('"') {
                        input.push_str(&serde_json::from_str::<String>(part.get())?);
                    } else if part.get() != "null" {
                        input.push_str(part.get());
                    }
                }
            }
            "citations_delta" => self.citations.extend(delta.citation.clone()),
            // Types that do not exist yet.
            _ => {}
        }
        Ok(())
    }

    /// Puts what has come into the fields; `fallback_id` names a tool call without an id of its
    /// own.
    fn close(
        mut self,
        seen: &mut BTreeSet<String>,
        fallback_id: &str,
    ) -> serde_json::Result<Fields> {
        for (key, text) in [
            ("text", &self.text),
            ("thinking", &self.thinking),
            ("signature", &self.signature),
        ] {
            if let Some(text) = text {
                self.start.set_text(key, text)?;
            }
        }
        if !self.citations.is_empty() {
            let list = serde_json::value::to_raw_value(&self.citations)?;
            self.start.set("citations", list);
        }
        if let Some(input) = &self.input {
            self.start.set("input", input_value(input)?);
        }
        if self.start.text("type") == "tool_use" {
            if self.start.get("input").is_none() {
                self.start.set("input", input_value("")?);
            }
            let id = self.start.text("id");
            if id.is_empty() || !seen.insert(id) {
                seen.insert(fallback_id.to_owned());
                self.start.set_text("id", fallback_id)?;
            }
        }
        Ok(self.start)
    }
}

/// Returns a tool input as it goes back: the model's own bytes when they are a JSON object.
pub(crate) fn input_value(raw: &str) -> serde_json::Result<Box<RawValue>> {
    let raw = raw.trim();
    if raw.is_empty() {
        return RawValue::from_string("{}".to_owned());
    }
    match serde_json::from_str::<Value>(raw) {
        Ok(Value::Object(_)) => RawValue::from_string(raw.to_owned()),
        Ok(
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_),
        )
        | Err(_) => serde_json::value::to_raw_value(&serde_json::json!({ INVALID_JSON: raw })),
    }
}

/// Writes the blocks of an answer as one JSON array. `message_id` makes ids for tool calls that
/// came without one, or with that of another call.
pub(super) fn content(
    growing: impl Iterator<Item = Growing>,
    message_id: &str,
) -> serde_json::Result<Box<RawValue>> {
    let mut seen = BTreeSet::new();
    let mut out = String::from("[");
    for (position, block) in growing.enumerate() {
        if position > 0 {
            out.push(',');
        }
        let fallback_id = format!("toolu_{message_id}_{position}");
        block.close(&mut seen, &fallback_id)?.write(&mut out)?;
    }
    out.push(']');
    RawValue::from_string(out)
}

/// Reads the blocks of an assistant's content, such as that of a stored
/// [`MessagesAnswer`](super::MessagesAnswer).
///
/// # Errors
/// The content is not a JSON array of objects.
pub fn blocks(content: &RawValue) -> serde_json::Result<Vec<Block>> {
    let list: Vec<Fields> = serde_json::from_str(content.get())?;
    Ok(list.iter().map(read).collect())
}

fn read(fields: &Fields) -> Block {
    match fields.text("type").as_str() {
        "text" => Block::Text {
            text: fields.text("text"),
        },
        "thinking" => Block::Thinking {
            text: fields.text("thinking"),
        },
        "tool_use" => Block::ToolUse {
            id: fields.text("id"),
            name: fields.text("name"),
            input: read_input(fields.get("input").map_or("{}", RawValue::get)),
        },
        kind => Block::Other {
            kind: kind.to_owned(),
        },
    }
}

fn read_input(raw: &str) -> Result<Value, InvalidJson> {
    let invalid = |raw: &str| InvalidJson {
        raw: raw.to_owned(),
    };
    let value: Value = serde_json::from_str(raw).map_err(|_| invalid(raw))?;
    let Value::Object(map) = &value else {
        return Err(invalid(raw));
    };
    match map.get(INVALID_JSON) {
        Some(Value::String(text)) if map.len() == 1 => Err(invalid(text)),
        Some(_) | None => Ok(value),
    }
}
