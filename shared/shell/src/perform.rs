//! Performs effects: one effect, one call, one entry. It makes no choice of its own.
//!
//! What can never succeed becomes [`Entry::Failed`] and is recorded; what may succeed
//! later is a [`Trouble`] and is not.

mod ask;
mod money;
mod publish;
mod site;
mod warm;

use std::sync::OnceLock;
use std::time::Instant;

use models::{MessagesRequest, ResponsesRequest};
use pipeline::effect::{Action, Effect, Entry};
use pipeline::model::{Prompt, Question};
use pipeline::{Code, Failure, TaskId, rows};

use crate::clients::{Clients, Thinker};
use crate::config::RoleSettings;
use crate::ledger::Ledger;
use crate::redaction::Redactor;
use crate::store::{Created, Store};
use crate::trouble::Trouble;

pub use warm::Warmth;

/// What the effects of one execution are performed with.
pub struct Performer<'a> {
    clients: &'a Clients,
    store: &'a Store,
    repeat: bool,
    slice_end: Instant,
    ledger: Option<&'a Ledger<'a>>,
    github: OnceLock<github::Client>,
    redactor: Redactor,
}

impl<'a> Performer<'a> {
    /// A performer for one execution. With `repeat`, an earlier execution was at work on
    /// this unit, so an effect without an entry may have happened all the same: then it
    /// looks before it acts. At `slice_end` it stops waiting for what takes its time.
    /// With a `ledger`, model calls are reserved for before they are made.
    pub fn new(
        clients: &'a Clients,
        store: &'a Store,
        repeat: bool,
        slice_end: Instant,
        ledger: Option<&'a Ledger<'a>>,
    ) -> Self {
        Self {
            ledger,
            clients,
            store,
            repeat,
            slice_end,
            github: OnceLock::new(),
            redactor: Redactor::default(),
        }
    }

    /// The same performer, which keeps the secrets that `redactor` knows out of what others
    /// wrote: the logs of builds.
    #[must_use]
    pub fn redacting(mut self, redactor: &Redactor) -> Self {
        self.redactor = redactor.clone();
        self
    }

    /// This execution's own client, so that its requests can be counted.
    fn github(&self) -> Result<&github::Client, Trouble> {
        if let Some(client) = self.github.get() {
            return Ok(client);
        }
        let client = self.clients.github()?;
        Ok(self.github.get_or_init(|| client))
    }

    /// Passes a gate, unless it was closed before.
    async fn passes(&self, task: &TaskId, gate: &str) -> Result<bool, Trouble> {
        if let Created::New(_) = self.store.create(rows::gate(task, gate, true)).await? {
            return Ok(true);
        }
        let row = self.store.get("gates", gate).await?;
        Ok(row.is_some_and(|row| row.text("decision") == Some(rows::GATE_OPEN)))
    }

    async fn ask_thinker(
        &self,
        key: &str,
        role: &RoleSettings,
        thinker: Result<&Thinker, Trouble>,
        question: &Question,
    ) -> Result<Entry, Trouble> {
        let thinker = thinker?;
        let request = ResponsesRequest {
            output_allowance: self.ledger.map(|_| money::GROK_OUTPUT_TOKENS_MAX),
            ..ask::responses(role, question)
        };
        let worst = || money::of_responses(role, &request);
        let ask = || ask::thinker(thinker, &request);
        money::paid(self.ledger, key, worst, ask).await
    }

    async fn ask_coder(&self, key: &str, prompt: &Prompt) -> Result<Entry, Trouble> {
        let (settings, coder) = (self.clients.settings(), self.clients.coder()?);
        let (role, fallback) = (&settings.agent, &settings.agent_fallback_model);
        let request = MessagesRequest {
            charged_once: self.ledger.is_some(),
            ..ask::messages(role, fallback, prompt)?
        };
        let worst = || money::of_messages(role, &request);
        let ask = || ask::coder(coder, self.clients.warmth(), &request);
        money::paid(self.ledger, key, worst, ask).await
    }

    /// Performs `effect` for `task`.
    ///
    /// # Errors
    /// What may succeed later.
    ///
    /// # Idempotency
    /// Model calls are paid again; everything else makes sure that something exists and
    /// finds it the second time.
    pub async fn perform(&self, task: &TaskId, effect: &Effect) -> Result<Entry, Trouble> {
        let settings = self.clients.settings();
        let result = match &effect.action {
            Action::AskPlanner(question) => {
                let (role, thinker) = (&settings.planner, self.clients.planner());
                self.ask_thinker(&effect.key, role, thinker, question).await
            }
            Action::AskReviewer(question) => {
                let (role, thinker) = (&settings.reviewer, self.clients.reviewer());
                self.ask_thinker(&effect.key, role, thinker, question).await
            }
            Action::AskAgent(prompt) => self.ask_coder(&effect.key, prompt).await,
            Action::EnsureRepository(request) => match self.passes(task, &request.gate).await? {
                true => publish::repository(self, request).await,
                false => Ok(Entry::GateClosed),
            },
            Action::Publish(request) => publish::commit(self, request).await,
            Action::Upload(request) => site::upload(self, request).await,
            Action::Activate(deployment) => site::activate(self, deployment).await,
            Action::CancelBuild(deployment) => site::cancel(self, deployment).await,
        };
        match result {
            Err(Trouble::Terminal(failure)) => Ok(Entry::Failed(failure)),
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
