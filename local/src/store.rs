//! The store: one SQLite file in WAL mode with one writer and a few readers.
//!
//! Every write is a closure sent to the writer's thread. The closures that wait
//! together become one SQLite transaction, each in a savepoint of its own, so
//! that a hundred of them cost one commit. Nobody is answered and no event is
//! published before that commit: what was answered survives a kill of the
//! process. Closures that only read can go to the readers, which see the last
//! commit, and so all that was answered before.

mod group;
mod worker;

use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, Savepoint};
use tokio::sync::oneshot;

use crate::error::ApiError;
use group::Done;
use worker::Worker;

/// How long SQLite waits for a lock held by another process (a backup, a shell).
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Prepared statements kept by each connection.
const STATEMENTS_MAX: usize = 256;

/// Connections that only read.
const READERS: usize = 2;

/// Pages of the log after which it is written back into the file.
const CHECKPOINT_PAGES: u32 = 4_096;
/// Bytes of the log for one page: the page, and what stands in front of it.
const FRAME_BYTES: u64 = 4_096 + 24;

/// When a commit counts as written. Either way it survives a kill of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// Once the disk has it: survives a power cut too, and waits for the disk.
    Full,
    /// Once the operating system has it: a power cut may undo the last seconds,
    /// and never leaves a broken database.
    #[default]
    Normal,
}

impl Durability {
    /// The word that is read back.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Normal => "normal",
        }
    }
}

impl FromStr for Durability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "full" => Ok(Self::Full),
            "normal" => Ok(Self::Normal),
            other => Err(format!("`{other}` is neither `full` nor `normal`")),
        }
    }
}

/// The transaction that a closure opens inside its own: undone when dropped,
/// kept by `commit` until the closure's end decides.
pub type Transaction<'a> = Savepoint<'a>;

/// The connection of the writer, as a closure sees it.
pub struct Writer {
    connection: Connection,
    after_commit: Vec<Box<dyn FnOnce() + Send>>,
}

impl std::ops::Deref for Writer {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Writer {
    /// Opens a part that can be undone alone.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn transaction(&mut self) -> rusqlite::Result<Transaction<'_>> {
        self.connection.savepoint()
    }

    /// Does `work` once what this closure wrote is committed, in the order of
    /// the calls and before the closure's caller is answered; not at all when it
    /// is undone. It runs on the writer's thread: it must be quick and not block.
    pub fn after_commit(&mut self, work: impl FnOnce() + Send + 'static) {
        self.after_commit.push(Box::new(work));
    }
}

/// A handle to the database; clones share it.
#[derive(Clone)]
pub struct Store {
    writer: Arc<Worker<group::Job>>,
    readers: Arc<Worker<ReadJob>>,
}

type ReadJob = Box<dyn FnOnce(&Connection) + Send>;

impl Store {
    /// Opens or creates the file and runs `migrations` (statements that may be
    /// repeated: `CREATE TABLE IF NOT EXISTS …`).
    ///
    /// # Errors
    /// The file cannot be opened, is not a database, or a migration fails; not
    /// worth a retry.
    pub fn open(path: &Path, durability: Durability, migrations: &[&str]) -> anyhow::Result<Self> {
        let connection = connect(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let synchronous = match durability {
            Durability::Full => "FULL",
            Durability::Normal => "NORMAL",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        for migration in migrations {
            connection
                .execute_batch(migration)
                .context("could not prepare the database")?;
        }
        if durability == Durability::Full {
            reserve_log(path).context("could not reserve the database's log")?;
        }
        let writer = Writer {
            connection,
            after_commit: Vec::new(),
        };
        let writer = Worker::start("store", [writer], |mut writer, queue| {
            group::run(&mut writer, &queue);
        })?;
        let mut readers = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let reader = connect(path)?;
            reader.pragma_update(None, "query_only", "ON")?;
            readers.push(reader);
        }
        let readers = Worker::start(
            "store reader",
            readers,
            |reader, queue: worker::Queue<ReadJob>| {
                while let Some(job) = queue.next() {
                    job(&reader);
                }
            },
        )?;
        Ok(Self {
            writer: Arc::new(writer),
            readers: Arc::new(readers),
        })
    }

    /// Runs `work` on the writer's thread, commits what it wrote and returns its
    /// result. An error or a panic undoes all that it wrote and nothing else.
    ///
    /// Once sent, the work runs to its end even when the caller is dropped. A
    /// panic inside it is answered as 500 and the store lives on.
    ///
    /// # Errors
    /// Those of `work`; 500 `general_unknown` when the commit fails or the store
    /// is closed.
    pub async fn run<T, F>(&self, work: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Writer) -> Result<T, ApiError> + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        let job: group::Job = Box::new(move |writer| {
            let outcome = guarded(|| work(writer));
            Done {
                keep: outcome.is_ok(),
                after_commit: std::mem::take(&mut writer.after_commit),
                answer: Box::new(move |committed| {
                    let _ = answer.send(committed.and(outcome));
                }),
            }
        });
        self.writer.send(job)?;
        result.await.map_err(|_| dropped())?
    }

    /// Runs `work`, which only reads, on a connection that sees one commit: the
    /// last one, or a later one than any that was answered before this call.
    ///
    /// # Errors
    /// Those of `work`, a write among them; 500 when the store is closed.
    pub async fn read<T, F>(&self, work: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, ApiError> + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        let job: ReadJob = Box::new(move |reader| {
            let outcome = guarded(|| {
                let snapshot = reader.unchecked_transaction()?;
                work(&snapshot)
            });
            let _ = answer.send(outcome);
        });
        self.readers.send(job)?;
        result.await.map_err(|_| dropped())?
    }

    /// Finishes the jobs already sent and closes the file. Later jobs are
    /// refused. Safe to repeat. Blocks for the time the queued jobs take.
    pub fn close(&self) {
        // The last connection to close writes the log back, which a reader may not.
        self.readers.close();
        self.writer.close();
    }
}

fn connect(path: &Path) -> anyhow::Result<Connection> {
    let connection = Connection::open(path)
        .with_context(|| format!("could not open the database `{}`", path.display()))?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // A plan follows from the statement alone. Where it may follow from a limit or another bound
    // value too, SQLite prepares the statement anew whenever that value is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Savepoints keep what they undo here; a file of their own would be slower.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

/// Gives the log the length that it comes to have, before anything else writes to it: a commit that
/// writes over what is there waits for its own bytes alone, one that lengthens the file for what the
/// file system notes of it, too. What stands behind the last commit is no part of the log: SQLite
/// leaves older pages there itself, and knows its own by their checksums.
fn reserve_log(database: &Path) -> std::io::Result<()> {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    let mut log = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(name)?;
    let missing = (u64::from(CHECKPOINT_PAGES) * FRAME_BYTES).saturating_sub(log.metadata()?.len());
    std::io::copy(&mut std::io::repeat(0).take(missing), &mut log)?;
    log.sync_data()
}

fn guarded<T>(work: impl FnOnce() -> Result<T, ApiError>) -> Result<T, ApiError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(ApiError::internal(&"a store job panicked")))
}

fn dropped() -> ApiError {
    ApiError::internal(&"the store dropped a job")
}

#[cfg(test)]
#[path = "store/tests.rs"]
mod tests;
