//! What an owner wants of a task after its brief, and when that can be had.

use serde::{Deserialize, Serialize};

use crate::advance::advance;
use crate::facts::Facts;
use crate::limits::{BUDGET_USD_MAX, COMMANDS_MAX, COMMENT_CHARS_MAX};
use crate::messages;
use crate::money;
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
    /// Spend up to this much in all, where less was allowed.
    Budget {
        /// Millionths of a US dollar; `budgetUsd` in the request.
        #[serde(rename = "budgetUsd", with = "crate::money")]
        micro_usd: u64,
    },
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
                "The body must be {{\"command\": \"approve|revise|pause|resume|cancel|retry|budget\"}}, for revise with a `comment`, for budget with a `budgetUsd`: {cause}."
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
        if let Self::Budget { micro_usd } = command
            && !(1..=money::micro(BUDGET_USD_MAX)).contains(&micro_usd)
        {
            return Err(invalid(format!(
                "`budgetUsd` must be a number above 0, at most {BUDGET_USD_MAX}."
            )));
        }
        Ok(command)
    }

    /// Whether a task whose budget is `limit` takes the command.
    ///
    /// # Errors
    /// `no_budget` or `not_more`, for the command `budget`.
    pub fn check_budget(&self, limit: Option<u64>) -> Result<(), Refusal> {
        let Self::Budget { micro_usd } = self else {
            return Ok(());
        };
        match limit {
            None => Err(Refusal {
                code: "no_budget",
                message: "The brief set no `budgetUsd`, so there is none to raise.".to_owned(),
            }),
            Some(limit) if *micro_usd <= limit => Err(Refusal {
                code: "not_more",
                message: format!(
                    "The budget is {} already. It can be raised, not lowered.",
                    money::usd(limit)
                ),
            }),
            Some(_) => Ok(()),
        }
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
            Self::Budget { .. } => "budget",
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
        let projection = advance(facts, None).projection;
        if let (Self::Resume {}, Some(call)) = (self, &projection.totals.exhausted) {
            return Err(Refusal {
                code: "budget_reached",
                message: format!("{} Send the command `budget`.", messages::exhausted(call)),
            });
        }
        let status = projection.status;
        let fits = match self {
            Self::Approve {} | Self::Revise { .. } => status == Status::AwaitingApproval,
            Self::Pause {} => !status.is_final() && status != Status::Paused,
            Self::Resume {} => status == Status::Paused,
            Self::Cancel {} => !status.is_final(),
            Self::Retry {} => status == Status::Failed,
            Self::Budget { .. } => status != Status::Cancelled,
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
