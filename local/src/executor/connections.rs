//! Connections to one process that are kept for its next calls.
//!
//! A call that was written is never repeated, so a connection must not be one that the process is
//! about to close. It is used again only while it is known to be open, some time after its last
//! answer and not long after that.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

/// How long a connection rests after an answer. A server that closes after each answer, and does
/// not say so, has done it by then.
const REST: Duration = Duration::from_millis(10);
/// How long a connection is kept, far less than servers wait for a next request (Node: 5 s).
const KEPT_MAX: Duration = Duration::from_secs(1);
/// Connections that are kept at most.
const CONNECTIONS_MAX: usize = 64;

/// The connections of a process, the longest unused first.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Outside of the runtime, so that each look at one is a look at the socket itself.
    unused: VecDeque<(Instant, std::net::TcpStream)>,
    closed: bool,
}

impl Connections {
    /// One that is open and has nothing to be read.
    pub(super) fn take(&self) -> Option<TcpStream> {
        let mut kept = self.lock();
        kept.forget_old();
        loop {
            let (since, _) = kept.unused.front()?;
            if since.elapsed() < REST {
                return None;
            }
            let (_, stream) = kept.unused.pop_front()?;
            let peeked = stream.peek(&mut [0]);
            if peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                return TcpStream::from_std(stream).ok();
            }
        }
    }

    /// Keeps one whose last answer has been read to its end.
    pub(super) fn keep(&self, stream: TcpStream) {
        let Ok(stream) = stream.into_std() else {
            return;
        };
        let mut kept = self.lock();
        if !kept.closed && kept.unused.len() < CONNECTIONS_MAX {
            kept.unused.push_back((Instant::now(), stream));
        }
    }

    /// Closes those that were unused for too long; the time until the next one will have been.
    pub(super) fn sweep(&self) -> Option<Duration> {
        let mut kept = self.lock();
        kept.forget_old();
        let (since, _) = kept.unused.front()?;
        Some(KEPT_MAX.saturating_sub(since.elapsed()))
    }

    /// Closes all and keeps none from now on.
    pub(super) fn close(&self) {
        let mut kept = self.lock();
        kept.unused.clear();
        kept.closed = true;
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget_old(&mut self) {
        while let Some((since, _)) = self.unused.front()
            && since.elapsed() >= KEPT_MAX
        {
            self.unused.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap());
        let (near, far) = tokio::join!(near, listener.accept());
        (near.unwrap(), far.unwrap().0)
    }

    /// Makes the only connection one whose answer was `ago`.
    fn age(connections: &Connections, ago: Duration) {
        connections.lock().unused[0].0 = Instant::now().checked_sub(ago).unwrap();
    }

    #[tokio::test]
    async fn an_open_connection_is_used_again_after_its_rest() {
        let (near, _far) = pair().await;
        let port = near.local_addr().unwrap();
        let connections = Connections::default();
        connections.keep(near);
        connections.lock().unused[0].0 += Duration::from_secs(60);
        assert!(connections.take().is_none());
        age(&connections, REST);
        assert_eq!(connections.take().unwrap().local_addr().unwrap(), port);
        assert!(connections.take().is_none());
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_is_not_used() {
        let (near, far) = pair().await;
        let connections = Connections::default();
        connections.keep(near);
        age(&connections, REST);
        drop(far);
        assert!(connections.take().is_none());
    }

    #[tokio::test]
    async fn a_connection_with_unasked_bytes_is_not_used() {
        let (near, far) = pair().await;
        let connections = Connections::default();
        connections.keep(near);
        age(&connections, REST);
        assert_eq!(far.try_write(b"x").unwrap(), 1);
        assert!(connections.take().is_none());
    }

    #[tokio::test]
    async fn a_connection_is_given_up_when_it_was_unused_for_too_long() {
        let (near, _far) = pair().await;
        let connections = Connections::default();
        connections.keep(near);
        assert!(connections.sweep().unwrap() <= KEPT_MAX);
        age(&connections, KEPT_MAX);
        assert_eq!(connections.sweep(), None);
    }

    #[tokio::test]
    async fn nothing_is_kept_once_closed() {
        let (near, _far) = pair().await;
        let connections = Connections::default();
        connections.close();
        connections.keep(near);
        assert_eq!(connections.sweep(), None);
    }
}
