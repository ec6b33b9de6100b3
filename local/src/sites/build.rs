//! Builds: from the source of a deployment to files that can be served.
//!
//! The source is unpacked, its commands run in a sandbox, and the files of the output directory are
//! packed. What is served is unpacked from there, so that no link a command made is followed. A
//! small site without commands is packed and served without being unpacked to the disk.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::archive::{self, ArchiveError, Files};
use super::deployment::{Deployment, Status};
use super::served::READ_BYTES_MAX;
use super::site;
use super::{FILES_FOLDER, OUTPUT_FILE, SOURCE_FILE, Sites};
use crate::clock;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::proxy;
use crate::sandbox::{Sandbox, SandboxError};
use crate::stand_in;

/// Where a source is unpacked while it is built.
const WORK_FOLDER: &str = "work";
/// Where commands find the source.
const SANDBOX_FOLDER: &str = "/site";
/// What the build script of the real platform prints for an empty output (open-runtimes v5).
const NO_OUTPUT: &str = "Error: No build output found. Ensure your output directory isn't empty.";

/// Why a build failed, in words for its log.
#[derive(Debug, thiserror::Error)]
enum BuildError {
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
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
    #[error(transparent)]
    StandIn(#[from] stand_in::BuildFailed),
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
        let stop = kernel.stopping.child_token();
        sites.running().insert(deployment.id.clone(), stop.clone());
        let mut log = String::new();
        let folder = deployment.folder(&kernel.data_dir);
        let outcome = match played(&kernel, &site).await {
            Ok(()) => build(&sites, folder, &deployment, &site, stop, &mut log).await,
            Err(failed) => Err(failed.into()),
        };
        sites.running().remove(&deployment.id);
        if kernel.stopping.is_cancelled() {
            // It stays unfinished and is built again at the next start.
            return Ok(());
        }
        deployment.build_duration_s = started.elapsed().as_secs() + 1;
        let only_page = match outcome {
            Ok(built) => {
                deployment.status = Status::Ready;
                deployment.build_size = built.size;
                deployment.build_logs = log + &finished_log(built.files, clock::now());
                built.only_page
            }
            Err(error) => {
                deployment.status = Status::Failed;
                deployment.build_logs = log + &failed_log(&error);
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

/// Lets the stand-in do its part before the build itself.
async fn played(kernel: &Kernel, site: &site::Site) -> Result<(), stand_in::BuildFailed> {
    if kernel.stand_in_functions {
        let own = site.variables.iter();
        let part = stand_in::Part::of(own.map(|it| (it.key.as_str(), it.value.as_str())));
        part.build().await?;
    }
    Ok(())
}

async fn store(kernel: &Kernel, mut deployment: Deployment) -> Result<Deployment, ApiError> {
    let save = move |db: &mut crate::store::Writer| {
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
    db: &mut crate::store::Writer,
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
    proxy::follow(&transaction, proxy::Kind::Site, &site.id, &deployment.id)?;
    transaction.commit()?;
    Ok(site)
}

async fn build(
    sites: &Sites,
    folder: PathBuf,
    deployment: &Deployment,
    site: &site::Site,
    stop: CancellationToken,
    log: &mut String,
) -> Result<Built, BuildError> {
    if site.adapter == "ssr" {
        return Err(BuildError::Adapter);
    }
    let is_plain = commands(deployment).is_empty();
    if is_plain {
        let (root, directory) = (folder.clone(), deployment.output_directory.clone());
        if let Some((built, files)) = blocking(move || repack(&root, &directory)).await? {
            sites.served.keep(&deployment.id, Arc::new(files));
            return Ok(built);
        }
    }
    let work = folder.join(WORK_FOLDER);
    let outcome = steps(sites, &folder, deployment, site, stop, log).await;
    blocking(move || Ok(clear(&work)?)).await?;
    outcome
}

/// The commands that a build runs.
fn commands(deployment: &Deployment) -> Vec<&str> {
    let commands = [&deployment.install_command, &deployment.build_command];
    let commands = commands.into_iter().map(String::as_str);
    commands.filter(|it| !it.trim().is_empty()).collect()
}

async fn steps(
    sites: &Sites,
    folder: &Path,
    deployment: &Deployment,
    site: &site::Site,
    stop: CancellationToken,
    log: &mut String,
) -> Result<Built, BuildError> {
    let (root, work) = (folder.to_owned(), folder.join(WORK_FOLDER));
    blocking(move || {
        let (work, files) = (root.join(WORK_FOLDER), root.join(FILES_FOLDER));
        clear(&work)?;
        clear(&files)?;
        fs::create_dir_all(&work)?;
        archive::unpack(File::open(root.join(SOURCE_FILE))?, &work)?;
        Ok(())
    })
    .await?;
    let commands = commands(deployment);
    let is_plain = commands.is_empty();
    if !is_plain {
        let variables = site.variables.iter();
        let sandbox = Sandbox {
            folder: &work,
            mount: SANDBOX_FOLDER,
            variables: variables
                .map(|it| (it.key.clone(), it.value.clone()))
                .collect(),
            stop,
            network: sites.network.open(log).await?,
        };
        for command in commands {
            sandbox.run(command, log).await?;
        }
    }
    let (root, directory) = (folder.to_owned(), deployment.output_directory.clone());
    blocking(move || assemble(&root, &directory, is_plain)).await
}

/// Runs blocking work beside the server's own threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BuildError> + Send + 'static,
) -> Result<T, BuildError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| BuildError::Disk(io::Error::other(error)))?
}

/// Packs the output of a site without commands from its source, if that is small enough to be served
/// from memory. Nothing is unpacked to the disk then.
fn repack(folder: &Path, directory: &str) -> Result<Option<(Built, Files)>, BuildError> {
    let refused = || BuildError::OutputDirectory(directory.to_owned());
    let output = archive::relative(directory.trim()).ok_or_else(refused)?;
    // What an earlier version has left of a build that was interrupted.
    clear(&folder.join(FILES_FOLDER))?;
    let source = File::open(folder.join(SOURCE_FILE))?;
    let Some(all) = archive::read(source, READ_BYTES_MAX)? else {
        return Ok(None);
    };
    if all.contains_key(&output) {
        return Err(refused());
    }
    let inside = |(path, bytes): (PathBuf, _)| {
        let path = path.strip_prefix(&output).ok()?.to_owned();
        Some((path, bytes))
    };
    let files: Files = all.into_iter().filter_map(inside).collect();
    if files.is_empty() {
        return Err(BuildError::NoOutput);
    }
    let built = Built {
        size: archive::pack_read(&files, &folder.join(OUTPUT_FILE))?,
        files: files.len(),
        only_page: only_page(files.keys()),
    };
    Ok(Some((built, files)))
}

/// Packs the output and puts in place what is served. Where no command has run (`is_plain`), the
/// output is what was unpacked from the source: then it is as good as what would be unpacked.
fn assemble(folder: &Path, directory: &str, is_plain: bool) -> Result<Built, BuildError> {
    let refused = || BuildError::OutputDirectory(directory.to_owned());
    let work = folder.join(WORK_FOLDER).canonicalize()?;
    let output = work.join(archive::relative(directory.trim()).ok_or_else(refused)?);
    // A missing folder is an empty one.
    let output = match output.canonicalize() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(BuildError::NoOutput),
        Err(error) => return Err(error.into()),
    };
    // Commands may have made links.
    if !output.starts_with(&work) || !output.is_dir() {
        return Err(refused());
    }
    let list = archive::files(&output)?;
    if list.is_empty() {
        return Err(BuildError::NoOutput);
    }
    let packed = folder.join(OUTPUT_FILE);
    let size = archive::pack(&output, &list, &packed)?;
    let files = folder.join(FILES_FOLDER);
    if is_plain {
        fs::rename(&output, &files)?;
    } else {
        fs::create_dir_all(&files)?;
        archive::unpack(File::open(packed)?, &files)?;
    }
    Ok(Built {
        size,
        files: list.len(),
        only_page: only_page(list.iter()),
    })
}

fn only_page<'a>(files: impl Iterator<Item = &'a PathBuf>) -> Option<String> {
    let mut pages = files.filter(|path| path.extension().is_some_and(|it| it == "html"));
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
