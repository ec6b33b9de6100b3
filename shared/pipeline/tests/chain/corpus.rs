//! The misbehaviour corpus: what models do wrong, as scripted answers through `decide`, and
//! what the owner sees of it. Each case names its row of the list of known misbehaviours, so
//! that a reader can see which rows are covered. One file for each side: the planner's and
//! the reviewer's questions, the agents' turns.

use pipeline::effect::Entry;
use pipeline::limits::PROGRESS_CHARS_MAX;
use pipeline::model::{Finish, Reply};
use pipeline::unit::{End, Journal, Recorded};
use pipeline::{Step, Work, decide, messages};

use crate::world::spent;

mod agent;
mod machine;
mod planner;
mod reviewer;

/// One misbehaviour.
#[derive(Clone)]
pub(crate) struct Case {
    /// Its row in the list of known misbehaviours.
    pub(crate) row: u32,
    /// What the model does.
    pub(crate) what: &'static str,
    /// What the model answers, one question after another; the last answer again and again.
    pub(crate) answers: Vec<Entry>,
}

/// How a unit ended whose model gave `answers`, one after another and the last again and
/// again, and in how many questions.
pub(crate) fn end_of(work: &Work, answers: &[Entry]) -> (End, usize) {
    let mut journal = Journal::default();
    let mut answered = 0;
    loop {
        match decide(work, &journal) {
            Step::Done(end) => return (*end, answered),
            Step::Do(effects) => {
                for effect in effects {
                    let entry = answers.get(answered).or(answers.last()).cloned();
                    let entry = entry.expect("a case answers something");
                    answered += 1;
                    let fingerprint = effect.action.fingerprint();
                    journal.insert(effect.key, Recorded { fingerprint, entry });
                }
            }
        }
    }
}

/// What the owner sees of each case: the line of the unit, as the feed shows it.
pub(crate) fn seen(cases: &[Case], work: impl Fn() -> Work, name: &str, round: u32) -> String {
    let mut text = String::new();
    for case in cases {
        let (end, asked) = end_of(&work(), &case.answers);
        assert!(asked >= case.answers.len(), "{}: unasked", case.what);
        let (level, line) = messages::end_line(name, round, &end.outcome);
        let line: String = line.chars().take(PROGRESS_CHARS_MAX).collect();
        let (row, what, level) = (case.row, case.what, level.as_str());
        text.push_str(&format!(
            "row {row}: {what}\n    asked {asked}×, {level}: {line}\n"
        ));
    }
    text
}

/// An answer of exactly this text.
pub(crate) fn says(text: impl Into<String>) -> Entry {
    ends(Finish::Completed, text)
}

/// An answer that ends in this way.
pub(crate) fn ends(finish: Finish, text: impl Into<String>) -> Entry {
    Entry::Reply(Reply {
        finish,
        text: text.into(),
        spent: spent(),
    })
}
