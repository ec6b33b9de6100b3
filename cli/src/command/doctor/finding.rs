//! What was found: what it is about, how it is, and what to do about it.

use serde::Serialize;
use serde_json::{Value, json};

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// Neither good nor bad, or not to be told.
    Note,
    /// It works, and will not always.
    Warning,
    /// It does not work.
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// The setting's file, the machine, or the service.
    pub(super) area: &'static str,
    pub(super) state: State,
    /// What was found; never a secret.
    pub(super) says: String,
    /// What to do about it.
    pub(super) fix: Option<String>,
}

impl Finding {
    fn new(area: &'static str, state: State, says: impl Into<String>) -> Self {
        Self {
            area,
            state,
            says: says.into(),
            fix: None,
        }
    }

    pub(super) fn ok(area: &'static str, says: impl Into<String>) -> Self {
        Self::new(area, State::Ok, says)
    }

    pub(super) fn note(area: &'static str, says: impl Into<String>) -> Self {
        Self::new(area, State::Note, says)
    }

    pub(super) fn warning(
        area: &'static str,
        says: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            fix: Some(fix.into()),
            ..Self::new(area, State::Warning, says)
        }
    }

    pub(super) fn wrong(
        area: &'static str,
        says: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            fix: Some(fix.into()),
            ..Self::new(area, State::Wrong, says)
        }
    }

    /// As a program reads it.
    pub(super) fn json(&self) -> Value {
        json!({"type": "finding", "area": self.area, "state": self.state, "says": self.says, "fix": self.fix})
    }

    /// As a person reads it.
    pub(super) fn text(&self) -> String {
        let sign = match self.state {
            State::Ok => "✓",
            State::Note => "·",
            State::Warning => "!",
            State::Wrong => "✗",
        };
        let fix = self.fix.iter().map(|fix| format!("\n             {fix}"));
        format!(
            "{sign} {:<10} {}{}",
            self.area,
            self.says,
            fix.collect::<String>()
        )
    }
}
