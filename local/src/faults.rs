//! Faults on demand: what a person or a test wants to go wrong, and what went wrong.
//!
//! A [`Rule`] says what, for what and how often; whether it strikes is decided in [`decide`], which,
//! like the grammar in `text`, is pure. The effects are where the thing happens: `functions` for events and calls, `serving`
//! for connections, `http` for requests, `realtime` for messages, `rows` for rows.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

pub mod decide;
pub(crate) mod http;
mod routes;
mod rule;
mod text;

pub(crate) use routes::router;
pub use rule::{At, Effect, Phase, Refusal, Rule, Target, When};
pub use text::{FaultSyntax, KINDS, RULE_BYTES_MAX};

use crate::events::Names;
use crate::{clock, ids};
use decide::{Asked, Moment};

/// Most rules at a time.
pub const RULES_MAX: usize = 50;
/// Faults that are remembered; the oldest are forgotten.
const FIRED_MAX: usize = 200;

/// The creation of one row, as a fault rule sees it.
#[derive(Debug)]
pub struct RowCreate<'a> {
    /// The table's id.
    pub table: &'a str,
    /// The row's id.
    pub row_id: &'a str,
    /// The `data` object of the request.
    pub data: &'a Value,
    /// The execution whose key asked for it.
    pub execution: Option<&'a str>,
    /// Before or after the commit.
    pub phase: Phase,
}

/// What a fault does at the creation of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultAction {
    /// Nothing.
    Continue,
    /// The process that serves the execution is killed with SIGKILL and the
    /// request is never answered. In phase `Before` the row is not written.
    KillFunction,
    /// The platform kills itself with SIGKILL.
    KillPlatform,
}

/// What becomes of an event on its way to functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventFate {
    /// How often it is delivered.
    pub copies: u32,
    /// How much later.
    pub delay: Duration,
    /// How long it waits for a next event that is delivered before it.
    pub behind_next: Option<Duration>,
}

/// What happens to a function's call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFault {
    /// Its process is killed.
    Kill(At),
    /// It is given up after this time; its process works on.
    GiveUp(Duration),
}

/// What is heard of a request whose own answer does not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Nothing: the connection is closed.
    Nothing,
    /// This.
    Refusal(Refusal),
}

/// Decides about the creation of a row; for tests that hold the platform up at a chosen place.
pub type RowCreateHook = Arc<dyn Fn(&RowCreate<'_>) -> FaultAction + Send + Sync>;

/// Ends when a request that is held may go on.
pub type Release = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Holds requests; for tests that need an order.
pub type RequestHook = Arc<dyn Fn(&Asked<'_>) -> Option<Release> + Send + Sync>;

/// Kills the process that serves an execution, by execution id.
pub type Killer = Arc<dyn Fn(&str) + Send + Sync>;

/// The faults of one platform. The default has none.
#[derive(Default)]
pub struct Faults {
    /// Asked about every row that is created.
    pub on_row_create: Option<RowCreateHook>,
    /// Asked about every request, before any rule is.
    pub on_request: Option<RequestHook>,
    state: Mutex<State>,
    killer: OnceLock<Killer>,
}

#[derive(Debug, Default)]
struct State {
    seed: u32,
    armed: Vec<Armed>,
    fired: VecDeque<Fired>,
    total: u64,
}

#[derive(Debug)]
struct Armed {
    rule: Rule,
    /// Moments it was about.
    matched: u64,
    /// Moments at which it struck.
    fired: u64,
}

#[derive(Debug)]
struct Fired {
    rule: String,
    kind: &'static str,
    nth: u64,
    target: String,
    at: String,
}

/// A seed nobody chose.
#[must_use]
pub fn random_seed() -> u32 {
    u32::from_le_bytes(ids::random())
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults")
            .field("on_row_create", &self.on_row_create.is_some())
            .field("on_request", &self.on_request.is_some())
            .field("state", &*self.lock())
            .finish_non_exhaustive()
    }
}

impl Faults {
    /// The faults that `texts` say, with a seed for those with a chance.
    ///
    /// # Errors
    /// [`FaultSyntax`] of the first text that cannot be read.
    pub fn parse<T: AsRef<str>>(texts: &[T], seed: u32) -> Result<Self, FaultSyntax> {
        let faults = Self::default();
        faults.replace(texts, seed)?;
        Ok(faults)
    }

    /// Puts others in the place of all rules, and forgets what has fired.
    ///
    /// # Errors
    /// [`FaultSyntax`] of the first text that cannot be read; then nothing changes.
    pub fn replace<T: AsRef<str>>(&self, texts: &[T], seed: u32) -> Result<(), FaultSyntax> {
        if texts.len() > RULES_MAX {
            return Err(FaultSyntax::Many);
        }
        let rules = texts.iter().map(|text| text.as_ref().parse());
        let rules: Vec<Rule> = rules.collect::<Result<_, _>>()?;
        let armed = rules.into_iter().map(|rule| Armed {
            rule,
            matched: 0,
            fired: 0,
        });
        *self.lock() = State {
            seed,
            armed: armed.collect(),
            ..State::default()
        };
        Ok(())
    }

    /// Whether there is no rule, and nobody who holds requests.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.on_request.is_none() && self.lock().armed.is_empty()
    }

    /// What decides those with a chance.
    #[must_use]
    pub fn seed(&self) -> u32 {
        self.lock().seed
    }

    /// How often faults of a kind have struck.
    #[must_use]
    pub fn fired(&self, kind: &str) -> u64 {
        let state = self.lock();
        let of_kind = state
            .armed
            .iter()
            .filter(|it| it.rule.effect.kind() == kind);
        of_kind.map(|it| it.fired).sum()
    }

    /// The seed, the rules with their counters, and the last faults, newest first.
    #[must_use]
    pub fn json(&self) -> Value {
        let state = self.lock();
        let rule = |it: &Armed| {
            json!({"rule": it.rule.to_string(), "kind": it.rule.effect.kind(),
                   "matched": it.matched, "fired": it.fired})
        };
        let fired = |it: &Fired| json!({"kind": it.kind, "rule": it.rule, "nth": it.nth, "target": it.target, "at": it.at});
        json!({
            "seed": state.seed,
            "rules": state.armed.iter().map(rule).collect::<Vec<_>>(),
            "total": state.total,
            "fired": state.fired.iter().rev().map(fired).collect::<Vec<_>>(),
        })
    }

    /// What becomes of an event that functions hear. Call it once for each.
    #[must_use]
    pub fn event(&self, names: &Names, functions: &[&str]) -> EventFate {
        let mut fate = EventFate {
            copies: 1,
            delay: Duration::ZERO,
            behind_next: None,
        };
        let mut dropped = false;
        for effect in self.strike(&Moment::Event { names, functions }) {
            match effect {
                Effect::DropEvent => dropped = true,
                Effect::DuplicateEvent { copies } => fate.copies = fate.copies.max(copies),
                Effect::DelayEvent { by } => fate.delay = fate.delay.max(by),
                Effect::ReorderEvent { wait } => {
                    fate.behind_next = fate.behind_next.max(Some(wait));
                }
                Effect::KillFunction { .. }
                | Effect::KillPlatform { .. }
                | Effect::TimeOut { .. }
                | Effect::Answer { .. }
                | Effect::LoseRequest
                | Effect::LoseAnswer { .. }
                | Effect::RefuseConnection { .. }
                | Effect::DropMessage => {}
            }
        }
        if dropped {
            fate.copies = 0;
        }
        fate
    }

    /// What happens to a call of a function. Call it once for each.
    #[must_use]
    pub fn call(&self, function: &str) -> Option<CallFault> {
        let effects = self.strike(&Moment::Call { function });
        effects.into_iter().find_map(|effect| match effect {
            Effect::KillFunction { at } => Some(CallFault::Kill(at)),
            Effect::TimeOut { after } => Some(CallFault::GiveUp(after)),
            Effect::DropEvent
            | Effect::DuplicateEvent { .. }
            | Effect::DelayEvent { .. }
            | Effect::ReorderEvent { .. }
            | Effect::KillPlatform { .. }
            | Effect::Answer { .. }
            | Effect::LoseRequest
            | Effect::LoseAnswer { .. }
            | Effect::RefuseConnection { .. }
            | Effect::DropMessage => None,
        })
    }

    /// Whether an event is kept from a Realtime connection that would hear it.
    #[must_use]
    pub fn drops_message(&self, names: &Names, channels: &[String]) -> bool {
        !self.strike(&Moment::Message { names, channels }).is_empty()
    }

    /// For how long nobody listens after a new connection was reset; `None` lets it in.
    #[must_use]
    pub fn refuses_connection(&self) -> Option<Duration> {
        let effects = self.strike(&Moment::Connection);
        effects.into_iter().find_map(|effect| {
            if let Effect::RefuseConnection { shut } = effect {
                Some(shut)
            } else {
                None
            }
        })
    }

    /// What a request that is not carried out hears, if it is not.
    #[must_use]
    pub fn stops_request(&self, asked: &Asked<'_>) -> Option<Heard> {
        let effect = self.strike(&Moment::Request(asked)).into_iter().next();
        effect.map(heard)
    }

    /// What is heard in the place of the answer to a change that was made, if that is lost.
    #[must_use]
    pub fn loses_answer(&self, asked: &Asked<'_>) -> Option<Heard> {
        let effect = self.strike(&Moment::Commit(asked)).into_iter().next();
        effect.map(heard)
    }

    /// What a request has to wait for before it is looked at, if it has to.
    #[must_use]
    pub fn holds_request(&self, asked: &Asked<'_>) -> Option<Release> {
        self.on_request.as_ref().and_then(|hook| hook(asked))
    }

    /// Sets who kills the process of an execution; the first one stays.
    pub fn set_killer(&self, killer: Killer) {
        let _ = self.killer.set(killer);
    }

    /// Decides about one creation and, for [`FaultAction::KillPlatform`], does
    /// not return.
    #[must_use]
    pub fn on_create(&self, create: &RowCreate<'_>) -> FaultAction {
        let asked = self
            .on_row_create
            .as_ref()
            .map_or(FaultAction::Continue, |hook| hook(create));
        let by_rule = || match self.strike(&Moment::Row(create)).first() {
            Some(Effect::KillPlatform { .. }) => FaultAction::KillPlatform,
            Some(_) => FaultAction::KillFunction,
            None => FaultAction::Continue,
        };
        let action = match asked {
            FaultAction::Continue => by_rule(),
            FaultAction::KillFunction | FaultAction::KillPlatform => asked,
        };
        match action {
            FaultAction::Continue => {}
            FaultAction::KillFunction => {
                if let (Some(killer), Some(execution)) = (self.killer.get(), create.execution) {
                    killer(execution);
                }
            }
            FaultAction::KillPlatform => {
                let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
            }
        }
        action
    }

    /// Counts a moment for every rule that is about it; returns what strikes, in the rules' order.
    fn strike(&self, moment: &Moment<'_>) -> Vec<Effect> {
        let mut state = self.lock();
        let State {
            seed,
            armed,
            fired,
            total,
        } = &mut *state;
        let mut effects = Vec::new();
        for it in armed {
            // Every rule counts for itself, also when another one already strikes.
            if !decide::is_about(&it.rule, moment) {
                continue;
            }
            it.matched += 1;
            if !decide::strikes(&it.rule, it.matched, *seed) {
                continue;
            }
            it.fired += 1;
            *total += 1;
            let strike = Fired {
                rule: it.rule.to_string(),
                kind: it.rule.effect.kind(),
                nth: it.matched,
                target: moment.name(),
                at: clock::format(clock::now()),
            };
            tracing::warn!(fault = %strike.rule, nth = strike.nth, target = %strike.target,
                "a fault strikes");
            fired.push_back(strike);
            if fired.len() > FIRED_MAX {
                fired.pop_front();
            }
            effects.push(it.rule.effect);
        }
        effects
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn heard(effect: Effect) -> Heard {
    match effect {
        Effect::Answer { refusal }
        | Effect::LoseAnswer {
            instead: Some(refusal),
        } => Heard::Refusal(refusal),
        Effect::DropEvent
        | Effect::DuplicateEvent { .. }
        | Effect::DelayEvent { .. }
        | Effect::ReorderEvent { .. }
        | Effect::KillFunction { .. }
        | Effect::KillPlatform { .. }
        | Effect::TimeOut { .. }
        | Effect::LoseRequest
        | Effect::LoseAnswer { instead: None }
        | Effect::RefuseConnection { .. }
        | Effect::DropMessage => Heard::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_event_wins_over_duplication() {
        let faults = Faults::parse(&["duplicate-event", "drop-event,nth=2"], 0).unwrap();
        let copies = || faults.event(&Vec::new().into(), &[]).copies;
        assert_eq!([copies(), copies(), copies()], [2, 0, 2]);
        assert_eq!(
            (faults.fired("duplicate-event"), faults.fired("drop-event")),
            (3, 1)
        );
    }

    #[test]
    fn what_has_fired_is_remembered_up_to_a_limit() {
        let faults = Faults::parse(&["drop-message"], 0).unwrap();
        for nth in 0..=FIRED_MAX {
            let names = vec![format!("e{nth}")].into();
            assert!(faults.drops_message(&names, &[]));
        }
        let json = faults.json();
        assert_eq!(json["total"], 201);
        assert_eq!(json["fired"].as_array().unwrap().len(), FIRED_MAX);
        assert_eq!(json["fired"][0]["target"], "e200");
        assert_eq!(json["fired"][0]["nth"], 201);
    }

    #[test]
    fn a_set_that_cannot_be_read_changes_nothing() {
        let faults = Faults::parse(&["drop-event"], 4).unwrap();
        assert!(faults.replace(&["lose-answer", "nonsense"], 5).is_err());
        assert_eq!(
            faults.replace(&["drop-event"; 51], 5),
            Err(FaultSyntax::Many)
        );
        assert_eq!(faults.json()["seed"], 4);
        assert_eq!(faults.json()["rules"][0]["rule"], "drop-event");
    }
}
