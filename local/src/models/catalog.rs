//! The models the two services know, what each of them accepts and costs, and how it behaves.
//!
//! Ids, windows, prices and accepted values are those of the vendors' model pages as read in
//! November 2026. The scripted names have the rules of `grok-4.7` and `claude-opus-5-5`.

/// How the scripted intelligence behaves; chosen by the model's name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Scripted,
    Flawless,
    InvalidPlan,
    HopelessPlan,
    Refusal,
    Overloaded,
    Busy,
    Slow,
    OutOfCredit,
    TooLong,
    Truncated,
    Stuck,
    NeverSatisfied,
    RubberStamp,
    Miscites,
    Suspicious,
    Empty,
    CutOff,
    InvalidJson,
    Unbuildable,
    NeverBuilds,
}

/// Every scripted name.
pub(crate) const SCRIPTED: &[(&str, Behaviour)] = &[
    ("scripted", Behaviour::Scripted),
    ("scripted-flawless", Behaviour::Flawless),
    ("scripted-invalid-plan", Behaviour::InvalidPlan),
    ("scripted-hopeless-plan", Behaviour::HopelessPlan),
    ("scripted-refusal", Behaviour::Refusal),
    ("scripted-overloaded", Behaviour::Overloaded),
    ("scripted-busy", Behaviour::Busy),
    ("scripted-slow", Behaviour::Slow),
    ("scripted-out-of-credit", Behaviour::OutOfCredit),
    ("scripted-too-long", Behaviour::TooLong),
    ("scripted-truncated", Behaviour::Truncated),
    ("scripted-stuck", Behaviour::Stuck),
    ("scripted-never-satisfied", Behaviour::NeverSatisfied),
    ("scripted-rubber-stamp", Behaviour::RubberStamp),
    ("scripted-miscites", Behaviour::Miscites),
    ("scripted-suspicious", Behaviour::Suspicious),
    ("scripted-empty", Behaviour::Empty),
    ("scripted-cut-off", Behaviour::CutOff),
    ("scripted-invalid-json", Behaviour::InvalidJson),
    ("scripted-unbuildable", Behaviour::Unbuildable),
    ("scripted-never-builds", Behaviour::NeverBuilds),
];

fn behaviour(id: &str) -> Option<Behaviour> {
    SCRIPTED
        .iter()
        .find(|(name, _)| *name == id)
        .map(|(_, behaviour)| *behaviour)
}

/// What the xAI service knows of a model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GrokModel {
    pub(crate) id: &'static str,
    pub(crate) aliases: &'static [&'static str],
    /// Accepted values of the reasoning effort; none when the model refuses the field.
    pub(crate) efforts: &'static [&'static str],
    /// Tokens of the context window.
    pub(crate) context: u64,
    /// Prices in ticks (10^-10 USD) a token: input, cached input, output.
    pub(crate) ticks: (u64, u64, u64),
}

const FOUR: &[&str] = &["low", "medium", "high", "xhigh"];
const THREE: &[&str] = &["low", "medium", "high"];
const WITH_NONE: &[&str] = &["none", "low", "medium", "high"];

pub(crate) const GROK: &[GrokModel] = &[
    GrokModel {
        id: "grok-4.7",
        aliases: &["grok-latest"],
        efforts: FOUR,
        context: 500_000,
        ticks: (20_000, 5_000, 60_000),
    },
    GrokModel {
        id: "grok-4.6",
        aliases: &[],
        efforts: FOUR,
        context: 500_000,
        ticks: (20_000, 5_000, 60_000),
    },
    GrokModel {
        id: "grok-4.5",
        aliases: &["grok-4.5-latest", "grok-build-latest"],
        efforts: THREE,
        context: 500_000,
        ticks: (20_000, 3_000, 60_000),
    },
    GrokModel {
        id: "grok-4.3",
        aliases: &["grok-4.3-latest"],
        efforts: WITH_NONE,
        context: 1_000_000,
        ticks: (12_500, 2_000, 25_000),
    },
    GrokModel {
        id: "grok-4.20-0309-reasoning",
        aliases: &["grok-4.20"],
        efforts: &[],
        context: 1_000_000,
        ticks: (12_500, 2_000, 25_000),
    },
    GrokModel {
        id: "grok-4.20-0309-non-reasoning",
        aliases: &[],
        efforts: &[],
        context: 1_000_000,
        ticks: (12_500, 2_000, 25_000),
    },
    GrokModel {
        id: "grok-build-0.1",
        aliases: &["grok-code-fast", "grok-code-fast-1"],
        efforts: THREE,
        context: 256_000,
        ticks: (10_000, 2_000, 20_000),
    },
];

/// Finds a model of the xAI service by id or alias.
pub(crate) fn grok(id: &str) -> Option<(GrokModel, Behaviour)> {
    if let Some(behaviour) = behaviour(id) {
        return Some((GROK[0], behaviour));
    }
    let model = GROK
        .iter()
        .find(|model| model.id == id || model.aliases.contains(&id))?;
    Some((*model, Behaviour::Scripted))
}

/// What the Anthropic service knows of a model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClaudeModel {
    pub(crate) id: &'static str,
    /// Accepted values of `thinking.type`.
    pub(crate) thinking: &'static [&'static str],
    /// Whether `output_config.effort` is accepted.
    pub(crate) has_effort: bool,
    /// Whether forced tool choice, prefill and sampling parameters are refused.
    pub(crate) is_newest: bool,
    /// Tokens that one answer may have.
    pub(crate) output_max: u64,
    /// A shorter prefix is not cached, in tokens.
    pub(crate) cache_min: u64,
}

const fn newest(id: &'static str, thinking: &'static [&'static str]) -> ClaudeModel {
    ClaudeModel {
        id,
        thinking,
        has_effort: true,
        is_newest: true,
        output_max: 128_000,
        cache_min: 512,
    }
}

const fn older(id: &'static str, cache_min: u64) -> ClaudeModel {
    ClaudeModel {
        id,
        thinking: &["adaptive", "disabled"],
        has_effort: true,
        is_newest: false,
        output_max: 128_000,
        cache_min,
    }
}

pub(crate) const CLAUDE: &[ClaudeModel] = &[
    newest("claude-opus-5-5", &["adaptive"]),
    newest("claude-sonnet-5-5", &["adaptive", "between_tools"]),
    newest("claude-fable-5-2", &["adaptive"]),
    newest("claude-fable-5-1", &["adaptive"]),
    newest("claude-haiku-5-5", &["adaptive"]),
    older("claude-opus-5", 512),
    older("claude-sonnet-5", 1_024),
    older("claude-sonnet-4-6", 1_024),
    ClaudeModel {
        id: "claude-haiku-4-5-20251001",
        thinking: &["enabled", "disabled"],
        has_effort: false,
        is_newest: false,
        output_max: 64_000,
        cache_min: 4_096,
    },
];

/// Finds a model of the Anthropic service by id.
pub(crate) fn claude(id: &str) -> Option<(ClaudeModel, Behaviour)> {
    if let Some(behaviour) = behaviour(id) {
        return Some((CLAUDE[0], behaviour));
    }
    let model = CLAUDE.iter().find(|model| model.id == id)?;
    Some((*model, Behaviour::Scripted))
}
