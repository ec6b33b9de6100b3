//! What a plan must bring so that its product can be deployed: by type a site, functions, or
//! both, and the tables they use.

use super::{Terms, covers, is_id};
use crate::brief::ProjectType;
use crate::limits::{COMMAND_CHARS_MAX, FUNCTION_ID_CHARS_MAX, FUNCTIONS_MAX};
use crate::path::SafePath;
use crate::plan::{AppFunction, Callers, Plan};
use crate::tables;

/// What an installable app has in its folder: what it is, and what serves it without network.
const INSTALLABLE: [&str; 2] = ["manifest.webmanifest", "sw.js"];
/// Endings of a module that Node loads.
const MODULES: [&str; 3] = [".js", ".mjs", ".cjs"];

/// Everything that stands in the way of deploying what `plan` makes.
pub(super) fn violations(plan: &Plan, terms: &Terms, found: &mut Vec<String>) {
    commands(plan, found);
    if terms.project_type.has_site() {
        site(plan, terms, found);
    }
    functions(plan, terms, found);
    found.extend(tables::violations(&plan.tables));
}

/// The commands are only shown, so any text will do.
fn commands(plan: &Plan, found: &mut Vec<String>) {
    for (name, command) in [
        ("build_command", &plan.stack.build_command),
        ("test_command", &plan.stack.test_command),
    ] {
        if command.chars().count() > COMMAND_CHARS_MAX {
            found.push(format!(
                "{name} is longer than {COMMAND_CHARS_MAX} characters"
            ));
        }
    }
}

/// A folder as a prefix of the paths in it: empty for all.
pub(crate) fn prefix(folder: &str) -> String {
    match folder.trim_start_matches("./").trim_matches('/') {
        "" | "." => String::new(),
        folder => format!("{folder}/"),
    }
}

/// Every entry that somebody owns or that is there.
fn entries<'a>(plan: &'a Plan, terms: &'a Terms) -> impl Iterator<Item = &'a str> {
    let owned = plan.assignments.iter().flat_map(|item| &item.owns);
    let shared = plan.shared_files.iter().map(|file| &file.path);
    let existing = terms.existing.iter().map(SafePath::as_str);
    owned.chain(shared).map(String::as_str).chain(existing)
}

/// The folder that is served must have files, and in a mobile app those that make it one.
fn site(plan: &Plan, terms: &Terms, found: &mut Vec<String>) {
    let served = &plan.stack.output_dir;
    let folder = prefix(served);
    if !folder.is_empty() && !entries(plan, terms).any(|path| path.starts_with(&folder)) {
        found.push(format!(
            "output_dir is `{served}`, where no file will be: nothing is built, so serve `.`"
        ));
    }
    if terms.project_type == ProjectType::Mobile {
        for name in INSTALLABLE {
            let path = format!("{folder}{name}");
            if !entries(plan, terms).any(|entry| covers(entry, &path)) {
                found.push(format!(
                    "nobody owns `{path}`, which a mobile app must have to be installed"
                ));
            }
        }
    }
}

fn functions(plan: &Plan, terms: &Terms, found: &mut Vec<String>) {
    let (functions, kind) = (&plan.functions, terms.project_type);
    if !functions.is_empty() && !kind.has_functions() {
        found.push(format!(
            "a project of type `{}` has no functions",
            kind.as_str()
        ));
        return;
    }
    if functions.len() > FUNCTIONS_MAX {
        found.push(format!(
            "there are {} functions, the limit is {FUNCTIONS_MAX}",
            functions.len()
        ));
    }
    let is_public = |it: &AppFunction| it.access == Callers::Any;
    if kind == ProjectType::Api && !functions.iter().any(is_public) {
        found.push("an api needs a function whose access is `any`".to_owned());
    }
    for (place, function) in functions.iter().enumerate() {
        let id = &function.id;
        if !is_id(id) || id.len() > FUNCTION_ID_CHARS_MAX {
            found.push(format!(
                "function id `{id}` must match ^[a-z0-9][a-z0-9-]{{0,19}}$"
            ));
        }
        if functions.iter().take(place).any(|other| other.id == *id) {
            found.push(format!("function id `{id}` is used twice"));
        }
        files_of(function, plan, terms, found);
    }
}

/// A function's folder is its own, apart from what the site serves, and has the entrypoint.
fn files_of(function: &AppFunction, plan: &Plan, terms: &Terms, found: &mut Vec<String>) {
    let (id, folder) = (&function.id, prefix(&function.folder));
    if folder.is_empty() || SafePath::parse(folder.trim_end_matches('/')).is_err() {
        found.push(format!(
            "the folder of function `{id}` must be a folder of the workspace that is not `.`"
        ));
        return;
    }
    let overlaps = |other: &str| other.starts_with(&folder) || folder.starts_with(other);
    if terms.project_type.has_site() && overlaps(&prefix(&plan.stack.output_dir)) {
        found.push(format!(
            "the site would serve the files of function `{id}`: give output_dir a folder of its own"
        ));
    }
    let others = plan.functions.iter().filter(|other| other.id != *id);
    for other in others {
        if overlaps(&prefix(&other.folder)) {
            found.push(format!(
                "functions `{id}` and `{}` must not share a folder",
                other.id
            ));
        }
    }
    let entrypoint = format!("{folder}{}", function.entrypoint);
    let is_module = MODULES.iter().any(|ending| entrypoint.ends_with(ending));
    let is_there = || entries(plan, terms).any(|entry| covers(entry, &entrypoint));
    if !is_module || SafePath::parse(&entrypoint).is_err() || !is_there() {
        found.push(format!(
            "the entrypoint of function `{id}` must be a .js module in `{folder}` that somebody owns"
        ));
    }
}
