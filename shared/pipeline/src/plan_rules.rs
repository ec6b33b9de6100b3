//! The rules a plan must keep beyond its schema. All violations are found at once, so
//! that one repair message can name them all.

use std::collections::{BTreeMap, BTreeSet};

use crate::brief::ProjectType;
use crate::import;
use crate::limits::{
    ACCEPTANCE_MAX, FILE_BYTES_MAX, FILES_MAX, KIND_CHARS_MAX, OWNS_MAX, PLAN_BYTES_MAX,
    PLAN_TEXT_CHARS_MAX, PROJECT_BYTES_MAX, TITLE_CHARS_MAX, WORD_CHARS_MAX,
};
use crate::path::SafePath;
use crate::plan::{Assignment, Plan};
use crate::secrets;

mod product;

pub(crate) use product::prefix;

/// Sizes an assignment can have.
pub const SIZES: [&str; 3] = ["S", "M", "L"];

/// What a plan must fit, beyond being sound in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What is to be built.
    pub project_type: ProjectType,
    /// Assignments that it may have.
    pub assignments_max: usize,
    /// Files that are there before it, and stay unless an assignment changes them.
    pub existing: Vec<SafePath>,
    /// Paths that are there too, of files that nobody was shown: they can not be changed.
    pub unshown: Vec<String>,
}

/// Everything that is wrong with `plan`, as sentences for whoever made it. Empty: accepted.
pub fn violations(plan: &Plan, terms: &Terms) -> Vec<String> {
    let mut found = Vec::new();
    counts(plan, terms.assignments_max, &mut found);
    ids(plan, &mut found);
    texts(plan, &mut found);
    product::violations(plan, terms, &mut found);
    shared_files(plan, &mut found);
    ownership(plan, &mut found);
    beside(plan, &terms.existing, &mut found);
    unshown(plan, &terms.unshown, &mut found);
    references(plan, &mut found);
    if let Some(cycle) = cycle(&plan.assignments) {
        found.push(format!(
            "the dependencies of {} form a cycle",
            cycle.join(", ")
        ));
    }
    found
}

/// Whether `id` is `^[a-z0-9][a-z0-9-]{0,31}$`.
pub fn is_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let rest = |byte: u8| allowed(byte) || byte == b'-';
    id.len() <= 32 && id.bytes().next().is_some_and(allowed) && id.bytes().all(rest)
}

/// The assignments in an order in which none comes before what it depends on; those of
/// equal standing by priority, then as listed. Assignments in a cycle are left out.
pub fn order(assignments: &[Assignment]) -> Vec<&Assignment> {
    let mut placed: BTreeSet<&str> = BTreeSet::new();
    let mut ordered: Vec<&Assignment> = Vec::new();
    loop {
        let ready = |assignment: &&Assignment| {
            !placed.contains(assignment.id.as_str())
                && assignment
                    .depends_on
                    .iter()
                    .all(|id| placed.contains(id.as_str()))
        };
        let Some(next) = assignments
            .iter()
            .filter(ready)
            .min_by_key(|assignment| assignment.priority)
        else {
            return ordered;
        };
        placed.insert(&next.id);
        ordered.push(next);
    }
}

/// Whether the owned entry `owned` (a file, or a folder with a trailing `/`) covers `path`.
pub fn covers(owned: &str, path: &str) -> bool {
    if owned.ends_with('/') {
        path.starts_with(owned)
    } else {
        path == owned
    }
}

fn counts(plan: &Plan, assignments_max: usize, found: &mut Vec<String>) {
    let count = plan.assignments.len();
    if count == 0 {
        found.push("there must be at least one assignment".to_owned());
    } else if count > assignments_max {
        found.push(format!(
            "there are {count} assignments, the limit is {assignments_max}: merge some"
        ));
    }
    for assignment in &plan.assignments {
        let (id, checks, owns) = (
            &assignment.id,
            assignment.acceptance.len(),
            assignment.owns.len(),
        );
        if checks == 0 {
            found.push(format!("assignment `{id}` has no acceptance check"));
        } else if checks > ACCEPTANCE_MAX {
            found.push(format!(
                "assignment `{id}` has {checks} acceptance checks, the limit is {ACCEPTANCE_MAX}"
            ));
        }
        if owns == 0 {
            found.push(format!("assignment `{id}` owns no path"));
        } else if owns > OWNS_MAX {
            found.push(format!(
                "assignment `{id}` owns {owns} paths, the limit is {OWNS_MAX}"
            ));
        }
        if !SIZES.contains(&assignment.size.as_str()) {
            found.push(format!("the size of `{id}` must be S, M or L"));
        }
    }
    if serde_json::to_string(plan).map_or(usize::MAX, |text| text.len()) > PLAN_BYTES_MAX {
        found.push(format!("the plan is larger than {PLAN_BYTES_MAX} bytes"));
    }
}

fn ids(plan: &Plan, found: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for assignment in &plan.assignments {
        let id = assignment.id.as_str();
        if !is_id(id) || id == "shared" || id == import::WRITER {
            found.push(format!(
                "assignment id `{id}` must match ^[a-z0-9][a-z0-9-]{{0,31}}$ and be neither `shared` nor `repository`"
            ));
        }
        if !seen.insert(id) {
            found.push(format!("assignment id `{id}` is used twice"));
        }
        let mut checks = BTreeSet::new();
        for check in &assignment.acceptance {
            if check.id.is_empty()
                || check.id.chars().count() > WORD_CHARS_MAX
                || !checks.insert(check.id.as_str())
            {
                found.push(format!(
                    "acceptance id `{}` of `{id}` is empty, too long or used twice",
                    check.id
                ));
            }
        }
    }
    let mut contracts = BTreeSet::new();
    for contract in &plan.contracts {
        if contract.id.is_empty() || !contracts.insert(contract.id.as_str()) {
            found.push(format!(
                "contract id `{}` is empty or used twice",
                contract.id
            ));
        }
    }
}

fn texts(plan: &Plan, found: &mut Vec<String>) {
    let mut check = |what: String, text: &str, max: usize| {
        if text.trim().is_empty() {
            found.push(format!("{what} is empty"));
        } else if text.chars().count() > max {
            found.push(format!("{what} is longer than {max} characters"));
        }
    };
    check("the summary".to_owned(), &plan.summary, PLAN_TEXT_CHARS_MAX);
    for assignment in &plan.assignments {
        let id = &assignment.id;
        check(
            format!("the title of `{id}`"),
            &assignment.title,
            TITLE_CHARS_MAX,
        );
        check(
            format!("the objective of `{id}`"),
            &assignment.objective,
            PLAN_TEXT_CHARS_MAX,
        );
        check(
            format!("the type of `{id}`"),
            &assignment.kind,
            KIND_CHARS_MAX,
        );
        check(
            format!("the specialization of `{id}`"),
            &assignment.specialization,
            WORD_CHARS_MAX,
        );
        check(
            format!("the estimate of `{id}`"),
            &assignment.estimate,
            WORD_CHARS_MAX,
        );
        for item in &assignment.acceptance {
            check(
                format!("acceptance `{}` of `{id}`", item.id),
                &item.check,
                PLAN_TEXT_CHARS_MAX,
            );
        }
    }
    for contract in &plan.contracts {
        check(
            format!("the definition of contract `{}`", contract.id),
            &contract.definition,
            PLAN_TEXT_CHARS_MAX,
        );
    }
}

fn shared_files(plan: &Plan, found: &mut Vec<String>) {
    if plan.shared_files.len() > FILES_MAX {
        found.push(format!("there are more than {FILES_MAX} shared files"));
    }
    let mut bytes = 0;
    let mut seen = BTreeSet::new();
    for file in &plan.shared_files {
        bytes += file.content.len();
        match SafePath::parse(&file.path) {
            Err(unsafe_path) => found.push(format!("shared {unsafe_path}")),
            Ok(path) if !seen.insert(path.folded()) => {
                found.push(format!("shared file `{path}` is listed twice"));
            }
            Ok(_) => {}
        }
        if let Some(line) = secrets::line(&file.content) {
            found.push(format!(
                "shared file `{}` holds what looks like a credential at line {line}",
                file.path
            ));
        }
        if file.content.len() > FILE_BYTES_MAX {
            found.push(format!(
                "shared file `{}` is larger than {FILE_BYTES_MAX} bytes",
                file.path
            ));
        }
    }
    if bytes > PROJECT_BYTES_MAX {
        found.push(format!(
            "the shared files are larger than {PROJECT_BYTES_MAX} bytes together"
        ));
    }
}

/// Paths are safe, and no two owners (assignments or the shared files) overlap: neither
/// the same path, nor one inside the other's folder, nor either on a file system that
/// ignores case, nor a file where another needs a folder.
fn ownership(plan: &Plan, found: &mut Vec<String>) {
    let mut claims: Vec<(String, &str, &str)> = Vec::new();
    for file in &plan.shared_files {
        claims.push((file.path.to_lowercase(), "the shared files", &file.path));
    }
    for assignment in &plan.assignments {
        for owned in &assignment.owns {
            match SafePath::parse(owned.strip_suffix('/').unwrap_or(owned)) {
                Err(unsafe_path) => found.push(format!("`{}` owns: {unsafe_path}", assignment.id)),
                Ok(_) => claims.push((owned.to_lowercase(), &assignment.id, owned)),
            }
        }
    }
    for (index, (folded, owner, path)) in claims.iter().enumerate() {
        for (other_folded, other_owner, other_path) in &claims[index + 1..] {
            let can_not_be_one = || owner != other_owner || exclude(folded, other_folded);
            if overlap(folded, other_folded) && can_not_be_one() {
                found.push(format!(
                    "`{path}` of {owner} overlaps `{other_path}` of {other_owner}"
                ));
            }
        }
    }
}

/// What is owned can stand beside the files that are there.
fn beside(plan: &Plan, existing: &[SafePath], found: &mut Vec<String>) {
    let owned = plan.assignments.iter().flat_map(|item| &item.owns);
    let shared = plan.shared_files.iter().map(|file| &file.path);
    for path in owned.chain(shared) {
        if let Some(other) = clash(path, existing) {
            found.push(format!(
                "`{path}` can not stand beside the existing file `{other}`"
            ));
        }
    }
}

/// Nobody writes what nobody was shown.
fn unshown(plan: &Plan, unshown: &[String], found: &mut Vec<String>) {
    let owned = plan.assignments.iter().flat_map(|item| &item.owns);
    let shared = plan.shared_files.iter().map(|file| &file.path);
    for path in owned.chain(shared) {
        if let Some(other) = is_unshown(path, unshown) {
            found.push(format!(
                "`{path}` can not be written: `{other}` is in the repository, is not shown, and stays as it is"
            ));
        }
    }
}

/// Which file that was shown to nobody the owned entry `path` would change or exclude.
pub(crate) fn is_unshown<'a>(path: &str, unshown: &'a [String]) -> Option<&'a String> {
    let folded = path.to_lowercase();
    let is_clash = |other: &&String| {
        let is_inside = path.ends_with('/') && other.starts_with(path);
        overlap(&folded, &other.to_lowercase()) && !is_inside
    };
    unshown.iter().find(is_clash)
}

/// Which of the `existing` files the owned entry `path` can not stand beside.
pub(crate) fn clash<'a>(path: &str, existing: &'a [SafePath]) -> Option<&'a SafePath> {
    let folded = path.to_lowercase();
    let is_clash =
        |other: &&SafePath| overlap(&folded, &other.folded()) && !covers(path, other.as_str());
    existing.iter().find(is_clash)
}

/// Whether two entries, in lower case, can not even belong to one owner. A folder and what
/// is in it can.
pub(crate) fn exclude(left: &str, right: &str) -> bool {
    let holds = |folder: &str, path: &str| folder != path && covers(folder, path);
    overlap(left, right) && !holds(left, right) && !holds(right, left)
}

/// Whether two owned entries, in lower case, can not belong to two owners.
pub(crate) fn overlap(left: &str, right: &str) -> bool {
    let (a, b) = (left.trim_end_matches('/'), right.trim_end_matches('/'));
    a == b
        || b.strip_prefix(a).is_some_and(|rest| rest.starts_with('/'))
        || a.strip_prefix(b).is_some_and(|rest| rest.starts_with('/'))
}

fn references(plan: &Plan, found: &mut Vec<String>) {
    let assignments: BTreeSet<&str> = plan
        .assignments
        .iter()
        .map(|item| item.id.as_str())
        .collect();
    let contracts: BTreeSet<&str> = plan.contracts.iter().map(|item| item.id.as_str()).collect();
    for assignment in &plan.assignments {
        let id = assignment.id.as_str();
        for dependency in &assignment.depends_on {
            if dependency == id {
                found.push(format!("assignment `{id}` depends on itself"));
            } else if !assignments.contains(dependency.as_str()) {
                found.push(format!(
                    "assignment `{id}` depends on `{dependency}`, which does not exist"
                ));
            }
        }
        for contract in &assignment.contracts {
            if !contracts.contains(contract.as_str()) {
                found.push(format!(
                    "assignment `{id}` names contract `{contract}`, which does not exist"
                ));
            }
        }
    }
    for contract in &plan.contracts {
        for party in std::iter::once(&contract.provider).chain(&contract.consumers) {
            if !assignments.contains(party.as_str()) && party != "shared" {
                found.push(format!(
                    "contract `{}` names `{party}`, which is no assignment",
                    contract.id
                ));
            }
        }
    }
}

/// The assignments that can never start because they wait for each other.
fn cycle(assignments: &[Assignment]) -> Option<Vec<String>> {
    let known: BTreeSet<&str> = assignments.iter().map(|item| item.id.as_str()).collect();
    let mut waits: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for item in assignments {
        let dependencies = item.depends_on.iter().map(String::as_str);
        let entry = waits.entry(&item.id).or_default();
        entry.extend(dependencies.filter(|id| known.contains(id) && *id != item.id));
    }
    loop {
        let free: Vec<&str> = waits
            .iter()
            .filter(|(_, on)| on.is_empty())
            .map(|(id, _)| *id)
            .collect();
        if free.is_empty() {
            break;
        }
        for id in free {
            waits.remove(id);
            waits.values_mut().for_each(|on| {
                on.remove(id);
            });
        }
    }
    (!waits.is_empty()).then(|| waits.keys().map(|id| format!("`{id}`")).collect())
}

#[cfg(test)]
mod tests;
