//! The log of one execution.
//!
//! A line is a message and fields. Appwrite shows two texts per execution, logs and errors, which
//! it takes from two files: there a line is text, with the fields behind the message. On Lambda the
//! lines go to standard error as JSON. Message and fields pass redaction before they are cut.
//! Progress that must survive a crash belongs in rows: the files of a killed container are lost.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock;
use crate::redaction::Redactor;

mod line;

pub use line::{CUT_SUFFIX, FIELD_CHARS_MAX, Field, FieldValue, MESSAGE_CHARS_MAX};

/// The executor takes no more than this of each file; further lines are dropped.
const FILE_BYTES_MAX: u64 = 5 * 1024 * 1024;
/// Lines of a file that are held back, so that most executions write it once.
const HELD_BYTES_MAX: usize = 64 * 1024;

/// Which of the two texts a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Ordinary progress.
    Info,
    /// Something a person should look at.
    Error,
}

impl Level {
    /// The word for it in JSON, which Lambda filters by.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Error => "ERROR",
        }
    }
}

/// The log of one execution. Clones share the same sink; lines after its end are dropped.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
}

struct Shared {
    id: String,
    redactor: Redactor,
    context: Mutex<Vec<Field>>,
    sink: Mutex<Sink>,
}

enum Sink {
    Off,
    Files { logs: LogFile, errors: LogFile },
    Stderr,
    Memory(Vec<(Level, String)>),
}

/// A file that is made when there is something to write to it: the executor takes one that is
/// missing for an empty one, and reads neither before the execution's answer.
struct LogFile {
    path: PathBuf,
    held: String,
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

    /// Returns a log that writes `<id>_logs.log` and `<id>_errors.log` in `folder`, as far as
    /// there are lines. Where they can not be written, the execution runs without.
    pub(crate) fn to_files(folder: &Path, id: String, redactor: Redactor) -> Self {
        let logs = LogFile::new(folder, &id, "logs");
        let errors = LogFile::new(folder, &id, "errors");
        Self::new(id, redactor, Sink::Files { logs, errors })
    }

    /// Returns a log whose lines go to standard error as JSON, with the id in each.
    pub(crate) fn to_stderr(id: String, redactor: Redactor) -> Self {
        Self::new(id, redactor, Sink::Stderr)
    }

    fn new(id: String, redactor: Redactor, sink: Sink) -> Self {
        Self {
            shared: Arc::new(Shared {
                id,
                redactor,
                context: Mutex::default(),
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

    /// From now on these fields tell what the lines are about. They are in every line of JSON and
    /// in every line of the errors text; in the other one, where they would be in the way of who
    /// reads it, only in lines of [`Log::frame`]. They are redacted here, once.
    pub fn know(&self, fields: impl IntoIterator<Item = Field>) {
        let mut context = self.context();
        for (name, mut value) in fields {
            self.clean(&mut value);
            context.retain(|(known, _)| *known != name);
            context.push((name, value));
        }
    }

    /// Writes an ordinary line. Never fails: a full disk must not end an execution.
    pub fn info(&self, message: &str) {
        self.line(Level::Info, message, Vec::new());
    }

    /// Writes a line of the errors text. Never fails.
    pub fn error(&self, message: &str) {
        self.line(Level::Error, message, Vec::new());
    }

    /// Writes a line with fields. Never fails.
    pub fn line(&self, level: Level, message: &str, fields: Vec<Field>) {
        self.write(level, message, fields, level == Level::Error);
    }

    /// Writes an ordinary line that tells what the others are about. Never fails.
    pub fn frame(&self, message: &str, fields: Vec<Field>) {
        self.write(Level::Info, message, fields, true);
    }

    /// Lines so far, redacted and cut; empty unless the log is [in memory](Log::in_memory).
    pub fn lines(&self) -> Vec<(Level, String)> {
        match &*self.sink() {
            Sink::Memory(lines) => lines.clone(),
            Sink::Off | Sink::Files { .. } | Sink::Stderr => Vec::new(),
        }
    }

    /// Ends the files. The executor reads and deletes them as soon as it has the response's
    /// headers, so nothing may be written after that, not even by a clone that is still about.
    pub(crate) fn close(&self) {
        let mut sink = self.sink();
        match &mut *sink {
            Sink::Files { logs, errors } => {
                logs.flush();
                errors.flush();
                *sink = Sink::Off;
            }
            Sink::Stderr => *sink = Sink::Off,
            Sink::Off | Sink::Memory(_) => {}
        }
    }

    fn write(&self, level: Level, message: &str, mut fields: Vec<Field>, has_context: bool) {
        let mut sink = self.sink();
        let has_context = match &*sink {
            Sink::Off => return,
            Sink::Stderr => true,
            Sink::Files { .. } | Sink::Memory(_) => has_context,
        };
        for (_, value) in &mut fields {
            self.clean(value);
        }
        if has_context {
            fields.extend(self.context().iter().cloned());
        }
        let message = self.shared.redactor.clean(message);
        let line = || line::logfmt(&message, &fields);
        match (&mut *sink, level) {
            (Sink::Off, _) => {}
            (Sink::Files { logs, .. }, Level::Info) => logs.append(&line()),
            (Sink::Files { errors, .. }, Level::Error) => errors.append(&line()),
            (Sink::Stderr, level) => {
                fields.push(("request_id", self.shared.id.as_str().into()));
                let time = clock::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
                to_stderr(&line::json(time, level, &message, &fields));
            }
            (Sink::Memory(lines), level) => {
                let line = line();
                lines.push((level, line));
            }
        }
    }

    fn clean(&self, value: &mut FieldValue) {
        if let FieldValue::Text(text) = value
            && let Cow::Owned(clean) = self.shared.redactor.clean(text)
        {
            *text = clean;
        }
    }

    fn sink(&self) -> MutexGuard<'_, Sink> {
        let sink = self.shared.sink.lock();
        sink.unwrap_or_else(PoisonError::into_inner)
    }

    fn context(&self) -> MutexGuard<'_, Vec<Field>> {
        let context = self.shared.context.lock();
        context.unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogFile {
    fn new(folder: &Path, id: &str, kind: &str) -> Self {
        Self {
            path: folder.join(format!("{id}_{kind}.log")),
            held: String::new(),
            bytes_left: FILE_BYTES_MAX,
        }
    }

    fn append(&mut self, line: &str) {
        let bytes = line.len() as u64 + 1;
        if bytes > self.bytes_left {
            self.bytes_left = 0;
            return;
        }
        self.bytes_left -= bytes;
        self.held.push_str(line);
        self.held.push('\n');
        if self.held.len() > HELD_BYTES_MAX {
            self.flush();
        }
    }

    /// One short write to a local file, which is not worth a blocking thread.
    fn flush(&mut self) {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return;
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path);
        if let Err(error) = file.and_then(|mut file| file.write_all(held.as_bytes())) {
            self.bytes_left = 0;
            let path = self.path.display();
            to_stderr(&format!("could not write the log file `{path}`: {error}"));
        }
    }
}

/// Writes a line for whoever runs the process. The text must be redacted already.
pub(crate) fn to_stderr(line: &str) {
    // A closed standard error is no reason to stop serving.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::{CUT_SUFFIX, FIELD_CHARS_MAX, FILE_BYTES_MAX, Level, Log, MESSAGE_CHARS_MAX};
    use crate::redaction::Redactor;

    #[test]
    fn lines_and_errors_go_to_their_own_files() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::to_files(folder.path(), "abc".into(), Redactor::default());
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
    fn every_field_is_redacted_before_it_is_cut() {
        let secret = "a-secret-value";
        let log = Log::in_memory(Redactor::new([secret]));
        let field = format!("{}{secret}", "x".repeat(FIELD_CHARS_MAX - 4));
        log.line(Level::Info, "m", vec![("f", field.into())]);
        let expected = format!("m f={}[red", "x".repeat(FIELD_CHARS_MAX - 4));
        assert_eq!(log.lines(), [(Level::Info, expected)]);
    }

    #[test]
    fn what_lines_are_about_stands_in_frames_and_errors() {
        let log = Log::in_memory(Redactor::new(["a-secret-value"]));
        log.know([("task", "t1".into())]);
        log.know([("task", "t2".into()), ("stage", "plan".into())]);
        log.know([("unit", "a-secret-value".into())]);
        log.frame("began", vec![("attempt", 1_u32.into())]);
        log.info("between");
        log.error("broke");
        let lines: Vec<_> = log.lines().into_iter().map(|(_, line)| line).collect();
        assert_eq!(
            lines,
            [
                "began attempt=1 task=t2 stage=plan unit=[redacted]",
                "between",
                "broke task=t2 stage=plan unit=[redacted]"
            ]
        );
    }

    #[test]
    fn an_execution_without_lines_makes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::to_files(folder.path(), "abc".into(), Redactor::default());
        log.info("one");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        log.close();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn file_never_exceeds_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::to_files(folder.path(), "big".into(), Redactor::default());
        let line = "z".repeat(MESSAGE_CHARS_MAX);
        let lines = usize::try_from(FILE_BYTES_MAX).unwrap() / line.len() + 10;
        for _ in 0..lines {
            log.info(&line);
        }
        log.close();
        let bytes = std::fs::metadata(folder.path().join("big_logs.log"))
            .unwrap()
            .len();
        assert!(
            bytes <= FILE_BYTES_MAX && bytes > FILE_BYTES_MAX - 10_000,
            "{bytes}"
        );
    }
}
