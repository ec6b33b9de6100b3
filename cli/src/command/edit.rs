//! `orchestrator edit`: changes the assignments of a plan that waits for its owner's word.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use pipeline::{Command, TaskId};
use serde_json::{Value, json};

use super::order::tell;
use crate::args::task::EditArgs;
use crate::brief;
use crate::desk::Desk;
use crate::editor;
use crate::output::Output;
use crate::trouble::{Exit, Trouble};

/// Where assignments are edited, and kept if they are not taken.
const KEPT: &str = "assignments.json";

/// Has the plan's assignments changed in an editor or taken from a file, or prints them.
///
/// # Errors
/// The platform does not start or answer, no plan waits, or the assignments break a rule.
pub(crate) async fn edit(args: EditArgs, json: bool) -> anyhow::Result<ExitCode> {
    let output = Output::new(json);
    let of = &args.order.of;
    Desk::with(&of.platform, async |desk| {
        let task = desk.find(&of.task).await?;
        if args.print {
            let assignments = assignments(desk, &task).await?;
            output.result(&[serde_json::to_string_pretty(&assignments)?]);
            return Ok(Exit::Done);
        }
        let (text, typed) = match &args.file {
            Some(path) => (brief::read_text(path)?, None),
            None => match edited(desk, &task).await? {
                Some((text, path)) => (text, Some(path)),
                None => {
                    output.note("Nothing was changed, so the plan waits as it is.");
                    return Ok(Exit::Done);
                }
            },
        };
        let result = hand_in(desk, &task, &text, &output).await;
        match (&result, typed) {
            (Ok(()), Some(path)) => drop(std::fs::remove_file(path)),
            (Ok(()), None) | (Err(_), None) => {}
            (Err(_), Some(path)) => output.note(&format!(
                "What was typed is kept in {path}; `orchestrator edit {task} --file {path}` hands it in.",
                path = path.display()
            )),
        }
        result?;
        desk.goes_on(&task, args.order.watch, &output).await
    })
    .await
}

async fn hand_in(desk: &Desk, task: &TaskId, text: &str, output: &Output) -> anyhow::Result<()> {
    let assignments: Value = serde_json::from_str(text).map_err(|cause| {
        Trouble::refused("invalid_plan", format!("it is not valid JSON: {cause}"))
    })?;
    let command: Command = serde_json::from_value(
        json!({"command": "edit", "assignments": assignments}),
    )
    .map_err(|cause| {
        Trouble::refused(
            "invalid_plan",
            format!("the assignments lack a field: {cause}"),
        )
    })?;
    let status = desk.order(task, &command).await?;
    tell(output, task, &command, &status);
    Ok(())
}

/// The newest plan's assignments.
async fn assignments(desk: &Desk, task: &TaskId) -> anyhow::Result<Value> {
    let plans = desk
        .rows("plans", task, Some(&["generation", "plan"]))
        .await?;
    let newest = plans
        .iter()
        .filter(|row| row.text("plan").is_some_and(|plan| !plan.is_empty()))
        .max_by_key(|row| row.integer("generation"));
    let Some(row) = newest else {
        return Err(Trouble::refused("not_now", "The task has no plan yet.").into());
    };
    let plan: Value = serde_json::from_str(row.text("plan").unwrap_or_default())
        .context("the plan can not be read")?;
    Ok(plan["plan"]["assignments"].clone())
}

/// The assignments as they were left in an editor, and the file. `None` if they are the same.
async fn edited(desk: &Desk, task: &TaskId) -> anyhow::Result<Option<(String, PathBuf)>> {
    let before = serde_json::to_string_pretty(&assignments(desk, task).await?)? + "\n";
    let path = desk.opened.data.path(KEPT);
    editor::write(&path, &before)?;
    let opened = path.clone();
    tokio::task::spawn_blocking(move || editor::open(&opened)).await??;
    let after = brief::read_text(Path::new(&path))?;
    if after.trim() == before.trim() {
        let _ = std::fs::remove_file(&path);
        return Ok(None);
    }
    Ok(Some((after, path)))
}
