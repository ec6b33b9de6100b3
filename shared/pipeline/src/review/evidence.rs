//! What judgements of every kind have in common: findings as a model writes them, held
//! against the files and against what was found before.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Finding, ReviewWork, Severity, Source};
use crate::limits::FINDING_CHARS_MAX;
use crate::path::SafePath;

/// The severities as the schema has them.
pub(super) const SEVERITIES: &[&str] = &["blocker", "major", "minor", "nit"];

/// A finding as a model writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Found {
    pub(super) id: String,
    #[serde(deserialize_with = "severity")]
    pub(super) severity: Severity,
    pub(super) path: String,
    pub(super) line: u32,
    pub(super) problem: String,
    pub(super) required_change: String,
}

/// What a model says of a finding of an earlier round.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    pub(super) id: String,
    pub(super) state: String,
}

/// Models do not keep to the case of an enumeration.
pub(super) fn severity<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Severity, D::Error> {
    let word = String::deserialize(deserializer)?;
    match word.to_lowercase().as_str() {
        "blocker" => Ok(Severity::Blocker),
        "major" => Ok(Severity::Major),
        "minor" => Ok(Severity::Minor),
        "nit" => Ok(Severity::Nit),
        _ => Err(serde::de::Error::custom(format!("`{word}` is no severity"))),
    }
}

pub(super) fn text() -> Value {
    json!({"type": "string"})
}

pub(super) fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

pub(super) fn one_of(words: &[&str]) -> Value {
    json!({"type": "string", "enum": words})
}

/// An object of which every property is required, as both model services want it.
pub(super) fn object(properties: Value) -> Value {
    let required: Vec<String> = properties
        .as_object()
        .map(|map| map.keys().cloned().collect())
        .unwrap_or_default();
    json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

/// `schema`, and the marks of earlier findings if there are any.
pub(super) fn with_marks(mut properties: Value, has_earlier: bool) -> Value {
    if has_earlier {
        properties["earlier"] = list(object(
            json!({"id": text(), "state": one_of(&["resolved", "open"])}),
        ));
    }
    object(properties)
}

/// What is wrong with a place in the files, if anything. `is_owned`: whether a file that is
/// missing may be named.
pub(super) fn misplaced(
    work: &ReviewWork,
    path: &str,
    line: u32,
    is_owned: impl Fn(&str) -> bool,
) -> Option<String> {
    let file = SafePath::parse(path)
        .ok()
        .and_then(|path| work.workspace.get(&path));
    match file {
        None if is_owned(path) && line <= 1 => None,
        None if is_owned(path) => Some(format!(
            "`{path}` does not exist, so it has no line {line}: use 0"
        )),
        None => Some(format!("there is no file `{path}`")),
        Some(file) => {
            let lines = file.content.lines().count().max(1);
            (line as usize > lines).then(|| format!("`{path}` has {lines} lines, not {line}"))
        }
    }
}

/// The findings that can be used, as they are kept. What is wrong with the others goes to
/// `wrong`.
pub(super) fn usable(
    found: Vec<Found>,
    source: Source,
    round: u32,
    place: impl Fn(&Found) -> Option<String>,
    wrong: &mut Vec<String>,
) -> Vec<Finding> {
    let mut kept = Vec::new();
    for one in found {
        let mut problem = place(&one);
        let is_serious = matches!(one.severity, Severity::Blocker | Severity::Major);
        if is_serious && one.required_change.trim().is_empty() {
            problem = Some("it needs a required_change".to_owned());
        }
        match problem {
            Some(problem) => wrong.push(format!("finding `{}`: {problem}", one.id)),
            None => kept.push(Finding {
                id: one.id,
                severity: one.severity,
                path: one.path,
                line: one.line,
                problem: shortened(&one.problem),
                required_change: shortened(&one.required_change),
                source,
                since: round,
            }),
        }
    }
    kept
}

pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(FINDING_CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Splits the earlier findings into those that are still open and those that are resolved.
/// What is not marked is open; marks that fit no finding go to `wrong`.
pub(super) fn settled(
    earlier: &[Finding],
    marks: &[Mark],
    wrong: &mut Vec<String>,
) -> (Vec<Finding>, Vec<Finding>) {
    let mut expected: Vec<&str> = earlier.iter().map(|finding| finding.id.as_str()).collect();
    let mut given: Vec<&str> = marks.iter().map(|mark| mark.id.as_str()).collect();
    expected.sort_unstable();
    given.sort_unstable();
    if expected != given {
        wrong.push(format!(
            "earlier must hold exactly the ids {}",
            expected.join(", ")
        ));
    }
    let is_resolved = |finding: &Finding| {
        let mut own = marks.iter().filter(|mark| mark.id == finding.id);
        own.any(|mark| mark.state.eq_ignore_ascii_case("resolved"))
    };
    let (resolved, open) = earlier.iter().cloned().partition(is_resolved);
    (open, resolved)
}

/// After the first judgement only blockers may be new: everything else becomes a remark, so
/// that no reviewer goes on for ever.
pub(super) fn freeze(findings: &mut [Finding]) {
    for finding in findings {
        if finding.severity == Severity::Major {
            finding.severity = Severity::Minor;
        }
    }
}

/// Gives new findings ids that none of `taken` has.
pub(super) fn rename(findings: &mut [Finding], taken: &[Finding], round: u32) {
    let mut ids: Vec<String> = taken.iter().map(|finding| finding.id.clone()).collect();
    for finding in findings {
        let own = std::mem::take(&mut finding.id);
        let mut id = own.clone();
        let mut number = 1;
        while id.is_empty() || ids.contains(&id) {
            id = match number {
                1 => format!("{own}-r{round}"),
                _ => format!("{own}-r{round}-{number}"),
            };
            number += 1;
        }
        ids.push(id.clone());
        finding.id = id;
    }
}
