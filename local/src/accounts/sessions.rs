//! Sessions: made, listed, ended, and how their token travels.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::{Token, hash};
use crate::error::ApiError;
use crate::{clock, ids};

/// How long a session lives, in milliseconds: a year, as in Appwrite.
const LIFE_MS: i64 = 365 * 86_400_000;

/// Seconds of a year, for the cookie.
const LIFE_SECONDS: i64 = LIFE_MS / 1_000;

/// Longest user agent kept, in characters.
const AGENT_CHARS_MAX: usize = 200;

/// The client's name, from its user agent.
pub(super) fn client(headers: &HeaderMap) -> String {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
        .unwrap_or_default();
    agent.chars().take(AGENT_CHARS_MAX).collect()
}

/// Sessions a user has at most; a new one ends the oldest (Appwrite 1.9.6).
const SESSIONS_MAX: i64 = 10;

/// How a session came to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Provider {
    /// A new user without a name.
    Anonymous,
    /// E-mail address and password.
    Email,
    /// A key asked for it.
    Server,
    /// A one-time token made by a key.
    Token,
}

impl Provider {
    fn word(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Email => "email",
            Self::Server => "server",
            Self::Token => "token",
        }
    }
}

/// A session to be made.
pub(super) struct New {
    stored: Stored,
    secret: String,
    token: String,
}

impl New {
    /// Prepares a session; `uid` is the address for a login by e-mail.
    ///
    /// # Errors
    /// 500 when the system has no randomness.
    pub(super) fn prepare(
        user: &str,
        provider: Provider,
        uid: &str,
        client: String,
    ) -> Result<Self, ApiError> {
        let secret = ids::secret::<64>().map_err(|error| ApiError::internal(&error))?;
        let token = Token {
            id: user.to_owned(),
            secret: secret.clone(),
        };
        let now = clock::now().as_millisecond();
        Ok(Self {
            token: STANDARD.encode(serde_json::to_vec(&token)?),
            secret,
            stored: Stored {
                id: ids::unique(),
                user: user.to_owned(),
                created_ms: now,
                expire_ms: now + LIFE_MS,
                provider: provider.word().to_owned(),
                uid: uid.to_owned(),
                client,
                current: !matches!(provider, Provider::Server),
            },
        })
    }

    /// Keeps it.
    pub(super) fn insert(&self, db: &Connection) -> Result<(), ApiError> {
        let Stored {
            id,
            user,
            created_ms,
            expire_ms,
            provider,
            client,
            ..
        } = &self.stored;
        let sql = "INSERT INTO sessions (id, user_id, secret_hash, created_ms, expire_ms, provider, client)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let hash = hash(&self.secret);
        db.execute(
            sql,
            (id, user, hash, created_ms, expire_ms, provider, client),
        )?;
        let sql = "DELETE FROM sessions WHERE user_id = ?1 AND id NOT IN
                   (SELECT id FROM sessions WHERE user_id = ?1 ORDER BY created_ms DESC, rowid DESC LIMIT ?2)";
        db.execute(sql, (user, SESSIONS_MAX))?;
        Ok(())
    }

    /// Its id.
    pub(super) fn id(&self) -> &str {
        &self.stored.id
    }

    /// Its user.
    pub(super) fn user(&self) -> &str {
        &self.stored.user
    }

    /// As answered to users: without the secret.
    pub(super) fn body(&self) -> Value {
        json(&self.stored)
    }

    /// As answered to keys: the token is its secret.
    pub(super) fn body_with_secret(&self) -> Value {
        let mut body = self.body();
        if let Some(secret) = body.get_mut("secret") {
            *secret = Value::String(self.token.clone());
        }
        body
    }
}

struct Stored {
    id: String,
    user: String,
    created_ms: i64,
    expire_ms: i64,
    provider: String,
    uid: String,
    client: String,
    current: bool,
}

/// `session`; Source: Appwrite 1.9.6, POST /v1/account/sessions/anonymous
/// (recorded). The secret is empty: it travels in cookie and header.
fn json(session: &Stored) -> Value {
    let factor = match session.provider.as_str() {
        "email" => "password",
        other => other,
    };
    json!({
        "$id": session.id,
        "$createdAt": clock::format_ms(session.created_ms),
        "$updatedAt": clock::format_ms(session.created_ms),
        "userId": session.user,
        "expire": clock::format_ms(session.expire_ms),
        "provider": session.provider,
        "providerUid": session.uid,
        "providerAccessToken": "",
        "providerAccessTokenExpiry": "",
        "providerRefreshToken": "",
        "ip": "127.0.0.1",
        "osCode": "",
        "osName": "",
        "osVersion": "",
        "clientType": if session.client.starts_with("Mozilla/") { "browser" } else { "library" },
        "clientCode": "",
        "clientName": session.client,
        "clientVersion": "",
        "clientEngine": "",
        "clientEngineVersion": "",
        "deviceName": "",
        "deviceBrand": "",
        "deviceModel": "",
        "countryCode": "--",
        "countryName": "Unknown",
        "current": session.current,
        "factors": [factor],
        "secret": "",
        "mfaUpdatedAt": "",
    })
}

/// The sessions of a user, oldest first.
pub(super) fn list(db: &Connection, user: &str, current: &str) -> Result<Vec<Value>, ApiError> {
    let sql = "SELECT s.id, s.created_ms, s.expire_ms, s.provider, s.client,
               CASE s.provider WHEN 'email' THEN COALESCE(c.email, '') ELSE '' END
               FROM sessions s LEFT JOIN user_credentials c ON c.user_id = s.user_id
               WHERE s.user_id = ?1 AND s.expire_ms > ?2 ORDER BY s.created_ms";
    let mut statement = db.prepare_cached(sql)?;
    let found = statement.query_map((user, clock::now().as_millisecond()), |row| {
        let id: String = row.get(0)?;
        Ok(Stored {
            current: id == current,
            id,
            user: user.to_owned(),
            created_ms: row.get(1)?,
            expire_ms: row.get(2)?,
            provider: row.get(3)?,
            client: row.get(4)?,
            uid: row.get(5)?,
        })
    })?;
    found.map(|session| Ok(json(&session?))).collect()
}

/// Ends a session of a user.
pub(super) fn delete(db: &Connection, user: &str, id: &str) -> Result<(), ApiError> {
    let removed = db.execute(
        "DELETE FROM sessions WHERE user_id = ?1 AND id = ?2",
        [user, id],
    )?;
    if removed == 0 {
        return Err(missing());
    }
    Ok(())
}

/// 404 `user_session_not_found`.
pub(super) fn missing() -> ApiError {
    ApiError::not_found(
        "user_session_not_found",
        "The current user session could not be found.",
    )
}

/// Ends all sessions of a user.
pub(super) fn delete_all(db: &Connection, user: &str) -> Result<(), ApiError> {
    db.execute("DELETE FROM sessions WHERE user_id = ?1", [user])?;
    Ok(())
}

/// 201 with the token in two cookies and, for clients without cookies, in
/// `X-Fallback-Cookies`.
pub(super) fn answer(project: &str, session: &New, body: Value) -> Response {
    let (token, expire_ms) = (&session.token, session.stored.expire_ms);
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    // The token is base64, so that it needs no escaping inside this JSON.
    let fallback = format!("{{\"a_session_{project}\":\"{token}\"}}");
    let value = utf8_percent_encode(token, NON_ALPHANUMERIC).to_string();
    put(
        response.headers_mut(),
        project,
        &value,
        expire_ms,
        LIFE_SECONDS,
    );
    if let Ok(fallback) = HeaderValue::from_str(&fallback) {
        response
            .headers_mut()
            .insert("x-fallback-cookies", fallback);
    }
    response
}

/// 204; ending the own session also takes its cookies away.
pub(super) fn farewell(project: &str, own: bool) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if own {
        put(response.headers_mut(), project, "deleted", 0, 0);
        response
            .headers_mut()
            .insert("x-fallback-cookies", HeaderValue::from_static("[]"));
    }
    response
}

fn put(headers: &mut HeaderMap, project: &str, value: &str, expire_ms: i64, seconds: i64) {
    let expires =
        jiff::Timestamp::from_millisecond(expire_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let expires = expires.strftime("%a, %d-%b-%Y %H:%M:%S GMT");
    for (suffix, site) in [("_legacy", ""), ("", "; SameSite=None")] {
        let cookie = format!(
            "a_session_{project}{suffix}={value}; expires={expires}; Max-Age={seconds}; path=/; HttpOnly{site}"
        );
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
}
