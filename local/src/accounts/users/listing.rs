//! The list of users.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::super::answers;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::queries::listing::Listing;

/// What the list may be filtered and ordered by (Appwrite 1.9.6, source).
const ATTRIBUTES: &[&str] = &[
    "name",
    "email",
    "phone",
    "status",
    "passwordUpdate",
    "registration",
    "emailVerification",
    "phoneVerification",
    "labels",
    "impersonator",
];
/// What `search` looks into.
const SEARCHED: &[&str] = &["$id", "name", "email", "phone"];

/// `GET /v1/users`: with `queries[]`, `search` and `total`.
pub(super) async fn list(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope(super::READ)?;
    let asked = Listing::parse(query.as_deref(), ATTRIBUTES)?;
    let users = kernel.store.run(|db| all(db)).await?;
    let (total, users) = asked.page(users, "$id", SEARCHED)?;
    Ok(Json(json!({"total": total, "users": users})))
}

/// All users, oldest first.
fn all(db: &Connection) -> Result<Vec<Value>, ApiError> {
    let mut statement = db.prepare_cached("SELECT id FROM users ORDER BY rowid")?;
    let ids = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut users = Vec::new();
    for id in ids {
        users.extend(answers::account(db, &id?)?);
    }
    Ok(users)
}
