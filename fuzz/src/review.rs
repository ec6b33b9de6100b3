//! The reviewer's answer, and what code finds of the files under review.

use pipeline::limits::FINDING_CHARS_MAX;
use pipeline::review::{Finding, ReviewWork, Severity, Source, Subject};
use pipeline::workspace::Workspace;
use pipeline::{Outcome, Work};

const STEPS_MAX: usize = 12;

/// A review ends, with findings of a bounded size, and approves of nothing that it was not
/// asked about. The input is the answer, and behind a NUL one file.
pub fn run(data: &[u8]) {
    let text = crate::text(data);
    let (said, file) = text.split_once('\0').unwrap_or((&text, ""));
    let (plan, mut versions) = (crate::project::plan(), crate::project::files());
    if !file.is_empty() {
        versions[1].content = Some(file.to_owned());
    }
    let earlier = Finding {
        id: "f1".to_owned(),
        severity: Severity::Major,
        path: "a.js".to_owned(),
        line: 1,
        problem: "p".to_owned(),
        required_change: "c".to_owned(),
        source: Source::Judgement,
        since: 1,
    };
    let subjects = plan.assignments.iter().map(|assignment| Subject {
        assignment: assignment.clone(),
        claims: String::new(),
        earlier_findings: if assignment.id == "a" {
            vec![earlier.clone()]
        } else {
            Vec::new()
        },
        earlier_scores: Vec::new(),
    });
    let work = ReviewWork {
        brief: crate::project::brief(),
        subjects: subjects.collect(),
        plan,
        round: 2,
        rounds_max: 3,
        pending: Vec::new(),
        integrated: false,
        workspace: Workspace::of(&versions),
        versions,
    };
    let hash = work.workspace.manifest_hash();
    match crate::project::outcome(&Work::Review(Box::new(work)), said, STEPS_MAX) {
        Outcome::Reviewed {
            manifest_hash,
            rework,
            remarks,
            ..
        } => {
            assert_eq!(manifest_hash, hash);
            for item in &rework {
                assert!(["a", "b"].contains(&&*item.assignment) && !item.findings.is_empty());
            }
            let findings = rework
                .iter()
                .flat_map(|item| &item.findings)
                .chain(&remarks);
            for finding in findings {
                assert!(finding.problem.chars().count() <= FINDING_CHARS_MAX + 200);
            }
        }
        Outcome::Failed(failure) => assert!(!failure.message.is_empty()),
        other => panic!("{other:?}"),
    }
}
