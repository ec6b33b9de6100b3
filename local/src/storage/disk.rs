//! The bytes of files below the data folder: one folder a bucket, one file for content, and one
//! for each chunk as long as others are missing. Everything here blocks.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::error::ApiError;

/// Ending of a file that is being written.
const UNFINISHED: &str = ".tmp";

/// Folder of all buckets' folders.
pub(super) fn root(data_dir: &Path) -> PathBuf {
    data_dir.join("storage")
}

/// Runs blocking work beside the server's own threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ApiError::internal(&error))?
        .map_err(|error| ApiError::internal(&error))
}

/// Writes a file as a whole or not at all; it is on disk when this returns.
pub(super) fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!("{name}{UNFINISHED}"));
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, folder.join(name))?;
    File::open(folder)?.sync_all()
}

/// Name of a chunk's file.
pub(super) fn chunk_name(blob: &str, start: u64) -> String {
    format!("{blob}.{start}")
}

/// Reads all chunks of a file, which cover it, as its content.
pub(super) fn assemble(
    folder: &Path,
    blob: &str,
    chunks: &BTreeMap<u64, u64>,
) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    for start in chunks.keys() {
        let part = fs::read(folder.join(chunk_name(blob, *start)))?;
        // Chunks may lie over each other.
        let known = (content.len() as u64).saturating_sub(*start);
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        content.extend_from_slice(part.get(known..).unwrap_or_default());
    }
    Ok(content)
}

/// Removes a file's content and chunks.
pub(super) fn remove<'a>(
    folder: &Path,
    blob: &str,
    chunks: impl Iterator<Item = &'a u64>,
    content: bool,
) -> io::Result<()> {
    if content {
        forget(&folder.join(blob))?;
    }
    for start in chunks {
        forget(&folder.join(chunk_name(blob, *start)))?;
    }
    Ok(())
}

fn forget(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes a bucket's folder.
pub(super) fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes what no record speaks of: unfinished files, contents without a record, chunks that
/// are put together. `known` holds the names and whether each is put together.
pub(super) fn sweep(root: &Path, known: &HashMap<String, bool>) -> io::Result<()> {
    let buckets = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(buckets) => buckets,
    };
    for bucket in buckets {
        for entry in fs::read_dir(bucket?.path())? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let (blob, ending) = name
                .split_once('.')
                .map_or((&*name, None), |(blob, ending)| (blob, Some(ending)));
            let kept = match (known.get(blob), ending) {
                (None, _) => false,
                (Some(complete), None) => *complete,
                (Some(complete), Some(_)) => !complete && !name.ends_with(UNFINISHED),
            };
            if !kept {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_record_speaks_of_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let bucket = folder.path().join("1");
        for name in ["a", "a.0", "b.0", "b.5.tmp", "c", "c.0"] {
            write(&bucket, name, b"x").unwrap();
        }
        let known = HashMap::from([("a".to_owned(), true), ("b".to_owned(), false)]);
        sweep(folder.path(), &known).unwrap();
        let mut left: Vec<_> = fs::read_dir(&bucket)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["a", "b.0"]);
    }

    #[test]
    fn chunks_that_overlap_are_put_together() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "f.0", b"hello ").unwrap();
        write(folder.path(), "f.4", b"o wor").unwrap();
        write(folder.path(), "f.9", b"ld").unwrap();
        let chunks = BTreeMap::from([(0, 6), (4, 9), (9, 11)]);
        assert_eq!(
            assemble(folder.path(), "f", &chunks).unwrap(),
            b"hello world"
        );
    }
}
