//! A message as named server-sent events. There is no `[DONE]`.

use serde_json::{Value, json};

use super::super::wire::fragments;
use super::answer::BROKEN_INPUT;

/// Characters in one delta.
const DELTA_CHARS: usize = 120;

fn event(value: &Value) -> String {
    format!(
        "event: {}\ndata: {value}\n\n",
        value["type"].as_str().unwrap_or_default()
    )
}

/// The events of a finished message.
pub(super) fn events(message: &Value) -> Vec<String> {
    let mut opening = message.clone();
    opening["content"] = json!([]);
    opening["stop_reason"] = Value::Null;
    opening["stop_details"] = Value::Null;
    opening["usage"]["output_tokens"] = json!(1);
    let mut events = vec![event(&json!({"type": "message_start", "message": opening}))];
    for (index, block) in message["content"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        push_block(index, block, &mut events);
    }
    let delta = json!({
        "stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"],
        "stop_details": message["stop_details"], "container": null,
    });
    events.push(event(
        &json!({"type": "message_delta", "delta": delta, "usage": message["usage"]}),
    ));
    events.push(event(&json!({"type": "message_stop"})));
    events
}

fn push_block(index: usize, block: &Value, events: &mut Vec<String>) {
    let kind = block["type"].as_str().unwrap_or_default();
    let mut started = block.clone();
    let mut deltas = Vec::new();
    match kind {
        "thinking" => {
            started["thinking"] = json!("");
            started["signature"] = json!("");
            for fragment in fragments(block["thinking"].as_str().unwrap_or_default(), DELTA_CHARS) {
                deltas.push(json!({"type": "thinking_delta", "thinking": fragment}));
            }
            deltas.push(json!({"type": "signature_delta", "signature": block["signature"]}));
        }
        "tool_use" => {
            started["input"] = json!({});
            deltas.push(json!({"type": "input_json_delta", "partial_json": ""}));
            let input = match &block["input"][BROKEN_INPUT] {
                Value::String(broken) => broken.clone(),
                _ => block["input"].to_string(),
            };
            for fragment in fragments(&input, DELTA_CHARS) {
                deltas.push(json!({"type": "input_json_delta", "partial_json": fragment}));
            }
        }
        _ => {
            started["text"] = json!("");
            for fragment in fragments(block["text"].as_str().unwrap_or_default(), DELTA_CHARS) {
                deltas.push(json!({"type": "text_delta", "text": fragment}));
            }
        }
    }
    events.push(event(
        &json!({"type": "content_block_start", "index": index, "content_block": started}),
    ));
    if index == 0 {
        events.push(event(&json!({"type": "ping"})));
    }
    for delta in deltas {
        events.push(event(
            &json!({"type": "content_block_delta", "index": index, "delta": delta}),
        ));
    }
    events.push(event(
        &json!({"type": "content_block_stop", "index": index}),
    ));
}
