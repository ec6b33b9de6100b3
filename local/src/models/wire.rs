//! An answer before it is sent: status, headers, and JSON, text or a stream of events.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::body::Body;
use futures::stream;
use http::{HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::Faults;

/// What an answer holds.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    Json(Value),
    Text(String),
    /// Complete server-sent events, each with its empty line.
    Events(Vec<String>),
    /// The same, with a pause before each.
    SlowEvents(Vec<String>),
}

/// The pause before each event of a slow stream.
const SLOW_PACE: Duration = Duration::from_secs(2);

/// Counts a stream that is given up before its last event.
struct Watched {
    dropped: Option<Arc<AtomicU32>>,
}

impl Watched {
    fn is_whole(&mut self) {
        self.dropped = None;
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(dropped) = &self.dropped {
            dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) payload: Payload,
}

impl Reply {
    pub(crate) fn json(status: u16, value: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            payload: Payload::Json(value),
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Leaves out the last third of a stream's events.
    pub(crate) fn cut_stream(mut self) -> Self {
        if let Payload::Events(events) = &mut self.payload {
            events.truncate((events.len() * 2 / 3).max(1));
        }
        self
    }

    /// Turns the answer into a response; the faults shape a stream.
    pub(crate) fn into_response(self, faults: &Faults) -> Response<Body> {
        self.into_response_after(faults, None, || {})
    }

    /// The same; `begins` is called when the answer begins, and a stream that is given up by
    /// who listens is counted in `dropped`.
    pub(crate) fn into_response_after(
        self,
        faults: &Faults,
        dropped: Option<Arc<AtomicU32>>,
        begins: impl FnOnce() + Send + 'static,
    ) -> Response<Body> {
        let (content_type, body) = match self.payload {
            Payload::Json(value) => {
                begins();
                ("application/json", Body::from(value.to_string()))
            }
            Payload::Text(text) => ("text/plain; charset=utf-8", Body::from(text)),
            Payload::Events(events) => {
                let pace = faults.pace.unwrap_or_default();
                let body = event_body(pieces(events, faults), pace, dropped, begins);
                ("text/event-stream; charset=utf-8", body)
            }
            Payload::SlowEvents(events) => {
                let body = event_body(pieces(events, faults), SLOW_PACE, dropped, begins);
                ("text/event-stream; charset=utf-8", body)
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static(content_type));
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

fn pieces(events: Vec<String>, faults: &Faults) -> Vec<Vec<u8>> {
    match faults.piece_bytes {
        Some(bytes) => events
            .concat()
            .as_bytes()
            .chunks(bytes.max(1))
            .map(<[u8]>::to_vec)
            .collect(),
        None => events.into_iter().map(String::into_bytes).collect(),
    }
}

fn event_body(
    pieces: Vec<Vec<u8>>,
    pace: Duration,
    dropped: Option<Arc<AtomicU32>>,
    begins: impl FnOnce() + Send + 'static,
) -> Body {
    let watched = Watched { dropped };
    Body::from_stream(stream::unfold(
        (pieces.into_iter(), Some(begins), watched),
        move |(mut pieces, begins, mut watched)| async move {
            let Some(piece) = pieces.next() else {
                watched.is_whole();
                return None;
            };
            if !pace.is_zero() {
                tokio::time::sleep(pace).await;
            }
            if pieces.len() == 0 {
                // Who has all of it need not wait for the end of the connection.
                watched.is_whole();
            }
            if let Some(begins) = begins {
                begins();
            }
            Some((Ok::<_, Infallible>(piece), (pieces, None, watched)))
        },
    ))
}

/// An estimate of a text's tokens: one for every four bytes, rounded up.
pub(crate) fn tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}

/// Cuts a text into fragments of at most `chars_max` characters.
pub(crate) fn fragments(text: &str, chars_max: usize) -> Vec<&str> {
    let mut fragments = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .char_indices()
            .nth(chars_max)
            .map_or(rest.len(), |(index, _)| index);
        let (fragment, following) = rest.split_at(end);
        fragments.push(fragment);
        rest = following;
    }
    fragments
}
