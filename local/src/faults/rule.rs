//! What a fault is: what goes wrong, for what, how often. How it is written is in `text`.

use std::time::Duration;

/// The whole of a chance.
pub(super) const MILLION: u32 = 1_000_000;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// `drop-event`: no function hears of the event.
    DropEvent,
    /// `duplicate-event`: the event is delivered `copies` times in all.
    DuplicateEvent {
        /// 2 to 20.
        copies: u32,
    },
    /// `delay-event`: the event is delivered later.
    DelayEvent {
        /// By how much.
        by: Duration,
    },
    /// `reorder-event`: the event is delivered after the next one.
    ReorderEvent {
        /// How long it waits for a next one.
        wait: Duration,
    },
    /// `kill-function`: its process is killed with SIGKILL.
    KillFunction {
        /// When in its call, or when in the creation of a row.
        at: At,
    },
    /// `kill-platform`: the platform kills itself with SIGKILL at the creation of a row.
    KillPlatform {
        /// Before or after the commit.
        at: Phase,
    },
    /// `time-out`: the platform gives the execution up, its process works on.
    TimeOut {
        /// How long the platform waits.
        after: Duration,
    },
    /// `answer`: the request is answered so and not carried out.
    Answer {
        /// With what.
        refusal: Refusal,
    },
    /// `lose-request`: the connection is closed and the request not carried out.
    LoseRequest,
    /// `lose-answer`: a change is carried out and its answer lost.
    LoseAnswer {
        /// What is answered instead; without it the connection is closed.
        instead: Option<Refusal>,
    },
    /// `refuse-connection`: a new connection is reset.
    RefuseConnection {
        /// How long nobody listens after that.
        shut: Duration,
    },
    /// `drop-message`: an event is not sent to a Realtime connection.
    DropMessage,
}

/// When a row's creation is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is written yet.
    Before,
    /// The row is committed; no answer is sent and no event published yet.
    After,
}

/// When a function's process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The function has not seen the call, or the row is not written.
    Before,
    /// The function has had the call for so long; an answer that came sooner is lost.
    During(Duration),
    /// The platform has the answer, or the row is committed.
    After,
}

/// How a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 500, as Appwrite words it.
    Internal,
    /// 503, as a proxy before Appwrite words it: no JSON.
    Unavailable,
    /// 429, as Appwrite words it.
    TooMany,
}

impl Refusal {
    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Internal => 500,
            Self::Unavailable => 503,
            Self::TooMany => 429,
        }
    }
}

/// How often a rule fires among the moments it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Every time.
    Always,
    /// Once, at the n-th, 1 being the first.
    Nth(u64),
    /// With a chance in millionths, decided by the seed.
    Chance(u32),
}

/// What a rule is bounded to; an absent field bounds nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// `event`: one of the event's names, as functions subscribe to it.
    pub event: Option<String>,
    /// `function`: a function's id.
    pub function: Option<String>,
    /// `table`: a table's id.
    pub table: Option<String>,
    /// `key`: what the row's column `key`, or its id where it has none, begins with.
    pub key: Option<String>,
    /// `method`: an HTTP method in capitals.
    pub method: Option<String>,
    /// `path`: segments, of which `*` is any one and a last `**` any rest.
    pub path: Option<String>,
    /// `channel`: a Realtime channel.
    pub channel: Option<String>,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What goes wrong.
    pub effect: Effect,
    /// For what.
    pub target: Target,
    /// How often.
    pub when: When,
}

impl Effect {
    /// The kind's word.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::DropEvent => "drop-event",
            Self::DuplicateEvent { .. } => "duplicate-event",
            Self::DelayEvent { .. } => "delay-event",
            Self::ReorderEvent { .. } => "reorder-event",
            Self::KillFunction { .. } => "kill-function",
            Self::KillPlatform { .. } => "kill-platform",
            Self::TimeOut { .. } => "time-out",
            Self::Answer { .. } => "answer",
            Self::LoseRequest => "lose-request",
            Self::LoseAnswer { .. } => "lose-answer",
            Self::RefuseConnection { .. } => "refuse-connection",
            Self::DropMessage => "drop-message",
        }
    }
}
