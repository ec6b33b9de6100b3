//! What is known of the task that is followed. Realtime's messages are hints: rows are
//! taken by `rev`, lines by their id, whatever the order they come in.

use std::collections::BTreeMap;

use pipeline::Status;
use pipeline::advance::Totals;
use serde_json::{Map, Value};

/// The tables a client follows.
pub(crate) const FOLLOWED: [&str; 2] = ["tasks", "progress"];

/// The task's row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TaskRow {
    pub(crate) rev: i64,
    pub(crate) status: Status,
    pub(crate) round: i64,
    pub(crate) totals: Totals,
    pub(crate) repository_url: Option<String>,
    pub(crate) site_url: Option<String>,
    pub(crate) commit_sha: Option<String>,
    pub(crate) failure: Option<Value>,
}

/// A line of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) sequence: u64,
    pub(crate) stage: String,
    pub(crate) level: String,
    pub(crate) text: String,
}

/// What changed by a message or a fetch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// The task moved.
    Task(Box<TaskRow>),
    /// A line came.
    Line(Line),
}

/// Everything known.
#[derive(Debug, Default)]
pub(crate) struct View {
    task: Option<TaskRow>,
    lines: BTreeMap<String, Line>,
}

impl View {
    /// The task's row as it is known.
    pub(crate) fn task(&self) -> Option<&TaskRow> {
        self.task.as_ref()
    }

    /// Takes a row of `table`. `None` if it tells nothing new.
    pub(crate) fn take(&mut self, table: &str, id: &str, sequence: u64, data: &Map<String, Value>) -> Option<Change> {
        match table {
            "tasks" => {
                let row = task_row(data)?;
                if self.task.as_ref().is_some_and(|known| known.rev >= row.rev) {
                    return None;
                }
                self.task = Some(row.clone());
                Some(Change::Task(Box::new(row)))
            }
            "progress" => {
                let text = |column: &str| data.get(column).and_then(Value::as_str).unwrap_or_default().to_owned();
                let line = Line { sequence, stage: text("stage"), level: text("level"), text: text("text") };
                self.lines.insert(id.to_owned(), line.clone()).is_none().then_some(Change::Line(line))
            }
            _ => None,
        }
    }
}

fn task_row(data: &Map<String, Value>) -> Option<TaskRow> {
    let text = |column: &str| data.get(column).and_then(Value::as_str).map(str::to_owned);
    let number = |column: &str| data.get(column).and_then(Value::as_i64);
    Some(TaskRow {
        rev: number("rev")?,
        status: Status::parse(&text("status")?)?,
        round: number("round")?,
        totals: text("totals").and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default(),
        repository_url: text("repositoryUrl"),
        site_url: text("siteUrl"),
        commit_sha: text("commitSha"),
        failure: text("failure").and_then(|json| serde_json::from_str(&json).ok()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn task(rev: i64, status: &str) -> Map<String, Value> {
        object(json!({"rev": rev, "status": status, "round": 1, "totals": null}))
    }

    #[test]
    fn an_older_row_changes_nothing() {
        let mut view = View::default();
        assert!(view.take("tasks", "t", 1, &task(2, "coding")).is_some());
        assert!(view.take("tasks", "t", 1, &task(1, "planning")).is_none());
        assert!(view.take("tasks", "t", 1, &task(2, "coding")).is_none());
        assert_eq!(view.task().unwrap().status, Status::Coding);
    }

    #[test]
    fn a_line_is_told_once() {
        let mut view = View::default();
        let line = object(json!({"stage": "coding", "level": "info", "text": "x"}));
        assert!(view.take("progress", "a.t1", 7, &line).is_some());
        assert!(view.take("progress", "a.t1", 7, &line).is_none());
    }
}
