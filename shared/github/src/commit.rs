//! What shall be published, and the check of it before anything is asked.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::object::{Files, Leaf, Mode, Sha, blob_sha};
use crate::path;

/// What git strips from both ends of a name or an address, which would change the id.
const IDENTITY_TRIMMED: &[char] = &['.', ',', ':', ';', '"', '\\', '\''];

pub(crate) const CHECK: &str = "commit";

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The branch without `refs/heads/`.
    pub branch: String,
    /// What the changes start from.
    pub base: Base,
    /// Stored verbatim, no newline is added.
    pub message: String,
    /// Author and committer. With the message and the changes it determines the commit's id, so
    /// it must be the same in every attempt, and different in every other commit of the branch.
    pub author: Identity,
    /// At least one, in any order; no path twice.
    pub changes: Vec<Change>,
}

/// What the changes of a commit start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// A repository that [`crate::Client::ensure_repository`] made for this commit: the branch
    /// exists, and the changes (only [`Change::Write`]) are all there shall be in it.
    Fresh,
    /// A commit: the previous one of ours, or the head that was read. Everything the changes do
    /// not name stays as it is there.
    At(Sha),
}

/// What happens to one path. Paths are relative, with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The file shall have this content, whether it exists or not.
    Write {
        /// The path.
        path: String,
        /// All of the content.
        content: Content,
        /// Whether it may be executed; `None` leaves an existing file as it is, and a new one not.
        executable: Option<bool>,
    },
    /// The file shall not be there. Nothing happens when it is not there anyway.
    Delete {
        /// The path.
        path: String,
    },
}

/// The content of a file, stored byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Rides along with the tree.
    Text(String),
    /// Anything that is not UTF-8; costs one more request.
    Binary(Vec<u8>),
}

impl Content {
    /// The content as bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Content {
    /// Text when it is UTF-8.
    fn from(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Binary(error.into_bytes()),
        }
    }
}

/// Who made a commit, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The person's or program's name.
    pub name: String,
    /// The address.
    pub email: String,
    /// Unix seconds, not negative; stored with zone `+0000`.
    pub date_unix: i64,
}

/// The files after the changes. A mode that is not told stays what it is.
pub(crate) fn apply(base: &Files, changes: &[Change]) -> Files {
    let mut files = base.clone();
    for change in changes {
        match change {
            Change::Delete { path } => {
                files.remove(path);
            }
            Change::Write {
                path,
                content,
                executable,
            } => {
                let before = files.get(path).map(|leaf| leaf.mode);
                let mode = match executable {
                    Some(true) => Mode::EXECUTABLE,
                    Some(false) => Mode::FILE,
                    None => before.filter(|mode| mode.is_file()).unwrap_or(Mode::FILE),
                };
                let sha = blob_sha(content.bytes());
                files.insert(path.clone(), Leaf { mode, sha });
            }
        }
    }
    files
}

/// Checks what would otherwise be refused late or change the commit's id; returns the date.
///
/// # Errors
/// [`Error::Validation`], terminal.
pub(crate) fn check(commit: &Commit) -> Result<String, Error> {
    let refuse = |message: String| Error::Validation {
        operation: CHECK,
        message,
    };
    check_changes(commit).map_err(refuse)?;
    check_branch(&commit.branch).map_err(refuse)?;
    if commit.message.trim().is_empty() || commit.message.contains('\0') {
        return Err(refuse("the message is empty or holds a NUL".to_owned()));
    }
    let Identity {
        name,
        email,
        date_unix,
    } = &commit.author;
    for text in [name, email] {
        let trimmed = text.trim().trim_matches(IDENTITY_TRIMMED);
        let bad = |char: char| matches!(char, '<' | '>') || char.is_control();
        if trimmed.is_empty() || trimmed != text || text.contains(bad) {
            return Err(refuse(format!("`{text}` cannot be in an author")));
        }
    }
    jiff::Timestamp::from_second(*date_unix)
        .ok()
        .filter(|_| *date_unix >= 0)
        .map(|date| date.to_string())
        .ok_or_else(|| refuse("the author's date is out of range".to_owned()))
}

/// A branch's name, as far as it matters for URLs and for git.
///
/// # Errors
/// What is wrong with it, for a person.
pub(crate) fn check_branch(branch: &str) -> Result<(), String> {
    let stray = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    let bad = |char: char| char.is_control() || " ~^:?*[\\".contains(char);
    if branch.split('/').any(stray) || branch.contains(bad) || branch.contains("..") {
        return Err(format!("`{branch}` is not a branch"));
    }
    Ok(())
}

fn check_changes(commit: &Commit) -> Result<(), String> {
    let mut written = Vec::new();
    let mut named = BTreeSet::new();
    for change in &commit.changes {
        let path = match change {
            Change::Write { path, .. } => {
                written.push(path.as_str());
                path
            }
            Change::Delete { path } if commit.base == Base::Fresh => {
                return Err(format!(
                    "there is no `{path}` to delete in a new repository"
                ));
            }
            Change::Delete { path } => path,
        };
        if !named.insert(path) {
            return Err(format!("path `{path}` is changed twice"));
        }
    }
    if named.is_empty() {
        return Err("there are no changes".to_owned());
    }
    path::check(written.into_iter()).map_err(|error| error.to_string())
}
