//! Token counts, in one shape for both providers.

use crate::prices::MicroUsd;

/// Tokens of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Usage {
    /// All tokens of the prompt: new, read from the cache and written to it.
    pub input_tokens: u64,
    /// Those of `input_tokens` that were read from the cache.
    pub cached_tokens: u64,
    /// Those of `input_tokens` that were written to the cache; always 0 at xAI.
    pub cache_write_tokens: u64,
    /// All tokens of the answer, reasoning included.
    pub output_tokens: u64,
    /// Those of `output_tokens` that were reasoning, where the provider says so.
    pub reasoning_tokens: u64,
}

/// What an attempt used and cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Billed {
    /// Its tokens.
    pub usage: Usage,
    /// Its cost.
    pub cost: MicroUsd,
}
