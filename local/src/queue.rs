//! The queue: which work of functions runs when.
//!
//! Events, asynchronous executions and schedule ticks share a few slots, as they share one worker
//! on the real platform. A message is delivered at most once: it is neither kept on disk nor tried
//! again, and the order in which messages start is not promised.

use std::future::Future;
use std::sync::{Arc, Weak};

use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::Event;
use crate::functions::Functions;
use crate::kernel::Kernel;

/// Runs messages, a bounded number at once.
#[derive(Debug)]
pub(crate) struct Queue {
    slots: Arc<Semaphore>,
    tasks: TaskTracker,
    closed: CancellationToken,
    abandoned: CancellationToken,
}

impl Queue {
    /// A queue of `slots` messages at once; at least one.
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(slots.max(1))),
            tasks: TaskTracker::new(),
            closed: CancellationToken::new(),
            abandoned: CancellationToken::new(),
        }
    }

    /// Adds a message; it starts as soon as a slot is free. A closed queue drops it.
    pub(crate) fn submit(&self, message: impl Future<Output = ()> + Send + 'static) {
        if self.closed.is_cancelled() {
            return;
        }
        let (slots, abandoned) = (Arc::clone(&self.slots), self.abandoned.clone());
        self.tasks.spawn(async move {
            let slot = tokio::select! {
                slot = slots.acquire_owned() => slot,
                () = abandoned.cancelled() => return,
            };
            message.await;
            drop(slot);
        });
    }

    /// Takes no more messages.
    pub(crate) fn close(&self) {
        self.closed.cancel();
        self.tasks.close();
    }

    /// Waits until every message has run; to be called after [`Self::close`].
    pub(crate) async fn drained(&self) {
        self.tasks.wait().await;
    }

    /// Drops the messages that have not started.
    pub(crate) fn abandon(&self) {
        self.abandoned.cancel();
    }
}

/// Hands every function event to the queue, until the platform is gone.
pub(crate) async fn dispatch(
    kernel: Weak<Kernel>,
    functions: Weak<Functions>,
    mut events: mpsc::UnboundedReceiver<Arc<Event>>,
) {
    while let Some(event) = events.recv().await {
        let (Some(kernel), Some(functions)) = (kernel.upgrade(), functions.upgrade()) else {
            return;
        };
        functions.deliver(&kernel, &event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Barrier;

    #[tokio::test]
    async fn as_many_messages_run_at_once_as_there_are_slots() {
        let queue = Queue::new(3);
        let (running, highest) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        // Three must be inside at once for the barrier to open: fewer slots would hang.
        let barrier = Arc::new(Barrier::new(3));
        for _ in 0..9 {
            let (running, highest) = (Arc::clone(&running), Arc::clone(&highest));
            let barrier = Arc::clone(&barrier);
            queue.submit(async move {
                let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                highest.fetch_max(now, Ordering::SeqCst);
                barrier.wait().await;
                running.fetch_sub(1, Ordering::SeqCst);
            });
        }
        queue.close();
        tokio::time::timeout(std::time::Duration::from_secs(10), queue.drained())
            .await
            .unwrap();
        assert_eq!(highest.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn an_abandoned_queue_drops_what_has_not_started() {
        let queue = Queue::new(1);
        let (release, released) = tokio::sync::oneshot::channel::<()>();
        let (entered, inside) = tokio::sync::oneshot::channel::<()>();
        let late = Arc::new(AtomicUsize::new(0));
        queue.submit(async move {
            entered.send(()).unwrap();
            released.await.unwrap();
        });
        inside.await.unwrap();
        let count = Arc::clone(&late);
        queue.submit(async move {
            count.fetch_add(1, Ordering::SeqCst);
        });
        queue.abandon();
        queue.close();
        // Polled once so that the waiting message sees that it was abandoned before the slot.
        tokio::task::yield_now().await;
        release.send(()).unwrap();
        queue.drained().await;
        assert_eq!(late.load(Ordering::SeqCst), 0);
    }
}
