//! The task API: calls of the function create-task.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use appwrite::{Client, Method, NewExecution};
use serde_json::Value;

/// Longest that a call may take, a cold start of the function included.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Longest that a look at a task may keep those waiting who follow it.
const NUDGE_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes one call. Returns the function's status and its answer, null if that is no JSON.
///
/// # Errors
/// The function could not be started.
pub(crate) async fn call(client: &Client, path: &str, body: Value) -> anyhow::Result<(u16, Value)> {
    request(client, Method::Post, path, body.to_string(), TIMEOUT).await
}

/// Asks for something. Returns the function's status and its answer, null if that is no JSON.
///
/// # Errors
/// The function could not be started.
pub(crate) async fn get(client: &Client, path: &str) -> anyhow::Result<(u16, Value)> {
    request(client, Method::Get, path, String::new(), TIMEOUT).await
}

/// Sets, shows or removes the caller's own credentials, likewise.
///
/// # Errors
/// The function could not be started.
pub(crate) async fn credentials(
    client: &Client,
    method: Method,
    body: &Value,
) -> anyhow::Result<(u16, Value)> {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    request(client, method, "/credentials", body, TIMEOUT).await
}

/// Has a task looked at that has been silent. Returns when another look can bring something.
///
/// # Errors
/// The function could not be started, or it did not look.
pub(crate) async fn nudge(client: &Client, task_id: &str) -> anyhow::Result<Duration> {
    let path = format!("/{task_id}/nudge");
    let body = "{}".to_owned();
    let (_, answer) = request(client, Method::Post, &path, body, NUDGE_TIMEOUT).await?;
    let again = answer["lookAgainMs"].as_u64();
    again
        .map(Duration::from_millis)
        .with_context(|| message(&answer))
}

async fn request(
    client: &Client,
    method: Method,
    path: &str,
    body: String,
    timeout: Duration,
) -> anyhow::Result<(u16, Value)> {
    let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
    let new = NewExecution {
        body,
        is_async: false,
        method,
        path: path.to_owned(),
        headers,
        ..NewExecution::default()
    };
    let client = client.with_deadline(Instant::now() + timeout);
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
