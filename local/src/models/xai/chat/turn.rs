//! A turn of a coding agent: tools are called instead of a text being written.

use serde_json::{Value, json};

use super::super::super::agent::{self, Message};
use super::super::super::catalog::Behaviour;
use super::super::super::wire::{fragments, tokens};
use super::DELTA_CHARS;

/// How the result of a tool that failed begins: the dialect has no field for it.
const FAILED: &str = "Error: ";
/// Tokens of a call besides its arguments.
const CALL_TOKENS: u64 = 12;

/// What the agent does: a text, calls, or both.
pub(super) struct Turn {
    text: Option<String>,
    calls: Value,
}

impl Turn {
    /// The next turn of the conversation in `chat`; `id` tells its calls from others.
    pub(super) fn of(chat: &Value, behaviour: Behaviour, id: &str) -> Self {
        let (system, messages) = conversation(&chat["messages"]);
        let turn = agent::turn(&system, &messages, behaviour);
        let call = |(position, (name, input)): (usize, (&str, Value))| {
            json!({
                "id": format!("call_{id}_{position}"), "type": "function",
                "function": {"name": name, "arguments": input.to_string()},
            })
        };
        Self {
            text: turn.text,
            calls: turn.calls.into_iter().enumerate().map(call).collect(),
        }
    }

    fn each_call(&self) -> impl Iterator<Item = &Value> {
        self.calls.as_array().into_iter().flatten()
    }

    pub(super) fn tokens(&self) -> u64 {
        let arguments = |call: &Value| {
            let text = call["function"]["arguments"].as_str().unwrap_or_default();
            tokens(text) + CALL_TOKENS
        };
        let calls: u64 = self.each_call().map(arguments).sum();
        calls + self.text.as_ref().map_or(0, |text| tokens(text))
    }

    /// Makes it what `completion` says.
    pub(super) fn put_into(self, completion: &mut Value) {
        let has_calls = self.each_call().next().is_some();
        let choice = &mut completion["choices"][0];
        choice["finish_reason"] = json!(if has_calls { "tool_calls" } else { "stop" });
        choice["message"]["content"] = json!(self.text);
        choice["message"]["refusal"] = Value::Null;
        if has_calls {
            choice["message"]["tool_calls"] = self.calls;
        }
    }
}

/// The deltas of the calls of a message.
pub(super) fn deltas(message: &Value) -> Vec<Value> {
    let mut deltas = Vec::new();
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    for (index, call) in calls.enumerate() {
        let function = &call["function"];
        deltas.push(json!({"tool_calls": [{
            "index": index, "id": call["id"], "type": "function",
            "function": {"name": function["name"], "arguments": ""},
        }]}));
        let arguments = function["arguments"].as_str().unwrap_or_default();
        for part in fragments(arguments, DELTA_CHARS) {
            deltas.push(json!({"tool_calls": [{"index": index, "function": {"arguments": part}}]}));
        }
    }
    deltas
}

/// The system texts, and the messages as the agent reads them: what several messages of ours
/// say in a row is one.
fn conversation(list: &Value) -> (Vec<String>, Vec<Message>) {
    let (mut system, mut messages): (Vec<String>, Vec<Message>) = Default::default();
    for message in list.as_array().into_iter().flatten() {
        let text = match &message["content"] {
            Value::Array(parts) => parts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .collect(),
            other => other.as_str().unwrap_or_default().to_owned(),
        };
        let role = message["role"].as_str().unwrap_or_default();
        if ["system", "developer"].contains(&role) {
            system.push(text);
            continue;
        }
        let (role, blocks) = match role {
            "assistant" => ("assistant", said(message, text)),
            "tool" => ("user", vec![result(message, &text)]),
            _ => ("user", vec![json!({"type": "text", "text": text})]),
        };
        match messages.last_mut() {
            Some(last) if last.role == role => last.blocks.extend(blocks),
            Some(_) | None => messages.push(Message {
                role: role.to_owned(),
                blocks,
            }),
        }
    }
    (system, messages)
}

fn said(message: &Value, text: String) -> Vec<Value> {
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    let calls = calls.map(|call| {
        let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
        let input: Value = serde_json::from_str(arguments).unwrap_or_default();
        json!({"type": "tool_use", "id": call["id"], "name": call["function"]["name"], "input": input})
    });
    let text = (!text.is_empty()).then(|| json!({"type": "text", "text": text}));
    text.into_iter().chain(calls).collect()
}

fn result(message: &Value, text: &str) -> Value {
    json!({
        "type": "tool_result", "tool_use_id": message["tool_call_id"], "content": text,
        "is_error": text.starts_with(FAILED),
    })
}
