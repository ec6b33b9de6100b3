//! The sweep: looks at every open task that is due and repairs what lost events and dead
//! executions left undone. It needs nobody else to be alive.

use std::time::Duration;

use appwrite::{Query, Row};
use futures::future::try_join_all;
use pipeline::advance::NewUnit;
use pipeline::model::Spent;
use pipeline::rows::TaskStamp;
use pipeline::sweep::{Found, Repair, look_again_in_ms, repair};
use pipeline::{Code, Done, Fact, Failure, Outcome, Stage, TaskId, UnitKind, advance, rows};
use serde::Serialize;
use serde_json::json;

use crate::advance::{advance_task, current, project, stamp};
use crate::claim;
use crate::clock;
use crate::config::Settings;
use crate::load;
use crate::logging::Log;
use crate::retention::{Keeper, Kept, has_ended};
use crate::store::{Created, Store};
use crate::trouble::Trouble;

/// Tasks that one run looks at, the longest due first. The next run takes the next ones.
const TASKS_MAX: usize = 25;

/// What one run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Open tasks that were due.
    pub tasks: u64,
    /// Rows that were missing.
    pub created: u64,
    /// Executions started.
    pub started: u64,
    /// Units given up.
    pub abandoned: u64,
    /// Tasks that could not be looked at this time.
    pub troubled: u64,
    /// Rows of tasks that ended long ago which were removed.
    pub removed: u64,
}

impl Swept {
    fn count(&mut self, repair: &Repair) {
        match repair {
            Repair::Wait | Repair::Keep => {}
            Repair::Create => self.created += 1,
            Repair::Start | Repair::Restart | Repair::Lift => self.started += 1,
            Repair::GiveUp => self.abandoned += 1,
        }
    }
}

/// Looks at every open task that is due, and at ended ones of which something is to be removed.
///
/// # Errors
/// The list of tasks can not be read. Trouble with one task does not keep the others.
pub async fn sweep(store: &Store, settings: &Settings, log: &Log) -> Result<Swept, Trouble> {
    let now = clock::appwrite_time(clock::now());
    let queries = vec![
        Query::less_than_equal("nextCheckAt", now),
        Query::order_asc("nextCheckAt"),
    ];
    let due = store.list("tasks", queries, TASKS_MAX).await?;
    let mut swept = Swept {
        tasks: due.len() as u64,
        ..Swept::default()
    };
    let mut keeper = Keeper::new(store, &settings.retention);
    for row in due {
        let id = row.id.clone();
        let looked = match has_ended(&row) {
            true => keep(store, settings, &mut keeper, row, &mut swept).await,
            false => check(store, settings, row, &mut swept).await,
        };
        if let Err(trouble) = looked {
            swept.troubled += 1;
            log.error(&format!("task {id}: {trouble}"));
        }
    }
    swept.removed = keeper.removed;
    keeper.schedule_new().await?;
    Ok(swept)
}

/// Looks at a task whose row shows an end, and which is due all the same.
async fn keep(
    store: &Store,
    settings: &Settings,
    keeper: &mut Keeper<'_>,
    row: Row,
    swept: &mut Swept,
) -> Result<(), Trouble> {
    match keeper.keep(&row).await? {
        Kept::Done => Ok(()),
        Kept::GoesOn => check(store, settings, row, swept).await,
    }
}

async fn check(
    store: &Store,
    settings: &Settings,
    row: Row,
    swept: &mut Swept,
) -> Result<(), Trouble> {
    let task = TaskId::parse(&row.id)
        .ok_or_else(|| Trouble::Row(format!("`{}` is no task id", row.id)))?;
    let owner = row.text("owner").unwrap_or_default();
    let checked = check_task(
        store,
        settings,
        &task,
        owner,
        Some(stamp(&row)),
        EAGER,
        swept,
    )
    .await?;
    if let Some(seen) = checked.open {
        // Another one may have moved the task on since: then its own time stands.
        let next_check_at =
            clock::appwrite_time(clock::after(clock::now(), settings.check_after_seconds));
        store
            .patch(
                "tasks",
                task.as_str(),
                json!({"nextCheckAt": next_check_at}),
                Some(seen.updated_at),
            )
            .await?;
    }
    Ok(())
}

/// What a look at a task brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What is seen of the task's row, unless the task has ended.
    pub open: Option<TaskStamp>,
    /// Milliseconds until another look can bring something, if nothing is heard of those at
    /// work meanwhile.
    pub look_again_ms: u64,
}

/// How old a row must be that nobody has claimed before its event counts as lost.
pub type Patience = Duration;

/// The sweep's: the row's task was due, so it is older than an event takes.
pub const EAGER: Patience = Duration::ZERO;

/// Looks at one task: creates what is missing, starts what nobody works on, and shows where
/// it stands. `seen` is what was last seen of its row.
///
/// # Errors
/// What the store could not mend.
///
/// # Idempotency
/// Any number of looks at the same time start a unit more than once at most, and its claim
/// keeps all but one from working.
pub async fn check_task(
    store: &Store,
    settings: &Settings,
    task: &TaskId,
    owner: &str,
    seen: Option<TaskStamp>,
    patience: Patience,
    swept: &mut Swept,
) -> Result<Checked, Trouble> {
    let facts = load::facts(store, task, owner).await?;
    let next = advance(&facts, None);
    let lapse_ms = settings.claim_lapse_seconds.saturating_mul(1_000);
    let shown = seen.as_ref().and_then(|seen| seen.position);
    if shown.is_some_and(|shown| shown > next.projection.position()) {
        // The row was read before the facts, so these are as late at least: unless they are
        // being removed with the task. What is left of them must start nothing.
        return Ok(Checked {
            open: None,
            look_again_ms: lapse_ms,
        });
    }
    let seen = match seen {
        Some(seen) => seen,
        None => current(store, task).await?,
    };
    let check_after = settings.check_after_seconds;
    let (mut abandoned, mut look_again_ms) = (Vec::new(), lapse_ms);
    let looks = next
        .units
        .iter()
        .map(|unit| check_unit(store, settings, unit, owner, &seen, patience));
    for looked in try_join_all(looks).await? {
        swept.count(&looked.repair);
        look_again_ms = look_again_ms.min(looked.again_ms);
        abandoned.extend(looked.abandoned);
    }
    if !abandoned.is_empty() {
        let mut facts = facts;
        facts
            .log
            .extend(abandoned.into_iter().map(|done| Fact::Done(Box::new(done))));
        advance_task(store, facts, None, None, check_after).await?;
        return Ok(Checked {
            open: None,
            look_again_ms,
        });
    }
    let shown = project(store, task, &next.projection, check_after, Some(seen)).await?;
    let is_open = !next.projection.status.is_final();
    Ok(Checked {
        open: is_open.then_some(shown),
        look_again_ms,
    })
}

/// What a look at one unit brought.
pub struct Looked {
    /// What was done about it.
    pub repair: Repair,
    /// Its result, if it is given up.
    pub abandoned: Option<Done>,
    /// Milliseconds until another look can bring something.
    pub again_ms: u64,
}

/// Repairs one unit.
///
/// # Errors
/// What the store could not mend.
pub async fn check_unit(
    store: &Store,
    settings: &Settings,
    unit: &NewUnit,
    owner: &str,
    task: &TaskStamp,
    patience: Patience,
) -> Result<Looked, Trouble> {
    let key = &unit.key;
    let lapse = Duration::from_secs(settings.claim_lapse_seconds);
    let claim = claim::newest(store, key, lapse).await?;
    let mut looked = Looked {
        repair: Repair::Wait,
        abandoned: None,
        again_ms: look_again_in_ms(claim, settings.claim_lapse_seconds.saturating_mul(1_000)),
    };
    let found = match claim {
        Some(claim) => Found::Claim(claim),
        None => match store.get(key.kind.table(), key.id().as_str()).await? {
            None => Found::Nothing,
            Some(row) => {
                if let Some(left) = left_of(patience, &row) {
                    looked.again_ms = left;
                    return Ok(looked);
                }
                Found::Row
            }
        },
    };
    looked.repair = repair(found);
    if let (Repair::Keep, Some(claim)) = (&looked.repair, claim)
        && !claim::keep(store, key, claim.epoch).await?
    {
        // It has let go in this very moment.
        looked.repair = Repair::Lift;
    }
    match looked.repair {
        Repair::Wait | Repair::Keep => {}
        Repair::Create => {
            store.create(rows::unit(unit, owner, task)).await?;
        }
        Repair::Start => {
            store
                .start(function_of(key.kind), key.id().as_str(), None)
                .await?;
        }
        Repair::Restart => restart(store, unit, owner, task).await?,
        Repair::Lift => {
            if let Some(claim) = claim {
                claim::lift(store, key, claim.epoch).await?;
            }
            restart(store, unit, owner, task).await?;
        }
        Repair::GiveUp => {
            let message = format!(
                "The step `{}` was started as often as allowed and never finished. Start the task anew.",
                key.kind.as_str()
            );
            let outcome = Outcome::Failed(Failure::new(Code::UnitAbandoned, message));
            let done = Done {
                unit: key.clone(),
                outcome,
                spent: Spent::default(),
            };
            store.create(rows::done(&done)).await?;
            looked.abandoned = Some(done);
        }
    }
    Ok(looked)
}

/// Starts the function for a unit, or creates its row, which starts it.
async fn restart(
    store: &Store,
    unit: &NewUnit,
    owner: &str,
    task: &TaskStamp,
) -> Result<(), Trouble> {
    match store.create(rows::unit(unit, owner, task)).await? {
        Created::New => Ok(()),
        Created::Exists => {
            let function = function_of(unit.key.kind);
            store.start(function, unit.key.id().as_str(), None).await
        }
    }
}

/// Milliseconds for which the event of a new row may still be on its way, if any.
fn left_of(patience: Patience, row: &Row) -> Option<u64> {
    let created = clock::parse(&row.created_at)?;
    let age_ms = clock::now().as_millisecond() - created.as_millisecond();
    let age = Duration::from_millis(u64::try_from(age_ms).unwrap_or(0));
    let left = patience.checked_sub(age)?;
    u64::try_from(left.as_millis())
        .ok()
        .filter(|left| *left > 0)
}

/// The function that drives units of this kind.
pub const fn function_of(kind: UnitKind) -> &'static str {
    match kind {
        UnitKind::Plan => Stage::Plan.function_id(),
        UnitKind::Assignment => Stage::RunAgent.function_id(),
        UnitKind::Review => Stage::Review.function_id(),
        UnitKind::Import | UnitKind::Release => Stage::Publish.function_id(),
        UnitKind::Deployment | UnitKind::Preview => Stage::Deploy.function_id(),
    }
}
