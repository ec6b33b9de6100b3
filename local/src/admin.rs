//! The project `console`: how an administrator signs in, for the official CLI.
//!
//! One account and no registration. Its session reaches the project itself where a request
//! says `X-Appwrite-Mode: admin`. Source: the calls of appwrite-cli 12.0.1, answered as
//! Appwrite 1.9 documents them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rusqlite::{Connection, OptionalExtension as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::auth::{self, Caller};
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::proxy::{FUNCTION_DOMAINS, SITE_DOMAINS};
use crate::server::Params;
use crate::sites::SOURCE_BYTES_MAX;
use crate::store::Writer;
use crate::{clock, health, ids, storage};

/// Tables of this module.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS console_sessions (
    secret_hash TEXT PRIMARY KEY,
    created_ms INTEGER NOT NULL,
    expire_ms INTEGER NOT NULL
) STRICT;
";

/// Id of the project that administrators sign in to.
pub const PROJECT: &str = "console";
/// The administrator's e-mail address, unless another is given.
pub const EMAIL_DEFAULT: &str = "admin@orchestrator.localhost";
/// Shortest password, in characters; also Appwrite's.
pub const PASSWORD_CHARS_MIN: usize = 8;

/// Id of the administrator's account.
const ID: &str = "administrator";
/// Life of a session (Appwrite 1.9).
const SESSION_LIFE: Duration = Duration::from_hours(365 * 24);
/// Sessions that are kept; the oldest end first (Appwrite 1.9).
const SESSIONS_MAX: u32 = 10;
/// Setting under which a changed name of the project is kept.
const NAME_SETTING: &str = "project_name";

/// The administrator's account.
#[derive(Debug)]
pub struct Administrator {
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: SecretString,
}

/// Whether a request is for the project `console`, which has routes of its own.
pub(crate) fn is_asked(headers: &HeaderMap) -> bool {
    let given = headers.get("x-appwrite-project");
    given.is_some_and(|given| given == PROJECT)
}

/// The routes of the project `console`.
pub(crate) fn routes() -> Router<Arc<Kernel>> {
    Router::new()
        .route("/v1/account", get(account))
        .route("/v1/account/sessions/email", post(sign_in))
        .route("/v1/account/sessions/{session}", delete(sign_out))
        .route("/v1/console/variables", get(variables))
        .route("/v1/health/version", get(health::version))
        .route("/v1/projects/{project}", get(show).patch(rename))
}

/// The caller, where a request in admin mode carries a valid session of the console.
///
/// # Errors
/// 500 when the store fails.
pub(crate) async fn caller(
    kernel: &Kernel,
    headers: &HeaderMap,
) -> Result<Option<Caller>, ApiError> {
    let mode = headers.get("x-appwrite-mode");
    if mode.is_none_or(|mode| mode != "admin") || session(kernel, headers).await?.is_none() {
        return Ok(None);
    }
    Ok(Some(Caller::Key {
        scopes: Arc::default(),
        execution: None,
        admin: true,
    }))
}

/// The hash of the valid session that a request carries.
async fn session(kernel: &Kernel, headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(token) = auth::session_token(headers, PROJECT) else {
        return Ok(None);
    };
    let hash = hash(&token);
    let now = clock::now().as_millisecond();
    let work = move |db: &mut Writer| {
        let sql = "SELECT 1 FROM console_sessions WHERE secret_hash = ?1 AND expire_ms > ?2";
        let valid = db.prepare_cached(sql)?.exists((&hash, now))?;
        Ok(valid.then_some(hash))
    };
    kernel.store.run(work).await
}

async fn require_session(kernel: &Kernel, headers: &HeaderMap) -> Result<String, ApiError> {
    let found = session(kernel, headers).await?;
    found.ok_or_else(|| auth::missing("guests", "account"))
}

fn hash(secret: &str) -> String {
    ids::hex(&Sha256::digest(secret.as_bytes()))
}

fn administrator(kernel: &Kernel) -> Result<Arc<Administrator>, ApiError> {
    kernel
        .part::<Administrator>()
        .ok_or_else(auth::unknown_project)
}

async fn sign_in(
    State(kernel): State<Arc<Kernel>>,
    mut params: Params,
) -> Result<Response, ApiError> {
    let known = administrator(&kernel)?;
    let email = params.take_str("email")?.unwrap_or_default();
    let password = params.take_str("password")?.unwrap_or_default();
    let right = known.password.expose_secret().as_bytes();
    let is_right = bool::from(right.ct_eq(password.as_bytes()));
    if !is_right || !email.eq_ignore_ascii_case(&known.email) {
        return Err(crate::accounts::invalid_credentials());
    }
    let token = ids::secret::<64>().map_err(|error| ApiError::internal(&error))?;
    let stored = hash(&token);
    let now = clock::now();
    let expire = now + SESSION_LIFE;
    let (now_ms, expire_ms) = (now.as_millisecond(), expire.as_millisecond());
    let work = move |db: &mut Writer| {
        let tx = db.transaction()?;
        let sql = "INSERT INTO console_sessions VALUES (?1, ?2, ?3)";
        tx.execute(sql, (&stored, now_ms, expire_ms))?;
        tx.execute(
            "DELETE FROM console_sessions WHERE rowid NOT IN
             (SELECT rowid FROM console_sessions ORDER BY created_ms DESC, rowid DESC LIMIT ?1)",
            [SESSIONS_MAX],
        )?;
        Ok(tx.commit()?)
    };
    kernel.store.run(work).await?;
    // Only the keys that the CLI reads, spelled as those of a project's session.
    let body = json!({
        "$id": "current",
        "$createdAt": clock::format(now),
        "userId": ID,
        "expire": clock::format(expire),
        "provider": "email",
        "providerUid": known.email,
        "current": true,
    });
    let age = SESSION_LIFE.as_secs();
    let cookie =
        format!("a_session_{PROJECT}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax");
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    let cookie = HeaderValue::from_str(&cookie).map_err(|error| ApiError::internal(&error))?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

async fn sign_out(
    State(kernel): State<Arc<Kernel>>,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let hash = require_session(&kernel, &headers).await?;
    let sql = "DELETE FROM console_sessions WHERE secret_hash = ?1";
    kernel
        .store
        .run(move |db| Ok(db.execute(sql, [hash])?))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn account(
    State(kernel): State<Arc<Kernel>>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    require_session(&kernel, &headers).await?;
    let email = &administrator(&kernel)?.email;
    Ok(Json(json!({
        "$id": ID,
        "name": "Administrator",
        "email": email,
        "emailVerification": true,
        "status": true,
        "labels": [],
        "mfa": false,
        "prefs": {},
    })))
}

/// `consoleVariables`; Source: Appwrite 1.9, GET /v1/console/variables.
async fn variables(
    State(kernel): State<Arc<Kernel>>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    require_session(&kernel, &headers).await?;
    Ok(Json(json!({
        "_APP_DOMAIN_TARGET_CNAME": "localhost",
        "_APP_DOMAIN_TARGET_A": "127.0.0.1",
        "_APP_DOMAIN_TARGET_AAAA": "::1",
        "_APP_STORAGE_LIMIT": storage::FILE_BYTES_MAX,
        "_APP_COMPUTE_SIZE_LIMIT": SOURCE_BYTES_MAX,
        "_APP_USAGE_STATS": "disabled",
        "_APP_VCS_ENABLED": false,
        "_APP_DOMAIN_ENABLED": true,
        "_APP_ASSISTANT_ENABLED": false,
        "_APP_DOMAIN_SITES": SITE_DOMAINS,
        "_APP_DOMAIN_FUNCTIONS": FUNCTION_DOMAINS,
        "_APP_OPTIONS_FORCE_HTTPS": "disabled",
    })))
}

async fn show(
    State(kernel): State<Arc<Kernel>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    require_session(&kernel, &headers).await?;
    require_known(&kernel, &id)?;
    let kept = kernel.store.run(|db| kept_name(db)).await?;
    Ok(Json(project(&kernel, kept)))
}

async fn rename(
    State(kernel): State<Arc<Kernel>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<Value>, ApiError> {
    require_session(&kernel, &headers).await?;
    require_known(&kernel, &id)?;
    let name = params.take_str("name")?.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| ApiError::argument("Param \"name\" is not optional."))?;
    let kept = name.clone();
    let sql = "INSERT OR REPLACE INTO platform_settings VALUES (?1, ?2)";
    let work = move |db: &mut Writer| Ok(db.execute(sql, (NAME_SETTING, kept))?);
    kernel.store.run(work).await?;
    Ok(Json(project(&kernel, Some(name))))
}

fn require_known(kernel: &Kernel, id: &str) -> Result<(), ApiError> {
    if id == kernel.project.id {
        Ok(())
    } else {
        Err(auth::unknown_project())
    }
}

fn kept_name(db: &Connection) -> Result<Option<String>, ApiError> {
    let sql = "SELECT value FROM platform_settings WHERE key = ?1";
    Ok(db
        .query_row(sql, [NAME_SETTING], |row| row.get(0))
        .optional()?)
}

fn project(kernel: &Kernel, kept_name: Option<String>) -> Value {
    json!({
        "$id": kernel.project.id,
        "name": kept_name.unwrap_or_else(|| kernel.project.name.clone()),
        "teamId": ID,
    })
}
