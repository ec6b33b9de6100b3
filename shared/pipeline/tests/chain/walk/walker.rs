//! One run with at most one fault.

use std::collections::{BTreeMap, VecDeque};

use pipeline::effect::{Action, Effect, Entry, ModelCall};
use pipeline::ledger::{self, Exhausted};
use pipeline::unit::{End, Journal};
use pipeline::{Code, Command, Fact, Failure, Status, Step, UnitKey, Work, advance};

use super::runs::{Order, Run, When};
use crate::simulation::figures::name_of;
use crate::world::{World, decided, spent};

/// How often nothing may go on before a run counts as one that does not end.
const LULLS_MAX: usize = 100;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum At {
    /// The effect happens twice; the second answer counts.
    Twice,
    /// The execution dies before the effect.
    Before,
    /// It dies after the effect, before the answer is recorded.
    Performed,
    /// It dies after the answer was recorded.
    Recorded,
    /// The effect does not happen; the execution goes on with what else there is to do at
    /// once, then gives up.
    Transient,
    /// The effect can not succeed.
    Permanent,
    /// The execution dies after the files and columns of the unit were written.
    Files,
    /// It dies after the result was recorded.
    Done,
    /// It dies after the first of the units that follow was created.
    Created,
    /// It dies after the task's row was written, and its event is delivered again.
    Row,
}

/// What can go wrong at an effect.
pub(crate) const EFFECT_FAULTS: [At; 6] = [
    At::Twice,
    At::Before,
    At::Performed,
    At::Recorded,
    At::Transient,
    At::Permanent,
];
/// What can go wrong at a unit's end.
pub(crate) const END_FAULTS: [At; 4] = [At::Files, At::Done, At::Created, At::Row];

/// One fault: at the effect or the end of this number, from 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) index: usize,
    pub(crate) at: At,
}

impl Fault {
    /// The last of these moments before it strikes: all is the same until then.
    pub(crate) fn before(self, moments: &[Walker]) -> Walker {
        let is_before = |walker: &&Walker| {
            let so_far = if END_FAULTS.contains(&self.at) {
                walker.ends.len()
            } else {
                walker.effects
            };
            so_far <= self.index
        };
        let mut walker = moments.iter().rfind(is_before).unwrap().clone();
        walker.fault = Some(self);
        walker
    }
}

/// What a fault has struck.
#[derive(Clone, Debug)]
pub(crate) struct Struck {
    /// The kind of effect, or of unit.
    pub(crate) what: &'static str,
    /// The unit and the effect's key, as the world counts calls.
    pub(crate) call: String,
    /// Whether a second time is one more call of a model.
    pub(crate) is_paid_twice: bool,
}

/// Why an execution ends before its unit does.
enum Stop {
    /// It died.
    Crash,
    /// It met trouble that passes.
    Trouble,
}

#[derive(Clone)]
pub(crate) struct Walker {
    pub(crate) world: World,
    /// Effects so far.
    pub(crate) effects: usize,
    /// For each unit that ended how many units were created because of it.
    pub(crate) ends: Vec<usize>,
    pub(crate) struck: Option<Struck>,
    pub(crate) retries: usize,
    orders: VecDeque<Order>,
    continues: bool,
    fault: Option<Fault>,
    /// What is outside answers the same when it is asked the same again.
    answers: BTreeMap<String, Entry>,
}

impl Walker {
    pub(crate) fn of(run: &Run) -> Self {
        let mut world = run.world();
        world.advance(None);
        Self {
            world,
            effects: 0,
            ends: Vec::new(),
            struck: None,
            retries: 0,
            orders: run.orders(),
            continues: run.continues,
            fault: None,
            answers: BTreeMap::new(),
        }
    }

    /// Runs until all orders were given and the task has completed. Returns how it stood
    /// before each execution, unless there is a fault.
    pub(crate) fn run(&mut self) -> Vec<Self> {
        let mut moments = Vec::new();
        for _ in 0..LULLS_MAX {
            while !self.world.bells.is_empty() {
                if self.fault.is_none() && self.struck.is_none() {
                    moments.push(self.clone());
                }
                let unit = self.world.bells.pop_front().unwrap();
                self.order_in_passing();
                self.drive(&unit);
            }
            let status = self.world.status();
            if status == Status::Completed && self.orders.is_empty() {
                return moments;
            }
            self.go_on(status);
        }
        panic!("the task does not end: {:?}", self.world.status());
    }

    fn order_in_passing(&mut self) {
        let ended = self.world.facts.done().count();
        let is_due = self.orders.front().is_some_and(|order| match order.when {
            When::Done(count) => ended >= count,
            When::Quiet(_) => false,
        });
        if is_due && !self.world.status().is_final() {
            let order = self.orders.pop_front().unwrap();
            (order.does)(&mut self.world);
        }
    }

    /// The owner does what is due, or lets do again what failed; else the sweep comes by.
    fn go_on(&mut self, status: Status) {
        let front = self.orders.front();
        if front.is_some_and(|order| order.when == When::Quiet(status)) {
            let order = self.orders.pop_front().unwrap();
            (order.does)(&mut self.world);
        } else if status == Status::Failed {
            self.retries += 1;
            self.world.command(Command::Retry {}).unwrap();
        } else {
            self.world.sweep();
        }
    }

    /// One execution.
    fn drive(&mut self, key: &UnitKey) {
        if self.world.facts.outcome(key).is_some() {
            self.world.advance(None);
            return;
        }
        let work = self.world.work(key);
        loop {
            let journal = self.world.journal(key);
            let effects = match decided(&work, &journal) {
                Step::Done(end) => return self.end(key, *end),
                Step::Do(effects) => effects,
            };
            let mut has_trouble = false;
            for effect in effects {
                match self.effect(key, &work, &journal, &effect) {
                    Ok(()) => {}
                    Err(Stop::Trouble) => has_trouble = true,
                    Err(Stop::Crash) => return,
                }
            }
            if has_trouble {
                return;
            }
            if self.continues {
                if self.world.status() != Status::Paused {
                    self.world.bells.push_back(key.clone());
                }
                return;
            }
        }
    }

    fn strikes(
        &mut self,
        index: usize,
        faults: &[At],
        what: &'static str,
        (call, is_paid_twice): (&str, bool),
    ) -> Option<At> {
        let fault = self.fault.filter(|fault| fault.index == index)?;
        if !faults.contains(&fault.at) {
            return None;
        }
        let call = call.to_owned();
        self.struck = Some(Struck {
            what,
            call,
            is_paid_twice,
        });
        Some(fault.at)
    }

    fn effect(
        &mut self,
        key: &UnitKey,
        work: &Work,
        journal: &Journal,
        effect: &Effect,
    ) -> Result<(), Stop> {
        let call = format!("{key} {}", effect.key);
        let (paid, is_paid_twice) = match &effect.action {
            Action::Submit(model) | Action::Collect { call: model, .. } => {
                let is_batch = matches!(model, ModelCall::Agent(_));
                (format!("{key} {}", effect.call_key()), !is_batch)
            }
            _ => (call.clone(), true),
        };
        let recorded = self.world.journals.get(key.id().as_str());
        let is_recorded = recorded.is_some_and(|it| it.recorded(effect).is_some());
        assert!(!is_recorded, "{call} is recorded");
        self.reserve(effect, work)?;
        let index = self.effects;
        self.effects += 1;
        let fault = self.strikes(
            index,
            &EFFECT_FAULTS,
            name_of(&effect.action),
            (&paid, is_paid_twice),
        );
        let answer = match fault {
            Some(At::Before) => return Err(Stop::Crash),
            Some(At::Transient) => return Err(Stop::Trouble),
            Some(At::Permanent) => {
                let message = "It can not be done.";
                Entry::Failed(Failure::new(Code::ModelUnavailable, message))
            }
            Some(At::Twice) => {
                self.perform(key, effect, &call);
                self.perform(key, effect, &call)
            }
            _ => self.perform(key, effect, &call),
        };
        if fault == Some(At::Performed) {
            return Err(Stop::Crash);
        }
        self.world.keep(key, work, journal, effect, answer);
        if fault == Some(At::Recorded) {
            return Err(Stop::Crash);
        }
        Ok(())
    }

    fn perform(&mut self, key: &UnitKey, effect: &Effect, call: &str) -> Entry {
        let builds = (self.world.broken_builds, self.world.hanging_builds);
        let answer = self.world.perform(key, effect);
        if let Action::Submit(_) | Action::Collect { .. } = effect.action {
            return answer;
        }
        if let Some(known) = self.answers.get(call) {
            (self.world.broken_builds, self.world.hanging_builds) = builds;
            return known.clone();
        }
        self.answers.insert(call.to_owned(), answer.clone());
        answer
    }

    /// Makes sure that a call fits into the budget. One whose answer was lost was billed.
    fn reserve(&mut self, effect: &Effect, work: &Work) -> Result<(), Stop> {
        let limit = ledger::limit(work.budget_micro_usd(), &self.world.facts);
        let (Some(limit_micro_usd), Action::Ask(_) | Action::Submit(_)) = (limit, &effect.action)
        else {
            return Ok(());
        };
        let needed_micro_usd = spent().cost_micro_usd;
        let calls: usize = self.world.calls.values().sum();
        let spent_micro_usd = calls as u64 * needed_micro_usd;
        if spent_micro_usd + needed_micro_usd <= limit_micro_usd {
            return Ok(());
        }
        let exhausted = Fact::Exhausted(Exhausted {
            limit_micro_usd,
            spent_micro_usd,
            needed_micro_usd,
        });
        if !self.world.facts.log.contains(&exhausted) {
            self.world.facts.log.push(exhausted);
        }
        Err(Stop::Trouble)
    }

    fn end(&mut self, key: &UnitKey, end: End) {
        let fault = self.strikes(self.ends.len(), &END_FAULTS, key.kind.as_str(), ("", false));
        // A unit that ends again after a crash is not another end.
        self.fault = self.fault.filter(|_| fault.is_none());
        self.world.write(key, &end);
        if fault == Some(At::Files) {
            return;
        }
        assert!(self.world.facts.outcome(key).is_none(), "{key} ended twice");
        self.world.conclude(key, end.outcome, end.spent);
        if fault == Some(At::Done) {
            return;
        }
        let next = advance(&self.world.facts, Some(key));
        self.ends.push(next.units.len());
        for unit in next.units {
            self.world.create(unit);
            if fault == Some(At::Created) {
                return;
            }
        }
        self.world.statuses.push(next.projection.status);
        if fault == Some(At::Row) {
            self.world.bells.push_back(key.clone());
        }
    }
}
