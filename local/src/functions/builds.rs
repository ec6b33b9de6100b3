//! Builds of deployments: from waiting to ready or failed, and into service.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Functions;
use super::deployments::{self, Deployment, Status};
use super::registry::{self, Function};
use super::{node, prebuilt};
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::sandbox::SandboxError;
use crate::sites::archive::ArchiveError;
use crate::stand_in;
use crate::store::Writer;
use crate::{clock, proxy};

/// Builds at once.
pub(super) const BUILDS_MAX: usize = 2;

/// Why a build failed, in words for its log.
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    #[error(
        "Error: builds other than prebuilt executables and Node are not supported here yet. Upload an archive with the executable `{name}` at its root, and commands that only make it executable and empty the compile hooks.", name = prebuilt::EXECUTABLE
    )]
    NotPrebuilt,
    #[error("{0}")]
    NoSource(&'static str),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("Error: {0}.")]
    Archive(#[from] ArchiveError),
    #[error("Error: the build's files could not be written: {0}.")]
    Disk(#[from] io::Error),
    #[error(transparent)]
    StandIn(#[from] stand_in::BuildFailed),
}

/// Who wants a deployment to be active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// A build that has ended: it gives way to a newer one that is active already.
    Newest,
    /// A caller who named it.
    Named,
}

impl Functions {
    /// Begins the build of a deployment whose source is whole.
    pub(super) fn build(self: &Arc<Self>, kernel: &Arc<Kernel>, deployment: Deployment) {
        let (kernel, functions) = (Arc::clone(kernel), Arc::clone(self));
        self.tasks.spawn(async move {
            let stop = functions.stop.clone();
            let id = deployment.id.clone();
            let outcome = tokio::select! {
                outcome = run(&kernel, &functions, deployment) => outcome,
                // It stays unfinished in the store and is built again at the next start.
                () = stop.cancelled() => Ok(()),
            };
            if let Err(error) = outcome {
                tracing::warn!(deployment = %id, %error, "build could not be recorded");
            }
        });
    }
}

async fn run(
    kernel: &Arc<Kernel>,
    functions: &Arc<Functions>,
    mut deployment: Deployment,
) -> Result<(), ApiError> {
    // Closed never: the semaphore lives as long as the functions.
    let _slot = functions.builds.acquire().await;
    deployment.status = Status::Building;
    let mut deployment = store(kernel, functions, deployment).await?;
    let started = Instant::now();
    let function = functions.get(&deployment.function_id)?;
    let stop = functions.stop.child_token();
    functions
        .running()
        .insert(deployment.id.clone(), stop.clone());
    let mut log = String::new();
    let outcome = built(kernel, functions, &function, &deployment, stop, &mut log).await;
    functions.running().remove(&deployment.id);
    let outcome = outcome?;
    deployment.build_duration_s = started.elapsed().as_secs() + 1;
    match outcome {
        Ok(size) => {
            deployment.status = Status::Ready;
            deployment.build_size = size;
            deployment.build_logs = log + &finished_log(clock::now());
        }
        Err(error) => {
            deployment.status = Status::Failed;
            deployment.build_logs = log + &format!("\u{1b}[31m{error}\u{1b}[0m\n");
        }
    }
    let deployment = store(kernel, functions, deployment).await?;
    if deployment.status == Status::Ready && deployment.activate {
        let work = move |db: &mut Writer| activate(db, &deployment, Choice::Newest);
        kernel.store.run(work).await?;
        functions.reload(kernel).await?;
    }
    Ok(())
}

async fn built(
    kernel: &Kernel,
    functions: &Functions,
    function: &Function,
    deployment: &Deployment,
    stop: CancellationToken,
    log: &mut String,
) -> Result<Result<u64, BuildError>, ApiError> {
    let part = function.stand_in();
    if kernel.stand_in_functions && part.builds() {
        // It makes nothing of the source; its output counts as large as that.
        let built = part.build().await.map(|()| deployment.source_size);
        return Ok(built.map_err(BuildError::from));
    }
    let folder = deployment.folder(&kernel.data_dir);
    if node::is_node(&function.runtime) {
        let network = &functions.network;
        return Ok(node::build(network, &folder, function, deployment, stop, log).await);
    }
    let commands = deployment.commands.clone();
    tokio::task::spawn_blocking(move || prebuilt::build(&folder, &commands))
        .await
        .map_err(|error| ApiError::internal(&error))
}

async fn store(
    kernel: &Kernel,
    functions: &Functions,
    mut deployment: Deployment,
) -> Result<Deployment, ApiError> {
    let save = move |db: &mut Writer| {
        // Deleted or given up in the meantime: stay so.
        let known = deployments::get(db, &deployment.function_id, &deployment.id)?;
        if known.status == Status::Canceled {
            let message = "Build has been canceled.";
            return Err(ApiError::bad_request("build_canceled", message));
        }
        deployment.save(db)?;
        Ok(deployment)
    };
    let deployment = kernel.store.run(save).await?;
    functions.reload(kernel).await?;
    Ok(deployment)
}

/// Makes a ready deployment the active one.
///
/// # Errors
/// 404 `function_not_found`; 400 `build_not_ready`.
pub(super) fn activate(
    db: &Connection,
    deployment: &Deployment,
    choice: Choice,
) -> Result<Function, ApiError> {
    if deployment.status != Status::Ready {
        let message = "Build with the requested ID is building and not ready for execution.";
        return Err(ApiError::bad_request("build_not_ready", message));
    }
    let function = registry::change(db, &deployment.function_id, |function| {
        let newer = function.uploaded && function.deployment_created_ms > deployment.created_ms;
        let is_deployed = !function.deployment_id.is_empty();
        if choice == Choice::Newest && is_deployed && newer {
            return;
        }
        function.deployment_id.clone_from(&deployment.id);
        function.deployment_created_ms = deployment.created_ms;
        function
            .deployed_entrypoint
            .clone_from(&deployment.entrypoint);
        function.uploaded = true;
        function.live = true;
    })?;
    proxy::follow(
        db,
        proxy::Kind::Function,
        &function.id,
        &function.deployment_id,
    )?;
    Ok(function)
}

/// The end of a log of the real platform, colours included (Appwrite 1.9.6, measured).
fn finished_log(now: Timestamp) -> String {
    let time = now.strftime("%H:%M:%S");
    format!(
        "\u{1b}[90m[{time}] \u{1b}[90m[\u{1b}[0mappwrite\u{1b}[90m]\u{1b}[32m Deployment finished. \u{1b}[0m\n"
    )
}
