//! How long to wait between attempts.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Waits while a repository that was just created is not visible everywhere yet: 15.5 s in all.
/// Measured by others on GitHub in 2026: up to about 15 s.
const VISIBLE_DELAYS: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// The first wait after a lost answer or a 5xx; doubles with every attempt.
const REPEAT_DELAY_FIRST: Duration = Duration::from_millis(300);

/// The longest wait after a lost answer or a 5xx.
const REPEAT_DELAY_MAX: Duration = Duration::from_secs(5);

/// The delays of one client. Tests replace them; they cannot pause tokio's time, because the
/// client waits for real sockets meanwhile and a paused clock would jump to their time-outs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    visible: [Duration; VISIBLE_DELAYS.len()],
    first: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            visible: VISIBLE_DELAYS,
            first: REPEAT_DELAY_FIRST,
        }
    }
}

impl Pace {
    /// The same number of attempts, without waiting.
    #[cfg(test)]
    pub(crate) fn immediate() -> Self {
        Self {
            visible: [Duration::ZERO; VISIBLE_DELAYS.len()],
            first: Duration::ZERO,
        }
    }

    /// The wait before look `attempt` (from 0) for something new; `None` when it is time to give up.
    pub(crate) fn visible(&self, attempt: usize) -> Option<Duration> {
        self.visible.get(attempt).copied()
    }

    /// The wait before repeat `attempt` (from 0): doubling, bounded, with jitter of up to a half,
    /// so that executions which failed together do not come back together.
    pub(crate) fn repeat(&self, attempt: u32) -> Duration {
        let full = self
            .first
            .saturating_mul(2_u32.saturating_pow(attempt))
            .min(REPEAT_DELAY_MAX);
        let half = full / 2;
        let random = RandomState::new().hash_one(attempt) % 1024;
        half + half.mul_f64(random as f64 / 1024.0)
    }
}

#[cfg(test)]
mod facts {
    use super::*;

    #[test]
    fn repeats_wait_longer_each_time_within_bounds() {
        let pace = Pace::default();
        for attempt in 0..40 {
            let full = REPEAT_DELAY_FIRST
                .saturating_mul(2_u32.saturating_pow(attempt))
                .min(REPEAT_DELAY_MAX);
            let wait = pace.repeat(attempt);
            assert!(
                wait >= full / 2 && wait <= full,
                "{attempt}: {wait:?} of {full:?}"
            );
        }
    }

    #[test]
    fn visibility_is_awaited_for_about_fifteen_seconds() {
        let pace = Pace::default();
        let total: Duration = (0..).map_while(|attempt| pace.visible(attempt)).sum();
        assert_eq!(total, Duration::from_millis(15_500));
    }
}
