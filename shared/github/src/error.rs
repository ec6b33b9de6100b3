//! What can go wrong, and whether trying again can help.

use std::time::Duration;

use crate::object::Sha;

/// The wait after a rate limit that does not say how long; GitHub asks for at least a minute.
const RATE_LIMIT_WAIT: Duration = Duration::from_secs(60);

/// The most files an error names.
const PATHS_NAMED_MAX: usize = 10;

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Try again, by calling the same function with `looked_before` or `repeat` set.
    Transient {
        /// The shortest wait GitHub asks for; `None` leaves it to the caller.
        after: Option<Duration>,
    },
    /// Stop, a person has to do something.
    Terminal,
}

/// A failure of a GitHub operation. Never holds the token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting cannot be used. Terminal.
    #[error("setting `{name}` is not usable: {reason}")]
    Settings {
        /// The field of [`crate::Settings`].
        name: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The name belongs to a repository that does not carry our marker. Terminal for this name.
    #[error("repository `{full_name}` exists and carries another marker")]
    NameTaken {
        /// `owner/name`.
        full_name: String,
    },
    /// 401: the token or the App's key is wrong, expired or revoked. Terminal.
    #[error("GitHub does not accept the token")]
    Unauthorized,
    /// The token is good but may not do this. Terminal.
    #[error("the token may not {operation}: {message}")]
    MissingPermission {
        /// What was attempted.
        operation: &'static str,
        /// What GitHub asks for, in its words: permissions (`,` = all of, `;` = or) or scopes.
        needed: Option<String>,
        /// What to do, for a person.
        message: String,
    },
    /// 404: missing, or not visible to the token. Terminal.
    #[error("could not {operation}: not found, or not visible to the token")]
    NotFound {
        /// What was attempted.
        operation: &'static str,
    },
    /// The organization's rules, or the account's plan, do not allow it. Terminal.
    #[error(
        "`{owner}` does not allow to {operation}: {message}; ask an owner of the organization, or \
         choose another place"
    )]
    Policy {
        /// The organization.
        owner: String,
        /// What was attempted.
        operation: &'static str,
        /// GitHub's words.
        message: String,
    },
    /// The repository can only be read. Terminal.
    #[error(
        "could not {operation}: the repository is archived; unarchive it in its settings on \
         GitHub, or choose another one"
    )]
    Archived {
        /// What was attempted.
        operation: &'static str,
    },
    /// The repository has too many files to be read in one piece. Terminal.
    #[error(
        "could not {operation}: the repository is too large, GitHub lists only a part of its \
         files; choose a smaller one, or a new one"
    )]
    TooLarge {
        /// What was attempted.
        operation: &'static str,
    },
    /// The repository has no commit yet. Terminal.
    #[error(
        "could not {operation}: the repository is empty; add a first file on GitHub, such as a \
         README, and start again"
    )]
    Empty {
        /// What was attempted.
        operation: &'static str,
    },
    /// Somebody changed the same files meanwhile; nothing was published. Terminal.
    #[error("{}", conflict(.branch, .paths))]
    Conflict {
        /// The branch.
        branch: String,
        /// The files that both sides changed, at least one, in order.
        paths: Vec<String>,
    },
    /// The repository has another name now. Transient, to be tried with it.
    #[error("could not {operation}: the repository was renamed")]
    Renamed {
        /// What was attempted.
        operation: &'static str,
    },
    /// A primary or secondary rate limit. Transient.
    #[error("GitHub's rate limit is reached")]
    RateLimited {
        /// How long GitHub asks to wait.
        retry_after: Option<Duration>,
        /// When the limit resets, in Unix seconds.
        reset: Option<i64>,
    },
    /// The branch moved in every round. Transient.
    #[error("branch `{branch}` keeps moving")]
    NotFastForward {
        /// The branch.
        branch: String,
    },
    /// 409, or a new repository that is not visible yet after the bounded wait. Transient.
    #[error("could not {operation}: the repository is not ready")]
    Unavailable {
        /// What was attempted.
        operation: &'static str,
    },
    /// What was asked for is not allowed, by GitHub's rules or by ours before asking. Terminal.
    #[error("could not {operation}: {message}")]
    Validation {
        /// What was attempted.
        operation: &'static str,
        /// The reasons, for a person.
        message: String,
    },
    /// GitHub made an object with another id than computed; nothing was published. Terminal.
    #[error("the {object} has the id `{found}` on GitHub and `{expected}` here")]
    ObjectMismatch {
        /// `tree` or `commit`.
        object: &'static str,
        /// The id computed here.
        expected: Sha,
        /// The id GitHub answered.
        found: Sha,
    },
    /// 5xx on every attempt. Transient.
    #[error("could not {operation}: GitHub answered {status}")]
    Server {
        /// What was attempted.
        operation: &'static str,
        /// The HTTP status.
        status: u16,
    },
    /// No answer on any attempt; a write may or may not have happened. Transient.
    #[error("could not {operation}: no answer")]
    Transport {
        /// What was attempted.
        operation: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A successful answer of another shape than documented. Terminal.
    #[error("could not {operation}: the answer is not understood")]
    Answer {
        /// What was attempted.
        operation: &'static str,
        /// Where it differs.
        #[source]
        source: serde_json::Error,
    },
}

impl Error {
    /// Whether trying the whole operation again can help, and when.
    pub fn retry(&self) -> Retry {
        match self {
            Self::RateLimited { retry_after, .. } => Retry::Transient {
                after: Some(retry_after.unwrap_or(RATE_LIMIT_WAIT)),
            },
            Self::NotFastForward { .. }
            | Self::Unavailable { .. }
            | Self::Renamed { .. }
            | Self::Server { .. }
            | Self::Transport { .. } => Retry::Transient { after: None },
            Self::Settings { .. }
            | Self::NameTaken { .. }
            | Self::Unauthorized
            | Self::MissingPermission { .. }
            | Self::NotFound { .. }
            | Self::Policy { .. }
            | Self::Archived { .. }
            | Self::TooLarge { .. }
            | Self::Empty { .. }
            | Self::Conflict { .. }
            | Self::Validation { .. }
            | Self::ObjectMismatch { .. }
            | Self::Answer { .. } => Retry::Terminal,
        }
    }
}

fn conflict(branch: &str, paths: &[String]) -> String {
    let named: Vec<String> = paths
        .iter()
        .take(PATHS_NAMED_MAX)
        .map(|path| format!("`{path}`"))
        .collect();
    let rest = match paths.len().saturating_sub(PATHS_NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "branch `{branch}` has other changes of {}{rest}, which were not overwritten; take them \
         back on GitHub or move them to another branch and publish again, or start a new task \
         from how the branch is now",
        named.join(", ")
    )
}
