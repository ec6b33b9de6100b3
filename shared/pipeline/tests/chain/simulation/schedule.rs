//! One schedule: a whole task, executions on hosts of their own, and misfortune.

use std::collections::BTreeMap;

use pipeline::advance::NewUnit;
use pipeline::brief::{Approval, ProjectType, Speed};
use pipeline::model::Spent;
use pipeline::sweep::{Found, Holder, Repair, repair};
use pipeline::unit::{End, Journal};
use pipeline::{
    Code, Command, Fact, Failure, Outcome, Status, Step, UnitKey, UnitKind, Work, advance, decide,
};

use super::claims::{Claims, LAPSE_MS};
use super::dice::Dice;
use super::figures::{EFFECT_POINTS, END_POINTS, Figures, OTHERS, name_of};
use crate::world::World;

/// Executions that are under way at once.
const EXECUTIONS_MAX: usize = 4;
/// Steps of one schedule; more is a task that does not end.
const STEPS_MAX: usize = 20_000;
/// Between two signs of life.
const HEARTBEAT_MS: i64 = 5_000;
/// How far a host's clock may be from the platform's, each way.
const SKEW_MS: usize = 20_000;
/// Effects of one schedule by which something has gone wrong.
const SPARED_MAX: usize = 8;

/// An execution between two of its steps: it may die at any of them.
struct Execution {
    key: UnitKey,
    work: Work,
    /// What was recorded when it began, and by itself since.
    journal: Journal,
    epoch: u64,
    /// The moment at which it began.
    began: u64,
    beat_ms: i64,
    is_silent: bool,
    is_stopped: bool,
    phase: Phase,
}

/// How far an execution is.
enum Phase {
    Working,
    Ending(Box<End>),
    Written(Box<End>),
    Concluded,
    Creating(Vec<NewUnit>),
}

/// A bell that is answered later, with what the unit works from if that was read already.
struct Late {
    due_ms: i64,
    key: UnitKey,
    work: Option<Work>,
}

pub(crate) struct Schedule {
    pub(crate) world: World,
    pub(crate) figures: Figures,
    dice: Dice,
    claims: Claims,
    executions: Vec<Execution>,
    late: Vec<Late>,
    now_ms: i64,
    /// Counts moments.
    moment: u64,
    /// The moment at which each entry was recorded, by unit and key.
    recorded: BTreeMap<(String, String), u64>,
    /// Effects until something goes wrong, if nothing has.
    spared: usize,
    has_skew: bool,
}

impl Schedule {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut world = match dice.one(3) {
            true => World::fullstack(),
            false => World::new(),
        };
        world.brief.options.preview = dice.one(4);
        world.defects = u32::try_from(dice.below(3)).unwrap();
        for name in ["a", "b", "docs"] {
            if dice.one(8) {
                world.stuck.insert(name.to_owned());
            }
        }
        if dice.one(4) {
            world.brief.options.approval = Approval::Plan;
        }
        if dice.one(4) {
            world.broken_builds = u32::try_from(dice.below(5)).unwrap();
        }
        if dice.one(6) {
            world.hanging_builds = 1 + u32::try_from(dice.below(2)).unwrap();
        }
        if dice.one(5) {
            world.brief.options.speed = Speed::Economy;
        }
        if dice.one(3) {
            world = world.on_existing();
        }
        Self {
            world,
            figures: Figures::default(),
            spared: dice.below(SPARED_MAX),
            has_skew: dice.one(3),
            dice,
            claims: Claims::default(),
            executions: Vec::new(),
            late: Vec::new(),
            now_ms: 1_000_000,
            moment: 0,
            recorded: BTreeMap::new(),
        }
    }

    /// Runs the schedule to its end. Returns the status it ended in, `None` if it does not
    /// end.
    pub(crate) fn run(&mut self) -> Option<Status> {
        self.world.advance(None);
        for _ in 0..STEPS_MAX {
            self.pass_time();
            let has_bells = !self.world.bells.is_empty();
            let is_quiet = self.executions.is_empty() && !has_bells && self.late.is_empty();
            if is_quiet {
                let status = self.world.status();
                if matches!(status, Status::Completed | Status::Cancelled) {
                    return Some(status);
                }
                self.go_on(status);
            } else if self.dice.one(60) {
                self.command();
            } else if self.dice.one(80) {
                self.sweep();
            } else if self.executions.is_empty()
                || (self.executions.len() < EXECUTIONS_MAX && has_bells && self.dice.one(3))
            {
                self.answer_a_bell();
            } else {
                self.step();
            }
        }
        None
    }

    fn pass_time(&mut self) {
        self.moment += 1;
        self.now_ms += i64::try_from(self.dice.below(1_500)).unwrap();
        for execution in &mut self.executions {
            if !execution.is_silent && self.now_ms - execution.beat_ms >= HEARTBEAT_MS {
                execution.beat_ms = self.now_ms;
                let unit = execution.key.id();
                execution.is_stopped = self.claims.beat(&unit, execution.epoch, self.now_ms);
            }
        }
        if let Some(place) = self.late.iter().position(|late| late.due_ms <= self.now_ms) {
            let Late { key, work, .. } = self.late.swap_remove(place);
            self.begin(key, work);
        }
    }

    fn strike(&mut self, what: &'static str, place: &'static str) {
        self.figures.strike(what, place);
    }

    /// Whether an execution dies here, in one case of `of`. The first misfortune comes soon.
    fn dies(&mut self, what: &'static str, place: &'static str, of: usize) -> bool {
        let is_due = self.figures.faults == 0 && self.spared == 0;
        let dies = is_due || self.dice.one(of);
        if dies {
            self.strike(what, place);
        }
        dies
    }

    /// What keeps a task going: the owner lets it go on, or the sweep comes by.
    fn go_on(&mut self, status: Status) {
        match status {
            Status::Paused => self.order(Command::Resume {}),
            Status::Failed => self.order(Command::Retry {}),
            Status::AwaitingApproval if self.dice.one(3) => self.order(Command::Revise {
                comment: "Smaller, please.".to_owned(),
            }),
            Status::AwaitingApproval => self.order(Command::Approve {}),
            _ => {
                self.now_ms += LAPSE_MS;
                self.sweep();
            }
        }
    }

    /// The owner wants something, whether it fits or not.
    fn command(&mut self) {
        let command = match self.dice.below(12) {
            // Every task has met with something before it is cancelled.
            0 if self.figures.faults > 0 => Command::Cancel {},
            0..=4 => Command::Pause {},
            5..=8 => Command::Resume {},
            9 => Command::Approve {},
            _ => Command::Retry {},
        };
        self.order(command);
    }

    /// A refusal changes nothing. Who is at work on what was stopped hears of it with its next sign
    /// of life; what nobody is at work on, or has created so far, is kept from being taken up.
    fn order(&mut self, command: Command) {
        let demanded = advance(&self.world.facts, None).units;
        if self.world.record(command.clone()).is_err() {
            return;
        }
        match command {
            Command::Pause {} | Command::Cancel {} => {
                for unit in demanded {
                    let host_ms = self.now_ms + self.skew();
                    self.claims.stop(&unit.key.id(), host_ms, self.now_ms);
                }
                self.world.advance(None);
            }
            Command::Resume {} | Command::Budget { .. } => self.sweep(),
            Command::Approve {}
            | Command::Revise { .. }
            | Command::Edit { .. }
            | Command::FollowUp { .. }
            | Command::Retry {}
            | Command::Rollback { .. } => self.world.advance(None),
        }
    }

    fn sweep(&mut self) {
        let host_ms = self.now_ms + self.skew();
        for unit in advance(&self.world.facts, None).units {
            let id = unit.key.id();
            let claim = self.claims.newest(&id, host_ms);
            let found = match claim {
                Some(claim) => Found::Claim(claim),
                None if self.world.units.contains_key(id.as_str()) => Found::Row,
                None => Found::Nothing,
            };
            match repair(found) {
                Repair::Wait => {}
                Repair::Create => self.world.create(unit),
                Repair::Start => self.world.bells.push_back(unit.key),
                Repair::Restart => self.restart(unit),
                Repair::Lift => {
                    self.claims.lift(&id, claim.unwrap().epoch);
                    self.restart(unit);
                }
                Repair::Keep => self.claims.keep(&id, claim.unwrap().epoch),
                Repair::GiveUp => {
                    let failure = Failure::new(Code::UnitAbandoned, "Start the task anew.");
                    let outcome = Outcome::Failed(failure);
                    self.world.conclude(&unit.key, outcome, Spent::default());
                }
            }
        }
    }

    fn restart(&mut self, unit: NewUnit) {
        match self.world.units.contains_key(unit.key.id().as_str()) {
            true => self.world.bells.push_back(unit.key),
            false => self.world.create(unit),
        }
    }

    /// How far the clock of a host is from the platform's.
    fn skew(&mut self) -> i64 {
        if !self.has_skew || self.dice.one(2) {
            return 0;
        }
        self.strike(OTHERS[4], "");
        let (skew, most) = (
            self.dice.below(2 * SKEW_MS),
            i64::try_from(SKEW_MS).unwrap(),
        );
        i64::try_from(skew).unwrap() - most
    }

    fn answer_a_bell(&mut self) {
        if self.world.bells.is_empty() {
            return;
        }
        let place = self.dice.below(self.world.bells.len());
        let key = self.world.bells.remove(place).unwrap();
        let due_ms = self.now_ms + i64::try_from(self.dice.below(60_000)).unwrap();
        match self.dice.below(20) {
            0 | 1 => return self.strike(OTHERS[0], ""),
            2 | 3 => {
                self.strike(OTHERS[1], "");
                self.world.bells.push_back(key.clone());
            }
            4 => {
                self.strike(OTHERS[2], "");
                let work = None;
                return self.late.push(Late { due_ms, key, work });
            }
            5 => {
                self.strike(OTHERS[3], "");
                let work = Some(self.world.work(&key));
                return self.late.push(Late { due_ms, key, work });
            }
            _ => {}
        }
        self.begin(key, None);
    }

    /// An execution begins: it takes the claim, or ends because somebody has it.
    fn begin(&mut self, key: UnitKey, work: Option<Work>) {
        let id = key.id();
        if !self.world.units.contains_key(id.as_str()) {
            // It was started for a row that is not there.
            return;
        }
        let host_ms = self.now_ms + self.skew();
        let seen = match self.claims.newest(&id, host_ms) {
            None => 0,
            Some(claim) => match claim.holder {
                Holder::AtWork | Holder::Stopping | Holder::Stopped => return,
                Holder::Gone | Holder::Resting => claim.epoch,
            },
        };
        let Some(epoch) = self.claims.create(&id, seen, self.now_ms) else {
            return;
        };
        if epoch > 1 && self.world.facts.outcome(&key).is_some() {
            self.world.advance(None);
            return;
        }
        let is_silent = self.dice.one(40);
        if is_silent {
            self.strike(OTHERS[5], "");
        }
        let work = work.unwrap_or_else(|| self.world.work(&key));
        let journal = match epoch {
            1 => Journal::default(),
            _ => self.world.journal(&key),
        };
        self.executions.push(Execution {
            key,
            work,
            journal,
            epoch,
            began: self.moment,
            beat_ms: self.now_ms,
            is_silent,
            is_stopped: false,
            phase: Phase::Working,
        });
    }

    /// One execution takes its next step, or dies on it.
    fn step(&mut self) {
        let place = self.dice.below(self.executions.len());
        let mut execution = self.executions.swap_remove(place);
        let kind = execution.key.kind.as_str();
        let phase = std::mem::replace(&mut execution.phase, Phase::Working);
        execution.phase = match phase {
            Phase::Working => match decide(&execution.work, &execution.journal) {
                Step::Done(_) if self.dies(kind, END_POINTS[0], 40) => return,
                Step::Done(end) => Phase::Ending(end),
                Step::Do(_)
                    if execution.is_stopped
                        && self.claims.leave(&execution.key.id(), execution.epoch) =>
                {
                    return;
                }
                Step::Do(effects) => {
                    let effect = &effects[self.dice.below(effects.len())];
                    if !self.effect(&mut execution, effect) {
                        return;
                    }
                    Phase::Working
                }
            },
            Phase::Ending(mut end) => {
                let dies = self.dies(kind, END_POINTS[1], 40);
                if dies {
                    end.files.truncate(self.dice.below(end.files.len() + 1));
                }
                self.world.write(&execution.key, &end);
                if dies {
                    return;
                }
                Phase::Written(end)
            }
            Phase::Written(end) => {
                let End { outcome, spent, .. } = *end;
                self.world.conclude(&execution.key, outcome, spent);
                if self.dies(kind, END_POINTS[2], 40) {
                    return;
                }
                Phase::Concluded
            }
            Phase::Concluded => {
                let finished = (execution.epoch == 1).then_some(&execution.key);
                Phase::Creating(advance(&self.world.facts, finished).units)
            }
            Phase::Creating(mut units) => {
                let Some(unit) = units.pop() else { return };
                self.world.create(unit);
                if self.dies(kind, END_POINTS[3], 40) {
                    return;
                }
                Phase::Creating(units)
            }
        };
        self.executions.push(execution);
    }

    /// Performs and records one effect. Returns whether the execution goes on.
    fn effect(&mut self, execution: &mut Execution, effect: &pipeline::effect::Effect) -> bool {
        let name = name_of(&effect.action);
        let (key, id) = (&execution.key, execution.key.id());
        if self.dies(name, EFFECT_POINTS[0], 40) {
            return false;
        }
        self.spared = self.spared.saturating_sub(1);
        if self.dice.one(30) {
            // Its slice of time is over: another execution is asked for.
            self.claims.let_go(&id, execution.epoch, true);
            self.world.bells.push_back(key.clone());
            return false;
        }
        self.note(execution, &effect.key);
        let builds = (self.world.broken_builds, self.world.hanging_builds);
        let answer = self.world.perform(key, effect);
        if self.world.broken_builds < builds.0 {
            self.strike(OTHERS[6], "");
        }
        if self.world.hanging_builds < builds.1 {
            self.strike(OTHERS[7], "");
        }
        if self.dies(name, EFFECT_POINTS[1], 40) {
            return false;
        }
        let (work, journal) = (&execution.work, &execution.journal);
        self.world.keep(key, work, journal, effect, answer);
        let place = (id.to_string(), effect.key.clone());
        self.recorded.entry(place).or_insert(self.moment);
        if self.dies(name, EFFECT_POINTS[2], 40) {
            return false;
        }
        if self.dies(name, EFFECT_POINTS[3], 60) {
            // It is recorded, but its writer does not know and gives up.
            self.claims.let_go(&id, execution.epoch, false);
            return false;
        }
        // Whoever was first, its entry counts.
        let recorded = self.world.journals[id.as_str()].recorded(effect).unwrap();
        execution
            .journal
            .insert(effect.key.clone(), recorded.clone());
        true
    }

    /// Counts a step that is recorded already when it is done.
    fn note(&mut self, execution: &Execution, effect: &str) {
        let place = (execution.key.id().to_string(), effect.to_owned());
        match self.recorded.get(&place) {
            Some(moment) if *moment < execution.began => self.figures.repeated_steps += 1,
            Some(_) => self.figures.overlaps += 1,
            None => {}
        }
    }

    /// Results are recorded once, and what is outside exists once.
    pub(crate) fn check(&mut self, status: Status) {
        let world = &self.world;
        let mut seen = std::collections::BTreeSet::new();
        for fact in &world.facts.log {
            if let Fact::Done(done) = fact {
                let unit = done.unit.to_string();
                assert!(seen.insert(unit), "{} ended twice", done.unit);
                if let Outcome::Failed(failure) = &done.outcome {
                    assert_ne!(failure.code, Code::JournalMismatch, "{}", done.unit);
                }
            }
        }
        let sets = [
            world.repositories.len(),
            world.commits.len(),
            world.deployments.len(),
            world.pull_requests.len(),
        ];
        let repairs = world.facts.done();
        let repairs = repairs.filter(|done| matches!(done.outcome, Outcome::BuildFailed { .. }));
        let repairs: Vec<UnitKind> = repairs.map(|done| done.unit.kind).collect();
        let commits = 1 + repairs
            .iter()
            .filter(|it| **it == UnitKind::Deployment)
            .count();
        let parts = match world.brief.project_type {
            ProjectType::Fullstack => 2,
            ProjectType::Web | ProjectType::Mobile | ProjectType::Api => 1,
        };
        // Whoever merges a pull request deploys it.
        let is_proposed = world.facts.wanted().is_some();
        let wanted = match is_proposed {
            true => [1, 1, 0, 1],
            false => [1, commits, parts * (1 + repairs.len()), 0],
        };
        let beyond = std::iter::zip(sets, wanted);
        let beyond = beyond.map(|(count, wanted)| count.saturating_sub(wanted) as u64);
        self.figures.duplicates += beyond.sum::<u64>();
        let projection = advance(&world.facts, None).projection;
        match status {
            Status::Completed => {
                assert_eq!(sets, wanted);
                assert_eq!(world.active.is_empty(), is_proposed);
                assert!(world.commits.contains(&world.workspace().manifest_hash()));
                assert_eq!(projection.site_url.is_none(), is_proposed);
                assert_eq!(projection.totals.pull_request_url.is_some(), is_proposed);
                assert!(projection.failure.is_none());
            }
            Status::Cancelled => {
                let published = [sets[0], sets[1], sets[3]];
                assert_eq!(published, [0; 3], "a cancelled task was published");
                assert!(world.active.is_empty(), "a cancelled task is served");
                self.figures.cancelled += 1;
            }
            other => panic!("{other:?} is no end"),
        }
        // What a gate that was closed in time does to a release is no failure of the task.
        let failed = projection.failure.map(|failure| failure.code);
        assert_ne!(failed, Some(Code::Cancelled));
        assert!(self.figures.faults > 0, "nothing went wrong");
    }
}
