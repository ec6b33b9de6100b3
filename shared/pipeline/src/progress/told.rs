//! What programs read of a line: the page types its rows by it.

use serde::Serialize;

use crate::command::Command;
use crate::model::Spent;
use crate::review::{Finding, Severity};

/// Column `data` of a row of `progress`, for all lines but those of a command
/// ([`CommandTold`]) and of a call that did not fit into the budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Told {
    /// A turn of an agent.
    Turn(TurnTold),
    /// An answer of the reviewer.
    Judgement(JudgementTold),
    /// A plan goes back to the planner.
    Repair(CallTold),
    /// A call had to be made more than once.
    Retry(CallTold),
    /// A call was handed in.
    Submitted {},
    /// What was handed in is lost.
    Lost {},
    /// The repository is there, or its name is taken.
    Repository {
        /// For people; none while no name is found.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        url: Option<String>,
    },
    /// A site or a function was uploaded.
    Upload {
        /// The public address; empty without one.
        url: String,
    },
    /// The database's tables are there.
    Schema {},
    /// A public address answers.
    Verified {},
    /// A build was called off.
    Build {},
    /// Workflows can deploy.
    Secrets {},
    /// A unit waits.
    Wait(UnitTold),
    /// A unit is taken up again.
    Again(UnitTold),
}

/// Column `data` of the line of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct CommandTold {
    /// Its word.
    pub command: &'static str,
    /// The raised budget, of `budget`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub budget_micro_usd: Option<u64>,
}

impl CommandTold {
    /// What is told of `command`.
    pub const fn of(command: &Command) -> Self {
        Self {
            command: command.as_str(),
            budget_micro_usd: match command {
                Command::Budget { micro_usd } => Some(*micro_usd),
                Command::Approve {}
                | Command::Revise { .. }
                | Command::Edit { .. }
                | Command::FollowUp { .. }
                | Command::Pause {}
                | Command::Resume {}
                | Command::Cancel {}
                | Command::Retry {}
                | Command::Rollback { .. } => None,
            },
        }
    }
}

/// Which unit waits or goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct UnitTold {
    /// The assignment; empty for other units.
    pub assignment: String,
    /// Its round.
    pub round: u32,
}

/// What one turn of an agent did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TurnTold {
    /// The assignment.
    pub assignment: String,
    /// Its round.
    pub round: u32,
    /// 1 for the first.
    pub turn: u32,
    /// The files it changed, as many as fit.
    pub files: Vec<String>,
    /// Whether the agent is done with it.
    pub finished: bool,
    /// How often the model was asked for it.
    pub attempts: u64,
    /// What it cost.
    pub spent: CostTold,
    /// What the agent has cost with it.
    pub total: CostTold,
}

/// What the reviewer found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct JudgementTold {
    /// The assignment; empty for the whole.
    pub assignment: String,
    /// The round.
    pub round: u32,
    /// All of them, without their words.
    pub findings: Vec<FindingTold>,
    /// What it cost.
    pub spent: CostTold,
}

/// A finding without its words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FindingTold {
    /// Its id.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub path: String,
}

impl FindingTold {
    /// `finding` without its words.
    pub fn of(finding: &Finding) -> Self {
        Self {
            id: finding.id.clone(),
            severity: finding.severity,
            path: finding.path.clone(),
        }
    }
}

/// A call of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CallTold {
    /// How often it was made.
    pub attempts: u64,
    /// What it cost.
    pub spent: CostTold,
}

impl CallTold {
    /// A call that cost `spent`.
    pub fn of(spent: &Spent) -> Self {
        Self {
            attempts: spent.model_calls,
            spent: CostTold::of(spent),
        }
    }
}

/// What calls cost, without the parts of each model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct CostTold {
    /// Calls, failed attempts that were billed included.
    pub model_calls: u64,
    /// Tokens read, cached ones included.
    pub input_tokens: u64,
    /// Tokens written, reasoning included.
    pub output_tokens: u64,
    /// Millionths of a US dollar.
    pub cost_micro_usd: u64,
}

impl CostTold {
    /// The sums of `spent`.
    pub fn of(spent: &Spent) -> Self {
        Self {
            model_calls: spent.model_calls,
            input_tokens: spent.input_tokens,
            output_tokens: spent.output_tokens,
            cost_micro_usd: spent.cost_micro_usd,
        }
    }
}
