//! Builds: from the source of a deployment to files that can be served.
//!
//! Only files are moved here. A source that wants commands run is refused with a failed build that
//! says so.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

use super::archive::{self, ArchiveError};
use super::deployment::{Deployment, Status};
use super::site;
use super::{FILES_FOLDER, OUTPUT_FILE, SOURCE_FILE, Sites};
use crate::clock;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::proxy;

/// Where a source is unpacked while it is built.
const WORK_FOLDER: &str = "work";
/// What the build script of the real platform prints for an empty output (open-runtimes v5).
const NO_OUTPUT: &str = "Error: No build output found. Ensure your output directory isn't empty.";

/// Why a build failed, in words for its log.
#[derive(Debug, thiserror::Error)]
enum BuildError {
    #[error(
        "Error: this build has commands to run ({0}), and sandboxed builds come later. Upload built files with empty commands."
    )]
    Commands(String),
    #[error(
        "Error: sites that are rendered on the server come later. Set the adapter to `static`."
    )]
    Adapter,
    #[error("Error: the output directory `{0}` is not a folder inside the source.")]
    OutputDirectory(String),
    #[error("{NO_OUTPUT}")]
    NoOutput,
    #[error("Error: {0}.")]
    Archive(#[from] ArchiveError),
    #[error("Error: the build's files could not be moved.")]
    Disk(#[from] io::Error),
}

/// What a build made.
struct Built {
    size: u64,
    files: usize,
    /// The one page of a single-page site.
    only_page: Option<String>,
}

/// Builds a deployment, records the outcome, activates it if it shall be, and tells functions.
pub(super) async fn run(kernel: Arc<Kernel>, sites: Arc<Sites>, mut deployment: Deployment) {
    // Closed never: the semaphore lives as long as the sites.
    let _slot = sites.builds.acquire().await;
    let (site_id, id) = (deployment.site_id.clone(), deployment.id.clone());
    let finished = async {
        deployment.status = Status::Building;
        let mut deployment = store(&kernel, deployment).await?;
        if deployment.status == Status::Canceled {
            return Ok(());
        }
        let site_id = deployment.site_id.clone();
        let site = kernel.store.run(move |db| site::get(db, &site_id)).await?;
        let started = Instant::now();
        let (folder, settings) = (deployment.folder(&kernel.data_dir), deployment.clone());
        let adapter = site.adapter.clone();
        let outcome = tokio::task::spawn_blocking(move || build(&folder, &settings, &adapter))
            .await
            .map_err(|error| ApiError::internal(&error))?;
        deployment.build_duration_s = started.elapsed().as_secs() + 1;
        let only_page = match outcome {
            Ok(built) => {
                deployment.status = Status::Ready;
                deployment.build_size = built.size;
                deployment.build_logs = finished_log(built.files, clock::now());
                built.only_page
            }
            Err(error) => {
                deployment.status = Status::Failed;
                deployment.build_logs = failed_log(&error);
                None
            }
        };
        let deployment = store(&kernel, deployment).await?;
        if deployment.status == Status::Canceled {
            return Ok(());
        }
        if deployment.status == Status::Ready && deployment.activate {
            let wanted = deployment.clone();
            kernel
                .store
                .run(move |db| activate(db, &wanted, only_page, Choice::Newest))
                .await?;
        }
        kernel.bus.publish(deployment.event());
        Ok::<(), ApiError>(())
    };
    if let Err(error) = finished.await {
        // It stays unfinished in the store and is built again at the next start.
        tracing::error!(site = %site_id, deployment = %id, %error, "build could not be recorded");
    }
}

async fn store(kernel: &Kernel, mut deployment: Deployment) -> Result<Deployment, ApiError> {
    let save = move |db: &mut rusqlite::Connection| {
        // Deleted or called off in the meantime: stay so.
        let current = super::deployment::get(db, &deployment.site_id, &deployment.id)?;
        if current.status == Status::Canceled {
            return Ok(current);
        }
        deployment.save(db)?;
        Ok(deployment)
    };
    kernel.store.run(save).await
}

/// Who wants a deployment to be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// A build that has ended: it gives way to a newer one that is served already.
    Newest,
    /// A caller who named it.
    Named,
}

/// Makes a ready deployment the one that is served, in one transaction.
///
/// # Errors
/// 404 `site_not_found`; 400 `build_not_ready`.
pub(super) fn activate(
    db: &mut rusqlite::Connection,
    deployment: &Deployment,
    only_page: Option<String>,
    choice: Choice,
) -> Result<site::Site, ApiError> {
    if deployment.status != Status::Ready {
        let word = deployment.status.word();
        let message = format!("Build with the requested ID is {word} and not ready for execution.");
        return Err(ApiError::bad_request("build_not_ready", message));
    }
    let transaction = db.transaction()?;
    let mut site = site::get(&transaction, &deployment.site_id)?;
    let older = site
        .active
        .as_ref()
        .is_some_and(|it| it.created_ms > deployment.created_ms);
    if choice == Choice::Newest && older {
        return Ok(site);
    }
    if site.adapter.is_empty() {
        // As the real platform finds out by looking at the output (Appwrite 1.9.6, measured).
        site.adapter = "static".to_owned();
        if site.fallback_file.is_empty() {
            site.fallback_file = only_page.unwrap_or_default();
        }
    }
    site.active = Some(deployment.pointer());
    site.live = true;
    site.touch();
    site.save(&transaction)?;
    proxy::follow(&transaction, &site.id, &deployment.id)?;
    transaction.commit()?;
    Ok(site)
}

fn build(folder: &Path, deployment: &Deployment, adapter: &str) -> Result<Built, BuildError> {
    let commands = [&deployment.install_command, &deployment.build_command];
    if let Some(command) = commands
        .into_iter()
        .find(|command| !command.trim().is_empty())
    {
        return Err(BuildError::Commands(command.clone()));
    }
    if adapter == "ssr" {
        return Err(BuildError::Adapter);
    }
    let (work, files) = (folder.join(WORK_FOLDER), folder.join(FILES_FOLDER));
    clear(&work)?;
    clear(&files)?;
    fs::create_dir_all(&work)?;
    let outcome = assemble(folder, &work, &files, &deployment.output_directory);
    clear(&work)?;
    outcome
}

fn assemble(
    folder: &Path,
    work: &Path,
    files: &Path,
    directory: &str,
) -> Result<Built, BuildError> {
    archive::unpack(File::open(folder.join(SOURCE_FILE))?, work)?;
    let refused = || BuildError::OutputDirectory(directory.to_owned());
    let output = work.join(archive::relative(directory.trim()).ok_or_else(refused)?);
    // Unpacking made no links, so the path cannot lead outside. A missing folder is an empty one.
    if output.exists() && !output.is_dir() {
        return Err(refused());
    }
    if !output.exists() {
        return Err(BuildError::NoOutput);
    }
    let list = archive::files(&output)?;
    if list.is_empty() {
        return Err(BuildError::NoOutput);
    }
    let size = archive::pack(&output, &list, &folder.join(OUTPUT_FILE))?;
    fs::rename(&output, files)?;
    Ok(Built {
        size,
        files: list.len(),
        only_page: only_page(&list),
    })
}

fn only_page(files: &[PathBuf]) -> Option<String> {
    let mut pages = files
        .iter()
        .filter(|path| path.extension().is_some_and(|it| it == "html"));
    match (pages.next(), pages.next()) {
        (Some(page), None) => page.to_str().map(str::to_owned),
        _ => None,
    }
}

fn clear(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The end of a log of the real platform, colours included (Appwrite 1.9.6, measured).
fn finished_log(files: usize, now: Timestamp) -> String {
    let time = now.strftime("%H:%M:%S");
    format!(
        "Packed {files} files.\n\n\u{1b}[90m[{time}] \u{1b}[90m[\u{1b}[0mappwrite\u{1b}[90m]\
         \u{1b}[32m Deployment finished. \u{1b}[0m\n"
    )
}

fn failed_log(error: &BuildError) -> String {
    let mut log = format!("\u{1b}[31m{error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        log.push_str(&format!(" {cause}"));
        source = cause.source();
    }
    log.push_str("\u{1b}[0m\n");
    log
}
