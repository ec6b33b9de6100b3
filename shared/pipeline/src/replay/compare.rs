//! What differs between what is decided now and what is recorded.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::record::{FileRecord, UnitRecord};
use crate::advance::NewUnit;
use crate::facts::{Done, Outcome};
use crate::ids::UnitKey;
use crate::rows::{self, TaskStamp, UnitRow};
use crate::unit::End;

/// Characters that are quoted of each side.
const QUOTED_CHARS_MAX: usize = 200;
/// Characters that are quoted before the first that differs.
const QUOTED_BEFORE: usize = 60;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What is decided now.
    pub expected: String,
    /// What is recorded.
    pub recorded: String,
}

impl Difference {
    /// The difference between two texts, each quoted from where they begin to differ.
    pub(super) fn of(expected: impl AsRef<str>, recorded: impl AsRef<str>) -> Self {
        let (expected, recorded) = (expected.as_ref(), recorded.as_ref());
        let pairs = expected.chars().zip(recorded.chars());
        let same = pairs.take_while(|(one, other)| one == other).count();
        let from = match same > QUOTED_BEFORE {
            true => same - QUOTED_BEFORE,
            false => 0,
        };
        let quote = |text: &str| {
            let visible = |character: char| match character.is_whitespace() {
                true => ' ',
                false => character,
            };
            let quoted = text.chars().skip(from).take(QUOTED_CHARS_MAX);
            let mut quoted: String = quoted.map(visible).collect();
            if from > 0 {
                quoted.insert(0, '…');
            }
            if text.chars().nth(from + QUOTED_CHARS_MAX).is_some() {
                quoted.push('…');
            }
            quoted
        };
        Self {
            expected: quote(expected),
            recorded: quote(recorded),
        }
    }
}

/// The first place in which two values differ.
pub(super) fn values(place: &str, expected: &Value, recorded: &Value) -> Option<Difference> {
    if expected == recorded {
        return None;
    }
    let below = |name: &str| match place {
        "" => name.to_owned(),
        place => format!("{place}.{name}"),
    };
    let within = match (expected, recorded) {
        (Value::Object(one), Value::Object(other)) if !are_variants(one, other) => {
            let names = one.keys().chain(other.keys());
            let mut found = names.filter_map(|name| {
                let at = |map: &Map<String, Value>| map.get(name).cloned().unwrap_or_default();
                values(&below(name), &at(one), &at(other))
            });
            found.next()
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let mut pairs = one.iter().zip(other).enumerate();
            pairs.find_map(|(index, (one, other))| values(&below(&index.to_string()), one, other))
        }
        // Many columns hold JSON as text.
        (Value::String(one), Value::String(other)) => match (structure(one), structure(other)) {
            (Some(one), Some(other)) => return values(place, &one, &other),
            (_, _) => None,
        },
        (_, _) => None,
    };
    within.or_else(|| {
        let said = |value: &Value| {
            let text = value.as_str().map(str::to_owned);
            text.unwrap_or_else(|| value.to_string())
        };
        let Difference { expected, recorded } = Difference::of(said(expected), said(recorded));
        let at = match place {
            "" => String::new(),
            place => format!("{place}: "),
        };
        Some(Difference {
            expected: format!("{at}{expected}"),
            recorded: format!("{at}{recorded}"),
        })
    })
}

/// Whether two values are of different variants of an enum.
fn are_variants(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    (one.len(), other.len()) == (1, 1) && !one.keys().eq(other.keys())
}

/// The object or list that a text holds, if it does.
fn structure(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text).ok()?;
    (value.is_object() || value.is_array()).then_some(value)
}

/// The first of the `expected` columns that a row holds otherwise.
pub(super) fn columns(
    expected: &Map<String, Value>,
    recorded: &Map<String, Value>,
) -> Option<Difference> {
    expected.iter().find_map(|(name, expected)| {
        values(name, expected, recorded.get(name).unwrap_or(&Value::Null))
    })
}

/// What a unit's row says otherwise than whoever asked for it. What is written later, and
/// what was handed on, is left out.
pub(super) fn row(asked: &NewUnit, unit: &UnitRecord) -> Option<Difference> {
    let stamp = TaskStamp {
        rev: 0,
        updated_at: String::new(),
        position: None,
    };
    let row = rows::unit(asked, &unit.row.owner, &stamp);
    let Value::Object(mut expected) = row.data else {
        return None;
    };
    // Compared as what they say: an older version says less of a finding.
    let said = |row: &UnitRow| {
        let unreadable = |cause: String| json!(cause);
        let project = row.project().map_or_else(unreadable, |it| json!(it));
        json!({"findings": row.findings(), "project": project})
    };
    let parsed = UnitRow::parse(asked.key.kind, &row.id, expected.clone());
    for name in ["taskRev", "taskUpdatedAt", "state", "findings", "project"] {
        expected.remove(name);
    }
    let texts = parsed
        .ok()
        .and_then(|parsed| values("", &said(&parsed), &said(&unit.row)));
    columns(&expected, &unit.row.data).or(texts)
}

/// How a result is recorded otherwise than the unit ends now.
pub(super) fn result(end: &End, done: &Done) -> Option<Difference> {
    let mut expected = end.outcome.clone();
    if let (
        Outcome::Planned {
            estimate: Some(now),
            ..
        },
        Outcome::Planned {
            estimate: Some(then),
            ..
        },
    ) = (&mut expected, &done.outcome)
    {
        now.cost_micro_usd = then.cost_micro_usd;
    }
    let spent = || values("spent", &json!(end.spent), &json!(done.spent));
    values("", &json!(expected), &json!(done.outcome)).or_else(spent)
}

/// How a unit's own row is filled in otherwise than the unit ends now.
pub(super) fn filled(end: &End, unit: &UnitRecord) -> Option<Difference> {
    let mut expected = end.columns.clone();
    let mut recorded = unit.row.data.clone();
    for columns in [&mut expected, &mut recorded] {
        if let Some(estimate) = columns.get_mut("estimate") {
            let text = estimate.as_str().unwrap_or_default();
            let mut without: Value = serde_json::from_str(text).unwrap_or_default();
            if let Some(without) = without.as_object_mut() {
                without.remove("costMicroUsd");
            }
            *estimate = without;
        }
    }
    columns(&expected, &recorded)
}

/// How the files that a unit wrote are recorded otherwise.
pub(super) fn files(
    key: &UnitKey,
    owner: &str,
    end: &End,
    recorded: &[&FileRecord],
) -> Option<Difference> {
    let mut rows: BTreeMap<&str, &FileRecord> = recorded
        .iter()
        .map(|file| (file.row_id.as_str(), *file))
        .collect();
    for version in &end.files {
        let row = rows::file(key, owner, version);
        let path = version.path.as_str();
        let Some(file) = rows.remove(row.id.as_str()) else {
            return Some(Difference::of(path, "no such file"));
        };
        let Value::Object(expected) = row.data else {
            continue;
        };
        if let Some(Difference { expected, recorded }) = columns(&expected, &file.data) {
            return Some(Difference {
                expected: format!("{path}: {expected}"),
                recorded: format!("{path}: {recorded}"),
            });
        }
    }
    let further = rows.values().next()?;
    Some(Difference::of("no such file", &further.path))
}
