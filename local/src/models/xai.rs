//! xAI's side: the Responses API, the model list and the key check.
//!
//! Source: xAI's OpenAPI description and structured-outputs page, read in November 2026.
//! `created_at` is a constant, so that equal requests have equal answers.

mod answer;
pub(crate) mod chat;
mod request;
mod schema;
mod stream;

use http::HeaderMap;
use serde_json::{Value, json};

use super::Service;
use super::catalog::{Behaviour, GROK, SCRIPTED};
use super::digest::sha256_hex;
use super::server::{Fault, State, bearer};
use super::wire::{Payload, Reply};
use answer::CREATED_AT;
use request::Request;

/// Calls that are answered with 529 before an overloaded model answers.
const OVERLOADED_CALLS: u32 = 2;

fn error(status: u16, code: &str, message: impl Into<String>) -> Reply {
    Reply::json(status, json!({"code": code, "error": message.into()}))
}

/// A bad argument.
fn invalid(message: impl Into<String>) -> Reply {
    error(400, "invalid-argument", message)
}

/// A field that is unknown or has the wrong type.
fn ill_typed(message: &str) -> Reply {
    error(
        422,
        "invalid-argument",
        format!("Failed to deserialize the JSON body into the target type: {message}"),
    )
}

pub(crate) fn too_large() -> Reply {
    error(
        413,
        "invalid-argument",
        "Failed to buffer the request body: length limit exceeded",
    )
}

/// The answer when the key is missing or wrong.
fn key_refusal(state: &State, headers: &HeaderMap) -> Option<Reply> {
    let Some(key) = bearer(headers) else {
        return Some(error(
            401,
            "unauthenticated",
            "No API key provided. You can obtain an API key from https://console.x.ai.",
        ));
    };
    if state.accepts(key) {
        return None;
    }
    let shown: String = key.chars().take(2).collect();
    Some(invalid(format!(
        "Incorrect API key provided: {shown}***. You can obtain an API key from https://console.x.ai."
    )))
}

fn overloaded() -> Reply {
    error(529, "unavailable", "The service is currently unavailable")
}

/// Answers `POST /v1/responses`: the model's name as far as it could be read, and the answer.
pub(crate) fn respond(state: &State, headers: &HeaderMap, body: &[u8]) -> (String, Reply) {
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

fn checked(state: &State, headers: &HeaderMap, value: Option<Value>) -> Result<Reply, Box<Reply>> {
    if let Some(refusal) = key_refusal(state, headers) {
        return Err(Box::new(refusal));
    }
    let content_type = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !content_type.starts_with("application/json") {
        return Err(Box::new(Reply {
            status: 415,
            headers: Vec::new(),
            payload: Payload::Text(
                "Expected request with `Content-Type: application/json`".to_owned(),
            ),
        }));
    }
    let Some(value) = value else {
        return Err(Box::new(invalid(
            "Failed to parse the request body as JSON",
        )));
    };
    let request = Request::parse(state, value)?;
    if let Some(reply) = faulted(state, Service::Xai, &request.model_name, request.behaviour) {
        return Ok(reply);
    }
    Ok(answered(state, &request))
}

/// The refusal that the configuration or the model's name brings.
fn faulted(state: &State, service: Service, model: &str, behaviour: Behaviour) -> Option<Reply> {
    Some(match state.next_fault(service, model, behaviour)? {
        Fault::Overloaded => overloaded(),
        Fault::RateLimited(seconds) => {
            let message = "Too many requests. Please slow down.";
            error(429, "resource-exhausted", message).header("retry-after", seconds.to_string())
        }
        Fault::TooLong => invalid(
            "This model's maximum prompt length is 500000 but the request contains 500001 tokens.",
        ),
        Fault::SpendingLimit => {
            let message = "Your team has either used all available credits or reached its monthly spending limit.";
            error(429, "resource-exhausted", message)
        }
    })
}

/// The response of a conversation, or `None` while its model is overloaded; the first one of a
/// model that truncates is cut off.
fn whole(state: &State, request: &Request) -> Option<Value> {
    let conversation = conversation(request);
    let before = state.attempt(Service::Xai, &request.model_name, &conversation);
    if request.behaviour == Behaviour::Overloaded && before < OVERLOADED_CALLS {
        return None;
    }
    let truncates = request.behaviour == Behaviour::Truncated && before == 0;
    Some(answer::response(state, request, truncates))
}

fn conversation(request: &Request) -> String {
    let first = request.texts.first().map_or("", |text| text);
    sha256_hex(format!("{}\n{first}", request.instructions).as_bytes())
}

fn answered(state: &State, request: &Request) -> Reply {
    let conversation = conversation(request);
    let before = state.attempt(Service::Xai, &request.model_name, &conversation);
    if request.behaviour == Behaviour::Overloaded && before < OVERLOADED_CALLS {
        return overloaded();
    }
    let truncates = request.behaviour == Behaviour::Truncated && before == 0;
    let response = answer::response(state, request, truncates && !request.stream);
    if !request.stream {
        return Reply::json(200, response);
    }
    let reply = Reply {
        status: 200,
        headers: Vec::new(),
        payload: Payload::Events(stream::events(&response)),
    };
    if truncates { reply.cut_stream() } else { reply }
}

/// Answers `POST /v1/completions`, the old path that no reasoning model serves.
pub(crate) fn refuse_completions(body: &[u8]) -> (String, Reply) {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let model = value["model"].as_str().unwrap_or_default().to_owned();
    let message = format!(
        "The model {model} does not exist or does not support the legacy completions endpoint."
    );
    (model, error(404, "not-found", message))
}

/// Answers `GET /v1/models`. Prices are in cents for 100 million tokens.
pub(crate) fn models(state: &State, headers: &HeaderMap) -> Reply {
    if let Some(refusal) = key_refusal(state, headers) {
        return refusal;
    }
    let entry = |id: &str, model: &super::catalog::GrokModel| {
        json!({
            "id": id, "object": "model", "created": answer::CREATED_AT, "owned_by": "xai", "aliases": model.aliases,
            "context_length": model.context,
            "prompt_text_token_price": model.ticks.0, "cached_prompt_text_token_price": model.ticks.1,
            "completion_text_token_price": model.ticks.2,
            "capabilities": {"reasoning_effort": model.efforts},
        })
    };
    let mut data: Vec<_> = GROK.iter().map(|model| entry(model.id, model)).collect();
    let plain = super::catalog::GrokModel {
        aliases: &[],
        ..GROK[0]
    };
    data.extend(SCRIPTED.iter().map(|(name, _)| entry(name, &plain)));
    Reply::json(200, json!({"object": "list", "data": data}))
}

/// Answers `GET /v1/api-key`.
pub(crate) fn api_key(state: &State, headers: &HeaderMap) -> Reply {
    if let Some(refusal) = key_refusal(state, headers) {
        return refusal;
    }
    Reply::json(
        200,
        json!({
            "redacted_api_key": "xai-...", "user_id": "user", "name": "stand-in", "team_id": "team",
            "acls": ["api-key:model:*", "api-key:endpoint:*"], "api_key_id": "key",
            "team_blocked": state.faults().spending_limit, "api_key_blocked": false, "api_key_disabled": false,
        }),
    )
}
