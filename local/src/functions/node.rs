//! Builds of functions in JavaScript: the source is unpacked and its commands run in the sandbox of
//! builds. What they leave is the function; nothing is copied, because it runs in a sandbox too.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::builds::BuildError;
use super::deployments::{CODE_FOLDER, Deployment, OUTPUT_FILE, SOURCE_FILE};
use super::registry::Function;
use crate::executor::NODE_FOLDER;
use crate::sandbox::{Network, Sandbox};
use crate::sites::archive;

/// What the build script of the real platform prints for an empty source (open-runtimes v5).
const NO_SOURCE: &str = "Error: No source code found. Ensure your source isn't empty.";

/// Whether a runtime runs JavaScript: all of them on the Node of this machine.
pub(super) fn is_node(runtime: &str) -> bool {
    runtime.starts_with("node-")
}

/// Builds the source in a deployment's folder and adds what its commands print to `log`. Returns
/// the size of the packed output in bytes.
///
/// # Errors
/// [`BuildError`].
pub(super) async fn build(
    network: &Network,
    folder: &Path,
    function: &Function,
    deployment: &Deployment,
    stop: CancellationToken,
    log: &mut String,
) -> Result<u64, BuildError> {
    let root = folder.to_owned();
    blocking(move || {
        let code = root.join(CODE_FOLDER);
        match fs::remove_dir_all(&code) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        fs::create_dir_all(&code)?;
        archive::unpack(File::open(root.join(SOURCE_FILE))?, &code)?;
        if archive::files(&code)?.is_empty() {
            return Err(BuildError::NoSource(NO_SOURCE));
        }
        Ok(())
    })
    .await?;
    if !deployment.commands.trim().is_empty() {
        let own = function.own.iter();
        let sandbox = Sandbox {
            folder: &folder.join(CODE_FOLDER),
            mount: NODE_FOLDER,
            variables: own.map(|it| (it.key.clone(), it.value.clone())).collect(),
            stop,
            network: network.open(log).await?,
        };
        sandbox.run(&deployment.commands, log).await?;
    }
    let root = folder.to_owned();
    blocking(move || {
        let code = root.join(CODE_FOLDER);
        // Links that commands made are left out: the archive is for people to look at.
        let files = archive::files(&code)?;
        Ok(archive::pack(&code, &files, &root.join(OUTPUT_FILE))?)
    })
    .await
}

/// Runs blocking work beside the server's own threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BuildError> + Send + 'static,
) -> Result<T, BuildError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| BuildError::Disk(io::Error::other(error)))?
}
