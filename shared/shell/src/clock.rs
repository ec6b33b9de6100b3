//! The only place that reads the clock.

use jiff::{SignedDuration, Timestamp};

/// The time now.
pub fn now() -> Timestamp {
    Timestamp::now()
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

/// Reads a time that Appwrite wrote. `None` if it is none.
pub fn parse(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
