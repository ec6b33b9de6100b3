//! Judgements: checked, repaired once, and the verdict computed.

use pipeline::effect::{Action, Effect, ModelCall};
use pipeline::facts::Rework;
use pipeline::model::Effort;
use pipeline::review::{Finding, ReviewWork, Severity, Source, Subject};
use pipeline::unit::{End, Journal, Recorded};
use pipeline::workspace::{FileVersion, Workspace};
use pipeline::{Code, Outcome, SafePath, Step, Work};
use serde_json::{Value, json};

use crate::world::{World, assignment, decided, plan, reply};

pub(crate) fn version(path: &str, content: &str, by: &str, round: u32) -> FileVersion {
    FileVersion {
        path: SafePath::parse(path).unwrap(),
        content: Some(content.to_owned()),
        assignment: by.to_owned(),
        round,
    }
}

/// A review of assignment `a` alone, which owns `a.js` of one line.
pub(crate) fn work(round: u32) -> ReviewWork {
    let mut only = assignment("a", "a.js", &[]);
    only["contracts"] = json!(["k"]);
    let mut plan = plan(&[only]);
    plan["contracts"] =
        json!([{"id": "k", "kind": "module", "definition": "d", "provider": "a", "consumers": []}]);
    let plan: pipeline::plan::Plan = serde_json::from_value(plan).unwrap();
    let versions = vec![version("a.js", "x", "a", 1)];
    ReviewWork {
        brief: World::new().brief,
        subjects: vec![subject(&plan, 0)],
        plan,
        round,
        rounds_max: 3,
        pending: Vec::new(),
        integrated: false,
        workspace: Workspace::of(&versions),
        versions,
    }
}

fn subject(plan: &pipeline::plan::Plan, index: usize) -> Subject {
    Subject {
        assignment: plan.assignments[index].clone(),
        claims: String::new(),
        earlier_findings: Vec::new(),
        earlier_scores: Vec::new(),
    }
}

pub(crate) fn found(id: &str, severity: Severity, source: Source) -> Finding {
    Finding {
        id: id.to_owned(),
        severity,
        path: "a.js".to_owned(),
        line: 1,
        problem: format!("problem {id}"),
        required_change: "change".to_owned(),
        source,
        since: 1,
    }
}

/// The second round of `work`, with one earlier finding.
pub(crate) fn second(earlier: Finding) -> ReviewWork {
    let mut work = work(2);
    work.subjects[0].earlier_findings.push(earlier);
    work.subjects[0].earlier_scores.push((1, 50));
    work
}

/// A judgement that approves `a`.
pub(crate) fn approval() -> Value {
    json!({"criteria": [{"id": "a-1", "verdict": "met", "evidence": "e"}], "contract_violations": [], "findings": [],
        "scope_violations": [], "injection_suspected": false, "overall": "approve", "confidence": "high"})
}

/// The approval with something else.
pub(crate) fn with(member: &str, value: Value) -> Value {
    let mut judgement = approval();
    judgement[member] = value;
    judgement
}

pub(crate) fn finding(severity: &str, path: &str, line: u32) -> Value {
    json!([{"id": "f", "severity": severity, "path": path, "line": line, "problem": "p", "required_change": "c"}])
}

fn verdict(word: &str) -> Value {
    with(
        "criteria",
        json!([{"id": "a-1", "verdict": word, "evidence": "e"}]),
    )
}

fn marked(state: &str) -> Value {
    with("earlier", json!([{"id": "f1", "state": state}]))
}

/// The end after the reviewer gave exactly these answers, and what it was asked.
fn asked(work: ReviewWork, answers: &[Value]) -> (End, Vec<Effect>) {
    let (work, mut journal) = (Work::Review(Box::new(work)), Journal::default());
    let mut all = Vec::new();
    loop {
        match decided(&work, &journal) {
            Step::Done(end) => {
                assert_eq!(all.len(), answers.len(), "unasked answers");
                return (*end, all);
            }
            Step::Do(effects) => {
                for effect in effects {
                    let answer = answers.get(all.len()).expect("another question");
                    let entry = reply(answer);
                    let fingerprint = effect.action.fingerprint();
                    journal.insert(effect.key.clone(), Recorded { fingerprint, entry });
                    all.push(effect);
                }
            }
        }
    }
}

fn outcome(work: ReviewWork, answers: &[Value]) -> Outcome {
    asked(work, answers).0.outcome
}

struct Reviewed {
    rework: Vec<Rework>,
    remarks: Vec<Finding>,
    resolved: Vec<Rework>,
    pending: Vec<Rework>,
    points: Vec<i64>,
}

fn reviewed(work: ReviewWork, answers: &[Value]) -> Reviewed {
    match outcome(work, answers) {
        Outcome::Reviewed {
            rework,
            remarks,
            resolved,
            pending,
            scores,
            ..
        } => Reviewed {
            rework,
            remarks,
            resolved,
            pending,
            points: scores.iter().map(|score| score.points).collect(),
        },
        other => panic!("{other:?}"),
    }
}

/// Severities of what has to be done again.
fn rework(work: ReviewWork, answers: &[Value]) -> Vec<Severity> {
    let rework = reviewed(work, answers).rework;
    let findings = rework.iter().flat_map(|item| &item.findings);
    findings.map(|finding| finding.severity).collect()
}

fn failure(work: ReviewWork, answers: &[Value]) -> (Code, String) {
    match outcome(work, answers) {
        Outcome::Failed(failure) => (failure.code, failure.message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_met_is_approved() {
    let reviewed = reviewed(work(1), &[verdict("Met")]);
    assert_eq!((reviewed.rework, reviewed.remarks), (vec![], vec![]));
    assert_eq!(reviewed.points, [100]);
}

#[test]
fn an_unmet_criterion_is_rework_whatever_the_model_says_overall() {
    for word in ["not_met", "cannot_tell", "NOT_MET"] {
        let reviewed = reviewed(work(1), &[verdict(word)]);
        assert_eq!(reviewed.rework[0].findings[0].severity, Severity::Major);
        // That the summary says otherwise is a remark.
        assert_eq!(reviewed.remarks[0].id, "summary");
    }
}

#[test]
fn a_broken_contract_is_rework() {
    let violation = |id: &str| {
        let violation = json!([{"contract_id": id, "path": "a.js", "line": 1, "problem": "p"}]);
        with("contract_violations", violation)
    };
    assert_eq!(rework(work(1), &[violation("k")]), [Severity::Major]);
    // In later rounds too: the freeze is for free findings.
    assert_eq!(rework(work(2), &[violation("k")]), [Severity::Major]);
    let twice = [violation("zz"), violation("zz")];
    assert_eq!(rework(work(1), &twice), []);
}

#[test]
fn minors_and_nits_cause_no_rework() {
    for severity in ["minor", "Nit"] {
        let found = with("findings", finding(severity, "a.js", 1));
        assert_eq!(rework(work(1), &[found]), []);
    }
    let found = with("findings", finding("Blocker", "a.js", 1));
    assert_eq!(rework(work(1), &[found]), [Severity::Blocker]);
}

#[test]
fn a_finding_that_cites_nothing_is_asked_again_and_then_left_out() {
    let mut without_change = finding("major", "a.js", 1);
    without_change[0]["required_change"] = json!(" ");
    for wrong in [
        finding("major", "zz.js", 1),
        finding("major", "a.js", 2),
        finding("major", "../a.js", 1),
        without_change,
    ] {
        let wrong = with("findings", wrong);
        let right = with("findings", finding("major", "a.js", 1));
        assert_eq!(rework(work(1), &[wrong.clone(), wrong.clone()]), []);
        assert_eq!(rework(work(1), &[wrong, right]), [Severity::Major]);
    }
}

#[test]
fn a_file_that_should_be_there_may_be_named() {
    let mut work = work(1);
    work.workspace = Workspace::default();
    let missing = with("findings", finding("blocker", "a.js", 0));
    assert_eq!(rework(work, &[missing]), [Severity::Blocker]);
}

#[test]
fn findings_are_capped() {
    let one = |n: u32| json!({"id": format!("f{n}"), "severity": "major", "path": "a.js", "line": 1, "problem": "p", "required_change": "c"});
    let many: Vec<Value> = (0..20).map(one).collect();
    assert_eq!(rework(work(1), &[with("findings", json!(many))]).len(), 15);
}

#[test]
fn what_code_finds_is_a_blocker_that_no_reviewer_can_wave_through() {
    for (path, content) in [
        ("a.js", "// ... rest of the code"),
        ("a.js", "import './gone.js';"),
    ] {
        let mut work = work(1);
        work.versions = vec![version(path, content, "a", 1)];
        work.workspace = Workspace::of(&work.versions);
        let (end, asked) = asked(work.clone(), &[approval()]);
        let Outcome::Reviewed { rework, .. } = end.outcome else {
            panic!("{:?}", end.outcome)
        };
        let found = &rework[0].findings[0];
        assert_eq!(
            (found.severity, found.source),
            (Severity::Blocker, Source::Code)
        );
        // The reviewer was told.
        let Action::Ask(ModelCall::Reviewer(question)) = &asked[0].action else {
            panic!("{asked:?}")
        };
        assert!(question.turns[0].1.contains("\"machine_checks\":[\"`a.js`"));
        // Once it is gone, it is resolved without anybody's word.
        let mut later = self::work(2);
        later.subjects[0].earlier_findings = vec![found.clone()];
        let after = reviewed(later, &[approval()]);
        assert_eq!((after.rework.len(), after.resolved.len()), (0, 1));
        // Else it stays open under its id.
        work.round = 2;
        work.subjects[0].earlier_findings = vec![found.clone()];
        let after = reviewed(work, &[approval()]);
        assert_eq!(after.rework[0].findings, std::slice::from_ref(found));
    }
}

#[test]
fn earlier_findings_are_resolved_or_stay_open_under_their_id() {
    let earlier = || found("f1", Severity::Major, Source::Judgement);
    let gone = reviewed(second(earlier()), &[marked("Resolved")]);
    assert_eq!((gone.rework.len(), gone.resolved[0].findings.len()), (0, 1));
    let open = reviewed(second(earlier()), &[marked("open")]);
    assert_eq!(open.rework[0].findings, [earlier()]);
    assert_eq!(open.resolved, []);
}

#[test]
fn an_earlier_finding_without_a_mark_is_asked_for_and_then_open() {
    let earlier = || found("f1", Severity::Major, Source::Judgement);
    let other = with("earlier", json!([{"id": "zz", "state": "resolved"}]));
    for wrong in [approval(), other] {
        let open = reviewed(second(earlier()), &[wrong.clone(), wrong.clone()]);
        assert_eq!(open.rework[0].findings, [earlier()]);
        assert_eq!(rework(second(earlier()), &[wrong, marked("resolved")]), []);
    }
}

#[test]
fn after_the_first_round_only_blockers_are_new() {
    let earlier = || found("f", Severity::Major, Source::Judgement);
    let answer = |severity: &str| {
        let mut answer = with("findings", finding(severity, "a.js", 1));
        answer["earlier"] = json!([{"id": "f", "state": "resolved"}]);
        answer
    };
    let major = reviewed(second(earlier()), &[answer("major")]);
    assert_eq!(major.rework, []);
    assert_eq!(major.remarks[0].severity, Severity::Minor);
    let blocker = reviewed(second(earlier()), &[answer("blocker")]);
    let new = &blocker.rework[0].findings[0];
    // Another finding under an id that was used gets an id of its own.
    assert_eq!((new.id.as_str(), new.since), ("f-r2", 2));
}

#[test]
fn suspected_injection_is_a_blocker_and_fails_the_task_if_it_persists() {
    let suspects = || with("injection_suspected", json!(true));
    assert_eq!(rework(work(1), &[suspects()]), [Severity::Blocker]);
    let again = || second(found("injection", Severity::Blocker, Source::Judgement));
    let state = |state: &str| json!([{"id": "injection", "state": state}]);
    for (suspected, mark) in [(true, "open"), (true, "resolved"), (false, "open")] {
        let mut answer = with("injection_suspected", json!(suspected));
        answer["earlier"] = state(mark);
        let (code, message) = failure(again(), &[answer]);
        assert_eq!(code, Code::InjectionSuspected);
        assert!(
            message.starts_with("The files of `a` hold text"),
            "{message}"
        );
    }
    assert_eq!(rework(again(), &[with("earlier", state("resolved"))]), []);
}

#[test]
fn a_judgement_of_other_criteria_is_asked_again_once() {
    let wrong = || {
        let criteria = json!([{"id": "zz", "verdict": "met", "evidence": "e"}]);
        with("criteria", criteria)
    };
    assert_eq!(rework(work(1), &[wrong(), approval()]), []);
    let (code, message) = failure(work(1), &[wrong(), wrong()]);
    assert_eq!(code, Code::ModelAnswerInvalid);
    assert!(message.contains("exactly the ids a-1"), "{message}");
}

#[test]
fn the_best_version_is_kept_when_the_rounds_are_over() {
    let mut work = work(3);
    let subject = &mut work.subjects[0];
    subject.earlier_findings = vec![found("f1", Severity::Major, Source::Judgement)];
    subject.earlier_scores = vec![(1, 90), (2, 40)];
    work.versions = vec![
        version("a.js", "best", "a", 1),
        version("a.js", "worse", "a", 2),
        version("a.js", "worst", "a", 3),
        version("b.js", "new", "a", 3),
        version("c.js", "another's", "c", 3),
    ];
    work.workspace = Workspace::of(&work.versions);
    let mut bad = verdict("not_met");
    bad["earlier"] = json!([{"id": "f1", "state": "open"}]);
    let (end, _) = asked(work.clone(), &[bad.clone()]);
    let mut gone = version("b.js", "", "a", 3);
    gone.content = None;
    assert_eq!(end.files, [version("a.js", "best", "a", 3), gone]);
    let Outcome::Failed(failure) = end.outcome else {
        panic!("{:?}", end.outcome)
    };
    assert_eq!(failure.code, Code::ReviewNotApproved);
    assert_eq!(
        failure.message,
        "After 3 rounds the reviewer still asks for changes in a: problem f1. Kept is the best version: `a` as of round 1. Retry the task to go on from there."
    );
    assert_eq!(end.columns["verdict"], "not_approved");
    // Of equally good versions the newest is kept, and nothing is written.
    work.subjects[0].earlier_scores = vec![(1, -10), (2, -20)];
    let (end, _) = asked(work, &[bad]);
    assert_eq!(end.files, []);
}

/// Two assignments with a contract between them, both to be judged.
fn pair() -> ReviewWork {
    let mut both = plan(&[assignment("a", "a.js", &[]), assignment("b", "b.js", &[])]);
    both["contracts"] = json!([{"id": "k", "kind": "module", "definition": "d", "provider": "b", "consumers": ["a"]}]);
    let mut work = work(1);
    work.plan = serde_json::from_value(both).unwrap();
    work.subjects = vec![subject(&work.plan, 0), subject(&work.plan, 1)];
    let shared = version("shared.json", "{}", "shared", 0);
    work.versions = vec![
        shared,
        version("a.js", "x", "a", 1),
        version("b.js", "y", "b", 1),
    ];
    work.workspace = Workspace::of(&work.versions);
    work
}

fn approval_of(id: &str) -> Value {
    let criteria = json!([{"id": format!("{id}-1"), "verdict": "met", "evidence": "e"}]);
    with("criteria", criteria)
}

fn whole(contract: &str, findings: Value) -> Value {
    json!({"contracts": [{"id": "k", "verdict": contract, "evidence": "e"}], "findings": findings,
        "overall": "approve", "confidence": "high"})
}

fn found_in(path: &str, named: &str) -> Value {
    let mut findings = finding("major", path, 1);
    findings[0]["assignment"] = json!(named);
    findings
}

#[test]
fn the_merged_tree_is_judged_once_all_assignments_are_approved() {
    let answers = [approval_of("a"), approval_of("b"), whole("kept", json!([]))];
    let (end, asked) = asked(pair(), &answers);
    assert!(matches!(
        end.outcome,
        Outcome::Reviewed { integrated: true, ref rework, .. } if rework.is_empty()
    ));
    assert_eq!(asked[2].key, "integrate.0");
    let efforts: Vec<Effort> = asked
        .iter()
        .map(|effect| match &effect.action {
            Action::Ask(ModelCall::Reviewer(question)) => question.effort,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(efforts, [Effort::Medium, Effort::Medium, Effort::High]);
}

#[test]
fn the_merged_tree_is_not_judged_while_an_assignment_has_to_be_done_again() {
    let mut bad = approval_of("a");
    bad["criteria"][0]["verdict"] = json!("not_met");
    assert_eq!(rework(pair(), &[bad, approval_of("b")]), [Severity::Major]);
}

#[test]
fn what_is_found_in_the_whole_goes_to_who_owns_the_file() {
    let of = |contract, findings| {
        let answers = [
            approval_of("a"),
            approval_of("b"),
            whole(contract, findings),
        ];
        let reviewed = reviewed(pair(), &answers);
        let ids: Vec<String> = reviewed
            .rework
            .iter()
            .map(|it| it.assignment.clone())
            .collect();
        (ids, reviewed.remarks.len())
    };
    // The owner counts, whoever is named; the summary that says otherwise is a remark.
    assert_eq!(of("kept", found_in("b.js", "a")), (vec!["b".to_owned()], 1));
    // What nobody owns goes to who is named, or is a remark.
    let shared = |named| of("kept", found_in("shared.json", named));
    assert_eq!(shared("a"), (vec!["a".to_owned()], 1));
    assert_eq!(shared("nobody").0, Vec::<String>::new());
    // A broken contract is its provider's; one that can not be judged is a remark.
    assert_eq!(of("broken", json!([])), (vec!["b".to_owned()], 1));
    assert_eq!(of("cannot_tell", json!([])), (vec![], 1));
}

#[test]
fn findings_in_the_whole_are_settled_by_the_next_look_at_the_whole() {
    let mut again = pair();
    (again.round, again.integrated) = (2, true);
    again.subjects.truncate(1);
    again.subjects[0].earlier_findings = vec![found("i1", Severity::Major, Source::Integration)];
    let marked = |state: &str| {
        let mut answer = whole("kept", json!([]));
        answer["earlier"] = json!([{"id": "i1", "state": state}]);
        answer
    };
    let gone = reviewed(again.clone(), &[approval_of("a"), marked("resolved")]);
    assert_eq!((gone.rework.len(), gone.resolved.len()), (0, 1));
    let open = reviewed(again.clone(), &[approval_of("a"), marked("open")]);
    assert_eq!(open.rework[0].findings[0].id, "i1");
    // Where the whole is not looked at again, nobody knows yet.
    let mut bad = approval_of("a");
    bad["criteria"][0]["verdict"] = json!("not_met");
    let unknown = reviewed(again.clone(), &[bad]);
    assert_eq!(unknown.pending[0].findings[0].id, "i1");
    assert_eq!(unknown.rework[0].findings[0].id, "a-1");
    // New majors come too late; a first look at the whole is never too late.
    let mut late = marked("resolved");
    late["findings"] = found_in("a.js", "a");
    assert_eq!(rework(again.clone(), &[approval_of("a"), late.clone()]), []);
    again.integrated = false;
    assert_eq!(rework(again, &[approval_of("a"), late]), [Severity::Major]);
}
