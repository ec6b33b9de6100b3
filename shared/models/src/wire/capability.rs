//! What models refuse, and what may be left out of a request when one does.
//!
//! Sampling parameters, forced tool choice and `thinking` are never sent: the newest models answer
//! 400 to them. What is left differs from model to model. An unknown model is taken to accept
//! everything, and is asked once more without what it names in its refusal.

use std::fmt;

use crate::error::{ErrorKind, Provider};
use crate::wire::Effort;

/// What one model, and those whose ids begin with its, refuses.
struct Refuses {
    id: &'static str,
    /// The highest effort it takes; `None` where it answers 400 to any.
    effort: Option<Effort>,
    /// `strict` of a tool, and `cache_control`.
    strict: bool,
    cache: bool,
}

const fn up_to(id: &'static str, effort: Option<Effort>) -> Refuses {
    Refuses {
        id,
        effort,
        strict: false,
        cache: false,
    }
}

/// A model of a family that is served by llama.cpp, Ollama and vLLM.
const fn open(id: &'static str) -> Refuses {
    Refuses {
        id,
        effort: None,
        strict: true,
        cache: true,
    }
}

/// Source: docs.x.ai and platform.claude.com, model pages, November 2026.
const TABLE: &[Refuses] = &[
    up_to("grok-4.20-0309-reasoning", None),
    up_to("grok-4.20-0309-non-reasoning", None),
    up_to("grok-build", None),
    up_to("grok-4.5", Some(Effort::High)),
    up_to("grok-4.3", Some(Effort::High)),
    up_to("claude-haiku-4-5", None),
    up_to("claude-sonnet-4-6", Some(Effort::High)),
    up_to("claude-opus-4-6", Some(Effort::High)),
    open("llama"),
    open("mistral"),
    open("qwen"),
    open("smollm"),
];

/// An alias that others begin with and that refuses more than they do.
const GROK_420: &str = "grok-4.20";

fn refuses(model: &str) -> Option<&'static Refuses> {
    if model == GROK_420 {
        return TABLE.first();
    }
    let model = model.to_ascii_lowercase();
    TABLE.iter().find(|entry| model.starts_with(entry.id))
}

/// Returns the effort as the model knows it: its nearest lower step, or `None` for a model that
/// rejects the field. An unknown model is taken to know every step of its provider.
pub fn effort_name(provider: Provider, model: &str, effort: Effort) -> Option<&'static str> {
    let highest = match refuses(model) {
        Some(entry) => entry.effort?,
        None => match provider {
            Provider::Xai => Effort::Xhigh,
            Provider::Anthropic => Effort::Max,
            // Every server that knows the field knows these three.
            Provider::Chat if model.starts_with("grok") => Effort::Xhigh,
            Provider::Chat => Effort::High,
        },
    };
    Some(match effort.min(highest) {
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Xhigh => "xhigh",
        Effort::Max => "max",
    })
}

/// Whether the model takes `strict` of a tool.
pub(crate) fn takes_strict(model: &str) -> bool {
    refuses(model).is_none_or(|entry| !entry.strict)
}

/// Whether the model takes marks of what is cached.
pub fn takes_cache_marks(model: &str) -> bool {
    refuses(model).is_none_or(|entry| !entry.cache)
}

/// Optional parameters to leave out of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Omit {
    /// The effort.
    pub(crate) effort: bool,
    /// `strict` of tools.
    pub(crate) strict: bool,
    /// Marks of what is cached, and the key of the cache.
    pub(crate) cache: bool,
    /// The schema of the answer; it stands in the instructions instead.
    pub(crate) format: bool,
}

impl Omit {
    /// The parameters that a refusal names.
    pub(crate) fn named_in(kind: &ErrorKind) -> Self {
        let ErrorKind::InvalidRequest { message } = kind else {
            return Self::default();
        };
        let message = message.to_lowercase();
        let any = |words: &[&str]| words.iter().any(|word| message.contains(word));
        Self {
            effort: any(&["effort", "output_config"]),
            strict: any(&["strict"]),
            cache: any(&["cache_control", "cache_key"]),
            format: any(&["response_format", "json_schema", "structured output"]),
        }
    }

    /// Those that are in both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            effort: self.effort && other.effort,
            strict: self.strict && other.strict,
            cache: self.cache && other.cache,
            format: self.format && other.format,
        }
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for Omit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (self.effort, "effort"),
            (self.strict, "strict"),
            (self.cache, "cache"),
            (self.format, "format"),
        ];
        let named: Vec<&str> = names
            .iter()
            .filter(|(is_named, _)| *is_named)
            .map(|(_, name)| *name)
            .collect();
        f.write_str(&named.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_what_to_leave_out() {
        let named = |message: &str| {
            let message = message.to_owned();
            Omit::named_in(&ErrorKind::InvalidRequest { message }).to_string()
        };
        assert_eq!(
            named("Argument not supported on this model: reasoning_effort"),
            "effort"
        );
        assert_eq!(
            named("tools.0.strict: Extra inputs are not permitted"),
            "strict"
        );
        assert_eq!(
            named("response_format.type: json_schema is not supported"),
            "format"
        );
        assert_eq!(named("cache_control: unknown field"), "cache");
        assert_eq!(named("messages: too short"), "");
        assert!(Omit::named_in(&ErrorKind::Overloaded).is_empty());
    }

    #[test]
    fn models_of_local_servers_get_plain_requests() {
        assert!(!takes_strict("Llama-3.2-3B-Instruct"));
        assert!(!takes_cache_marks("qwen3:8b"));
        assert!(takes_strict("claude-sonnet-5-5") && takes_cache_marks("unheard-of"));
        assert_eq!(effort_name(Provider::Chat, "qwen3:8b", Effort::High), None);
        assert_eq!(
            effort_name(Provider::Chat, "unheard-of", Effort::Max),
            Some("high")
        );
        assert_eq!(
            effort_name(Provider::Chat, "grok-4.7", Effort::Max),
            Some("xhigh")
        );
    }
}
