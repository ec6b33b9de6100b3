//! Watches an agent's calls for signs that it does not come forward.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use crate::ids::sha256_hex;
use crate::limits::{
    AGENT_ALTERNATIONS_MAX, AGENT_IDLE_TURNS_MAX, AGENT_INVALID_CALLS_MAX, AGENT_LEFT_TOLD_MAX,
    AGENT_SAME_CALL_MAX, AGENT_TOOL_CALLS_MAX, AGENT_TURNS_MAX,
};
use crate::prompts;

/// Characters of an earlier result quoted when a call is repeated.
const REPEATED_RESULT_CHARS: usize = 300;

/// Tools whose answer depends on the files.
const READERS: [&str; 3] = ["read_file ", "search_files ", "list_files "];

/// What one agent did so far, as far as it tells whether it comes forward.
#[derive(Default)]
pub(super) struct Watch {
    /// How often each call was made, and its last result.
    seen: BTreeMap<String, (usize, String)>,
    /// The newest calls, as many as two that alternate may be made.
    recent: VecDeque<String>,
    invalid_in_a_row: usize,
    calls: usize,
    /// Turns since the last change; `None` before the first.
    idle_turns: Option<usize>,
    stuck: Option<String>,
}

/// A call and how often it was made before.
pub(super) struct Made {
    key: String,
    /// Times it was made before.
    pub(super) times: usize,
    /// The beginning of its last result.
    pub(super) earlier: String,
}

impl Watch {
    /// Counts a call of no tool, or with arguments it does not take.
    pub(super) fn malformed(&mut self) {
        self.calls += 1;
        self.invalid_in_a_row += 1;
        if self.invalid_in_a_row >= AGENT_INVALID_CALLS_MAX {
            self.stuck = Some(format!(
                "made {AGENT_INVALID_CALLS_MAX} malformed tool calls in a row"
            ));
        }
    }

    /// Counts a call.
    pub(super) fn made(&mut self, name: &str, input: &Value) -> Made {
        self.calls += 1;
        self.invalid_in_a_row = 0;
        let key = format!("{name} {}", sha256_hex(input.to_string().as_bytes()));
        let (times, earlier) = self.seen.get(&key).cloned().unwrap_or_default();
        if times + 1 >= AGENT_SAME_CALL_MAX {
            self.stuck = Some(format!(
                "made the same call of `{name}` {AGENT_SAME_CALL_MAX} times"
            ));
        }
        self.recent.push_back(key.clone());
        if self.recent.len() > 2 * AGENT_ALTERNATIONS_MAX {
            self.recent.pop_front();
        }
        if self.alternates() {
            self.stuck = Some(format!(
                "made the same two calls in turns, {AGENT_ALTERNATIONS_MAX} times each"
            ));
        }
        Made {
            key,
            times,
            earlier,
        }
    }

    fn alternates(&self) -> bool {
        let calls = &self.recent;
        calls.len() == 2 * AGENT_ALTERNATIONS_MAX
            && calls[0] != calls[1]
            && calls.iter().zip(calls.iter().skip(2)).all(|(a, b)| a == b)
    }

    /// Keeps what a call was answered with.
    pub(super) fn answered(&mut self, made: Made, text: &str) {
        let shown = text.chars().take(REPEATED_RESULT_CHARS).collect();
        self.seen.insert(made.key, (made.times + 1, shown));
    }

    /// A file has changed: what was read before may read differently now.
    pub(super) fn changed(&mut self) {
        self.seen
            .retain(|key, _| !READERS.iter().any(|reader| key.starts_with(reader)));
    }

    /// A turn is over.
    pub(super) fn turned(&mut self, changed: bool) {
        self.idle_turns = match self.idle_turns {
            _ if changed => Some(0),
            Some(turns) => Some(turns + 1),
            None => None,
        };
    }

    /// The agent starts a new conversation and knows nothing of what it read.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
        self.recent.clear();
    }

    /// What the agent is told behind the last result of a turn, the `turns`-th.
    pub(super) fn hint(&self, turns: u32) -> Option<String> {
        let idle = (self.idle_turns == Some(AGENT_IDLE_TURNS_MAX)).then_some(prompts::IDLE);
        let turns_left = AGENT_TURNS_MAX.saturating_sub(turns);
        let calls_left = AGENT_TOOL_CALLS_MAX.saturating_sub(self.calls);
        let left = match () {
            () if turns_left <= AGENT_LEFT_TOLD_MAX => Some(prompts::left(turns_left, "turn")),
            () if calls_left <= AGENT_LEFT_TOLD_MAX as usize => Some(prompts::left(
                u32::try_from(calls_left).unwrap_or(0),
                "tool call",
            )),
            () => None,
        };
        let hints: Vec<String> = idle.map(str::to_owned).into_iter().chain(left).collect();
        (!hints.is_empty()).then(|| hints.join(" "))
    }

    /// Why the agent must be stopped after its `turns`-th turn, to follow its name.
    pub(super) fn reason(&self, turns: u32) -> Option<String> {
        if let Some(stuck) = &self.stuck {
            return Some(stuck.clone());
        }
        if turns >= AGENT_TURNS_MAX {
            return Some(format!(
                "used all of its {AGENT_TURNS_MAX} turns without finishing"
            ));
        }
        if self.calls >= AGENT_TOOL_CALLS_MAX {
            return Some(format!(
                "used all of its {AGENT_TOOL_CALLS_MAX} tool calls without finishing"
            ));
        }
        // Once it is told, it has as many turns again.
        let idle_max = 2 * AGENT_IDLE_TURNS_MAX;
        (self.idle_turns? >= idle_max)
            .then(|| format!("changed no file in {idle_max} turns and did not finish"))
    }
}
