//! From rows to [`Work`]: reads what a unit depends on, and only that.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use appwrite::{Query, Row};
use pipeline::advance::{Base, FIRST_GENERATION};
use pipeline::agent::AgentWork;
use pipeline::brief::Brief;
use pipeline::deployment::DeploymentWork;
use pipeline::estimate::Rates;
use pipeline::limits::{FILES_MAX, REVIEW_ROUNDS_MAX};
use pipeline::plan::{Assignment, Plan};
use pipeline::planning::PlanWork;
use pipeline::release::ReleaseWork;
use pipeline::review::ReviewWork;
use pipeline::rows::{self, UnitRow};
use pipeline::unit::{Journal, Recorded};
use pipeline::workspace::{FileVersion, Workspace};
use pipeline::{Done, Fact, Facts, TaskId, UnitId, UnitKey, UnitKind, Work};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::OnceCell;

use crate::store::Store;
use crate::trouble::Trouble;

/// Versions of files a task can have: each file once a round, once more where a review puts
/// it back, and the shared ones.
const FILE_VERSIONS_MAX: usize = FILES_MAX * (REVIEW_ROUNDS_MAX as usize + 2);
/// Entries a unit's journal can have.
const ENTRIES_MAX: usize = 1_000;
/// Units a task can have.
const UNITS_MAX: usize = 1_000;

/// Reads what units depend on.
#[derive(Clone, Copy)]
pub struct Loader<'a> {
    /// The tables.
    pub store: &'a Store,
    /// Plans that were read before by this process.
    pub plans: &'a Plans,
    /// Domain below which sites get their addresses.
    pub site_domain: &'a str,
    /// Prices for the estimate of a plan.
    pub rates: Rates,
}

/// What a unit works from.
pub struct Loaded {
    /// The unit with everything it depends on.
    pub work: Work,
    /// The facts, where they had to be listed and no other unit can end meanwhile. The
    /// owner's commands can come at any time; they change the task's row.
    pub facts: Option<Facts>,
}

impl Loader<'_> {
    /// The unit of work that `unit` names, with everything it depends on.
    ///
    /// # Errors
    /// A store that does not answer, or a row that does not hold what it should.
    pub async fn work(&self, unit: &UnitRow, created_unix: i64) -> Result<Loaded, Trouble> {
        let task = unit.key.task.clone();
        let approved_manifest = unit.text("manifestHash").to_owned();
        let work = match unit.key.kind {
            UnitKind::Plan => {
                if let Some((earlier, another)) = unit.another().map_err(Trouble::Row)? {
                    let earlier = plan(self.store, &earlier).await?;
                    let released = released(self.store, &task, another.base).await?;
                    let work = PlanWork::another(earlier, another.wish, released, self.rates);
                    return Ok(Loaded {
                        work: Work::Plan(Box::new(work)),
                        facts: None,
                    });
                }
                let brief = match unit.brief().map_err(Trouble::Row)? {
                    Some(brief) => brief,
                    None => brief(self.store, &task).await?,
                };
                // Nothing else of the task exists before its first plan.
                let is_first = unit.key.generation == FIRST_GENERATION;
                return Ok(Loaded {
                    work: Work::Plan(Box::new(PlanWork::first(brief, self.rates))),
                    facts: is_first.then(|| Facts::none(task, unit.owner.clone())),
                });
            }
            UnitKind::Assignment => {
                assignment(
                    self.store,
                    unit,
                    self.plans.get(self.store, unit.plan_key()).await?,
                )
                .await?
            }
            UnitKind::Review => {
                let known = self.plans.get(self.store, unit.plan_key()).await?;
                return review(self.store, unit, known).await;
            }
            UnitKind::Release => Work::Release(ReleaseWork {
                files: Workspace::of(&files(self.store, unit).await?),
                project: unit.project().map_err(Trouble::Row)?,
                site_domain: self
                    .site_domain
                    .split(':')
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
                task,
                approved_manifest,
                created_unix,
                gate: unit.text("gate").to_owned(),
            }),
            UnitKind::Deployment => Work::Deployment(DeploymentWork {
                files: Workspace::of(&files(self.store, unit).await?),
                project: unit.project().map_err(Trouble::Row)?,
                task,
                approved_manifest,
            }),
        };
        Ok(Loaded { work, facts: None })
    }
}

/// Accepted plans that this process has read. They never change, and the agents of a task
/// share a process.
#[derive(Default)]
pub struct Plans {
    kept: Mutex<VecDeque<(UnitKey, Arc<OnceCell<Known>>)>>,
}

/// A brief and its accepted plan.
type Known = (Brief, Plan);

/// Plans that are kept; the oldest make room.
const PLANS_MAX: usize = 16;

impl Plans {
    async fn get(&self, store: &Store, key: UnitKey) -> Result<Known, Trouble> {
        let cell = self.cell(&key);
        cell.get_or_try_init(|| plan(store, &key)).await.cloned()
    }

    fn cell(&self, key: &UnitKey) -> Arc<OnceCell<Known>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cell)) = kept.iter().find(|(known, _)| known == key) {
            return Arc::clone(cell);
        }
        if kept.len() >= PLANS_MAX {
            kept.pop_front();
        }
        let cell = Arc::new(OnceCell::new());
        kept.push_back((key.clone(), Arc::clone(&cell)));
        cell
    }
}

/// The brief of a task.
///
/// # Errors
/// A store that does not answer, or a brief that can not be read.
pub async fn brief(store: &Store, task: &TaskId) -> Result<Brief, Trouble> {
    let row = store
        .get("briefs", task.as_str())
        .await?
        .ok_or_else(|| Trouble::Row(format!("task `{task}` has no brief")))?;
    let text = row.text("brief").unwrap_or_default();
    serde_json::from_str(text)
        .map_err(|cause| Trouble::Row(format!("the brief of `{task}` can not be read: {cause}")))
}

/// A finished plan and the brief that it is for.
///
/// # Errors
/// A store that does not answer, or a row that does not hold what it should.
pub async fn plan(store: &Store, key: &UnitKey) -> Result<(Brief, Plan), Trouble> {
    let row = store
        .get("plans", key.id().as_str())
        .await?
        .ok_or_else(|| Trouble::Row(format!("there is no plan {key}")))?;
    rows::read_plan(row.text("plan").unwrap_or_default()).map_err(Trouble::Row)
}

/// The files that belong to the plan that `unit` carries out, in all their versions.
async fn files(store: &Store, unit: &UnitRow) -> Result<Vec<FileVersion>, Trouble> {
    let plan = unit.plan_key().generation;
    let mut queries = vec![Query::equal("taskId", unit.key.task.as_str())];
    if plan > FIRST_GENERATION {
        queries.push(Query::greater_than_equal("generation", plan));
    }
    versions(store, queries, Some(&unit.key)).await
}

/// File versions as they were written. What `unit` itself has put back is left out.
async fn versions(
    store: &Store,
    queries: Vec<Query>,
    unit: Option<&UnitKey>,
) -> Result<Vec<FileVersion>, Trouble> {
    let rows = store.list("files", queries, FILE_VERSIONS_MAX).await?;
    rows.iter()
        .map(|row| Ok((row, rows::read_file(&row.data).map_err(Trouble::Row)?)))
        .filter(|read| match read {
            Ok((row, version)) => {
                unit.is_none_or(|unit| !rows::is_put_back_by(unit, &row.id, version))
            }
            Err(_) => true,
        })
        .map(|read| read.map(|(_, version)| version))
        .collect()
}

/// The files as they were released, none without a release.
///
/// # Errors
/// A store that does not answer, or a row that does not hold what it should.
pub async fn released(
    store: &Store,
    task: &TaskId,
    base: Option<Base>,
) -> Result<Workspace, Trouble> {
    let Some(Base { from, before }) = base else {
        return Ok(Workspace::default());
    };
    let queries = vec![
        Query::equal("taskId", task.as_str()),
        Query::greater_than_equal("generation", from),
        Query::less_than("generation", before),
    ];
    Ok(Workspace::of(&versions(store, queries, None).await?))
}

async fn assignment(store: &Store, unit: &UnitRow, (brief, plan): Known) -> Result<Work, Trouble> {
    let name = &unit.key.name;
    let assignment = plan
        .assignments
        .iter()
        .find(|assignment| assignment.id == *name)
        .cloned();
    let assignment =
        assignment.ok_or_else(|| Trouble::Row(format!("the plan has no assignment `{name}`")))?;
    let round = unit.key.round;
    let is_first = brief.follow_ups.is_empty() && round == 1;
    let versions = if is_first && assignment.depends_on.is_empty() {
        shared_files(&plan)
    } else {
        let seen = visible(&plan, &assignment);
        let mut versions = files(store, unit).await?;
        // What others write at the same time must not be seen: a second execution of this
        // unit would start from something else.
        versions.retain(|version| {
            version.round < round || (round == 1 && seen.contains(&version.assignment))
        });
        versions
    };
    let base = Workspace::of(&versions);
    Ok(Work::Assignment(Box::new(AgentWork {
        brief,
        plan,
        assignment,
        round,
        findings: unit.findings(),
        base,
    })))
}

fn shared_files(plan: &Plan) -> Vec<FileVersion> {
    let version = |file: &pipeline::plan::SharedFile| {
        let path = pipeline::SafePath::parse(&file.path).ok()?;
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
fn visible(plan: &Plan, assignment: &Assignment) -> BTreeSet<String> {
    let mut seen = BTreeSet::from(["shared".to_owned()]);
    let mut open: Vec<&str> = assignment.depends_on.iter().map(String::as_str).collect();
    while let Some(id) = open.pop() {
        if seen.insert(id.to_owned()) {
            let dependency = plan.assignments.iter().find(|other| other.id == id);
            open.extend(
                dependency
                    .into_iter()
                    .flat_map(|other| other.depends_on.iter().map(String::as_str)),
            );
        }
    }
    seen
}

async fn review(store: &Store, unit: &UnitRow, known: Known) -> Result<Loaded, Trouble> {
    let key = &unit.key;
    let (versions, facts) =
        futures::future::try_join(files(store, unit), facts(store, &key.task, &unit.owner)).await?;
    let plan_generation = unit.plan_key().generation;
    let rounds_max = unit.number("roundsMax").unwrap_or(REVIEW_ROUNDS_MAX);
    let work = ReviewWork::of(&facts, known, key, plan_generation, rounds_max, versions)
        .ok_or_else(|| Trouble::Row(format!("review {} has no review before it", key.round)))?;
    // All agents are done, and nothing else is at work during a review.
    Ok(Loaded {
        work: Work::Review(Box::new(work)),
        facts: Some(facts),
    })
}

/// Everything known of a task: the results of its finished units, its owner's commands, and
/// the calls that did not fit into its budget.
///
/// # Errors
/// A store that does not answer, or an entry that can not be read.
pub async fn facts(store: &Store, task: &TaskId, owner: &str) -> Result<Facts, Trouble> {
    let queries = vec![
        Query::equal("taskId", task.as_str()),
        Query::equal("kind", json!(["done", "command", "exhausted"])),
    ];
    let mut rows = store.list("journal", queries, UNITS_MAX).await?;
    rows.sort_by_key(|row| row.sequence.parse::<u64>().unwrap_or(u64::MAX));
    let log = rows
        .iter()
        .map(|row| match row.text("kind") {
            Some("command") => read(row).map(Fact::Command),
            Some("exhausted") => read(row).map(Fact::Exhausted),
            Some(_) | None => read(row).map(|done| Fact::Done(Box::new(done))),
        })
        .collect::<Result<Vec<Fact>, Trouble>>()?;
    Ok(Facts {
        task: task.clone(),
        owner: owner.to_owned(),
        log,
    })
}

fn read<T: DeserializeOwned>(row: &Row) -> Result<T, Trouble> {
    let text = row.text("outcome").unwrap_or_default();
    serde_json::from_str(text).map_err(|cause| {
        Trouble::Row(format!(
            "journal entry `{}` can not be read: {cause}",
            row.id
        ))
    })
}

/// A unit's journal, and its result if it is done.
///
/// # Errors
/// A store that does not answer, or an entry that can not be read.
pub async fn journal(store: &Store, unit: &UnitId) -> Result<(Journal, Option<Done>), Trouble> {
    let rows = store
        .list(
            "journal",
            vec![Query::equal("unitId", unit.as_str())],
            ENTRIES_MAX,
        )
        .await?;
    let (mut journal, mut done) = (Journal::default(), None);
    for row in &rows {
        match row.text("kind") {
            Some("done") => done = Some(read(row)?),
            // A fact of the task, not of the unit.
            Some("exhausted") => {}
            Some(_) | None => {
                let (key, recorded) = read_entry(row)?;
                journal.insert(key, recorded);
            }
        }
    }
    Ok((journal, done))
}

/// One entry of a journal, with its key.
///
/// # Errors
/// An entry that can not be read.
pub fn read_entry(row: &Row) -> Result<(String, Recorded), Trouble> {
    let text = |column: &str| row.text(column).unwrap_or_default();
    let entry = serde_json::from_str(text("outcome")).map_err(|cause| {
        Trouble::Row(format!(
            "journal entry `{}` can not be read: {cause}",
            row.id
        ))
    })?;
    Ok((
        text("key").to_owned(),
        Recorded {
            fingerprint: text("fingerprint").to_owned(),
            entry,
        },
    ))
}
