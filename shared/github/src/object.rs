//! Git object ids, computed without asking anybody: SHA-1 over `"<type> <length>\0" + body`.
//!
//! GitHub's ids for the same input are the same, provided author and committer are given with a
//! `Z` date. Checked against real git and against a recorded exchange with GitHub (2026-08).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::commit::Identity;

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

/// The text is not 40 hexadecimal digits. Terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-1 id of 40 hexadecimal digits")]
pub struct ShaError;

/// How many hexadecimal digits an id has in a repository with SHA-256 ids.
const SHA256_DIGITS: usize = 64;

/// What tells the failure of an answer with a SHA-256 id from other failures.
pub(crate) const SHA256_WORDS: &str = "the repository has SHA-256 ids";

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
        if text.len() == SHA256_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(serde::de::Error::custom(SHA256_WORDS));
        }
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What an entry of a tree is, as git numbers it; six octal digits as text and in JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mode(u32);

impl Mode {
    /// An ordinary file.
    pub const FILE: Self = Self(0o100_644);
    /// A file that may be executed.
    pub const EXECUTABLE: Self = Self(0o100_755);
    /// A symbolic link; its content is the target.
    pub const LINK: Self = Self(0o120_000);
    /// A commit of another repository; it has no content here.
    pub const SUBMODULE: Self = Self(0o160_000);
    /// A folder.
    pub(crate) const FOLDER: Self = Self(0o040_000);

    /// Whether it is a file with content, executable or not, of whatever permissions.
    pub fn is_file(self) -> bool {
        self.0 & 0o170_000 == 0o100_000
    }

    /// The type GitHub names beside the mode.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::SUBMODULE => "commit",
            Self::FOLDER => "tree",
            Self(_) => "blob",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06o}", self.0)
    }
}

impl fmt::Debug for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        u32::from_str_radix(&text, 8)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

/// The id of a file's content.
pub fn blob_sha(content: &[u8]) -> Sha {
    hash("blob", content)
}

/// A file, link or submodule of a tree: what it is, and the id of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// What it is.
    pub mode: Mode,
    /// The id of its content, or the commit of a submodule.
    pub sha: Sha,
}

/// Everything in a tree and its folders, by path.
pub type Files = BTreeMap<String, Leaf>;

/// The id of the tree that holds exactly these files.
pub fn tree_sha(files: &Files) -> Sha {
    let entries: Vec<(&str, Leaf)> = files
        .iter()
        .map(|(path, leaf)| (path.as_str(), *leaf))
        .collect();
    subtree(&entries)
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

/// The tree of files given by their paths relative to it.
fn subtree(entries: &[(&str, Leaf)]) -> Sha {
    let mut tree = Vec::new();
    let mut folders: BTreeMap<&str, Vec<(&str, Leaf)>> = BTreeMap::new();
    for (path, leaf) in entries {
        match path.split_once('/') {
            Some((folder, rest)) => folders.entry(folder).or_default().push((rest, *leaf)),
            None => tree.push((*path, *leaf)),
        }
    }
    tree.extend(folders.iter().map(|(name, inner)| {
        let folder = Leaf {
            mode: Mode::FOLDER,
            sha: subtree(inner),
        };
        (*name, folder)
    }));
    hash_tree(tree)
}

/// The id of one tree object. Git sorts by bytes as if the names of folders ended in `/`.
pub(crate) fn hash_tree(mut entries: Vec<(&str, Leaf)>) -> Sha {
    entries.sort_by_cached_key(|(name, leaf)| {
        let slash = if leaf.mode == Mode::FOLDER { "/" } else { "" };
        format!("{name}{slash}").into_bytes()
    });
    let mut body = Vec::new();
    for (name, leaf) in &entries {
        // Unlike in the API there is no leading zero.
        body.extend_from_slice(format!("{:o} {name}\0", leaf.mode.0).as_bytes());
        body.extend_from_slice(&leaf.sha.0);
    }
    hash("tree", &body)
}
