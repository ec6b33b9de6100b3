//! Limits of one owner, checked once the task's row is there: so of tasks that are accepted at
//! the same time each sees those before it.

use appwrite::{Query, Row};
use pipeline::Status;
use pipeline::advance::Totals;
use pipeline::quota::{Quota, Reached, Started};
use serde_json::json;

use crate::clock;
use crate::invocation::Reply;
use crate::store::Store;
use crate::trouble::Trouble;

/// Tasks of one owner that are looked at, the newest; an owner with more has passed every sensible limit.
const TASKS_MAX: usize = 5_000;

/// Whether the owner of the new task `row` may have it.
///
/// # Errors
/// What the store could not mend.
pub(super) async fn check(
    store: &Store,
    quota: &Quota,
    row: &Row,
) -> Result<Result<(), Reached>, Trouble> {
    let Some(window) = quota.window_seconds() else {
        return Ok(Ok(()));
    };
    // By the clock that all of these rows have their times from, whatever ours says.
    let now = clock::parse(&row.created_at).unwrap_or_else(clock::now);
    let window = jiff::SignedDuration::from_secs(window.cast_signed());
    let since = now.checked_sub(window).unwrap_or(jiff::Timestamp::MIN);
    let queries = vec![
        Query::equal("owner", row.text("owner").unwrap_or_default()),
        Query::greater_than_equal("$createdAt", clock::appwrite_time(since)),
        Query::order_desc("$createdAt"),
        Query::select(&["status", "totals"]),
    ];
    let number = |row: &Row| row.sequence.parse::<u64>().unwrap_or_default();
    let rows = store.list("tasks", queries, TASKS_MAX).await?;
    let earlier = rows.iter().filter(|other| number(other) < number(row));
    let started = earlier.map(|row| started(row, now)).collect::<Vec<_>>();
    Ok(quota.check(&started))
}

/// The answer to an owner who has reached a limit: the header `retry-after` and
/// `error.retryAfterSeconds` say when it passes, where that is known.
pub(super) fn refused(reached: &Reached) -> Reply {
    let (code, message) = (reached.refusal.code, &reached.refusal.message);
    let Some(seconds) = reached.passes_in_seconds else {
        return Reply::error(429, code, message);
    };
    let error = json!({"code": code, "message": message, "retryAfterSeconds": seconds});
    let mut reply = Reply::json(429, &json!({"error": error}));
    let header = ("retry-after".to_owned(), seconds.to_string());
    reply.headers.push(header);
    reply
}

fn started(row: &Row, now: jiff::Timestamp) -> Started {
    let created = clock::parse(&row.created_at).unwrap_or(now);
    let status = row.text("status").and_then(Status::parse);
    let totals = row.text("totals");
    let totals = totals.and_then(|text| serde_json::from_str::<Totals>(text).ok());
    Started {
        age_seconds: u64::try_from(now.as_second() - created.as_second()).unwrap_or_default(),
        is_open: status.is_none_or(|status| !status.is_final()),
        cost_micro_usd: totals.map_or(0, |totals| totals.spent.cost_micro_usd),
    }
}
