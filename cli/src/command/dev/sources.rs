//! Whether the sources of the functions have changed.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

/// What the functions are made of, below the workspace.
const PARTS: [&str; 5] = [
    "functions",
    "shared",
    "Cargo.toml",
    "Cargo.lock",
    "appwrite.json",
];
/// Names of folders that hold no sources.
const NO_SOURCES: [&str; 3] = ["target", "node_modules", ".git"];

/// The sources.
pub(super) struct Sources {
    root: PathBuf,
}

impl Sources {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// A number that differs when a file was added, removed or written.
    pub(super) fn look(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for part in PARTS {
            add(&self.root.join(part), &mut hasher);
        }
        hasher.finish()
    }
}

/// What is gone while it is looked at counts as changed with the next look.
fn add(path: &Path, hasher: &mut DefaultHasher) {
    let Ok(about) = fs::symlink_metadata(path) else {
        return;
    };
    if !about.is_dir() {
        path.hash(hasher);
        (about.len(), about.modified().ok()).hash(hasher);
        return;
    }
    let name = path.file_name().unwrap_or_default();
    let is_hidden = name.as_encoded_bytes().starts_with(b".");
    if is_hidden || NO_SOURCES.iter().any(|other| name == *other) {
        return;
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().for_each(|path| add(path, hasher));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_added_or_removed_is_seen_and_what_is_built_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("functions/plan/target")).unwrap();
        fs::write(path("functions/plan/main.rs"), "1").unwrap();
        let sources = Sources::new(folder.path());
        let first = sources.look();
        assert_eq!(sources.look(), first);
        fs::write(path("functions/plan/main.rs"), "12").unwrap();
        let second = sources.look();
        assert_ne!(second, first);
        fs::write(path("functions/plan/lib.rs"), "").unwrap();
        let third = sources.look();
        assert_ne!(third, second);
        fs::remove_file(path("functions/plan/lib.rs")).unwrap();
        assert_eq!(sources.look(), second);
        fs::write(path("functions/plan/target/plan"), "x").unwrap();
        fs::write(path("README.md"), "x").unwrap();
        assert_eq!(sources.look(), second);
    }
}
