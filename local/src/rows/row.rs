//! One row: how it is read and answered.

use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::{Map, Value, json};

use crate::clock;
use crate::error::ApiError;
use crate::schema::storage::{column_name, rows_table};
use crate::schema::{self, Table};

/// A row as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) sequence: i64,
    pub(super) id: String,
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) permissions: Vec<String>,
    /// One for each column of the table, in order.
    pub(super) values: Vec<Sql>,
}

impl Row {
    /// The row as the REST API answers it. `select` names the columns; empty or
    /// `*` means all. What begins with `$` is always there.
    pub(super) fn json(&self, table: &Table, select: &[String]) -> Value {
        let all = select.is_empty() || select.iter().any(|key| key == "*");
        let mut object = Map::with_capacity(self.values.len() + 7);
        for ((column, kind), value) in table.columns().zip(&self.values) {
            if all || select.contains(&column.key) {
                object.insert(
                    column.key.clone(),
                    schema::to_json(column, kind, ValueRef::from(value)),
                );
            }
        }
        object.insert("$id".to_owned(), json!(self.id));
        object.insert("$sequence".to_owned(), json!(self.sequence.to_string()));
        object.insert(
            "$createdAt".to_owned(),
            json!(clock::format_ms(self.created_ms)),
        );
        object.insert(
            "$updatedAt".to_owned(),
            json!(clock::format_ms(self.updated_ms)),
        );
        object.insert("$permissions".to_owned(), json!(self.permissions));
        object.insert("$databaseId".to_owned(), json!(table.config.database_id));
        object.insert("$tableId".to_owned(), json!(table.config.id));
        Value::Object(object)
    }

    /// Reads a row of a `SELECT` of [`columns_sql`].
    pub(super) fn from_sql(row: &rusqlite::Row<'_>, table: &Table) -> rusqlite::Result<Self> {
        let permissions: String = row.get(4)?;
        let values = (0..table.kinds.len())
            .map(|index| row.get(index + 5))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            sequence: row.get(0)?,
            id: row.get(1)?,
            created_ms: row.get(2)?,
            updated_ms: row.get(3)?,
            permissions: serde_json::from_str(&permissions).unwrap_or_default(),
            values,
        })
    }
}

/// What a `SELECT` of whole rows names.
pub(super) fn columns_sql(table: &Table) -> String {
    let mut sql = "_sequence, _id, _created_ms, _updated_ms, _permissions".to_owned();
    for (column, _) in table.columns() {
        sql.push_str(", ");
        sql.push_str(&column_name(&column.key));
    }
    sql
}

/// Finds a row by its id, which is compared without case.
pub(super) fn find(db: &Connection, table: &Table, id: &str) -> Result<Option<Row>, ApiError> {
    let sql = format!(
        "SELECT {} FROM {} WHERE _id = ?1",
        columns_sql(table),
        rows_table(table.number)
    );
    Ok(db
        .prepare_cached(&sql)?
        .query_row([id], |row| Row::from_sql(row, table))
        .optional()?)
}

/// 404 `row_not_found`.
pub(super) fn missing(id: &str) -> ApiError {
    ApiError::not_found(
        "row_not_found",
        format!("Row with the requested ID '{id}' could not be found."),
    )
}
