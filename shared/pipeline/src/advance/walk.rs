//! The way through the facts: from the brief to the first thing that is not there yet.

use std::collections::BTreeSet;

use super::{
    Another, Base, FIRST_GENERATION, IMPORTED_GENERATION, NewUnit, Since, UnitInput, Waits, Wish,
};
use crate::brief::Approval;
use crate::build::Owner;
use crate::command::Command;
use crate::facts::{Done, Fact, Facts, Outcome, Project, Rework};
use crate::failure::{Code, Failure};
use crate::ids::{UnitKey, UnitKind};
use crate::ledger;
use crate::limits::REVIEW_ROUNDS_MAX;
use crate::plan::Assignment;
use crate::plan_rules;
use crate::release::workflows::deploys_otherwise;
use crate::stage::Status;

mod delivery;

use delivery::{Approved, Delivery};

/// Where the way ends.
pub(super) struct Walked {
    pub(super) status: Status,
    pub(super) round: u32,
    pub(super) units: Vec<NewUnit>,
    /// Generation from which on units belong to the plan that is carried out.
    pub(super) plan_generation: u32,
    /// That plan, once it is made.
    pub(super) plan: Option<UnitKey>,
    /// What the owner is to say a word on.
    pub(super) waits: Option<Waits>,
}

/// Follows the facts as far as they go.
pub(super) fn walk(facts: &Facts) -> Walked {
    let mut walk = Walk {
        facts,
        plan_generation: FIRST_GENERATION,
        bases: Vec::new(),
        made: None,
        round: 1,
        repairs: 0,
        waits: None,
    };
    let is_cancelled = facts
        .commands()
        .any(|command| matches!(command, Command::Cancel {}));
    let (status, units) = if is_cancelled {
        (Status::Cancelled, Vec::new())
    } else if failure(facts).is_some() {
        (Status::Failed, Vec::new())
    } else {
        walk.stages()
    };
    let is_stopped = is_paused(facts) || ledger::exhausted(facts).is_some();
    let is_held = is_stopped && !status.is_final();
    Walked {
        status: if is_held { Status::Paused } else { status },
        round: walk.round,
        units: if is_held { Vec::new() } else { units },
        plan_generation: walk.plan_generation,
        plan: walk.made,
        waits: walk.waits.filter(|_| !is_held),
    }
}

fn is_paused(facts: &Facts) -> bool {
    let last = facts.commands().rev().find_map(|command| match command {
        Command::Pause {} => Some(true),
        Command::Resume {} => Some(false),
        Command::Approve {}
        | Command::Revise { .. }
        | Command::Edit { .. }
        | Command::FollowUp { .. }
        | Command::Budget { .. }
        | Command::Cancel {}
        | Command::Rollback { .. }
        | Command::Retry {} => None,
    });
    last == Some(true)
}

/// 1, and one more for each command that raises it.
pub(super) fn generation(facts: &Facts) -> u32 {
    FIRST_GENERATION + count(facts.commands().filter(|it| it.raises_generation()))
}

/// What the owner wants of plans, each with the task's generation from then on.
fn wishes(facts: &Facts) -> impl Iterator<Item = (u32, Wish)> {
    let mut generation = FIRST_GENERATION;
    facts.commands().filter_map(move |command| {
        generation += u32::from(command.raises_generation());
        Some((generation, Wish::of(command)?))
    })
}

/// What a task failed of: a failure that was not retried. Of several the one whose unit
/// comes first: which is shown must not depend on who came first.
pub(super) fn failure(facts: &Facts) -> Option<&Failure> {
    failures(facts)
        .filter(|(_, _, is_retried)| !is_retried)
        .min_by_key(|(done, _, _)| &done.unit)
        .map(|(_, failure, _)| failure)
}

/// Every failure, and whether a retry was wanted after it.
fn failures(facts: &Facts) -> impl Iterator<Item = (&Done, &Failure, bool)> {
    let retried_until = facts
        .log
        .iter()
        .rposition(|fact| matches!(fact, Fact::Command(Command::Retry {})));
    let places = facts.log.iter().enumerate();
    places.filter_map(move |(place, fact)| match fact {
        Fact::Command(_) | Fact::Exhausted(_) | Fact::Repository(_) | Fact::Closed(_) => None,
        Fact::Done(done) => match &done.outcome {
            Outcome::Failed(failure) => Some((&**done, failure, Some(place) < retried_until)),
            Outcome::Imported { .. }
            | Outcome::Planned { .. }
            | Outcome::Coded { .. }
            | Outcome::Reviewed { .. }
            | Outcome::Released { .. }
            | Outcome::Deployed { .. }
            | Outcome::Previewed { .. }
            | Outcome::BuildFailed { .. } => None,
        },
    })
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

struct Walk<'a> {
    facts: &'a Facts,
    /// Generation of the plan that is carried out.
    plan_generation: u32,
    /// The files that it builds on come last; before them those that earlier plans built on.
    bases: Vec<Base>,
    /// That plan, once it is made.
    made: Option<UnitKey>,
    round: u32,
    /// Builds that failed on the way and were repaired.
    repairs: u32,
    /// What the owner is to say a word on.
    waits: Option<Waits>,
}

impl<'a> Walk<'a> {
    /// A unit's key: a generation after the plan's for each time it failed and was retried.
    /// What follows a generation that did not fail belongs to a later plan.
    fn key(&self, kind: UnitKind, round: u32, name: &str) -> UnitKey {
        self.key_from(self.plan_generation, kind, round, name)
    }

    fn key_from(&self, generation: u32, kind: UnitKind, round: u32, name: &str) -> UnitKey {
        let mut key = UnitKey {
            task: self.facts.task.clone(),
            kind,
            generation,
            round,
            name: name.to_owned(),
        };
        while failures(self.facts).any(|(done, _, is_retried)| is_retried && done.unit == key) {
            key.generation += 1;
        }
        key
    }

    fn unit(&self, key: UnitKey, input: UnitInput) -> NewUnit {
        NewUnit {
            key,
            plan_generation: self.plan_generation,
            input,
        }
    }

    fn stages(&mut self) -> (Status, Vec<NewUnit>) {
        if let Some(wanted) = self.facts.wanted() {
            let key = self.key_from(IMPORTED_GENERATION, UnitKind::Import, 1, "");
            if self.facts.outcome(&key).is_none() {
                let unit = self.unit(key, UnitInput::Import(wanted.clone()));
                return (Status::Planning, vec![unit]);
            }
            self.bases.push(Base::IMPORTED);
        }
        let key = match self.plan() {
            Ok(key) => key,
            Err(unit) => return (Status::Planning, vec![*unit]),
        };
        self.made = Some(key.clone());
        let Some(Outcome::Planned {
            assignments,
            parallelism,
            approval,
            project,
            ..
        }) = self.facts.outcome(&key)
        else {
            return (Status::Planning, Vec::new());
        };
        let replaces = self.replaces(project);
        let needs_word = *approval == Approval::Plan || !replaces.is_empty();
        if needs_word && !self.is_approved(&key) {
            self.waits = Some(Waits::Plan { replaces });
            return (Status::AwaitingApproval, Vec::new());
        }
        let ordered = plan_rules::order(assignments);
        let mut subjects: Vec<(&Assignment, Option<&Rework>)> = ordered
            .iter()
            .map(|assignment| (*assignment, None))
            .collect();
        let mut build_log = "";
        loop {
            if let Some(units) = self.coding(&subjects, *parallelism, build_log) {
                return (Status::Coding, units);
            }
            let (manifest, mut rework) = match self.reviewed() {
                Ok(reviewed) => reviewed,
                Err(unit) => return (Status::Reviewing, vec![*unit]),
            };
            build_log = "";
            if rework.is_empty() {
                let approved = Approved {
                    manifest,
                    project,
                    assignments,
                    owners: ordered.iter().map(|it| Owner::of(it)).collect(),
                };
                (rework, build_log) = match self.delivery(&approved) {
                    Delivery::Broken { rework, log } => (rework, log),
                    Delivery::Due(status, unit) => return (status, vec![*unit]),
                    Delivery::Waits(waits) => {
                        self.waits = Some(waits);
                        return (Status::AwaitingApproval, Vec::new());
                    }
                    Delivery::Done => return (Status::Completed, Vec::new()),
                };
                self.repairs += 1;
            }
            self.round += 1;
            let again = |assignment: &&'a Assignment| {
                let found = rework.iter().find(|item| item.assignment == assignment.id);
                found.map(|item| (*assignment, Some(item)))
            };
            subjects = ordered.iter().filter_map(again).collect();
        }
    }

    /// The plan that is carried out, or the one to be made: the first, or after each wish
    /// of the owner another one. A follow-up begins after everything that was there, so that
    /// no result of before is taken for one of its own.
    fn plan(&mut self) -> Result<UnitKey, Box<NewUnit>> {
        let mut wishes = wishes(self.facts);
        let mut input = UnitInput::Plan(self.bases.last().copied());
        loop {
            let key = self.key(UnitKind::Plan, 1, "");
            self.plan_generation = key.generation;
            if self.facts.outcome(&key).is_none() {
                return Err(Box::new(self.unit(key, input)));
            }
            let Some((generation, wish)) = wishes.next() else {
                return Ok(key);
            };
            if let Wish::FollowUp(_) = wish {
                self.bases.push(Base {
                    from: key.generation,
                    before: generation,
                });
                self.plan_generation = generation;
            } else {
                self.plan_generation += 1;
            }
            input = UnitInput::Another(Box::new(Another {
                of_generation: key.generation,
                wish,
                base: self.bases.last().copied(),
            }));
        }
    }

    /// Whether the owner approved after the plan was made.
    fn is_approved(&self, plan: &UnitKey) -> bool {
        let is_plan = |fact: &Fact| matches!(fact, Fact::Done(done) if done.unit == *plan);
        let mut since = self.facts.log.iter().skip_while(|fact| !is_plan(fact));
        since.any(|fact| matches!(fact, Fact::Command(Command::Approve {})))
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
        build_log: &str,
    ) -> Option<Vec<NewUnit>> {
        let slots = parallelism as usize;
        let (mut started, mut done) = (BTreeSet::new(), BTreeSet::new());
        let mut results = self.facts.done().filter(|done| {
            let unit = &done.unit;
            unit.kind == UnitKind::Assignment
                && unit.round == self.round
                && unit.generation >= self.plan_generation
                && !matches!(done.outcome, Outcome::Failed(_))
        });
        loop {
            for (assignment, rework) in subjects {
                let depends_on = &assignment.depends_on;
                let free = rework.is_some() || depends_on.iter().all(|id| done.contains(&**id));
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
            let key = self.key(UnitKind::Assignment, self.round, &assignment.id);
            let findings = rework.map(|rework| rework.findings.clone());
            let assignment = Box::new((*assignment).clone());
            let (findings, log) = (findings.unwrap_or_default(), build_log.to_owned());
            self.unit(key, UnitInput::Assignment(assignment, findings, log))
        };
        let at_work = subjects.iter().filter(|(assignment, _)| {
            started.contains(assignment.id.as_str()) && !done.contains(assignment.id.as_str())
        });
        (done.len() < subjects.len()).then(|| at_work.map(unit).collect())
    }

    /// What the review of this round found, or the review to be held. A review that failed
    /// and was retried begins the count of rounds anew; the round in which a build is
    /// repaired does not count.
    fn reviewed(&self) -> Result<(&'a str, &'a [Rework]), Box<NewUnit>> {
        let key = self.key(UnitKind::Review, self.round, "");
        if let Some(Outcome::Reviewed {
            manifest_hash,
            rework,
            ..
        }) = self.facts.outcome(&key)
        {
            return Ok((manifest_hash, rework));
        }
        let retried = failures(self.facts)
            .filter(|(done, _, is_retried)| *is_retried && done.unit.kind == UnitKind::Review)
            .filter(|(done, _, _)| done.unit.generation >= self.plan_generation);
        let input = UnitInput::Review {
            rounds_max: REVIEW_ROUNDS_MAX * (1 + count(retried)) + self.repairs,
        };
        Err(Box::new(self.unit(key, input)))
    }

    /// The commit that a release is put on top of: the last one, or what an existing repository
    /// was read at.
    fn since(&self, project: &Project) -> Option<Since> {
        let mut latest = self.facts.done().rev();
        let released = latest.find_map(|done| {
            let Outcome::Released { commit_sha, .. } = &done.outcome else {
                return None;
            };
            Some((&done.unit, commit_sha))
        });
        let of_base = |commit: &str, base: Base, round| Since {
            commit: commit.to_owned(),
            from: base.from,
            before: Some(base.before),
            round,
            deploys_otherwise: released
                .and_then(|(unit, _)| self.planned_until(unit.generation))
                .is_some_and(|before| deploys_otherwise(before, project)),
        };
        // Not every plan after the released one need have left.
        let until = released.map_or(FIRST_GENERATION, |(unit, _)| {
            unit.generation.saturating_add(1)
        });
        let base = self.bases.iter().find(|base| base.before >= until);
        match (released, base.copied()) {
            (Some((unit, commit)), _) if unit.generation >= self.plan_generation => Some(Since {
                commit: commit.clone(),
                from: self.plan_generation,
                before: None,
                round: unit.round,
                deploys_otherwise: false,
            }),
            (Some((unit, commit)), Some(base)) => Some(of_base(commit, base, unit.round)),
            (Some(_), None) => None,
            (None, base) => {
                let (existing, _) = self.facts.imported()?;
                Some(of_base(&existing.head, base?, 0))
            }
        }
    }

    /// Builds of this plan that failed and were repaired since the last one that was not
    /// repaired, and was retried.
    fn repairs_in_a_row(&self) -> u32 {
        let of_plan = |done: &Done| {
            let kind = done.unit.kind;
            matches!(kind, UnitKind::Deployment | UnitKind::Preview)
                && done.unit.generation >= self.plan_generation
        };
        let outcomes = self.facts.done().filter(|done| of_plan(done));
        let outcomes = outcomes.map(|done| &done.outcome);
        outcomes.fold(0, |repairs, outcome| match outcome {
            Outcome::BuildFailed { .. } => repairs + 1,
            Outcome::Failed(failure) if failure.code == Code::BuildFailed => 0,
            Outcome::Imported { .. }
            | Outcome::Planned { .. }
            | Outcome::Coded { .. }
            | Outcome::Reviewed { .. }
            | Outcome::Released { .. }
            | Outcome::Deployed { .. }
            | Outcome::Previewed { .. }
            | Outcome::Failed(_) => repairs,
        })
    }
}
