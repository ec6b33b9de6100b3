//! Deterministic ids. Whoever creates a row that must exist makes the same id, so it does
//! not matter who creates it, how often, or how many at once.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Characters of the hash in an id: 120 bits, and 36 stay the limit of a row id with
/// [`SUFFIX_CHARS_MAX`] added.
const HASH_CHARS: usize = 24;
/// Characters that ids built on a unit's id may add, the dot included.
pub const SUFFIX_CHARS_MAX: usize = 9;
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Lower-case base32 of the SHA-256 over `parts`, each prefixed by its length, cut to
/// `chars`.
pub fn hash_base32(parts: &[&str], chars: usize) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let digest = hasher.finalize();
    let mut text = String::with_capacity(chars);
    let (mut buffer, mut bits) = (0u32, 0u32);
    for byte in digest {
        buffer = (buffer << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(BASE32[(buffer >> bits) as usize & 31]));
            if text.len() == chars {
                return text;
            }
        }
        buffer &= (1 << bits) - 1;
    }
    text
}

/// Lower-case hexadecimal SHA-256 of `bytes`.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        text.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
        text.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
    }
    text
}

/// A task's id, which is also its brief's row id: `t` and 24 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(String);

impl TaskId {
    /// The id of the task that `owner` asked for under `request`: the client's
    /// `requestId`, or the id of the execution that took the brief.
    pub fn of_request(owner: &str, request: &str) -> Self {
        Self(format!(
            "t{}",
            hash_base32(&["task", owner, request], HASH_CHARS)
        ))
    }

    /// Takes an id from a row or a path. `None` unless it has the shape of one.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('t')?;
        let shape = rest.len() == HASH_CHARS && rest.bytes().all(|byte| BASE32.contains(&byte));
        shape.then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Six characters that tell this task's names from another's.
    pub fn short(&self) -> &str {
        &self.0[1..7]
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What kind of work a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitKind {
    /// An existing repository to read.
    Import,
    /// A plan to make.
    Plan,
    /// One agent's work in one round.
    Assignment,
    /// One review round.
    Review,
    /// One commit.
    Release,
    /// One deployment.
    Deployment,
    /// One deployment that only the owner sees.
    Preview,
}

impl UnitKind {
    /// Every kind, in the order of the pipeline.
    pub const ALL: [Self; 7] = [
        Self::Import,
        Self::Plan,
        Self::Assignment,
        Self::Review,
        Self::Release,
        Self::Deployment,
        Self::Preview,
    ];

    const fn letter(self) -> char {
        match self {
            Self::Import => 'i',
            Self::Plan => 'p',
            Self::Assignment => 'a',
            Self::Review => 'r',
            Self::Release => 'l',
            Self::Deployment => 'd',
            Self::Preview => 'v',
        }
    }

    /// The word in a unit's key.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Plan => "plan",
            Self::Assignment => "assignment",
            Self::Review => "review",
            Self::Release => "release",
            Self::Deployment => "deployment",
            Self::Preview => "preview",
        }
    }

    /// The trigger table that holds units of this kind.
    pub const fn table(self) -> &'static str {
        match self {
            Self::Plan => "plans",
            Self::Assignment => "assignments",
            Self::Review => "reviews",
            Self::Import | Self::Release => "releases",
            Self::Deployment | Self::Preview => "deployments",
        }
    }

    /// Every trigger table, in the order of the pipeline.
    pub const TABLES: [&str; 5] = ["plans", "assignments", "reviews", "releases", "deployments"];

    /// The kind of the unit with this row id in the trigger table of `self`: what reads a
    /// repository shares its table with what commits to one, as one function alone may do both,
    /// and what is only looked at with what is served.
    #[must_use]
    pub fn of_row(self, row_id: &str) -> Self {
        let mut all = Self::ALL.into_iter();
        let is_it = |kind: &Self| row_id.starts_with(kind.letter()) && kind.table() == self.table();
        all.find(is_it).unwrap_or(self)
    }
}

/// What a unit is, in plain: the preimage of its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnitKey {
    /// The task it belongs to.
    pub task: TaskId,
    /// What kind of work it is.
    pub kind: UnitKind,
    /// Starts at 1, raised by revise and retry; 0 for what comes before the first plan.
    pub generation: u32,
    /// Starts at 1, raised by rework.
    pub round: u32,
    /// The assignment's name; empty for the other kinds.
    pub name: String,
}

impl UnitKey {
    /// The unit's id: a letter for its kind and 24 characters.
    pub fn id(&self) -> UnitId {
        let (generation, round) = (self.generation.to_string(), self.round.to_string());
        let parts = [
            self.kind.as_str(),
            self.task.as_str(),
            &generation,
            &round,
            &self.name,
        ];
        UnitId(format!(
            "{}{}",
            self.kind.letter(),
            hash_base32(&parts, HASH_CHARS)
        ))
    }
}

impl fmt::Display for UnitKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            task,
            kind,
            generation,
            round,
            name,
        } = self;
        write!(
            formatter,
            "{task}/{generation}/{round}/{}/{name}",
            kind.as_str()
        )
    }
}

/// A unit's row id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnitId(String);

impl UnitId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The row id of the journal entry (or line of progress) for the effect `key`. Keys
    /// of at most eight lower-case letters and digits stand in it as they are, others by
    /// their hash; the key itself is a column and is compared on 409.
    pub fn entry(&self, key: &str) -> String {
        let plain = key.len() < SUFFIX_CHARS_MAX
            && key
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if plain {
            format!("{}.{key}", self.0)
        } else {
            format!("{}.h{}", self.0, hash_base32(&[key], SUFFIX_CHARS_MAX - 2))
        }
    }

    /// The row id of the claim with this epoch.
    pub fn claim(&self, epoch: u64) -> String {
        format!("{}.{epoch}", self.0)
    }
}

impl fmt::Display for UnitId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The row id of one file version.
pub fn file_row_id(task: &TaskId, generation: u32, round: u32, path: &str) -> String {
    let (generation, round) = (generation.to_string(), round.to_string());
    format!(
        "f{}",
        hash_base32(&[task.as_str(), &generation, &round, path], HASH_CHARS)
    )
}

/// The row id of a file that a review put back to how it was in an earlier round.
pub fn kept_file_row_id(task: &TaskId, generation: u32, round: u32, path: &str) -> String {
    let (generation, round) = (generation.to_string(), round.to_string());
    let parts = [task.as_str(), &generation, &round, path, "kept"];
    format!("f{}", hash_base32(&parts, HASH_CHARS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> UnitKey {
        let task = TaskId::of_request("owner", "request");
        UnitKey {
            task,
            kind: UnitKind::Assignment,
            generation: 1,
            round: 1,
            name: name.to_owned(),
        }
    }

    #[test]
    fn hash_is_rfc4648_base32_of_sha256() {
        // printf '\0\0\0\0\0\0\0\3abc' | sha256sum | xxd -r -p | base32 | tr A-Z a-z
        let full = hash_base32(&["abc"], 51);
        assert_eq!(full.len(), 51);
        assert!(full.bytes().all(|byte| BASE32.contains(&byte)));
        assert_eq!(hash_base32(&["abc"], 8), full[..8]);
    }

    #[test]
    fn ids_fit_a_row_id_with_every_suffix() {
        let id = key("ui").id();
        assert_eq!(id.as_str().len(), 25);
        for suffix in ["t0", "done", "judge.a-very-long-assignment-name"] {
            assert!(id.entry(suffix).len() <= 36, "{}", id.entry(suffix));
        }
        assert!(id.claim(99_999_999).len() <= 36);
        assert_eq!(file_row_id(&key("x").task, 1, 1, "a/b").len(), 25);
    }

    #[test]
    fn parts_are_not_run_together() {
        assert_ne!(hash_base32(&["ab", "c"], 24), hash_base32(&["a", "bc"], 24));
        assert_ne!(key("ui").id(), key("ux").id());
    }

    #[test]
    fn a_row_id_tells_the_kinds_of_one_table_apart() {
        for kind in UnitKind::ALL {
            let id = UnitKey { kind, ..key("") }.id();
            let table = kind.table();
            assert!(UnitKind::TABLES.contains(&table));
            let mut kinds = UnitKind::ALL.into_iter().rev();
            let last = kinds.find(|it| it.table() == table).unwrap();
            assert_eq!(last.of_row(id.as_str()), kind);
        }
    }

    #[test]
    fn task_id_is_parsed_by_shape_only() {
        let id = TaskId::of_request("owner", "request");
        assert_eq!(TaskId::parse(id.as_str()), Some(id));
        for bad in [
            "",
            "t",
            "x23456789012345678901234a",
            "tABCDEFGHIJKLMNOPQRSTUVWX",
            "../etc",
        ] {
            assert_eq!(TaskId::parse(bad), None, "{bad}");
        }
    }
}
