//! From the file to Appwrite.
//!
//! The order keeps the chain still. A task's row is written last, so the sweep and its owner see
//! the task once it is whole. Units are put, not created: what is put is announced as `.upsert`,
//! by which no function can be triggered. Before each unit stands a claim of this import, so that
//! whoever takes it up reads its journal first.

use anyhow::{Context, bail};
use appwrite::{Client, ErrorType, NewRow, Query, Row};
use pipeline::rows::DATABASE;
use pipeline::{TaskId, UnitKind};
use serde::Serialize;
use serde_json::{Map, Value, json};
use shell::{claim, clock};

use super::archive::{Line, SavedRow};
use super::{PLAIN, is_trigger, rows_a_page};
use crate::trouble::Trouble;

/// Rows of one batch.
const BATCH_ROWS_MAX: usize = 100;
/// Bytes of one batch, unless a single row has more.
const BATCH_BYTES_MAX: usize = 4_000_000;
/// Ids in one look-up.
const IDS_MAX: usize = 50;
/// Pages of rows of one table that are deleted of one task: more would be one that does not end.
const DELETIONS_MAX: usize = 100_000;

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Imported {
    /// Tasks of the file that were looked at.
    pub(crate) tasks: u64,
    /// Rows that were not there.
    pub(crate) created: u64,
    /// Rows that were there and equal.
    pub(crate) same: u64,
    /// Tasks that were there and differed, and were put back as they were.
    pub(crate) replaced: u64,
}

/// Writes an export to Appwrite.
pub(crate) struct Import<'a> {
    client: &'a Client,
    overwrite: bool,
    /// Who gets the tasks, if it is not who had them.
    owner: Option<String>,
    done: Imported,
    /// The row of the task that is being written.
    task: Option<SavedRow>,
    /// Whether it was there and differed.
    is_replaced: bool,
    /// The owner that the file names for it.
    owner_before: String,
    batch: Vec<SavedRow>,
    batch_bytes: usize,
}

impl<'a> Import<'a> {
    pub(crate) fn new(client: &'a Client, overwrite: bool, owner: Option<String>) -> Self {
        Self {
            client,
            overwrite,
            owner,
            done: Imported::default(),
            task: None,
            is_replaced: false,
            owner_before: String::new(),
            batch: Vec::new(),
            batch_bytes: 0,
        }
    }

    /// Whether the tables are there, as this program knows them.
    ///
    /// # Errors
    /// Which is missing, and what to do; or Appwrite does not answer.
    pub(crate) fn check_tables(&self, config: &Value) -> anyhow::Result<()> {
        for table in config["tables"].as_array().into_iter().flatten() {
            let name = table["$id"].as_str().unwrap_or_default();
            let columns = table["columns"].as_array().into_iter().flatten();
            let columns: Vec<&str> = columns.filter_map(|it| it["key"].as_str()).collect();
            let queries = [Query::limit(1), Query::select(&columns)];
            let Err(error) = self.client.table(DATABASE, name).list(&queries) else {
                continue;
            };
            let is_missing = matches!(
                error.kind(),
                Some(
                    ErrorType::DatabaseNotFound
                        | ErrorType::TableNotFound
                        | ErrorType::GeneralQueryInvalid
                )
            );
            if !is_missing {
                return Err(error).with_context(|| format!("could not read `{name}`"));
            }
            let message = format!(
                "The table `{name}` is not there as this program knows it ({}). Run scripts/push, or start the platform with --config appwrite.json.",
                anyhow::Error::from(error).root_cause()
            );
            return Err(Trouble::refused("tables_missing", message).into());
        }
        Ok(())
    }

    /// Takes the next line.
    ///
    /// # Errors
    /// `row_differs` and which, unless it is to be overwritten; or Appwrite does not answer or
    /// refuses.
    pub(crate) fn take(&mut self, line: Line) -> anyhow::Result<()> {
        match line {
            Line::Task(row) => {
                self.end_task()?;
                self.begin_task(row)
            }
            Line::Row(row) => self.take_row(row),
            Line::End(_) => Ok(()),
        }
    }

    /// Ends the last task.
    ///
    /// # Errors
    /// As [`Import::take`].
    pub(crate) fn end(mut self) -> anyhow::Result<Imported> {
        self.end_task()?;
        Ok(self.done)
    }

    /// What was done so far.
    pub(crate) fn so_far(&self) -> Imported {
        self.done
    }

    fn begin_task(&mut self, row: SavedRow) -> anyhow::Result<()> {
        if row.table != "tasks" || TaskId::parse(&row.id).is_none() {
            return Err(misplaced(&row).into());
        }
        let owner = row.columns.get("owner").and_then(Value::as_str);
        self.owner_before = owner.unwrap_or_default().to_owned();
        let row = self.given_away(row);
        // Before anything is written: a task that went on must not be mixed with what it was.
        let there = self.find("tasks", &[&row.id])?;
        if let Some(there) = there.first().filter(|there| !is_equal(there, &row)) {
            if !self.overwrite {
                return Err(differs("tasks", &there.id).into());
            }
            self.remove(&row.id)?;
            self.is_replaced = true;
        }
        self.task = Some(row);
        Ok(())
    }

    fn take_row(&mut self, row: SavedRow) -> anyhow::Result<()> {
        let Some(task) = &self.task else {
            return Err(misplaced(&row).into());
        };
        let of_task = match row.table.as_str() {
            "briefs" => Some(row.id.as_str()),
            _ => row.columns.get("taskId").and_then(Value::as_str),
        };
        let is_known = PLAIN.contains(&row.table.as_str()) || is_trigger(&row.table);
        if !is_known || of_task != Some(task.id.as_str()) {
            return Err(misplaced(&row).into());
        }
        let row = self.given_away(row);
        let bytes = serde_json::to_vec(&row)?.len();
        let is_other = self.batch.last().is_some_and(|it| it.table != row.table);
        let is_full =
            self.batch.len() >= BATCH_ROWS_MAX || self.batch_bytes + bytes > BATCH_BYTES_MAX;
        if is_other || is_full {
            self.flush()?;
        }
        self.batch_bytes += bytes;
        self.batch.push(row);
        Ok(())
    }

    fn end_task(&mut self) -> anyhow::Result<()> {
        self.flush()?;
        let Some(task) = self.task.take() else {
            return Ok(());
        };
        self.done.tasks += 1;
        self.done.replaced += u64::from(std::mem::take(&mut self.is_replaced));
        self.write(&[task])
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        let Some(table) = batch.first().map(|row| row.table.clone()) else {
            return Ok(());
        };
        if is_trigger(&table) {
            self.leave_claims(&batch)?;
            return self.put(&table, batch);
        }
        self.write(&batch)
    }

    /// Creates rows of one table; where some are there, those that are missing.
    fn write(&mut self, batch: &[SavedRow]) -> anyhow::Result<()> {
        let Some(table) = batch.first().map(|row| row.table.clone()) else {
            return Ok(());
        };
        if self.create(&table, batch)? {
            self.done.created += batch.len() as u64;
            return Ok(());
        }
        let missing = self.missing(&table, batch)?;
        if missing.is_empty() {
            return Ok(());
        }
        if !self.create(&table, &missing)? {
            bail!("rows of `{table}` were created by others meanwhile; begin again");
        }
        self.done.created += missing.len() as u64;
        Ok(())
    }

    /// Whether all of them were created; else none was, as some are there.
    fn create(&self, table: &str, batch: &[SavedRow]) -> anyhow::Result<bool> {
        let rows: Vec<NewRow> = batch
            .iter()
            .map(|row| NewRow {
                id: row.id.clone(),
                data: with_times(row),
                permissions: row.permissions.clone(),
            })
            .collect();
        match self.client.table(DATABASE, table).create_many(&rows) {
            Ok(created) => {
                kept_time(table, &created, batch)?;
                Ok(true)
            }
            Err(error) if is_there(&error) => Ok(false),
            Err(error) => Err(error).with_context(|| format!("could not write `{table}`")),
        }
    }

    /// Puts the units that are missing.
    fn put(&mut self, table: &str, batch: Vec<SavedRow>) -> anyhow::Result<()> {
        for row in self.missing(table, &batch)? {
            let put = self.client.table(DATABASE, table).put(
                &row.id,
                &with_times(&row),
                &row.permissions,
            );
            let put = put.with_context(|| format!("could not write `{}` of `{table}`", row.id))?;
            kept_time(table, &[put], &[row])?;
            self.done.created += 1;
        }
        Ok(())
    }

    /// Those of a batch that are not there. What is there must be equal, or is overwritten.
    fn missing(&mut self, table: &str, batch: &[SavedRow]) -> anyhow::Result<Vec<SavedRow>> {
        let mut missing = Vec::new();
        for some in batch.chunks(IDS_MAX.min(rows_a_page(table) as usize)) {
            let ids: Vec<&str> = some.iter().map(|row| row.id.as_str()).collect();
            let there = self.find(table, &ids)?;
            for row in some {
                match there.iter().find(|there| there.id == row.id) {
                    None => missing.push(row.clone()),
                    Some(there) if is_equal(there, row) => self.done.same += 1,
                    Some(_) if self.overwrite => {
                        let own = self.client.table(DATABASE, table);
                        own.put(&row.id, &with_times(row), &row.permissions)
                            .with_context(|| format!("could not write `{}`", row.id))?;
                        self.is_replaced = true;
                    }
                    Some(_) => return Err(differs(table, &row.id).into()),
                }
            }
        }
        Ok(missing)
    }

    /// Leaves a claim on units: those that have one need none.
    fn leave_claims(&self, units: &[SavedRow]) -> anyhow::Result<()> {
        let claims: Vec<NewRow> = units
            .iter()
            .map(|unit| {
                let task = unit.columns.get("taskId").and_then(Value::as_str);
                let claim = claim::left_behind(task.unwrap_or_default(), &unit.id);
                NewRow {
                    id: claim.id,
                    data: claim.data.as_object().cloned().unwrap_or_default(),
                    permissions: claim.permissions,
                }
            })
            .collect();
        let table = self.client.table(DATABASE, "claims");
        match table.create_many(&claims) {
            Ok(_) => return Ok(()),
            Err(error) if is_there(&error) => {}
            Err(error) => return Err(error).context("could not write `claims`"),
        }
        for claim in claims {
            match table.create(&claim.id, &Value::Object(claim.data), &claim.permissions) {
                Ok(_) => {}
                Err(error) if is_there(&error) => {}
                Err(error) => return Err(error).context("could not write `claims`"),
            }
        }
        Ok(())
    }

    fn find(&self, table: &str, ids: &[&str]) -> anyhow::Result<Vec<Row>> {
        let limit = Query::limit(u32::try_from(ids.len()).unwrap_or(u32::MAX));
        let queries = [Query::equal("$id", json!(ids)), limit];
        let found = self.client.table(DATABASE, table).list(&queries);
        let found = found.with_context(|| format!("could not read `{table}`"))?;
        Ok(found.rows)
    }

    /// Removes a task as it is there, its own row first, so that nobody goes on with it.
    fn remove(&self, task: &str) -> anyhow::Result<()> {
        let delete = |table: &str, by: &str| -> anyhow::Result<()> {
            let queries = [Query::equal(by, task), Query::limit(rows_a_page(table))];
            for _ in 0..DELETIONS_MAX {
                let deleted = self.client.table(DATABASE, table).delete_many(&queries);
                if deleted.with_context(|| format!("could not delete from `{table}`"))? == 0 {
                    return Ok(());
                }
            }
            bail!("the rows of {task} in `{table}` do not end")
        };
        delete("tasks", "$id")?;
        for table in UnitKind::TABLES.into_iter().chain(["claims"]) {
            delete(table, "taskId")?;
        }
        for table in PLAIN.into_iter().rev() {
            let by = if table == "briefs" { "$id" } else { "taskId" };
            delete(table, by)?;
        }
        Ok(())
    }

    /// The row as its new owner has it.
    fn given_away(&self, mut row: SavedRow) -> SavedRow {
        let Some(owner) = &self.owner else {
            return row;
        };
        if let Some(column) = row.columns.get_mut("owner") {
            *column = json!(owner);
        }
        let (before, after) = (
            format!("(\"user:{}\")", self.owner_before),
            format!("(\"user:{owner}\")"),
        );
        for permission in &mut row.permissions {
            *permission = permission.replace(&before, &after);
        }
        row
    }
}

/// The columns, with the times that a key may set.
fn with_times(row: &SavedRow) -> Map<String, Value> {
    let mut data = row.columns.clone();
    data.insert("$createdAt".to_owned(), json!(row.created_at));
    data.insert("$updatedAt".to_owned(), json!(row.updated_at));
    data
}

fn is_equal(there: &Row, row: &SavedRow) -> bool {
    there.holds(&row.columns, &row.permissions)
        && clock::parse(&there.created_at) == clock::parse(&row.created_at)
}

/// Commits and quotas are computed from the time of a row's creation.
fn kept_time(table: &str, written: &[Row], wanted: &[SavedRow]) -> anyhow::Result<()> {
    for row in wanted {
        let there = written.iter().find(|there| there.id == row.id);
        let is_kept = there
            .is_some_and(|there| clock::parse(&there.created_at) == clock::parse(&row.created_at));
        if !is_kept {
            let message = format!(
                "This Appwrite did not keep the time of creation of `{}` in `{table}`; it must be 1.9 or newer.",
                row.id
            );
            return Err(Trouble::refused("time_not_kept", message).into());
        }
    }
    Ok(())
}

fn is_there(error: &appwrite::Error) -> bool {
    error.kind() == Some(&ErrorType::RowAlreadyExists)
        || matches!(error, appwrite::Error::Conflict { .. })
}

fn differs(table: &str, id: &str) -> Trouble {
    let message = format!(
        "Row `{id}` of `{table}` is there and differs from the export: its task may have gone on since. --overwrite puts the task back as it was exported."
    );
    Trouble::refused("row_differs", message)
}

fn misplaced(row: &SavedRow) -> Trouble {
    let message = format!(
        "The export has a row `{}` of `{}` that belongs to no task in it.",
        row.id, row.table
    );
    Trouble::refused("export_damaged", message)
}
