//! The client of the Chat Completions API. Only I/O: the formats are in `wire/chat.rs`.

use http::header;
use reqwest::Response;
use tokio::time::Instant;

use crate::call::{Call, Fault};
use crate::error::{ErrorKind, ModelError, Provider, StreamFault};
use crate::exchange::{self, Answered, Exchange, Submitted};
use crate::http::{BODY_BYTES_MAX, Http, is_event_stream, request_id};
use crate::meter::Meter;
use crate::settings::{Auth, Settings};
use crate::sse::Decoder;
use crate::wire::Omit;
use crate::wire::anthropic::{self, MessagesAnswer, MessagesRequest, StreamEvent};
use crate::wire::chat::{self, Applied, Assembly, Structured, Wrote};
use crate::wire::xai::{ResponsesAnswer, ResponsesRequest};

const PATH: &str = "/chat/completions";
const DEFERRED_PATH: &str = "/chat/deferred-completion/";

/// The status of a deferred completion that is not done yet.
const PENDING: u16 = 202;

/// Asks models behind a Chat Completions server: xAI's own, or one that runs on this machine. It
/// takes the requests of the other two clients and gives their answers.
#[derive(Debug)]
pub struct Chat {
    http: Http,
    structured: Structured,
}

/// What there is of a deferred completion.
#[derive(Debug)]
pub enum Deferred {
    /// It is not done yet.
    Pending,
    /// The answer. It was read now and cannot be read again.
    Done(Box<ResponsesAnswer>),
    /// The service does not know it: it was read before, or is older than a day.
    Gone,
}

impl Chat {
    /// Returns a client whose key goes as a bearer token unless the settings say otherwise;
    /// nothing is sent.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`], terminal.
    pub fn new(settings: Settings, structured: Structured) -> Result<Self, ModelError> {
        let mut http = Http::new(Provider::Chat, settings, Auth::Bearer)?;
        // A compressor on the way would hold events back.
        let identity = http::HeaderValue::from_static("identity");
        http.set_header(header::ACCEPT_ENCODING, identity);
        Ok(Self { http, structured })
    }

    /// Asks the planner or the reviewer, with bounded retries. With an allowance the answer is
    /// streamed and cut off when it is used up.
    ///
    /// Dropping the future closes the connection, which stops the model.
    ///
    /// # Errors
    /// See [`ErrorKind`]; each error tells whether it is transient, and what was spent.
    pub async fn respond(&self, request: &ResponsesRequest) -> Result<ResponsesAnswer, ModelError> {
        let asking = Question {
            http: &self.http,
            request,
            structured: self.structured,
        };
        exchange::make(&self.http, asking).await
    }

    /// Takes a turn of an agent, with bounded retries until its first chunk. Events go to
    /// `on_event` while they come in; what they showed is void when the call fails.
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
        let turn = Turn {
            http: &self.http,
            request,
            on_event,
        };
        exchange::make(&self.http, turn).await
    }

    /// Hands a question in to be answered later, at xAI: the id under which the answer can be
    /// read once, within a day. A request whose answer is lost is not sent again, because it may
    /// have been taken.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub async fn submit(&self, request: &ResponsesRequest) -> Result<String, ModelError> {
        let http = &self.http;
        let submitted = exchange::make(http, Submission { http, request }).await?;
        Ok(submitted.0)
    }

    /// Reads a deferred completion. `requested` is the model that was asked for; it matters for
    /// the price only. It is never sent again after the answer may have been read.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub async fn collect(&self, id: &str, requested: &str) -> Result<Deferred, ModelError> {
        let http = &self.http;
        let collection = Collection {
            http,
            id,
            requested,
        };
        exchange::make(http, collection).await
    }
}

/// Reads one answer into an assembly: a stream, or a whole body, which is returned.
async fn read(
    http: &Http,
    response: &mut Response,
    assembly: &mut Assembly,
    meter: Option<&mut Meter>,
    on_event: &mut (dyn FnMut(Wrote) + Send),
) -> Result<String, Fault> {
    if !is_event_stream(response) {
        let raw = http.body(response).await?;
        assembly.whole(&raw).map_err(Fault::free)?;
        return Ok(raw);
    }
    let mut decoder = Decoder::new();
    let (mut total, mut heard) = (0, Instant::now());
    let mut meter = meter;
    loop {
        let patience = match &meter {
            Some(meter) => Some(meter.patience().ok_or_else(|| spent(meter))?),
            None => None,
        };
        let next = match (patience, &meter) {
            (Some(patience), Some(meter)) => {
                tokio::time::timeout_at(heard + patience, http.chunk(response))
                    .await
                    .map_err(|_| spent(meter))?
            }
            (Some(_) | None, _) => http.chunk(response).await,
        };
        let Some(bytes) = next? else {
            // Some servers close without `[DONE]`.
            return match assembly.is_finished() {
                true => Ok(String::new()),
                false => Err(StreamFault::Ended.into()),
            };
        };
        total += bytes.len();
        if total > BODY_BYTES_MAX {
            return Err(StreamFault::TooLong.into());
        }
        for frame in decoder.push(&bytes)? {
            match assembly.apply(&frame).map_err(Fault::free)? {
                Applied::Done => return Ok(String::new()),
                Applied::Wrote(wrote) => {
                    if let Some(meter) = &mut meter {
                        meter.heard(&wrote.text, heard.elapsed());
                        meter.heard(&wrote.reasoning, std::time::Duration::ZERO);
                        heard = Instant::now();
                    }
                    on_event(wrote);
                }
            }
        }
    }
}

fn spent(meter: &Meter) -> Fault {
    Fault::lost(ErrorKind::AllowanceSpent {
        tokens: meter.allowance(),
    })
}

/// What a broken answer leaves: an answer that has begun was paid for, whatever ended it.
fn broken(http: &Http, fault: Fault, assembly: &Assembly, call: &mut Call) -> Fault {
    call.billed = assembly.billed();
    let begun = assembly.is_begun();
    let in_stream = matches!(
        fault.kind,
        ErrorKind::Stream(_) | ErrorKind::Malformed { .. }
    );
    Fault {
        streamed: fault.streamed || begun,
        lost: fault.lost || ((begun || in_stream) && call.billed.is_none()),
        kind: http.redacted(fault.kind),
        ..fault
    }
}

struct Question<'a> {
    http: &'a Http,
    request: &'a ResponsesRequest,
    structured: Structured,
}

impl Exchange for Question<'_> {
    type Answer = ResponsesAnswer;

    fn model(&self) -> &str {
        &self.request.model
    }

    fn optional(&self) -> Omit {
        chat::question_optional(self.request, self.structured)
    }

    fn is_charged_once(&self) -> bool {
        self.request.output_allowance.is_some()
    }

    fn body(&self, omit: Omit) -> serde_json::Result<Vec<u8>> {
        chat::question_without(self.request, self.structured, omit)
    }

    async fn attempt(&mut self, body: &[u8], call: &mut Call) -> Result<ResponsesAnswer, Fault> {
        let mut meter = self.request.output_allowance.map(Meter::new);
        let begun = Instant::now();
        let patience = meter.as_ref().map(|_| self.http.idle());
        let mut response = self.http.send(PATH, body, self.model(), patience).await?;
        if let Some(meter) = &mut meter {
            meter.heard("", begun.elapsed());
        }
        let id = request_id(response.headers());
        let mut assembly = Assembly::new(self.http.tariff(self.model()));
        let outcome = read(
            self.http,
            &mut response,
            &mut assembly,
            meter.as_mut(),
            &mut |_| {},
        )
        .await;
        match outcome {
            Ok(raw) => Ok(chat::responses_answer(assembly, raw)),
            Err(fault) => Err(Fault {
                request_id: id,
                ..broken(self.http, fault, &assembly, call)
            }),
        }
    }
}

struct Turn<'a> {
    http: &'a Http,
    request: &'a MessagesRequest,
    on_event: &'a mut (dyn FnMut(StreamEvent) + Send),
}

impl Exchange for Turn<'_> {
    type Answer = MessagesAnswer;

    fn model(&self) -> &str {
        &self.request.model
    }

    fn optional(&self) -> Omit {
        chat::turn_optional(self.request)
    }

    fn is_charged_once(&self) -> bool {
        self.request.charged_once
    }

    fn check(&self) -> Result<(), &'static str> {
        anthropic::check(self.request)
    }

    fn body(&self, omit: Omit) -> serde_json::Result<Vec<u8>> {
        chat::turn_without(self.request, omit)
    }

    async fn attempt(&mut self, body: &[u8], call: &mut Call) -> Result<MessagesAnswer, Fault> {
        let (http, model) = (self.http, &self.request.model);
        // A server on this machine reads the whole prompt before its first byte.
        let mut response = http.send(PATH, body, model, None).await?;
        let id = request_id(response.headers());
        let mut assembly = Assembly::new(http.tariff(model));
        let on_event = &mut *self.on_event;
        on_event(StreamEvent::Started {
            model: model.clone(),
        });
        let mut tell = |wrote: Wrote| announce(wrote, on_event);
        let outcome = read(http, &mut response, &mut assembly, None, &mut tell).await;
        let outcome = match outcome {
            Ok(_) => {
                call.billed = assembly.billed();
                return chat::messages_answer(assembly).map_err(Fault::lost);
            }
            Err(fault) => broken(http, fault, &assembly, call),
        };
        Err(Fault {
            request_id: id,
            ..outcome
        })
    }
}

fn announce(wrote: Wrote, on_event: &mut (dyn FnMut(StreamEvent) + Send)) {
    let Wrote {
        text,
        reasoning,
        tools,
        input_bytes: _,
    } = wrote;
    if !text.is_empty() {
        on_event(StreamEvent::Text { delta: text });
    }
    if !reasoning.is_empty() {
        on_event(StreamEvent::Thinking { delta: reasoning });
    }
    for name in tools {
        on_event(StreamEvent::ToolUse { name });
    }
    on_event(StreamEvent::Alive);
}

struct Submission<'a> {
    http: &'a Http,
    request: &'a ResponsesRequest,
}

impl Exchange for Submission<'_> {
    type Answer = Submitted;

    fn model(&self) -> &str {
        &self.request.model
    }

    fn optional(&self) -> Omit {
        chat::question_optional(self.request, Structured::JsonSchema)
    }

    fn body(&self, omit: Omit) -> serde_json::Result<Vec<u8>> {
        chat::deferred_without(self.request, omit)
    }

    async fn attempt(&mut self, body: &[u8], _: &mut Call) -> Result<Submitted, Fault> {
        let patience = Some(self.http.idle());
        let sent = self.http.send(PATH, body, self.model(), patience).await;
        let mut response = sent.map_err(Fault::once)?;
        let raw = self.http.body(&mut response).await.map_err(Fault::once)?;
        let id = chat::deferred_id(&raw).ok_or_else(|| {
            let mut assembly = Assembly::new(self.model());
            let kind = match assembly.whole(&raw) {
                // An answer at once: a server that does not know the field.
                Ok(()) => ErrorKind::Malformed {
                    what: "it has no `request_id`",
                },
                Err(kind) => self.http.redacted(kind),
            };
            Fault::free(kind).once()
        })?;
        Ok(Submitted(id))
    }
}

struct Collection<'a> {
    http: &'a Http,
    id: &'a str,
    requested: &'a str,
}

impl Answered for Deferred {
    fn is_unsettled(&self) -> bool {
        match self {
            Self::Done(answer) => answer.unsettled > 0,
            Self::Pending | Self::Gone => false,
        }
    }

    fn counted(self, _: u32, unsettled: u32) -> Self {
        match self {
            // The question was asked once, however often its answer was looked for.
            Self::Done(answer) => Self::Done(Box::new(answer.counted(1, unsettled))),
            Self::Pending | Self::Gone => self,
        }
    }
}

impl Exchange for Collection<'_> {
    type Answer = Deferred;

    fn model(&self) -> &str {
        self.requested
    }

    fn optional(&self) -> Omit {
        Omit::default()
    }

    fn body(&self, _: Omit) -> serde_json::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    async fn attempt(&mut self, _: &[u8], call: &mut Call) -> Result<Deferred, Fault> {
        let path = format!("{DEFERRED_PATH}{}", self.id);
        let got = self.http.get(&path, self.requested).await;
        let mut response = match got {
            Ok(response) => response,
            Err(fault) if matches!(fault.kind, ErrorKind::NotFound { .. }) => {
                return Ok(Deferred::Gone);
            }
            // It may have been read: the next look then finds it gone.
            Err(fault) => return Err(fault),
        };
        if response.status().as_u16() == PENDING {
            return Ok(Deferred::Pending);
        }
        let mut assembly = Assembly::new(self.http.tariff(self.requested));
        let read = read(self.http, &mut response, &mut assembly, None, &mut |_| {}).await;
        match read {
            Ok(raw) => Ok(Deferred::Done(Box::new(chat::responses_answer(
                assembly, raw,
            )))),
            Err(fault) => Err(broken(self.http, fault, &assembly, call).once()),
        }
    }
}
