//! Builds made again and builds called off: `deployments/duplicate` and `deployments/{id}/status`.

use std::fs::{self, File};
use std::io;
use std::path::Path as FilePath;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::{patch, post};
use axum::{Json, Router};
use http::StatusCode;
use serde_json::Value;

use super::deployment::{self, Deployment, Status};
use super::{SOURCE_FILE, Sites, routes, site};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::proxy;

pub(super) fn router() -> Router<Arc<Kernel>> {
    Router::new()
        .route("/v1/sites/{site}/deployments/duplicate", post(duplicate))
        .route(
            "/v1/sites/{site}/deployments/{deployment}/status",
            patch(cancel),
        )
}

async fn duplicate(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    caller.require_scope("sites.write")?;
    let parameters = routes::parameters(&body);
    let wanted = parameters.get("deploymentId").and_then(Value::as_str);
    let missing = "Param \"deploymentId\" is not optional.";
    let wanted = wanted
        .ok_or_else(|| ApiError::argument(missing))?
        .to_owned();
    let known = routes::find(&kernel, id, wanted).await?;
    if !known.is_complete() {
        let message = "Deployment with the requested ID could not be found.";
        return Err(ApiError::not_found("deployment_not_found", message));
    }
    // The same source, with the site's settings of today, and served when it is ready.
    let site_id = known.site_id.clone();
    let site = kernel.store.run(move |db| site::get(db, &site_id)).await?;
    let mut deployment = Deployment::new(&site.id, true, known.source_size);
    deployment.install_command = site.install_command;
    deployment.build_command = site.build_command;
    deployment.output_directory = site.output_directory;
    deployment.chunks.insert(0, known.source_size);
    let (from, to) = (
        known.folder(&kernel.data_dir),
        deployment.folder(&kernel.data_dir),
    );
    tokio::task::spawn_blocking(move || copy(&from, &to))
        .await
        .map_err(|error| ApiError::internal(&error))?
        .map_err(|error| ApiError::internal(&error))?;
    let deployment = kernel
        .store
        .run(move |db| {
            deployment.save(db)?;
            proxy::add_preview(db, &deployment.site_id, &deployment.id)?;
            Ok(deployment)
        })
        .await?;
    let json = deployment.json();
    Sites::of(&kernel)?.build(&kernel, deployment);
    Ok((StatusCode::ACCEPTED, Json(json)))
}

/// Copies a source. It is on disk when this returns. Blocks.
fn copy(from: &FilePath, to: &FilePath) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let target = to.join(SOURCE_FILE);
    fs::copy(from.join(SOURCE_FILE), &target)?;
    File::open(target)?.sync_all()
}

async fn cancel(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((id, wanted)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("sites.write")?;
    let work = move |db: &mut crate::store::Writer| {
        let site = site::get(db, &id)?;
        let mut deployment = deployment::get(db, &site.id, &wanted)?;
        match deployment.status {
            Status::Ready | Status::Failed => {
                let message =
                    "Build with the requested ID is already completed and cannot be canceled.";
                return Err(ApiError::bad_request("build_already_completed", message));
            }
            Status::Waiting | Status::Building | Status::Canceled => {}
        }
        deployment.status = Status::Canceled;
        deployment.save(db)?;
        Ok(deployment)
    };
    let deployment = kernel.store.run(work).await?;
    Sites::of(&kernel)?.call_off(&deployment.id);
    kernel.bus.publish(deployment.event());
    Ok(Json(deployment.json()))
}
