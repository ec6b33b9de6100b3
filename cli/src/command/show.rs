//! `orchestrator show`: everything that is known of a task.

mod shown;

use std::process::ExitCode;

use appwrite::Row;
use pipeline::TaskId;
use pipeline::rows::DATABASE;
use serde_json::{Map, Value, json};

use crate::args::task::TaskArgs;
use crate::desk::Desk;
use crate::output::Output;
use crate::trouble::Exit;

/// The tables of a task's units, and the columns of each that are shown, but for the line and
/// the times that all have.
const TABLES: [(&str, &[&str]); 5] = [
    (
        "plans",
        &[
            "summary",
            "assignmentCount",
            "estimate",
            "comment",
            "followUp",
        ],
    ),
    (
        "assignments",
        &[
            "name",
            "title",
            "type",
            "specialization",
            "agentId",
            "owns",
            "dependsOn",
            "state",
            "turn",
            "file",
            "inputTokens",
            "outputTokens",
            "costMicroUsd",
        ],
    ),
    ("reviews", &["verdict", "findings", "manifestHash"]),
    (
        "releases",
        &[
            "repository",
            "repositoryUrl",
            "cloneUrl",
            "branch",
            "pullRequestUrl",
            "commitSha",
        ],
    ),
    (
        "deployments",
        &["siteId", "state", "url", "buildLog", "release"],
    ),
];

/// What every unit's row has.
const OF_UNITS: [&str; 5] = ["generation", "round", "line", "level", "$id"];

/// Prints what is known of a task.
///
/// # Errors
/// The platform does not start or answer, or the task is somebody else's.
pub(crate) async fn show(args: TaskArgs, json: bool) -> anyhow::Result<ExitCode> {
    let output = Output::new(json);
    Desk::with(&args.platform, async |desk| {
        let task = desk.find(&args.task).await?;
        let known = known(desk, &task).await?;
        let lines = match json {
            true => vec![known.to_string()],
            false => shown::lines(&known),
        };
        output.result(&lines);
        Ok(Exit::Done)
    })
    .await
}

/// Everything as one object: the task's columns, its brief, and its units by table.
async fn known(desk: &Desk, task: &TaskId) -> anyhow::Result<Value> {
    let row = desk.task(task).await?;
    let id = task.as_str().to_owned();
    let brief = desk.read(move |client| client.table(DATABASE, "briefs").get(&id));
    let mut known = task_value(&row);
    known["brief"] = brief.await.map(|row| column(&row, "brief"))?;
    for (table, columns) in TABLES {
        let rows = desk.rows(table, task, None).await?;
        known[table] = rows.iter().map(|row| unit_value(row, columns)).collect();
    }
    Ok(known)
}

fn task_value(row: &Row) -> Value {
    let mut value = json!({
        "type": "task",
        "id": row.id,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
        "projectType": row.text("type"),
    });
    for name in [
        "name",
        "status",
        "rev",
        "generation",
        "round",
        "totals",
        "repositoryUrl",
        "siteUrl",
        "commitSha",
        "failure",
    ] {
        value[name] = column(row, name);
    }
    value
}

fn unit_value(row: &Row, columns: &[&str]) -> Value {
    let mut value = Map::from_iter([
        ("id".to_owned(), row.id.as_str().into()),
        ("createdAt".to_owned(), row.created_at.as_str().into()),
        ("updatedAt".to_owned(), row.updated_at.as_str().into()),
    ]);
    for name in OF_UNITS
        .iter()
        .filter(|name| **name != "$id")
        .chain(columns)
    {
        value.insert((*name).to_owned(), column(row, name));
    }
    Value::Object(value)
}

/// A column; what holds JSON as what it holds.
fn column(row: &Row, name: &str) -> Value {
    let value = row.data.get(name).cloned().unwrap_or_default();
    match value.as_str() {
        Some(text) if text.starts_with(['{', '[']) => {
            serde_json::from_str(text).unwrap_or_else(|_| text.into())
        }
        Some(_) | None => value,
    }
}
