//! Logs of builds, which were written by whatever the build ran.

use pipeline::build::{BuildLog, Owner, headline, rework};
use pipeline::limits::{
    BUILD_LOG_CHARS_MAX, BUILD_LOG_LINE_CHARS_MAX, BUILD_LOG_LINES_MAX, FINDING_CHARS_MAX,
};

/// What is kept is plain text of a bounded size, and somebody is asked to repair.
pub fn run(data: &[u8]) {
    let log = BuildLog::of(&crate::text(data));
    assert!(log.error.chars().count() <= FINDING_CHARS_MAX);
    assert!(log.tail.chars().count() <= BUILD_LOG_CHARS_MAX);
    assert!(log.tail.lines().count() <= BUILD_LOG_LINES_MAX);
    for line in log.error.lines().chain(log.tail.lines()) {
        // With the sign that something was cut.
        assert!(line.chars().count() <= BUILD_LOG_LINE_CHARS_MAX + 1);
        assert!(
            !line
                .chars()
                .any(|letter| letter.is_control() && letter != '\t')
        );
    }
    assert!(log.error.is_empty() || !headline(&log.error).is_empty());
    let plan = crate::project::plan();
    let owners: Vec<Owner> = plan.assignments.iter().map(Owner::of).collect();
    let asked = rework(&owners, &crate::project::workspace(), &log.error, 1);
    assert!(!asked.is_empty());
    assert!(asked.iter().all(|item| {
        owners
            .iter()
            .any(|owner| owner.assignment == item.assignment)
    }));
}
