//! Content blocks: which exist for which role, their fields, and the form they are compared in.

use serde_json::{Value, json};

use super::{Refused, invalid};

/// A system prompt as text blocks.
pub(super) fn system(system: &Value) -> Refused<Vec<Value>> {
    match system {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => Ok(vec![json!({"type": "text", "text": text})]),
        Value::Array(blocks) => {
            for (index, block) in blocks.iter().enumerate() {
                if block["type"] != "text" {
                    return invalid(format!("system.{index}.type: Input should be 'text'"));
                }
                check(&format!("system.{index}"), block, "system")?;
            }
            Ok(blocks.clone())
        }
        _ => invalid("system: Input should be a valid string or list"),
    }
}

/// Checks one block of a message.
pub(super) fn check(at: &str, block: &Value, role: &str) -> Refused<()> {
    let kind = block["type"].as_str().unwrap_or_default();
    let (required, optional): (&[&str], &[&str]) = match (kind, role) {
        ("text", _) => (&["text"], &["cache_control", "citations"]),
        ("image" | "document", "user") => (
            &["source"],
            &["cache_control", "title", "context", "citations"],
        ),
        ("tool_result", "user") => (&["tool_use_id"], &["content", "is_error", "cache_control"]),
        ("tool_use", "assistant") => (&["id", "name", "input"], &["cache_control", "caller"]),
        ("thinking", "assistant") => (&["thinking", "signature"], &[]),
        ("redacted_thinking", "assistant") => (&["data"], &[]),
        _ => {
            return invalid(format!(
                "{at}: Input tag '{kind}' found using 'type' does not match any of the expected tags"
            ));
        }
    };
    for name in required {
        if block[*name].is_null() {
            return invalid(format!("{at}.{kind}.{name}: Field required"));
        }
    }
    if let Some(unknown) = block.as_object().and_then(|members| {
        members.keys().find(|name| {
            *name != "type"
                && !required.contains(&name.as_str())
                && !optional.contains(&name.as_str())
        })
    }) {
        return invalid(format!(
            "{at}.{kind}.{unknown}: Extra inputs are not permitted"
        ));
    }
    check_values(at, kind, block)
}

fn check_values(at: &str, kind: &str, block: &Value) -> Refused<()> {
    for name in [
        "text",
        "thinking",
        "signature",
        "data",
        "tool_use_id",
        "id",
        "name",
    ] {
        if !matches!(block[name], Value::Null | Value::String(_)) {
            return invalid(format!(
                "{at}.{kind}.{name}: Input should be a valid string"
            ));
        }
    }
    if kind == "text" && block["text"] == "" {
        let what = if block["cache_control"].is_null() {
            "text content blocks must be non-empty"
        } else {
            "cache_control cannot be set for empty text blocks"
        };
        return invalid(format!(
            "{}: {what}",
            at.split(".content").next().unwrap_or(at)
        ));
    }
    if kind == "tool_use" && !block["input"].is_object() {
        return invalid(format!(
            "{at}.tool_use.input: Input should be a valid dictionary"
        ));
    }
    if kind == "tool_result" {
        if !matches!(block["is_error"], Value::Null | Value::Bool(_)) {
            return invalid(format!(
                "{at}.tool_result.is_error: Input should be a valid boolean"
            ));
        }
        match &block["content"] {
            Value::Null | Value::String(_) => {}
            Value::Array(parts) => {
                for (index, part) in parts.iter().enumerate() {
                    check(&format!("{at}.tool_result.content.{index}"), part, "user")?;
                }
            }
            _ => {
                return invalid(format!(
                    "{at}.tool_result.content: Input should be a valid string or list"
                ));
            }
        }
    }
    Ok(())
}

/// A block without what may change between two requests: its cache breakpoint.
pub(super) fn comparable(block: &Value) -> Value {
    let mut block = block.clone();
    if let Some(members) = block.as_object_mut() {
        members.remove("cache_control");
        members.remove("caller");
    }
    block
}
