//! The users API: accounts as keys with `users.read` and `users.write` see them.
//!
//! Answers have the shape of an account; hashes of passwords are not given out.

mod listing;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{delete, get, patch, post, put};
use axum::{Json, Router};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::announce::{self, Change};
use super::sessions::{self, Provider};
use super::user::{self, Column, NewUser};
use super::{account, email, end_session, jwt_lifetime, password, profile, sign_in, tokens};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::ids;
use crate::kernel::Kernel;
use crate::server::Params;

const READ: &str = "users.read";
const WRITE: &str = "users.write";

/// Labels of a user at most, and characters of one (Appwrite 1.9.6).
const LABELS_MAX: usize = 1_000;
const LABEL_CHARS_MAX: usize = 36;

/// The word for a user's newest session, when a JWT is made for it.
const RECENT: &str = "recent";

type Answer = Result<Json<Value>, ApiError>;
type Made = Result<(StatusCode, Json<Value>), ApiError>;

/// The routes of the users API.
pub(super) fn router() -> Router<Arc<Kernel>> {
    Router::new()
        .route("/v1/users", get(listing::list).post(create))
        .route("/v1/users/{user}", get(show).delete(remove))
        .route("/v1/users/{user}/labels", put(set_labels))
        .route("/v1/users/{user}/status", patch(set_status))
        .route("/v1/users/{user}/name", patch(set_name))
        .route("/v1/users/{user}/email", patch(set_email))
        .route("/v1/users/{user}/password", patch(set_password))
        .route("/v1/users/{user}/prefs", get(prefs).patch(set_prefs))
        .route(
            "/v1/users/{user}/sessions",
            get(list_sessions)
                .post(create_session)
                .delete(delete_sessions),
        )
        .route(
            "/v1/users/{user}/sessions/{session}",
            delete(delete_session),
        )
        .route("/v1/users/{user}/jwts", post(create_jwt))
        .route("/v1/users/{user}/tokens", post(create_token))
}

async fn create(State(kernel): State<Arc<Kernel>>, caller: Caller, mut params: Params) -> Made {
    caller.require_scope(WRITE)?;
    let id = ids::resolve("userId", &user::required(&mut params, "userId")?)?;
    let address = params.take_str("email")?;
    let given = params.take_str("password")?;
    let name = user::take_name(&mut params)?.unwrap_or_default();
    let password = match given.filter(|given| !given.is_empty()) {
        Some(given) => {
            password::check("password", &given)?;
            Some(password::hash(given).await?)
        }
        None => None,
    };
    let user = NewUser {
        id,
        name,
        password,
        email: address.as_deref().map(email::read).transpose()?,
        labels: Vec::new(),
    };
    let body = sign_in::register(&kernel, user).await?;
    Ok((StatusCode::CREATED, Json(body)))
}

async fn found(kernel: &Kernel, id: &str) -> Result<Value, ApiError> {
    account(kernel, id).await?.ok_or_else(|| user::missing(id))
}

async fn show(State(kernel): State<Arc<Kernel>>, caller: Caller, Path(id): Path<String>) -> Answer {
    caller.require_scope(READ)?;
    found(&kernel, &id).await.map(Json)
}

async fn remove(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.require_scope(WRITE)?;
    let body = found(&kernel, &id).await?;
    let user = id.clone();
    kernel.store.run(move |db| user::delete(db, &user)).await?;
    let change = Change::User("delete", None);
    announce::publish(&kernel.bus, &id, change, body);
    Ok(StatusCode::NO_CONTENT)
}

/// Changes a user for a key that may.
async fn change(
    kernel: &Kernel,
    caller: &Caller,
    (id, attribute): (&str, &str),
    work: impl FnOnce(&Connection, &str) -> Result<(), ApiError> + Send + 'static,
) -> Answer {
    caller.require_scope(WRITE)?;
    profile::change(kernel, id, attribute, work).await.map(Json)
}

async fn set_labels(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Answer {
    caller.require_scope(WRITE)?;
    let missing = || ApiError::argument("Param \"labels\" is not optional.");
    let given = params.take_list("labels")?.ok_or_else(missing)?;
    let labels = labels(&given)?;
    change(&kernel, &caller, (&id, "labels"), move |db, id| {
        user::set(db, id, Column::Labels, &labels)
    })
    .await
}

/// Reads labels: letters and digits, each kept once.
fn labels(given: &[Value]) -> Result<String, ApiError> {
    let mut labels: Vec<&str> = Vec::with_capacity(given.len());
    for label in given {
        let good = label.as_str().filter(|label| {
            (1..=LABEL_CHARS_MAX).contains(&label.len())
                && label.chars().all(|c| c.is_ascii_alphanumeric())
        });
        match good {
            Some(label) if labels.len() < LABELS_MAX => {
                if !labels.contains(&label) {
                    labels.push(label);
                }
            }
            Some(_) | None => {
                let why = format!(
                    "Value must a valid array no longer than {LABELS_MAX} items and Value must be a valid string \
                     and at least 1 chars and no longer than {LABEL_CHARS_MAX} chars and only consist of letters \
                     and digits"
                );
                return Err(ApiError::argument(format!("Invalid `labels` param: {why}")));
            }
        }
    }
    Ok(json!(labels).to_string())
}

async fn set_status(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Answer {
    caller.require_scope(WRITE)?;
    let missing = || ApiError::argument("Param \"status\" is not optional.");
    let enabled = params.take_bool("status")?.ok_or_else(missing)?;
    change(&kernel, &caller, (&id, "status"), move |db, id| {
        user::set_enabled(db, id, enabled)
    })
    .await
}

async fn set_name(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Answer {
    caller.require_scope(WRITE)?;
    let missing = || ApiError::argument("Param \"name\" is not optional.");
    let name = user::take_name(&mut params)?.ok_or_else(missing)?;
    change(&kernel, &caller, (&id, "name"), move |db, id| {
        user::set(db, id, Column::Name, &name)
    })
    .await
}

async fn set_email(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Answer {
    caller.require_scope(WRITE)?;
    let address = email::read(&user::required(&mut params, "email")?)?;
    change(&kernel, &caller, (&id, "email"), move |db, id| {
        user::set_email(db, id, &address)
    })
    .await
}

async fn set_password(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Answer {
    caller.require_scope(WRITE)?;
    let given = user::required(&mut params, "password")?;
    password::check("password", &given)?;
    let hash = password::hash(given).await?;
    change(&kernel, &caller, (&id, "password"), move |db, id| {
        user::set_password(db, id, &hash)
    })
    .await
}

async fn prefs(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    caller.require_scope(READ)?;
    let account = found(&kernel, &id).await?;
    Ok(Json(profile::prefs_of(&account)))
}

/// Answers the preferences alone, as Appwrite does.
async fn set_prefs(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Answer {
    caller.require_scope(WRITE)?;
    let prefs = profile::take_prefs(&mut params)?;
    let work = move |db: &Connection, id: &str| user::set(db, id, Column::Prefs, &prefs);
    let account = profile::change(&kernel, &id, "prefs", work).await?;
    Ok(Json(profile::prefs_of(&account)))
}

async fn sessions_of(kernel: &Kernel, id: String) -> Result<Vec<Value>, ApiError> {
    kernel
        .store
        .run(move |db| {
            user::by_id(db, &id)?;
            sessions::list(db, &id, "")
        })
        .await
}

async fn list_sessions(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    caller.require_scope(READ)?;
    let list = sessions_of(&kernel, id).await?;
    Ok(Json(json!({"total": list.len(), "sessions": list})))
}

/// The one way to get a session's secret in a body.
async fn create_session(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Made {
    caller.require_scope(WRITE)?;
    let client = sessions::client(&headers);
    let session = sessions::New::prepare(&id, Provider::Server, "", client)?;
    let session = kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            user::by_id(&tx, &id)?;
            session.insert(&tx)?;
            tx.commit()?;
            Ok(session)
        })
        .await?;
    let change = Change::Session(session.id(), "create");
    announce::publish(&kernel.bus, session.user(), change, session.body());
    Ok((StatusCode::CREATED, Json(session.body_with_secret())))
}

async fn delete_sessions(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.require_scope(WRITE)?;
    kernel
        .store
        .run(move |db| {
            user::by_id(db, &id)?;
            sessions::delete_all(db, &id)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete_session(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((id, session)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    caller.require_scope(WRITE)?;
    found(&kernel, &id).await?;
    end_session(&kernel, &id, session, "").await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A JWT bound to the session named, to the newest one for `recent`, or to none.
async fn create_jwt(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Made {
    caller.require_scope(WRITE)?;
    let wanted = params.take_str("sessionId")?.unwrap_or_default();
    let lifetime = jwt_lifetime(&mut params)?;
    let list = sessions_of(&kernel, id.clone()).await?;
    let mut known = list
        .iter()
        .filter_map(|session| session.get("$id")?.as_str());
    let session = if wanted == RECENT {
        known.next_back()
    } else {
        known.find(|session| *session == wanted)
    };
    let session = session.unwrap_or_default();
    let jwt = kernel.auth.mint_session_jwt(&id, session, lifetime);
    Ok((StatusCode::CREATED, Json(json!({"jwt": jwt}))))
}

async fn create_token(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Made {
    caller.require_scope(WRITE)?;
    let wanted = tokens::Wanted::take(&mut params)?;
    let token = kernel
        .store
        .run(move |db| {
            user::by_id(db, &id)?;
            tokens::create(db, &id, &wanted)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(token)))
}
