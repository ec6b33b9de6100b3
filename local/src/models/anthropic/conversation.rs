//! The rules of a conversation: roles, tool results, prefill.

use serde_json::{Value, json};

use super::super::agent::Message;
use super::super::catalog::ClaudeModel;
use super::{Refused, block, invalid};

/// Messages that one request may have.
const MESSAGES_MAX: usize = 100_000;

/// Checks the messages and returns them with their content as blocks.
pub(super) fn read(messages: &Value, model: &ClaudeModel) -> Refused<Vec<Message>> {
    let Some(raw) = messages.as_array() else {
        return invalid("messages: Field required");
    };
    if raw.is_empty() {
        return invalid("messages: at least one message is required");
    }
    if raw.len() > MESSAGES_MAX {
        return invalid(format!(
            "messages: at most {MESSAGES_MAX} messages are allowed"
        ));
    }
    let messages = raw
        .iter()
        .enumerate()
        .map(|(index, message)| read_one(index, message))
        .collect::<Refused<Vec<_>>>()?;
    check_roles(&messages, model)?;
    for (index, message) in messages.iter().enumerate() {
        check_tool_use(index, message, messages.get(index + 1))?;
        check_tool_results(
            index,
            message,
            index.checked_sub(1).and_then(|before| messages.get(before)),
        )?;
    }
    Ok(messages)
}

fn read_one(index: usize, message: &Value) -> Refused<Message> {
    let at = format!("messages.{index}");
    let role = message["role"].as_str().unwrap_or_default();
    if !["user", "assistant", "system"].contains(&role) {
        return invalid(format!(
            "{at}.role: Input should be 'user', 'assistant' or 'system'"
        ));
    }
    if let Some(unknown) = message.as_object().and_then(|members| {
        members
            .keys()
            .find(|name| !["role", "content"].contains(&name.as_str()))
    }) {
        return invalid(format!("{at}.{unknown}: Extra inputs are not permitted"));
    }
    let blocks = match &message["content"] {
        Value::String(text) => vec![json!({"type": "text", "text": text})],
        Value::Array(blocks) => blocks.clone(),
        _ => return invalid(format!("{at}.content: Field required")),
    };
    if blocks.is_empty() {
        return invalid(format!(
            "{at}: all messages must have non-empty content except for the optional final assistant message"
        ));
    }
    for (position, block) in blocks.iter().enumerate() {
        block::check(&format!("{at}.content.{position}"), block, role)?;
    }
    Ok(Message {
        role: role.to_owned(),
        blocks,
    })
}

fn check_roles(messages: &[Message], model: &ClaudeModel) -> Refused<()> {
    let mut turns = messages
        .iter()
        .filter(|message| message.role != "system")
        .map(|message| message.role.as_str())
        .peekable();
    if turns.peek() != Some(&"user") {
        return invalid("messages: first message must use the \"user\" role");
    }
    let mut last = "";
    for role in turns {
        if role == last {
            return invalid(format!(
                "messages: roles must alternate between \"user\" and \"assistant\", but found multiple \"{role}\" roles in a row"
            ));
        }
        last = role;
    }
    if last == "assistant" && model.is_newest {
        return invalid(
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        );
    }
    Ok(())
}

fn ids<'a>(message: &'a Message, kind: &str, name: &str) -> Vec<&'a str> {
    message
        .blocks
        .iter()
        .filter(|block| block["type"] == kind)
        .filter_map(|block| block[name].as_str())
        .collect()
}

/// Every tool call is answered at the start of the next message.
fn check_tool_use(index: usize, message: &Message, next: Option<&Message>) -> Refused<()> {
    let called = ids(message, "tool_use", "id");
    if called.is_empty() {
        return Ok(());
    }
    for (position, id) in called.iter().enumerate() {
        let is_valid = !id.is_empty()
            && id
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || "_-".contains(character));
        if !is_valid {
            return invalid(format!(
                "messages.{index}.content: tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
            ));
        }
        if called[..position].contains(id) {
            return invalid("messages: `tool_use` ids must be unique");
        }
    }
    let answered: Vec<&str> = next
        .into_iter()
        .flat_map(|next| {
            next.blocks
                .iter()
                .take_while(|block| block["type"] == "tool_result")
        })
        .filter_map(|block| block["tool_use_id"].as_str())
        .collect();
    let missing: Vec<_> = called
        .iter()
        .filter(|id| !answered.contains(id))
        .copied()
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    invalid(format!(
        "messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
        missing.join(", ")
    ))
}

/// Every tool result answers a call of the message before, once.
fn check_tool_results(index: usize, message: &Message, before: Option<&Message>) -> Refused<()> {
    let called = before
        .map(|before| ids(before, "tool_use", "id"))
        .unwrap_or_default();
    let answered = ids(message, "tool_result", "tool_use_id");
    for (position, id) in answered.iter().enumerate() {
        if !called.contains(id) {
            return invalid(format!(
                "messages.{index}.content.{position}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            ));
        }
        if answered[..position].contains(id) {
            return invalid(format!(
                "messages.{index}.content.{position}: each tool_use must have a single result. Found multiple `tool_result` blocks with id: {id}"
            ));
        }
    }
    Ok(())
}
