//! Logins are limited: ten an hour for each address (Appwrite 1.9.6, measured).

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use rusqlite::Connection;

use crate::clock;
use crate::error::ApiError;

/// Logins of one address in one window.
const ATTEMPTS_MAX: i64 = 10;

/// Length of a window, in seconds. Windows begin at full hours.
const WINDOW_SECONDS: i64 = 3_600;

/// Where an address stands in the present window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    used: i64,
    reset: i64,
}

/// The window of now: its beginning in Unix seconds.
fn window() -> i64 {
    beginning(clock::now().as_second())
}

fn beginning(second: i64) -> i64 {
    second - second.rem_euclid(WINDOW_SECONDS)
}

/// Counts a login and forgets earlier windows.
pub(super) fn count(db: &Connection, email: &str) -> Result<Standing, ApiError> {
    count_in(db, email, window())
}

fn count_in(db: &Connection, email: &str, window: i64) -> Result<Standing, ApiError> {
    db.execute("DELETE FROM login_attempts WHERE begin < ?1", [window])?;
    let sql = "INSERT INTO login_attempts (email, begin, used) VALUES (?1, ?2, 1)
               ON CONFLICT (email, begin) DO UPDATE SET used = used + 1 RETURNING used";
    let used = db
        .prepare_cached(sql)?
        .query_row((email, window), |row| row.get(0))?;
    Ok(Standing {
        used,
        reset: window + WINDOW_SECONDS,
    })
}

/// A login that succeeded is none that counts.
pub(super) fn forget(db: &Connection, email: &str) -> Result<(), ApiError> {
    db.execute("DELETE FROM login_attempts WHERE email = ?1", [email])?;
    Ok(())
}

impl Standing {
    /// The standing of a key: never limited, the headers say so as measured.
    pub(super) fn of_key() -> Self {
        Self {
            used: 1,
            reset: window() + WINDOW_SECONDS,
        }
    }

    /// Refuses a login too many.
    pub(super) fn check(self) -> Result<(), ApiError> {
        if self.used <= ATTEMPTS_MAX {
            return Ok(());
        }
        Err(ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "general_rate_limit_exceeded",
            "Rate limit for the current endpoint has been exceeded. Please try again after some time.",
        ))
    }

    /// Adds the three `X-RateLimit` headers.
    pub(super) fn mark(self, headers: &mut HeaderMap) {
        let remaining = (ATTEMPTS_MAX - self.used).max(0);
        for (name, value) in [
            ("x-ratelimit-limit", ATTEMPTS_MAX),
            ("x-ratelimit-remaining", remaining),
            ("x-ratelimit-reset", self.reset),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_login_of_an_hour_is_refused() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(super::super::SCHEMA).unwrap();
        let hour = beginning(1_795_380_420);
        let count = |email: &str, hour| count_in(&db, email, hour).unwrap();
        for used in 1..=10 {
            let standing = count("a@b.c", hour);
            assert!(standing.check().is_ok());
            assert_eq!((standing.used, standing.reset), (used, 1_795_381_200));
        }
        let refused = count("a@b.c", hour).check().unwrap_err();
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(count("other@b.c", hour).check().is_ok());
        assert!(count("a@b.c", hour + WINDOW_SECONDS).check().is_ok());
    }
}
