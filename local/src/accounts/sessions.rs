//! Sessions: made, listed, ended, and how their token travels.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::{LABEL, Token, hash};
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::{clock, ids};

/// How long a session lives, in milliseconds: a year, as in Appwrite.
const LIFE_MS: i64 = 365 * 86_400_000;

/// Seconds of a year, for the cookie.
const LIFE_SECONDS: i64 = LIFE_MS / 1_000;

/// Longest user agent kept, in characters.
const AGENT_CHARS_MAX: usize = 200;

/// How a session came to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Provider {
    /// A new user without a name.
    Anonymous,
}

impl Provider {
    fn word(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
        }
    }
}

/// A session just made.
pub(super) struct New {
    body: Value,
    token: String,
    expire_ms: i64,
}

/// The client's name, from its user agent.
pub(super) fn client(headers: &HeaderMap) -> String {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
        .unwrap_or_default();
    agent.chars().take(AGENT_CHARS_MAX).collect()
}

/// Makes a user and a session of it.
pub(super) async fn create(
    kernel: &Kernel,
    provider: Provider,
    client: String,
) -> Result<New, ApiError> {
    let secret = ids::secret::<64>().map_err(|error| ApiError::internal(&error))?;
    let (user, session) = (ids::unique(), ids::unique());
    let now = clock::now().as_millisecond();
    let expire_ms = now + LIFE_MS;
    let token = Token {
        id: user.clone(),
        secret: secret.clone(),
    };
    let token = STANDARD.encode(serde_json::to_vec(&token)?);
    let body = json(&Stored {
        id: session.clone(),
        user: user.clone(),
        created_ms: now,
        expire_ms,
        provider: provider.word().to_owned(),
        client: client.clone(),
        current: true,
    });
    kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            let labels = json!([LABEL]).to_string();
            let sql = "INSERT INTO users (id, created_ms, updated_ms, accessed_ms, labels) VALUES (?1, ?2, ?2, ?2, ?3)";
            tx.execute(sql, (&user, now, labels))?;
            let sql = "INSERT INTO sessions (id, user_id, secret_hash, created_ms, expire_ms, provider, client)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            tx.execute(sql, (&session, &user, hash(&secret), now, expire_ms, provider.word(), &client))?;
            Ok(tx.commit()?)
        })
        .await?;
    Ok(New {
        body,
        token,
        expire_ms,
    })
}

struct Stored {
    id: String,
    user: String,
    created_ms: i64,
    expire_ms: i64,
    provider: String,
    client: String,
    current: bool,
}

/// `session`; Source: Appwrite 1.9.6, POST /v1/account/sessions/anonymous
/// (recorded). The secret is empty: it travels in cookie and header.
fn json(session: &Stored) -> Value {
    json!({
        "$id": session.id,
        "$createdAt": clock::format_ms(session.created_ms),
        "$updatedAt": clock::format_ms(session.created_ms),
        "userId": session.user,
        "expire": clock::format_ms(session.expire_ms),
        "provider": session.provider,
        "providerUid": "",
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
        "factors": [session.provider],
        "secret": "",
        "mfaUpdatedAt": "",
    })
}

/// The sessions of a user, oldest first.
pub(super) fn list(db: &Connection, user: &str, current: &str) -> Result<Vec<Value>, ApiError> {
    let sql = "SELECT id, created_ms, expire_ms, provider, client FROM sessions
               WHERE user_id = ?1 AND expire_ms > ?2 ORDER BY created_ms";
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
        return Err(ApiError::not_found(
            "user_session_not_found",
            "The current user session could not be found.",
        ));
    }
    Ok(())
}

/// 201 with the token in two cookies and, for clients without cookies, in
/// `X-Fallback-Cookies`.
pub(super) fn answer(project: &str, session: New) -> Response {
    let New {
        body,
        token,
        expire_ms,
    } = session;
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    // The token is base64, so that it needs no escaping inside this JSON.
    let fallback = format!("{{\"a_session_{project}\":\"{token}\"}}");
    let value = utf8_percent_encode(&token, NON_ALPHANUMERIC).to_string();
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
