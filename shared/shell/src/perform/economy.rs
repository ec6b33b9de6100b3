//! Handing model calls in, and looking for their answers: deferred completions at xAI for
//! planner and reviewer, Message Batches at Anthropic for agents. Where a role's service has
//! neither, the call is made at once.

use std::time::Duration;

use models::{Anthropic, Batched, Chat, Deferred, Found};
use pipeline::economy::handed_in_as;
use pipeline::effect::{Entry, ModelCall, Submission};
use pipeline::model::{Prompt, Question};

use super::{Performer, ask, money};
use crate::clients::Role;
use crate::clock;
use crate::trouble::Trouble;

/// Longest time between two looks for an answer.
const LOOK_MAX: Duration = Duration::from_secs(900);
/// What took this many times as long as it waited is looked for next.
const PATIENCE: u64 = 4;

/// The services, as OpenTelemetry calls them.
const XAI: &str = "x_ai";
const ANTHROPIC: &str = "anthropic";

/// Hands `call` in for the effect `key`, or makes it at once.
pub(super) async fn submit(
    performer: &Performer<'_>,
    key: &str,
    call: &ModelCall,
) -> Result<Entry, Trouble> {
    let ticket = match call {
        ModelCall::Planner(question) => defer(performer, Role::Planner, question).await?,
        ModelCall::Reviewer(question) => defer(performer, Role::Reviewer, question).await?,
        ModelCall::Agent(prompt) => match performer.clients.coder()?.batches() {
            Some(batches) => Some(batch(performer, batches, key, prompt).await?),
            None => None,
        },
    };
    match ticket {
        Some(ticket) => Ok(Entry::Submitted(Submission {
            ticket,
            at_unix: clock::now().as_second(),
        })),
        None => performer.ask(key, call).await,
    }
}

/// Looks for the answer to `call`, which was handed in.
pub(super) async fn collect(
    performer: &Performer<'_>,
    key: &str,
    call: &ModelCall,
    submission: &Submission,
) -> Result<Entry, Trouble> {
    let answer = match call {
        ModelCall::Planner(_) => read(performer, Role::Planner, submission).await?,
        ModelCall::Reviewer(_) => read(performer, Role::Reviewer, submission).await?,
        ModelCall::Agent(prompt) => unpack(performer, key, prompt, submission).await?,
    };
    answer.ok_or_else(|| not_yet(performer, submission.at_unix))
}

/// The longer it took so far, the longer it is left alone.
fn not_yet(performer: &Performer<'_>, since: i64) -> Trouble {
    let least = Duration::from_secs(performer.clients.settings().collect_after_seconds);
    let so_far = u64::try_from(clock::now().as_second() - since).unwrap_or(0);
    let wait = Duration::from_secs(so_far / PATIENCE);
    Trouble::Unanswered {
        wait: wait.min(LOOK_MAX).max(least),
    }
}

/// Defers a question. `None` where nobody takes it, and with a budget: what is deferred can
/// not be cut off at its allowance.
async fn defer(
    performer: &Performer<'_>,
    who: Role,
    question: &Question,
) -> Result<Option<String>, Trouble> {
    let clients = performer.clients;
    let (None, Some(chat)) = (performer.ledger, clients.thinker(who)?.deferred()) else {
        return Ok(None);
    };
    let request = ask::responses(clients.role(who), question);
    let told = performer.store.trace();
    let told = told.model_call("submit", XAI, &request.model);
    match told.made(chat.submit(&request)).await {
        Ok(id) => {
            told.served();
            Ok(Some(id))
        }
        Err(error) => {
            told.failed(&error);
            Err(ask::refused(&request.model, error))
        }
    }
}

/// Reads a deferred answer; `None` if it is not there yet.
async fn read(
    performer: &Performer<'_>,
    who: Role,
    submission: &Submission,
) -> Result<Option<Entry>, Trouble> {
    let clients = performer.clients;
    let (role, chat) = (clients.role(who), deferred(performer, who)?);
    let told = performer.store.trace();
    let told = told.model_call("collect", XAI, &role.model);
    match told
        .made(chat.collect(&submission.ticket, &role.model))
        .await
    {
        Ok(Deferred::Pending) => {
            told.served();
            Ok(None)
        }
        Ok(Deferred::Done(answer)) => {
            told.answered(&ask::used_by_reply(&answer));
            Ok(Some(ask::reply(*answer)))
        }
        Ok(Deferred::Gone) => {
            told.served();
            let why = "xAI does not know it any more".to_owned();
            Ok(Some(Entry::Lost { why }))
        }
        Err(error) => {
            told.failed(&error);
            Err(ask::refused(&role.model, error))
        }
    }
}

/// Who answers later in this role; the settings may have changed since it was handed in.
fn deferred<'a>(performer: &Performer<'a>, who: Role) -> Result<&'a Chat, Trouble> {
    let chat = performer.clients.thinker(who)?.deferred();
    chat.ok_or_else(|| moved("xAI"))
}

fn moved(service: &str) -> Trouble {
    let message = format!(
        "A call was handed in to {service}, but the settings lead elsewhere now. Set them back, or retry the task."
    );
    Trouble::Terminal(pipeline::Failure::new(
        pipeline::Code::NotConfigured,
        message,
    ))
}

/// Hands a turn in as a batch of its own, unless an earlier execution has: batches can be
/// found again. Its worst case stays reserved until its answer is there.
async fn batch(
    performer: &Performer<'_>,
    batches: &Anthropic,
    key: &str,
    prompt: &Prompt,
) -> Result<String, Trouble> {
    let (clients, attempt) = (performer.clients, performer.attempt);
    let (settings, name) = (clients.settings(), custom_id(performer, key));
    let request = ask::messages(settings, prompt)?;
    let failed = |error| ask::refused(&request.model, error);
    if attempt.repeat {
        let told = performer.store.trace();
        let told = told.model_call("find", ANTHROPIC, &request.model);
        let found = told.made(batches.find(&name, attempt.created_unix)).await;
        match &found {
            Ok(_) => told.served(),
            Err(error) => told.failed(error),
        }
        match found {
            Ok(Found::Yes(id)) => {
                if let Some(ledger) = performer.ledger {
                    ledger.reopen(key).await;
                }
                return Ok(id);
            }
            Ok(Found::MaybeLater) => return Err(not_yet(performer, attempt.created_unix)),
            Ok(Found::No) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let ticket = match performer.ledger {
        Some(ledger) => {
            let worst = money::of_messages(&settings.agent, &request, true)?;
            Some((ledger, ledger.reserve(key, worst).await?))
        }
        None => None,
    };
    let told = performer.store.trace();
    let told = told.model_call("submit", ANTHROPIC, &request.model);
    match told.made(batches.submit(&name, &request)).await {
        Ok(id) => {
            told.served();
            Ok(id)
        }
        Err(error) => {
            told.failed(&error);
            if let Some((ledger, ticket)) = ticket {
                let may_be_billed = u64::from(error.unsettled());
                let cost = ticket.micro_usd.saturating_mul(may_be_billed);
                ledger.settle(ticket, cost).await;
            }
            Err(failed(error))
        }
    }
}

/// Reads the answer of a batch; `None` if it is not there yet.
async fn unpack(
    performer: &Performer<'_>,
    key: &str,
    prompt: &Prompt,
    submission: &Submission,
) -> Result<Option<Entry>, Trouble> {
    let clients = performer.clients;
    let model = ask::coding_model(clients.settings(), prompt);
    let handed_in = handed_in_as(key)
        .ok_or_else(|| Trouble::Row(format!("nothing is picked up under `{key}`")))?;
    let name = custom_id(performer, &handed_in);
    let batches = clients.coder()?.batches();
    let batches = batches.ok_or_else(|| moved("Anthropic"))?;
    let told = performer.store.trace();
    let told = told.model_call("collect", ANTHROPIC, model);
    let collected = batches.collect(&submission.ticket, &name, model);
    let collected = told.made(collected).await;
    match &collected {
        Ok(Batched::Answered(answer)) => told.answered(&ask::used_by_turn(answer)),
        Ok(Batched::Pending | Batched::Lost(_)) => told.served(),
        Ok(Batched::Errored(error)) | Err(error) => told.failed(error),
    }
    let (entry, cost) = match collected.map_err(|error| ask::refused(model, error))? {
        Batched::Pending => return Ok(None),
        Batched::Answered(answer) => {
            let cost = answer.cost.0;
            (Ok(ask::turn(*answer)), cost)
        }
        // Neither is billed.
        Batched::Lost(why) => (Ok(Entry::Lost { why }), 0),
        Batched::Errored(error) => (unanswered(model, error), 0),
    };
    if let Some(ledger) = performer.ledger {
        ledger.settle_handed_in(&handed_in, cost).await;
    }
    entry.map(Some)
}

/// What a batch has not answered: for good, or so that it can be handed in again.
fn unanswered(model: &str, error: models::ModelError) -> Result<Entry, Trouble> {
    match error.retry() {
        models::Retry::Transient { .. } => Ok(Entry::Lost {
            why: error.kind().to_string(),
        }),
        models::Retry::Terminal => Err(ask::refused(model, error)),
    }
}

/// By what a call is found among all batches: the unit and the effect, which are unique.
fn custom_id(performer: &Performer<'_>, key: &str) -> String {
    let key: String = key
        .chars()
        .map(|letter| match letter.is_ascii_alphanumeric() {
            true => letter,
            false => '-',
        })
        .collect();
    format!("{}-{key}", performer.attempt.unit.id())
}
