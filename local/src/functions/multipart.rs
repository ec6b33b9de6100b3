//! Answers as `multipart/form-data`, for callers who ask for them: bodies that are not text.

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use crate::error::ApiError;
use crate::ids;

/// Whether a caller asks for such an answer.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    let accept = accept.and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.starts_with("multipart/form-data"))
}

/// Writes an execution with its body as a part of its own: texts as they are, all else as JSON
/// (Appwrite 1.9.6).
///
/// # Errors
/// 500; not worth a retry.
pub(super) fn answer(
    status: StatusCode,
    json: &Value,
    response_body: &Bytes,
) -> Result<Response, ApiError> {
    let boundary = format!("-----------------------------{}", ids::unique());
    let mut body = Vec::new();
    for (name, value) in json.as_object().into_iter().flatten() {
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n");
        body.extend_from_slice(head.as_bytes());
        let text;
        let content = match value {
            _ if name == "responseBody" => response_body.as_ref(),
            Value::String(text) => text.as_bytes(),
            Value::Null => b"",
            Value::Array(_) | Value::Object(_) => {
                body.extend_from_slice(b"Content-Type: application/json\r\n");
                text = value.to_string();
                text.as_bytes()
            }
            Value::Bool(_) | Value::Number(_) => {
                text = value.to_string();
                text.as_bytes()
            }
        };
        body.extend_from_slice(b"\r\n");
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let kind = format!("multipart/form-data; boundary={boundary}");
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        .body(Body::from(body))
        .map_err(|error| ApiError::internal(&error))
}
