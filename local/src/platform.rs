//! The platform: everything put together behind one loopback address.

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::routing::get;
use axum::{Json, Router};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::error::APPWRITE_VERSION;
use crate::faults::Faults;
use crate::kernel::{Kernel, KernelOptions, Project};
use crate::{accounts, counts, ids, realtime, rows, schema, server};

/// How long open requests may finish at a shutdown.
const GRACE: Duration = Duration::from_secs(2);

/// File of the generated key inside the data folder.
const KEY_FILE: &str = "key";

/// How a platform is started.
pub struct PlatformConfig {
    /// Folder of all data; made (mode 0700) when it is not there.
    pub data_dir: PathBuf,
    /// Where to listen: a loopback address, port 0 for any free one.
    pub bind: SocketAddr,
    /// The project's id.
    pub project_id: String,
    /// The project's key; without one it is generated once and kept in
    /// `data_dir/key`, mode 0600.
    pub key: Option<SecretString>,
    /// Switches for tests.
    pub faults: Faults,
}

/// A running platform. Dropping it stops it without waiting.
pub struct Platform {
    kernel: Arc<Kernel>,
    server: Option<JoinHandle<()>>,
}

impl Platform {
    /// Starts the platform and returns when it answers.
    ///
    /// # Errors
    /// The address is not loopback or is taken, the data folder or database
    /// cannot be used, or the configuration is refused. None is worth a retry
    /// without a change.
    pub async fn start(config: PlatformConfig) -> anyhow::Result<Self> {
        let PlatformConfig {
            data_dir,
            bind,
            project_id,
            key,
            faults,
        } = config;
        ensure!(
            bind.ip().is_loopback(),
            "the platform listens on loopback only, not on `{bind}`"
        );
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&data_dir)
            .with_context(|| format!("could not make the folder `{}`", data_dir.display()))?;
        let key = match key {
            Some(key) => key,
            None => kept_key(&data_dir.join(KEY_FILE))?,
        };
        let listener = TcpListener::bind(bind)
            .await
            .with_context(|| format!("could not listen on `{bind}`"))?;
        let address = listener.local_addr()?;
        let project = Project {
            name: project_id.clone(),
            id: project_id,
            endpoint: format!("http://{address}/v1"),
            port: address.port(),
        };
        let kernel = Kernel::open(
            KernelOptions {
                data_dir,
                project,
                key,
                faults,
            },
            &[],
        )
        .await?;
        let app = router(&kernel);
        let stopping = kernel.stopping.clone();
        let serving = axum::serve(listener, app)
            .with_graceful_shutdown(async move { stopping.cancelled().await });
        let server = tokio::spawn(async move {
            if let Err(error) = serving.into_future().await {
                tracing::error!(%error, "the server ended");
            }
        });
        Ok(Self {
            kernel,
            server: Some(server),
        })
    }

    /// `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.kernel.project.endpoint
    }

    /// The bound port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.kernel.project.port
    }

    /// The project's key.
    #[must_use]
    pub fn key(&self) -> &SecretString {
        self.kernel.auth.project_key()
    }

    /// What executions asked of the platform since it started, by kind.
    #[must_use]
    pub fn counts(&self) -> std::collections::BTreeMap<String, u64> {
        self.kernel.counts.snapshot()
    }

    /// What all parts share, for whoever embeds the platform.
    #[must_use]
    pub fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// Stops: open requests get two seconds, then the store is closed.
    pub async fn shutdown(mut self) {
        self.kernel.stopping.cancel();
        if let Some(mut server) = self.server.take()
            && tokio::time::timeout(GRACE, &mut server).await.is_err()
        {
            server.abort();
        }
        let store = self.kernel.store.clone();
        let _ = tokio::task::spawn_blocking(move || store.close()).await;
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.kernel.stopping.cancel();
        if let Some(server) = self.server.take() {
            server.abort();
        }
    }
}

/// All routes over one kernel.
pub fn router(kernel: &Arc<Kernel>) -> Router {
    let routes = Router::new()
        .route("/v1/health/version", get(version))
        .route("/v1/local/counts", get(counts::show))
        .merge(schema::router())
        .merge(rows::router())
        .merge(accounts::router())
        .merge(realtime::router());
    server::wrap(routes, Arc::clone(kernel))
}

fn version() -> std::future::Ready<Json<Value>> {
    std::future::ready(Json(json!({"version": APPWRITE_VERSION})))
}

/// Reads the key of an earlier start, or makes one.
fn kept_key(path: &Path) -> anyhow::Result<SecretString> {
    use std::io::Write as _;
    let context = || format!("could not keep the key in `{}`", path.display());
    if path.exists() {
        let key = std::fs::read_to_string(path).with_context(context)?;
        ensure!(
            !key.trim().is_empty(),
            "the key in `{}` is empty",
            path.display()
        );
        return Ok(SecretString::from(key.trim()));
    }
    // Appwrite's keys begin so.
    let key = SecretString::from(format!("standard_{}", ids::secret::<64>()?));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(context)?;
    file.write_all(key.expose_secret().as_bytes())
        .with_context(context)?;
    Ok(key)
}
