//! The scripted reviewer: reads the files of one assignment and judges them by static checks.

pub(crate) mod check;
mod css;
mod files;
mod html;
mod lint;
mod script;

use serde_json::{Value, json};

use super::brief::tagged;
use super::catalog::Behaviour;
use check::Check;
use files::Files;

/// More findings than this are not reported in one round.
const FINDINGS_MAX: usize = 15;

/// Something wrong at one place, with what has to change.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) path: String,
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) problem: String,
    pub(crate) required_change: String,
}

/// Answers a review call. `text` is the user's message.
pub(crate) fn review(text: &str, behaviour: Behaviour) -> Value {
    let Some((request, rest)) = tagged(text, "review") else {
        return answer(
            Vec::new(),
            vec![finding("f1", "blocker", &no_request())],
            "reject",
        );
    };
    let files = Files::parse(rest);
    let mut criteria = Vec::new();
    let mut findings = Vec::new();
    for criterion in request["assignment"]["acceptance"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let (id, wording) = (
            &criterion["id"],
            criterion["check"].as_str().unwrap_or_default(),
        );
        let (verdict, evidence) = match Check::from_wording(wording).map(|check| check.run(&files))
        {
            Some(Ok(evidence)) => ("met", evidence),
            Some(Err(problem)) => {
                let evidence = format!("{}:{}: {}", problem.path, problem.line, problem.problem);
                findings.push(problem);
                ("not_met", evidence)
            }
            None => (
                "cannot_tell",
                "The scripted reviewer has no static check for this wording.".to_owned(),
            ),
        };
        criteria.push(json!({"id": id, "verdict": verdict, "evidence": evidence}));
    }
    for problem in lint::problems(&files) {
        if !findings
            .iter()
            .any(|known| known.path == problem.path && known.line == problem.line)
        {
            findings.push(problem);
        }
    }
    if behaviour == Behaviour::NeverSatisfied {
        never_satisfied(&files, &mut criteria, &mut findings);
    }
    let undecided = criteria
        .iter()
        .any(|criterion| criterion["verdict"] != "met");
    let overall = if findings.is_empty() && !undecided {
        "approve"
    } else {
        "request_changes"
    };
    let findings = findings
        .iter()
        .take(FINDINGS_MAX)
        .enumerate()
        .map(|(index, problem)| finding(&format!("f{}", index + 1), "major", problem))
        .collect();
    answer(criteria, findings, overall)
}

fn no_request() -> Problem {
    Problem {
        path: String::new(),
        line: 1,
        problem: "the request holds no review between <review> and </review>".to_owned(),
        required_change: "send the assignment and its files".to_owned(),
    }
}

fn never_satisfied(files: &Files, criteria: &mut [Value], findings: &mut Vec<Problem>) {
    let path = files.first_path().unwrap_or_default().to_owned();
    if let Some(first) = criteria.first_mut() {
        first["verdict"] = json!("not_met");
        first["evidence"] = json!(format!("{path}:1: this model is never satisfied"));
    }
    findings.push(Problem {
        path,
        line: 1,
        problem: "this reviewer model is never satisfied".to_owned(),
        required_change: "write the file once more".to_owned(),
    });
}

fn finding(id: &str, severity: &str, problem: &Problem) -> Value {
    json!({
        "id": id, "severity": severity, "path": problem.path, "line": problem.line,
        "problem": problem.problem, "required_change": problem.required_change,
    })
}

fn answer(criteria: Vec<Value>, findings: Vec<Value>, overall: &str) -> Value {
    json!({
        "criteria": criteria, "contract_violations": [], "findings": findings, "scope_violations": [],
        "injection_suspected": false, "overall": overall, "confidence": "high",
    })
}
