//! The web page, carried in this program.

use std::sync::Arc;

use local::hosting::{WebFile, WebRoot};
use rust_embed::Embed;
use serde_json::json;

use crate::hosting::Services;

#[derive(Embed)]
#[folder = "../web/dist"]
struct Page;

/// What a visitor reads where the page was not built into this program.
const NOT_BUILT: &str = "<!doctype html><meta charset=\"utf-8\"><title>Orchestrator</title>\
    <p>The web page is not part of this build. Build it with npm (see the README), then build the program again.</p>";

/// The page as the platform serves it. It is told which services are real.
pub(crate) fn root(services: Services) -> WebRoot {
    let models = if services.grok && services.claude {
        "real"
    } else {
        "scripted"
    };
    let github = if services.github { "real" } else { "stand-in" };
    let config = json!({"services": {"models": models, "github": github}}).to_string();
    Arc::new(move |path| match path.trim_start_matches('/') {
        "config.json" => Some((config.clone().into(), "application/json".to_owned())),
        path => file(path),
    })
}

/// A file of the page: its bytes and its media type. Unknown paths have none.
fn file(path: &str) -> Option<WebFile> {
    let path = if path.is_empty() { "index.html" } else { path };
    if let Some(file) = Page::get(path) {
        let media_type = mime_guess::from_path(path)
            .first_or_octet_stream()
            .to_string();
        return Some((file.data.into_owned().into(), media_type));
    }
    (path == "index.html").then(|| {
        (
            NOT_BUILT.as_bytes().into(),
            "text/html; charset=utf-8".to_owned(),
        )
    })
}
