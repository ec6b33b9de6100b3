//! The only place that reads the clock.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// The time now.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The time now, for measuring how long something takes.
pub fn monotonic() -> Instant {
    Instant::now()
}

/// How long it is until the next beat of all who count in `beat`.
pub fn until_beat(beat: Duration) -> Duration {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    beat_after(FIRST.get_or_init(monotonic).elapsed(), beat)
}

fn beat_after(elapsed: Duration, beat: Duration) -> Duration {
    let beats = elapsed.as_nanos() / beat.as_nanos().max(1) + 1;
    let next = beat.saturating_mul(u32::try_from(beats).unwrap_or(u32::MAX));
    next.saturating_sub(elapsed).min(beat)
}

/// A time as Appwrite writes it: UTC, milliseconds, `+00:00`.
pub fn appwrite_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string()
}

/// `seconds` after `time`.
pub fn after(time: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    time.checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}

/// The first time at or after `time` that Appwrite takes for a delayed execution: a whole
/// minute, and more than one minute from `now` (measured).
pub fn whole_minute(time: Timestamp, now: Timestamp) -> Timestamp {
    const MINUTE: i64 = 60;
    // A second more: the request takes a moment to arrive.
    let earliest = time.max(after(now, 61)).as_second();
    let minutes = earliest.div_euclid(MINUTE) + i64::from(earliest.rem_euclid(MINUTE) > 0);
    Timestamp::from_second(minutes.saturating_mul(MINUTE)).unwrap_or(Timestamp::MAX)
}

/// Reads a time that Appwrite wrote. `None` if it is none.
pub fn parse(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_for_a_beat_waits_for_the_same() {
        let ms = Duration::from_millis;
        for (elapsed, wait) in [(0, 10), (1, 9), (9, 1), (10, 10), (27, 3)] {
            assert_eq!(beat_after(ms(elapsed), ms(10)), ms(wait), "{elapsed}");
        }
        // A process that runs for years goes on.
        assert!(beat_after(Duration::from_secs(u64::MAX), ms(10)) <= ms(10));
        assert!(until_beat(ms(10)) <= ms(10));
    }

    #[test]
    fn delays_end_at_whole_minutes_that_appwrite_takes() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let minute = |wanted, now| whole_minute(time(wanted), time(now)).to_string();
        let now = "2026-11-22T20:44:10Z";
        assert_eq!(minute("2026-11-22T20:44:15Z", now), "2026-11-22T20:46:00Z");
        assert_eq!(minute("2026-11-22T20:50:00Z", now), "2026-11-22T20:50:00Z");
        assert_eq!(minute("2026-11-22T20:50:01Z", now), "2026-11-22T20:51:00Z");
        let just_now = "2026-11-22T20:44:59.5Z";
        assert_eq!(minute(just_now, just_now), "2026-11-22T20:46:00Z");
    }

    #[test]
    fn times_read_back_to_the_millisecond() {
        let text = "2026-11-22T20:44:59.929+00:00";
        let time = parse(text).unwrap();
        assert_eq!(appwrite_time(time), text);
        assert_eq!(
            appwrite_time(after(time, 31)),
            "2026-11-22T20:45:30.929+00:00"
        );
        assert_eq!(parse("yesterday"), None);
    }
}
