//! How much a streamed answer has written, for models whose output limit does not limit their
//! hidden reasoning.

use std::time::Duration;

/// Tokens a second that no model of this kind passes: what a silent model may be writing.
pub const TOP_SPEED_TOKENS_PER_SECOND: u64 = 300;

/// Silences shorter than this are the network's, not the model's.
const SILENCE_MIN: Duration = Duration::from_secs(1);

/// Bytes of text that are at least one token.
const TOKEN_BYTES: u64 = 3;

/// An estimate of what an answer has written, never below what it can have.
#[derive(Debug)]
pub(crate) struct Meter {
    allowance: u64,
    bytes: u64,
    silence: Duration,
}

impl Meter {
    pub(crate) fn new(allowance: u64) -> Self {
        Self {
            allowance,
            bytes: 0,
            silence: Duration::ZERO,
        }
    }

    pub(crate) fn allowance(&self) -> u64 {
        self.allowance
    }

    /// Text came after a silence.
    pub(crate) fn heard(&mut self, text: &str, silence: Duration) {
        self.bytes = self.bytes.saturating_add(text.len() as u64);
        if silence >= SILENCE_MIN {
            self.silence = self.silence.saturating_add(silence);
        }
    }

    fn tokens(&self) -> u64 {
        let silent = self.silence.as_millis() * u128::from(TOP_SPEED_TOKENS_PER_SECOND) / 1_000;
        let silent = u64::try_from(silent).unwrap_or(u64::MAX);
        self.bytes.div_ceil(TOKEN_BYTES).saturating_add(silent)
    }

    /// Returns how long the model may go on in silence; `None` when it has passed its allowance.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let left = self.allowance.checked_sub(self.tokens())?;
        let millis = u128::from(left) * 1_000 / u128::from(TOP_SPEED_TOKENS_PER_SECOND);
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        Some(Duration::from_millis(millis).max(SILENCE_MIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_use_the_allowance_up() {
        let mut meter = Meter::new(10);
        meter.heard(&"x".repeat(30), Duration::ZERO);
        assert!(meter.patience().is_some());
        meter.heard("x", Duration::from_millis(999));
        assert_eq!(meter.patience(), None);
    }

    #[test]
    fn silence_counts_at_the_top_speed() {
        let mut meter = Meter::new(3_000);
        assert_eq!(meter.patience(), Some(Duration::from_secs(10)));
        meter.heard("", Duration::from_secs(4));
        assert_eq!(meter.patience(), Some(Duration::from_secs(6)));
        meter.heard("", Duration::from_millis(6_100));
        assert_eq!(meter.patience(), None);
    }

    #[test]
    fn lively_streams_are_not_charged_for_time() {
        let mut meter = Meter::new(1_000);
        for _ in 0..100 {
            meter.heard("abc", Duration::from_millis(900));
        }
        assert_eq!(meter.patience(), Some(Duration::from_secs(3)));
    }

    #[test]
    fn nothing_overflows() {
        let mut meter = Meter::new(u64::MAX);
        meter.heard("x", Duration::MAX);
        meter.heard("x", Duration::MAX);
        assert_eq!(meter.allowance(), u64::MAX);
    }
}
