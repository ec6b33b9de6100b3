//! What can go wrong, and whether trying again can help.

use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

use crate::error_type::ErrorType;
use crate::kind::Kind;

/// Longest server message kept, in characters.
const MESSAGE_CHARS_MAX: usize = 500;

/// Whether the same call can succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Try again, not before `after` where the server named a time.
    Transient {
        /// The wait that the server asked for, from now.
        after: Option<Duration>,
    },
    /// The same request will get the same answer. A conflict is terminal too: it needs a fresh
    /// read before it is worth another request.
    Terminal,
}

/// What a call was doing, for messages: "`rows.create` of `orchestrator/tasks/t_91`".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The kind of request.
    pub kind: Kind,
    /// The ids of the object, separated by `/`.
    pub object: String,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of `{}`", self.kind, self.object)
    }
}

/// The server's own words for a refusal, at most 500 characters, with the credential blanked out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    message: String,
}

impl Refusal {
    pub(crate) fn new(message: &str) -> Self {
        Self {
            message: message.chars().take(MESSAGE_CHARS_MAX).collect(),
        }
    }
}

/// An error of this client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings make no client. Terminal.
    #[error("invalid appwrite settings: {reason}")]
    Settings {
        /// What is wrong with which setting.
        reason: &'static str,
    },
    /// An argument was refused before anything was sent. Terminal.
    #[error("{operation} was not sent: {reason}")]
    Argument {
        /// What was asked for.
        operation: Operation,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The deadline of the client passed before the request could leave. Transient.
    #[error("{operation} was not sent: the deadline has passed")]
    Deadline {
        /// What was asked for.
        operation: Operation,
    },
    /// No usable answer came back. Transient, except for addresses and certificates that are wrong.
    #[error("{operation} got no answer")]
    Transport {
        /// What was asked for.
        operation: Operation,
        /// True if the server may have read the request, so that it may have acted on it.
        sent: bool,
        /// What broke.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The server answered with an error. Transient for 429, 5xx and most 408.
    #[error("{operation} was refused: {status}{}", kind_suffix(kind.as_ref()))]
    Refused {
        /// What was asked for.
        operation: Operation,
        /// The HTTP status.
        status: u16,
        /// Appwrite's name for the error; `None` for an HTML page or an empty body.
        kind: Option<ErrorType>,
        /// The wait that the server asked for.
        after: Option<Duration>,
        /// The server's message.
        #[source]
        source: Refusal,
    },
    /// The server said yes in a shape that this client does not know. Terminal.
    #[error("{operation} got an answer of an unknown shape")]
    Shape {
        /// What was asked for.
        operation: Operation,
        /// What did not fit.
        #[source]
        source: serde_json::Error,
    },
    /// A session was made but its answer carried no token. Terminal.
    #[error("{operation} got an answer without a session token")]
    MissingToken {
        /// What was asked for.
        operation: Operation,
    },
    /// The object exists with other content: someone else made it. Terminal.
    ///
    /// Only after a lost answer; a create that is refused at once is [`Error::Refused`].
    #[error("{operation} found the id taken by different content")]
    Conflict {
        /// What was asked for.
        operation: Operation,
    },
    /// The answer was lost and the server may have acted. Transient, but look before repeating:
    /// list the deployments or executions, or read the row, first.
    #[error("{operation} has an unknown outcome")]
    OutcomeUnknown {
        /// What was asked for.
        operation: Operation,
        /// How the answer, or the look-up after it, was lost.
        #[source]
        source: Box<Self>,
    },
}

fn kind_suffix(kind: Option<&ErrorType>) -> String {
    kind.map(|kind| format!(" `{kind}`")).unwrap_or_default()
}

impl Error {
    /// Says whether the same call can succeed later.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Settings { .. }
            | Self::Argument { .. }
            | Self::Shape { .. }
            | Self::MissingToken { .. }
            | Self::Conflict { .. } => Retry::Terminal,
            Self::Deadline { .. } | Self::OutcomeUnknown { .. } => Retry::Transient { after: None },
            Self::Transport { source, .. } if is_permanent(source) => Retry::Terminal,
            Self::Transport { .. } => Retry::Transient { after: None },
            Self::Refused {
                status,
                kind,
                after,
                ..
            } => match status {
                429 => Retry::Transient { after: *after },
                408 if *kind == Some(ErrorType::FunctionSynchronousTimeout) => Retry::Terminal,
                408 | 500.. => Retry::Transient { after: *after },
                _ => Retry::Terminal,
            },
        }
    }

    /// Appwrite's name for the error, where the server gave one.
    pub fn kind(&self) -> Option<&ErrorType> {
        match self {
            Self::Refused { kind, .. } => kind.as_ref(),
            Self::OutcomeUnknown { source, .. } => source.kind(),
            Self::Settings { .. }
            | Self::Argument { .. }
            | Self::Deadline { .. }
            | Self::Transport { .. }
            | Self::Shape { .. }
            | Self::MissingToken { .. }
            | Self::Conflict { .. } => None,
        }
    }

    /// The HTTP status of the answer, where there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::OutcomeUnknown { source, .. } => source.status(),
            Self::Settings { .. }
            | Self::Argument { .. }
            | Self::Deadline { .. }
            | Self::Transport { .. }
            | Self::Shape { .. }
            | Self::MissingToken { .. }
            | Self::Conflict { .. } => None,
        }
    }

    /// Says whether the server may have acted although no answer says so.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Self::Transport { sent, .. } => *sent,
            Self::Refused { status, .. } => {
                (*status == 408 || *status >= 500) && self.retry() != Retry::Terminal
            }
            Self::Settings { .. }
            | Self::Argument { .. }
            | Self::Deadline { .. }
            | Self::Shape { .. }
            | Self::MissingToken { .. }
            | Self::Conflict { .. }
            | Self::OutcomeUnknown { .. } => false,
        }
    }

    pub(crate) fn into_unknown(self, operation: &Operation) -> Self {
        Self::OutcomeUnknown {
            operation: operation.clone(),
            source: Box::new(self),
        }
    }
}

/// Errors that no later attempt can cure.
fn is_permanent(error: &ureq::Error) -> bool {
    matches!(
        error,
        ureq::Error::Http(_)
            | ureq::Error::BadUri(_)
            | ureq::Error::Tls(_)
            | ureq::Error::TlsRequired
            | ureq::Error::BodyExceedsLimit(_)
            | ureq::Error::InvalidMimeType(_)
    ) || is_bad_certificate(error)
}

/// A certificate is refused in the handshake, where it surfaces inside of an I/O error.
fn is_bad_certificate(error: &ureq::Error) -> bool {
    let inner = if let ureq::Error::Io(error) = error {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    } else if let ureq::Error::Rustls(error) = error {
        Some(error)
    } else {
        None
    };
    matches!(inner, Some(rustls::Error::InvalidCertificate(_)))
}

/// Says whether the request can have reached the server before this error.
pub(crate) fn may_have_been_sent(error: &ureq::Error) -> bool {
    if let ureq::Error::Io(error) = error
        && matches!(
            error.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::AddrNotAvailable
        )
    {
        return false;
    }
    let is_unsent = matches!(
        error,
        ureq::Error::Http(_)
            | ureq::Error::BadUri(_)
            | ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::Tls(_)
            | ureq::Error::TlsRequired
            | ureq::Error::InvalidMimeType(_)
            | ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect)
    );
    !is_unsent && !is_bad_certificate(error)
}
