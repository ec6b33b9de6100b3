//! What a site may be made of: frameworks and sizes of machines.

use axum::Json;
use http::StatusCode;
use serde_json::{Value, json};

use super::site::FRAMEWORKS;
use crate::auth::Caller;
use crate::error::ApiError;

/// A number of processors, which is written as it is measured: 0.5, but 1 and not 1.0.
enum Processors {
    Half,
    Whole(u8),
}

/// Sizes by name, megabytes of memory and processors (Appwrite 1.9.6, measured). They are names
/// here: builds and sites share this machine.
const SPECIFICATIONS: &[(&str, u32, Processors)] = &[
    ("s-0.5vcpu-512mb", 512, Processors::Half),
    ("s-1vcpu-512mb", 512, Processors::Whole(1)),
    ("s-1vcpu-1gb", 1_024, Processors::Whole(1)),
    ("s-2vcpu-2gb", 2_048, Processors::Whole(2)),
    ("s-2vcpu-4gb", 4_096, Processors::Whole(2)),
    ("s-4vcpu-4gb", 4_096, Processors::Whole(4)),
    ("s-4vcpu-8gb", 8_192, Processors::Whole(4)),
    ("s-8vcpu-4gb", 4_096, Processors::Whole(8)),
    ("s-8vcpu-8gb", 8_192, Processors::Whole(8)),
];
/// Runtime that builds where nothing is said.
const BUILD_RUNTIME: &str = "static-1";

/// `GET /v1/sites/frameworks`: for everybody but keys (Appwrite 1.9.6, measured).
pub(super) async fn frameworks(caller: Caller) -> Result<Json<Value>, ApiError> {
    if caller.is_key() {
        let message = "app.local (role: applications) missing scopes ([\"public\"])";
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "general_unauthorized_scope",
            message,
        ));
    }
    caller.require_scope("public")?;
    let frameworks: Vec<Value> = FRAMEWORKS.iter().map(|key| framework(key)).collect();
    Ok(Json(
        json!({"total": frameworks.len(), "frameworks": frameworks}),
    ))
}

fn framework(key: &str) -> Value {
    json!({
        "key": key,
        "name": key,
        "buildRuntime": BUILD_RUNTIME,
        "runtimes": [BUILD_RUNTIME],
        "adapters": [{
            "key": "static",
            "installCommand": "",
            "buildCommand": "",
            "outputDirectory": "./",
            "fallbackFile": "",
        }],
    })
}

/// `GET /v1/sites/specifications`.
pub(super) async fn specifications(caller: Caller) -> Result<Json<Value>, ApiError> {
    caller.require_scope("sites.read")?;
    let list: Vec<Value> = SPECIFICATIONS
        .iter()
        .map(|(slug, memory, cpus)| {
            let cpus = match cpus {
                Processors::Half => json!(0.5),
                Processors::Whole(number) => json!(number),
            };
            json!({"slug": slug, "memory": memory, "cpus": cpus, "enabled": true})
        })
        .collect();
    Ok(Json(json!({"total": list.len(), "specifications": list})))
}
