//! Files that a text names.

use super::Owner;
use crate::workspace::Workspace;

/// A file that is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    /// Its path in the project.
    pub(super) path: String,
    /// The line, 0 where none is given.
    pub(super) line: u32,
}

/// The project's files that `text` names, in its order. A build sees them below a folder of
/// its own, so that the end of a longer path is one too; a bare name is, if only one file
/// has it.
pub(super) fn of(owners: &[Owner], files: &Workspace, text: &str) -> Vec<Mention> {
    let is_known = |path: &str| {
        let is_owned = || {
            owners
                .iter()
                .flat_map(|owner| &owner.owns)
                .any(|owned| owned == path)
        };
        files.files().any(|(known, _)| known.as_str() == path) || is_owned()
    };
    let mut mentions = Vec::new();
    for word in text.split(is_between).filter(|word| !word.is_empty()) {
        let (path, line) = placed(word);
        let path = path.replace('\\', "/");
        let ends = std::iter::successors(Some(path.as_str()), |path| {
            path.split_once('/').map(|(_, rest)| rest)
        });
        let found = ends
            .map(|end| end.trim_start_matches("./"))
            .find(|end| is_known(end))
            .map(str::to_owned);
        let found = found.or_else(|| named(files, &path));
        mentions.extend(found.map(|path| Mention { path, line }));
    }
    mentions
}

/// What stands between words: no path that a plan may own holds it.
fn is_between(character: char) -> bool {
    character.is_whitespace() || "\"'`()[]{}<>,;|=*?!".contains(character)
}

/// A word without the line and column after it.
fn placed(word: &str) -> (&str, u32) {
    let word = word.trim_end_matches([':', '.']);
    let mut parts = word.split(':');
    let path = match parts.next() {
        Some("file") => parts.next(),
        path => path,
    };
    let line = parts.next().and_then(|line| line.parse().ok());
    (path.unwrap_or_default(), line.unwrap_or_default())
}

/// The only file of this name.
fn named(files: &Workspace, name: &str) -> Option<String> {
    let is_it = |path: &str| path.rsplit('/').next() == Some(name);
    let mut all = files.files().filter(|(path, _)| is_it(path.as_str()));
    let (path, _) = all.next()?;
    all.next().is_none().then(|| path.to_string())
}
