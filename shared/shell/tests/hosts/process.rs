//! One `echo` process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a test waits for what must happen soon.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Ends with the test.
pub(crate) struct Echo {
    pub(crate) child: Child,
    /// Log files, `timings.txt` and standard error lie here.
    pub(crate) folder: TempDir,
}

impl Echo {
    /// Starts the example with these variables only.
    pub(crate) fn spawn(variables: &[(&str, &str)], stdin: Stdio) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stderr = std::fs::File::create(folder.path().join("stderr")).unwrap();
        let child = Command::new(executable())
            .env_clear()
            .env("HOST", "127.0.0.1")
            .env("PORT", "0")
            .env("OPEN_RUNTIMES_LOGS_DIR", folder.path())
            .env("OPEN_RUNTIMES_TELEMETRY_DIR", folder.path())
            .envs(variables.iter().copied())
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the example `echo` is built with the tests");
        Self { child, folder }
    }

    /// Reads the two lines of the start and returns the address.
    pub(crate) fn address(&mut self) -> SocketAddr {
        let stdout = self.child.stdout.take().unwrap();
        let (sent, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                if line.map(|line| sent.send(line)).is_err() {
                    return;
                }
            }
        });
        let first = lines.recv_timeout(SOON).expect("the address is printed");
        let second = lines.recv_timeout(SOON).expect("the start is printed");
        assert_eq!(second, "HTTP server successfully started!");
        first
            .strip_prefix("Listening on http://")
            .expect(&first)
            .parse()
            .unwrap()
    }

    /// Waits for the process to end by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        // Standard output closes with the process, so nothing needs to be polled.
        let pid = self.child.id();
        let (done, ended) = mpsc::channel::<()>();
        let guard = std::thread::spawn(move || {
            if ended.recv_timeout(SOON) == Err(mpsc::RecvTimeoutError::Timeout) {
                let pid = nix::unistd::Pid::from_raw(pid.try_into().unwrap());
                let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
            }
        });
        let status = self.child.wait().unwrap();
        drop(done);
        guard.join().unwrap();
        status
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Cargo builds examples beside the folder of the test executables.
fn executable() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples/echo")
}

/// Waits for a condition that no call can wait for.
#[track_caller]
pub(crate) fn until(is_true: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < SOON, "waited in vain");
        std::thread::yield_now();
    }
}
