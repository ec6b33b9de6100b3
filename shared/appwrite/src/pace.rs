//! Time and chance, which enter here and nowhere else.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The clock, the sleep and the dice behind repeats. Tests replace it.
pub(crate) trait Pace: fmt::Debug + Send + Sync {
    /// The monotonic time, for deadlines.
    fn now(&self) -> Instant;
    /// The wall time in Unix seconds, for the reset times of rate limits.
    fn unix_seconds(&self) -> u64;
    /// Blocks this thread.
    fn sleep(&self, wait: Duration);
    /// A duration in `0..=upper`, evenly spread.
    fn jitter(&self, upper: Duration) -> Duration;
}

/// The real thing.
#[derive(Debug)]
pub(crate) struct SystemPace;

impl Pace for SystemPace {
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the edge where the time enters; rate limits name wall times"
    )]
    fn unix_seconds(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map(|time| time.as_secs())
            .unwrap_or_default()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a blocking client waits between repeats: at most `WAIT_MAX`, `retries_max` times, and never past the deadline"
    )]
    fn sleep(&self, wait: Duration) {
        std::thread::sleep(wait);
    }

    fn jitter(&self, upper: Duration) -> Duration {
        // Without randomness every client would wait alike; half is the mean of the real thing.
        let random = getrandom::u32().unwrap_or(u32::MAX / 2);
        upper.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}
