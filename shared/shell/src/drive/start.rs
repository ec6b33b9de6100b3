//! How an execution begins, and what of it stands in the unit's row.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::clock;

/// How an execution for a unit began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// When the unit was created; 0 where nobody knows.
    pub(super) created_unix: i64,
    /// From then to the first execution; `None` for those after it, and where nobody knows.
    pub(super) queued: Option<Duration>,
    /// Executions of the unit so far, this one included.
    executions: u64,
}

/// A time as Appwrite writes it, in Unix seconds; 0 where nobody knows.
pub(super) fn created_unix(created_at: &str) -> i64 {
    clock::parse(created_at).map_or(0, Timestamp::as_second)
}

impl Start {
    /// `created_at` is the time in the unit's row as Appwrite wrote it.
    pub(super) fn of(created_at: &str, now: Timestamp, epoch: u64) -> Self {
        let created = clock::parse(created_at);
        // Appwrite's clock may be ahead of ours.
        let queued = |created| Duration::try_from(now.duration_since(created)).unwrap_or_default();
        Self {
            created_unix: created_unix(created_at),
            queued: created.filter(|_| epoch == 1).map(queued),
            executions: epoch,
        }
    }

    /// What is kept of it in the unit's row, for whoever looks for what is slow.
    pub(super) fn columns(self) -> impl Iterator<Item = (String, Value)> {
        let queued_ms = self
            .queued
            .map(|queued| u64::try_from(queued.as_millis()).unwrap_or(u64::MAX));
        let queued_ms = queued_ms.map(|ms| ("queuedMs".to_owned(), ms.into()));
        let executions = ("executions".to_owned(), self.executions.into());
        queued_ms.into_iter().chain([executions])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn columns(created_ms: i64, now_ms: i64, epoch: u64) -> Value {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        of(&clock::appwrite_time(at(created_ms)), at(now_ms), epoch)
    }

    fn of(created_at: &str, now: Timestamp, epoch: u64) -> Value {
        let start = Start::of(created_at, now, epoch);
        Value::Object(start.columns().collect())
    }

    #[test]
    fn nobody_waits_since_a_time_that_is_none() {
        let now = Timestamp::from_second(1_795_000_000).unwrap();
        for unreadable in ["", "yesterday"] {
            assert_eq!(of(unreadable, now, 1), json!({"executions": 1}));
        }
    }

    #[test]
    fn the_first_execution_tells_how_long_its_unit_waited() {
        assert_eq!(
            columns(5_000, 5_120, 1),
            json!({"queuedMs": 120, "executions": 1})
        );
    }

    #[test]
    fn later_executions_keep_what_the_first_one_told() {
        assert_eq!(columns(5_000, 65_000, 3), json!({"executions": 3}));
    }

    #[test]
    fn a_clock_that_is_behind_is_no_wait() {
        assert_eq!(
            columns(5_000, 4_990, 1),
            json!({"queuedMs": 0, "executions": 1})
        );
    }
}
