//! Which law a unit is decided by: a table with one entry for each kind of unit.
//!
//! [`Law::WHOLE`] knows them all. The executable of a function needs the law of its own kinds, and
//! what its table does not name is not linked into it: less to start, and less to attack.

use serde_json::{Map, Value};

use crate::agent::AgentWork;
use crate::assignment;
use crate::deployment::{self, DeploymentWork};
use crate::effect::{Effect, Entry, ModelCall};
use crate::facts::Outcome;
use crate::failure::{Code, Failure};
use crate::import::{self, ImportWork};
use crate::model::{AgentReply, Spent};
use crate::planning::{self, PlanWork};
use crate::release::{self, ReleaseWork};
use crate::review::{self, ReviewWork};
use crate::unit::{End, Journal, Step, Work};

/// What one kind of unit needs next, given what is recorded.
type Decide<W> = fn(&W, &Journal) -> Step;

/// The law of units, as far as somebody needs it.
#[derive(Clone, Copy)]
pub struct Law {
    import: Decide<ImportWork>,
    plan: Decide<PlanWork>,
    assignment: Assignments,
    review: Decide<ReviewWork>,
    release: Decide<ReleaseWork>,
    deployment: Decide<DeploymentWork>,
}

/// The law of assignments, whose answers are worked on before they are recorded.
#[derive(Clone, Copy)]
struct Assignments {
    decide: Decide<AgentWork>,
    settle: fn(&AgentWork, &Journal, AgentReply) -> (Entry, Vec<String>),
    cancelled: fn(&AgentWork, &Journal, &Spent) -> Map<String, Value>,
}

impl Law {
    /// Of all units.
    pub const WHOLE: Self = Self {
        import: import::decide,
        plan: planning::decide,
        assignment: Self::ASSIGNMENTS.assignment,
        review: review::decide,
        release: release::decide,
        deployment: deployment::decide,
    };
    /// Of plans.
    pub const PLANS: Self = Self {
        plan: planning::decide,
        ..Self::NONE
    };
    /// Of assignments.
    pub const ASSIGNMENTS: Self = Self {
        assignment: Assignments {
            decide: assignment::decide,
            settle: assignment::settle,
            cancelled: assignment::cancelled,
        },
        ..Self::NONE
    };
    /// Of reviews.
    pub const REVIEWS: Self = Self {
        review: review::decide,
        ..Self::NONE
    };
    /// Of releases, and of the repositories that are read for them.
    pub const RELEASES: Self = Self {
        import: import::decide,
        release: release::decide,
        ..Self::NONE
    };
    /// Of deployments and previews.
    pub const DEPLOYMENTS: Self = Self {
        deployment: deployment::decide,
        ..Self::NONE
    };
    /// Of none.
    const NONE: Self = Self {
        import: foreign,
        plan: foreign,
        assignment: Assignments {
            decide: foreign,
            settle: |_, _, reply| {
                let results = String::new();
                (Entry::Turn { reply, results }, Vec::new())
            },
            cancelled: |_, _, _| Map::new(),
        },
        review: foreign,
        release: foreign,
        deployment: foreign,
    };

    /// What `work` needs next, given what is recorded.
    ///
    /// Invariant: with the same journal it always answers the same, and every entry it asked
    /// for brings it forward.
    pub fn decide(&self, work: &Work, journal: &Journal) -> Step {
        match work {
            Work::Import(work) => (self.import)(work, journal),
            Work::Plan(work) => (self.plan)(work, journal),
            Work::Assignment(work) => (self.assignment.decide)(work, journal),
            Work::Review(work) => (self.review)(work, journal),
            Work::Release(work) => (self.release)(work, journal),
            Work::Deployment(work) => (self.deployment)(work, journal),
        }
    }

    /// Turns the answer to `effect` into the entry to append: for a turn of an agent the tool
    /// calls are carried out and their results become part of it. Also returns the paths that
    /// the turn changed.
    pub fn record(
        &self,
        work: &Work,
        journal: &Journal,
        effect: &Effect,
        answer: Entry,
    ) -> (Entry, Vec<String>) {
        match (work, effect.action.model_call(), answer) {
            (Work::Assignment(work), Some(ModelCall::Agent(_)), Entry::Turn { reply, .. }) => {
                (self.assignment.settle)(work, journal, reply)
            }
            (_, _, answer) => (answer, Vec::new()),
        }
    }

    /// How a unit ends whose task was cancelled while it was at work. `dropped` is what is known
    /// of the cost of calls that were given up.
    pub fn cancelled(&self, work: &Work, journal: &Journal, dropped: Spent) -> End {
        let mut spent = journal.spent();
        spent += &dropped;
        let columns = match work {
            Work::Assignment(work) => (self.assignment.cancelled)(work, journal, &spent),
            Work::Import(_)
            | Work::Plan(_)
            | Work::Review(_)
            | Work::Release(_)
            | Work::Deployment(_) => Map::new(),
        };
        let message = "Stopped, because you cancelled the task.";
        End {
            outcome: Outcome::Failed(Failure::new(Code::Cancelled, message)),
            spent,
            files: Vec::new(),
            columns,
        }
    }
}

/// Where the law does not know a kind: a function is never given another's units.
fn foreign<W>(_: &W, journal: &Journal) -> Step {
    let message = "This function was given the unit of another one.";
    let failure = Failure::new(Code::JournalMismatch, message);
    Step::done(Outcome::Failed(failure), journal.spent())
}
