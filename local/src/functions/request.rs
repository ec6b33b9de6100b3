//! The body of `POST /v1/functions/{id}/executions`, checked.

use axum::body::Bytes;
use http::{Method, StatusCode};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::clock;
use crate::error::ApiError;

/// Longest body of an execution, in characters (Appwrite 1.9.6, measured).
pub(crate) const BODY_CHARS_MAX: usize = 10_485_760;
/// Longest path of an execution, in characters.
const PATH_CHARS_MAX: usize = 2_048;
/// Most headers a caller may pass.
const HEADERS_MAX: usize = 100;
/// Most bytes of names and values together.
const HEADERS_BYTES_MAX: usize = 16_384;
/// How far ahead a delayed execution must lie, in milliseconds.
const DELAY_MS_MIN: i64 = 60_000;
/// Delayed executions start at whole minutes only.
const MINUTE_MS: i64 = 60_000;

const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"];

/// A checked request.
#[derive(Debug)]
pub(super) struct CreateExecution {
    pub(super) body: Bytes,
    pub(super) is_async: bool,
    pub(super) path: String,
    pub(super) method: Method,
    pub(super) headers: Vec<(String, String)>,
    /// Milliseconds since the Unix epoch.
    pub(super) scheduled_ms: Option<i64>,
}

impl CreateExecution {
    /// Checks the parameters; a body that is not a JSON object counts as having none.
    ///
    /// # Errors
    /// 400 `general_argument_invalid` or `general_bad_request`; 500 for headers that are not
    /// allowed, which is what Appwrite 1.9.6 answers.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ApiError> {
        let parameters: Map<String, Value> = serde_json::from_slice(bytes).unwrap_or_default();
        let text = |name: &str, default: &str, longest: usize| {
            let value = match parameters.get(name) {
                None | Some(Value::Null) => Some(default.to_owned()),
                Some(Value::String(text)) => Some(text.clone()),
                Some(_) => None,
            };
            value
                .filter(|value| value.chars().count() <= longest)
                .ok_or_else(|| {
                    let rule =
                        format!("Value must be a valid string and no longer than {longest} chars");
                    ApiError::argument(format!("Invalid `{name}` param: {rule}"))
                })
        };
        let is_async = truth(parameters.get("async"))?;
        let scheduled_ms = scheduled(parameters.get("scheduledAt"), is_async)?;
        Ok(Self {
            body: Bytes::from(text("body", "", BODY_CHARS_MAX)?),
            is_async,
            path: text("path", "/", PATH_CHARS_MAX)?,
            method: method(&text("method", "POST", PATH_CHARS_MAX)?)?,
            headers: headers(parameters.get("headers"))?,
            scheduled_ms,
        })
    }
}

fn truth(value: Option<&Value>) -> Result<bool, ApiError> {
    match value {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(truth)) => Ok(*truth),
        Some(Value::String(word)) if word == "true" || word == "1" => Ok(true),
        Some(Value::String(word)) if word == "false" || word == "0" => Ok(false),
        Some(_) => Err(ApiError::argument(
            "Invalid `async` param: Value must be a valid boolean",
        )),
    }
}

fn method(word: &str) -> Result<Method, ApiError> {
    let known = METHODS
        .contains(&word)
        .then(|| Method::from_bytes(word.as_bytes()).ok())
        .flatten();
    known.ok_or_else(|| {
        let list = METHODS.join(", ");
        ApiError::argument(format!(
            "Invalid `method` param: Value must be one of ({list})"
        ))
    })
}

fn scheduled(value: Option<&Value>, is_async: bool) -> Result<Option<i64>, ApiError> {
    let text = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value.as_str().unwrap_or_default(),
    };
    if !is_async {
        return Err(ApiError::bad_request(
            "general_bad_request",
            "Scheduled executions must run asynchronously. Set scheduledAt to a future date, or \
             set async to true.",
        ));
    }
    let earliest = clock::now().as_millisecond().saturating_add(DELAY_MS_MIN);
    let at = instant(text).map(Timestamp::as_millisecond);
    let is_whole_minute = |at: &i64| at.rem_euclid(MINUTE_MS) == 0;
    at.filter(|at| *at >= earliest && is_whole_minute(at))
        .map(Some)
        .ok_or_else(|| {
            ApiError::bad_request(
                "general_bad_request",
                "Execution schedule must be a valid date, and at least 1 minute from now",
            )
        })
}

/// Reads a time; one without an offset is in UTC.
fn instant(text: &str) -> Option<Timestamp> {
    let civil = || {
        let time = text.parse::<jiff::civil::DateTime>().ok()?;
        Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    text.parse().ok().or_else(civil)
}

fn headers(value: Option<&Value>) -> Result<Vec<(String, String)>, ApiError> {
    let parsed;
    let object = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(object)) => object,
        // Form bodies carry the object as text.
        Some(Value::String(text)) => {
            parsed = serde_json::from_str(text).map_err(|_| headers_refused())?;
            &parsed
        }
        // An empty list is how PHP clients write an empty object.
        Some(Value::Array(list)) if list.is_empty() => return Ok(Vec::new()),
        Some(_) => return Err(headers_refused()),
    };
    let mut headers = Vec::with_capacity(object.len());
    let mut bytes = 0;
    for (name, value) in object {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        bytes += name.len() + value.len();
        let name = name.to_ascii_lowercase();
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let sendable = value.chars().all(|c| !c.is_control());
        if name.is_empty() || !plain || !sendable || name.starts_with("x-appwrite") {
            return Err(headers_refused());
        }
        headers.push((name, value));
    }
    if headers.len() > HEADERS_MAX || bytes > HEADERS_BYTES_MAX {
        return Err(headers_refused());
    }
    Ok(headers)
}

/// Appwrite 1.9.6 answers 500 with the message where the type belongs (measured).
fn headers_refused() -> ApiError {
    ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Invalid headers: Alphanumeric characters or hyphens only, cannot start with \
         \"x-appwrite\", maximum 100 keys, and total size 16384.",
        "Server Error",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(value: Value) -> Result<CreateExecution, ApiError> {
        CreateExecution::parse(value.to_string().as_bytes())
    }

    #[test]
    fn defaults_are_a_synchronous_post() {
        let request = CreateExecution::parse(b"not json").unwrap();
        assert!(!request.is_async && request.body.is_empty() && request.path == "/");
        assert_eq!(request.method, Method::POST);
    }

    #[test]
    fn platform_headers_cannot_be_forged() {
        let forged = parse(json!({"headers": {"X-Appwrite-User-Id": "a"}})).unwrap_err();
        assert_eq!(
            (forged.status.as_u16(), forged.message.as_str()),
            (500, "Server Error")
        );
        assert!(forged.kind.starts_with("Invalid headers"));
        assert!(parse(json!({"headers": {"a b": "c"}})).is_err());
        assert!(parse(json!({"headers": {"a": "c\r\nd: e"}})).is_err());
        let many: Map<String, Value> = (0..101).map(|n| (format!("h{n}"), json!("x"))).collect();
        assert!(parse(json!({"headers": many})).is_err());
        let good = parse(json!({"headers": {"X-Custom": "1"}})).unwrap();
        assert_eq!(good.headers, [("x-custom".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn a_body_may_be_ten_mebibytes_and_no_more() {
        assert!(parse(json!({"body": "x".repeat(BODY_CHARS_MAX)})).is_ok());
        let refused = parse(json!({"body": "x".repeat(BODY_CHARS_MAX + 1)})).unwrap_err();
        assert_eq!(refused.kind, "general_argument_invalid");
    }

    #[test]
    fn a_delay_needs_a_minute_and_async() {
        let minute = clock::now().as_millisecond() / MINUTE_MS;
        let at = |minutes: i64| clock::format_ms((minute + minutes) * MINUTE_MS);
        assert!(parse(json!({"async": true, "scheduledAt": at(3)})).is_ok());
        assert!(parse(json!({"async": true, "scheduledAt": at(1)})).is_err());
        assert!(parse(json!({"scheduledAt": at(3)})).is_err());
        let between = clock::format_ms((minute + 3) * MINUTE_MS + 1_000);
        assert!(parse(json!({"async": true, "scheduledAt": between})).is_err());
        assert!(parse(json!({"async": true, "scheduledAt": "soon"})).is_err());
    }
}
