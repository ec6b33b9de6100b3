//! Bringing two sets of changes together, file by file.

use std::collections::BTreeSet;

use crate::object::{Files, Leaf};
use crate::path::folders;

/// The files when both sides' changes since `base` are made: what only one side changed is as that
/// side has it, and equal changes are made once. Content and mode count separately.
///
/// # Errors
/// The paths that both sides changed differently, in order; at least one.
pub(crate) fn merge(base: &Files, theirs: &Files, ours: &Files) -> Result<Files, Vec<String>> {
    let mut merged = Files::new();
    let mut conflicts = BTreeSet::new();
    let paths: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    for path in paths {
        match leaf(base.get(path), theirs.get(path), ours.get(path)) {
            Ok(Some(leaf)) => {
                merged.insert(path.clone(), leaf);
            }
            Ok(None) => {}
            Err(Conflict) => {
                conflicts.insert(path.clone());
            }
        }
    }
    // A file of one side where the other side has a folder.
    for path in merged.keys() {
        if let Some(file) = folders(path).find(|folder| merged.contains_key(*folder)) {
            conflicts.insert(file.to_owned());
        }
    }
    if conflicts.is_empty() {
        Ok(merged)
    } else {
        Err(conflicts.into_iter().collect())
    }
}

/// Both sides changed the same thing differently.
struct Conflict;

fn leaf(
    base: Option<&Leaf>,
    theirs: Option<&Leaf>,
    ours: Option<&Leaf>,
) -> Result<Option<Leaf>, Conflict> {
    if let (Some(base), Some(theirs), Some(ours)) = (base, theirs, ours) {
        return Ok(Some(Leaf {
            mode: pick(base.mode, theirs.mode, ours.mode)?,
            sha: pick(base.sha, theirs.sha, ours.sha)?,
        }));
    }
    pick(base, theirs, ours).map(Option::<&Leaf>::copied)
}

fn pick<T: PartialEq>(base: T, theirs: T, ours: T) -> Result<T, Conflict> {
    if ours == base || ours == theirs {
        Ok(theirs)
    } else if theirs == base {
        Ok(ours)
    } else {
        Err(Conflict)
    }
}

#[cfg(test)]
mod facts {
    use super::*;
    use crate::object::{Mode, blob_sha};

    /// Files by `path=content`; `+` before the path makes it executable.
    fn files(text: &str) -> Files {
        text.split_whitespace()
            .map(|part| {
                let (path, content) = part.split_once('=').expect("path=content");
                let mode = match path.starts_with('+') {
                    true => Mode::EXECUTABLE,
                    false => Mode::FILE,
                };
                let sha = blob_sha(content.as_bytes());
                (path.trim_start_matches('+').to_owned(), Leaf { mode, sha })
            })
            .collect()
    }

    #[track_caller]
    fn merges(base: &str, theirs: &str, ours: &str, merged: &str) {
        for (one, other) in [(theirs, ours), (ours, theirs)] {
            let found = merge(&files(base), &files(one), &files(other));
            assert_eq!(found, Ok(files(merged)), "{base} | {one} | {other}");
        }
    }

    #[track_caller]
    fn conflicts(base: &str, theirs: &str, ours: &str, paths: &[&str]) {
        for (one, other) in [(theirs, ours), (ours, theirs)] {
            let found = merge(&files(base), &files(one), &files(other));
            let paths = paths.iter().map(|path| (*path).to_owned()).collect();
            assert_eq!(found, Err(paths), "{base} | {one} | {other}");
        }
    }

    #[test]
    fn what_one_side_changed_is_kept() {
        merges("a=1 b=1", "a=2 b=1", "a=1 b=2", "a=2 b=2");
        merges("a=1", "a=1 b=1", "a=1 c=1", "a=1 b=1 c=1");
        merges("a=1 b=1 c=1", "a=1 b=1", "a=1 c=1", "a=1");
        merges("", "x/a=1", "x/b=1", "x/a=1 x/b=1");
        merges("a=1", "a=1", "a=1", "a=1");
    }

    #[test]
    fn equal_changes_are_made_once() {
        merges("a=1 b=1", "a=2", "a=2", "a=2");
        merges("", "a=1", "a=1", "a=1");
    }

    #[test]
    fn mode_and_content_merge_separately() {
        merges("a=1", "+a=1", "a=2", "+a=2");
        conflicts("a=1", "+a=2", "a=3", &["a"]);
        conflicts("", "+a=1", "a=1", &["a"]);
    }

    #[test]
    fn different_changes_of_one_file_are_a_conflict() {
        conflicts("a=1", "a=2", "a=3", &["a"]);
        conflicts("", "a=1", "a=2", &["a"]);
        conflicts("a=1 b=1 c=1", "a=2 b=2 c=2", "a=2 b=3", &["b", "c"]);
    }

    #[test]
    fn deleting_what_the_other_side_changed_is_a_conflict() {
        conflicts("a=1", "", "a=2", &["a"]);
    }

    #[test]
    fn file_and_folder_of_one_name_are_a_conflict() {
        conflicts("", "src=1", "src/a=1", &["src"]);
        merges("src=1", "src/a=1", "src/a=1", "src/a=1");
    }
}
