//! How far something long has come, on the error stream, for people.

use std::io::Write as _;
use std::time::{Duration, Instant};

use shell::clock;

/// Pause between two lines.
const EVERY: Duration = Duration::from_secs(2);

/// Tells of something that takes long, now and then.
pub(super) struct Told {
    json: bool,
    last: Instant,
}

impl Told {
    /// Programs are told of the end alone.
    pub(super) fn new(json: bool) -> Self {
        Self {
            json,
            last: clock::monotonic(),
        }
    }

    /// What begins.
    pub(super) fn begin(&self, text: &str) {
        if !self.json {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        }
    }

    /// So many tasks are done.
    pub(super) fn count(&mut self, done: &str, tasks: u64) {
        if self.json || self.last.elapsed() < EVERY {
            return;
        }
        self.last = clock::monotonic();
        // Whoever does not read it can not be told.
        let _ = writeln!(std::io::stderr().lock(), "{done} {tasks} tasks so far");
    }
}
