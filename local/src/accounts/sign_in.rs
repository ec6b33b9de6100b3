//! Signing up and signing in.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use secrecy::SecretString;
use serde_json::Value;

use super::announce::{self, Change};
use super::sessions::{self, Provider};
use super::user::{self, NewUser};
use super::{account, email, password, tokens};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::ids;
use crate::kernel::Kernel;
use crate::server::Params;

/// Scope of making accounts and sessions.
const SESSIONS_WRITE: &str = "sessions.write";

/// 401 `user_invalid_credentials`.
pub(crate) fn invalid_credentials() -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "user_invalid_credentials",
        "Invalid credentials. Please check the email and password.",
    )
}

/// `POST /v1/account`.
pub(super) async fn sign_up(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    mut params: Params,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    caller.require_scope(SESSIONS_WRITE)?;
    let id = ids::resolve("userId", &user::required(&mut params, "userId")?)?;
    let email = email::read(&user::required(&mut params, "email")?)?;
    let given = user::required(&mut params, "password")?;
    password::check("password", &given)?;
    let name = user::take_name(&mut params)?.unwrap_or_default();
    let user = NewUser {
        id,
        name,
        email: Some(email),
        password: Some(password::hash(given).await?),
        labels: kernel.new_user_labels.clone(),
    };
    Ok((StatusCode::CREATED, Json(register(&kernel, user).await?)))
}

/// Makes a user, tells of it and returns its account.
pub(super) async fn register(kernel: &Kernel, user: NewUser) -> Result<Value, ApiError> {
    let id = user.id.clone();
    kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            user::insert(&tx, &user)?;
            Ok(tx.commit()?)
        })
        .await?;
    let body = account(kernel, &id).await?;
    let body = body.ok_or_else(|| user::missing(&id))?;
    let change = Change::User("create", None);
    announce::publish(&kernel.bus, &id, change, body.clone());
    Ok(body)
}

/// `POST /v1/account/sessions/email`.
pub(super) async fn by_email(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, ApiError> {
    caller.require_scope(SESSIONS_WRITE)?;
    let email = email::read(&user::required(&mut params, "email")?)?;
    let given = user::required(&mut params, "password")?;
    password::check("password", &given)?;
    let login = Login {
        email,
        given,
        client: sessions::client(&headers),
    };
    log_in(&kernel, &caller, login).await
}

struct Login {
    email: String,
    given: String,
    client: String,
}

async fn log_in(kernel: &Kernel, caller: &Caller, login: Login) -> Result<Response, ApiError> {
    let Login {
        email,
        given,
        client,
    } = login;
    let address = email.clone();
    let found = kernel
        .store
        .run(move |db| user::by_email(db, &address))
        .await?
        .unwrap_or_default();
    if !password::verify(given, found.password).await? {
        return Err(invalid_credentials());
    }
    if !found.enabled {
        return Err(user::blocked());
    }
    let session = sessions::New::prepare(&found.id, Provider::Email, &email, client)?;
    keep(kernel, caller, session, None).await
}

/// `POST /v1/account/sessions/token`.
pub(super) async fn by_token(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, ApiError> {
    caller.require_scope(SESSIONS_WRITE)?;
    let id = user::required(&mut params, "userId")?;
    let secret = user::required(&mut params, "secret")?;
    let session = sessions::New::prepare(&id, Provider::Token, "", sessions::client(&headers))?;
    kernel
        .store
        .run(move |db| {
            tokens::consume(db, &id, &secret)?;
            if user::by_id(db, &id)?.enabled {
                Ok(())
            } else {
                Err(user::blocked())
            }
        })
        .await?;
    keep(&kernel, &caller, session, None).await
}

/// The secret with which a link signs in as `user`, once, within a minute.
///
/// # Errors
/// 404 `user_not_found`.
pub(crate) async fn link_secret(kernel: &Kernel, user: &str) -> Result<SecretString, ApiError> {
    let id = user.to_owned();
    let token = kernel
        .store
        .run(move |db| {
            user::by_id(db, &id)?;
            tokens::create(db, &id, &tokens::OF_LINK)
        })
        .await?;
    let secret = token["secret"].as_str().unwrap_or_default();
    Ok(SecretString::from(secret))
}

/// Keeps a session, and the user it comes with; tells of it and answers it. A
/// key gets the token in the body, too.
pub(super) async fn keep(
    kernel: &Kernel,
    caller: &Caller,
    session: sessions::New,
    user: Option<NewUser>,
) -> Result<Response, ApiError> {
    let session = kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            if let Some(user) = user {
                user::insert(&tx, &user)?;
            }
            session.insert(&tx)?;
            tx.commit()?;
            Ok(session)
        })
        .await?;
    let change = Change::Session(session.id(), "create");
    announce::publish(&kernel.bus, session.user(), change, session.body());
    let body = if caller.is_key() {
        session.body_with_secret()
    } else {
        session.body()
    };
    Ok(sessions::answer(&kernel.project.id, &session, body))
}
