//! `POST …/git/blobs`.

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::input::Input;
use super::objects;
use super::opened::Opened;
use super::refusal::Refusal;
use super::repository::created;

pub(super) async fn create(opened: Opened, input: Input) -> Result<Response, Refusal> {
    opened.require_write()?;
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

/// GitHub accepts the line breaks that many encoders write.
fn decode(content: &str) -> Result<Vec<u8>, Refusal> {
    let packed: String = content.split_ascii_whitespace().collect();
    STANDARD
        .decode(packed)
        .map_err(|_| Refusal::unprocessable("content is not valid Base64"))
}
