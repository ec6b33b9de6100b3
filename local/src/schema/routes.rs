//! Routes of databases, tables, columns and indexes under `/v1/tablesdb`.
//!
//! What a real server does in the background is done at once here: a new column
//! is answered as `processing` and is `available` to the next request.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, patch};
use rusqlite::OptionalExtension as _;
use serde_json::{Value, json};

use super::{Table, TableConfig, answers, change, define, indexes, storage};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::legacy::Spelling;
use crate::permissions::{self, Subject};
use crate::queries::listing::Listing;
use crate::server::{Params, no_route, required};
use crate::store::Transaction;
use crate::{clock, ids};

/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 128;

pub(super) type Created = (StatusCode, Json<Value>);
pub(super) type TablePath = Path<(String, String)>;
pub(super) type PartPath = Path<(String, String, String)>;

/// The routes of the schema, in both spellings.
pub fn router() -> Router<Arc<Kernel>> {
    let legacy = routes("/v1/databases", "collections", "attributes");
    routes("/v1/tablesdb", "tables", "columns")
        .merge(legacy.route_layer(middleware::from_fn(crate::legacy::layer)))
}

fn routes(root: &str, tables: &str, columns: &str) -> Router<Arc<Kernel>> {
    let tables = format!("{root}/{{database}}/{tables}");
    let table = format!("{tables}/{{table}}");
    let columns = format!("{table}/{columns}");
    let indexes = format!("{table}/indexes");
    Router::new()
        .route(root, get(list_databases).post(create_database))
        .route(
            &format!("{root}/{{database}}"),
            get(show_database)
                .put(change::database)
                .delete(delete_database),
        )
        .route(&tables, get(list_tables).post(create_table))
        .route(
            &table,
            get(show_table).put(change::table).delete(delete_table),
        )
        .route(&columns, get(list_columns))
        .route(
            &format!("{columns}/{{key}}"),
            get(show_column).post(create_column).delete(delete_column),
        )
        .route(
            &format!("{columns}/{{kind}}/{{key}}"),
            patch(change::column),
        )
        .route(&indexes, get(indexes::list).post(indexes::create))
        .route(
            &format!("{indexes}/{{key}}"),
            get(indexes::show).delete(indexes::remove),
        )
}

async fn list_databases(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    spelling: Spelling,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("databases.read")?;
    let listing = Listing::parse(query.as_deref(), &["name"])?;
    let mut list = kernel
        .store
        .run(|db| {
            let mut statement =
                db.prepare_cached(&format!("{DATABASES} ORDER BY created_ms, rowid"))?;
            let found = statement.query_map([], read_database)?;
            Ok(found.collect::<Result<Vec<Value>, _>>()?)
        })
        .await?;
    // As measured: the older spelling lists its own only, the newer one both.
    if spelling == Spelling::Collections {
        list.retain(|database| database["type"] == "legacy");
    }
    let (total, databases) = listing.page(list, "$id", &["$id", "name"])?;
    Ok(Json(json!({"total": total, "databases": databases})))
}

const DATABASES: &str = "SELECT id, name, enabled, created_ms, updated_ms, id IN (SELECT id FROM legacy_databases) FROM databases";

fn read_database(row: &rusqlite::Row<'_>) -> rusqlite::Result<Value> {
    let (id, name): (String, String) = (row.get(0)?, row.get(1)?);
    Ok(answers::database(
        &id,
        &name,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
    ))
}

pub(super) fn find_database(db: &rusqlite::Connection, id: &str) -> Result<Value, ApiError> {
    let found = db
        .prepare_cached(&format!("{DATABASES} WHERE id = ?1"))?
        .query_row([id], read_database)
        .optional()?;
    found.ok_or_else(|| super::no_database(id))
}

async fn create_database(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    spelling: Spelling,
    mut params: Params,
) -> Result<Created, ApiError> {
    caller.require_scope("databases.write")?;
    let id = ids::resolve(
        "databaseId",
        &params.take_str("databaseId")?.unwrap_or_default(),
    )?;
    let name = name(&mut params)?;
    let answer = kernel
        .store
        .run(move |db| {
            let sql = "INSERT OR IGNORE INTO databases (id, name, created_ms, updated_ms) VALUES (?1, ?2, ?3, ?3)";
            if db.execute(sql, (&id, &name, clock::now().as_millisecond()))? == 0 {
                return Err(taken("database_already_exists", &format!("Database with the requested ID '{id}'")));
            }
            if spelling == Spelling::Collections {
                db.execute("INSERT INTO legacy_databases VALUES (?1)", [&id])?;
            }
            find_database(db, &id)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(answer)))
}

/// The name of a database or table.
fn name(params: &mut Params) -> Result<String, ApiError> {
    let name = required("name", params.take_str("name")?)?;
    if (1..=NAME_CHARS_MAX).contains(&name.chars().count()) {
        return Ok(name);
    }
    Err(ApiError::argument(format!(
        "Invalid `name` param: Value must be a valid string and at least 1 chars and no longer \
         than {NAME_CHARS_MAX} chars"
    )))
}

fn taken(kind: &'static str, what: &str) -> ApiError {
    ApiError::conflict(
        kind,
        format!(
            "{what} already exists. Try again with a different ID or use ID.unique() to generate a unique ID."
        ),
    )
}

async fn show_database(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("databases.read")?;
    kernel
        .store
        .run(move |db| find_database(db, &id))
        .await
        .map(Json)
}

async fn delete_database(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.require_scope("databases.write")?;
    kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            super::require_database(&tx, &id)?;
            for number in table_numbers(&tx, &id)? {
                storage::drop_table(&tx, number)?;
            }
            tx.execute("DELETE FROM databases WHERE id = ?1", [&id])?;
            tx.commit()?;
            Ok(StatusCode::NO_CONTENT)
        })
        .await
}

fn table_numbers(tx: &Transaction<'_>, database: &str) -> Result<Vec<i64>, ApiError> {
    let mut statement = tx.prepare("SELECT number FROM tables WHERE database_id = ?1")?;
    let numbers = statement.query_map([database], |row| row.get(0))?;
    Ok(numbers.collect::<Result<_, _>>()?)
}

async fn list_tables(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(database): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("tables.read")?;
    let attributes = ["name", "enabled", "rowSecurity", "documentSecurity"];
    let listing = Listing::parse(query.as_deref(), &attributes)?;
    let list = kernel
        .store
        .run(move |db| {
            super::require_database(db, &database)?;
            let mut statement =
                db.prepare("SELECT id FROM tables WHERE database_id = ?1 ORDER BY number")?;
            let ids = statement
                .query_map([&database], |row| row.get(0))?
                .collect::<Result<Vec<String>, _>>()?;
            ids.iter()
                .map(|id| Ok(answers::table(&super::table(db, &database, id)?)))
                .collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let (total, tables) = listing.page(list, "$id", &["$id", "name"])?;
    Ok(Json(json!({"total": total, "tables": tables})))
}

async fn create_table(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(database): Path<String>,
    mut params: Params,
) -> Result<Created, ApiError> {
    caller.require_scope("tables.write")?;
    let id = ids::resolve("tableId", &params.take_str("tableId")?.unwrap_or_default())?;
    let list = params
        .take("permissions")
        .map(|list| permissions::parse(&list, Subject::Table))
        .transpose()?;
    let config = TableConfig {
        name: name(&mut params)?,
        id,
        permissions: list.unwrap_or_default(),
        database_id: database,
        enabled: params.take_bool("enabled")?.unwrap_or(true),
        row_security: params.take_bool("rowSecurity")?.unwrap_or(false),
        columns: define::inline(params.take_list("columns")?)?,
        indexes: indexes::inline(params.take_list("indexes")?)?,
    };
    indexes::check_inline(&config)?;
    let answer = kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            match super::table(&tx, &config.database_id, &config.id) {
                Ok(_) => {
                    return Err(taken(
                        "table_already_exists",
                        &format!("A table with the requested ID '{}'", config.id),
                    ));
                }
                Err(error) if error.kind == "table_not_found" => {}
                Err(error) => return Err(error),
            }
            let table = super::save(&tx, config)?;
            tx.commit()?;
            // As measured: inline columns show from the next request on.
            let mut answer = answers::table(&table);
            answer["columns"] = json!([]);
            answer["indexes"] = json!([]);
            Ok(answer)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(answer)))
}

pub(super) fn declared<T: serde::de::DeserializeOwned>(
    list: Option<Vec<Value>>,
    name: &str,
) -> Result<Vec<T>, ApiError> {
    let read = |item| {
        serde_json::from_value(item)
            .map_err(|error| ApiError::argument(format!("Invalid `{name}` param: {error}")))
    };
    list.unwrap_or_default().into_iter().map(read).collect()
}

async fn show_table(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((database, id)): TablePath,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("tables.read")?;
    kernel
        .store
        .run(move |db| Ok(answers::table(&super::table(db, &database, &id)?)))
        .await
        .map(Json)
}

async fn delete_table(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((database, id)): TablePath,
) -> Result<StatusCode, ApiError> {
    caller.require_scope("tables.write")?;
    kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            let table = super::table(&tx, &database, &id)?;
            storage::drop_table(&tx, table.number)?;
            tx.commit()?;
            Ok(StatusCode::NO_CONTENT)
        })
        .await
}

async fn list_columns(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((database, id)): TablePath,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("tables.read")?;
    let attributes = [
        "key", "type", "size", "required", "array", "status", "error",
    ];
    let listing = Listing::parse(query.as_deref(), &attributes)?;
    let list = kernel
        .store
        .run(move |db| Ok(answers::column_list(&super::table(db, &database, &id)?)))
        .await?;
    let (total, columns) = listing.page(list, "key", &[])?;
    Ok(Json(json!({"total": total, "columns": columns})))
}

async fn show_column(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((database, id, key)): PartPath,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("tables.read")?;
    let found = kernel
        .store
        .run(move |db| {
            let table = super::table(db, &database, &id)?;
            let column = table.column(&key).ok_or_else(|| no_column(&key))?.0;
            Ok(answers::column(&table, column, "available"))
        })
        .await?;
    Ok(Json(found))
}

pub(super) fn no_column(key: &str) -> ApiError {
    ApiError::not_found(
        "column_not_found",
        format!("Column with the requested key '{key}' could not be found."),
    )
}

/// Applies a change to a table's declaration and answers from the result.
pub(super) async fn declare(
    kernel: &Kernel,
    place: (String, String),
    work: impl FnOnce(&mut TableConfig) -> Result<(), ApiError> + Send + 'static,
) -> Result<Table, ApiError> {
    kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            let mut config = super::table(&tx, &place.0, &place.1)?.into_config();
            work(&mut config)?;
            let table = super::save(&tx, config)?;
            tx.commit()?;
            Ok(table)
        })
        .await
}

/// The last part of the address is the kind here, not a key.
async fn create_column(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((database, id, kind)): PartPath,
    params: Params,
) -> Result<Response, ApiError> {
    if !define::KINDS.contains(&kind.as_str()) {
        return Ok(no_route());
    }
    caller.require_scope("tables.write")?;
    let column = define::read(kind, params)?;
    let key = column.key.clone();
    let table = declare(&kernel, (database, id), move |config| {
        if config
            .columns
            .iter()
            .any(|known| known.key.eq_ignore_ascii_case(&column.key))
        {
            let message = format!(
                "Column with the requested key '{}' already exists.",
                column.key
            );
            return Err(ApiError::conflict("column_already_exists", message));
        }
        config.columns.push(column);
        Ok(())
    })
    .await?;
    let column = table.column(&key).ok_or_else(|| no_column(&key))?.0;
    let answer = (
        StatusCode::ACCEPTED,
        Json(answers::column(&table, column, "processing")),
    );
    Ok(answer.into_response())
}

async fn delete_column(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((database, id, key)): PartPath,
) -> Result<StatusCode, ApiError> {
    caller.require_scope("tables.write")?;
    kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            let mut config = super::table(&tx, &database, &id)?.into_config();
            let before = config.columns.len();
            config.columns.retain(|column| column.key != key);
            config.indexes.retain(|index| !index.columns.contains(&key));
            if config.columns.len() == before {
                return Err(no_column(&key));
            }
            let table = super::save(&tx, config)?;
            storage::drop_column(&tx, table.number, &key)?;
            tx.commit()?;
            Ok(StatusCode::NO_CONTENT)
        })
        .await
}
