//! From rows to [`Work`]: which rows a unit depends on, and what it works from then.
//!
//! Whoever drives a unit, and whoever replays one, asks here, so that they can not differ.

use std::collections::BTreeSet;

use crate::agent::AgentWork;
use crate::brief::Brief;
use crate::deployment::DeploymentWork;
use crate::estimate::Rates;
use crate::facts::Facts;
use crate::ids::{UnitKey, UnitKind};
use crate::import::ImportWork;
use crate::limits::REVIEW_ROUNDS_MAX;
use crate::path::SafePath;
use crate::plan::{Assignment, Plan, SharedFile};
use crate::planning::PlanWork;
use crate::release::{Before, ReleaseWork, Told};
use crate::review::ReviewWork;
use crate::rows::{self, UnitRow};
use crate::unit::Work;
use crate::workspace::{FileVersion, Workspace};

/// A brief and the plan that was accepted for it.
pub type Known = (Brief, Plan);

/// The generations whose files a unit depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generations {
    /// The first of them.
    pub from: u32,
    /// The first that is none of them, if there is one.
    pub before: Option<u32>,
}

impl Generations {
    /// Whether `generation` is one of them.
    pub fn contains(&self, generation: u32) -> bool {
        generation >= self.from && self.before.is_none_or(|before| generation < before)
    }
}

/// A file version with the id of the row that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The row's id.
    pub row_id: String,
    /// The generation it was written in.
    pub generation: u32,
    /// What it holds.
    pub version: FileVersion,
}

/// What is known beside a unit's row. Only what the unit depends on need be there.
#[derive(Default)]
pub struct Given<'a> {
    /// When the unit's row was created, Unix seconds.
    pub created_unix: i64,
    /// Domain below which sites get their addresses, with or without a port.
    pub site_domain: &'a str,
    /// Prices for the estimate of a plan.
    pub rates: Rates,
    /// The brief, for a first plan whose row does not hold it.
    pub brief: Option<Brief>,
    /// The plan of [`plan_needed`].
    pub plan: Option<Known>,
    /// The files of [`files_needed`], in the order in which they were written.
    pub files: Vec<Written>,
    /// The facts, for a unit of which [`facts_needed`] says so.
    pub facts: Option<&'a Facts>,
}

/// Key of the plan that `unit` depends on: the one that it carries out, or for a plan the one
/// before it.
///
/// # Errors
/// A column that can not be read.
pub fn plan_needed(unit: &UnitRow) -> Result<Option<UnitKey>, String> {
    Ok(match unit.key.kind {
        UnitKind::Plan => unit.another()?.map(|(earlier, _)| earlier),
        UnitKind::Assignment | UnitKind::Review => Some(unit.plan_key()),
        UnitKind::Release => unit.project()?.existing.map(|_| unit.plan_key()),
        UnitKind::Import | UnitKind::Deployment | UnitKind::Preview => None,
    })
}

/// Whether `unit` depends on what happened to its task, or is to know it at its end: a review, the
/// plan of a repository that was read before, a release, which may explain itself to whoever
/// merges it, and a deployment. Nothing else of the task is at work meanwhile: a follow-up is
/// taken only when nothing is.
///
/// # Errors
/// A column that can not be read.
pub fn facts_needed(unit: &UnitRow) -> Result<bool, String> {
    Ok(match unit.key.kind {
        UnitKind::Review | UnitKind::Release | UnitKind::Deployment | UnitKind::Preview => true,
        UnitKind::Plan => unit.another()?.is_none() && unit.base().is_some(),
        UnitKind::Import | UnitKind::Assignment => false,
    })
}

/// Whose files `unit` depends on, if it does on any. `plan` is the one of [`plan_needed`].
///
/// # Errors
/// A column that can not be read, or an assignment that the plan does not have.
pub fn files_needed(unit: &UnitRow, plan: Option<&Known>) -> Result<Option<Generations>, String> {
    let of_plan = Generations {
        from: unit.plan_key().generation,
        before: None,
    };
    Ok(match unit.key.kind {
        UnitKind::Import => None,
        UnitKind::Plan => unit.base().map(|base| Generations {
            from: base.from,
            before: Some(base.before),
        }),
        UnitKind::Assignment => {
            let (brief, plan) = plan.ok_or_else(|| missing("the plan"))?;
            let is_alone = own(unit, plan)?.depends_on.is_empty();
            (!(is_alone && is_first(unit, brief))).then_some(of_plan)
        }
        UnitKind::Release => {
            let since = unit.since()?.map_or(of_plan.from, |since| since.from);
            Some(Generations {
                from: since.min(of_plan.from),
                ..of_plan
            })
        }
        UnitKind::Review | UnitKind::Deployment | UnitKind::Preview => Some(of_plan),
    })
}

/// What `unit` works from.
///
/// # Errors
/// What it depends on and is not given, or a column that can not be read. Not worth a retry.
pub fn work_of(unit: &UnitRow, given: Given<'_>) -> Result<Work, String> {
    let task = unit.key.task.clone();
    let approved_manifest = unit.text("manifestHash").to_owned();
    let Given { rates, plan, .. } = given;
    let before = match unit.key.kind {
        UnitKind::Release => before(unit, &given.files)?,
        UnitKind::Import
        | UnitKind::Plan
        | UnitKind::Assignment
        | UnitKind::Review
        | UnitKind::Deployment
        | UnitKind::Preview => None,
    };
    let of_plan = unit.plan_key().generation;
    // What `unit` itself has put back is none of what it began with, nor are later rounds.
    let versions: Vec<FileVersion> = given
        .files
        .into_iter()
        .filter(|file| unit.key.kind == UnitKind::Plan || file.generation >= of_plan)
        .filter(|file| !rows::is_put_back_by(&unit.key, &file.row_id, &file.version))
        .map(|file| file.version)
        .filter(|version| version.round <= unit.key.round || unit.key.kind == UnitKind::Plan)
        .collect();
    Ok(match unit.key.kind {
        UnitKind::Import => Work::Import(ImportWork {
            repository: unit.text("repository").to_owned(),
            branch: Some(unit.text("branch").to_owned()).filter(|branch| !branch.is_empty()),
        }),
        UnitKind::Plan => {
            let brief = unit.brief()?.or(given.brief);
            let released = Workspace::of(&versions);
            Work::Plan(Box::new(plan_work(
                unit,
                (brief, plan),
                given.facts,
                released,
                rates,
            )?))
        }
        UnitKind::Assignment => {
            let known = plan.ok_or_else(|| missing("the plan"))?;
            Work::Assignment(Box::new(assignment(unit, known, versions)?))
        }
        UnitKind::Review => {
            let known = plan.ok_or_else(|| missing("the plan"))?;
            let facts = given.facts.ok_or_else(|| missing("what happened"))?;
            let of = unit.plan_key().generation;
            let rounds_max = unit.number("roundsMax").unwrap_or(REVIEW_ROUNDS_MAX);
            let work = ReviewWork::of(facts, known, &unit.key, of, rounds_max, versions);
            let work = work.ok_or_else(|| missing("the review before"))?;
            Work::Review(Box::new(work))
        }
        UnitKind::Release => Work::Release(Box::new(ReleaseWork {
            before,
            told: given.facts.zip(plan).map(|(facts, (brief, plan))| {
                let facts = facts.before(&unit.key);
                Box::new(Told { brief, plan, facts })
            }),
            files: Workspace::of(&versions),
            project: unit.project()?,
            site_domain: without_port(given.site_domain).to_owned(),
            task,
            approved_manifest,
            created_unix: given.created_unix,
            gate: unit.text("gate").to_owned(),
        })),
        UnitKind::Deployment | UnitKind::Preview => Work::Deployment(Box::new(DeploymentWork {
            files: Workspace::of(&versions),
            project: unit.project()?,
            task,
            approved_manifest,
            round: unit.key.round,
            owners: unit.owners(),
            repairs: unit.number("repairs").unwrap_or_default(),
            goal: unit.goal()?,
        })),
    })
}

fn missing(what: &str) -> String {
    format!("{what} is missing")
}

fn plan_work(
    unit: &UnitRow,
    (brief, plan): (Option<Brief>, Option<Known>),
    facts: Option<&Facts>,
    released: Workspace,
    rates: Rates,
) -> Result<PlanWork, String> {
    if let Some((_, another)) = unit.another()? {
        let earlier = plan.ok_or_else(|| missing("the plan before"))?;
        return Ok(PlanWork::another(earlier, another.wish, released, rates));
    }
    let mut brief = brief.ok_or_else(|| missing("the brief"))?;
    if unit.base().is_some() {
        let imported = facts.and_then(Facts::imported);
        let (_, unshown) = imported.ok_or_else(|| missing("the repository"))?;
        brief.unshown = unshown.to_vec();
    }
    Ok(PlanWork {
        released,
        ..PlanWork::first(brief, rates)
    })
}

/// What a release is put on top of, with the files that it left.
fn before(unit: &UnitRow, files: &[Written]) -> Result<Option<Box<Before>>, String> {
    let Some(since) = unit.since()? else {
        return Ok(None);
    };
    let generations = Generations {
        from: since.from,
        before: since.before,
    };
    let left = files
        .iter()
        .filter(|file| generations.contains(file.generation) && file.version.round <= since.round);
    let versions: Vec<FileVersion> = left.map(|file| file.version.clone()).collect();
    Ok(Some(Box::new(Before {
        commit: since.commit,
        deploys_otherwise: since.deploys_otherwise,
        files: Workspace::of(&versions),
    })))
}

fn without_port(domain: &str) -> &str {
    domain.split(':').next().unwrap_or_default()
}

/// Whether nothing but the plan's own files was there when `unit` began, if it waited for
/// nobody.
fn is_first(unit: &UnitRow, brief: &Brief) -> bool {
    brief.follow_ups.is_empty() && brief.options.repository.is_none() && unit.key.round == 1
}

fn own<'a>(unit: &UnitRow, plan: &'a Plan) -> Result<&'a Assignment, String> {
    let name = &unit.key.name;
    let mut all = plan.assignments.iter();
    let own = all.find(|assignment| assignment.id == *name);
    own.ok_or_else(|| format!("the plan has no assignment `{name}`"))
}

fn assignment(
    unit: &UnitRow,
    (brief, plan): Known,
    mut versions: Vec<FileVersion>,
) -> Result<AgentWork, String> {
    let assignment = own(unit, &plan)?.clone();
    let round = unit.key.round;
    if is_first(unit, &brief) && assignment.depends_on.is_empty() {
        versions = shared_files(&plan);
    } else {
        let seen = visible(&plan, &assignment);
        // What others write at the same time must not be seen: a second execution of this
        // unit would start from something else.
        versions.retain(|version| {
            version.round < round || (round == 1 && seen.contains(version.assignment.as_str()))
        });
    }
    Ok(AgentWork {
        base: Workspace::of(&versions),
        findings: unit.findings(),
        build_log: unit.text("buildLog").to_owned(),
        brief,
        assignment,
        round,
        plan,
    })
}

fn shared_files(plan: &Plan) -> Vec<FileVersion> {
    let version = |file: &SharedFile| {
        let path = SafePath::parse(&file.path).ok()?;
        Some(FileVersion {
            path,
            content: Some(file.content.clone()),
            assignment: "shared".to_owned(),
            round: 0,
        })
    };
    plan.shared_files.iter().filter_map(version).collect()
}

/// Whose files an assignment may see in the first round: the shared ones, and those of
/// everything it depends on, which is done.
fn visible<'a>(plan: &'a Plan, assignment: &'a Assignment) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::from(["shared"]);
    let mut open: Vec<&str> = assignment.depends_on.iter().map(String::as_str).collect();
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            let dependency = plan.assignments.iter().find(|other| other.id == id);
            let further = dependency.into_iter().flat_map(|other| &other.depends_on);
            open.extend(further.map(String::as_str));
        }
    }
    seen
}
