//! Where a function runs: the Open Runtimes container of Appwrite, or AWS Lambda.
//!
//! Both hosts turn a request into an [`Invocation`], run the same [`Handler`] under the same rules
//! (deadline, panics, redaction) and turn its [`Reply`] back. Start at [`run`].

use std::any::Any;
use std::panic::PanicHookInfo;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio::time::{Instant, timeout_at};

use crate::config::Settings;
use crate::invocation::{Handler, Invocation, Reply};
use crate::logging::{Log, to_stderr};
use crate::redaction::Redactor;

pub mod control;
mod lambda;
mod open_runtimes;
pub mod request;
mod response;

/// A handler that does not yield at its deadline is left behind after this; its next await is its
/// last.
const ABORT_GRACE: Duration = Duration::from_millis(200);
/// Executions wait far more than they compute, and a container has half a processor.
const WORKER_THREADS: usize = 2;
/// Requests of Appwrite at the same time, each of which blocks a thread: as many as the client
/// keeps connections for. The others wait; more threads would only take memory and turns.
const BLOCKING_THREADS_MAX: usize = 32;

/// Serves a function until its host ends it; the body of every function's `main`.
///
/// Reads the settings, makes the handler from them, and picks the host: Lambda where
/// `AWS_LAMBDA_RUNTIME_API` is set, else Open Runtimes over HTTP. Invalid settings, a handler that
/// cannot be made and a port that is taken end the process with one message and status 1. Missing
/// settings do not: see [`Settings::missing`].
pub fn run<H: Handler>(make: impl FnOnce(&Settings) -> anyhow::Result<H>) -> ExitCode {
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(error) => {
            to_stderr(&format!("error: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match serve(&settings, make) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            to_stderr(&settings.redactor().clean(&format!("error: {error:#}")));
            ExitCode::FAILURE
        }
    }
}

fn serve<H: Handler>(
    settings: &Settings,
    make: impl FnOnce(&Settings) -> anyhow::Result<H>,
) -> anyhow::Result<()> {
    // Fails only where a provider is installed already, and there is no other than ring.
    let _ = rustls::crypto::ring::default_provider().install_default();
    report_panics(settings.redactor().clone());
    let handler = Arc::new(make(settings).context("could not start the function")?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
        .context("could not start the async runtime")?;
    let served = match &settings.host().lambda {
        Some(lambda) => runtime.block_on(lambda::serve(handler.clone(), settings, lambda)),
        None => runtime.block_on(open_runtimes::serve(
            handler.clone(),
            settings.host().clone(),
            settings.redactor().clone(),
        )),
    };
    runtime.block_on(handler.stopped());
    // Threads that still block on an outside call end with the process.
    runtime.shutdown_background();
    served
}

/// What the executions under way want to be kept out of every text: a panic may happen on any
/// thread, and standard error is shared by all.
static UNDER_WAY: Mutex<Vec<(u64, Redactor)>> = Mutex::new(Vec::new());

/// An execution among those under way, until it is dropped.
struct UnderWay(u64);

impl UnderWay {
    fn begin(redactor: Redactor) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut all = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
        all.push((number, redactor));
        Self(number)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut all = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(number, _)| *number != self.0);
    }
}

tokio::task_local! {
    /// Where the handler of the current task panicked.
    static PANIC_PLACE: Arc<OnceLock<String>>;
}

/// Replaces the standard hook, which would print what was not redacted.
fn report_panics(redactor: Redactor) {
    std::panic::set_hook(Box::new(move |panic: &PanicHookInfo<'_>| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let text = format!("panicked at {place}: {}", message(panic.payload()));
        let mut text = redactor.clean(&text).into_owned();
        let under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, redactor) in under_way.iter() {
            text = redactor.clean(&text).into_owned();
        }
        drop(under_way);
        to_stderr(&text);
        // Outside of a handler there is no execution to tell.
        let _ = PANIC_PLACE.try_with(|slot| slot.set(place));
    }));
}

/// Runs the handler on a task of its own until its deadline; panics and time-outs become replies.
///
/// The deadline lies inside the task, so it holds even where the caller's connection, and with it
/// this future, is gone before.
async fn execute<H: Handler>(handler: Arc<H>, invocation: Invocation) -> Reply {
    let log = invocation.log.clone();
    let deadline = Instant::from_std(invocation.deadline);
    let place = Arc::new(OnceLock::new());
    let under_way = UnderWay::begin(log.redactor().clone());
    let work = async move { timeout_at(deadline, handler.handle(invocation)).await };
    let mut task = tokio::spawn(PANIC_PLACE.scope(place.clone(), async move {
        let _under_way = under_way;
        work.await
    }));
    match timeout_at(deadline + ABORT_GRACE, &mut task).await {
        Ok(Ok(Ok(reply))) => reply,
        Ok(Err(error)) if error.is_panic() => {
            let panic = error.into_panic();
            let place = place
                .get()
                .map(|place| format!(" at {place}"))
                .unwrap_or_default();
            log.error(&format!(
                "The function panicked{place}: {}",
                message(&*panic)
            ));
            Reply::empty(500)
        }
        Ok(Ok(Err(_)) | Err(_)) => timed_out(&log),
        Err(_elapsed) => {
            task.abort();
            timed_out(&log)
        }
    }
}

fn timed_out(log: &Log) -> Reply {
    log.error("Execution timed out.");
    Reply::empty(500)
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
