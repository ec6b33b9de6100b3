//! What the live view shows: folded from the changes, whatever the order they come in.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pipeline::estimate::Estimate;

use crate::feed::Turn;
use crate::task::{Agent, Change, TaskRow};

/// Everything the live view knows.
#[derive(Debug, Default)]
pub(crate) struct Board {
    /// What takes a while, before there is a task.
    pub(super) busy: Option<String>,
    pub(super) task: Option<TaskRow>,
    pub(super) estimate: Option<Estimate>,
    pub(super) budget_micro_usd: Option<u64>,
    /// By the row's id.
    agents: BTreeMap<String, Agent>,
    /// The newest turn of each agent, by the row's id of its assignment.
    turns: BTreeMap<String, Turn>,
    /// The highest cost that was shown: a sum of rows that come one by one never falls.
    cost_shown: u64,
}

/// An agent at work.
pub(super) struct Lane<'a> {
    pub(super) title: &'a str,
    pub(super) turn: Option<&'a Turn>,
}

impl Board {
    /// What takes a while.
    pub(crate) fn busy(&mut self, text: &str) {
        self.busy = Some(text.to_owned());
    }

    /// Takes what changed.
    pub(crate) fn take(&mut self, change: &Change) {
        match change {
            Change::Task(row) => self.task = Some(TaskRow::clone(row)),
            Change::Agent(agent) => {
                self.agents.insert(agent.id.clone(), Agent::clone(agent));
            }
            Change::Estimate(estimate) => self.estimate = Some(Estimate::clone(estimate)),
            Change::Budget(micro_usd) => self.budget_micro_usd = Some(*micro_usd),
            Change::Line(line) => {
                if let Some(turn) = &line.turn {
                    self.take_turn(turn.clone());
                }
                if let Some(micro_usd) = line.budget_micro_usd {
                    self.budget_micro_usd = Some(micro_usd);
                }
            }
        }
        self.cost_shown = self.cost_shown.max(self.cost());
    }

    /// A turn that only read leaves its agent at the files of the one before.
    fn take_turn(&mut self, mut turn: Turn) {
        let known = self.turns.remove(&turn.agent);
        match known {
            Some(known) if known.number > turn.number => turn = known,
            Some(known) if turn.files.is_empty() => turn.files = known.files,
            Some(_) | None => {}
        }
        self.turns.insert(turn.agent.clone(), turn);
    }

    /// Agents at work, the one that began first on top.
    pub(super) fn lanes(&self) -> Vec<Lane<'_>> {
        let mut at_work: Vec<&Agent> = self.at_work().collect();
        at_work.sort_by(|one, other| (&one.begun, &one.id).cmp(&(&other.begun, &other.id)));
        let lanes = at_work.into_iter().map(|agent| Lane {
            title: &agent.title,
            turn: self.turns.get(&agent.id),
        });
        lanes.collect()
    }

    /// Agents of this round that are done, and all that the round is known to have.
    pub(super) fn agents_done(&self) -> (usize, usize) {
        let of_round = || self.newest().filter(|agent| agent.round == self.round());
        let planned = self.task.as_ref().map_or(0, |task| {
            usize::try_from(task.totals.assignments).unwrap_or_default()
        });
        let all = match self.round() {
            1 => of_round().count().max(planned),
            _ => of_round().count(),
        };
        (of_round().filter(|agent| agent.is_done).count(), all)
    }

    /// What the task has cost so far, with the turns of those at work.
    pub(super) fn cost_shown(&self) -> u64 {
        self.cost_shown
    }

    /// Tokens likewise.
    pub(super) fn tokens(&self) -> u64 {
        let spent = self.task.as_ref().map(|task| &task.totals.spent);
        let ended = spent.map_or(0, |spent| spent.input_tokens + spent.output_tokens);
        ended + self.of_those_at_work(|turn| turn.tokens)
    }

    /// Seconds since the task was accepted.
    pub(super) fn seconds(&self, now: Timestamp) -> u64 {
        let since = self.task.as_ref().and_then(|task| task.created);
        let seconds = since.map_or(0, |since| now.as_second() - since.as_second());
        u64::try_from(seconds).unwrap_or_default()
    }

    fn cost(&self) -> u64 {
        let spent = self.task.as_ref().map(|task| &task.totals.spent);
        let ended = spent.map_or(0, |spent| spent.cost_micro_usd);
        ended + self.of_those_at_work(|turn| turn.cost_micro_usd)
    }

    fn of_those_at_work(&self, of: impl Fn(&Turn) -> u64) -> u64 {
        let turns = self.at_work().filter_map(|agent| self.turns.get(&agent.id));
        turns.map(of).sum()
    }

    fn at_work(&self) -> impl Iterator<Item = &Agent> {
        self.newest().filter(|agent| !agent.is_done)
    }

    /// Those of the newest generation: what an earlier one has left is called off.
    fn newest(&self) -> impl Iterator<Item = &Agent> {
        let newest = self.agents.values().map(|agent| agent.generation).max();
        let all = self.agents.values();
        all.filter(move |agent| Some(agent.generation) == newest)
    }

    fn round(&self) -> i64 {
        self.newest().map(|agent| agent.round).max().unwrap_or(1)
    }
}
