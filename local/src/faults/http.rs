//! Faults of requests: refused before they are carried out, or their answers lost after that.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};

use super::decide::Asked;
use super::{Heard, Refusal};
use crate::error::ApiError;
use crate::functions::Functions;
use crate::kernel::Kernel;
use crate::serving::DropConnection;

/// Paths that no fault reaches: through them faults are cleared.
const SAFE: &str = "/v1/local/";

/// Lets faults strike requests to the API.
pub(crate) async fn layer<F: Future<Output = Response>>(
    kernel: &Arc<Kernel>,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let path = request.uri().path();
    if kernel.faults.is_empty() || !path.starts_with("/v1/") || path.starts_with(SAFE) {
        return next(request).await;
    }
    let (method, path) = (request.method().clone(), path.to_owned());
    let execution = kernel.auth.execution_of(request.headers());
    let function = execution
        .as_deref()
        .and_then(|id| Functions::of(kernel).ok()?.function_of(id));
    let asked = Asked {
        method: method.as_str(),
        path: &path,
        function: function.as_deref(),
        execution: execution.as_deref(),
    };
    if let Some(release) = kernel.faults.holds_request(&asked) {
        release.await;
    }
    if let Some(instead) = kernel.faults.stops_request(&asked) {
        return unanswered(instead);
    }
    let response = next(request).await;
    let is_change = matches!(
        method,
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE
    );
    let is_done = is_change && response.status().is_success();
    let lost = is_done.then(|| kernel.faults.loses_answer(&asked));
    lost.flatten().map_or(response, unanswered)
}

fn unanswered(instead: Heard) -> Response {
    match instead {
        Heard::Refusal(refusal) => refused(refusal),
        Heard::Nothing => {
            let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
            response.extensions_mut().insert(DropConnection);
            response
        }
    }
}

fn refused(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Internal => ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "general_unknown",
            "Server Error",
        )
        .into_response(),
        Refusal::Unavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable").into_response()
        }
        Refusal::TooMany => crate::limits::exceeded().into_response(),
    }
}
