//! Schema: databases, tables, columns and indexes.

use serde::Deserialize;

/// Tables of this module.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS databases (
    id TEXT PRIMARY KEY COLLATE NOCASE,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS tables (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    database_id TEXT NOT NULL COLLATE NOCASE REFERENCES databases (id) ON DELETE CASCADE,
    id TEXT NOT NULL COLLATE NOCASE,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    config TEXT NOT NULL,
    UNIQUE (database_id, id)
) STRICT;
";

/// A table as `appwrite.json` declares it (Appwrite CLI, `tables[]`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
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

/// A column as `appwrite.json` declares it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Deserialize)]
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
}

fn yes() -> bool {
    true
}
