//! Hands a brief to create-task, so that it becomes one task however often that is tried.

use anyhow::{Context, bail};
use appwrite::Client;
use pipeline::TaskId;
use pipeline::ids::sha256_hex;
use serde_json::{Value, json};

use crate::brief::Fields;
use crate::desk::refused;
use crate::task_api;

/// Calls of create-task until one answers.
const SUBMIT_ATTEMPTS_MAX: u32 = 3;

/// The brief's own `requestId`, or a new one.
///
/// # Errors
/// No randomness.
pub(crate) fn request_id(brief: &Fields) -> anyhow::Result<String> {
    let own = brief
        .get("options")
        .and_then(|options| options["requestId"].as_str());
    if let Some(own) = own {
        return Ok(own.to_owned());
    }
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(sha256_hex(&bytes)[..32].to_owned())
}

/// Hands in a brief under a request id. Returns the task's id.
///
/// # Errors
/// As create-task refuses it, or it does not answer.
pub(crate) async fn submit(
    client: &Client,
    mut brief: Fields,
    request_id: &str,
) -> anyhow::Result<TaskId> {
    let options = brief.entry("options").or_insert_with(|| json!({}));
    if options.is_null() {
        *options = json!({});
    }
    options["requestId"] = request_id.into();
    for attempt in 1.. {
        let (status, answer) = task_api::call(client, "/", Value::Object(brief.clone())).await?;
        if status == 201 {
            return answer["taskId"]
                .as_str()
                .and_then(TaskId::parse)
                .context("create-task gave no task id");
        }
        // The requestId makes a repeat safe: it goes on where the first one stopped.
        if status < 500 || attempt == SUBMIT_ATTEMPTS_MAX {
            return Err(refused(status, &answer));
        }
    }
    bail!("create-task did not answer")
}
