//! The only place that reads the clock.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// The time now.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The time now, for measuring how long something takes.
pub fn monotonic() -> Instant {
    Instant::now()
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
