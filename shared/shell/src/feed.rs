//! The feed of a task, as one unit writes it: lines while it is at work, without secrets.

use appwrite::Query;
use pipeline::messages::Line;
use pipeline::rows::{self, NewRow, UnitRow};

use crate::redaction::Redactor;
use crate::store::{Created, Store};
use crate::trouble::Trouble;

/// Lines of one unit: one for each entry, and some for each execution.
const LINES_MAX: usize = 5_000;
/// The columns that say what a line tells.
const TELLING: [&str; 3] = ["level", "text", "data"];

/// Who writes for which unit.
pub struct Feed<'a> {
    /// Appwrite.
    pub store: &'a Store,
    /// Takes secrets out of every line.
    pub redactor: &'a Redactor,
    /// The unit.
    pub unit: &'a UnitRow,
}

impl Feed<'_> {
    /// Writes a line. Returns whether it was not there before.
    ///
    /// # Errors
    /// What the store could not mend.
    pub async fn tell(&self, line: &Line) -> Result<bool, Trouble> {
        let created = self.store.create(self.row(line)).await?;
        Ok(matches!(created, Created::New))
    }

    /// Makes sure of lines: an execution that died between an entry and its line left it
    /// out, and one whose entry came too late may have told something else.
    ///
    /// # Errors
    /// What the store could not mend.
    pub async fn correct(&self, lines: &[Line]) -> Result<(), Trouble> {
        if lines.is_empty() {
            return Ok(());
        }
        let of_it = vec![Query::equal("unitId", self.unit.key.id().as_str())];
        let there = self.store.list("progress", of_it, LINES_MAX).await?;
        for line in lines {
            let row = self.row(line);
            let Some(known) = there.iter().find(|known| known.id == row.id) else {
                self.store.create(row).await?;
                continue;
            };
            let same = |column: &&str| known.text(column) == row.data[column].as_str();
            if !TELLING.iter().all(same) {
                let changed = self.store.patch("progress", &known.id, row.data, None);
                changed.await?;
            }
        }
        Ok(())
    }

    fn row(&self, line: &Line) -> NewRow {
        let data = line.data.to_string();
        let line = Line {
            text: self.redactor.clean(&line.text).into_owned(),
            // Where cleaning broke the JSON there is none.
            data: serde_json::from_str(&self.redactor.clean(&data)).unwrap_or_default(),
            ..line.clone()
        };
        rows::progress(
            &self.unit.key.task,
            &self.unit.owner,
            &self.unit.key.id(),
            &line,
        )
    }
}
