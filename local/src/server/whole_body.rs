//! Bodies: read to their end before anything is answered.
//!
//! An answer that comes before its request was read makes the HTTP server close the
//! connection afterwards without a word, and a client that keeps it for its next request
//! loses that one. Which answers need no body (a refusal, an unknown route) must not matter.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::kernel::Kernel;

/// Largest request body, in bytes; a larger one is answered 413 without a body (measured).
pub(crate) const BODY_BYTES_MAX: usize = 12 * 1024 * 1024;

/// How much of a refused body is read to let its sender read the answer.
const DRAIN_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of large bodies in memory at once; those beyond wait, unread, for their turn.
/// Functions have as much for themselves: who waits for a function may hold the other half.
const ROOM_BYTES: usize = 8 * BODY_BYTES_MAX;

/// Largest body that needs no room, in bytes.
const SMALL_BYTES_MAX: usize = 64 * 1024;

/// How long a sender may take for a large body once it has room.
const READING_MAX: Duration = Duration::from_secs(60);

/// Where large bodies have room.
pub(super) struct Room {
    kernel: Arc<Kernel>,
    outside: Semaphore,
    functions: Semaphore,
}

impl Room {
    /// All the room of a platform.
    pub(super) fn new(kernel: &Arc<Kernel>) -> Self {
        Self {
            kernel: Arc::clone(kernel),
            outside: Semaphore::new(ROOM_BYTES),
            functions: Semaphore::new(ROOM_BYTES),
        }
    }

    /// Waits for the room that a request's body needs; none for a small one.
    async fn take(&self, headers: &HeaderMap) -> Option<SemaphorePermit<'_>> {
        let bytes = match told_bytes(headers) {
            Some(told) if told <= SMALL_BYTES_MAX => return None,
            // What is too large is not kept.
            Some(told) if told > BODY_BYTES_MAX => return None,
            Some(told) => told,
            None if headers.contains_key(header::TRANSFER_ENCODING) => BODY_BYTES_MAX,
            None => return None,
        };
        let room = match self.kernel.auth.execution_of(headers) {
            Some(_) => &self.functions,
            None => &self.outside,
        };
        room.acquire_many(u32::try_from(bytes).ok()?).await.ok()
    }
}

/// Reads a request's body before the request goes on. Called around everything that answers.
pub(super) async fn layer<F: Future<Output = Response>>(
    room: &Room,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let taken = room.take(request.headers()).await;
    let reading = read(request, BODY_BYTES_MAX);
    let read = if taken.is_some() {
        let read = tokio::time::timeout(READING_MAX, reading).await;
        read.unwrap_or(Err(StatusCode::REQUEST_TIMEOUT))
    } else {
        reading.await
    };
    // The room is given back once the request is answered.
    match read {
        Ok(request) => next(request).await,
        Err(status) => status.into_response(),
    }
}

/// The length that a request says its body has.
fn told_bytes(headers: &HeaderMap) -> Option<usize> {
    let told = headers.get(header::CONTENT_LENGTH)?;
    told.to_str().ok()?.parse().ok()
}

/// Returns the request with its body in memory.
///
/// # Errors
/// 413 when the body has more than `bytes_max`; 400 when it breaks off.
pub(crate) async fn read(request: Request, bytes_max: usize) -> Result<Request, StatusCode> {
    let (parts, mut body) = request.into_parts();
    let told = told_bytes(&parts.headers);
    let mut size = 0_usize;
    let mut is_too_large = told.is_some_and(|told| told > bytes_max);
    // Growing would copy a large body again and again.
    let mut kept = Vec::with_capacity(told.filter(|told| *told <= bytes_max).unwrap_or(0));
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
