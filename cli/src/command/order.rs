//! Commands of a task's owner: approve, revise, follow-up, budget, pause, resume, cancel,
//! retry and rollback.

use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use pipeline::{Command, Status, TaskId};

use crate::args::task::{
    BudgetArgs, CancelArgs, FollowUpArgs, OrderArgs, ReviseArgs, RollbackArgs, TaskArgs,
};
use crate::brief;
use crate::desk::Desk;
use crate::output::Output;
use crate::trouble::{Exit, Trouble};

/// Gives a command after which the task goes on.
///
/// # Errors
/// The platform does not start or answer, the task is somebody else's or does not take the
/// command now.
pub(crate) async fn order(
    args: OrderArgs,
    command: Command,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let output = Output::new(json);
    Desk::with(&args.of.platform, async |desk| {
        let task = desk.find(&args.of.task).await?;
        let status = desk.order(&task, &command).await?;
        tell(&output, &task, &command, &status);
        desk.goes_on(&task, args.watch, &output).await
    })
    .await
}

/// Gives a command after which the task stands still.
async fn last_order(args: TaskArgs, command: Command, json: bool) -> anyhow::Result<ExitCode> {
    let output = Output::new(json);
    Desk::with(&args.platform, async |desk| {
        let task = desk.find(&args.task).await?;
        let status = desk.order(&task, &command).await?;
        tell(&output, &task, &command, &status);
        Ok(Exit::Done)
    })
    .await
}

/// Tells that a command was taken.
pub(super) fn tell(output: &Output, task: &TaskId, command: &Command, status: &str) {
    output.ordered(task, command.as_str(), status);
}

/// Asks for another plan.
///
/// # Errors
/// As [`order`].
pub(crate) async fn revise(args: ReviseArgs, json: bool) -> anyhow::Result<ExitCode> {
    let comment = typed(args.comment)?;
    order(args.order, Command::Revise { comment }, json).await
}

/// Asks for more on top of what was released.
///
/// # Errors
/// As [`order`].
pub(crate) async fn follow_up(args: FollowUpArgs, json: bool) -> anyhow::Result<ExitCode> {
    let command = Command::FollowUp {
        description: typed(args.text)?,
        requirements: args.requirement,
    };
    order(args.order, command, json).await
}

/// Raises the budget.
///
/// # Errors
/// As [`order`].
pub(crate) async fn budget(args: BudgetArgs, json: bool) -> anyhow::Result<ExitCode> {
    let micro_usd = args.micro_usd;
    order(args.order, Command::Budget { micro_usd }, json).await
}

/// Pauses a task.
///
/// # Errors
/// As [`order`].
pub(crate) async fn pause(args: TaskArgs, json: bool) -> anyhow::Result<ExitCode> {
    last_order(args, Command::Pause {}, json).await
}

/// Serves an earlier release again.
///
/// # Errors
/// As [`order`].
pub(crate) async fn rollback(args: RollbackArgs, json: bool) -> anyhow::Result<ExitCode> {
    let release = args.release;
    order(args.order, Command::Rollback { release }, json).await
}

/// Ends a task, after a question.
///
/// # Errors
/// As [`order`], and where nobody can be asked.
pub(crate) async fn cancel(args: CancelArgs, json: bool) -> anyhow::Result<ExitCode> {
    let can_ask = std::io::stdin().is_terminal() && !json;
    if !args.yes && !can_ask {
        return Err(Trouble::refused(
            "not_confirmed",
            "A cancelled task can not go on; --yes confirms that where nobody can be asked.",
        )
        .into());
    }
    let output = Output::new(json);
    Desk::with(&args.of.platform, async |desk| {
        let task = desk.find(&args.of.task).await?;
        let row = desk.task(&task).await?;
        let name = row.text("name").unwrap_or_default().to_owned();
        let status = row.text("status").and_then(Status::parse);
        let has_ended = status.is_some_and(Status::is_final);
        if !args.yes && !has_ended {
            let question = format!(
                "Cancel `{name}` ({task})? Nothing more is built or published, and it can not go on. [y/N]"
            );
            output.note(&question);
            if !is_yes().await? {
                output.note("It goes on.");
                return Ok(Exit::Refused);
            }
        }
        let command = Command::Cancel {};
        let status = desk.order(&task, &command).await?;
        tell(&output, &task, &command, &status);
        Ok(Exit::Done)
    })
    .await
}

async fn is_yes() -> anyhow::Result<bool> {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let line = read.await?.context("could not read standard input")?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// A text as it was typed, or standard input for `-`.
fn typed(text: String) -> anyhow::Result<String> {
    match text.as_str() {
        "-" => brief::read_text(Path::new("-")).map(|text| text.trim().to_owned()),
        _ => Ok(text),
    }
}
