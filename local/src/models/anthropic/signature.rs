//! Thinking blocks are bound to the conversation before them.
//!
//! A signature has three parts: the hash of everything before the assistant's message, the hash
//! of the message itself, and a seal over both. A changed system prompt, tool or earlier message
//! and an edited block are therefore all found when the conversation comes back.

use serde_json::{Value, json};

use super::super::agent::Message;
use super::super::digest::sha256_hex;
use super::super::server::State;
use super::block::comparable;
use super::request::Request;
use super::{Refused, invalid};

const TEXT_BOUND: &str = "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. These blocks must remain as they were in the original response.";

fn chain(before: &str, message: &Message) -> String {
    let blocks: Vec<_> = message.blocks.iter().map(comparable).collect();
    sha256_hex(json!([before, message.role, blocks]).to_string().as_bytes())
}

fn root(request: &Request) -> String {
    let system: Vec<_> = request.system.iter().map(comparable).collect();
    let tools: Vec<_> = request.tools.iter().map(comparable).collect();
    sha256_hex(json!([system, tools]).to_string().as_bytes())
}

/// The hash of the whole conversation of a request: the prefix of its answer.
pub(super) fn prefix(request: &Request) -> String {
    request
        .messages
        .iter()
        .fold(root(request), |before, message| chain(&before, message))
}

/// The hash of a conversation's beginning, the same for all its requests.
pub(super) fn conversation(request: &Request) -> String {
    request
        .messages
        .first()
        .map_or_else(|| root(request), |first| chain(&root(request), first))
}

/// The hash of an assistant's message without its signatures.
fn content_hash(blocks: &[Value]) -> String {
    let mut blocks: Vec<_> = blocks.iter().map(comparable).collect();
    for block in &mut blocks {
        if let Some(members) = block.as_object_mut() {
            members.remove("signature");
        }
    }
    sha256_hex(json!(blocks).to_string().as_bytes())
}

/// Signs the thinking blocks of an answer.
pub(super) fn sign(state: &State, prefix: &str, blocks: &mut [Value]) {
    let content = content_hash(blocks);
    let seal = state.seal(&format!("{prefix}{content}"));
    for block in blocks {
        if block["type"] == "thinking" {
            block["signature"] = json!(format!("{prefix}{content}{seal}"));
        }
    }
}

/// Refuses a conversation whose thinking blocks do not belong where they stand.
pub(super) fn verify(state: &State, request: &Request) -> Refused<()> {
    let mut before = root(request);
    let latest = request
        .messages
        .iter()
        .rposition(|message| message.role == "assistant");
    for (index, message) in request.messages.iter().enumerate() {
        if message.role == "assistant" {
            verify_message(state, index, message, &before)?;
            if Some(index) == latest {
                verify_presence(state, index, message, &before)?;
            }
        }
        before = chain(&before, message);
    }
    Ok(())
}

fn verify_message(state: &State, index: usize, message: &Message, before: &str) -> Refused<()> {
    for (position, block) in message.blocks.iter().enumerate() {
        let at = format!("messages.{index}.content.{position}");
        if block["type"] == "redacted_thinking" {
            return invalid(format!("{at}: Invalid `data` in `redacted_thinking` block"));
        }
        if block["type"] != "thinking" {
            continue;
        }
        let signature = block["signature"].as_str().unwrap_or_default();
        let (Some(prefix), Some(content), Some(seal)) = (
            signature.get(..64),
            signature.get(64..128),
            signature.get(128..),
        ) else {
            return invalid(format!("{at}: Invalid `signature` in `thinking` block"));
        };
        if state.seal(&format!("{prefix}{content}")) != seal {
            return invalid(format!("{at}: Invalid `signature` in `thinking` block"));
        }
        if prefix != before || content != content_hash(&message.blocks) {
            return invalid(format!("{at}: {TEXT_BOUND}"));
        }
    }
    Ok(())
}

/// A tool call of ours came with a thinking block: the block must not have been dropped.
fn verify_presence(state: &State, index: usize, message: &Message, before: &str) -> Refused<()> {
    let ours = tool_id(state, before, 0);
    let has_thinking = message
        .blocks
        .iter()
        .any(|block| block["type"] == "thinking");
    if !has_thinking && message.blocks.iter().any(|block| block["id"] == ours) {
        return invalid(format!(
            "messages.{index}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks)."
        ));
    }
    Ok(())
}

/// The id of a tool call in the answer to a conversation.
pub(super) fn tool_id(state: &State, prefix: &str, position: usize) -> String {
    format!(
        "toolu_01{}",
        &state.seal(&format!("{prefix} tool {position}"))[..22]
    )
}
