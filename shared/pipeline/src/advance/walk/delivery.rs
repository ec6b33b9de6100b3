//! What becomes of files that were approved.

use super::{Walk, generation};
use crate::advance::{FIRST_GENERATION, UnitInput, Waits, gate_id};
use crate::build::Owner;
use crate::command::Command;
use crate::deployment::Goal;
use crate::facts::{Done, Existing, Fact, Facts, Outcome, Project, Rework};
use crate::ids::{UnitKey, UnitKind};
use crate::messages;
use crate::plan::Assignment;
use crate::release_record::{draft, target};
use crate::stage::Status;
use crate::tables::{self, Replaced};

/// How far what was approved is on its way out.
pub(super) enum Delivery<'a> {
    /// This unit must exist.
    Due(Status, Box<crate::advance::NewUnit>),
    /// It does not build: who is named repairs it, with the end of the build's log.
    Broken { rework: &'a [Rework], log: &'a str },
    /// The owner is to say a word on it first.
    Waits(Waits),
    /// It is served.
    Done,
}

/// What the reviewer approved.
pub(super) struct Approved<'a> {
    pub(super) manifest: &'a str,
    pub(super) project: &'a Project,
    pub(super) assignments: &'a [Assignment],
    pub(super) owners: Vec<Owner>,
}

impl<'a> Walk<'a> {
    /// What becomes of files that were approved: a preview, the release, the deployment, the
    /// repair of a build that failed, or a deployment of an earlier release.
    pub(super) fn delivery(&self, approved: &Approved<'_>) -> Delivery<'a> {
        let mut previewed = Vec::new();
        let existing = self.facts.imported().map(|(existing, _)| existing);
        if approved.project.preview && existing.is_none() {
            let key = self.key(UnitKind::Preview, self.round, "");
            previewed = match self.facts.outcome(&key) {
                None => return self.deployment(approved, key, Goal::Preview),
                Some(Outcome::BuildFailed { rework, log, .. }) => {
                    return Delivery::Broken { rework, log };
                }
                Some(Outcome::Previewed { url, .. }) if !self.is_approved(&key) => {
                    return Delivery::Waits(Waits::Preview { url: url.clone() });
                }
                Some(Outcome::Previewed { parts, .. }) => parts.clone(),
                Some(_) => return Delivery::Done,
            };
        }
        let key = self.key(UnitKind::Release, self.round, "");
        if self.facts.outcome(&key).is_none() {
            return self.release(approved, key, existing);
        }
        if existing.is_some() {
            // Whoever merges it deploys it.
            return Delivery::Done;
        }
        let key = self.key(UnitKind::Deployment, self.round, "");
        match self.facts.outcome(&key) {
            None => {
                let what = (approved.assignments, approved.project);
                let draft = draft(self.facts, self.plan_generation, what, approved.manifest);
                let goal = Goal::Release {
                    draft: Box::new(draft),
                    replaces: self.replaces(approved.project),
                    previewed,
                };
                self.deployment(approved, key, goal)
            }
            Some(Outcome::BuildFailed { rework, log, .. }) => Delivery::Broken { rework, log },
            Some(_) => self.restored(approved),
        }
    }

    fn release(
        &self,
        approved: &Approved<'_>,
        key: UnitKey,
        existing: Option<&Existing>,
    ) -> Delivery<'a> {
        let mut project = Box::new(approved.project.clone());
        project.existing = existing.cloned();
        if self.repairs > 0 {
            project.released_before = true;
            project.commit_message = messages::repair_commit(&project.name);
        }
        let input = UnitInput::Release {
            manifest: approved.manifest.to_owned(),
            project,
            gate: gate_id(&self.facts.task, generation(self.facts)),
            since: self.since(approved.project),
        };
        Delivery::Due(Status::Publishing, Box::new(self.unit(key, input)))
    }

    fn deployment(&self, approved: &Approved<'_>, key: UnitKey, goal: Goal) -> Delivery<'a> {
        let input = UnitInput::Deployment {
            manifest: approved.manifest.to_owned(),
            project: Box::new(approved.project.clone()),
            owners: approved.owners.clone(),
            repairs: self.repairs_in_a_row(),
            goal: Box::new(goal),
        };
        Delivery::Due(Status::Deploying, Box::new(self.unit(key, input)))
    }

    /// The first earlier release that the owner wants served again and that is not. Such
    /// wishes come after everything that the plan in hand has brought.
    fn restored(&self, approved: &Approved<'_>) -> Delivery<'a> {
        let mut generation = FIRST_GENERATION;
        for (place, fact) in self.facts.log.iter().enumerate() {
            let Fact::Command(command) = fact else {
                continue;
            };
            generation += u32::from(command.raises_generation());
            let Command::Rollback { release } = command else {
                continue;
            };
            if generation <= self.plan_generation {
                continue;
            }
            let before = Facts {
                log: self.facts.log[..place].to_vec(),
                ..self.facts.clone()
            };
            // It was there when the wish was accepted.
            let Ok(record) = target(&before, *release) else {
                continue;
            };
            let key = self.key_from(generation, UnitKind::Deployment, 1, "");
            if self.facts.outcome(&key).is_none() {
                let goal = Goal::Restore(Box::new(record.clone()));
                return self.deployment(approved, key, goal);
            }
        }
        Delivery::Done
    }

    /// Columns of the database that is served now which hold something else in `project`.
    pub(super) fn replaces(&self, project: &Project) -> Vec<Replaced> {
        let of_plan = |done: &&Done| done.unit.generation < self.plan_generation;
        let served = self.facts.done().filter(of_plan).filter_map(|done| {
            matches!(done.outcome, Outcome::Deployed { .. }).then_some(done.unit.generation)
        });
        let Some(served) = served.max() else {
            return Vec::new();
        };
        match self.planned_until(served) {
            Some(released) => tables::replaced(&released.tables, &project.tables),
            None => Vec::new(),
        }
    }

    /// What was planned last, in this generation or before.
    pub(super) fn planned_until(&self, generation: u32) -> Option<&'a Project> {
        self.facts.done().rev().find_map(|done| {
            let Outcome::Planned { project, .. } = &done.outcome else {
                return None;
            };
            (done.unit.generation <= generation).then_some(&**project)
        })
    }
}
