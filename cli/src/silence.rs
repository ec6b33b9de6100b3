//! How long nothing was heard of the task that is followed, and when to have it looked at.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Silence after which everything is fetched again, and the task may be looked at.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);
/// Shortest wait for a message.
const WAIT_MIN: Duration = Duration::from_millis(10);

/// The silence of one task.
#[derive(Debug)]
pub(crate) struct Silence {
    heard: Cell<Instant>,
    rests_until: Cell<Instant>,
}

impl Silence {
    /// Somebody begins to listen.
    pub(crate) fn begin(now: Instant) -> Self {
        Self {
            heard: Cell::new(now),
            rests_until: Cell::new(now),
        }
    }

    /// Something was heard.
    pub(crate) fn heard(&self, now: Instant) {
        self.heard.set(now);
    }

    /// No look can bring anything for this long.
    pub(crate) fn rest(&self, now: Instant, pause: Duration) {
        self.rests_until.set(now + pause);
    }

    /// Whether the task should be looked at.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now >= self.due()
    }

    /// How long to listen until it should be.
    pub(crate) fn left(&self, now: Instant) -> Duration {
        self.due().saturating_duration_since(now).max(WAIT_MIN)
    }

    fn due(&self) -> Instant {
        (self.heard.get() + SILENCE).max(self.rests_until.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_due_after_a_silence_and_not_before_it_can_bring_something() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let silence = Silence::begin(start);
        assert!(!silence.is_due(after(1)));
        assert_eq!(silence.left(after(1)), Duration::from_secs(1));
        assert!(silence.is_due(after(2)));
        silence.rest(after(2), Duration::from_secs(15));
        assert!(!silence.is_due(after(16)) && silence.is_due(after(17)));
        silence.heard(after(16));
        assert!(!silence.is_due(after(17)) && silence.is_due(after(18)));
        assert_eq!(silence.left(after(20)), WAIT_MIN);
    }
}
