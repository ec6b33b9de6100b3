//! Accounts: users, how they sign up and in, their sessions; and keys' view of
//! them in [`users`].
//!
//! Users who sign up, anonymous ones too, get the platform's
//! [`new_user_labels`](crate::kernel::Kernel::new_user_labels).

mod announce;
mod answers;
mod email;
mod password;
mod profile;
mod sessions;
mod sign_in;
mod tokens;
mod user;
pub mod users;

pub(crate) use sign_in::invalid_credentials;
pub(crate) use sign_in::link_secret;
pub(crate) use user::email_targets;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, patch, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::auth::Caller;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::server::Params;
use crate::{clock, ids};

/// Longest life of a JWT, in seconds; also Appwrite's.
pub const JWT_SECONDS_MAX: i64 = 3_600;

/// Life of a JWT when the client does not say, in seconds.
pub const JWT_SECONDS_DEFAULT: i64 = 900;

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
CREATE TABLE IF NOT EXISTS user_credentials (
    user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    email TEXT UNIQUE,
    password TEXT,
    password_ms INTEGER,
    target_id TEXT,
    target_ms INTEGER,
    enabled INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE TABLE IF NOT EXISTS user_tokens (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    secret_hash TEXT NOT NULL,
    expire_ms INTEGER NOT NULL
) STRICT;
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
/// 401 `user_blocked`; 500 when the store fails.
pub fn session_caller(db: &Connection, token: &str) -> Result<Option<Caller>, ApiError> {
    let Some(Token { id, secret }) = STANDARD
        .decode(token)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
    else {
        return Ok(None);
    };
    let sql = "SELECT id FROM sessions WHERE user_id = ?1 AND secret_hash = ?2 AND expire_ms > ?3";
    let now = clock::now().as_millisecond();
    let session: Option<String> = db
        .prepare_cached(sql)?
        .query_row((&id, hash(&secret), now), |row| row.get(0))
        .optional()?;
    match session {
        Some(session) => caller_of(db, id, session),
        None => Ok(None),
    }
}

/// Returns a user as a caller, with its labels of now; `None` when it is gone.
///
/// # Errors
/// 401 `user_blocked`; 500 when the store fails.
pub fn caller_of(
    db: &Connection,
    id: String,
    session_id: String,
) -> Result<Option<Caller>, ApiError> {
    let sql = "SELECT u.labels, COALESCE(c.enabled, 1) FROM users u
               LEFT JOIN user_credentials c ON c.user_id = u.id WHERE u.id = ?1";
    let found: Option<(String, bool)> = db
        .prepare_cached(sql)?
        .query_row([&id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match found {
        None => Ok(None),
        Some((_, false)) => Err(user::blocked()),
        Some((labels, true)) => Ok(Some(Caller::User {
            id,
            session_id,
            labels: serde_json::from_str(&labels)?,
        })),
    }
}

fn hash(secret: &str) -> String {
    ids::hex(&Sha256::digest(secret.as_bytes()))
}

/// The routes of accounts and of users.
pub fn router() -> Router<Arc<Kernel>> {
    Router::new()
        .route("/v1/account", get(show).post(sign_in::sign_up))
        .route("/v1/account/jwts", post(create_jwt))
        .route("/v1/account/jwt", post(create_jwt))
        .route("/v1/account/name", patch(profile::set_name))
        .route("/v1/account/email", patch(profile::set_email))
        .route("/v1/account/password", patch(profile::set_password))
        .route(
            "/v1/account/prefs",
            get(profile::prefs).patch(profile::set_prefs),
        )
        .route(
            "/v1/account/sessions",
            get(list_sessions).delete(delete_sessions),
        )
        .route("/v1/account/sessions/anonymous", post(create_anonymous))
        .route("/v1/account/sessions/email", post(sign_in::by_email))
        .route("/v1/account/sessions/token", post(sign_in::by_token))
        .route(
            "/v1/account/sessions/{session}",
            get(show_session).delete(delete_session),
        )
        .merge(users::router())
}

/// The account of a user as the REST API answers it; `None` when there is none.
///
/// # Errors
/// 500 when the store fails.
pub async fn account(kernel: &Kernel, user_id: &str) -> Result<Option<Value>, ApiError> {
    let id = user_id.to_owned();
    kernel.store.read(move |db| answers::account(db, &id)).await
}

async fn show(State(kernel): State<Arc<Kernel>>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let (id, _) = caller.require_user()?;
    let found = account(&kernel, id).await?;
    found.map(Json).ok_or_else(ApiError::unauthorized)
}

async fn create_anonymous(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    headers: axum::http::HeaderMap,
) -> Result<Response, ApiError> {
    if caller.user_id().is_some() {
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "user_session_already_exists",
            "Creation of an anonymous users is prohibited when a session is active.",
        ));
    }
    let user = user::NewUser {
        id: ids::unique(),
        labels: kernel.new_user_labels.clone(),
        ..user::NewUser::default()
    };
    let client = sessions::client(&headers);
    let session = sessions::New::prepare(&user.id, sessions::Provider::Anonymous, "", client)?;
    sign_in::keep(&kernel, &caller, session, Some(user)).await
}

async fn list_sessions(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
) -> Result<Json<Value>, ApiError> {
    let (user, current) = caller.require_user()?;
    let (user, current) = (user.to_owned(), current.to_owned());
    let list = kernel
        .store
        .run(move |db| sessions::list(db, &user, &current))
        .await?;
    Ok(Json(json!({"total": list.len(), "sessions": list})))
}

async fn show_session(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let (user, current) = caller.require_user()?;
    let id = if id == "current" { current } else { &id }.to_owned();
    let (user, current) = (user.to_owned(), current.to_owned());
    let list = kernel
        .store
        .run(move |db| sessions::list(db, &user, &current))
        .await?;
    list.into_iter()
        .find(|session| session.get("$id").and_then(Value::as_str) == Some(&id))
        .map(Json)
        .ok_or_else(sessions::missing)
}

async fn delete_session(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let (user, current) = caller.require_user()?;
    let own = id == "current" || id == current;
    let id = if own { current.to_owned() } else { id };
    end_session(&kernel, user, id, current).await?;
    Ok(sessions::farewell(&kernel.project.id, own))
}

/// Ends a session and tells of it.
async fn end_session(
    kernel: &Kernel,
    user: &str,
    id: String,
    current: &str,
) -> Result<(), ApiError> {
    let (owner, current, ended) = (user.to_owned(), current.to_owned(), id.clone());
    let body = kernel
        .store
        .run(move |db| {
            let list = sessions::list(db, &owner, &current)?;
            sessions::delete(db, &owner, &ended)?;
            let is_it = |one: &Value| one.get("$id").and_then(Value::as_str) == Some(&ended);
            Ok(list.into_iter().find(is_it).unwrap_or(Value::Null))
        })
        .await?;
    let change = announce::Change::Session(&id, "delete");
    announce::publish(&kernel.bus, user, change, body);
    Ok(())
}

async fn delete_sessions(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let (user, _) = caller.require_user()?;
    let user = user.to_owned();
    kernel
        .store
        .run(move |db| sessions::delete_all(db, &user))
        .await?;
    Ok(sessions::farewell(&kernel.project.id, true))
}

async fn create_jwt(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    mut params: Params,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let (user, session) = caller.require_user()?;
    let lifetime = jwt_lifetime(&mut params)?;
    let jwt = kernel.auth.mint_session_jwt(user, session, lifetime);
    Ok((StatusCode::CREATED, Json(json!({"jwt": jwt}))))
}

/// Takes the parameter `duration` of a JWT.
fn jwt_lifetime(params: &mut Params) -> Result<Duration, ApiError> {
    let seconds = params.take_i64("duration")?.unwrap_or(JWT_SECONDS_DEFAULT);
    u64::try_from(seconds)
        .ok()
        .filter(|_| seconds <= JWT_SECONDS_MAX)
        .map(Duration::from_secs)
        .ok_or_else(|| {
            ApiError::argument(
                "Invalid `duration` param: Value must be a valid range between 0 and 3,600",
            )
        })
}
