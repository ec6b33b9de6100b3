//! What is asked of models and what comes back, without any service's wire format.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::SUM_MAX;

/// Who says something in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// The orchestrator.
    User,
    /// The model.
    Assistant,
}

/// A question to the planner or the reviewer, answered with JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Question {
    /// The rules of the role.
    pub instructions: String,
    /// The conversation so far, ending with the user.
    pub turns: Vec<(Speaker, String)>,
    /// Name of the schema.
    pub schema_name: &'static str,
    /// The JSON schema of the answer.
    pub schema: Value,
    /// How hard the model should think.
    pub effort: Effort,
    /// What calls that share a prefix have in common.
    pub cache_key: String,
}

/// How hard a model should think.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// Enough for a judgement.
    Medium,
    /// For plans, and for code.
    High,
    /// For code that was not right at first. A model that can not takes its highest.
    XHigh,
}

/// The answer to a [`Question`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// How the answer ended.
    pub finish: Finish,
    /// The text, JSON if all went well.
    pub text: String,
    /// What it cost.
    pub spent: Spent,
}

/// How an answer ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// Whole.
    Completed,
    /// Cut off by a limit.
    Truncated,
    /// The model declined.
    Refused(String),
}

/// The next request of an agent's conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Rules for all agents, then the project: shared by all agents of a task.
    pub system: [String; 2],
    /// The conversation so far. Each text is a JSON array of content blocks and is sent
    /// byte for byte, so that the service recognises what it said.
    pub messages: Vec<(Speaker, String)>,
    /// Output tokens allowed.
    pub max_tokens: u32,
    /// How hard the model should think. It follows from the round, so it is no part of the
    /// fingerprint.
    pub effort: Effort,
    /// Whether the model is asked that stands in for one which declined.
    pub fallback: bool,
}

/// The answer to a [`Prompt`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentReply {
    /// The assistant's content blocks as a JSON array, resent as they are.
    pub content: String,
    /// Why the model stopped.
    pub stop: Stop,
    /// What it cost.
    pub spent: Spent,
}

/// Why a model stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It has nothing more to say.
    EndTurn,
    /// It waits for tool results.
    ToolUse,
    /// It reached `max_tokens`.
    MaxTokens,
    /// It declined, with the category if given.
    Refusal(String),
    /// The conversation outgrew the model.
    ContextExceeded,
    /// Anything else, in the service's word.
    Other(String),
}

/// What calls cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Spent {
    /// Model calls, failed attempts that were billed included.
    pub model_calls: u64,
    /// Tokens read, cached ones included.
    pub input_tokens: u64,
    /// Tokens written, reasoning included.
    pub output_tokens: u64,
    /// Millionths of a US dollar.
    pub cost_micro_usd: u64,
    /// Requests to GitHub.
    pub github_requests: u64,
    /// The part of each model, by the id of the one that answered.
    #[serde(default)]
    pub models: BTreeMap<String, ModelSpent>,
}

/// What the calls of one model cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ModelSpent {
    /// Calls, failed attempts that were billed included.
    pub calls: u64,
    /// Tokens read, cached ones included.
    pub input_tokens: u64,
    /// Tokens written, reasoning included.
    pub output_tokens: u64,
    /// Millionths of a US dollar.
    pub cost_micro_usd: u64,
}

impl ModelSpent {
    fn add(&mut self, other: &Self) {
        add(&mut self.calls, other.calls);
        add(&mut self.input_tokens, other.input_tokens);
        add(&mut self.output_tokens, other.output_tokens);
        add(&mut self.cost_micro_usd, other.cost_micro_usd);
    }
}

impl Spent {
    /// What calls of one model cost.
    pub fn of_model(model: &str, spent: ModelSpent) -> Self {
        let mut sum = ModelSpent::default();
        sum.add(&spent);
        Self {
            model_calls: sum.calls,
            input_tokens: sum.input_tokens,
            output_tokens: sum.output_tokens,
            cost_micro_usd: sum.cost_micro_usd,
            github_requests: 0,
            models: BTreeMap::from([(model.to_owned(), sum)]),
        }
    }

    /// Counts requests to GitHub.
    pub fn add_github(&mut self, requests: u64) {
        add(&mut self.github_requests, requests);
    }
}

/// Sums end at [`SUM_MAX`]: their parts are what services say.
fn add(sum: &mut u64, part: u64) {
    *sum = sum.saturating_add(part).min(SUM_MAX);
}

impl std::ops::AddAssign<&Self> for Spent {
    fn add_assign(&mut self, other: &Self) {
        add(&mut self.model_calls, other.model_calls);
        add(&mut self.input_tokens, other.input_tokens);
        add(&mut self.output_tokens, other.output_tokens);
        add(&mut self.cost_micro_usd, other.cost_micro_usd);
        self.add_github(other.github_requests);
        for (model, spent) in &other.models {
            self.models.entry(model.clone()).or_default().add(spent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_end_at_what_a_column_holds() {
        let all = ModelSpent {
            calls: u64::MAX,
            input_tokens: u64::MAX,
            output_tokens: u64::MAX,
            cost_micro_usd: u64::MAX,
        };
        let mut once = Spent::of_model("m", all);
        once.add_github(u64::MAX);
        let mut twice = once.clone();
        twice += &once;
        assert_eq!(twice, once);
        let counts = [
            once.model_calls,
            once.input_tokens,
            once.output_tokens,
            once.cost_micro_usd,
            once.github_requests,
            once.models["m"].cost_micro_usd,
        ];
        assert_eq!(counts, [SUM_MAX; 6]);
    }
}
