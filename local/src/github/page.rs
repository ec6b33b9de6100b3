//! The pages behind `html_url`: what is on the default branch, and a pull request.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, StatusCode};

use super::Service;
use super::clone::visible;
use super::pull::PullRecord;
use super::registry::RepositoryRecord;

pub(super) async fn show(
    State(service): State<Arc<Service>>,
    Path((owner, repo)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(record) = visible(&service, &owner, &repo, &headers) else {
        return (StatusCode::NOT_FOUND, "Not Found\n").into_response();
    };
    match files(&service, &record).await {
        Ok(files) => html(page(&service.base_url, &record, &files)),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "a page failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

pub(super) async fn show_pull(
    State(service): State<Arc<Service>>,
    Path((owner, repo, number)): Path<(String, String, u64)>,
    headers: HeaderMap,
) -> Response {
    let record = visible(&service, &owner, &repo, &headers);
    let found = record.as_ref().and_then(|record| {
        let mut pulls = record.pulls.iter();
        Some((record, pulls.find(|pull| pull.number == number)?))
    });
    match found {
        Some((record, pull)) => html(pull_page(record, pull)),
        None => (StatusCode::NOT_FOUND, "Not Found\n").into_response(),
    }
}

fn html(page: String) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, page).into_response()
}

fn pull_page(record: &RepositoryRecord, pull: &PullRecord) -> String {
    let state = match (pull.open, pull.merged_at) {
        (true, _) => "open",
        (false, Some(_)) => "merged",
        (false, None) => "closed",
    };
    let lines = format!(
        "<h1>{title} (#{number})</h1>\n<p>{name}: {head} into {base}, {state}</p>\n\
         <pre>{body}</pre>\n",
        title = escape(&pull.title),
        number = pull.number,
        name = escape(&record.full_name()),
        head = escape(&pull.head),
        base = escape(&pull.base),
        body = escape(pull.body.as_deref().unwrap_or_default()),
    );
    document(&escape(&pull.title), &lines)
}

fn document(title: &str, lines: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>{title}</title>\n</head>\n<body>\n\
         <p>This is a local stand-in for GitHub. Nothing here was sent to github.com.</p>\n\
         {lines}</body>\n</html>\n"
    )
}

/// Paths on the default branch; none while the repository is empty.
async fn files(service: &Service, record: &RepositoryRecord) -> anyhow::Result<Vec<String>> {
    let git = service.git.open(service.registry.git_dir(record.id));
    let branch = format!("refs/heads/{}", record.default_branch);
    let head = ["rev-parse", "--verify", "--quiet", &branch];
    if !git.run(&head, &[]).await?.is_success() {
        return Ok(Vec::new());
    }
    let list = ["ls-tree", "-r", "-z", "--name-only", &branch];
    let output = git.run(&list, &[]).await?.success()?;
    Ok(String::from_utf8_lossy(&output)
        .split_terminator('\0')
        .map(ToOwned::to_owned)
        .collect())
}

fn page(base_url: &str, record: &RepositoryRecord, files: &[String]) -> String {
    let name = escape(&record.full_name());
    let branch = escape(&record.default_branch);
    let description = escape(record.description.as_deref().unwrap_or_default());
    let mut list = String::new();
    for file in files {
        // Writing to a String cannot fail.
        let _ = writeln!(list, "<li>{}</li>", escape(file));
    }
    if files.is_empty() {
        list.push_str("<li>This repository is empty.</li>\n");
    }
    let lines = format!(
        "<h1>{name}</h1>\n<p>{description}</p>\n\
         <p>Clone it with <code>git clone {base_url}/{name}.git</code></p>\n\
         <h2>Files on {branch}</h2>\n<ul>\n{list}</ul>\n"
    );
    document(&name, &lines)
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
