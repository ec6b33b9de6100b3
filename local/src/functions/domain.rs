//! Function domains: a request to one is an execution (Appwrite 1.9.6, measured and source).

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{Html, IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::executions::{Execution, Trigger};
use super::registry::Function;
use super::run::{self, Input};
use super::{Functions, REQUEST_BYTES_MAX};
use crate::clock;
use crate::error::ApiError;
use crate::kernel::Kernel;

/// Roles that everybody has who comes without a session: nobody else comes this way.
const OPEN_ROLES: [&str; 2] = ["any", "guests"];
/// Headers that belong to one connection, or that are ours to say.
const NOT_PASSED_ON: [&str; 5] = [
    "connection",
    "content-length",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
];

/// Answers a request to a domain of a function.
pub(crate) async fn answer(kernel: &Arc<Kernel>, id: &str, request: Request) -> Response {
    let found = Functions::of(kernel).and_then(|all| Ok((all.get(id)?, all)));
    let (function, functions) = match found {
        Ok((function, functions)) if function.enabled => (function, functions),
        Ok(_) | Err(_) => return page(StatusCode::NOT_FOUND),
    };
    if function.deployment_id.is_empty() {
        return page(StatusCode::NOT_FOUND);
    }
    if !OPEN_ROLES
        .iter()
        .any(|role| function.execute.iter().any(|it| it == role))
    {
        return page(StatusCode::UNAUTHORIZED);
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, REQUEST_BYTES_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let headers = parts.headers.iter().filter_map(|(name, value)| {
        let passes = !name.as_str().starts_with("x-appwrite-") && !is_hop(name.as_str());
        let value = value.to_str().ok().filter(|_| passes)?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let path = parts.uri.path_and_query();
    let input = Input {
        method: parts.method,
        path: path.map_or_else(|| "/".to_owned(), ToString::to_string),
        headers: headers.collect(),
        body,
        event: None,
    };
    match execute(kernel, functions, function, input).await {
        Ok((execution, body)) => respond(&execution, body),
        Err(error) => {
            tracing::error!(function = id, %error, "execution by a domain was lost");
            page(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// Runs to the end or to the limit of synchronous executions, and records it. A caller who hangs
/// up ends nothing.
async fn execute(
    kernel: &Arc<Kernel>,
    functions: Arc<Functions>,
    function: Arc<Function>,
    input: Input,
) -> Result<(Execution, Option<Bytes>), ApiError> {
    let mut execution = Execution::new(&function.id, &function.deployment_id, Trigger::Http);
    execution.method = input.method.to_string();
    execution.path.clone_from(&input.path);
    let (owner, runner) = (Arc::clone(kernel), Arc::clone(&functions));
    let work = functions.tasks.spawn(async move {
        let limit = runner.settings.sync_limit;
        let mut cut = execution.clone();
        let running = run::run(&owner, &runner, &function, &mut execution, input);
        let (mut execution, body) = match tokio::time::timeout(limit, running).await {
            Ok(body) => (execution, body.ok()),
            Err(_) => {
                cut.fail("Timed out waiting for execution.", 500);
                (cut, None)
            }
        };
        execution.created_ms = clock::now().as_millisecond();
        execution.updated_ms = execution.created_ms;
        run::save(&owner, execution.clone()).await;
        (execution, body)
    });
    work.await.map_err(|error| ApiError::internal(&error))
}

fn respond(execution: &Execution, body: Option<Bytes>) -> Response {
    let status = StatusCode::from_u16(execution.response_status);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = body.unwrap_or_default();
    let is_error = status.is_client_error() || status.is_server_error();
    let is_replaced = is_error && body.is_empty();
    let mut response = if is_replaced {
        page(status)
    } else {
        (status, Body::from(body)).into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in &execution.response_headers {
        let is_kind = name.eq_ignore_ascii_case(header::CONTENT_TYPE.as_str());
        if is_hop(&name.to_ascii_lowercase()) || (is_kind && is_replaced) {
            continue;
        }
        let named = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (named, HeaderValue::from_str(value)) {
            if is_kind {
                headers.insert(name, value);
            } else {
                headers.append(name, value);
            }
        }
    }
    if let Ok(id) = HeaderValue::from_str(&execution.id) {
        headers.insert("x-appwrite-execution-id", id);
    }
    response
}

fn is_hop(name: &str) -> bool {
    NOT_PASSED_ON.contains(&name)
}

/// What stands where a function says nothing itself.
fn page(status: StatusCode) -> Response {
    let reason = status.canonical_reason().unwrap_or("Error");
    let code = status.as_u16();
    let text = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{code}</title></head>\
         <body><h1>{code}</h1><p>{reason}</p></body></html>\n"
    );
    (status, Html(text)).into_response()
}
