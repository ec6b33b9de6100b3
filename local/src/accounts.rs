//! Accounts: anonymous users and their sessions.
//!
//! New users get the label [`LABEL`], which makes them the role
//! `label:orchestrator`: on Appwrite the owner of the project gives it, here
//! everybody who reaches the platform is its owner.

mod answers;
mod sessions;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{delete, get, post};
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

/// What new users are labelled with.
pub const LABEL: &str = "orchestrator";

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

/// The routes of accounts.
pub fn router() -> Router<Arc<Kernel>> {
    Router::new()
        .route("/v1/account", get(show))
        .route("/v1/account/jwts", post(create_jwt))
        .route("/v1/account/sessions", get(list_sessions))
        .route("/v1/account/sessions/anonymous", post(create_anonymous))
        .route("/v1/account/sessions/{session}", delete(delete_session))
}

/// The account of a user as the REST API answers it; `None` when there is none.
///
/// # Errors
/// 500 when the store fails.
pub async fn account(kernel: &Kernel, user_id: &str) -> Result<Option<Value>, ApiError> {
    let id = user_id.to_owned();
    kernel.store.run(move |db| answers::account(db, &id)).await
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
    let session = sessions::create(
        &kernel,
        sessions::Provider::Anonymous,
        sessions::client(&headers),
    )
    .await?;
    Ok(sessions::answer(&kernel.project.id, session))
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

async fn delete_session(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let (user, current) = caller.require_user()?;
    let own = id == "current" || id == current;
    let (user, id) = (
        user.to_owned(),
        if id == "current" {
            current.to_owned()
        } else {
            id
        },
    );
    kernel
        .store
        .run(move |db| sessions::delete(db, &user, &id))
        .await?;
    Ok(sessions::farewell(&kernel.project.id, own))
}

async fn create_jwt(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    mut params: Params,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let (user, session) = caller.require_user()?;
    let seconds = params.take_i64("duration")?.unwrap_or(JWT_SECONDS_DEFAULT);
    let lifetime = u64::try_from(seconds)
        .ok()
        .filter(|_| seconds <= JWT_SECONDS_MAX)
        .ok_or_else(|| {
            ApiError::argument(
                "Invalid `duration` param: Value must be a valid range between 0 and 3,600",
            )
        })?;
    let jwt = kernel
        .auth
        .mint_session_jwt(user, session, std::time::Duration::from_secs(lifetime));
    Ok((StatusCode::CREATED, Json(json!({"jwt": jwt}))))
}
