//! The client of the Anthropic Messages API. Only I/O: the formats are in `wire/anthropic.rs`.

use http::{HeaderName, HeaderValue, header};
use reqwest::Response;

use crate::call::{Call, Fault};
use crate::error::{ErrorKind, ModelError, Provider, StreamFault};
use crate::http::{BODY_BYTES_MAX, Http, checked_body, request_id};
use crate::settings::Settings;
use crate::sse::Decoder;
use crate::wire::anthropic::{
    self, Applied, Assembly, MessagesAnswer, MessagesRequest, StreamEvent,
};
use crate::wire::faults;

/// The API version that every compatible server takes.
pub const VERSION_DEFAULT: &str = "2023-06-01";

const VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Where events of an answer go while it comes in.
type Sink<'a> = &'a mut (dyn FnMut(StreamEvent) + Send);

/// Asks models of Anthropic, or of a server that speaks its Messages API. One client serves many
/// calls at once.
#[derive(Debug)]
pub struct Anthropic {
    http: Http,
}

impl Anthropic {
    /// Returns a client that sends `anthropic-version:` [`VERSION_DEFAULT`]; nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`], terminal.
    pub fn new(settings: Settings) -> Result<Self, ModelError> {
        let mut http = Http::new(Provider::Anthropic, settings, "/v1/messages", (KEY, ""))?;
        http.set_header(VERSION, HeaderValue::from_static(VERSION_DEFAULT));
        http.set_header(
            header::ACCEPT,
            HeaderValue::from_static("text/event-stream"),
        );
        // A compressor on the way would hold events back.
        http.set_header(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        Ok(Self { http })
    }

    /// Returns the client with another API version, such as `2026-10-21`.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`], terminal: the text cannot be a header.
    pub fn with_version(mut self, version: &str) -> Result<Self, ModelError> {
        let value = HeaderValue::from_str(version).map_err(|_| {
            let what = "the API version has characters that no header can hold";
            ModelError::unsent(Provider::Anthropic, ErrorKind::Settings { what })
        })?;
        self.http.set_header(VERSION, value);
        Ok(self)
    }

    /// Asks for one answer, with bounded retries until its first event. Events go to `on_event`
    /// while they come in; what they showed is void when the call fails.
    ///
    /// Dropping the future closes the connection, which stops the model.
    ///
    /// # Errors
    /// See [`ErrorKind`]; each error tells whether it is transient, and what was spent. After
    /// [`ErrorKind::Stream`] the same request may be sent again.
    pub async fn create(
        &self,
        request: &MessagesRequest,
        on_event: &mut (dyn FnMut(StreamEvent) + Send),
    ) -> Result<MessagesAnswer, ModelError> {
        let mut call = self.http.begin_call();
        let deadline = call.deadline();
        match tokio::time::timeout_at(deadline, self.run(request, &mut call, on_event)).await {
            Ok(Ok(answer)) => Ok(MessagesAnswer {
                attempts: call.attempts(),
                unsettled: call.unsettled(),
                ..answer
            }),
            Ok(Err(fault)) => Err(call.fail(fault)),
            Err(_) => Err(call.run_out()),
        }
    }

    async fn run(
        &self,
        request: &MessagesRequest,
        call: &mut Call,
        on_event: Sink<'_>,
    ) -> Result<MessagesAnswer, Fault> {
        anthropic::check(request).map_err(|what| {
            Fault::free(ErrorKind::InvalidRequest {
                message: what.to_owned(),
            })
        })?;
        let mut body = checked_body(anthropic::request_body(request))?;
        let mut may_drop_effort = request.effort.is_some();
        loop {
            call.begin_attempt();
            match self.attempt(&body, &request.model, call, on_event).await {
                Ok(answer) => {
                    call.end_attempt(answer.unsettled > 0);
                    return Ok(answer);
                }
                Err(fault) => {
                    call.end_attempt(fault.lost);
                    if may_drop_effort && fault.rejects_effort() {
                        may_drop_effort = false;
                        tracing::warn!(model = request.model, "model takes no effort: left out");
                        body = checked_body(anthropic::request_body(&MessagesRequest {
                            effort: None,
                            ..request.clone()
                        }))?;
                    } else {
                        call.pause(fault).await?;
                    }
                }
            }
        }
    }

    async fn attempt(
        &self,
        body: &[u8],
        model: &str,
        call: &mut Call,
        on_event: Sink<'_>,
    ) -> Result<MessagesAnswer, Fault> {
        let patience = Some(self.http.idle());
        let mut response = self.http.send(body, model, patience).await?;
        let id = request_id(response.headers());
        let outcome = if is_event_stream(&response) {
            self.stream(&mut response, model, call, on_event).await
        } else {
            Err(self.no_stream(&mut response, model).await)
        };
        outcome.map_err(|fault| Fault {
            request_id: id,
            ..fault
        })
    }

    async fn stream(
        &self,
        response: &mut Response,
        model: &str,
        call: &mut Call,
        on_event: Sink<'_>,
    ) -> Result<MessagesAnswer, Fault> {
        let mut assembly = Assembly::new(model);
        let read = self.read(response, &mut assembly, call, on_event).await;
        match read {
            Ok(()) => assembly
                .finish()
                .map_err(|kind| self.broken(Fault::lost(kind), true)),
            Err(fault) => Err(self.broken(fault, assembly.is_begun())),
        }
    }

    /// Reads until `message_stop`.
    async fn read(
        &self,
        response: &mut Response,
        assembly: &mut Assembly,
        call: &mut Call,
        on_event: Sink<'_>,
    ) -> Result<(), Fault> {
        let mut decoder = Decoder::new();
        let mut total = 0;
        while let Some(bytes) = self.http.chunk(response).await? {
            total += bytes.len();
            if total > BODY_BYTES_MAX {
                return Err(StreamFault::TooLong.into());
            }
            for frame in decoder.push(&bytes)? {
                let applied = assembly.apply(&frame).map_err(Fault::free)?;
                call.billed = assembly.billed();
                match applied {
                    Applied::Event(event) => on_event(event),
                    Applied::Done => return Ok(()),
                }
            }
        }
        Err(StreamFault::Ended.into())
    }

    /// An answer that has begun was paid for, whatever ended it. One that has not begun was free
    /// if the provider said what was wrong.
    fn broken(&self, fault: Fault, begun: bool) -> Fault {
        let in_stream = matches!(fault.kind, ErrorKind::Stream(_));
        Fault {
            streamed: fault.streamed || begun,
            lost: fault.lost || begun || in_stream,
            kind: self.http.redacted(fault.kind),
            ..fault
        }
    }

    /// An answer with status 200 that is no event stream: an error, or not this API.
    async fn no_stream(&self, response: &mut Response, model: &str) -> Fault {
        let body = match self.http.body(response).await {
            Ok(body) => body,
            Err(fault) => return fault,
        };
        let kind = serde_json::from_str(&body)
            .ok()
            .and_then(|value| faults::from_value(Provider::Anthropic, &value, model));
        match kind {
            Some(kind) => Fault::free(self.http.redacted(kind)),
            None => Fault::lost(ErrorKind::Malformed {
                what: "it is not an event stream",
            }),
        }
    }
}

fn is_event_stream(response: &Response) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim_start().starts_with("text/event-stream"))
}
