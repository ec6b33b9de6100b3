//! A platform in a process of its own: the example `bench` of `tests`, which `cargo test --workspace`
//! builds.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// The key of a [`Process`] and the id of its project.
pub(crate) const KEY: &str = "standard_bench";
pub(crate) const PROJECT: &str = "bench";

pub(crate) fn bench() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let folder = tests.parent().unwrap().parent().unwrap();
    folder.join("examples/bench")
}

pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
    _folder: TempDir,
}

impl Process {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(bench())
            .arg("serve")
            .arg(folder.path())
            .args(["normal", "9"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        Self {
            child,
            port: line.trim().parse().unwrap(),
            _folder: folder,
        }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// A line of `/proc/PID/status`, in bytes: `VmRSS` or `VmHWM`.
    pub(crate) fn memory_bytes(&self, line: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let found = status.lines().find(|it| it.starts_with(line)).unwrap();
        let kilobytes = found.split_whitespace().nth(1).unwrap();
        kilobytes.parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
