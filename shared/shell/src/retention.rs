//! Removes what is not to be kept of tasks that ended long ago. The sweep does it, a bounded
//! number of rows in each run.
//!
//! An ended task's `nextCheckAt` is the time at which something of it is due, so that the sweep's
//! one look at what is due finds it; it is null before the task was looked at for this.

use appwrite::{Query, Row};
use jiff::Timestamp;
use pipeline::facts::Closed;
use pipeline::retention::{Removal, Retention};
use pipeline::{Facts, Status, TaskId, UnitKind, advance, rows};
use serde_json::{Value, json};

use crate::clock;
use crate::load;
use crate::store::Store;
use crate::trouble::Trouble;

/// Rows that one run removes, and a page more at most. The next run goes on.
const ROWS_MAX: u64 = 1_000;
/// Ended tasks that one run looks at for the first time.
const NEW_TASKS_MAX: u32 = 25;
/// Seconds between closing a task and removing what it needs to go on. Longer than create-task
/// may run: a command that did not see the task closed has been recorded by then.
const CLOSING_SECONDS: u64 = 300;
/// Days after which an ended task of which nothing is due is looked at again: something else may
/// be wanted by then.
const LOOK_AGAIN_DAYS: i64 = 7;

/// Whether a task's row shows an end.
pub(crate) fn has_ended(row: &Row) -> bool {
    let status = row.text("status").and_then(Status::parse);
    status.is_some_and(Status::is_final)
}

/// What became of a look at an ended task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// What was due is removed, or the run's share of it.
    Done,
    /// Its row shows an end, and its facts tell that it goes on.
    GoesOn,
}

/// One run.
pub(crate) struct Keeper<'a> {
    store: &'a Store,
    retention: &'a Retention,
    now: Timestamp,
    /// Rows removed.
    pub(crate) removed: u64,
}

impl<'a> Keeper<'a> {
    pub(crate) fn new(store: &'a Store, retention: &'a Retention) -> Self {
        Self {
            store,
            retention,
            now: clock::now(),
            removed: 0,
        }
    }

    /// Gives ended tasks that have none a time at which they are looked at. Asks nothing where
    /// nothing is ever removed.
    ///
    /// # Errors
    /// What the store could not mend.
    pub(crate) async fn schedule_new(&self) -> Result<(), Trouble> {
        if !self.retention.is_set() {
            return Ok(());
        }
        let queries = vec![Query::is_null("nextCheckAt"), Query::limit(NEW_TASKS_MAX)];
        for row in self.store.page("tasks", queries).await? {
            let Some(status) = row.text("status").and_then(Status::parse) else {
                continue;
            };
            // Nobody has written the row since its end.
            let ended = clock::parse(&row.updated_at).unwrap_or(self.now);
            let next = self.retention.next_unix(status, ended.as_second(), 0);
            self.look_at(&row, next).await?;
        }
        Ok(())
    }

    /// Removes what is due of an ended task.
    ///
    /// # Errors
    /// What the store could not mend. The next run goes on.
    ///
    /// # Idempotency
    /// What is removed is not there the second time.
    pub(crate) async fn keep(&mut self, row: &Row) -> Result<Kept, Trouble> {
        let task = TaskId::parse(&row.id)
            .ok_or_else(|| Trouble::Row(format!("`{}` is no task id", row.id)))?;
        let owner = row.text("owner").unwrap_or_default();
        let recorded = load::fact_rows(self.store, &task).await?;
        if recorded.is_empty() {
            // A removal of everything was cut off just before its end.
            self.remove(&task, Removal::Task).await?;
            return Ok(Kept::Done);
        }
        let facts = load::read_facts(&task, owner, &recorded)?;
        let status = advance(&facts, None).projection.status;
        if !status.is_final() {
            return Ok(Kept::GoesOn);
        }
        let is_closing = |row: &&Row| row.text("kind") == Some("closed");
        let ended = recorded.iter().rfind(|row| !is_closing(row));
        let ended = ended.and_then(|row| clock::parse(&row.created_at));
        let ended = ended.unwrap_or(self.now).as_second();
        for removal in self.retention.due(status, ended, self.now.as_second()) {
            if removal.closes() && !self.is_closed(row, &facts, &recorded, removal).await? {
                return Ok(Kept::Done);
            }
            if !self.remove(&task, removal).await? {
                return Ok(Kept::Done);
            }
            if removal == Removal::Task {
                return Ok(Kept::Done);
            }
        }
        let next = self
            .retention
            .next_unix(status, ended, self.now.as_second());
        self.look_at(row, next).await?;
        Ok(Kept::Done)
    }

    /// Whether a task is closed for long enough; closes it where it is not.
    async fn is_closed(
        &self,
        row: &Row,
        facts: &Facts,
        recorded: &[Row],
        removal: Removal,
    ) -> Result<bool, Trouble> {
        let mut since = self.now;
        if facts.is_closed() {
            let closed = recorded
                .last()
                .and_then(|row| clock::parse(&row.created_at));
            since = closed.unwrap_or(self.now);
        } else {
            let days = match removal {
                Removal::Task => self.retention.tasks_days,
                Removal::Progress | Removal::Journal | Removal::Files => self.retention.files_days,
            };
            self.store
                .create(rows::closed(facts, &Closed { days }))
                .await?;
        }
        let until = clock::after(since, CLOSING_SECONDS);
        if until <= self.now {
            return Ok(true);
        }
        self.look_at(row, Some(until.as_second())).await?;
        Ok(false)
    }

    /// Removes something of a task. False if the run has removed its share before the end.
    async fn remove(&mut self, task: &TaskId, removal: Removal) -> Result<bool, Trouble> {
        let of_task = || Query::equal("taskId", task.as_str());
        match removal {
            Removal::Progress => self.empty("progress", vec![of_task()], 100).await,
            Removal::Journal => {
                let entries = Query::equal("kind", "effect");
                self.empty("journal", vec![of_task(), entries], 20).await
            }
            Removal::Files => self.empty("files", vec![of_task()], 50).await,
            Removal::Task => {
                let most = [
                    ("progress", 100),
                    ("files", 50),
                    ("ledger", 100),
                    ("gates", 100),
                ];
                let units = UnitKind::TABLES.map(|table| (table, 10));
                // The facts come late, the last of them closes the task; its row comes last, so
                // that a run that is cut off is followed by another.
                let last = [("claims", 100), ("journal", 20)];
                for (table, page) in most.into_iter().chain(units).chain(last) {
                    if !self.empty(table, vec![of_task()], page).await? {
                        return Ok(false);
                    }
                }
                for table in ["briefs", "tasks"] {
                    self.store.delete(table, task.as_str()).await?;
                    self.removed += 1;
                }
                Ok(true)
            }
        }
    }

    /// Deletes the rows that match, as many a request as an answer can hold.
    async fn empty(
        &mut self,
        table: &'static str,
        queries: Vec<Query>,
        page: u32,
    ) -> Result<bool, Trouble> {
        while self.removed < ROWS_MAX {
            let mut queries = queries.clone();
            queries.push(Query::limit(page));
            let deleted = self.store.delete_many(table, queries).await?;
            self.removed += deleted;
            if deleted < u64::from(page) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sets when a task is looked at next; never, where nothing is removed. What its clients see
    /// of the row stays as it is, the time of its last change too.
    async fn look_at(&self, row: &Row, next_unix: Option<i64>) -> Result<(), Trouble> {
        let again = self.now.as_second() + LOOK_AGAIN_DAYS * 24 * 3_600;
        let next = next_unix.map_or(again, |next| next.min(again));
        let next = Timestamp::from_second(next).unwrap_or(self.now);
        let next = match self.retention.is_set() {
            true => json!(clock::appwrite_time(next)),
            false => Value::Null,
        };
        let data = json!({"nextCheckAt": next, "$updatedAt": row.updated_at});
        // Where somebody has changed the row, it is looked at anew.
        let since = Some(row.updated_at.clone());
        self.store.patch("tasks", &row.id, data, since).await?;
        Ok(())
    }
}
