//! Advancing a task: shows in the task's row what follows from the facts, and creates the
//! rows that must exist. Every function ends here, and so does the sweep.

use appwrite::Row;
use pipeline::advance::{NewUnit, Projection};
use pipeline::rows::TaskStamp;
use pipeline::{Facts, TaskId, UnitKey, advance, rows};

use crate::clock;
use crate::load;
use crate::store::Store;
use crate::together::{Finished, Siblings};
use crate::trouble::Trouble;

/// Changes of a task's row that are tried when others change it at the same time.
const PATCHES_MAX: u32 = 20;

/// Advances the task of `facts` after the unit `finished`, or (without one) makes sure of
/// everything. `known` is what was last seen of the task's row.
///
/// The row comes first, so that the units can hand on what it became; a crash in between
/// is made up for by the sweep. Where others have changed the row since, the facts are
/// listed anew: a command of the owner may be among them.
///
/// # Errors
/// What the store could not mend. The next one who advances repairs what was left out.
///
/// # Idempotency
/// Rows have deterministic ids and the task's row only moves forward.
pub async fn advance_task(
    store: &Store,
    mut facts: Facts,
    finished: Option<&UnitKey>,
    mut known: Option<TaskStamp>,
    check_after: u64,
) -> Result<(), Trouble> {
    for _ in 0..PATCHES_MAX {
        let next = advance(&facts, finished);
        let is_shown = finished.is_some_and(|unit| !moved(&facts, unit, &next.projection));
        let seen = match known.take() {
            Some(seen) => seen,
            None if is_shown && next.units.is_empty() => return Ok(()),
            None => current(store, &facts.task).await?,
        };
        if is_shown {
            return create(store, &facts, &next.units, &seen).await;
        }
        if let Some(shown) = show(store, &facts.task, &next.projection, check_after, seen).await? {
            return create(store, &facts, &next.units, &shown).await;
        }
        facts = load::facts(store, &facts.task, &facts.owner).await?;
    }
    Err(contended(&facts.task))
}

/// Advances the task of units that have ended at the same time, once for all of them, each of whom
/// has recorded its end. Returns for each whether that was done; if not, it is to be done alone.
///
/// # Idempotency
/// As [`advance_task`].
pub(crate) async fn advance_all(
    store: &Store,
    siblings: &Siblings,
    owner: &str,
    ended: Vec<Finished>,
    check_after: u64,
) -> Vec<bool> {
    let count = ended.len();
    let open = siblings.not_advanced(ended);
    let advanced = async {
        let Some(any) = open.first() else {
            return Ok(());
        };
        let facts = load::facts(store, &any.unit.task, owner).await?;
        // What follows from the first of them, and from what was recorded after it, follows
        // from any of them.
        let first = facts.done().find_map(|done| {
            let is_it = |ended: &&Finished| ended.unit == done.unit;
            open.iter().find(is_it)
        });
        let first = first.unwrap_or(any);
        let units = facts.done().map(|done| &done.unit);
        let since = units.skip_while(|unit| **unit != first.unit);
        let since = since.cloned().collect();
        let seen = first.seen.clone();
        advance_task(store, facts, Some(&first.unit), seen, check_after).await?;
        siblings.were_advanced(since);
        Ok::<_, Trouble>(())
    };
    vec![advanced.await.is_ok(); count]
}

/// Creates the rows of units that must exist.
///
/// # Errors
/// What the store could not mend. Rows that exist are none.
pub async fn create(
    store: &Store,
    facts: &Facts,
    units: &[NewUnit],
    task: &TaskStamp,
) -> Result<(), Trouble> {
    let row = |unit| rows::unit(unit, &facts.owner, task);
    store.create_many(units.iter().map(row).collect()).await
}

/// Whether `finished` moved the task on. While other agents are at work it did not, and
/// its row need not be written.
fn moved(facts: &Facts, finished: &UnitKey, projection: &Projection) -> bool {
    advance(&facts.before(finished), None).projection.position() != projection.position()
}

/// Shows `projection` in the task's row, unless the row shows something later already.
/// Returns what the row became.
///
/// # Errors
/// What the store could not mend.
pub async fn project(
    store: &Store,
    task: &TaskId,
    projection: &Projection,
    check_after: u64,
    known: Option<TaskStamp>,
) -> Result<TaskStamp, Trouble> {
    let mut known = known;
    for _ in 0..PATCHES_MAX {
        let seen = match known.take() {
            Some(seen) => seen,
            None => current(store, task).await?,
        };
        if let Some(shown) = show(store, task, projection, check_after, seen).await? {
            return Ok(shown);
        }
    }
    Err(contended(task))
}

/// Shows `projection` in the task's row if nobody has changed the row since it was `seen`, and
/// tells the owner what it must know. `None` if somebody has.
///
/// # Errors
/// What the store could not mend.
pub async fn show(
    store: &Store,
    task: &TaskId,
    projection: &Projection,
    check_after: u64,
    seen: TaskStamp,
) -> Result<Option<TaskStamp>, Trouble> {
    let is_later = |position| position >= projection.position();
    if seen.position.is_some_and(is_later) {
        return Ok(Some(seen));
    }
    let next_check_at = clock::appwrite_time(clock::after(clock::now(), check_after));
    let data = rows::projection(projection, seen.rev + 1, &next_check_at);
    let row = store
        .patch("tasks", task.as_str(), data, Some(seen.updated_at))
        .await?;
    if let Some(row) = &row {
        store.tell(row, seen.position, projection).await;
    }
    Ok(row.as_ref().map(stamp))
}

/// Shows what a cancelled task has cost in its row, which has moved for the last time.
///
/// # Errors
/// What the store could not mend.
pub async fn show_cost(
    store: &Store,
    task: &TaskId,
    owner: &str,
    check_after: u64,
) -> Result<(), Trouble> {
    for _ in 0..PATCHES_MAX {
        // In this order: whoever changes the row later knows what is known here.
        let seen = current(store, task).await?;
        let facts = load::facts(store, task, owner).await?;
        let projection = advance(&facts, None).projection;
        let next_check_at = clock::appwrite_time(clock::after(clock::now(), check_after));
        let data = rows::projection(&projection, seen.rev + 1, &next_check_at);
        let since = Some(seen.updated_at);
        let shown = store.patch("tasks", task.as_str(), data, since).await?;
        if shown.is_some() {
            return Ok(());
        }
    }
    Err(contended(task))
}

/// The task's row as it is.
///
/// # Errors
/// There is none, or the store could not mend it.
pub async fn current(store: &Store, task: &TaskId) -> Result<TaskStamp, Trouble> {
    let row = store.get("tasks", task.as_str()).await?;
    row.as_ref()
        .map(stamp)
        .ok_or_else(|| Trouble::Row(format!("task `{task}` has no row")))
}

fn contended(task: &TaskId) -> Trouble {
    Trouble::Row(format!(
        "the row of task `{task}` was changed by others {PATCHES_MAX} times in a row"
    ))
}

/// What is seen of a task's row.
pub fn stamp(row: &Row) -> TaskStamp {
    TaskStamp {
        rev: row.integer("rev").unwrap_or_default(),
        updated_at: row.updated_at.clone(),
        position: Some(position(row)),
    }
}

fn position(row: &Row) -> (u32, u32, u32) {
    let number = |column| {
        row.integer(column)
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or_default()
    };
    (number("commands"), number("round"), number("stage"))
}
