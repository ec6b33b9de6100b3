//! Functions in JavaScript: what models wrote, so it runs in a sandbox.
//!
//! Around it stands a small server of ours. Its way in is a socket that it is given, its way out
//! another one, which leads to the platform's own port and nowhere else: the sandbox has no
//! network. It sees its code and its runtime to read, its logs and a folder of temporary files to
//! write, and no other file of ours.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::process::{Child, Command};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Program;
use crate::sandbox;

/// The server around a function.
const SERVER: &str = include_str!("node/server.mjs");
/// Where the sandbox shows what this module made.
const SHOWN: &str = "/run/function";
/// Where it shows the code: read-only, so that an execution leaves nothing to the next. Builds have
/// it at the same place.
pub(crate) const NODE_FOLDER: &str = "/function";
/// Where logs are written.
const LOGS: &str = "/mnt/logs";
/// Where Node is looked for: among what the sandbox shows.
const NODES: &[&str] = &["/usr/local/bin/node", "/usr/bin/node", "/bin/node"];
/// Pause after a connection could not be accepted: there are too many.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The code of a function in JavaScript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCode {
    /// What its build has left.
    pub folder: PathBuf,
    /// The file that is run, below the folder.
    pub entrypoint: String,
    /// Port of loopback on which the platform listens.
    pub platform_port: u16,
}

/// Why a function in JavaScript could not be started.
#[derive(Debug, thiserror::Error)]
pub(super) enum NodeError {
    #[error(
        "functions in Node run in a sandbox, and `bwrap` is not there: install bubblewrap (`apt-get install bubblewrap`)"
    )]
    NoSandbox,
    #[error("Node is not there: install it to /usr/bin or /usr/local/bin")]
    NoNode,
    #[error("a path or variable holds a zero byte or is no text")]
    NoText,
    #[error("{0}")]
    Disk(#[from] io::Error),
}

/// The ways in and out of a running function; dropping it closes them.
#[derive(Debug)]
pub(super) struct Ways {
    /// Port of loopback that leads in.
    pub(super) port: u16,
    /// Holds the sockets and what else the sandbox is shown. Only our user may enter it.
    _folder: TempDir,
    _stop: DropGuard,
}

/// Starts a function whose logs go to `logs`.
pub(super) async fn spawn(
    program: &Program,
    code: &NodeCode,
    logs: &Path,
    secret: &SecretString,
) -> Result<(Child, Ways), NodeError> {
    let bwrap = sandbox::program().ok_or(NodeError::NoSandbox)?;
    let mut nodes = NODES.iter().map(Path::new);
    let node = nodes.find(|path| path.is_file()).ok_or(NodeError::NoNode)?;
    // In the folder of temporary files, because the path of a socket has few bytes.
    let folder = tempfile::tempdir()?;
    let shown = folder.path().join("shown");
    std::fs::create_dir(&shown)?;
    std::fs::write(shown.join("server.mjs"), SERVER)?;
    write_settings(&shown, program, code, secret)?;
    let way_in = folder.path().join("in");
    let listening = StdUnixListener::bind(&way_in)?;
    let way_out = UnixListener::bind(shown.join("platform"))?;
    let door = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = door.local_addr()?.port();
    let mut options = sandbox::isolation();
    let mut show = |kind: &str, from: &Path, to: &str| {
        let from = from.to_str().ok_or(NodeError::NoText)?;
        options.extend([kind, from, to].map(str::to_owned));
        Ok::<(), NodeError>(())
    };
    show("--ro-bind", &code.folder, NODE_FOLDER)?;
    show("--ro-bind", &shown, SHOWN)?;
    show("--ro-bind-try", Path::new("/etc/hosts"), "/etc/hosts")?;
    show("--bind", logs, LOGS)?;
    options.extend(["--chdir", "/"].map(str::to_owned));
    let child = Command::new(bwrap)
        .args(options)
        .args(["/bin/sh", "-c", sandbox::RUN_SCRIPT, "sh"])
        .arg(node)
        .args(["server.mjs", "settings.json"].map(|file| format!("{SHOWN}/{file}")))
        .env_clear()
        // A Unix socket: unlike one of TCP it can not be turned into a connection to elsewhere.
        .stdin(Stdio::from(OwnedFd::from(listening)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let stop = CancellationToken::new();
    let inward = async move || UnixStream::connect(&way_in).await;
    let accept = async move || Ok(door.accept().await?.0);
    tokio::spawn(
        stop.clone()
            .run_until_cancelled_owned(pass(accept, inward, stop.clone())),
    );
    let platform_port = code.platform_port;
    let outward = async move || TcpStream::connect(("127.0.0.1", platform_port)).await;
    let accept = async move || Ok(way_out.accept().await?.0);
    tokio::spawn(
        stop.clone()
            .run_until_cancelled_owned(pass(accept, outward, stop.clone())),
    );
    let ways = Ways {
        port,
        _folder: folder,
        _stop: stop.drop_guard(),
    };
    Ok((child, ways))
}

/// Kills a process group that takes too much, until it is gone by itself.
pub(super) async fn watch(pid: Pid, gone: CancellationToken) {
    let process = pid.as_raw().unsigned_abs();
    if let Some(excess) = gone.run_until_cancelled(sandbox::excess(process)).await {
        tracing::warn!(%pid, excess, "a function took too much and is ended");
        let _ = killpg(pid, Signal::SIGKILL);
    }
}

fn write_settings(
    shown: &Path,
    program: &Program,
    code: &NodeCode,
    secret: &SecretString,
) -> Result<(), NodeError> {
    let mut variables = program.variables.clone();
    let mut set = |name: &str, value: &str| variables.insert(name.to_owned(), value.to_owned());
    set("OPEN_RUNTIMES_SECRET", secret.expose_secret());
    set("OPEN_RUNTIMES_ENTRYPOINT", &code.entrypoint);
    let settings = json!({
        "folder": NODE_FOLDER,
        "entrypoint": code.entrypoint,
        "logs": LOGS,
        "platform": {"port": code.platform_port, "socket": format!("{SHOWN}/platform")},
        "variables": variables,
    });
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(shown.join("settings.json"))?;
    serde_json::to_writer(file, &settings).map_err(io::Error::from)?;
    Ok(())
}

/// Passes every accepted connection on to a new one.
async fn pass<A, B>(
    accept: impl AsyncFn() -> io::Result<A>,
    connect: impl AsyncFn() -> io::Result<B>,
    stop: CancellationToken,
) where
    A: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    loop {
        // What cannot be passed on is closed, which whoever connected sees.
        match accept().await {
            Ok(mut near) => {
                if let Ok(mut far) = connect().await {
                    let copying = async move { copy_bidirectional(&mut near, &mut far).await };
                    tokio::spawn(stop.clone().run_until_cancelled_owned(copying));
                }
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}
