//! Requests to the row routes that name a transaction: writes are staged, reads
//! see what is staged.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequest as _, FromRequestParts as _, Request};
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use rusqlite::Connection;
use serde_json::{Map, Value, json};

use super::super::access::{self, Access};
use super::super::draft;
use super::super::place::Place;
use super::super::row::{find as find_row, missing};
use super::super::{create, list};
use super::operation::{Action, Operation};
use super::view::{View, chosen};
use super::{Record, not_ready, require};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::permissions::{self, Subject};
use crate::schema::Table;
use crate::server::Params;
use crate::store::Transaction;
use crate::{clock, ids, queries};

/// The parameter that names a transaction.
const PARAM: &str = "transactionId";

/// Takes what names a transaction; everything else goes on to the row routes.
pub(in super::super) async fn layer<F: Future<Output = Response>>(
    kernel: &Arc<Kernel>,
    path: Place,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let taken = match request.method().as_str() {
        "GET" | "HEAD" => read(kernel, path, request).await,
        "POST" | "PUT" | "PATCH" | "DELETE" => write(kernel, path, request).await,
        _ => Ok(Taken::Other(request)),
    };
    match taken {
        Ok(Taken::Answer(response)) => response,
        Ok(Taken::Other(request)) => next(request).await,
        Err(error) => error.into_response(),
    }
}

/// What became of a request.
enum Taken {
    Answer(Response),
    /// It names no transaction.
    Other(Request),
}

async fn caller_of(kernel: &Arc<Kernel>, request: Request) -> Result<(Caller, Request), ApiError> {
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, kernel).await?;
    Ok((caller, Request::from_parts(parts, body)))
}

async fn read(kernel: &Arc<Kernel>, path: Place, request: Request) -> Result<Taken, ApiError> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let named = crate::server::query_value(&query, PARAM).filter(|id| !id.is_empty());
    let Some(transaction) = named else {
        return Ok(Taken::Other(request));
    };
    let (caller, _) = caller_of(kernel, request).await?;
    caller.require_scope("rows.read")?;
    let texts = crate::server::query_list(&query, "queries")?;
    let queries = queries::parse(&texts)?;
    let answer = kernel
        .store
        .run(move |db| {
            let table = table(db, &caller, &path)?;
            let view = View::of(db, &caller, &transaction, &table)?;
            if path.row.is_empty() {
                let stored = list::page(db, &table, &caller, &queries)?;
                return view.page(db, &table, &queries, stored);
            }
            let id = path.row.clone();
            let access = Access::of(&table, &caller, permissions::Action::Read);
            access.require_any()?;
            let stored = find_row(db, &table, &id)?;
            if stored
                .as_ref()
                .is_some_and(|row| !access.includes(&row.permissions))
            {
                return Err(missing(&id));
            }
            let stored = stored.map(|row| row.json(&table, &[]));
            let row = view.row(&table, &id, stored)?;
            let row = row.ok_or_else(|| missing(&id))?;
            Ok(chosen(row, &queries.select))
        })
        .await?;
    Ok(Taken::Answer(Json(answer).into_response()))
}

fn table(db: &Connection, caller: &Caller, path: &Place) -> Result<Table, ApiError> {
    access::table(db, caller, path)
}

async fn write(kernel: &Arc<Kernel>, path: Place, request: Request) -> Result<Taken, ApiError> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Ok(Taken::Answer(StatusCode::PAYLOAD_TOO_LARGE.into_response()));
    };
    let body = body.to_bytes();
    let again = |parts| Request::from_parts(parts, Body::from(body.clone()));
    // Most requests name none; a large body is not read twice for them.
    let names_one = std::str::from_utf8(&body).is_ok_and(|text| text.contains(PARAM));
    if !names_one {
        return Ok(Taken::Other(again(parts)));
    }
    let mut params = match Params::from_request(again(parts.clone()), &()).await {
        Ok(params) => params,
        Err(response) => return Ok(Taken::Answer(response)),
    };
    let Some(transaction) = params.take_str(PARAM)?.filter(|id| !id.is_empty()) else {
        return Ok(Taken::Other(again(parts)));
    };
    let action = action(&parts.method, &path, parts.uri.path(), &mut params)?;
    let (caller, _) = caller_of(kernel, again(parts)).await?;
    caller.require_scope("rows.write")?;
    let operation = operation(action, &path, params, &caller)?;
    let response = kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            let response = stage(&tx, &caller, &transaction, &operation)?;
            tx.commit()?;
            Ok(response)
        })
        .await?;
    Ok(Taken::Answer(response.into_response()))
}

/// What a request to a row route would do.
fn action(
    method: &Method,
    path: &Place,
    address: &str,
    params: &mut Params,
) -> Result<Action, ApiError> {
    let one = !path.row.is_empty();
    Ok(match (method.as_str(), one) {
        ("POST", _) if params.has("rows") => Action::BulkCreate,
        ("POST", _) => Action::Create,
        ("PUT", true) => Action::Upsert,
        ("PUT", false) => Action::BulkUpsert,
        ("PATCH", true) if address.ends_with("/increment") => Action::Increment,
        ("PATCH", true) if address.ends_with("/decrement") => Action::Decrement,
        ("PATCH", true) => Action::Update,
        ("PATCH", false) => Action::BulkUpdate,
        ("DELETE", true) => Action::Delete,
        ("DELETE", false) => Action::BulkDelete,
        (other, _) => return Err(ApiError::internal(&format!("`{other}` stages nothing"))),
    })
}

fn operation(
    action: Action,
    path: &Place,
    mut params: Params,
    caller: &Caller,
) -> Result<Operation, ApiError> {
    let mut row_id = path.row.clone();
    if action.is_bulk() {
        draft::keys_only(caller)?;
    }
    let data = match action {
        Action::Create => {
            let id = params.take_str("rowId")?.unwrap_or_default();
            row_id = ids::resolve("rowId", &id)?;
            let mut data = given(&mut params, caller)?;
            data.entry("$permissions")
                .or_insert_with(|| json!(permissions::default_of(caller)));
            data.insert("$id".to_owned(), json!(row_id));
            Value::Object(data)
        }
        Action::Update | Action::Upsert => Value::Object(given(&mut params, caller)?),
        Action::Delete => Value::Null,
        Action::Increment | Action::Decrement => {
            let bound = if action == Action::Increment {
                "max"
            } else {
                "min"
            };
            json!({
                "column": path.column.clone(),
                "value": params.take("value").unwrap_or(json!(1)),
                bound: params.take(bound),
            })
        }
        Action::BulkCreate | Action::BulkUpsert => {
            let mut rows = params.take_list("rows")?.unwrap_or_default();
            for row in rows.iter_mut().filter_map(Value::as_object_mut) {
                row.entry("$id").or_insert_with(|| json!(ids::unique()));
            }
            if rows.is_empty() {
                return Err(draft::missing_data());
            }
            Value::Array(rows)
        }
        Action::BulkUpdate | Action::BulkDelete => json!({
            "data": params.take_data()?.unwrap_or_default(),
            "queries": params.take_list("queries")?.unwrap_or_default(),
        }),
    };
    Ok(Operation {
        database_id: path.database.clone(),
        table_id: path.table.clone(),
        action,
        row_id,
        data,
    })
}

/// The columns of a request, with its permissions among them.
fn given(params: &mut Params, caller: &Caller) -> Result<Map<String, Value>, ApiError> {
    let permissions = params
        .take("permissions")
        .map(|list| permissions::parse(&list, Subject::Row))
        .transpose()?;
    let mut data = params.take_data()?.unwrap_or_default();
    data.remove("$permissions");
    if let Some(permissions) = permissions {
        permissions::check_grantable(&permissions, caller)?;
        data.insert("$permissions".to_owned(), json!(permissions));
    }
    if data.is_empty() {
        return Err(draft::missing_data());
    }
    Ok(data)
}

/// Stages a request and answers it as if it were done.
fn stage(
    tx: &Transaction<'_>,
    caller: &Caller,
    transaction: &str,
    operation: &Operation,
) -> Result<Response, ApiError> {
    let mut record = require(tx, caller, transaction)?;
    if !record.is_pending() {
        return Err(not_ready());
    }
    record.require_time()?;
    record.require_room(1)?;
    check(tx, caller, transaction, operation).map_err(|error| {
        if error.kind == "document_not_found" {
            missing(&operation.row_id)
        } else {
            error
        }
    })?;
    add(tx, &mut record, operation)?;
    let table = access::table(tx, caller, &operation.place())?;
    let row = || {
        let view = View::of(tx, caller, transaction, &table)?;
        let stored = find_row(tx, &table, &operation.row_id)?;
        let stored = stored.map(|row| row.json(&table, &[]));
        let row = view.row(&table, &operation.row_id, stored)?;
        Ok::<_, ApiError>(Json(row.unwrap_or_default()))
    };
    Ok(match operation.action {
        Action::Create => (StatusCode::CREATED, row()?).into_response(),
        Action::Update | Action::Upsert | Action::Increment | Action::Decrement => {
            row()?.into_response()
        }
        Action::Delete => StatusCode::NO_CONTENT.into_response(),
        Action::BulkCreate | Action::BulkUpsert => {
            let rows = operation.rows();
            let body = Json(json!({"total": rows.len(), "rows": rows}));
            if operation.action == Action::BulkCreate {
                (StatusCode::CREATED, body).into_response()
            } else {
                body.into_response()
            }
        }
        // As in Appwrite: which rows they are is known at the commit only.
        Action::BulkUpdate | Action::BulkDelete => {
            Json(json!({"total": 0, "rows": []})).into_response()
        }
    })
}

/// Refuses an operation that the caller may not do or whose row is neither
/// stored nor staged. Its values are checked at the commit only.
pub(super) fn check(
    tx: &Transaction<'_>,
    caller: &Caller,
    transaction: &str,
    operation: &Operation,
) -> Result<(), ApiError> {
    let table = access::table(tx, caller, &operation.place())?;
    if operation.action.is_bulk() {
        return if caller.is_key() {
            Ok(())
        } else {
            Err(ApiError::unauthorized())
        };
    }
    if let Some(list) = operation.data.get("$permissions").filter(|l| !l.is_null()) {
        let list = permissions::parse(list, Subject::Row)?;
        permissions::check_grantable(&list, caller)?;
    }
    if operation.action == Action::Create {
        return create::require_create(&table, caller);
    }
    let id = &operation.row_id;
    let stored = find_row(tx, &table, id)?.map(|row| row.json(&table, &[]));
    let view = View::of(tx, caller, transaction, &table)?;
    match view.row(&table, id, stored)? {
        None if operation.action.needs_row() => Err(ApiError::not_found(
            "document_not_found",
            format!("Document with the requested ID '{id}' could not be found."),
        )),
        None => create::require_create(&table, caller),
        Some(row) => {
            let action = if operation.action == Action::Delete {
                permissions::Action::Delete
            } else {
                permissions::Action::Update
            };
            Access::of(&table, caller, action).require(&View::permissions(&row))
        }
    }
}

/// Writes an operation down and counts it.
pub(super) fn add(
    tx: &Transaction<'_>,
    record: &mut Record,
    operation: &Operation,
) -> Result<(), ApiError> {
    let seen_ms = if operation.row_id.is_empty() {
        None
    } else {
        let table = crate::schema::table(tx, &operation.database_id, &operation.table_id)?;
        find_row(tx, &table, &operation.row_id)?.map(|row| row.updated_ms)
    };
    let sql = "INSERT INTO staged_operations (transaction_id, staged_ms, seen_ms, operation) VALUES (?1, ?2, ?3, ?4)";
    let text = serde_json::to_string(operation)?;
    tx.prepare_cached(sql)?
        .execute((&record.id, clock::now().as_millisecond(), seen_ms, text))?;
    record.operations += 1;
    tx.prepare_cached("UPDATE transactions SET operations = ?2 WHERE id = ?1")?
        .execute((&record.id, record.operations))?;
    Ok(())
}
