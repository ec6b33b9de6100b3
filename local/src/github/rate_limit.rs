//! The primary rate limit: 5,000 requests an hour for each token.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

/// Requests an hour for a classic token.
const REQUESTS_MAX: u64 = 5_000;
const WINDOW_SECONDS: i64 = 3_600;
const CONTENT_SECONDS: i64 = 60;

/// How much of the current hour is used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    pub(super) used: u64,
    pub(super) reset: i64,
}

impl Allowance {
    pub(super) const LIMIT: u64 = REQUESTS_MAX;

    pub(super) fn remaining(self) -> u64 {
        REQUESTS_MAX.saturating_sub(self.used)
    }

    pub(super) fn is_exceeded(self) -> bool {
        self.used > REQUESTS_MAX
    }

    fn body(self, resource: &str) -> Value {
        json!({
            "limit": REQUESTS_MAX,
            "used": self.used,
            "remaining": self.remaining(),
            "reset": self.reset,
            "resource": resource,
        })
    }
}

/// Counters by login; in memory only, as a restart starts a new hour.
#[derive(Debug, Default)]
pub(super) struct RateLimits {
    hours: Mutex<HashMap<String, Allowance>>,
    /// When content was created, in seconds, oldest first.
    contents: Mutex<HashMap<String, VecDeque<i64>>>,
}

impl RateLimits {
    /// Takes one request from the allowance, or only looks at it (`GET /rate_limit` is free).
    pub(super) fn charge(&self, login: &str, requests: u64, now: Timestamp) -> Allowance {
        let mut allowances = self.hours.lock().unwrap_or_else(PoisonError::into_inner);
        let allowance = allowances.entry(login.to_owned()).or_insert(Allowance {
            used: 0,
            reset: now.as_second() + WINDOW_SECONDS,
        });
        if allowance.reset <= now.as_second() {
            allowance.used = 0;
            allowance.reset = now.as_second() + WINDOW_SECONDS;
        }
        allowance.used = allowance.used.saturating_add(requests);
        *allowance
    }

    /// Counts one creation of content, unless it is more than `most` within a minute.
    pub(super) fn creates_too_much(&self, login: &str, most: u32, now: Timestamp) -> bool {
        let now = now.as_second();
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        let times = contents.entry(login.to_owned()).or_default();
        while times
            .front()
            .is_some_and(|time| *time <= now - CONTENT_SECONDS)
        {
            times.pop_front();
        }
        let exceeded = times.len() >= usize::try_from(most).unwrap_or(usize::MAX);
        if !exceeded {
            times.push_back(now);
        }
        exceeded
    }
}

/// `rate-limit-overview` of the OpenAPI description. Only `core` can be used here, so the other
/// required resource is always whole.
pub(super) fn overview(core: Allowance) -> Value {
    let search = Allowance {
        used: 0,
        reset: core.reset,
    };
    json!({
        "resources": { "core": core.body("core"), "search": search.body("search") },
        "rate": core.body("core"),
    })
}

#[cfg(test)]
mod tests {
    use super::{REQUESTS_MAX, RateLimits, WINDOW_SECONDS};
    use jiff::Timestamp;

    #[test]
    fn the_allowance_returns_after_an_hour() {
        let limits = RateLimits::default();
        let start = Timestamp::UNIX_EPOCH;
        assert!(!limits.charge("a", REQUESTS_MAX, start).is_exceeded());
        assert!(limits.charge("a", 1, start).is_exceeded());
        assert!(!limits.charge("b", 1, start).is_exceeded());
        let later = Timestamp::from_second(WINDOW_SECONDS).unwrap();
        assert_eq!(limits.charge("a", 1, later).used, 1);
    }
}
