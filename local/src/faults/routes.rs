//! `/v1/local/faults`: ours, not Appwrite's; for the project's key only.

use std::future::{Ready, ready};
use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::Value;

use super::{RULES_MAX, random_seed};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::server::Params;

/// The routes of this module.
pub(crate) fn router() -> Router<Arc<Kernel>> {
    Router::new().route("/v1/local/faults", get(show).put(replace).delete(clear))
}

/// The seed, the rules with their counters, the last faults.
fn show(State(kernel): State<Arc<Kernel>>, caller: Caller) -> Ready<Result<Json<Value>, ApiError>> {
    ready(caller.require_admin().map(|()| Json(kernel.faults.json())))
}

/// Takes `rules` (a list of texts) and `seed` (made up where it is not given) instead of all that
/// there were; answers as [`show`].
fn replace(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    params: Params,
) -> Ready<Result<Json<Value>, ApiError>> {
    ready(replaced(&kernel, &caller, params))
}

fn replaced(kernel: &Kernel, caller: &Caller, mut params: Params) -> Result<Json<Value>, ApiError> {
    caller.require_admin()?;
    let invalid = || {
        ApiError::argument(format!(
            "Invalid `rules` param: Value must be an array of at most {RULES_MAX} strings"
        ))
    };
    let list = params.take_list("rules")?.ok_or_else(invalid)?;
    let texts = list.iter().map(|text| text.as_str().ok_or_else(invalid));
    let texts: Vec<&str> = texts.collect::<Result<_, _>>()?;
    let seed = match params.take_i64("seed")? {
        None => random_seed(),
        Some(seed) => u32::try_from(seed).map_err(|_| {
            ApiError::argument("Invalid `seed` param: Value must be from 0 to 4294967295")
        })?,
    };
    kernel
        .faults
        .replace(&texts, seed)
        .map_err(|error| ApiError::argument(format!("Invalid `rules` param: {error}")))?;
    Ok(Json(kernel.faults.json()))
}

/// Removes all rules.
fn clear(State(kernel): State<Arc<Kernel>>, caller: Caller) -> Ready<Result<StatusCode, ApiError>> {
    ready(caller.require_admin().and_then(|()| {
        let none: [&str; 0] = [];
        let cleared = kernel.faults.replace(&none, 0);
        cleared.map_err(|error| ApiError::internal(&error))?;
        Ok(StatusCode::NO_CONTENT)
    }))
}
