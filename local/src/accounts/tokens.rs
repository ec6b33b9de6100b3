//! One-time tokens: a key makes one, its user turns it into a session.

use axum::http::StatusCode;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::hash;
use crate::error::ApiError;
use crate::server::Params;
use crate::{clock, ids};

/// Lengths of a secret, in characters (Appwrite 1.9.6).
const LENGTHS: std::ops::RangeInclusive<i64> = 4..=128;
const LENGTH_DEFAULT: i64 = 6;

/// Lives of a token, in seconds: a minute to a year (Appwrite 1.9.6).
const SECONDS: std::ops::RangeInclusive<i64> = 60..=31_536_000;
const SECONDS_DEFAULT: i64 = 900;

/// What a token is made with.
pub(super) struct Wanted {
    length: usize,
    seconds: i64,
}

impl Wanted {
    /// Takes `length` and `expire`.
    ///
    /// # Errors
    /// 400 `general_argument_invalid`.
    pub(super) fn take(params: &mut Params) -> Result<Self, ApiError> {
        let length = within(params, "length", &LENGTHS)?.unwrap_or(LENGTH_DEFAULT);
        Ok(Self {
            length: usize::try_from(length).unwrap_or_default(),
            seconds: within(params, "expire", &SECONDS)?.unwrap_or(SECONDS_DEFAULT),
        })
    }
}

fn within(
    params: &mut Params,
    name: &str,
    range: &std::ops::RangeInclusive<i64>,
) -> Result<Option<i64>, ApiError> {
    let value = params.take_i64(name)?;
    if value.is_none_or(|value| range.contains(&value)) {
        return Ok(value);
    }
    let (start, end) = (range.start(), range.end());
    Err(ApiError::argument(format!(
        "Invalid `{name}` param: Value must be a valid range between {start} and {end}"
    )))
}

/// A token for a link that is opened at once, from this machine: nobody guesses it, and it is
/// good for as short as a token can be.
pub(super) const OF_LINK: Wanted = Wanted {
    length: 64,
    seconds: *SECONDS.start(),
};

/// Makes a token; `token`: Appwrite 1.9.6, POST /v1/users/ID/tokens (recorded).
pub(super) fn create(db: &Connection, user: &str, wanted: &Wanted) -> Result<Value, ApiError> {
    let mut secret = ids::secret::<64>().map_err(|error| ApiError::internal(&error))?;
    secret.truncate(wanted.length);
    let (id, now) = (ids::unique(), clock::now().as_millisecond());
    let expire = now + wanted.seconds * 1_000;
    db.execute("DELETE FROM user_tokens WHERE expire_ms <= ?1", [now])?;
    let sql =
        "INSERT INTO user_tokens (id, user_id, secret_hash, expire_ms) VALUES (?1, ?2, ?3, ?4)";
    db.execute(sql, (&id, user, hash(&secret), expire))?;
    Ok(json!({
        "$id": id,
        "$createdAt": clock::format_ms(now),
        "userId": user,
        "secret": secret,
        "expire": clock::format_ms(expire),
        "phrase": "",
    }))
}

/// Uses up a token.
///
/// # Errors
/// 401 `user_invalid_token` for one that is not, or no longer, good.
pub(super) fn consume(db: &Connection, user: &str, secret: &str) -> Result<(), ApiError> {
    let sql = "DELETE FROM user_tokens WHERE user_id = ?1 AND secret_hash = ?2 AND expire_ms > ?3";
    let now = clock::now().as_millisecond();
    match db.execute(sql, (user, hash(secret), now))? {
        0 => Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "user_invalid_token",
            "Invalid token passed in the request.",
        )),
        _ => Ok(()),
    }
}
