//! This executable again, with other words, in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::Context as _;

/// A running one; killed with SIGKILL when dropped.
pub(crate) struct Own {
    pub(crate) child: Child,
    pub(crate) output: BufReader<ChildStdout>,
    /// Where it serves: what it prints first.
    pub(crate) port: u16,
}

impl Own {
    /// Starts one and returns when it serves.
    pub(crate) fn start(words: &[&str]) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("could not start a process")?;
        let stdout = child.stdout.take().context("it has no output")?;
        let mut output = BufReader::new(stdout);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let port = line.trim().parse().context("it did not start")?;
        Ok(Self {
            child,
            output,
            port,
        })
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
