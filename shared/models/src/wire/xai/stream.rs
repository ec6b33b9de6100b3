//! A streamed response. Source: xAI, streaming (read November 2026): data-only events with the type
//! inside, ended by `[DONE]`; the last event before it carries the whole response.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{ErrorKind, Provider, StreamFault};
use crate::sse::Frame;
use crate::wire::faults;

/// What an event of the stream led to.
#[derive(Debug, PartialEq, Eq)]
pub enum Applied {
    /// The model wrote this, visibly or as a shown part of its reasoning. May be empty.
    Wrote(String),
    /// The response is complete: its body, to be read by [`answer`](super::answer).
    Done(String),
}

/// Reads the events of one response.
#[derive(Debug, Default)]
pub struct Reading {
    begun: bool,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    delta: Value,
    #[serde(default)]
    response: Option<Box<RawValue>>,
}

impl Reading {
    /// Whether the response has begun: from then on it costs money.
    pub fn is_begun(&self) -> bool {
        self.begun
    }

    /// Takes the next event. Unknown types are ignored.
    ///
    /// # Errors
    /// An error event, a failed response, an event without its documented shape, or the end of
    /// the stream before its response. The answer is lost.
    pub fn apply(&mut self, frame: &Frame, requested: &str) -> Result<Applied, ErrorKind> {
        if frame.data.trim() == "[DONE]" {
            return Err(ErrorKind::Stream(StreamFault::Ended));
        }
        let malformed = |what| ErrorKind::Stream(StreamFault::Malformed { what });
        let event: Event = serde_json::from_str(&frame.data)
            .map_err(|_| malformed("an event is not a JSON object"))?;
        match event.kind.as_str() {
            "response.completed" | "response.done" | "response.incomplete" => event
                .response
                .map(|response| Applied::Done(response.get().to_owned()))
                .ok_or_else(|| malformed("the last event has no response")),
            "response.failed" => {
                let response = event.response.as_deref();
                Err(self.said(response.map_or("{}", RawValue::get), requested))
            }
            // An error without a type has the shape of an answer that is not streamed.
            "error" | "" => Err(self.said(&frame.data, requested)),
            kind => {
                self.begun = true;
                let is_delta = kind.ends_with(".delta");
                let text = event.delta.as_str().filter(|_| is_delta);
                Ok(Applied::Wrote(text.unwrap_or_default().to_owned()))
            }
        }
    }

    fn said(&self, data: &str, requested: &str) -> ErrorKind {
        let mut value: Value = serde_json::from_str(data).unwrap_or_default();
        if value.get("error").is_none_or(Value::is_null) {
            // `{"type":"error","code","message"}`
            value = serde_json::json!({ "error": value });
        }
        match faults::from_value(Provider::Xai, &value, requested) {
            Some(kind) if !kind.is_transient() || !self.begun => kind,
            Some(_) | None => ErrorKind::Stream(StreamFault::ErrorEvent {
                error_type: "error".to_owned(),
            }),
        }
    }
}
