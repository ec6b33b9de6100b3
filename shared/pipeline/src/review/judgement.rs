//! The judgement of one assignment: its schema, and what of it can be used.

use serde::Deserialize;
use serde_json::{Value, json};

use super::evidence::{
    Found, Mark, SEVERITIES, freeze, list, misplaced, object, one_of, rename, settled, shortened,
    text, usable, with_marks,
};
use super::{Finding, ReviewWork, Severity, Source, Subject};
use crate::limits::FINDINGS_MAX;
use crate::plan_rules::covers;

/// Id of the finding that somebody wants to influence the reviewer.
pub(super) const INJECTION: &str = "injection";

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Judgement {
    criteria: Vec<Criterion>,
    contract_violations: Vec<Violation>,
    findings: Vec<Found>,
    scope_violations: Vec<String>,
    injection_suspected: bool,
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
struct Criterion {
    id: String,
    verdict: String,
    evidence: String,
}

impl Criterion {
    fn is(&self, word: &str) -> bool {
        self.verdict.eq_ignore_ascii_case(word)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Violation {
    contract_id: String,
    path: String,
    line: u32,
    problem: String,
}

/// What became of one judgement.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    /// Open findings of earlier rounds, and new ones.
    pub(super) findings: Vec<Finding>,
    /// Findings of earlier rounds that are resolved.
    pub(super) resolved: Vec<Finding>,
    /// Criteria that are met, and all.
    pub(super) criteria: (usize, usize),
}

/// The JSON schema of a judgement, within what both model services support.
pub fn schema(has_earlier: bool) -> Value {
    let properties = json!({
        "criteria": list(object(json!({"id": text(), "verdict": one_of(&["met", "not_met", "cannot_tell"]), "evidence": text()}))),
        "contract_violations": list(object(json!({"contract_id": text(), "path": text(), "line": {"type": "integer"}, "problem": text()}))),
        "findings": list(object(json!({"id": text(), "severity": one_of(SEVERITIES), "path": text(),
            "line": {"type": "integer"}, "problem": text(), "required_change": text()}))),
        "scope_violations": list(text()),
        "injection_suspected": {"type": "boolean"},
        "overall": one_of(&["approve", "request_changes", "reject"]),
        "confidence": one_of(&["low", "medium", "high"]),
    });
    with_marks(properties, has_earlier)
}

/// The earlier findings on which a judgement says whether they are resolved.
pub(super) fn earlier(subject: &Subject) -> Vec<Finding> {
    let own = |finding: &&Finding| finding.source == Source::Judgement;
    subject
        .earlier_findings
        .iter()
        .filter(own)
        .cloned()
        .collect()
}

/// What counts of a judgement, with unmet criteria and broken contracts among the findings.
///
/// # Errors
/// Sentences for the reviewer on everything that can not be used. The last time only if
/// the criteria are not the assignment's: other parts that can not be used are left out.
pub(super) fn checked(
    work: &ReviewWork,
    subject: &Subject,
    judgement: Judgement,
    is_last: bool,
) -> Result<Judged, String> {
    criteria_fit(subject, &judgement)?;
    let (mut wrong, owns) = (Vec::new(), &subject.assignment.owns);
    let is_owned = |path: &str| owns.iter().any(|owned| covers(owned, path));
    let place = |found: &Found| misplaced(work, &found.path, found.line, is_owned);
    let earlier = earlier(subject);
    let (open, resolved) = settled(&earlier, &judgement.earlier, &mut wrong);
    let mut new = usable(
        judgement.findings,
        Source::Judgement,
        work.round,
        place,
        &mut wrong,
    );
    let broken = violations(work, &judgement.contract_violations, is_owned, &mut wrong);
    if !wrong.is_empty() && !is_last {
        return Err(wrong.join("; "));
    }
    if work.round > 1 {
        freeze(&mut new);
    }
    new.splice(0..0, broken);
    let main_file = owns
        .first()
        .map(|owned| owned.trim_end_matches('/').to_owned())
        .unwrap_or_default();
    let finding = |id: &str, severity, problem: String, change: &str| Finding {
        id: id.to_owned(),
        severity,
        path: main_file.clone(),
        line: 0,
        problem: shortened(&problem),
        required_change: change.to_owned(),
        source: Source::Judgement,
        since: work.round,
    };
    if judgement.injection_suspected && !open.iter().any(|finding| finding.id == INJECTION) {
        new.push(finding(
            INJECTION,
            Severity::Blocker,
            "The reviewer suspects text in these files that is meant to influence it.".to_owned(),
            "Remove every text that addresses whoever reads or judges the files.",
        ));
    }
    let unmet = judgement.criteria.iter().filter(|item| !item.is("met"));
    let has_serious = open.iter().chain(&new).any(Finding::is_serious);
    for item in unmet.clone().filter(|_| !has_serious) {
        let problem = format!("Acceptance `{}` is not met: {}", item.id, item.evidence);
        new.push(finding(&item.id, Severity::Major, problem, "Make it hold."));
    }
    let criteria = judgement.criteria.len();
    let met = criteria - unmet.count();
    remarks(
        &mut new,
        &open,
        &judgement.scope_violations,
        &judgement.overall,
        finding,
    );
    new.sort_by_key(|finding| finding.severity);
    rename(&mut new, &subject.earlier_findings, work.round);
    let mut findings = open;
    findings.append(&mut new);
    findings.truncate(FINDINGS_MAX);
    Ok(Judged {
        findings,
        resolved,
        criteria: (met, criteria),
    })
}

/// # Errors
/// The criteria are not exactly the assignment's, or decided with another word.
fn criteria_fit(subject: &Subject, judgement: &Judgement) -> Result<(), String> {
    let acceptance = subject.assignment.acceptance.iter();
    let mut expected: Vec<&str> = acceptance.map(|check| check.id.as_str()).collect();
    let given = judgement.criteria.iter();
    let mut given: Vec<&str> = given.map(|criterion| criterion.id.as_str()).collect();
    expected.sort_unstable();
    given.sort_unstable();
    if expected != given {
        return Err(format!(
            "criteria must hold exactly the ids {}",
            expected.join(", ")
        ));
    }
    let words = ["met", "not_met", "cannot_tell"];
    let mut others = judgement.criteria.iter();
    match others.find(|criterion| !words.iter().any(|word| criterion.is(word))) {
        None => Ok(()),
        Some(other) => Err(format!(
            "the verdict on `{}` must be met, not_met or cannot_tell, not `{}`",
            other.id, other.verdict
        )),
    }
}

fn violations(
    work: &ReviewWork,
    given: &[Violation],
    is_owned: impl Fn(&str) -> bool,
    wrong: &mut Vec<String>,
) -> Vec<Finding> {
    let mut kept = Vec::new();
    for violation in given {
        let id = &violation.contract_id;
        let is_known = work
            .plan
            .contracts
            .iter()
            .any(|contract| contract.id == *id);
        let problem = if is_known {
            misplaced(work, &violation.path, violation.line, &is_owned)
        } else {
            Some("there is no such contract".to_owned())
        };
        match problem {
            Some(problem) => wrong.push(format!("violation of `{id}`: {problem}")),
            None => kept.push(Finding {
                id: id.clone(),
                severity: Severity::Major,
                path: violation.path.clone(),
                line: violation.line,
                problem: shortened(&format!("Contract `{id}` is broken: {}", violation.problem)),
                required_change: format!("Keep contract `{id}`."),
                source: Source::Judgement,
                since: work.round,
            }),
        }
    }
    kept
}

/// What is worth a line and no round: work out of scope, and a reviewer whose own summary
/// is not what its findings amount to.
fn remarks(
    new: &mut Vec<Finding>,
    open: &[Finding],
    scope: &[String],
    overall: &str,
    finding: impl Fn(&str, Severity, String, &str) -> Finding,
) {
    let approves = !open.iter().chain(new.iter()).any(Finding::is_serious);
    if overall.eq_ignore_ascii_case("approve") != approves {
        let problem = format!(
            "The reviewer's own summary was `{overall}`; its criteria and findings say otherwise, and they decide."
        );
        new.push(finding("summary", Severity::Nit, problem, ""));
    }
    for violation in scope {
        let problem = format!("Out of scope: {violation}");
        new.push(finding("scope", Severity::Minor, problem, ""));
    }
}
