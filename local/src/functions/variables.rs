//! Variables of functions: kept in the store, given to executions, secret unless said otherwise.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::{Json, Router, routing::get};
use http::StatusCode;
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde_json::{Value, json};

use super::definition::{bounded, missing, required};
use super::{Functions, registry};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::queries::listing::Listing;
use crate::server::Params;
use crate::store::Writer;
use crate::{clock, ids};

/// Longest name of a variable, in characters.
const KEY_CHARS_MAX: usize = 255;
/// Longest value of a variable, in characters.
const VALUE_CHARS_MAX: usize = 8_192;

/// What a list of variables may be filtered and ordered by (Appwrite 1.9.6, source).
pub(crate) const ATTRIBUTES: &[&str] = &["key", "resourceType", "resourceId", "secret"];

/// One variable.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    id: String,
    function_id: String,
    pub(crate) key: String,
    pub(crate) value: String,
    secret: bool,
    created_ms: i64,
    updated_ms: i64,
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be secrets.
        f.debug_struct("Variable")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Variable {
    /// The variable as the API answers it: a secret one without its value (Appwrite 1.9.6,
    /// measured).
    pub(crate) fn json(&self) -> Value {
        json!({
            "$id": self.id,
            "$createdAt": clock::format_ms(self.created_ms),
            "$updatedAt": clock::format_ms(self.updated_ms),
            "key": self.key,
            "value": if self.secret { "" } else { &self.value },
            "secret": self.secret,
            "resourceType": "function",
            "resourceId": self.function_id,
        })
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            function_id: row.get("function_id")?,
            key: row.get("key")?,
            value: row.get("value")?,
            secret: row.get("secret")?,
            created_ms: row.get("created_ms")?,
            updated_ms: row.get("updated_ms")?,
        })
    }
}

/// All variables of a function in order of creation.
pub(super) fn of_function(db: &Connection, function_id: &str) -> Result<Vec<Variable>, ApiError> {
    let sql = "SELECT * FROM function_variables WHERE function_id = ?1 ORDER BY sequence";
    let mut statement = db.prepare_cached(sql)?;
    let found = statement.query_map([function_id], Variable::read)?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The routes.
pub(super) fn router() -> Router<Arc<Kernel>> {
    Router::new()
        .route("/v1/functions/{function}/variables", get(list).post(create))
        .route(
            "/v1/functions/{function}/variables/{variable}",
            get(show).put(update).delete(remove),
        )
}

async fn list(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("functions.read")?;
    let listing = Listing::parse(query.as_deref(), ATTRIBUTES)?;
    let function = Functions::of(&kernel)?.get(&id)?;
    let all = function.own.iter().map(Variable::json).collect();
    let (total, variables) = listing.page(all, "$id", &["key"])?;
    Ok(Json(json!({"total": total, "variables": variables})))
}

async fn show(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((id, variable)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("functions.read")?;
    let function = Functions::of(&kernel)?.get(&id)?;
    let found = function.own.iter().find(|it| it.id == variable);
    Ok(Json(found.ok_or_else(not_found)?.json()))
}

async fn create(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    caller.require_scope("functions.write")?;
    let variable_id = ids::resolve("variableId", &required(&mut params, "variableId")?)?;
    let key = checked_key(required(&mut params, "key")?)?;
    let value = required(&mut params, "value")?;
    bounded("value", &value, VALUE_CHARS_MAX)?;
    let secret = params.take_bool("secret")?.unwrap_or(true);
    let functions = Functions::of(&kernel)?;
    let now = clock::now().as_millisecond();
    let variable = Variable {
        id: variable_id,
        function_id: functions.get(&id)?.id.clone(),
        key,
        value,
        secret,
        created_ms: now,
        updated_ms: now,
    };
    let json = variable.json();
    kernel.store.run(move |db| insert(db, &variable)).await?;
    functions.reload(&kernel).await?;
    Ok((StatusCode::CREATED, Json(json)))
}

async fn update(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((id, variable)): Path<(String, String)>,
    mut params: Params,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("functions.write")?;
    let key = params.take_str("key")?.map(checked_key).transpose()?;
    let value = params.take_str("value")?;
    if let Some(value) = &value {
        bounded("value", value, VALUE_CHARS_MAX)?;
    }
    let secret = params.take_bool("secret")?;
    let functions = Functions::of(&kernel)?;
    let function = functions.get(&id)?;
    let found = function.own.iter().find(|it| it.id == variable);
    let mut variable = found.ok_or_else(not_found)?.clone();
    if variable.secret && secret == Some(false) {
        let message = "Secret variables cannot be marked as non-secret. Please re-create the \
                       variable if this is your intention.";
        return Err(ApiError::bad_request(
            "variable_cannot_unset_secret",
            message,
        ));
    }
    variable.key = key.unwrap_or(variable.key);
    variable.value = value.unwrap_or(variable.value);
    variable.secret = secret.unwrap_or(variable.secret);
    variable.updated_ms = clock::now().as_millisecond();
    let json = variable.json();
    kernel.store.run(move |db| write(db, &variable)).await?;
    functions.reload(&kernel).await?;
    Ok(Json(json))
}

async fn remove(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((id, variable)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    caller.require_scope("functions.write")?;
    let functions = Functions::of(&kernel)?;
    let function = functions.get(&id)?;
    let work = move |db: &mut Writer| {
        let sql = "DELETE FROM function_variables WHERE function_id = ?1 AND id = ?2";
        if db.execute(sql, [&function.id, &variable])? == 0 {
            return Err(not_found());
        }
        outdate(db, &function.id)
    };
    kernel.store.run(work).await?;
    functions.reload(&kernel).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn checked_key(key: String) -> Result<String, ApiError> {
    if key.is_empty() {
        return Err(missing("key"));
    }
    bounded("key", &key, KEY_CHARS_MAX)?;
    Ok(key)
}

fn insert(db: &mut Writer, variable: &Variable) -> Result<(), ApiError> {
    refuse_taken(db, variable, "key = ?2 OR id = ?3")?;
    db.execute(
        "INSERT INTO function_variables
         (id, function_id, key, value, secret, created_ms, updated_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            &variable.id,
            &variable.function_id,
            &variable.key,
            &variable.value,
            variable.secret,
            variable.created_ms,
            variable.updated_ms,
        ),
    )?;
    outdate(db, &variable.function_id)
}

fn write(db: &mut Writer, variable: &Variable) -> Result<(), ApiError> {
    refuse_taken(db, variable, "key = ?2 AND id <> ?3")?;
    let changed = db.execute(
        "UPDATE function_variables SET key = ?3, value = ?4, secret = ?5, updated_ms = ?6
         WHERE function_id = ?1 AND id = ?2",
        (
            &variable.function_id,
            &variable.id,
            &variable.key,
            &variable.value,
            variable.secret,
            variable.updated_ms,
        ),
    )?;
    if changed == 0 {
        return Err(not_found());
    }
    outdate(db, &variable.function_id)
}

fn refuse_taken(db: &Connection, variable: &Variable, which: &str) -> Result<(), ApiError> {
    let sql = format!("SELECT 1 FROM function_variables WHERE function_id = ?1 AND ({which})");
    let taken = db
        .prepare_cached(&sql)?
        .query_row([&variable.function_id, &variable.key, &variable.id], |_| {
            Ok(())
        })
        .optional()?;
    if taken.is_none() {
        return Ok(());
    }
    let message = "Variable with the same ID already exists in this project. Try again with a \
                   different ID.";
    Err(ApiError::conflict("variable_already_exists", message))
}

/// What is deployed was built with other variables.
fn outdate(db: &Connection, function_id: &str) -> Result<(), ApiError> {
    registry::change(db, function_id, |function| function.live = false).map(drop)
}

fn not_found() -> ApiError {
    let message = "Variable with the requested ID could not be found.";
    ApiError::not_found("variable_not_found", message)
}
