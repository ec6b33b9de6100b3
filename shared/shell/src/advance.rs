//! Advancing a task: shows in the task's row what follows from the facts, and creates the
//! rows that must exist. Every function ends here, and so does the sweep.

use appwrite::Row;
use pipeline::advance::Projection;
use pipeline::rows::{NewRow, TaskStamp};
use pipeline::{Facts, TaskId, UnitKey, advance, rows};

use crate::clock;
use crate::store::Store;
use crate::trouble::Trouble;

/// Changes of a task's row that are tried when others change it at the same time.
const PATCHES_MAX: u32 = 20;

/// Advances the task of `facts` after the unit `finished`, or (without one) makes sure of
/// everything. `known` is what was last seen of the task's row.
///
/// The row comes first, so that the units can hand on what it became; a crash in between
/// is made up for by the sweep.
///
/// # Errors
/// What the store could not mend. The next one who advances repairs what was left out.
///
/// # Idempotency
/// Rows have deterministic ids and the task's row only moves forward.
pub async fn advance_task(
    store: &Store,
    facts: &Facts,
    finished: Option<&UnitKey>,
    known: Option<TaskStamp>,
    check_after: u64,
) -> Result<(), Trouble> {
    let next = advance(facts, finished);
    let shown = match finished {
        Some(unit) if !moved(facts, unit, &next.projection) => known,
        Some(_) | None => project(store, &facts.task, &next.projection, check_after, known).await?,
    };
    if next.units.is_empty() {
        return Ok(());
    }
    let stamp = match shown {
        Some(stamp) => stamp,
        None => current(store, &facts.task)
            .await?
            .map(|row| stamp(&row))
            .ok_or_else(|| no_row(&facts.task))?,
    };
    let rows: Vec<NewRow> = next
        .units
        .iter()
        .map(|unit| rows::unit(unit, &facts.owner, &stamp))
        .collect();
    store.create_many(rows).await
}

/// Whether `finished` moved the task on. While other agents are at work it did not, and
/// its row need not be written.
fn moved(facts: &Facts, finished: &UnitKey, projection: &Projection) -> bool {
    advance(&facts.before(finished), None).projection.position() != projection.position()
}

/// Shows `projection` in the task's row, unless the row shows something later already.
/// `known` is what was last seen of the row: as long as nobody changed it since, it need
/// not be read. Returns what the row became.
///
/// # Errors
/// What the store could not mend.
pub async fn project(
    store: &Store,
    task: &TaskId,
    projection: &Projection,
    check_after: u64,
    known: Option<TaskStamp>,
) -> Result<Option<TaskStamp>, Trouble> {
    let mut known = known;
    for _ in 0..PATCHES_MAX {
        let seen = match known.take() {
            Some(seen) => seen,
            None => match current(store, task).await? {
                None => return Ok(None),
                Some(row) if position(&row) >= projection.position() => {
                    return Ok(Some(stamp(&row)));
                }
                Some(row) => stamp(&row),
            },
        };
        let next_check_at = clock::appwrite_time(clock::after(clock::now(), check_after));
        let data = rows::projection(projection, seen.rev + 1, &next_check_at);
        if let Some(row) = store
            .patch("tasks", task.as_str(), data, Some(seen.updated_at))
            .await?
        {
            return Ok(Some(stamp(&row)));
        }
    }
    Err(Trouble::Row(format!(
        "the row of task `{task}` was changed by others {PATCHES_MAX} times in a row"
    )))
}

async fn current(store: &Store, task: &TaskId) -> Result<Option<Row>, Trouble> {
    store.get("tasks", task.as_str()).await
}

fn no_row(task: &TaskId) -> Trouble {
    Trouble::Row(format!("task `{task}` has no row"))
}

/// What is seen of a task's row.
pub fn stamp(row: &Row) -> TaskStamp {
    TaskStamp {
        rev: row.integer("rev").unwrap_or_default(),
        updated_at: row.updated_at.clone(),
    }
}

fn position(row: &Row) -> (u32, u32, u32) {
    let number = |column| {
        row.integer(column)
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or_default()
    };
    (number("generation"), number("round"), number("stage"))
}
