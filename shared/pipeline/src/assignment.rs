//! An assignment: turn after turn of its agent, each replayed from the journal.

use serde_json::{Map, Value};

use crate::agent::{AgentWork, Session};
use crate::brief::Speed;
use crate::economy::{self, Call};
use crate::effect::{Effect, Entry, ModelCall, mismatch};
use crate::facts::Outcome;
use crate::failure::Failure;
use crate::limits::CONTRACT_REQUEST_CHARS_MAX;
use crate::model::{AgentReply, Spent};
use crate::unit::{End, Journal, Step};

/// Carries out the tool calls of the next turn. Returns the turn with their results, and the paths
/// that it changed.
pub fn settle(work: &AgentWork, journal: &Journal, reply: AgentReply) -> (Entry, Vec<String>) {
    let mut session = Session::start(work);
    let (results, changed) = match replay(&mut session, journal) {
        Ok(_) => {
            let settled = session.take(&reply, None);
            (settled.results, settled.changed)
        }
        Err(_) => (String::new(), Vec::new()),
    };
    (Entry::Turn { reply, results }, changed)
}

/// The columns of an assignment whose task was cancelled after `spent`.
pub fn cancelled(work: &AgentWork, journal: &Journal, spent: &Spent) -> Map<String, Value> {
    let mut session = Session::start(work);
    // As far as it goes: its failures do not matter any more.
    let _ = replay(&mut session, journal);
    columns("cancelled", session.turns(), spent)
}

/// The key of an agent's turn.
fn turn_key(turn: u32) -> String {
    format!("t{turn}")
}

/// Takes every recorded turn. Ends with the first that is not recorded, if any.
fn replay(session: &mut Session<'_>, journal: &Journal) -> Result<Option<Effect>, Failure> {
    loop {
        let key = turn_key(session.turns());
        if session.is_stopped() && journal.holds(&key) {
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

/// What an assignment needs next: the next turn of its agent, until that ends.
pub fn decide(work: &AgentWork, journal: &Journal) -> Step {
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
                let columns = columns("done", session.turns(), &session.spent());
                Step::Done(Box::new(End {
                    outcome,
                    spent: session.spent(),
                    files,
                    columns,
                }))
            }
            Some(Err(failure)) => {
                let outcome = Outcome::Failed(failure.clone());
                let columns = columns("failed", session.turns(), &session.spent());
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

fn columns(state: &str, turns: u32, spent: &Spent) -> Map<String, Value> {
    let mut columns = Map::new();
    columns.insert("state".to_owned(), state.into());
    columns.insert("turn".to_owned(), turns.into());
    columns.insert("inputTokens".to_owned(), spent.input_tokens.into());
    columns.insert("outputTokens".to_owned(), spent.output_tokens.into());
    columns.insert("costMicroUsd".to_owned(), spent.cost_micro_usd.into());
    columns
}
