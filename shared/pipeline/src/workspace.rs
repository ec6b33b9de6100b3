//! The files of a project as one agent sees them, and the manifest of all of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::sha256_hex;
use crate::limits::{FILE_BYTES_MAX, FILES_MAX, PROJECT_BYTES_MAX};
use crate::path::SafePath;

/// One version of one file, as a row holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileVersion {
    /// Where it lies.
    pub path: SafePath,
    /// Its text; `None` where this version deletes the file.
    pub content: Option<String>,
    /// The assignment that wrote it, or `shared`.
    pub assignment: String,
    /// The round it was written in; 0 for the shared files.
    pub round: u32,
}

/// One file as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its text.
    pub content: String,
    /// The assignment that wrote it last, or `shared`.
    pub owner: String,
}

/// A virtual file tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workspace {
    files: BTreeMap<SafePath, File>,
    changed: BTreeSet<SafePath>,
}

impl Workspace {
    /// The tree after all `versions`: of each path the one with the highest round.
    pub fn of(versions: &[FileVersion]) -> Self {
        let mut latest: BTreeMap<&SafePath, &FileVersion> = BTreeMap::new();
        for version in versions {
            let newest = latest.entry(&version.path).or_insert(version);
            if version.round >= newest.round {
                *newest = version;
            }
        }
        let files = latest.into_values().filter_map(|version| {
            let content = version.content.clone()?;
            Some((
                version.path.clone(),
                File {
                    content,
                    owner: version.assignment.clone(),
                },
            ))
        });
        Self {
            files: files.collect(),
            changed: BTreeSet::new(),
        }
    }

    /// The files in the order of their paths.
    pub fn files(&self) -> impl Iterator<Item = (&SafePath, &File)> {
        self.files.iter()
    }

    /// One file.
    pub fn get(&self, path: &SafePath) -> Option<&File> {
        self.files.get(path)
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Creates or overwrites a file.
    ///
    /// # Errors
    /// A sentence for the agent that names the limit or the colliding path.
    pub fn write(&mut self, path: SafePath, content: String, owner: &str) -> Result<(), String> {
        if content.len() > FILE_BYTES_MAX {
            return Err(format!(
                "the file is larger than {FILE_BYTES_MAX} bytes: split it"
            ));
        }
        if content.contains('\0') {
            return Err(
                "the content has a NUL character: only text files can be written".to_owned(),
            );
        }
        if !self.files.contains_key(&path) {
            if self.files.len() >= FILES_MAX {
                return Err(format!(
                    "the project has {FILES_MAX} files already, which is the limit"
                ));
            }
            if let Some(other) = self.files.keys().find(|other| collide(other, &path)) {
                return Err(format!("`{path}` can not stand beside `{other}`"));
            }
        }
        let others: usize = self
            .files
            .iter()
            .filter(|(other, _)| **other != path)
            .map(|(_, file)| file.content.len())
            .sum();
        if others + content.len() > PROJECT_BYTES_MAX {
            return Err(format!(
                "the project would be larger than {PROJECT_BYTES_MAX} bytes"
            ));
        }
        self.changed.insert(path.clone());
        self.files.insert(
            path,
            File {
                content,
                owner: owner.to_owned(),
            },
        );
        Ok(())
    }

    /// Deletes a file. Returns whether it was there.
    pub fn delete(&mut self, path: &SafePath) -> bool {
        let was_there = self.files.remove(path).is_some();
        if was_there {
            self.changed.insert(path.clone());
        }
        was_there
    }

    /// What was written or deleted since this tree was made, as versions of `round`.
    pub fn changes(&self, assignment: &str, round: u32) -> Vec<FileVersion> {
        let version = |path: &SafePath| FileVersion {
            path: path.clone(),
            content: self.files.get(path).map(|file| file.content.clone()),
            assignment: assignment.to_owned(),
            round,
        };
        self.changed.iter().map(version).collect()
    }

    /// The manifest: one line a file, `hash  path`, in the order of the paths.
    pub fn manifest(&self) -> String {
        let line = |(path, file): (&SafePath, &File)| {
            format!("{}  {path}\n", sha256_hex(file.content.as_bytes()))
        };
        self.files.iter().map(line).collect()
    }

    /// The manifest's SHA-256: what the reviewer approves and publish and deploy insist on.
    pub fn manifest_hash(&self) -> String {
        sha256_hex(self.manifest().as_bytes())
    }
}

/// Whether two different paths can not be checked out side by side.
fn collide(left: &SafePath, right: &SafePath) -> bool {
    let (a, b) = (left.folded(), right.folded());
    let inside = |outer: &str, inner: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    a == b || inside(&a, &b) || inside(&b, &a)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> SafePath {
        SafePath::parse(text).unwrap()
    }

    fn version(name: &str, content: Option<&str>, round: u32) -> FileVersion {
        FileVersion {
            path: path(name),
            content: content.map(str::to_owned),
            assignment: "ui".to_owned(),
            round,
        }
    }

    #[test]
    fn the_highest_round_wins_in_any_order() {
        let mut versions = vec![
            version("a", Some("1"), 1),
            version("a", Some("2"), 2),
            version("b", Some("x"), 1),
            version("b", None, 2),
        ];
        let forward = Workspace::of(&versions);
        versions.reverse();
        assert_eq!(forward, Workspace::of(&versions));
        assert_eq!(forward.get(&path("a")).unwrap().content, "2");
        assert!(forward.get(&path("b")).is_none());
    }

    #[test]
    fn changes_hold_writes_and_deletions_only() {
        let mut workspace =
            Workspace::of(&[version("a", Some("1"), 1), version("b", Some("2"), 1)]);
        workspace.write(path("c"), "3".to_owned(), "ui").unwrap();
        assert!(workspace.delete(&path("a")));
        assert!(!workspace.delete(&path("zz")));
        let changes = workspace.changes("ui", 2);
        assert_eq!(
            changes,
            [
                FileVersion {
                    round: 2,
                    ..version("a", None, 2)
                },
                version("c", Some("3"), 2)
            ]
        );
    }

    #[test]
    fn limits_hold_at_and_past_the_edge() {
        let mut workspace = Workspace::default();
        assert!(
            workspace
                .write(path("big"), "x".repeat(FILE_BYTES_MAX), "ui")
                .is_ok()
        );
        assert!(
            workspace
                .write(path("big"), "x".repeat(FILE_BYTES_MAX + 1), "ui")
                .is_err()
        );
        for index in 1..FILES_MAX {
            workspace
                .write(path(&format!("f{index}")), String::new(), "ui")
                .unwrap();
        }
        assert!(
            workspace
                .write(path("one-more"), String::new(), "ui")
                .is_err()
        );
        assert!(
            workspace
                .write(path("f1"), "rewritten".to_owned(), "ui")
                .is_ok()
        );
    }

    #[test]
    fn the_project_has_a_size_limit() {
        let mut workspace = Workspace::default();
        let full = "x".repeat(FILE_BYTES_MAX);
        for index in 0..PROJECT_BYTES_MAX / FILE_BYTES_MAX {
            workspace
                .write(path(&format!("f{index}")), full.clone(), "ui")
                .unwrap();
        }
        assert!(workspace.write(path("more"), "x".to_owned(), "ui").is_err());
    }

    #[test]
    fn paths_that_collide_on_some_file_system_are_refused() {
        let mut workspace = Workspace::default();
        workspace
            .write(path("src/App.js"), String::new(), "ui")
            .unwrap();
        for bad in ["src/app.js", "SRC", "src/App.js/x"] {
            assert!(
                workspace.write(path(bad), String::new(), "ui").is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn the_manifest_tells_any_two_trees_apart() {
        let hash = |versions: &[FileVersion]| Workspace::of(versions).manifest_hash();
        let one = hash(&[version("a", Some("1"), 1)]);
        assert_eq!(one, hash(&[version("a", Some("1"), 3)]));
        assert_ne!(one, hash(&[version("a", Some("2"), 1)]));
        assert_ne!(one, hash(&[version("b", Some("1"), 1)]));
    }
}
