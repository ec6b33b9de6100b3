//! Schema: databases, tables, columns and indexes.
//!
//! The declaration of a table is kept as JSON; each table's rows live in a
//! SQLite table of their own (see [`storage`]).

mod answers;
mod change;
mod column;
mod define;
mod indexes;
mod known;
mod routes;
pub mod storage;

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::store::Transaction;
use crate::{clock, ids};

pub use routes::router;

pub use column::{Kind, Misfit, TextFormat, parse_datetime, to_json, to_sql};

/// Tables of this module.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS databases (
    id TEXT PRIMARY KEY COLLATE NOCASE,
    name TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS legacy_databases (
    id TEXT PRIMARY KEY COLLATE NOCASE REFERENCES databases (id) ON DELETE CASCADE
) STRICT;
CREATE TABLE IF NOT EXISTS tables (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    database_id TEXT NOT NULL COLLATE NOCASE REFERENCES databases (id) ON DELETE CASCADE,
    id TEXT NOT NULL COLLATE NOCASE,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    config TEXT NOT NULL,
    born TEXT NOT NULL,
    UNIQUE (database_id, id)
) STRICT;
CREATE TABLE IF NOT EXISTS row_permissions (
    table_number INTEGER NOT NULL REFERENCES tables (number) ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    action TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (table_number, sequence, action, role)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS declarations (version INTEGER NOT NULL) STRICT;
INSERT INTO declarations SELECT random() WHERE NOT EXISTS (SELECT 1 FROM declarations);
CREATE TRIGGER IF NOT EXISTS table_made AFTER INSERT ON tables
BEGIN UPDATE declarations SET version = random(); END;
CREATE TRIGGER IF NOT EXISTS table_changed AFTER UPDATE ON tables
BEGIN UPDATE declarations SET version = random(); END;
CREATE TRIGGER IF NOT EXISTS table_gone AFTER DELETE ON tables
BEGIN UPDATE declarations SET version = random(); END;
CREATE TRIGGER IF NOT EXISTS legacy_database_made AFTER INSERT ON legacy_databases
BEGIN UPDATE declarations SET version = random(); END;
CREATE TRIGGER IF NOT EXISTS legacy_database_gone AFTER DELETE ON legacy_databases
BEGIN UPDATE declarations SET version = random(); END;
";

/// A table with its place in the store.
#[derive(Debug, Clone)]
pub struct Table {
    /// Number of the SQLite table that holds its rows.
    pub number: i64,
    /// When it was made, Unix milliseconds.
    pub created_ms: i64,
    /// When its declaration last changed, Unix milliseconds.
    pub updated_ms: i64,
    /// Its declaration.
    pub config: Arc<TableConfig>,
    /// Kinds of its columns, in the same order.
    pub kinds: Arc<[Kind]>,
    /// When each column and index was made, by key (indexes: `index:KEY`).
    pub born: Arc<BTreeMap<String, i64>>,
    /// Whether its database was made in the older spelling.
    pub legacy: bool,
}

impl Table {
    /// Its declaration, to be changed.
    fn into_config(self) -> TableConfig {
        Arc::unwrap_or_clone(self.config)
    }

    /// The columns with their kinds, in order.
    pub fn columns(&self) -> impl Iterator<Item = (&ColumnConfig, Kind)> {
        self.config.columns.iter().zip(self.kinds.iter().copied())
    }

    /// The column of a key.
    #[must_use]
    pub fn column(&self, key: &str) -> Option<(&ColumnConfig, Kind)> {
        self.columns().find(|(column, _)| column.key == key)
    }
}

fn kinds(config: &TableConfig) -> Result<Vec<Kind>, ApiError> {
    let unknown = |column: &ColumnConfig| {
        ApiError::argument(format!(
            "Invalid type for attribute '{}': {}",
            column.key, column.kind
        ))
    };
    config
        .columns
        .iter()
        .map(|column| Kind::of(column).ok_or_else(|| unknown(column)))
        .collect()
}

/// Finds a table.
///
/// # Errors
/// 404 `database_not_found` or `table_not_found`.
pub fn table(db: &Connection, database_id: &str, table_id: &str) -> Result<Table, ApiError> {
    known::table(db, database_id, table_id, || {
        look_up(db, database_id, table_id)
    })
}

fn look_up(db: &Connection, database_id: &str, table_id: &str) -> Result<Table, ApiError> {
    let sql = "SELECT number, created_ms, updated_ms, config, born,
               EXISTS (SELECT 1 FROM legacy_databases l WHERE l.id = ?1)
               FROM tables WHERE database_id = ?1 AND id = ?2";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([database_id, table_id])?;
    let Some(row) = rows.next()? else {
        require_database(db, database_id)?;
        return Err(no_table(table_id));
    };
    let text = |index| {
        Ok::<_, ApiError>(
            row.get_ref(index)?
                .as_str()
                .map_err(rusqlite::Error::from)?,
        )
    };
    let config: TableConfig = serde_json::from_str(text(3)?)?;
    Ok(Table {
        number: row.get(0)?,
        created_ms: row.get(1)?,
        updated_ms: row.get(2)?,
        kinds: kinds(&config)?.into(),
        config: Arc::new(config),
        born: Arc::new(serde_json::from_str(text(4)?)?),
        legacy: row.get(5)?,
    })
}

/// Refuses an unknown database.
///
/// # Errors
/// 404 `database_not_found`.
pub fn require_database(db: &Connection, id: &str) -> Result<(), ApiError> {
    if db
        .prepare_cached("SELECT 1 FROM databases WHERE id = ?1")?
        .exists([id])?
    {
        Ok(())
    } else {
        Err(no_database(id))
    }
}

/// 404 `database_not_found`.
#[must_use]
pub fn no_database(id: &str) -> ApiError {
    ApiError::not_found(
        "database_not_found",
        format!("Database with the requested ID '{id}' could not be found."),
    )
}

/// 404 `table_not_found`.
#[must_use]
pub fn no_table(id: &str) -> ApiError {
    ApiError::not_found(
        "table_not_found",
        format!("Table with the requested ID '{id}' could not be found."),
    )
}

/// Makes the database exist under this name; safe to repeat.
///
/// # Errors
/// 400 for a bad id; 500 when the store fails (worth a retry).
pub async fn ensure_database(kernel: &Kernel, id: &str, name: &str) -> Result<(), ApiError> {
    let id = ids::resolve("databaseId", id)?;
    let name = name.to_owned();
    let sql = "INSERT INTO databases (id, name, created_ms, updated_ms) VALUES (?1, ?2, ?3, ?3)
               ON CONFLICT (id) DO UPDATE SET name = excluded.name, updated_ms = excluded.updated_ms
               WHERE name <> excluded.name";
    let now = clock::now().as_millisecond();
    kernel
        .store
        .run(move |db| Ok(db.execute(sql, (id, name, now)).map(drop)?))
        .await
}

/// Makes the table exist as declared, with its columns and indexes, making its
/// database too; safe to repeat. New columns are empty in old rows. A column
/// that is no longer declared is hidden, its data stays.
///
/// # Errors
/// 400 for a bad id or an unknown column type; 409 when rows violate a new
/// unique index; 500 when the store fails.
pub async fn ensure_table(kernel: &Kernel, config: &TableConfig) -> Result<(), ApiError> {
    let config = config.clone();
    kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            save(&tx, config)?;
            Ok(tx.commit()?)
        })
        .await
}

/// Writes a declaration and brings the SQLite table to it.
///
/// # Errors
/// As [`ensure_table`].
pub fn save(tx: &Transaction<'_>, config: TableConfig) -> Result<Table, ApiError> {
    ids::resolve("tableId", &config.id)?;
    let kinds = kinds(&config)?;
    let now = clock::now().as_millisecond();
    let sql = "INSERT OR IGNORE INTO databases (id, name, created_ms, updated_ms) VALUES (?1, ?1, ?2, ?2)";
    tx.execute(sql, (&config.database_id, now))?;
    let old = match table(tx, &config.database_id, &config.id) {
        Ok(old) => Some(old),
        Err(error) if error.kind == "table_not_found" => None,
        Err(error) => return Err(error),
    };
    if let Some(old) = &old
        && *old.config == config
    {
        return Ok(old.clone());
    }
    // New columns and indexes leave the table's own time where it is (measured).
    let updated_ms = old
        .as_ref()
        .filter(|old| old.config.is_same_table(&config))
        .map_or(now, |old| old.updated_ms);
    let mut born = old
        .as_ref()
        .map(|old| BTreeMap::clone(&old.born))
        .unwrap_or_default();
    let index_key = |index: &IndexConfig| format!("index:{}", index.key);
    born.retain(|key, _| {
        config.columns.iter().any(|column| column.key == *key)
            || config.indexes.iter().any(|index| index_key(index) == *key)
    });
    for column in &config.columns {
        born.entry(column.key.clone()).or_insert(now);
    }
    for index in &config.indexes {
        born.entry(index_key(index)).or_insert(now);
    }
    let sql = "INSERT INTO tables (database_id, id, created_ms, updated_ms, config, born) VALUES (?1, ?2, ?3, ?3, ?4, ?5)
               ON CONFLICT (database_id, id) DO UPDATE SET updated_ms = ?6, config = ?4, born = ?5
               RETURNING number, created_ms";
    let json = serde_json::to_string(&config)?;
    let (number, created_ms) = tx.query_row(
        sql,
        (
            &config.database_id,
            &config.id,
            now,
            json,
            serde_json::to_string(&born)?,
            updated_ms,
        ),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let table = Table {
        number,
        created_ms,
        updated_ms,
        config: Arc::new(config),
        kinds: kinds.into(),
        born: Arc::new(born),
        legacy: old.as_ref().is_some_and(|old| old.legacy),
    };
    storage::bring(tx, &table, old.as_ref())?;
    let old_columns = old.as_ref().map(|old| old.config.columns.len());
    if old_columns < Some(table.config.columns.len()) && answers::is_too_wide(&table) {
        let id = &table.config.id;
        let message =
            format!("The maximum number or size of columns for this table (ID: {id}) is reached.");
        return Err(ApiError::bad_request("column_limit_exceeded", message));
    }
    Ok(table)
}

/// A table as `appwrite.json` declares it (Appwrite CLI, `tables[]`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableConfig {
    /// The table's id.
    #[serde(rename = "$id")]
    pub id: String,
    /// Permissions on the table, such as `read("users")`.
    #[serde(rename = "$permissions", default)]
    pub permissions: Vec<String>,
    /// The database it belongs to.
    pub database_id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Whether keys only may use it when false.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Whether permissions of single rows count too.
    #[serde(default)]
    pub row_security: bool,
    /// Its columns, in order.
    #[serde(default)]
    pub columns: Vec<ColumnConfig>,
    /// Its indexes.
    #[serde(default)]
    pub indexes: Vec<IndexConfig>,
}

impl TableConfig {
    /// Whether all but the columns and indexes are the same.
    fn is_same_table(&self, other: &Self) -> bool {
        self.permissions == other.permissions
            && self.name == other.name
            && self.enabled == other.enabled
            && self.row_security == other.row_security
    }
}

/// A column as `appwrite.json` declares it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnConfig {
    /// Its key.
    pub key: String,
    /// `string`, `integer`, `double`, `boolean`, `datetime`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether a new row must have it.
    #[serde(default)]
    pub required: bool,
    /// Whether it holds a list.
    #[serde(default)]
    pub array: bool,
    /// Longest string, in characters.
    #[serde(default)]
    pub size: Option<u64>,
    /// Least number.
    #[serde(default)]
    pub min: Option<serde_json::Number>,
    /// Greatest number.
    #[serde(default)]
    pub max: Option<serde_json::Number>,
    /// What a new row has when it does not say.
    #[serde(default)]
    pub default: serde_json::Value,
    /// `email`, `url`, `ip`, `enum`, or empty.
    #[serde(default)]
    pub format: Option<String>,
    /// The words of an enum.
    #[serde(default)]
    pub elements: Vec<String>,
}

/// An index as `appwrite.json` declares it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexConfig {
    /// Its key.
    pub key: String,
    /// `key`, `unique` or `fulltext`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The columns, in order.
    pub columns: Vec<String>,
    /// `ASC` or `DESC` for each column.
    #[serde(default)]
    pub orders: Vec<String>,
    /// How many characters of each column count; nothing or 0 for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lengths: Vec<Option<u64>>,
}

fn yes() -> bool {
    true
}
