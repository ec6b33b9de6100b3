//! Archives: a site's source is unpacked, its output packed.
//!
//! An archive comes from a client, so nothing in it is trusted: paths stay inside the folder,
//! links and devices are refused, sizes and numbers are bounded while reading.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use axum::body::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use tar::{Archive, Builder, Entry, EntryType, Header};

/// Files in memory, by their paths.
pub(crate) type Files = BTreeMap<PathBuf, Bytes>;

/// Most entries of an archive.
pub const ENTRIES_MAX: usize = 10_000;
/// Most bytes an archive may hold when unpacked, its own headers included.
pub const UNPACKED_BYTES_MAX: u64 = 200_000_000;
/// Longest path in an archive, in bytes.
pub const PATH_BYTES_MAX: usize = 1_024;
/// Deepest path in an archive, in segments.
pub const PATH_SEGMENTS_MAX: usize = 32;

/// Why an archive was refused; none of these can be cured by trying again.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is not a gzip-compressed tar, or ends too early.
    #[error("the archive cannot be read")]
    Unreadable(#[source] io::Error),
    /// A path that is absolute, leaves the folder, is too long, or is not UTF-8.
    #[error("the archive holds a path that is not allowed: `{0}`")]
    Path(String),
    /// A link, a device or another entry that is neither file nor folder.
    #[error("the archive holds `{0}`, which is neither a file nor a folder")]
    Kind(String),
    /// More than [`ENTRIES_MAX`] entries.
    #[error("the archive holds more than {ENTRIES_MAX} entries")]
    Entries,
    /// More than [`UNPACKED_BYTES_MAX`] bytes.
    #[error("the archive holds more than {UNPACKED_BYTES_MAX} bytes")]
    Size,
    /// A file or folder on this machine could not be written or read.
    #[error("`{path}` cannot be written or read")]
    Disk {
        /// Which one, relative to the folder.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Unpacks a `.tar.gz` into an existing, empty folder.
///
/// # Errors
/// [`ArchiveError`]; the folder may then hold a part.
pub fn unpack(source: impl Read, folder: &Path) -> Result<(), ArchiveError> {
    let is_within = each_entry(source, UNPACKED_BYTES_MAX, |found, entry| {
        let Found {
            name,
            relative,
            kind,
        } = found;
        let path = folder.join(&relative);
        let disk = |source| ArchiveError::Disk {
            path: name.clone(),
            source,
        };
        match kind {
            Kind::Folder => fs::create_dir_all(&path).map_err(disk),
            Kind::File => {
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent).map_err(disk)?;
                }
                write(entry, &path, &name)
            }
        }
    })?;
    if is_within {
        Ok(())
    } else {
        Err(ArchiveError::Size)
    }
}

/// What an entry of an archive is, which was checked.
struct Found {
    /// As the archive says it.
    name: String,
    /// Not empty for a file.
    relative: PathBuf,
    kind: Kind,
}

enum Kind {
    Folder,
    File,
}

/// Checks every entry of a `.tar.gz` and has it taken. Returns whether it was unpacked to its end
/// within `bytes_max`.
fn each_entry<S: Read>(
    source: S,
    bytes_max: u64,
    take: impl FnMut(Found, &mut Entry<'_, Limited<S>>) -> Result<(), ArchiveError>,
) -> Result<bool, ArchiveError> {
    // One byte more than allowed, so that the limit can be told from the end.
    let mut archive = Archive::new(GzDecoder::new(source).take(bytes_max + 1));
    let outcome = take_entries(&mut archive, take);
    let mut rest = archive.into_inner();
    if outcome.is_ok() {
        // To the end, so that a damaged or endless tail is noticed.
        io::copy(&mut rest, &mut io::sink()).map_err(ArchiveError::Unreadable)?;
    }
    if rest.limit() == 0 {
        Ok(false)
    } else {
        outcome.map(|()| true)
    }
}

/// The content of a compressed archive, up to a limit.
type Limited<S> = io::Take<GzDecoder<S>>;

fn take_entries<R: Read>(
    archive: &mut Archive<R>,
    mut take: impl FnMut(Found, &mut Entry<'_, R>) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    let entries = archive.entries().map_err(ArchiveError::Unreadable)?;
    for (number, entry) in entries.enumerate() {
        if number >= ENTRIES_MAX {
            return Err(ArchiveError::Entries);
        }
        let mut entry = entry.map_err(ArchiveError::Unreadable)?;
        let raw = entry.path_bytes().into_owned();
        let name = String::from_utf8_lossy(&raw).into_owned();
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        let relative = checked(&raw).ok_or_else(|| ArchiveError::Path(name.clone()))?;
        let kind = match (kind == EntryType::Directory, kind == EntryType::Regular) {
            (true, _) => Kind::Folder,
            (_, true) => Kind::File,
            (false, false) => return Err(ArchiveError::Kind(name)),
        };
        // `./` alone names the folder itself.
        if matches!(kind, Kind::File) && relative.as_os_str().is_empty() {
            return Err(ArchiveError::Path(name));
        }
        let found = Found {
            name,
            relative,
            kind,
        };
        take(found, &mut entry)?;
    }
    Ok(())
}

/// Reads the files of a `.tar.gz`. `None` if they are more than `bytes_max` together, or one of
/// them is also a folder of others.
///
/// # Errors
/// As [`unpack`], but those of the disk.
pub(crate) fn read(source: impl Read, bytes_max: u64) -> Result<Option<Files>, ArchiveError> {
    let mut files = Files::new();
    let is_within = each_entry(source, bytes_max, |found, entry| {
        if let Kind::File = found.kind {
            let mut bytes = Vec::new();
            entry
                .read_to_end(&mut bytes)
                .map_err(ArchiveError::Unreadable)?;
            files.insert(found.relative, bytes.into());
        }
        Ok(())
    })?;
    if !is_within {
        return Ok(None);
    }
    let is_in_file = |path: &PathBuf| path.ancestors().skip(1).any(|it| files.contains_key(it));
    Ok((!files.keys().any(is_in_file)).then_some(files))
}

/// Copies one file; a fault of the archive is told from one of the disk.
fn write(entry: &mut impl Read, path: &Path, name: &str) -> Result<(), ArchiveError> {
    let disk = |source| ArchiveError::Disk {
        path: name.to_owned(),
        source,
    };
    let mut file = File::create(path).map_err(disk)?;
    let mut buffer = vec![0_u8; 64 * 1024];
    loop {
        let read = entry.read(&mut buffer).map_err(ArchiveError::Unreadable)?;
        match buffer.get(..read) {
            None | Some([]) => return Ok(()),
            Some(bytes) => file.write_all(bytes).map_err(disk)?,
        }
    }
}

fn checked(raw: &[u8]) -> Option<PathBuf> {
    let text = std::str::from_utf8(raw).ok()?;
    if text.len() > PATH_BYTES_MAX || text.contains(['\0', '\\']) {
        return None;
    }
    relative(text)
}

/// Reads a relative path without `..`; `.` segments are left out, so the result may be empty.
pub(crate) fn relative(text: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for component in Path::new(text).components() {
        match component {
            Component::Normal(segment) => path.push(segment),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (path.components().count() <= PATH_SEGMENTS_MAX).then_some(path)
}

/// Lists the files below a folder, sorted, as paths relative to it.
///
/// # Errors
/// [`ArchiveError::Disk`].
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, ArchiveError> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(relative) = open.pop() {
        let disk = |source| ArchiveError::Disk {
            path: relative.display().to_string(),
            source,
        };
        for entry in fs::read_dir(folder.join(&relative)).map_err(disk)? {
            let entry = entry.map_err(disk)?;
            let path = relative.join(entry.file_name());
            let kind = entry.file_type().map_err(disk)?;
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Packs files of a folder into a `.tar.gz` that depends on their paths and contents only.
/// Returns its size in bytes.
///
/// # Errors
/// [`ArchiveError::Disk`].
pub(crate) fn pack(folder: &Path, files: &[PathBuf], target: &Path) -> Result<u64, ArchiveError> {
    let opened = files.iter().map(|path| {
        let file = File::open(folder.join(path))?;
        let size = file.metadata()?.len();
        Ok((path.as_path(), size, file.take(size)))
    });
    write_packed(opened, target)
}

/// Packs files like [`pack`].
///
/// # Errors
/// [`ArchiveError::Disk`].
pub(crate) fn pack_read(files: &Files, target: &Path) -> Result<u64, ArchiveError> {
    let read = files
        .iter()
        .map(|(path, bytes)| Ok((path.as_path(), bytes.len() as u64, bytes.as_ref())));
    write_packed(read, target)
}

fn write_packed<'a, R: Read>(
    files: impl Iterator<Item = io::Result<(&'a Path, u64, R)>>,
    target: &Path,
) -> Result<u64, ArchiveError> {
    written(files, target).map_err(|source| ArchiveError::Disk {
        path: target.display().to_string(),
        source,
    })
}

fn written<'a, R: Read>(
    files: impl Iterator<Item = io::Result<(&'a Path, u64, R)>>,
    target: &Path,
) -> io::Result<u64> {
    let output = File::create(target)?;
    let mut builder = Builder::new(GzEncoder::new(output, Compression::default()));
    for file in files {
        let (path, size, content) = file?;
        let mut header = Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o644);
        header.set_mtime(0);
        builder.append_data(&mut header, path, content)?;
    }
    let output = builder.into_inner().and_then(GzEncoder::finish)?;
    output.sync_all()?;
    Ok(output.metadata()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Part<'a> = (&'a str, EntryType, &'a [u8]);

    /// Paths are written into the header as they are, which a careful builder would refuse.
    fn archive(entries: &[Part<'_>]) -> Vec<u8> {
        let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, kind, data) in entries {
            let mut header = Header::new_gnu();
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(data.len() as u64);
            header.set_mode(0o777);
            if kind.is_symlink() || kind.is_hard_link() {
                header.set_link_name("/etc/passwd").unwrap();
            }
            header.set_cksum();
            builder.append(&header, *data).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn unpacked(bytes: &[u8]) -> Result<Vec<String>, ArchiveError> {
        let folder = tempfile::tempdir().unwrap();
        unpack(bytes, folder.path())?;
        let list = files(folder.path())?;
        Ok(list.iter().map(|path| path.display().to_string()).collect())
    }

    #[test]
    fn files_and_folders_are_unpacked() {
        let bytes = archive(&[
            ("./", EntryType::Directory, b""),
            ("./index.html", EntryType::Regular, b"<h1>hi</h1>"),
            ("assets/app.js", EntryType::Regular, b"1"),
        ]);
        assert_eq!(unpacked(&bytes).unwrap(), ["assets/app.js", "index.html"]);
    }

    #[test]
    fn paths_cannot_leave_the_folder() {
        for path in ["../up", "/etc/up", "a/../../up", "a\\..\\up"] {
            let bytes = archive(&[(path, EntryType::Regular, b"x")]);
            assert!(
                matches!(unpacked(&bytes), Err(ArchiveError::Path(_))),
                "{path}"
            );
        }
    }

    #[test]
    fn links_and_devices_are_refused() {
        for kind in [
            EntryType::Symlink,
            EntryType::Link,
            EntryType::Char,
            EntryType::Fifo,
        ] {
            let bytes = archive(&[("a", kind, b"")]);
            assert!(
                matches!(unpacked(&bytes), Err(ArchiveError::Kind(_))),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn what_is_read_is_what_would_be_unpacked() {
        let bytes = archive(&[
            ("./", EntryType::Directory, b""),
            ("./index.html", EntryType::Regular, b"<h1>hi</h1>"),
            ("assets/app.js", EntryType::Regular, b"old"),
            ("assets/app.js", EntryType::Regular, b"1"),
        ]);
        let folder = tempfile::tempdir().unwrap();
        unpack(&bytes[..], folder.path()).unwrap();
        let list = files(folder.path()).unwrap();
        let on_disk = list.into_iter().map(|path| {
            let content = fs::read(folder.path().join(&path)).unwrap();
            (path, Bytes::from(content))
        });
        let on_disk: Files = on_disk.collect();
        assert_eq!(read(&bytes[..], 100_000).unwrap(), Some(on_disk.clone()));
        let target = tempfile::tempdir().unwrap();
        let (one, two) = (target.path().join("1"), target.path().join("2"));
        let paths: Vec<_> = on_disk.keys().cloned().collect();
        let size = pack(folder.path(), &paths, &one).unwrap();
        assert_eq!(pack_read(&on_disk, &two).unwrap(), size);
        assert_eq!(fs::read(one).unwrap(), fs::read(two).unwrap());
    }

    #[test]
    fn what_is_too_large_or_no_tree_is_not_read() {
        let large = archive(&[("a", EntryType::Regular, &[7; 4_000])]);
        assert_eq!(read(&large[..], 1_000).unwrap(), None);
        let no_tree = archive(&[
            ("a", EntryType::Regular, b"x"),
            ("a/b", EntryType::Regular, b"x"),
        ]);
        assert_eq!(read(&no_tree[..], 100_000).unwrap(), None);
        let outside = archive(&[("../up", EntryType::Regular, b"x")]);
        assert!(matches!(
            read(&outside[..], 100_000),
            Err(ArchiveError::Path(_))
        ));
    }

    #[test]
    fn too_many_entries_are_refused() {
        let entries = vec![("a", EntryType::Regular, &b""[..]); ENTRIES_MAX + 1];
        assert!(matches!(
            unpacked(&archive(&entries)),
            Err(ArchiveError::Entries)
        ));
    }

    #[test]
    fn an_archive_that_swells_is_refused() {
        let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = Header::new_gnu();
        header.set_size(UNPACKED_BYTES_MAX);
        builder
            .append_data(&mut header, "zeros", io::repeat(0).take(UNPACKED_BYTES_MAX))
            .unwrap();
        let bytes = builder.into_inner().unwrap().finish().unwrap();
        assert!(matches!(unpacked(&bytes), Err(ArchiveError::Size)));
    }

    #[test]
    fn damaged_archives_are_refused() {
        let whole = archive(&[("a", EntryType::Regular, &[7; 4_000])]);
        let cut = &whole[..whole.len() - 12];
        for bytes in [&b"PK\x03\x04xx"[..], cut] {
            assert!(matches!(unpacked(bytes), Err(ArchiveError::Unreadable(_))));
        }
    }

    #[test]
    fn equal_files_make_equal_archives() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b.txt"), "b").unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/x"), "x").unwrap();
        let list = files(folder.path()).unwrap();
        let target = tempfile::tempdir().unwrap();
        let (one, two) = (target.path().join("1"), target.path().join("2"));
        let size = pack(folder.path(), &list, &one).unwrap();
        pack(folder.path(), &list, &two).unwrap();
        assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
        assert_eq!(size, fs::metadata(&one).unwrap().len());
        assert_eq!(
            unpacked(&fs::read(&one).unwrap()).unwrap(),
            ["a/x", "b.txt"]
        );
    }
}
