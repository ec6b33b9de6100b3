//! What a journal tells of its task: which units had what to show when it was read. A task may go
//! on while it is exported; what came after its journal was read is left out.

use std::collections::BTreeSet;

use anyhow::Context;
use appwrite::Row;
use pipeline::{Facts, Outcome, TaskId, UnitKind, advance, rows};

/// A task as its journal tells it.
pub(super) struct Known {
    facts: Facts,
    /// Units with an entry.
    begun: BTreeSet<String>,
}

impl Known {
    pub(super) fn of(task: TaskId, owner: &str) -> Self {
        Self {
            facts: Facts::none(task, owner.to_owned()),
            begun: BTreeSet::new(),
        }
    }

    /// Takes the next entry, in the order in which they were recorded.
    ///
    /// # Errors
    /// A fact that can not be read.
    pub(super) fn take(&mut self, row: &Row) -> anyhow::Result<()> {
        let text = |column: &str| row.text(column).unwrap_or_default();
        let fact = rows::read_fact(text("kind"), text("outcome"))
            .with_context(|| format!("entry `{}` of the journal can not be read", row.id))?;
        let Some(fact) = fact else {
            self.begun.insert(text("unitId").to_owned());
            return Ok(());
        };
        self.facts.log.push(fact);
        Ok(())
    }

    /// Which of the other rows belong to what the journal tells.
    pub(super) fn told(self) -> Told {
        let ended: BTreeSet<String> = self
            .facts
            .done()
            .map(|done| done.unit.id().as_str().to_owned())
            .collect();
        let demanded = advance(&self.facts, None).units;
        let demanded = demanded
            .iter()
            .map(|unit| unit.key.id().as_str().to_owned());
        let mut units = self.begun;
        units.extend(demanded);
        units.extend(ended.iter().cloned());
        let is_read = |outcome: &Outcome| matches!(outcome, Outcome::Imported { .. });
        let has_imported = self.facts.done().any(|done| is_read(&done.outcome));
        Told {
            has_imported,
            task: self.facts.task,
            ended,
            units,
        }
    }
}

/// What a journal tells of the rows of other tables.
pub(super) struct Told {
    task: TaskId,
    /// Whether an existing repository was read.
    has_imported: bool,
    ended: BTreeSet<String>,
    units: BTreeSet<String>,
}

impl Told {
    /// Whether a row belongs to what is told. A unit's row that nothing demands may hold what
    /// came of an answer that the journal does not have; so may a file of a unit that has not
    /// ended, and an import would keep it.
    pub(super) fn has(&self, table: &str, row: &Row) -> bool {
        if super::is_trigger(table) {
            return self.units.contains(&row.id);
        }
        if table != "files" {
            return true;
        }
        let writer = rows::file_writer(&self.task, &row.id, &row.data);
        match writer.kind {
            UnitKind::Import => self.has_imported,
            UnitKind::Plan
            | UnitKind::Assignment
            | UnitKind::Review
            | UnitKind::Release
            | UnitKind::Deployment
            | UnitKind::Preview => self.ended.contains(writer.id().as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use pipeline::model::Spent;
    use pipeline::rows::NewRow;
    use pipeline::workspace::FileVersion;
    use pipeline::{Done, UnitKey};
    use serde_json::json;

    use super::*;

    fn row(new: NewRow) -> Row {
        let mut row = new.data;
        row["$id"] = json!(new.id);
        row["$createdAt"] = json!("2026-11-30T06:00:00.000+00:00");
        row["$updatedAt"] = row["$createdAt"].clone();
        serde_json::from_value(row).unwrap()
    }

    fn coded(task: &TaskId, name: &str) -> Done {
        Done {
            unit: UnitKey {
                task: task.clone(),
                kind: UnitKind::Assignment,
                generation: 1,
                round: 1,
                name: name.to_owned(),
            },
            outcome: Outcome::Coded {
                summary: String::new(),
                files: 1,
                turns: 1,
                contract_change_request: String::new(),
            },
            spent: Spent::default(),
        }
    }

    #[test]
    fn what_came_after_the_journal_was_read_is_left_out() {
        let task = TaskId::of_request("o", "r");
        let (ended, going) = (coded(&task, "ui"), coded(&task, "api"));
        let mut known = Known::of(task.clone(), "o");
        known.take(&row(rows::done(&ended))).unwrap();
        let told = known.told();
        let file = |done: &Done| {
            let version = FileVersion {
                path: pipeline::path::SafePath::parse("a.js").unwrap(),
                content: Some("1".to_owned()),
                assignment: done.unit.name.clone(),
                round: 1,
            };
            row(rows::file(&done.unit, "o", &version))
        };
        assert!(told.has("files", &file(&ended)));
        assert!(!told.has("files", &file(&going)));
        let unit = |done: &Done| {
            let mut unit = row(rows::done(done));
            unit.id = done.unit.id().as_str().to_owned();
            unit
        };
        assert!(told.has("assignments", &unit(&ended)));
        assert!(!told.has("assignments", &unit(&going)));
        assert!(told.has("progress", &unit(&going)));
    }
}
