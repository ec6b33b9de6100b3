//! The entries of `POST …/git/trees`, checked one by one. The messages are those that public test
//! suites record from the live service.

use serde_json::Value;

use super::input::{Input, is_object_id};
use super::objects::ObjectKind;
use super::refusal::Refusal;

/// The longest path most systems can check out.
const PATH_BYTES_MAX: usize = 4_096;
const NO_OBJECT: &str = "0000000000000000000000000000000000000000";
const WORKFLOWS: &str = ".github/workflows";

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: Vec<String>,
    pub(super) mode: Mode,
    pub(super) source: Source,
}

/// What an entry puts at its path.
#[derive(Debug)]
pub(super) enum Source {
    /// `sha: null`: the path goes away.
    Delete,
    /// An object that exists, and the kind the entry says it has.
    Object { sha: String, kind: ObjectKind },
    /// Text of a new blob.
    Content(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    File,
    Executable,
    Symlink,
    Directory,
    Submodule,
}

impl Mode {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "100644" => Some(Self::File),
            "100755" => Some(Self::Executable),
            "120000" => Some(Self::Symlink),
            "040000" => Some(Self::Directory),
            "160000" => Some(Self::Submodule),
            _ => None,
        }
    }

    pub(super) fn octal(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Symlink => "120000",
            Self::Directory => "040000",
            Self::Submodule => "160000",
        }
    }

    /// From a tree object, where directories have no leading zero. Old trees hold group-writable
    /// files too, which git keeps as plain ones.
    pub(super) fn from_object(text: &str) -> Option<Self> {
        match text {
            "40000" => Some(Self::Directory),
            "100664" => Some(Self::File),
            other => Self::parse(other),
        }
    }

    pub(super) fn kind(self) -> ObjectKind {
        match self {
            Self::File | Self::Executable | Self::Symlink => ObjectKind::Blob,
            Self::Directory => ObjectKind::Tree,
            Self::Submodule => ObjectKind::Commit,
        }
    }
}

impl Entry {
    pub(super) fn parse(value: &Value) -> Result<Self, Refusal> {
        let Value::Object(object) = value else {
            return Err(Refusal::unprocessable("Invalid tree info"));
        };
        let input = Input::from_object(object);
        let path = parse_path(input.text("path")?.unwrap_or_default())?;
        let mode = input
            .text("mode")?
            .and_then(Mode::parse)
            .ok_or_else(|| Refusal::unprocessable("Must supply a valid tree.mode"))?;
        let kind = match input.text("type")? {
            None => mode.kind(),
            Some(text) => ObjectKind::parse(text)
                .filter(|kind| *kind != ObjectKind::Tag)
                .ok_or_else(|| Refusal::unprocessable("Must supply a valid tree.type"))?,
        };
        let content = input.text("content")?;
        let source = match (object.get("sha"), content) {
            (None, Some(content)) => with_content(mode, content)?,
            (Some(Value::Null), None) => Source::Delete,
            (Some(_), None) => with_object(mode, kind, input.text("sha")?.unwrap_or_default())?,
            (None, None) | (Some(_), Some(_)) => {
                return Err(Refusal::unprocessable(
                    "Must supply either tree.sha or tree.content. Request will be rejected if both are present.",
                ));
            }
        };
        Ok(Self { path, mode, source })
    }

    /// Whether a token needs the `workflow` scope for this entry.
    pub(super) fn touches_workflows(&self) -> bool {
        let path = self.path.join("/");
        path == ".github" || path == WORKFLOWS || path.starts_with(".github/workflows/")
    }
}

fn with_content(mode: Mode, content: &str) -> Result<Source, Refusal> {
    match mode {
        Mode::File | Mode::Executable | Mode::Symlink => Ok(Source::Content(content.to_owned())),
        Mode::Directory => Err(Refusal::unprocessable(
            "A subdirectory may not have content",
        )),
        Mode::Submodule => Err(bad_object_state()),
    }
}

fn with_object(mode: Mode, kind: ObjectKind, sha: &str) -> Result<Source, Refusal> {
    if !is_object_id(sha) {
        return Err(invalid_object(sha, kind));
    }
    if mode.kind() != kind && kind == ObjectKind::Commit || sha == NO_OBJECT {
        return Err(bad_object_state());
    }
    Ok(Source::Object {
        sha: sha.to_owned(),
        kind,
    })
}

pub(super) fn invalid_object(sha: &str, kind: ObjectKind) -> Refusal {
    Refusal::unprocessable(format!("tree.sha {sha} is not a valid {}", kind.name()))
}

/// What GitHub says when its storage refuses, for example to delete what is not there.
pub(super) fn bad_object_state() -> Refusal {
    Refusal::unprocessable("GitRPC::BadObjectState")
}

pub(super) fn parse_path(path: &str) -> Result<Vec<String>, Refusal> {
    if path.starts_with('/') {
        return Err(Refusal::unprocessable(
            "tree.path cannot start with a slash",
        ));
    }
    let legal = path.len() <= PATH_BYTES_MAX && path.split('/').all(is_legal_component);
    if !legal {
        return Err(Refusal::unprocessable(
            "tree.path contains a malformed path component",
        ));
    }
    Ok(path.split('/').map(ToOwned::to_owned).collect())
}

fn is_legal_component(component: &str) -> bool {
    // `git~1` is what Windows may call `.git`.
    let reserved = [".git", "git~1"];
    !matches!(component, "" | "." | "..")
        && !component.contains('\0')
        && !reserved
            .iter()
            .any(|name| component.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::parse_path;

    #[test]
    fn paths_that_could_leave_the_work_tree_are_malformed() {
        for path in [
            "",
            "/a",
            "a//b",
            "a/",
            "./a",
            "a/../b",
            ".git/config",
            "a/.GIT/x",
            "GIT~1",
            "a\0b",
        ] {
            assert!(parse_path(path).is_err(), "{path:?}");
        }
        for path in ["a", "a/b.txt", ".github/x", ".gitignore", "a b/ü", "..a"] {
            assert!(parse_path(path).is_ok(), "{path:?}");
        }
        assert!(parse_path(&"x".repeat(4097)).is_err());
    }
}
