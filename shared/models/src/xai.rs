//! The client of the xAI Responses API. Only I/O: the formats are in `wire/xai.rs`.

use reqwest::Response;
use serde_json::Value;
use tokio::time::Instant;

use crate::call::{Call, Fault};
use crate::error::{ErrorKind, ModelError, Provider, StreamFault};
use crate::exchange::{self, Answered, Exchange};
use crate::http::{BODY_BYTES_MAX, Http, is_event_stream, request_id};
use crate::meter::Meter;
use crate::settings::{Auth, Settings};
use crate::sse::{Decoder, Frame};
use crate::wire::Omit;
use crate::wire::xai::{self, Applied, Reading, ResponsesAnswer, ResponsesRequest};

const PATH: &str = "/responses";

/// Asks models of xAI. Clones of the settings share nothing; one client serves many calls at
/// once.
#[derive(Debug)]
pub struct Xai {
    http: Http,
}

impl Xai {
    /// Returns a client; nothing is sent.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`], terminal.
    pub fn new(settings: Settings) -> Result<Self, ModelError> {
        let http = Http::new(Provider::Xai, settings, Auth::Bearer)?;
        Ok(Self { http })
    }

    /// Asks for one answer, with bounded retries. Without an allowance the answer is not
    /// streamed: with a high effort minutes pass before its first byte, limited by the total
    /// time-out only.
    ///
    /// Dropping the future closes the connection.
    ///
    /// # Errors
    /// See [`ErrorKind`]; each error tells whether it is transient, and what was spent.
    pub async fn respond(&self, request: &ResponsesRequest) -> Result<ResponsesAnswer, ModelError> {
        let http = &self.http;
        exchange::make(http, Asking { http, request }).await
    }
}

struct Asking<'a> {
    http: &'a Http,
    request: &'a ResponsesRequest,
}

impl Answered for ResponsesAnswer {
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
    type Answer = ResponsesAnswer;

    fn model(&self) -> &str {
        &self.request.model
    }

    fn optional(&self) -> Omit {
        xai::optional(self.request)
    }

    fn is_charged_once(&self) -> bool {
        self.request.output_allowance.is_some()
    }

    fn body(&self, omit: Omit) -> serde_json::Result<Vec<u8>> {
        xai::body_without(self.request, omit)
    }

    async fn attempt(&mut self, body: &[u8], call: &mut Call) -> Result<ResponsesAnswer, Fault> {
        let mut meter = self.request.output_allowance.map(Meter::new);
        let begun = Instant::now();
        // A stream begins at once; what is not streamed, when it is whole.
        let patience = meter.as_ref().map(|_| self.http.idle());
        let sent = self.http.send(PATH, body, self.model(), patience).await;
        let mut response = sent?;
        let id = request_id(response.headers());
        let outcome = match &mut meter {
            Some(meter) if is_event_stream(&response) => {
                meter.heard("", begun.elapsed());
                self.stream(&mut response, meter, call).await
            }
            Some(_) | None => match self.http.body(&mut response).await {
                Ok(raw) => self.read(raw, call),
                Err(fault) => Err(fault),
            },
        };
        outcome.map_err(|fault| Fault {
            request_id: id,
            ..fault
        })
    }
}

impl Asking<'_> {
    fn read(&self, raw: String, call: &mut Call) -> Result<ResponsesAnswer, Fault> {
        let value: Option<Value> = serde_json::from_str(&raw).ok();
        let tariff = self.http.tariff(self.model());
        xai::answer(raw, tariff).map_err(|kind| {
            let (billed, reported) = value
                .map(|value| xai::billed(&value, &tariff))
                .unwrap_or_default();
            call.billed = reported.then_some(billed);
            let malformed = matches!(kind, ErrorKind::Malformed { .. });
            Fault {
                lost: malformed && !reported,
                ..Fault::free(self.http.redacted(kind))
            }
        })
    }

    /// Reads events until the response is complete or has passed its allowance.
    async fn stream(
        &self,
        response: &mut Response,
        meter: &mut Meter,
        call: &mut Call,
    ) -> Result<ResponsesAnswer, Fault> {
        let mut reading = Reading::default();
        let mut decoder = Decoder::new();
        let (mut total, mut heard) = (0, Instant::now());
        loop {
            let Some(patience) = meter.patience() else {
                return Err(spent(meter));
            };
            let next = tokio::time::timeout_at(heard + patience, self.http.chunk(response)).await;
            let Ok(next) = next else {
                return Err(spent(meter));
            };
            let Some(bytes) = next.map_err(|fault| broken(fault, &reading))? else {
                return Err(broken(StreamFault::Ended.into(), &reading));
            };
            total += bytes.len();
            if total > BODY_BYTES_MAX {
                return Err(StreamFault::TooLong.into());
            }
            for frame in decoder.push(&bytes)? {
                if let Some(raw) = self.apply(&frame, &mut reading, meter, &mut heard)? {
                    return self.read(raw, call);
                }
            }
        }
    }

    /// Returns the body of the response when the event completes it. A ping says nothing about
    /// what the model writes.
    fn apply(
        &self,
        frame: &Frame,
        reading: &mut Reading,
        meter: &mut Meter,
        heard: &mut Instant,
    ) -> Result<Option<String>, Fault> {
        let applied = reading
            .apply(frame, self.model())
            .map_err(|kind| broken(Fault::free(self.http.redacted(kind)), reading))?;
        match applied {
            Applied::Done(raw) => Ok(Some(raw)),
            Applied::Wrote(text) if text.is_empty() => Ok(None),
            Applied::Wrote(text) => {
                meter.heard(&text, heard.elapsed());
                *heard = Instant::now();
                Ok(None)
            }
        }
    }
}

fn spent(meter: &Meter) -> Fault {
    Fault {
        streamed: true,
        ..Fault::lost(ErrorKind::AllowanceSpent {
            tokens: meter.allowance(),
        })
    }
}

/// An answer that has begun was paid for, whatever ended it.
fn broken(fault: Fault, reading: &Reading) -> Fault {
    let in_stream = matches!(fault.kind, ErrorKind::Stream(_));
    Fault {
        streamed: fault.streamed || reading.is_begun(),
        lost: fault.lost || reading.is_begun() || in_stream,
        ..fault
    }
}
