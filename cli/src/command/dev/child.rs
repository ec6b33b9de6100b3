//! A process whose output goes into the log, and which ends with all its own.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;

use super::log::{Log, Part};

/// A process that is to be started.
pub(super) struct Child {
    command: Command,
}

/// The group of a process; killed when this is dropped before it has ended.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Those that have ended meanwhile need it no more.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

impl Child {
    /// A command line of the shell, in a folder, with variables of its own.
    pub(super) fn shell(line: &str, folder: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", line])
            .current_dir(folder)
            .envs(variables.iter().copied())
            // The log has its own colours.
            .env("NO_COLOR", "1")
            .env("CARGO_TERM_COLOR", "never")
            .env_remove("FORCE_COLOR")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C reaches this program alone, which ends the group.
            .process_group(0)
            .kill_on_drop(true);
        Self { command }
    }

    /// Runs it to its end and logs what it prints. Dropped before, it kills the whole group.
    ///
    /// # Errors
    /// It can not be started.
    pub(super) async fn run(mut self, log: &Log, part: Part) -> std::io::Result<ExitStatus> {
        let mut child = self.command.spawn()?;
        let number = child.id().and_then(|id| i32::try_from(id).ok());
        let mut group = Group(number.map(Pid::from_raw));
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let ((), (), status) =
            tokio::join!(tell(out, log, part), tell(err, log, part), child.wait());
        group.0 = None;
        status
    }
}

async fn tell<R: AsyncRead + Unpin>(from: Option<R>, log: &Log, part: Part) {
    let Some(from) = from else { return };
    let mut lines = BufReader::new(from).lines();
    // A line that is no text ends the telling, not the process.
    while let Ok(Some(line)) = lines.next_line().await {
        if !line.trim().is_empty() {
            log.line(part, &line);
        }
    }
}
