//! The client of the Anthropic Messages API. Only I/O: the formats are in `wire/anthropic.rs`.

mod batches;

use http::{HeaderName, HeaderValue, header};
use reqwest::Response;

use crate::call::{Call, Fault};
use crate::error::{ErrorKind, ModelError, Provider, StreamFault};
use crate::exchange::{self, Answered, Exchange};
use crate::http::{BODY_BYTES_MAX, Http, is_event_stream, request_id};
use crate::settings::{Auth, Settings};
use crate::sse::Decoder;
use crate::wire::anthropic::{
    self, Applied, Assembly, MessagesAnswer, MessagesRequest, StreamEvent,
};
use crate::wire::{Omit, faults};

pub use batches::{Batched, Found};

/// The API version that every compatible server takes.
pub const VERSION_DEFAULT: &str = "2023-06-01";

const VERSION: HeaderName = HeaderName::from_static("anthropic-version");

const PATH: &str = "/v1/messages";
const COUNT_PATH: &str = "/v1/messages/count_tokens";

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
        let mut http = Http::new(Provider::Anthropic, settings, Auth::ApiKey)?;
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
        let http = &self.http;
        exchange::make(
            http,
            Asking {
                http,
                request,
                on_event,
            },
        )
        .await
    }

    /// Counts the tokens of a request's prompt, with bounded retries. It is free, and sends no
    /// message.
    ///
    /// # Errors
    /// See [`ErrorKind`]; a server that imitates the API may not have it
    /// ([`ErrorKind::NotFound`]).
    pub async fn count_tokens(&self, request: &MessagesRequest) -> Result<u64, ModelError> {
        let http = &self.http;
        let counted = exchange::make(http, Counting { http, request }).await?;
        Ok(counted.0)
    }
}

struct Counting<'a> {
    http: &'a Http,
    request: &'a MessagesRequest,
}

/// Tokens of a prompt.
struct Counted(u64);

impl Answered for Counted {
    fn is_unsettled(&self) -> bool {
        false
    }

    fn counted(self, _: u32, _: u32) -> Self {
        self
    }
}

impl Exchange for Counting<'_> {
    type Answer = Counted;

    fn model(&self) -> &str {
        &self.request.model
    }

    fn optional(&self) -> Omit {
        anthropic::optional(self.request)
    }

    fn check(&self) -> Result<(), &'static str> {
        anthropic::check(self.request)
    }

    fn body(&self, omit: Omit) -> serde_json::Result<Vec<u8>> {
        anthropic::count_body_without(self.request, omit)
    }

    async fn attempt(&mut self, body: &[u8], _: &mut Call) -> Result<Counted, Fault> {
        let patience = Some(self.http.idle());
        let mut response = self
            .http
            .send(COUNT_PATH, body, self.model(), patience)
            .await?;
        let raw = self.http.body(&mut response).await?;
        // Nothing of it is billed.
        anthropic::counted(&raw).map(Counted).map_err(Fault::free)
    }
}

struct Asking<'a> {
    http: &'a Http,
    request: &'a MessagesRequest,
    on_event: Sink<'a>,
}

impl Answered for MessagesAnswer {
    fn is_unsettled(&self) -> bool {
        self.unsettled > 0
    }

    fn counted(self, attempts: u32, unsettled: u32) -> Self {
        Self {
            attempts,
            unsettled,
            ..self
        }
    }
}

impl Exchange for Asking<'_> {
    type Answer = MessagesAnswer;

    fn model(&self) -> &str {
        &self.request.model
    }

    fn optional(&self) -> Omit {
        anthropic::optional(self.request)
    }

    fn is_charged_once(&self) -> bool {
        self.request.charged_once
    }

    fn check(&self) -> Result<(), &'static str> {
        anthropic::check(self.request)
    }

    fn body(&self, omit: Omit) -> serde_json::Result<Vec<u8>> {
        anthropic::body_without(self.request, omit)
    }

    async fn attempt(&mut self, body: &[u8], call: &mut Call) -> Result<MessagesAnswer, Fault> {
        let patience = Some(self.http.idle());
        let mut response = self.http.send(PATH, body, self.model(), patience).await?;
        let id = request_id(response.headers());
        let outcome = if is_event_stream(&response) {
            self.stream(&mut response, call).await
        } else {
            Err(self.no_stream(&mut response).await)
        };
        outcome.map_err(|fault| Fault {
            request_id: id,
            ..fault
        })
    }
}

impl Asking<'_> {
    async fn stream(
        &mut self,
        response: &mut Response,
        call: &mut Call,
    ) -> Result<MessagesAnswer, Fault> {
        let mut assembly = Assembly::new(self.http.tariff(&self.request.model));
        let read = self.read(response, &mut assembly, call).await;
        match read {
            Ok(()) => assembly
                .finish()
                .map_err(|kind| self.broken(Fault::lost(kind), true)),
            Err(fault) => Err(self.broken(fault, assembly.is_begun())),
        }
    }

    /// Reads until `message_stop`.
    async fn read(
        &mut self,
        response: &mut Response,
        assembly: &mut Assembly,
        call: &mut Call,
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
                let before = std::mem::replace(&mut call.billed, assembly.billed());
                match applied {
                    Applied::Event(event) => (self.on_event)(event),
                    Applied::Done => return Ok(()),
                }
                if let Some(billed) = call.billed.filter(|_| call.billed != before) {
                    (self.on_event)(StreamEvent::Billed(billed));
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
    async fn no_stream(&mut self, response: &mut Response) -> Fault {
        let body = match self.http.body(response).await {
            Ok(body) => body,
            Err(fault) => return fault,
        };
        let kind = serde_json::from_str(&body)
            .ok()
            .and_then(|value| faults::from_value(Provider::Anthropic, &value, &self.request.model));
        match kind {
            Some(kind) => Fault::free(self.http.redacted(kind)),
            None => Fault::lost(ErrorKind::Malformed {
                what: "it is not an event stream",
            }),
        }
    }
}
