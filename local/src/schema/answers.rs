//! Databases, tables, columns and indexes as the REST API answers them.

use serde_json::{Value, json};

use super::{ColumnConfig, IndexConfig, Kind, Table};
use crate::clock;

/// Widest row of the measured server, in bytes.
const WIDTH_BYTES_MAX: u64 = 65_535;
/// Width of a row without columns there.
const WIDTH_BYTES_BASE: u64 = 1_067;
/// Bytes of a character there.
const CHARACTER_BYTES: u64 = 4;
/// Longest text that lies inside the row there, in characters.
const INLINE_CHARS_MAX: u64 = 16_383;
/// What a text outside of the row takes inside it.
const POINTER_BYTES: u64 = 20;

/// `database`; Source: Appwrite 1.9.6, POST /v1/tablesdb (recorded).
pub(super) fn database(
    id: &str,
    name: &str,
    enabled: bool,
    created_ms: i64,
    updated_ms: i64,
    legacy: bool,
) -> Value {
    json!({
        "$id": id,
        "name": name,
        "$createdAt": clock::format_ms(created_ms),
        "$updatedAt": clock::format_ms(updated_ms),
        "enabled": enabled,
        "type": if legacy { "legacy" } else { "tablesdb" },
    })
}

/// `table`; Source: Appwrite 1.9.6, GET /v1/tablesdb/{}/tables/{} (recorded).
pub(super) fn table(table: &Table) -> Value {
    let config = &table.config;
    json!({
        "$id": config.id,
        "$createdAt": clock::format_ms(table.created_ms),
        "$updatedAt": clock::format_ms(table.updated_ms),
        "$permissions": config.permissions,
        "databaseId": config.database_id,
        "name": config.name,
        "enabled": config.enabled,
        "rowSecurity": config.row_security,
        "columns": columns(table),
        "indexes": indexes(table),
        "bytesMax": WIDTH_BYTES_MAX,
        "bytesUsed": bytes_used(table),
    })
}

/// Whether its columns make rows wider than the measured server holds.
pub(super) fn is_too_wide(table: &Table) -> bool {
    bytes_used(table) > WIDTH_BYTES_MAX
}

fn bytes_used(table: &Table) -> u64 {
    let columns = table.columns().map(|(column, kind)| width(column, kind));
    WIDTH_BYTES_BASE + columns.sum::<u64>()
}

/// A length for each column of an index; 0 is the whole column.
fn lengths(index: &IndexConfig) -> Vec<u64> {
    let given = index.lengths.iter().map(|length| length.unwrap_or(0));
    let columns = index.columns.len();
    given.chain(std::iter::repeat(0)).take(columns).collect()
}

fn width(column: &ColumnConfig, kind: Kind) -> u64 {
    match kind {
        Kind::Text { .. } if column.kind.ends_with("text") => POINTER_BYTES,
        Kind::Text { chars, .. } if chars <= INLINE_CHARS_MAX && !column.array => {
            chars * CHARACTER_BYTES
        }
        Kind::Text { .. } => POINTER_BYTES,
        Kind::Integer { .. } | Kind::Double { .. } => 8,
        Kind::Boolean => 1,
        Kind::Datetime => 7,
        Kind::Shape(_) => POINTER_BYTES,
    }
}

/// The columns of a table as their own list shows them: there, as measured,
/// `encrypt` is null but for the kind `string`.
pub(super) fn column_list(table: &Table) -> Vec<Value> {
    let mut list = columns(table);
    for column in &mut list {
        if column["type"] != "string" && column.get("encrypt").is_some() {
            column["encrypt"] = Value::Null;
        }
    }
    list
}

/// The columns of a table, in order.
pub(super) fn columns(table: &Table) -> Vec<Value> {
    table
        .config
        .columns
        .iter()
        .map(|config| column(table, config, "available"))
        .collect()
}

/// `columnString`, `columnInteger`, …; Source: Appwrite 1.9.6 (recorded).
pub(super) fn column(table: &Table, column: &ColumnConfig, status: &str) -> Value {
    let born = clock::format_ms(
        table
            .born
            .get(&column.key)
            .copied()
            .unwrap_or(table.created_ms),
    );
    let kind = match column.kind.as_str() {
        "float" => "double",
        "line" => "linestring",
        "enum" | "email" | "url" | "ip" => "string",
        other => other,
    };
    let mut answer = json!({
        "key": column.key,
        "type": kind,
        "status": status,
        "error": "",
        "required": column.required,
        "array": column.array,
        "$createdAt": born,
        "$updatedAt": born,
        "default": column.default,
    });
    let format = match column.kind.as_str() {
        word @ ("enum" | "email" | "url" | "ip") => Some(word),
        "datetime" => Some(""),
        _ => column.format.as_deref().filter(|format| !format.is_empty()),
    };
    if let Some(format) = format {
        answer["format"] = json!(format);
        if format == "enum" {
            answer["elements"] = json!(column.elements);
        }
        return answer;
    }
    match kind {
        "string" | "varchar" => {
            answer["size"] = json!(column.size);
            answer["encrypt"] = json!(false);
        }
        "text" | "mediumtext" | "longtext" => answer["encrypt"] = json!(false),
        "bigint" => {
            answer["min"] = column.min.clone().map_or(json!(i64::MIN), Value::Number);
            answer["max"] = column.max.clone().map_or(json!(i64::MAX), Value::Number);
        }
        "integer" | "double" => {
            answer["min"] = json!(column.min);
            answer["max"] = json!(column.max);
        }
        _ => {}
    }
    answer
}

/// The indexes of a table, in order.
pub(super) fn indexes(table: &Table) -> Vec<Value> {
    table
        .config
        .indexes
        .iter()
        .map(|config| index(table, config, "available"))
        .collect()
}

/// `columnIndex`; Source: Appwrite 1.9.6 (recorded).
pub(super) fn index(table: &Table, index: &IndexConfig, status: &str) -> Value {
    let born = table
        .born
        .get(&format!("index:{}", index.key))
        .copied()
        .unwrap_or(table.created_ms);
    json!({
        "$id": format!("1_{}_{}", table.number, index.key),
        "$createdAt": clock::format_ms(born),
        "$updatedAt": clock::format_ms(born),
        "key": index.key,
        "type": index.kind,
        "status": status,
        "error": "",
        "columns": index.columns,
        "lengths": lengths(index),
        "orders": index.orders,
    })
}
