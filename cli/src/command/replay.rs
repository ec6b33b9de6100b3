//! `orchestrator replay`: decides a task once more from its rows and shows each step.

mod shown;

use std::process::ExitCode;

use anyhow::bail;
use appwrite::{Client, Query, Row};
use pipeline::replay::{Record, Replay, StoredRow};
use pipeline::rows::DATABASE;
use pipeline::{TaskId, UnitKind};
use serde_json::Value;
use shell::clock;

use crate::args::task::TaskArgs;
use crate::desk::{Desk, refused};
use crate::output::Output;
use crate::task_api;
use crate::trouble::Exit;

/// Rows of one table.
const ROWS_MAX: usize = 100_000;
/// Pages of a journal: more would be one that does not end.
const PAGES_MAX: usize = 10_000;

/// Replays a task. Ends with success only if nothing differs.
///
/// # Errors
/// A platform that does not start or answer, a task that is somebody else's, rows that can
/// not be read.
pub(crate) async fn replay(args: TaskArgs, json: bool) -> anyhow::Result<ExitCode> {
    let output = Output::new(json);
    Desk::with(&args.platform, async |desk| {
        let task = desk.find(&args.task).await?;
        let replayed = decide_again(desk, &task, &output).await?;
        let lines = match json {
            true => shown::json_lines(&replayed),
            false => shown::lines(&replayed),
        };
        output.result(&lines);
        Ok(match replayed.differences().next() {
            None => Exit::Done,
            Some(_) => Exit::Refused,
        })
    })
    .await
}

async fn decide_again(desk: &Desk, task: &TaskId, output: &Output) -> anyhow::Result<Replay> {
    // The journal first: what it tells of is then in the other rows.
    let mut rows = journal(&desk.session.client, task, output).await?;
    output.busy("Reading the task's rows");
    let id = task.clone();
    rows.extend(desk.read(move |client| others(client, &id)).await?);
    output.busy("Deciding again");
    let task = task.clone();
    let decide = move || Record::read(&task, &rows).map(|record| pipeline::replay::replay(&record));
    let replayed = tokio::task::spawn_blocking(decide).await?;
    replayed.map_err(|cause| anyhow::anyhow!("the task can not be decided again: {cause}"))
}

/// The journal of a task, which only functions may read: page by page through create-task.
async fn journal(
    client: &Client,
    task: &TaskId,
    output: &Output,
) -> anyhow::Result<Vec<StoredRow>> {
    let (mut rows, mut after) = (Vec::new(), String::new());
    for _ in 0..PAGES_MAX {
        output.busy(&format!("Reading the journal: {} entries", rows.len()));
        let (status, page) = task_api::get(client, &format!("/{task}/journal{after}")).await?;
        if status != 200 {
            return Err(refused(status, &page).context("could not read the journal"));
        }
        let entries = page["entries"].as_array().into_iter().flatten();
        rows.extend(entries.map(entry));
        match page["next"].as_str() {
            None => return Ok(rows),
            Some(next) => after = format!("?after={next}"),
        }
    }
    bail!("the journal of {task} does not end")
}

fn entry(entry: &Value) -> StoredRow {
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    StoredRow {
        table: "journal",
        id: text("id"),
        sequence: sequence(&text("sequence")),
        created_unix: created_unix(&text("createdAt")),
        data: entry.as_object().cloned().unwrap_or_default(),
    }
}

/// The rows that the task's owner may read.
fn others(client: &Client, task: &TaskId) -> Result<Vec<StoredRow>, appwrite::Error> {
    let mut stored = Vec::new();
    for table in ["tasks", "briefs"] {
        let row = client.table(DATABASE, table).get(task.as_str())?;
        stored.push(stored_row(table, row));
    }
    for table in UnitKind::TABLES.into_iter().chain(["files"]) {
        let of_task = [Query::equal("taskId", task.as_str())];
        let found = client.table(DATABASE, table).list_all(&of_task, ROWS_MAX)?;
        stored.extend(found.rows.into_iter().map(|row| stored_row(table, row)));
    }
    Ok(stored)
}

fn stored_row(table: &'static str, row: Row) -> StoredRow {
    StoredRow {
        table,
        sequence: sequence(&row.sequence),
        created_unix: created_unix(&row.created_at),
        id: row.id,
        data: row.data,
    }
}

fn sequence(text: &str) -> u64 {
    text.parse().unwrap_or(u64::MAX)
}

fn created_unix(time: &str) -> i64 {
    clock::parse(time).map_or(0, |time| time.as_second())
}
