//! One call, as every client makes it: attempts until one answers, within the total time.

use std::future::Future;

use crate::call::{Call, Fault};
use crate::error::{ErrorKind, ModelError};
use crate::http::{Http, checked_body};
use crate::wire::Omit;

/// What one call asks and how an attempt of it is read.
pub(crate) trait Exchange: Send {
    /// What a call gives.
    type Answer: Answered + Send;

    /// The model that is asked.
    fn model(&self) -> &str;

    /// The optional parameters that the request holds.
    fn optional(&self) -> Omit;

    /// Whether the caller pays for one attempt and no more: none follows one that may have been
    /// billed.
    fn is_charged_once(&self) -> bool {
        false
    }

    /// Says what would be refused about the request before it costs one.
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }

    /// The request without what `omit` names.
    fn body(&self, omit: Omit) -> serde_json::Result<Vec<u8>>;

    /// Sends the request once.
    fn attempt(
        &mut self,
        body: &[u8],
        call: &mut Call,
    ) -> impl Future<Output = Result<Self::Answer, Fault>> + Send;
}

/// An answer that says what was sent for it.
pub(crate) trait Answered {
    /// Whether the provider has not reported its whole usage.
    fn is_unsettled(&self) -> bool;

    /// The answer with the counts of its call.
    fn counted(self, attempts: u32, unsettled: u32) -> Self;
}

/// The id under which a request was taken, to be answered later.
pub(crate) struct Submitted(pub(crate) String);

impl Answered for Submitted {
    fn is_unsettled(&self) -> bool {
        false
    }

    fn counted(self, _: u32, _: u32) -> Self {
        self
    }
}

/// Makes a call.
pub(crate) async fn make<E: Exchange>(
    http: &Http,
    mut exchange: E,
) -> Result<E::Answer, ModelError> {
    let mut call = http.begin_call();
    let deadline = call.deadline();
    match tokio::time::timeout_at(deadline, attempts(&mut exchange, &mut call)).await {
        Ok(Ok(answer)) => Ok(answer.counted(call.attempts(), call.unsettled())),
        Ok(Err(fault)) => Err(call.fail(fault)),
        Err(_) => Err(call.run_out()),
    }
}

async fn attempts<E: Exchange>(exchange: &mut E, call: &mut Call) -> Result<E::Answer, Fault> {
    exchange.check().map_err(|what| {
        Fault::free(ErrorKind::InvalidRequest {
            message: what.to_owned(),
        })
    })?;
    let mut omitted = Omit::default();
    let mut body = checked_body(exchange.body(omitted))?;
    loop {
        call.begin_attempt();
        let fault = match exchange.attempt(&body, call).await {
            Ok(answer) => {
                call.end_attempt(answer.is_unsettled());
                return Ok(answer);
            }
            Err(fault) => fault,
        };
        call.end_attempt(fault.lost);
        if fault.lost && exchange.is_charged_once() {
            return Err(fault);
        }
        let rejected = Omit::named_in(&fault.kind).and(exchange.optional());
        if omitted.is_empty() && !rejected.is_empty() {
            omitted = rejected;
            tracing::warn!(
                model = exchange.model(),
                parameters = %omitted,
                "the model refuses parameters: asked once more without them"
            );
            body = checked_body(exchange.body(omitted))?;
        } else {
            call.pause(fault).await?;
        }
    }
}
