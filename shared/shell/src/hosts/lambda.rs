//! The AWS Lambda host: requests of function URLs and HTTP APIs (payload format 2.0).
//!
//! Who may call is decided in front of the function (IAM or an authorizer). Nothing vouches for
//! headers here, so those by which Appwrite tells who caused an execution are not believed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, Response, Uri};
use http_body_util::Full;
use hyper::body::Bytes;
use jiff::Timestamp;
use lambda_http::{Request, RequestExt, service_fn};

use super::request::{Head, remove};
use super::{execute, response};
use crate::invocation::{Handler, Trigger};
use crate::logging::Log;
use crate::redaction::Redactor;

/// Kept back of Lambda's time, so that a time-out can still be answered.
const ANSWER_RESERVE: Duration = Duration::from_millis(500);

/// The one header of Appwrite that proves itself.
const APPWRITE_KEY: &str = "x-appwrite-key";
const APPWRITE_PREFIX: &str = "x-appwrite-";

/// Asks Lambda for requests, one after the other, for as long as the process lives.
///
/// # Errors
/// When Lambda's runtime API cannot be reached.
pub(super) async fn serve<H: Handler>(handler: Arc<H>, redactor: Redactor) -> anyhow::Result<()> {
    let service = service_fn(|request: Request| {
        let (handler, redactor) = (handler.clone(), redactor.clone());
        async move { Ok::<_, std::convert::Infallible>(answer(handler, request, &redactor).await) }
    });
    lambda_http::run(service)
        .await
        .map_err(|error| anyhow::anyhow!(error))
}

async fn answer<H: Handler>(
    handler: Arc<H>,
    request: Request,
    redactor: &Redactor,
) -> Response<Full<Bytes>> {
    let received_at = (Instant::now(), Timestamp::now());
    let context = request.lambda_context_ref();
    let id = context
        .map(|context| context.request_id.clone())
        .unwrap_or_default();
    let deadline_ms = context.map_or(0, |context| context.deadline);
    let uri = uri(&request);
    let (parts, body) = request.into_parts();
    let mut headers = parts.headers;
    remove(&mut headers, |name| {
        name.starts_with(APPWRITE_PREFIX) && name != APPWRITE_KEY
    });
    let head = Head::new(parts.method, uri, headers, &HeaderMap::new());
    let log = Log::to_stderr(id.clone(), head.redactor(redactor));
    let body = Bytes::copy_from_slice(body.as_ref());
    let mut invocation =
        head.into_invocation(body, deadline(received_at, deadline_ms), log.clone());
    invocation.trigger = Trigger::Http;
    invocation.execution_id = Some(id);
    let reply = execute(handler, invocation).await;
    let response = response::build(reply, &log);
    log.close();
    response
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

/// Lambda names a moment of the clock; what counts is the time until then.
fn deadline((now, clock): (Instant, Timestamp), deadline_ms: u64) -> Instant {
    let left_ms = i64::try_from(deadline_ms)
        .unwrap_or(i64::MAX)
        .saturating_sub(clock.as_millisecond());
    let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
    now.checked_add(left.saturating_sub(ANSWER_RESERVE))
        .unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use jiff::Timestamp;

    use super::{ANSWER_RESERVE, deadline};

    #[test]
    fn deadline_leaves_time_to_answer() {
        let now = Instant::now();
        let clock = Timestamp::from_millisecond(1_000_000).unwrap();
        let at = |deadline_ms| deadline((now, clock), deadline_ms) - now;
        assert_eq!(at(1_030_000), Duration::from_secs(30) - ANSWER_RESERVE);
        assert_eq!(at(1_000_100), Duration::ZERO);
        assert_eq!(at(0), Duration::ZERO);
    }
}
