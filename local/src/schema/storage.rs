//! How a table's rows lie in SQLite: `rows_N`, one typed column for each
//! declared one.

use rusqlite::Connection;

use super::{IndexConfig, Table};
use crate::error::ApiError;
use crate::store::Transaction;

/// The SQLite table of a table's rows.
#[must_use]
pub fn rows_table(number: i64) -> String {
    format!("rows_{number}")
}

/// The SQL name of an attribute: a column's key or one of `$id`, `$sequence`,
/// `$createdAt`, `$updatedAt`; `None` for anything else.
#[must_use]
pub fn sql_name(table: &Table, attribute: &str) -> Option<String> {
    Some(match attribute {
        "$id" => "_id".to_owned(),
        "$sequence" => "_sequence".to_owned(),
        "$createdAt" => "_created_ms".to_owned(),
        "$updatedAt" => "_updated_ms".to_owned(),
        key => column_name(&table.column(key)?.0.key),
    })
}

/// The quoted SQL name of a column.
#[must_use]
pub fn column_name(key: &str) -> String {
    format!("\"c_{}\"", key.replace('"', "\"\""))
}

/// Creates or extends the SQLite table and its indexes.
pub(super) fn bring(
    tx: &Transaction<'_>,
    table: &Table,
    old: Option<&Table>,
) -> Result<(), ApiError> {
    let name = rows_table(table.number);
    tx.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS {name} (
            _sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            _id TEXT NOT NULL UNIQUE COLLATE NOCASE,
            _created_ms INTEGER NOT NULL,
            _updated_ms INTEGER NOT NULL,
            _permissions TEXT NOT NULL
        )"
    ))?;
    let present = columns(tx, &name)?;
    for (column, kind) in table.columns() {
        if !present.contains(&format!("c_{}", column.key).to_lowercase()) {
            let sql_type = kind.sql_type(column.array);
            tx.execute_batch(&format!(
                "ALTER TABLE {name} ADD COLUMN {} {sql_type}",
                column_name(&column.key)
            ))?;
        }
    }
    let old_indexes = old
        .map(|old| old.config.indexes.as_slice())
        .unwrap_or_default();
    for index in old_indexes
        .iter()
        .filter(|index| !table.config.indexes.contains(index))
    {
        tx.execute_batch(&format!(
            "DROP INDEX IF EXISTS {}",
            index_name(table, index)
        ))?;
    }
    for index in &table.config.indexes {
        create_index(tx, table, index)?;
    }
    Ok(())
}

fn columns(db: &Connection, table: &str) -> Result<Vec<String>, ApiError> {
    let mut statement = db.prepare("SELECT lower(name) FROM pragma_table_info(?1)")?;
    let names = statement.query_map([table], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

fn index_name(table: &Table, index: &IndexConfig) -> String {
    format!(
        "\"index_{}_{}\"",
        table.number,
        index.key.replace('"', "\"\"")
    )
}

fn create_index(tx: &Transaction<'_>, table: &Table, index: &IndexConfig) -> Result<(), ApiError> {
    // Full-text search works without an index of its own.
    if matches!(index.kind.as_str(), "fulltext" | "spatial") {
        return Ok(());
    }
    let unique = if index.kind == "unique" {
        "UNIQUE "
    } else {
        ""
    };
    let mut parts = Vec::with_capacity(index.columns.len());
    for (position, attribute) in index.columns.iter().enumerate() {
        let name = sql_name(table, attribute).ok_or_else(|| {
            ApiError::bad_request(
                "index_invalid",
                format!("Invalid index attribute \"{attribute}\" not found"),
            )
        })?;
        let descending = index
            .orders
            .get(position)
            .is_some_and(|order| order.eq_ignore_ascii_case("desc"));
        parts.push(if descending {
            format!("{name} DESC")
        } else {
            name
        });
    }
    let sql = format!(
        "CREATE {unique}INDEX IF NOT EXISTS {} ON {} ({})",
        index_name(table, index),
        rows_table(table.number),
        parts.join(", ")
    );
    tx.execute_batch(&sql).map_err(|error| {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) {
            ApiError::conflict(
                "index_invalid",
                format!("Rows violate the unique index \"{}\".", index.key),
            )
        } else {
            error.into()
        }
    })
}

/// Removes the data of a column that is no longer declared.
///
/// # Errors
/// 500 when the store fails.
pub fn drop_column(tx: &Transaction<'_>, number: i64, key: &str) -> Result<(), ApiError> {
    Ok(tx.execute_batch(&format!(
        "ALTER TABLE {} DROP COLUMN {}",
        rows_table(number),
        column_name(key)
    ))?)
}

/// Removes a table with all its rows.
///
/// # Errors
/// 500 when the store fails.
pub fn drop_table(tx: &Transaction<'_>, number: i64) -> Result<(), ApiError> {
    tx.execute_batch(&format!("DROP TABLE IF EXISTS {}", rows_table(number)))?;
    tx.execute(
        "DELETE FROM row_permissions WHERE table_number = ?1",
        [number],
    )?;
    tx.execute("DELETE FROM tables WHERE number = ?1", [number])?;
    Ok(())
}
