//! What requests say of the work that they belong to.

use std::future::Future;

use http::{HeaderName, HeaderValue};
use reqwest::RequestBuilder;

/// W3C Trace Context.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

tokio::task_local! {
    static CURRENT: HeaderValue;
}

/// Awaits calls of any client of this crate, all of whose requests carry this header
/// `traceparent`: a client serves many pieces of work at once.
pub async fn traced<T>(traceparent: HeaderValue, calls: impl Future<Output = T>) -> T {
    CURRENT.scope(traceparent, calls).await
}

/// The request, with the header of the work that it belongs to if that has one.
pub(crate) fn with_header(request: RequestBuilder) -> RequestBuilder {
    match CURRENT.try_with(HeaderValue::clone) {
        Ok(value) => request.header(TRACEPARENT, value),
        Err(_untraced) => request,
    }
}
