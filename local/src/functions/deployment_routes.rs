//! `/v1/functions/{id}/deployments`: uploads, what became of them, activation.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use http::{StatusCode, header};
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;

use super::Functions;
use super::builds::{self, Choice};
use super::definition::required;
use super::deployments::{self, ATTRIBUTES, Deployment, OUTPUT_FILE, SOURCE_FILE, Status};
use super::listing::{self, Listing, Source};
use super::registry::Function;
use super::upload::Upload;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::server::{Params, query_value};
use crate::store::Writer;

/// The routes.
pub(super) fn router() -> Router<Arc<Kernel>> {
    Router::new()
        .route("/v1/functions/{function}/deployment", patch(activate))
        .route(
            "/v1/functions/{function}/deployments",
            // Uploads count their bytes themselves.
            get(list).post(create).layer(DefaultBodyLimit::disable()),
        )
        .route(
            "/v1/functions/{function}/deployments/duplicate",
            post(duplicate),
        )
        .route(
            "/v1/functions/{function}/deployments/{deployment}",
            get(show).delete(remove),
        )
        .route(
            "/v1/functions/{function}/deployments/{deployment}/status",
            patch(cancel),
        )
        .route(
            "/v1/functions/{function}/deployments/{deployment}/download",
            get(download),
        )
}

async fn list(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("functions.read")?;
    let function = Functions::of(&kernel)?.get(&id)?;
    let listing = Listing::parse(query.as_deref(), ATTRIBUTES)?;
    let work = move |db: &mut Writer| {
        let source = Source {
            table: "function_deployments",
            scope: vec![("function_id", function.id.clone())],
            readers: None,
        };
        let (total, deployments) = listing::page(db, &source, &listing)?;
        Ok(json!({"total": total, "deployments": deployments}))
    };
    Ok(Json(kernel.store.run(work).await?))
}

async fn create(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    caller.require_scope("functions.write")?;
    let upload = match Upload::read(request).await {
        Ok(upload) => upload,
        // The real platform's web server refuses these before Appwrite sees them.
        Err(error) if error.status == StatusCode::PAYLOAD_TOO_LARGE => {
            return Ok(error.status.into_response());
        }
        Err(error) => return Err(error),
    };
    let functions = Functions::of(&kernel)?;
    let function = functions.get(&id)?;
    let deployment = match upload.deployment_id.clone() {
        Some(known) => continued(&kernel, &function, known, &upload).await?,
        None => begun(&function, &upload),
    };
    let folder = deployment.folder(&kernel.data_dir);
    let chunk = (upload.range.start, upload.range.end);
    tokio::task::spawn_blocking(move || upload.write(&folder))
        .await
        .map_err(|error| ApiError::internal(&error))?
        .map_err(|error| ApiError::internal(&error))?;
    let work = move |db: &mut Writer| record(db, deployment, chunk);
    let (deployment, is_whole_now) = kernel.store.run(work).await?;
    functions.reload(&kernel).await?;
    let json = deployment.json();
    if is_whole_now {
        functions.build(&kernel, deployment);
    }
    Ok((StatusCode::ACCEPTED, Json(json)).into_response())
}

fn begun(function: &Function, upload: &Upload) -> Deployment {
    let mut deployment = Deployment::new(&function.id, upload.activate, upload.range.total);
    let given = |text: &Option<String>, default: &String| text.as_ref().unwrap_or(default).clone();
    deployment.entrypoint = given(&upload.entrypoint, &function.entrypoint);
    deployment.commands = given(&upload.commands, &function.commands);
    deployment
}

async fn continued(
    kernel: &Kernel,
    function: &Function,
    id: String,
    upload: &Upload,
) -> Result<Deployment, ApiError> {
    let function_id = function.id.clone();
    let work = move |db: &mut Writer| deployments::get(db, &function_id, &id);
    let deployment = kernel.store.run(work).await?;
    if deployment.source_size != upload.range.total {
        let message = "Invalid content range. Please check the value of the Content-Range header.";
        let kind = "storage_invalid_content_range";
        return Err(ApiError::bad_request(kind, message));
    }
    Ok(deployment)
}

/// Notes a chunk in the stored record. Tells whether the source has just become whole.
fn record(
    db: &mut Writer,
    fresh: Deployment,
    (start, end): (u64, u64),
) -> Result<(Deployment, bool), ApiError> {
    // Another chunk may have been noted since the record was read.
    let is_known = !fresh.chunks.is_empty();
    let mut deployment = match is_known {
        true => deployments::get(db, &fresh.function_id, &fresh.id)?,
        false => fresh,
    };
    let was_whole = deployment.is_complete();
    let noted = deployment.chunks.entry(start).or_insert(end);
    *noted = end.max(*noted);
    deployment.save(db)?;
    let is_whole = deployment.is_complete();
    Ok((deployment, is_whole && !was_whole))
}

async fn show(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((id, deployment)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("functions.read")?;
    Ok(Json(find(&kernel, &id, deployment).await?.json()))
}

async fn find(kernel: &Kernel, function: &str, id: String) -> Result<Deployment, ApiError> {
    let function = Functions::of(kernel)?.get(function)?;
    let work = move |db: &mut Writer| deployments::get(db, &function.id, &id);
    kernel.store.run(work).await
}

async fn remove(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((id, deployment)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    caller.require_scope("functions.write")?;
    let functions = Functions::of(&kernel)?;
    let function = functions.get(&id)?;
    let folder = deployments::folder(&kernel.data_dir, &function.id, &deployment);
    functions.call_off(&deployment);
    let work = move |db: &mut Writer| deployments::delete(db, &function.id, &deployment);
    kernel.store.run(work).await?;
    functions.reload(&kernel).await?;
    super::clear(folder).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn activate(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("functions.write")?;
    let wanted = required(&mut params, "deploymentId")?;
    let functions = Functions::of(&kernel)?;
    let deployment = find(&kernel, &id, wanted).await?;
    let work = move |db: &mut Writer| builds::activate(db, &deployment, Choice::Named);
    kernel.store.run(work).await?;
    functions.reload(&kernel).await?;
    Ok(Json(functions.get(&id)?.json()))
}

async fn duplicate(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    caller.require_scope("functions.write")?;
    let wanted = required(&mut params, "deploymentId")?;
    let old = find(&kernel, &id, wanted).await?;
    if !old.is_complete() {
        let message = "Deployment with the requested ID could not be found.";
        return Err(ApiError::not_found("deployment_not_found", message));
    }
    let mut new = Deployment::new(&old.function_id, true, old.source_size);
    new.entrypoint.clone_from(&old.entrypoint);
    new.commands.clone_from(&old.commands);
    new.chunks.insert(0, old.source_size);
    let (from, to) = (old.folder(&kernel.data_dir), new.folder(&kernel.data_dir));
    let copied = async {
        tokio::fs::create_dir_all(&to).await?;
        tokio::fs::copy(from.join(SOURCE_FILE), to.join(SOURCE_FILE)).await
    };
    copied.await.map_err(|error| ApiError::internal(&error))?;
    let work = move |db: &mut Writer| {
        new.save(db)?;
        Ok(new)
    };
    let new = kernel.store.run(work).await?;
    let functions = Functions::of(&kernel)?;
    functions.reload(&kernel).await?;
    let json = new.json();
    functions.build(&kernel, new);
    Ok((StatusCode::ACCEPTED, Json(json)))
}

async fn cancel(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((id, deployment)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("functions.write")?;
    let functions = Functions::of(&kernel)?;
    let function = functions.get(&id)?;
    let called_off = deployment.clone();
    let work = move |db: &mut Writer| {
        let mut deployment = deployments::get(db, &function.id, &deployment)?;
        match deployment.status {
            Status::Ready | Status::Failed => {
                let message = "Build has already completed.";
                let kind = "build_already_completed";
                Err(ApiError::bad_request(kind, message))
            }
            Status::Waiting | Status::Building | Status::Canceled => {
                deployment.status = Status::Canceled;
                deployment.save(db)?;
                Ok(deployment.json())
            }
        }
    };
    let json = kernel.store.run(work).await?;
    functions.reload(&kernel).await?;
    functions.call_off(&called_off);
    Ok(Json(json))
}

async fn download(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((id, deployment)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    caller.require_scope("functions.read")?;
    let kind = query_value(query.as_deref().unwrap_or_default(), "type");
    let name = match kind.as_deref() {
        None | Some("source") => SOURCE_FILE,
        Some("output") => OUTPUT_FILE,
        Some(_) => {
            let message = "Invalid `type` param: Value must be one of (source, output)";
            return Err(ApiError::argument(message));
        }
    };
    let deployment = find(&kernel, &id, deployment).await?;
    let path = deployment.folder(&kernel.data_dir).join(name);
    let missing = || {
        let message = "Deployment with the requested ID could not be found.";
        ApiError::not_found("deployment_not_found", message)
    };
    let file = tokio::fs::File::open(path).await.map_err(|_| missing())?;
    let file_name = format!("attachment; filename=\"{}-{name}\"", deployment.id);
    let headers = [
        (header::CONTENT_TYPE, "application/gzip".to_owned()),
        (header::CONTENT_DISPOSITION, file_name),
    ];
    Ok((headers, Body::from_stream(ReaderStream::new(file))).into_response())
}
