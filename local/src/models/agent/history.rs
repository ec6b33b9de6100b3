//! The conversation so far: messages, and each tool call with its result.

use serde_json::Value;

/// One message with its content as blocks.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) role: String,
    pub(crate) blocks: Vec<Value>,
}

impl Message {
    /// The texts of the message's text blocks.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.blocks
            .iter()
            .filter_map(|block| block["text"].as_str())
    }
}

/// A tool call and what came back.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    input: Value,
    /// Text and whether it is an error; nothing when no result came.
    result: Option<(String, bool)>,
}

impl Call {
    pub(crate) fn path(&self) -> &str {
        self.input["path"].as_str().unwrap_or_default()
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.result.as_ref().is_some_and(|(_, is_error)| !is_error)
    }

    pub(crate) fn failed(&self) -> bool {
        self.result.as_ref().is_some_and(|(_, is_error)| *is_error)
    }

    pub(crate) fn result_text(&self) -> &str {
        self.result.as_ref().map_or("", |(text, _)| text)
    }

    /// Whether the call writes or edits that file.
    pub(crate) fn changes(&self, path: &str) -> bool {
        ["write_file", "edit_file"].contains(&self.name.as_str()) && self.path() == path
    }
}

/// Every tool call of the conversation in order.
pub(crate) fn calls(messages: &[Message]) -> Vec<Call> {
    let mut calls = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        for block in &message.blocks {
            if message.role == "assistant" && block["type"] == "tool_use" {
                calls.push(Call {
                    name: block["name"].as_str().unwrap_or_default().to_owned(),
                    input: block["input"].clone(),
                    result: result(messages.get(index + 1), &block["id"]),
                });
            }
        }
    }
    calls
}

fn result(message: Option<&Message>, id: &Value) -> Option<(String, bool)> {
    let block = message?
        .blocks
        .iter()
        .find(|block| block["type"] == "tool_result" && block["tool_use_id"] == *id)?;
    let text = match &block["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect::<Vec<_>>()
            .join("\n"),
        _ => String::new(),
    };
    Some((text, block["is_error"] == true))
}
