//! A stand-in for GitHub: the REST calls that publish a project, over HTTP, on real bare git
//! repositories that plain `git clone` can fetch.
//!
//! It shares no types with any client. Its shapes come from GitHub's published OpenAPI description
//! (npm `@octokit/openapi` 23.0.2) and are validated against it in the tests; messages the
//! description does not fix are the ones public test suites record from the live service.
//!
//! Plain git can push to it with a token, as to GitHub, and whoever holds the [`GitHub`] can do what
//! others do to a repository meanwhile: `seed`, `commit`, `merge_pull_request`.
//!
//! State is a directory: `repositories.json` (what GitHub knows of a repository besides git) and
//! `repositories/<id>.git`. A repository exists once it is in the JSON file, which is replaced
//! atomically; branches move only by `git update-ref` with the expected old value. So a process
//! killed at any instant leaves nothing half-done behind.

mod account;
mod actions;
mod app;
mod blob;
mod clone;
mod commit;
mod contents;
mod faults;
mod gate;
mod git;
mod identity_body;
mod input;
mod merge;
mod node_id;
mod objects;
mod opened;
mod operation;
mod outside;
mod page;
mod pull;
mod pull_body;
mod rate_limit;
mod reference;
mod refusal;
mod registry;
mod repository;
mod repository_body;
mod repository_update;
mod request_log;
mod routes;
mod schema;
mod tree;
mod tree_entry;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::serving;

pub use self::account::{Access, Account, FineGrainedToken, Organization};
pub use self::app::{App, Installation};
pub use self::faults::{Fault, FaultRule, Faults};
pub use self::operation::Operation;
pub use self::outside::{OutsideFile, PullRequest};
pub use self::request_log::RequestRecord;

use self::account::Accounts;
use self::faults::FaultState;
use self::git::GitProgram;
use self::rate_limit::RateLimits;
use self::registry::Registry;
use self::request_log::RequestLog;

/// How long [`GitHub::shutdown`] waits for requests that are being served.
const SHUTDOWN_SECONDS_MAX: u64 = 5;

/// What a stand-in is started with.
#[derive(Debug)]
pub struct GitHubConfig {
    /// Where everything is kept; created if missing. One process at a time may use it.
    pub data_dir: PathBuf,
    /// Where to listen; port 0 picks a free port.
    pub bind: SocketAddr,
    /// Who may call. An empty list refuses every API call.
    pub accounts: Vec<Account>,
    /// Other tokens, rules of organisations, and Apps; `Access::default()` is none.
    pub access: Access,
    /// Whether anybody may clone private repositories. Only allowed when `bind` is loopback.
    pub open_clone: bool,
    /// Test switches; `Faults::default()` is none.
    pub faults: Faults,
}

/// A running stand-in. Dropping it stops the listener; [`GitHub::shutdown`] also waits.
#[derive(Debug)]
pub struct GitHub {
    service: Arc<Service>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What every request handler can reach.
#[derive(Debug)]
struct Service {
    base_url: String,
    loopback: bool,
    open_clone: bool,
    accounts: Accounts,
    registry: Registry,
    git: GitProgram,
    faults: FaultState,
    limits: RateLimits,
    log: RequestLog,
    /// Requests being served: a client that hangs up must not stop git half-way.
    tasks: TaskTracker,
}

impl GitHub {
    /// Opens the data directory and listens.
    ///
    /// # Errors
    /// When the accounts are contradictory, the directory is in use or unreadable, the `git` command
    /// is missing, or the address is taken. Trying again helps only once the cause is gone.
    pub async fn start(config: GitHubConfig) -> anyhow::Result<Self> {
        let loopback = config.bind.ip().is_loopback();
        anyhow::ensure!(
            loopback || !config.open_clone,
            "open_clone would show private repositories to the network: bind to loopback"
        );
        let accounts = Accounts::new(config.accounts, config.access)?;
        let git = GitProgram::find(&config.data_dir).await?;
        let registry = Registry::open(&config.data_dir)?;
        let listener = TcpListener::bind(config.bind)
            .await
            .with_context(|| format!("listen on {}", config.bind))?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let tasks = TaskTracker::new();
        let service = Arc::new(Service {
            base_url,
            loopback,
            open_clone: config.open_clone,
            accounts,
            registry,
            git,
            faults: FaultState::new(config.faults),
            limits: RateLimits::default(),
            log: RequestLog::default(),
            tasks: tasks.clone(),
        });
        let stop = CancellationToken::new();
        let router = routes::router(Arc::clone(&service));
        tasks.spawn(serving::serve(listener, router, stop.clone(), || None));
        Ok(Self {
            service,
            stop,
            tasks,
        })
    }

    /// The root of the API and of clone addresses, `http://127.0.0.1:PORT`, without a final slash.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.service.base_url
    }

    /// How many API requests have come since the start, refused ones included, clones not.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        self.service.log.count()
    }

    /// The most recent API requests (at most 10,000), oldest first, each as it was finished.
    #[must_use]
    pub fn request_log(&self) -> Vec<RequestRecord> {
        self.service.log.records()
    }

    /// Lets a fault happen to the next request of this call.
    pub fn fail_next(&self, operation: Operation, fault: Fault) {
        self.service.faults.add(operation, fault);
    }

    /// The calls that [`fail_next`](Self::fail_next) waits for.
    #[must_use]
    pub fn faults_left(&self) -> Vec<Operation> {
        self.service.faults.left()
    }

    /// Stops listening and waits until the requests being served are done, at most 5 seconds.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        let limit = Duration::from_secs(SHUTDOWN_SECONDS_MAX);
        if tokio::time::timeout(limit, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("github stand-in stopped with requests still being served");
        }
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The only place that reads the clock.
fn now() -> Timestamp {
    Timestamp::now()
}

/// A time as GitHub writes it: whole seconds, `Z`.
fn format_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
