//! The end of a unit: its own row, its files, its last lines, then its result.

use pipeline::Done;
use pipeline::limits::PROGRESS_CHARS_MAX;
use pipeline::messages;
use pipeline::rows::{self, UnitRow};
use pipeline::unit::End;
use serde_json::Value;

use super::Drive;
use super::effects::Telling;
use super::start::Start;
use crate::advance::show_cost;
use crate::store::Created;
use crate::trouble::Trouble;

/// How a unit ended.
pub(super) struct Ended {
    pub(super) end: End,
    /// Whether its files are there already.
    pub(super) files_are_there: bool,
    /// Whether the unit's own row holds that already.
    pub(super) row_is_written: bool,
}

impl Ended {
    pub(super) fn of(end: End) -> Self {
        Self {
            end,
            files_are_there: false,
            row_is_written: false,
        }
    }
}

impl Drive<'_> {
    /// The end of a unit of a cancelled task: nothing follows, but what it cost is shown.
    pub(super) async fn end_cancelled(
        &self,
        unit: &UnitRow,
        ended: Ended,
        telling: Telling<'_>,
        start: Start,
    ) -> Result<(), Trouble> {
        self.record_end(unit, ended, telling, start).await?;
        let check_after = self.clients.settings().check_after_seconds;
        show_cost(&self.store, &unit.key.task, &unit.owner, check_after).await
    }

    /// Writes the output rows of a unit and its last lines, then its result: what follows from it
    /// comes after, so that a crash anywhere in between can be repaired. Returns the result, and
    /// whether it is this one that counts: another execution may have been first.
    pub(super) async fn record_end(
        &self,
        unit: &UnitRow,
        Ended {
            end,
            files_are_there,
            row_is_written,
        }: Ended,
        telling: Telling<'_>,
        start: Start,
    ) -> Result<(Done, bool), Trouble> {
        let key = &unit.key;
        let files = async {
            match files_are_there {
                true => Ok(()),
                false => self.write_files(unit, &end).await,
            }
        };
        self.log.info(&self.last_line(unit, &end).1);
        // In the order in which people are to read them.
        let told = async {
            telling.finish().await?;
            match row_is_written {
                true => Ok(()),
                false => self.write_row(unit, &end, start).await,
            }
        };
        futures::future::try_join(files, told).await?;
        let done = Done {
            unit: key.clone(),
            outcome: end.outcome,
            spent: end.spent,
        };
        let created = self.store.create(rows::done(&done)).await?;
        Ok((done, matches!(created, Created::New)))
    }

    /// Creates the rows of what the unit has written.
    pub(super) async fn write_files(&self, unit: &UnitRow, end: &End) -> Result<(), Trouble> {
        let rows = end.files.iter();
        let rows = rows.map(|file| rows::file(&unit.key, &unit.owner, file));
        self.store.create_many(rows.collect()).await
    }

    /// Fills in the unit's own row.
    pub(super) async fn write_row(
        &self,
        unit: &UnitRow,
        end: &End,
        start: Start,
    ) -> Result<(), Trouble> {
        let (level, line) = self.last_line(unit, end);
        let mut columns = end.columns.clone();
        columns.insert("line".to_owned(), line.into());
        columns.insert("level".to_owned(), level.into());
        columns.extend(start.columns());
        let (table, id) = (unit.key.kind.table(), unit.key.id());
        let data = Value::Object(columns);
        self.store
            .patch(table, id.as_str(), data, None)
            .await
            .map(|_| ())
    }

    /// The level and the text of what the unit's row tells of its end.
    fn last_line(&self, unit: &UnitRow, end: &End) -> (&'static str, String) {
        let (level, line) = messages::end_line(&unit.key.name, unit.key.round, &end.outcome);
        let line = self.redactor().clean(&line);
        (
            level.as_str(),
            line.chars().take(PROGRESS_CHARS_MAX).collect(),
        )
    }
}
