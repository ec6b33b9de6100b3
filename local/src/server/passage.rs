//! What every request passes before its route is looked for, and its answer on the way back: from
//! the outside to the inside its body, panics, hosting, origins, faults.
//!
//! They are functions that are called one inside the other. As layers of a router each would be
//! boxed, and cloned with all that it is around for every request.

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use http::{HeaderValue, StatusCode, header};
use tower::ServiceExt as _;

use super::origin;
use super::whole_body::{self, Room};
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::{admin, faults, hosting};

struct Passage {
    kernel: Arc<Kernel>,
    room: Room,
    project: Router,
    console: Router,
}

/// Puts everything around the routes of the project and those of its console.
pub(crate) fn around(kernel: &Arc<Kernel>, project: Router, console: Router) -> Router {
    let passage = Arc::new(Passage {
        kernel: Arc::clone(kernel),
        room: Room::new(kernel),
        project,
        console,
    });
    // Not a route, whose requests would come with the path that this router has matched.
    Router::new().fallback_service(tower::service_fn(move |request: Request| {
        let passage = Arc::clone(&passage);
        async move { Ok::<_, Infallible>(passage.answer(request).await) }
    }))
}

impl Passage {
    async fn answer(&self, request: Request) -> Response {
        whole_body::layer(&self.room, request, |request| self.caught(request)).await
    }

    /// A bug of ours is an answer like any other failure, not a connection that breaks off.
    async fn caught(&self, request: Request) -> Response {
        let hosted = hosting::layer(&self.kernel, request, |request| self.api(request));
        let caught = AssertUnwindSafe(hosted).catch_unwind().await;
        caught.unwrap_or_else(panicked)
    }

    async fn api(&self, request: Request) -> Response {
        let struck =
            |request| faults::http::layer(&self.kernel, request, |request| self.routed(request));
        origin::layer(&self.kernel, request, struck).await
    }

    async fn routed(&self, mut request: Request) -> Response {
        // The body was read within a limit already.
        DefaultBodyLimit::disable().apply(&mut request);
        let is_console = admin::is_asked(request.headers());
        let router = if is_console {
            &self.console
        } else {
            &self.project
        };
        let answered = router.clone().oneshot(request).await;
        let mut response = answered.unwrap_or_else(|never| match never {});
        describe_nothing(&mut response);
        response
    }
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    // What happened stands on standard error already.
    ApiError::internal(&"a request panicked").into_response()
}

/// An answer without a body names a type all the same, as measured; the Python SDK reads it.
fn describe_nothing(response: &mut Response) {
    if response.status() == StatusCode::NO_CONTENT {
        let kind = HeaderValue::from_static("text/html");
        let headers = response.headers_mut();
        headers.entry(header::CONTENT_TYPE).or_insert(kind);
    }
}
