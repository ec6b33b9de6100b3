//! Small routes about the server itself: health, ping, locale.

use std::future::{Ready, ready};
use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::error::{APPWRITE_VERSION, ApiError};
use crate::kernel::Kernel;

/// The routes of this module.
pub fn router() -> Router<Arc<Kernel>> {
    Router::new()
        .route("/v1/health", get(health))
        .route("/v1/health/version", get(version))
        .route("/v1/ping", get(ping))
        .route("/v1/locale", get(locale))
}

/// `healthStatus`; Source: Appwrite 1.9.6, GET /v1/health (recorded). For keys.
fn health(caller: Caller) -> Ready<Result<Json<Value>, ApiError>> {
    let answer = json!({"name": "http", "ping": 0, "status": "pass"});
    ready(caller.require_scope("health.read").map(|()| Json(answer)))
}

/// The version, for everybody. A `HEAD` with a key is refused, as measured:
/// keys lack the scope `public`.
pub(crate) fn version(method: Method, headers: HeaderMap) -> Ready<Result<Json<Value>, ApiError>> {
    let by_key = headers.contains_key("x-appwrite-key");
    ready(if method == Method::HEAD && by_key {
        Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "general_unauthorized_scope",
            "app.local (role: applications) missing scopes ([\"public\"])",
        ))
    } else {
        Ok(Json(json!({"version": APPWRITE_VERSION})))
    })
}

fn ping(_: Caller) -> Ready<&'static str> {
    ready("Pong!")
}

/// `locale`; Source: Appwrite 1.9.6, GET /v1/locale (recorded on loopback).
fn locale(caller: Caller) -> Ready<Result<Json<Value>, ApiError>> {
    let answer = json!({
        "ip": "127.0.0.1",
        "countryCode": "--",
        "country": "Unknown",
        "continentCode": "--",
        "continent": "Unknown",
        "eu": false,
        "currency": "",
    });
    ready(caller.require_scope("locale.read").map(|()| Json(answer)))
}
