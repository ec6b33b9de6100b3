//! `/v1/storage/buckets/{bucket}/files`: files.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};

use super::access::{self, Access};
use super::bucket::Bucket;
use super::digest::md5;
use super::file::{self, File};
use super::listing::{self, Listed};
use super::upload::{Chunk, Upload, bad_range};
use super::{Storage, disk, download, media, publish};
use crate::auth::Caller;
use crate::clock;
use crate::error::ApiError;
use crate::events::Verb;
use crate::kernel::Kernel;
use crate::permissions::{self, Action, Subject};
use crate::queries;
use crate::server::{Params, query_value};
use crate::store::Writer;

pub(super) fn router() -> Router<Arc<Kernel>> {
    let file = "/v1/storage/buckets/{bucket}/files/{file}";
    Router::new()
        .route("/v1/storage/buckets/{bucket}/files", get(list).post(create))
        .route(file, get(show).put(update).delete(remove))
        .route(&format!("{file}/download"), get(download::download))
        .route(&format!("{file}/view"), get(download::view))
}

async fn create(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(bucket): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    caller.require_scope("files.write")?;
    let mut upload = match Upload::read(request).await {
        Ok(upload) => upload,
        Err(refusal) => return Ok(refusal),
    };
    let of = caller.clone();
    let bucket = kernel
        .store
        .run(move |db| access::bucket(db, &of, &bucket))
        .await?;
    Access::of(&bucket, &caller, Action::Create)?;
    let chunk = upload.check(&bucket, &caller)?;
    // A client that goes away must not stop this half-way.
    let accepted = tokio::spawn(accept(kernel, caller, bucket, upload, chunk)).await;
    let json = accepted.map_err(|error| ApiError::internal(&error))??;
    Ok((StatusCode::CREATED, Json(json)).into_response())
}

/// Keeps a chunk: first its bytes, then the record that speaks of them.
async fn accept(
    kernel: Arc<Kernel>,
    caller: Caller,
    bucket: Bucket,
    upload: Upload,
    chunk: Chunk,
) -> Result<Value, ApiError> {
    let storage = Storage::of(&kernel)?;
    let _writing = storage.writing.lock().await;
    let (number, id) = (bucket.number, upload.id.clone());
    let known = kernel
        .store
        .run(move |db| file::find(db, number, &id))
        .await?;
    let (mut file, is_new) = begin(&bucket, &caller, upload, &chunk, known)?;
    let folder = file.folder(&kernel.data_dir);
    let range = chunk.range;
    let longer = file
        .chunks
        .get(&range.start)
        .is_some_and(|end| *end > range.end);
    if !longer {
        let name = disk::chunk_name(&file.blob, range.start);
        let (folder, bytes) = (folder.clone(), chunk.bytes);
        disk::blocking(move || disk::write(&folder, &name, &bytes)).await?;
        if file.take(range.start, range.end) {
            file = finish(&kernel, &bucket, file).await?;
        }
    }
    if !is_new || !file.complete {
        file.updated_ms = clock::now().as_millisecond();
    }
    let parts = std::mem::take(&mut file.chunks);
    if !file.complete {
        file.chunks.clone_from(&parts);
    }
    let bus = kernel.bus.clone();
    let file = kernel
        .store
        .run(move |db| {
            // The bucket may have gone in the meantime.
            access::bucket(db, &caller, &bucket.id)?;
            file.save(db)?;
            publish::file(db, &bus, &bucket, &file, Verb::Create, &caller);
            Ok(file)
        })
        .await?;
    let json = file.json();
    if file.complete {
        disk::blocking(move || disk::remove(&folder, &file.blob, parts.keys(), false)).await?;
    }
    Ok(json)
}

/// The record a chunk belongs to, and whether it is new.
fn begin(
    bucket: &Bucket,
    caller: &Caller,
    upload: Upload,
    chunk: &Chunk,
    known: Option<File>,
) -> Result<(File, bool), ApiError> {
    if let Some(mut known) = known {
        if known.complete {
            let message = "A storage file with the requested ID already exists.";
            return Err(ApiError::conflict("storage_file_already_exists", message));
        }
        if chunk.ranged && known.size_original != chunk.range.total {
            return Err(bad_range());
        }
        if !chunk.ranged {
            // The whole file in one request takes the place of what had begun.
            known.size_original = chunk.range.total;
            known.chunks_total = 1;
            known.chunks.clear();
            known.name.clone_from(&chunk.name);
        }
        if let Some(permissions) = upload.permissions {
            known.permissions = permissions;
        }
        return Ok((known, false));
    }
    let mut file = File::new(bucket, upload.id, chunk.name.clone(), chunk.range.total);
    if !chunk.ranged {
        file.chunks_total = 1;
    }
    file.permissions = upload
        .permissions
        .unwrap_or_else(|| permissions::default_of(caller));
    Ok((file, true))
}

/// Puts the chunks together, looks at the content, and seals it where the bucket says so.
async fn finish(kernel: &Arc<Kernel>, bucket: &Bucket, mut file: File) -> Result<File, ApiError> {
    let storage = Storage::of(kernel)?;
    let folder = file.folder(&kernel.data_dir);
    let sealed = bucket.encryption;
    let work = move || -> Result<File, ApiError> {
        let io = |error: std::io::Error| ApiError::internal(&error);
        let content = disk::assemble(&folder, &file.blob, &file.chunks).map_err(io)?;
        file.signature = md5(&content);
        media::kind(&content).clone_into(&mut file.mime_type);
        let (bytes, seal) = if sealed {
            let (bytes, seal) = storage.sealer.seal(content)?;
            (bytes, Some(seal))
        } else {
            (content, None)
        };
        disk::write(&folder, &file.blob, &bytes).map_err(io)?;
        file.size_actual = bytes.len() as u64;
        file.seal = seal;
        file.complete = true;
        Ok(file)
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ApiError::internal(&error))?
}

async fn list(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(bucket): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("files.read")?;
    let query = query.unwrap_or_default();
    let queries = queries::listing::parse(&query)?;
    let counts = queries::listing::counts(&query);
    let search = query_value(&query, "search");
    let work = move |db: &mut Writer| {
        let bucket = access::bucket(db, &caller, &bucket)?;
        let access = Access::of(&bucket, &caller, Action::Read)?;
        let readers = match &access {
            Access::All => None,
            Access::Files { roles, .. } => Some(roles.as_slice()),
        };
        let listed = Listed::Files {
            bucket: bucket.number,
            readers,
        };
        let (total, records) = listing::page(db, listed, &queries, search.as_deref())?;
        let files = records
            .iter()
            .map(|(_, document)| Ok(serde_json::from_str::<File>(document)?.json()))
            .collect::<Result<Vec<Value>, ApiError>>()?;
        let total = if counts { total } else { 0 };
        Ok(json!({"total": total, "files": files}))
    };
    Ok(Json(kernel.store.run(work).await?))
}

async fn show(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((bucket, id)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("files.read")?;
    Ok(Json(readable(&kernel, caller, bucket, id).await?.json()))
}

/// Finds a file that the caller may read; for others it is not there.
pub(super) async fn readable(
    kernel: &Kernel,
    caller: Caller,
    bucket: String,
    id: String,
) -> Result<File, ApiError> {
    let work = move |db: &mut Writer| {
        let bucket = access::bucket(db, &caller, &bucket)?;
        let access = Access::of(&bucket, &caller, Action::Read)?;
        let file = file::get(db, bucket.number, &id)?;
        if access.includes(&file) {
            Ok(file)
        } else {
            Err(file::missing())
        }
    };
    kernel.store.run(work).await
}

async fn update(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((bucket, id)): Path<(String, String)>,
    mut params: Params,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("files.write")?;
    let name = params.take_str("name")?;
    if name.as_ref().is_some_and(|name| name.chars().count() > 255) {
        let message =
            "Invalid `name` param: Value must be a valid string and no longer than 255 chars";
        return Err(ApiError::argument(message));
    }
    let permissions = params.take("permissions");
    let permissions = permissions
        .map(|list| permissions::parse(&list, Subject::Row))
        .transpose()?;
    let bus = kernel.bus.clone();
    let work = move |db: &mut Writer| {
        let bucket = access::bucket(db, &caller, &bucket)?;
        let access = Access::of(&bucket, &caller, Action::Update)?;
        let mut file = file::get(db, bucket.number, &id)?;
        permissions::check_grantable(permissions.as_deref().unwrap_or_default(), &caller)?;
        access.require(&file)?;
        if let Some(permissions) = permissions {
            file.permissions = permissions;
        }
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            file.name = name;
        }
        file.updated_ms = clock::now().as_millisecond();
        file.save(db)?;
        publish::file(db, &bus, &bucket, &file, Verb::Update, &caller);
        Ok(file.json())
    };
    // A chunk that is being written has read the record already.
    let storage = Storage::of(&kernel)?;
    let _writing = storage.writing.lock().await;
    Ok(Json(kernel.store.run(work).await?))
}

async fn remove(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((bucket, id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    caller.require_scope("files.write")?;
    let storage = Storage::of(&kernel)?;
    let _writing = storage.writing.lock().await;
    let bus = kernel.bus.clone();
    let work = move |db: &mut Writer| {
        let bucket = access::bucket(db, &caller, &bucket)?;
        let access = Access::of(&bucket, &caller, Action::Delete)?;
        let file = file::get(db, bucket.number, &id)?;
        access.require(&file)?;
        db.execute(
            "DELETE FROM storage_files WHERE bucket = ?1 AND id = ?2",
            (bucket.number, &file.id),
        )?;
        publish::file(db, &bus, &bucket, &file, Verb::Delete, &caller);
        Ok(file)
    };
    let gone = kernel.store.run(work).await?;
    let folder = gone.folder(&kernel.data_dir);
    disk::blocking(move || disk::remove(&folder, &gone.blob, gone.chunks.keys(), true)).await?;
    Ok(StatusCode::NO_CONTENT)
}
