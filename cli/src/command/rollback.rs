//! `orchestrator rollback`: serves an earlier release of a task again.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use pipeline::{Command, TaskId};
use serde_json::json;

use super::run::{INTERRUPTED, stop};
use crate::args::RollbackArgs;
use crate::data::Data;
use crate::environment::Environment;
use crate::follow::Follow;
use crate::hosting::Hosting;
use crate::interrupt::interrupted;
use crate::output::Output;
use crate::place::Place;
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
    let output = Output::new(args.json);
    let data = Data::open(&args.platform.data)?;
    let (place, hosting) = Place::open(&args.platform, &data, Environment::read()?).await?;
    let summary = tokio::select! {
        summary = serve_again(&data, &place, (&task, args.release), hosting.as_ref(), &output) => summary,
        () = interrupted() => {
            output.note("Interrupted. The task goes on when its platform runs.");
            stop(hosting).await;
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    if let Ok(summary) = &summary {
        output.summary(summary, false);
        if let (true, Some(_), false) = (args.keep, &hosting, args.json) {
            output.note(&format!(
                "Serving on. The web page is at {}/. Press Ctrl-C to stop.",
                place.endpoint.trim_end_matches("/v1")
            ));
            interrupted().await;
        }
    }
    stop(hosting).await;
    Ok(match summary?.is_completed() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

async fn serve_again(
    data: &Data,
    place: &Place,
    (task, release): (&TaskId, Option<u32>),
    hosting: Option<&Hosting>,
    output: &Output,
) -> anyhow::Result<Summary> {
    let started = Instant::now();
    let session = {
        let place = place.clone();
        tokio::task::block_in_place(|| Session::open(data, &place))?
    };
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
    let counted = hosting.map(|hosting| hosting.platform.counts());
    Ok(Summary::of(task, &row, counted.as_ref(), started.elapsed()))
}
