//! Reading an existing repository: which of its files are shown, and which are only named.
//!
//! Files that are no text, that nobody writes by hand, or that may hold a credential stay
//! where they are: models see their paths and can not change them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, json};

use crate::agent::checks;
use crate::effect::{Action, Checkout, Effect, Entry, ReadRequest, TreeFile, mismatch};
use crate::facts::{Existing, Outcome};
use crate::failure::{Code, Failure};
use crate::limits::{
    REPOSITORY_PATHS_BYTES_MAX, REPOSITORY_PATHS_MAX, SHOWN_BYTES_MAX, SHOWN_FILE_BYTES_MAX,
    SHOWN_FILES_MAX,
};
use crate::model::Spent;
use crate::path::SafePath;
use crate::unit::{End, Journal, Step};
use crate::workspace::FileVersion;

/// Who wrote the files of an existing repository, as its rows say.
pub const WRITER: &str = "repository";

/// Folders whose files nobody writes by hand, in lower case.
const MADE: &[&str] = &[
    "node_modules",
    "bower_components",
    "vendor",
    "third_party",
    "dist",
    "build",
    "out",
    "target",
    "coverage",
    "pods",
    "__pycache__",
    ".next",
    ".nuxt",
    ".svelte-kit",
    ".venv",
    ".yarn",
    ".cache",
];

/// Files that a package manager writes, in lower case.
const LOCKED: &[&str] = &[
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "bun.lockb",
    "go.sum",
];

/// Ends of the names of files that are no text or are made from others, in lower case.
const NOT_SHOWN: &[&str] = &[
    ".lock",
    ".min.js",
    ".min.css",
    ".map",
    ".snap",
    ".png",
    ".jpg",
    ".jpeg",
    ".gif",
    ".webp",
    ".avif",
    ".ico",
    ".bmp",
    ".tiff",
    ".pdf",
    ".zip",
    ".gz",
    ".tgz",
    ".tar",
    ".7z",
    ".rar",
    ".jar",
    ".wasm",
    ".woff",
    ".woff2",
    ".ttf",
    ".otf",
    ".eot",
    ".mp3",
    ".mp4",
    ".mov",
    ".avi",
    ".webm",
    ".ogg",
    ".wav",
    ".exe",
    ".dll",
    ".so",
    ".dylib",
    ".a",
    ".o",
    ".class",
    ".pyc",
    ".sqlite",
    ".db",
    ".bin",
    ".pem",
    ".key",
    ".p12",
    ".pfx",
    ".jks",
    ".keystore",
];

/// A repository to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportWork {
    /// `owner/name`.
    pub repository: String,
    /// The branch, if it is not the default one.
    pub branch: Option<String>,
}

/// What the import needs next.
pub fn decide(work: &ImportWork, journal: &Journal) -> Step {
    let request = ReadRequest {
        repository: work.repository.clone(),
        branch: work.branch.clone(),
    };
    let effect = Effect::new("read", Action::ReadRepository(request));
    let checkout = match journal.find(&effect) {
        Ok(None) => return Step::Do(vec![effect]),
        Ok(Some(Entry::Checkout(checkout))) => checkout,
        Ok(Some(Entry::Failed(failure))) => return failed(failure.clone()),
        Ok(Some(_)) => return failed(mismatch("a repository's files")),
        Err(failure) => return failed(failure),
    };
    end(checkout)
}

fn failed(failure: Failure) -> Step {
    Step::done(Outcome::Failed(failure), Spent::default())
}

fn end(checkout: &Checkout) -> Step {
    let existing = &checkout.repository;
    // What its row was created with stays: it says what to read.
    let mut columns = Map::new();
    for (column, value) in [
        ("repositoryUrl", &existing.html_url),
        ("cloneUrl", &existing.clone_url),
    ] {
        columns.insert(column.to_owned(), value.clone().into());
    }
    let version = |(path, content): &(SafePath, String)| FileVersion {
        path: path.clone(),
        content: Some(content.clone()),
        assignment: WRITER.to_owned(),
        round: 0,
    };
    let spent = Spent {
        github_requests: checkout.requests,
        ..Spent::default()
    };
    Step::Done(Box::new(End {
        outcome: Outcome::Imported {
            repository: existing.clone(),
            files: checkout.files.len() as u64,
            unshown: checkout.unshown.clone(),
        },
        spent,
        files: checkout.files.iter().map(version).collect(),
        columns,
    }))
}

/// Which files of a repository are worth reading: those that may be shown, as far as names,
/// modes and sizes tell. Files near the root come first, as far as there is room.
///
/// # Errors
/// `project_too_large`, for good: the repository has more files than can even be named.
pub fn to_read(tree: &[TreeFile]) -> Result<Vec<usize>, Failure> {
    let paths: Vec<&str> = tree.iter().map(|file| file.path.as_str()).collect();
    let bytes = json!(paths).to_string().len();
    if tree.len() > REPOSITORY_PATHS_MAX || bytes > REPOSITORY_PATHS_BYTES_MAX {
        return Err(Failure::new(
            Code::ProjectTooLarge,
            format!(
                "The repository has {} files, whose paths take {bytes} bytes; the limits are {REPOSITORY_PATHS_MAX} files and {REPOSITORY_PATHS_BYTES_MAX} bytes. Choose a smaller repository.",
                tree.len()
            ),
        ));
    }
    let mut places: Vec<usize> = (0..tree.len()).filter(|at| may_show(&tree[*at])).collect();
    places.sort_by_key(|at| (tree[*at].path.matches('/').count(), &tree[*at].path));
    let mut left = SHOWN_BYTES_MAX;
    places.retain(|at| {
        let bytes = usize::try_from(tree[*at].bytes).unwrap_or(usize::MAX);
        let fits = bytes <= left;
        left -= if fits { bytes } else { 0 };
        fits
    });
    places.truncate(SHOWN_FILES_MAX);
    Ok(places)
}

fn may_show(file: &TreeFile) -> bool {
    let lower = file.path.to_lowercase();
    let name = lower.rsplit('/').next().unwrap_or_default();
    let is_made = lower
        .split('/')
        .rev()
        .skip(1)
        .any(|folder| MADE.contains(&folder));
    file.is_regular
        && file.bytes <= SHOWN_FILE_BYTES_MAX as u64
        && !is_made
        && !LOCKED.contains(&name)
        && !NOT_SHOWN.iter().any(|end| name.ends_with(end))
        && SafePath::parse(&file.path).is_ok()
}

/// What is kept of a repository: the text files that are shown, and the paths of all others.
/// `contents` are the bytes of what was read, by place in `tree`.
pub fn checkout(
    repository: Existing,
    tree: &[TreeFile],
    contents: &BTreeMap<usize, Vec<u8>>,
    requests: u64,
) -> Checkout {
    let (mut files, mut unshown) = (Vec::new(), Vec::new());
    let (mut bytes, mut folded) = (0, BTreeSet::new());
    for (place, file) in tree.iter().enumerate() {
        let shown = contents.get(&place).and_then(|read| shown(file, read));
        let shown = shown.filter(|(path, content)| {
            bytes += json!(content).to_string().len();
            bytes <= SHOWN_BYTES_MAX && folded.insert(path.folded())
        });
        match shown {
            Some(shown) => files.push(shown),
            None => unshown.push(file.path.clone()),
        }
    }
    Checkout {
        repository,
        files,
        unshown,
        requests,
    }
}

/// A file as models may see and write it. One whose executable bit its first characters do not
/// tell would lose it.
fn shown(file: &TreeFile, bytes: &[u8]) -> Option<(SafePath, String)> {
    let path = SafePath::parse(&file.path).ok()?;
    let content = std::str::from_utf8(bytes).ok()?.to_owned();
    let is_same_mode = file.is_executable == is_executable(&content);
    let is_harmless = checks::refusal(&path, &content).is_none();
    (is_same_mode && is_harmless).then_some((path, content))
}

/// Whether a file is published so that it can be started: it names what runs it.
pub fn is_executable(content: &str) -> bool {
    content.starts_with("#!")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, bytes: u64) -> TreeFile {
        TreeFile {
            path: path.to_owned(),
            is_regular: true,
            is_executable: false,
            bytes,
        }
    }

    fn existing() -> Existing {
        Existing {
            id: 7,
            full_name: "acme/site".to_owned(),
            branch: "main".to_owned(),
            head: "0".repeat(40),
            html_url: "https://github.example/acme/site".to_owned(),
            clone_url: "https://github.example/acme/site.git".to_owned(),
        }
    }

    #[test]
    fn what_nobody_writes_by_hand_is_not_read() {
        let tree = [
            file("src/a.js", 10),
            file("README.md", 10),
            file("logo.PNG", 10),
            file("package-lock.json", 10),
            file("Cargo.lock", 10),
            file("app.min.js", 10),
            file("vendor/x.js", 10),
            file("web/Dist/x.js", 10),
            file("server.key", 10),
            file(".env", 10),
            file(".github/workflows/ci.yml", 10),
            file(".husky/pre-commit", 10),
            file("big.js", SHOWN_FILE_BYTES_MAX as u64 + 1),
            TreeFile {
                is_regular: false,
                ..file("link", 10)
            },
            file("dist", 10),
        ];
        let read = to_read(&tree).unwrap();
        let paths: Vec<&str> = read.iter().map(|at| tree[*at].path.as_str()).collect();
        assert_eq!(paths, ["README.md", "dist", "src/a.js"]);
    }

    #[test]
    fn what_must_not_be_seen_is_only_named() {
        let key = format!("{}{}", "ghp_", "aB3".repeat(12));
        let tree = [
            file("a.js", 4),
            file("secret.js", 4),
            file("binary", 4),
            file("latin1.txt", 4),
            file("A.js", 4),
            TreeFile {
                is_executable: true,
                ..file("run.sh", 4)
            },
            TreeFile {
                is_executable: true,
                ..file("tool", 4)
            },
            file("unread.js", 4),
        ];
        let contents: Vec<&[u8]> = vec![
            b"a();",
            key.as_bytes(),
            b"a\0b",
            b"\xe4",
            b"b();",
            b"#!/bin/sh\n",
            b"tool",
        ];
        let contents = contents
            .into_iter()
            .map(<[u8]>::to_vec)
            .enumerate()
            .collect();
        let checkout = checkout(existing(), &tree, &contents, 3);
        let shown: Vec<&str> = checkout
            .files
            .iter()
            .map(|(path, _)| path.as_str())
            .collect();
        assert_eq!(shown, ["a.js", "run.sh"]);
        assert_eq!(
            checkout.unshown,
            [
                "secret.js",
                "binary",
                "latin1.txt",
                "A.js",
                "tool",
                "unread.js"
            ]
        );
        assert!(!json!(checkout).to_string().contains(&key));
    }

    #[test]
    fn limits_hold_at_and_past_the_edge() {
        let tree = |count: usize| -> Vec<TreeFile> {
            (0..count).map(|at| file(&format!("f{at}"), 1)).collect()
        };
        assert_eq!(
            to_read(&tree(REPOSITORY_PATHS_MAX)).map(|read| read.len()),
            Ok(SHOWN_FILES_MAX)
        );
        let failure = to_read(&tree(REPOSITORY_PATHS_MAX + 1)).unwrap_err();
        assert_eq!(failure.code, Code::ProjectTooLarge);
        let long: Vec<TreeFile> = (0..1_000)
            .map(|at| file(&format!("{}{at}", "x".repeat(200)), 1))
            .collect();
        assert!(to_read(&long).is_err());
    }

    #[test]
    fn an_entry_of_the_largest_repository_fits_its_row() {
        let tree: Vec<TreeFile> = (0..REPOSITORY_PATHS_MAX)
            .map(|at| file(&format!("folder/with/name/f{at}.js"), 90_000))
            .collect();
        let read = to_read(&tree).unwrap();
        let contents = read.iter().map(|at| (*at, b"\"\n\t ".repeat(22_500)));
        let checkout = checkout(existing(), &tree, &contents.collect(), 1);
        let entry = json!(Entry::Checkout(Box::new(checkout))).to_string();
        assert!(
            entry.len() < crate::limits::OUTCOME_BYTES_MAX,
            "{}",
            entry.len()
        );
    }
}
