//! One call and its attempts: what was sent, what it cost, and how it failed.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{ErrorKind, Inner, ModelError, Provider, StreamFault, Wait};
use crate::retry::{self, Failed, Hint};
use crate::usage::Billed;

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: ErrorKind,
    pub(crate) hint: Hint,
    pub(crate) request_id: Option<String>,
    pub(crate) source: Option<reqwest::Error>,
    /// Something of the answer was handed on.
    pub(crate) streamed: bool,
    /// The provider may bill it, and has not reported its whole usage.
    pub(crate) lost: bool,
}

impl Fault {
    /// A fault that cost nothing.
    pub(crate) fn free(kind: ErrorKind) -> Self {
        Self {
            kind,
            hint: Hint::default(),
            request_id: None,
            source: None,
            streamed: false,
            lost: false,
        }
    }

    /// A fault after the whole request may have reached the provider.
    pub(crate) fn lost(kind: ErrorKind) -> Self {
        Self {
            lost: true,
            ..Self::free(kind)
        }
    }

    /// The same where what may have arrived is not sent again: it counts as paid.
    pub(crate) fn once(self) -> Self {
        Self {
            streamed: self.streamed || self.lost,
            ..self
        }
    }

    /// A failure below HTTP. Its text holds no URL.
    pub(crate) fn transport(error: reqwest::Error) -> Self {
        let kind = match (error.is_connect(), error.is_timeout()) {
            (true, true) => ErrorKind::Timeout {
                waited: Wait::Connect,
            },
            (true, false) | (false, false) => ErrorKind::Transport,
            (false, true) => ErrorKind::Timeout { waited: Wait::Idle },
        };
        Self {
            lost: !error.is_connect(),
            source: Some(error.without_url()),
            ..Self::free(kind)
        }
    }
}

impl From<StreamFault> for Fault {
    fn from(fault: StreamFault) -> Self {
        Self::lost(ErrorKind::Stream(fault))
    }
}

/// Counts the attempts of a call. It lives outside the call's future, so that a call which is cut
/// off by the total time-out still knows what it cost.
#[derive(Debug)]
pub(crate) struct Call {
    provider: Provider,
    deadline: Instant,
    retries: u32,
    retries_max: u32,
    attempts: u32,
    unsettled: u32,
    in_flight: bool,
    /// What the current attempt has reported so far.
    pub(crate) billed: Option<Billed>,
}

impl Call {
    pub(crate) fn new(provider: Provider, total: Duration, retries_max: u32) -> Self {
        Self {
            provider,
            deadline: Instant::now() + total,
            retries: 0,
            retries_max,
            attempts: 0,
            unsettled: 0,
            in_flight: false,
            billed: None,
        }
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(crate) fn unsettled(&self) -> u32 {
        self.unsettled
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(crate) fn begin_attempt(&mut self) {
        self.attempts += 1;
        self.in_flight = true;
        self.billed = None;
    }

    pub(crate) fn end_attempt(&mut self, lost: bool) {
        self.in_flight = false;
        self.unsettled += u32::from(lost);
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// Returns the fault when there should be none.
    pub(crate) async fn pause(&mut self, fault: Fault) -> Result<(), Fault> {
        let failed = Failed {
            provider: self.provider,
            kind: &fault.kind,
            hint: fault.hint,
            streamed: fault.streamed || self.billed.is_some(),
            retries: self.retries,
            retries_max: self.retries_max,
        };
        let Some(pause) = retry::pause(&failed, jitter()) else {
            return Err(fault);
        };
        if Instant::now() + pause >= self.deadline {
            return Err(fault);
        }
        tracing::warn!(
            provider = %self.provider,
            attempt = self.attempts,
            kind = %fault.kind,
            pause_ms = pause.as_millis(),
            request_id = fault.request_id,
            "model call is repeated"
        );
        self.retries += 1;
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Makes the error of a call that failed for good.
    pub(crate) fn fail(self, fault: Fault) -> ModelError {
        ModelError::from(Inner {
            provider: self.provider,
            kind: fault.kind,
            hint: fault.hint,
            attempts: self.attempts,
            unsettled: self.unsettled,
            billed: self.billed,
            request_id: fault.request_id,
            source: fault.source,
        })
    }

    /// Makes the error of a call that ran out of time.
    pub(crate) fn run_out(mut self) -> ModelError {
        if self.in_flight {
            self.end_attempt(true);
        }
        self.fail(Fault::free(ErrorKind::Timeout {
            waited: Wait::Total,
        }))
    }
}

/// Without randomness the pause is not shortened.
fn jitter() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}
