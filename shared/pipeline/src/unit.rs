//! One unit of work: which effects it needs next, given its journal.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::agent::AgentWork;
use crate::brief::{Options, Speed};
use crate::deployment::DeploymentWork;
use crate::economy::handed_in_as;
use crate::effect::{DeploymentRef, Effect, Entry, ModelCall};
use crate::facts::Outcome;
use crate::failure::{Code, Failure};
use crate::import::ImportWork;
use crate::law::Law;
use crate::model::Spent;
use crate::planning::PlanWork;
use crate::release::ReleaseWork;
use crate::review::ReviewWork;
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

impl Step {
    /// How the unit ended, if it has.
    pub fn end(&self) -> Option<&End> {
        match self {
            Self::Do(_) => None,
            Self::Done(end) => Some(end),
        }
    }
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

    /// Whether something is recorded under `key`.
    pub(crate) fn holds(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Whether what is recorded under `key` answers another call.
    pub(crate) fn is_of_another(&self, key: &str, call: &ModelCall) -> bool {
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

/// What `work` needs next, by the whole law: [`Law::decide`].
pub fn decide(work: &Work, journal: &Journal) -> Step {
    Law::WHOLE.decide(work, journal)
}

/// The entry to append for an answer, by the whole law: [`Law::record`].
pub fn record(
    work: &Work,
    journal: &Journal,
    effect: &Effect,
    answer: Entry,
) -> (Entry, Vec<String>) {
    Law::WHOLE.record(work, journal, effect, answer)
}
