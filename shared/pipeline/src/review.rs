//! Judging assignments: one judgement each, in parallel; the verdict is computed here
//! from criteria and findings, whatever the model's own summary says.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::brief::Brief;
use crate::effect::{Action, Effect, Entry};
use crate::facts::{Outcome, Rework};
use crate::failure::{Code, Failure};
use crate::json::from_model;
use crate::limits::{FINDINGS_MAX, JUDGEMENT_REPAIRS_MAX};
use crate::model::{Effort, Finish, Question, Speaker, Spent};
use crate::plan::{Assignment, Plan};
use crate::plan_rules::covers;
use crate::prompts;
use crate::unit::{End, Journal, Step};
use crate::workspace::Workspace;

/// How bad a finding is. Blockers and majors cause rework.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It does not work.
    Blocker,
    /// A criterion or a contract is broken.
    Major,
    /// Worth doing, not worth a round.
    Minor,
    /// Taste.
    Nit,
}

/// One thing the reviewer found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Its id within the judgement.
    pub id: String,
    /// How bad it is.
    #[serde(deserialize_with = "severity")]
    pub severity: Severity,
    /// The file.
    pub path: String,
    /// The line, 0 for the whole file.
    pub line: u32,
    /// What is wrong.
    pub problem: String,
    /// What must change.
    pub required_change: String,
}

/// One review round: every assignment to be judged, on the files as they stand.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewWork {
    /// What the owner asked for.
    pub brief: Brief,
    /// The accepted plan.
    pub plan: Plan,
    /// 1, or higher after rework.
    pub round: u32,
    /// The last round that may ask for another.
    pub rounds_max: u32,
    /// The assignments judged in this round: all in the first, the reworked ones later.
    pub subjects: Vec<Subject>,
    /// The files as they stand.
    pub workspace: Workspace,
}

/// One assignment under review.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// The assignment.
    pub assignment: Assignment,
    /// What its agent claims, unverified.
    pub claims: String,
    /// What was found in the round before.
    pub earlier_findings: Vec<Finding>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Judgement {
    criteria: Vec<Criterion>,
    contract_violations: Vec<Violation>,
    findings: Vec<Finding>,
    #[expect(
        dead_code,
        reason = "asked so that the model commits itself; the verdict is computed"
    )]
    scope_violations: Vec<String>,
    injection_suspected: bool,
    #[expect(
        dead_code,
        reason = "asked so that the model commits itself; the verdict is computed"
    )]
    overall: String,
    #[expect(
        dead_code,
        reason = "asked so that the model commits itself; the verdict is computed"
    )]
    confidence: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Criterion {
    id: String,
    verdict: String,
    evidence: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Violation {
    contract_id: String,
    path: String,
    line: u32,
    problem: String,
}

/// Models do not keep to the case of an enumeration.
fn severity<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Severity, D::Error> {
    let word = String::deserialize(deserializer)?;
    match word.to_lowercase().as_str() {
        "blocker" => Ok(Severity::Blocker),
        "major" => Ok(Severity::Major),
        "minor" => Ok(Severity::Minor),
        "nit" => Ok(Severity::Nit),
        _ => Err(serde::de::Error::custom(format!("`{word}` is no severity"))),
    }
}

/// The JSON schema of a judgement, within what both model services support.
pub fn schema() -> Value {
    let text = || json!({"type": "string"});
    let object = |properties: Value| {
        let required: Vec<String> = properties
            .as_object()
            .map(|map| map.keys().cloned().collect())
            .unwrap_or_default();
        json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
    };
    let list = |items: Value| json!({"type": "array", "items": items});
    let one_of = |words: &[&str]| json!({"type": "string", "enum": words});
    object(json!({
        "criteria": list(object(json!({"id": text(), "verdict": one_of(&["met", "not_met", "cannot_tell"]), "evidence": text()}))),
        "contract_violations": list(object(json!({"contract_id": text(), "path": text(), "line": {"type": "integer"}, "problem": text()}))),
        "findings": list(object(json!({"id": text(), "severity": one_of(&["blocker", "major", "minor", "nit"]), "path": text(),
            "line": {"type": "integer"}, "problem": text(), "required_change": text()}))),
        "scope_violations": list(text()),
        "injection_suspected": {"type": "boolean"},
        "overall": one_of(&["approve", "request_changes", "reject"]),
        "confidence": one_of(&["low", "medium", "high"]),
    }))
}

/// What the review needs next.
pub fn decide(work: &ReviewWork, journal: &Journal) -> Step {
    let (mut asked, mut judged, mut spent) = (Vec::new(), Vec::new(), Spent::default());
    for subject in &work.subjects {
        match judge(work, subject, journal, &mut spent) {
            Ok(Progress::Ask(effect)) => asked.push(*effect),
            Ok(Progress::Judged(findings)) => {
                judged.push((subject.assignment.id.clone(), findings))
            }
            Err(failure) => return Step::done(Outcome::Failed(failure), spent),
        }
    }
    if asked.is_empty() {
        end(verdict(work, judged), spent)
    } else {
        Step::Do(asked)
    }
}

enum Progress {
    Ask(Box<Effect>),
    Judged(Vec<Finding>),
}

/// One assignment's judgement: asked, repaired once if it can not be used.
fn judge(
    work: &ReviewWork,
    subject: &Subject,
    journal: &Journal,
    spent: &mut Spent,
) -> Result<Progress, Failure> {
    let id = &subject.assignment.id;
    let mut turns = vec![(Speaker::User, prompts::review(work, subject))];
    for attempt in 0..=JUDGEMENT_REPAIRS_MAX {
        let question = Question {
            instructions: prompts::reviewer_rules(),
            turns: turns.clone(),
            schema_name: "review",
            schema: schema(),
            effort: Effort::Medium,
            cache_key: "review".to_owned(),
        };
        let effect = Effect::new(
            format!("judge.{id}.{attempt}"),
            Action::AskReviewer(question),
        );
        let reply = match journal.find(&effect)? {
            None => return Ok(Progress::Ask(Box::new(effect))),
            Some(Entry::Failed(failure)) => return Err(failure.clone()),
            Some(entry) => entry.reply()?,
        };
        *spent += &reply.spent;
        if let Finish::Refused(reason) = &reply.finish {
            return Err(Failure::new(
                Code::ModelRefused,
                format!("The reviewer declined to judge `{id}`: {reason}"),
            ));
        }
        match from_model::<Judgement>(&reply.text)
            .and_then(|judgement| checked(work, subject, judgement))
        {
            Ok(findings) => return Ok(Progress::Judged(findings)),
            Err(problem) => {
                turns.push((Speaker::Assistant, reply.text.clone()));
                turns.push((Speaker::User, prompts::judgement_repair(&problem)));
            }
        }
    }
    Err(Failure::new(
        Code::ModelAnswerInvalid,
        format!("The reviewer's judgement of `{id}` could not be used. Retry the task."),
    ))
}

/// The findings that count, with unmet criteria and broken contracts among them.
///
/// # Errors
/// A sentence for the reviewer if the judgement does not fit the assignment.
fn checked(
    work: &ReviewWork,
    subject: &Subject,
    judgement: Judgement,
) -> Result<Vec<Finding>, String> {
    let assignment = &subject.assignment;
    let mut expected: Vec<&str> = assignment
        .acceptance
        .iter()
        .map(|check| check.id.as_str())
        .collect();
    let mut given: Vec<&str> = judgement
        .criteria
        .iter()
        .map(|criterion| criterion.id.as_str())
        .collect();
    expected.sort_unstable();
    given.sort_unstable();
    if expected != given {
        return Err(format!(
            "criteria must hold exactly the ids {}",
            expected.join(", ")
        ));
    }
    let mut findings = judgement.findings;
    for finding in &findings {
        let serious = matches!(finding.severity, Severity::Blocker | Severity::Major);
        if serious && finding.required_change.trim().is_empty() {
            return Err(format!("finding `{}` needs a required_change", finding.id));
        }
    }
    findings.retain(|finding| {
        work.workspace
            .files()
            .any(|(path, _)| path.as_str() == finding.path)
            || assignment
                .owns
                .iter()
                .any(|owned| covers(owned, &finding.path))
    });
    let covered = |id: &str, findings: &[Finding]| {
        findings.iter().any(|finding| {
            finding.id == id || matches!(finding.severity, Severity::Blocker | Severity::Major)
        })
    };
    let main_file = assignment
        .owns
        .first()
        .map(|owned| owned.trim_end_matches('/').to_owned())
        .unwrap_or_default();
    for criterion in &judgement.criteria {
        let met = criterion.verdict.eq_ignore_ascii_case("met");
        if !met && !covered(&criterion.id, &findings) {
            findings.push(serious(
                &criterion.id,
                &main_file,
                0,
                &format!(
                    "acceptance `{}` is not met: {}",
                    criterion.id, criterion.evidence
                ),
            ));
        }
    }
    for violation in &judgement.contract_violations {
        findings.push(serious(
            &violation.contract_id,
            &violation.path,
            violation.line,
            &violation.problem,
        ));
    }
    if judgement.injection_suspected {
        findings.push(serious(
            "injection",
            &main_file,
            0,
            "the reviewer suspects injected instructions in these files",
        ));
    }
    findings.sort_by_key(|finding| finding.severity);
    findings.truncate(FINDINGS_MAX);
    Ok(findings)
}

fn serious(id: &str, path: &str, line: u32, problem: &str) -> Finding {
    Finding {
        id: id.to_owned(),
        severity: Severity::Major,
        path: path.to_owned(),
        line,
        problem: problem.to_owned(),
        required_change: problem.to_owned(),
    }
}

/// The end of the round, with the verdict in the unit's own row.
fn end(outcome: Outcome, spent: Spent) -> Step {
    let mut columns = Map::new();
    if let Outcome::Reviewed {
        manifest_hash,
        rework,
        remarks,
    } = &outcome
    {
        let verdict = if rework.is_empty() {
            "approved"
        } else {
            "changes_requested"
        };
        columns.insert("verdict".to_owned(), verdict.into());
        columns.insert(
            "findings".to_owned(),
            json!({"rework": rework, "remarks": remarks})
                .to_string()
                .into(),
        );
        columns.insert("manifestHash".to_owned(), manifest_hash.clone().into());
    }
    Step::Done(Box::new(End {
        outcome,
        spent,
        files: Vec::new(),
        columns,
    }))
}

fn verdict(work: &ReviewWork, judged: Vec<(String, Vec<Finding>)>) -> Outcome {
    let serious =
        |finding: &Finding| matches!(finding.severity, Severity::Blocker | Severity::Major);
    let rework: Vec<Rework> = judged
        .iter()
        .filter(|(_, findings)| findings.iter().any(serious))
        .map(|(id, findings)| Rework {
            assignment: id.clone(),
            findings: findings
                .iter()
                .filter(|finding| serious(finding))
                .cloned()
                .collect(),
        })
        .collect();
    let remarks = judged
        .into_iter()
        .flat_map(|(_, findings)| findings)
        .filter(|finding| !serious(finding))
        .collect();
    if !rework.is_empty() && work.round >= work.rounds_max {
        let names: Vec<&str> = rework.iter().map(|item| item.assignment.as_str()).collect();
        let first = rework[0]
            .findings
            .first()
            .map(|finding| finding.problem.as_str())
            .unwrap_or_default();
        let message = format!(
            "After {} rounds the reviewer still asks for changes in {}: {first}",
            work.round,
            names.join(", ")
        );
        return Outcome::Failed(Failure::new(Code::ReviewNotApproved, message));
    }
    Outcome::Reviewed {
        manifest_hash: work.workspace.manifest_hash(),
        rework,
        remarks,
    }
}
