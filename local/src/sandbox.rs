//! What models wrote, run by bubblewrap (`bwrap`): commands of a build here, functions by the
//! executor, which takes its options from here. A command has a folder of its own, the system's programs
//! to read, no network but the [way to the package registry](gateway), none of our
//! environment, and limits.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

mod gateway;
mod registry;
pub mod relay;
mod watch;

pub use registry::BuildSettings;

use crate::error::APPWRITE_VERSION;
use gateway::Gateway;
use registry::{Registry, RegistryError};

/// Time of one command (Appwrite's default for builds).
const TIME_MAX: Duration = Duration::from_secs(900);
/// Pause between two looks at what a command takes, and at what runs on.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOK_SELDOM: Duration = Duration::from_millis(500);
/// Bytes of output that are kept, the last ones.
const OUTPUT_BYTES_MAX: usize = 1_000_000;
/// Where the program is looked for.
const PROGRAMS: &[&str] = &["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"];
/// Folders and files of the system that commands may read, where they exist.
const READABLE: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/etc/alternatives",
    "/etc/ld.so.cache",
];
/// Limits that hold for the command and all it starts: 512 processes, 4 GiB of memory and 900 s of
/// processor time for each, files of 512 MiB, no core dumps. Shells differ in the letter for
/// processes. What they take together is [`watch`]ed.
const SCRIPT: &str = "exec 2>&1
{ ulimit -u 512 2>/dev/null || ulimit -p 512; } && ulimit -d 4194304 && ulimit -t 900 &&
ulimit -f 1048576 && ulimit -c 0 || exit 125
exec \"$@\"";
/// The same limits for what runs on: its time is that of its executions.
pub(crate) const RUN_SCRIPT: &str =
    "ulimit -d 4194304 && ulimit -f 1048576 && ulimit -c 0 || exit 125
exec \"$@\"";
/// Where commands find the relay's executable.
const RELAY: &str = "/run/registry/relay";
/// Where they find the certificates that npm trusts.
const CA_FILE: &str = "/run/registry/ca.pem";

/// Why a command did not end well, in words for the log of its build.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SandboxError {
    #[error(
        "Error: commands of a build run in a sandbox, and `bwrap` is not there. Install bubblewrap (`apt-get install bubblewrap`), or upload built files with empty commands."
    )]
    Missing,
    #[error("Error: the command `{command}` ended with {status} in the sandbox, which {network}.")]
    Failed {
        command: String,
        status: String,
        network: &'static str,
    },
    #[error("Error: the command `{0}` took longer than {limit} s in the sandbox.", limit = TIME_MAX.as_secs())]
    TimedOut(String),
    #[error("Error: the command `{command}` took more than {excess} in the sandbox.")]
    TooMuch {
        command: String,
        excess: watch::Excess,
    },
    #[error("Error: the build was called off.")]
    Stopped,
    #[error("Error: a variable or command holds a zero byte.")]
    ZeroByte,
    #[error("Error: the sandbox could not be started.")]
    Disk(#[from] std::io::Error),
}

/// Where bubblewrap is, if it is there.
pub(crate) fn program() -> Option<PathBuf> {
    PROGRAMS.iter().map(PathBuf::from).find(|it| it.exists())
}

/// Returns when what runs on, with all it started, is too many or too large; says what passed a
/// limit.
pub(crate) async fn excess(process: u32) -> String {
    watch::excess(process, LOOK_SELDOM).await
}

/// Options of bubblewrap for a sandbox with the system's programs to read, temporary files, no
/// network and no folder of ours.
pub(crate) fn isolation() -> Vec<String> {
    let mut all = vec!["--unshare-all", "--unshare-user"];
    all.extend(["--uid", "65534", "--gid", "65534", "--cap-drop", "ALL"]);
    all.extend(["--die-with-parent", "--new-session"]);
    for path in READABLE {
        all.extend(["--ro-bind-try", path, path]);
    }
    all.extend(["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]);
    let own = [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("HOME", "/tmp"),
        ("LANG", "C.UTF-8"),
        ("APPWRITE_VERSION", APPWRITE_VERSION),
    ];
    for (name, value) in own {
        all.extend(["--setenv", name, value]);
    }
    all.into_iter().map(str::to_owned).collect()
}

/// The way of builds to the package registry, which is found out once.
#[derive(Debug)]
pub(crate) struct Network {
    settings: BuildSettings,
    registry: OnceCell<Registry>,
}

impl Network {
    pub(crate) fn new(settings: BuildSettings) -> Self {
        Self {
            settings,
            registry: OnceCell::new(),
        }
    }

    /// Opens the way for one build. Where it is not known which registry that is, there is none,
    /// and the log says so: many commands need no network.
    pub(crate) async fn open(
        &self,
        log: &mut String,
    ) -> Result<Option<(Gateway, PathBuf)>, SandboxError> {
        let Some(relay) = self.settings.relay.clone() else {
            return Ok(None);
        };
        match self.registry().await {
            Ok(registry) => Ok(Some((Gateway::open(registry)?, relay))),
            Err(error) => {
                log.push_str(&format!("Warning: {error}, so there is no network.\n"));
                Ok(None)
            }
        }
    }

    /// The registry that builds may reach. npm is asked until it has answered once.
    async fn registry(&self) -> Result<Registry, RegistryError> {
        let find = async || match &self.settings.registry {
            Some(url) => Registry::at(url),
            None => Registry::of_npm().await,
        };
        self.registry.get_or_try_init(find).await.cloned()
    }
}

/// A sandbox around one folder.
pub(crate) struct Sandbox<'a> {
    /// The only folder that can be written.
    pub(crate) folder: &'a Path,
    /// Where commands find it.
    pub(crate) mount: &'a str,
    /// The environment, and nothing else.
    pub(crate) variables: Vec<(String, String)>,
    /// Ends a running command.
    pub(crate) stop: CancellationToken,
    /// The way to the registry, and the executable that leads there from the inside.
    pub(crate) network: Option<(Gateway, PathBuf)>,
}

impl Sandbox<'_> {
    /// Runs a command and adds what it prints to `log`. Everything it started has ended when this
    /// returns.
    pub(crate) async fn run(&self, command: &str, log: &mut String) -> Result<(), SandboxError> {
        let program = program().ok_or(SandboxError::Missing)?;
        let options = self.options().ok_or(SandboxError::ZeroByte)?;
        log.push_str(&format!("$ {command}\n"));
        // Options come through the standard input: as arguments every process could read the
        // variables, and as our child's environment they would reach bubblewrap itself.
        let relay: &[&str] = match self.network {
            Some(_) => &[RELAY, relay::MODE],
            None => &[],
        };
        let mut child = Command::new(program)
            .args(["--args", "0", "/bin/sh", "-c", SCRIPT, "sh"])
            .args(relay)
            .args(["/bin/sh", "-c", command])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(&options).await?;
        }
        let mut output = Vec::new();
        let watched = child.id().unwrap_or_default();
        let ended = tokio::select! {
            ended = finish(&mut child, &mut output) => ended.map_err(SandboxError::from),
            excess = watch::excess(watched, LOOK_EVERY) => {
                Err(SandboxError::TooMuch { command: command.to_owned(), excess })
            }
            () = tokio::time::sleep(TIME_MAX) => Err(SandboxError::TimedOut(command.to_owned())),
            () = self.stop.cancelled() => Err(SandboxError::Stopped),
        };
        log.push_str(&String::from_utf8_lossy(&output));
        if let Some((gateway, _)) = &self.network {
            log.push_str(&gateway.refusals());
        }
        let status = match ended {
            Ok(status) => status,
            Err(error) => {
                child.kill().await?;
                return Err(error);
            }
        };
        if status.success() {
            return Ok(());
        }
        Err(SandboxError::Failed {
            command: command.to_owned(),
            status: status
                .code()
                .map_or("a signal".to_owned(), |code| format!("status {code}")),
            network: match self.network {
                Some(_) => "reaches the package registry only",
                None => "has no network",
            },
        })
    }

    /// The options of bubblewrap, each ended by a zero byte; none when one holds such a byte.
    fn options(&self) -> Option<Vec<u8>> {
        let folder = self.folder.to_str()?;
        let network = match &self.network {
            Some((gateway, relay)) => way_out(gateway, relay)?,
            None => Vec::new(),
        };
        let isolation = isolation();
        let mut all: Vec<&str> = isolation.iter().map(String::as_str).collect();
        all.extend(["--bind", folder, self.mount, "--chdir", self.mount]);
        all.extend(network.iter().map(String::as_str));
        for (name, value) in &self.variables {
            all.extend(["--setenv", name, value]);
        }
        let clean = all.iter().all(|option| !option.contains('\0'));
        clean.then(|| (all.join("\0") + "\0").into_bytes())
    }
}

/// Options that show a sandbox its way out; none where a path is not text.
fn way_out(gateway: &Gateway, relay: &Path) -> Option<Vec<String>> {
    let registry = gateway.registry();
    let ca_file = registry.ca_file.as_deref().filter(|path| path.is_file());
    // Tokens in it stay outside, where it is at all among what can be read.
    let global = registry.global_config.as_deref();
    let hidden = global.and_then(|path| path.canonicalize().ok());
    let hidden = hidden
        .as_deref()
        .filter(|path| path.is_file() && READABLE.iter().any(|folder| path.starts_with(folder)));
    let (socket, empty) = (gateway.socket(), gateway.empty_file());
    let shown = [
        Some((relay, Path::new(RELAY))),
        Some((socket.as_path(), Path::new(relay::SOCKET))),
        ca_file.map(|path| (path, Path::new(CA_FILE))),
        hidden.map(|path| (empty.as_path(), path)),
    ];
    let mut all = Vec::new();
    for (from, to) in shown.into_iter().flatten() {
        let words = ["--ro-bind", from.to_str()?, to.to_str()?];
        all.extend(words.map(str::to_owned));
    }
    let inside = ca_file.map(|_| Path::new(CA_FILE));
    for (name, value) in gateway::variables(registry, inside) {
        all.extend(["--setenv".to_owned(), name, value]);
    }
    Some(all)
}

/// Reads what a child prints, keeping the end of it, until it has ended.
async fn finish(
    child: &mut Child,
    output: &mut Vec<u8>,
) -> std::io::Result<std::process::ExitStatus> {
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let mut chunk = [0; 8_192];
    if let Some(out) = &mut out {
        loop {
            let read = out.read(&mut chunk).await?;
            if read == 0 {
                break;
            }
            output.extend_from_slice(chunk.get(..read).unwrap_or_default());
            if output.len() > 2 * OUTPUT_BYTES_MAX {
                output.drain(..output.len() - OUTPUT_BYTES_MAX);
            }
        }
    }
    // Only bubblewrap's own complaints come this way, which are short.
    if let Some(err) = &mut err {
        err.read_to_end(output).await?;
    }
    child.wait().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sandbox_is_shown_certificates_but_no_configuration_of_the_machine() {
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, "a certificate").unwrap();
        let mut registry = Registry::at("https://packages.example/").unwrap();
        registry.ca_file = Some(ca_file.clone());
        // Any file of the system will do.
        let readable = Path::new("/usr/bin/env").canonicalize().unwrap();
        registry.global_config = Some(readable.clone());
        let gateway = Gateway::open(registry.clone()).unwrap();
        let options = way_out(&gateway, Path::new("/relay")).unwrap();
        let has = |words: [&str; 3]| options.windows(3).any(|it| it == words);
        let empty = gateway.empty_file();
        assert_eq!(std::fs::read(&empty).unwrap(), b"");
        let [empty, readable] = [&empty, &readable].map(|it| it.to_str().unwrap());
        assert!(has(["--ro-bind", empty, readable]), "{options:?}");
        assert!(
            has(["--ro-bind", ca_file.to_str().unwrap(), CA_FILE]),
            "{options:?}"
        );
        assert!(
            has(["--setenv", "npm_config_cafile", CA_FILE]),
            "{options:?}"
        );
        // What is not shown need not be hidden, and could not be.
        registry.global_config = Some(ca_file);
        let gateway = Gateway::open(registry).unwrap();
        let options = way_out(&gateway, Path::new("/relay")).unwrap();
        let empty = gateway.empty_file();
        assert!(
            !options.contains(&empty.to_str().unwrap().to_owned()),
            "{options:?}"
        );
    }
}
