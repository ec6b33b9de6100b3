//! Paths that models name. A [`SafePath`] can only be made by its parser, so whatever
//! holds one need not check again.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::is_nfc;

use crate::limits::{PATH_BYTES_MAX, PATH_DEPTH_MAX, PATH_SEGMENT_BYTES_MAX};

/// Names Windows gives to devices: a repository that holds one can not be checked out there.
const RESERVED: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// What services run by themselves once it is pushed, or git once it is checked out: first
/// segments, in lower case.
const RUN_BY_OTHERS: [&str; 17] = [
    ".github",
    ".gitlab-ci.yml",
    ".gitlab",
    ".circleci",
    ".buildkite",
    ".travis.yml",
    ".drone.yml",
    ".woodpecker",
    ".woodpecker.yml",
    ".gitea",
    ".forgejo",
    ".appveyor.yml",
    "appveyor.yml",
    "azure-pipelines.yml",
    "bitbucket-pipelines.yml",
    "jenkinsfile",
    "cloudbuild.yaml",
];

/// Names, in lower case, of what git reads or runs in a checkout, wherever it lies.
const READ_BY_GIT: [&str; 4] = [".gitmodules", ".githooks", ".husky", ".gitconfig"];

/// A relative path of a file in the workspace, with `/` between its segments.
///
/// Invariant: it is NFC, stays inside the workspace on every file system, and names
/// neither version control, credentials, installed packages nor workflows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SafePath(String);

/// The rule a path breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("path `{path}` {rule}")]
pub struct UnsafePath {
    path: String,
    rule: &'static str,
}

impl SafePath {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`UnsafePath`] names the first rule that `text` breaks. Not worth a retry.
    pub fn parse(text: &str) -> Result<Self, UnsafePath> {
        match broken_rule(text) {
            None => Ok(Self(text.to_owned())),
            Some(rule) => Err(UnsafePath {
                path: shown(text),
                rule,
            }),
        }
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two paths share when a file system that ignores case takes them for one file.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl fmt::Display for SafePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for SafePath {
    type Error = UnsafePath;
    fn try_from(text: String) -> Result<Self, UnsafePath> {
        Self::parse(&text)
    }
}

impl From<SafePath> for String {
    fn from(path: SafePath) -> Self {
        path.0
    }
}

fn shown(text: &str) -> String {
    text.chars()
        .take(80)
        .flat_map(char::escape_default)
        .collect()
}

fn broken_rule(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("is empty");
    }
    if text.len() > PATH_BYTES_MAX {
        return Some("is longer than 1024 bytes");
    }
    if text.starts_with('/') || text.starts_with('~') {
        return Some("must be relative");
    }
    if text.contains('\\') {
        return Some("must not contain a backslash");
    }
    if text.contains(':') {
        return Some("must not contain a colon");
    }
    if text.chars().any(is_hidden) {
        return Some("must not contain control or invisible characters");
    }
    if text.contains('%') {
        return Some("must not be percent-encoded");
    }
    if text.contains(['*', '?', '"', '<', '>', '|']) {
        return Some("must not contain any of * ? \" < > |");
    }
    if !is_nfc(text) {
        return Some("must be in Unicode normal form C");
    }
    let segments: Vec<&str> = text.split('/').collect();
    if segments.len() > PATH_DEPTH_MAX {
        return Some("is deeper than 20 segments");
    }
    segments
        .iter()
        .enumerate()
        .find_map(|(index, segment)| broken_segment(index, segment))
}

fn broken_segment(index: usize, segment: &str) -> Option<&'static str> {
    if segment.is_empty() {
        return Some("must not have an empty segment");
    }
    if segment == "." || segment == ".." {
        return Some("must not have a segment `.` or `..`");
    }
    if segment.len() > PATH_SEGMENT_BYTES_MAX {
        return Some("has a segment longer than 255 bytes");
    }
    if segment.ends_with(['.', ' ']) || segment.starts_with(' ') {
        return Some("has a segment that begins with a space or ends with a dot or space");
    }
    if segment.starts_with('~') {
        return Some("must not have a segment that begins with `~`");
    }
    let lower = segment.to_lowercase();
    let stem = lower.split('.').next().unwrap_or_default().trim_end();
    if RESERVED.contains(&stem) {
        return Some("has a segment that is reserved on Windows");
    }
    if lower == ".git" || lower.starts_with("git~") {
        return Some("must not name version control");
    }
    if index == 0 && RUN_BY_OTHERS.contains(&&*lower) {
        return Some("must not name workflows: the orchestrator writes those");
    }
    if READ_BY_GIT.contains(&&*lower) {
        return Some("must not name what git runs or follows by itself");
    }
    if lower.starts_with(".env") {
        return Some("must not name a file of credentials");
    }
    if lower == "node_modules" {
        return Some("must not name installed packages");
    }
    None
}

/// Controls, and the format characters that make a path look like another one.
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{00ad}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}' | '\u{115f}'..='\u{1160}'
            | '\u{180e}' | '\u{3164}' | '\u{ffa0}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_are_accepted() {
        for good in [
            "index.html",
            "src/app.js",
            "a b/c-d_e.txt",
            "größe/日本.md",
            ".gitignore",
            "x/.github.md",
        ] {
            assert!(SafePath::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn every_dangerous_path_is_refused() {
        let long_segment = "a".repeat(256);
        let long_path = format!("{}/x", "a/".repeat(512));
        let deep = vec!["a"; 21].join("/");
        let bad = [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a/./b",
            "./a",
            "a//b",
            "a/",
            "a\\b",
            "C:/x",
            "c:x",
            "\\\\host\\share",
            "//host/share",
            "~/x",
            "~root",
            "a/~b",
            "%2e%2e/x",
            "a\0b",
            "a\nb",
            "x\u{7f}",
            "a.",
            "a ",
            "a./b",
            " a",
            "con",
            "NUL.txt",
            "dir/Com1",
            "lpt9.tar.gz",
            "e\u{301}.txt",
            &long_segment,
            &long_path,
            &deep,
            ".git/config",
            "x/.GIT/hooks/y",
            "git~1/x",
            ".github/workflows/ci.yml",
            ".github/x",
            ".GitHub/workflows/ci.yml",
            ".gitlab-ci.yml",
            ".circleci/config.yml",
            "Jenkinsfile",
            ".gitmodules",
            "a/.gitmodules",
            ".husky/pre-commit",
            ".githooks/post-checkout",
            ".env",
            "a/.env.local",
            "node_modules/x/y",
            "x/Node_Modules/y",
            "a\u{202e}gpj.exe",
            "zero\u{200b}width",
            "a*b",
            "a?b",
            "a|b",
        ];
        for path in bad {
            assert!(SafePath::parse(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn limits_hold_at_and_past_the_edge() {
        assert!(SafePath::parse(&"a".repeat(255)).is_ok());
        assert!(SafePath::parse(&"a".repeat(256)).is_err());
        assert!(SafePath::parse(&["a"; 20].join("/")).is_ok());
        assert!(SafePath::parse(&["a"; 21].join("/")).is_err());
    }

    #[test]
    fn serde_does_not_get_round_the_parser() {
        assert!(serde_json::from_str::<SafePath>("\"../x\"").is_err());
        assert!(serde_json::from_str::<SafePath>("\"x\"").is_ok());
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_accepted_stays_inside(text in "[a-zA-Z0-9./\\\\~%: ]{0,40}") {
            if let Ok(path) = SafePath::parse(&text) {
                let inside = std::path::Path::new(path.as_str())
                    .components()
                    .all(|part| matches!(part, std::path::Component::Normal(_)));
                proptest::prop_assert!(inside);
            }
        }
    }
}
