//! How an execution begins, and what of it stands in the unit's row.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

/// How an execution for a unit began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// When the unit was created.
    pub(super) created_unix: i64,
    /// From then to the first execution; `None` for those after it.
    queued: Option<Duration>,
    /// Executions of the unit so far, this one included.
    executions: u64,
}

impl Start {
    pub(super) fn of(created: Timestamp, now: Timestamp, epoch: u64) -> Self {
        // Appwrite's clock may be ahead of ours.
        let queued = Duration::try_from(now.duration_since(created)).unwrap_or_default();
        Self {
            created_unix: created.as_second(),
            queued: (epoch == 1).then_some(queued),
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
        let start = Start::of(at(created_ms), at(now_ms), epoch);
        Value::Object(start.columns().collect())
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
