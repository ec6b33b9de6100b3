//! Rows as they come and go.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::same;

/// A row as the server holds it.
///
/// It reads from answers and from the bodies of events alike.
///
/// Source: Appwrite 1.9.6 REST, tablesdb rows (measured). Fixture: `row_created.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The id, at most 36 characters.
    pub id: String,
    /// The server's running number within the table.
    pub sequence: String,
    /// RFC 3339 with milliseconds and `+00:00`.
    pub created_at: String,
    /// RFC 3339 with milliseconds and `+00:00`; what [`Table::patch`](crate::Table::patch) takes
    /// back. A patch that changes nothing leaves it.
    pub updated_at: String,
    /// Strings such as `read("user:alice")`.
    pub permissions: Vec<String>,
    /// The columns, empty ones as null. The server's further `$` fields are left out.
    pub data: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RowVisitor)
    }
}

/// Reads a row in one go. Rows are most of what is read from Appwrite, and with `flatten` every
/// column would be read into a value of serde's own first.
struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
        let (mut id, mut created_at, mut updated_at) = (None, None, None);
        let (mut sequence, mut permissions) = (String::new(), Vec::new());
        let mut data = Map::new();
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            match &*name {
                "$id" => id = Some(map.next_value()?),
                "$createdAt" => created_at = Some(map.next_value()?),
                "$updatedAt" => updated_at = Some(map.next_value()?),
                "$sequence" => sequence = map.next_value::<Sequence>()?.into_text(),
                "$permissions" => permissions = map.next_value()?,
                other if other.starts_with('$') => {
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    data.insert(name.into_owned(), map.next_value()?);
                }
            }
        }
        let missing = A::Error::missing_field;
        Ok(Row {
            id: id.ok_or_else(|| missing("$id"))?,
            sequence,
            created_at: created_at.ok_or_else(|| missing("$createdAt"))?,
            updated_at: updated_at.ok_or_else(|| missing("$updatedAt"))?,
            permissions,
            data,
        })
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Sequence {
    Text(String),
    Number(u64),
}

impl Sequence {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
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
