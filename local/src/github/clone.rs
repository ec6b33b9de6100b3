//! Fetching and pushing over smart HTTP, by git's own `http-backend`.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::ChildStdout;
use tokio_util::io::ReaderStream;

use super::account::Actor;
use super::registry::RepositoryRecord;
use super::{Service, now, outside};

/// A git that starts to answer takes less than this.
const ANSWER_SECONDS_MAX: u64 = 60;
/// Git answers a push with a few lines.
const PUSH_ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// The largest pack that is taken in one push.
pub(super) const PACK_BYTES_MAX: usize = 256 * 1024 * 1024;

type Names = Path<(String, String)>;

/// `GET /{owner}/{repo}.git/info/refs?service=git-upload-pack` (or `git-receive-pack`)
pub(super) async fn advertise(
    State(service): State<Arc<Service>>,
    Path((owner, repo)): Names,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let (push, query) = match query.get("service").map(String::as_str) {
        Some("git-upload-pack") => (false, "service=git-upload-pack"),
        Some("git-receive-pack") => (true, "service=git-receive-pack"),
        Some(_) | None => {
            return (StatusCode::FORBIDDEN, "only smart HTTP is served\n").into_response();
        }
    };
    let request = CgiRequest {
        method: "GET",
        path: "/info/refs",
        query,
        body: Bytes::new(),
        push,
    };
    serve(&service, &owner, &repo, &headers, request).await
}

/// `POST /{owner}/{repo}.git/git-upload-pack`
pub(super) async fn upload_pack(
    State(service): State<Arc<Service>>,
    Path((owner, repo)): Names,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = CgiRequest {
        method: "POST",
        path: "/git-upload-pack",
        query: "",
        body,
        push: false,
    };
    serve(&service, &owner, &repo, &headers, request).await
}

/// `POST /{owner}/{repo}.git/git-receive-pack`
pub(super) async fn receive_pack(
    State(service): State<Arc<Service>>,
    Path((owner, repo)): Names,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = CgiRequest {
        method: "POST",
        path: "/git-receive-pack",
        query: "",
        body,
        push: true,
    };
    serve(&service, &owner, &repo, &headers, request).await
}

/// The repository behind a web address, also by a name it had before, if this visitor may see it.
pub(super) fn visible(
    service: &Service,
    owner: &str,
    repo: &str,
    headers: &HeaderMap,
) -> Option<Arc<RepositoryRecord>> {
    let record = named(service, owner, repo)?;
    let allowed = !record.private
        || service.open_clone
        || visitor(service, headers).is_some_and(|actor| actor.may_read(&record));
    allowed.then_some(record)
}

fn named(service: &Service, owner: &str, repo: &str) -> Option<Arc<RepositoryRecord>> {
    let name = repo.strip_suffix(".git").unwrap_or(repo);
    let registry = &service.registry;
    registry.by_name(owner, name).or_else(|| {
        let id = registry.moved(owner, name)?;
        registry.by_id(id)
    })
}

fn visitor(service: &Service, headers: &HeaderMap) -> Option<Arc<Actor>> {
    let token = basic_password(headers)?;
    service.accounts.by_token(&token, now())
}

/// The repository to push to, or why not.
fn pushable(
    service: &Service,
    owner: &str,
    repo: &str,
    headers: &HeaderMap,
) -> Result<Arc<RepositoryRecord>, Refused> {
    let actor = visitor(service, headers).ok_or(Refused::Challenge)?;
    let record = named(service, owner, repo)
        .filter(|record| actor.may_read(record))
        .ok_or(Refused::Missing)?;
    let full_name = record.full_name();
    if !actor.may_push(&record) {
        let login = &actor.login;
        let message = format!("Permission to {full_name}.git denied to {login}.\n");
        return Err(Refused::Forbidden(message));
    }
    if record.archived {
        let message = "This repository was archived so it is read-only.\n";
        return Err(Refused::Forbidden(message.to_owned()));
    }
    Ok(record)
}

/// Why git is not served.
#[derive(Debug)]
enum Refused {
    Challenge,
    Missing,
    Forbidden(String),
}

impl Refused {
    fn answer(self) -> Response {
        let missing = "Repository not found.\n";
        match self {
            // As GitHub: asking for a password does not tell whether the repository exists.
            Self::Challenge => {
                let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"GitHub stand-in\"")];
                (StatusCode::UNAUTHORIZED, challenge, missing).into_response()
            }
            Self::Missing => (StatusCode::NOT_FOUND, missing).into_response(),
            Self::Forbidden(message) => (StatusCode::FORBIDDEN, message).into_response(),
        }
    }
}

/// Git sends a token as the password, or as the user name with any password.
fn basic_password(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    let token = match password {
        "" | "x-oauth-basic" => user,
        _ => password,
    };
    Some(token.to_owned())
}

struct CgiRequest {
    method: &'static str,
    path: &'static str,
    query: &'static str,
    body: Bytes,
    push: bool,
}

async fn serve(
    service: &Service,
    owner: &str,
    repo: &str,
    headers: &HeaderMap,
    request: CgiRequest,
) -> Response {
    let found = if request.push {
        pushable(service, owner, repo, headers)
    } else {
        visible(service, owner, repo, headers).ok_or(Refused::Challenge)
    };
    let record = match found {
        Ok(record) => record,
        Err(refused) => return refused.answer(),
    };
    let pushed = request.push && request.method == "POST";
    let answered = if pushed {
        push(service, record.id, headers, request).await
    } else {
        backend(service, record.id, headers, request).await
    };
    answered.unwrap_or_else(|error| {
        tracing::error!(error = format!("{error:#}"), "git over HTTP failed");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    })
}

/// Lets git take what is pushed to its end before the answer, so that what follows from it is
/// there when the pusher goes on.
async fn push(
    service: &Service,
    id: u64,
    headers: &HeaderMap,
    request: CgiRequest,
) -> anyhow::Result<Response> {
    let (parts, body) = backend(service, id, headers, request).await?.into_parts();
    let bytes = axum::body::to_bytes(body, PUSH_ANSWER_BYTES_MAX).await?;
    outside::branches_moved(service, id).await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// Runs the CGI program and streams what it prints.
async fn backend(
    service: &Service,
    id: u64,
    headers: &HeaderMap,
    request: CgiRequest,
) -> anyhow::Result<Response> {
    let header = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let protocol = HeaderName::from_static("git-protocol");
    let mut command = service.git.command();
    if request.push {
        // Heads of pull requests are moved by this service only.
        let settings = ["http.receivepack=true", "receive.hideRefs=refs/pull"];
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
    }
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", service.registry.repositories_dir())
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", format!("/{id}.git{}", request.path))
        .env("QUERY_STRING", request.query)
        .env("REQUEST_METHOD", request.method)
        .env("CONTENT_TYPE", header(&CONTENT_TYPE).unwrap_or_default())
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("REMOTE_ADDR", "127.0.0.1")
        .stderr(std::process::Stdio::null());
    if let Some(encoding) = header(&CONTENT_ENCODING) {
        command.env("HTTP_CONTENT_ENCODING", encoding);
    }
    if let Some(version) = header(&protocol) {
        command.env("GIT_PROTOCOL", version);
    }
    let mut child = command.spawn().context("start git http-backend")?;
    let mut stdin = child.stdin.take().context("git has no input")?;
    let mut stdout = BufReader::new(child.stdout.take().context("git has no output")?);
    let limit = std::time::Duration::from_secs(ANSWER_SECONDS_MAX);
    // Upload-pack may answer before it has read everything, so both happen at once.
    let body = request.body;
    service.tasks.spawn(async move {
        if stdin.write_all(&body).await.is_ok() {
            let _ = stdin.shutdown().await;
        }
    });
    let (status, answer) = tokio::time::timeout(limit, cgi_headers(&mut stdout))
        .await
        .context("git http-backend did not answer")??;
    // The task owns the child: it is reaped when it ends, after the last byte is read.
    service.tasks.spawn(async move {
        let _ = child.wait().await;
    });
    let mut response = Response::new(Body::from_stream(ReaderStream::new(stdout)));
    *response.status_mut() = status;
    *response.headers_mut() = answer;
    Ok(response)
}

/// Reads `Name: value` lines up to the empty one; `Status` is the answer's status.
async fn cgi_headers(
    stdout: &mut BufReader<ChildStdout>,
) -> anyhow::Result<(StatusCode, HeaderMap)> {
    let mut status = StatusCode::OK;
    let mut headers = HeaderMap::new();
    loop {
        let mut line = String::new();
        let read = stdout.read_line(&mut line).await?;
        anyhow::ensure!(read > 0, "git http-backend ended without an answer");
        let line = line.trim_end();
        if line.is_empty() {
            return Ok((status, headers));
        }
        let (name, value) = line.split_once(':').context("not a CGI header")?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().unwrap_or_default();
            status = StatusCode::from_bytes(code.as_bytes())?;
        } else {
            headers.insert(
                HeaderName::from_bytes(name.as_bytes())?,
                HeaderValue::from_str(value)?,
            );
        }
    }
}
