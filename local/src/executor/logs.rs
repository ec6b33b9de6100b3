//! Log files: what one execution wrote, and the capped log of a process.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::libc;

/// Bytes of one log file of an execution that are read; the end is kept.
pub(crate) const LOG_FILE_BYTES_MAX: u64 = 5 * 1024 * 1024;
/// Characters of logs or of errors kept with an execution (Appwrite 1.9.6, measured).
pub(crate) const LOG_CHARS_MAX: usize = 1_000_000;
/// Bytes of a process log before it is set aside as `.1` and begun anew.
const PROCESS_LOG_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes at the end of a process's output that are kept for a failure to start.
const TAIL_BYTES_MAX: usize = 2_000;
/// Longest log id taken from a function's answer.
const LOG_ID_CHARS_MAX: usize = 64;

const LOGS_CUT: &str = "[WARNING] Logs truncated. The output exceeded 1000000 characters.\n";

/// Reads and deletes the two log files of an execution and returns (logs, errors).
///
/// `log_id` comes from the function's answer, so one that could name another file is ignored. A
/// file that is missing counts as empty.
pub(crate) fn collect(folder: &Path, log_id: &str) -> (String, String) {
    let plain = log_id.len() <= LOG_ID_CHARS_MAX
        && !log_id.is_empty()
        && log_id.chars().all(|c| c.is_ascii_alphanumeric());
    if !plain {
        return (String::new(), String::new());
    }
    let take = |kind: &str| {
        let path = folder.join(format!("{log_id}_{kind}.log"));
        let text = read_end(&path).unwrap_or_default();
        // Absent when the function logged nothing.
        let _ = fs::remove_file(&path);
        keep_end(&text)
    };
    (take("logs"), take("errors"))
}

fn read_end(path: &Path) -> io::Result<String> {
    // The folder is the function's to write: a link in it could lead to any file of ours.
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let length = metadata.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_FILE_BYTES_MAX)))?;
    let mut bytes = Vec::new();
    file.take(LOG_FILE_BYTES_MAX).read_to_end(&mut bytes)?;
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

    #[test]
    fn logs_are_read_once_and_deleted() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("abc1_logs.log"), "hello\n").unwrap();
        assert_eq!(
            collect(folder.path(), "abc1"),
            ("hello\n".to_owned(), String::new())
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_log_id_cannot_name_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("logs");
        fs::create_dir(&inner).unwrap();
        let outside = folder.path().join("x_logs.log");
        fs::write(&outside, "secret").unwrap();
        assert_eq!(collect(&inner, "../x"), (String::new(), String::new()));
        assert!(outside.exists());
    }

    #[test]
    fn a_link_instead_of_a_log_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("logs");
        fs::create_dir(&inner).unwrap();
        let outside = folder.path().join("secret");
        fs::write(&outside, "secret").unwrap();
        std::os::unix::fs::symlink(&outside, inner.join("abc1_logs.log")).unwrap();
        assert_eq!(collect(&inner, "abc1"), (String::new(), String::new()));
        assert!(outside.exists());
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
