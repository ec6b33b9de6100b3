//! Log files: what one execution wrote, and the capped log of a process.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::libc;

/// Bytes of one log file of an execution that are read; the end is kept.
pub(crate) const LOG_FILE_BYTES_MAX: u64 = 5 * 1024 * 1024;
/// Where a function's executions write, below the function's own folder.
pub(super) const LOGS_FOLDER: &str = "logs";
/// Characters of logs or of errors kept with an execution (Appwrite 1.9.6, measured).
pub(crate) const LOG_CHARS_MAX: usize = 1_000_000;
/// Bytes of a process log before it is set aside as `.1` and begun anew.
const PROCESS_LOG_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes at the end of a process's output that are kept for a failure to start.
const TAIL_BYTES_MAX: usize = 2_000;
/// Longest log id taken from a function's answer.
const LOG_ID_CHARS_MAX: usize = 64;

const LOGS_CUT: &str = "[WARNING] Logs truncated. The output exceeded 1000000 characters.\n";

/// The log files of one process. Its executions use them one after another: to make and to remove
/// files takes longer than all that is written into them.
#[derive(Debug)]
pub(super) struct LogFiles {
    folder: PathBuf,
    /// Begins the ids of this process.
    prefix: String,
    ids: Mutex<Ids>,
}

#[derive(Debug, Default)]
struct Ids {
    unused: Vec<u32>,
    made: u32,
}

/// Names the log files of one execution. One that is dropped is never used again, because the
/// execution may still write: only [`LogFiles::collect`] gives it back.
#[derive(Debug)]
pub(super) struct LogId(u32);

impl LogFiles {
    /// The files in `folder` whose names begin with `prefix`, of which there is none yet.
    pub(super) fn new(folder: PathBuf, prefix: String) -> Self {
        Self {
            folder,
            prefix,
            ids: Mutex::default(),
        }
    }

    /// An id that no execution uses.
    pub(super) fn take(&self) -> LogId {
        let mut ids = self.lock();
        LogId(ids.unused.pop().unwrap_or_else(|| {
            ids.made += 1;
            ids.made
        }))
    }

    /// The id as it is sent and as it names files.
    pub(super) fn text(&self, id: &LogId) -> String {
        format!("{}n{}", self.prefix, id.0)
    }

    /// What an execution that has ended logged and what it logged as errors. It was asked to use
    /// `own`; the id that it `answered` counts.
    ///
    /// `answered` comes from the function, so one that could name another file is ignored. A file
    /// that is missing counts as empty.
    pub(super) fn collect(&self, own: LogId, answered: &str) -> (String, String) {
        let is_own = answered == self.text(&own);
        let plain = answered.len() <= LOG_ID_CHARS_MAX
            && !answered.is_empty()
            && answered.chars().all(|c| c.is_ascii_alphanumeric());
        if !plain {
            // Nothing was used where there is no id.
            if answered.is_empty() {
                self.lock().unused.push(own.0);
            }
            return (String::new(), String::new());
        }
        let take = |kind: &str| {
            let path = self.path(answered, kind);
            let taken = read_end(&path, is_own);
            if !is_own {
                // Absent when the function logged nothing.
                let _ = fs::remove_file(&path);
            }
            taken
        };
        let (logs, errors) = (take("logs"), take("errors"));
        if is_own && [&logs, &errors].iter().all(|taken| is_left_empty(taken)) {
            self.lock().unused.push(own.0);
        }
        let text = |taken: io::Result<String>| keep_end(&taken.unwrap_or_default());
        (text(logs), text(errors))
    }

    /// Removes the files of a process that is gone.
    pub(super) fn remove(&self) {
        let made = self.lock().made;
        for id in (1..=made).map(|number| self.text(&LogId(number))) {
            for kind in ["logs", "errors"] {
                // Absent when nobody used it.
                let _ = fs::remove_file(self.path(&id, kind));
            }
        }
    }

    fn path(&self, id: &str, kind: &str) -> PathBuf {
        self.folder.join(format!("{id}_{kind}.log"))
    }

    fn lock(&self) -> MutexGuard<'_, Ids> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes what executions left in the folders of functions when the platform was killed.
pub(crate) fn forget(functions: &Path) {
    // Absent before the first start.
    let folders = fs::read_dir(functions).into_iter().flatten();
    for folder in folders.flatten() {
        // Absent where a function was never started.
        let _ = fs::remove_dir_all(folder.path().join(LOGS_FOLDER));
    }
}

fn is_left_empty(taken: &io::Result<String>) -> bool {
    match taken {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Reads a file, and leaves it empty where it is used again.
fn read_end(path: &Path, again: bool) -> io::Result<String> {
    // The folder is the function's to write: a link in it could lead to any file of ours.
    let mut file = OpenOptions::new()
        .read(true)
        .write(again)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    let metadata = file.metadata()?;
    // A second name would make it a file of others that is emptied.
    if !metadata.is_file() || metadata.nlink() > 1 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let length = metadata.len();
    if length == 0 {
        return Ok(String::new());
    }
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_FILE_BYTES_MAX)))?;
    let mut bytes = Vec::new();
    (&mut file)
        .take(LOG_FILE_BYTES_MAX)
        .read_to_end(&mut bytes)?;
    if again {
        file.set_len(0)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Keeps the last [`LOG_CHARS_MAX`] characters; a cut text begins with a warning that counts too.
pub(crate) fn keep_end(text: &str) -> String {
    let length = text.chars().count();
    if length <= LOG_CHARS_MAX {
        return text.to_owned();
    }
    let keep = LOG_CHARS_MAX - LOGS_CUT.chars().count();
    let mut cut = LOGS_CUT.to_owned();
    cut.extend(text.chars().skip(length - keep));
    cut
}

/// The log of a function's process: both of its streams, in one file of bounded size.
#[derive(Debug)]
pub(crate) struct ProcessLog {
    path: PathBuf,
    file: Option<File>,
    written: u64,
    tail: Vec<u8>,
}

impl ProcessLog {
    /// Begins a log at `path`; the log of the process before is kept beside it as `.1`.
    pub(crate) fn begin(path: PathBuf) -> Self {
        let mut log = Self {
            path,
            file: None,
            written: 0,
            tail: Vec::new(),
        };
        log.turn();
        log
    }

    /// Adds output. A full disk silences the log, never the function.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        if self.written.saturating_add(bytes.len() as u64) > PROCESS_LOG_BYTES_MAX {
            self.turn();
        }
        if let Some(file) = &mut self.file {
            match file.write_all(bytes) {
                Ok(()) => self.written += bytes.len() as u64,
                Err(_) => self.file = None,
            }
        }
        self.tail.extend_from_slice(bytes);
        let surplus = self.tail.len().saturating_sub(TAIL_BYTES_MAX);
        self.tail.drain(..surplus);
    }

    /// The end of what was written.
    pub(crate) fn tail(&self) -> String {
        String::from_utf8_lossy(&self.tail).trim().to_owned()
    }

    fn turn(&mut self) {
        self.file = None;
        self.written = 0;
        // Absent on the very first start.
        let _ = fs::rename(&self.path, self.path.with_extension("log.1"));
        self.file = File::create(&self.path).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: (String, String) = (String::new(), String::new());

    fn files(folder: &Path) -> LogFiles {
        LogFiles::new(folder.to_owned(), "p1".to_owned())
    }

    fn write(files: &LogFiles, id: &str, kind: &str, text: &str) {
        let mut options = OpenOptions::new();
        let path = files.path(id, kind);
        let file = options.create(true).append(true).open(path);
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn files_are_used_again_once_they_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        for text in ["hello\n", "bye\n"] {
            let id = files.take();
            let name = files.text(&id);
            assert_eq!(name, "p1n1");
            write(&files, &name, "logs", text);
            let read = files.collect(id, &name);
            assert_eq!(read, (text.to_owned(), String::new()));
        }
        files.remove();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn files_of_an_execution_that_may_still_write_are_not_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        let _ = files.take();
        assert_eq!(files.text(&files.take()), "p1n2");
    }

    #[test]
    fn files_of_an_id_that_the_function_chose_are_read_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        write(&files, "abc1", "errors", "hello\n");
        let read = files.collect(files.take(), "abc1");
        assert_eq!(read, (String::new(), "hello\n".to_owned()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_log_id_cannot_name_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("logs");
        fs::create_dir(&inner).unwrap();
        let outside = folder.path().join("x_logs.log");
        fs::write(&outside, "secret").unwrap();
        let files = files(&inner);
        assert_eq!(files.collect(files.take(), "../x"), NOTHING);
        assert!(outside.exists());
    }

    #[test]
    fn a_link_instead_of_a_log_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("logs");
        fs::create_dir(&inner).unwrap();
        let outside = folder.path().join("secret");
        fs::write(&outside, "secret").unwrap();
        let files = files(&inner);
        let id = files.take();
        let name = files.text(&id);
        std::os::unix::fs::symlink(&outside, files.path(&name, "logs")).unwrap();
        fs::hard_link(&outside, files.path(&name, "errors")).unwrap();
        assert_eq!(files.collect(id, &name), NOTHING);
        assert_eq!(fs::read(&outside).unwrap(), b"secret");
        assert_eq!(files.text(&files.take()), "p1n2");
    }

    #[test]
    fn long_logs_keep_their_end() {
        let text = format!("{}end", "l".repeat(LOG_CHARS_MAX));
        let kept = keep_end(&text);
        assert_eq!(kept.chars().count(), LOG_CHARS_MAX);
        assert!(kept.starts_with("[WARNING] Logs truncated.") && kept.ends_with("lend"));
        let exact = "l".repeat(LOG_CHARS_MAX);
        assert_eq!(keep_end(&exact), exact);
    }

    #[test]
    fn a_process_log_stays_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("process.log");
        let mut log = ProcessLog::begin(path.clone());
        let block = vec![b'x'; 1_000_000];
        for _ in 0..9 {
            log.add(&block);
        }
        log.add(b"last words\n");
        assert!(fs::metadata(&path).unwrap().len() <= PROCESS_LOG_BYTES_MAX);
        assert!(log.tail().ends_with("last words"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
