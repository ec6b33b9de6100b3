//! Error answers of both providers, from body to kind.
//!
//! Shapes: xAI `{"code","error":"text"}` or `{"error":{"message","type","code"}}`; Anthropic
//! `{"type":"error","error":{"type","message","details":{"error_code"}}}`; plain text from
//! whatever stands in between. Sources: xAI OpenAPI (October 2026), Anthropic API errors page.

use serde_json::Value;

use crate::error::{ErrorKind, Provider, Wait};
use crate::redact;

/// Anthropic's codes for a limit on spending; they come as 429 and 400.
const SPEND_CODES: [&str; 2] = [
    "enforced_spend_limit_reached",
    "contract_spend_limit_reached",
];

/// Texts, in lower case, that say the same where there is no code.
const SPEND_TEXTS: [&str; 6] = [
    "you have reached your specified api usage limits",
    "credit balance is too low",
    "used all available credits",
    "monthly spending limit",
    "spending limit",
    "spend limit",
];

const KEY_TEXTS: [&str; 3] = ["incorrect api key", "invalid api key", "api key is invalid"];

const TOO_LARGE_TEXTS: [&str; 4] = [
    "prompt is too long",
    "maximum prompt length",
    "maximum context length",
    "exceeds the context window",
];

/// xAI's code, in lower case, for a passing outage; it also comes with status 200.
const XAI_UNAVAILABLE: &str = "the service is currently unavailable";

/// What an error body says, whatever its shape.
#[derive(Debug, Default)]
struct Said {
    error_type: String,
    code: String,
    message: String,
}

impl Said {
    fn from_body(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::from_value(&value),
            Err(_) => Self {
                message: String::from_utf8_lossy(body).into_owned(),
                ..Self::default()
            },
        }
    }

    fn from_value(value: &Value) -> Self {
        let text = |pointer: &str| match value.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => {
                String::new()
            }
        };
        let first = |pointers: &[&str]| {
            pointers
                .iter()
                .map(|pointer| text(pointer))
                .find(|found| !found.is_empty())
                .unwrap_or_default()
        };
        Self {
            error_type: text("/error/type"),
            code: first(&["/error/details/error_code", "/error/code", "/code"]),
            message: first(&["/error/message", "/error", "/message", "/code"]),
        }
    }

    fn has_any(&self, texts: &[&str]) -> bool {
        let message = self.message.to_lowercase();
        let code = self.code.to_lowercase();
        texts
            .iter()
            .any(|text| message.contains(text) || code.contains(text))
    }

    fn is_spend_limit(&self) -> bool {
        SPEND_CODES.contains(&self.code.as_str()) || self.has_any(&SPEND_TEXTS)
    }
}

/// Returns what an answer with an error status means. `model` is the id that was asked for.
pub fn from_status(status: u16, body: &[u8], model: &str) -> ErrorKind {
    kind(status, &Said::from_body(body), model)
}

fn kind(status: u16, said: &Said, model: &str) -> ErrorKind {
    match status {
        402 => ErrorKind::SpendLimit,
        400 | 403 | 429 if said.is_spend_limit() => ErrorKind::SpendLimit,
        401 => ErrorKind::InvalidKey,
        400 | 403 if said.has_any(&KEY_TEXTS) => ErrorKind::InvalidKey,
        403 => ErrorKind::Permission,
        404 => ErrorKind::NotFound {
            model: model.to_owned(),
        },
        408 | 504 => ErrorKind::Timeout {
            waited: Wait::Provider,
        },
        413 => ErrorKind::TooLarge,
        400 if said.has_any(&TOO_LARGE_TEXTS) => ErrorKind::TooLarge,
        429 => ErrorKind::RateLimited { retry_after: None },
        529 => ErrorKind::Overloaded,
        409 | 500.. => ErrorKind::Server { status },
        300..=399 => ErrorKind::Settings {
            what: "the base URL answers with a redirect",
        },
        _ => ErrorKind::InvalidRequest {
            message: redact::message(&said.message),
        },
    }
}

/// Returns what an error inside an answer with status 200 means, or `None` when the value holds
/// no error: xAI's `{"code","error"}` and failed responses, Anthropic's `error` events.
pub fn from_value(provider: Provider, value: &Value, model: &str) -> Option<ErrorKind> {
    value.get("error").filter(|error| !error.is_null())?;
    let said = Said::from_value(value);
    let status = match provider {
        Provider::Anthropic => status_of_type(&said.error_type),
        Provider::Xai | Provider::Chat => status_of_code(&said),
    };
    Some(kind(status, &said, model))
}

/// The status that Anthropic documents for an error type.
fn status_of_type(error_type: &str) -> u16 {
    match error_type {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "conflict_error" => 409,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        // `api_error`, and types that do not exist yet.
        _ => 500,
    }
}

fn status_of_code(said: &Said) -> u16 {
    let code = said.code.to_lowercase();
    if code.contains(XAI_UNAVAILABLE) {
        529
    } else if code.contains("rate_limit") || code.contains("rate-limit") {
        429
    } else if code == "server_error" || code.contains("internal") {
        500
    } else {
        400
    }
}

/// Returns the `error.type` of an Anthropic error for display: letters and underscores, at most
/// 40.
pub(crate) fn error_type(value: &Value) -> String {
    Said::from_value(value)
        .error_type
        .chars()
        .filter(|character| character.is_ascii_lowercase() || *character == '_')
        .take(40)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(status: u16, body: &Value) -> ErrorKind {
        from_status(status, body.to_string().as_bytes(), "grok-4.7")
    }

    #[test]
    fn wrong_key_of_xai_is_found_behind_400() {
        let said = "Incorrect API key provided: xx***yy. You can obtain an API key from https://console.x.ai.";
        let flat = json!({"code": "Client specified an invalid argument", "error": said});
        let nested = json!({"error": {"message": said, "type": "invalid_request_error"}});
        assert_eq!(of(400, &flat), ErrorKind::InvalidKey);
        assert_eq!(of(400, &nested), ErrorKind::InvalidKey);
        assert_eq!(
            from_status(400, said.as_bytes(), "grok-4.7"),
            ErrorKind::InvalidKey
        );
    }

    #[test]
    fn spending_is_told_from_rates() {
        let credits = "Your team has either used all available credits or reached its monthly spending limit.";
        let rate = "Too many requests for team: rate limit exceeded";
        for status in [400, 403, 429] {
            assert_eq!(
                of(status, &json!({"code": "x", "error": credits})),
                ErrorKind::SpendLimit
            );
        }
        assert_eq!(
            of(429, &json!({"code": "x", "error": rate})),
            ErrorKind::RateLimited { retry_after: None }
        );
        assert_eq!(of(402, &json!({})), ErrorKind::SpendLimit);
    }

    #[test]
    fn spend_codes_of_anthropic_are_known() {
        let limit = |code: &str| {
            json!({"type": "error", "error": {"type": "rate_limit_error", "message": "m",
                "details": {"error_code": code}}})
        };
        assert_eq!(
            of(429, &limit("enforced_spend_limit_reached")),
            ErrorKind::SpendLimit
        );
        assert_eq!(
            of(429, &limit("contract_spend_limit_reached")),
            ErrorKind::SpendLimit
        );
        assert_eq!(
            of(429, &limit("ramp_limit_exceeded")),
            ErrorKind::RateLimited { retry_after: None }
        );
        let own = json!({"type": "error", "error": {"type": "invalid_request_error",
            "message": "You have reached your specified API usage limits. You will regain access on 2026-12-01."}});
        assert_eq!(of(400, &own), ErrorKind::SpendLimit);
    }

    #[test]
    fn every_status_has_its_kind() {
        let model = "grok-4.7".to_owned();
        let provider = Wait::Provider;
        for (status, kind) in [
            (401, ErrorKind::InvalidKey),
            (403, ErrorKind::Permission),
            (404, ErrorKind::NotFound { model }),
            (408, ErrorKind::Timeout { waited: provider }),
            (409, ErrorKind::Server { status: 409 }),
            (413, ErrorKind::TooLarge),
            (500, ErrorKind::Server { status: 500 }),
            (503, ErrorKind::Server { status: 503 }),
            (504, ErrorKind::Timeout { waited: provider }),
            (529, ErrorKind::Overloaded),
        ] {
            assert_eq!(of(status, &json!({"error": "m"})), kind);
        }
        for status in [400, 405, 415, 422] {
            let message = "m".to_owned();
            assert_eq!(
                of(status, &json!({"error": "m"})),
                ErrorKind::InvalidRequest { message }
            );
        }
        assert!(matches!(of(301, &json!({})), ErrorKind::Settings { .. }));
    }

    #[test]
    fn long_prompts_are_too_large() {
        let body = json!({"type": "error", "error": {"type": "invalid_request_error",
            "message": "prompt is too long: 1000001 tokens > 1000000 maximum"}});
        assert_eq!(of(400, &body), ErrorKind::TooLarge);
    }

    #[test]
    fn message_shows_no_key() {
        let ErrorKind::InvalidRequest { message } = of(400, &json!({"error": "bad xai-123 here"}))
        else {
            panic!("another kind");
        };
        assert_eq!(message, "bad [key] here");
    }

    #[test]
    fn answers_without_error_are_no_error() {
        assert_eq!(
            from_value(Provider::Xai, &json!({"error": null}), "grok-4.7"),
            None
        );
        assert_eq!(from_value(Provider::Xai, &json!({}), "grok-4.7"), None);
    }
}
