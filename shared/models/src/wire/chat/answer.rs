//! From a complete answer to those of the other two dialects.

use std::collections::BTreeSet;

use serde_json::value::{RawValue, to_raw_value};

use super::assembly::{Assembly, Call};
use crate::error::ErrorKind;
use crate::wire::anthropic::{self, MessagesAnswer, StopReason};
use crate::wire::xai::{Finish, ResponsesAnswer};

/// Why the model stopped, in the words of all servers.
enum Ended {
    Wholly,
    Truncated,
    Filtered,
    ForTools,
    Otherwise(String),
}

fn ended(answer: &Assembly) -> Ended {
    match answer.finish.as_deref().unwrap_or_default() {
        "length" | "max_tokens" | "model_length" => Ended::Truncated,
        "content_filter" => Ended::Filtered,
        // Many servers say `stop` beside tool calls too.
        "" | "stop" | "end_turn" | "eos" | "tool_calls" | "tool_use" | "function_call" => {
            if answer.calls.is_empty() {
                Ended::Wholly
            } else {
                Ended::ForTools
            }
        }
        other => Ended::Otherwise(other.to_owned()),
    }
}

/// Returns the answer to a question. `raw` is its body, if it was not streamed.
pub fn responses_answer(answer: Assembly, raw: String) -> ResponsesAnswer {
    let billed = answer.billed();
    let finish = match (&answer.refusal, ended(&answer)) {
        (Some(reason), _) => Finish::Refused {
            reason: reason.clone(),
        },
        (None, Ended::Filtered) => Finish::Refused {
            reason: "content_filter".to_owned(),
        },
        (None, Ended::Truncated) => Finish::Truncated,
        (None, Ended::Wholly | Ended::ForTools | Ended::Otherwise(_)) => Finish::Completed,
    };
    let unsettled = u32::from(billed.is_none());
    let billed = billed.unwrap_or_default();
    ResponsesAnswer {
        id: answer.id,
        model: answer.model,
        finish,
        text: answer.text,
        usage: billed.usage,
        cost: billed.cost,
        raw,
        attempts: 1,
        unsettled,
    }
}

/// Returns a turn of an agent, in Anthropic's blocks.
///
/// # Errors
/// [`ErrorKind::Malformed`]; none in practice.
pub fn messages_answer(answer: Assembly) -> Result<MessagesAnswer, ErrorKind> {
    let unwritten = |_| ErrorKind::Malformed {
        what: "a block cannot be written",
    };
    let billed = answer.billed();
    let stop = match (&answer.refusal, ended(&answer)) {
        (Some(explanation), _) => StopReason::Refusal {
            category: None,
            explanation: Some(explanation.clone()),
        },
        (None, Ended::Filtered) => StopReason::Refusal {
            category: Some("content_filter".to_owned()),
            explanation: None,
        },
        (None, Ended::Truncated) => StopReason::MaxTokens,
        (None, Ended::ForTools) => StopReason::ToolUse,
        (None, Ended::Wholly) => StopReason::EndTurn,
        (None, Ended::Otherwise(word)) => StopReason::Unknown(word),
    };
    let content = content(&answer).map_err(unwritten)?;
    let blocks = anthropic::blocks(&content).map_err(unwritten)?;
    let unsettled = u32::from(billed.is_none());
    let billed = billed.unwrap_or_default();
    Ok(MessagesAnswer {
        id: answer.id,
        model: answer.model,
        content,
        blocks,
        stop,
        usage: billed.usage,
        cost: billed.cost,
        attempts: 1,
        unsettled,
    })
}

/// Writes the blocks: the words, then the tool calls with the bytes of their inputs. Shown
/// reasoning is left out, because no server takes it back.
fn content(answer: &Assembly) -> serde_json::Result<Box<RawValue>> {
    let mut blocks = Vec::new();
    if !answer.text.is_empty() {
        let text = to_raw_value(&answer.text)?;
        blocks.push(format!(r#"{{"type":"text","text":{text}}}"#));
    }
    let mut seen = BTreeSet::new();
    for (position, call) in answer.calls.iter().enumerate() {
        blocks.push(tool_use(call, &answer.id, position, &mut seen)?);
    }
    RawValue::from_string(format!("[{}]", blocks.join(",")))
}

fn tool_use(
    call: &Call,
    answer_id: &str,
    position: usize,
    seen: &mut BTreeSet<String>,
) -> serde_json::Result<String> {
    let id = if call.id.is_empty() || seen.contains(&call.id) {
        format!("call_{answer_id}_{position}")
    } else {
        call.id.clone()
    };
    let input = anthropic::input_value(&call.arguments)?;
    let (shown_id, name) = (to_raw_value(&id)?, to_raw_value(&call.name)?);
    seen.insert(id);
    Ok(format!(
        r#"{{"type":"tool_use","id":{shown_id},"name":{name},"input":{input}}}"#
    ))
}
