//! What keeps an execution from going on. A [`Trouble`] is not recorded: the unit is
//! started again later. What can never succeed is a [`pipeline::Failure`] and is recorded.

use std::time::Duration;

use pipeline::Failure;
use pipeline::ledger::Exhausted;

/// Why an execution stops before its unit has ended.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Appwrite did not do what was asked.
    #[error("appwrite did not answer as needed")]
    Appwrite(#[from] appwrite::Error),
    /// A model service could not answer now.
    #[error("the model service did not answer")]
    Model(#[from] models::ModelError),
    /// GitHub could not answer now.
    #[error("github did not answer")]
    GitHub(#[from] github::Error),
    /// AWS Lambda did not start a function.
    #[error("{0}")]
    Lambda(String),
    /// A row does not hold what it should.
    #[error("{0}")]
    Row(String),
    /// The execution's slice of time is over; the next one goes on.
    #[error("the time slice is over")]
    SliceOver,
    /// The owner paused or cancelled the task.
    #[error("the owner stopped it")]
    Stopped,
    /// A model call does not fit into the task's budget.
    #[error("the budget is reached")]
    Exhausted(Exhausted),
    /// The answer to a call that was handed in is not there yet.
    #[error("the answer is not there yet")]
    Unanswered {
        /// How long it can be left alone.
        wait: Duration,
    },
    /// A build is not done yet.
    #[error("the build is not done yet")]
    Building {
        /// How long until it is looked at again.
        wait: Duration,
    },
    /// A function lacks a setting, or an outside service refused for good.
    #[error("{0}")]
    Terminal(Failure),
}

/// When a unit that stopped goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resume {
    /// By another execution, at once.
    Now,
    /// When the owner wants it to.
    ByOwner,
    /// When the owner has raised the budget.
    ByBudget(Exhausted),
    /// By an execution delayed for this long: nothing can be done before.
    After(Duration),
    /// When the sweep comes by.
    BySweep,
}

impl Trouble {
    /// What all have come to, or why the unit can not go on now: a lack of answers only where
    /// nothing else is wrong.
    ///
    /// # Errors
    /// The first trouble of the worse kind.
    pub fn first<T>(results: Vec<Result<T, Self>>) -> Result<Vec<T>, Self> {
        let (mut given, mut worst) = (Vec::with_capacity(results.len()), None);
        for result in results {
            match (result, &worst) {
                (Ok(it), _) => given.push(it),
                (Err(trouble), None | Some(Self::Unanswered { .. })) => worst = Some(trouble),
                (Err(_), Some(_)) => {}
            }
        }
        worst.map_or(Ok(given), Err)
    }

    /// Whom a person would name as the reason for a wait, and why. `None` for what is no
    /// service's doing, or can not be told because Appwrite does not answer.
    pub fn waits_for(&self) -> Option<String> {
        match self {
            Self::Building { .. } => Some("the site is being built".to_owned()),
            Self::Model(error) => {
                let service = match error.provider() {
                    models::Provider::Xai => "xAI",
                    models::Provider::Anthropic => "Anthropic",
                    models::Provider::Chat => "the model service",
                };
                Some(format!("{service}: {}", error.kind()))
            }
            Self::GitHub(_) => Some("GitHub could not answer".to_owned()),
            Self::Appwrite(_)
            | Self::Lambda(_)
            | Self::Row(_)
            | Self::SliceOver
            | Self::Stopped
            | Self::Exhausted(_)
            // That it was handed in has been told.
            | Self::Unanswered { .. }
            | Self::Terminal(_) => None,
        }
    }

    /// When the unit goes on. A wait that a service asks for is too long to be waited for
    /// here, or its client had waited: so nothing is paid for waiting.
    pub fn resume(&self) -> Resume {
        let asked_for = match self {
            Self::SliceOver => return Resume::Now,
            Self::Stopped => return Resume::ByOwner,
            Self::Exhausted(call) => return Resume::ByBudget(call.clone()),
            Self::Unanswered { wait } | Self::Building { wait } => Some(*wait),
            Self::Model(error) => match error.retry() {
                models::Retry::Transient { after } => after,
                models::Retry::Terminal => None,
            },
            Self::GitHub(error) => match error.retry() {
                github::Retry::Transient { after } => after,
                github::Retry::Terminal => None,
            },
            // Who can not be reached can not be asked to call back.
            Self::Appwrite(_) | Self::Lambda(_) | Self::Row(_) | Self::Terminal(_) => None,
        };
        asked_for.map_or(Resume::BySweep, Resume::After)
    }
}
