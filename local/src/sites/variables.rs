//! `/v1/sites/{site}/variables`.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};

use super::site::{self, Site};
use super::variable::Variable;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::functions::VARIABLE_ATTRIBUTES;
use crate::kernel::Kernel;
use crate::queries::listing::Listing;
use crate::server::{Params, required};
use crate::{clock, ids};

/// Most variables of a site.
const VARIABLES_MAX: usize = 100;
/// Longest key, in characters.
const KEY_CHARS_MAX: usize = 255;
/// Longest value, in characters.
const VALUE_CHARS_MAX: usize = 8_192;

pub(super) fn router() -> Router<Arc<Kernel>> {
    Router::new()
        .route("/v1/sites/{site}/variables", get(list).post(create))
        .route(
            "/v1/sites/{site}/variables/{variable}",
            get(show).put(update).delete(remove),
        )
}

fn text(params: &mut Params, name: &str, most: usize) -> Result<Option<String>, ApiError> {
    let given = params.take_str(name)?;
    let least = usize::from(name == "key");
    match given {
        Some(text) if text.chars().count() > most || text.len() < least => {
            Err(ApiError::argument(format!(
                "Invalid `{name}` param: Value must be a valid string and at least {least} chars and no longer than {most} chars"
            )))
        }
        other => Ok(other),
    }
}

/// 404 `variable_not_found`.
fn missing() -> ApiError {
    let message = "Variable with the requested ID could not be found.";
    ApiError::not_found("variable_not_found", message)
}

/// 409 `variable_already_exists`.
fn taken() -> ApiError {
    let message =
        "Variable with the same ID already exists in this project. Try again with a different ID.";
    ApiError::conflict("variable_already_exists", message)
}

/// Reads a site, changes its variables and writes it: what is served was built without them.
async fn change<T: Send + 'static>(
    kernel: &Kernel,
    id: String,
    work: impl FnOnce(&mut Site) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let work = move |db: &mut crate::store::Writer| {
        let mut site = site::get(db, &id)?;
        let done = work(&mut site)?;
        site.live = false;
        site.touch();
        site.save(db)?;
        Ok(done)
    };
    kernel.store.run(work).await
}

async fn create(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(site): Path<String>,
    mut params: Params,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    caller.require_scope("sites.write")?;
    let id = required("variableId", params.take_str("variableId")?)?;
    let id = ids::resolve("variableId", &id)?;
    let key = required("key", text(&mut params, "key", KEY_CHARS_MAX)?)?;
    let value = required("value", text(&mut params, "value", VALUE_CHARS_MAX)?)?;
    let secret = params.take_bool("secret")?.unwrap_or(true);
    let json = change(&kernel, site, move |site| {
        if site.variables.iter().any(|it| it.id == id || it.key == key) {
            return Err(taken());
        }
        if site.variables.len() >= VARIABLES_MAX {
            let message = "The maximum number of variables has been reached.";
            return Err(ApiError::bad_request("general_argument_invalid", message));
        }
        let now = clock::now().as_millisecond();
        let variable = Variable {
            id,
            created_ms: now,
            updated_ms: now,
            key,
            value,
            secret,
        };
        let json = variable.json(&site.id);
        site.variables.push(variable);
        Ok(json)
    })
    .await?;
    Ok((StatusCode::CREATED, Json(json)))
}

async fn list(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("sites.read")?;
    let listing = Listing::parse(query.as_deref(), VARIABLE_ATTRIBUTES)?;
    let site = kernel.store.run(move |db| site::get(db, &id)).await?;
    let all = site.variables.iter().map(|it| it.json(&site.id)).collect();
    let (total, variables) = listing.page(all, "$id", &["key"])?;
    Ok(Json(json!({"total": total, "variables": variables})))
}

async fn show(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((site, id)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("sites.read")?;
    let site = kernel.store.run(move |db| site::get(db, &site)).await?;
    let found = site.variables.iter().find(|it| it.id == id);
    Ok(Json(found.ok_or_else(missing)?.json(&site.id)))
}

async fn update(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((site, id)): Path<(String, String)>,
    mut params: Params,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("sites.write")?;
    let key = text(&mut params, "key", KEY_CHARS_MAX)?;
    let value = text(&mut params, "value", VALUE_CHARS_MAX)?;
    let secret = params.take_bool("secret")?;
    let json = change(&kernel, site, move |site| {
        let site_id = site.id.clone();
        let other = |it: &Variable| it.id != id && key.as_ref() == Some(&it.key);
        if site.variables.iter().any(other) {
            return Err(taken());
        }
        let variable = site.variables.iter_mut().find(|it| it.id == id);
        let variable = variable.ok_or_else(missing)?;
        if variable.secret && secret == Some(false) {
            let message = "Secret variables cannot be marked as non-secret. Please re-create the variable if this is your intention.";
            return Err(ApiError::bad_request("variable_cannot_unset_secret", message));
        }
        variable.key = key.unwrap_or_else(|| variable.key.clone());
        variable.value = value.unwrap_or_else(|| variable.value.clone());
        variable.secret = secret.unwrap_or(variable.secret);
        variable.updated_ms = clock::now().as_millisecond();
        Ok(variable.json(&site_id))
    })
    .await?;
    Ok(Json(json))
}

async fn remove(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((site, id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    caller.require_scope("sites.write")?;
    change(&kernel, site, move |site| {
        let before = site.variables.len();
        site.variables.retain(|it| it.id != id);
        if site.variables.len() == before {
            return Err(missing());
        }
        Ok(())
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
