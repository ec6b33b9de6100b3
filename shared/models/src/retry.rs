//! When to try again: pure arithmetic, no clock.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;

use crate::error::{ErrorKind, Provider};

/// The longest pause inside a call; the error carries a longer one for the caller to wait.
pub const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The pause before the first retry; it doubles from there.
const PAUSE_FIRST: Duration = Duration::from_secs(1);

/// The longest pause that a header can ask for; anything above is nonsense and cut to it.
const HEADER_SECONDS_MAX: f64 = 7.0 * 24.0 * 3600.0;

/// The same as a length of time.
pub(crate) const HEADER_WAIT_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// What the headers of an error answer say about trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Hint {
    /// `x-should-retry`.
    pub(crate) should_retry: Option<bool>,
    /// `retry-after-ms`, else `retry-after`.
    pub(crate) after: Option<Duration>,
}

impl Hint {
    /// Reads the headers of an error answer. A date is measured from the answer's own `date`.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let should_retry = match text("x-should-retry") {
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) | None => None,
        };
        let after = text("retry-after-ms")
            .and_then(|ms| seconds(ms, 0.001))
            .or_else(|| seconds(text("retry-after")?, 1.0))
            .or_else(|| between(text("date")?, text("retry-after")?));
        Self {
            should_retry,
            after,
        }
    }
}

fn seconds(text: &str, unit: f64) -> Option<Duration> {
    let number: f64 = text.trim().parse().ok()?;
    let seconds = number * unit;
    if !seconds.is_finite() || seconds < 0.0 {
        return None;
    }
    Duration::try_from_secs_f64(seconds.min(HEADER_SECONDS_MAX)).ok()
}

fn between(start: &str, end: &str) -> Option<Duration> {
    let start = date(start)?;
    let end = date(end)?;
    let gap = u64::try_from(end.as_second().saturating_sub(start.as_second())).unwrap_or(0);
    #[expect(clippy::cast_precision_loss, reason = "a pause is far below 2^52 s")]
    seconds(&(gap as f64).to_string(), 1.0)
}

pub(crate) fn date(text: &str) -> Option<Timestamp> {
    let zoned = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    Some(zoned.timestamp())
}

/// A failed attempt, as far as the decision needs it.
pub(crate) struct Failed<'a> {
    pub(crate) provider: Provider,
    pub(crate) kind: &'a ErrorKind,
    pub(crate) hint: Hint,
    /// Whether something of the answer was handed on, or usage was reported: such an attempt was
    /// paid for, and only the caller can decide to pay again.
    pub(crate) streamed: bool,
    /// Retries made so far.
    pub(crate) retries: u32,
    pub(crate) retries_max: u32,
}

/// Returns how long to pause before the next attempt, or `None` to give up.
///
/// `jitter` is uniform over `0..=u32::MAX` and takes away up to half of a pause that the provider
/// did not ask for.
pub(crate) fn pause(failed: &Failed<'_>, jitter: u32) -> Option<Duration> {
    if failed.streamed || failed.retries >= failed.retries_max || !may_repeat(failed) {
        return None;
    }
    match failed.hint.after {
        Some(after) if after > PAUSE_MAX => None,
        Some(after) => Some(after),
        None => Some(backoff(failed.retries, jitter)),
    }
}

fn may_repeat(failed: &Failed<'_>) -> bool {
    let by_kind = match failed.kind {
        // Anthropic leaves `retry-after` out where the tier's spend cap is reached.
        ErrorKind::RateLimited { .. } => {
            failed.provider != Provider::Anthropic || failed.hint.after.is_some()
        }
        ErrorKind::Overloaded
        | ErrorKind::Server { .. }
        | ErrorKind::Timeout { .. }
        | ErrorKind::Transport
        | ErrorKind::Stream(_) => true,
        // It was answered, and so probably billed.
        ErrorKind::Malformed { .. } => false,
        ErrorKind::InvalidRequest { .. } => false,
        // Whatever the headers say: these do not pass by waiting.
        ErrorKind::Settings { .. }
        | ErrorKind::InvalidKey
        | ErrorKind::Permission
        | ErrorKind::NotFound { .. }
        | ErrorKind::TooLarge
        | ErrorKind::AllowanceSpent { .. }
        | ErrorKind::SpendLimit => return false,
    };
    failed.hint.should_retry.unwrap_or(by_kind)
}

fn backoff(retries: u32, jitter: u32) -> Duration {
    let full = PAUSE_FIRST
        .saturating_mul(1_u32.checked_shl(retries).unwrap_or(u32::MAX))
        .min(PAUSE_MAX);
    let part = 0.5 + f64::from(jitter) / f64::from(u32::MAX) / 2.0;
    full.mul_f64(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    http::HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect()
    }

    fn after(pairs: &[(&'static str, &str)]) -> Option<Duration> {
        Hint::from_headers(&headers(pairs)).after
    }

    fn failed(kind: &ErrorKind) -> Failed<'_> {
        Failed {
            provider: Provider::Anthropic,
            kind,
            hint: Hint::default(),
            streamed: false,
            retries: 0,
            retries_max: 3,
        }
    }

    #[test]
    fn milliseconds_count_before_seconds() {
        assert_eq!(
            after(&[("retry-after-ms", "1500"), ("retry-after", "9")]),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(
            after(&[("retry-after-ms", "soon"), ("retry-after", "9")]),
            Some(Duration::from_secs(9))
        );
    }

    #[test]
    fn date_counts_from_the_answers_date() {
        let retry = ("retry-after", "Sun, 22 Nov 2026 22:31:10 GMT");
        let date = ("date", "Sun, 22 Nov 2026 22:30:00 GMT");
        assert_eq!(after(&[retry, date]), Some(Duration::from_secs(70)));
        assert_eq!(after(&[retry]), None);
        let past = ("retry-after", "Sun, 22 Nov 2026 22:29:00 GMT");
        assert_eq!(after(&[past, date]), Some(Duration::ZERO));
    }

    #[test]
    fn nonsense_headers_are_ignored() {
        for value in ["-1", "NaN", "inf", "", "tomorrow"] {
            assert_eq!(after(&[("retry-after", value)]), None, "{value}");
        }
        assert!(after(&[("retry-after", "1e300")]).is_some());
    }

    #[test]
    fn backoff_doubles_up_to_the_cap() {
        assert_eq!(backoff(0, u32::MAX), Duration::from_secs(1));
        assert_eq!(backoff(0, 0), Duration::from_millis(500));
        assert_eq!(backoff(3, u32::MAX), Duration::from_secs(8));
        assert_eq!(backoff(9, u32::MAX), PAUSE_MAX);
        assert_eq!(backoff(77, u32::MAX), PAUSE_MAX);
    }

    #[test]
    fn long_waits_are_left_to_the_caller() {
        let kind = ErrorKind::RateLimited { retry_after: None };
        let mut failed = failed(&kind);
        failed.hint.after = Some(PAUSE_MAX);
        assert_eq!(pause(&failed, 0), Some(PAUSE_MAX));
        failed.hint.after = Some(PAUSE_MAX + Duration::from_secs(1));
        assert_eq!(pause(&failed, 0), None);
    }

    #[test]
    fn spend_cap_without_retry_after_is_not_repeated() {
        let kind = ErrorKind::RateLimited { retry_after: None };
        let mut failed = failed(&kind);
        assert_eq!(pause(&failed, 0), None);
        failed.provider = Provider::Xai;
        assert!(pause(&failed, 0).is_some());
    }

    #[test]
    fn should_retry_is_obeyed_first() {
        let asked = |kind: &ErrorKind, should_retry: bool| {
            let mut failed = failed(kind);
            failed.hint.should_retry = Some(should_retry);
            pause(&failed, 0).is_some()
        };
        let message = String::new();
        assert!(!asked(&ErrorKind::Overloaded, false));
        assert!(asked(&ErrorKind::InvalidRequest { message }, true));
        assert!(!asked(&ErrorKind::SpendLimit, true));
        assert!(!asked(&ErrorKind::InvalidKey, true));
    }

    #[test]
    fn paid_attempts_are_not_repeated() {
        let mut failed = failed(&ErrorKind::Overloaded);
        assert!(pause(&failed, 0).is_some());
        failed.streamed = true;
        assert_eq!(pause(&failed, 0), None);
    }

    #[test]
    fn retries_are_bounded() {
        let mut failed = failed(&ErrorKind::Transport);
        failed.retries = 3;
        assert_eq!(pause(&failed, 0), None);
    }
}
