//! Who wrote a file's row.

use serde_json::{Map, Value};

use crate::advance::IMPORTED_GENERATION;
use crate::ids::{TaskId, UnitKey, UnitKind, kept_file_row_id};

/// The unit that wrote a file's row. A plan writes what was there before all rounds, and a review
/// only what it puts back. Of an existing repository that was read more than once, the first
/// reader is named: all wrote under the same ids.
pub fn file_writer(task: &TaskId, row_id: &str, data: &Map<String, Value>) -> UnitKey {
    let number = |column: &str| {
        let number = data.get(column).and_then(Value::as_u64);
        number.and_then(|it| u32::try_from(it).ok()).unwrap_or(0)
    };
    let text = |column: &str| data.get(column).and_then(Value::as_str).unwrap_or_default();
    let (generation, round) = (number("generation"), number("round"));
    let (kind, name) = match round {
        0 if generation == IMPORTED_GENERATION => (UnitKind::Import, ""),
        0 => (UnitKind::Plan, ""),
        _ if row_id == kept_file_row_id(task, generation, round, text("path")) => {
            (UnitKind::Review, "")
        }
        _ => (UnitKind::Assignment, text("assignment")),
    };
    UnitKey {
        task: task.clone(),
        kind,
        generation,
        round: round.max(1),
        name: name.to_owned(),
    }
}
