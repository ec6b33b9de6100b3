//! The question over the merged tree, asked when no assignment has to be done again: do the
//! parts fit together.

use serde::Deserialize;
use serde_json::{Value, json};

use super::evidence::{
    Mark, SEVERITIES, freeze, list, misplaced, object, one_of, rename, settled, severity,
    shortened, text, usable, with_marks,
};
use super::{Finding, ReviewWork, Severity, Source, evidence::Found};
use crate::agent::tools::owner_of;
use crate::limits::FINDINGS_MAX;
use crate::plan::Plan;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    contracts: Vec<Kept>,
    findings: Vec<Attributed>,
    overall: String,
    #[expect(
        dead_code,
        reason = "asked so that the model commits itself; the verdict is computed"
    )]
    confidence: String,
    #[serde(default)]
    earlier: Vec<Mark>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    id: String,
    verdict: String,
    evidence: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attributed {
    id: String,
    #[serde(deserialize_with = "severity")]
    severity: Severity,
    assignment: String,
    path: String,
    line: u32,
    problem: String,
    required_change: String,
}

/// What became of the answer.
#[derive(Clone, Debug)]
pub(super) struct Integrated {
    /// Open findings of earlier rounds and new ones, with the assignment that has to mend
    /// each; `None` for a remark on what belongs to nobody.
    pub(super) findings: Vec<(Option<String>, Finding)>,
    /// Findings of earlier rounds that are resolved.
    pub(super) resolved: Vec<(String, Finding)>,
}

/// The JSON schema of the answer, within what both model services support.
pub fn schema(has_earlier: bool) -> Value {
    let properties = json!({
        "contracts": list(object(json!({"id": text(), "verdict": one_of(&["kept", "broken", "cannot_tell"]), "evidence": text()}))),
        "findings": list(object(json!({"id": text(), "severity": one_of(SEVERITIES), "assignment": text(), "path": text(),
            "line": {"type": "integer"}, "problem": text(), "required_change": text()}))),
        "overall": one_of(&["approve", "request_changes"]),
        "confidence": one_of(&["low", "medium", "high"]),
    });
    with_marks(properties, has_earlier)
}

/// The findings over the merged tree of earlier rounds, with their assignments.
pub(super) fn earlier(work: &ReviewWork) -> Vec<(String, Finding)> {
    let pending = work.pending.iter().flat_map(|item| {
        let findings = item.findings.iter();
        findings.map(|finding| (item.assignment.clone(), finding.clone()))
    });
    let reworked = work.subjects.iter().flat_map(|subject| {
        let own = |finding: &&Finding| finding.source == Source::Integration;
        let findings = subject.earlier_findings.iter().filter(own);
        findings.map(|finding| (subject.assignment.id.clone(), finding.clone()))
    });
    pending.chain(reworked).collect()
}

/// What counts of the answer.
///
/// # Errors
/// Sentences for the reviewer on everything that can not be used. The last time only if
/// the contracts are not the plan's: other parts that can not be used are left out.
pub(super) fn checked(
    work: &ReviewWork,
    earlier: &[(String, Finding)],
    answer: Answer,
    is_last: bool,
) -> Result<Integrated, String> {
    let plan = &work.plan;
    contracts_fit(plan, &answer.contracts)?;
    let mut wrong = Vec::new();
    let known: Vec<Finding> = earlier.iter().map(|(_, finding)| finding.clone()).collect();
    let (open, resolved) = settled(&known, &answer.earlier, &mut wrong);
    let mut named = Vec::new();
    let found = answer.findings.into_iter().map(|item| {
        named.push((item.path.clone(), item.assignment));
        Found {
            id: item.id,
            severity: item.severity,
            path: item.path,
            line: item.line,
            problem: item.problem,
            required_change: item.required_change,
        }
    });
    let found: Vec<Found> = found.collect();
    let is_owned = |path: &str| owner_of(plan, path).is_some();
    let place = |one: &Found| misplaced(work, &one.path, one.line, is_owned);
    let mut new = usable(found, Source::Integration, work.round, place, &mut wrong);
    if !wrong.is_empty() && !is_last {
        return Err(wrong.join("; "));
    }
    if work.integrated {
        freeze(&mut new);
    }
    let has_serious = open.iter().chain(&new).any(Finding::is_serious);
    for contract in &answer.contracts {
        let is = |word: &str| contract.verdict.eq_ignore_ascii_case(word);
        // A finding says more of a broken contract than that it is broken.
        if is("kept") || (is("broken") && has_serious) {
            continue;
        }
        let (path, who) = keeper(plan, &contract.id);
        named.push((path.clone(), who));
        new.push(contract_finding(contract, is("broken"), path, work.round));
    }
    let approves = !open.iter().chain(&new).any(Finding::is_serious);
    if answer.overall.eq_ignore_ascii_case("approve") != approves {
        new.push(summary(&answer.overall, work.round));
    }
    new.sort_by_key(|finding| finding.severity);
    rename(&mut new, &known, work.round);
    new.truncate(FINDINGS_MAX.saturating_sub(open.len()));
    let before = |finding: Finding| {
        let own = earlier.iter().find(|(_, other)| other.id == finding.id);
        (own.map(|(id, _)| id.clone()), finding)
    };
    let after = |finding: Finding| (responsible(plan, &finding.path, &named), finding);
    let findings = open.into_iter().map(before);
    Ok(Integrated {
        findings: findings.chain(new.into_iter().map(after)).collect(),
        resolved: resolved
            .into_iter()
            .map(before)
            .filter_map(|(id, finding)| Some((id?, finding)))
            .collect(),
    })
}

/// # Errors
/// The contracts are not exactly the plan's.
fn contracts_fit(plan: &Plan, given: &[Kept]) -> Result<(), String> {
    let mut expected: Vec<&str> = plan.contracts.iter().map(|item| item.id.as_str()).collect();
    let mut given: Vec<&str> = given.iter().map(|item| item.id.as_str()).collect();
    expected.sort_unstable();
    given.sort_unstable();
    if expected == given {
        return Ok(());
    }
    Err(format!(
        "contracts must hold exactly the ids {}",
        expected.join(", ")
    ))
}

/// A file of the assignment that has to keep a contract, and the assignment: its provider,
/// or who relies on it where nobody can change what provides it.
fn keeper(plan: &Plan, contract: &str) -> (String, String) {
    let contract = plan.contracts.iter().find(|item| item.id == contract);
    let parties = contract
        .into_iter()
        .flat_map(|item| std::iter::once(&item.provider).chain(&item.consumers));
    let mut assignments = parties.filter_map(|party| {
        let mut all = plan.assignments.iter();
        all.find(|assignment| assignment.id == *party)
    });
    let first = assignments.next();
    let path = first.and_then(|assignment| assignment.owns.first());
    let path = path.map(|owned| owned.trim_end_matches('/').to_owned());
    let id = first.map(|assignment| assignment.id.clone());
    (path.unwrap_or_default(), id.unwrap_or_default())
}

fn contract_finding(contract: &Kept, is_broken: bool, path: String, round: u32) -> Finding {
    let (id, evidence) = (&contract.id, &contract.evidence);
    let (severity, problem) = if is_broken {
        (
            Severity::Major,
            format!("Contract `{id}` is broken: {evidence}"),
        )
    } else {
        let problem =
            format!("The reviewer can not tell whether contract `{id}` is kept: {evidence}");
        (Severity::Minor, problem)
    };
    Finding {
        id: id.clone(),
        severity,
        path,
        line: 0,
        problem: shortened(&problem),
        required_change: format!("Keep contract `{id}`."),
        source: Source::Integration,
        since: round,
    }
}

fn summary(overall: &str, round: u32) -> Finding {
    Finding {
        id: "summary".to_owned(),
        severity: Severity::Nit,
        path: String::new(),
        line: 0,
        problem: format!(
            "The reviewer's own summary of the whole was `{overall}`; its findings say otherwise, and they decide."
        ),
        required_change: String::new(),
        source: Source::Integration,
        since: round,
    }
}

/// Who has to mend a file: its owner; for a file that no assignment owns, the one that the
/// reviewer named, if there is such a one.
fn responsible(plan: &Plan, path: &str, named: &[(String, String)]) -> Option<String> {
    let is_assignment = |id: &str| plan.assignments.iter().any(|item| item.id == id);
    let owner = owner_of(plan, path).filter(|owner| is_assignment(owner));
    let name = || {
        let own = named.iter().find(|(other, _)| other == path)?;
        is_assignment(&own.1).then(|| own.1.clone())
    };
    owner.map(str::to_owned).or_else(name)
}
