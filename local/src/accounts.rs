//! Accounts: anonymous users and their sessions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::auth::Caller;
use crate::error::ApiError;
use crate::{clock, ids};

/// Tables of this module.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY COLLATE NOCASE,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    accessed_ms INTEGER NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    labels TEXT NOT NULL DEFAULT '[]',
    prefs TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    secret_hash TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expire_ms INTEGER NOT NULL,
    provider TEXT NOT NULL,
    client TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS sessions_by_user ON sessions (user_id);
";

/// What a session token holds: base64 of this as JSON (Appwrite 1.9.6).
#[derive(Serialize, Deserialize)]
struct Token {
    id: String,
    secret: String,
}

/// Returns the user of a session token; `None` for a token that is not, or no
/// longer, good.
///
/// # Errors
/// 500 when the store fails.
pub fn session_caller(db: &mut Connection, token: &str) -> Result<Option<Caller>, ApiError> {
    let Some(Token { id, secret }) = STANDARD
        .decode(token)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
    else {
        return Ok(None);
    };
    let sql = "SELECT s.id, u.labels FROM sessions s JOIN users u ON u.id = s.user_id
               WHERE s.user_id = ?1 AND s.secret_hash = ?2 AND s.expire_ms > ?3";
    let now = clock::now().as_millisecond();
    let found: Option<(String, String)> = db
        .prepare_cached(sql)?
        .query_row((&id, hash(&secret), now), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((session_id, labels)) = found else {
        return Ok(None);
    };
    Ok(Some(Caller::User {
        id,
        session_id,
        labels: serde_json::from_str(&labels)?,
    }))
}

fn hash(secret: &str) -> String {
    ids::hex(&Sha256::digest(secret.as_bytes()))
}
