//! One unit of work: which effects it needs next, given its journal.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::agent::{AgentWork, Session};
use crate::brief::{Options, Speed};
use crate::deployment::{self, DeploymentWork};
use crate::economy::{self, Call, handed_in_as};
use crate::effect::{DeploymentRef, Effect, Entry, ModelCall, mismatch};
use crate::facts::Outcome;
use crate::failure::{Code, Failure};
use crate::import::{self, ImportWork};
use crate::limits::CONTRACT_REQUEST_CHARS_MAX;
use crate::model::Spent;
use crate::planning::{self, PlanWork};
use crate::release::{self, ReleaseWork};
use crate::review::{self, ReviewWork};
use crate::workspace::FileVersion;

/// A unit with everything it depends on.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Read an existing repository.
    Import(ImportWork),
    /// Make the plan.
    Plan(Box<PlanWork>),
    /// Carry out an assignment.
    Assignment(Box<AgentWork>),
    /// Judge the assignments.
    Review(Box<ReviewWork>),
    /// Commit the files.
    Release(Box<ReleaseWork>),
    /// Deploy the files.
    Deployment(Box<DeploymentWork>),
}

impl Work {
    /// What the brief allows to spend on model calls, in millionths of a US dollar. `None` for
    /// a unit that makes none, and where there is no limit.
    pub fn budget_micro_usd(&self) -> Option<u64> {
        self.options()?.budget_micro_usd
    }

    /// How soon models are to answer.
    pub fn speed(&self) -> Speed {
        self.options()
            .map_or(Speed::Normal, |options| options.speed)
    }

    /// What the brief says of model calls; `None` for a unit that makes none.
    fn options(&self) -> Option<&Options> {
        match self {
            Self::Plan(work) => Some(&work.brief.options),
            Self::Assignment(work) => Some(&work.brief.options),
            Self::Review(work) => Some(&work.brief.options),
            Self::Import(_) | Self::Release(_) | Self::Deployment(_) => None,
        }
    }
}

/// What a unit needs next. Effects of one step are independent of each other.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Perform these and append their entries.
    Do(Vec<Effect>),
    /// The unit has ended.
    Done(Box<End>),
}

/// How a unit ended.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// Its result.
    pub outcome: Outcome,
    /// What it cost.
    pub spent: Spent,
    /// File versions to write as rows before the result is recorded.
    pub files: Vec<FileVersion>,
    /// Columns of the unit's own row to fill in.
    pub columns: serde_json::Map<String, serde_json::Value>,
}

impl End {
    /// Whether the unit was at work when its task was cancelled, or came too late to publish.
    pub fn is_cancelled(&self) -> bool {
        matches!(&self.outcome, Outcome::Failed(failure) if failure.code == Code::Cancelled)
    }
}

impl Step {
    /// The end of a unit that writes neither files nor columns of its own.
    pub fn done(outcome: Outcome, spent: Spent) -> Self {
        Self::Done(Box::new(End {
            outcome,
            spent,
            files: Vec::new(),
            columns: serde_json::Map::new(),
        }))
    }
}

/// A unit's journal: its entries by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journal {
    /// Shared, so that a journal with one entry more costs no copy of the others.
    entries: BTreeMap<String, Arc<Recorded>>,
    /// Whether all of it was recorded by whoever holds it, for what this very code asked.
    is_own: bool,
}

/// What is known of the price of a model call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bill {
    /// Millionths of a US dollar.
    Cost(u64),
    /// It was handed in, and its answer is to be had.
    Open,
}

/// One entry of a journal with the fingerprint of the effect it answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// The effect's fingerprint.
    pub fingerprint: String,
    /// Its outcome.
    pub entry: Entry,
}

impl Journal {
    /// The journal of a unit that nobody was at work on before: what is added to it answers what
    /// was decided from it.
    pub fn begun() -> Self {
        Self {
            is_own: true,
            ..Self::default()
        }
    }

    /// Another execution has added to it: from now on every entry is looked at.
    pub fn share(&mut self) {
        self.is_own = false;
    }

    /// What is recorded under `key`, if it needs no look at what was asked.
    pub(crate) fn trusted(&self, key: &str) -> Option<&Entry> {
        let recorded = self.entries.get(key).filter(|_| self.is_own)?;
        Some(&recorded.entry)
    }

    /// Adds what was recorded under `key`.
    pub fn insert(&mut self, key: String, recorded: impl Into<Arc<Recorded>>) {
        self.entries.insert(key, recorded.into());
    }

    /// The same journal with what was recorded under `key`.
    #[must_use]
    pub fn with(&self, key: String, recorded: impl Into<Arc<Recorded>>) -> Self {
        let mut journal = self.clone();
        journal.insert(key, recorded);
        journal
    }

    /// Adds what was recorded under `key`, unless something is there: the first counts.
    pub fn keep(&mut self, key: String, recorded: Recorded) {
        self.entries
            .entry(key)
            .or_insert_with(|| Arc::new(recorded));
    }

    /// The deployments that were activated.
    pub fn activated(&self) -> impl Iterator<Item = &DeploymentRef> {
        self.entries.values().filter_map(|recorded| {
            let Entry::Activated { deployment, .. } = &recorded.entry else {
                return None;
            };
            deployment.as_ref()
        })
    }

    /// What is known of the price of model calls, by the key of the effect that was paid
    /// for: of one that was handed in, where it was handed in. A call that is not listed may
    /// have been billed.
    pub fn bills(&self) -> BTreeMap<String, Bill> {
        let mut bills = BTreeMap::new();
        for (key, recorded) in &self.entries {
            if let Entry::Submitted(_) = recorded.entry {
                bills.insert(key.clone(), Bill::Open);
            }
        }
        for (key, recorded) in &self.entries {
            let handed_in = handed_in_as(key);
            if let Some(spent) = recorded.entry.spent() {
                let key = handed_in.unwrap_or_else(|| key.clone());
                bills.insert(key, Bill::Cost(spent.cost_micro_usd));
            } else if let Some(key) = handed_in {
                // What was handed in and not answered is not billed.
                bills.insert(key, Bill::Cost(0));
            }
        }
        bills
    }

    /// What all recorded answers of models cost.
    pub fn spent(&self) -> Spent {
        let mut sum = Spent::default();
        let answers = self.entries.values();
        for spent in answers.filter_map(|recorded| recorded.entry.spent()) {
            sum += spent;
        }
        sum
    }

    /// What is recorded for `effect`, if it is for that very effect.
    pub fn recorded(&self, effect: &Effect) -> Option<&Recorded> {
        let recorded = self.entries.get(&effect.key)?;
        (recorded.fingerprint == effect.action.fingerprint()).then_some(&**recorded)
    }

    /// What is recorded, by key.
    pub fn entries(&self) -> impl Iterator<Item = (&String, &Recorded)> {
        let shared = self.entries.iter();
        shared.map(|(key, recorded)| (key, &**recorded))
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether what is recorded under `key` answers another call.
    fn is_of_another(&self, key: &str, call: &ModelCall) -> bool {
        let recorded = self.entries.get(key);
        recorded.is_some_and(|recorded| recorded.fingerprint != call.fingerprint())
    }

    /// The entry of `effect`, if it is recorded.
    ///
    /// # Errors
    /// `journal_mismatch` if what is recorded answers another effect.
    pub fn find(&self, effect: &Effect) -> Result<Option<&Entry>, Failure> {
        match self.entries.get(&effect.key) {
            None => Ok(None),
            Some(recorded) if recorded.fingerprint == effect.action.fingerprint() => {
                Ok(Some(&recorded.entry))
            }
            Some(_) => Err(Failure::new(
                Code::JournalMismatch,
                format!(
                    "Step `{}` was recorded for something else than would be done now. Start the task anew.",
                    effect.key
                ),
            )),
        }
    }
}

/// What `work` needs next, given what is recorded.
///
/// Invariant: with the same journal it always answers the same, and every entry it asked
/// for brings it forward.
pub fn decide(work: &Work, journal: &Journal) -> Step {
    match work {
        Work::Import(work) => import::decide(work, journal),
        Work::Plan(work) => planning::decide(work, journal),
        Work::Assignment(work) => decide_assignment(work, journal),
        Work::Review(work) => review::decide(work, journal),
        Work::Release(work) => release::decide(work, journal),
        Work::Deployment(work) => deployment::decide(work, journal),
    }
}

/// How a unit ends whose task was cancelled while it was at work. `dropped` is what is known
/// of the cost of calls that were given up.
pub fn cancelled(work: &Work, journal: &Journal, dropped: Spent) -> End {
    let mut spent = journal.spent();
    spent += &dropped;
    let mut columns = serde_json::Map::new();
    if let Work::Assignment(work) = work {
        let mut session = Session::start(work);
        // As far as it goes: its failures do not matter any more.
        let _ = replay(&mut session, journal);
        columns = assignment_columns("cancelled", session.turns(), &spent);
    }
    let message = "Stopped, because you cancelled the task.";
    End {
        outcome: Outcome::Failed(Failure::new(Code::Cancelled, message)),
        spent,
        files: Vec::new(),
        columns,
    }
}

/// Turns the answer to `effect` into the entry to append: for a turn of an agent the tool
/// calls are carried out and their results become part of it. Also returns the paths that
/// the turn changed.
pub fn record(
    work: &Work,
    journal: &Journal,
    effect: &Effect,
    answer: Entry,
) -> (Entry, Vec<String>) {
    match (work, effect.action.model_call(), answer) {
        (Work::Assignment(work), Some(ModelCall::Agent(_)), Entry::Turn { reply, .. }) => {
            let mut session = Session::start(work);
            if replay(&mut session, journal).is_err() {
                return (
                    Entry::Turn {
                        reply,
                        results: String::new(),
                    },
                    Vec::new(),
                );
            }
            let settled = session.take(&reply, None);
            (
                Entry::Turn {
                    reply,
                    results: settled.results,
                },
                settled.changed,
            )
        }
        (_, _, answer) => (answer, Vec::new()),
    }
}

/// The key of an agent's turn.
fn turn_key(turn: u32) -> String {
    format!("t{turn}")
}

/// Takes every recorded turn. Ends with the first that is not recorded, if any.
fn replay(session: &mut Session<'_>, journal: &Journal) -> Result<Option<Effect>, Failure> {
    loop {
        let key = turn_key(session.turns());
        if session.is_stopped() && journal.entries.contains_key(&key) {
            session.go_on();
        }
        if session.end().is_some() {
            return Ok(None);
        }
        // Who waits for a turn waits for the next one, too: only the first is in no hurry.
        let speed = match session.turns() {
            0 => session.speed(),
            _ => Speed::Normal,
        };
        let call = || {
            let call = ModelCall::Agent(session.prompt());
            match journal.is_of_another(&key, &call) && session.stay() {
                true => ModelCall::Agent(session.prompt()),
                false => call,
            }
        };
        let entry = match economy::call(journal, speed, &key, call)? {
            Call::Missing(effect) => return Ok(Some(*effect)),
            Call::Answered(entry) => entry,
        };
        match entry {
            Entry::Turn { reply, results } => {
                session.take(reply, Some(results));
            }
            Entry::Failed(failure) => return Err(failure.clone()),
            Entry::Reply(_)
            | Entry::Submitted(_)
            | Entry::Lost { .. }
            | Entry::Repository(_)
            | Entry::NameTaken { .. }
            | Entry::GateClosed
            | Entry::Checkout(_)
            | Entry::SecretsSet { .. }
            | Entry::PullRequest(_)
            | Entry::Commit(_)
            | Entry::Migrated { .. }
            | Entry::Uploaded { .. }
            | Entry::Previewed { .. }
            | Entry::Verified {}
            | Entry::BuildFailed { .. }
            | Entry::BuildHangs { .. }
            | Entry::BuildCanceled { .. }
            | Entry::Activated { .. } => return Err(mismatch("a turn of an agent")),
        }
    }
}

fn decide_assignment(work: &AgentWork, journal: &Journal) -> Step {
    let mut session = Session::start(work);
    match replay(&mut session, journal) {
        Err(failure) => Step::done(Outcome::Failed(failure), session.spent()),
        Ok(Some(effect)) => Step::Do(vec![effect]),
        Ok(None) => match session.end() {
            Some(Ok(finish)) => {
                let files = session.workspace().changes(&work.assignment.id, work.round);
                let outcome = Outcome::Coded {
                    summary: finish.summary.chars().take(2_000).collect(),
                    files: files.len() as u64,
                    turns: session.turns(),
                    contract_change_request: finish
                        .contract_change_request
                        .trim()
                        .chars()
                        .take(CONTRACT_REQUEST_CHARS_MAX)
                        .collect(),
                };
                let columns = assignment_columns("done", session.turns(), &session.spent());
                Step::Done(Box::new(End {
                    outcome,
                    spent: session.spent(),
                    files,
                    columns,
                }))
            }
            Some(Err(failure)) => {
                let outcome = Outcome::Failed(failure.clone());
                let columns = assignment_columns("failed", session.turns(), &session.spent());
                Step::Done(Box::new(End {
                    outcome,
                    spent: session.spent(),
                    files: Vec::new(),
                    columns,
                }))
            }
            None => Step::done(
                Outcome::Failed(mismatch("the end of the agent's work")),
                session.spent(),
            ),
        },
    }
}

fn assignment_columns(
    state: &str,
    turns: u32,
    spent: &Spent,
) -> serde_json::Map<String, serde_json::Value> {
    let mut columns = serde_json::Map::new();
    columns.insert("state".to_owned(), state.into());
    columns.insert("turn".to_owned(), turns.into());
    columns.insert("inputTokens".to_owned(), spent.input_tokens.into());
    columns.insert("outputTokens".to_owned(), spent.output_tokens.into());
    columns.insert("costMicroUsd".to_owned(), spent.cost_micro_usd.into());
    columns
}
