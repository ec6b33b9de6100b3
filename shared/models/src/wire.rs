//! The wire formats, as pure functions: requests to bytes, answers to values, errors to kinds.

pub mod anthropic;
pub mod faults;
pub mod xai;

use crate::error::Provider;

/// How much a model should think. Not every model knows every step: see [`effort_name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effort {
    /// `low`
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
    /// `xhigh`
    Xhigh,
    /// `max`, at Anthropic only
    Max,
}

/// Models that answer 400 to any effort.
const WITHOUT_EFFORT: [&str; 4] = [
    "grok-4.20-0309-reasoning",
    "grok-4.20-0309-non-reasoning",
    "grok-build",
    "claude-haiku-4-5",
];

/// Models whose highest step is `high`.
const UP_TO_HIGH: [&str; 4] = [
    "grok-4.5",
    "grok-4.3",
    "claude-sonnet-4-6",
    "claude-opus-4-6",
];

/// Returns the effort as the model knows it: its nearest lower step, or `None` for a model that
/// rejects the field. An unknown model is taken to know every step of its provider.
///
/// Source: docs.x.ai and platform.claude.com, model pages, November 2026.
pub fn effort_name(provider: Provider, model: &str, effort: Effort) -> Option<&'static str> {
    if model == "grok-4.20" || WITHOUT_EFFORT.iter().any(|id| model.starts_with(id)) {
        return None;
    }
    let highest = if UP_TO_HIGH.iter().any(|id| model.starts_with(id)) {
        Effort::High
    } else {
        match provider {
            Provider::Xai => Effort::Xhigh,
            Provider::Anthropic => Effort::Max,
        }
    };
    Some(match effort.min(highest) {
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Xhigh => "xhigh",
        Effort::Max => "max",
    })
}
