//! The stages of the pipeline and what a task's row shows of them.

use serde::{Deserialize, Serialize};

/// One of the seven functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Takes briefs and answers for tasks.
    CreateTask,
    /// Makes the plan.
    Plan,
    /// Lets one agent carry out one assignment.
    RunAgent,
    /// Has every assignment judged.
    Review,
    /// Commits to GitHub.
    Publish,
    /// Deploys to Appwrite.
    Deploy,
    /// Repairs what events and crashes left undone.
    Sweep,
}

impl Stage {
    /// Every stage, in the order of the pipeline.
    pub const ALL: [Self; 7] = [
        Self::CreateTask,
        Self::Plan,
        Self::RunAgent,
        Self::Review,
        Self::Publish,
        Self::Deploy,
        Self::Sweep,
    ];

    /// The function's id on Appwrite, which is also its folder and its executable's name.
    pub const fn function_id(self) -> &'static str {
        match self {
            Self::CreateTask => "create-task",
            Self::Plan => "plan",
            Self::RunAgent => "run-agent",
            Self::Review => "review",
            Self::Publish => "publish",
            Self::Deploy => "deploy",
            Self::Sweep => "sweep",
        }
    }
}

/// Where a task stands. Between two commands of its owner it moves down this list; the only
/// ways back are rework and the repair of a build, from `reviewing` and from `deploying` to
/// `coding`, in the next round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted, nothing started.
    Pending,
    /// A plan is being made.
    Planning,
    /// The plan waits for its owner's word.
    AwaitingApproval,
    /// Agents are at work.
    Coding,
    /// The reviewer is at work.
    Reviewing,
    /// The result is being committed.
    Publishing,
    /// The result is being deployed.
    Deploying,
    /// Its owner has stopped it for a while.
    Paused,
    /// Done: the repository and the site exist.
    Completed,
    /// Ended without a result; the row's `failure` says why.
    Failed,
    /// Ended by its owner before it was published.
    Cancelled,
}

impl Status {
    /// Every status, in order.
    pub const ALL: [Self; 11] = [
        Self::Pending,
        Self::Planning,
        Self::AwaitingApproval,
        Self::Coding,
        Self::Reviewing,
        Self::Publishing,
        Self::Deploying,
        Self::Paused,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Place in the order within one round. The ends share the last place.
    pub const fn ordinal(self) -> u32 {
        match self {
            Self::Pending => 0,
            Self::Planning => 1,
            Self::AwaitingApproval => 2,
            Self::Coding => 3,
            Self::Reviewing => 4,
            Self::Publishing => 5,
            Self::Deploying => 6,
            Self::Paused => 7,
            Self::Completed | Self::Failed | Self::Cancelled => 8,
        }
    }

    /// The word in the row.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Planning => "planning",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Coding => "coding",
            Self::Reviewing => "reviewing",
            Self::Publishing => "publishing",
            Self::Deploying => "deploying",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word of a row.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether nothing more will happen to the task by itself.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}
