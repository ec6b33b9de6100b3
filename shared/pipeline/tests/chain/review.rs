//! Judgements: checked, repaired once, and the verdict computed.

use pipeline::brief::Brief;
use pipeline::effect::Entry;
use pipeline::review::{ReviewWork, Severity, Subject};
use pipeline::unit::{Journal, Recorded};
use pipeline::workspace::{FileVersion, Workspace};
use pipeline::{Code, Outcome, Step, Work, decide};
use serde_json::{Value, json};

use crate::world::{assignment, plan, reply};

fn work(round: u32) -> Work {
    let plan: pipeline::plan::Plan =
        serde_json::from_value(plan(&[assignment("a", "a.js", &[])])).unwrap();
    let file = FileVersion {
        path: pipeline::SafePath::parse("a.js").unwrap(),
        content: Some("x".to_owned()),
        assignment: "a".to_owned(),
        round: 1,
    };
    Work::Review(Box::new(ReviewWork {
        brief: Brief::parse(include_bytes!("../../../../examples/todo.json"))
            .unwrap()
            .brief,
        subjects: vec![Subject {
            assignment: plan.assignments[0].clone(),
            claims: String::new(),
            earlier_findings: Vec::new(),
        }],
        plan,
        round,
        rounds_max: 3,
        workspace: Workspace::of(&[file]),
    }))
}

fn judgement(criteria: Value, findings: Value, injection: bool) -> Entry {
    reply(
        &json!({"criteria": criteria, "contract_violations": [], "findings": findings, "scope_violations": [],
        "injection_suspected": injection, "overall": "approve", "confidence": "high"}),
    )
}

fn met(verdict: &str) -> Value {
    json!([{"id": "a-1", "verdict": verdict, "evidence": "e"}])
}

/// The outcome after the reviewer gave `answers`, one after another.
fn outcome(round: u32, answers: Vec<Entry>) -> Outcome {
    let (work, mut journal) = (work(round), Journal::default());
    let mut answers = answers.into_iter();
    loop {
        match decide(&work, &journal) {
            Step::Done(end) => return end.outcome,
            Step::Do(effects) => {
                assert_eq!(effects.len(), 1);
                let entry = answers.next().expect("another question than expected");
                journal.insert(
                    effects[0].key.clone(),
                    Recorded {
                        fingerprint: effects[0].action.fingerprint(),
                        entry,
                    },
                );
            }
        }
    }
}

fn rework(outcome: &Outcome) -> Vec<Severity> {
    match outcome {
        Outcome::Reviewed { rework, .. } => rework
            .iter()
            .flat_map(|item| item.findings.iter().map(|finding| finding.severity))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_met_is_approved() {
    assert_eq!(
        rework(&outcome(1, vec![judgement(met("Met"), json!([]), false)])),
        []
    );
}

#[test]
fn an_unmet_criterion_is_rework_whatever_the_model_says_overall() {
    for verdict in ["not_met", "cannot_tell", "NOT_MET"] {
        assert_eq!(
            rework(&outcome(1, vec![judgement(met(verdict), json!([]), false)])),
            [Severity::Major]
        );
    }
}

#[test]
fn minors_and_nits_cause_no_rework() {
    let finding = |severity: &str| json!([{"id": "f", "severity": severity, "path": "a.js", "line": 1, "problem": "p", "required_change": "c"}]);
    for severity in ["minor", "Nit"] {
        assert_eq!(
            rework(&outcome(
                1,
                vec![judgement(met("met"), finding(severity), false)]
            )),
            []
        );
    }
    assert_eq!(
        rework(&outcome(
            1,
            vec![judgement(met("met"), finding("Blocker"), false)]
        )),
        [Severity::Blocker]
    );
}

#[test]
fn findings_about_files_that_do_not_exist_are_left_out() {
    let finding = json!([{"id": "f", "severity": "major", "path": "zz.js", "line": 1, "problem": "p", "required_change": "c"}]);
    assert_eq!(
        rework(&outcome(1, vec![judgement(met("met"), finding, false)])),
        []
    );
}

#[test]
fn suspected_injection_is_not_approved() {
    assert_eq!(
        rework(&outcome(1, vec![judgement(met("met"), json!([]), true)])),
        [Severity::Major]
    );
}

#[test]
fn a_judgement_of_other_criteria_is_asked_again_once() {
    let wrong = || {
        judgement(
            json!([{"id": "zz", "verdict": "met", "evidence": "e"}]),
            json!([]),
            false,
        )
    };
    assert_eq!(
        rework(&outcome(
            1,
            vec![wrong(), judgement(met("met"), json!([]), false)]
        )),
        []
    );
    match outcome(1, vec![wrong(), wrong()]) {
        Outcome::Failed(failure) => assert_eq!(failure.code, Code::ModelAnswerInvalid),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_last_round_does_not_ask_for_another() {
    match outcome(3, vec![judgement(met("not_met"), json!([]), false)]) {
        Outcome::Failed(failure) => assert_eq!(failure.code, Code::ReviewNotApproved),
        other => panic!("{other:?}"),
    }
}
