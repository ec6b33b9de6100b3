//! What is served of a deployment: files of a folder, or of its packed output, read into memory.
//!
//! A site without commands, as most are that agents write, is never unpacked to the disk: a dozen
//! small files take longer to make than all the rest of its build.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;

use super::archive::{self, Files};
use super::{FILES_FOLDER, OUTPUT_FILE};

/// Most bytes of a site that is served from memory, unpacked; larger ones are served from a folder.
pub(super) const READ_BYTES_MAX: u64 = 2_000_000;
/// Sites that are kept in memory; the oldest make room.
const KEPT_MAX: usize = 32;

/// Files that were read, by the id of their deployment.
#[derive(Debug, Default)]
pub(crate) struct Served {
    kept: Mutex<VecDeque<(String, Arc<Files>)>>,
}

impl Served {
    /// Keeps the files of a deployment.
    pub(super) fn keep(&self, deployment_id: &str, files: Arc<Files>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(id, _)| id != deployment_id);
        if kept.len() == KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back((deployment_id.to_owned(), files));
    }

    /// Forgets all: a deployment was deleted.
    pub(super) fn clear(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clear();
    }

    fn kept(&self, deployment_id: &str) -> Option<Arc<Files>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|(id, _)| id == deployment_id);
        found.map(|(_, files)| Arc::clone(files))
    }

    /// What is served of a deployment whose files are in `folder`. Blocks.
    pub(crate) fn output(&self, folder: &Path, deployment_id: &str) -> Output {
        if let Some(files) = self.kept(deployment_id) {
            return Output::Read(files);
        }
        let unpacked = folder.join(FILES_FOLDER);
        if unpacked.is_dir() {
            return Output::Folder(unpacked);
        }
        let packed = File::open(folder.join(OUTPUT_FILE)).ok();
        let read = packed.and_then(|packed| archive::read(packed, READ_BYTES_MAX).ok().flatten());
        match read.map(Arc::new) {
            Some(files) => {
                self.keep(deployment_id, Arc::clone(&files));
                Output::Read(files)
            }
            None => Output::Folder(unpacked),
        }
    }
}

/// Files by their paths, wherever they are.
#[derive(Debug)]
pub(crate) enum Output {
    /// In a folder, if that is there.
    Folder(PathBuf),
    /// In memory.
    Read(Arc<Files>),
}

impl Output {
    /// Whether there is such a file. Blocks.
    pub(crate) fn has(&self, path: &Path) -> bool {
        match self {
            Self::Folder(folder) => folder.join(path).is_file(),
            Self::Read(files) => files.contains_key(path),
        }
    }

    /// The bytes of a file. Blocks.
    pub(crate) fn read(&self, path: &Path) -> Option<Bytes> {
        match self {
            // Files only, so that a folder is never listed or read.
            Self::Folder(folder) => {
                let file = folder.join(path);
                let bytes = file.is_file().then(|| std::fs::read(&file).ok()).flatten();
                bytes.map(Bytes::from)
            }
            Self::Read(files) => files.get(path).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(content: &str) -> Files {
        let bytes = Bytes::copy_from_slice(content.as_bytes());
        [(PathBuf::from("index.html"), bytes)].into()
    }

    fn index(output: &Output) -> Option<Bytes> {
        let path = Path::new("index.html");
        assert_eq!(output.has(path), output.read(path).is_some());
        output.read(path)
    }

    #[test]
    fn files_are_found_in_memory_in_the_folder_or_in_the_packed_output() {
        let folder = tempfile::tempdir().unwrap();
        let served = Served::default();
        let look = || index(&served.output(folder.path(), "d1"));
        assert_eq!(look(), None);
        archive::pack_read(&files("packed"), &folder.path().join(OUTPUT_FILE)).unwrap();
        assert_eq!(look().unwrap(), "packed");
        // Once they were read, the disk is not asked again.
        std::fs::remove_file(folder.path().join(OUTPUT_FILE)).unwrap();
        assert_eq!(look().unwrap(), "packed");
        served.clear();
        assert_eq!(look(), None);
        std::fs::create_dir(folder.path().join(FILES_FOLDER)).unwrap();
        std::fs::write(folder.path().join(FILES_FOLDER).join("index.html"), "own").unwrap();
        assert_eq!(look().unwrap(), "own");
    }

    #[test]
    fn the_oldest_make_room() {
        let served = Served::default();
        for number in 0..=KEPT_MAX {
            served.keep(&number.to_string(), Arc::new(files("x")));
        }
        assert!(served.kept("0").is_none() && served.kept("1").is_some());
        served.keep("1", Arc::new(files("y")));
        served.keep("new", Arc::new(files("x")));
        assert!(served.kept("1").is_some() && served.kept("2").is_none());
    }
}
