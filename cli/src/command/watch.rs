//! `orchestrator watch`: follows a task.

use std::process::ExitCode;

use crate::args::task::TaskArgs;
use crate::desk::Desk;

/// Follows a task until it ends, or waits for its owner and nobody can be asked here.
///
/// # Errors
/// The platform does not start or answer, or the task is somebody else's.
pub(crate) async fn watch(args: TaskArgs, json: bool) -> anyhow::Result<ExitCode> {
    Desk::with(&args.platform, async |desk| {
        let task = desk.find(&args.task).await?;
        // A task that is not there would be waited for.
        desk.task(&task).await?;
        desk.follow(&task, json).await
    })
    .await
}
