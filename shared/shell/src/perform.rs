//! Performs effects: one effect, one call, one entry. It makes no choice of its own.
//!
//! What can never succeed becomes [`Entry::Failed`] and is recorded; what may succeed
//! later is a [`Trouble`] and is not.

mod ask;
mod deploy;
mod economy;
mod money;
mod newest;
mod own;
mod publish;
mod schema;
mod skills;
mod target;
mod verify;
mod warm;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use appwrite::Row;
use models::{MessagesRequest, ResponsesRequest};
use pipeline::effect::{Effect, Entry, ModelCall, RepositoryRequest};
use pipeline::model::{Prompt, Question, Spent};
use pipeline::{Code, Failure, TaskId, UnitKey, rows};
use tokio::sync::OnceCell;

use crate::clients::{Clients, Role};
use crate::ledger::Ledger;
use crate::redaction::Redactor;
use crate::store::{Created, Store};
use crate::trouble::Trouble;

pub use skills::Skills;
use target::Target;
pub use warm::Warmth;

/// One execution of a unit, as far as its effects care.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The unit.
    pub unit: &'a UnitKey,
    /// The owner of its task.
    pub owner: &'a str,
    /// When the unit was created, in Unix seconds: none of its effects is older.
    pub created_unix: i64,
    /// Whether an earlier execution was at work on the unit, so that an effect without an
    /// entry may have happened all the same: then it is looked for before it is repeated.
    pub repeat: bool,
}

/// What the effects of one execution are performed with.
pub struct Performer<'a> {
    skills: &'static Skills,
    clients: &'a Clients,
    store: &'a Store,
    attempt: Attempt<'a>,
    ledger: Option<&'a Ledger<'a>>,
    github: OnceLock<github::Client>,
    own_row: OnceCell<Option<Row>>,
    target: OnceCell<Target>,
    redactor: Redactor,
    under_way: UnderWay,
}

/// What is known of the cost of calls that are not over, by the key of their effect.
#[derive(Default)]
struct UnderWay(Mutex<BTreeMap<String, Spent>>);

impl UnderWay {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Spent>> {
        // Nothing is left half done by whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Performer<'a> {
    /// A performer of what `skills` name, for one execution. With a `ledger`, model calls are
    /// reserved for before they are made.
    pub fn new(
        skills: &'static Skills,
        clients: &'a Clients,
        store: &'a Store,
        attempt: Attempt<'a>,
        ledger: Option<&'a Ledger<'a>>,
    ) -> Self {
        Self {
            skills,
            ledger,
            clients,
            store,
            attempt,
            github: OnceLock::new(),
            own_row: OnceCell::new(),
            target: OnceCell::new(),
            redactor: Redactor::default(),
            under_way: UnderWay::default(),
        }
    }

    /// The same performer, which keeps the secrets that `redactor` knows out of what others
    /// wrote: the logs of builds.
    #[must_use]
    pub fn redacting(mut self, redactor: &Redactor) -> Self {
        self.redactor = redactor.clone();
        self
    }

    /// The same performer, which need not read the row of the owner's credentials if it is given:
    /// there may be none.
    #[must_use]
    pub fn knowing(mut self, credentials: Option<Option<Row>>) -> Self {
        self.own_row = OnceCell::new_with(credentials);
        self
    }

    /// What is known of the cost of calls that were given up before they were over.
    pub fn dropped(&self) -> Spent {
        let mut sum = Spent::default();
        for spent in self.under_way.lock().values() {
            sum += spent;
        }
        sum
    }

    /// This execution's own client, so that its requests can be counted, for a repository of
    /// `account`, which is unknown for a new one of the token's own account.
    async fn github(&self, account: Option<&str>) -> Result<&github::Client, Trouble> {
        if let Some(client) = self.github.get() {
            return Ok(client);
        }
        let own = self.own_github().await?;
        let client = self
            .clients
            .github(own.as_ref(), account, self.store.trace())?;
        Ok(self.github.get_or_init(|| client))
    }

    /// Why the unit does not go on while Appwrite builds.
    fn building(&self) -> Trouble {
        let seconds = self.clients.settings().build_check_seconds;
        Trouble::Building {
            wait: Duration::from_secs(seconds),
        }
    }

    /// Makes sure that the repository is there, behind the gate of whoever has to allow it.
    async fn ensure_repository(&self, request: &RepositoryRequest) -> Result<Entry, Trouble> {
        match self.passes(&self.attempt.unit.task, &request.gate).await? {
            true => publish::repository(self, request).await,
            false => Ok(Entry::GateClosed),
        }
    }

    /// Passes a gate, unless it was closed before.
    async fn passes(&self, task: &TaskId, gate: &str) -> Result<bool, Trouble> {
        if let Created::New = self.store.create(rows::gate(task, gate, true)).await? {
            return Ok(true);
        }
        let row = self.store.get("gates", gate).await?;
        Ok(row.is_some_and(|row| row.text("decision") == Some(rows::GATE_OPEN)))
    }

    async fn ask_thinker(
        &self,
        key: &str,
        who: Role,
        question: &Question,
    ) -> Result<Entry, Trouble> {
        let role = self.clients.role(who);
        let thinker = self.clients.thinker(who)?;
        let request = ResponsesRequest {
            output_allowance: self.ledger.map(|_| money::GROK_OUTPUT_TOKENS_MAX),
            ..ask::responses(role, question)
        };
        let worst = || money::of_responses(role, &request);
        let ask = || ask::thinker(self.store.trace(), thinker, &request);
        money::paid(self.ledger, key, worst, ask).await
    }

    async fn ask_coder(&self, key: &str, prompt: &Prompt) -> Result<Entry, Trouble> {
        let (settings, coder) = (self.clients.settings(), self.clients.coder()?);
        let request = MessagesRequest {
            charged_once: self.ledger.is_some(),
            ..ask::messages(settings, prompt)?
        };
        let worst = || money::of_messages(&settings.agent, &request, false);
        let so_far = |spent| {
            self.under_way.lock().insert(key.to_owned(), spent);
        };
        let (trace, warmth) = (self.store.trace(), self.clients.warmth());
        let ask = || ask::coder(trace, coder, warmth, &request, so_far);
        let entry = money::paid(self.ledger, key, worst, ask).await;
        self.under_way.lock().remove(key);
        entry
    }

    /// Makes a model call for the effect `key`.
    async fn ask(&self, key: &str, call: &ModelCall) -> Result<Entry, Trouble> {
        match call {
            ModelCall::Planner(question) => self.ask_thinker(key, Role::Planner, question).await,
            ModelCall::Reviewer(question) => self.ask_thinker(key, Role::Reviewer, question).await,
            ModelCall::Agent(prompt) => self.ask_coder(key, prompt).await,
        }
    }

    /// Performs `effect`.
    ///
    /// # Errors
    /// What may succeed later.
    ///
    /// # Idempotency
    /// Model calls are paid again; everything else makes sure that something exists and
    /// finds it the second time.
    pub async fn perform(&self, effect: &Effect) -> Result<Entry, Trouble> {
        let result = self.skills.perform(self, effect).await;
        match result {
            Err(Trouble::Terminal(failure)) => Ok(Entry::Failed(self.hinted(failure))),
            result => result,
        }
    }
}

/// A failure for good, with the whole chain of its causes in the message.
fn terminal(code: Code, what: &str, cause: &dyn std::error::Error) -> Trouble {
    let mut message = format!("{what}: {cause}");
    let mut source = cause.source();
    while let Some(cause) = source {
        message.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    Trouble::Terminal(Failure::new(code, message))
}
