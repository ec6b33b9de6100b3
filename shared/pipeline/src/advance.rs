//! From facts to what must exist. Whoever finishes something advances the task; nobody
//! counts down and nobody is "the last one".

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::facts::{Facts, Outcome, Project, Rework};
use crate::failure::Failure;
use crate::ids::{UnitKey, UnitKind};
use crate::model::Spent;
use crate::plan::Assignment;
use crate::plan_rules;
use crate::stage::Status;

/// Generation of a task that was neither revised nor retried.
pub const FIRST_GENERATION: u32 = 1;

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
    /// What it is told beyond its key.
    pub input: UnitInput,
}

/// What a new unit is told beyond its key.
#[derive(Clone, Debug, PartialEq)]
pub enum UnitInput {
    /// Everything is in the brief.
    Plan,
    /// The assignment, and what the reviewer wants changed.
    Assignment(Box<Assignment>, Vec<crate::review::Finding>),
    /// Everything is in the facts.
    Review,
    /// The manifest the reviewer approved, and the project.
    Release(String, Box<Project>),
    /// The manifest the reviewer approved, and the project.
    Deployment(String, Box<Project>),
}

/// What a task's row shows, computed from facts alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// Where the task stands.
    pub status: Status,
    /// 1 and up.
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
}

impl Projection {
    /// Its place in the order in which a task's row moves: later ones are larger.
    pub fn position(&self) -> (u32, u32, u32) {
        (self.generation, self.round, self.status.ordinal())
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
    let (mut units, projection) = walk(facts);
    if let Some(finished) = finished {
        let (known, _) = walk(&facts.before(finished));
        units.retain(|unit| !known.iter().any(|other| other.key == unit.key));
    }
    Advance { units, projection }
}

struct Walk<'a> {
    facts: &'a Facts,
    round: u32,
}

fn walk(facts: &Facts) -> (Vec<NewUnit>, Projection) {
    let mut walk = Walk { facts, round: 1 };
    let (status, units) = match facts.done.iter().find_map(failed) {
        Some(_) => (Status::Failed, Vec::new()),
        None => walk.stages(),
    };
    let projection = project(facts, status, walk.round);
    (units, projection)
}

fn failed(done: &crate::facts::Done) -> Option<&Failure> {
    match &done.outcome {
        Outcome::Failed(failure) => Some(failure),
        Outcome::Planned { .. }
        | Outcome::Coded { .. }
        | Outcome::Reviewed { .. }
        | Outcome::Released { .. }
        | Outcome::Deployed { .. } => None,
    }
}

impl Walk<'_> {
    fn key(&self, kind: UnitKind, round: u32, name: &str) -> UnitKey {
        UnitKey {
            task: self.facts.task.clone(),
            kind,
            generation: FIRST_GENERATION,
            round,
            name: name.to_owned(),
        }
    }

    fn stages(&mut self) -> (Status, Vec<NewUnit>) {
        let plan = self.key(UnitKind::Plan, 1, "");
        let Some(Outcome::Planned {
            assignments,
            parallelism,
            project,
        }) = self.facts.outcome(&plan)
        else {
            return (
                Status::Planning,
                vec![NewUnit {
                    key: plan,
                    input: UnitInput::Plan,
                }],
            );
        };
        let mut subjects: Vec<(&Assignment, Option<&Rework>)> = plan_rules::order(assignments)
            .into_iter()
            .map(|assignment| (assignment, None))
            .collect();
        loop {
            let coding = self.coding(&subjects, *parallelism);
            if let Some(units) = coding {
                return (Status::Coding, units);
            }
            let review = self.key(UnitKind::Review, self.round, "");
            let Some(Outcome::Reviewed {
                manifest_hash,
                rework,
                ..
            }) = self.facts.outcome(&review)
            else {
                return (
                    Status::Reviewing,
                    vec![NewUnit {
                        key: review,
                        input: UnitInput::Review,
                    }],
                );
            };
            if rework.is_empty() {
                return self.delivery(manifest_hash, project);
            }
            self.round += 1;
            subjects = plan_rules::order(assignments)
                .into_iter()
                .filter_map(|assignment| {
                    Some((
                        assignment,
                        Some(
                            rework
                                .iter()
                                .find(|item| item.assignment == assignment.id)?,
                        ),
                    ))
                })
                .collect();
        }
    }

    /// The agents that must be at work in this round; `None` once all are done.
    ///
    /// Whenever a slot is free, the first in the plan's order starts whose dependencies are
    /// done; in rework there are none to wait for: every file exists. Results free their
    /// slots in the order in which they were recorded, so everybody who knows the same
    /// results, or only the first of them, starts the same.
    fn coding(
        &self,
        subjects: &[(&Assignment, Option<&Rework>)],
        parallelism: u32,
    ) -> Option<Vec<NewUnit>> {
        let slots = parallelism as usize;
        let (mut started, mut done) = (BTreeSet::new(), BTreeSet::new());
        let mut results =
            self.facts.done.iter().filter(|done| {
                done.unit.kind == UnitKind::Assignment && done.unit.round == self.round
            });
        loop {
            for (assignment, rework) in subjects {
                let free = rework.is_some()
                    || assignment
                        .depends_on
                        .iter()
                        .all(|id| done.contains(id.as_str()));
                if free && started.len() - done.len() < slots {
                    started.insert(assignment.id.as_str());
                }
            }
            let Some(result) = results.next() else { break };
            // Whoever recorded it was started, even if by somebody who saw less.
            started.insert(result.unit.name.as_str());
            done.insert(result.unit.name.as_str());
        }
        let unit = |(assignment, rework): &(&Assignment, Option<&Rework>)| {
            let findings = rework.map(|rework| rework.findings.clone());
            let input = UnitInput::Assignment(
                Box::new((*assignment).clone()),
                findings.unwrap_or_default(),
            );
            let key = self.key(UnitKind::Assignment, self.round, &assignment.id);
            NewUnit { key, input }
        };
        let at_work = subjects.iter().filter(|(assignment, _)| {
            started.contains(assignment.id.as_str()) && !done.contains(assignment.id.as_str())
        });
        (done.len() < subjects.len()).then(|| at_work.map(unit).collect())
    }

    fn delivery(&self, manifest: &str, project: &Project) -> (Status, Vec<NewUnit>) {
        let release = self.key(UnitKind::Release, self.round, "");
        if self.facts.outcome(&release).is_none() {
            return (
                Status::Publishing,
                vec![NewUnit {
                    key: release,
                    input: UnitInput::Release(manifest.to_owned(), Box::new(project.clone())),
                }],
            );
        }
        let deployment = self.key(UnitKind::Deployment, self.round, "");
        if self.facts.outcome(&deployment).is_none() {
            return (
                Status::Deploying,
                vec![NewUnit {
                    key: deployment,
                    input: UnitInput::Deployment(manifest.to_owned(), Box::new(project.clone())),
                }],
            );
        }
        (Status::Completed, Vec::new())
    }
}

fn project(facts: &Facts, status: Status, round: u32) -> Projection {
    let mut projection = Projection {
        status,
        generation: FIRST_GENERATION,
        round,
        totals: Totals::default(),
        repository_url: None,
        site_url: None,
        commit_sha: None,
        failure: None,
    };
    let totals = &mut projection.totals;
    for done in &facts.done {
        totals.spent += done.spent;
        match &done.outcome {
            Outcome::Planned { assignments, .. } => totals.assignments = assignments.len() as u64,
            Outcome::Coded { .. } => totals.agent_runs += 1,
            Outcome::Reviewed { .. } => totals.reviews += 1,
            Outcome::Released {
                repository_url,
                clone_url,
                commit_sha,
                ..
            } => {
                totals.clone_url = Some(clone_url.clone());
                projection.repository_url = Some(repository_url.clone());
                projection.commit_sha = Some(commit_sha.clone());
            }
            Outcome::Deployed { url, .. } => projection.site_url = Some(url.clone()),
            Outcome::Failed(_) => {}
        }
        projection.round = projection.round.max(done.unit.round);
    }
    // Which of several failures is shown must not depend on the order of the facts.
    projection.failure = facts
        .done
        .iter()
        .filter_map(|done| Some((&done.unit, failed(done)?)))
        .min_by_key(|(unit, _)| *unit)
        .map(|(_, failure)| failure.clone());
    projection
}
