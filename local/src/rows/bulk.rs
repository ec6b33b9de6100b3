//! Changes of many rows at once, for keys: one transaction, one event a row.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::draft::{Request, keys_only};
use super::place::Place;
use super::publish::{Change, publish};
use super::row::Row;
use super::{list, update, upsert};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::events::Verb;
use crate::kernel::Kernel;
use crate::queries::{self, Queries};
use crate::schema::{self, Table};
use crate::server::Params;
use crate::store::Transaction;

pub(super) async fn upsert_many(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    place: Place,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let drafts = Request::read_many(params, &caller)?;
    change(
        &kernel,
        caller,
        place,
        Verb::Upsert,
        move |tx, table, caller| {
            drafts
                .iter()
                .map(|draft| upsert::run(tx, table, caller, draft, true))
                .collect()
        },
    )
    .await
}

pub(super) async fn update_many(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    place: Place,
    mut params: Params,
) -> Result<Json<Value>, ApiError> {
    if !caller.is_key() {
        // Misleading, but measured: users do not find the database here.
        return Err(schema::no_database(&place.database));
    }
    let data = params.take_data()?.unwrap_or_default();
    let queries = chosen(&mut params)?;
    if data.is_empty() {
        return Err(ApiError::bad_request(
            "row_missing_payload",
            "The row data and permissions are missing. You must provide either row data or permissions to be updated.",
        ));
    }
    change(
        &kernel,
        caller,
        place,
        Verb::Update,
        move |tx, table, caller| {
            let rows = list::matching(tx, table, &queries)?;
            let change = |row: Row| {
                let changes = update::Changes::of(table, caller, &row, &data, None)?;
                update::apply(tx, table, row, changes)
            };
            rows.into_iter().map(change).collect()
        },
    )
    .await
}

pub(super) async fn remove_many(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    place: Place,
    mut params: Params,
) -> Result<Json<Value>, ApiError> {
    keys_only(&caller)?;
    let queries = chosen(&mut params)?;
    change(&kernel, caller, place, Verb::Delete, move |tx, table, _| {
        let rows = list::matching(tx, table, &queries)?;
        rows.iter()
            .try_for_each(|row| update::erase(tx, table, row))?;
        Ok(rows)
    })
    .await
}

fn chosen(params: &mut Params) -> Result<Queries, ApiError> {
    let texts = params.take_list("queries")?.unwrap_or_default();
    let texts: Option<Vec<&str>> = texts.iter().map(Value::as_str).collect();
    let invalid =
        || ApiError::argument("Invalid `queries` param: Value must a valid array of strings");
    queries::parse(&texts.ok_or_else(invalid)?)
}

async fn change(
    kernel: &Arc<Kernel>,
    caller: Caller,
    place: Place,
    verb: Verb,
    work: impl FnOnce(&Transaction<'_>, &Table, &Caller) -> Result<Vec<Row>, ApiError> + Send + 'static,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("rows.write")?;
    let bus = kernel.bus.clone();
    let answers = kernel
        .store
        .run(move |db| {
            let tx = db.transaction()?;
            let table = schema::table(&tx, &place.database, &place.table)?;
            let rows = work(&tx, &table, &caller)?;
            tx.commit()?;
            let mut answers = Vec::with_capacity(rows.len());
            for row in &rows {
                let payload = row.json(&table, &[]);
                publish(
                    db,
                    &bus,
                    &Change {
                        table: &table,
                        row,
                        verb,
                        bulk: true,
                        spelling: place.spelling,
                    },
                    payload.clone(),
                    &caller,
                );
                answers.push(payload);
            }
            Ok(answers)
        })
        .await?;
    Ok(Json(json!({"total": answers.len(), "rows": answers})))
}
