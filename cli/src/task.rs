//! What is known of the task that is followed. Realtime's messages are hints: rows are
//! taken by `rev`, lines by their id, whatever the order they come in.

use std::collections::BTreeMap;

use pipeline::Status;
use pipeline::advance::Totals;
use serde_json::{Map, Value};

/// The tables of units, each with the word of its stage.
pub(crate) const UNITS: [(&str, &str); 5] = [
    ("plans", "planning"),
    ("assignments", "coding"),
    ("reviews", "reviewing"),
    ("releases", "publishing"),
    ("deployments", "deploying"),
];

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

/// A line of the feed: written while an agent is at work, or by a unit at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) time: String,
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

    /// Takes a row of `table`, changed at `time`. `None` if it tells nothing new.
    pub(crate) fn take(
        &mut self,
        table: &str,
        id: &str,
        time: &str,
        data: &Map<String, Value>,
    ) -> Option<Change> {
        let text = |column: &str| {
            data.get(column)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (stage, text, level) = match table {
            "tasks" => {
                let row = task_row(data)?;
                if self.task.as_ref().is_some_and(|known| known.rev >= row.rev) {
                    return None;
                }
                self.task = Some(row.clone());
                return Some(Change::Task(Box::new(row)));
            }
            "progress" => (text("stage"), text("text"), text("level")),
            _ => {
                let (_, stage) = UNITS.iter().find(|(unit, _)| *unit == table)?;
                ((*stage).to_owned(), text("line"), text("level"))
            }
        };
        if text.is_empty() || self.lines.contains_key(id) {
            return None;
        }
        let line = Line {
            time: time.to_owned(),
            stage,
            level,
            text,
        };
        self.lines.insert(id.to_owned(), line.clone());
        Some(Change::Line(line))
    }
}

fn task_row(data: &Map<String, Value>) -> Option<TaskRow> {
    let text = |column: &str| data.get(column).and_then(Value::as_str).map(str::to_owned);
    let number = |column: &str| data.get(column).and_then(Value::as_i64);
    Some(TaskRow {
        rev: number("rev")?,
        status: Status::parse(&text("status")?)?,
        round: number("round")?,
        totals: text("totals")
            .and_then(|json| serde_json::from_str(&json).ok())
            .unwrap_or_default(),
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
        assert!(view.take("tasks", "t", "1", &task(2, "coding")).is_some());
        assert!(view.take("tasks", "t", "2", &task(1, "planning")).is_none());
        assert!(view.take("tasks", "t", "3", &task(2, "coding")).is_none());
        assert_eq!(view.task().unwrap().status, Status::Coding);
    }

    #[test]
    fn a_line_is_told_once() {
        let mut view = View::default();
        let line = object(json!({"stage": "coding", "level": "info", "text": "x"}));
        assert!(view.take("progress", "a.t1", "1", &line).is_some());
        assert!(view.take("progress", "a.t1", "1", &line).is_none());
    }

    #[test]
    fn a_unit_speaks_at_its_end() {
        let mut view = View::default();
        assert!(
            view.take(
                "reviews",
                "r1",
                "1",
                &object(json!({"line": null, "level": null}))
            )
            .is_none()
        );
        let ended = object(json!({"line": "Review 1: approved", "level": "info"}));
        match view.take("reviews", "r1", "2", &ended) {
            Some(Change::Line(line)) => assert_eq!(
                (line.stage.as_str(), line.text.as_str()),
                ("reviewing", "Review 1: approved")
            ),
            other => panic!("{other:?}"),
        }
        assert!(view.take("reviews", "r1", "3", &ended).is_none());
        assert!(view.take("journal", "j", "3", &ended).is_none());
    }
}
