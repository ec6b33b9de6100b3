//! Sites: static files that are uploaded, built, activated and served.
//!
//! Serving is [`crate::hosting`]'s, domains are [`crate::proxy`]'s. Commands of a build run in a
//! sandbox. Not here: rendering on the server.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub mod archive;
mod build;
mod catalog;
pub(crate) mod deployment;
mod rebuild;
mod routes;
pub(crate) mod served;
pub(crate) mod site;
pub mod upload;
mod variable;
mod variables;

pub use routes::router;
pub use upload::SOURCE_BYTES_MAX;

use deployment::Deployment;
use served::Served;

use crate::config::SiteConfig;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::sandbox::{BuildSettings, Network};

/// Tables of this module.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS sites (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE COLLATE NOCASE,
    settings TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS site_deployments (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    site_id TEXT NOT NULL COLLATE NOCASE,
    state TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS site_deployments_by_site ON site_deployments (site_id, sequence);
";

/// Builds at once.
const BUILDS_MAX: usize = 2;
/// Time builds are given at shutdown; what does not end is built again at the next start.
const DRAIN: Duration = Duration::from_secs(3);

/// Name of the uploaded archive in a deployment's folder.
pub(crate) const SOURCE_FILE: &str = "source.tar.gz";
/// Name of the packed output in a deployment's folder.
pub(crate) const OUTPUT_FILE: &str = "output.tar.gz";
/// Name of the folder of served files in a deployment's folder.
const FILES_FOLDER: &str = "files";

/// The sites of a running platform, attached to its kernel.
#[derive(Debug)]
pub struct Sites {
    builds: Semaphore,
    tasks: TaskTracker,
    /// Ends the build of a deployment.
    running: Mutex<HashMap<String, CancellationToken>>,
    network: Network,
    pub(crate) served: Served,
}

impl Sites {
    /// Attaches the sites to the kernel and goes on with builds that a stop has interrupted.
    ///
    /// # Errors
    /// The store fails; not worth a retry.
    pub async fn start(
        kernel: &Arc<Kernel>,
        settings: BuildSettings,
    ) -> Result<Arc<Self>, ApiError> {
        let sites = Arc::new(Self {
            builds: Semaphore::new(BUILDS_MAX),
            tasks: TaskTracker::new(),
            running: Mutex::default(),
            network: Network::new(settings),
            served: Served::default(),
        });
        kernel.attach(Arc::clone(&sites));
        for deployment in kernel.store.run(|db| deployment::unfinished(db)).await? {
            sites.build(kernel, deployment);
        }
        Ok(sites)
    }

    /// The sites of a kernel.
    ///
    /// # Errors
    /// 500 when [`Sites::start`] was not called.
    pub fn of(kernel: &Kernel) -> Result<Arc<Self>, ApiError> {
        kernel
            .part::<Self>()
            .ok_or_else(|| ApiError::internal(&"sites are not started"))
    }

    /// Adds or updates the sites of `appwrite.json`; others are left alone. Safe to repeat.
    ///
    /// # Errors
    /// The store fails; not worth a retry.
    pub async fn apply(&self, kernel: &Kernel, configs: Vec<SiteConfig>) -> Result<(), ApiError> {
        kernel.store.run(move |db| site::apply(db, &configs)).await
    }

    /// Waits a bounded time for builds.
    pub async fn shutdown(&self) {
        self.tasks.close();
        if tokio::time::timeout(DRAIN, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("builds were still running at shutdown");
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the commands of a build, if it runs any.
    fn call_off(&self, deployment_id: &str) {
        if let Some(running) = self.running().get(deployment_id) {
            running.cancel();
        }
    }

    fn build(self: &Arc<Self>, kernel: &Arc<Kernel>, deployment: Deployment) {
        self.tasks
            .spawn(build::run(Arc::clone(kernel), Arc::clone(self), deployment));
    }
}

/// Removes a folder that no record names any more.
async fn remove(kernel: &Kernel, folder: PathBuf) {
    if let Ok(sites) = Sites::of(kernel) {
        sites.served.clear();
    }
    if let Err(error) = tokio::fs::remove_dir_all(&folder).await
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(folder = %folder.display(), %error, "files were left behind");
    }
}
