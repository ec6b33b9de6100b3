//! Queries of list calls.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// One query of a list call, sent as one JSON string.
///
/// The server takes at most 100 queries of at most 4,096 characters each, and at most 500 values in
/// one `equal`. Without a `limit` it returns 25 rows.
///
/// Source: Appwrite 1.9.6 REST, `queries[]` (measured).
#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    /// The column has one of these values. Case-insensitive on `MariaDB`.
    Equal(String, Vec<Value>),
    /// The column has none of these values.
    NotEqual(String, Value),
    /// The column is less than the value.
    LessThan(String, Value),
    /// The column is at most the value.
    LessThanEqual(String, Value),
    /// The column is greater than the value.
    GreaterThan(String, Value),
    /// The column is at least the value.
    GreaterThanEqual(String, Value),
    /// The column is null.
    IsNull(String),
    /// The column is not null.
    IsNotNull(String),
    /// Ascending by this column.
    OrderAsc(String),
    /// Descending by this column.
    OrderDesc(String),
    /// Only these columns; the `$` fields always come along.
    Select(Vec<String>),
    /// At most this many, at least 1.
    Limit(u32),
    /// Skip this many.
    Offset(u32),
    /// Start behind the row of this id, which must exist.
    CursorAfter(String),
}

impl Query {
    /// The column equals the value, or one of the values of an array.
    pub fn equal(column: &str, value: impl Into<Value>) -> Self {
        let values = match value.into() {
            Value::Array(values) => values,
            single @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_)) => vec![single],
        };
        Self::Equal(column.to_owned(), values)
    }

    /// The column differs from the value.
    pub fn not_equal(column: &str, value: impl Into<Value>) -> Self {
        Self::NotEqual(column.to_owned(), value.into())
    }

    /// The column is less than the value.
    pub fn less_than(column: &str, value: impl Into<Value>) -> Self {
        Self::LessThan(column.to_owned(), value.into())
    }

    /// The column is at most the value.
    pub fn less_than_equal(column: &str, value: impl Into<Value>) -> Self {
        Self::LessThanEqual(column.to_owned(), value.into())
    }

    /// The column is greater than the value.
    pub fn greater_than(column: &str, value: impl Into<Value>) -> Self {
        Self::GreaterThan(column.to_owned(), value.into())
    }

    /// The column is at least the value.
    pub fn greater_than_equal(column: &str, value: impl Into<Value>) -> Self {
        Self::GreaterThanEqual(column.to_owned(), value.into())
    }

    /// The column is null.
    pub fn is_null(column: &str) -> Self {
        Self::IsNull(column.to_owned())
    }

    /// The column is not null.
    pub fn is_not_null(column: &str) -> Self {
        Self::IsNotNull(column.to_owned())
    }

    /// Ascending by the column.
    pub fn order_asc(column: &str) -> Self {
        Self::OrderAsc(column.to_owned())
    }

    /// Descending by the column.
    pub fn order_desc(column: &str) -> Self {
        Self::OrderDesc(column.to_owned())
    }

    /// Only these columns.
    pub fn select(columns: &[&str]) -> Self {
        Self::Select(columns.iter().map(|column| (*column).to_owned()).collect())
    }

    /// At most this many, at least 1.
    pub fn limit(count: u32) -> Self {
        Self::Limit(count)
    }

    /// Skip this many.
    pub fn offset(count: u32) -> Self {
        Self::Offset(count)
    }

    /// Start behind the row of this id.
    pub fn cursor_after(id: &str) -> Self {
        Self::CursorAfter(id.to_owned())
    }

    /// The JSON string that goes on the wire.
    pub fn to_json(&self) -> String {
        let on = |method: &str, column: &str, values: Value| json!({ "method": method, "attribute": column, "values": values });
        let bare = |method: &str, values: Value| json!({ "method": method, "values": values });
        let query = match self {
            Self::Equal(column, values) => on("equal", column, json!(values)),
            Self::NotEqual(column, value) => on("notEqual", column, json!([value])),
            Self::LessThan(column, value) => on("lessThan", column, json!([value])),
            Self::LessThanEqual(column, value) => on("lessThanEqual", column, json!([value])),
            Self::GreaterThan(column, value) => on("greaterThan", column, json!([value])),
            Self::GreaterThanEqual(column, value) => on("greaterThanEqual", column, json!([value])),
            Self::IsNull(column) => json!({ "method": "isNull", "attribute": column }),
            Self::IsNotNull(column) => json!({ "method": "isNotNull", "attribute": column }),
            Self::OrderAsc(column) => json!({ "method": "orderAsc", "attribute": column }),
            Self::OrderDesc(column) => json!({ "method": "orderDesc", "attribute": column }),
            Self::Select(columns) => bare("select", json!(columns)),
            Self::Limit(count) => bare("limit", json!([count])),
            Self::Offset(count) => bare("offset", json!([count])),
            Self::CursorAfter(id) => bare("cursorAfter", json!([id])),
        };
        query.to_string()
    }

    /// The query string of a list call, with its `?`; empty without queries.
    pub(crate) fn query_string(queries: &[Self]) -> String {
        let mut text = String::new();
        for query in queries {
            let json = query.to_json();
            text.push(if text.is_empty() { '?' } else { '&' });
            text.push_str("queries%5B%5D=");
            text.extend(utf8_percent_encode(&json, NON_ALPHANUMERIC));
        }
        text
    }
}
