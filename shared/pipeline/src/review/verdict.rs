//! From findings to the verdict of a round: who has to work again, how good each
//! assignment's files are, and which version is kept when the rounds are over.

use serde::Serialize;
use serde_json::{Map, json};

use super::integration::{self, Integrated};
use super::judgement::{INJECTION, Judged};
use super::{Finding, ReviewWork, Severity, Source, Subject, references};
use crate::agent::checks;
use crate::agent::tools::owner_of;
use crate::facts::{Outcome, Rework, Score};
use crate::failure::{Code, Failure};
use crate::ids::hash_base32;
use crate::import;
use crate::limits::{FINDINGS_COLUMN_CHARS_MAX, FINDINGS_MAX};
use crate::model::Spent;
use crate::path::SafePath;
use crate::unit::{End, Step};
use crate::workspace::{File, FileVersion, Workspace};

/// Points of an assignment all of whose criteria are met and of which nothing was found.
const POINTS_MAX: i64 = 100;
/// Points that a finding costs.
const fn cost(severity: Severity) -> i64 {
    match severity {
        Severity::Blocker => 25,
        Severity::Major => 10,
        Severity::Minor => 2,
        Severity::Nit => 0,
    }
}

/// What a round amounts to, as far as it is known.
pub(super) struct Verdict {
    /// What was found, with the assignment that has to mend it, if one can.
    findings: Vec<(Option<String>, Finding)>,
    resolved: Vec<(String, Finding)>,
    /// Criteria that are met, and all, of each assignment that was judged.
    criteria: Vec<(String, (usize, usize))>,
    pending: Vec<(String, Finding)>,
    integrated: bool,
    /// The assignment whose agent was told to remove what seems meant to influence the
    /// reviewer, and did not.
    injected: Option<String>,
}

impl Verdict {
    /// What code can say of the files before any model is asked.
    pub(super) fn begin(work: &ReviewWork) -> Self {
        let mut findings = by_code(work);
        let mut resolved = Vec::new();
        for subject in &work.subjects {
            let id = &subject.assignment.id;
            for earlier in &subject.earlier_findings {
                let mut again = findings.iter_mut().map(|(_, finding)| finding);
                match again.find(|finding| finding.id == earlier.id) {
                    _ if earlier.source != Source::Code => {}
                    Some(finding) => finding.since = earlier.since,
                    None => resolved.push((id.clone(), earlier.clone())),
                }
            }
        }
        Self {
            findings,
            resolved,
            criteria: Vec::new(),
            pending: integration::earlier(work),
            integrated: false,
            injected: None,
        }
    }

    /// What code found in the files of an assignment.
    pub(super) fn by_code(&self, assignment: &str) -> Vec<&Finding> {
        let own = self.findings.iter().filter(|(id, finding)| {
            id.as_deref() == Some(assignment) && finding.source == Source::Code
        });
        own.map(|(_, finding)| finding).collect()
    }

    pub(super) fn add_judgement(&mut self, subject: &Subject, judged: Judged) {
        let id = &subject.assignment.id;
        let is_injection = |finding: &Finding| finding.id.starts_with(INJECTION);
        if subject.earlier_findings.iter().any(is_injection)
            && judged.findings.iter().any(is_injection)
        {
            self.injected.get_or_insert_with(|| id.clone());
        }
        let findings = judged.findings.into_iter();
        self.findings
            .extend(findings.map(|finding| (Some(id.clone()), finding)));
        let resolved = judged.resolved.into_iter();
        self.resolved
            .extend(resolved.map(|finding| (id.clone(), finding)));
        self.criteria.push((id.clone(), judged.criteria));
    }

    pub(super) fn add_integration(&mut self, integrated: Integrated) {
        self.integrated = true;
        self.pending.clear();
        self.findings.extend(integrated.findings);
        self.resolved.extend(integrated.resolved);
    }

    /// Whether nobody has to work again, so far.
    pub(super) fn is_approval(&self) -> bool {
        let counts =
            |(id, finding): &(Option<String>, Finding)| id.is_some() && finding.is_serious();
        !self.findings.iter().any(counts)
    }

    /// The end of the round, with the verdict in the unit's own row.
    pub(super) fn end(self, work: &ReviewWork, spent: Spent) -> Step {
        let rework = self.rework(work);
        let scores = self.scores(work);
        let is_serious =
            |(id, finding): &&(Option<String>, Finding)| id.is_some() && finding.is_serious();
        let others = self.findings.iter().filter(|item| !is_serious(item));
        let remarks: Vec<Finding> = others.map(|(_, finding)| finding.clone()).collect();
        let resolved = grouped(&self.resolved);
        let is_over =
            !rework.is_empty() && (work.round >= work.rounds_max || self.injected.is_some());
        let kept = match self.injected {
            None if is_over => best(work, &scores, &rework),
            None | Some(_) => Vec::new(),
        };
        let word = match (rework.is_empty(), is_over) {
            (true, _) => "approved",
            (false, false) => "changes_requested",
            (false, true) => "not_approved",
        };
        let told: Vec<KeptVersion> = kept
            .iter()
            .map(|kept| KeptVersion {
                assignment: kept.assignment.clone(),
                round: kept.round,
            })
            .collect();
        let manifest_hash = work.workspace.manifest_hash();
        let mut columns = Map::new();
        columns.insert("verdict".to_owned(), word.into());
        columns.insert(
            "findings".to_owned(),
            column(&rework, &remarks, &resolved, &scores, &told).into(),
        );
        columns.insert("manifestHash".to_owned(), manifest_hash.clone().into());
        let outcome = if is_over {
            Outcome::Failed(failure(work, self.injected.as_deref(), &rework, &kept))
        } else {
            Outcome::Reviewed {
                manifest_hash,
                rework,
                remarks,
                resolved,
                pending: grouped(&self.pending),
                scores,
                integrated: self.integrated,
            }
        };
        Step::Done(Box::new(End {
            outcome,
            spent,
            files: kept.into_iter().flat_map(|kept| kept.files).collect(),
            columns,
        }))
    }

    /// Who has to work again, in the order of the plan.
    fn rework(&self, work: &ReviewWork) -> Vec<Rework> {
        let of = |id: &str| {
            let own = self
                .findings
                .iter()
                .filter(|(owner, finding)| owner.as_deref() == Some(id) && finding.is_serious());
            let mut findings: Vec<Finding> = own.map(|(_, finding)| finding.clone()).collect();
            findings.sort_by_key(|finding| finding.severity);
            findings.truncate(FINDINGS_MAX);
            (!findings.is_empty()).then(|| Rework {
                assignment: id.to_owned(),
                findings,
            })
        };
        let assignments = work.plan.assignments.iter();
        assignments.filter_map(|item| of(&item.id)).collect()
    }

    /// How good the files of each assignment are that was judged or has to work again.
    fn scores(&self, work: &ReviewWork) -> Vec<Score> {
        let of = |id: &str| {
            let judged = self.criteria.iter().find(|(other, _)| other == id);
            let own = self
                .findings
                .iter()
                .filter(|(owner, _)| owner.as_deref() == Some(id));
            let costs: i64 = own.map(|(_, finding)| cost(finding.severity)).sum();
            if judged.is_none() && costs == 0 {
                return None;
            }
            let (met, all) = judged.map_or((1, 1), |(_, criteria)| *criteria);
            let share = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
            Some(Score {
                assignment: id.to_owned(),
                points: POINTS_MAX * share(met) / share(all.max(1)) - costs,
            })
        };
        let assignments = work.plan.assignments.iter();
        assignments.filter_map(|item| of(&item.id)).collect()
    }
}

/// What code finds: broken, unfinished and harmful files, packages that nobody installs, and
/// references that lead nowhere. It is sure of them, so each is a blocker.
fn by_code(work: &ReviewWork) -> Vec<(Option<String>, Finding)> {
    let finding = |path: &str, line: u32, problem: String, change: &str| Finding {
        id: format!("code-{}", hash_base32(&["finding", path, &problem], 6)),
        severity: Severity::Blocker,
        path: path.to_owned(),
        line,
        problem,
        required_change: change.to_owned(),
        source: Source::Code,
        since: work.round,
    };
    let owner = |path: &str| {
        let owner = owner_of(&work.plan, path).filter(|owner| *owner != "shared");
        owner.map(str::to_owned)
    };
    let mut found = Vec::new();
    let is_ours = |file: &File| file.owner != import::WRITER;
    for (path, file) in work.workspace.files().filter(|(_, file)| is_ours(file)) {
        for problem in checks::new_problems(path, theirs(work, path), &file.content) {
            let name = path.as_str();
            found.push((
                owner(name),
                finding(name, 0, problem, "Write the whole, valid file."),
            ));
        }
    }
    let is_served = work.brief.options.repository.is_none();
    if is_served && work.plan.stack.build_command.trim().is_empty() {
        for (path, file) in work.workspace.files() {
            let packages = checks::packages(path, &file.content);
            if let Some(package) = packages.first() {
                let name = path.as_str();
                let problem = format!(
                    "`{name}` asks for packages such as `{package}`, which nobody installs: the project is served as it is"
                );
                let change = "Do without packages, or write what they would do.";
                found.push((owner(name), finding(name, 0, problem, change)));
            }
        }
    }
    let unresolved = references::unresolved(&work.workspace, &work.plan.stack, &work.brief.unshown);
    for reference in unresolved {
        let (path, target) = (reference.path.as_str(), reference.target.as_str());
        let parsed = SafePath::parse(path).ok();
        if parsed.is_some_and(|path| work.workspace.get(&path).is_none_or(|it| !is_ours(it))) {
            continue;
        }
        let problem = format!(
            "`{path}` refers to `{}`, which does not exist",
            reference.text
        );
        let change = "Write the file, or refer to one that exists.";
        let who = owner(path).or_else(|| owner(target));
        found.push((who, finding(path, reference.line, problem, change)));
    }
    found
}

/// The text of a file as the people wrote it whose repository it is; empty for any other.
fn theirs<'a>(work: &'a ReviewWork, path: &SafePath) -> &'a str {
    let is_theirs = |version: &&FileVersion| {
        version.path == *path && version.round == 0 && version.assignment == import::WRITER
    };
    let version = work.versions.iter().find(is_theirs);
    version
        .and_then(|version| version.content.as_deref())
        .unwrap_or_default()
}

fn grouped(findings: &[(String, Finding)]) -> Vec<Rework> {
    let mut groups: Vec<Rework> = Vec::new();
    for (id, finding) in findings {
        match groups.iter_mut().find(|group| group.assignment == *id) {
            Some(group) => group.findings.push(finding.clone()),
            None => groups.push(Rework {
                assignment: id.clone(),
                findings: vec![finding.clone()],
            }),
        }
    }
    groups
}

/// An assignment and the round whose files of it are kept.
struct Kept {
    assignment: String,
    round: u32,
    /// What has to be written to have them again; nothing where they are the newest.
    files: Vec<FileVersion>,
}

/// The best version of each assignment that is not approved; of equally good ones the
/// newest.
fn best(work: &ReviewWork, scores: &[Score], rework: &[Rework]) -> Vec<Kept> {
    let kept = |item: &Rework| {
        let id = &item.assignment;
        let now = scores.iter().find(|score| score.assignment == *id);
        let now = now.map_or(i64::MIN, |score| score.points);
        let subject = work
            .subjects
            .iter()
            .find(|subject| subject.assignment.id == *id);
        let earlier = subject
            .into_iter()
            .flat_map(|subject| &subject.earlier_scores);
        let better = earlier.filter(|(_, points)| *points > now);
        let round = better.max_by_key(|(round, points)| (*points, *round));
        let round = round.map_or(work.round, |(round, _)| *round);
        Kept {
            assignment: id.clone(),
            round,
            files: if round == work.round {
                Vec::new()
            } else {
                restored(work, id, round)
            },
        }
    };
    rework.iter().map(kept).collect()
}

/// The versions that bring the files of an assignment back to how they were after `round`.
fn restored(work: &ReviewWork, assignment: &str, round: u32) -> Vec<FileVersion> {
    let until = work
        .versions
        .iter()
        .filter(|version| version.round <= round);
    let then = Workspace::of(&until.cloned().collect::<Vec<_>>());
    let own = work
        .versions
        .iter()
        .filter(|version| version.assignment == assignment);
    let mut paths: Vec<_> = own.map(|version| version.path.clone()).collect();
    paths.sort();
    paths.dedup();
    let version = |path| {
        let before = then.get(&path).map(|file| &file.content);
        let now = work.workspace.get(&path).map(|file| &file.content);
        (before != now).then(|| FileVersion {
            content: before.cloned(),
            path,
            assignment: assignment.to_owned(),
            round: work.round,
        })
    };
    paths.into_iter().filter_map(version).collect()
}

/// Column `findings` of a review's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Findings {
    /// What causes rework.
    pub rework: Vec<Rework>,
    /// What does not.
    pub remarks: Vec<Finding>,
    /// Earlier findings that are dealt with.
    pub resolved: Vec<Rework>,
    /// How good the files of each assignment are.
    pub scores: Vec<Score>,
    /// Earlier versions that are what remains, because they were better.
    pub kept: Vec<KeptVersion>,
}

/// Of an assignment the round whose version remains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct KeptVersion {
    /// The assignment.
    pub assignment: String,
    /// The round.
    pub round: u32,
}

/// What the web page and scripts read of the round. What is too much for the column is left
/// out, remarks first.
fn column(
    rework: &[Rework],
    remarks: &[Finding],
    resolved: &[Rework],
    scores: &[Score],
    kept: &[KeptVersion],
) -> String {
    let text = |rework: &[Rework], remarks: &[Finding], resolved: &[Rework]| {
        json!(Findings {
            rework: rework.to_vec(),
            remarks: remarks.to_vec(),
            resolved: resolved.to_vec(),
            scores: scores.to_vec(),
            kept: kept.to_vec(),
        })
        .to_string()
    };
    let fits = |text: &String| text.chars().count() <= FINDINGS_COLUMN_CHARS_MAX;
    let brief: Vec<Rework> = rework
        .iter()
        .map(|item| Rework {
            assignment: item.assignment.clone(),
            findings: item.findings.iter().take(1).cloned().collect(),
        })
        .collect();
    [
        text(rework, remarks, resolved),
        text(rework, &[], resolved),
        text(rework, &[], &[]),
        text(&brief, &[], &[]),
    ]
    .into_iter()
    .find(fits)
    .unwrap_or_else(|| text(&[], &[], &[]))
}

fn failure(work: &ReviewWork, injected: Option<&str>, rework: &[Rework], kept: &[Kept]) -> Failure {
    if let Some(id) = injected {
        let message = format!(
            "The files of `{id}` hold text that seems meant to influence the reviewer, and its agent did not remove it. Read those files, and retry the task if they are as you want them."
        );
        return Failure::new(Code::InjectionSuspected, message);
    }
    let open: usize = rework.iter().map(|item| item.findings.len()).sum();
    let names: Vec<&str> = rework.iter().map(|item| item.assignment.as_str()).collect();
    let mut first = rework.iter().flat_map(|item| &item.findings);
    let first: String = first
        .next()
        .map(|finding| {
            finding
                .problem
                .chars()
                .take(FIRST_PROBLEM_CHARS_MAX)
                .collect()
        })
        .unwrap_or_default();
    let versions: Vec<String> = kept
        .iter()
        .map(|kept| format!("`{}` as of round {}", kept.assignment, kept.round))
        .collect();
    let more = match open {
        0 | 1 => String::new(),
        _ => format!(" ({open} findings are open)"),
    };
    let message = format!(
        "After {} rounds the reviewer still asks for changes in {}: {first}{more}. Kept is the best version: {}. Retry the task to go on from there.",
        work.round,
        names.join(", "),
        versions.join(", "),
    );
    Failure::new(Code::ReviewNotApproved, message)
}

/// Characters shown of the first problem in the failure's message.
const FIRST_PROBLEM_CHARS_MAX: usize = 200;
