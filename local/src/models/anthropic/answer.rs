//! Makes the message object.

use serde_json::{Value, json};

use super::super::agent;
use super::super::catalog::Behaviour;
use super::super::server::State;
use super::super::structure::conform;
use super::super::wire::tokens;
use super::super::{planner, reviewer};
use super::cache::{self, Cached};
use super::request::Request;
use super::signature;
use crate::models::brief::tagged;

/// Under this name a client sends back arguments that were no JSON, as the service advises;
/// they are streamed as they are.
pub(super) const BROKEN_INPUT: &str = "INVALID_JSON";

/// Makes the answer to a request. `truncated` breaks it off as at the token limit.
pub(super) fn message(state: &State, request: &Request, truncated: bool) -> (Value, Cached) {
    let prefix = signature::prefix(request);
    let mut blocks = Vec::new();
    let mut stop_reason = "end_turn";
    let mut stop_details = Value::Null;
    if request.behaviour == Behaviour::Refusal {
        stop_reason = "refusal";
        stop_details = json!({"type": "refusal", "category": "general_harms", "explanation": "The scripted model refuses by its name."});
    } else if request.max_tokens == 0 {
        stop_reason = "max_tokens";
    } else {
        let turn = turn(request);
        let shown = if request.shows_thinking {
            turn.thinking.as_str()
        } else {
            ""
        };
        blocks.push(json!({"type": "thinking", "thinking": shown, "signature": ""}));
        blocks.extend(
            turn.text
                .map(|text| json!({"type": "text", "text": text, "citations": null})),
        );
        for (position, (name, input)) in turn.calls.into_iter().enumerate() {
            stop_reason = "tool_use";
            blocks.push(json!({
                "type": "tool_use", "id": signature::tool_id(state, &prefix, position), "name": name, "input": input,
                "caller": {"type": "direct"},
            }));
        }
        if limit(&mut blocks, if truncated { 1 } else { request.max_tokens }) {
            stop_reason = "max_tokens";
        }
        misbehave(request, &mut blocks, &mut stop_reason);
    }
    signature::sign(state, &prefix, &mut blocks);
    let (mut usage, cached) = cache::usage(state, request);
    let thinking_tokens: u64 = blocks
        .iter()
        .filter(|block| block["type"] == "thinking")
        .map(block_tokens)
        .sum();
    usage["output_tokens"] = json!(blocks.iter().map(block_tokens).sum::<u64>());
    usage["output_tokens_details"] = json!({"thinking_tokens": thinking_tokens});
    let message = json!({
        "id": format!("msg_01{}", &state.seal(&format!("{prefix} message"))[..22]),
        "type": "message", "role": "assistant", "model": request.model_name, "content": blocks,
        "stop_reason": stop_reason, "stop_sequence": null, "stop_details": stop_details, "container": null,
        "diagnostics": null, "usage": usage,
    });
    (message, cached)
}

/// What an agent does wrong by its name before it was told more than its assignment.
fn misbehave(request: &Request, blocks: &mut Vec<Value>, stop_reason: &mut &'static str) {
    let is_first = request.messages.len() == 1 && request.messages[0].blocks.len() == 1;
    if !is_first || request.tools.is_empty() {
        return;
    }
    match request.behaviour {
        Behaviour::Empty => {
            blocks.clear();
            *stop_reason = "end_turn";
        }
        Behaviour::CutOff => *stop_reason = "max_tokens",
        Behaviour::InvalidJson => {
            if let Some(last) = blocks.last_mut().filter(|last| last["type"] == "tool_use") {
                let whole = last["input"].to_string();
                let half = whole.chars().count() / 2;
                let half: String = whole.chars().take(half).collect();
                last["input"] = json!({BROKEN_INPUT: half});
            }
        }
        Behaviour::Scripted
        | Behaviour::Flawless
        | Behaviour::Unbuildable
        | Behaviour::NeverBuilds
        | Behaviour::InvalidPlan
        | Behaviour::HopelessPlan
        | Behaviour::Refusal
        | Behaviour::Overloaded
        | Behaviour::Busy
        | Behaviour::Slow
        | Behaviour::OutOfCredit
        | Behaviour::TooLong
        | Behaviour::Truncated
        | Behaviour::Stuck
        | Behaviour::NeverSatisfied
        | Behaviour::RubberStamp
        | Behaviour::Miscites
        | Behaviour::Suspicious => {}
    }
}

fn turn(request: &Request) -> agent::Turn {
    let format = &request.body["output_config"]["format"]["schema"];
    let texts: Vec<String> = request
        .messages
        .iter()
        .filter(|message| message.role == "user")
        .map(|message| message.texts().collect::<Vec<_>>().join("\n"))
        .collect();
    if !format.is_null() {
        let value = match texts.iter().find(|text| tagged(text, "review").is_some()) {
            Some(text) => reviewer::review(text, request.behaviour),
            None => planner::plan(&texts, request.behaviour),
        };
        let text = Some(conform(value, format).to_string());
        return agent::Turn {
            thinking: "I follow my rules.".to_owned(),
            text,
            calls: Vec::new(),
        };
    }
    if request.tools.is_empty() {
        let text = Some(
            "The scripted model plans, codes and reviews; it holds no conversation.".to_owned(),
        );
        return agent::Turn {
            thinking: String::new(),
            text,
            calls: Vec::new(),
        };
    }
    agent::turn(
        &request.system_texts(),
        &request.messages,
        request.behaviour,
    )
}

fn block_tokens(block: &Value) -> u64 {
    match block["type"].as_str() {
        Some("tool_use") => tokens(&block["input"].to_string()) + 12,
        Some("text") => tokens(block["text"].as_str().unwrap_or_default()),
        _ => 24,
    }
}

/// Drops the blocks that do not fit; says whether any was dropped.
fn limit(blocks: &mut Vec<Value>, tokens_max: u64) -> bool {
    let mut total = 0;
    let fitting = blocks
        .iter()
        .take_while(|block| {
            total += block_tokens(block);
            total <= tokens_max
        })
        .count();
    let is_cut = fitting < blocks.len();
    // A thinking block comes even when nothing else fits.
    blocks.truncate(fitting.max(1));
    is_cut
}
