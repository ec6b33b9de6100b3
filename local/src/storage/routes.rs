//! `/v1/storage/buckets`: buckets.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};

use super::bucket::{self, Bucket, Settings};
use super::listing::{self, Listed};
use super::{Storage, disk, publish};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::events::Verb;
use crate::kernel::Kernel;
use crate::queries;
use crate::server::{Params, query_value};
use crate::store::Writer;

pub(super) fn router() -> Router<Arc<Kernel>> {
    Router::new()
        .route("/v1/storage/buckets", get(list).post(create))
        .route(
            "/v1/storage/buckets/{bucket}",
            get(show).put(update).delete(remove),
        )
}

async fn create(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    mut params: Params,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    caller.require_scope("buckets.write")?;
    let id = bucket::new_id(&mut params)?;
    let mut bucket = Bucket::new(id, Settings::read(&mut params)?);
    let bus = kernel.bus.clone();
    let json = kernel
        .store
        .run(move |db| {
            bucket::insert(db, &mut bucket)?;
            let json = bucket.json(0);
            publish::bucket(db, &bus, &bucket.id, json.clone(), Verb::Create);
            Ok(json)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(json)))
}

async fn list(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("buckets.read")?;
    let query = query.unwrap_or_default();
    let queries = queries::listing::parse(&query)?;
    let counts = queries::listing::counts(&query);
    let search = query_value(&query, "search");
    let answer = kernel
        .store
        .run(move |db| {
            let (total, records) = listing::page(db, Listed::Buckets, &queries, search.as_deref())?;
            let mut buckets = Vec::with_capacity(records.len());
            for (number, document) in records {
                let bucket = Bucket::from_record(number, &document)?;
                buckets.push(bucket.json(bucket::total(db, number)?));
            }
            let total = if counts { total } else { 0 };
            Ok(json!({"total": total, "buckets": buckets}))
        })
        .await?;
    Ok(Json(answer))
}

async fn show(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("buckets.read")?;
    let work = move |db: &mut Writer| {
        let bucket = bucket::get(db, &id)?;
        Ok(bucket.json(bucket::total(db, bucket.number)?))
    };
    Ok(Json(kernel.store.run(work).await?))
}

async fn update(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("buckets.write")?;
    let settings = Settings::read(&mut params)?;
    let bus = kernel.bus.clone();
    let work = move |db: &mut Writer| {
        let mut bucket = bucket::get(db, &id)?;
        bucket.set(settings);
        bucket.save(db)?;
        let json = bucket.json(bucket::total(db, bucket.number)?);
        publish::bucket(db, &bus, &bucket.id, json.clone(), Verb::Update);
        Ok(json)
    };
    Ok(Json(kernel.store.run(work).await?))
}

async fn remove(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.require_scope("buckets.write")?;
    let storage = Storage::of(&kernel)?;
    let _writing = storage.writing.lock().await;
    let bus = kernel.bus.clone();
    let number = kernel
        .store
        .run(move |db| {
            let transaction = db.transaction()?;
            let bucket = bucket::get(&transaction, &id)?;
            let json = bucket.json(bucket::total(&transaction, bucket.number)?);
            let number = bucket.number;
            transaction.execute("DELETE FROM storage_files WHERE bucket = ?1", [number])?;
            transaction.execute("DELETE FROM storage_buckets WHERE sequence = ?1", [number])?;
            transaction.commit()?;
            publish::bucket(db, &bus, &bucket.id, json, Verb::Delete);
            Ok(number)
        })
        .await?;
    let folder = disk::root(&kernel.data_dir).join(number.to_string());
    disk::blocking(move || disk::remove_folder(&folder)).await?;
    Ok(StatusCode::NO_CONTENT)
}
