//! `GET` and `PUT …/contents/{path}`: one file and one commit at a time.

use std::collections::BTreeMap;

use anyhow::Context as _;
use axum::Json;
use axum::extract::Query;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Value, json};

use super::commit::{self, Signature};
use super::input::Input;
use super::objects::{self, ObjectKind, ObjectReader};
use super::opened::Opened;
use super::refusal::Refusal;
use super::tree::{self, is_plain_name};
use super::tree_entry::{Entry, Mode, Source, parse_path};
use super::{merge, pull};

/// Larger files have no content in the answer.
const INLINE_BYTES_MAX: usize = 1024 * 1024;
/// The longest listing of a directory.
const LISTED_MAX: usize = 1_000;
/// Base64 as GitHub writes it: lines of 60 characters.
const LINE_CHARACTERS: usize = 60;
const NO_OBJECT: &str = "0000000000000000000000000000000000000000";

pub(super) async fn get(
    opened: Opened,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Json<Value>, Refusal> {
    let reference = query.get("ref").unwrap_or(&opened.record.default_branch);
    let path = opened.rest.trim_matches('/').to_owned();
    let legal = path.is_empty() || parse_path(&path).is_ok();
    if !legal || path.contains('\n') || !is_plain_name(reference) {
        return Err(Refusal::not_found());
    }
    if opened.require_commits().await.is_err() {
        return Err(Refusal::new(
            StatusCode::NOT_FOUND,
            "This repository is empty.",
        ));
    }
    let mut reader = ObjectReader::start(&opened.git())?;
    let root = format!("{reference}^{{tree}}");
    let found = match reader.info(&root).await? {
        Some(tree) if path.is_empty() => Some(tree),
        Some(tree) => reader.info(&format!("{}:{path}", tree.sha)).await?,
        None => None,
    };
    let found = found.ok_or_else(Refusal::not_found)?;
    if found.kind != ObjectKind::Tree {
        let bytes = reader.contents(&found.sha).await?.unwrap_or_default();
        return Ok(Json(file(&opened, reference, &path, &found.sha, &bytes)));
    }
    let output = opened
        .git()
        .run(&["ls-tree", "-l", "-z", &found.sha], &[])
        .await?;
    let output = String::from_utf8(output.success()?).context("a path is not UTF-8")?;
    let entries: Option<Vec<Value>> = output
        .split_terminator('\0')
        .take(LISTED_MAX)
        .map(|line| listed(&opened, reference, &path, line))
        .collect();
    Ok(Json(json!(
        entries.context("git listed a tree differently")?
    )))
}

/// One line of `git ls-tree -l` as an element of a directory.
fn listed(opened: &Opened, reference: &str, directory: &str, line: &str) -> Option<Value> {
    let (meta, name) = line.split_once('\t')?;
    let mut words = meta.split_ascii_whitespace();
    let (mode, kind, sha) = (words.next()?, words.next()?, words.next()?);
    let size: usize = words.next()?.parse().unwrap_or(0);
    let path = match directory {
        "" => name.to_owned(),
        _ => format!("{directory}/{name}"),
    };
    let mut body = entry(opened, reference, &path, sha, size);
    body["type"] = json!(match (kind, mode) {
        ("tree", _) => "dir",
        ("commit", _) => "submodule",
        (_, "120000") => "symlink",
        _ => "file",
    });
    Some(body)
}

fn file(opened: &Opened, reference: &str, path: &str, sha: &str, bytes: &[u8]) -> Value {
    let mut body = entry(opened, reference, path, sha, bytes.len());
    let inline = bytes.len() <= INLINE_BYTES_MAX;
    body["type"] = json!("file");
    body["encoding"] = json!(if inline { "base64" } else { "none" });
    body["content"] = json!(if inline { encode(bytes) } else { String::new() });
    body
}

/// Base64 in lines, each ended.
pub(super) fn encode(bytes: &[u8]) -> String {
    let packed = STANDARD.encode(bytes);
    let lines = packed.as_bytes().chunks(LINE_CHARACTERS);
    lines
        .map(|line| format!("{}\n", String::from_utf8_lossy(line)))
        .collect()
}

fn entry(opened: &Opened, reference: &str, path: &str, sha: &str, size: usize) -> Value {
    let base = &opened.service.base_url;
    let full_name = opened.record.full_name();
    let escape = |text: &str| {
        let parts = text.split('/').map(|part| {
            percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        });
        parts.collect::<Vec<_>>().join("/")
    };
    let (escaped, reference) = (escape(path), escape(reference));
    let url = opened.url(&format!("/contents/{escaped}?ref={reference}"));
    let git = opened.url(&format!("/git/blobs/{sha}"));
    let html = format!("{base}/{full_name}/blob/{reference}/{escaped}");
    json!({
        "name": path.rsplit('/').next(),
        "path": path,
        "sha": sha,
        "size": size,
        "url": url,
        "git_url": git,
        "html_url": html,
        "download_url": format!("{base}/{full_name}/raw/{reference}/{escaped}"),
        "_links": { "self": url, "git": git, "html": html },
    })
}

/// Who changes a file must say which one it is, and who makes one must not.
fn require_known(path: &str, current: Option<&str>, given: Option<&str>) -> Result<(), Refusal> {
    match (current, given) {
        (Some(_), None) => Err(Refusal::invalid_request("\"sha\" wasn't supplied.")),
        (current, Some(given)) if current != Some(given) => {
            let message = format!("{path} does not match {given}");
            Err(Refusal::new(StatusCode::CONFLICT, message))
        }
        (Some(_) | None, Some(_)) | (None, None) => Ok(()),
    }
}

pub(super) async fn put(opened: Opened, input: Input) -> Result<Response, Refusal> {
    let message = input.required_text("message")?;
    let packed: String = input.required_text("content")?.split_whitespace().collect();
    let bytes = STANDARD
        .decode(packed)
        .map_err(|_| Refusal::unprocessable("content is not valid Base64"))?;
    let path = parse_path(&opened.rest)
        .map_err(|_| Refusal::unprocessable("path contains a malformed path component"))?;
    let branch = input
        .text("branch")?
        .unwrap_or(&opened.record.default_branch);
    let given = input.text("sha")?;
    let git = opened.git();
    let head = merge::tip(&git, branch).await?;
    if head.is_none() && opened.require_commits().await.is_ok() {
        let message = format!("Branch {branch} not found");
        return Err(Refusal::new(StatusCode::NOT_FOUND, message));
    }
    let mut reader = ObjectReader::start(&git)?;
    let joined = path.join("/");
    let current = match &head {
        Some(head) => reader.info(&format!("{head}:{joined}")).await?,
        None => None,
    };
    let current = current.map(|info| info.sha);
    require_known(&joined, current.as_deref(), given)?;
    let blob = objects::write_blobs(&git, &[&bytes]).await?.concat();
    let entry = Entry {
        path,
        mode: Mode::File,
        source: Source::Object {
            sha: blob.clone(),
            kind: ObjectKind::Blob,
        },
    };
    if entry.touches_workflows() {
        opened.caller.actor.require_workflows()?;
    }
    let tree = tree::with_entries(&git, &mut reader, head.as_deref(), vec![entry]).await?;
    let author = Signature::of(&opened, &input, "author")?;
    let committer = match input.object("committer")? {
        Some(_) => Signature::of(&opened, &input, "committer")?,
        None => author.clone(),
    };
    let parents: Vec<String> = head.iter().cloned().collect();
    let sha = commit::write(&git, &tree, &parents, &author, &committer, message).await?;
    let name = format!("refs/heads/{branch}");
    let before = head.as_deref().unwrap_or(NO_OBJECT);
    let moved = git.run(&["update-ref", &name, &sha, before], &[]).await?;
    if !moved.is_success() {
        let is = merge::tip(&git, branch).await?.unwrap_or_default();
        let message = format!("{name} is at {is} but expected {before}");
        return Err(Refusal::new(StatusCode::CONFLICT, message));
    }
    pull::follow(&opened.service, opened.record.id).await?;
    let mut content = file(&opened, branch, &joined, &blob, &bytes);
    if let Value::Object(content) = &mut content {
        content.remove("content");
        content.remove("encoding");
    }
    let mut reader = ObjectReader::start(&git)?;
    let commit = commit::body(&opened, &mut reader, &sha).await?;
    let status = if current.is_some() {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let body = json!({ "content": content, "commit": commit });
    Ok((status, Json(body)).into_response())
}
