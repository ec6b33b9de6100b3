//! Rows of tables: `/v1/tablesdb/{database}/tables/{table}/rows`.
//!
//! Routes are here; `data` checks values, `access` asks permissions, `store`
//! reads and writes, `list` answers queries, `publish` tells the bus.

mod access;
mod bulk;
mod create;
mod data;
mod draft;
mod format;
mod list;
mod number;
mod place;
mod publish;
mod row;
pub mod transactions;
mod update;
mod upsert;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, patch};
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::counts::Bulk;
use crate::error::ApiError;
use crate::events::Verb;
use crate::faults::FaultAction;
use crate::kernel::Kernel;
use crate::permissions::Action;
use crate::schema::Table;
use crate::server::Params;
use crate::store::Transaction;
use crate::{legacy, queries, schema};

use place::Place;

/// Most rows of one bulk request.
pub const BULK_ROWS_MAX: usize = 100;

/// How long the answer to a killed function is held back: its connection is
/// gone long before.
const SILENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// The routes of rows and of their transactions.
pub fn router(kernel: &Arc<Kernel>) -> Router<Arc<Kernel>> {
    let tables = "/v1/tablesdb/{database}/tables/{table}/rows";
    let collections = "/v1/databases/{database}/collections/{table}/documents";
    let legacy = row_routes(kernel, collections)
        .merge(transaction_routes("/v1/databases"))
        .route_layer(middleware::from_fn(legacy::layer));
    row_routes(kernel, tables)
        .merge(transaction_routes("/v1/tablesdb"))
        .merge(legacy)
}

fn row_routes(kernel: &Arc<Kernel>, rows: &str) -> Router<Arc<Kernel>> {
    Router::new()
        .route(
            rows,
            get(list)
                .post(create)
                .put(bulk::upsert_many)
                .patch(bulk::update_many)
                .delete(bulk::remove_many),
        )
        .route(
            &format!("{rows}/{{row}}"),
            get(show).put(upsert).patch(update).delete(remove),
        )
        .route(
            &format!("{rows}/{{row}}/{{column}}/increment"),
            patch(increment),
        )
        .route(
            &format!("{rows}/{{row}}/{{column}}/decrement"),
            patch(decrement),
        )
        .route_layer(middleware::from_fn_with_state(Arc::clone(kernel), staged))
}

fn transaction_routes(root: &str) -> Router<Arc<Kernel>> {
    let formatted = |request, next: Next| format::layer(request, |request| next.run(request));
    transactions::router(root).route_layer(middleware::from_fn(formatted))
}

/// One layer for both, as each is boxed and cloned for every request.
async fn staged(
    State(kernel): State<Arc<Kernel>>,
    place: Place,
    request: Request,
    next: Next,
) -> Response {
    let staging = |request| {
        transactions::staging::layer(&kernel, place, request, |request| next.run(request))
    };
    format::layer(request, staging).await
}

async fn create(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    place: Place,
    params: Params,
) -> Result<Response, ApiError> {
    caller.require_scope("rows.write")?;
    let request = draft::Request::read(params, &caller)?;
    let bulk = request.bulk;
    match create::run(&kernel, caller, place, request).await? {
        create::Outcome::Created(mut rows) => {
            let count = rows.len() as u64;
            let body = if bulk {
                json!({"total": count, "rows": rows})
            } else {
                rows.swap_remove(0)
            };
            let mut response = (StatusCode::CREATED, Json(body)).into_response();
            if bulk {
                response.extensions_mut().insert(Bulk { rows: count });
            }
            Ok(response)
        }
        create::Outcome::Fault(action) => silence(action).await,
    }
}

/// The function that asked is dead: nobody is answered.
async fn silence(action: FaultAction) -> Result<Response, ApiError> {
    tokio::time::sleep(SILENCE).await;
    Err(ApiError::internal(&format!("{action:?}")))
}

async fn list(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    place: Place,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("rows.read")?;
    let texts = crate::server::query_list(query.as_deref().unwrap_or_default(), "queries")?;
    let queries = queries::parse(&texts)?;
    let counts = queries::listing::counts(query.as_deref().unwrap_or_default());
    let mut answer = kernel
        .store
        .read(move |db| {
            let table = access::table(db, &caller, &place)?;
            list::page(db, &table, &caller, &queries)
        })
        .await?;
    if !counts {
        answer["total"] = 0.into();
    }
    Ok(Json(answer))
}

async fn show(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    place: Place,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("rows.read")?;
    let texts = crate::server::query_list(query.as_deref().unwrap_or_default(), "queries")?;
    let select = queries::parse(&texts)?.select;
    let answer = kernel
        .store
        .read(move |db| {
            let table = access::table(db, &caller, &place)?;
            let id = &place.row;
            let access = access::Access::of(&table, &caller, Action::Read);
            access.require_any()?;
            let found = row::find(db, &table, id)?.filter(|row| access.includes(&row.permissions));
            let row = found.ok_or_else(|| row::missing(id))?;
            Ok(row.json(&table, &select))
        })
        .await?;
    Ok(Json(answer))
}

async fn update(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    place: Place,
    headers: HeaderMap,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let read_at = timestamp(&headers)?;
    let request = update::Request::read(params, &caller, read_at)?;
    change(
        &kernel,
        caller,
        place,
        Verb::Update,
        move |tx, table, caller, place| update::run(tx, table, caller, &place.row, &request),
    )
    .await
}

async fn upsert(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    place: Place,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let draft = draft::Request::read_one(params, &caller, &place.row)?;
    change(
        &kernel,
        caller,
        place,
        Verb::Upsert,
        move |tx, table, caller, _| upsert::run(tx, table, caller, &draft, false),
    )
    .await
}

async fn increment(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    place: Place,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let step = number::Step::read(params, false)?;
    change(
        &kernel,
        caller,
        place,
        Verb::Update,
        move |tx, table, caller, place| {
            number::run(tx, table, caller, (&place.row, &place.column), &step)
        },
    )
    .await
}

async fn decrement(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    place: Place,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let step = number::Step::read(params, true)?;
    change(
        &kernel,
        caller,
        place,
        Verb::Update,
        move |tx, table, caller, place| {
            number::run(tx, table, caller, (&place.row, &place.column), &step)
        },
    )
    .await
}

/// Runs a change of one row in a transaction, tells the bus and answers it.
async fn change(
    kernel: &Arc<Kernel>,
    caller: Caller,
    place: Place,
    verb: Verb,
    work: impl FnOnce(&Transaction<'_>, &Table, &Caller, &Place) -> Result<row::Row, ApiError>
    + Send
    + 'static,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("rows.write")?;
    let bus = kernel.bus.clone();
    let answer = kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            let table = access::table(&tx, &caller, &place)?;
            let row = work(&tx, &table, &caller, &place)?;
            tx.commit()?;
            let payload = row.json(&table, &[]);
            let change = publish::Change {
                table: &table,
                row: &row,
                verb,
                bulk: false,
                spelling: place.spelling,
            };
            publish::publish(db, &bus, &change, payload.clone(), &caller);
            Ok(payload)
        })
        .await?;
    Ok(Json(answer))
}

async fn remove(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    place: Place,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    caller.require_scope("rows.write")?;
    let read_at = timestamp(&headers)?;
    let bus = kernel.bus.clone();
    kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            let table = access::table(&tx, &caller, &place)?;
            let row = update::remove(&tx, &table, &caller, &place.row, read_at)?;
            tx.commit()?;
            let payload = row.json(&table, &[]);
            let change = publish::Change {
                table: &table,
                row: &row,
                verb: Verb::Delete,
                bulk: false,
                spelling: place.spelling,
            };
            publish::publish(db, &bus, &change, payload, &caller);
            Ok(StatusCode::NO_CONTENT)
        })
        .await
}

/// Reads `x-appwrite-timestamp`: when the caller read the row, in Unix
/// milliseconds.
fn timestamp(headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
    let Some(value) = headers.get("x-appwrite-timestamp") else {
        return Ok(None);
    };
    let parsed = value.to_str().ok().and_then(schema::parse_datetime);
    parsed
        .map(Some)
        .ok_or_else(|| ApiError::argument("Invalid X-Appwrite-Timestamp header value"))
}
