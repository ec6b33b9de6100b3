//! Transactions: operations on rows that are staged and then done all or none,
//! `/v1/tablesdb/transactions`.
//!
//! `operation` is what is staged, `staging` takes the row routes' requests that
//! name a transaction, `view` shows rows as they would be, `commit` does it.

mod commit;
mod operation;
pub(super) mod staging;
mod view;

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::queries::listing::Listing;
use crate::server::Params;
use crate::{clock, ids};

use operation::Operation;

/// Most operations of one transaction.
pub const OPERATIONS_MAX: u32 = 100;
/// How long a transaction stays open when its maker does not say, in seconds.
pub const TTL_SECONDS_DEFAULT: i64 = 300;
/// The shortest and longest such time.
pub const TTL_SECONDS: std::ops::RangeInclusive<i64> = 60..=3_600;
/// How long a finished or expired transaction can still be read, in milliseconds.
const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

/// Tables of this module.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS transactions (
    id TEXT PRIMARY KEY,
    owner TEXT,
    status TEXT NOT NULL,
    operations INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS staged_operations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    transaction_id TEXT NOT NULL REFERENCES transactions (id) ON DELETE CASCADE,
    staged_ms INTEGER NOT NULL,
    seen_ms INTEGER,
    operation TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS staged_by_transaction ON staged_operations (transaction_id, number);
";

/// The routes of transactions under `root`, such as `/v1/tablesdb`.
pub(super) fn router(root: &str) -> Router<Arc<Kernel>> {
    let transactions = format!("{root}/transactions");
    Router::new()
        .route(&transactions, get(list).post(create))
        .route(
            &format!("{transactions}/{{transaction}}"),
            get(show).patch(finish).delete(remove),
        )
        .route(
            &format!("{transactions}/{{transaction}}/operations"),
            post(stage),
        )
}

/// A transaction as it is stored.
struct Record {
    id: String,
    /// The user who made it; none for keys and guests.
    owner: Option<String>,
    status: String,
    operations: u32,
    created_ms: i64,
    updated_ms: i64,
    expires_ms: i64,
}

impl Record {
    /// `transaction`; Source: Appwrite 1.9.6, GET /v1/tablesdb/transactions/{} (recorded).
    fn json(&self) -> Value {
        json!({
            "$id": self.id,
            "$createdAt": clock::format_ms(self.created_ms),
            "$updatedAt": clock::format_ms(self.updated_ms),
            "status": self.status,
            "operations": self.operations,
            "expiresAt": clock::format_ms(self.expires_ms),
        })
    }

    fn is_pending(&self) -> bool {
        self.status == "pending"
    }

    fn visible(&self, caller: &Caller) -> bool {
        caller.is_key() || (self.owner.is_some() && self.owner.as_deref() == caller.user_id())
    }

    /// Refuses a transaction whose time is over.
    fn require_time(&self) -> Result<(), ApiError> {
        if clock::now().as_millisecond() <= self.expires_ms {
            return Ok(());
        }
        Err(ApiError::new(
            StatusCode::GONE,
            "transaction_expired",
            "The transaction has expired. Please create a new transaction and try again.",
        ))
    }

    /// Refuses `more` operations where they would be too many.
    fn require_room(&self, more: usize) -> Result<(), ApiError> {
        let all = u32::try_from(more).map_or(u32::MAX, |more| self.operations.saturating_add(more));
        if all <= OPERATIONS_MAX {
            return Ok(());
        }
        Err(ApiError::bad_request(
            "transaction_limit_exceeded",
            format!(
                "Transaction already has {} operations, adding {more} would exceed the maximum of {OPERATIONS_MAX}",
                self.operations
            ),
        ))
    }

    fn from_sql(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            owner: row.get(1)?,
            status: row.get(2)?,
            operations: row.get(3)?,
            created_ms: row.get(4)?,
            updated_ms: row.get(5)?,
            expires_ms: row.get(6)?,
        })
    }
}

const SELECT: &str =
    "SELECT id, owner, status, operations, created_ms, updated_ms, expires_ms FROM transactions";

/// The transaction of this id, if the caller may know of it.
fn find(db: &Connection, caller: &Caller, id: &str) -> Result<Option<Record>, ApiError> {
    let found = db
        .prepare_cached(&format!("{SELECT} WHERE id = ?1"))?
        .query_row([id], Record::from_sql)
        .optional()?;
    Ok(found.filter(|record| record.visible(caller)))
}

/// The transaction of this id.
fn require(db: &Connection, caller: &Caller, id: &str) -> Result<Record, ApiError> {
    find(db, caller, id)?.ok_or_else(|| {
        ApiError::not_found(
            "transaction_not_found",
            format!("Transaction with the requested ID '{id}' could not be found."),
        )
    })
}

fn not_ready() -> ApiError {
    ApiError::bad_request(
        "transaction_not_ready",
        "The transaction is not ready yet. Please try again later.",
    )
}

/// Ends a transaction: nothing stays staged.
fn settle(db: &Connection, record: &mut Record, status: &str) -> Result<(), ApiError> {
    status.clone_into(&mut record.status);
    record.updated_ms = clock::now().as_millisecond();
    db.prepare_cached("UPDATE transactions SET status = ?2, updated_ms = ?3 WHERE id = ?1")?
        .execute((&record.id, &record.status, record.updated_ms))?;
    db.prepare_cached("DELETE FROM staged_operations WHERE transaction_id = ?1")?
        .execute([&record.id])?;
    Ok(())
}

async fn create(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    mut params: Params,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    caller.require_scope("rows.write")?;
    let ttl = params.take_i64("ttl")?.unwrap_or(TTL_SECONDS_DEFAULT);
    if !TTL_SECONDS.contains(&ttl) {
        return Err(ApiError::argument(
            "Invalid `ttl` param: Value must be a valid range between 60 and 3,600",
        ));
    }
    let now = clock::now().as_millisecond();
    let record = Record {
        id: ids::unique(),
        owner: caller.user_id().map(str::to_owned),
        status: "pending".to_owned(),
        operations: 0,
        created_ms: now,
        updated_ms: now,
        expires_ms: now + ttl * 1_000,
    };
    let answer = record.json();
    kernel
        .store
        .run(move |db| {
            db.prepare_cached("DELETE FROM transactions WHERE expires_ms < ?1")?
                .execute([now - KEPT_MS])?;
            db.prepare_cached("INSERT INTO transactions VALUES (?1, ?2, ?3, 0, ?4, ?4, ?5)")?
                .execute((
                    &record.id,
                    &record.owner,
                    &record.status,
                    now,
                    record.expires_ms,
                ))?;
            Ok(())
        })
        .await?;
    Ok((StatusCode::CREATED, Json(answer)))
}

async fn list(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("rows.read")?;
    let listing = Listing::parse(query.as_deref(), &["status", "expiresAt"])?;
    let list = kernel
        .store
        .run(move |db| {
            let mut statement =
                db.prepare_cached(&format!("{SELECT} ORDER BY created_ms, rowid"))?;
            let found = statement.query_map([], Record::from_sql)?;
            let all = found.collect::<Result<Vec<_>, _>>()?;
            let mine = all.iter().filter(|record| record.visible(&caller));
            Ok(mine.map(Record::json).collect::<Vec<_>>())
        })
        .await?;
    let (total, transactions) = listing.page(list, "$id", &[])?;
    Ok(Json(json!({"total": total, "transactions": transactions})))
}

async fn show(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("rows.read")?;
    let answer = kernel
        .store
        .run(move |db| Ok(require(db, &caller, &id)?.json()))
        .await?;
    Ok(Json(answer))
}

async fn remove(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.require_scope("rows.write")?;
    kernel
        .store
        .run(move |db| {
            let record = require(db, &caller, &id)?;
            db.execute("DELETE FROM transactions WHERE id = ?1", [record.id])?;
            Ok(StatusCode::NO_CONTENT)
        })
        .await
}

async fn stage(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    caller.require_scope("rows.write")?;
    let operations = params.take_list("operations")?.unwrap_or_default();
    let operations: Vec<Operation> = operations
        .iter()
        .map(Operation::read)
        .collect::<Result<_, _>>()?;
    if operations.is_empty() {
        let message = "Operations array cannot be empty";
        return Err(ApiError::bad_request("general_bad_request", message));
    }
    let answer = kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            let mut record = require(&tx, &caller, &id)?;
            if !record.is_pending() {
                let message = "Invalid or non-pending transaction";
                return Err(ApiError::bad_request("general_bad_request", message));
            }
            record.require_time()?;
            record.require_room(operations.len())?;
            for operation in &operations {
                staging::check(&tx, &caller, &record.id, operation)?;
                staging::add(&tx, &mut record, operation)?;
            }
            tx.commit()?;
            Ok(record.json())
        })
        .await?;
    Ok((StatusCode::CREATED, Json(answer)))
}

async fn finish(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("rows.write")?;
    let commit = params.take_bool("commit")?.unwrap_or(false);
    let rollback = params.take_bool("rollback")?.unwrap_or(false);
    if commit == rollback {
        let message = if commit {
            "Cannot commit and rollback at the same time"
        } else {
            "Either commit or rollback must be true"
        };
        return Err(ApiError::bad_request("general_bad_request", message));
    }
    let bus = kernel.bus.clone();
    let answer = kernel
        .store
        .run(move |db| {
            let mut record = require(db, &caller, &id)?;
            if !record.is_pending() {
                return Err(not_ready());
            }
            record.require_time()?;
            let done = if commit {
                commit::run(db, &bus, &caller, &mut record)?
            } else {
                settle(db, &mut record, "failed")?;
                Ok(())
            };
            Ok(done.map(|()| record.json()))
        })
        .await??;
    Ok(Json(answer))
}
