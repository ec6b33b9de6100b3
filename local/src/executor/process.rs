//! One running process of a function: its start, its health, its end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::call;
use super::connections::Connections;
use super::logs::{LogFiles, ProcessLog};
use super::node::{self, Ways};
use super::{Code, ExecutorError, Program, listening};
use crate::clock;

/// What a function's process prints once it listens; the port follows.
const LISTENING: &str = "Listening on http://";
/// Longest first line that is searched for the port.
const LINE_BYTES_MAX: usize = 4_096;
/// Pause between two looks for the port of a process, and at its health.
const HEALTH_EVERY: Duration = Duration::from_millis(10);
/// Time a process has between SIGTERM and SIGKILL.
const TERM_GRACE: Duration = Duration::from_secs(3);

/// A process that has answered its health check.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) program: Program,
    pub(super) port: u16,
    pub(super) secret: SecretString,
    pub(super) connections: Connections,
    pub(super) logs: LogFiles,
    pid: Pid,
    /// Of a function in a sandbox.
    _ways: Option<Ways>,
    started_ms: i64,
    usage: Mutex<Usage>,
    usage_changed: Notify,
    /// Asks the supervisor to end the process.
    stop: CancellationToken,
    /// Cancelled once the process has been reaped.
    gone: CancellationToken,
}

/// A process, for people.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessInfo {
    /// Id of its function.
    pub function_id: String,
    /// Its process id.
    pub pid: i32,
    /// Where it listens on loopback.
    pub port: u16,
    /// Executions it serves now.
    pub running: usize,
    /// Milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// Whether it takes no more executions and ends after the last one.
    pub retired: bool,
}

#[derive(Debug)]
struct Usage {
    running: usize,
    last_end: Instant,
    /// No new execution may join: it is being replaced or stopped.
    closed: bool,
}

/// Keeps a process in use; dropping it ends the use.
#[derive(Debug)]
pub(super) struct InUse(Arc<Process>);

impl InUse {
    pub(super) fn shared(&self) -> Arc<Process> {
        Arc::clone(&self.0)
    }

    /// A second use of the same process.
    pub(super) fn again(&self) -> Self {
        let mut usage = self.0.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.running += 1;
        drop(usage);
        Self(self.shared())
    }
}

impl std::ops::Deref for InUse {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.0
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut usage = self.0.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.running -= 1;
        usage.last_end = Instant::now();
        drop(usage);
        self.0.usage_changed.notify_waiters();
    }
}

impl Process {
    /// Starts the program and waits until it answers its health check, at most `limit`.
    ///
    /// # Errors
    /// [`ExecutorError`]; the process is gone when this returns one.
    pub(super) async fn start(
        program: Program,
        limit: Duration,
    ) -> Result<Arc<Self>, ExecutorError> {
        let deadline = Instant::now() + limit;
        let secret = crate::ids::secret::<16>().map_err(|error| ExecutorError::Start {
            reason: error.to_string(),
            output: String::new(),
        })?;
        let secret = SecretString::from(secret);
        let (mut child, ways) = match &program.code {
            Code::Executable(executable) => (spawn(&program, executable, &secret)?, None),
            Code::Node(code) => {
                let logs = program.make_folders()?.0;
                let started = node::spawn(&program, code, &logs, &secret).await;
                let (child, ways) = started.map_err(failed)?;
                (child, Some(ways))
            }
        };
        let pid = pid_of(&child)?;
        let log = Arc::new(Mutex::new(ProcessLog::begin(
            program.folder.join("process.log"),
        )));
        let mut printed = follow(&mut child, &log);
        if let Some(ways) = &ways {
            let (tell, told) = oneshot::channel();
            // Received below.
            let _ = tell.send(ways.port);
            printed = told;
        }
        let (stop, gone) = (CancellationToken::new(), CancellationToken::new());
        let stdin = child.stdin.take();
        tokio::spawn(supervise(child, stdin, pid, stop.clone(), gone.clone()));
        // From here on the guard ends the process if the start fails or is given up.
        let guard = stop.clone().drop_guard();
        let port = wait_ready(pid, printed, &gone, deadline)
            .await
            .map_err(|problem| {
                let output = log.lock().unwrap_or_else(PoisonError::into_inner).tail();
                problem.into_error(output)
            })?;
        guard.disarm();
        if ways.is_some() {
            tokio::spawn(node::watch(pid, gone.clone()));
        }
        let usage = Usage {
            running: 0,
            last_end: Instant::now(),
            closed: false,
        };
        let started_ms = clock::now().as_millisecond();
        Ok(Arc::new(Self {
            // Others of the same function may still write into this folder.
            logs: LogFiles::new(program.logs_folder(), format!("{started_ms:x}p{pid}")),
            program,
            port,
            secret,
            connections: Connections::default(),
            pid,
            _ways: ways,
            started_ms,
            usage: Mutex::new(usage),
            usage_changed: Notify::new(),
            stop,
            gone,
        }))
    }

    pub(super) fn info(&self) -> ProcessInfo {
        let usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        ProcessInfo {
            function_id: self.program.id.clone(),
            pid: self.pid.as_raw(),
            port: self.port,
            running: usage.running,
            started_ms: self.started_ms,
            retired: usage.closed,
        }
    }

    /// Joins the process unless it has ended or is about to.
    pub(super) fn join(self: &Arc<Self>) -> Option<InUse> {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        if usage.closed || self.gone.is_cancelled() {
            return None;
        }
        usage.running += 1;
        Some(InUse(Arc::clone(self)))
    }

    /// Lets no more executions join and ends the process after the last one has left.
    pub(super) fn retire(&self) {
        self.close();
        self.usage_changed.notify_waiters();
    }

    /// Waits until the process has been idle for `idle` or is retired and empty, then ends it.
    /// Returns when the process is gone, for whatever reason.
    pub(super) async fn stop_when_idle(self: Arc<Self>, idle: Duration) {
        loop {
            let mut changed = std::pin::pin!(self.usage_changed.notified());
            // Registered before looking, so that no change is missed.
            changed.as_mut().enable();
            let next_sweep = self.connections.sweep();
            let wait = {
                let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
                let left = (usage.last_end + idle).saturating_duration_since(Instant::now());
                if usage.running == 0 && (usage.closed || left.is_zero()) {
                    usage.closed = true;
                    break;
                }
                if usage.running == 0 { left } else { idle }
            };
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(next_sweep.map_or(wait, |next| next.min(wait))) => {}
                () = self.gone.cancelled() => return,
            }
        }
        self.connections.close();
        self.stop.cancel();
        self.gone.cancelled().await;
    }

    /// Ends the process: SIGTERM, then SIGKILL to its group. Returns when it is gone.
    pub(super) async fn stop(&self) {
        self.close();
        self.stop.cancel();
        self.gone.cancelled().await;
    }

    fn close(&self) {
        self.usage
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .closed = true;
        self.connections.close();
    }

    /// Waits for the end of the process.
    pub(super) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Kills the process group at once, without waiting for its end.
    pub(super) fn kill(&self) {
        if !self.gone.is_cancelled() {
            // Fails only when the group is already gone.
            let _ = killpg(self.pid, Signal::SIGKILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn failed(error: impl std::fmt::Display) -> ExecutorError {
    ExecutorError::Start {
        reason: error.to_string(),
        output: String::new(),
    }
}

impl Program {
    /// Makes its folders: of logs and of telemetry.
    fn make_folders(&self) -> Result<(PathBuf, PathBuf), ExecutorError> {
        let (logs, telemetry) = (self.logs_folder(), self.folder.join("telemetry"));
        std::fs::create_dir_all(&logs).map_err(failed)?;
        std::fs::create_dir_all(&telemetry).map_err(failed)?;
        Ok((logs, telemetry))
    }
}

fn spawn(
    program: &Program,
    executable: &Path,
    secret: &SecretString,
) -> Result<Child, ExecutorError> {
    if !executable.is_file() {
        return Err(ExecutorError::Missing {
            executable: executable.to_owned(),
        });
    }
    let (logs, telemetry) = program.make_folders()?;
    let platform: BTreeMap<&str, PathBuf> = BTreeMap::from([
        ("OPEN_RUNTIMES_LOGS_DIR", logs),
        ("OPEN_RUNTIMES_TELEMETRY_DIR", telemetry),
    ]);
    Command::new(executable)
        .current_dir(&program.folder)
        .env_clear()
        .envs(&program.variables)
        .envs(&platform)
        .env("OPEN_RUNTIMES_SECRET", secret.expose_secret())
        .env("HOST", "127.0.0.1")
        // Any free one: see `wait_ready`.
        .env("PORT", "0")
        .env("ORCHESTRATOR_EXIT_WITH_STDIN", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)
}

fn pid_of(child: &Child) -> Result<Pid, ExecutorError> {
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    pid.map(Pid::from_raw).ok_or_else(|| ExecutorError::Start {
        reason: "the process has no id".to_owned(),
        output: String::new(),
    })
}

/// Copies both streams to the log and tells the port once it is printed.
fn follow(child: &mut Child, log: &Arc<Mutex<ProcessLog>>) -> oneshot::Receiver<u16> {
    let (found, printed) = oneshot::channel();
    if let Some(stdout) = child.stdout.take() {
        tokio::spawn(copy(stdout, Arc::clone(log), Some(found)));
    }
    if let Some(stderr) = child.stderr.take() {
        tokio::spawn(copy(stderr, Arc::clone(log), None));
    }
    printed
}

async fn copy(
    mut stream: impl AsyncRead + Unpin,
    log: Arc<Mutex<ProcessLog>>,
    mut found: Option<oneshot::Sender<u16>>,
) {
    let mut buffer = vec![0_u8; 8 * 1024];
    let mut line = Vec::new();
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        let Some(bytes) = buffer.get(..read) else {
            return;
        };
        log.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(bytes);
        if found.is_none() {
            continue;
        }
        line.extend_from_slice(bytes);
        if let Some(port) = listening_port(&line) {
            // Nobody waits any more when the start was given up.
            let _ = found.take().map(|found| found.send(port));
            line = Vec::new();
        } else if line.len() > LINE_BYTES_MAX {
            // Keep what may be the beginning of the line we look for.
            line.drain(..line.len() - LISTENING.len());
        }
    }
}

/// Finds the port in a complete line `Listening on http://HOST:PORT`.
fn listening_port(output: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(output);
    let complete = &text[..text.rfind('\n')?];
    let line = complete
        .lines()
        .find_map(|line| line.split_once(LISTENING))?
        .1;
    let (_, port) = line.trim().trim_end_matches('/').rsplit_once(':')?;
    port.parse().ok().filter(|port| *port != 0)
}

/// Why a start came to nothing; the output of the process is added by the caller.
enum StartProblem {
    Ended,
    Late,
}

impl StartProblem {
    fn into_error(self, output: String) -> ExecutorError {
        match self {
            Self::Ended => {
                let reason = "the process ended before it listened".to_owned();
                ExecutorError::Start { reason, output }
            }
            Self::Late => ExecutorError::StartTimeout,
        }
    }
}

/// Waits until the process answers its health check, at the port that it prints or, as hosts
/// other than ours print none, at one that it is seen to listen on. Looking leaves no moment in
/// which somebody else could take a port that was chosen for it.
async fn wait_ready(
    pid: Pid,
    mut printed: oneshot::Receiver<u16>,
    gone: &CancellationToken,
    deadline: Instant,
) -> Result<u16, StartProblem> {
    let ready = async {
        let mut told = None;
        loop {
            if told.is_none() {
                // Its stdout may be closed: then it is only looked for.
                told = tokio::time::timeout(HEALTH_EVERY, &mut printed).await.ok();
            }
            let ports = match &told {
                Some(Ok(port)) => vec![*port],
                Some(Err(_)) | None => listening::ports(pid),
            };
            for port in ports {
                if call::healthy(port).await {
                    return port;
                }
            }
            if told.is_some() {
                tokio::time::sleep(HEALTH_EVERY).await;
            }
        }
    };
    tokio::select! {
        outcome = tokio::time::timeout_at(deadline, ready) => outcome.map_err(|_| StartProblem::Late),
        () = gone.cancelled() => Err(StartProblem::Ended),
    }
}

/// Owns the child until its end. The write end of its standard input is held as long, because our
/// hosts exit when it closes: so they do not outlive this process even if it is killed.
async fn supervise(
    mut child: Child,
    stdin: Option<ChildStdin>,
    pid: Pid,
    stop: CancellationToken,
    gone: CancellationToken,
) {
    let _gone = gone.drop_guard();
    tokio::select! {
        _ = child.wait() => {}
        () = stop.cancelled() => {
            let _ = killpg(pid, Signal::SIGTERM);
            if tokio::time::timeout(TERM_GRACE, child.wait()).await.is_err() {
                let _ = killpg(pid, Signal::SIGKILL);
                let _ = child.wait().await;
            }
        }
    }
    // Whatever the process itself has started goes with it.
    let _ = killpg(pid, Signal::SIGKILL);
    drop(stdin);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_a_complete_line() {
        assert_eq!(
            listening_port(b"hi\nListening on http://127.0.0.1:40123\n"),
            Some(40_123)
        );
        assert_eq!(listening_port(b"Listening on http://127.0.0.1:4012"), None);
        assert_eq!(
            listening_port(b"Listening on http://[::1]:81/\nmore"),
            Some(81)
        );
        assert_eq!(listening_port(b"Listening on http://x:0\n"), None);
        assert_eq!(listening_port(b"HTTP server successfully started!\n"), None);
    }
}
