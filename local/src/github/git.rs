//! The `git` command, run with an environment that holds nothing of the user's.
//!
//! Git does the hashing and the storing, so that a client's own hash code is checked against an
//! implementation that is not ours.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// One git process; generous, because it is only reached when something is stuck.
const GIT_SECONDS_MAX: u64 = 60;
/// Settings of every call. Objects are not fsynced: they must survive a killed process, not a
/// power cut, and a hundred fsyncs cost a second. Blobs of one tree stay one pack.
const SETTINGS: [(&str, &str); 4] = [
    ("core.fsync", "none"),
    ("fastimport.unpackLimit", "1"),
    ("gc.auto", "0"),
    ("safe.directory", "*"),
];

/// Where git is and what it sees.
#[derive(Debug)]
pub(super) struct GitProgram {
    search_path: OsString,
    home: PathBuf,
}

/// One bare repository.
#[derive(Clone, Debug)]
pub(super) struct GitDir<'a> {
    program: &'a GitProgram,
    path: PathBuf,
}

impl GitProgram {
    /// Checks that git runs. `data_dir` gets an empty home directory for it.
    pub(super) async fn find(data_dir: &Path) -> anyhow::Result<Self> {
        let home = data_dir.join("home");
        std::fs::create_dir_all(&home).with_context(|| format!("create {}", home.display()))?;
        let program = Self {
            // Not a setting: git and its helpers are looked up as for any command.
            search_path: std::env::var_os("PATH").unwrap_or_default(),
            home,
        };
        let mut version = program.command();
        version.arg("--version");
        run(version, &[])
            .await?
            .success()
            .context("run the git command")?;
        Ok(program)
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new("git");
        command
            .env_clear()
            .env("PATH", &self.search_path)
            .env("HOME", &self.home)
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_CONFIG_COUNT", SETTINGS.len().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for (index, (key, value)) in SETTINGS.iter().enumerate() {
            command
                .env(format!("GIT_CONFIG_KEY_{index}"), key)
                .env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        command
    }

    pub(super) fn open(&self, path: PathBuf) -> GitDir<'_> {
        GitDir {
            program: self,
            path,
        }
    }

    /// Makes an empty bare repository whose first branch will be `branch`.
    pub(super) async fn create(&self, path: PathBuf, branch: &str) -> anyhow::Result<GitDir<'_>> {
        let mut init = self.command();
        init.args(["init", "--quiet", "--bare", "--template=", "-b", branch])
            .arg(&path);
        run(init, &[]).await?.success()?;
        Ok(self.open(path))
    }
}

impl GitDir<'_> {
    /// `git <arguments>` in this repository.
    pub(super) fn command<I, S>(&self, arguments: I) -> Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = self.program.command();
        command.env("GIT_DIR", &self.path).args(arguments);
        command
    }

    /// Runs `git <arguments>` with `input` on its standard input.
    pub(super) async fn run(&self, arguments: &[&str], input: &[u8]) -> anyhow::Result<Finished> {
        run(self.command(arguments), input).await
    }
}

/// What a git process left.
#[derive(Debug)]
pub(super) struct Finished {
    what: String,
    output: Output,
}

impl Finished {
    pub(super) fn is_success(&self) -> bool {
        self.output.status.success()
    }

    /// Standard output, or an error with what git said.
    pub(super) fn success(self) -> anyhow::Result<Vec<u8>> {
        anyhow::ensure!(
            self.output.status.success(),
            "{} ended with {}: {}",
            self.what,
            self.output.status,
            String::from_utf8_lossy(&self.output.stderr).trim()
        );
        Ok(self.output.stdout)
    }

    /// Standard output as one line of text.
    pub(super) fn line(self) -> anyhow::Result<String> {
        let text = String::from_utf8(self.success()?).context("git did not print text")?;
        Ok(text.trim_end().to_owned())
    }
}

/// Runs a prepared command, feeding and draining it at the same time.
pub(super) async fn run(mut command: Command, input: &[u8]) -> anyhow::Result<Finished> {
    let what = describe(&command);
    let mut child = command.spawn().with_context(|| format!("start {what}"))?;
    let stdin = child.stdin.take();
    let feed = async move {
        if let Some(mut stdin) = stdin {
            // A git that fails early closes the pipe; its exit status says more than EPIPE.
            if stdin.write_all(input).await.is_ok() {
                let _ = stdin.shutdown().await;
            }
        }
    };
    let finish = async { tokio::join!(feed, child.wait_with_output()).1 };
    let output = tokio::time::timeout(Duration::from_secs(GIT_SECONDS_MAX), finish)
        .await
        .with_context(|| format!("{what} took more than {GIT_SECONDS_MAX} s"))?
        .with_context(|| format!("wait for {what}"))?;
    Ok(Finished { what, output })
}

fn describe(command: &Command) -> String {
    let verb = command.as_std().get_args().next().unwrap_or_default();
    format!("git {}", verb.to_string_lossy())
}
