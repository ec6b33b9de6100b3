//! Changes and removals of single rows, with the conflict header.

use rusqlite::Transaction;
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
    pub(super) fn read(
        mut params: Params,
        caller: &Caller,
        read_at: Option<i64>,
    ) -> Result<Self, ApiError> {
        params.refuse_transaction()?;
        let data = params.take_object("data")?.unwrap_or_default();
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

/// Changes a row. Equal values leave `$updatedAt` where it is.
pub(super) fn run(
    tx: &Transaction<'_>,
    table: &Table,
    caller: &Caller,
    id: &str,
    request: &Request,
) -> Result<Row, ApiError> {
    let mut row = find(tx, table, id)?.ok_or_else(|| missing(id))?;
    let mut changes = data::for_update(table, &request.data)?;
    changes.retain(|(position, value)| row.values.get(*position) != Some(value));
    let permissions = request
        .permissions
        .as_ref()
        .filter(|new| **new != row.permissions);
    let given = |key| {
        if caller.is_key() {
            data::instant(&request.data, key)
        } else {
            Ok(None)
        }
    };
    let (created, updated) = (given("$createdAt")?, given("$updatedAt")?);
    let changed =
        !changes.is_empty() || permissions.is_some() || created.is_some() || updated.is_some();
    // As measured: a change needs the right to update, an equal one the right to read.
    let action = if changed {
        Action::Update
    } else {
        Action::Read
    };
    Access::of(table, caller, action).require(&row.permissions)?;
    refuse_stale(&row, request.read_at)?;
    if !changed {
        return Ok(row);
    }
    row.created_ms = created.unwrap_or(row.created_ms);
    row.updated_ms = updated.unwrap_or_else(|| next_ms(row.updated_ms));
    if let Some(new) = permissions {
        row.permissions.clone_from(new);
        write_permissions(tx, table, row.sequence, new)?;
    }
    for (position, value) in &changes {
        if let Some(slot) = row.values.get_mut(*position) {
            slot.clone_from(value);
        }
    }
    write(tx, table, &row, changes).map_err(|error| match error.sqlite_error_code() {
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
    let sql = format!(
        "DELETE FROM {} WHERE _sequence = ?1",
        rows_table(table.number)
    );
    tx.prepare_cached(&sql)?.execute([row.sequence])?;
    write_permissions(tx, table, row.sequence, &[])?;
    Ok(row)
}
