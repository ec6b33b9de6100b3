//! Routes of indexes.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::routes::{Created, PartPath, TablePath, declare, declared};
use super::{IndexConfig, Kind, TableConfig, answers};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::ids;
use crate::kernel::Kernel;
use crate::queries::listing::Listing;
use crate::server::{Params, required};

/// Inline indexes name their columns `attributes`.
pub(super) fn inline(list: Option<Vec<Value>>) -> Result<Vec<IndexConfig>, ApiError> {
    let mut list = list.unwrap_or_default();
    for index in list.iter_mut().filter_map(Value::as_object_mut) {
        if let Some(columns) = index.remove("attributes") {
            index.entry("columns").or_insert(columns);
        }
    }
    let list: Vec<IndexConfig> = declared(Some(list), "indexes")?;
    let wrong =
        |index: &&IndexConfig| !KINDS.contains(&index.kind.as_str()) || index.columns.is_empty();
    match list.iter().find(wrong) {
        Some(index) => Err(ApiError::argument(format!(
            "Invalid type or no attributes for index '{}'",
            index.key
        ))),
        None => Ok(list),
    }
}

/// Checks the indexes in the request for a table, where an unknown column makes the index invalid.
pub(super) fn check_inline(config: &TableConfig) -> Result<(), ApiError> {
    let mut indexes = config.indexes.iter();
    indexes
        .try_for_each(|index| check(config, index))
        .map_err(|error| match error.kind {
            "column_unknown" => ApiError::bad_request("column_index_invalid", error.message),
            _ => error,
        })
}

fn no_index(key: &str) -> ApiError {
    ApiError::not_found(
        "column_index_not_found",
        format!("Index with the requested key '{key}' could not be found."),
    )
}

pub(super) async fn list(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((database, id)): TablePath,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("tables.read")?;
    let attributes = ["key", "type", "status", "attributes", "error"];
    let listing = Listing::parse(query.as_deref(), &attributes)?;
    let list = kernel
        .store
        .run(move |db| Ok(answers::indexes(&super::table(db, &database, &id)?)))
        .await?;
    let (total, indexes) = listing.page(list, "key", &[])?;
    Ok(Json(json!({"total": total, "indexes": indexes})))
}

pub(super) async fn show(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((database, id, key)): PartPath,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("tables.read")?;
    let found = kernel
        .store
        .run(move |db| {
            let table = super::table(db, &database, &id)?;
            let index = table
                .config
                .indexes
                .iter()
                .find(|index| index.key == key)
                .ok_or_else(|| no_index(&key))?;
            Ok(answers::index(&table, index, "available"))
        })
        .await?;
    Ok(Json(found))
}

pub(super) async fn create(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((database, id)): TablePath,
    mut params: Params,
) -> Result<Created, ApiError> {
    caller.require_scope("tables.write")?;
    let key = ids::resolve("key", &required("key", params.take_str("key")?)?)?;
    let index = IndexConfig {
        key: key.clone(),
        kind: required("type", params.take_str("type")?)?,
        columns: declared(
            Some(required("columns", params.take_list("columns")?)?),
            "columns",
        )?,
        orders: declared(params.take_list("orders")?, "orders")?,
        lengths: declared(params.take_list("lengths")?, "lengths")?,
    };
    if !KINDS.contains(&index.kind.as_str()) {
        return Err(ApiError::argument(
            "Invalid `type` param: Value must be one of (key, fulltext, unique, spatial)",
        ));
    }
    let is_order = |order: &String| ["asc", "desc"].contains(&&*order.to_ascii_lowercase());
    if !index.orders.iter().all(is_order) {
        return Err(ApiError::argument(
            "Invalid `orders` param: Value must be one of (ASC, DESC)",
        ));
    }
    let table = declare(&kernel, (database, id), move |config| {
        if config.indexes.len() >= INDEXES_MAX {
            let message = "The maximum number of indexes for this table has been reached.";
            return Err(ApiError::bad_request(
                "column_index_limit_exceeded",
                message,
            ));
        }
        check(config, &index)?;
        if config.indexes.iter().any(|known| known.key == index.key) {
            let message = format!(
                "Index with the requested key '{}' already exists.",
                index.key
            );
            return Err(ApiError::conflict("column_index_already_exists", message));
        }
        config.indexes.push(index);
        Ok(())
    })
    .await?;
    let index = table
        .config
        .indexes
        .iter()
        .find(|index| index.key == key)
        .ok_or_else(|| no_index(&key))?;
    Ok((
        StatusCode::ACCEPTED,
        Json(answers::index(&table, index, "processing")),
    ))
}

/// Kinds of indexes.
const KINDS: &[&str] = &["key", "fulltext", "unique", "spatial"];
/// Most indexes of a table there.
const INDEXES_MAX: usize = 58;
/// Characters and numbers of all columns of an index that the measured server takes.
const INDEX_CHARS_MAX: u64 = 768;
/// Characters of `$id` there.
const ID_CHARS: u64 = 255;

/// Checks an index against the columns it is of (Appwrite 1.9.6, source).
fn check(config: &TableConfig, index: &IndexConfig) -> Result<(), ApiError> {
    let invalid = |message: &str| Err(ApiError::bad_request("column_index_invalid", message));
    let mut total = 0;
    for (place, key) in index.columns.iter().enumerate() {
        let column = config.columns.iter().find(|column| column.key == *key);
        let kind = column.and_then(Kind::of);
        let own = match key.as_str() {
            "$id" => ID_CHARS,
            "$createdAt" | "$updatedAt" => 1,
            _ if kind.is_none() => {
                let message =
                    format!("The column '{key}' required for the index could not be found.");
                return Err(ApiError::bad_request("column_unknown", message));
            }
            _ => size(kind),
        };
        if column.is_some_and(|column| column.array) {
            let message = "Creating indexes on array attributes is not currently supported.";
            return Err(ApiError::bad_request("index_invalid", message));
        }
        let is_text = key == "$id" || matches!(kind, Some(Kind::Text { .. }));
        let is_shape = matches!(kind, Some(Kind::Shape(_)));
        if (index.kind == "fulltext" && !is_text) || (index.kind == "spatial") != is_shape {
            return invalid("The type of a column does not go with the type of the index");
        }
        let length = index.lengths.get(place).copied().flatten().unwrap_or(0);
        if length > own {
            return invalid("Index length is longer than the length of its column");
        }
        total += if length > 0 { length } else { own };
    }
    if index.columns.is_empty() {
        return invalid("No attributes provided for index");
    }
    let mut once: Vec<String> = index.columns.iter().map(|key| key.to_lowercase()).collect();
    once.sort_unstable();
    once.dedup();
    if once.len() < index.columns.len() {
        return invalid("Duplicate attributes provided");
    }
    if matches!(index.kind.as_str(), "key" | "unique") && total > INDEX_CHARS_MAX {
        return invalid("Index length is longer than the maximum: 768");
    }
    Ok(())
}

/// What a column takes of an index.
fn size(kind: Option<Kind>) -> u64 {
    match kind {
        Some(Kind::Text { chars, .. }) => chars,
        Some(Kind::Double { .. }) => 2,
        Some(Kind::Integer { .. } | Kind::Boolean | Kind::Datetime | Kind::Shape(_)) | None => 1,
    }
}

pub(super) async fn remove(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((database, id, key)): PartPath,
) -> Result<StatusCode, ApiError> {
    caller.require_scope("tables.write")?;
    declare(&kernel, (database, id), move |config| {
        let before = config.indexes.len();
        config.indexes.retain(|index| index.key != key);
        if config.indexes.len() < before {
            Ok(())
        } else {
            Err(no_index(&key))
        }
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
