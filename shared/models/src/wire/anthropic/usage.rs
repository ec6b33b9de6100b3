//! Token counts of a stream: cumulative, and later events overwrite earlier ones.

use serde_json::Value;

use crate::error::Provider;
use crate::prices::{Charged, Tariff};
use crate::usage::{Billed, Usage};

/// What the stream has reported so far. Fields that are missing or `null` keep what was known.
#[derive(Debug, Default)]
pub(super) struct Counts {
    fresh: Option<u64>,
    cached: Option<u64>,
    written: Option<u64>,
    written_5m: Option<u64>,
    written_1h: Option<u64>,
    output: Option<u64>,
    thinking: Option<u64>,
    /// A `message_delta` brought the final counts.
    is_final: bool,
}

impl Counts {
    pub(super) fn merge(&mut self, usage: &Value, is_final: bool) {
        let count = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64);
        for (field, pointer) in [
            (&mut self.fresh, "/input_tokens"),
            (&mut self.cached, "/cache_read_input_tokens"),
            (&mut self.written, "/cache_creation_input_tokens"),
            (
                &mut self.written_5m,
                "/cache_creation/ephemeral_5m_input_tokens",
            ),
            (
                &mut self.written_1h,
                "/cache_creation/ephemeral_1h_input_tokens",
            ),
            (&mut self.output, "/output_tokens"),
            (&mut self.thinking, "/output_tokens_details/thinking_tokens"),
        ] {
            *field = count(pointer).or(*field);
        }
        self.is_final |= is_final && count("/output_tokens").is_some();
    }

    /// Whether these are the counts of the whole answer.
    pub(super) fn are_final(&self) -> bool {
        self.is_final
    }

    /// Returns usage and cost so far, or `None` when nothing was reported.
    pub(super) fn billed(&self, served: &str, tariff: &Tariff<'_>) -> Option<Billed> {
        if self.fresh.is_none() && self.output.is_none() {
            return None;
        }
        let written_5m = self.written_5m.unwrap_or(0);
        let written_1h = self.written_1h.unwrap_or(0);
        let split = written_5m.saturating_add(written_1h);
        let written = self.written.unwrap_or(0).max(split);
        let charged = Charged {
            fresh: self.fresh.unwrap_or(0),
            cached: self.cached.unwrap_or(0),
            written_5m,
            // What is not split is charged as the dearer kind.
            written_1h: written - written_5m,
            output: self.output.unwrap_or(0),
        };
        let input = charged.fresh.saturating_add(charged.cached);
        Some(Billed {
            usage: Usage {
                input_tokens: input.saturating_add(written),
                cached_tokens: charged.cached,
                cache_write_tokens: written,
                output_tokens: charged.output,
                reasoning_tokens: self.thinking.unwrap_or(0),
            },
            cost: tariff.price(Provider::Anthropic, served).cost(&charged),
        })
    }
}
