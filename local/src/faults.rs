//! Faults: switches for tests that break the platform at a chosen place. All
//! are off by default.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::Value;

/// When a row's creation is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is written yet.
    Before,
    /// The row is committed; no answer is sent and no event published yet.
    After,
}

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

/// What a fault does.
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

/// Decides about the creation of a row.
pub type RowCreateHook = Arc<dyn Fn(&RowCreate<'_>) -> FaultAction + Send + Sync>;

/// Kills the process that serves an execution, by execution id.
pub type Killer = Arc<dyn Fn(&str) + Send + Sync>;

/// The switches of one platform.
#[derive(Default)]
pub struct Faults {
    /// Every event that has a subscriber is delivered twice.
    pub duplicate_events: bool,
    /// The n-th event that has a subscriber (0-based) is dropped.
    pub lose_event: Option<u64>,
    /// Asked about every row that is created.
    pub on_row_create: Option<RowCreateHook>,
    rules: Vec<Rule>,
    events_seen: AtomicU64,
    killer: OnceLock<Killer>,
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults")
            .field("duplicate_events", &self.duplicate_events)
            .field("lose_event", &self.lose_event)
            .field("on_row_create", &self.on_row_create.is_some())
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl Faults {
    /// Adds what `text` says:
    /// - `duplicate-events`
    /// - `lose-event:<n>`
    /// - `kill-function:<before|after>:<table>:<key prefix>:<nth>` and
    ///   `kill-platform:…` likewise: acts once, on the n-th (0-based) creation
    ///   of a row in `table` whose column `key` (its id, when there is no such
    ///   column) begins with the prefix. The prefix may be empty or hold colons.
    ///
    /// # Errors
    /// [`FaultSyntax`] when the text is none of these.
    pub fn add(&mut self, text: &str) -> Result<(), FaultSyntax> {
        if text == "duplicate-events" {
            self.duplicate_events = true;
        } else if let Some(nth) = text.strip_prefix("lose-event:") {
            self.lose_event = Some(nth.parse().map_err(|_| FaultSyntax(text.to_owned()))?);
        } else {
            self.rules.push(text.parse()?);
        }
        Ok(())
    }

    /// How often the event dispatcher delivers the next event that has a
    /// subscriber: 1, or 0 or 2 under a switch. Call it once for each.
    #[must_use]
    pub fn event_copies(&self) -> usize {
        let nth = self.events_seen.fetch_add(1, Ordering::Relaxed);
        match (self.lose_event == Some(nth), self.duplicate_events) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 1,
        }
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
        let mut action = asked;
        for rule in &self.rules {
            // Every rule counts for itself, also when another one already acts.
            let by_rule = rule.decide(create);
            if action == FaultAction::Continue {
                action = by_rule;
            }
        }
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
}

/// A fault that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("unknown fault `{0}`")]
pub struct FaultSyntax(String);

#[derive(Debug)]
struct Rule {
    action: FaultAction,
    phase: Phase,
    table: String,
    prefix: String,
    nth: u64,
    seen: AtomicU64,
}

impl Rule {
    fn decide(&self, create: &RowCreate<'_>) -> FaultAction {
        let key = create
            .data
            .get("key")
            .and_then(Value::as_str)
            .unwrap_or(create.row_id);
        if create.phase != self.phase
            || create.table != self.table
            || !key.starts_with(&self.prefix)
        {
            return FaultAction::Continue;
        }
        // The counter goes on rising, so equality happens once.
        if self.seen.fetch_add(1, Ordering::Relaxed) == self.nth {
            self.action
        } else {
            FaultAction::Continue
        }
    }
}

impl FromStr for Rule {
    type Err = FaultSyntax;

    fn from_str(text: &str) -> Result<Self, FaultSyntax> {
        let unknown = || FaultSyntax(text.to_owned());
        let (head, nth) = text.rsplit_once(':').ok_or_else(unknown)?;
        let mut parts = head.splitn(4, ':');
        let action = match parts.next() {
            Some("kill-function") => FaultAction::KillFunction,
            Some("kill-platform") => FaultAction::KillPlatform,
            _ => return Err(unknown()),
        };
        let phase = match parts.next() {
            Some("before") => Phase::Before,
            Some("after") => Phase::After,
            _ => return Err(unknown()),
        };
        let table = parts
            .next()
            .filter(|table| !table.is_empty())
            .ok_or_else(unknown)?;
        let prefix = parts.next().ok_or_else(unknown)?;
        let nth = nth.parse().map_err(|_| unknown())?;
        Ok(Self {
            action,
            phase,
            table: table.to_owned(),
            prefix: prefix.to_owned(),
            nth,
            seen: AtomicU64::new(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_fires_once_at_its_place() {
        let mut faults = Faults::default();
        faults.add("kill-function:before:journal:tool:a:1").unwrap();
        let ask = |key: &str, phase| {
            let data = json!({ "key": key });
            faults.on_create(&RowCreate {
                table: "journal",
                row_id: "x",
                data: &data,
                execution: None,
                phase,
            })
        };
        assert_eq!(ask("tool:a.1", Phase::Before), FaultAction::Continue);
        assert_eq!(ask("tool:a.2", Phase::After), FaultAction::Continue);
        assert_eq!(ask("other", Phase::Before), FaultAction::Continue);
        assert_eq!(ask("tool:a.3", Phase::Before), FaultAction::KillFunction);
        assert_eq!(ask("tool:a.4", Phase::Before), FaultAction::Continue);
    }

    #[test]
    fn unknown_faults_are_refused() {
        for text in [
            "",
            "kill",
            "kill-function:before:journal:0",
            "kill-function:now:t:p:0",
            "lose-event:x",
        ] {
            assert!(Faults::default().add(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_lost_event_wins_over_duplication() {
        let faults = Faults {
            duplicate_events: true,
            lose_event: Some(1),
            ..Faults::default()
        };
        assert_eq!(
            [
                faults.event_copies(),
                faults.event_copies(),
                faults.event_copies()
            ],
            [2, 0, 2]
        );
    }
}
