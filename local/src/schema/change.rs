//! Changes of what is declared: names, permissions, columns.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::routes::{find_database, no_column};
use super::storage::{column_name, rows_table};
use super::{TableConfig, answers, define};
use crate::auth::Caller;
use crate::clock;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::permissions::{self, Subject};
use crate::server::{Params, no_route};

/// `PUT` of a database: its name and whether it is enabled.
pub(super) async fn database(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("databases.write")?;
    let name = params.take_str("name")?;
    let enabled = params.take_bool("enabled")?.unwrap_or(true);
    let answer = kernel
        .store
        .run(move |db| {
            super::require_database(db, &id)?;
            let sql = "UPDATE databases SET name = coalesce(?2, name), enabled = ?3, updated_ms = ?4 WHERE id = ?1";
            db.execute(sql, (&id, name, enabled, clock::now().as_millisecond()))?;
            find_database(db, &id)
        })
        .await?;
    Ok(Json(answer))
}

/// `PUT` of a table; what is not given stays, but for `enabled` and
/// `rowSecurity`, which have defaults.
pub(super) async fn table(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((database, id)): Path<(String, String)>,
    mut params: Params,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("tables.write")?;
    let name = params.take_str("name")?;
    let list = params
        .take("permissions")
        .map(|list| permissions::parse(&list, Subject::Table))
        .transpose()?;
    let enabled = params.take_bool("enabled")?.unwrap_or(true);
    let row_security = params.take_bool("rowSecurity")?.unwrap_or(false);
    let answer = kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            let old = super::table(&tx, &database, &id)?.into_config();
            let config = TableConfig {
                name: name.unwrap_or_else(|| old.name.clone()),
                permissions: list.unwrap_or_else(|| old.permissions.clone()),
                enabled,
                row_security,
                ..old
            };
            let table = super::save(&tx, config)?;
            tx.commit()?;
            Ok(answers::table(&table))
        })
        .await?;
    Ok(Json(answer))
}

/// `PATCH` of a column: done at once, unlike its creation.
pub(super) async fn column(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((database, id, kind, key)): Path<(String, String, String, String)>,
    params: Params,
) -> Result<Response, ApiError> {
    if !define::KINDS.contains(&kind.as_str()) {
        return Ok(no_route());
    }
    caller.require_scope("tables.write")?;
    let answer = kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            let table = super::table(&tx, &database, &id)?;
            let number = table.number;
            let mut config = table.into_config();
            let column = config.columns.iter_mut().find(|column| column.key == key);
            let column = column.ok_or_else(|| no_column(&key))?;
            let new_key = define::alter(column, params)?.filter(|new| *new != key);
            if let Some(new_key) = &new_key {
                new_key.clone_into(&mut column.key);
                let names = config
                    .indexes
                    .iter_mut()
                    .flat_map(|index| &mut index.columns);
                names
                    .filter(|name| **name == key)
                    .for_each(|name| new_key.clone_into(name));
                tx.execute_batch(&format!(
                    "ALTER TABLE {} RENAME COLUMN {} TO {}",
                    rows_table(number),
                    column_name(&key),
                    column_name(new_key)
                ))?;
            }
            let table = super::save(&tx, config)?;
            tx.commit()?;
            let key = new_key.unwrap_or(key);
            let column = table.column(&key).ok_or_else(|| no_column(&key))?.0;
            Ok(answers::column(&table, column, "available"))
        })
        .await?;
    Ok(Json(answer).into_response())
}
