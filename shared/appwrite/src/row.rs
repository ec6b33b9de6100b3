//! Rows as they come and go.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::same;

/// A row as the server holds it.
///
/// It reads from answers and from the bodies of events alike.
///
/// Source: Appwrite 1.9.6 REST, tablesdb rows (measured). Fixture: `row_created.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Row {
    /// The id, at most 36 characters.
    #[serde(rename = "$id")]
    pub id: String,
    /// The server's running number within the table.
    #[serde(rename = "$sequence", deserialize_with = "text_or_number", default)]
    pub sequence: String,
    /// RFC 3339 with milliseconds and `+00:00`.
    #[serde(rename = "$createdAt")]
    pub created_at: String,
    /// RFC 3339 with milliseconds and `+00:00`; what [`Table::patch`](crate::Table::patch) takes
    /// back. A patch that changes nothing leaves it.
    #[serde(rename = "$updatedAt")]
    pub updated_at: String,
    /// Strings such as `read("user:alice")`.
    #[serde(rename = "$permissions", default)]
    pub permissions: Vec<String>,
    /// The columns, empty ones as null. The server's further `$` fields are left out.
    #[serde(flatten, deserialize_with = "columns_only")]
    pub data: Map<String, Value>,
}

fn text_or_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Sequence {
        Text(String),
        Number(u64),
    }
    Ok(match Sequence::deserialize(deserializer)? {
        Sequence::Text(text) => text,
        Sequence::Number(number) => number.to_string(),
    })
}

fn columns_only<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Map<String, Value>, D::Error> {
    let mut data = Map::deserialize(deserializer)?;
    data.retain(|name, _| !name.starts_with('$'));
    Ok(data)
}

impl Row {
    /// The column as text; `None` if it is null, missing or of another type.
    pub fn text(&self, column: &str) -> Option<&str> {
        self.data.get(column)?.as_str()
    }

    /// The column as an integer; `None` if it is null, missing or of another type.
    pub fn integer(&self, column: &str) -> Option<i64> {
        self.data.get(column)?.as_i64()
    }

    /// The column as a truth value; `None` if it is null, missing or of another type.
    pub fn boolean(&self, column: &str) -> Option<bool> {
        self.data.get(column)?.as_bool()
    }

    /// Whether the row has these columns and permissions; other columns may hold anything. Times
    /// are compared by the millisecond, and without `permissions` any will do.
    pub fn holds(&self, data: &Map<String, Value>, permissions: &[String]) -> bool {
        same::row_is(self, &self.id, data, permissions)
    }

    /// Reads the columns as a value of `T`.
    ///
    /// # Errors
    /// What `T` says; never transient.
    pub fn deserialize<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.data)
    }
}

/// Some rows, and how many there are.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RowList {
    /// How many match and may be read; the server counts up to 5,000.
    pub total: u64,
    /// The rows of this page.
    pub rows: Vec<Row>,
}

/// A row to be created with others.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRow {
    /// The chosen id, lower case as `MariaDB` compares without case.
    pub id: String,
    /// The columns.
    pub data: Map<String, Value>,
    /// Strings such as `read("user:alice")`.
    pub permissions: Vec<String>,
}

impl NewRow {
    /// Takes the columns from anything that serialises to an object.
    ///
    /// # Errors
    /// What the value's serialiser says, or that it is no object; never transient.
    pub fn new(
        id: impl Into<String>,
        data: &impl Serialize,
        permissions: &[String],
    ) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: id.into(),
            data: serde_json::from_value(serde_json::to_value(data)?)?,
            permissions: permissions.to_vec(),
        })
    }
}
