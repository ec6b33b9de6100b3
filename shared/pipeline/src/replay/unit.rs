//! One unit, decided once more.

use std::collections::VecDeque;

use super::compare::{self, Difference};
use super::record::{Record, UnitRecord};
use super::{Replayed, Verdict, say};
use crate::command::Command;
use crate::effect::{Action, Effect, Entry};
use crate::facts::{Done, Facts, Outcome};
use crate::failure::Code;
use crate::ids::UnitKey;
use crate::law::Law;
use crate::messages;
use crate::model::Spent;
use crate::unit::{End, Journal, Recorded, Step, Work, decide, record};
use crate::work::{self, Given};

/// Characters of a fingerprint that a person is shown.
const FINGERPRINT_CHARS: usize = 12;

/// Decides a unit once more. `facts` are those before its result, `ended` the units that had
/// one by then, and `done` is its result, if it has one.
pub(super) fn replay(
    record: &Record,
    facts: &Facts,
    ended: &[UnitKey],
    unit: &UnitRecord,
    done: Option<&Done>,
) -> Vec<Replayed> {
    let mut steps = Vec::new();
    match work_of(record, facts, ended, unit) {
        Ok(work) => {
            let mut once_more = OnceMore {
                record,
                facts,
                unit,
                done,
                work: &work,
                journal: Journal::default(),
                left: unit.entries.iter().cloned().collect(),
                instead: None,
                steps: &mut steps,
            };
            once_more.run();
        }
        Err(cause) => steps.push(Replayed {
            unit: Some(unit.row.key.clone()),
            key: "unit".to_owned(),
            text: "What it works from".to_owned(),
            cost_micro_usd: None,
            verdict: Verdict::Differs(Difference::of("everything it depends on", cause)),
        }),
    }
    steps
}

fn work_of(
    record: &Record,
    facts: &Facts,
    ended: &[UnitKey],
    unit: &UnitRecord,
) -> Result<Work, String> {
    let plan = work::plan_needed(&unit.row)?;
    let plan = plan.map(|key| record.plan(&key)).transpose()?;
    let files = work::files_needed(&unit.row, plan.as_ref())?;
    let files = files.map(|generations| record.written(generations, ended));
    let given = Given {
        created_unix: unit.created_unix,
        site_domain: record.site_domain().unwrap_or_default(),
        brief: Some(record.brief.clone()),
        files: files.transpose()?.unwrap_or_default(),
        facts: Some(facts),
        plan,
        ..Given::default()
    };
    work::work_of(&unit.row, given)
}

struct OnceMore<'a> {
    record: &'a Record,
    /// Those before the unit's result.
    facts: &'a Facts,
    unit: &'a UnitRecord,
    done: Option<&'a Done>,
    work: &'a Work,
    /// What was asked for so far, as it is recorded.
    journal: Journal,
    /// Entries that nobody has asked for yet.
    left: VecDeque<(String, Recorded)>,
    /// The last entry that is recorded otherwise, as it is computed now.
    instead: Option<(String, Recorded)>,
    steps: &'a mut Vec<Replayed>,
}

/// How an entry answers what is asked for.
enum Answer {
    /// It does.
    Fits,
    /// It may: rows do not tell what the effect depends on.
    Unknown,
    /// An older version asked for something else, and this one goes on from there.
    Older,
    /// It does not.
    Differs(Difference),
}

impl OnceMore<'_> {
    fn run(&mut self) {
        loop {
            match decide(self.work, &self.journal) {
                Step::Do(effects) => {
                    if !self.effects(effects) {
                        return;
                    }
                }
                Step::Done(end) => {
                    if !self.goes_on_after(&end) {
                        return self.end(&end);
                    }
                }
            }
        }
    }

    fn tell(&mut self, key: &str, text: String, cost: Option<u64>, verdict: Verdict) {
        self.steps.push(Replayed {
            unit: Some(self.unit.row.key.clone()),
            key: key.to_owned(),
            text,
            cost_micro_usd: cost,
            verdict,
        });
    }

    /// Takes what is recorded of effects that are asked for at the same time. Returns whether
    /// the unit goes on.
    fn effects(&mut self, effects: Vec<Effect>) -> bool {
        let (mut found, mut goes_on) = (Vec::new(), true);
        for effect in effects {
            let place = self.left.iter().position(|(key, _)| *key == effect.key);
            match place.and_then(|place| self.left.remove(place)) {
                None => {
                    self.missing(&effect);
                    goes_on = false;
                }
                Some((_, recorded)) => match self.effect(&effect, recorded) {
                    Some(recorded) => found.push((effect.key, recorded)),
                    None => goes_on = false,
                },
            }
        }
        for (key, recorded) in found {
            self.journal.insert(key, recorded);
        }
        goes_on
    }

    /// An effect of which nothing is recorded.
    fn missing(&mut self, effect: &Effect) {
        let (is_given_up, is_over) = (self.is_given_up(), self.done.is_some());
        let text = say::asked(&effect.action);
        if is_given_up {
            // Nobody came as far as this.
            return self.given_up();
        }
        let verdict = match is_over {
            true => Verdict::Differs(Difference {
                expected: "an entry".to_owned(),
                recorded: format!("none{}", self.not_reached()),
            }),
            false => Verdict::Open,
        };
        self.tell(&effect.key, text, None, verdict);
    }

    /// What is left out because a unit can not be decided any further.
    fn not_reached(&self) -> String {
        match self.left.len() {
            0 => String::new(),
            left => format!(
                "; {} not decided again",
                messages::counted(left, "later step")
            ),
        }
    }

    /// Takes the entry of an effect. `None` if the unit can not go on from there.
    fn effect(&mut self, effect: &Effect, recorded: Recorded) -> Option<Recorded> {
        let cost = recorded.entry.spent().map(|spent| spent.cost_micro_usd);
        let mut text = say::step(self.work, &self.journal, effect, &recorded.entry);
        let kept = match self.answer(effect, &recorded) {
            Answer::Differs(mut difference) => {
                difference.recorded += &self.not_reached();
                self.tell(&effect.key, text, cost, Verdict::Differs(difference));
                return None;
            }
            Answer::Older => {
                text += " (as an older version asked)";
                recorded
            }
            Answer::Fits => recorded,
            Answer::Unknown => Recorded {
                fingerprint: effect.action.fingerprint(),
                entry: recorded.entry,
            },
        };
        let (again, _) = record(self.work, &self.journal, effect, kept.entry.clone());
        self.instead = None;
        let mut verdict = Verdict::Same;
        if again != kept.entry {
            verdict = Verdict::Differs(results(&again, &kept.entry));
            let fingerprint = kept.fingerprint.clone();
            let again = Recorded {
                fingerprint,
                entry: again,
            };
            self.instead = Some((effect.key.clone(), again));
        }
        self.tell(&effect.key, text, cost, verdict);
        Some(kept)
    }

    /// How an entry answers an effect. Where the results before it were recorded otherwise
    /// than they are computed, what was asked then tells which of them were sent.
    fn answer(&mut self, effect: &Effect, recorded: &Recorded) -> Answer {
        let fingerprint = effect.action.fingerprint();
        if fingerprint == recorded.fingerprint {
            return Answer::Fits;
        }
        if matches!(effect.action, Action::EnsureRepository(_))
            && self.record.site_domain().is_none()
        {
            return Answer::Unknown;
        }
        let with = |key: &str, recorded: &Recorded| {
            let mut journal = self.journal.clone();
            journal.insert(key.to_owned(), recorded.clone());
            journal
        };
        if !is_mismatch(&decide(self.work, &with(&effect.key, recorded))) {
            return Answer::Older;
        }
        if let Some((key, instead)) = &self.instead {
            let journal = with(key, instead);
            if let Step::Do(effects) = decide(self.work, &journal)
                && effects
                    .iter()
                    .any(|it| it.action.fingerprint() == recorded.fingerprint)
            {
                self.journal = journal;
                return Answer::Fits;
            }
        }
        Answer::Differs(Difference {
            expected: format!("what is asked for has the hash {}", start(&fingerprint)),
            recorded: format!("it had the hash {}", start(&recorded.fingerprint)),
        })
    }

    /// Whether something was recorded after an end, and what is decided goes on from it: an
    /// older version had fewer limits.
    fn goes_on_after(&mut self, end: &End) -> bool {
        let Some((key, recorded)) = self.left.front().cloned() else {
            return false;
        };
        let mut journal = self.journal.clone();
        journal.insert(key.clone(), recorded.clone());
        let next = decide(self.work, &journal);
        let is_unused = matches!(&next, Step::Done(next) if **next == *end);
        if is_unused || is_mismatch(&next) {
            return false;
        }
        let cost = recorded.entry.spent().map(|spent| spent.cost_micro_usd);
        let text = "Goes on where an older version did".to_owned();
        self.tell(&key, text, cost, Verdict::Same);
        self.left.pop_front();
        self.journal = journal;
        true
    }

    /// Whether the unit was stopped from outside: given up after being started as often as
    /// allowed, or cancelled by its owner.
    fn is_given_up(&self) -> bool {
        let Some(Outcome::Failed(failure)) = self.done.map(|done| &done.outcome) else {
            return false;
        };
        let is_cancel = |command: &Command| matches!(command, Command::Cancel {});
        let stopped = || {
            Law::WHOLE
                .cancelled(self.work, &self.journal, Spent::default())
                .outcome
        };
        failure.code == Code::UnitAbandoned
            || (failure.code == Code::Cancelled
                && self.facts.commands().any(is_cancel)
                && stopped() == Outcome::Failed(failure.clone()))
    }

    /// The end of a unit that was stopped: when is decided from claims, of which nothing is
    /// known any more.
    fn given_up(&mut self) {
        let given_up = self.steps.last().is_some_and(|step| step.key == "done");
        if let (Some(done), false) = (self.done, given_up) {
            self.tell("done", self.line(&done.outcome), None, Verdict::Same);
        }
    }

    fn line(&self, outcome: &Outcome) -> String {
        let key = &self.unit.row.key;
        messages::end_line(&key.name, key.round, outcome).1
    }

    fn end(&mut self, end: &End) {
        for (key, recorded) in std::mem::take(&mut self.left) {
            let cost = recorded.entry.spent().map(|spent| spent.cost_micro_usd);
            let difference = Difference::of("no such entry", "an entry");
            let text = "Nobody asked for this".to_owned();
            self.tell(&key, text, cost, Verdict::Differs(difference));
        }
        if self.is_given_up() {
            return self.given_up();
        }
        let Some(done) = self.done else {
            return self.tell("done", self.line(&end.outcome), None, Verdict::Open);
        };
        let key = &self.unit.row.key;
        let written = self.record.files.iter();
        let written: Vec<_> = written.filter(|file| file.writer == *key).collect();
        let difference = compare::result(end, done)
            .or_else(|| compare::files(key, &self.unit.row.owner, end, &written))
            .or_else(|| compare::filled(end, self.unit));
        let verdict = difference.map_or(Verdict::Same, Verdict::Differs);
        self.tell("done", self.line(&done.outcome), None, verdict);
    }
}

/// As much of a fingerprint as tells it from others.
fn start(fingerprint: &str) -> &str {
    fingerprint.get(..FINGERPRINT_CHARS).unwrap_or(fingerprint)
}

/// Whether a step says that the journal does not belong to the work.
fn is_mismatch(step: &Step) -> bool {
    match step {
        Step::Do(_) => false,
        Step::Done(end) => {
            matches!(&end.outcome, Outcome::Failed(failure) if failure.code == Code::JournalMismatch)
        }
    }
}

/// How the results of an agent's tools differ.
fn results(computed: &Entry, recorded: &Entry) -> Difference {
    let text = |entry: &Entry| {
        if let Entry::Turn { results, .. } = entry {
            return results.clone();
        }
        serde_json::json!(entry).to_string()
    };
    Difference::of(text(computed), text(recorded))
}
