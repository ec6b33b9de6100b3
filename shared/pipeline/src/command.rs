//! What an owner wants of a task after its brief, and when that can be had.

use serde::{Deserialize, Serialize};

use crate::advance::advance;
use crate::facts::Facts;
use crate::limits::{COMMANDS_MAX, COMMENT_CHARS_MAX};
use crate::stage::Status;

/// A command of the owner. Once accepted it is a fact like any result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// The plan is good: start.
    Approve {},
    /// Make another plan, with this in mind.
    Revise {
        /// 1 to [`COMMENT_CHARS_MAX`] characters.
        comment: String,
    },
    /// Start nothing more until `resume`; who is at work stops after its turn.
    Pause {},
    /// Go on.
    Resume {},
    /// Stop for good.
    Cancel {},
    /// Do again what failed, and keep what succeeded.
    Retry {},
}

/// Why a command is not accepted. Nothing changes; the same command may be accepted later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// For programs.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl Command {
    /// Reads a command from a request's body.
    ///
    /// # Errors
    /// `invalid_command`, with the rule that is broken.
    pub fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let invalid = |message: String| Refusal {
            code: "invalid_command",
            message,
        };
        let command: Self = serde_json::from_slice(body).map_err(|cause| {
            invalid(format!(
                "The body must be {{\"command\": \"approve|revise|pause|resume|cancel|retry\"}}, for revise with a `comment`: {cause}."
            ))
        })?;
        if let Self::Revise { comment } = &command {
            let chars = comment.chars().count();
            if comment.trim().is_empty() || chars > COMMENT_CHARS_MAX {
                return Err(invalid(format!(
                    "`comment` has {chars} characters; it must have 1 to {COMMENT_CHARS_MAX}, and not only blanks."
                )));
            }
        }
        Ok(command)
    }

    /// Its word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Approve {} => "approve",
            Self::Revise { .. } => "revise",
            Self::Pause {} => "pause",
            Self::Resume {} => "resume",
            Self::Cancel {} => "cancel",
            Self::Retry {} => "retry",
        }
    }

    /// Whether a task with these facts takes the command.
    ///
    /// # Errors
    /// `not_now` and what the task does instead, or `too_many_commands`.
    pub fn check(&self, facts: &Facts) -> Result<(), Refusal> {
        if facts.commands().count() >= COMMANDS_MAX {
            return Err(Refusal {
                code: "too_many_commands",
                message: format!("A task takes {COMMANDS_MAX} commands. Start a new one."),
            });
        }
        let status = advance(facts, None).projection.status;
        let fits = match self {
            Self::Approve {} | Self::Revise { .. } => status == Status::AwaitingApproval,
            Self::Pause {} => !status.is_final() && status != Status::Paused,
            Self::Resume {} => status == Status::Paused,
            Self::Cancel {} => !status.is_final(),
            Self::Retry {} => status == Status::Failed,
        };
        if fits {
            return Ok(());
        }
        let (word, status) = (self.as_str(), status.as_str());
        Err(Refusal {
            code: "not_now",
            message: format!("`{word}` does not fit: the task is `{status}`."),
        })
    }
}
