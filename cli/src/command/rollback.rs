//! `orchestrator rollback`: serves an earlier release of a task again.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use pipeline::{Command, TaskId};
use serde_json::json;

use super::run::INTERRUPTED;
use crate::args::RollbackArgs;
use crate::environment::Environment;
use crate::follow::Follow;
use crate::interrupt::interrupted;
use crate::output::Output;
use crate::place::Opened;
use crate::session::Session;
use crate::summary::Summary;
use crate::task_api;

/// Has the release served again, and follows the task until it is.
///
/// # Errors
/// A platform that does not start or answer, a task that is somebody else's or has no such
/// release.
pub(crate) async fn rollback(args: RollbackArgs) -> anyhow::Result<ExitCode> {
    let task = TaskId::parse(&args.task).with_context(|| {
        format!(
            "`{}` is no task's id; `orchestrator run` prints it",
            args.task
        )
    })?;
    let output = Output::live(args.json);
    let opened = Opened::open(&args.platform, Environment::read()?).await?;
    let summary = tokio::select! {
        summary = serve_again(&opened, (&task, args.release), &output) => summary,
        () = interrupted() => {
            output.note("Interrupted. The task goes on when its platform runs.");
            opened.stop().await;
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    if let Ok(summary) = &summary {
        output.summary(summary, false);
        if let (true, Some(_), false) = (args.keep, opened.hosting(), args.json) {
            output.note(&format!(
                "Serving on. The web page is at {}/. Press Ctrl-C to stop.",
                opened.place.endpoint.trim_end_matches("/v1")
            ));
            interrupted().await;
        }
    }
    opened.stop().await;
    Ok(match summary?.is_completed() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

async fn serve_again(
    opened: &Opened,
    (task, release): (&TaskId, Option<u32>),
    output: &Output,
) -> anyhow::Result<Summary> {
    let (started, place) = (Instant::now(), &opened.place);
    let session = tokio::task::block_in_place(|| Session::open(&opened.data, place))?;
    let command = json!(Command::Rollback { release });
    let path = format!("/{task}/commands");
    let (status, answer) = task_api::call(&session.client, &path, command).await?;
    if status != 200 {
        bail!("{}", task_api::message(&answer));
    }
    let follow = Follow {
        endpoint: &place.endpoint,
        project: &place.project,
        client: &session.client,
        token: &session.token,
        task_id: task.as_str(),
    };
    let row = follow
        .to_the_end(&mut |change| output.change(change))
        .await?;
    let counted = opened.hosting().map(|hosting| hosting.platform.counts());
    Ok(Summary::of(task, &row, counted.as_ref(), started.elapsed()))
}
