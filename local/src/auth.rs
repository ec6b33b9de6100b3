//! Who calls: project keys, keys of executions, sessions and JWTs.
//!
//! Start at [`Caller`], which every route takes as an extractor.

mod jwt;
mod scopes;
mod verified;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;
use rusqlite::Connection;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use verified::{Known, Verified};

use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::{clock, ids};

pub use scopes::ALL as ALL_SCOPES;
pub(crate) use scopes::missing;

/// Tables of this module.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS platform_settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
";

/// What the key of an execution begins with (Appwrite 1.9.6, measured).
pub const EXECUTION_KEY_PREFIX: &str = "ephemeral_";

const ROLE_APPLICATIONS: &str = "applications";

/// The caller of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Nobody known.
    Guest,
    /// A user by session or JWT.
    User {
        /// The user's id.
        id: String,
        /// The session's id; empty for a JWT made by the platform.
        session_id: String,
        /// The user's labels.
        labels: Vec<String>,
    },
    /// A key: rows' and tables' permissions do not apply to it.
    Key {
        /// What it may do.
        scopes: Arc<[String]>,
        /// The execution it was made for, if any.
        execution: Option<String>,
        /// Whether it is the project's own key, or an administrator in admin mode.
        admin: bool,
    },
}

impl Caller {
    /// Returns the roles that permissions are matched against.
    #[must_use]
    pub fn roles(&self) -> Vec<String> {
        match self {
            Self::Guest => vec!["any".to_owned(), "guests".to_owned()],
            Self::User { id, labels, .. } => {
                let mut roles = vec![
                    "any".to_owned(),
                    "users".to_owned(),
                    format!("user:{id}"),
                    format!("user:{id}/unverified"),
                    "users/unverified".to_owned(),
                ];
                roles.extend(labels.iter().map(|label| format!("label:{label}")));
                roles
            }
            Self::Key { .. } => vec!["any".to_owned(), "apps".to_owned()],
        }
    }

    /// Whether permissions of tables and rows are not asked.
    #[must_use]
    pub fn is_key(&self) -> bool {
        matches!(self, Self::Key { .. })
    }

    /// The calling user's id.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        match self {
            Self::User { id, .. } => Some(id),
            Self::Guest | Self::Key { .. } => None,
        }
    }

    /// The execution whose key is used.
    #[must_use]
    pub fn execution(&self) -> Option<&str> {
        match self {
            Self::Key { execution, .. } => execution.as_deref(),
            Self::Guest | Self::User { .. } => None,
        }
    }

    /// Refuses a caller without `scope`.
    ///
    /// # Errors
    /// 401 `general_unauthorized_scope`.
    pub fn require_scope(&self, scope: &str) -> Result<(), ApiError> {
        let (role, granted) = match self {
            Self::Guest => ("guests", scopes::GUESTS.contains(&scope)),
            Self::User { .. } => ("users", scopes::USERS.contains(&scope)),
            Self::Key { scopes, admin, .. } => {
                let all = *admin && scopes::ALL.contains(&scope);
                (
                    ROLE_APPLICATIONS,
                    all || scopes.iter().any(|granted| granted == scope),
                )
            }
        };
        if granted {
            Ok(())
        } else {
            Err(scopes::missing(role, scope))
        }
    }

    /// Refuses everybody but the project's own key.
    ///
    /// # Errors
    /// 401 `general_unauthorized_scope`.
    pub fn require_admin(&self) -> Result<(), ApiError> {
        match self {
            Self::Key { admin: true, .. } => Ok(()),
            Self::Guest | Self::User { .. } | Self::Key { .. } => {
                Err(scopes::missing(ROLE_APPLICATIONS, "admin"))
            }
        }
    }

    /// Refuses everybody but a user.
    ///
    /// # Errors
    /// 401 `general_unauthorized_scope`, as the scope `account` is for users only.
    pub fn require_user(&self) -> Result<(&str, &str), ApiError> {
        match self {
            Self::User { id, session_id, .. } => Ok((id, session_id)),
            Self::Guest => Err(scopes::missing("guests", "account")),
            Self::Key { .. } => Err(scopes::missing(ROLE_APPLICATIONS, "account")),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecutionClaims {
    project_id: String,
    scopes: Vec<String>,
    exp: i64,
    /// Ours: Appwrite's own claim set ends with `exp`.
    execution_id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserClaims {
    user_id: String,
    session_id: String,
    exp: i64,
}

/// A key that may do less than the project's own.
#[derive(Debug, Clone)]
pub struct ScopedKey {
    /// The key.
    pub secret: SecretString,
    /// What it may do, of [`ALL_SCOPES`].
    pub scopes: Vec<String>,
}

/// Makes and checks credentials.
pub struct Auth {
    project_id: String,
    key: SecretString,
    console_key: SecretString,
    extra_keys: Vec<ScopedKey>,
    signer: jwt::Signer,
    verified: Verified,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth")
            .field("project_id", &self.project_id)
            .finish_non_exhaustive()
    }
}

impl Auth {
    /// Loads the signing secret from the store, making it at the first start.
    ///
    /// # Errors
    /// The store fails or the system has no randomness; not worth a retry.
    pub fn load(
        db: &Connection,
        project_id: &str,
        key: SecretString,
        extra_keys: Vec<ScopedKey>,
    ) -> anyhow::Result<Self> {
        let fresh = ids::secret::<32>()?;
        db.execute(
            "INSERT OR IGNORE INTO platform_settings VALUES ('jwt_secret', ?1)",
            [&fresh],
        )?;
        let secret: String = db.query_row(
            "SELECT value FROM platform_settings WHERE key = 'jwt_secret'",
            [],
            |row| row.get(0),
        )?;
        Ok(Self {
            project_id: project_id.to_owned(),
            key,
            console_key: SecretString::from(format!("console_{}", ids::secret::<32>()?)),
            extra_keys,
            signer: jwt::Signer::new(&secret),
            verified: Verified::default(),
        })
    }

    /// The project's key: every scope.
    #[must_use]
    pub fn project_key(&self) -> &SecretString {
        &self.key
    }

    /// The console's key: as the project's own, but made anew at every start.
    #[must_use]
    pub fn console_key(&self) -> &SecretString {
        &self.console_key
    }

    /// Makes the key of one execution, good for `scopes` and `lifetime`
    /// (Appwrite: the function's time-out + 60 s).
    #[must_use]
    pub fn mint_execution_key(
        &self,
        execution_id: &str,
        scopes: &[String],
        lifetime: Duration,
    ) -> String {
        let claims = ExecutionClaims {
            project_id: self.project_id.clone(),
            scopes: scopes.to_vec(),
            exp: expiry(lifetime),
            execution_id: execution_id.to_owned(),
        };
        format!("{EXECUTION_KEY_PREFIX}{}", self.signer.sign(&claims))
    }

    /// Makes a JWT for a user, not tied to a session.
    #[must_use]
    pub fn mint_user_jwt(&self, user_id: &str, lifetime: Duration) -> String {
        self.mint_session_jwt(user_id, "", lifetime)
    }

    /// Makes a JWT that ends with the session.
    #[must_use]
    pub fn mint_session_jwt(&self, user_id: &str, session_id: &str, lifetime: Duration) -> String {
        self.signer.sign(&UserClaims {
            user_id: user_id.to_owned(),
            session_id: session_id.to_owned(),
            exp: expiry(lifetime),
        })
    }

    /// Returns the execution whose valid key the request carries.
    #[must_use]
    pub fn execution_of(&self, headers: &HeaderMap) -> Option<String> {
        match self.key_caller(text(headers, "x-appwrite-key")?)? {
            Caller::Key { execution, .. } => execution,
            Caller::Guest | Caller::User { .. } => None,
        }
    }

    fn key_caller(&self, given: &str) -> Option<Caller> {
        if let Some(token) = given.strip_prefix(EXECUTION_KEY_PREFIX) {
            let now = clock::now().as_second();
            let verify = || self.execution_caller(token);
            return self.verified.caller(token, now, verify);
        }
        let is =
            |key: &SecretString| bool::from(key.expose_secret().as_bytes().ct_eq(given.as_bytes()));
        let caller = |scopes: &[String], admin| Caller::Key {
            scopes: scopes.into(),
            execution: None,
            admin,
        };
        if is(&self.key) || is(&self.console_key) {
            return Some(caller(&[], true));
        }
        let known = self.extra_keys.iter().find(|key| is(&key.secret));
        known.map(|key| caller(&key.scopes, false))
    }

    /// Who asks with the key of an execution, whether or not its time is over.
    fn execution_caller(&self, token: &str) -> Option<Known> {
        let claims: ExecutionClaims = self.signer.verify(token).ok()?;
        (claims.project_id == self.project_id).then(|| Known {
            caller: Caller::Key {
                scopes: claims.scopes.into(),
                execution: Some(claims.execution_id),
                admin: false,
            },
            exp: claims.exp,
        })
    }

    fn user_claims(&self, token: &str) -> Result<UserClaims, ApiError> {
        let invalid = |reason: &str| {
            let message = format!("Failed to verify JWT. Invalid token: {reason}");
            ApiError::new(StatusCode::UNAUTHORIZED, "user_jwt_invalid", message)
        };
        let claims: UserClaims = self.signer.verify(token).map_err(&invalid)?;
        if expired(claims.exp) {
            Err(invalid("Expired"))
        } else {
            Ok(claims)
        }
    }
}

fn expiry(lifetime: Duration) -> i64 {
    let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    clock::now().as_second().saturating_add(seconds)
}

fn expired(exp: i64) -> bool {
    exp <= clock::now().as_second()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .filter(|value| !value.is_empty())
}

/// Finds the caller from the headers of a request to `/v1`.
///
/// # Errors
/// 401 `general_access_forbidden` without a project, 404 `project_not_found`
/// for another one, 401 `user_unauthorized` for an unknown key, 401
/// `user_jwt_invalid` for a bad JWT.
pub async fn identify(
    kernel: &Kernel,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Caller, ApiError> {
    require_project(kernel, headers, query)?;
    if let Some(key) = text(headers, "x-appwrite-key") {
        return kernel
            .auth
            .key_caller(key)
            .ok_or_else(ApiError::unauthorized);
    }
    if let Some(administrator) = crate::admin::caller(kernel, headers).await? {
        return Ok(administrator);
    }
    if let Some(token) = text(headers, "x-appwrite-jwt") {
        return by_jwt(kernel, token).await;
    }
    match session_token(headers, &kernel.project.id) {
        Some(token) => by_session(kernel, token).await,
        None => Ok(Caller::Guest),
    }
}

/// Finds the user of a JWT.
///
/// # Errors
/// 401 `user_jwt_invalid` for one that is not, or no longer, good; 401
/// `user_blocked`; 500 when the store fails.
pub async fn by_jwt(kernel: &Kernel, token: &str) -> Result<Caller, ApiError> {
    let claims = kernel.auth.user_claims(token)?;
    let caller = kernel.store.read(move |db| jwt_user(db, claims)).await?;
    caller.ok_or_else(|| {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "user_jwt_invalid",
            "Failed to verify JWT. The session has ended.",
        )
    })
}

/// Finds the user of a session token; an unknown one makes a guest.
///
/// # Errors
/// 500 when the store fails.
pub async fn by_session(kernel: &Kernel, token: String) -> Result<Caller, ApiError> {
    kernel
        .store
        .read(move |db| Ok(crate::accounts::session_caller(db, &token)?.unwrap_or(Caller::Guest)))
        .await
}

fn require_project(
    kernel: &Kernel,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<(), ApiError> {
    let by_query = || query.and_then(|query| crate::server::query_value(query, "project"));
    let Some(given) = text(headers, "x-appwrite-project")
        .map(str::to_owned)
        .or_else(by_query)
    else {
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "general_access_forbidden",
            "No Appwrite project was specified. Please specify your project ID when initializing your Appwrite SDK.",
        ));
    };
    if given == kernel.project.id {
        Ok(())
    } else {
        Err(unknown_project())
    }
}

/// 404 `project_not_found`.
#[must_use]
pub fn unknown_project() -> ApiError {
    ApiError::not_found(
        "project_not_found",
        "Project with the requested ID could not be found. Please check the value of the X-Appwrite-Project header \
         to ensure the correct project ID is being used.",
    )
}

fn jwt_user(db: &Connection, claims: UserClaims) -> Result<Option<Caller>, ApiError> {
    let UserClaims {
        user_id: id,
        session_id,
        ..
    } = claims;
    if !session_id.is_empty() {
        let mut statement =
            db.prepare_cached("SELECT 1 FROM sessions WHERE id = ?1 AND user_id = ?2")?;
        if !statement.exists([&session_id, &id])? {
            return Ok(None);
        }
    }
    crate::accounts::caller_of(db, id, session_id)
}

/// Returns the session token of a request: header, cookie, its legacy twin, or
/// the fallback for clients without cookies.
pub(crate) fn session_token(headers: &HeaderMap, project_id: &str) -> Option<String> {
    let name = format!("a_session_{project_id}");
    if let Some(token) = text(headers, "x-appwrite-session") {
        return Some(token.to_owned());
    }
    let cookies = headers
        .get_all(http::header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut legacy = None;
    for cookie in cookies.flat_map(cookie::Cookie::split_parse).flatten() {
        // Appwrite percent-encodes the base64 padding.
        let value = percent_decode_str(cookie.value())
            .decode_utf8_lossy()
            .into_owned();
        if cookie.name() == name && !value.is_empty() {
            return Some(value);
        }
        if cookie.name().strip_suffix("_legacy") == Some(&name) {
            legacy = Some(value);
        }
    }
    if legacy.is_some() {
        return legacy;
    }
    let fallback: serde_json::Value =
        serde_json::from_str(text(headers, "x-fallback-cookies")?).ok()?;
    fallback
        .get(&name)
        .and_then(|token| token.as_str())
        .map(str::to_owned)
}

impl FromRequestParts<Arc<Kernel>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, kernel: &Arc<Kernel>) -> Result<Self, ApiError> {
        // The rate limit has asked already.
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        identify(kernel, &parts.headers, parts.uri.query()).await
    }
}
