//! How a task or a unit fails, in words for its owner.

use serde::{Deserialize, Serialize};

use crate::limits::FAILURE_CHARS_MAX;

/// The stable codes of every failure a person can meet. The web page and scripts branch
/// on them, so a code is never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The planner declined the brief.
    BriefRefused,
    /// No valid plan after every repair.
    PlanInvalid,
    /// A model declined to answer.
    ModelRefused,
    /// A model's answer could not be used, after every repair.
    ModelAnswerInvalid,
    /// A model service refused the call for good: key, permission, spend limit, model.
    ModelUnavailable,
    /// An agent repeated itself or used up its turns.
    AgentStuck,
    /// An agent stopped and said why it can not go on.
    AgentBlocked,
    /// The reviewer still asks for changes after the last round.
    ReviewNotApproved,
    /// Files hold text that seems meant to influence the reviewer.
    InjectionSuspected,
    /// The files are not the ones the reviewer approved.
    ManifestMismatch,
    /// What was to be published breaks a rule that nobody can waive.
    GateRefused,
    /// GitHub refused to publish.
    PublishFailed,
    /// Appwrite refused the deployment.
    DeployFailed,
    /// The site's build failed.
    BuildFailed,
    /// A unit was started as often as allowed and never finished.
    UnitAbandoned,
    /// The journal does not belong to what would be done now.
    JournalMismatch,
    /// A function lacks a setting.
    NotConfigured,
    /// The owner cancelled the task.
    Cancelled,
    /// The project grew past a limit.
    ProjectTooLarge,
}

/// Why something ended without its result: a code for programs, a sentence for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[error("{message}")]
pub struct Failure {
    /// What kind of failure this is.
    pub code: Code,
    /// What happened and what to do about it, at most [`FAILURE_CHARS_MAX`] characters.
    pub message: String,
}

impl Failure {
    /// Makes a failure; a message that is too long is cut.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let mut message: String = message.into();
        if let Some((end, _)) = message.char_indices().nth(FAILURE_CHARS_MAX) {
            message.truncate(end);
            message.push('…');
        }
        Self { code, message }
    }
}
