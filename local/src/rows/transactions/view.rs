//! Rows as a transaction's own reads see them: what is stored with what is
//! staged laid over it.
//!
//! Nothing staged is checked or completed before the commit, so a row that a
//! transaction makes shows only what was given for it, as measured.

use rusqlite::Connection;
use serde_json::{Map, Value, json};

use super::super::row;
use super::operation::{Action, Operation, load};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::queries::{self, Queries};
use crate::schema::Table;

/// The staged operations of one table, in order.
pub(super) struct View(Vec<Operation>);

impl View {
    /// Those of an open transaction that the caller may know of; none of any
    /// other.
    pub(super) fn of(
        db: &Connection,
        caller: &Caller,
        transaction: &str,
        table: &Table,
    ) -> Result<Self, ApiError> {
        let record = super::find(db, caller, transaction)?;
        let Some(record) = record.filter(super::Record::is_pending) else {
            return Ok(Self(Vec::new()));
        };
        let mut operations = Vec::new();
        for staged in load(db, &record.id)? {
            let operation = staged.operation;
            if operation
                .database_id
                .eq_ignore_ascii_case(&table.config.database_id)
                && operation.table_id.eq_ignore_ascii_case(&table.config.id)
            {
                operations.push(operation);
            }
        }
        Ok(Self(operations))
    }

    /// The row as it would be; `stored` is what the store has.
    pub(super) fn row(
        &self,
        table: &Table,
        id: &str,
        stored: Option<Value>,
    ) -> Result<Option<Value>, ApiError> {
        let mut now = stored;
        for operation in &self.0 {
            now = lay(table, operation, id, now)?;
        }
        Ok(now)
    }

    /// A stored row's permissions or, when they are staged, those.
    pub(super) fn permissions(row: &Value) -> Vec<String> {
        let list = row.get("$permissions").and_then(Value::as_array);
        let list = list.map_or(&[][..], Vec::as_slice);
        list.iter()
            .filter_map(|text| text.as_str().map(str::to_owned))
            .collect()
    }

    /// A page of the store with what is staged laid over it; rows that the
    /// transaction makes come last.
    pub(super) fn page(
        &self,
        db: &Connection,
        table: &Table,
        queries: &Queries,
        stored: Value,
    ) -> Result<Value, ApiError> {
        let mut total = stored["total"].as_i64().unwrap_or_default();
        let mut rows = Vec::new();
        for row in stored["rows"].as_array().cloned().unwrap_or_default() {
            let id = row["$id"].as_str().unwrap_or_default().to_owned();
            match self.row(table, &id, Some(row))? {
                Some(row) => rows.push(row),
                None => total -= 1,
            }
        }
        for id in self.made() {
            if row::find(db, table, &id)?.is_some() {
                continue;
            }
            let Some(row) = self.row(table, &id, None)? else {
                continue;
            };
            if queries
                .filters
                .iter()
                .all(|filter| queries::matches(filter, &row))
            {
                total += 1;
                rows.push(chosen(row, &queries.select));
            }
        }
        Ok(json!({"total": total, "rows": rows}))
    }

    /// Ids of the rows that operations make, each once.
    fn made(&self) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        let mut add = |id: &str| {
            if !id.is_empty() && !ids.iter().any(|known| known.eq_ignore_ascii_case(id)) {
                ids.push(id.to_owned());
            }
        };
        for operation in &self.0 {
            match operation.action {
                Action::Create | Action::Upsert => add(&operation.row_id),
                Action::BulkCreate | Action::BulkUpsert => operation
                    .rows()
                    .iter()
                    .filter_map(|row| row["$id"].as_str())
                    .for_each(&mut add),
                Action::Update
                | Action::Delete
                | Action::Increment
                | Action::Decrement
                | Action::BulkUpdate
                | Action::BulkDelete => {}
            }
        }
        ids
    }
}

/// Only the chosen columns; what begins with `$` stays.
pub(super) fn chosen(row: Value, select: &[String]) -> Value {
    if select.is_empty() || select.iter().any(|key| key == "*") {
        return row;
    }
    let mut row = row;
    if let Some(object) = row.as_object_mut() {
        object.retain(|key, _| key.starts_with('$') || select.contains(key));
    }
    row
}

fn lay(
    table: &Table,
    operation: &Operation,
    id: &str,
    now: Option<Value>,
) -> Result<Option<Value>, ApiError> {
    let own = operation.row_id.eq_ignore_ascii_case(id);
    let data = operation.object();
    Ok(match operation.action {
        Action::Create if own => Some(fresh(table, id, data)),
        Action::Update if own => now.map(|row| over(row, &data)),
        Action::Upsert if own => Some(match now {
            Some(row) => over(row, &data),
            None => fresh(table, id, data),
        }),
        Action::Delete if own => None,
        Action::Increment | Action::Decrement if own => now.map(|row| stepped(row, operation)),
        Action::BulkCreate | Action::BulkUpsert => {
            let given = operation.rows().iter().filter_map(Value::as_object);
            let same = |row: &&Map<String, Value>| {
                let given = row.get("$id").and_then(Value::as_str);
                given.is_some_and(|given| given.eq_ignore_ascii_case(id))
            };
            let mut now = now;
            for data in given.filter(same) {
                now = Some(match now {
                    Some(row) => over(row, data),
                    None => fresh(table, id, data.clone()),
                });
            }
            now
        }
        Action::BulkUpdate | Action::BulkDelete => {
            let queries = queries::parse(&operation.queries())?;
            let meant = |row: &Value| {
                let mut filters = queries.filters.iter();
                filters.all(|filter| queries::matches(filter, row))
            };
            let change = operation.data.get("data").and_then(Value::as_object);
            match now {
                Some(row) if !meant(&row) => Some(row),
                Some(row) if operation.action == Action::BulkUpdate => {
                    Some(over(row, &change.cloned().unwrap_or_default()))
                }
                Some(_) | None => None,
            }
        }
        Action::Create
        | Action::Update
        | Action::Upsert
        | Action::Delete
        | Action::Increment
        | Action::Decrement => now,
    })
}

/// A row that only the transaction knows.
fn fresh(table: &Table, id: &str, mut data: Map<String, Value>) -> Value {
    data.insert("$id".to_owned(), json!(id));
    data.insert("$databaseId".to_owned(), json!(table.config.database_id));
    data.insert("$tableId".to_owned(), json!(table.config.id));
    data.insert("$sequence".to_owned(), json!(""));
    Value::Object(data)
}

fn over(mut row: Value, data: &Map<String, Value>) -> Value {
    if let Some(object) = row.as_object_mut() {
        for (key, value) in data {
            if !key.starts_with('$') || key == "$permissions" {
                object.insert(key.clone(), value.clone());
            }
        }
    }
    row
}

fn stepped(mut row: Value, operation: &Operation) -> Value {
    let by = operation.data.get("value").cloned().unwrap_or(json!(1));
    let down = operation.action == Action::Decrement;
    let Some(slot) = row.get_mut(operation.column()) else {
        return row;
    };
    if let (Some(now), Some(by)) = (slot.as_i64(), by.as_i64()) {
        let by = if down { by.saturating_neg() } else { by };
        *slot = json!(now.saturating_add(by));
    } else if let (Some(now), Some(by)) = (slot.as_f64(), by.as_f64()) {
        *slot = json!(if down { now - by } else { now + by });
    }
    row
}
