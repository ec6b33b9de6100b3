//! From rows to [`Work`]: reads what a unit depends on, and only that.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use appwrite::{Query, Row};
use pipeline::advance::{Base, FIRST_GENERATION};
use pipeline::brief::Brief;
use pipeline::estimate::Rates;
use pipeline::limits::{BUILD_REPAIRS_MAX, FACTS_MAX, FILES_MAX, REVIEW_ROUNDS_MAX};
use pipeline::plan::Plan;
use pipeline::rows::{self, UnitRow};
use pipeline::unit::{Journal, Recorded};
use pipeline::work::{self, Generations, Given, Known, Written};
use pipeline::workspace::Workspace;
use pipeline::{Done, Fact, Facts, TaskId, UnitId, UnitKey, UnitKind, Work};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::OnceCell;

use crate::credentials;
use crate::store::Store;
use crate::trouble::Trouble;

/// Versions of files that are read for one unit: each file once a round, builds that are
/// repaired included, once more where a review puts it back, and the shared ones. A review
/// that is retried begins its rounds anew.
const FILE_VERSIONS_MAX: usize =
    FILES_MAX * (REVIEW_ROUNDS_MAX as usize + BUILD_REPAIRS_MAX as usize + 2) * 4;
/// Entries a unit's journal can have.
const ENTRIES_MAX: usize = 1_000;

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
    /// Whether owners can have set credentials of their own.
    pub has_credentials: bool,
}

/// What a unit works from.
pub struct Loaded {
    /// The unit with everything it depends on.
    pub work: Work,
    /// The facts, where they had to be listed and no other unit can end meanwhile. The
    /// owner's commands can come at any time; they change the task's row.
    pub facts: Option<Facts>,
    /// The row of the owner's own credentials, if there is one, where it was read.
    pub credentials: Option<Option<Row>>,
}

impl Loader<'_> {
    /// The unit of work that `unit` names, with everything it depends on, read side by side.
    ///
    /// # Errors
    /// A store that does not answer, or a row that does not hold what it should.
    pub async fn work(&self, unit: &UnitRow, created_unix: i64) -> Result<Loaded, Trouble> {
        let key = &unit.key;
        let mut given = Given {
            created_unix,
            site_domain: self.site_domain,
            rates: self.rates,
            ..Given::default()
        };
        let (plan, files, mut listed, credentials) = match key.kind {
            // Which files it needs, its plan says.
            UnitKind::Assignment => {
                let plan = self.plan(unit).await?;
                let files = self.files(unit, plan.as_ref()).await?;
                (plan, files, None, None)
            }
            UnitKind::Import
            | UnitKind::Plan
            | UnitKind::Review
            | UnitKind::Release
            | UnitKind::Deployment
            | UnitKind::Preview => {
                let (plan, files) = (self.plan(unit), self.files(unit, None));
                let (facts, credentials) = (self.facts(unit), self.credentials(unit));
                futures::future::try_join4(plan, files, facts, credentials).await?
            }
        };
        if plan.is_none() && key.kind == UnitKind::Plan {
            if unit.brief().map_err(Trouble::Row)?.is_none() {
                given.brief = Some(brief(self.store, &key.task).await?);
            }
            // Nothing else of the task exists before its first plan, but what that builds on.
            let is_first = key.generation == FIRST_GENERATION && unit.base().is_none();
            let none = || Facts::none(key.task.clone(), unit.owner.clone());
            listed = listed.or(is_first.then(none));
        }
        given.plan = plan;
        given.files = files;
        given.facts = listed.as_ref();
        let work = work::work_of(unit, given)
            .map_err(|cause| Trouble::Row(format!("unit {key} can not be worked on: {cause}")))?;
        Ok(Loaded {
            work,
            facts: listed,
            credentials,
        })
    }

    async fn plan(&self, unit: &UnitRow) -> Result<Option<Known>, Trouble> {
        let Some(needed) = work::plan_needed(unit).map_err(Trouble::Row)? else {
            return Ok(None);
        };
        let plan = match unit.key.kind {
            // An earlier plan is read once.
            UnitKind::Plan => plan(self.store, &needed).await,
            UnitKind::Import
            | UnitKind::Assignment
            | UnitKind::Review
            | UnitKind::Release
            | UnitKind::Deployment
            | UnitKind::Preview => self.plans.get(self.store, needed).await,
        };
        plan.map(Some)
    }

    async fn files(&self, unit: &UnitRow, plan: Option<&Known>) -> Result<Vec<Written>, Trouble> {
        match work::files_needed(unit, plan).map_err(Trouble::Row)? {
            Some(generations) => files(self.store, &unit.key.task, generations).await,
            None => Ok(Vec::new()),
        }
    }

    /// The owner's credentials, for a unit that acts with them first of all.
    async fn credentials(&self, unit: &UnitRow) -> Result<Option<Option<Row>>, Trouble> {
        let acts = match unit.key.kind {
            UnitKind::Release | UnitKind::Deployment | UnitKind::Preview => true,
            UnitKind::Import | UnitKind::Plan | UnitKind::Assignment | UnitKind::Review => false,
        };
        if !acts || !self.has_credentials {
            return Ok(None);
        }
        let id = credentials::row_id(&unit.owner);
        self.store.get(credentials::TABLE, &id).await.map(Some)
    }

    async fn facts(&self, unit: &UnitRow) -> Result<Option<Facts>, Trouble> {
        match work::facts_needed(unit).map_err(Trouble::Row)? {
            true => facts(self.store, &unit.key.task, &unit.owner)
                .await
                .map(Some),
            false => Ok(None),
        }
    }
}

/// Accepted plans that this process has read. They never change, and the agents of a task
/// share a process.
#[derive(Default)]
pub struct Plans {
    kept: Mutex<VecDeque<(UnitKey, Arc<OnceCell<Known>>)>>,
}

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

/// The files of `generations`, in all their versions, in the order in which they were written.
async fn files(
    store: &Store,
    task: &TaskId,
    generations: Generations,
) -> Result<Vec<Written>, Trouble> {
    let Generations { from, before } = generations;
    let mut queries = vec![Query::equal("taskId", task.as_str())];
    if from > FIRST_GENERATION {
        queries.push(Query::greater_than_equal("generation", from));
    }
    if let Some(before) = before {
        queries.push(Query::less_than("generation", before));
    }
    let rows = store
        .list_whole("files", queries, FILE_VERSIONS_MAX)
        .await?;
    let files = rows.into_iter().map(|row| {
        let version = rows::read_file(&row.data).map_err(Trouble::Row)?;
        let generation = row.integer("generation");
        Ok(Written {
            generation: generation
                .and_then(|it| it.try_into().ok())
                .unwrap_or_default(),
            row_id: row.id,
            version,
        })
    });
    files.collect()
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
    let before = Some(before);
    let files = files(store, task, Generations { from, before }).await?;
    let versions: Vec<_> = files.into_iter().map(|file| file.version).collect();
    Ok(Workspace::of(&versions))
}

/// Everything known of a task: the results of its finished units, its owner's commands, and
/// the calls that did not fit into its budget.
///
/// # Errors
/// A store that does not answer, or an entry that can not be read.
pub async fn facts(store: &Store, task: &TaskId, owner: &str) -> Result<Facts, Trouble> {
    read_facts(task, owner, &fact_rows(store, task).await?)
}

/// The rows of a task's facts, in the order in which they were recorded.
///
/// # Errors
/// A store that does not answer.
pub async fn fact_rows(store: &Store, task: &TaskId) -> Result<Vec<Row>, Trouble> {
    let queries = vec![
        Query::equal("taskId", task.as_str()),
        Query::equal("kind", json!(rows::FACT_KINDS)),
    ];
    let mut rows = store.list_whole("journal", queries, FACTS_MAX).await?;
    rows.sort_by_key(|row| row.sequence.parse::<u64>().unwrap_or(u64::MAX));
    Ok(rows)
}

/// Reads the rows of a task's facts.
///
/// # Errors
/// An entry that can not be read.
pub fn read_facts(task: &TaskId, owner: &str, recorded: &[Row]) -> Result<Facts, Trouble> {
    let text = |row: &Row, column: &str| row.text(column).unwrap_or_default().to_owned();
    let log = recorded.iter().map(|row| {
        let fact = rows::read_fact(&text(row, "kind"), &text(row, "outcome"));
        match fact {
            Ok(Some(fact)) => Ok(fact),
            Ok(None) => Err(Trouble::Row(format!(
                "journal entry `{}` is no fact",
                row.id
            ))),
            Err(cause) => Err(unreadable(row, &cause)),
        }
    });
    Ok(Facts {
        task: task.clone(),
        owner: owner.to_owned(),
        log: log.collect::<Result<Vec<Fact>, Trouble>>()?,
    })
}

fn unreadable(row: &Row, cause: &serde_json::Error) -> Trouble {
    Trouble::Row(format!(
        "journal entry `{}` can not be read: {cause}",
        row.id
    ))
}

fn read<T: DeserializeOwned>(row: &Row) -> Result<T, Trouble> {
    let text = row.text("outcome").unwrap_or_default();
    serde_json::from_str(text).map_err(|cause| unreadable(row, &cause))
}

/// A unit's journal, and its result if it is done.
///
/// # Errors
/// A store that does not answer, or an entry that can not be read.
pub async fn journal(store: &Store, unit: &UnitId) -> Result<(Journal, Option<Done>), Trouble> {
    let rows = store
        .list_whole(
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
    let entry = serde_json::from_str(text("outcome")).map_err(|cause| unreadable(row, &cause))?;
    Ok((
        text("key").to_owned(),
        Recorded {
            fingerprint: text("fingerprint").to_owned(),
            entry,
        },
    ))
}
