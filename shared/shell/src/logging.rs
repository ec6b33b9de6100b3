//! The log of one execution.
//!
//! Appwrite shows two texts per execution, logs and errors, which it takes from two files; on Lambda
//! the lines go to standard error. Every line passes redaction before it is cut. Progress that must
//! survive a crash belongs in rows: the files of a killed container are lost.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::redaction::Redactor;

/// A longer message is cut, and [`CUT_SUFFIX`] added (Open Runtimes v5).
pub const MESSAGE_CHARS_MAX: usize = 8_000;
/// What a cut message ends with (Open Runtimes v5).
pub const CUT_SUFFIX: &str = "... Log truncated due to size limit (8000 characters)";
/// The executor takes no more than this of each file; further lines are dropped.
const FILE_BYTES_MAX: u64 = 5 * 1024 * 1024;

/// Which of the two texts a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Ordinary progress.
    Info,
    /// Something a person should look at.
    Error,
}

/// The log of one execution. Clones share the same sink; lines after its end are dropped.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
}

struct Shared {
    id: String,
    redactor: Redactor,
    sink: Mutex<Sink>,
}

enum Sink {
    Off,
    Files { logs: LogFile, errors: LogFile },
    Stderr,
    Memory(Vec<(Level, String)>),
}

struct LogFile {
    file: File,
    bytes_left: u64,
}

impl Log {
    /// Returns a log that drops every line: logging is disabled for the execution.
    pub fn off(redactor: Redactor) -> Self {
        Self::new(String::new(), redactor, Sink::Off)
    }

    /// Returns a log that keeps its lines for [`Log::lines`].
    pub fn in_memory(redactor: Redactor) -> Self {
        Self::new(String::new(), redactor, Sink::Memory(Vec::new()))
    }

    /// Opens `<id>_logs.log` and `<id>_errors.log` in `folder` for appending.
    ///
    /// # Errors
    /// When the folder or a file cannot be opened.
    pub(crate) fn to_files(folder: &Path, id: String, redactor: Redactor) -> io::Result<Self> {
        let logs = LogFile::open(folder, &id, "logs")?;
        let errors = LogFile::open(folder, &id, "errors")?;
        Ok(Self::new(id, redactor, Sink::Files { logs, errors }))
    }

    /// Returns a log whose lines go to standard error with the id in front.
    pub(crate) fn to_stderr(id: String, redactor: Redactor) -> Self {
        Self::new(id, redactor, Sink::Stderr)
    }

    fn new(id: String, redactor: Redactor, sink: Sink) -> Self {
        Self {
            shared: Arc::new(Shared {
                id,
                redactor,
                sink: Mutex::new(sink),
            }),
        }
    }

    /// The host's id of this log; empty when there is none to look up.
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// Knows the settings' secrets and those of this execution.
    pub fn redactor(&self) -> &Redactor {
        &self.shared.redactor
    }

    /// Writes an ordinary line. Never fails: a full disk must not end an execution.
    pub fn info(&self, message: &str) {
        self.write(Level::Info, message);
    }

    /// Writes a line of the errors text. Never fails.
    pub fn error(&self, message: &str) {
        self.write(Level::Error, message);
    }

    /// Lines so far, redacted and cut; empty unless the log is [in memory](Log::in_memory).
    pub fn lines(&self) -> Vec<(Level, String)> {
        match &*self.sink() {
            Sink::Memory(lines) => lines.clone(),
            Sink::Off | Sink::Files { .. } | Sink::Stderr => Vec::new(),
        }
    }

    /// Closes the files. The executor reads and deletes them as soon as it has the response's
    /// headers, so nothing may be written after that, not even by a clone that is still about.
    pub(crate) fn close(&self) {
        let mut sink = self.sink();
        match &*sink {
            Sink::Files { .. } | Sink::Stderr => *sink = Sink::Off,
            Sink::Off | Sink::Memory(_) => {}
        }
    }

    fn write(&self, level: Level, message: &str) {
        let clean = self.shared.redactor.clean(message);
        let line = cut(&clean);
        match (&mut *self.sink(), level) {
            (Sink::Off, _) => {}
            (Sink::Files { logs, .. }, Level::Info) => logs.append(&line),
            (Sink::Files { errors, .. }, Level::Error) => errors.append(&line),
            (Sink::Stderr, level) => to_stderr(&format!("{level:?} {} {line}", self.shared.id)),
            (Sink::Memory(lines), level) => lines.push((level, line)),
        }
    }

    fn sink(&self) -> MutexGuard<'_, Sink> {
        self.shared
            .sink
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogFile {
    fn open(folder: &Path, id: &str, kind: &str) -> io::Result<Self> {
        let path = folder.join(format!("{id}_{kind}.log"));
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self {
            file,
            bytes_left: FILE_BYTES_MAX,
        })
    }

    /// Unbuffered, so that closing leaves nothing to flush; a line is one short write to a local
    /// file, which is not worth a blocking thread.
    fn append(&mut self, line: &str) {
        let line = format!("{line}\n");
        let bytes = line.len() as u64;
        if bytes <= self.bytes_left && self.file.write_all(line.as_bytes()).is_ok() {
            self.bytes_left -= bytes;
        } else {
            self.bytes_left = 0;
        }
    }
}

/// Writes a line for whoever runs the process. The text must be redacted already.
pub(crate) fn to_stderr(line: &str) {
    // A closed standard error is no reason to stop serving.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

fn cut(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}{CUT_SUFFIX}", &message[..end]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{CUT_SUFFIX, FILE_BYTES_MAX, Level, Log, MESSAGE_CHARS_MAX};
    use crate::redaction::Redactor;

    #[test]
    fn lines_and_errors_go_to_their_own_files() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::to_files(folder.path(), "abc".into(), Redactor::default()).unwrap();
        log.info("one");
        log.clone().info("two");
        log.error("three");
        log.close();
        log.info("late");
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("abc_logs.log"), "one\ntwo\n");
        assert_eq!(read("abc_errors.log"), "three\n");
    }

    #[test]
    fn every_line_is_redacted_before_it_is_cut() {
        let secret = "a-secret-value";
        let log = Log::in_memory(Redactor::new([secret]));
        let padding = "x".repeat(MESSAGE_CHARS_MAX - 4);
        log.error(&format!("{padding}{secret}"));
        let expected = format!("{padding}[red{CUT_SUFFIX}");
        assert_eq!(log.lines(), [(Level::Error, expected)]);
    }

    #[test]
    fn message_at_the_limit_is_not_cut() {
        let log = Log::in_memory(Redactor::default());
        let message = "ä".repeat(MESSAGE_CHARS_MAX);
        log.info(&message);
        assert_eq!(log.lines(), [(Level::Info, message)]);
    }

    #[test]
    fn file_never_exceeds_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::to_files(folder.path(), "big".into(), Redactor::default()).unwrap();
        let line = "z".repeat(MESSAGE_CHARS_MAX);
        let lines = usize::try_from(FILE_BYTES_MAX).unwrap() / line.len() + 10;
        for _ in 0..lines {
            log.info(&line);
        }
        let bytes = std::fs::metadata(folder.path().join("big_logs.log"))
            .unwrap()
            .len();
        assert!(
            bytes <= FILE_BYTES_MAX && bytes > FILE_BYTES_MAX - 10_000,
            "{bytes}"
        );
    }
}
