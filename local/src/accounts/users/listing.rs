//! The list of users.

use std::cmp::Ordering;
use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::super::answers;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::queries::{self, Cursor, Queries};
use crate::server::{query_list, query_value};

/// Users of one page when the request does not say (Appwrite 1.9.6).
const LIMIT_DEFAULT: i64 = 25;

/// `GET /v1/users`: with `queries[]` and `search`, which looks into id, name
/// and address.
pub(super) async fn list(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope(super::READ)?;
    let query = query.unwrap_or_default();
    let asked = queries::parse(&query_list(&query, "queries")?)?;
    let search = query_value(&query, "search").unwrap_or_default();
    let users = kernel.store.run(|db| all(db)).await?;
    page(users, &asked, &search).map(Json)
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

fn page(mut users: Vec<Value>, asked: &Queries, search: &str) -> Result<Value, ApiError> {
    let words = search.to_lowercase();
    users.retain(|user| {
        let found = ["$id", "name", "email"].iter().any(|key| {
            let text = user.get(key).and_then(Value::as_str).unwrap_or_default();
            text.to_lowercase().contains(&words)
        });
        found
            && asked
                .filters
                .iter()
                .all(|filter| queries::matches(filter, user))
    });
    users.sort_by(|one, other| compare(asked, one, other));
    let total = users.len();
    let at = |id: &str| {
        let is_it = |user: &Value| user.get("$id").and_then(Value::as_str) == Some(id);
        let missing = || queries::invalid(format!("User '{id}' for the 'cursor' value not found."));
        users.iter().position(is_it).ok_or_else(missing)
    };
    let limit = count(asked.limit.unwrap_or(LIMIT_DEFAULT));
    let (start, end) = match &asked.cursor {
        None => (0, total),
        Some(Cursor::After(id)) => (at(id)? + 1, total),
        Some(Cursor::Before(id)) => {
            let end = at(id)?;
            (end.saturating_sub(limit), end)
        }
    };
    let start = start
        .saturating_add(count(asked.offset.unwrap_or(0)))
        .min(end);
    let users: Vec<Value> = users.drain(start..end).take(limit).collect();
    Ok(json!({"total": total, "users": users}))
}

fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

fn compare(asked: &Queries, one: &Value, other: &Value) -> Ordering {
    for order in &asked.orders {
        let text = |user: &Value| {
            let value = user.get(&order.attribute);
            value.map(ToString::to_string).unwrap_or_default()
        };
        let found = text(one).cmp(&text(other));
        let found = if order.descending {
            found.reverse()
        } else {
            found
        };
        if found != Ordering::Equal {
            return found;
        }
    }
    Ordering::Equal
}
