//! `/v1/functions`: functions, executing them, reading executions.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::definition::Definition;
use super::executions::{self, ATTRIBUTES, Execution, Status, Trigger};
use super::listing::Listing;
use super::registry::{self, Function};
use super::request::CreateExecution;
use super::run::{self, Input};
use super::{Functions, catalog, deployment_routes, multipart, variables};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::server::Params;

/// Largest request (Appwrite 1.9.6, measured: more is 413 with an empty body).
pub(crate) const REQUEST_BYTES_MAX: usize = 12 * 1024 * 1024;

/// What the list of functions may be filtered and ordered by (Appwrite 1.9.6).
const FUNCTION_ATTRIBUTES: &[&str] = &[
    "name",
    "enabled",
    "runtime",
    "deploymentId",
    "schedule",
    "scheduleNext",
    "schedulePrevious",
    "timeout",
    "entrypoint",
    "commands",
    "installationId",
];

const SYNC_TIMEOUT: &str = "Synchronous function execution timed out. Use asynchronous execution \
    instead, or ensure the execution duration doesn't exceed 30 seconds.";

/// The routes; the state's kernel must have [`Functions`] attached.
pub fn router() -> Router<Arc<Kernel>> {
    Router::new()
        .merge(variables::router())
        .merge(deployment_routes::router())
        .route("/v1/functions", get(list_functions).post(create_function))
        .route("/v1/functions/runtimes", get(list_runtimes))
        .route("/v1/functions/specifications", get(list_specifications))
        .route(
            "/v1/functions/{function}",
            get(show_function)
                .put(update_function)
                .delete(delete_function),
        )
        .route(
            "/v1/functions/{function}/executions",
            get(list_executions).post(create_execution),
        )
        .route(
            "/v1/functions/{function}/executions/{execution}",
            get(show_execution).delete(delete_execution),
        )
}

async fn list_runtimes(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
) -> Result<Json<Value>, ApiError> {
    if caller.is_key() {
        // For browsers only: no key can have this scope (Appwrite 1.9.6, measured).
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "general_unauthorized_scope",
            "app (role: applications) missing scopes ([\"public\"])",
        ));
    }
    let functions = Functions::of(&kernel)?;
    Ok(Json(catalog::runtimes(&functions.settings.runtimes)))
}

async fn list_specifications(caller: Caller) -> Result<Json<Value>, ApiError> {
    caller.require_scope("functions.read")?;
    Ok(Json(catalog::specifications()))
}

async fn create_function(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    params: Params,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    caller.require_scope("functions.write")?;
    let definition = Definition::create(params)?;
    let functions = Functions::of(&kernel)?;
    catalog::enabled_runtime(&definition.config.runtime, &functions.settings.runtimes)?;
    let function = Function::defined(definition);
    let json = function.json();
    let work = move |db: &mut crate::store::Writer| registry::insert(db, &function);
    kernel.store.run(work).await?;
    functions.reload(&kernel).await?;
    Ok((StatusCode::CREATED, Json(json)))
}

async fn update_function(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("functions.write")?;
    let definition = Definition::update(&id, params)?;
    let functions = Functions::of(&kernel)?;
    let runtime = &definition.config.runtime;
    if !runtime.is_empty() {
        catalog::enabled_runtime(runtime, &functions.settings.runtimes)?;
    }
    let id = functions.get(&id)?.id.clone();
    let changed = id.clone();
    let work = move |db: &mut crate::store::Writer| {
        registry::change(db, &changed, |function| function.redefine(definition))
    };
    kernel.store.run(work).await?;
    functions.reload(&kernel).await?;
    Ok(Json(functions.get(&id)?.json()))
}

async fn delete_function(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.require_scope("functions.write")?;
    let functions = Functions::of(&kernel)?;
    let function = functions.get(&id)?;
    let folder = kernel.data_dir.join("deployments").join(&function.id);
    let work = move |db: &mut crate::store::Writer| registry::delete(db, &function.id);
    kernel.store.run(work).await?;
    functions.reload(&kernel).await?;
    super::clear(folder).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn list_functions(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("functions.read")?;
    let listing = Listing::parse(query.as_deref(), FUNCTION_ATTRIBUTES)?;
    let functions = Functions::of(&kernel)?.all();
    let all = functions.iter().map(|function| function.json()).collect();
    let (total, page) = listing.page(all, "$id", &["$id", "name", "runtime"])?;
    Ok(Json(json!({"total": total, "functions": page})))
}

async fn show_function(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("functions.read")?;
    Ok(Json(Functions::of(&kernel)?.get(&id)?.json()))
}

async fn list_executions(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("executions.read")?;
    let function = visible(&kernel, &caller, &id)?;
    let listing = Listing::parse(query.as_deref(), ATTRIBUTES)?;
    let work =
        move |db: &mut crate::store::Writer| executions::list(db, &function.id, &listing, &caller);
    Ok(Json(kernel.store.run(work).await?))
}

async fn show_execution(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((id, execution)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("executions.read")?;
    let function = visible(&kernel, &caller, &id)?;
    let work =
        move |db: &mut crate::store::Writer| executions::get(db, &function.id, &execution, &caller);
    Ok(Json(kernel.store.run(work).await?))
}

async fn delete_execution(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((id, execution)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    caller.require_scope("executions.write")?;
    let function = visible(&kernel, &caller, &id)?;
    let work = move |db: &mut crate::store::Writer| {
        let document = executions::get(db, &function.id, &execution, &caller)?;
        if !caller.is_key() {
            return Err(ApiError::unauthorized());
        }
        executions::delete(db, &document)?;
        Ok(document)
    };
    let document = kernel.store.run(work).await?;
    kernel.bus.publish(executions::event(document, "delete"));
    Ok(StatusCode::NO_CONTENT)
}

async fn create_execution(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    caller.require_scope("executions.write")?;
    let Ok(bytes) = axum::body::to_bytes(body, REQUEST_BYTES_MAX).await else {
        return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    };
    let request = CreateExecution::parse(&bytes)?;
    drop(bytes);
    let functions = Functions::of(&kernel)?;
    let function = visible(&kernel, &caller, &id)?;
    if function.deployment_id.is_empty() {
        let message =
            "Deployment not found. Create a deployment before trying to execute a function";
        return Err(ApiError::not_found("deployment_not_found", message));
    }
    may_execute(&function, &caller)?;
    let trigger = match request.scheduled_ms {
        Some(_) => Trigger::Schedule,
        None => Trigger::Http,
    };
    let mut execution = Execution::new(&function.id, &function.deployment_id, trigger);
    execution.user_id = caller.user_id().map(str::to_owned);
    execution.method = request.method.to_string();
    execution.path.clone_from(&request.path);
    execution.request_headers.clone_from(&request.headers);
    execution
        .request_headers
        .push(("x-appwrite-client-ip".to_owned(), run::CLIENT_IP.to_owned()));
    let input = Input {
        method: request.method,
        path: request.path,
        headers: request.headers,
        body: request.body,
        event: request.is_async.then(String::new),
    };
    if let Some(at_ms) = request.scheduled_ms {
        execution.scheduled_ms = Some(at_ms);
        execution.status = Status::Scheduled;
        let json = execution.json(&caller);
        functions.delay(&kernel, execution, input).await?;
        kernel
            .bus
            .publish(executions::event(json.clone(), "create"));
        return Ok((StatusCode::ACCEPTED, Json(json)).into_response());
    }
    if request.is_async {
        let json = execution.json(&caller);
        kernel
            .bus
            .publish(executions::event(json.clone(), "create"));
        functions
            .start_recorded(&kernel, &function, execution, input)
            .await?;
        return Ok((StatusCode::ACCEPTED, Json(json)).into_response());
    }
    let in_parts = multipart::is_wanted(&headers);
    let (json, body) = synchronous(kernel, functions, function, execution, input, caller).await?;
    if in_parts {
        return multipart::answer(StatusCode::CREATED, &json, &body);
    }
    Ok((StatusCode::CREATED, Json(json)).into_response())
}

/// Runs to the end or to the limit of synchronous executions. The work goes on in a task of its
/// own, so that neither the limit nor a caller who hangs up ends it.
async fn synchronous(
    kernel: Arc<Kernel>,
    functions: Arc<Functions>,
    function: Arc<Function>,
    execution: Execution,
    input: Input,
    caller: Caller,
) -> Result<(Value, Bytes), ApiError> {
    let limit = functions.settings.sync_limit;
    let mut cut = execution.clone();
    let (owner, runner) = (Arc::clone(&kernel), Arc::clone(&functions));
    let work = functions.tasks.spawn(async move {
        let mut execution = execution;
        let body = run::run(&owner, &runner, &function, &mut execution, input).await;
        (execution, body.unwrap_or_default())
    });
    let recorded = functions.tasks.spawn(async move {
        match tokio::time::timeout(limit, work).await {
            Ok(Ok((mut execution, body))) => {
                execution.created_ms = execution.updated_ms;
                let json = execution.json_with_answer(&caller, &body);
                kernel.store.run(move |db| execution.save(db)).await?;
                kernel
                    .bus
                    .publish(executions::event(json.clone(), "create"));
                Ok((json, body))
            }
            Ok(Err(error)) => Err(ApiError::internal(&error)),
            Err(_) => {
                cut.fail(SYNC_TIMEOUT, StatusCode::REQUEST_TIMEOUT.as_u16());
                cut.duration_s = limit.as_secs_f64();
                cut.created_ms = crate::clock::now().as_millisecond();
                cut.updated_ms = cut.created_ms;
                kernel.store.run(move |db| cut.save(db)).await?;
                let status = StatusCode::REQUEST_TIMEOUT;
                Err(ApiError::new(
                    status,
                    "function_synchronous_timeout",
                    SYNC_TIMEOUT,
                ))
            }
        }
    });
    recorded
        .await
        .unwrap_or_else(|error| Err(ApiError::internal(&error)))
}

/// Finds a function; a disabled one is hidden from everybody without a key.
fn visible(kernel: &Kernel, caller: &Caller, id: &str) -> Result<Arc<Function>, ApiError> {
    let function = Functions::of(kernel)?.get(id)?;
    if function.enabled || caller.is_key() {
        Ok(function)
    } else {
        Err(super::not_found())
    }
}

/// A key needs the scope only; everybody else a role that the function lets in.
fn may_execute(function: &Function, caller: &Caller) -> Result<(), ApiError> {
    let roles = caller.roles();
    if caller.is_key() || function.execute.iter().any(|role| roles.contains(role)) {
        return Ok(());
    }
    let wanted = function.execute.first().map_or("", String::as_str);
    Err(ApiError::new(
        StatusCode::UNAUTHORIZED,
        "user_unauthorized",
        format!(
            "Missing \"execute\" permission for role \"{wanted}\". Only \"{}\" scopes are allowed \
             and \"{}\" was given.",
            json!(roles),
            json!(function.execute)
        ),
    ))
}
