//! How often somebody may ask: fixed windows for each route, as Appwrite 1.9.6
//! has them (measured). Keys are never refused, but are told the same limits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{FromRequest as _, MatchedPath, Request};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt as _;

use crate::auth::{self, Caller};
use crate::clock;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::server::Params;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// Counters kept at most; beyond, those of past windows are dropped first.
const COUNTERS_MAX: usize = 10_000;

/// Requests of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    limit: u32,
    window_seconds: i64,
    by: By,
}

/// Whose requests are counted together, always for one method and address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// Those of one network address and user.
    Caller,
    /// Those that name one e-mail address.
    Email,
}

fn rule(method: &Method, template: &str) -> Option<Rule> {
    let rule = |limit, window_seconds, by| {
        Some(Rule {
            limit,
            window_seconds,
            by,
        })
    };
    let row = template.contains("/rows") || template.contains("/documents");
    let file = template.starts_with("/v1/storage/buckets/") && template.contains("/files");
    match (method.as_str(), template) {
        ("POST" | "PUT" | "PATCH", _) if row => rule(120, MINUTE, By::Caller),
        ("DELETE", _) if row => rule(60, MINUTE, By::Caller),
        ("POST" | "DELETE", _) if file => rule(60, MINUTE, By::Caller),
        ("POST", "/v1/account/sessions/email") => rule(10, HOUR, By::Email),
        ("POST", "/v1/account" | "/v1/account/sessions/token") => rule(10, HOUR, By::Caller),
        ("POST", "/v1/account/sessions/anonymous") => rule(50, HOUR, By::Caller),
        ("POST", "/v1/account/jwts" | "/v1/account/jwt") => rule(120, MINUTE, By::Caller),
        ("DELETE", "/v1/account/sessions/{session}") => rule(100, HOUR, By::Caller),
        _ => None,
    }
}

/// What has been asked in the present windows.
#[derive(Debug, Default)]
pub struct Limits {
    counters: Mutex<HashMap<String, (i64, u32)>>,
}

impl Limits {
    /// Counts a request; returns how many the window has with it.
    fn count(&self, key: String, window: i64) -> u32 {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        if counters.len() >= COUNTERS_MAX {
            let now = clock::now().as_second();
            counters.retain(|_, (end, _)| *end > now);
        }
        let counter = counters.entry(key).or_insert((window, 0));
        if counter.0 != window {
            *counter = (window, 0);
        }
        counter.1 = counter.1.saturating_add(1);
        counter.1
    }

    fn forget(&self, key: &str) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters.remove(key);
    }
}

/// What the layer works with.
#[derive(Clone)]
pub struct Gate {
    /// Who asks is found here.
    pub kernel: Arc<Kernel>,
    /// Shared by all routes.
    pub limits: Arc<Limits>,
}

/// Refuses what is asked too often (429) and tells the limit in the answer's
/// headers. Called in a `Router::route_layer`, as it needs the matched route.
pub(crate) async fn layer<F: Future<Output = Response>>(
    gate: &Gate,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let template = request.extensions().get::<MatchedPath>();
    let rule = template.and_then(|path| rule(request.method(), path.as_str()));
    let Some(rule) = rule else {
        return next(request).await;
    };
    let query = request.uri().query();
    let caller = auth::identify(&gate.kernel, request.headers(), query).await;
    if let Ok(caller) = &caller {
        // The routes need not look it up again.
        request.extensions_mut().insert(caller.clone());
    }
    // Who is refused later is counted as a guest.
    let caller = caller.unwrap_or(Caller::Guest);
    let end = (clock::now().as_second() / rule.window_seconds + 1) * rule.window_seconds;
    let (request, counted) = if caller.is_key() {
        (request, None)
    } else {
        let (method, path) = (request.method(), request.uri().path());
        let place = format!("{method} {path} {}", address(request.headers()));
        let (request, who) = match rule.by {
            By::Caller => (request, caller.user_id().unwrap_or_default().to_owned()),
            By::Email => match email(request).await {
                Ok(read) => read,
                Err(response) => return response,
            },
        };
        (request, Some(format!("{place} {who}")))
    };
    let used = counted
        .as_ref()
        .map_or(1, |key| gate.limits.count(key.clone(), end));
    let mut response = if used > rule.limit {
        exceeded().into_response()
    } else {
        next(request).await
    };
    // A login that succeeds begins anew (measured).
    if rule.by == By::Email && response.status() == StatusCode::CREATED {
        gate.limits.forget(counted.as_deref().unwrap_or_default());
    }
    tell(&mut response, rule.limit, used, end);
    response
}

/// 429 `general_rate_limit_exceeded`.
pub(crate) fn exceeded() -> ApiError {
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "general_rate_limit_exceeded",
        "Rate limit for the current endpoint has been exceeded. Please try again after some time.",
    )
}

fn tell(response: &mut Response, limit: u32, used: u32, end: i64) {
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-limit", HeaderValue::from(limit));
    headers.insert(
        "x-ratelimit-remaining",
        HeaderValue::from(limit.saturating_sub(used)),
    );
    headers.insert("x-ratelimit-reset", HeaderValue::from(end));
}

/// The client's network address as a proxy before us names it; all clients
/// without one are on this machine.
fn address(headers: &HeaderMap) -> &str {
    let named = headers.get("x-forwarded-for");
    let first = named.and_then(|value| value.to_str().ok()?.split(',').next());
    first.map_or("127.0.0.1", str::trim)
}

/// Reads the parameter `email` and returns the request whole again.
async fn email(request: Request) -> Result<(Request, String), Response> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Err(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    };
    let body = body.to_bytes();
    let again = |parts| Request::from_parts(parts, Body::from(body.clone()));
    let mut params = Params::from_request(again(parts.clone()), &()).await?;
    let email = params.take_str("email").ok().flatten().unwrap_or_default();
    Ok((again(parts), email.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_counted_apart() {
        let limits = Limits::default();
        assert_eq!(limits.count("a".to_owned(), 60), 1);
        assert_eq!(limits.count("a".to_owned(), 60), 2);
        assert_eq!(limits.count("b".to_owned(), 60), 1);
        assert_eq!(limits.count("a".to_owned(), 120), 1);
    }

    #[test]
    fn reads_and_transactions_have_no_limit() {
        let row = "/v1/tablesdb/{database}/tables/{table}/rows/{row}";
        assert_eq!(rule(&Method::GET, row), None);
        assert_eq!(rule(&Method::POST, "/v1/tablesdb/transactions"), None);
        assert_eq!(rule(&Method::PATCH, row).unwrap().limit, 120);
        assert_eq!(rule(&Method::DELETE, row).unwrap().limit, 60);
    }
}
