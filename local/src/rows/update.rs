//! Changes and removals of single rows, with the conflict header.

use rusqlite::types::Value as Sql;
use serde_json::{Map, Value};

use super::access::Access;
use super::create::{already_exists, write_permissions};
use super::data;
use super::row::{Row, find, missing};
use crate::auth::Caller;
use crate::clock;
use crate::error::ApiError;
use crate::permissions::{self, Action, Subject};
use crate::schema::Table;
use crate::schema::storage::{column_name, rows_table};
use crate::server::Params;
use crate::store::Transaction;

/// How far a row's clock may run ahead of ours and still be carried on, in
/// milliseconds; a clock set further ahead by a key is left behind.
const AHEAD_MS_MAX: i64 = 1_000;

/// A checked request.
pub(super) struct Request {
    data: Map<String, Value>,
    permissions: Option<Vec<String>>,
    /// When the caller read the row, Unix milliseconds.
    read_at: Option<i64>,
}

impl Request {
    /// A change that is already checked, compared with no time.
    pub(super) fn of(data: Map<String, Value>, permissions: Option<Vec<String>>) -> Self {
        Self {
            data,
            permissions,
            read_at: None,
        }
    }

    pub(super) fn read(
        mut params: Params,
        caller: &Caller,
        read_at: Option<i64>,
    ) -> Result<Self, ApiError> {
        let data = params.take_data()?.unwrap_or_default();
        let permissions = params
            .take("permissions")
            .map(|list| permissions::parse(&list, Subject::Row))
            .transpose()?;
        if data.is_empty() && permissions.is_none() {
            return Err(ApiError::bad_request(
                "row_missing_payload",
                "The row data and permissions are missing. You must provide either row data or permissions to be updated.",
            ));
        }
        if let Some(permissions) = &permissions {
            permissions::check_grantable(permissions, caller)?;
        }
        Ok(Self {
            data,
            permissions,
            read_at,
        })
    }
}

/// What becomes of a row; what equals the row is left out.
pub(super) struct Changes {
    values: Vec<(usize, Sql)>,
    permissions: Option<Vec<String>>,
    created_ms: Option<i64>,
    updated_ms: Option<i64>,
}

impl Changes {
    /// Checks `data` and compares it with the row.
    pub(super) fn of(
        table: &Table,
        caller: &Caller,
        row: &Row,
        data: &Map<String, Value>,
        permissions: Option<&Vec<String>>,
    ) -> Result<Self, ApiError> {
        let mut values = data::for_update(table, data)?;
        values.retain(|(position, value)| row.values.get(*position) != Some(value));
        let given = |key| {
            if caller.is_key() {
                data::instant(data, key)
            } else {
                Ok(None)
            }
        };
        Ok(Self {
            values,
            permissions: permissions.filter(|new| **new != row.permissions).cloned(),
            created_ms: given("$createdAt")?,
            updated_ms: given("$updatedAt")?,
        })
    }

    /// One value, whether it differs or not.
    pub(super) fn of_value(position: usize, value: Sql) -> Self {
        Self {
            values: vec![(position, value)],
            permissions: None,
            created_ms: None,
            updated_ms: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.values.is_empty()
            && self.permissions.is_none()
            && self.created_ms.is_none()
            && self.updated_ms.is_none()
    }
}

/// Changes a row. Equal values leave `$updatedAt` where it is.
pub(super) fn run(
    tx: &Transaction<'_>,
    table: &Table,
    caller: &Caller,
    id: &str,
    request: &Request,
) -> Result<Row, ApiError> {
    let row = find(tx, table, id)?.ok_or_else(|| missing(id))?;
    let changes = Changes::of(
        table,
        caller,
        &row,
        &request.data,
        request.permissions.as_ref(),
    )?;
    // As measured: a change needs the right to update, an equal one the right to read.
    let action = if changes.is_empty() {
        Action::Read
    } else {
        Action::Update
    };
    Access::of(table, caller, action).require(&row.permissions)?;
    refuse_stale(&row, request.read_at)?;
    apply(tx, table, row, changes)
}

/// Writes changes and returns the row as it is then.
pub(super) fn apply(
    tx: &Transaction<'_>,
    table: &Table,
    mut row: Row,
    changes: Changes,
) -> Result<Row, ApiError> {
    if changes.is_empty() {
        return Ok(row);
    }
    row.created_ms = changes.created_ms.unwrap_or(row.created_ms);
    row.updated_ms = changes
        .updated_ms
        .unwrap_or_else(|| next_ms(row.updated_ms));
    if let Some(new) = changes.permissions {
        write_permissions(tx, table, row.sequence, &new)?;
        row.permissions = new;
    }
    for (position, value) in &changes.values {
        if let Some(slot) = row.values.get_mut(*position) {
            slot.clone_from(value);
        }
    }
    write(tx, table, &row, changes.values).map_err(|error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => already_exists(&row.id),
        _ => error.into(),
    })?;
    Ok(row)
}

/// Two successive changes of a row are at least a millisecond apart, so that a
/// reader of the first is told of the second.
fn next_ms(last: i64) -> i64 {
    let now = clock::now().as_millisecond();
    if now <= last && last - now < AHEAD_MS_MAX {
        last + 1
    } else {
        now
    }
}

/// 409 when the row is newer than what the caller read; the grain is 1 ms.
fn refuse_stale(row: &Row, read_at: Option<i64>) -> Result<(), ApiError> {
    if read_at.is_some_and(|read_at| row.updated_ms > read_at) {
        return Err(ApiError::conflict(
            "row_update_conflict",
            "Remote row is newer than local.",
        ));
    }
    Ok(())
}

fn write(
    tx: &Transaction<'_>,
    table: &Table,
    row: &Row,
    changes: Vec<(usize, Sql)>,
) -> rusqlite::Result<()> {
    let mut sets = "_created_ms = ?, _updated_ms = ?, _permissions = ?".to_owned();
    let mut params = vec![
        Sql::Integer(row.created_ms),
        Sql::Integer(row.updated_ms),
        Sql::Text(Value::from(row.permissions.clone()).to_string()),
    ];
    for (position, value) in changes {
        if let Some(column) = table.config.columns.get(position) {
            sets.push_str(&format!(", {} = ?", column_name(&column.key)));
            params.push(value);
        }
    }
    params.push(Sql::Integer(row.sequence));
    let sql = format!(
        "UPDATE {} SET {sets} WHERE _sequence = ?",
        rows_table(table.number)
    );
    tx.prepare_cached(&sql)?
        .execute(rusqlite::params_from_iter(params))?;
    Ok(())
}

/// Removes a row and returns what it was.
pub(super) fn remove(
    tx: &Transaction<'_>,
    table: &Table,
    caller: &Caller,
    id: &str,
    read_at: Option<i64>,
) -> Result<Row, ApiError> {
    let row = find(tx, table, id)?.ok_or_else(|| missing(id))?;
    Access::of(table, caller, Action::Delete).require(&row.permissions)?;
    refuse_stale(&row, read_at)?;
    erase(tx, table, &row)?;
    Ok(row)
}

/// Deletes a row and its permissions.
pub(super) fn erase(tx: &Transaction<'_>, table: &Table, row: &Row) -> Result<(), ApiError> {
    let sql = format!(
        "DELETE FROM {} WHERE _sequence = ?1",
        rows_table(table.number)
    );
    tx.prepare_cached(&sql)?.execute([row.sequence])?;
    Ok(write_permissions(tx, table, row.sequence, &[])?)
}
