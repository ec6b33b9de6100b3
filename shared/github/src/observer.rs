//! Who is told of requests while they are made.

use std::fmt;
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue, Method};

/// W3C Trace Context.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Hears of every request of a client, repeats included. It must not block.
pub trait Observer: Send + Sync {
    /// A request is about to be sent. Returns the value of its header `traceparent`.
    fn begins(&self) -> HeaderValue;

    /// A request was answered, or will never be.
    fn ended(&self, request: &Observed<'_>);

    /// A request will be sent once more: its answer was lost, or GitHub failed, or does not show
    /// yet what it made a moment ago.
    fn repeats(&self, repeat: &Repeated<'_>);
}

impl fmt::Debug for dyn Observer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Observer")
    }
}

/// A request that is over. Redirects that it followed are part of it.
#[derive(Debug)]
pub struct Observed<'a> {
    /// What it was sent with.
    pub traceparent: &'a HeaderValue,
    /// Its method.
    pub method: &'a Method,
    /// What follows the API's address, with the query.
    pub path: &'a str,
    /// When it was sent.
    pub started: Instant,
    /// The status of its answer; `None` where there was none.
    pub status: Option<u16>,
}

/// A request that is not over.
#[derive(Debug)]
pub struct Repeated<'a> {
    /// Its method.
    pub method: &'a Method,
    /// What follows the API's address, with the query.
    pub path: &'a str,
    /// 1 for the first repeat.
    pub repeat: u32,
    /// The pause before it.
    pub wait: Duration,
}
