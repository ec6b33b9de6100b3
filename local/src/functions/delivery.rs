//! How an event gets to the functions that hear it: at once, unless a fault says otherwise.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::executions::Trigger;
use super::registry::Function;
use super::run::{self, Input};
use super::{Functions, log_failure};
use crate::bus::Event;
use crate::faults::EventFate;
use crate::kernel::Kernel;

/// One message of the queue: an event and those who hear it, one after another.
#[derive(Clone)]
pub(super) struct Delivery {
    pub(super) kernel: Arc<Kernel>,
    pub(super) functions: Arc<Functions>,
    pub(super) subscribers: Vec<Arc<Function>>,
    pub(super) event: Arc<Event>,
}

impl Delivery {
    fn submit(self, copies: u32) {
        for _ in 0..copies {
            let delivery = self.clone();
            self.functions.queue.submit(delivery.run());
        }
    }

    async fn run(self) {
        for function in &self.subscribers {
            let cause = (Trigger::Event, self.event.user_id.clone());
            let input = Input::event(&self.event);
            let run = run::run_unseen(&self.kernel, &self.functions, function, cause, input);
            if let Err(error) = run.await {
                // As on the real platform: those after it are never called.
                log_failure(function, &error);
                break;
            }
        }
    }

    /// Submits after a while, or as soon as `sooner` is told; not at all when the platform stops.
    fn submit_later(self, copies: u32, after: Duration, sooner: Option<oneshot::Receiver<()>>) {
        let functions = Arc::clone(&self.functions);
        let stop = functions.stop.clone();
        functions.tasks.spawn(async move {
            let told = async {
                match sooner {
                    Some(sooner) => drop(sooner.await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(after) => {}
                () = told => {}
            }
            self.submit(copies);
        });
    }
}

/// Deliveries that wait for another to go before them.
#[derive(Debug, Default)]
pub(super) struct Detours(Mutex<Vec<oneshot::Sender<()>>>);

impl Detours {
    /// Delivers as the faults have decided.
    pub(super) fn take(&self, delivery: Delivery, fate: EventFate) {
        let EventFate {
            copies,
            delay,
            behind_next,
        } = fate;
        if copies == 0 {
            return;
        }
        if let Some(wait) = behind_next {
            let (go, gone_before) = oneshot::channel();
            let mut waiting = self.lock();
            waiting.retain(|it| !it.is_closed());
            waiting.push(go);
            drop(waiting);
            delivery.submit_later(copies, wait, Some(gone_before));
            return;
        }
        if delay.is_zero() {
            delivery.submit(copies);
        } else {
            delivery.submit_later(copies, delay, None);
        }
        for waiting in self.lock().drain(..) {
            // Its time may be over.
            let _ = waiting.send(());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<oneshot::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
