//! Bodies: read to their end before anything is answered.
//!
//! An answer that comes before its request was read makes the HTTP server close the
//! connection afterwards without a word, and a client that keeps it for its next request
//! loses that one. Which answers need no body (a refusal, an unknown route) must not matter.

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use http_body_util::BodyExt as _;

/// Largest request body, in bytes; a larger one is answered 413 without a body (measured).
pub const BODY_BYTES_MAX: usize = 12 * 1024 * 1024;

/// How much of a refused body is read to let its sender read the answer.
const DRAIN_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Reads a request's body before the request goes on. Mounted around everything that answers.
pub async fn layer(request: Request, next: Next) -> Response {
    match read(request, BODY_BYTES_MAX).await {
        Ok(request) => next.run(request).await,
        Err(status) => status.into_response(),
    }
}

/// Returns the request with its body in memory.
///
/// # Errors
/// 413 when the body has more than `bytes_max`; 400 when it breaks off.
pub(crate) async fn read(request: Request, bytes_max: usize) -> Result<Request, StatusCode> {
    let (parts, mut body) = request.into_parts();
    let told = parts.headers.get(header::CONTENT_LENGTH);
    let told: Option<usize> = told.and_then(|length| length.to_str().ok()?.parse().ok());
    let mut size = 0_usize;
    let mut is_too_large = told.is_some_and(|told| told > bytes_max);
    let mut kept = Vec::new();
    while let Some(frame) = body.frame().await {
        // The sender has gone away, or does not speak HTTP.
        let frame = frame.map_err(|_| StatusCode::BAD_REQUEST)?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        size = size.saturating_add(data.len());
        is_too_large |= size > bytes_max;
        if is_too_large {
            kept = Vec::new();
        } else {
            kept.extend_from_slice(data);
        }
        if size > DRAIN_BYTES_MAX {
            break;
        }
    }
    if is_too_large {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    Ok(Request::from_parts(parts, Body::from(kept)))
}
