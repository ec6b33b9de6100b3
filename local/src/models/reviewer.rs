//! The scripted reviewer: reads the files of one assignment, or of the whole project, and
//! judges them by static checks.

pub(crate) mod check;
mod css;
mod files;
mod html;
mod integration;
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
            Some(Err(mut problem)) => {
                problem.path = files.place(&problem.path);
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
    match behaviour {
        Behaviour::NeverSatisfied => never_satisfied(&files, &mut criteria, &mut findings),
        Behaviour::Miscites => findings.push(Problem {
            path: "no/such/file.js".to_owned(),
            line: 7,
            problem: "this reviewer model cites a file that does not exist".to_owned(),
            required_change: "write it".to_owned(),
        }),
        Behaviour::RubberStamp => {
            findings.clear();
            criteria
                .iter_mut()
                .for_each(|criterion| criterion["verdict"] = json!("met"));
        }
        Behaviour::Scripted
        | Behaviour::Flawless
        | Behaviour::Unbuildable
        | Behaviour::NeverBuilds
        | Behaviour::Suspicious
        | Behaviour::InvalidPlan
        | Behaviour::HopelessPlan
        | Behaviour::Refusal
        | Behaviour::Overloaded
        | Behaviour::Busy
        | Behaviour::Slow
        | Behaviour::OutOfCredit
        | Behaviour::TooLong
        | Behaviour::Truncated
        | Behaviour::Stuck
        | Behaviour::Empty
        | Behaviour::CutOff
        | Behaviour::InvalidJson => {}
    }
    let undecided = criteria
        .iter()
        .any(|criterion| criterion["verdict"] != "met");
    let overall = if findings.is_empty() && !undecided {
        "approve"
    } else {
        "request_changes"
    };
    let (earlier, new) = against(&request["earlier_findings"], &findings);
    let findings = new
        .iter()
        .take(FINDINGS_MAX)
        .enumerate()
        .map(|(index, problem)| finding(&format!("f{}", index + 1), "major", problem))
        .collect();
    let mut answer = answer(criteria, findings, overall);
    answer["earlier"] = earlier;
    answer["injection_suspected"] = json!(behaviour == Behaviour::Suspicious);
    answer
}

/// Answers the question whether the parts fit together. `text` is the user's message.
pub(crate) fn integrate(text: &str) -> Value {
    let Some((request, rest)) = tagged(text, "integration") else {
        return integrated(Vec::new(), Vec::new(), "request_changes");
    };
    let files = Files::parse(rest);
    let problems = integration::problems(&files);
    let contracts: Vec<Value> = request["contracts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|contract| integration::contract(&files, contract))
        .collect();
    let is_broken = contracts
        .iter()
        .any(|contract| contract["verdict"] == "broken");
    let overall = if problems.is_empty() && !is_broken {
        "approve"
    } else {
        "request_changes"
    };
    let (earlier, new) = against(&request["earlier_findings"], &problems);
    let attributed = |(index, problem): (usize, &&Problem)| {
        let mut finding = finding(&format!("i{}", index + 1), "blocker", problem);
        finding["assignment"] = json!(owner(&request, &problem.path));
        finding
    };
    let findings = new
        .iter()
        .take(FINDINGS_MAX)
        .enumerate()
        .map(attributed)
        .collect();
    let mut answer = integrated(contracts, findings, overall);
    answer["earlier"] = earlier;
    answer
}

/// Which of the earlier findings are still among `problems`, and which problems are new.
fn against<'a>(earlier: &Value, problems: &'a [Problem]) -> (Value, Vec<&'a Problem>) {
    let earlier = earlier.as_array().map(Vec::as_slice).unwrap_or_default();
    let is_same = |finding: &Value, problem: &Problem| {
        finding["path"] == json!(problem.path) && finding["problem"] == json!(problem.problem)
    };
    let mark = |finding: &Value| {
        let is_open = problems.iter().any(|problem| is_same(finding, problem));
        json!({"id": finding["id"], "state": if is_open { "open" } else { "resolved" }})
    };
    let is_new = |problem: &&Problem| !earlier.iter().any(|finding| is_same(finding, problem));
    (
        earlier.iter().map(mark).collect(),
        problems.iter().filter(is_new).collect(),
    )
}

/// The assignment that owns a path: itself, or the folder it lies in.
fn owner<'a>(request: &'a Value, path: &str) -> &'a str {
    let owns = |assignment: &&Value| {
        super::brief::strings(&assignment["owns"])
            .any(|owned| owned == path || (owned.ends_with('/') && path.starts_with(owned)))
    };
    let assignments = request["assignments"].as_array();
    let own = assignments.into_iter().flatten().find(owns);
    own.and_then(|own| own["id"].as_str()).unwrap_or_default()
}

fn integrated(contracts: Vec<Value>, findings: Vec<Value>, overall: &str) -> Value {
    json!({
        "contracts": contracts, "findings": findings, "earlier": [], "overall": overall, "confidence": "high",
    })
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
        "criteria": criteria, "contract_violations": [], "findings": findings, "scope_violations": [], "earlier": [],
        "injection_suspected": false, "overall": overall, "confidence": "high",
    })
}
