//! The clock: the only place of this crate that reads the time.

use jiff::Timestamp;

/// Returns the present instant.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Renders an instant as Appwrite does: UTC, milliseconds, `+00:00`
/// (`2026-11-22T20:44:59.929+00:00`).
#[must_use]
pub fn format(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%S.%3f+00:00").to_string()
}

/// Renders milliseconds since the Unix epoch as [`format`] does; a value outside
/// the calendar is rendered as the epoch itself.
#[must_use]
pub fn format_ms(ms: i64) -> String {
    format(Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH))
}
