//! What every command on tasks needs: a place that is open, and a user who is signed in there.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use appwrite::{Client, Query, Row};
use pipeline::rows::DATABASE;
use pipeline::{Status, TaskId};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::{block_in_place, spawn_blocking};

use crate::args::PlatformArgs;
use crate::command::approval::{self, Question};
use crate::environment::Environment;
use crate::follow::Follow;
use crate::interrupt::interrupted;
use crate::output::Output;
use crate::place::{Opened, Server};
use crate::session::Session;
use crate::summary::Summary;
use crate::task::{Change, TaskRow};
use crate::task_api;
use crate::trouble::{Exit, Trouble};

/// Tasks of one user that are looked through.
pub(crate) const TASKS_MAX: usize = 5_000;
/// The word for the newest task.
const LAST: &str = "last";

/// A signed-in user at an open place.
pub(crate) struct Desk {
    pub(crate) opened: Opened,
    pub(crate) session: Session,
}

impl Desk {
    /// Opens a place, signs in, works, and stops what was started for it.
    ///
    /// # Errors
    /// The place can not be opened, nobody can sign in there, or the work fails.
    pub(crate) async fn with(
        platform: &PlatformArgs,
        work: impl AsyncFnOnce(&Self) -> anyhow::Result<Exit>,
    ) -> anyhow::Result<ExitCode> {
        let opened = tokio::select! {
            opened = Opened::open(platform, Environment::read()?) => opened?,
            () = interrupted() => return Ok(Exit::Interrupted.into()),
        };
        // Signing in blocks, and the platform may run in this very process.
        let session = match block_in_place(|| Session::open(&opened.data, &opened.place)) {
            Ok(session) => session,
            Err(error) => {
                opened.stop().await;
                return Err(error);
            }
        };
        let desk = Self { opened, session };
        let worked = tokio::select! {
            worked = Box::pin(work(&desk)) => worked,
            () = interrupted() => Ok(Exit::Interrupted),
        };
        desk.opened.stop().await;
        worked.map(ExitCode::from)
    }

    /// Reads something from Appwrite as this user.
    ///
    /// # Errors
    /// As Appwrite refuses it.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Client) -> Result<T, appwrite::Error> + Send + 'static,
    ) -> anyhow::Result<T> {
        let client = self.session.client.clone();
        Ok(spawn_blocking(move || read(&client)).await??)
    }

    /// The user's tasks, newest first.
    ///
    /// # Errors
    /// Appwrite does not answer.
    pub(crate) async fn tasks(&self) -> anyhow::Result<Vec<Row>> {
        let queries = [Query::order_desc("$createdAt")];
        self.read(move |client| {
            client
                .table(DATABASE, "tasks")
                .list_all(&queries, TASKS_MAX)
        })
        .await
        .map(|found| found.rows)
        .context("could not read your tasks")
    }

    /// The task that a person means: by its id, the beginning of it, or `last`.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub(crate) async fn find(&self, word: &str) -> anyhow::Result<TaskId> {
        if let Some(task) = TaskId::parse(word) {
            return Ok(task);
        }
        let tasks = self.tasks().await?;
        let ids: Vec<&str> = tasks.iter().map(|row| row.id.as_str()).collect();
        let found = meant(word, &ids)?;
        TaskId::parse(found).context("a task has an id of another shape")
    }

    /// The row of a task.
    ///
    /// # Errors
    /// There is no such task, or it is somebody else's.
    pub(crate) async fn task(&self, task: &TaskId) -> anyhow::Result<Row> {
        let id = task.as_str().to_owned();
        let row = self.read(move |client| client.table(DATABASE, "tasks").get(&id));
        row.await.map_err(|error| {
            let cause = error.downcast_ref::<appwrite::Error>();
            match cause.and_then(appwrite::Error::kind) {
                Some(appwrite::ErrorType::RowNotFound) => no_task(task.as_str()).into(),
                Some(_) | None => error.context(format!("could not read the task {task}")),
            }
        })
    }

    /// The rows of one table that belong to a task, in the order of their creation.
    ///
    /// # Errors
    /// Appwrite does not answer.
    pub(crate) async fn rows(
        &self,
        table: &'static str,
        task: &TaskId,
        columns: Option<&'static [&'static str]>,
    ) -> anyhow::Result<Vec<Row>> {
        let mut queries = vec![Query::equal("taskId", task.as_str())];
        queries.extend(columns.map(Query::select));
        let found =
            self.read(move |client| client.table(DATABASE, table).list_all(&queries, ROWS_MAX));
        let found = found.await;
        found
            .map(|found| found.rows)
            .with_context(|| format!("could not read the {table} of {task}"))
    }

    /// Hands a command for a task to create-task. Returns the task's status after it.
    ///
    /// # Errors
    /// As create-task refuses it.
    pub(crate) async fn order(
        &self,
        task: &TaskId,
        command: &pipeline::Command,
    ) -> anyhow::Result<String> {
        let body = serde_json::to_value(command)?;
        let path = format!("/{task}/commands");
        let (status, answer) = task_api::call(&self.session.client, &path, body).await?;
        if status != 200 {
            return Err(refused(status, &answer));
        }
        Ok(answer["status"].as_str().unwrap_or_default().to_owned())
    }

    /// What becomes of a task that goes on from here: it is followed if that is asked for, or if
    /// its platform ends with this command; else where it goes on is told.
    ///
    /// # Errors
    /// As [`Desk::follow`].
    pub(crate) async fn goes_on(
        &self,
        task: &TaskId,
        watch: bool,
        output: &Output,
    ) -> anyhow::Result<Exit> {
        match (&self.opened.server, watch) {
            (Server::Here(_), _) => {
                output.note(
                    "This command serves the platform, so it stays until the task ends or waits for you. \
                     `orchestrator local --config appwrite.json` in another terminal would go on without it.",
                );
                self.follow(task, output.is_json()).await
            }
            (Server::Appwrite | Server::Process(_), true) => {
                self.follow(task, output.is_json()).await
            }
            (Server::Appwrite | Server::Process(_), false) => {
                output.note(&format!("Follow it with `orchestrator watch {task}`."));
                Ok(Exit::Done)
            }
        }
    }

    /// Follows a task until it has ended, or waits for its owner and nobody can be asked here.
    ///
    /// # Errors
    /// The place does not answer for a long time.
    pub(crate) async fn follow(&self, task: &TaskId, json: bool) -> anyhow::Result<Exit> {
        let (started, output) = (Instant::now(), &Output::live(json));
        let can_ask = output.can_ask();
        let stops = if can_ask { is_paused } else { stands_still };
        let follow = self.follower(task, stops);
        let (asking, questions) = mpsc::unbounded_channel();
        let mut on_change = |change: &Change| {
            output.change(change);
            if let Change::Task(row) = change
                && let Some(question) = Question::of(row).filter(|_| can_ask)
            {
                // Nobody listens any more only once this has ended.
                let _ = asking.send(question);
            }
        };
        let client = &self.session.client;
        let row = tokio::select! {
            row = follow.to_the_end(&mut on_change) => row?,
            error = approval::ask(questions, client, task, output) => return Err(error),
        };
        self.sum(task, &row, started, output);
        Ok(exit_of(row.status))
    }

    /// Who follows a task, until it ends or `stops` says so.
    pub(crate) fn follower<'a>(
        &'a self,
        task: &'a TaskId,
        stops: fn(&TaskRow) -> bool,
    ) -> Follow<'a> {
        Follow {
            endpoint: &self.opened.place.endpoint,
            project: &self.opened.place.project,
            client: &self.session.client,
            token: &self.session.token,
            task_id: task.as_str(),
            stops,
        }
    }

    /// Tells how a task stands.
    fn sum(&self, task: &TaskId, row: &TaskRow, started: Instant, output: &Output) {
        let counted = self
            .opened
            .hosting()
            .map(|hosting| hosting.platform.counts());
        let summary = Summary::of(task, row, counted.as_ref(), started.elapsed());
        output.summary(&summary, self.opened.is_scripted);
        if let Some(hint) = hint_of(task, row) {
            output.note(&hint);
        }
    }
}

/// Rows of one table of one task.
const ROWS_MAX: usize = 100_000;

/// What create-task refused.
pub(crate) fn refused(status: u16, answer: &Value) -> anyhow::Error {
    let trouble = Trouble::of_answer(answer);
    let exit = match status {
        500.. => Exit::NoAnswer,
        _ => trouble.exit,
    };
    Trouble { exit, ..trouble }.into()
}

/// Whether a task does nothing until its owner says a word.
pub(crate) fn stands_still(row: &TaskRow) -> bool {
    matches!(row.status, Status::AwaitingApproval | Status::Paused)
}

/// Whether its owner has paused a task, so that there is nothing to ask.
fn is_paused(row: &TaskRow) -> bool {
    row.status == Status::Paused && Question::of(row).is_none()
}

/// How following a task ends.
pub(crate) const fn exit_of(status: Status) -> Exit {
    match status {
        Status::Failed | Status::Cancelled => Exit::TaskFailed,
        Status::AwaitingApproval | Status::Paused => Exit::Waits,
        Status::Completed
        | Status::Pending
        | Status::Planning
        | Status::Coding
        | Status::Reviewing
        | Status::Publishing
        | Status::Deploying => Exit::Done,
    }
}

/// What its owner can do for a task that stands still.
fn hint_of(task: &TaskId, row: &TaskRow) -> Option<String> {
    let commands = match (row.status, &row.totals) {
        (Status::AwaitingApproval, totals) if totals.preview_url.is_some() => {
            format!(
                "`orchestrator approve {task}` publishes it; `follow-up` changes it first, `cancel` ends it."
            )
        }
        (Status::AwaitingApproval, _) => format!(
            "`orchestrator show {task}` shows the plan, `approve` starts it, `revise` and `edit` change it, `cancel` ends the task."
        ),
        (Status::Paused, totals) if totals.exhausted.is_some() => {
            format!("`orchestrator budget {task} USD` allows more; `cancel` ends it.")
        }
        (Status::Paused, _) => format!("`orchestrator resume {task}` goes on; `cancel` ends it."),
        (Status::Failed, _) => {
            format!("`orchestrator retry {task}` does again what failed; `logs` tells more.")
        }
        (_, _) => return None,
    };
    Some(commands)
}

/// Which of `ids`, newest first, a person means.
fn meant<'a>(word: &str, ids: &[&'a str]) -> Result<&'a str, Trouble> {
    if word == LAST {
        let none = || {
            Trouble::refused(
                "task_not_found",
                "You have no task yet; `orchestrator new` makes one.",
            )
        };
        return ids.first().copied().ok_or_else(none);
    }
    let found: Vec<&str> = ids
        .iter()
        .copied()
        .filter(|id| !word.is_empty() && id.starts_with(word))
        .collect();
    match found[..] {
        [] => Err(no_task(word)),
        [one] => Ok(one),
        [..] => Err(Trouble::refused(
            "task_ambiguous",
            format!(
                "{} tasks begin with `{word}`: {}. Type more of the one that is meant.",
                found.len(),
                found.join(", ")
            ),
        )),
    }
}

fn no_task(word: &str) -> Trouble {
    Trouble::refused(
        "task_not_found",
        format!("There is no task `{word}`, or it is not yours; `orchestrator list` shows yours."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_meant_by_the_beginning_of_its_id() {
        let ids = ["tabc1", "tabd2", "txyz3"];
        assert_eq!(meant("last", &ids).unwrap(), "tabc1");
        assert_eq!(meant("tx", &ids).unwrap(), "txyz3");
        assert_eq!(meant("tabd2", &ids).unwrap(), "tabd2");
        let error = |word| meant(word, &ids).unwrap_err().message;
        assert!(error("ta").contains("2 tasks begin with `ta`: tabc1, tabd2"));
        for nothing in ["", "q", "abc"] {
            assert!(error(nothing).contains("There is no task"), "{nothing}");
        }
        let none = meant("last", &[]).unwrap_err().message;
        assert!(none.contains("no task yet"), "{none}");
    }
}
