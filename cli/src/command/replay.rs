//! `orchestrator replay`: decides a task once more from its rows and shows each step.

mod shown;

use std::process::ExitCode;

use anyhow::{Context, bail};
use appwrite::{Client, Query, Row};
use pipeline::replay::{Record, Replay, StoredRow};
use pipeline::rows::DATABASE;
use pipeline::{TaskId, UnitKind};
use serde_json::Value;
use shell::clock;

use super::run::INTERRUPTED;
use crate::args::ReplayArgs;
use crate::environment::Environment;
use crate::interrupt::interrupted;
use crate::output::Output;
use crate::place::Opened;
use crate::session::Session;
use crate::task_api;

/// Rows of one table.
const ROWS_MAX: usize = 100_000;
/// Pages of a journal: more would be one that does not end.
const PAGES_MAX: usize = 10_000;

/// Replays a task. Ends with success only if nothing differs.
///
/// # Errors
/// A platform that does not start or answer, a task that is somebody else's, rows that can
/// not be read.
pub(crate) async fn replay(args: ReplayArgs) -> anyhow::Result<ExitCode> {
    let task = TaskId::parse(&args.task).with_context(|| {
        format!(
            "`{}` is no task's id; `orchestrator run` prints it",
            args.task
        )
    })?;
    let output = Output::new(args.json);
    let opened = Opened::open(&args.platform, Environment::read()?).await?;
    let replayed = tokio::select! {
        replayed = decide_again(&opened, &task, &output) => replayed,
        () = interrupted() => {
            opened.stop().await;
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    opened.stop().await;
    let replayed = replayed?;
    let lines = match args.json {
        true => shown::json_lines(&replayed),
        false => shown::lines(&replayed),
    };
    output.result(&lines);
    Ok(match replayed.differences().next() {
        None => ExitCode::SUCCESS,
        Some(_) => ExitCode::FAILURE,
    })
}

async fn decide_again(opened: &Opened, task: &TaskId, output: &Output) -> anyhow::Result<Replay> {
    let session = tokio::task::block_in_place(|| Session::open(&opened.data, &opened.place))?;
    // The journal first: what it tells of is then in the other rows.
    let mut rows = journal(&session.client, task, output).await?;
    output.busy("Reading the task's rows");
    let (client, id) = (session.client.clone(), task.clone());
    rows.extend(tokio::task::spawn_blocking(move || others(&client, &id)).await??);
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
            bail!(
                "create-task does not show the journal ({status}): {}",
                task_api::message(&page)
            );
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
