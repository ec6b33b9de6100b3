//! The store: one SQLite file in WAL mode, used by one thread.
//!
//! Every read and write is a closure sent to that thread, so each closure sees
//! and leaves a consistent state, and what it commits survives a kill of the
//! process.

use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::ApiError;

/// How long SQLite waits for a lock held by another process (a backup, a shell).
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Prepared statements kept by the connection.
const STATEMENTS_MAX: usize = 256;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

struct Inner {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl Inner {
    fn close(&self) {
        self.jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

/// A handle to the database; clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl Store {
    /// Opens or creates the file and runs `migrations` (statements that may be
    /// repeated: `CREATE TABLE IF NOT EXISTS …`).
    ///
    /// # Errors
    /// The file cannot be opened, is not a database, or a migration fails; not
    /// worth a retry.
    pub fn open(path: &Path, migrations: &[&str]) -> anyhow::Result<Self> {
        let mut connection = Connection::open(path)
            .with_context(|| format!("could not open the database `{}`", path.display()))?;
        connection.busy_timeout(BUSY_WAIT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // NORMAL keeps every commit through a killed process; only a power cut may lose the last ones.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        for migration in migrations {
            connection
                .execute_batch(migration)
                .context("could not prepare the database")?;
        }
        let (jobs, queue) = mpsc::channel::<Job>();
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                while let Ok(job) = queue.recv() {
                    job(&mut connection);
                }
            })
            .context("could not start the store's thread")?;
        Ok(Self {
            inner: Arc::new(Inner {
                jobs: Mutex::new(Some(jobs)),
                thread: Mutex::new(Some(thread)),
            }),
        })
    }

    /// Runs `work` on the store's thread and returns its result.
    ///
    /// Once sent, the work runs to its end even when the caller is dropped. A
    /// panic inside it is answered as 500 and the store lives on.
    ///
    /// # Errors
    /// Those of `work`; 500 `general_unknown` when the store is closed.
    pub async fn run<T, F>(&self, work: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, ApiError> + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let outcome =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(connection)));
            let outcome =
                outcome.unwrap_or_else(|_| Err(ApiError::internal(&"a store job panicked")));
            let _ = answer.send(outcome);
        });
        let sent = {
            let jobs = self
                .inner
                .jobs
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok())
        };
        if !sent {
            return Err(ApiError::internal(&"the store is closed"));
        }
        result
            .await
            .map_err(|_| ApiError::internal(&"the store dropped a job"))?
    }

    /// Finishes the jobs already sent and closes the file. Later jobs are
    /// refused. Safe to repeat. Blocks for the time the queued jobs take.
    pub fn close(&self) {
        self.inner.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS notes (text TEXT NOT NULL)";

    async fn count(store: &Store) -> i64 {
        store
            .run(|db| Ok(db.query_row("SELECT count(*) FROM notes", [], |row| row.get(0))?))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn data_survives_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let store = Store::open(&path, &[SCHEMA]).unwrap();
        store
            .run(|db| {
                db.execute("INSERT INTO notes VALUES ('x')", [])?;
                Ok(())
            })
            .await
            .unwrap();
        store.close();
        assert!(store.run(|_| Ok(())).await.is_err());
        assert_eq!(count(&Store::open(&path, &[SCHEMA]).unwrap()).await, 1);
    }

    #[tokio::test]
    async fn a_panicking_job_leaves_the_store_usable() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("a.db"), &[SCHEMA]).unwrap();
        let refused = store.run::<(), _>(|_| panic!("boom")).await;
        assert_eq!(refused.unwrap_err().kind, "general_unknown");
        assert_eq!(count(&store).await, 0);
    }
}
