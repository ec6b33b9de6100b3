//! The part of the gateway inside a sandbox: a port of the sandbox's own loopback that leads to
//! the socket of the [gateway](super::gateway). It runs the command and ends with it.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitCode;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use tokio::process::Command;

/// First argument of an executable that shall be a relay; the command to run follows.
pub const MODE: &str = "relay";
/// Port of the sandbox's loopback.
pub(super) const PORT: u16 = 3_128;
/// Where the gateway's socket is in the sandbox.
pub(super) const SOCKET: &str = "/run/registry/socket";
/// Added to the number of the signal that ended a command, as shells do.
const SIGNALED: i32 = 128;

/// Runs a command while connections to the port are passed on, and ends as it ends.
///
/// # Errors
/// The port cannot be listened at, or the command cannot be started: this is not in a sandbox.
pub async fn run(command: Vec<OsString>) -> io::Result<ExitCode> {
    let mut words = command.into_iter();
    let program = words.next().ok_or(io::ErrorKind::InvalidInput)?;
    let listener = TcpListener::bind(("127.0.0.1", PORT)).await?;
    let mut child = Command::new(program).args(words).spawn()?;
    loop {
        let accepted = tokio::select! {
            ended = child.wait() => {
                let status = ended?;
                let code = status.code().or(status.signal().map(|it| SIGNALED + it));
                return Ok(code.and_then(|it| u8::try_from(it).ok()).map_or(ExitCode::FAILURE, ExitCode::from));
            }
            accepted = listener.accept() => accepted,
        };
        // What cannot be passed on is closed, which whoever connected sees.
        if let Ok((mut outer, _)) = accepted {
            tokio::spawn(async move {
                let mut inner = UnixStream::connect(SOCKET).await?;
                copy_bidirectional(&mut outer, &mut inner).await
            });
        }
    }
}
