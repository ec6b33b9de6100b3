//! The accept loop of the platform and of the stand-in GitHub. Not `axum::serve`, because a fault
//! must be able to close a connection without any answer, which only the connection itself can do.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// Pause after a connection could not be accepted: there are too many.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Pause before the port is taken again while somebody still holds it.
const BIND_PAUSE: Duration = Duration::from_millis(5);
/// Connections that may wait to be accepted, as tokio has it.
const BACKLOG: u32 = 1_024;

/// Put into a response to close the connection instead of sending it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DropConnection;

#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
struct Dropped;

/// Serves connections until `stop`, and returns when the last one has ended. `refuses` is asked
/// about each new one: it is reset where it says so, and nobody listens for the time it says.
pub(crate) async fn serve(
    mut listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    refuses: impl Fn() -> Option<Duration>,
) {
    let tasks = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        match refuses() {
            None => drop(tasks.spawn(serve_connection(stream, router.clone(), stop.clone()))),
            Some(shut) => {
                // Without lingering its end is a reset.
                let _ = stream.set_zero_linger();
                drop(stream);
                if !shut.is_zero() {
                    listener = match close_for(listener, shut, &stop).await {
                        Ok(listener) => listener,
                        Err(error) => {
                            tracing::error!(%error, "the port could not be opened again");
                            break;
                        }
                    };
                }
            }
        }
    }
    tasks.close();
    tasks.wait().await;
}

/// Stops listening for a while. The port stays ours, but without a listener connections are refused.
///
/// A process of this one's that has not come to its own program yet still holds the old listener:
/// until then nobody can have the port, and it is tried again.
async fn close_for(
    listener: TcpListener,
    shut: Duration,
    stop: &CancellationToken,
) -> std::io::Result<TcpListener> {
    let address = listener.local_addr()?;
    drop(listener);
    let opens = Instant::now() + shut;
    let socket = loop {
        match bound(address) {
            Ok(socket) => break socket,
            Err(error) if error.kind() == ErrorKind::AddrInUse && !stop.is_cancelled() => {
                tokio::time::sleep(BIND_PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep_until(opens) => {}
    }
    socket.listen(BACKLOG)
}

fn bound(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Connections that were accepted before still have the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn serve_connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    // Small JSON answers must not wait for the peer's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let response = router
                .oneshot(request.map(Body::new))
                .await
                .unwrap_or_else(|never: Infallible| match never {});
            if response.extensions().get::<DropConnection>().is_some() {
                Err(Dropped)
            } else {
                Ok(response)
            }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::*;

    #[tokio::test]
    async fn the_port_is_taken_again_once_nobody_else_holds_the_listener() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        // What a process has between its fork and its own program.
        let held = listener.as_fd().try_clone_to_owned().unwrap();
        let (shut, stop) = (Duration::from_millis(1), CancellationToken::new());
        let mut closed = std::pin::pin!(close_for(listener, shut, &stop));
        assert!(futures::poll!(closed.as_mut()).is_pending());
        drop(held);
        let listener = closed.await.unwrap();
        assert_eq!(listener.local_addr().unwrap(), address);
        let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
        assert!(near.is_ok() && far.is_ok());
    }
}
