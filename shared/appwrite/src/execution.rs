//! Executions of functions.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::call::{self, Call, Repeat};
use crate::client::Client;
use crate::error::Error;
use crate::kind::Kind;

/// The server cuts a synchronous execution at 30 s; the rest is for the answer's way.
const SYNC_TIMEOUT: Duration = Duration::from_secs(35);
/// Headers of this prefix are the platform's; the server answers them with an odd 500.
const RESERVED_HEADER_PREFIX: &str = "x-appwrite-";

/// The HTTP method that a function sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    #[default]
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
}

impl Method {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What a function is called with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewExecution {
    /// At most 10 MiB of characters.
    pub body: String,
    /// True: the answer comes before the function runs, and its response body is never stored.
    /// False: the answer has the response, but is cut at 30 s.
    pub is_async: bool,
    /// The path that the function sees, with its query.
    pub path: String,
    /// The method that the function sees.
    pub method: Method,
    /// None may start with `x-appwrite-`.
    pub headers: BTreeMap<String, String>,
    /// RFC 3339: start it then, to the whole minute, at least one minute ahead. Needs
    /// `is_async` (measured).
    pub scheduled_at: Option<String>,
}

impl Default for NewExecution {
    fn default() -> Self {
        Self {
            body: String::new(),
            is_async: true,
            path: "/".to_owned(),
            method: Method::default(),
            headers: BTreeMap::new(),
            scheduled_at: None,
        }
    }
}

/// How far an execution is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum ExecutionStatus {
    /// Queued; stays so for ever if the worker is killed.
    Waiting,
    /// Running; not seen on 1.9.6.
    Processing,
    /// The function answered under 500.
    Completed,
    /// The function answered 500 or over, or did not answer.
    Failed,
    /// To be run at a set time.
    Scheduled,
    /// A status that this client does not know.
    Other(String),
}

impl From<String> for ExecutionStatus {
    fn from(name: String) -> Self {
        match name.as_str() {
            "waiting" => Self::Waiting,
            "processing" => Self::Processing,
            "completed" => Self::Completed,
            "failed" => Self::Failed,
            "scheduled" => Self::Scheduled,
            _ => Self::Other(name),
        }
    }
}

/// An execution.
///
/// Source: Appwrite 1.9.6 REST, executions (measured). Fixture: `execution_completed.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// The id.
    #[serde(rename = "$id")]
    pub id: String,
    /// The function.
    pub function_id: String,
    /// RFC 3339.
    #[serde(rename = "$createdAt")]
    pub created_at: String,
    /// How far it is.
    pub status: ExecutionStatus,
    /// The function's HTTP status; 0 while it has not answered.
    pub response_status_code: u16,
    /// Only in the answer to a synchronous create; empty when read back.
    pub response_body: String,
    /// The last 1,000,000 characters, for keys only.
    #[serde(default)]
    pub logs: String,
    /// The last 1,000,000 characters, for keys only.
    #[serde(default)]
    pub errors: String,
    /// Seconds.
    pub duration: f64,
}

/// The executions of all functions.
#[derive(Debug, Clone, Copy)]
pub struct Executions<'a> {
    client: &'a Client,
}

impl Client {
    /// The executions; nothing is sent.
    pub fn executions(&self) -> Executions<'_> {
        Executions { client: self }
    }
}

impl Executions<'_> {
    /// Starts a function.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`] if the answer was lost: the function may run.
    /// [`ErrorType::FunctionSynchronousTimeout`](crate::ErrorType) after 30 s of a synchronous
    /// one, which runs on. A function that fails is no error here: see the status.
    ///
    /// # Idempotency
    /// Not repeated once the request may have arrived, as each create starts the function again.
    pub fn create(&self, function_id: &str, new: &NewExecution) -> Result<Execution, Error> {
        let operation = call::operation(Kind::ExecutionsCreate, &[function_id])?;
        let is_reserved = |name: &String| {
            name.to_ascii_lowercase()
                .starts_with(RESERVED_HEADER_PREFIX)
        };
        if new.headers.keys().any(is_reserved) {
            return Err(Error::Argument {
                operation,
                reason: "a header starts with `x-appwrite-`",
            });
        }
        let mut body = json!({
            "body": new.body,
            "async": new.is_async,
            "path": new.path,
            "method": new.method.as_str(),
            "headers": new.headers,
        });
        if let Some(time) = &new.scheduled_at {
            body["scheduledAt"] = time.as_str().into();
        }
        let path = format!("/functions/{function_id}/executions");
        let mut call = Call::post(operation, path, Repeat::Never).json(&body)?;
        call.timeout_min = (!new.is_async).then_some(SYNC_TIMEOUT);
        self.client.fetch(&call)?.decode(&call.operation)
    }

    /// Reads one execution. Executions by events appear only when they end.
    ///
    /// # Errors
    /// [`ErrorType::ExecutionNotFound`](crate::ErrorType). Repeated: it is a read.
    pub fn get(&self, function_id: &str, execution_id: &str) -> Result<Execution, Error> {
        let operation = call::operation(Kind::ExecutionsGet, &[function_id, execution_id])?;
        let path = format!("/functions/{function_id}/executions/{execution_id}");
        let call = Call::get(operation, path);
        self.client.fetch(&call)?.decode(&call.operation)
    }
}
