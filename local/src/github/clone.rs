//! Fetching over smart HTTP, by git's own `http-backend`. Pushes are refused: the API is the way in.

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

use super::Service;
use super::registry::RepositoryRecord;

/// A git that starts to answer takes less than this.
const ANSWER_SECONDS_MAX: u64 = 60;

type Names = Path<(String, String)>;

/// `GET /{owner}/{repo}.git/info/refs?service=git-upload-pack`
pub(super) async fn advertise(
    State(service): State<Arc<Service>>,
    Path((owner, repo)): Names,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    match query.get("service").map(String::as_str) {
        Some("git-upload-pack") => {}
        Some("git-receive-pack") => return refuse_push().await,
        Some(_) | None => {
            return (StatusCode::FORBIDDEN, "only smart HTTP is served\n").into_response();
        }
    }
    let request = CgiRequest {
        method: "GET",
        path: "/info/refs",
        query: "service=git-upload-pack",
        body: Bytes::new(),
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
    };
    serve(&service, &owner, &repo, &headers, request).await
}

pub(super) async fn refuse_push() -> Response {
    let message = "the GitHub stand-in takes commits through its API, not by push\n";
    (StatusCode::FORBIDDEN, message).into_response()
}

/// The repository behind a web address, if this visitor may see it.
pub(super) fn visible(
    service: &Service,
    owner: &str,
    repo: &str,
    headers: &HeaderMap,
) -> Option<Arc<RepositoryRecord>> {
    let name = repo.strip_suffix(".git").unwrap_or(repo);
    let record = service.registry.by_name(owner, name)?;
    let allowed = !record.private
        || service.open_clone
        || basic_password(headers)
            .and_then(|token| service.accounts.by_token(&token))
            .is_some_and(|account| account.may_read(&record));
    allowed.then_some(record)
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
}

async fn serve(
    service: &Service,
    owner: &str,
    repo: &str,
    headers: &HeaderMap,
    request: CgiRequest,
) -> Response {
    let Some(record) = visible(service, owner, repo, headers) else {
        // As GitHub: asking for a password does not tell whether the repository exists.
        let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"GitHub stand-in\"")];
        return (
            StatusCode::UNAUTHORIZED,
            challenge,
            "Repository not found.\n",
        )
            .into_response();
    };
    match backend(service, record.id, headers, request).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "a fetch failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
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
