//! `orchestrator watch`: follows a task.

use std::process::ExitCode;

use crate::args::task::TaskArgs;
use crate::desk::Desk;
use crate::output::Output;

/// Follows a task until it ends, or waits for its owner and nobody can be asked here.
///
/// # Errors
/// The platform does not start or answer, or the task is somebody else's.
pub(crate) async fn watch(args: TaskArgs, json: bool) -> anyhow::Result<ExitCode> {
    let output = Output::new(json);
    Desk::with(&args.platform, async |desk| {
        let task = desk.find(&args.task).await?;
        // A task that is not there would be waited for.
        desk.task(&task).await?;
        desk.follow(&task, &output).await
    })
    .await
}
