//! The sweep: looks at every open task that is due and repairs what lost events and dead
//! executions left undone. It needs nobody else to be alive.

use std::time::Duration;

use appwrite::{Query, Row};
use pipeline::advance::NewUnit;
use pipeline::model::Spent;
use pipeline::rows::TaskStamp;
use pipeline::sweep::{Repair, repair};
use pipeline::{Code, Done, Fact, Failure, Outcome, Stage, TaskId, UnitKind, advance, rows};
use serde::Serialize;
use serde_json::json;

use crate::advance::{advance_task, project, stamp};
use crate::claim;
use crate::clock;
use crate::config::Settings;
use crate::load;
use crate::logging::Log;
use crate::store::Store;
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
}

/// Looks at every open task that is due.
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
    for row in due {
        let id = row.id.clone();
        if let Err(trouble) = check(store, settings, row, &mut swept).await {
            swept.troubled += 1;
            log.error(&format!("task {id}: {trouble}"));
        }
    }
    Ok(swept)
}

async fn check(
    store: &Store,
    settings: &Settings,
    row: Row,
    swept: &mut Swept,
) -> Result<(), Trouble> {
    let task = TaskId::parse(&row.id)
        .ok_or_else(|| Trouble::Row(format!("`{}` is no task id", row.id)))?;
    let owner = row.text("owner").unwrap_or_default().to_owned();
    let facts = load::facts(store, &task, &owner).await?;
    let next = advance(&facts, None);
    let seen = stamp(&row);
    let mut abandoned = Vec::new();
    for unit in &next.units {
        abandoned.extend(check_unit(store, settings, unit, &owner, &seen, swept).await?);
    }
    if !abandoned.is_empty() {
        let mut facts = facts;
        facts
            .log
            .extend(abandoned.into_iter().map(|done| Fact::Done(Box::new(done))));
        return advance_task(store, facts, None, None, settings.check_after_seconds).await;
    }
    let seen = project(
        store,
        &task,
        &next.projection,
        settings.check_after_seconds,
        None,
    )
    .await?;
    if !next.projection.status.is_final() {
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

/// Repairs one unit. Returns its result if it is given up.
///
/// # Errors
/// What the store could not mend.
pub async fn check_unit(
    store: &Store,
    settings: &Settings,
    unit: &NewUnit,
    owner: &str,
    task: &TaskStamp,
    swept: &mut Swept,
) -> Result<Option<Done>, Trouble> {
    let key = &unit.key;
    let lapse = Duration::from_secs(settings.claim_lapse_seconds);
    let claim = claim::newest(store, key, lapse).await?;
    let row_exists = claim.is_some()
        || store
            .get(key.kind.table(), key.id().as_str())
            .await?
            .is_some();
    match repair(row_exists, claim) {
        Repair::Wait => {}
        Repair::Create => {
            store.create(rows::unit(unit, owner, task)).await?;
            swept.created += 1;
        }
        Repair::Lift => {
            if let Some(claim) = claim {
                claim::lift(store, key, claim.epoch).await?;
            }
            store
                .start(function_of(key.kind), key.id().as_str(), None)
                .await?;
            swept.started += 1;
        }
        Repair::Start => {
            store
                .start(function_of(key.kind), key.id().as_str(), None)
                .await?;
            swept.started += 1;
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
            swept.abandoned += 1;
            return Ok(Some(done));
        }
    }
    Ok(None)
}

/// The function that drives units of this kind.
pub const fn function_of(kind: UnitKind) -> &'static str {
    match kind {
        UnitKind::Plan => Stage::Plan.function_id(),
        UnitKind::Assignment => Stage::RunAgent.function_id(),
        UnitKind::Review => Stage::Review.function_id(),
        UnitKind::Release => Stage::Publish.function_id(),
        UnitKind::Deployment => Stage::Deploy.function_id(),
    }
}
