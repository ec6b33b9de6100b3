//! Origins: pages of this machine and those of its sites may call the API with credentials, others
//! may not. A domain that has no rule is nobody's.

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

use crate::error::ApiError;
use crate::hosting::WEB_HOST;
use crate::kernel::Kernel;
use crate::proxy::{self, DOMAIN_SUFFIX};

/// What a page may send when its preflight does not name it.
const ALLOWED_HEADERS: &str = "Accept, Content-Type, Content-Range, Range, X-Appwrite-Project, X-Appwrite-Key, \
X-Appwrite-Locale, X-Appwrite-Mode, X-Appwrite-JWT, X-Appwrite-Response-Format, X-Appwrite-Timeout, X-Appwrite-ID, \
X-Appwrite-Timestamp, X-Appwrite-Session, X-SDK-Version, X-SDK-Name, X-SDK-Language, X-SDK-Platform, \
X-Fallback-Cookies, X-Requested-With, Cache-Control";

/// What a page may read.
const EXPOSED_HEADERS: &str = "X-Appwrite-Session, X-Fallback-Cookies, X-RateLimit-Limit, X-RateLimit-Remaining, \
X-RateLimit-Reset";

/// How long a browser may remember a preflight, in seconds.
const PREFLIGHT_SECONDS: &str = "600";

/// Answers preflights, refuses foreign origins and marks the answers to ours.
pub(super) async fn layer<F: Future<Output = Response>>(
    kernel: &Kernel,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
        if request.method() == Method::OPTIONS {
            return StatusCode::NO_CONTENT.into_response();
        }
        return next(request).await;
    };
    let host = origin.to_str().ok().and_then(host_of);
    match is_ours(kernel, host.as_deref().unwrap_or_default()).await {
        Ok(true) => {}
        Ok(false) => return refused(host.as_deref().unwrap_or_default()).into_response(),
        Err(error) => return error.into_response(),
    }
    let preflight = request.method() == Method::OPTIONS;
    let asked = request
        .headers()
        .get(header::ACCESS_CONTROL_REQUEST_HEADERS)
        .cloned();
    let mut response = if preflight {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next(request).await
    };
    mark(response.headers_mut(), origin, preflight.then_some(asked));
    response
}

fn host_of(origin: &str) -> Option<String> {
    origin
        .parse::<Uri>()
        .ok()?
        .host()
        .map(str::to_ascii_lowercase)
}

async fn is_ours(kernel: &Kernel, host: &str) -> Result<bool, ApiError> {
    if matches!(host, "localhost" | "127.0.0.1" | "[::1]" | WEB_HOST) {
        return Ok(true);
    }
    if !host.ends_with(DOMAIN_SUFFIX) {
        return Ok(false);
    }
    let domain = host.to_owned();
    kernel
        .store
        .run(move |db| proxy::is_known(db, &domain))
        .await
}

fn refused(host: &str) -> ApiError {
    let message = format!(
        "Invalid Origin. Register your new client ({host}) as a new Web platform on your project console dashboard"
    );
    ApiError::new(StatusCode::FORBIDDEN, "general_unknown_origin", message)
}

fn mark(headers: &mut HeaderMap, origin: HeaderValue, preflight: Option<Option<HeaderValue>>) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED_HEADERS),
    );
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(asked) = preflight {
        let methods = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        let allowed = asked.unwrap_or_else(|| HeaderValue::from_static(ALLOWED_HEADERS));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        headers.insert(
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from_static(PREFLIGHT_SECONDS),
        );
    }
}
