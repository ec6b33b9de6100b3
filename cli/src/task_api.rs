//! The task API: calls of the function create-task.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use appwrite::{Client, Method, NewExecution};
use serde_json::Value;

/// Longest that a call may take, a cold start of the function included.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Makes one call. Returns the function's status and its answer, null if that is no JSON.
///
/// # Errors
/// The function could not be started.
pub(crate) async fn call(client: &Client, path: &str, body: Value) -> anyhow::Result<(u16, Value)> {
    let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
    let new = NewExecution {
        body: body.to_string(),
        is_async: false,
        method: Method::Post,
        path: path.to_owned(),
        headers,
        ..NewExecution::default()
    };
    let client = client.with_deadline(Instant::now() + TIMEOUT);
    let call = tokio::task::spawn_blocking(move || client.executions().create("create-task", &new));
    let execution = call
        .await?
        .context("could not start the function create-task")?;
    let answer = serde_json::from_str(&execution.response_body).unwrap_or_default();
    Ok((execution.response_status_code, answer))
}

/// Why create-task refused something.
pub(crate) fn message(answer: &Value) -> String {
    let message = answer["error"]["message"].as_str();
    message.unwrap_or("create-task gave no reason").to_owned()
}
