//! The client of the xAI Responses API. Only I/O: the formats are in `wire/xai.rs`.

use http::header;
use serde_json::Value;

use crate::call::{Call, Fault};
use crate::error::{ErrorKind, ModelError, Provider};
use crate::http::{Http, checked_body, request_id};
use crate::settings::Settings;
use crate::wire::xai::{self, ResponsesAnswer, ResponsesRequest};

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
        let authorization = (header::AUTHORIZATION, "Bearer ");
        let http = Http::new(Provider::Xai, settings, "/responses", authorization)?;
        Ok(Self { http })
    }

    /// Asks for one answer, with bounded retries. The answer is not streamed: with a high effort
    /// minutes pass before its first byte, limited by the total time-out only.
    ///
    /// Dropping the future closes the connection.
    ///
    /// # Errors
    /// See [`ErrorKind`]; each error tells whether it is transient, and what was spent.
    pub async fn respond(&self, request: &ResponsesRequest) -> Result<ResponsesAnswer, ModelError> {
        let mut call = self.http.begin_call();
        let deadline = call.deadline();
        match tokio::time::timeout_at(deadline, self.run(request, &mut call)).await {
            Ok(Ok(answer)) => Ok(ResponsesAnswer {
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
        request: &ResponsesRequest,
        call: &mut Call,
    ) -> Result<ResponsesAnswer, Fault> {
        let mut body = checked_body(xai::request_body(request))?;
        let mut may_drop_effort = request.effort.is_some();
        loop {
            call.begin_attempt();
            match self.attempt(&body, &request.model, call).await {
                Ok(answer) => {
                    call.end_attempt(answer.unsettled > 0);
                    return Ok(answer);
                }
                Err(fault) => {
                    call.end_attempt(fault.lost);
                    if may_drop_effort && fault.rejects_effort() {
                        may_drop_effort = false;
                        tracing::warn!(model = request.model, "model takes no effort: left out");
                        body = checked_body(xai::request_body(&ResponsesRequest {
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
    ) -> Result<ResponsesAnswer, Fault> {
        let mut response = self.http.send(body, model, None).await?;
        let id = request_id(response.headers());
        let raw = self.http.body(&mut response).await?;
        let value: Option<Value> = serde_json::from_str(&raw).ok();
        xai::answer(raw, model).map_err(|kind| {
            let (billed, reported) = value
                .map(|value| xai::billed(&value, model))
                .unwrap_or_default();
            call.billed = reported.then_some(billed);
            let malformed = matches!(kind, ErrorKind::Malformed { .. });
            Fault {
                request_id: id,
                lost: malformed && !reported,
                ..Fault::free(self.http.redacted(kind))
            }
        })
    }
}
