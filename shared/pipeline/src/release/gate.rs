//! The gate: everything that is about to leave passes here once more, whoever let it pass
//! before, or nothing leaves.

use std::collections::{BTreeMap, BTreeSet};

use crate::agent::checks;
use crate::failure::{Code, Failure};
use crate::hidden;
use crate::limits::{FILE_BYTES_MAX, FILES_MAX, PROJECT_BYTES_MAX, PUBLISHED_TEXT_CHARS_MAX};
use crate::path::SafePath;
use crate::secrets;
use crate::workspace::Workspace;

/// Refusals that a failure names; the others are counted.
const NAMED_MAX: usize = 3;

/// What is about to leave.
pub struct Outgoing<'a> {
    /// The files as they will stand.
    pub files: &'a Workspace,
    /// The files as they stand there, whoever wrote them.
    pub before: &'a Workspace,
    /// Paths that are there and were shown to nobody, so nobody may touch them.
    pub unshown: &'a [String],
    /// The manifest that the reviewer approved.
    pub approved: &'a str,
    /// What people read, each with its name: the commit's message, the description.
    pub texts: &'a [(&'a str, &'a str)],
}

/// One thing that must not leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The file or text, and where known its line, from 1 on.
    pub place: String,
    /// The rule it breaks.
    pub rule: String,
}

/// Whether `outgoing` may leave.
///
/// # Errors
/// `manifest_mismatch` where nobody approved these files, else `gate_refused` with every
/// file, line and rule. Not worth a retry: the same files are refused again.
pub fn check(outgoing: &Outgoing<'_>) -> Result<(), Failure> {
    super::check_manifest(outgoing.files, outgoing.approved)?;
    let refusals = refusals(outgoing);
    let Some(first) = refusals.len().checked_sub(NAMED_MAX) else {
        return match refusals.is_empty() {
            true => Ok(()),
            false => Err(refused(&refusals, 0)),
        };
    };
    Err(refused(&refusals[..NAMED_MAX], first))
}

fn refused(refusals: &[Refusal], more: usize) -> Failure {
    let named = refusals
        .iter()
        .map(|Refusal { place, rule }| format!("{place} {rule}"));
    let mut text = named.collect::<Vec<_>>().join("; ");
    if more > 0 {
        text.push_str(&format!("; and {more} more"));
    }
    let what_to_do =
        "Nothing was published. Start the task anew, and say in the brief what must not be there.";
    Failure::new(Code::GateRefused, format!("{text}. {what_to_do}"))
}

/// Everything that must not leave, in the order of paths, then of texts.
pub fn refusals(outgoing: &Outgoing<'_>) -> Vec<Refusal> {
    let mut found = Vec::new();
    sizes(outgoing.files, &mut found);
    paths(outgoing, &mut found);
    for (path, file) in outgoing.files.files() {
        let before = outgoing.before.get(path).map(|file| file.content.as_str());
        if before != Some(&file.content) {
            content(path, &file.content, before.unwrap_or_default(), &mut found);
        }
    }
    for (name, text) in outgoing.texts {
        found.extend(text_rules(name, text));
    }
    found
}

fn refusal(place: impl Into<String>, rule: impl Into<String>) -> Refusal {
    Refusal {
        place: place.into(),
        rule: rule.into(),
    }
}

fn sizes(files: &Workspace, found: &mut Vec<Refusal>) {
    let mut bytes = 0;
    for (path, file) in files.files() {
        bytes += file.content.len();
        if file.content.len() > FILE_BYTES_MAX {
            let rule = format!("is larger than {FILE_BYTES_MAX} bytes");
            found.push(refusal(format!("`{path}`"), rule));
        }
        if file.content.contains('\0') {
            found.push(refusal(format!("`{path}`"), "is no text"));
        }
    }
    if files.len() > FILES_MAX {
        found.push(refusal(
            "the project",
            format!("has more than {FILES_MAX} files"),
        ));
    }
    if bytes > PROJECT_BYTES_MAX {
        let rule = format!("is larger than {PROJECT_BYTES_MAX} bytes");
        found.push(refusal("the project", rule));
    }
}

/// Every path that is written or deleted is a safe one, nobody touches what was not shown, and
/// no two paths are one file somewhere.
fn paths(outgoing: &Outgoing<'_>, found: &mut Vec<Refusal>) {
    let Outgoing {
        files,
        before,
        unshown,
        ..
    } = outgoing;
    let hidden: BTreeSet<String> = unshown.iter().map(|path| path.to_lowercase()).collect();
    let mut standing: BTreeMap<String, &str> = BTreeMap::new();
    for path in unshown.iter() {
        standing.insert(path.to_lowercase(), path);
    }
    for (path, file) in files.files() {
        let place = || format!("`{path}`");
        if let Err(broken) = SafePath::parse(path.as_str()) {
            found.push(refusal(place(), format!("can not be written: {broken}")));
        }
        if before.get(path).map(|file| &file.content) == Some(&file.content) {
            continue;
        }
        let folded = path.folded();
        if hidden.contains(&folded) {
            let rule = "is in the repository and was shown to nobody, so it can not be overwritten";
            found.push(refusal(place(), rule));
        } else if let Some(other) = standing.insert(folded.clone(), path.as_str()) {
            found.push(refusal(place(), format!("can not stand beside `{other}`")));
        } else if let Some(other) = inside(&standing, &folded) {
            found.push(refusal(place(), format!("can not stand beside `{other}`")));
        }
    }
}

/// A file where `path` needs a folder, or that lies in a folder where `path` is a file.
fn inside<'a>(standing: &BTreeMap<String, &'a str>, path: &str) -> Option<&'a str> {
    let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
    let mut files = folders.filter_map(|folder| standing.get(folder).copied());
    let below = format!("{path}/");
    let next = standing.range(below.clone()..).next();
    let is_below = next.filter(|(other, _)| other.starts_with(&below));
    files.next().or_else(|| is_below.map(|(_, other)| *other))
}

/// What stood there before in the same words was somebody else's choice.
fn content(path: &SafePath, text: &str, before: &str, found: &mut Vec<Refusal>) {
    let mut known: Vec<(String, &str)> = checks::forbidden(path, before)
        .into_iter()
        .map(|(line, rule)| (rule, nth_line(before, line)))
        .collect();
    for (line, rule) in checks::forbidden(path, text) {
        let here = nth_line(text, line);
        let same = known
            .iter()
            .position(|(other, line)| *other == rule && *line == here);
        match same {
            Some(index) => drop(known.remove(index)),
            None => found.push(refusal(format!("`{path}` line {line}"), rule)),
        }
    }
}

fn nth_line(text: &str, line: usize) -> &str {
    text.lines().nth(line.saturating_sub(1)).unwrap_or_default()
}

fn text_rules(name: &str, text: &str) -> Vec<Refusal> {
    let mut found = Vec::new();
    let at = |line: usize| format!("the {name}, line {line},");
    if let Some(line) = secrets::line(text) {
        found.push(refusal(at(line), "holds what looks like a credential"));
    }
    if let Some(line) = hidden::lines(text).next() {
        found.push(refusal(
            at(line),
            "holds characters that a reader does not see",
        ));
    }
    if text.chars().count() > PUBLISHED_TEXT_CHARS_MAX {
        found.push(refusal(format!("the {name}"), "is too long"));
    }
    found
}
