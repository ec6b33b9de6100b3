//! Counts: what executions asked of the platform, by kind.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};

use crate::auth::Caller;
use crate::error::ApiError;
use crate::kernel::Kernel;

/// Counters by kind; clones share them.
///
/// Kinds of requests are words such as `rows.create`, `rows.createMany`,
/// `rows.get`, `rows.list`, `rows.update` (to the table `claims`:
/// `rows.update:claims`), `sites.create`; a request answered 409 is counted a
/// second time with `:conflict` behind its kind. The rows of all `rows.createMany` are
/// `rows.createMany:rows`. Executions are
/// `executions:<function id>:<trigger>`. What scheduled executions ask has
/// `schedule:` before its kind: how often they run depends on time alone.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    by_kind: Arc<Mutex<BTreeMap<String, u64>>>,
    scheduled: Arc<Mutex<VecDeque<String>>>,
    traced: Arc<Mutex<VecDeque<Traced>>>,
}

/// One request of an execution, as far as its trace goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// The execution that made it.
    pub execution: String,
    /// Its header `traceparent`.
    pub traceparent: Option<String>,
}

/// Requests whose headers are remembered; the oldest are forgotten.
const TRACED_MAX: usize = 4_096;

/// Scheduled executions that are remembered; the oldest are forgotten.
const SCHEDULED_MAX: usize = 256;

impl Counts {
    /// Adds one to `kind`.
    pub fn add(&self, kind: impl Into<String>) {
        self.add_many(kind, 1);
    }

    fn add_many(&self, kind: impl Into<String>, count: u64) {
        let mut counts = self.by_kind.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(kind.into()).or_default() += count;
    }

    /// Adds one execution of a function.
    pub fn execution(&self, execution_id: &str, function_id: &str, trigger: &str) {
        self.add(format!("executions:{function_id}:{trigger}"));
        if trigger == "schedule" {
            let mut scheduled = self
                .scheduled
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            scheduled.push_back(execution_id.to_owned());
            if scheduled.len() > SCHEDULED_MAX {
                scheduled.pop_front();
            }
        }
    }

    fn traced(&self, execution: String, headers: &HeaderMap) {
        let header = headers.get("traceparent");
        let header = header.and_then(|value| value.to_str().ok());
        let mut traced = self.traced.lock().unwrap_or_else(PoisonError::into_inner);
        if traced.len() == TRACED_MAX {
            traced.pop_front();
        }
        traced.push_back(Traced {
            execution,
            traceparent: header.map(str::to_owned),
        });
    }

    /// The last requests of executions, in their order.
    #[must_use]
    pub fn requests(&self) -> Vec<Traced> {
        let traced = self.traced.lock().unwrap_or_else(PoisonError::into_inner);
        traced.iter().cloned().collect()
    }

    fn is_scheduled(&self, execution_id: &str) -> bool {
        let scheduled = self
            .scheduled
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        scheduled.iter().any(|id| id == execution_id)
    }

    /// Returns all counters since the platform started.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<String, u64> {
        self.by_kind
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Counts every request made with an execution's key. Called in a
/// `Router::route_layer`, as it needs the matched route.
pub(crate) async fn layer<F: Future<Output = Response>>(
    kernel: &Kernel,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let execution = kernel.auth.execution_of(request.headers());
    let kind = execution.and_then(|id| {
        let kind = kind_of(&request)?;
        let apart = kernel.counts.is_scheduled(&id);
        kernel.counts.traced(id, request.headers());
        Some(if apart {
            format!("schedule:{kind}")
        } else {
            kind
        })
    });
    let response = next(request).await;
    if let Some(kind) = kind {
        // A bulk create shares its route with the single one and says so by this marker.
        let kind = match response.extensions().get::<Bulk>() {
            Some(Bulk { rows }) => {
                let kind = format!("{kind}Many");
                kernel.counts.add_many(format!("{kind}:rows"), *rows);
                kind
            }
            None => kind,
        };
        if response.status() == StatusCode::CONFLICT {
            kernel.counts.add(format!("{kind}:conflict"));
        }
        kernel.counts.add(kind);
    }
    response
}

/// Marks the answer to a request that wrote many rows at once.
#[derive(Debug, Clone, Copy)]
pub struct Bulk {
    /// How many.
    pub rows: u64,
}

fn kind_of(request: &Request) -> Option<String> {
    let template = request.extensions().get::<MatchedPath>()?.as_str();
    let kind = kind(request.method(), template);
    let heartbeat = kind == "rows.update" && request.uri().path().contains("/tables/claims/");
    Some(if heartbeat {
        "rows.update:claims".to_owned()
    } else {
        kind
    })
}

/// Shortens a route to words: the last plain segment names the thing, the
/// method and whether an id follows name the verb.
fn kind(method: &Method, template: &str) -> String {
    let segments: Vec<&str> = template
        .trim_start_matches("/v1")
        .split('/')
        .filter(|s| !s.is_empty())
        .collect();
    let is_param = |s: &&str| s.starts_with('{');
    let one = segments.last().is_some_and(is_param);
    let noun = segments
        .iter()
        .rev()
        .find(|s| !is_param(s))
        .copied()
        .unwrap_or("root");
    let verb = match (method.as_str(), one) {
        ("GET" | "HEAD", true) => "get",
        ("GET" | "HEAD", false) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "upsert",
        ("PATCH", _) => "update",
        ("DELETE", _) => "delete",
        (other, _) => return format!("{noun}.{}", other.to_ascii_lowercase()),
    };
    format!("{noun}.{verb}")
}

/// `GET /v1/local/counts`: the counters as one JSON object. Ours, not
/// Appwrite's; for the project's key only.
///
/// # Errors
/// 401 `general_unauthorized_scope` for every other caller.
pub fn show(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
) -> Ready<Result<Json<BTreeMap<String, u64>>, ApiError>> {
    ready(
        caller
            .require_admin()
            .map(|()| Json(kernel.counts.snapshot())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_become_words() {
        let rows = "/v1/tablesdb/{database}/tables/{table}/rows";
        let row = "/v1/tablesdb/{database}/tables/{table}/rows/{row}";
        assert_eq!(kind(&Method::POST, rows), "rows.create");
        assert_eq!(kind(&Method::GET, rows), "rows.list");
        assert_eq!(kind(&Method::GET, row), "rows.get");
        assert_eq!(kind(&Method::PATCH, row), "rows.update");
        assert_eq!(kind(&Method::POST, "/v1/sites"), "sites.create");
        assert_eq!(
            kind(&Method::GET, "/v1/sites/{site}/deployments/{deployment}"),
            "deployments.get"
        );
    }
}
