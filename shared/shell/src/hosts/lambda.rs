//! The AWS Lambda host: requests of function URLs and HTTP APIs (payload format 2.0), among them
//! webhooks of Appwrite and what functions of ours send each other.
//!
//! Nothing vouches for headers here, so those by which Appwrite tells who caused an execution are
//! not believed. Who may call at all is decided by [`Door`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use http::{HeaderMap, Response, Uri};
use hyper::body::Bytes;
use jiff::Timestamp;
use lambda_http::request::RequestContext;
use lambda_http::{Body, IntoResponse, Request, RequestExt, service_fn};
use serde_json::json;

use self::door::{APPWRITE_KEY, Admission, Door, Knock};
use super::request::{Head, remove};
use super::{execute, response};
use crate::aws::{Invoker, Lambda};
use crate::config::Settings;
use crate::invocation::{Handler, Reply, Trigger};
use crate::logging::Log;
use crate::redaction::Redactor;

mod door;

/// Kept back of Lambda's time, so that a time-out can still be answered.
const ANSWER_RESERVE: Duration = Duration::from_millis(500);

/// The longest that Lambda gives a function.
const TIME_MAX: Duration = Duration::from_secs(900);

const APPWRITE_PREFIX: &str = "x-appwrite-";

/// What all requests share.
struct Host<H> {
    handler: Arc<H>,
    door: Door,
    invoker: Invoker,
    redactor: Redactor,
}

/// Asks Lambda for requests, one after the other, for as long as the process lives.
///
/// # Errors
/// When Lambda's runtime API cannot be reached.
pub(super) async fn serve<H: Handler>(
    handler: Arc<H>,
    settings: &Settings,
    lambda: &Lambda,
) -> anyhow::Result<()> {
    let host = Arc::new(Host {
        handler,
        door: Door {
            key: settings.webhook_signature_key.clone(),
            url: settings.webhook_url.clone(),
        },
        invoker: Invoker::new(lambda.clone()),
        redactor: settings.redactor().clone(),
    });
    let service = service_fn(|request: Request| {
        let host = host.clone();
        async move { Ok::<_, std::convert::Infallible>(Answer(host.answer(request).await)) }
    });
    lambda_http::run(service)
        .await
        .map_err(|error| anyhow::anyhow!(error))
}

/// An answer as Lambda takes it: text as it is, everything else in Base64. The crate's own way there
/// decodes the texts of all the world, whose tables would be a fiftieth of every function.
struct Answer(Response<Bytes>);

impl IntoResponse for Answer {
    fn into_response(self) -> BoxFuture<'static, Response<Body>> {
        let response = self.0.map(|bytes| match std::str::from_utf8(&bytes) {
            Ok("") => Body::Empty,
            Ok(text) => Body::Text(text.to_owned()),
            Err(_) => Body::Binary(bytes.into()),
        });
        Box::pin(std::future::ready(response))
    }
}

impl<H: Handler> Host<H> {
    async fn answer(&self, request: Request) -> Response<Bytes> {
        let received_at = (Instant::now(), Timestamp::now());
        let context = request.lambda_context_ref();
        let id = context
            .map(|context| context.request_id.clone())
            .unwrap_or_default();
        let deadline_ms = context.map_or(0, |context| context.deadline);
        let uri = uri(&request);
        let admission = self.admit(&request, &uri);
        let (parts, body) = request.into_parts();
        let mut headers = parts.headers;
        remove(&mut headers, |name| {
            name.starts_with(APPWRITE_PREFIX) && name != APPWRITE_KEY
        });
        let head = Head::new(parts.method, uri, headers, &HeaderMap::new());
        let log = Log::to_stderr(id.clone(), head.redactor(&self.redactor));
        let reply = match admission {
            Admission::Enter(trigger) => {
                let body = Bytes::copy_from_slice(body.as_ref());
                let deadline = deadline(received_at, deadline_ms);
                let mut invocation = head.into_invocation(body, deadline, log.clone());
                invocation.trigger = trigger;
                invocation.execution_id = Some(id);
                execute(self.handler.clone(), invocation).await
            }
            Admission::Created(row_id) => self.go_on(&row_id, &log).await,
            Admission::Refused(reply) => reply,
        };
        let response = response::build(reply, &log);
        log.close();
        response
    }

    fn admit(&self, request: &Request, uri: &Uri) -> Admission {
        let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else {
            return Admission::Refused(Reply::error(
                400,
                "unknown_event",
                "Only function URLs and HTTP APIs are understood.",
            ));
        };
        self.door.admit(&Knock {
            method: request.method(),
            domain: context.domain_name.as_deref().unwrap_or_default(),
            path: uri.path(),
            query: uri.query(),
            headers: request.headers(),
            body: request.body().as_ref(),
            authorizer: context.authorizer.as_ref(),
        })
    }

    /// Appwrite gives a webhook 15 seconds and switches it off after ten that failed, so the work
    /// is an invocation of its own, that nobody waits for.
    async fn go_on(&self, row_id: &str, log: &Log) -> Reply {
        match self.invoker.start_own(row_id, Trigger::Event).await {
            Ok(()) => Reply::json(202, &json!({"rowId": row_id})),
            Err(trouble) => {
                let message = log.redactor().clean(&trouble.to_string()).into_owned();
                log.error(&message);
                Reply::error(503, "try_again", &message)
            }
        }
    }
}
/// The path without the name of the API's stage, and the query as it was sent.
fn uri(request: &Request) -> Uri {
    let path = request.raw_http_path();
    let path = if path.is_empty() {
        request.uri().path()
    } else {
        path
    };
    let query = request
        .uri()
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    format!("{path}{query}")
        .parse()
        .unwrap_or_else(|_| request.uri().clone())
}

/// Lambda names a moment of the clock; what counts is the time until then. Emulators name one that
/// is long gone: then the longest that Lambda gives counts.
fn deadline((now, clock): (Instant, Timestamp), deadline_ms: u64) -> Instant {
    let left_ms = i64::try_from(deadline_ms)
        .unwrap_or(i64::MAX)
        .saturating_sub(clock.as_millisecond());
    let left = match u64::try_from(left_ms) {
        Ok(left_ms) => Duration::from_millis(left_ms),
        Err(_gone) => TIME_MAX,
    };
    now.checked_add(left.saturating_sub(ANSWER_RESERVE))
        .unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use jiff::Timestamp;

    use super::{ANSWER_RESERVE, TIME_MAX, deadline};

    #[test]
    fn deadline_leaves_time_to_answer() {
        let now = Instant::now();
        let clock = Timestamp::from_millisecond(1_000_000).unwrap();
        let at = |deadline_ms| deadline((now, clock), deadline_ms) - now;
        assert_eq!(at(1_030_000), Duration::from_secs(30) - ANSWER_RESERVE);
        assert_eq!(at(1_000_100), Duration::ZERO);
        assert_eq!(at(0), TIME_MAX - ANSWER_RESERVE);
    }
}
