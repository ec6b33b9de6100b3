//! From `exec` to the first answered request, and the memory then: the packaged create-task,
//! beside the same in Node with `node-appwrite`, and beside the least that a server on hyper can
//! be. All are started in turns, so that what else the machine does strikes all alike.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::process;
use crate::table::{Goal, Table};

/// Starts of each.
const ROUNDS: usize = 21;
/// Nobody needs longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pause between two tries to connect.
const TRY_EVERY: Duration = Duration::from_micros(50);
const NODE_RATIO_GOAL: f64 = 40.0;
const BARE_RATIO_GOAL: f64 = 2.0;
const MEMORY_GOAL_MB: f64 = 8.0;
const BINARY_GOAL_MB: f64 = 8.0;

/// What is started.
struct Candidate {
    command: Vec<PathBuf>,
    took: Vec<Duration>,
    resident: u64,
    logs: TempDir,
}

impl Candidate {
    fn new(command: &[&Path]) -> anyhow::Result<Self> {
        Ok(Self {
            command: command.iter().map(|word| word.to_path_buf()).collect(),
            took: Vec::new(),
            resident: 0,
            logs: tempfile::tempdir()?,
        })
    }

    /// Starts it once.
    fn round(&mut self) -> anyhow::Result<()> {
        // Closed again at once: nobody else asks for ports meanwhile.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let (program, arguments) = self.command.split_first().context("nothing to start")?;
        let begun = Instant::now();
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name == "PATH"))
            .env("PORT", port.to_string())
            .env("OPEN_RUNTIMES_LOGS_DIR", self.logs.path())
            .env("APPWRITE_ENDPOINT", "http://127.0.0.1:9/v1")
            .env("APPWRITE_PROJECT_ID", "bench")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("could not start {}", program.display()))?;
        let mut child = Killed(child);
        while begun.elapsed() < PATIENCE {
            if ask(port).is_some() {
                self.took.push(begun.elapsed());
                self.resident = self.resident.max(process::resident(child.0.id()));
                return Ok(());
            }
            if let Some(status) = child.0.try_wait()? {
                anyhow::bail!("{} ended with {status}", program.display());
            }
            let since = Instant::now();
            while since.elapsed() < TRY_EVERY {
                std::hint::spin_loop();
            }
        }
        anyhow::bail!("{} does not answer", program.display())
    }

    fn median_ms(&mut self) -> f64 {
        self.took.sort();
        let median = self.took.get(self.took.len() / 2);
        median.copied().unwrap_or_default().as_secs_f64() * 1e3
    }

    fn resident_mb(&self) -> f64 {
        self.resident as f64 / 1e6
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One request; `None` where nobody answers.
fn ask(port: u16) -> Option<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    answer.starts_with(b"HTTP/1.1 2").then_some(())
}

/// Measures and tells. `package` is the folder of `scripts/package`, `bare` the small server.
pub(crate) fn measure(table: &mut Table, package: &Path, bare: &Path) -> anyhow::Result<()> {
    let packaged = |name: &str| package.join(format!("functions/{name}/rust_runtime"));
    let mut bytes = 0;
    for name in shell::config::FUNCTIONS {
        let file = packaged(name);
        let metadata = std::fs::metadata(&file)
            .with_context(|| format!("{} is missing; run scripts/package", file.display()))?;
        bytes = bytes.max(metadata.len());
    }
    let executable = packaged("create-task");
    let node = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/node/server.mjs");
    let mut ours = Candidate::new(&[&executable])?;
    let mut least = Candidate::new(&[bare])?;
    let mut theirs = Candidate::new(&[Path::new("node"), &node])?;
    for _ in 0..ROUNDS {
        for candidate in [&mut ours, &mut least, &mut theirs] {
            candidate.round()?;
        }
    }
    let (ms, bare_ms, node_ms) = (ours.median_ms(), least.median_ms(), theirs.median_ms());
    let most = |goal| Some(Goal::AtMost(goal));
    table.add(
        "cold_start_ms",
        "create-task, from exec to its first answer",
        ms,
        "ms",
        None,
    );
    table.add(
        "cold_start_ms_node",
        "  in Node with node-appwrite",
        node_ms,
        "ms",
        None,
    );
    table.add(
        "cold_start_ratio_node",
        "  how many times as long that takes",
        node_ms / ms,
        "",
        Some(Goal::AtLeast(NODE_RATIO_GOAL)),
    );
    table.add(
        "cold_start_ms_bare",
        "  a bare hyper server",
        bare_ms,
        "ms",
        None,
    );
    table.add(
        "cold_start_ratio_bare",
        "  ours in proportion to that",
        ms / bare_ms,
        "",
        most(BARE_RATIO_GOAL),
    );
    table.add(
        "rss_mb_function",
        "memory of create-task after its first answer",
        ours.resident_mb(),
        "MB",
        most(MEMORY_GOAL_MB),
    );
    table.add("rss_mb_node", "  in Node", theirs.resident_mb(), "MB", None);
    table.add(
        "rss_mb_bare",
        "  a bare hyper server",
        least.resident_mb(),
        "MB",
        None,
    );
    table.add(
        "binary_mb",
        "the largest executable of the seven",
        bytes as f64 / 1e6,
        "MB",
        most(BINARY_GOAL_MB),
    );
    Ok(())
}
