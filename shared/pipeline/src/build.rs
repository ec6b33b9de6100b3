//! A build that failed: what its log says, and who has to repair it.

use serde::{Deserialize, Serialize};

use crate::facts::Rework;
use crate::ids::hash_base32;
use crate::limits::FINDING_CHARS_MAX;
use crate::plan::Assignment;
use crate::plan_rules::covers;
use crate::review::{Finding, Severity, Source};
use crate::workspace::Workspace;

mod log;
mod mentions;

pub use log::{BuildLog, headline};

/// Files that say how a project is built. Who owns the first of them that somebody owns is
/// asked where a log names no file.
const CONFIGURATION: [&str; 9] = [
    "package.json",
    "vite.config.js",
    "vite.config.ts",
    "astro.config.mjs",
    "svelte.config.js",
    "next.config.js",
    "webpack.config.js",
    "rollup.config.js",
    "tsconfig.json",
];

/// What an assignment owns: a deployment is told no more of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The assignment.
    pub assignment: String,
    /// Files, and folders with a trailing `/`.
    pub owns: Vec<String>,
}

impl Owner {
    /// What `assignment` owns.
    pub fn of(assignment: &Assignment) -> Self {
        Self {
            assignment: assignment.id.clone(),
            owns: assignment.owns.clone(),
        }
    }

    fn has(&self, path: &str) -> bool {
        self.owns.iter().any(|owned| covers(owned, path))
    }
}

/// Who has to repair a build of `round` whose first error reads `error`: the owners of the
/// files that it names. If it names none of anybody's, the owner of the configuration of the
/// build; if nobody owns that, all. In the order of `owners`, empty only if those are.
pub fn rework(owners: &[Owner], files: &Workspace, error: &str, round: u32) -> Vec<Rework> {
    let mentions = mentions::of(owners, files, error);
    let mut places: Vec<(&Owner, &str, u32)> = Vec::new();
    for owner in owners {
        let own =
            |mention: &&mentions::Mention| owner_of(owners, files, &mention.path) == Some(owner);
        if let Some(mention) = mentions.iter().find(own) {
            places.push((owner, &mention.path, mention.line));
        }
    }
    if places.is_empty() {
        let configuration = CONFIGURATION.into_iter().find_map(|path| {
            let owner = owner_of(owners, files, path)?;
            Some((owner, path, 0))
        });
        places.extend(configuration);
    }
    if places.is_empty() {
        places.extend(owners.iter().map(|owner| (owner, "", 0)));
    }
    let item = |(owner, path, line): (&Owner, &str, u32)| Rework {
        assignment: owner.assignment.clone(),
        findings: vec![finding(path, line, error, round)],
    };
    places.into_iter().map(item).collect()
}

/// Who can change a file: who owns it by the plan, or wrote it last.
fn owner_of<'a>(owners: &'a [Owner], files: &Workspace, path: &str) -> Option<&'a Owner> {
    let by_plan = owners.iter().find(|owner| owner.has(path));
    by_plan.or_else(|| {
        let mut all = files.files();
        let (_, file) = all.find(|(other, _)| other.as_str() == path)?;
        owners.iter().find(|owner| owner.assignment == file.owner)
    })
}

fn finding(path: &str, line: u32, error: &str, round: u32) -> Finding {
    Finding {
        id: format!("build-{}", hash_base32(&["build", path, error], 6)),
        severity: Severity::Blocker,
        path: path.to_owned(),
        line,
        problem: error.chars().take(FINDING_CHARS_MAX).collect(),
        required_change: "Make the build succeed.".to_owned(),
        source: Source::Build,
        since: round,
    }
}

#[cfg(test)]
mod tests;
