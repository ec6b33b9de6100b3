//! Which sets of paths make a tree that every computer can check out.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::object::Files;

/// The longest path, in bytes: what Linux opens.
const PATH_BYTES_MAX: usize = 4096;

/// Why a set of paths is refused. Paths come from a model, so nothing is taken for granted. Terminal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Absolute, too long, or with a part such as `..` or `.git`.
    #[error("path `{path}` {reason}")]
    Unusable {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Two paths are equal, or differ only in case.
    #[error("path `{path}` is given twice (upper and lower case count as equal)")]
    Twice {
        /// The second of them.
        path: String,
    },
    /// A path is both a file and a folder.
    #[error("path `{path}` is a file and a folder")]
    FileAndFolder {
        /// The file.
        path: String,
    },
}

/// Checks the paths of one tree.
pub(crate) fn check<'a>(paths: impl Iterator<Item = &'a str>) -> Result<(), PathError> {
    let mut files = BTreeSet::new();
    for path in paths {
        if let Some(reason) = unusable(path) {
            return Err(PathError::Unusable {
                path: path.to_owned(),
                reason,
            });
        }
        if !files.insert(path.to_lowercase()) {
            return Err(PathError::Twice {
                path: path.to_owned(),
            });
        }
    }
    for path in &files {
        for folder in folders(path) {
            if files.contains(folder) {
                return Err(PathError::FileAndFolder {
                    path: folder.to_owned(),
                });
            }
        }
    }
    Ok(())
}

/// Checks the paths we write against everything else in the tree they end up in. What is odd
/// among the others only is not ours to judge.
pub(crate) fn check_among<'a>(
    written: impl Iterator<Item = &'a str>,
    all: &Files,
) -> Result<(), PathError> {
    let lower: HashMap<String, &str> = all
        .keys()
        .map(|path| (path.to_lowercase(), path.as_str()))
        .collect();
    let mut doubled: HashMap<String, usize> = HashMap::new();
    for path in all.keys() {
        *doubled.entry(path.to_lowercase()).or_default() += 1;
    }
    let all_folders: HashSet<String> = all
        .keys()
        .flat_map(|path| folders(path))
        .map(str::to_lowercase)
        .collect();
    for path in written {
        let low = path.to_lowercase();
        if doubled.get(&low).is_some_and(|times| *times > 1) {
            return Err(PathError::Twice {
                path: path.to_owned(),
            });
        }
        if all_folders.contains(&low) {
            return Err(PathError::FileAndFolder {
                path: path.to_owned(),
            });
        }
        if let Some(file) = folders(&low).find_map(|folder| lower.get(folder)) {
            return Err(PathError::FileAndFolder {
                path: (*file).to_owned(),
            });
        }
    }
    Ok(())
}

/// The folders that a path is in.
pub(crate) fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(at, _)| path.get(..at))
}

fn unusable(path: &str) -> Option<&'static str> {
    if path.len() > PATH_BYTES_MAX {
        return Some("is too long");
    }
    if path.contains('\\') || path.chars().any(char::is_control) {
        return Some("has a backslash or a control character");
    }
    path.split('/').find_map(|part| match part {
        "" => Some("is absolute or has an empty part"),
        "." | ".." => Some("has a part `.` or `..`"),
        part if part.eq_ignore_ascii_case(".git") => Some("has a part `.git`"),
        _ => None,
    })
}

/// Whether GitHub takes the file for a workflow, which needs a permission of its own.
pub(crate) fn is_workflow(path: &str) -> bool {
    path.starts_with(".github/workflows/")
}

#[cfg(test)]
mod facts {
    use super::*;

    #[test]
    fn dangerous_paths_are_refused() {
        for path in [
            "",
            "/etc/passwd",
            "a//b",
            "a/",
            "../a",
            "a/../b",
            "./a",
            ".git/config",
            "a/.GIT/x",
            "a\\b",
            "a\0b",
            "a\nb",
        ] {
            assert!(
                matches!(check([path].into_iter()), Err(PathError::Unusable { .. })),
                "{path:?}"
            );
        }
        assert!(check(["a".repeat(PATH_BYTES_MAX + 1).as_str()].into_iter()).is_err());
    }

    #[test]
    fn clashing_paths_are_refused() {
        let twice = check(["README.md", "readme.md"].into_iter());
        assert!(matches!(twice, Err(PathError::Twice { .. })));
        let both = check(["src/main.rs", "src"].into_iter());
        assert!(matches!(both, Err(PathError::FileAndFolder { .. })));
    }

    #[test]
    fn ordinary_paths_pass() {
        let paths = [
            ".github/workflows/ci.yml",
            ".gitignore",
            "a b/ü.txt",
            "src.rs",
            "src/a.rs",
        ];
        assert_eq!(check(paths.into_iter()), Ok(()));
    }
}
