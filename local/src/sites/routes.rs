//! `/v1/sites`: sites and their deployments.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch};
use axum::{Json, Router};
use http::{StatusCode, header};
use serde_json::{Map, Value, json};
use tokio_util::io::ReaderStream;

use super::build::{self, Choice};
use super::deployment::{self, ATTRIBUTES, Deployment, Status};
use super::upload::Upload;
use super::{OUTPUT_FILE, SOURCE_FILE, Sites, catalog, rebuild, site, variables};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::functions::listing::{self, Listing, Source};
use crate::kernel::Kernel;
use crate::proxy;
use crate::server::query_value;

/// The routes; the state's kernel must have [`Sites`] attached.
pub fn router() -> Router<Arc<Kernel>> {
    Router::new()
        .route("/v1/sites", get(list_sites).post(create_site))
        .route("/v1/sites/frameworks", get(catalog::frameworks))
        .route("/v1/sites/specifications", get(catalog::specifications))
        .route(
            "/v1/sites/{site}",
            get(show_site).put(update_site).delete(delete_site),
        )
        .merge(variables::router())
        .merge(rebuild::router())
        .route("/v1/sites/{site}/deployment", patch(activate))
        .route(
            "/v1/sites/{site}/deployments",
            // Uploads count their bytes themselves.
            get(list_deployments)
                .post(create_deployment)
                .layer(DefaultBodyLimit::disable()),
        )
        .route(
            "/v1/sites/{site}/deployments/{deployment}",
            get(show_deployment).delete(delete_deployment),
        )
        .route(
            "/v1/sites/{site}/deployments/{deployment}/download",
            get(download),
        )
}

async fn list_sites(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("sites.read")?;
    let listing = Listing::parse(query.as_deref(), site::ATTRIBUTES)?;
    let work = |db: &mut crate::store::Writer| {
        let all = site::all(db)?;
        Ok(all.iter().map(site::Site::json).collect())
    };
    let all = kernel.store.run(work).await?;
    let (total, sites) = listing.page(all, "$id", &["$id", "name", "framework"])?;
    Ok(Json(json!({"total": total, "sites": sites})))
}

async fn create_site(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    caller.require_scope("sites.write")?;
    let site = site::Site::parse(&parameters(&body))?;
    let json = site.json();
    kernel.store.run(move |db| site::insert(db, &site)).await?;
    Ok((StatusCode::CREATED, Json(json)))
}

async fn show_site(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("sites.read")?;
    Ok(Json(
        kernel.store.run(move |db| site::get(db, &id)).await?.json(),
    ))
}

async fn update_site(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("sites.write")?;
    let parameters = parameters(&body);
    let work = move |db: &mut crate::store::Writer| {
        let mut site = site::get(db, &id)?;
        site.update(parameters)?;
        site.touch();
        site.save(db)?;
        Ok(site.json())
    };
    Ok(Json(kernel.store.run(work).await?))
}

async fn delete_site(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.require_scope("sites.write")?;
    let site = kernel
        .store
        .run(move |db| {
            let transaction = db.transaction()?;
            let site = site::get(&transaction, &id)?;
            proxy::forget(&transaction, proxy::Kind::Site, &site.id)?;
            transaction.execute(
                "DELETE FROM site_deployments WHERE site_id = ?1",
                [&site.id],
            )?;
            transaction.execute("DELETE FROM sites WHERE id = ?1", [&site.id])?;
            transaction.commit()?;
            Ok(site)
        })
        .await?;
    super::remove(&kernel, kernel.data_dir.join("sites").join(&site.id)).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn activate(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("sites.write")?;
    let wanted = parameters(&body)
        .get("deploymentId")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let missing = "Param \"deploymentId\" is not optional.";
    let wanted = wanted.ok_or_else(|| ApiError::argument(missing))?;
    let work = move |db: &mut crate::store::Writer| {
        let site = site::get(db, &id)?;
        let deployment = deployment::get(db, &site.id, &wanted)?;
        build::activate(db, &deployment, None, Choice::Named)
    };
    Ok(Json(kernel.store.run(work).await?.json()))
}

async fn list_deployments(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("sites.read")?;
    let listing = Listing::parse(query.as_deref(), ATTRIBUTES)?;
    let work = move |db: &mut crate::store::Writer| {
        let site = site::get(db, &id)?;
        let scope = vec![("site_id", site.id)];
        let source = Source {
            table: "site_deployments",
            scope,
            readers: None,
        };
        let (total, deployments) = listing::page(db, &source, &listing)?;
        Ok(json!({"total": total, "deployments": deployments}))
    };
    Ok(Json(kernel.store.run(work).await?))
}

async fn create_deployment(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    caller.require_scope("sites.write")?;
    let upload = match Upload::read(request).await {
        Ok(upload) => upload,
        // The real platform's web server refuses these before Appwrite sees them.
        Err(error) if error.status == StatusCode::PAYLOAD_TOO_LARGE => {
            return Ok(error.status.into_response());
        }
        Err(error) => return Err(error),
    };
    let sites = Sites::of(&kernel)?;
    let known = upload.deployment_id.clone();
    let site = kernel.store.run(move |db| site::get(db, &id)).await?;
    let deployment = match known {
        Some(known) => continued(&kernel, &site.id, known, &upload).await?,
        None => begun(&site, &upload),
    };
    let folder = deployment.folder(&kernel.data_dir);
    let range = upload.range;
    tokio::task::spawn_blocking(move || upload.write(&folder))
        .await
        .map_err(|error| ApiError::internal(&error))?
        .map_err(|error| ApiError::internal(&error))?;
    let recorded = kernel
        .store
        .run(move |db| record(db, deployment, (range.start, range.end)))
        .await?;
    let (deployment, complete_now) = recorded;
    let json = deployment.json();
    if complete_now {
        sites.build(&kernel, deployment);
    }
    Ok((StatusCode::ACCEPTED, Json(json)).into_response())
}

fn begun(site: &site::Site, upload: &Upload) -> Deployment {
    let mut deployment = Deployment::new(&site.id, upload.activate, upload.range.total);
    let or_site =
        |given: &Option<String>, of_site: &String| given.clone().unwrap_or_else(|| of_site.clone());
    deployment.install_command = or_site(&upload.install_command, &site.install_command);
    deployment.build_command = or_site(&upload.build_command, &site.build_command);
    deployment.output_directory = or_site(&upload.output_directory, &site.output_directory);
    deployment
}

async fn continued(
    kernel: &Kernel,
    site_id: &str,
    id: String,
    upload: &Upload,
) -> Result<Deployment, ApiError> {
    let site_id = site_id.to_owned();
    let known = kernel
        .store
        .run(move |db| deployment::get(db, &site_id, &id))
        .await?;
    if known.source_size != upload.range.total || known.is_complete() {
        let message = "Invalid content range. The upload of this deployment is another one or has \
                       ended.";
        return Err(ApiError::bad_request(
            "storage_invalid_content_range",
            message,
        ));
    }
    Ok(known)
}

/// Notes a chunk that is on disk. Returns whether it was the one that made the source whole.
fn record(
    db: &mut crate::store::Writer,
    deployment: Deployment,
    chunk: (u64, u64),
) -> Result<(Deployment, bool), ApiError> {
    // Chunks may arrive at once: what counts is the record of this moment.
    let current = deployment::get(db, &deployment.site_id, &deployment.id);
    let (mut deployment, is_new) = match current {
        Ok(current) => (current, false),
        Err(_) => (deployment, true),
    };
    let was_complete = deployment.is_complete();
    deployment.chunks.insert(chunk.0, chunk.1);
    deployment.save(db)?;
    if is_new {
        proxy::add_preview(db, &deployment.site_id, &deployment.id)?;
    }
    let complete_now = deployment.is_complete() && !was_complete;
    Ok((deployment, complete_now))
}

async fn show_deployment(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((id, deployment)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("sites.read")?;
    Ok(Json(find(&kernel, id, deployment).await?.json()))
}

pub(super) async fn find(
    kernel: &Kernel,
    site: String,
    id: String,
) -> Result<Deployment, ApiError> {
    let work = move |db: &mut crate::store::Writer| {
        let site = site::get(db, &site)?;
        deployment::get(db, &site.id, &id)
    };
    kernel.store.run(work).await
}

async fn delete_deployment(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((id, deployment)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    caller.require_scope("sites.write")?;
    let gone = find(&kernel, id, deployment).await?;
    let folder = gone.folder(&kernel.data_dir);
    kernel
        .store
        .run(move |db| {
            let transaction = db.transaction()?;
            let mut site = site::get(&transaction, &gone.site_id)?;
            if site
                .active
                .as_ref()
                .is_some_and(|active| active.id == gone.id)
            {
                site.active = None;
            }
            proxy::forget_deployment(&transaction, &gone.id)?;
            transaction.execute("DELETE FROM site_deployments WHERE id = ?1", [&gone.id])?;
            let newest = deployment::newest(&transaction, &site.id)?;
            site.latest_status = newest
                .as_ref()
                .map_or(String::new(), |it| it.status.word().to_owned());
            site.latest = newest.as_ref().map(Deployment::pointer);
            site.touch();
            site.save(&transaction)?;
            Ok(transaction.commit()?)
        })
        .await?;
    super::remove(&kernel, folder).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn download(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((id, deployment)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    caller.require_scope("sites.read")?;
    let kind = query
        .as_deref()
        .and_then(|query| query_value(query, "type"));
    let kind = kind.unwrap_or_else(|| "source".to_owned());
    let deployment = find(&kernel, id, deployment).await?;
    let (file, there) = match kind.as_str() {
        "source" => (SOURCE_FILE, deployment.is_complete()),
        "output" => (OUTPUT_FILE, deployment.status == Status::Ready),
        _ => {
            let message = "Invalid `type` param: Value must be one of (source, output)";
            return Err(ApiError::argument(message));
        }
    };
    let missing = || {
        let message = "Deployment with the requested ID could not be found.";
        ApiError::not_found("deployment_not_found", message)
    };
    if !there {
        return Err(missing());
    }
    let path = deployment.folder(&kernel.data_dir).join(file);
    let file = tokio::fs::File::open(path).await.map_err(|_| missing())?;
    let size = file
        .metadata()
        .await
        .map_err(|error| ApiError::internal(&error))?
        .len();
    let name = format!("attachment; filename=\"{}-{kind}.tar.gz\"", deployment.id);
    let headers = [
        (header::CONTENT_TYPE, "application/gzip".to_owned()),
        (header::CONTENT_LENGTH, size.to_string()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, Body::from_stream(ReaderStream::new(file))).into_response())
}

/// A body that is not a JSON object counts as having no parameters (Appwrite 1.9.6, measured).
pub(super) fn parameters(body: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(body).unwrap_or_default()
}
