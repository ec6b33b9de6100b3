//! The end of a transaction: all its operations in one of the store, or none.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::super::draft::Draft;
use super::super::publish::{Change, publish_committed};
use super::super::row::{Row, find};
use super::super::{access, create, list, number, update, upsert};
use super::operation::{Action, Operation, Staged, load};
use super::{Record, settle};
use crate::auth::Caller;
use crate::bus::Bus;
use crate::error::ApiError;
use crate::events::Verb;
use crate::legacy::Spelling;
use crate::permissions::{self, Subject};
use crate::queries;
use crate::schema::Table;
use crate::store::{Transaction, Writer};

/// Does the staged operations and tells the bus of them, one event for each;
/// operations on many rows tell nobody, as measured. A failure undoes all of
/// them and ends the transaction as `failed`: it is the inner result, as an
/// error of the store's job would undo that end too.
pub(super) fn run(
    db: &mut Writer,
    bus: &Bus,
    caller: &Caller,
    record: &mut Record,
) -> Result<Result<(), ApiError>, ApiError> {
    let staged = load(db, &record.id)?;
    let tx = db.transaction()?;
    let done = replay(&tx, caller, &staged)
        .map_err(refused)
        .and_then(|removed| {
            settle(&tx, record, "committed")?;
            Ok(removed)
        });
    match done {
        Ok(removed) => {
            tx.commit()?;
            for (position, staged) in staged.iter().enumerate() {
                tell((db, bus), caller, &staged.operation, removed.get(position))?;
            }
            Ok(Ok(()))
        }
        Err(error) => {
            drop(tx);
            settle(db, record, "failed")?;
            Ok(Err(error))
        }
    }
}

/// The types of a commit's failures are the measured server's, whatever the
/// spelling of the route.
fn refused(error: ApiError) -> ApiError {
    let conflict = || {
        ApiError::conflict(
            "transaction_conflict",
            "The transaction has a conflict. Please resolve the conflict and try again.",
        )
    };
    match error.kind {
        "row_already_exists" | "row_update_conflict" => conflict(),
        "row_not_found" => ApiError {
            kind: "document_not_found",
            ..error
        },
        "row_invalid_structure" => ApiError {
            kind: "document_invalid_structure",
            ..error
        },
        "column_limit_exceeded" => ApiError {
            kind: "attribute_limit_exceeded",
            ..error
        },
        _ => error,
    }
}

/// What a commit has come to so far.
struct Replay<'a> {
    tx: &'a Transaction<'a>,
    caller: &'a Caller,
    /// Rows that this transaction has written: they are not compared again.
    touched: HashSet<(i64, String)>,
}

/// Does the operations in order; returns what each one removed.
fn replay(
    tx: &Transaction<'_>,
    caller: &Caller,
    staged: &[Staged],
) -> Result<Vec<Option<Row>>, ApiError> {
    let mut replay = Replay {
        tx,
        caller,
        touched: HashSet::new(),
    };
    staged.iter().map(|staged| replay.step(staged)).collect()
}

impl Replay<'_> {
    fn step(&mut self, staged: &Staged) -> Result<Option<Row>, ApiError> {
        let operation = &staged.operation;
        let (tx, caller, id) = (self.tx, self.caller, operation.row_id.as_str());
        let table = access::table(tx, caller, &operation.place())?;
        match operation.action {
            Action::Create => {
                create::require_create(&table, caller)?;
                create::insert(tx, &table, &draft(operation)?, caller, false)?;
            }
            Action::Update => {
                self.require_fresh(&table, staged)?;
                let draft = draft_of_change(operation)?;
                let request = update::Request::of(draft.data, draft.permissions);
                update::run(tx, &table, caller, id, &request)?;
            }
            Action::Upsert => {
                self.require_fresh(&table, staged)?;
                upsert::run(tx, &table, caller, &draft_of_change(operation)?, false)?;
            }
            Action::Delete => {
                self.require_fresh(&table, staged)?;
                let removed = update::remove(tx, &table, caller, id, None)?;
                self.touch(&table, id);
                return Ok(Some(removed));
            }
            Action::Increment | Action::Decrement => {
                find(tx, &table, id)?.ok_or_else(|| super::super::row::missing(id))?;
                let down = operation.action == Action::Decrement;
                let step = number::Step::read(operation.object().into(), down)?;
                number::run(tx, &table, caller, (id, operation.column()), &step)?;
            }
            Action::BulkCreate | Action::BulkUpdate | Action::BulkUpsert | Action::BulkDelete => {
                self.many(&table, staged)?
            }
        }
        self.touch(&table, id);
        Ok(None)
    }

    fn many(&mut self, table: &Table, staged: &Staged) -> Result<(), ApiError> {
        let (tx, caller, operation) = (self.tx, self.caller, &staged.operation);
        let rows = operation.rows().iter().cloned().map(Draft::of_bulk);
        let drafts: Vec<Draft> = rows.collect::<Result<_, _>>()?;
        for draft in &drafts {
            if operation.action == Action::BulkCreate {
                create::insert(tx, table, draft, caller, true)?;
            } else {
                upsert::run(tx, table, caller, draft, true)?;
            }
            self.touch(table, &draft.id);
        }
        if !drafts.is_empty() {
            return Ok(());
        }
        let chosen = list::matching(tx, table, &queries::parse(&operation.queries())?)?;
        let data = operation.data.get("data").and_then(Value::as_object);
        let data = data.cloned().unwrap_or_default();
        for row in chosen {
            if !self.is_touched(table, &row.id) && row.updated_ms > staged.staged_ms {
                return Err(stale());
            }
            self.touch(table, &row.id);
            if operation.action == Action::BulkDelete {
                update::erase(tx, table, &row)?;
            } else {
                let changes = update::Changes::of(table, caller, &row, &data, None)?;
                update::apply(tx, table, row, changes)?;
            }
        }
        Ok(())
    }

    /// Refuses a row that somebody has written since the operation was staged.
    fn require_fresh(&self, table: &Table, staged: &Staged) -> Result<(), ApiError> {
        if self.is_touched(table, &staged.operation.row_id) {
            return Ok(());
        }
        let Some(row) = find(self.tx, table, &staged.operation.row_id)? else {
            return Ok(());
        };
        // The second holds where both fell into one millisecond.
        let newer = row.updated_ms > staged.staged_ms
            || staged.seen_ms.is_some_and(|seen| row.updated_ms > seen);
        if newer { Err(stale()) } else { Ok(()) }
    }

    fn is_touched(&self, table: &Table, id: &str) -> bool {
        self.touched
            .contains(&(table.number, id.to_ascii_lowercase()))
    }

    fn touch(&mut self, table: &Table, id: &str) {
        self.touched.insert((table.number, id.to_ascii_lowercase()));
    }
}

fn stale() -> ApiError {
    ApiError::conflict("row_update_conflict", "Remote row is newer than local.")
}

/// A new row: without permissions of its own it has none.
fn draft(operation: &Operation) -> Result<Draft, ApiError> {
    let mut draft = draft_of_change(operation)?;
    draft.permissions.get_or_insert_default();
    Ok(draft)
}

fn draft_of_change(operation: &Operation) -> Result<Draft, ApiError> {
    let data = operation.object();
    let permissions = data.get("$permissions").filter(|list| !list.is_null());
    let permissions = permissions
        .map(|list| permissions::parse(list, Subject::Row))
        .transpose()?;
    Ok(Draft {
        id: operation.row_id.clone(),
        data,
        permissions,
    })
}

/// Tells the bus of one operation with the row as it is after the commit, or as
/// it was when the operation removed it.
fn tell(
    (db, bus): (&mut Writer, &Bus),
    caller: &Caller,
    operation: &Operation,
    removed: Option<&Option<Row>>,
) -> Result<(), ApiError> {
    let verb = match operation.action {
        Action::Create => Verb::Create,
        Action::Update | Action::Upsert | Action::Increment | Action::Decrement => Verb::Update,
        Action::Delete => Verb::Delete,
        Action::BulkCreate | Action::BulkUpdate | Action::BulkUpsert | Action::BulkDelete => {
            return Ok(());
        }
    };
    let table = access::table(db, caller, &operation.place())?;
    let row = match removed.and_then(Option::as_ref) {
        Some(removed) => Some(removed.clone()),
        None => find(db, &table, &operation.row_id)?,
    };
    let Some(row) = row else {
        return Ok(());
    };
    let sql = "SELECT rowid FROM databases WHERE id = ?1";
    let number: i64 = db.query_row(sql, [&table.config.database_id], |row| row.get(0))?;
    let mut payload = row.json(&table, &[]);
    if let Some(object) = payload.as_object_mut() {
        // As measured: other ids than an event outside of transactions has.
        object.remove("$databaseId");
        let collection = format!("database_{number}_collection_{}", table.number);
        object.insert("$collection".to_owned(), json!(collection));
        object.insert("$tableId".to_owned(), json!(table.config.id));
        object.insert("$collectionId".to_owned(), json!(table.config.id));
    }
    let change = Change {
        table: &table,
        row: &row,
        verb,
        bulk: false,
        spelling: Spelling::Tables,
    };
    publish_committed(db, bus, &change, payload, caller);
    Ok(())
}
