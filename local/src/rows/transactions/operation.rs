//! One staged operation.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::place::Place;
use crate::error::ApiError;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Action {
    Create,
    Update,
    Upsert,
    Delete,
    Increment,
    Decrement,
    BulkCreate,
    BulkUpdate,
    BulkUpsert,
    BulkDelete,
}

impl Action {
    /// Whether it is about many rows; such ones are for keys and tell nobody.
    pub(super) fn is_bulk(self) -> bool {
        match self {
            Self::BulkCreate | Self::BulkUpdate | Self::BulkUpsert | Self::BulkDelete => true,
            Self::Create
            | Self::Update
            | Self::Upsert
            | Self::Delete
            | Self::Increment
            | Self::Decrement => false,
        }
    }

    /// Whether it is about a row that must be there.
    pub(super) fn needs_row(self) -> bool {
        match self {
            Self::Update | Self::Delete | Self::Increment | Self::Decrement => true,
            Self::Create
            | Self::Upsert
            | Self::BulkCreate
            | Self::BulkUpdate
            | Self::BulkUpsert
            | Self::BulkDelete => false,
        }
    }
}

/// An operation as a client stages it; Source: Appwrite 1.9.6,
/// POST /v1/tablesdb/transactions/{}/operations (recorded).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Operation {
    pub(super) database_id: String,
    pub(super) table_id: String,
    pub(super) action: Action,
    /// The row; empty for operations on many.
    pub(super) row_id: String,
    /// Columns; for increments `column`, `value`, `min`, `max`; a list of rows
    /// or `{data, queries}` for many rows.
    pub(super) data: Value,
}

impl Operation {
    /// Reads one from a request, in either spelling.
    pub(super) fn read(value: &Value) -> Result<Self, ApiError> {
        let invalid = |why: &str| ApiError::argument(format!("Invalid `operations` param: {why}"));
        let object = value
            .as_object()
            .ok_or_else(|| invalid("Value must be an array"))?;
        let text = |names: [&str; 2]| {
            let value = names.iter().find_map(|name| object.get(*name)?.as_str());
            value.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let action = object.get("action").cloned().unwrap_or_default();
        let operation = Self {
            database_id: text(["databaseId", "databaseId"])
                .ok_or_else(|| invalid("Missing required key: databaseId"))?,
            table_id: text(["tableId", "collectionId"])
                .ok_or_else(|| invalid("Missing required key: tableId"))?,
            action: serde_json::from_value(action).map_err(|_| invalid("Invalid action"))?,
            row_id: text(["rowId", "documentId"]).unwrap_or_default(),
            data: object.get("data").cloned().unwrap_or_default(),
        };
        operation.require_parts().map_err(invalid)?;
        Ok(operation)
    }

    fn require_parts(&self) -> Result<(), &'static str> {
        if !self.action.is_bulk() && self.row_id.is_empty() {
            return Err("Key 'rowId' is required for this action");
        }
        match self.action {
            Action::Delete => Ok(()),
            Action::BulkCreate | Action::BulkUpsert if !self.data.is_array() => {
                Err("Key 'data' must be a list of rows")
            }
            Action::Increment | Action::Decrement if self.column().is_empty() => {
                Err("Key 'column' is required in data")
            }
            Action::Create
            | Action::Update
            | Action::Upsert
            | Action::Increment
            | Action::Decrement
            | Action::BulkUpdate
            | Action::BulkDelete
                if !self.data.is_object() =>
            {
                Err("Key 'data' must be an object")
            }
            Action::Create
            | Action::Update
            | Action::Upsert
            | Action::Increment
            | Action::Decrement
            | Action::BulkCreate
            | Action::BulkUpdate
            | Action::BulkUpsert
            | Action::BulkDelete => Ok(()),
        }
    }

    /// The column of an increment.
    pub(super) fn column(&self) -> &str {
        let name = |key| self.data.get(key).and_then(Value::as_str);
        name("column")
            .or_else(|| name("attribute"))
            .unwrap_or_default()
    }

    /// Its columns; empty for what has none.
    pub(super) fn object(&self) -> Map<String, Value> {
        self.data.as_object().cloned().unwrap_or_default()
    }

    /// Its rows; empty for what is about one.
    pub(super) fn rows(&self) -> &[Value] {
        self.data.as_array().map_or(&[], Vec::as_slice)
    }

    /// The queries that choose its rows.
    pub(super) fn queries(&self) -> Vec<String> {
        let list = self.data.get("queries").and_then(Value::as_array);
        let list = list.map_or(&[][..], Vec::as_slice);
        list.iter()
            .map(|query| {
                let text = query.as_str().map(str::to_owned);
                text.unwrap_or_else(|| query.to_string())
            })
            .collect()
    }
}

impl Operation {
    /// Where its rows are.
    pub(super) fn place(&self) -> Place {
        Place {
            database: self.database_id.clone(),
            table: self.table_id.clone(),
            row: self.row_id.clone(),
            ..Place::default()
        }
    }
}

/// An operation with its time.
pub(super) struct Staged {
    /// When it was staged, Unix milliseconds.
    pub(super) staged_ms: i64,
    /// `$updatedAt` of its row then; none when there was no such row.
    pub(super) seen_ms: Option<i64>,
    pub(super) operation: Operation,
}

/// The operations of a transaction, in order.
pub(super) fn load(db: &Connection, transaction: &str) -> Result<Vec<Staged>, ApiError> {
    let sql = "SELECT staged_ms, seen_ms, operation FROM staged_operations WHERE transaction_id = ?1 ORDER BY number";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([transaction])?;
    let mut staged = Vec::new();
    while let Some(row) = rows.next()? {
        let operation: String = row.get(2)?;
        staged.push(Staged {
            staged_ms: row.get(0)?,
            seen_ms: row.get(1)?,
            operation: serde_json::from_str(&operation)?,
        });
    }
    Ok(staged)
}
