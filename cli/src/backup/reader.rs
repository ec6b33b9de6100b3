//! From Appwrite to the file.

use std::io::Write;

use anyhow::Context;
use appwrite::{Client, ErrorType, Query, Row};
use pipeline::rows::DATABASE;
use pipeline::{TaskId, UnitKind};

use super::archive::{Line, SavedRow, Writer};
use super::known::Known;
use super::{PLAIN, rows_a_page};
use crate::trouble::Trouble;

/// Reads tasks into an export.
pub(crate) struct Export<'a, W: Write> {
    pub(crate) client: &'a Client,
    pub(crate) archive: Writer<W>,
    /// Told after each task.
    pub(crate) progress: &'a mut dyn FnMut(u64),
}

impl<W: Write> Export<'_, W> {
    /// All tasks, in the order of their creation.
    ///
    /// # Errors
    /// Appwrite does not answer or refuses, a row can not be read, or the disk.
    pub(crate) fn all(&mut self) -> anyhow::Result<()> {
        let client = self.client;
        pages(client, "tasks", &[], &mut |row| self.task(row))
    }

    /// These tasks.
    ///
    /// # Errors
    /// `task_not_found`, or as [`Export::all`].
    pub(crate) fn some(&mut self, tasks: &[String]) -> anyhow::Result<()> {
        for task in tasks {
            let missing =
                || Trouble::refused("task_not_found", format!("There is no task `{task}`."));
            let task = TaskId::parse(task).ok_or_else(missing)?;
            let row = get(self.client, "tasks", task.as_str())?.ok_or_else(missing)?;
            self.task(row)?;
        }
        Ok(())
    }

    /// One task. Its row was read first: what it shows is not later than its facts. The journal
    /// comes next, since what it tells of is then in the other rows.
    fn task(&mut self, row: Row) -> anyhow::Result<()> {
        let task = TaskId::parse(&row.id)
            .with_context(|| format!("`{}` in `tasks` is no task", row.id))?;
        let owner = row.text("owner").unwrap_or_default();
        let (client, mut known) = (self.client, Known::of(task.clone(), owner));
        self.archive.add(&Line::Task(saved("tasks", row)))?;
        let of_it = [Query::equal("taskId", task.as_str())];
        for table in PLAIN.into_iter().take_while(|table| *table != "ledger") {
            if table == "briefs" {
                let brief = get(client, table, task.as_str())?;
                brief.map_or(Ok(()), |row| self.add(table, row))?;
                continue;
            }
            pages(client, table, &of_it, &mut |row| {
                known.take(&row)?;
                self.add(table, row)
            })?;
        }
        let told = known.told();
        let others = PLAIN.into_iter().skip_while(|table| *table != "ledger");
        for table in others.chain(UnitKind::TABLES) {
            pages(
                client,
                table,
                &of_it,
                &mut |row| match told.has(table, &row) {
                    true => self.add(table, row),
                    false => Ok(()),
                },
            )?;
        }
        (self.progress)(self.archive.so_far().tasks);
        Ok(())
    }

    fn add(&mut self, table: &str, row: Row) -> anyhow::Result<()> {
        self.archive.add(&Line::Row(saved(table, row)))
    }
}

fn saved(table: &str, row: Row) -> SavedRow {
    SavedRow {
        table: table.to_owned(),
        id: row.id,
        created_at: row.created_at,
        updated_at: row.updated_at,
        permissions: row.permissions,
        columns: row.data,
    }
}

fn get(client: &Client, table: &str, id: &str) -> anyhow::Result<Option<Row>> {
    match client.table(DATABASE, table).get(id) {
        Ok(row) => Ok(Some(row)),
        Err(error) if error.kind() == Some(&ErrorType::RowNotFound) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("could not read `{table}`")),
    }
}

/// Hands over the rows that match, in the order of their creation, one page in memory.
fn pages(
    client: &Client,
    table: &str,
    queries: &[Query],
    take: &mut dyn FnMut(Row) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let size = rows_a_page(table);
    let mut after: Option<String> = None;
    loop {
        let mut page = queries.to_vec();
        page.push(Query::limit(size));
        page.extend(after.take().map(|id| Query::cursor_after(&id)));
        let rows = client
            .table(DATABASE, table)
            .list(&page)
            .with_context(|| format!("could not read `{table}`"))?
            .rows;
        let is_last = rows.len() < size as usize;
        after = rows.last().map(|row| row.id.clone());
        rows.into_iter().try_for_each(&mut *take)?;
        if is_last {
            return Ok(());
        }
    }
}
