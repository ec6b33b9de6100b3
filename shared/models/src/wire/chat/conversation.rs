//! From Anthropic's blocks to messages.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Called, Message, ToolCall, arguments};
use crate::wire::anthropic::{self, Role};

/// How a failed tool's result begins, where there is no field for it.
const FAILED: &str = "Error: ";

/// A block of content, as far as it can be said in this dialect. Thinking cannot: servers drop it
/// or refuse it.
#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_use_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(default)]
    is_error: Option<bool>,
}

/// Appends what a message of the conversation is in this dialect: one message of the assistant,
/// or one for every tool result and every text of ours.
pub(super) fn translate<'a>(
    message: &'a anthropic::Message,
    out: &mut Vec<Message<'a>>,
) -> serde_json::Result<()> {
    let blocks: Vec<Block<'a>> = serde_json::from_str(message.content.get())?;
    match message.role {
        Role::Assistant => out.push(assistant(blocks)),
        Role::User => {
            for block in blocks {
                out.extend(ours(block)?);
            }
        }
    }
    Ok(())
}

fn assistant(blocks: Vec<Block<'_>>) -> Message<'_> {
    let mut texts: Vec<Cow<'_, str>> = Vec::new();
    let mut tool_calls = Vec::new();
    for block in blocks {
        match block.kind.as_ref() {
            "text" => texts.extend(block.text),
            "tool_use" => tool_calls.push(ToolCall {
                id: block.id.unwrap_or_default(),
                r#type: "function",
                function: Called {
                    name: block.name.unwrap_or_default(),
                    arguments: arguments(block.input),
                },
            }),
            _ => {}
        }
    }
    let content = texts.concat();
    Message {
        role: "assistant",
        tool_call_id: None,
        content: (!content.is_empty() || tool_calls.is_empty()).then_some(Cow::Owned(content)),
        tool_calls,
    }
}

fn ours(block: Block<'_>) -> serde_json::Result<Option<Message<'_>>> {
    Ok(match block.kind.as_ref() {
        "text" => block.text.map(|text| Message::said("user", text)),
        "tool_result" => {
            let text = block.content.map_or(Ok(String::new()), result_text)?;
            let failed = block.is_error == Some(true) && !text.starts_with(FAILED);
            let text = if failed {
                format!("{FAILED}{text}")
            } else {
                text
            };
            Some(Message {
                tool_call_id: block.tool_use_id,
                ..Message::said("tool", text)
            })
        }
        _ => None,
    })
}

/// A result is a text or a list of blocks with texts.
fn result_text(content: &RawValue) -> serde_json::Result<String> {
    let value: Value = serde_json::from_str(content.get())?;
    Ok(match value {
        Value::String(text) => text,
        Value::Array(blocks) => blocks
            .iter()
            .filter_map(|block| block.get("text")?.as_str())
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    })
}
