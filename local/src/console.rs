//! The console: one page that shows what goes on inside, and what it reads beyond Appwrite's API.
//!
//! The page itself holds no data and is served to everybody who can reach the port. All that it
//! shows comes from routes that ask for the project's key, which it sends in a header: nothing
//! that a browser sends by itself, a cookie or an address, opens anything.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::sse::{Event as Frame, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures::Stream;
use http::{StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::auth::Caller;
use crate::bus::Event;
use crate::clock;
use crate::error::ApiError;
use crate::functions::Functions;
use crate::kernel::Kernel;

const PAGE: &str = include_str!("console/index.html");
const STYLE: &str = include_str!("console/style.css");
const APP: &str = include_str!("console/app.js");
const VIEWS: &str = include_str!("console/views.js");

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Only its own files and this platform; in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Whether a path is the console's, also where a web page of the project is served.
pub(crate) fn serves(path: &str) -> bool {
    path == "/console" || path.starts_with("/console/")
}

/// The routes of this module. `/` is reached only where no web page of the project is served.
pub(crate) fn router() -> Router<Arc<Kernel>> {
    Router::new()
        .route("/", get(page))
        .route("/console", get(page))
        .route("/console/{file}", get(file))
        .route("/v1/local/events", get(events))
        .route("/v1/local/connections", get(connections))
        .route("/v1/local/processes", get(processes))
}

fn page() -> Ready<Response> {
    ready(answer(HTML, PAGE.to_owned()))
}

fn file(State(kernel): State<Arc<Kernel>>, Path(name): Path<String>) -> Ready<Response> {
    ready(match name.as_str() {
        "style.css" => answer(CSS, STYLE.to_owned()),
        "app.js" => answer(SCRIPT, APP.to_owned()),
        "views.js" => answer(SCRIPT, VIEWS.to_owned()),
        "config.json" => {
            let project = json!({"projectId": kernel.project.id, "name": kernel.project.name});
            answer("application/json", project.to_string())
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    })
}

fn answer(kind: &'static str, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            header::HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    (headers, text).into_response()
}

/// `GET /v1/local/events`: everything the bus carries from now on, as server-sent events. Each
/// is `{"at", "events", "channels", "userId", "payload"}`; a reader that falls behind is told
/// how much it missed in an event `missed`.
fn events(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
) -> Ready<Result<Sse<impl Stream<Item = Result<Frame, Infallible>>>, ApiError>> {
    ready(caller.require_admin().map(|()| {
        let stopping = kernel.stopping.clone();
        let stream = futures::stream::unfold(kernel.bus.subscribe(), next);
        let stream = futures::StreamExt::take_until(stream, stopping.cancelled_owned());
        Sse::new(stream).keep_alive(KeepAlive::default())
    }))
}

async fn next(
    mut bus: Receiver<Arc<Event>>,
) -> Option<(Result<Frame, Infallible>, Receiver<Arc<Event>>)> {
    let frame = match bus.recv().await {
        Ok(event) => Frame::default().data(shown(&event).to_string()),
        Err(RecvError::Lagged(missed)) => Frame::default().event("missed").data(missed.to_string()),
        Err(RecvError::Closed) => return None,
    };
    Some((Ok(frame), bus))
}

fn shown(event: &Event) -> Value {
    json!({"at": clock::format(clock::now()), "events": event.names.list(), "channels": event.channels,
           "userId": event.user_id, "payload": event.payload})
}

/// `GET /v1/local/connections`: the open Realtime connections.
fn connections(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
) -> Ready<Result<Json<Value>, ApiError>> {
    ready(
        caller
            .require_admin()
            .map(|()| Json(kernel.connections.json())),
    )
}

/// `GET /v1/local/processes`: the functions' processes.
fn processes(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
) -> Ready<Result<Json<Value>, ApiError>> {
    ready(caller.require_admin().and_then(|()| {
        let all = Functions::of(&kernel)?.processes();
        Ok(Json(json!({"total": all.len(), "processes": all})))
    }))
}
