//! What a run of schedules came to.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::UnitKind;
use pipeline::effect::{Action, ModelCall};

/// Every kind of effect.
pub(crate) const ACTIONS: [&str; 16] = [
    "ask planner",
    "ask reviewer",
    "ask agent",
    "ensure repository",
    "publish",
    "upload",
    "activate",
    "submit",
    "collect",
    "cancel build",
    "migrate",
    "preview",
    "verify",
    "read repository",
    "set secrets",
    "ensure pull request",
];
/// Places around an effect at which an execution dies.
pub(crate) const EFFECT_POINTS: [&str; 4] = ["before", "performed", "recorded", "answer lost"];
/// Places of a unit's end at which an execution dies.
pub(crate) const END_POINTS: [&str; 4] =
    ["decided", "rows written", "done recorded", "row created"];
/// Every other fault.
pub(crate) const OTHERS: [&str; 8] = [
    "event dropped",
    "event doubled",
    "event delayed",
    "event stale",
    "clock skewed",
    "heartbeats lost",
    "build broken",
    "build hung",
];

pub(crate) const fn name_of(action: &Action) -> &'static str {
    match action {
        Action::Ask(ModelCall::Planner(_)) => ACTIONS[0],
        Action::Ask(ModelCall::Reviewer(_)) => ACTIONS[1],
        Action::Ask(ModelCall::Agent(_)) => ACTIONS[2],
        Action::EnsureRepository(_) => ACTIONS[3],
        Action::Publish(_) => ACTIONS[4],
        Action::Upload(_) => ACTIONS[5],
        Action::Activate(_) => ACTIONS[6],
        Action::Submit(_) => ACTIONS[7],
        Action::Collect { .. } => ACTIONS[8],
        Action::CancelBuild(_) => ACTIONS[9],
        Action::Migrate(_) => ACTIONS[10],
        Action::Preview(_) => ACTIONS[11],
        Action::Verify(_) => ACTIONS[12],
        Action::ReadRepository(_) => ACTIONS[13],
        Action::SetActionsSecrets(_) => ACTIONS[14],
        Action::EnsurePullRequest(_) => ACTIONS[15],
    }
}

/// What schedules came to.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) schedules: u64,
    pub(crate) faults: u64,
    /// Repositories beyond one, and commits and deployments beyond one for each build.
    pub(crate) duplicates: u64,
    /// Steps done again although they were recorded when their execution began.
    pub(crate) repeated_steps: u64,
    /// Steps that two executions did at the same time, where a clock or a heartbeat lied.
    pub(crate) overlaps: u64,
    pub(crate) cancelled: u64,
    pub(crate) unfinished: Vec<u64>,
    /// How often each place was struck.
    pub(crate) struck: BTreeMap<(&'static str, &'static str), u64>,
}

impl Figures {
    pub(crate) fn strike(&mut self, what: &'static str, place: &'static str) {
        self.faults += 1;
        *self.struck.entry((what, place)).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.faults += other.faults;
        self.duplicates += other.duplicates;
        self.repeated_steps += other.repeated_steps;
        self.overlaps += other.overlaps;
        self.cancelled += other.cancelled;
        self.unfinished.extend(other.unfinished);
        for (pair, count) in other.struck {
            *self.struck.entry(pair).or_default() += count;
        }
    }

    /// Pairs of what can be struck and where that no schedule has struck.
    pub(crate) fn missed(&self) -> Vec<(&'static str, &'static str)> {
        let kinds = UnitKind::ALL.map(UnitKind::as_str);
        let effects = ACTIONS
            .iter()
            .flat_map(|it| EFFECT_POINTS.map(|at| (*it, at)));
        let ends = kinds
            .into_iter()
            .flat_map(|it| END_POINTS.map(|at| (it, at)));
        let others = OTHERS.map(|it| (it, ""));
        let wanted: BTreeSet<_> = effects.chain(ends).chain(others).collect();
        wanted
            .into_iter()
            .filter(|pair| !self.struck.contains_key(pair))
            .collect()
    }
}
