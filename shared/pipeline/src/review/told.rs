//! What a person reads of one answer of the reviewer while others are still being asked.

use serde_json::{Value, json};

use super::{Finding, ReviewWork, Severity, integration, judgement};
use crate::json::from_model;
use crate::limits::JUDGEMENT_REPAIRS_MAX;
use crate::messages::Level;
use crate::model::{Finish, Reply};
use crate::progress::{CostTold, FindingTold, JudgementTold, Told};

/// How loud an answer is told, what a person reads, and what a program reads. `None` for
/// what the end of the review tells.
pub(crate) fn told(work: &ReviewWork, key: &str, reply: &Reply) -> Option<(Level, String, Value)> {
    let (question, attempt) = key.rsplit_once('.')?;
    let is_last = attempt.parse() == Ok(JUDGEMENT_REPAIRS_MAX);
    let id = subject_of(key);
    let who = id.unwrap_or("The whole");
    let data = |findings: &[&Finding]| {
        json!(Told::Judgement(JudgementTold {
            assignment: id.unwrap_or_default().to_owned(),
            round: work.round,
            findings: findings.iter().map(|it| FindingTold::of(it)).collect(),
            spent: CostTold::of(&reply.spent),
        }))
    };
    let judged = match (&reply.finish, id) {
        (Finish::Refused(_), _) => return None,
        (Finish::Truncated, _) => Err("it was cut off".to_owned()),
        (Finish::Completed, Some(id)) => {
            let subject = work.subjects.iter().find(|it| it.assignment.id == id)?;
            from_model(&reply.text)
                .and_then(|answer| judgement::checked(work, subject, answer, is_last))
                .map(|judged| (held(judged.criteria), judged.findings))
        }
        (Finish::Completed, None) if question == INTEGRATE => {
            let earlier = integration::earlier(work);
            from_model(&reply.text)
                .and_then(|answer| integration::checked(work, &earlier, answer, is_last))
                .map(|whole| {
                    let findings = whole.findings.into_iter().map(|(_, finding)| finding);
                    let findings: Vec<Finding> = findings.collect();
                    let fit = match findings.iter().any(Finding::is_serious) {
                        true => "the parts do not fit together",
                        false => "the parts fit together",
                    };
                    (fit.to_owned(), findings)
                })
        }
        (Finish::Completed, None) => return None,
    };
    Some(match judged {
        Ok((held, findings)) => {
            let serious: Vec<&Finding> = findings.iter().filter(|it| it.is_serious()).collect();
            let level = if serious.is_empty() {
                Level::Info
            } else {
                Level::Warning
            };
            let all: Vec<&Finding> = findings.iter().collect();
            (
                level,
                format!("{who}: {held}{}", found(&serious)),
                data(&all),
            )
        }
        // The end of the review tells why it failed.
        Err(_) if is_last => return None,
        Err(problem) => {
            let text =
                format!("{who}: the judgement can not be used and is asked for again: {problem}");
            (Level::Warning, text, data(&[]))
        }
    })
}

/// The effects that ask about the merged tree.
pub(super) const INTEGRATE: &str = "integrate";
/// What the effects that ask about one assignment begin with.
pub(super) const JUDGE: &str = "judge.";

/// The assignment that the question under `key` is about; `None` for the whole.
pub(crate) fn subject_of(key: &str) -> Option<&str> {
    let (question, _) = key.rsplit_once('.')?;
    question.strip_prefix(JUDGE)
}

fn held((met, all): (usize, usize)) -> String {
    if met == all {
        return "every check holds".to_owned();
    }
    format!("{met} of {all} checks hold")
}

/// The worst finding, and how many more must be mended.
fn found(serious: &[&Finding]) -> String {
    let Some(first) = serious.first() else {
        return String::new();
    };
    let word = match first.severity {
        Severity::Blocker => "blocker",
        Severity::Major => "major",
        Severity::Minor => "minor",
        Severity::Nit => "nit",
    };
    let more = match serious.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    format!("; {word}: {}{more}", first.problem)
}
