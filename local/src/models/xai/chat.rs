//! xAI's Chat Completions, with deferred completions: the same models behind the older API.
//!
//! Source: xAI's OpenAPI description, `POST /v1/chat/completions` and `GET
//! /v1/chat/deferred-completion/{request_id}`, read in November 2026. A request is checked here as
//! far as the two APIs differ, and by the Responses API's own rules for the rest.

mod turn;

use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::super::Service;
use super::super::digest::sha256_hex;
use super::super::server::{Looked, State};
use super::super::wire::{Payload, Reply, fragments};
use turn::Turn;

use super::{CREATED_AT, error, faulted, ill_typed, invalid, key_refusal, request::Request};

/// Characters in one delta.
const DELTA_CHARS: usize = 160;

const FIELDS: &[&str] = &[
    "model",
    "messages",
    "max_completion_tokens",
    "max_tokens",
    "reasoning_effort",
    "response_format",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "prompt_cache_key",
    "seed",
    "n",
    "deferred",
    "service_tier",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "user",
];

type Refused<T> = Result<T, Box<Reply>>;

fn refuse<T>(reply: Reply) -> Refused<T> {
    Err(Box::new(reply))
}

/// Answers `POST /v1/chat/completions`: the model's name as far as it could be read, and the
/// answer.
pub(crate) fn complete(state: &State, headers: &HeaderMap, body: &[u8]) -> (String, Reply) {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    let model = value
        .as_ref()
        .and_then(|value| value["model"].as_str())
        .unwrap_or_default()
        .to_owned();
    let reply = checked(state, headers, value).unwrap_or_else(|refusal| *refusal);
    let id = &sha256_hex(body)[..32];
    (model, reply.header("x-request-id", id))
}

fn checked(state: &State, headers: &HeaderMap, value: Option<Value>) -> Refused<Reply> {
    if let Some(refusal) = key_refusal(state, headers) {
        return refuse(refusal);
    }
    let Some(chat) = value else {
        return refuse(invalid("Failed to parse the request body as JSON"));
    };
    let deferred = chat["deferred"] == true;
    if deferred && chat["stream"] == true {
        return refuse(invalid("Deferred requests cannot be streamed."));
    }
    let request = Request::parse(state, as_responses(&chat)?)?;
    if let Some(reply) = faulted(state, Service::Xai, &request.model_name, request.behaviour) {
        return Ok(reply);
    }
    let response = super::whole(state, &request);
    let Some(mut response) = response else {
        return Ok(super::overloaded());
    };
    let has_tools = chat["tools"]
        .as_array()
        .is_some_and(|tools| !tools.is_empty());
    let turn = has_tools.then(|| {
        let id = sha256_hex(chat.to_string().as_bytes());
        Turn::of(&chat, request.behaviour, &id[..16])
    });
    if let Some(turn) = &turn {
        response["usage"] = super::answer::usage(state, &request, turn.tokens());
    }
    let mut completion = completion(&response);
    if let Some(turn) = turn {
        turn.put_into(&mut completion);
    }
    if deferred {
        let id = state.defer(&completion);
        return Ok(Reply::json(200, json!({ "request_id": id })));
    }
    if chat["stream"] == true {
        return Ok(Reply {
            status: 200,
            headers: Vec::new(),
            payload: Payload::Events(events(
                &completion,
                chat["stream_options"]["include_usage"] == true,
            )),
        });
    }
    Ok(Reply::json(200, completion))
}

/// Answers `GET /v1/chat/deferred-completion/{request_id}`: 202 without a body while it is not
/// done, then the completion, once.
pub(crate) fn deferred(state: &State, headers: &HeaderMap, id: &str) -> Reply {
    if let Some(refusal) = key_refusal(state, headers) {
        return refusal;
    }
    match state.look(id) {
        Looked::Pending => Reply {
            status: 202,
            headers: Vec::new(),
            payload: Payload::Text(String::new()),
        },
        Looked::Done(completion) => Reply::json(200, completion),
        Looked::Gone => error(404, "not-found", "Deferred completion not found."),
    }
}

/// The request in the words of the Responses API.
fn as_responses(chat: &Value) -> Refused<Value> {
    let Some(members) = chat.as_object() else {
        return refuse(ill_typed("expected a map"));
    };
    if let Some(unknown) = members.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return refuse(ill_typed(&format!("unknown field `{unknown}`")));
    }
    let mut out = Map::new();
    for (from, to) in [
        ("model", "model"),
        ("reasoning_effort", "reasoning_effort"),
        ("max_tokens", "max_output_tokens"),
        ("max_completion_tokens", "max_output_tokens"),
        ("parallel_tool_calls", "parallel_tool_calls"),
        ("prompt_cache_key", "prompt_cache_key"),
        ("service_tier", "service_tier"),
        ("temperature", "temperature"),
        ("top_p", "top_p"),
        ("user", "user"),
    ] {
        if !chat[from].is_null() {
            out.insert(to.to_owned(), chat[from].clone());
        }
    }
    let (instructions, input) = messages(&chat["messages"])?;
    if !instructions.is_empty() {
        out.insert("instructions".to_owned(), json!(instructions.join("\n")));
    }
    out.insert("input".to_owned(), Value::Array(input));
    if !chat["response_format"].is_null() {
        let format = format(&chat["response_format"])?;
        out.insert("text".to_owned(), json!({ "format": format }));
    }
    let tools = chat["tools"].as_array().into_iter().flatten();
    let tools: Vec<Value> = tools.map(tool).collect::<Refused<_>>()?;
    out.insert("tools".to_owned(), Value::Array(tools));
    Ok(Value::Object(out))
}

fn tool(tool: &Value) -> Refused<Value> {
    let function = &tool["function"];
    if tool["type"] != "function" || !function["name"].is_string() {
        return refuse(ill_typed("tools: missing field `function`"));
    }
    Ok(json!({
        "type": "function", "name": function["name"], "description": function["description"],
        "parameters": function["parameters"],
    }))
}

fn format(format: &Value) -> Refused<Value> {
    match format["type"].as_str() {
        Some("text" | "json_object") => Ok(format.clone()),
        Some("json_schema") => {
            let inner = &format["json_schema"];
            if !inner.is_object() {
                return refuse(ill_typed("response_format: missing field `json_schema`"));
            }
            Ok(json!({
                "type": "json_schema", "name": inner["name"], "schema": inner["schema"],
                "strict": inner["strict"],
            }))
        }
        _ => refuse(ill_typed("response_format: unknown variant")),
    }
}

fn messages(messages: &Value) -> Refused<(Vec<String>, Vec<Value>)> {
    let (mut instructions, mut input) = (Vec::new(), Vec::new());
    let list = messages.as_array().map(Vec::as_slice).unwrap_or_default();
    if list.is_empty() {
        return refuse(invalid("`messages` must not be empty."));
    }
    for (index, message) in list.iter().enumerate() {
        let text = text(index, message)?;
        match message["role"].as_str().unwrap_or_default() {
            "system" | "developer" => instructions.push(text),
            role @ ("user" | "assistant") => {
                if !text.is_empty() {
                    input.push(json!({"role": role, "content": text}));
                }
                for call in message["tool_calls"].as_array().into_iter().flatten() {
                    input.push(json!({
                        "type": "function_call", "call_id": call["id"],
                        "name": call["function"]["name"],
                        "arguments": call["function"]["arguments"],
                    }));
                }
            }
            "tool" => input.push(json!({
                "type": "function_call_output", "call_id": message["tool_call_id"], "output": text,
            })),
            other => {
                return refuse(ill_typed(&format!(
                    "messages[{index}].role: unknown variant `{other}`"
                )));
            }
        }
    }
    Ok((instructions, input))
}

/// A text, parts with texts, or null beside tool calls.
fn text(index: usize, message: &Value) -> Refused<String> {
    match &message["content"] {
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => Ok(parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect()),
        Value::Null if message["tool_calls"].is_array() => Ok(String::new()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => refuse(ill_typed(
            &format!("messages[{index}]: missing field `content`"),
        )),
    }
}

/// The completion that says what a response says. `completion_tokens` leaves reasoning out, as in
/// the description's own example.
fn completion(response: &Value) -> Value {
    let output = response["output"].as_array().into_iter().flatten();
    let part = output
        .filter(|item| item["type"] == "message")
        .map(|item| item["content"][0].clone())
        .next()
        .unwrap_or_default();
    let usage = &response["usage"];
    let count = |pointer: &str| {
        usage
            .pointer(pointer)
            .and_then(Value::as_u64)
            .unwrap_or_default()
    };
    let reasoning = count("/output_tokens_details/reasoning_tokens");
    let finish = if response["status"] == "completed" {
        "stop"
    } else {
        "length"
    };
    let id = response["id"].as_str().unwrap_or_default();
    json!({
        "id": id.trim_start_matches("resp_"), "object": "chat.completion", "created": CREATED_AT,
        "model": response["model"], "system_fingerprint": "fp_stand_in", "service_tier": "default",
        "choices": [{"index": 0, "finish_reason": finish, "message": {
            "role": "assistant", "content": part["text"], "refusal": part["refusal"],
            "reasoning_content": "The scripted model follows its rules.",
        }}],
        "usage": {
            "prompt_tokens": count("/input_tokens"),
            "completion_tokens": count("/output_tokens") - reasoning,
            "total_tokens": count("/total_tokens"),
            "prompt_tokens_details": {
                "text_tokens": count("/input_tokens"), "audio_tokens": 0, "image_tokens": 0,
                "cached_tokens": count("/input_tokens_details/cached_tokens"),
            },
            "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": 0},
            "num_sources_used": 0, "cost_in_usd_ticks": count("/cost_in_usd_ticks"),
        },
    })
}

/// The chunks of a completion, ended by `[DONE]`.
fn events(completion: &Value, with_usage: bool) -> Vec<String> {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": completion["id"], "object": "chat.completion.chunk", "created": CREATED_AT,
            "model": completion["model"], "choices": choices, "usage": usage,
        });
        format!("data: {chunk}\n\n")
    };
    let delta = |delta: Value| {
        chunk(
            json!([{"index": 0, "delta": delta, "finish_reason": null}]),
            Value::Null,
        )
    };
    let choice = &completion["choices"][0];
    let mut events = vec![delta(json!({"role": "assistant", "content": ""}))];
    for key in ["reasoning_content", "content", "refusal"] {
        let text = choice["message"][key].as_str().unwrap_or_default();
        let parts = fragments(text, DELTA_CHARS);
        events.extend(parts.into_iter().map(|part| delta(json!({ key: part }))));
    }
    events.extend(turn::deltas(&choice["message"]).into_iter().map(delta));
    events.push(chunk(
        json!([{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]),
        Value::Null,
    ));
    if with_usage {
        events.push(chunk(json!([]), completion["usage"].clone()));
    }
    events.push("data: [DONE]\n\n".to_owned());
    events
}
