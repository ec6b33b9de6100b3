//! From facts to what must exist. Whoever finishes something advances the task; nobody
//! counts down and nobody is "the last one".

use serde::{Deserialize, Serialize};

use crate::brief::FollowUp;
use crate::build::Owner;
use crate::command::Command;
use crate::deployment::Goal;
use crate::facts::{Done, Fact, Facts, Outcome, Project, Wanted};
use crate::failure::Failure;
use crate::ids::{TaskId, UnitKey};
use crate::ledger::{self, Exhausted};
use crate::model::Spent;
use crate::plan::Assignment;
use crate::stage::Status;
use crate::tables::Replaced;

mod walk;

/// Generation of a task that was neither revised nor retried.
pub const FIRST_GENERATION: u32 = 1;
/// Generation of the files of an existing repository: they are there before any plan.
pub const IMPORTED_GENERATION: u32 = 0;

/// What follows from the facts.
#[derive(Clone, Debug, PartialEq)]
pub struct Advance {
    /// Units that must exist and are not done. Their ids are deterministic, so creating
    /// one that exists already changes nothing.
    pub units: Vec<NewUnit>,
    /// What the task's row shows.
    pub projection: Projection,
}

/// A unit that must exist.
#[derive(Clone, Debug, PartialEq)]
pub struct NewUnit {
    /// Which.
    pub key: UnitKey,
    /// Generation of the plan's unit that is carried out, its own for a plan.
    pub plan_generation: u32,
    /// What it is told beyond its key.
    pub input: UnitInput,
}

/// What a new unit is told beyond its key.
#[derive(Clone, Debug, PartialEq)]
pub enum UnitInput {
    /// What to read.
    Import(Wanted),
    /// Everything is in the brief, but for the files that it builds on.
    Plan(Option<Base>),
    /// There is a plan, and another is wanted.
    Another(Box<Another>),
    /// The assignment, what is wanted changed, and the end of the log of the build that
    /// failed, if that is why.
    Assignment(Box<Assignment>, Vec<crate::review::Finding>, String),
    /// The rest is in the facts.
    Review {
        /// The last round that may ask for another.
        rounds_max: u32,
    },
    /// Files to commit.
    Release {
        /// The manifest the reviewer approved.
        manifest: String,
        /// What is released.
        project: Box<Project>,
        /// The gate to pass before anything outside happens.
        gate: String,
        /// What it is put on top of, unless it is the first in a new repository.
        since: Option<Since>,
    },
    /// Files to deploy.
    Deployment {
        /// The manifest the reviewer approved.
        manifest: String,
        /// What is deployed.
        project: Box<Project>,
        /// Who can repair it if it does not build.
        owners: Vec<Owner>,
        /// Times its build was repaired already.
        repairs: u32,
        /// What it is for.
        goal: Box<Goal>,
    },
}

/// A plan after another.
#[derive(Clone, Debug, PartialEq)]
pub struct Another {
    /// Generation of the earlier plan's unit.
    pub of_generation: u32,
    /// What its owner wants.
    pub wish: Wish,
    /// Where the files are that it builds on.
    pub base: Option<Base>,
}

/// What an owner wants who has read a plan, or what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The plan changed, with this in mind.
    Revise(String),
    /// The plan with these assignments.
    Edit(Vec<Assignment>),
    /// This on top of what was released.
    FollowUp(FollowUp),
}

impl Wish {
    fn of(command: &Command) -> Option<Self> {
        match command {
            Command::Revise { comment } => Some(Self::Revise(comment.clone())),
            Command::Edit { assignments } => Some(Self::Edit(assignments.clone())),
            Command::FollowUp { .. } => command.follow_up().map(Self::FollowUp),
            Command::Approve {}
            | Command::Pause {}
            | Command::Resume {}
            | Command::Budget { .. }
            | Command::Cancel {}
            | Command::Rollback { .. }
            | Command::Retry {} => None,
        }
    }
}

/// Which files were released: those of these generations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    /// The generation of the plan that was carried out.
    pub from: u32,
    /// The first generation that came after it.
    pub before: u32,
}

impl Base {
    /// The files of an existing repository.
    pub const IMPORTED: Self = Self {
        from: IMPORTED_GENERATION,
        before: FIRST_GENERATION,
    };
}

/// A commit that another one is put on top of, and which files it left: those of these
/// generations, as they stood after a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Since {
    /// The commit.
    pub commit: String,
    /// The first generation.
    pub from: u32,
    /// The first that came after, if it is not the one that goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u32>,
    /// The last round.
    pub round: u32,
    /// Whether it was made for another plan, whose app is deployed otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deploys_otherwise: bool,
}

/// What a task's row shows, computed from facts alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// Where the task stands.
    pub status: Status,
    /// Commands of the owner so far, and calls that did not fit into the budget: what can
    /// lead back to an earlier status.
    pub commands: u32,
    /// 1, and one more for each plan that was revised and each retry.
    pub generation: u32,
    /// The round of coding and review it is in, 1 and up.
    pub round: u32,
    /// Sums over all units.
    pub totals: Totals,
    /// For people.
    pub repository_url: Option<String>,
    /// The public address.
    pub site_url: Option<String>,
    /// The commit.
    pub commit_sha: Option<String>,
    /// Why the task failed.
    pub failure: Option<Failure>,
}

/// Sums over all units of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// What models and GitHub were asked and what it cost.
    pub spent: Spent,
    /// Assignments of the plan.
    pub assignments: u64,
    /// Agents' runs that are done, rework included.
    pub agent_runs: u64,
    /// Review rounds held.
    pub reviews: u64,
    /// For git.
    pub clone_url: Option<String>,
    /// The pull request, for people, in an existing repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request_url: Option<String>,
    /// The call that did not fit into the budget, until the owner raises it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exhausted: Option<Exhausted>,
    /// The number of the release that is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u32>,
    /// Where the owner can look at what was built, while the task waits for a word on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview_url: Option<String>,
    /// Columns whose values would be lost, while the task waits for a word on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<Replaced>,
}

impl Projection {
    /// Its place in the order in which a task's row moves: later ones are larger.
    pub fn position(&self) -> (u32, u32, u32) {
        (self.commands, self.round, self.stage())
    }

    /// The place of its status within a round. Who waits for a word on a preview waits after it
    /// was built, not where a plan is waited for; only a command leads on, as from a pause.
    pub fn stage(&self) -> u32 {
        match self.totals.preview_url {
            Some(_) => Status::Paused.ordinal(),
            None => self.status.ordinal(),
        }
    }
}

/// What must exist, and what the task shows, given `facts`.
///
/// With `finished`, only the units that exist because of that one and of what was recorded
/// after it are returned. What the facts before it demand was created by whoever recorded
/// those, so no creation is left out, and nothing is created twice in ordinary operation.
/// Without it, all units that are not done are returned.
///
/// Invariant: monotone. A fact recorded later never takes back a unit, unless the task
/// failed.
pub fn advance(facts: &Facts, finished: Option<&UnitKey>) -> Advance {
    let (mut units, projection) = demand(facts);
    if let Some(finished) = finished {
        let (known, _) = demand(&facts.before(finished));
        units.retain(|unit| !known.iter().any(|other| other.key == unit.key));
    }
    Advance { units, projection }
}

fn demand(facts: &Facts) -> (Vec<NewUnit>, Projection) {
    let walked = walk::walk(facts);
    let projection = project(facts, &walked);
    (walked.units, projection)
}

/// The gate that a release passes and a cancellation closes: whoever comes first.
pub fn gate_id(task: &TaskId, generation: u32) -> String {
    format!("{task}.{generation}")
}

/// The plan that waits for its owner's word or is carried out, if there is one.
pub fn plan_key(facts: &Facts) -> Option<UnitKey> {
    walk::walk(facts).plan
}

/// What a task waits for, if it waits for its owner's word.
pub(crate) fn waits(facts: &Facts) -> Option<Waits> {
    walk::walk(facts).waits
}

/// What an owner is to say a word on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// The plan, and that these columns lose what they hold.
    Plan {
        /// The columns.
        replaces: Vec<Replaced>,
    },
    /// What was built.
    Preview {
        /// Where it can be looked at.
        url: String,
    },
}

/// Whether what the plan in hand has made was released. That is as public as ever if it
/// does not build, or was deployed in vain and is tried again, though nobody has passed the
/// gate of a later generation.
pub(crate) fn is_published(facts: &Facts) -> bool {
    let from = walk::walk(facts).plan_generation;
    let is_it = |done: &Done| {
        matches!(done.outcome, Outcome::Released { .. }) && done.unit.generation >= from
    };
    facts.done().any(is_it)
}

fn turning_points(facts: &Facts) -> u32 {
    let points = facts.log.iter().filter(|fact| match fact {
        Fact::Command(_) | Fact::Exhausted(_) => true,
        Fact::Done(_) | Fact::Repository(_) | Fact::Closed(_) => false,
    });
    u32::try_from(points.count()).unwrap_or(u32::MAX)
}

fn project(facts: &Facts, walked: &walk::Walked) -> Projection {
    let mut projection = Projection {
        status: walked.status,
        commands: turning_points(facts),
        generation: walk::generation(facts),
        round: walked.round,
        totals: Totals::default(),
        repository_url: None,
        site_url: None,
        commit_sha: None,
        failure: None,
    };
    let totals = &mut projection.totals;
    for done in facts.done() {
        totals.spent += &done.spent;
        match &done.outcome {
            Outcome::Planned { assignments, .. } => totals.assignments = assignments.len() as u64,
            Outcome::Coded { .. } => totals.agent_runs += 1,
            Outcome::Reviewed { .. } => totals.reviews += 1,
            Outcome::Imported { repository, .. } => {
                projection.repository_url = Some(repository.html_url.clone());
            }
            Outcome::Released {
                repository_url,
                clone_url,
                commit_sha,
                pull_request_url,
                ..
            } => {
                totals.pull_request_url.clone_from(pull_request_url);
                totals.clone_url = Some(clone_url.clone());
                projection.repository_url = Some(repository_url.clone());
                projection.commit_sha = Some(commit_sha.clone());
            }
            Outcome::Deployed { url, release, .. } => {
                projection.site_url = Some(url.clone());
                let number = release.as_ref().map(|record| record.number);
                totals.release = number.filter(|number| *number > 0);
            }
            Outcome::Previewed { .. } | Outcome::BuildFailed { .. } | Outcome::Failed(_) => {}
        }
        if done.unit.generation >= walked.plan_generation {
            projection.round = projection.round.max(done.unit.round);
        }
    }
    if !walked.status.is_final() {
        projection.totals.exhausted = ledger::exhausted(facts).cloned();
    }
    if let Some(waits) = &walked.waits {
        let totals = &mut projection.totals;
        match waits {
            Waits::Plan { replaces } => totals.replaces.clone_from(replaces),
            Waits::Preview { url } => totals.preview_url = Some(url.clone()),
        }
    }
    if walked.status == Status::Failed {
        projection.failure = walk::failure(facts).cloned();
    }
    projection
}
