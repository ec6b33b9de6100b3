//! The executor: runs functions as processes of this machine.
//!
//! One process a function, started by the first execution that needs it and shared by all that
//! run at once, as one container is on the real platform. It speaks the Open Runtimes v5 protocol,
//! on connections that it keeps for a moment, which the real one does not: see `connections`.
//! Nothing here knows of rows, events or records: see `functions` for those. There is no retry of
//! a request that may have reached a function.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

mod call;
mod connections;
mod listening;
mod logs;
mod node;
mod process;

pub use call::{ANSWER_BYTES_MAX, Call};
use logs::LogId;
pub(crate) use logs::{forget as forget_logs, keep_end};

use crate::faults::{At, CallFault};
use call::ExchangeError;
pub(crate) use node::NODE_FOLDER;
pub use node::NodeCode;
pub use process::ProcessInfo;
use process::{InUse, Process};

/// How long the executor waits for an answer beyond the function's own time-out (Appwrite 1.9.6,
/// measured).
pub(crate) const ANSWER_GRACE: Duration = Duration::from_secs(15);
/// Attempts to reach a process; only a refused connection is tried again.
const CONNECT_ATTEMPTS_MAX: u32 = 3;

/// What a function is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// An executable of this machine, which listens at the port in `PORT` and is trusted.
    Executable(PathBuf),
    /// JavaScript, which runs in a sandbox.
    Node(NodeCode),
}

/// What to run for a function.
#[derive(Clone, PartialEq)]
pub struct Program {
    /// Function id.
    pub id: String,
    /// What to run.
    pub code: Code,
    /// The whole environment besides what the protocol adds.
    pub variables: BTreeMap<String, String>,
    /// Folder for its logs; also its working directory.
    pub folder: PathBuf,
}

impl Program {
    fn logs_folder(&self) -> PathBuf {
        self.folder.join(logs::LOGS_FOLDER)
    }
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be secrets.
        f.debug_struct("Program")
            .field("id", &self.id)
            .field("code", &self.code)
            .field("variables", &self.variables.keys())
            .finish_non_exhaustive()
    }
}

/// A function's answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers without those of the protocol, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body, at most [`ANSWER_BYTES_MAX`].
    pub body: Bytes,
    /// What it logged, at most 1,000,000 characters.
    pub logs: String,
    /// What it logged as errors, at most 1,000,000 characters.
    pub errors: String,
}

/// Why an execution has no answer. None is retried: the function may have begun its work, except
/// for those that never started.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// There is nothing to run.
    #[error("The function has no executable: {} is missing. Build it, then try again.", .executable.display())]
    Missing {
        /// Where it was looked for.
        executable: PathBuf,
    },
    /// The process could not be started or ended before it listened.
    #[error("The function could not be started: {reason}. {output}")]
    Start {
        /// Why.
        reason: String,
        /// The end of what it printed.
        output: String,
    },
    /// The process did not listen within the function's time-out.
    #[error("Timed out waiting for runtime.")]
    StartTimeout,
    /// The process ended, or closed the connection, without an answer.
    #[error("The function's process ended without an answer.")]
    Ended,
    /// The process did not answer within its time-out and 15 seconds more.
    #[error(
        "Asynchronous function execution timed out. Ensure the execution duration doesn't exceed the configured function timeout."
    )]
    Silent,
    /// The answer exceeds [`ANSWER_BYTES_MAX`].
    #[error("The function's answer is larger than {ANSWER_BYTES_MAX} bytes.")]
    TooLarge,
    /// A header or the path of the request is not allowed in HTTP.
    #[error("The request has a path or a header that cannot be sent.")]
    Unsendable,
    /// The platform is stopping.
    #[error("The platform is stopping.")]
    Stopping,
}

impl ExecutorError {
    /// The executor's HTTP status for this error, which stands in the execution's errors.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::StartTimeout | Self::Unsendable => 400,
            Self::Silent => 408,
            Self::Missing { .. }
            | Self::Start { .. }
            | Self::Ended
            | Self::TooLarge
            | Self::Stopping => 500,
        }
    }
}

/// Runs functions; clones share the processes. Dropping the last one kills them.
#[derive(Debug, Clone)]
pub struct Executor {
    inner: Arc<Inner>,
}

type Place = Arc<tokio::sync::Mutex<Option<Arc<Process>>>>;

#[derive(Debug)]
struct Inner {
    idle: Duration,
    /// A place a function; its lock is held while a process starts, so that all wait for one.
    places: Mutex<HashMap<String, Place>>,
    /// Every process that has not been seen to end.
    alive: Mutex<Vec<Arc<Process>>>,
    /// Which process serves which execution.
    serving: Mutex<HashMap<String, Arc<Process>>>,
    stopping: CancellationToken,
}

impl Executor {
    /// Makes an executor whose processes are stopped `idle` after their last execution has ended.
    #[must_use]
    pub fn new(idle: Duration) -> Self {
        Self {
            inner: Arc::new(Inner {
                idle,
                places: Mutex::default(),
                alive: Mutex::default(),
                serving: Mutex::default(),
                stopping: CancellationToken::new(),
            }),
        }
    }

    /// Runs one execution to its end, starting a process if there is none. Once called it should
    /// be awaited: dropping it gives up the answer, not the function's work.
    ///
    /// # Errors
    /// [`ExecutorError`].
    pub async fn execute(&self, program: &Program, call: Call) -> Result<Answer, ExecutorError> {
        let deadline = Instant::now() + call.timeout;
        let mut attempt = 1;
        loop {
            let process = self.process(program, deadline).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ExecutorError::StartTimeout);
            }
            let serving = self.serve(&call.execution_id, &process);
            let _serving = match call.fault {
                Some(fault) => strike(fault, &process, &call, left, serving).await?,
                None => serving,
            };
            let sent = call::send(&process, &call, left);
            let reply = match tokio::time::timeout(left + ANSWER_GRACE, sent).await {
                Err(_) => return Err(ExecutorError::Silent),
                Ok(Ok(reply)) => reply,
                // Nothing listens there any more: the process is dying and was not reaped yet.
                Ok(Err(ExchangeError::Connect)) if attempt < CONNECT_ATTEMPTS_MAX => {
                    attempt += 1;
                    process.retire();
                    process.kill();
                    continue;
                }
                Ok(Err(ExchangeError::Connect | ExchangeError::Broken)) => {
                    // It may be dying with its port still open: nobody else shall meet that.
                    process.retire();
                    return Err(ExecutorError::Ended);
                }
                Ok(Err(ExchangeError::TooLarge)) => return Err(ExecutorError::TooLarge),
                Ok(Err(ExchangeError::Unsendable)) => return Err(ExecutorError::Unsendable),
            };
            let answer = answer(&process, reply).await;
            if call.fault == Some(CallFault::Kill(At::After)) {
                end(&process).await;
            }
            return Ok(answer);
        }
    }

    /// Kills the process that serves an execution, with SIGKILL. Returns whether there was one.
    pub fn kill_execution(&self, execution_id: &str) -> bool {
        let process = lock(&self.inner.serving).get(execution_id).cloned();
        process.is_some_and(|process| {
            process.kill();
            true
        })
    }

    /// Every process that has not been seen to end.
    #[must_use]
    pub fn processes(&self) -> Vec<ProcessInfo> {
        let alive = lock(&self.inner.alive);
        alive.iter().map(|process| process.info()).collect()
    }

    /// Id of the function whose process serves an execution.
    #[must_use]
    pub fn function_of(&self, execution_id: &str) -> Option<String> {
        let serving = lock(&self.inner.serving);
        serving
            .get(execution_id)
            .map(|process| process.program.id.clone())
    }

    /// Has every function started anew with its next execution; what runs finishes on the old
    /// process.
    pub fn renew(&self) {
        for process in lock(&self.inner.alive).iter() {
            process.retire();
        }
    }

    /// Stops all processes (SIGTERM, then SIGKILL) and refuses further executions. Safe to repeat.
    pub async fn shutdown(&self) {
        self.inner.stopping.cancel();
        // A start under way holds its place: wait for it, so that none slips through.
        let places: Vec<Place> = lock(&self.inner.places).values().cloned().collect();
        for place in places {
            place.lock().await.take();
        }
        let alive: Vec<Arc<Process>> = lock(&self.inner.alive).clone();
        futures::future::join_all(alive.iter().map(|process| process.stop())).await;
        lock(&self.inner.alive).clear();
    }

    /// Kills all processes at once and refuses further executions; for a platform that is dropped.
    pub fn abort(&self) {
        self.inner.stopping.cancel();
        for process in lock(&self.inner.alive).iter() {
            process.kill();
        }
    }

    /// Finds the function's process or starts one; waits for a start that is under way.
    async fn process(&self, program: &Program, deadline: Instant) -> Result<InUse, ExecutorError> {
        let place = Arc::clone(
            lock(&self.inner.places)
                .entry(program.id.clone())
                .or_default(),
        );
        let mut current = tokio::time::timeout_at(deadline, place.lock_owned())
            .await
            .map_err(|_| ExecutorError::StartTimeout)?;
        if self.inner.stopping.is_cancelled() {
            return Err(ExecutorError::Stopping);
        }
        if let Some(process) = current.as_ref() {
            if process.program != *program {
                // Its settings have changed: those who run finish on the old process.
                process.retire();
            } else if let Some(joined) = process.join() {
                return Ok(joined);
            }
        }
        let limit = deadline.saturating_duration_since(Instant::now());
        let started = Process::start(program.clone(), limit);
        let process = tokio::select! {
            started = started => started?,
            () = self.inner.stopping.cancelled() => return Err(ExecutorError::Stopping),
        };
        lock(&self.inner.alive).push(Arc::clone(&process));
        self.watch(&process);
        *current = Some(Arc::clone(&process));
        process.join().ok_or(ExecutorError::Ended)
    }

    /// Stops the process when it is idle and forgets it when it is gone.
    fn watch(&self, process: &Arc<Process>) {
        let inner = Arc::downgrade(&self.inner);
        let idle = self.inner.idle;
        let process = Arc::clone(process);
        tokio::spawn(async move {
            Arc::clone(&process).stop_when_idle(idle).await;
            process.gone().await;
            process.logs.remove();
            if let Some(inner) = inner.upgrade() {
                lock(&inner.alive).retain(|other| !Arc::ptr_eq(other, &process));
            }
        });
    }

    fn serve(&self, execution_id: &str, process: &InUse) -> Serving {
        let mut serving = lock(&self.inner.serving);
        serving.insert(execution_id.to_owned(), process.shared());
        Serving {
            executor: Arc::clone(&self.inner),
            execution_id: execution_id.to_owned(),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for process in lock(&self.alive).drain(..) {
            process.kill();
        }
    }
}

/// Names the process of an execution for as long as it runs.
struct Serving {
    executor: Arc<Inner>,
    execution_id: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        lock(&self.executor.serving).remove(&self.execution_id);
    }
}

/// Does to a call what shall go wrong with it before it has an answer; gives `serving` back where
/// nothing did.
async fn strike(
    fault: CallFault,
    process: &InUse,
    call: &Call,
    left: Duration,
    serving: Serving,
) -> Result<Serving, ExecutorError> {
    match fault {
        CallFault::Kill(At::After) => Ok(serving),
        CallFault::Kill(At::Before) => {
            end(process).await;
            Err(ExecutorError::Ended)
        }
        CallFault::Kill(At::During(after)) => {
            let sent = call::send(process, call, left);
            let _ = tokio::time::timeout(after, sent).await;
            end(process).await;
            Err(ExecutorError::Ended)
        }
        CallFault::GiveUp(after) => {
            let (process, call) = (process.again(), call.clone());
            // The function has its answer taken as ever, so that its process works on.
            tokio::spawn(async move {
                let _serving = serving;
                let sent = call::send(&process, &call, left);
                let _ = tokio::time::timeout(left + ANSWER_GRACE, sent).await;
            });
            tokio::time::sleep(after).await;
            Err(ExecutorError::Silent)
        }
    }
}

/// Kills a process and waits for its end; nobody else joins it.
async fn end(process: &Process) {
    process.retire();
    process.kill();
    process.gone().await;
}

async fn answer(process: &InUse, (reply, own): (call::Reply, LogId)) -> Answer {
    let (process, log_id) = (process.shared(), reply.log_id);
    let read = tokio::task::spawn_blocking(move || process.logs.collect(own, &log_id));
    // Fails only when the runtime stops; the answer counts more than its logs.
    let (logs, errors) = read.await.unwrap_or_default();
    Answer {
        status: reply.status.as_u16(),
        headers: reply.headers,
        body: reply.body,
        logs,
        errors,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
