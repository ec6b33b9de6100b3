//! Answers for clients of an older release, which say so by the header
//! `x-appwrite-response-format`.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

/// The first release whose `$sequence` is a text.
const TEXT_SEQUENCES: (u32, u32) = (1, 9);

/// Gives older clients `$sequence` as a number (measured for 1.4.0).
pub(super) async fn layer<F: Future<Output = Response>>(
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let older = is_older(request.headers());
    let response = next(request).await;
    if !older || !response.status().is_success() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // Our own answers are in memory already and cannot fail.
    let body = body.collect().await.map(|body| body.to_bytes());
    let body = body.unwrap_or_default();
    let Ok(mut value) = serde_json::from_slice::<Value>(&body) else {
        return Response::from_parts(parts, Body::from(body));
    };
    number(&mut value);
    for list in ["rows", "documents"] {
        let items = value.get_mut(list).and_then(Value::as_array_mut);
        items.into_iter().flatten().for_each(number);
    }
    let body = value.to_string();
    parts
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    Response::from_parts(parts, Body::from(body))
}

fn is_older(headers: &HeaderMap) -> bool {
    let asked = headers.get("x-appwrite-response-format");
    let Some(asked) = asked.and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let mut parts = asked.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) < TEXT_SEQUENCES,
        _ => false,
    }
}

fn number(row: &mut Value) {
    let sequence = row.get("$sequence").and_then(Value::as_str);
    if let Some(sequence) = sequence.map(|text| text.parse::<i64>().unwrap_or_default()) {
        row["$sequence"] = json!(sequence);
    }
}
