//! What has happened to a task: the results of its units. Facts never change.

use serde::{Deserialize, Serialize};

use crate::brief::{Approval, Options, ProjectType, Workflows};
use crate::command::Command;
use crate::estimate::Estimate;
use crate::failure::Failure;
use crate::ids::{TaskId, UnitKey};
use crate::ledger::Exhausted;
use crate::model::Spent;
use crate::plan::{AppFunction, Assignment};
use crate::release_record::{ReleaseRecord, ReleasedPart};
use crate::review::Finding;
use crate::tables::Table;

/// Everything known of one task.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// The task.
    pub task: TaskId,
    /// Who asked for it.
    pub owner: String,
    /// What happened, in the order in which it was recorded.
    pub log: Vec<Fact>,
}

/// One thing that happened to a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fact {
    /// A unit ended.
    Done(Box<Done>),
    /// The owner wanted something.
    Command(Command),
    /// A model call did not fit into the budget.
    Exhausted(Exhausted),
    /// The brief names an existing repository: the first fact of its task.
    Repository(Wanted),
    /// The task ended long ago, and takes no more commands: what it needs to go on is removed.
    Closed(Closed),
}

/// Why a task was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Closed {
    /// Days after its end that it was kept.
    pub days: u64,
}

/// An existing repository as a brief names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wanted {
    /// `owner/name`.
    pub repository: String,
    /// The branch that is changed, if it is not the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

/// An existing repository as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Existing {
    /// GitHub's numeric id.
    pub id: u64,
    /// `owner/name`.
    pub full_name: String,
    /// The branch that is changed.
    pub branch: String,
    /// The commit that its files were read at.
    pub head: String,
    /// For people.
    pub html_url: String,
    /// For git.
    pub clone_url: String,
}

/// The result of one unit: the `done` entry of its journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// The unit.
    pub unit: UnitKey,
    /// What came of it.
    pub outcome: Outcome,
    /// What it cost.
    pub spent: Spent,
}

/// What came of a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// An existing repository was read.
    Imported {
        /// Where from.
        repository: Existing,
        /// Files that are shown.
        files: u64,
        /// The paths of all others.
        unshown: Vec<String>,
    },
    /// A plan was accepted.
    Planned {
        /// The work, one agent each.
        assignments: Vec<Assignment>,
        /// Agents at work at the same time.
        parallelism: u32,
        /// Whether the owner must approve it before anybody starts.
        #[serde(default)]
        approval: Approval,
        /// What the stages after the agents need of the brief and the plan.
        project: Box<Project>,
        /// What code changed in a plan that its planner could not put right.
        #[serde(default)]
        mended: Vec<String>,
        /// What it will probably take.
        #[serde(default)]
        estimate: Option<Estimate>,
    },
    /// An assignment was carried out.
    Coded {
        /// What the agent claims.
        summary: String,
        /// Files written or deleted.
        files: u64,
        /// Turns taken.
        turns: u32,
        /// Empty, or what the agent wishes a contract said.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        contract_change_request: String,
    },
    /// A review round was held.
    Reviewed {
        /// The files that were judged.
        manifest_hash: String,
        /// Assignments to be done again; empty means approved.
        rework: Vec<Rework>,
        /// Findings that cause no rework.
        remarks: Vec<Finding>,
        /// Findings of the round before that are resolved.
        #[serde(default)]
        resolved: Vec<Rework>,
        /// Findings over the merged tree of which nobody said yet whether they are resolved.
        #[serde(default)]
        pending: Vec<Rework>,
        /// How good the files of each judged assignment are.
        #[serde(default)]
        scores: Vec<Score>,
        /// Whether the merged tree was judged too.
        #[serde(default)]
        integrated: bool,
    },
    /// The files were committed.
    Released {
        /// `owner/name`.
        repository: String,
        /// For people.
        repository_url: String,
        /// For git.
        clone_url: String,
        /// The branch.
        branch: String,
        /// The commit.
        commit_sha: String,
        /// The pull request, for people, in an existing repository.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pull_request_url: Option<String>,
    },
    /// The files are served.
    Deployed {
        /// The site's id.
        site_id: String,
        /// The deployment's id.
        deployment_id: String,
        /// The public address.
        url: String,
        /// The end of the build's log.
        build_log: String,
        /// What was put out; `None` in facts that do not tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<Box<ReleaseRecord>>,
    },
    /// The files are built, and the owner can look at them.
    Previewed {
        /// Where.
        url: String,
        /// What is uploaded.
        parts: Vec<ReleasedPart>,
    },
    /// The files do not build: who is named repairs them.
    BuildFailed {
        /// The deployment's id.
        deployment_id: String,
        /// The first error in the build's log.
        error: String,
        /// The end of that log.
        log: String,
        /// Assignments to be done again, one at least.
        rework: Vec<Rework>,
    },
    /// The unit ended without a result.
    Failed(Failure),
}

/// What releases and deployments need of the brief and the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Project {
    /// The brief's name.
    pub name: String,
    /// One line.
    pub description: String,
    /// Whether the repository is public.
    pub public: bool,
    /// Folder that is served, `.` for all files.
    pub output_dir: String,
    /// The commit's message, but for what names the task.
    pub commit_message: String,
    /// Whether the repository is there from an earlier release.
    #[serde(default)]
    pub released_before: bool,
    /// Whether the owner looks at what was built before it is published.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preview: bool,
    /// What is built.
    #[serde(
        rename = "type",
        default,
        skip_serializing_if = "ProjectType::is_default"
    )]
    pub project_type: ProjectType,
    /// The tables of its database.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Table>,
    /// Its functions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<AppFunction>,
    /// The organization that the repository is made in, if the brief names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The repository's topics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// The workflows that are added.
    #[serde(default, skip_serializing_if = "Workflows::is_none")]
    pub workflows: Workflows,
    /// The existing repository that is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<Existing>,
}

/// One assignment to be done again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Rework {
    /// The assignment.
    pub assignment: String,
    /// What must change.
    pub findings: Vec<Finding>,
}

/// How good the files of one assignment are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Score {
    /// The assignment.
    pub assignment: String,
    /// 100 if all criteria are met and nothing was found, less otherwise.
    pub points: i64,
}

impl Facts {
    /// A task of which nothing is known yet.
    pub fn none(task: TaskId, owner: String) -> Self {
        Self {
            task,
            owner,
            log: Vec::new(),
        }
    }

    /// A task whose brief names an existing repository, or none, of which nothing else is known.
    pub fn of_brief(task: TaskId, owner: String, options: &Options) -> Self {
        let wanted = options.repository.clone().map(|repository| Wanted {
            repository,
            branch: options.branch.clone(),
        });
        Self {
            log: wanted.map(Fact::Repository).into_iter().collect(),
            ..Self::none(task, owner)
        }
    }

    /// The existing repository that the brief names.
    pub fn wanted(&self) -> Option<&Wanted> {
        self.log.iter().find_map(|fact| match fact {
            Fact::Repository(wanted) => Some(wanted),
            Fact::Done(_) | Fact::Command(_) | Fact::Exhausted(_) | Fact::Closed(_) => None,
        })
    }

    /// The existing repository as it was found, and the paths of it that are shown to nobody.
    pub fn imported(&self) -> Option<(&Existing, &[String])> {
        self.done().find_map(|done| match &done.outcome {
            Outcome::Imported {
                repository,
                unshown,
                ..
            } => Some((repository, unshown.as_slice())),
            Outcome::Planned { .. }
            | Outcome::Coded { .. }
            | Outcome::Reviewed { .. }
            | Outcome::Released { .. }
            | Outcome::Deployed { .. }
            | Outcome::Previewed { .. }
            | Outcome::BuildFailed { .. }
            | Outcome::Failed(_) => None,
        })
    }

    /// What was known when the result of `unit` was recorded.
    pub fn before(&self, unit: &UnitKey) -> Self {
        let earlier = self.log.iter().take_while(|fact| match fact {
            Fact::Done(done) => done.unit != *unit,
            Fact::Command(_) | Fact::Exhausted(_) | Fact::Repository(_) | Fact::Closed(_) => true,
        });
        Self {
            log: earlier.cloned().collect(),
            ..self.clone()
        }
    }

    /// The results of finished units, in the order in which they were recorded.
    pub fn done(&self) -> impl DoubleEndedIterator<Item = &Done> {
        self.log.iter().filter_map(|fact| match fact {
            Fact::Done(done) => Some(&**done),
            Fact::Command(_) | Fact::Exhausted(_) | Fact::Repository(_) | Fact::Closed(_) => None,
        })
    }

    /// What the owner wanted, in the order in which it was recorded.
    pub fn commands(&self) -> impl DoubleEndedIterator<Item = &Command> {
        self.log.iter().filter_map(|fact| match fact {
            Fact::Done(_) | Fact::Exhausted(_) | Fact::Repository(_) | Fact::Closed(_) => None,
            Fact::Command(command) => Some(command),
        })
    }

    /// Whether the task is closed. A command that was recorded after it was given by somebody who
    /// did not see it yet: then it is not.
    pub fn is_closed(&self) -> bool {
        let mut later = self.log.iter().rev();
        later.find_map(|fact| match fact {
            Fact::Closed(_) => Some(true),
            Fact::Command(_) => Some(false),
            Fact::Done(_) | Fact::Exhausted(_) | Fact::Repository(_) => None,
        }) == Some(true)
    }

    /// The outcome of `unit`, if it is done.
    pub fn outcome(&self, unit: &UnitKey) -> Option<&Outcome> {
        self.done()
            .find(|done| done.unit == *unit)
            .map(|done| &done.outcome)
    }
}
