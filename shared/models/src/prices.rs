//! What tokens cost.
//!
//! Prices move: an xAI answer carries its exact cost, which is preferred, and an unknown model is
//! priced like the dearest of its provider, so that a budget is never undercut.

use crate::error::Provider;

/// An amount of money: millionths of a US dollar, rounded up.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct MicroUsd(pub u64);

/// Ticks of xAI's `usage.cost_in_usd_ticks` in a millionth of a US dollar (10^10 in a dollar).
const TICKS_PER_MICRO_USD: u64 = 10_000;

/// Tokens for which a [`Price`] is given.
const PRICE_TOKENS: u128 = 1_000_000;

/// An answer from a batch costs one part in this many. Source: platform.claude.com, batch
/// processing (November 2026).
const BATCH_PART: u64 = 2;

/// Converts xAI's `usage.cost_in_usd_ticks`, rounding up.
pub fn from_ticks(ticks: u64) -> MicroUsd {
    MicroUsd(ticks.div_ceil(TICKS_PER_MICRO_USD))
}

/// Tokens by what they are charged as; the kinds do not overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Charged {
    /// Prompt tokens that were neither read from nor written to the cache.
    pub fresh: u64,
    /// Prompt tokens read from the cache.
    pub cached: u64,
    /// Prompt tokens written to the cache for five minutes.
    pub written_5m: u64,
    /// Prompt tokens written to the cache for an hour.
    pub written_1h: u64,
    /// Tokens of the answer, reasoning included.
    pub output: u64,
}

impl Charged {
    fn input(&self) -> u64 {
        [self.cached, self.written_5m, self.written_1h]
            .iter()
            .fold(self.fresh, |sum, tokens| sum.saturating_add(*tokens))
    }
}

/// Prices of one model in micro-USD for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// For fresh prompt tokens.
    pub fresh: u64,
    /// For prompt tokens read from the cache.
    pub cached: u64,
    /// For prompt tokens written to the cache for five minutes.
    pub written_5m: u64,
    /// For prompt tokens written to the cache for an hour.
    pub written_1h: u64,
    /// For tokens of the answer.
    pub output: u64,
    /// From this many prompt tokens on, everything costs `long_times` as much.
    pub long_from: u64,
    /// See `long_from`.
    pub long_times: u64,
}

impl Price {
    /// Returns the cost, rounded up once over the whole sum.
    pub fn cost(&self, tokens: &Charged) -> MicroUsd {
        let line = |count: u64, price: u64| u128::from(count) * u128::from(price);
        let lines = [
            line(tokens.fresh, self.fresh),
            line(tokens.cached, self.cached),
            line(tokens.written_5m, self.written_5m),
            line(tokens.written_1h, self.written_1h),
            line(tokens.output, self.output),
        ];
        let sum = lines.into_iter().fold(0, u128::saturating_add);
        let times = if tokens.input() >= self.long_from {
            u128::from(self.long_times)
        } else {
            1
        };
        let micros = sum.saturating_mul(times).div_ceil(PRICE_TOKENS);
        MicroUsd(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// xAI: fresh, cached, output; double from 200,000 prompt tokens.
const fn grok(fresh: u64, cached: u64, output: u64) -> Price {
    Price {
        fresh,
        cached,
        written_5m: fresh,
        written_1h: fresh,
        output,
        long_from: 200_000,
        long_times: 2,
    }
}

/// Anthropic: writing costs 1.25 (5 minutes) and 2 (an hour) times the fresh price.
const fn claude(fresh: u64, cached: u64, output: u64) -> Price {
    Price {
        fresh,
        cached,
        written_5m: fresh + fresh / 4,
        written_1h: fresh * 2,
        output,
        long_from: u64::MAX,
        long_times: 1,
    }
}

/// Source: docs.x.ai, November 2026. The dearest is first.
const XAI: &[(&str, Price)] = &[
    ("grok-4.7", grok(2_000_000, 500_000, 6_000_000)),
    ("grok-4.6", grok(2_000_000, 500_000, 6_000_000)),
    // Gateways say 0.50 for cached tokens, price tables 0.30: the higher one.
    ("grok-4.5", grok(2_000_000, 500_000, 6_000_000)),
    ("grok-4.3", grok(1_250_000, 200_000, 2_500_000)),
    ("grok-4.20", grok(1_250_000, 200_000, 2_500_000)),
    ("grok-build-0.1", grok(1_000_000, 200_000, 2_000_000)),
    ("grok-code-fast", grok(1_000_000, 200_000, 2_000_000)),
    ("grok-build-latest", grok(2_000_000, 500_000, 6_000_000)),
];

/// Source: platform.claude.com, November 2026. The dearest is first.
const ANTHROPIC: &[(&str, Price)] = &[
    ("claude-fable-5-1", claude(10_000_000, 250_000, 50_000_000)),
    // The price of a cache read is not published: a tenth, as on the older models.
    ("claude-fable-5-2", claude(8_000_000, 800_000, 40_000_000)),
    ("claude-mythos-5-2", claude(8_000_000, 800_000, 40_000_000)),
    ("claude-opus-5-5", claude(4_000_000, 200_000, 20_000_000)),
    ("claude-sonnet-5-5", claude(2_000_000, 100_000, 10_000_000)),
    (
        "claude-haiku-5-5",
        Price {
            long_from: 100_001,
            long_times: 5,
            ..claude(100_000, 10_000, 500_000)
        },
    ),
    ("claude-opus-5", claude(5_000_000, 500_000, 25_000_000)),
    ("claude-sonnet-5", claude(2_000_000, 200_000, 10_000_000)),
    ("claude-sonnet-4-6", claude(3_000_000, 300_000, 15_000_000)),
    ("claude-haiku-4-5", claude(1_000_000, 100_000, 5_000_000)),
];

/// Models of the stand-in servers: priced like the default model of the provider they stand for.
const SCRIPTED: &str = "scripted";

/// Returns the price of a model, or `None` when the table does not have it.
///
/// An id may carry a suffix (`-latest`, a date): the longest entry that it begins with counts.
pub fn find(provider: Provider, model: &str) -> Option<Price> {
    let (table, scripted) = match provider {
        Provider::Xai => (XAI, "grok-4.7"),
        Provider::Anthropic => (ANTHROPIC, "claude-sonnet-5-5"),
        // Such a server may serve the models of either.
        Provider::Chat => {
            return find(Provider::Xai, model).or_else(|| find(Provider::Anthropic, model));
        }
    };
    let model = if model.starts_with(SCRIPTED) {
        scripted
    } else {
        model
    };
    table
        .iter()
        .filter(|(id, _)| is_or_extends(model, id))
        .max_by_key(|(id, _)| id.len())
        .map(|(_, price)| *price)
}

fn is_or_extends(model: &str, id: &str) -> bool {
    model
        .strip_prefix(id)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Returns the price of the model that answered; else of the one that was asked for; else of the
/// provider's dearest, which is an upper bound.
pub fn of_answer(provider: Provider, served: &str, requested: &str) -> Price {
    find(provider, served)
        .or_else(|| find(provider, requested))
        .unwrap_or_else(|| dearest(provider))
}

fn dearest(provider: Provider) -> Price {
    match provider {
        Provider::Xai => grok(2_000_000, 500_000, 6_000_000),
        Provider::Anthropic | Provider::Chat => claude(10_000_000, 800_000, 50_000_000),
    }
}

/// By what an answer is priced where the provider does not say what it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tariff<'a> {
    /// The model that was asked for.
    pub requested: &'a str,
    /// A price from the settings, which counts instead of the table's.
    pub fixed: Option<Price>,
    /// Whether it came from a batch, which costs half, whoever says the price.
    pub is_batch: bool,
}

impl<'a> From<&'a str> for Tariff<'a> {
    /// The table's price of a model.
    fn from(requested: &'a str) -> Self {
        Self {
            requested,
            fixed: None,
            is_batch: false,
        }
    }
}

impl Tariff<'_> {
    /// Returns the price of an answer of `served`.
    pub fn price(&self, provider: Provider, served: &str) -> Price {
        let price = self
            .fixed
            .unwrap_or_else(|| of_answer(provider, served, self.requested));
        if self.is_batch {
            price.of_batch()
        } else {
            price
        }
    }
}

impl Price {
    /// Returns what a batch costs: half of everything, the cache included.
    pub const fn of_batch(self) -> Self {
        Self {
            fresh: self.fresh.div_ceil(BATCH_PART),
            cached: self.cached.div_ceil(BATCH_PART),
            written_5m: self.written_5m.div_ceil(BATCH_PART),
            written_1h: self.written_1h.div_ceil(BATCH_PART),
            output: self.output.div_ceil(BATCH_PART),
            ..self
        }
    }

    /// A price as a person sets it, in micro-USD for a million tokens: without a difference
    /// between fresh tokens and those written to a cache, nor for long prompts.
    pub const fn flat(fresh: u64, cached: u64, output: u64) -> Self {
        Self {
            fresh,
            cached,
            written_5m: fresh,
            written_1h: fresh,
            output,
            long_from: u64::MAX,
            long_times: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(fresh: u64, cached: u64, output: u64) -> Charged {
        Charged {
            fresh,
            cached,
            output,
            ..Charged::default()
        }
    }

    #[test]
    fn ticks_round_up() {
        assert_eq!(from_ticks(0), MicroUsd(0));
        assert_eq!(from_ticks(1), MicroUsd(1));
        assert_eq!(from_ticks(10_000), MicroUsd(1));
        assert_eq!(from_ticks(23_800_001), MicroUsd(2_381));
    }

    #[test]
    fn batches_cost_half() {
        let opus = find(Provider::Anthropic, "claude-opus-5-5").unwrap();
        let batch = opus.of_batch();
        assert_eq!((batch.fresh, batch.output), (2_000_000, 10_000_000));
        assert_eq!((batch.written_5m, batch.written_1h), (2_500_000, 4_000_000));
        let mut tariff = Tariff::from("claude-opus-5-5");
        assert_eq!(tariff.price(Provider::Anthropic, ""), opus);
        tariff.is_batch = true;
        assert_eq!(tariff.price(Provider::Anthropic, ""), batch);
        // What a person set is what a plain call costs.
        tariff.fixed = Some(Price::flat(3, 2, 1));
        assert_eq!(tariff.price(Provider::Anthropic, ""), Price::flat(2, 1, 1));
    }

    #[test]
    fn cost_is_rounded_up_once() {
        let price = find(Provider::Xai, "grok-4.7").unwrap();
        // 2 * 3 + 0.5 * 1 + 6 * 2 = 18.5 micro-USD.
        assert_eq!(price.cost(&tokens(3, 1, 2)), MicroUsd(19));
    }

    #[test]
    fn counts_that_no_answer_has_cost_more_than_anything() {
        let price = Price::flat(u64::MAX, u64::MAX, u64::MAX);
        let tokens = tokens(u64::MAX, u64::MAX, u64::MAX);
        assert_eq!(price.cost(&tokens), MicroUsd(u64::MAX));
    }

    #[test]
    fn long_prompts_cost_a_multiple() {
        let grok = find(Provider::Xai, "grok-4.7").unwrap();
        assert_eq!(grok.cost(&tokens(199_999, 0, 0)), MicroUsd(399_998));
        assert_eq!(grok.cost(&tokens(199_999, 1, 0)), MicroUsd(799_997));
        let haiku = find(Provider::Anthropic, "claude-haiku-5-5").unwrap();
        assert_eq!(haiku.cost(&tokens(100_000, 0, 2)), MicroUsd(10_001));
        assert_eq!(haiku.cost(&tokens(100_001, 0, 2)), MicroUsd(50_006));
    }

    #[test]
    fn cache_writes_cost_more_than_fresh_tokens() {
        let opus = find(Provider::Anthropic, "claude-opus-5-5").unwrap();
        assert_eq!((opus.written_5m, opus.written_1h), (5_000_000, 8_000_000));
        let haiku = find(Provider::Anthropic, "claude-haiku-5-5").unwrap();
        assert_eq!((haiku.written_5m, haiku.written_1h), (125_000, 200_000));
    }

    #[test]
    fn longest_id_counts() {
        let find = |model| find(Provider::Anthropic, model);
        assert_eq!(find("claude-opus-5-5-20260901").unwrap().fresh, 4_000_000);
        assert_eq!(find("claude-opus-5-20260301").unwrap().fresh, 5_000_000);
        assert_eq!(find("claude-opus-55"), None);
    }

    #[test]
    fn scripted_models_cost_like_the_defaults() {
        assert_eq!(
            find(Provider::Xai, "scripted-planner"),
            find(Provider::Xai, "grok-4.7")
        );
        assert_eq!(
            find(Provider::Anthropic, "scripted"),
            find(Provider::Anthropic, "claude-sonnet-5-5")
        );
    }

    #[test]
    fn unknown_model_is_never_cheaper_than_a_known_one() {
        for (provider, table) in [(Provider::Xai, XAI), (Provider::Anthropic, ANTHROPIC)] {
            let bound = of_answer(provider, "unheard-of", "unheard-of-too");
            for (id, price) in table {
                assert!(bound.fresh >= price.fresh, "{id}");
                assert!(bound.cached >= price.cached, "{id}");
                assert!(bound.written_1h >= price.written_1h, "{id}");
                assert!(bound.output >= price.output, "{id}");
            }
        }
    }

    #[test]
    fn served_model_is_priced_before_the_requested() {
        let price = of_answer(Provider::Xai, "grok-4.3", "grok-4.7");
        assert_eq!(price.output, 2_500_000);
        let price = of_answer(Provider::Xai, "surprise", "grok-4.3");
        assert_eq!(price.output, 2_500_000);
    }

    #[test]
    fn huge_counts_saturate() {
        let price = find(Provider::Anthropic, "claude-opus-5-5").unwrap();
        let all = Charged {
            fresh: u64::MAX,
            cached: u64::MAX,
            written_5m: u64::MAX,
            written_1h: u64::MAX,
            output: u64::MAX,
        };
        assert_eq!(price.cost(&all), MicroUsd(u64::MAX));
    }
}
