//! What can go wrong in a model call, and whether another attempt can help.

use std::fmt;
use std::time::Duration;

use crate::prices::MicroUsd;
use crate::retry::Hint;
use crate::usage::{Billed, Usage};

/// Which API was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// xAI, the Responses API.
    Xai,
    /// Anthropic, the Messages API.
    Anthropic,
    /// A server of the Chat Completions API.
    Chat,
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Xai => "xai",
            Self::Anthropic => "anthropic",
            Self::Chat => "chat",
        })
    }
}

/// Whether the same call may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Another attempt can succeed.
    Transient {
        /// The provider asked to wait this long; `None` leaves the pause to the caller.
        after: Option<Duration>,
    },
    /// The same call fails again: stop and tell the user.
    Terminal,
}

/// What was waited for when the time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The connection.
    Connect,
    /// The next byte ([`Settings::idle_timeout`](crate::Settings)).
    Idle,
    /// The whole call with its retries ([`Settings::total_timeout`](crate::Settings)).
    Total,
    /// The provider gave up itself (408, 504).
    Provider,
}

/// How an event stream broke after it had begun with status 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamFault {
    /// It ended without its last event: the turn is incomplete and must be discarded.
    Ended,
    /// The provider sent an `error` event that another attempt may get past.
    ErrorEvent {
        /// Its `error.type`, such as `overloaded_error`; letters and underscores only.
        error_type: String,
    },
    /// A line or an event passed [`LINE_BYTES_MAX`](crate::sse::LINE_BYTES_MAX).
    LineTooLong,
    /// The stream passed 32 MiB.
    TooLong,
    /// An event did not have its documented shape.
    Malformed {
        /// What was wrong with it.
        what: &'static str,
    },
}

impl fmt::Display for StreamFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("ended before its last event"),
            Self::ErrorEvent { error_type } => write!(f, "error event `{error_type}`"),
            Self::LineTooLong => f.write_str("a line is too long"),
            Self::TooLong => f.write_str("too long"),
            Self::Malformed { what } => f.write_str(what),
        }
    }
}

/// What went wrong.
///
/// Each kind says whether it is transient. Texts from the provider are cut to 300 characters and
/// stripped of everything that looks like a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// The client was configured wrongly: base URL, key or version. Terminal.
    #[error("settings are wrong: {what}")]
    Settings {
        /// Which setting, and why.
        what: &'static str,
    },
    /// The provider refused the request as such (400, 422, and other 4xx). Terminal.
    #[error("request was refused: {message}")]
    InvalidRequest {
        /// The provider's words.
        message: String,
    },
    /// The key is wrong: 401, or xAI's 400 with the text of a wrong key. Terminal.
    #[error("the API key was refused")]
    InvalidKey,
    /// The key may not do this (403). Terminal.
    #[error("the API key has no permission for this call")]
    Permission,
    /// The model, or the path, does not exist (404). Terminal.
    #[error("model `{model}` was not found")]
    NotFound {
        /// The id that was asked for.
        model: String,
    },
    /// The prompt or the request is too large (413, or 400 with such a text). Terminal.
    #[error("the request is too large")]
    TooLarge,
    /// Too many requests or tokens (429). Transient.
    #[error("rate limited")]
    RateLimited {
        /// How long the provider asked to wait, if it said so.
        retry_after: Option<Duration>,
    },
    /// Credits are used up or a spending limit was reached (400, 402, 429). Terminal.
    #[error("the credits are used up or a spending limit was reached")]
    SpendLimit,
    /// The provider is overloaded (529). Transient.
    #[error("the provider is overloaded")]
    Overloaded,
    /// The provider failed (5xx, 409). Transient.
    #[error("the provider failed with status {status}")]
    Server {
        /// The HTTP status; 500 where an answer with status 200 held the error.
        status: u16,
    },
    /// Nothing came in time. Transient.
    #[error("timed out ({waited})")]
    Timeout {
        /// What was waited for.
        waited: Wait,
    },
    /// The connection failed. Transient.
    #[error("the connection failed")]
    Transport,
    /// The event stream broke: the turn must be discarded and asked for again. Transient.
    #[error("the event stream broke: {0}")]
    Stream(StreamFault),
    /// The answer was cut off because it passed its allowance of output tokens
    /// ([`ResponsesRequest::output_allowance`](crate::ResponsesRequest)). Terminal: settle it at
    /// the whole allowance.
    #[error("the answer passed its allowance of {tokens} output tokens and was cut off")]
    AllowanceSpent {
        /// The allowance.
        tokens: u64,
    },
    /// An answer with status 200 did not have its documented shape. Transient.
    #[error("the answer is malformed: {what}")]
    Malformed {
        /// What was wrong with it.
        what: &'static str,
    },
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Idle => "idle",
            Self::Total => "in all",
            Self::Provider => "at the provider",
        })
    }
}

impl ErrorKind {
    /// Whether another attempt of the same call can succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::Overloaded
            | Self::Server { .. }
            | Self::Timeout { .. }
            | Self::Transport
            | Self::Stream(_)
            | Self::Malformed { .. } => true,
            Self::Settings { .. }
            | Self::InvalidRequest { .. }
            | Self::InvalidKey
            | Self::Permission
            | Self::NotFound { .. }
            | Self::TooLarge
            | Self::AllowanceSpent { .. }
            | Self::SpendLimit => false,
        }
    }
}

/// A model call that gave no answer.
///
/// Invariant: neither `Display` nor `Debug` shows the key or a body.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ModelError {
    inner: Box<Inner>,
}

#[derive(Debug, thiserror::Error)]
#[error("{provider} call failed: {kind}")]
pub(crate) struct Inner {
    pub(crate) provider: Provider,
    pub(crate) kind: ErrorKind,
    pub(crate) hint: Hint,
    pub(crate) attempts: u32,
    pub(crate) unsettled: u32,
    pub(crate) billed: Option<Billed>,
    pub(crate) request_id: Option<String>,
    pub(crate) source: Option<reqwest::Error>,
}

impl From<Inner> for ModelError {
    fn from(inner: Inner) -> Self {
        Self {
            inner: Box::new(inner),
        }
    }
}

impl ModelError {
    /// An error from before the first attempt.
    pub(crate) fn unsent(provider: Provider, kind: ErrorKind) -> Self {
        Self::from(Inner {
            provider,
            kind,
            hint: Hint::default(),
            attempts: 0,
            unsettled: 0,
            billed: None,
            request_id: None,
            source: None,
        })
    }

    /// The error of a request that was answered in a batch: it was sent once and is not billed.
    pub(crate) fn of_batch(kind: ErrorKind) -> Self {
        Self::from(Inner {
            attempts: 1,
            ..Self::unsent(Provider::Anthropic, kind).into_inner()
        })
    }

    fn into_inner(self) -> Inner {
        *self.inner
    }

    /// Returns what went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.inner.kind
    }

    /// Returns which API was called.
    pub fn provider(&self) -> Provider {
        self.inner.provider
    }

    /// Returns whether the call may be made again. A provider's `x-should-retry: false` makes a
    /// transient kind terminal.
    pub fn retry(&self) -> Retry {
        if !self.inner.kind.is_transient() || self.inner.hint.should_retry == Some(false) {
            return Retry::Terminal;
        }
        Retry::Transient {
            after: self.inner.hint.after,
        }
    }

    /// Returns how many requests were sent for this call, 0 when it failed before the first.
    pub fn attempts(&self) -> u32 {
        self.inner.attempts
    }

    /// Returns how many of the attempts may have been billed without reporting their whole usage:
    /// settle each of them at its full reservation.
    pub fn unsettled(&self) -> u32 {
        self.inner.unsettled
    }

    /// Returns the usage that the last attempt reported before it failed.
    pub fn usage(&self) -> Option<&Usage> {
        self.inner.billed.as_ref().map(|billed| &billed.usage)
    }

    /// Returns the cost of [`usage`](Self::usage).
    pub fn cost(&self) -> Option<MicroUsd> {
        self.inner.billed.as_ref().map(|billed| billed.cost)
    }

    /// Returns the provider's id of the last request, to quote to its support.
    pub fn request_id(&self) -> Option<&str> {
        self.inner.request_id.as_deref()
    }
}
