//! Git object ids, computed without asking anybody: SHA-1 over `"<type> <length>\0" + body`.
//!
//! GitHub's ids for the same input are the same, provided author and committer are given with a
//! `Z` date. Checked against real git and against a recorded exchange with GitHub (2026-08).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::path::{self, PathError};
use crate::publish::{File, Identity};

/// A SHA-1 object id; 40 lower-case hexadecimal digits as text and in JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha([u8; 20]);

impl Sha {
    /// The 20 bytes.
    pub fn bytes(&self) -> [u8; 20] {
        self.0
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 40 hexadecimal digits. A repository with SHA-256 ids gives this too. Terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-1 id of 40 hexadecimal digits")]
pub struct ShaError;

impl FromStr for Sha {
    type Err = ShaError;

    fn from_str(text: &str) -> Result<Self, ShaError> {
        let digest = sha1_smol::Digest::from_str(text).map_err(|_| ShaError)?;
        Ok(Self(digest.bytes()))
    }
}

impl Serialize for Sha {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The id of a file's content.
pub fn blob_sha(content: &[u8]) -> Sha {
    hash("blob", content)
}

/// The id of the tree that holds exactly these files, in any order.
///
/// # Errors
/// The rules for paths, see [`PathError`]. Terminal.
pub fn tree_sha(files: &[File]) -> Result<Sha, PathError> {
    path::check(files.iter().map(|file| file.path.as_str()))?;
    Ok(tree_of(&files.iter().map(Leaf::of).collect::<Vec<_>>()))
}

/// The id of a commit. Dates are written with zone `+0000`, the message verbatim: no newline is
/// added.
pub fn commit_sha(
    tree: Sha,
    parents: &[Sha],
    author: &Identity,
    committer: &Identity,
    message: &str,
) -> Sha {
    let mut body = format!("tree {tree}\n");
    for parent in parents {
        body.push_str(&format!("parent {parent}\n"));
    }
    for (role, who) in [("author", author), ("committer", committer)] {
        let Identity {
            name,
            email,
            date_unix,
        } = who;
        body.push_str(&format!("{role} {name} <{email}> {date_unix} +0000\n"));
    }
    body.push('\n');
    body.push_str(message);
    hash("commit", body.as_bytes())
}

fn hash(kind: &str, body: &[u8]) -> Sha {
    let mut sha = sha1_smol::Sha1::new();
    sha.update(format!("{kind} {}\0", body.len()).as_bytes());
    sha.update(body);
    Sha(sha.digest().bytes())
}

/// A file with the id of its content, so that trees of prefixes cost no hashing of contents.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaf<'a> {
    pub(crate) file: &'a File,
    sha: Sha,
}

impl<'a> Leaf<'a> {
    pub(crate) fn of(file: &'a File) -> Self {
        Self {
            file,
            sha: blob_sha(file.content.as_bytes()),
        }
    }
}

/// The id of the tree of these files. Their paths have been checked.
pub(crate) fn tree_of(leaves: &[Leaf<'_>]) -> Sha {
    let entries: Vec<(&str, Leaf<'_>)> = leaves
        .iter()
        .map(|leaf| (leaf.file.path.as_str(), *leaf))
        .collect();
    subtree(&entries)
}

/// The tree of files given by their paths relative to it.
fn subtree(entries: &[(&str, Leaf<'_>)]) -> Sha {
    let mut tree = Vec::new();
    let mut folders: BTreeMap<&str, Vec<(&str, Leaf<'_>)>> = BTreeMap::new();
    for (path, leaf) in entries {
        match path.split_once('/') {
            Some((folder, rest)) => folders.entry(folder).or_default().push((rest, *leaf)),
            None => tree.push(Entry {
                mode: mode(leaf.file),
                name: path,
                sha: leaf.sha,
            }),
        }
    }
    tree.extend(folders.iter().map(|(name, inner)| Entry {
        mode: MODE_FOLDER,
        name,
        sha: subtree(inner),
    }));
    hash_tree(tree)
}

/// The mode of a folder inside a tree object; the API writes it `040000`.
const MODE_FOLDER: &str = "40000";

/// The mode of a file, in trees and in the API.
pub(crate) fn mode(file: &File) -> &'static str {
    if file.executable { "100755" } else { "100644" }
}

/// One line of a tree object.
pub(crate) struct Entry<'a> {
    pub(crate) mode: &'a str,
    pub(crate) name: &'a str,
    pub(crate) sha: Sha,
}

/// The id of one tree object. Git sorts by bytes as if the names of folders ended in `/`.
pub(crate) fn hash_tree(mut entries: Vec<Entry<'_>>) -> Sha {
    entries.sort_by_cached_key(|entry| {
        let slash = if entry.mode == MODE_FOLDER { "/" } else { "" };
        format!("{}{slash}", entry.name).into_bytes()
    });
    let mut body = Vec::new();
    for entry in &entries {
        body.extend_from_slice(format!("{} {}\0", entry.mode, entry.name).as_bytes());
        body.extend_from_slice(&entry.sha.0);
    }
    hash("tree", &body)
}
