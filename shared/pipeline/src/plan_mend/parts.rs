//! The parts of mending: one text, one id, one assignment at a time.

use std::collections::BTreeSet;

use crate::limits::{ACCEPTANCE_MAX, PLAN_TEXT_CHARS_MAX, TITLE_CHARS_MAX, WORD_CHARS_MAX};
use crate::plan::{Assignment, Check};
use crate::plan_rules::{SIZES, exclude, is_id};

/// How much work an assignment is: 1, 2 or 3.
pub(super) fn effort(assignment: &Assignment) -> usize {
    let size = assignment.size.as_str();
    SIZES.iter().position(|known| *known == size).unwrap_or(1) + 1
}

/// `kept` does what `other` was to do as well.
pub(super) fn absorb(kept: &mut Assignment, other: &Assignment) {
    let total = effort(kept) + effort(other);
    kept.size = SIZES
        .get(total.min(3) - 1)
        .copied()
        .unwrap_or("L")
        .to_owned();
    kept.title = cut(&format!("{}; {}", kept.title, other.title), TITLE_CHARS_MAX);
    let objective = format!("{}\n\n{}", kept.objective, other.objective);
    kept.objective = cut(&objective, PLAN_TEXT_CHARS_MAX);
    kept.priority = kept.priority.min(other.priority);
    let union = |left: &[String], right: &[String]| distinct(&[left, right].concat());
    kept.depends_on = union(&kept.depends_on, &other.depends_on);
    kept.may_read = union(&kept.may_read, &other.may_read);
    kept.contracts = union(&kept.contracts, &other.contracts);
    // What one was to leave to the other is its own now.
    kept.out_of_scope
        .retain(|line| other.out_of_scope.contains(line));
    for path in &other.owns {
        own(&mut kept.owns, path);
    }
    let mut used: BTreeSet<String> = kept
        .acceptance
        .iter()
        .map(|check| check.id.clone())
        .collect();
    for check in &other.acceptance {
        let id = free(&check.id, &used);
        used.insert(id.clone());
        kept.acceptance.push(Check {
            id,
            check: check.check.clone(),
        });
    }
}

/// Adds `path` to what is owned. False if it became one with an entry beside which it could
/// not stand: a folder, where one of them lies in the other.
pub(super) fn own(owns: &mut Vec<String>, path: &str) -> bool {
    let folded = path.to_lowercase();
    let Some(other) = owns
        .iter_mut()
        .find(|other| exclude(&folded, &other.to_lowercase()))
    else {
        owns.push(path.to_owned());
        return true;
    };
    let (left, right) = (path.trim_end_matches('/'), other.trim_end_matches('/'));
    let is_folder = left.len() != right.len() || path.ends_with('/') != other.ends_with('/');
    let outer = if left.len() < right.len() {
        left
    } else {
        right
    };
    if is_folder {
        *other = format!("{outer}/");
    }
    false
}

/// Acceptance checks get ids that are neither empty, too long nor used twice.
pub(super) fn renumber(assignment: &mut Assignment, changes: &mut Vec<String>) {
    let mut used: BTreeSet<String> = BTreeSet::new();
    for (index, check) in assignment.acceptance.iter_mut().enumerate() {
        let chars = check.id.chars().count();
        if chars == 0 || chars > WORD_CHARS_MAX || used.contains(&check.id) {
            let new = free(&format!("c{}", index + 1), &used);
            changes.push(format!(
                "a check of `{}` is now called `{new}`",
                assignment.id
            ));
            check.id = new;
        }
        used.insert(check.id.clone());
    }
}

/// There is something to check, and not too much.
pub(super) fn acceptance(assignment: &mut Assignment, changes: &mut Vec<String>) {
    let before = assignment.acceptance.len();
    assignment
        .acceptance
        .retain(|check| !check.check.trim().is_empty());
    assignment.acceptance.truncate(ACCEPTANCE_MAX);
    if assignment.acceptance.len() < before {
        changes.push(format!("checks of `{}` were dropped", assignment.id));
    }
    for check in &mut assignment.acceptance {
        if check.check.chars().count() > PLAN_TEXT_CHARS_MAX {
            check.check = cut(&check.check, PLAN_TEXT_CHARS_MAX);
            changes.push(format!(
                "check `{}` of `{}` was cut",
                check.id, assignment.id
            ));
        }
    }
    if assignment.acceptance.is_empty() {
        changes.push(format!(
            "`{}` is checked against its objective",
            assignment.id
        ));
        assignment.acceptance.push(Check {
            id: "c1".to_owned(),
            check: assignment.objective.clone(),
        });
    }
}

/// A text that is empty becomes `instead`, one that is too long is cut.
pub(super) fn fit(
    text: &mut String,
    what: &str,
    instead: &str,
    max: usize,
    changes: &mut Vec<String>,
) {
    if text.trim().is_empty() {
        *text = cut(instead, max);
        changes.push(format!("{what} was empty"));
    } else if text.chars().count() > max {
        *text = cut(text, max);
        changes.push(format!("{what} was cut"));
    }
}

pub(super) fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

pub(super) fn distinct(items: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let first = |item: &&String| seen.insert((*item).clone());
    items.iter().filter(first).cloned().collect()
}

/// `base`, or with the first number that makes it unused.
pub(super) fn free(base: &str, used: &BTreeSet<String>) -> String {
    let numbered = |number: usize| {
        let suffix = format!("-{number}");
        format!("{}{suffix}", cut(base, 32 - suffix.len().min(32)))
    };
    if !used.contains(base) {
        return base.to_owned();
    }
    (2..)
        .map(numbered)
        .find(|id| !used.contains(id))
        .unwrap_or_default()
}

/// The id that is nearest to `text`, if anything of it can stand in one.
pub(super) fn slug(text: &str) -> Option<String> {
    let mut id = String::new();
    for character in text.to_lowercase().chars() {
        if character.is_ascii_alphanumeric() {
            id.push(character);
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
        if id.len() == 32 {
            break;
        }
    }
    if is_id(text) {
        return Some(text.to_owned());
    }
    let id = id.trim_end_matches('-').to_owned();
    is_id(&id).then_some(id)
}

/// A name as a sentence may quote it.
pub(super) fn shown(name: &str) -> String {
    name.chars()
        .filter(|character| !character.is_control())
        .take(60)
        .collect()
}
