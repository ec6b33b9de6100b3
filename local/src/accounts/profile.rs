//! What a user changes of its own account.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::announce::{self, Change};
use super::sign_in::invalid_credentials;
use super::user::{self, Column};
use super::{account, email, password};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::server::Params;

/// Largest preferences, in bytes of JSON (Appwrite 1.9.6).
const PREFS_BYTES_MAX: usize = 65_535;

/// Changes a user, tells of it and returns its account.
///
/// # Errors
/// Those of `change`; 404 `user_not_found`.
pub(super) async fn change(
    kernel: &Kernel,
    id: &str,
    attribute: &str,
    change: impl FnOnce(&Connection, &str) -> Result<(), ApiError> + Send + 'static,
) -> Result<Value, ApiError> {
    let user = id.to_owned();
    kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            user::by_id(&tx, &user)?;
            change(&tx, &user)?;
            Ok(tx.commit()?)
        })
        .await?;
    let body = account(kernel, id).await?;
    let body = body.ok_or_else(|| user::missing(id))?;
    let told = Change::User("update", Some(attribute));
    announce::publish(&kernel.bus, id, told, body.clone());
    Ok(body)
}

/// Takes the parameter `prefs` as it is kept.
///
/// # Errors
/// 400 `general_argument_invalid`.
pub(super) fn take_prefs(params: &mut Params) -> Result<String, ApiError> {
    let missing = || ApiError::argument("Param \"prefs\" is not optional.");
    let prefs = params.take_object("prefs")?.ok_or_else(missing)?;
    let prefs = Value::Object(prefs).to_string();
    if prefs.len() > PREFS_BYTES_MAX {
        let why = "Value must be a valid object of at most 65535 bytes.";
        return Err(ApiError::argument(format!("Invalid `prefs` param: {why}")));
    }
    Ok(prefs)
}

/// The preferences of an account.
pub(super) fn prefs_of(account: &Value) -> Value {
    account.get("prefs").cloned().unwrap_or_else(|| json!({}))
}

/// `PATCH /v1/account/name`.
pub(super) async fn set_name(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    mut params: Params,
) -> Result<Json<Value>, ApiError> {
    let (id, _) = caller.require_user()?;
    let missing = || ApiError::argument("Param \"name\" is not optional.");
    let name = user::take_name(&mut params)?.ok_or_else(missing)?;
    change(&kernel, id, "name", move |db, id| {
        user::set(db, id, Column::Name, &name)
    })
    .await
    .map(Json)
}

/// `GET /v1/account/prefs`.
pub(super) async fn prefs(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
) -> Result<Json<Value>, ApiError> {
    let (id, _) = caller.require_user()?;
    let found = account(&kernel, id).await?;
    let found = found.ok_or_else(ApiError::unauthorized)?;
    Ok(Json(prefs_of(&found)))
}

/// `PATCH /v1/account/prefs`.
pub(super) async fn set_prefs(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    mut params: Params,
) -> Result<Json<Value>, ApiError> {
    let (id, _) = caller.require_user()?;
    let prefs = take_prefs(&mut params)?;
    change(&kernel, id, "prefs", move |db, id| {
        user::set(db, id, Column::Prefs, &prefs)
    })
    .await
    .map(Json)
}

/// `PATCH /v1/account/password`: the old one is asked of a user who has one.
pub(super) async fn set_password(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    mut params: Params,
) -> Result<Json<Value>, ApiError> {
    let (id, _) = caller.require_user()?;
    let fresh = user::required(&mut params, "password")?;
    password::check("password", &fresh)?;
    let old = params.take_str("oldPassword")?.unwrap_or_default();
    if let Some(kept) = kept_password(&kernel, id).await?
        && !password::verify(old, Some(kept)).await?
    {
        return Err(invalid_credentials());
    }
    let hash = password::hash(fresh).await?;
    change(&kernel, id, "password", move |db, id| {
        user::set_password(db, id, &hash)
    })
    .await
    .map(Json)
}

/// `PATCH /v1/account/email`: with the user's password; an anonymous user gets
/// this one, and so becomes one with address and password.
pub(super) async fn set_email(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    mut params: Params,
) -> Result<Json<Value>, ApiError> {
    let (id, _) = caller.require_user()?;
    let address = email::read(&user::required(&mut params, "email")?)?;
    let given = user::required(&mut params, "password")?;
    password::check("password", &given)?;
    let first = match kept_password(&kernel, id).await? {
        Some(kept) => {
            if !password::verify(given, Some(kept)).await? {
                return Err(invalid_credentials());
            }
            None
        }
        None => Some(password::hash(given).await?),
    };
    change(&kernel, id, "email", move |db, id| {
        // Not telling that somebody else has the address is Appwrite's choice.
        if user::by_email(db, &address)?.is_some_and(|owner| owner.id != id) {
            return Err(ApiError::bad_request(
                "general_bad_request",
                "There was an error processing your request. Please check the inputs and try again.",
            ));
        }
        user::set_email(db, id, &address)?;
        match first {
            Some(hash) => user::set_password(db, id, &hash),
            None => Ok(()),
        }
    })
    .await
    .map(Json)
}

async fn kept_password(kernel: &Kernel, id: &str) -> Result<Option<String>, ApiError> {
    let id = id.to_owned();
    let found = kernel.store.run(move |db| user::by_id(db, &id)).await?;
    Ok(found.password)
}
