//! Threads that take jobs from one queue until they are told to end.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use anyhow::Context as _;

use crate::error::ApiError;

/// A few threads over one queue. Dropping it ends them, as [`Self::close`] does.
pub(super) struct Worker<J> {
    jobs: Mutex<Option<mpsc::Sender<J>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// The threads' end of the queue.
pub(super) struct Queue<J> {
    jobs: Arc<Mutex<mpsc::Receiver<J>>>,
}

impl<J> Queue<J> {
    /// Waits for a job; none when the queue is closed and empty.
    pub(super) fn next(&self) -> Option<J> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.recv().ok()
    }

    /// A job that is there already.
    pub(super) fn ready(&self) -> Option<J> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.try_recv().ok()
    }
}

impl<J: Send + 'static> Worker<J> {
    /// Starts a thread for each of `states`.
    pub(super) fn start<S: Send + 'static>(
        name: &str,
        states: impl IntoIterator<Item = S>,
        run: fn(S, Queue<J>),
    ) -> anyhow::Result<Self> {
        let (jobs, queue) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        let mut threads = Vec::new();
        for state in states {
            let queue = Queue {
                jobs: Arc::clone(&queue),
            };
            let thread = std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || run(state, queue))
                .context("could not start a thread of the store")?;
            threads.push(thread);
        }
        Ok(Self {
            jobs: Mutex::new(Some(jobs)),
            threads: Mutex::new(threads),
        })
    }

    /// Queues a job.
    pub(super) fn send(&self, job: J) -> Result<(), ApiError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if sent {
            Ok(())
        } else {
            Err(ApiError::internal(&"the store is closed"))
        }
    }
}

impl<J> Worker<J> {
    /// Ends the threads once they have done what is queued.
    pub(super) fn close(&self) {
        self.jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A job may hold the last handle.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl<J> Drop for Worker<J> {
    fn drop(&mut self) {
        self.close();
    }
}
