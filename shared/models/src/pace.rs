//! Keeps parallel calls of one client within the provider's limits, as its headers tell them.
//!
//! Source: platform.claude.com, rate limits (November 2026). xAI documents no such headers; there
//! only `retry-after` counts.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::call::Fault;
use crate::error::ErrorKind;
use crate::retry::{self, Hint, PAUSE_MAX};

/// Requests of one client that wait for the beginning of their answer at the same time. A reviewer
/// answers after half a minute, and a process may review many tasks of many assignments: what is
/// too much for the service, it says itself.
pub const WAITING_MAX: usize = 512;

/// Bytes of a request that are about one token.
const TOKEN_BYTES: u64 = 4;

/// The gate through which every request of a client goes.
#[derive(Debug)]
pub(crate) struct Pacer {
    slots: Semaphore,
    known: Mutex<Known>,
}

impl Default for Pacer {
    fn default() -> Self {
        Self {
            slots: Semaphore::new(WAITING_MAX),
            known: Mutex::default(),
        }
    }
}

/// What is left of one limit until it is filled up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bucket {
    limit: u64,
    remaining: u64,
    reset: Instant,
}

#[derive(Debug, Default)]
struct Known {
    held_until: Option<Instant>,
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
}

impl Known {
    /// Takes a request of `tokens` out of what is left.
    ///
    /// # Errors
    /// How long it has to wait.
    fn take(&mut self, tokens: u64, now: Instant) -> Result<(), Duration> {
        let held = self
            .held_until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let wait = [(self.requests, 1), (self.tokens, tokens)]
            .into_iter()
            .filter_map(|(bucket, needed)| Some((bucket?, needed)))
            // What is above the limit itself fits no better later.
            .filter(|(bucket, needed)| bucket.remaining < *needed && *needed <= bucket.limit)
            .map(|(bucket, _)| bucket.reset.saturating_duration_since(now))
            .fold(held, Duration::max);
        if !wait.is_zero() {
            return Err(wait);
        }
        for (bucket, taken) in [(&mut self.requests, 1), (&mut self.tokens, tokens)] {
            if let Some(bucket) = bucket {
                bucket.remaining = bucket.remaining.saturating_sub(taken);
            }
        }
        Ok(())
    }

    fn learn(&mut self, headers: &HeaderMap, now: Instant) {
        self.requests = bucket(headers, "requests", now).or(self.requests);
        self.tokens = bucket(headers, "input-tokens", now)
            .or_else(|| bucket(headers, "tokens", now))
            .or(self.tokens);
    }
}

/// Reads one limit. Its reset is measured from the answer's own `date`.
fn bucket(headers: &HeaderMap, name: &str, now: Instant) -> Option<Bucket> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let field = |what: &str| text(&format!("anthropic-ratelimit-{name}-{what}"));
    let reset: Timestamp = field("reset")?.parse().ok()?;
    let sent = retry::date(text("date")?)?;
    let wait = Duration::try_from(reset.duration_since(sent)).unwrap_or_default();
    Some(Bucket {
        limit: field("limit")?.parse().ok()?,
        remaining: field("remaining")?.parse().ok()?,
        reset: now + wait.min(retry::HEADER_WAIT_MAX),
    })
}

impl Pacer {
    fn known(&self) -> MutexGuard<'_, Known> {
        // What a panic left behind is at worst an old limit.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a request of this many bytes may be sent.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimited`] when that is longer than [`PAUSE_MAX`]; nothing was sent.
    pub(crate) async fn enter(&self, bytes: usize) -> Result<SemaphorePermit<'_>, Fault> {
        let closed = |_| Fault::free(ErrorKind::Transport);
        let slot = self.slots.acquire().await.map_err(closed)?;
        let tokens = (bytes as u64).div_ceil(TOKEN_BYTES);
        loop {
            let taken = self.known().take(tokens, Instant::now());
            match taken {
                Ok(()) => return Ok(slot),
                Err(wait) if wait > PAUSE_MAX => return Err(limited(wait)),
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// Takes in what an answer says about the limits.
    pub(crate) fn learn(&self, headers: &HeaderMap) {
        self.known().learn(headers, Instant::now());
    }

    /// Lets nobody through for as long as the provider asked one of us to wait.
    pub(crate) fn hold(&self, wait: Option<Duration>) {
        let Some(wait) = wait else { return };
        let until = Instant::now() + wait.min(retry::HEADER_WAIT_MAX);
        let mut known = self.known();
        known.held_until = known.held_until.max(Some(until));
    }
}

fn limited(wait: Duration) -> Fault {
    Fault {
        hint: Hint {
            after: Some(wait),
            should_retry: None,
        },
        ..Fault::free(ErrorKind::RateLimited {
            retry_after: Some(wait),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(remaining: (u64, u64)) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut add = |name: &'static str, value: String| {
            headers.insert(name, value.parse().unwrap());
        };
        add("date", "Sun, 22 Nov 2026 22:30:00 GMT".to_owned());
        add("anthropic-ratelimit-requests-limit", "50".to_owned());
        add(
            "anthropic-ratelimit-requests-remaining",
            remaining.0.to_string(),
        );
        add(
            "anthropic-ratelimit-requests-reset",
            "2026-11-22T22:30:07Z".to_owned(),
        );
        add("anthropic-ratelimit-input-tokens-limit", "30000".to_owned());
        add(
            "anthropic-ratelimit-input-tokens-remaining",
            remaining.1.to_string(),
        );
        add(
            "anthropic-ratelimit-input-tokens-reset",
            "2026-11-22T22:30:20Z".to_owned(),
        );
        headers
    }

    #[test]
    fn parallel_requests_share_what_is_left() {
        let now = Instant::now();
        let mut known = Known::default();
        assert_eq!(known.take(1_000_000, now), Ok(()));
        known.learn(&headers((3, 10_000)), now);
        assert_eq!(known.take(6_000, now), Ok(()));
        // 4,000 tokens are left.
        assert_eq!(known.take(6_000, now), Err(Duration::from_secs(20)));
        assert_eq!(known.take(4_000, now), Ok(()));
        assert_eq!(known.take(0, now), Ok(()));
        // And no request.
        assert_eq!(known.take(0, now), Err(Duration::from_secs(7)));
        assert_eq!(known.take(0, now + Duration::from_secs(7)), Ok(()));
    }

    #[test]
    fn requests_above_the_limit_itself_are_not_held() {
        let now = Instant::now();
        let mut known = Known::default();
        known.learn(&headers((3, 10_000)), now);
        assert_eq!(known.take(30_001, now), Ok(()));
    }

    #[test]
    fn answers_without_limits_change_nothing() {
        let now = Instant::now();
        let mut known = Known::default();
        known.learn(&headers((0, 0)), now);
        known.learn(&HeaderMap::new(), now);
        assert!(known.take(1, now).is_err());
    }

    #[tokio::test]
    async fn one_refusal_holds_all_calls_back() {
        let pacer = Pacer::default();
        pacer.hold(Some(Duration::from_millis(50)));
        pacer.hold(Some(Duration::from_millis(20)));
        let begun = Instant::now();
        assert!(pacer.enter(1).await.is_ok());
        assert!(begun.elapsed() >= Duration::from_millis(50));
    }

    #[tokio::test]
    async fn long_waits_are_left_to_the_caller() {
        let pacer = Pacer::default();
        pacer.hold(Some(Duration::from_secs(90)));
        let fault = pacer.enter(1).await.unwrap_err();
        let after = fault.hint.after;
        assert_eq!(fault.kind, ErrorKind::RateLimited { retry_after: after });
        assert!(after.unwrap() > Duration::from_secs(80));
    }
}
