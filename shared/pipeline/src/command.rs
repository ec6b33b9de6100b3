//! What an owner wants of a task after its brief, and when that can be had.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::advance::{Waits, advance, is_published, waits};
use crate::brief::{self, FollowUp};
use crate::facts::Facts;
use crate::limits::{
    BUDGET_USD_MAX, COMMANDS_MAX, COMMENT_CHARS_MAX, FACTS_MAX, FACTS_OF_A_COMMAND_MAX,
    FOLLOW_UPS_BYTES_MAX,
};
use crate::messages;
use crate::money;
use crate::plan::Assignment;
use crate::release_record::target;
use crate::secrets;
use crate::stage::Status;

/// A command of the owner. Once accepted it is a fact like any result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// The plan is good: start.
    Approve {},
    /// Make another plan, with this in mind.
    Revise {
        /// 1 to [`COMMENT_CHARS_MAX`] characters.
        comment: String,
    },
    /// The plan is good with these assignments instead of its own.
    Edit {
        /// All of them, with all their fields.
        assignments: Vec<Assignment>,
    },
    /// Build this on top of what was released.
    FollowUp {
        /// As a brief's.
        description: String,
        /// As a brief's.
        #[serde(default)]
        requirements: Vec<String>,
    },
    /// Start nothing more until `resume`; who is at work stops after its turn.
    Pause {},
    /// Go on.
    Resume {},
    /// Stop for good.
    Cancel {},
    /// Do again what failed, and keep what succeeded.
    Retry {},
    /// Serve an earlier release again: nothing is built, and the repository stays as it is.
    Rollback {
        /// Its number; the one before what is served unless given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<u32>,
    },
    /// Spend up to this much in all, where less was allowed.
    Budget {
        /// Millionths of a US dollar; `budgetUsd` in the request.
        #[serde(rename = "budgetUsd", with = "crate::money")]
        #[cfg_attr(test, ts(type = "number"))]
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
                "The body must be {{\"command\": \"approve|revise|edit|pause|resume|cancel|retry|rollback|budget|follow_up\"}}, for revise with a `comment`, for edit with all `assignments`, for budget with a `budgetUsd`, for follow_up with a `description`: {cause}."
            ))
        })?;
        command.check_texts().map_err(invalid)?;
        Ok(command)
    }

    /// Texts that no row could hold, or that say nothing.
    fn check_texts(&self) -> Result<(), String> {
        if let Self::Revise { comment } = self {
            if secrets::line(comment).is_some() {
                return Err(format!("`comment` {}.", brief::SECRET));
            }
            let chars = comment.chars().count();
            if comment.trim().is_empty() || chars > COMMENT_CHARS_MAX {
                return Err(format!(
                    "`comment` has {chars} characters; it must have 1 to {COMMENT_CHARS_MAX}, and not only blanks."
                ));
            }
        }
        if let Some(follow_up) = self.follow_up() {
            follow_up.check().map_err(|errors| {
                let broken: Vec<String> = errors
                    .iter()
                    .map(|error| format!("`{}` {}", error.field, error.rule))
                    .collect();
                format!("{}.", broken.join("; "))
            })?;
        }
        if let Self::Budget { micro_usd } = self
            && !(1..=money::micro(BUDGET_USD_MAX)).contains(micro_usd)
        {
            return Err(format!(
                "`budgetUsd` must be a number above 0, at most {BUDGET_USD_MAX}."
            ));
        }
        Ok(())
    }

    /// What it asks for beyond what was released.
    pub fn follow_up(&self) -> Option<FollowUp> {
        match self {
            Self::FollowUp {
                description,
                requirements,
            } => Some(FollowUp {
                description: description.clone(),
                requirements: requirements.clone(),
            }),
            Self::Approve {}
            | Self::Revise { .. }
            | Self::Edit { .. }
            | Self::Pause {}
            | Self::Resume {}
            | Self::Budget { .. }
            | Self::Cancel {}
            | Self::Rollback { .. }
            | Self::Retry {} => None,
        }
    }

    /// Whether what follows from it is of another generation.
    pub const fn raises_generation(&self) -> bool {
        match self {
            Self::Revise { .. }
            | Self::Edit { .. }
            | Self::FollowUp { .. }
            | Self::Rollback { .. }
            | Self::Retry {} => true,
            Self::Approve {}
            | Self::Pause {}
            | Self::Resume {}
            | Self::Budget { .. }
            | Self::Cancel {} => false,
        }
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
            Self::Edit { .. } => "edit",
            Self::FollowUp { .. } => "follow_up",
            Self::Pause {} => "pause",
            Self::Resume {} => "resume",
            Self::Cancel {} => "cancel",
            Self::Retry {} => "retry",
            Self::Rollback { .. } => "rollback",
            Self::Budget { .. } => "budget",
        }
    }

    /// Whether a task with these facts takes the command.
    ///
    /// # Errors
    /// `closed`, `too_many_commands`, `budget_reached`, `too_late`, `no_release`, or `not_now` and
    /// what the task does instead.
    pub fn check(&self, facts: &Facts) -> Result<(), Refusal> {
        if facts.is_closed() {
            return Err(Refusal {
                code: "closed",
                message: "The task ended long ago and is closed: what it needs to go on is not kept so long. Start a new one.".to_owned(),
            });
        }
        if facts.commands().count() >= COMMANDS_MAX {
            return Err(Refusal {
                code: "too_many_commands",
                message: format!("A task takes {COMMANDS_MAX} commands. Start a new one."),
            });
        }
        let begins_work = self.raises_generation() || matches!(self, Self::Budget { .. });
        if begins_work && facts.log.len() + FACTS_OF_A_COMMAND_MAX > FACTS_MAX {
            return Err(Refusal {
                code: "too_many_commands",
                message: format!(
                    "The task has {} results and commands, and {FACTS_MAX} is the limit. Start a new one.",
                    facts.log.len()
                ),
            });
        }
        let asked = facts.commands().chain([self]).filter_map(Self::follow_up);
        let bytes: usize = asked
            .map(|follow_up| json!(follow_up).to_string().len())
            .sum();
        if bytes > FOLLOW_UPS_BYTES_MAX {
            return Err(Refusal {
                code: "too_many_commands",
                message: format!(
                    "The follow-ups of a task have {FOLLOW_UPS_BYTES_MAX} bytes together. Start a new one."
                ),
            });
        }
        let projection = advance(facts, None).projection;
        if let (Self::Resume {}, Some(call)) = (self, &projection.totals.exhausted) {
            return Err(Refusal {
                code: "budget_reached",
                message: format!("{} Send the command `budget`.", messages::exhausted(call)),
            });
        }
        let is_open = !projection.status.is_final();
        if *self == (Self::Cancel {}) && is_open && is_published(facts) {
            return Err(Refusal {
                code: "too_late",
                message: "It is too late to cancel: the result is published.".to_owned(),
            });
        }
        let status = projection.status;
        let preview = matches!(waits(facts), Some(Waits::Preview { .. }));
        if let (Self::Rollback { release }, Status::Completed) = (self, status) {
            target(facts, *release).map_err(|message| Refusal {
                code: "no_release",
                message,
            })?;
        }
        let fits = match self {
            Self::Approve {} => status == Status::AwaitingApproval,
            Self::Revise { .. } | Self::Edit { .. } => {
                status == Status::AwaitingApproval && !preview
            }
            Self::FollowUp { .. } => status == Status::Completed || preview,
            Self::Rollback { .. } => status == Status::Completed,
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
