//! Advancing a task: lists the facts, creates the rows that must exist, and shows the
//! result in the task's row. Every function ends here, and so does the sweep.

use appwrite::Row;
use futures::future::try_join_all;
use pipeline::advance::Projection;
use pipeline::{Facts, TaskId, UnitKey, advance, rows};

use crate::clock;
use crate::load;
use crate::store::Store;
use crate::trouble::Trouble;

/// Patches of a task's row that are tried when others patch it at the same time.
const PATCHES_MAX: u32 = 20;

/// Advances `task` after the unit `finished`, or (without one) makes sure of everything.
///
/// # Errors
/// What the store could not mend. The next one who advances repairs what was left out.
///
/// # Idempotency
/// Rows have deterministic ids and the task's row only moves forward.
pub async fn advance_task(store: &Store, task: &TaskId, owner: &str, finished: Option<&UnitKey>, check_after: u64) -> Result<(), Trouble> {
    let facts = load::facts(store, task, owner).await?;
    let next = advance(&facts, finished);
    try_join_all(next.units.iter().map(|unit| store.create(rows::unit(unit, owner)))).await?;
    if finished.is_none_or(|unit| moved(&facts, unit, &next.projection)) {
        project(store, task, &next.projection, check_after, None).await?;
    }
    Ok(())
}

/// Whether `finished` moved the task on. While other agents are at work it did not, and
/// its row need not be written.
fn moved(facts: &Facts, finished: &UnitKey, projection: &Projection) -> bool {
    let mut before = facts.clone();
    before.done.retain(|done| done.unit != *finished);
    advance(&before, None).projection.position() != projection.position()
}

/// Shows `projection` in the task's row, unless the row shows something later already.
/// `known` is the row where it was just read. Returns the row as it stands.
///
/// # Errors
/// What the store could not mend.
pub async fn project(store: &Store, task: &TaskId, projection: &Projection, check_after: u64, known: Option<Row>) -> Result<Option<Row>, Trouble> {
    let mut known = known;
    for _ in 0..PATCHES_MAX {
        let row = match known.take() {
            Some(row) => row,
            None => match store.get("tasks", task.as_str()).await? {
                Some(row) => row,
                None => return Ok(None),
            },
        };
        if position(&row) >= projection.position() {
            return Ok(Some(row));
        }
        let next_check_at = clock::appwrite_time(clock::after(clock::now(), check_after));
        let data = rows::projection(projection, row.integer("rev").unwrap_or_default() + 1, &next_check_at);
        if let Some(row) = store.patch("tasks", task.as_str(), data, Some(row.updated_at)).await? {
            return Ok(Some(row));
        }
    }
    Err(Trouble::Row(format!("the row of task `{task}` was changed by others {PATCHES_MAX} times in a row")))
}

fn position(row: &Row) -> (u32, u32, u32) {
    let number = |column| row.integer(column).and_then(|number| u32::try_from(number).ok()).unwrap_or_default();
    (number("generation"), number("round"), number("stage"))
}
