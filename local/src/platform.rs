//! The platform: everything put together behind one loopback address.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use axum::Router;
use axum::routing::get;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::admin::{self, Administrator};
use crate::auth::ScopedKey;
use crate::config::ProjectConfig;
use crate::faults::Faults;
use crate::functions::{self, FunctionSettings, Functions, RUNTIMES_DEFAULT, SLOTS_DEFAULT};
use crate::hosting::{self, WebRoot};
use crate::kernel::{Kernel, KernelOptions, Project};
use crate::sandbox::BuildSettings;
use crate::sites::{self, Sites};
use crate::storage::{self, Storage};
use crate::store::Durability;
use crate::{
    accounts, console, counts, faults, health, ids, messaging, proxy, realtime, rows, schema,
    server, serving,
};

/// How long open requests may finish at a shutdown.
const GRACE: Duration = Duration::from_secs(2);

/// File of the generated key inside the data folder.
const KEY_FILE: &str = "key";
/// File of the administrator's generated password inside the data folder.
const PASSWORD_FILE: &str = "console-password";

/// How a platform is started.
pub struct PlatformConfig {
    /// Folder of all data; made (mode 0700) when it is not there.
    pub data_dir: PathBuf,
    /// Where to listen: a loopback address, port 0 for any free one.
    pub bind: SocketAddr,
    /// Listens here instead of at `bind`, for a caller that must know the port before:
    /// the functions' variables may hold it.
    pub listener: Option<std::net::TcpListener>,
    /// The project's id.
    pub project_id: String,
    /// The project's key; without one it is generated once and kept in
    /// `data_dir/key`, mode 0600.
    pub key: Option<SecretString>,
    /// E-mail address of the administrator, who signs in to the project `console`.
    pub admin_email: String,
    /// The administrator's password, at least [`admin::PASSWORD_CHARS_MIN`] characters; without
    /// one it is generated once and kept in `data_dir/console-password`, mode 0600.
    pub admin_password: Option<SecretString>,
    /// Further keys, which may do less.
    pub extra_keys: Vec<ScopedKey>,
    /// What is deployed: databases, tables, functions, sites. Applied at every
    /// start; applying it again changes nothing.
    pub config: Option<ProjectConfig>,
    /// Folder of the functions' executables, named by function id.
    pub functions_dir: PathBuf,
    /// Variables by function id and name. Values may be secrets.
    pub variables: BTreeMap<String, BTreeMap<String, String>>,
    /// Executions at once for events, asynchronous calls and schedules.
    pub slots: usize,
    /// Labels of users who sign up. None, as on Appwrite, where the project's owner gives
    /// them; a platform of one person's own may give them at once.
    pub new_user_labels: Vec<String>,
    /// Overrides the cron expression of every function that has one.
    pub sweep_every: Option<Duration>,
    /// Our own web client, served at the platform's own address.
    pub web_root: Option<WebRoot>,
    /// Runtimes that functions made through the API may name.
    pub runtimes: Vec<String>,
    /// Plays functions and builds that have a variable `SHIM_…`, as on the platform that was
    /// recorded. For comparing with recordings only.
    pub stand_in_functions: bool,
    /// How sites and functions are built.
    pub builds: BuildSettings,
    /// What shall go wrong.
    pub faults: Faults,
    /// When a write counts as written.
    pub sync: Durability,
}

impl PlatformConfig {
    /// An empty project `project_id` on a free port, with its data and its
    /// functions' executables in these folders.
    #[must_use]
    pub fn new(project_id: &str, data_dir: PathBuf, functions_dir: PathBuf) -> Self {
        Self {
            data_dir,
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            listener: None,
            project_id: project_id.to_owned(),
            key: None,
            admin_email: admin::EMAIL_DEFAULT.to_owned(),
            admin_password: None,
            extra_keys: Vec::new(),
            config: None,
            functions_dir,
            variables: BTreeMap::new(),
            slots: SLOTS_DEFAULT,
            new_user_labels: Vec::new(),
            sweep_every: None,
            web_root: None,
            runtimes: RUNTIMES_DEFAULT.iter().map(|&it| it.to_owned()).collect(),
            stand_in_functions: false,
            builds: BuildSettings::default(),
            faults: Faults::default(),
            sync: Durability::default(),
        }
    }
}

/// A running platform. Dropping it stops it without waiting.
pub struct Platform {
    kernel: Arc<Kernel>,
    functions: Arc<Functions>,
    sites: Arc<Sites>,
    server: Option<JoinHandle<()>>,
}

impl Platform {
    /// Starts the platform and returns when it answers.
    ///
    /// # Errors
    /// The address is not loopback or is taken, the data folder or database
    /// cannot be used, or the configuration is refused. None is worth a retry
    /// without a change.
    pub async fn start(mut config: PlatformConfig) -> anyhow::Result<Self> {
        make_folder(&config.data_dir)?;
        let (key, administrator) = secrets(&mut config)?;
        let listener = listen(config.listener, config.bind).await?;
        let address = listener.local_addr()?;
        let name = config
            .config
            .as_ref()
            .map_or(&config.project_id, |deployed| &deployed.project_name)
            .clone();
        let endpoint = format!("http://{address}/v1");
        let project = Project {
            name,
            id: config.project_id,
            endpoint,
            port: address.port(),
        };
        let options = KernelOptions {
            data_dir: config.data_dir,
            project,
            key,
            extra_keys: config.extra_keys,
            stand_in_functions: config.stand_in_functions,
            new_user_labels: config.new_user_labels,
            faults: config.faults,
            sync: config.sync,
        };
        let kernel = Kernel::open(
            options,
            &[
                functions::SCHEMA,
                sites::SCHEMA,
                proxy::SCHEMA,
                storage::SCHEMA,
                messaging::SCHEMA,
                admin::SCHEMA,
            ],
        )
        .await?;
        kernel.attach(Arc::new(administrator));
        let settings = FunctionSettings {
            variables: config.variables,
            slots: config.slots,
            sweep_every: config.sweep_every,
            runtimes: config.runtimes,
            builds: config.builds.clone(),
            ..FunctionSettings::new(config.functions_dir)
        };
        let functions = Functions::start(&kernel, settings).await?;
        let sites = Sites::start(&kernel, config.builds).await?;
        Storage::start(&kernel).await?;
        if let Some(deployed) = config.config {
            deployed
                .apply(&kernel)
                .await
                .context("could not apply appwrite.json")?;
        }
        if let Some(root) = config.web_root {
            hosting::serve_embedded(&kernel, root);
        }
        let server = serve(listener, &kernel);
        Ok(Self {
            kernel,
            functions,
            sites,
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

    /// The administrator's e-mail address and password.
    #[must_use]
    pub fn administrator(&self) -> Option<Arc<Administrator>> {
        self.kernel.part()
    }

    /// The address of the console with the key that opens it until the platform stops: a secret.
    /// The key stands behind `#`, which browsers do not send.
    #[must_use]
    pub fn console_link(&self) -> SecretString {
        let origin = self.endpoint().trim_end_matches("/v1");
        let key = self.kernel.auth.console_key().expose_secret();
        SecretString::from(format!("{origin}/console#key={key}"))
    }

    /// The address at which the page shows a task to its owner: a secret, good for a minute and
    /// for one browser. What signs in stands behind `#`, which browsers do not send.
    ///
    /// # Errors
    /// There is no such user. Not worth a retry.
    pub async fn page_link(&self, user: &str, task: &str) -> anyhow::Result<SecretString> {
        let secret = match crate::accounts::link_secret(&self.kernel, user).await {
            Ok(secret) => secret,
            Err(error) => bail!("no link to the page: {}", error.message),
        };
        let origin = self.endpoint().trim_end_matches("/v1");
        let secret = secret.expose_secret();
        Ok(SecretString::from(format!(
            "{origin}/#/enter/{user}/{secret}/{task}"
        )))
    }

    /// What executions asked of the platform since it started, by kind.
    #[must_use]
    pub fn counts(&self) -> std::collections::BTreeMap<String, u64> {
        self.kernel.counts.snapshot()
    }

    /// The last requests of executions, with what they said of their traces.
    #[must_use]
    pub fn traced_requests(&self) -> Vec<counts::Traced> {
        self.kernel.counts.requests()
    }

    /// Has every function started anew with its next execution, from its executable as it is
    /// then; what runs finishes on the old process.
    pub fn renew_functions(&self) {
        self.functions.renew();
    }

    /// What all parts share, for whoever embeds the platform.
    #[must_use]
    pub fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// Stops: running functions get a few seconds, then are killed; open
    /// requests get two; then the store is closed.
    pub async fn shutdown(mut self) {
        self.functions.shutdown().await;
        self.sites.shutdown().await;
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
            self.functions.abort();
        }
    }
}

/// Listens, on loopback only.
async fn listen(
    given: Option<std::net::TcpListener>,
    bind: SocketAddr,
) -> anyhow::Result<TcpListener> {
    let listener = match given {
        Some(listener) => {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)?
        }
        None => TcpListener::bind(bind)
            .await
            .with_context(|| format!("could not listen on `{bind}`"))?,
    };
    let address = listener.local_addr()?;
    ensure!(
        address.ip().is_loopback(),
        "the platform listens on loopback only, not on `{address}`"
    );
    Ok(listener)
}

fn make_folder(path: &Path) -> anyhow::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("could not make the folder `{}`", path.display()))
}

fn serve(listener: TcpListener, kernel: &Arc<Kernel>) -> JoinHandle<()> {
    let faults = Arc::downgrade(kernel);
    let refuses = move || faults.upgrade()?.faults.refuses_connection();
    let stopping = kernel.stopping.clone();
    tokio::spawn(serving::serve(listener, router(kernel), stopping, refuses))
}

/// The routes of the project and those of the console. [`router`] puts them together.
pub fn routes(kernel: &Arc<Kernel>) -> [Router<Arc<Kernel>>; 2] {
    let project = Router::new()
        .route("/v1/local/counts", get(counts::show))
        .merge(console::router())
        .merge(faults::router())
        .merge(health::router())
        .merge(schema::router())
        .merge(rows::router(kernel))
        .merge(accounts::router())
        .merge(realtime::router())
        .merge(functions::router())
        .merge(sites::router())
        .merge(storage::router())
        .merge(messaging::router())
        .merge(proxy::router());
    [project, admin::routes()]
}

/// All routes over one kernel, sites and our own web client around them.
/// [`Functions::start`] and [`Sites::start`] come first.
pub fn router(kernel: &Arc<Kernel>) -> Router {
    let [project, console] = routes(kernel);
    let [project, console] =
        [project, console].map(|routes| server::wrap(routes, Arc::clone(kernel)));
    server::passage::around(kernel, project, console)
}

/// The project's key and the administrator, as given or as kept.
fn secrets(config: &mut PlatformConfig) -> anyhow::Result<(SecretString, Administrator)> {
    let key = match config.key.take() {
        Some(key) => key,
        // Appwrite's keys begin so.
        None => kept_secret(&config.data_dir.join(KEY_FILE), "standard_")?,
    };
    let password = match config.admin_password.take() {
        Some(password) => password,
        None => kept_secret(&config.data_dir.join(PASSWORD_FILE), "")?,
    };
    ensure!(
        password.expose_secret().chars().count() >= admin::PASSWORD_CHARS_MIN,
        "the administrator's password has fewer than {} characters",
        admin::PASSWORD_CHARS_MIN
    );
    let email = std::mem::take(&mut config.admin_email);
    Ok((key, Administrator { email, password }))
}

/// Reads the secret of an earlier start, or makes one that begins with `prefix`.
fn kept_secret(path: &Path, prefix: &str) -> anyhow::Result<SecretString> {
    use std::io::Write as _;
    let context = || format!("could not keep the secret in `{}`", path.display());
    if path.exists() {
        let key = std::fs::read_to_string(path).with_context(context)?;
        ensure!(
            !key.trim().is_empty(),
            "the secret in `{}` is empty",
            path.display()
        );
        return Ok(SecretString::from(key.trim()));
    }
    let key = SecretString::from(format!("{prefix}{}", ids::secret::<64>()?));
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
