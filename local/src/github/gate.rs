//! What every API request passes: the host, the user agent, the token, the rate limit, faults, and
//! on the way out the headers and the log.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{MatchedPath, OriginalUri, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, LOCATION, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::account::{Actor, Grant};
use super::app;
use super::faults::Fault;
use super::input::BODY_BYTES_MAX;
use super::operation::Operation;
use super::rate_limit::Allowance;
use super::refusal::{Refusal, RefusalBody};
use super::request_log::RequestRecord;
use super::{Service, now};
use crate::server::whole_body;
use crate::serving::DropConnection;

const NO_USER_AGENT: &str = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header (https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required). Check https://developer.github.com for other possible causes.\n";
const TOO_LARGE: &str = "Sorry, your input was too large to process.";
const SECONDARY_LIMIT: &str = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If you reach out to GitHub Support for help, please include the request ID.";
const CONTENT_LIMIT: &str = "You have exceeded a secondary rate limit and have been temporarily blocked from content creation. Please retry your request again later. If you reach out to GitHub Support for help, please include the request ID.";
/// What the answer to too much content asks to wait.
const CONTENT_WAIT: Duration = Duration::from_secs(60);

/// Who calls and what is left of the hour; in the extensions of every request let through.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) actor: Arc<Actor>,
    pub(super) allowance: Allowance,
    /// None for a path that is no call.
    pub(super) operation: Option<Operation>,
}

/// Refuses foreign `Host` names while listening on loopback only: otherwise a web page could reach
/// the repositories by pointing a name of its own at this machine.
pub(super) async fn host(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    if service.loopback && !names_loopback(request.headers()) {
        return (StatusCode::MISDIRECTED_REQUEST, "unknown host\n").into_response();
    }
    next.run(request).await
}

fn names_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

pub(super) async fn api(
    State(service): State<Arc<Service>>,
    OriginalUri(uri): OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    let method = request.method().clone();
    let operation = request
        .extensions()
        .get::<MatchedPath>()
        .and_then(|route| Operation::find(&method, route.as_str()));
    let traceparent = request.headers().get("traceparent");
    let traceparent = traceparent.and_then(|value| value.to_str().ok());
    let traceparent = traceparent.map(str::to_owned);
    // An answer to what was not read would cost the client its connection.
    let (caller, response) = match whole_body::read(request, BODY_BYTES_MAX).await {
        Ok(request) => answer(&service, operation, request, next).await,
        Err(_) => (None, Refusal::unprocessable(TOO_LARGE).into_response()),
    };
    let response = finish(response, operation, caller.as_ref());
    let dropped = response.extensions().get::<DropConnection>().is_some();
    service.log.add(RequestRecord {
        method: method.to_string(),
        path: uri.to_string(),
        status: (!dropped).then(|| response.status().as_u16()),
        traceparent,
    });
    response
}

async fn answer(
    service: &Arc<Service>,
    operation: Option<Operation>,
    request: Request,
    next: Next,
) -> (Option<Caller>, Response) {
    if !request.headers().contains_key(USER_AGENT) {
        return (None, (StatusCode::FORBIDDEN, NO_USER_AGENT).into_response());
    }
    match authenticate(service, request.headers(), operation) {
        Ok(caller) => {
            let response = perform(service, operation, &caller, request, next).await;
            (Some(caller), response)
        }
        Err(refusal) => (None, refusal.into_response()),
    }
}

fn authenticate(
    service: &Service,
    headers: &HeaderMap,
    operation: Option<Operation>,
) -> Result<Caller, Refusal> {
    let unauthorized = |message| Refusal::new(StatusCode::UNAUTHORIZED, message);
    let header = headers
        .get(AUTHORIZATION)
        .ok_or_else(|| unauthorized("Requires authentication"))?;
    let token = header
        .to_str()
        .ok()
        .and_then(bearer_token)
        .ok_or_else(|| unauthorized("Bad credentials"))?;
    let actor = if app::is_jwt(token) {
        app::by_jwt(service, token, now())?
    } else {
        service
            .accounts
            .by_token(token, now())
            .ok_or_else(|| unauthorized("Bad credentials"))?
    };
    let cost = u64::from(operation != Some(Operation::GetRateLimit));
    let allowance = service.limits.charge(&actor.login, cost, now());
    Ok(Caller {
        actor,
        allowance,
        operation,
    })
}

/// Calls about Apps take an App's JSON web token and nothing else, and it opens nothing else.
fn require_kind(caller: &Caller) -> Result<(), Refusal> {
    let for_apps = caller.operation.is_some_and(Operation::is_for_apps);
    match &caller.actor.grant {
        Grant::App { .. } if !for_apps => Err(caller.actor.not_accessible()),
        Grant::App { .. } => Ok(()),
        Grant::Classic { .. } | Grant::FineGrained(_) | Grant::Installation(_) if for_apps => {
            let message = "A JSON web token could not be decoded";
            Err(Refusal::new(StatusCode::UNAUTHORIZED, message))
        }
        Grant::Classic { .. } | Grant::FineGrained(_) | Grant::Installation(_) => Ok(()),
    }
}

fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token");
    known.then(|| token.trim())
}

/// Runs the handler between the faults that are due before and after it.
async fn perform(
    service: &Arc<Service>,
    operation: Option<Operation>,
    caller: &Caller,
    mut request: Request,
    next: Next,
) -> Response {
    if caller.allowance.is_exceeded() {
        return primary_limit(caller, None);
    }
    if let Err(refusal) = require_kind(caller) {
        return refusal.into_response();
    }
    let creates = operation.is_some_and(Operation::writes);
    if let Some(most) = service.faults.contents_max()
        && creates
        && service
            .limits
            .creates_too_much(&caller.actor.login, most, now())
    {
        return secondary_limit(CONTENT_LIMIT, Some(CONTENT_WAIT));
    }
    let fault = operation.and_then(|operation| service.faults.next(operation));
    match fault {
        Some(Fault::LoseRequest) => return dropped(),
        Some(Fault::BadGateway) => return bad_gateway(),
        Some(Fault::SecondaryLimit { retry_after }) => {
            return secondary_limit(SECONDARY_LIMIT, retry_after);
        }
        Some(Fault::PrimaryLimit { reset_after }) => {
            return primary_limit(caller, Some(reset_after));
        }
        Some(Fault::LoseResponse | Fault::BadGatewayAfter) | None => {}
    }
    request.extensions_mut().insert(caller.clone());
    // A task of its own: when the client hangs up, git still finishes what it began.
    let response = match service.tasks.spawn(next.run(request)).await {
        Ok(response) => response,
        Err(error) => Refusal::from(anyhow::Error::from(error)).into_response(),
    };
    match fault {
        Some(Fault::LoseResponse) => dropped(),
        Some(Fault::BadGatewayAfter) => bad_gateway(),
        Some(
            Fault::LoseRequest
            | Fault::BadGateway
            | Fault::SecondaryLimit { .. }
            | Fault::PrimaryLimit { .. },
        )
        | None => response,
    }
}

fn dropped() -> Response {
    let mut response = StatusCode::BAD_GATEWAY.into_response();
    response.extensions_mut().insert(DropConnection);
    response
}

fn bad_gateway() -> Response {
    (
        StatusCode::BAD_GATEWAY,
        Json(json!({ "message": "Server Error" })),
    )
        .into_response()
}

fn secondary_limit(message: &str, retry_after: Option<Duration>) -> Response {
    let mut response = Refusal::forbidden(message).into_response();
    if let Some(retry_after) = retry_after {
        let seconds = HeaderValue::from(retry_after.as_secs());
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}

/// 403 with nothing left of the hour, which may end sooner than it would.
fn primary_limit(caller: &Caller, reset_after: Option<Duration>) -> Response {
    let login = &caller.actor.login;
    let message = format!("API rate limit exceeded for user {login}.");
    let mut response = Refusal::forbidden(message).into_response();
    if let Some(after) = reset_after {
        let seconds = i64::try_from(after.as_secs()).unwrap_or(i64::MAX);
        let allowance = Allowance {
            used: Allowance::LIMIT + 1,
            reset: now().as_second().saturating_add(seconds),
        };
        response.extensions_mut().insert(allowance);
    }
    response
}

/// Writes a refusal's body and the headers of every answer.
fn finish(
    mut response: Response,
    operation: Option<Operation>,
    caller: Option<&Caller>,
) -> Response {
    let allowance = response.extensions_mut().remove::<Allowance>();
    if let Some(body) = response.extensions_mut().remove::<RefusalBody>() {
        let json = refusal_json(&body, operation);
        let wait = response.headers_mut().remove(RETRY_AFTER);
        response = (body.status, Json(json)).into_response();
        if let Some(wait) = wait {
            response.headers_mut().insert(RETRY_AFTER, wait);
        }
        if let Some((name, value)) = &body.header
            && let Ok(value) = HeaderValue::from_str(value)
        {
            response.headers_mut().insert(name, value);
        }
    }
    let headers = response.headers_mut();
    if headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/json")
    {
        let kind = HeaderValue::from_static("application/json; charset=utf-8");
        headers.insert(CONTENT_TYPE, kind);
    }
    set(headers, "server", "github stand-in");
    set(headers, "x-github-media-type", "github.v3; format=json");
    set(headers, "x-github-api-version-selected", "2022-11-28");
    set(headers, "x-github-request-id", &request_id());
    if let Some(caller) = caller {
        // Classic tokens are told of scopes, all others of permissions.
        if let Grant::Classic { scopes } = &caller.actor.grant {
            let accepted = operation.map_or("", Operation::accepted_scopes);
            set(headers, "x-oauth-scopes", &scopes.join(", "));
            set(headers, "x-accepted-oauth-scopes", accepted);
        }
        let accepted = operation.map_or("", Operation::accepted_permissions);
        if !accepted.is_empty() {
            set(headers, "x-accepted-github-permissions", accepted);
        }
        let allowance = allowance.unwrap_or(caller.allowance);
        set(headers, "x-ratelimit-limit", &Allowance::LIMIT.to_string());
        set(
            headers,
            "x-ratelimit-remaining",
            &allowance.remaining().to_string(),
        );
        set(headers, "x-ratelimit-used", &allowance.used.to_string());
        set(headers, "x-ratelimit-reset", &allowance.reset.to_string());
        set(headers, "x-ratelimit-resource", "core");
    }
    response
}

fn refusal_json(body: &RefusalBody, operation: Option<Operation>) -> Value {
    let page = operation.map_or("", Operation::documentation);
    let page = match body.documentation {
        Some(page) => page.to_owned(),
        None => format!("https://docs.github.com/rest/{page}"),
    };
    let mut json = json!({
        "message": body.message,
        "documentation_url": page,
        "status": body.status.as_u16().to_string(),
    });
    if !body.errors.is_empty() {
        json["errors"] = Value::Array(body.errors.clone());
    }
    if let Some((LOCATION, address)) = &body.header {
        json["url"] = json!(address);
    }
    json
}

/// Headers are ours or an account's name; one that HTTP cannot carry is left out.
fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// In GitHub's form, five hexadecimal groups.
fn request_id() -> String {
    let mut bytes = [0_u8; 16];
    // Without randomness the id is zeros; nothing depends on it.
    let _ = getrandom::fill(&mut bytes);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    format!(
        "{}:{}:{}:{}:{}",
        &hex[..4],
        &hex[4..10],
        &hex[10..17],
        &hex[17..24],
        &hex[24..]
    )
}
