//! Who is told of requests while they are made.

use std::time::{Duration, Instant};

use ureq::http::{HeaderName, HeaderValue, Method};

use crate::error::{Error, Operation};

/// W3C Trace Context.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Hears of every request of a client, repeats and look-ups included, on the thread that makes it:
/// it must not block. Looks at public addresses are left out; see [`Client::visit`](crate::Client).
pub trait Observer: Send + Sync {
    /// A request is about to be sent. Returns the value of its header `traceparent`.
    fn begins(&self) -> HeaderValue;

    /// A request was answered, or will never be.
    fn ended(&self, request: &Observed<'_>);

    /// A request will be sent once more.
    fn repeats(&self, repeat: &Repeated<'_>);
}

/// A request that is over.
#[derive(Debug)]
pub struct Observed<'a> {
    /// What it was sent with.
    pub traceparent: &'a HeaderValue,
    /// What was asked for.
    pub operation: &'a Operation,
    /// Its method.
    pub method: &'a Method,
    /// The API's address.
    pub endpoint: &'a str,
    /// What follows, with the query.
    pub path: &'a str,
    /// When it was sent.
    pub started: Instant,
    /// The status of its answer; `None` where there was none.
    pub status: Option<u16>,
}

/// A request that is not over.
#[derive(Debug)]
pub struct Repeated<'a> {
    /// Why.
    pub error: &'a Error,
    /// 1 for the first repeat.
    pub repeat: u32,
    /// The pause before it.
    pub wait: Duration,
}
