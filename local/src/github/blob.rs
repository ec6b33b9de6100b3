//! `POST …/git/blobs` and `GET …/git/blobs/{file_sha}`.

use axum::Json;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::input::{Input, is_object_id};
use super::objects::{self, ObjectKind, ObjectReader};
use super::opened::Opened;
use super::refusal::Refusal;
use super::repository::created;
use super::{contents, node_id};

pub(super) async fn create(opened: Opened, input: Input) -> Result<Response, Refusal> {
    opened.require_commits().await?;
    let content = input.required_text("content")?;
    let bytes = match input.text("encoding")?.unwrap_or("utf-8") {
        "utf-8" => content.as_bytes().to_vec(),
        "base64" => decode(content)?,
        other => {
            return Err(Refusal::unprocessable(format!(
                "{other} is not a supported encoding"
            )));
        }
    };
    let git = opened.git();
    let sha = objects::write_blobs(&git, &[&bytes]).await?.concat();
    let url = opened.url(&format!("/git/blobs/{sha}"));
    Ok(created(json!({ "sha": sha, "url": url })))
}

pub(super) async fn get_blob(opened: Opened) -> Result<Json<Value>, Refusal> {
    opened.require_commits().await?;
    let sha = &opened.rest;
    let mut reader = ObjectReader::start(&opened.git())?;
    if !is_object_id(sha) || reader.kind(sha).await? != Some(ObjectKind::Blob) {
        return Err(Refusal::not_found());
    }
    let bytes = reader.contents(sha).await?.unwrap_or_default();
    Ok(Json(json!({
        "sha": sha,
        "node_id": node_id::blob(opened.record.id, sha),
        "size": bytes.len(),
        "url": opened.url(&format!("/git/blobs/{sha}")),
        "encoding": "base64",
        "content": contents::encode(&bytes),
    })))
}

/// GitHub accepts the line breaks that many encoders write.
fn decode(content: &str) -> Result<Vec<u8>, Refusal> {
    let packed: String = content.split_ascii_whitespace().collect();
    STANDARD
        .decode(packed)
        .map_err(|_| Refusal::unprocessable("content is not valid Base64"))
}
