//! Routes of indexes.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::routes::{Created, PartPath, TablePath, declare, declared};
use super::{IndexConfig, TableConfig, answers};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::ids;
use crate::kernel::Kernel;
use crate::server::Params;

/// Inline indexes name their columns `attributes`.
pub(super) fn inline(list: Option<Vec<Value>>) -> Result<Vec<IndexConfig>, ApiError> {
    let mut list = list.unwrap_or_default();
    for index in list.iter_mut().filter_map(Value::as_object_mut) {
        if let Some(columns) = index.remove("attributes") {
            index.entry("columns").or_insert(columns);
        }
    }
    declared(Some(list), "indexes")
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
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("tables.read")?;
    let list = kernel
        .store
        .run(move |db| Ok(answers::indexes(&super::table(db, &database, &id)?)))
        .await?;
    Ok(Json(json!({"total": list.len(), "indexes": list})))
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
    let key = ids::resolve("key", &params.take_str("key")?.unwrap_or_default())?;
    let index = IndexConfig {
        key: key.clone(),
        kind: params.take_str("type")?.unwrap_or_default(),
        columns: declared(params.take_list("columns")?, "columns")?,
        orders: declared(params.take_list("orders")?, "orders")?,
    };
    if !matches!(index.kind.as_str(), "key" | "unique" | "fulltext") || index.columns.is_empty() {
        return Err(ApiError::argument(
            "Invalid `type` param: Value must be one of (key, fulltext, unique)",
        ));
    }
    let table = declare(&kernel, (database, id), move |config| {
        if config.indexes.iter().any(|known| known.key == index.key) {
            let message = format!(
                "Index with the requested key '{}' already exists.",
                index.key
            );
            return Err(ApiError::conflict("column_index_already_exists", message));
        }
        let known = |key: &String| {
            key.starts_with('$') || config.columns.iter().any(|column| column.key == *key)
        };
        if index.kind != "fulltext" && index.columns.iter().any(|key| too_wide(config, key)) {
            return Err(ApiError::bad_request(
                "column_index_invalid",
                "Index length is longer than the maximum: 768",
            ));
        }
        if let Some(missing) = index.columns.iter().find(|key| !known(key)) {
            let message =
                format!("The column '{missing}' required for the index could not be found.");
            return Err(ApiError::bad_request("column_unknown", message));
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

/// Texts beyond this many characters cannot be indexed on the measured server.
const INDEX_CHARS_MAX: u64 = 768;

fn too_wide(config: &TableConfig, key: &str) -> bool {
    let column = config.columns.iter().find(|column| column.key == key);
    let kind = column.and_then(super::Kind::of);
    let Some(super::Kind::Text {
        chars,
        format: super::TextFormat::Plain,
    }) = kind
    else {
        return false;
    };
    chars > INDEX_CHARS_MAX
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
