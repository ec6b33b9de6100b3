//! The `data` of a request against a table's columns.

use rusqlite::types::Value as Sql;
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::schema::{self, ColumnConfig, Kind, Table};

/// Keys inside `data` that are not columns and are not refused either.
const SYSTEM: &[&str] = &[
    "$id",
    "$sequence",
    "$createdAt",
    "$updatedAt",
    "$permissions",
    "$databaseId",
    "$tableId",
    "$collectionId",
    "$tenant",
];

/// 400 `row_invalid_structure`.
fn invalid(why: &str) -> ApiError {
    ApiError::bad_request(
        "row_invalid_structure",
        format!("Invalid document structure: {why}"),
    )
}

/// Checks `data` of a new row; returns a value for each column in order.
pub(super) fn for_create(table: &Table, data: &Map<String, Value>) -> Result<Vec<Sql>, ApiError> {
    known(table, data)?;
    let absent = Value::Null;
    let value = |column: &ColumnConfig| {
        data.get(&column.key)
            .cloned()
            .unwrap_or_else(|| column.default.clone())
    };
    if let Some((column, _)) = table
        .columns()
        .find(|(column, _)| column.required && value(column) == absent)
    {
        return Err(missing(column));
    }
    table
        .columns()
        .map(|(column, kind)| to_sql(column, kind, &value(column)))
        .collect()
}

/// Checks `data` of a change; returns what is set, by the column's position.
pub(super) fn for_update(
    table: &Table,
    data: &Map<String, Value>,
) -> Result<Vec<(usize, Sql)>, ApiError> {
    known(table, data)?;
    let mut changes = Vec::with_capacity(data.len());
    for (position, (column, kind)) in table.columns().enumerate() {
        let Some(value) = data.get(&column.key) else {
            continue;
        };
        if column.required && value.is_null() {
            return Err(missing(column));
        }
        changes.push((position, to_sql(column, kind, value)?));
    }
    Ok(changes)
}

/// An instant that a key may set: `$createdAt` or `$updatedAt` inside `data`.
pub(super) fn instant(data: &Map<String, Value>, key: &str) -> Result<Option<i64>, ApiError> {
    match data.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let parsed = value.as_str().and_then(schema::parse_datetime);
            parsed
                .map(Some)
                .ok_or_else(|| invalid(&format!("Attribute \"{key}\" has invalid type.")))
        }
    }
}

fn known(table: &Table, data: &Map<String, Value>) -> Result<(), ApiError> {
    let unknown = data
        .keys()
        .find(|key| table.column(key).is_none() && !SYSTEM.contains(&key.as_str()));
    unknown.map_or(Ok(()), |key| {
        Err(invalid(&format!("Unknown attribute: \"{key}\"")))
    })
}

fn missing(column: &ColumnConfig) -> ApiError {
    invalid(&format!("Missing required attribute \"{}\"", column.key))
}

fn to_sql(column: &ColumnConfig, kind: Kind, value: &Value) -> Result<Sql, ApiError> {
    schema::to_sql(column, kind, value)
        .map_err(|why| invalid(&format!("Attribute \"{}\" {why}", column.key)))
}
