//! Functions: what is deployed, how executions are started, what is recorded of them.
//!
//! The processes are the [`crate::executor`]'s, the order of delivery is the [`crate::queue`]'s,
//! the clock of schedules is [`crate::schedule`]. Functions come from `appwrite.json`, with
//! executables from a folder, or from the API, with uploaded prebuilt executables or JavaScript,
//! which is built and run in sandboxes. Not here: builds that compile.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod builds;
mod catalog;
mod definition;
mod delayed;
mod delivery;
mod deployment_routes;
mod deployments;
pub(crate) mod domain;
pub(crate) mod executions;
pub(crate) mod listing;
mod multipart;
mod node;
mod patterns;
mod prebuilt;
pub(crate) mod registry;
mod request;
mod routes;
mod run;
pub mod upload;
mod variables;

pub use catalog::RUNTIMES_DEFAULT;
pub(crate) use routes::REQUEST_BYTES_MAX;
pub use routes::router;
pub(crate) use variables::ATTRIBUTES as VARIABLE_ATTRIBUTES;

use delivery::{Delivery, Detours};
use executions::{Execution, Trigger};
use registry::Function;
use run::Input;

use crate::bus::Event;
use crate::config::FunctionConfig;
use crate::error::ApiError;
use crate::executor::{Executor, ExecutorError};
use crate::kernel::Kernel;
use crate::queue::Queue;
use crate::sandbox::{BuildSettings, Network};
use crate::{executor, queue, schedule};

/// Tables of this module.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS functions (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE COLLATE NOCASE,
    configured INTEGER NOT NULL,
    settings TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS executions (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    function_id TEXT NOT NULL COLLATE NOCASE,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS executions_by_function ON executions (function_id, sequence);
CREATE TABLE IF NOT EXISTS execution_logs (
    id TEXT PRIMARY KEY REFERENCES executions (id) ON DELETE CASCADE,
    logs TEXT NOT NULL,
    errors TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS delayed_executions (
    id TEXT PRIMARY KEY REFERENCES executions (id) ON DELETE CASCADE,
    function_id TEXT NOT NULL,
    user_id TEXT,
    created_ms INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS function_variables (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    function_id TEXT NOT NULL COLLATE NOCASE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    secret INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    UNIQUE (function_id, id),
    UNIQUE (function_id, key)
) STRICT;
CREATE TABLE IF NOT EXISTS function_deployments (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    function_id TEXT NOT NULL COLLATE NOCASE,
    state TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS function_deployments_by_function
    ON function_deployments (function_id, sequence);
";

/// Executions at once for events, asynchronous calls and schedules (Appwrite's default).
pub const SLOTS_DEFAULT: usize = 8;
/// Time a synchronous execution may take (Appwrite 1.9.6, measured).
pub const SYNC_LIMIT_DEFAULT: Duration = Duration::from_secs(30);
/// Time after which a process that serves nobody is stopped.
pub const IDLE_DEFAULT: Duration = Duration::from_secs(60);
/// Time running executions are given at shutdown.
pub const DRAIN_DEFAULT: Duration = Duration::from_secs(5);

/// Where functions have their folders, below that of the platform's data.
const FUNCTIONS_FOLDER: &str = "functions";
/// Time the records of executions that were cut off at shutdown may take to be written.
const RECORD_LIMIT: Duration = Duration::from_secs(1);

/// How functions run.
#[derive(Clone)]
pub struct FunctionSettings {
    /// Folder of the executables, named by function id.
    pub functions_dir: PathBuf,
    /// Variables by function id. Values may be secrets.
    pub variables: BTreeMap<String, BTreeMap<String, String>>,
    /// Executions at once for events, asynchronous calls and schedules; at least 1.
    pub slots: usize,
    /// Overrides the cron expression of every function that has one.
    pub sweep_every: Option<Duration>,
    /// Time a synchronous execution may take.
    pub sync_limit: Duration,
    /// Time after its last execution at which a process is stopped.
    pub idle: Duration,
    /// Time that running executions are given at shutdown.
    pub drain: Duration,
    /// Runtimes that functions made through the API may name.
    pub runtimes: Vec<String>,
    /// How builds reach the package registry.
    pub builds: BuildSettings,
}

impl FunctionSettings {
    /// The defaults, for executables in a folder.
    #[must_use]
    pub fn new(functions_dir: PathBuf) -> Self {
        Self {
            functions_dir,
            variables: BTreeMap::new(),
            slots: SLOTS_DEFAULT,
            sweep_every: None,
            sync_limit: SYNC_LIMIT_DEFAULT,
            idle: IDLE_DEFAULT,
            drain: DRAIN_DEFAULT,
            runtimes: RUNTIMES_DEFAULT.iter().map(|&it| it.to_owned()).collect(),
            builds: BuildSettings::default(),
        }
    }
}

/// The functions of a running platform, attached to its kernel.
pub struct Functions {
    settings: FunctionSettings,
    registry: RwLock<Arc<[Arc<Function>]>>,
    executor: Executor,
    queue: Queue,
    detours: Detours,
    builds: Semaphore,
    /// Ends the build of a deployment.
    running: Mutex<HashMap<String, CancellationToken>>,
    network: Network,
    /// Held while the registry is read anew, so that an older state never follows a newer one.
    reloading: tokio::sync::Mutex<()>,
    /// Everything that runs for a caller or for nobody.
    tasks: TaskTracker,
    /// Tells the schedule that functions or delayed executions have changed.
    changed: Arc<tokio::sync::Notify>,
    stop: CancellationToken,
}

impl Functions {
    /// Attaches the functions to the kernel, takes its function events, and starts the schedule.
    /// To be called once for a kernel, inside a tokio runtime.
    ///
    /// # Errors
    /// The store fails; not worth a retry.
    pub async fn start(
        kernel: &Arc<Kernel>,
        settings: FunctionSettings,
    ) -> Result<Arc<Self>, ApiError> {
        let functions = Arc::new(Self {
            executor: Executor::new(settings.idle),
            queue: Queue::new(settings.slots),
            detours: Detours::default(),
            builds: Semaphore::new(builds::BUILDS_MAX),
            running: Mutex::default(),
            network: Network::new(settings.builds.clone()),
            reloading: tokio::sync::Mutex::default(),
            settings,
            registry: RwLock::new(Arc::from([])),
            tasks: TaskTracker::new(),
            changed: Arc::default(),
            stop: CancellationToken::new(),
        });
        executor::forget_logs(&kernel.data_dir.join(FUNCTIONS_FOLDER));
        functions.reload(kernel).await?;
        let executor = functions.executor.clone();
        kernel.faults.set_killer(Arc::new(move |execution_id| {
            executor.kill_execution(execution_id);
        }));
        kernel.attach(Arc::clone(&functions));
        if let Some(events) = kernel.bus.take_function_events() {
            let (kernel, functions) = (Arc::downgrade(kernel), Arc::downgrade(&functions));
            tokio::spawn(queue::dispatch(kernel, functions, events));
        }
        tokio::spawn(schedule::run(
            Arc::downgrade(kernel),
            Arc::downgrade(&functions),
            Arc::clone(&functions.changed),
            functions.stop.clone(),
        ));
        let unfinished = kernel.store.run(|db| deployments::unfinished(db)).await?;
        for deployment in unfinished {
            functions.build(kernel, deployment);
        }
        Ok(functions)
    }

    /// The functions of a kernel.
    ///
    /// # Errors
    /// 500 when [`Functions::start`] was not called.
    pub fn of(kernel: &Kernel) -> Result<Arc<Self>, ApiError> {
        kernel
            .part::<Self>()
            .ok_or_else(|| ApiError::internal(&"functions are not started"))
    }

    /// Makes the functions those of `appwrite.json`. Safe to repeat.
    ///
    /// # Errors
    /// The store fails; not worth a retry.
    pub async fn apply(
        &self,
        kernel: &Kernel,
        configs: Vec<FunctionConfig>,
    ) -> Result<(), ApiError> {
        for config in &configs {
            let executable = self.settings.functions_dir.join(&config.id);
            if !executable.is_file() {
                tracing::warn!(function = %config.id, executable = %executable.display(),
                    "function has no executable; its executions will fail");
            }
        }
        kernel
            .store
            .run(move |db| registry::apply(db, &configs))
            .await?;
        self.reload(kernel).await
    }

    /// Stops taking work, waits a bounded time for what runs, then stops all processes.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.queue.close();
        self.tasks.close();
        let drained = async {
            self.queue.drained().await;
            self.tasks.wait().await;
        };
        if tokio::time::timeout(self.settings.drain, drained)
            .await
            .is_err()
        {
            tracing::warn!("executions were still running at shutdown");
        }
        self.queue.abandon();
        self.executor.shutdown().await;
        // What was cut off now fails at once; its records are worth this moment.
        let recorded = async { tokio::join!(self.queue.drained(), self.tasks.wait()) };
        let _ = tokio::time::timeout(RECORD_LIMIT, recorded).await;
    }

    /// Stops without waiting: work that has not started is dropped, processes are killed. For a
    /// platform that is dropped.
    pub fn abort(&self) {
        self.stop.cancel();
        self.queue.close();
        self.queue.abandon();
        self.executor.abort();
    }

    /// Kills the process that serves an execution. Returns whether there was one.
    pub fn kill_execution(&self, execution_id: &str) -> bool {
        self.executor.kill_execution(execution_id)
    }

    /// Has every function started anew with its next execution, from its executable as it is
    /// then.
    pub(crate) fn renew(&self) {
        self.executor.renew();
    }

    /// The processes of all functions.
    pub(crate) fn processes(&self) -> Vec<crate::executor::ProcessInfo> {
        self.executor.processes()
    }

    /// Id of the function whose process serves an execution.
    pub(crate) fn function_of(&self, execution_id: &str) -> Option<String> {
        self.executor.function_of(execution_id)
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

    /// All functions in order of creation.
    pub(crate) fn all(&self) -> Arc<[Arc<Function>]> {
        Arc::clone(&self.registry.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// One function.
    ///
    /// # Errors
    /// 404 `function_not_found`.
    pub(crate) fn get(&self, id: &str) -> Result<Arc<Function>, ApiError> {
        let all = self.all();
        let found = all
            .iter()
            .find(|function| function.id.eq_ignore_ascii_case(id));
        found.cloned().ok_or_else(not_found)
    }

    pub(crate) fn sweep_every(&self) -> Option<Duration> {
        self.settings.sweep_every
    }

    /// Takes over what the store holds.
    async fn reload(&self, kernel: &Kernel) -> Result<(), ApiError> {
        let _alone = self.reloading.lock().await;
        let all = kernel.store.run(|db| registry::all(db)).await?;
        let all: Arc<[Arc<Function>]> = all.into_iter().map(Arc::new).collect();
        let patterns = all.iter().flat_map(|function| function.events.clone());
        kernel.bus.set_patterns(patterns.collect());
        *self
            .registry
            .write()
            .unwrap_or_else(PoisonError::into_inner) = all;
        self.changed.notify_one();
        Ok(())
    }

    /// Queues one message for an event: its subscribers are called one after another.
    pub(crate) fn deliver(self: &Arc<Self>, kernel: &Arc<Kernel>, event: &Arc<Event>) {
        let subscribers: Vec<Arc<Function>> = self
            .all()
            .iter()
            .filter(|function| function.is_subscribed(&event.names))
            .cloned()
            .collect();
        if subscribers.is_empty() {
            return;
        }
        let ids: Vec<&str> = subscribers.iter().map(|it| it.id.as_str()).collect();
        let fate = kernel.faults.event(&event.names, &ids);
        let delivery = Delivery {
            kernel: Arc::clone(kernel),
            functions: Arc::clone(self),
            subscribers,
            event: Arc::clone(event),
        };
        self.detours.take(delivery, fate);
    }

    /// Queues one execution of a schedule.
    pub(crate) fn tick(self: &Arc<Self>, kernel: &Arc<Kernel>, function: Arc<Function>) {
        let (kernel, functions) = (Arc::clone(kernel), Arc::clone(self));
        self.queue.submit(async move {
            let cause = (Trigger::Schedule, None);
            let run = run::run_unseen(&kernel, &functions, &function, cause, Input::schedule());
            if let Err(error) = run.await {
                log_failure(&function, &error);
            }
        });
    }

    /// Records an asynchronous execution as waiting and queues it.
    pub(crate) async fn start_recorded(
        self: &Arc<Self>,
        kernel: &Arc<Kernel>,
        function: &Arc<Function>,
        execution: Execution,
        input: Input,
    ) -> Result<(), ApiError> {
        let record = execution.clone();
        kernel.store.run(move |db| record.save(db)).await?;
        let (kernel, functions) = (Arc::clone(kernel), Arc::clone(self));
        let function = Arc::clone(function);
        self.queue.submit(async move {
            let mut execution = execution;
            let run = run::run(&kernel, &functions, &function, &mut execution, input);
            if let Err(error) = run.await {
                log_failure(&function, &error);
            }
            run::save(&kernel, execution).await;
        });
        Ok(())
    }
}

fn log_failure(function: &Function, error: &ExecutorError) {
    tracing::warn!(function = %function.id, %error, "execution failed");
}

/// Removes a folder that no record names any more.
async fn clear(folder: PathBuf) {
    if let Err(error) = tokio::fs::remove_dir_all(&folder).await
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(folder = %folder.display(), %error, "files were left behind");
    }
}

fn not_found() -> ApiError {
    let message = "Function with the requested ID could not be found.";
    ApiError::not_found("function_not_found", message)
}
