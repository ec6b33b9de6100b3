//! Hosting: what a browser gets, by the host it asks for.
//!
//! `<name>.localhost` shows the site with that rule, or one deployment of it: a preview, which the
//! real platform shows to those who are signed in to its console only. There is no such console
//! here, so everybody on this machine sees it. Our own web client is served at
//! `web.localhost` and, outside `/v1` and `/console`, at the platform's own address. Everything
//! else goes on to the API and the console.

use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::console;
use crate::error::ApiError;
use crate::functions::domain;
use crate::kernel::Kernel;
use crate::proxy::{self, DOMAIN_SUFFIX, Target};
use crate::sites::served::Output;
use crate::sites::site::Site;
use crate::sites::{Sites, archive, deployment};

mod reply;

use reply::Keep;

/// Host of our own web client.
pub const WEB_HOST: &str = "web.localhost";
/// Where our own web client reads which platform it belongs to.
const CONFIG_PATH: &str = "/config.json";
const INDEX: &str = "index.html";

const NOT_FOUND_PAGE: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><title>Not found</title></head>\
<body><h1>Not found</h1><p>There is nothing at this address.</p></body></html>\n";

/// A file of our own web client: its bytes and its media type.
pub type WebFile = (Bytes, String);

/// Finds a file of our own web client by its path without the leading slash, for example
/// `assets/app.js`.
pub type WebRoot = Arc<dyn Fn(&str) -> Option<WebFile> + Send + Sync>;

/// The web client of a kernel.
struct OwnWeb(WebRoot);

/// Sets what is served at [`WEB_HOST`] and at the platform's own address. A path that names no
/// file and has no extension gets `index.html`.
pub fn serve_embedded(kernel: &Kernel, root: WebRoot) {
    kernel.attach(Arc::new(OwnWeb(root)));
}

/// Whether a domain belongs to our own web client.
pub(crate) fn is_reserved(kernel: &Kernel, domain: &str) -> bool {
    domain == WEB_HOST && kernel.part::<OwnWeb>().is_some()
}

/// Answers requests to sites and passes the others on to `next`. Called around all routes.
pub async fn layer<F: Future<Output = Response>>(
    kernel: &Arc<Kernel>,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let (parts, body) = request.into_parts();
    let host = host(&parts.headers, &parts.uri);
    let path = parts.uri.path();
    let own = kernel.part::<OwnWeb>();
    if let Some(domain) = host.filter(|host| host.ends_with(DOMAIN_SUFFIX)) {
        return match own.filter(|_| domain == WEB_HOST) {
            Some(own) => embedded(kernel, &own, &parts),
            None => named(kernel, domain, Request::from_parts(parts, body)).await,
        };
    }
    match own {
        Some(own) if path != "/v1" && !path.starts_with("/v1/") && !console::serves(path) => {
            embedded(kernel, &own, &parts)
        }
        Some(_) | None => next(Request::from_parts(parts, body)).await,
    }
}

/// The host a request asks for, in lower case and without its port.
fn host(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let header = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    let authority = uri.authority().map(http::uri::Authority::as_str);
    let host = authority.or(header)?;
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    Some(name.trim_end_matches('.').to_ascii_lowercase())
}

fn embedded(kernel: &Kernel, own: &OwnWeb, request: &Parts) -> Response {
    if let Some(refused) = refuse_method(request) {
        return refused;
    }
    let path = request.uri.path();
    if path == CONFIG_PATH {
        let project = &kernel.project;
        // What the client's own file of this name says stands beside where it is served.
        let own: Option<Map<String, Value>> = (own.0)(CONFIG_PATH.trim_start_matches('/'))
            .and_then(|(bytes, _)| serde_json::from_slice(&bytes).ok());
        let mut config = own.unwrap_or_default();
        config.insert("endpoint".to_owned(), project.endpoint.clone().into());
        config.insert("projectId".to_owned(), project.id.clone().into());
        return ([(header::CACHE_CONTROL, "no-store")], Json(config)).into_response();
    }
    let Some(path) = clean(path) else {
        return not_found();
    };
    let name = if path.is_empty() {
        INDEX
    } else {
        path.as_str()
    };
    let is_page = !name
        .rsplit('/')
        .next()
        .is_some_and(|last| last.contains('.'));
    let file = (own.0)(name).or_else(|| is_page.then(|| (own.0)(INDEX)).flatten());
    file.map_or_else(not_found, |(bytes, kind)| {
        reply::file(request, StatusCode::OK, bytes, &kind, Keep::of_own(name))
    })
}

/// Answers a request to a domain that has a rule.
async fn named(kernel: &Arc<Kernel>, domain: String, request: Request) -> Response {
    let found = kernel.store.run(move |db| proxy::target(db, &domain)).await;
    match found {
        Err(error) => error.into_response(),
        Ok(Some(Target::Function(id))) => domain::answer(kernel, &id, request).await,
        Ok(target) => {
            let parts = request.into_parts().0;
            let shown = match target {
                Some(Target::Site {
                    site,
                    deployment_id: Some(id),
                }) if site.enabled => Some((site, id)),
                Some(Target::Site { .. } | Target::Function(_)) | None => None,
            };
            match (refuse_method(&parts), shown) {
                (Some(refused), _) => refused,
                (None, Some((site, id))) => page_of(kernel, *site, &id, &parts).await,
                (None, None) => not_found(),
            }
        }
    }
}

async fn page_of(kernel: &Kernel, site: Site, deployment_id: &str, request: &Parts) -> Response {
    let folder = deployment::folder(&kernel.data_dir, &site.id, deployment_id);
    let sites = match Sites::of(kernel) {
        Ok(sites) => sites,
        Err(error) => return error.into_response(),
    };
    let Some(path) = clean(request.uri.path()) else {
        return not_found();
    };
    let is_folder_path = path.is_empty() || request.uri.path().ends_with('/');
    let id = deployment_id.to_owned();
    let found = tokio::task::spawn_blocking(move || {
        let output = sites.served.output(&folder, &id);
        look(&output, &path, is_folder_path, &site)
    });
    match found.await {
        Ok(Found::File {
            status,
            name,
            bytes,
        }) => reply::file(request, status, bytes, &media_type(&name), Keep::Shared),
        Ok(Found::Folder) => redirect(&request.uri),
        Ok(Found::Nothing) => not_found(),
        Err(error) => ApiError::internal(&error).into_response(),
    }
}

/// What a path of a site leads to.
enum Found {
    File {
        status: StatusCode,
        name: String,
        bytes: Bytes,
    },
    /// A folder with an index, asked for without the slash that relative links need.
    Folder,
    Nothing,
}

/// Finds the file of a path: itself, an index, the same with `.html`, the fallback, the 404 page.
fn look(output: &Output, path: &str, is_folder_path: bool, site: &Site) -> Found {
    let read = |name: &str, status: StatusCode| {
        let bytes = output.read(&archive::relative(name)?)?;
        Some(Found::File {
            status,
            name: name.to_owned(),
            bytes,
        })
    };
    let index = format!("{path}/{INDEX}");
    let index = index.trim_start_matches('/');
    if is_folder_path {
        if let Some(found) = read(index, StatusCode::OK) {
            return found;
        }
    } else if output.has(Path::new(index)) {
        return Found::Folder;
    }
    let plain = [path.to_owned(), format!("{path}.html")];
    let wanted = plain
        .iter()
        .filter(|_| !is_folder_path)
        .map(|name| (name.as_str(), StatusCode::OK));
    let fallback =
        (!site.fallback_file.is_empty()).then_some((site.fallback_file.as_str(), StatusCode::OK));
    let last = ("404.html", StatusCode::NOT_FOUND);
    wanted
        .chain(fallback)
        .chain([last])
        .find_map(|(name, status)| read(name, status))
        .unwrap_or(Found::Nothing)
}

/// Decodes a path to a relative one; `None` for paths that try to leave.
fn clean(path: &str) -> Option<String> {
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    if decoded.contains(['\0', '\\']) {
        return None;
    }
    let relative = archive::relative(decoded.trim_start_matches('/'))?;
    relative.to_str().map(str::to_owned)
}

fn refuse_method(request: &Parts) -> Option<Response> {
    if matches!(request.method, Method::GET | Method::HEAD) {
        return None;
    }
    let allow = [(header::ALLOW, "GET, HEAD")];
    Some((StatusCode::METHOD_NOT_ALLOWED, allow).into_response())
}

/// The media type by the name of a file; texts are UTF-8.
fn media_type(name: &str) -> String {
    let guess = mime_guess::from_path(name).first_or_octet_stream();
    let kind = guess.essence_str();
    let is_text = guess.type_() == "text"
        || matches!(
            kind,
            "application/json" | "application/javascript" | "image/svg+xml"
        );
    if is_text {
        format!("{kind}; charset=utf-8")
    } else {
        kind.to_owned()
    }
}

fn redirect(uri: &Uri) -> Response {
    let query = uri
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    // Two slashes at the start would name another host.
    let path = uri.path().trim_start_matches('/');
    let target = format!("/{path}/{query}");
    (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, target)]).into_response()
}

fn not_found() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (StatusCode::NOT_FOUND, kind, NOT_FOUND_PAGE).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        assert_eq!(clean("/a/./b.js").as_deref(), Some("a/b.js"));
        assert_eq!(clean("/").as_deref(), Some(""));
        assert_eq!(clean("/%61%20b").as_deref(), Some("a b"));
        for path in ["/../x", "/a/%2e%2e/%2e%2e/x", "/a%00", "/..%5cx", "/%ff"] {
            assert_eq!(clean(path), None, "{path}");
        }
        assert_eq!(clean("//etc/passwd").as_deref(), Some("etc/passwd"));
    }

    #[test]
    fn a_host_is_read_without_port_and_case() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "ToDo.localhost:4100".parse().unwrap());
        assert_eq!(
            host(&headers, &"/".parse().unwrap()).as_deref(),
            Some("todo.localhost")
        );
    }

    #[test]
    fn texts_are_served_as_utf8() {
        assert_eq!(media_type("a/index.html"), "text/html; charset=utf-8");
        assert_eq!(media_type("app.js"), "text/javascript; charset=utf-8");
        assert_eq!(media_type("logo.png"), "image/png");
        assert_eq!(media_type("LICENSE"), "application/octet-stream");
    }
}
