//! Anthropic's side: the Messages API, Message Batches, token counts and the model list.
//!
//! Source: the Messages API reference and error pages, read in November 2026. Stricter than the
//! real service in one point: two messages of the same role in a row are refused, not merged.
//! Cache entries do not expire.

mod answer;
pub(crate) mod batch;
mod block;
mod cache;
mod conversation;
mod request;
mod signature;
mod stream;
mod tools;

use http::HeaderMap;
use serde_json::{Value, json};

use super::Service;
use super::catalog::{Behaviour, CLAUDE, SCRIPTED};
use super::digest::sha256_hex;
use super::server::{Fault, State, bearer};
use super::wire::{Payload, Reply};
pub(crate) use cache::Cached;
use request::Request;

/// Calls that are answered with 529 before an overloaded model answers.
const OVERLOADED_CALLS: u32 = 2;

/// An answer, and what it does with the prompt cache.
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) cached: Cached,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        let cached = Cached::default();
        Self { reply, cached }
    }
}

type Refused<T> = Result<T, Box<Reply>>;

fn error(status: u16, kind: &str, message: impl Into<String>) -> Reply {
    let message = message.into();
    let id = request_id(message.as_bytes());
    Reply::json(
        status,
        json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": id}),
    )
    .header("request-id", id)
}

/// Refuses a bad request.
fn invalid<T>(message: impl Into<String>) -> Refused<T> {
    Err(Box::new(error(400, "invalid_request_error", message)))
}

fn request_id(bytes: &[u8]) -> String {
    format!("req_{}", &sha256_hex(bytes)[..24])
}

pub(crate) fn too_large() -> Reply {
    error(413, "request_too_large", "Request exceeds the maximum size")
}

pub(crate) fn not_found() -> Reply {
    error(404, "not_found_error", "Not found")
}

fn overloaded() -> Reply {
    error(529, "overloaded_error", "Overloaded")
}

fn check_headers(state: &State, headers: &HeaderMap) -> Refused<()> {
    let key = headers
        .get("x-api-key")
        .and_then(|value| value.to_str().ok())
        .or_else(|| bearer(headers));
    let Some(key) = key else {
        return Err(Box::new(error(
            401,
            "authentication_error",
            "x-api-key header is required",
        )));
    };
    if !state.accepts(key) {
        return Err(Box::new(error(
            401,
            "authentication_error",
            "invalid x-api-key",
        )));
    }
    match headers
        .get("anthropic-version")
        .and_then(|value| value.to_str().ok())
    {
        Some("2023-06-01" | "2026-10-21") => Ok(()),
        Some(version) => invalid(format!(
            "anthropic-version: \"{version}\" is not a valid version"
        )),
        None => invalid("anthropic-version: header is required"),
    }
}

fn is_latest_version(headers: &HeaderMap) -> bool {
    headers
        .get("anthropic-version")
        .is_some_and(|version| version == "2026-10-21")
}

/// Answers `POST /v1/messages`: the model's name as far as it could be read, and the answer.
pub(crate) fn respond(state: &State, headers: &HeaderMap, body: &[u8]) -> (String, Answer) {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    let model = value
        .as_ref()
        .and_then(|value| value["model"].as_str())
        .unwrap_or_default()
        .to_owned();
    let answer =
        checked(state, headers, value, body).unwrap_or_else(|refusal| Answer::from(*refusal));
    (model, answer)
}

/// Whether the conversation in this body has an answer already.
pub(crate) fn has_been_answered(body: &[u8]) -> bool {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut messages = value["messages"].as_array().into_iter().flatten();
    messages.any(|message| message["role"] == "assistant")
}

fn parse(headers: &HeaderMap, value: Option<Value>, needs_max_tokens: bool) -> Refused<Request> {
    match value {
        Some(value) => Request::parse(value, needs_max_tokens, is_latest_version(headers)),
        None => invalid("The request body is not valid JSON"),
    }
}

fn checked(
    state: &State,
    headers: &HeaderMap,
    value: Option<Value>,
    body: &[u8],
) -> Refused<Answer> {
    check_headers(state, headers)?;
    let request = parse(headers, value, true)?;
    signature::verify(state, &request)?;
    if let Some(refusal) = refused_by_fault(state, &request.model_name, request.behaviour) {
        return Ok(refusal.into());
    }
    let conversation = signature::conversation(&request);
    let before = state.attempt(Service::Anthropic, &request.model_name, &conversation);
    if request.behaviour == Behaviour::Overloaded && before < OVERLOADED_CALLS {
        return Ok(overloaded().into());
    }
    let truncates = request.behaviour == Behaviour::Truncated && before == 0;
    let (message, cached) = answer::message(state, &request, truncates && !request.stream);
    let reply = if request.stream {
        Reply {
            status: 200,
            headers: Vec::new(),
            payload: if request.behaviour == Behaviour::Slow {
                Payload::SlowEvents(stream::events(&message))
            } else {
                Payload::Events(stream::events(&message))
            },
        }
    } else {
        Reply::json(200, message)
    };
    let reply = if truncates && request.stream {
        reply.cut_stream()
    } else {
        reply
    };
    let reply = reply
        .header("request-id", request_id(body))
        .header("anthropic-organization-id", "local");
    Ok(Answer { reply, cached })
}

/// The refusal that the configuration or the model's name brings.
fn refused_by_fault(state: &State, model: &str, behaviour: Behaviour) -> Option<Reply> {
    Some(
        match state.next_fault(Service::Anthropic, model, behaviour)? {
            Fault::Overloaded => overloaded(),
            Fault::RateLimited(seconds) => {
                let message = "This request would exceed your organization's rate limit.";
                let reply = error(429, "rate_limit_error", message);
                reply.header("retry-after", seconds.to_string())
            }
            Fault::SpendingLimit => spending_limit(),
            Fault::TooLong => error(
                400,
                "invalid_request_error",
                "prompt is too long: 1000001 tokens > 1000000 maximum",
            ),
        },
    )
}

fn spending_limit() -> Reply {
    let message = "The spend limit of this organization has been reached.";
    let mut reply = error(429, "rate_limit_error", message);
    if let Payload::Json(value) = &mut reply.payload {
        value["error"]["details"] = json!({"error_code": "enforced_spend_limit_reached"});
    }
    reply.header("x-should-retry", "false")
}

/// Answers `POST /v1/messages/count_tokens`.
pub(crate) fn count_tokens(state: &State, headers: &HeaderMap, body: &[u8]) -> Reply {
    let counted = check_headers(state, headers).and_then(|()| {
        let request = parse(headers, serde_json::from_slice(body).ok(), false)?;
        signature::verify(state, &request)?;
        Ok(Reply::json(
            200,
            json!({"input_tokens": cache::input_tokens(&request)}),
        ))
    });
    counted
        .unwrap_or_else(|refusal| *refusal)
        .header("request-id", request_id(body))
}

/// Answers `GET /v1/models`.
pub(crate) fn models(state: &State, headers: &HeaderMap) -> Reply {
    if let Err(refusal) = check_headers(state, headers) {
        return *refusal;
    }
    let data = known();
    Reply::json(
        200,
        json!({"data": data, "has_more": false, "first_id": CLAUDE[0].id, "last_id": SCRIPTED[SCRIPTED.len() - 1].0}),
    )
}

/// Answers `GET /v1/models/{id}`.
pub(crate) fn model(state: &State, headers: &HeaderMap, id: &str) -> Reply {
    if let Err(refusal) = check_headers(state, headers) {
        return *refusal;
    }
    match known().into_iter().find(|model| model["id"] == id) {
        Some(model) => Reply::json(200, model),
        None => error(404, "not_found_error", format!("model: {id}")),
    }
}

fn known() -> Vec<Value> {
    let entry = |id: &str, output_max: u64| {
        json!({
            "type": "model", "id": id, "display_name": id, "created_at": "2026-01-01T00:00:00Z",
            "max_input_tokens": 1_000_000, "max_tokens": output_max,
        })
    };
    let claude = CLAUDE.iter().map(|model| entry(model.id, model.output_max));
    let scripted = SCRIPTED.iter();
    claude
        .chain(scripted.map(|(name, _)| entry(name, CLAUDE[0].output_max)))
        .collect()
}
