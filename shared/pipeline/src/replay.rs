//! Decides a recorded task once more, from its rows alone, and compares each step with what
//! is recorded.
//!
//! Facts are taken in their order. Before each, [`advance`] must have asked for every unit
//! that exists by then. A unit begins with an empty journal; whatever [`decide`](crate::decide)
//! asks for must be recorded under that key with that fingerprint, the results of an agent's
//! tools are computed again, and the end must be the recorded one, files and columns included.
//! Last, the task's row must show what follows from all facts.
//!
//! What rows do not tell is not compared: what the models and services answered (it is taken
//! as recorded), the price in a plan's estimate (its rates are a setting), the name of the
//! domain in a repository's marker until a site has an address, when an execution was lost or
//! heard of a cancellation (that a unit was given up or stopped is taken as recorded), and the
//! line that people read of a unit.
//! An entry that an older version recorded, and that this one goes on from, is no difference;
//! results of tools or of units that it would have computed otherwise are.

mod compare;
mod record;
mod say;
mod unit;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::advance::{NewUnit, Projection, advance};
use crate::command::Command;
use crate::facts::{Done, Fact, Facts};
use crate::ids::UnitKey;
use crate::ledger;
use crate::messages;
use crate::rows;

pub use compare::Difference;
pub use record::{Record, StoredRow};
pub use say::unit_label;

/// A task that was decided once more.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Replay {
    /// The steps: those of a unit behind each other, in the order in which units ended.
    pub steps: Vec<Replayed>,
    /// Units of which there is a row.
    pub units: usize,
}

/// One step that was decided once more.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    /// The unit; none for what concerns the task.
    #[serde(serialize_with = "say::as_text")]
    pub unit: Option<UnitKey>,
    /// The key of the effect; `unit`, `done`, `command`, `budget` or `task` for what is none.
    pub key: String,
    /// What was asked for and what came of it, for a person.
    pub text: String,
    /// What it cost, in millionths of a US dollar.
    pub cost_micro_usd: Option<u64>,
    /// How it compares.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// How a step compares with what is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "camelCase")]
pub enum Verdict {
    /// It is recorded as it is decided now.
    Same,
    /// Nothing is recorded yet: the task goes on, or was stopped before.
    Open,
    /// It is recorded otherwise: a defect.
    Differs(Difference),
}

impl Replay {
    /// Steps that are recorded otherwise than they are decided now.
    pub fn differences(&self) -> impl Iterator<Item = &Replayed> {
        let differs = |step: &&Replayed| matches!(step.verdict, Verdict::Differs(_));
        self.steps.iter().filter(differs)
    }

    /// Steps of which nothing is recorded yet.
    pub fn open(&self) -> usize {
        let is_open = |step: &&Replayed| step.verdict == Verdict::Open;
        self.steps.iter().filter(is_open).count()
    }
}

/// Decides everything in `record` once more.
pub fn replay(record: &Record) -> Replay {
    let mut fold = Fold {
        record,
        facts: Facts::none(record.task.clone(), record.owner.clone()),
        asked: Vec::new(),
        ended: Vec::new(),
        shown: Vec::new(),
        steps: Vec::new(),
    };
    fold.ask();
    for fact in &record.facts {
        fold.take(fact);
    }
    for key in record.units.keys() {
        if !fold.ended.contains(key) {
            fold.unit(key, None);
        }
    }
    fold.strays();
    fold.task();
    Replay {
        units: record.units.len(),
        steps: fold.steps,
    }
}

/// What is known while facts are taken one after another.
struct Fold<'a> {
    record: &'a Record,
    /// The facts so far.
    facts: Facts,
    /// Every unit that was asked for so far. One that was asked for in several ways stands
    /// here several times.
    asked: Vec<NewUnit>,
    /// Units that have a result.
    ended: Vec<UnitKey>,
    /// What followed from each number of facts, from none on.
    shown: Vec<Projection>,
    steps: Vec<Replayed>,
}

impl Fold<'_> {
    fn tell(&mut self, unit: Option<&UnitKey>, key: &str, text: String, verdict: Verdict) {
        self.steps.push(Replayed {
            unit: unit.cloned(),
            key: key.to_owned(),
            text,
            cost_micro_usd: None,
            verdict,
        });
    }

    /// What the facts so far ask for.
    fn ask(&mut self) {
        let next = advance(&self.facts, None);
        for unit in next.units {
            if !self.asked.contains(&unit) {
                self.asked.push(unit);
            }
        }
        self.shown.push(next.projection);
    }

    fn take(&mut self, fact: &Fact) {
        match fact {
            Fact::Done(done) => {
                self.unit(&done.unit, Some(done));
                self.ended.push(done.unit.clone());
            }
            Fact::Command(command) => {
                let (text, verdict) = (messages::command(command), self.command(command));
                self.tell(None, "command", text, verdict);
            }
            Fact::Exhausted(call) => {
                self.tell(None, "budget", messages::exhausted(call), Verdict::Same);
            }
            Fact::Repository(wanted) => {
                let text = format!("The brief names the repository {}", wanted.repository);
                let options = &self.record.brief.options;
                let verdict = match options.repository.as_deref() {
                    Some(named) if named == wanted.repository => Verdict::Same,
                    Some(_) | None => Verdict::Differs(Difference::of(
                        options.repository.as_deref().unwrap_or("none"),
                        &wanted.repository,
                    )),
                };
                self.tell(None, "task", text, verdict);
            }
            Fact::Closed(closed) => {
                let text = format!("The task was closed {} days after its end", closed.days);
                self.tell(None, "task", text, Verdict::Same);
            }
        }
        self.facts.log.push(fact.clone());
        self.ask();
    }

    /// Whether the command could be given: at some moment after the one before it, as what
    /// else ends meanwhile does not keep it from being recorded.
    fn command(&self, command: &Command) -> Verdict {
        let log = &self.facts.log;
        let is_command = |fact: &Fact| matches!(fact, Fact::Command(_));
        let since = log
            .iter()
            .rposition(is_command)
            .map_or(0, |place| place + 1);
        let mut refusal = None;
        for until in (since..=log.len()).rev() {
            let facts = Facts {
                log: log[..until].to_vec(),
                ..self.facts.clone()
            };
            let limit = ledger::limit(self.record.brief.options.budget_micro_usd, &facts);
            match command
                .check(&facts)
                .and_then(|()| command.check_budget(limit))
            {
                Ok(()) => return Verdict::Same,
                Err(refused) => refusal = refusal.or(Some(refused)),
            }
        }
        let refused = refusal.map(|refused| refused.message).unwrap_or_default();
        Verdict::Differs(Difference::of(format!("it is refused: {refused}"), "taken"))
    }

    /// Rows that belong to nothing.
    fn strays(&mut self) {
        for stray in &self.record.strays {
            let verdict = Verdict::Differs(Difference::of("nothing", stray));
            self.tell(
                None,
                "task",
                "A row that belongs to nothing".to_owned(),
                verdict,
            );
        }
        let record = self.record;
        for file in &record.files {
            if !record.units.contains_key(&file.writer) {
                let recorded = format!("{} of {}", file.path, unit_label(&file.writer));
                let verdict = Verdict::Differs(Difference::of("nothing", recorded));
                self.tell(None, "task", "A file that nobody wrote".to_owned(), verdict);
            }
        }
    }

    /// The task's row. Agents that end while the task stays where it is do not write it, so
    /// it shows what followed from any fact since the last that moved it.
    fn task(&mut self) {
        let Some(last) = self.shown.last() else {
            return;
        };
        let since = self.shown.iter().rev();
        let mut since = since.take_while(|it| it.position() == last.position());
        let text = format!("The task is {}", last.status.as_str());
        let verdict = if since.any(|it| differs(it, &self.record.shown).is_none()) {
            Verdict::Same
        } else if !self.is_over() || !self.record.is_shown_as_ended() {
            // It is written after the fact, and read after the journal.
            Verdict::Open
        } else {
            differs(last, &self.record.shown).map_or(Verdict::Same, Verdict::Differs)
        };
        self.tell(None, "task", text, verdict);
    }

    /// Whether nothing more will happen by itself.
    fn is_over(&self) -> bool {
        let last = self.shown.last();
        last.is_some_and(|projection| projection.status.is_final())
    }

    fn unit(&mut self, key: &UnitKey, done: Option<&Done>) {
        let row = self.record.units.get(key);
        let (text, verdict) = self.asked_for(key);
        self.tell(Some(key), "unit", text, verdict);
        let Some(row) = row else { return };
        let steps = unit::replay(self.record, &self.facts, &self.ended, row, done);
        self.steps.extend(steps);
    }

    /// Whether what happened before asked for this unit, told as it is.
    fn asked_for(&self, key: &UnitKey) -> (String, Verdict) {
        let text = "Follows from what happened before".to_owned();
        let differs = |expected: String, recorded: String| {
            Verdict::Differs(Difference { expected, recorded })
        };
        let Some(unit) = self.record.units.get(key) else {
            let what = "a result without a row".to_owned();
            return (text, differs("a row of the unit".to_owned(), what));
        };
        let of_it = |asked: &&NewUnit| asked.key == *key;
        let mut asked: Vec<NewUnit> = self.asked.iter().filter(of_it).cloned().collect();
        if asked.is_empty() {
            asked = self.asked_unseen(key);
        }
        let mut differences = asked.iter().map(|asked| compare::row(asked, unit));
        let verdict = match differences.next() {
            // Whoever asked for it recorded why after the journal was read.
            None if unit.entries.is_empty() && !self.is_over() => Verdict::Open,
            None => differs("no such unit".to_owned(), "a row of the unit".to_owned()),
            Some(None) => Verdict::Same,
            Some(Some(first)) => match differences.any(|it| it.is_none()) {
                true => Verdict::Same,
                false => Verdict::Differs(first),
            },
        };
        (text, verdict)
    }

    /// The unit as somebody asked for it who did not see one of two results that were recorded
    /// at the same time: rows become visible in another order than the one of their numbers.
    fn asked_unseen(&self, key: &UnitKey) -> Vec<NewUnit> {
        let log = &self.facts.log;
        let is_done = |fact: &Fact| matches!(fact, Fact::Done(_));
        let mut asked = Vec::new();
        for end in 2..=log.len() {
            let [.., unseen, seen] = &log[..end] else {
                continue;
            };
            if !is_done(unseen) || !is_done(seen) {
                continue;
            }
            let mut facts = Facts {
                log: log[..end].to_vec(),
                ..self.facts.clone()
            };
            facts.log.swap_remove(end - 2);
            let units = advance(&facts, None).units;
            asked.extend(units.into_iter().filter(|unit| unit.key == *key));
        }
        asked
    }
}

/// What the task's row shows otherwise, if anything.
fn differs(projection: &Projection, shown: &Map<String, Value>) -> Option<Difference> {
    let Value::Object(mut expected) = rows::projection(projection, 0, "") else {
        return None;
    };
    for moment in ["rev", "nextCheckAt"] {
        expected.remove(moment);
    }
    // Nothing is summed up before anything was done.
    if shown.get("totals").is_none_or(Value::is_null) {
        let nothing = json!(crate::advance::Totals::default()).to_string();
        expected
            .get_mut("totals")
            .filter(|totals| **totals == nothing)
            .map(Value::take);
    }
    compare::columns(&expected, shown)
}
