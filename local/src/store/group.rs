//! Group commit: what waits together is written together.

use std::time::{Duration, Instant};

use super::worker::Queue;
use super::{Writer, guarded};
use crate::error::ApiError;

/// Jobs of one commit at most.
const JOBS_MAX: usize = 256;

/// How long a group takes up further jobs, so that its first is not kept waiting.
const GATHERING_MAX: Duration = Duration::from_millis(10);

/// A closure sent to the writer.
pub(super) type Job = Box<dyn FnOnce(&mut Writer) -> Done + Send>;

/// A closure that has run and waits for the commit.
pub(super) struct Done {
    /// Whether what it wrote is kept.
    pub(super) keep: bool,
    /// What it left to be done after the commit.
    pub(super) after_commit: Vec<Box<dyn FnOnce() + Send>>,
    /// Answers the caller, with the error of the commit where that failed.
    pub(super) answer: Box<dyn FnOnce(Result<(), ApiError>) + Send>,
}

impl Done {
    fn end(self, committed: Result<(), ApiError>) {
        if self.keep && committed.is_ok() {
            for work in self.after_commit {
                // Logged by `guarded`; the row is there whatever became of its event.
                let _ = guarded(|| {
                    work();
                    Ok(())
                });
            }
        }
        (self.answer)(committed);
    }
}

/// Runs jobs until the queue is closed.
pub(super) fn run(writer: &mut Writer, queue: &Queue<Job>) {
    while let Some(first) = queue.next() {
        let mut done = Vec::new();
        let committed = gather(writer, queue, first, &mut done)
            .and_then(|()| execute(writer, "COMMIT"))
            .map_err(|error| {
                // SQLite has undone everything by itself where the disk failed.
                let _ = writer.execute_batch("ROLLBACK");
                ApiError::from(error)
            });
        for job in done {
            job.end(committed.clone());
        }
    }
}

/// Opens a transaction and runs `first` and what else waits, in order. A job
/// that could not be run is dropped, which its caller is told.
fn gather(
    writer: &mut Writer,
    queue: &Queue<Job>,
    first: Job,
    done: &mut Vec<Done>,
) -> rusqlite::Result<()> {
    execute(writer, "BEGIN IMMEDIATE")?;
    let until = Instant::now() + GATHERING_MAX;
    let mut next = Some(first);
    while let Some(job) = next {
        execute(writer, "SAVEPOINT job")?;
        let finished = job(writer);
        let keep = finished.keep;
        done.push(finished);
        if !keep {
            execute(writer, "ROLLBACK TO job")?;
        }
        execute(writer, "RELEASE job")?;
        let full = done.len() >= JOBS_MAX || Instant::now() >= until;
        next = if full { None } else { queue.ready() };
    }
    Ok(())
}

fn execute(writer: &Writer, sql: &str) -> rusqlite::Result<()> {
    writer.prepare_cached(sql)?.execute([]).map(drop)
}
