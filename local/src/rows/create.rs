//! New rows: one, or up to a hundred at once.

use std::sync::{Arc, OnceLock};

use rusqlite::types::Value as Sql;
use serde_json::Value;

use super::draft::{Draft, Request};
use super::place::Place;
use super::publish::{Change, publish};
use super::row::{Row, find};
use super::{access, data};
use crate::auth::Caller;
use crate::clock;
use crate::error::ApiError;
use crate::events::Verb;
use crate::faults::{FaultAction, Phase, RowCreate};
use crate::kernel::Kernel;
use crate::permissions::{self, Action};
use crate::schema::storage::{column_name, rows_table};
use crate::schema::{self, Table};
use crate::store::Transaction;

/// What a request came to.
pub(super) enum Outcome {
    Created(Vec<Value>),
    /// A fault struck; nobody waits for an answer.
    Fault(FaultAction),
}

/// Writes the rows, all or none, and tells the bus.
pub(super) async fn run(
    kernel: &Arc<Kernel>,
    caller: Caller,
    place: Place,
    request: Request,
) -> Result<Outcome, ApiError> {
    if let Some(action) = struck(kernel, &caller, &place.table, &request.rows, Phase::Before) {
        return Ok(Outcome::Fault(action));
    }
    let shared = Arc::clone(kernel);
    let fault = Arc::new(OnceLock::new());
    let strikes = Arc::clone(&fault);
    let answers = kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            let table = access::table(&tx, &caller, &place)?;
            require_create(&table, &caller)?;
            let Request { bulk, rows: drafts } = request;
            let mut rows = Vec::with_capacity(drafts.len());
            for draft in &drafts {
                rows.push(insert(&tx, &table, draft, &caller, bulk)?);
            }
            tx.commit()?;
            let kernel = Arc::clone(&shared);
            let (by, id) = (caller.clone(), place.table.clone());
            db.after_commit(move || {
                if let Some(action) = struck(&kernel, &by, &id, &drafts, Phase::After) {
                    let _ = strikes.set(action);
                }
            });
            let mut answers = Vec::with_capacity(rows.len());
            for row in &rows {
                let payload = row.json(&table, &[]);
                let change = Change {
                    table: &table,
                    row,
                    verb: Verb::Create,
                    bulk,
                    spelling: place.spelling,
                };
                publish(db, &shared.bus, &change, payload.clone(), &caller);
                answers.push(payload);
            }
            Ok(answers)
        })
        .await?;
    Ok(match fault.get() {
        Some(action) => Outcome::Fault(*action),
        None => Outcome::Created(answers),
    })
}

fn struck(
    kernel: &Kernel,
    caller: &Caller,
    table: &str,
    drafts: &[Draft],
    phase: Phase,
) -> Option<FaultAction> {
    let mut struck = None;
    for draft in drafts {
        // The rules read `data` as the client sent it.
        let data = Value::Object(draft.data.clone());
        let create = RowCreate {
            table,
            row_id: &draft.id,
            data: &data,
            execution: caller.execution(),
            phase,
        };
        match kernel.faults.on_create(&create) {
            FaultAction::Continue => {}
            action @ (FaultAction::KillFunction | FaultAction::KillPlatform) => {
                struck = struck.or(Some(action))
            }
        }
    }
    struck
}

pub(super) fn require_create(table: &Table, caller: &Caller) -> Result<(), ApiError> {
    if caller.is_key()
        || permissions::allow(&table.config.permissions, Action::Create, &caller.roles())
    {
        return Ok(());
    }
    Err(ApiError::unauthorized())
}

pub(super) fn insert(
    tx: &Transaction<'_>,
    table: &Table,
    draft: &Draft,
    caller: &Caller,
    bulk: bool,
) -> Result<Row, ApiError> {
    let now = clock::now().as_millisecond();
    let given = |key| {
        if caller.is_key() {
            data::instant(&draft.data, key)
        } else {
            Ok(None)
        }
    };
    let row = Row {
        sequence: 0,
        id: draft.id.clone(),
        created_ms: given("$createdAt")?.unwrap_or(now),
        updated_ms: given("$updatedAt")?.unwrap_or(now),
        permissions: draft
            .permissions
            .clone()
            .unwrap_or_else(|| permissions::default_of(caller)),
        values: data::for_create(table, &draft.data)?,
    };
    let exists = if bulk { "" } else { &draft.id };
    if find(tx, table, &row.id)?.is_some() {
        return Err(already_exists(exists));
    }
    write(tx, table, row).map_err(|error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => already_exists(exists),
        _ => error.into(),
    })
}

/// 409 `row_already_exists`: the id is taken, or a unique index is violated.
pub(super) fn already_exists(id: &str) -> ApiError {
    ApiError::conflict(
        "row_already_exists",
        format!(
            "Row with the requested ID '{id}' already exists. Try again with a different ID or use ID.unique() to \
             generate a unique ID."
        ),
    )
}

/// Inserts a row and its permissions; fills in the sequence.
fn write(tx: &Transaction<'_>, table: &Table, mut row: Row) -> rusqlite::Result<Row> {
    let mut names = "_id, _created_ms, _updated_ms, _permissions".to_owned();
    for (column, _) in table.columns() {
        names.push_str(", ");
        names.push_str(&column_name(&column.key));
    }
    let marks = vec!["?"; row.values.len() + 4].join(", ");
    let sql = format!(
        "INSERT INTO {} ({names}) VALUES ({marks})",
        rows_table(table.number)
    );
    let mut params = vec![
        Sql::Text(row.id.clone()),
        Sql::Integer(row.created_ms),
        Sql::Integer(row.updated_ms),
        Sql::Text(serde_json::Value::from(row.permissions.clone()).to_string()),
    ];
    params.extend(row.values.iter().cloned());
    tx.prepare_cached(&sql)?
        .execute(rusqlite::params_from_iter(params))?;
    row.sequence = tx.last_insert_rowid();
    write_permissions(tx, table, row.sequence, &row.permissions)?;
    Ok(row)
}

/// Replaces the rows by which permissions are filtered in SQL.
pub(super) fn write_permissions(
    tx: &Transaction<'_>,
    table: &schema::Table,
    sequence: i64,
    list: &[String],
) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM row_permissions WHERE table_number = ?1 AND sequence = ?2")?
        .execute((table.number, sequence))?;
    let mut statement =
        tx.prepare_cached("INSERT OR IGNORE INTO row_permissions VALUES (?1, ?2, ?3, ?4)")?;
    for (action, role) in list.iter().filter_map(|text| permissions::split(text)) {
        statement.execute((table.number, sequence, action, role))?;
    }
    Ok(())
}
