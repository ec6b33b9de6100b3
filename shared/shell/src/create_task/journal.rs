//! The journal of a task, for its owner: page by page, as it is stored.

use appwrite::{ErrorType, Query, Row};
use serde_json::{Value, json};

use crate::invocation::Reply;
use crate::store::Store;
use crate::trouble::Trouble;

/// Characters of a row's id.
const ROW_ID_CHARS_MAX: usize = 36;
/// Rows that are read for one page: as large as entries may be, they fit an answer of Appwrite.
pub(super) const ROWS_MAX: usize = 20;
/// Bytes of the outcomes on one page, unless a single one has more.
const PAGE_BYTES_MAX: usize = 4_000_000;

/// One page: the entries after the row `after`, in the order in which they were recorded, and
/// in `next` the row after which the next page begins, null on the last one.
///
/// # Errors
/// A store that does not answer.
pub(super) async fn page(
    store: &Store,
    task: &Row,
    after: Option<&String>,
) -> Result<Reply, Trouble> {
    if after.is_some_and(|after| !is_row_id(after)) {
        return Ok(unknown_cursor());
    }
    let mut queries = vec![Query::equal("taskId", task.id.as_str())];
    queries.push(Query::limit(ROWS_MAX as u32));
    queries.extend(after.map(|row| Query::cursor_after(row)));
    let rows = match store.page("journal", queries).await {
        Ok(rows) => rows,
        Err(Trouble::Appwrite(error))
            if error.kind() == Some(&ErrorType::GeneralCursorNotFound) =>
        {
            return Ok(unknown_cursor());
        }
        Err(trouble) => return Err(trouble),
    };
    let kept = fitting(&rows);
    let is_last = kept == rows.len() && rows.len() < ROWS_MAX;
    let shown = rows.get(..kept).unwrap_or_default();
    let next = shown.last().filter(|_| !is_last).map(|row| row.id.as_str());
    let entries: Vec<Value> = shown.iter().map(entry).collect();
    Ok(Reply::json(200, &json!({"entries": entries, "next": next})))
}

fn unknown_cursor() -> Reply {
    let message = "`after` must be the `next` of the page before.";
    Reply::error(400, "unknown_cursor", message)
}

/// Whether `text` may be the id of an entry: Appwrite refuses others as no query at all.
fn is_row_id(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.';
    (1..=ROW_ID_CHARS_MAX).contains(&text.len()) && text.bytes().all(is_part)
}

/// How many of these rows fit a page; one always does.
fn fitting(rows: &[Row]) -> usize {
    let mut bytes = 0;
    let fits = |row: &&Row| {
        bytes += row.text("outcome").map_or(0, str::len);
        bytes <= PAGE_BYTES_MAX
    };
    let fitting = rows.iter().take_while(fits).count();
    fitting.max(1).min(rows.len())
}

fn entry(row: &Row) -> Value {
    let mut entry = json!({"id": row.id, "sequence": row.sequence, "createdAt": row.created_at});
    for column in ["unitId", "key", "kind", "fingerprint", "outcome"] {
        entry[column] = json!(row.text(column));
    }
    entry
}
