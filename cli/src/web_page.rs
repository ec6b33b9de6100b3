//! The web page, carried in this program.

use std::sync::Arc;

use local::hosting::{WebFile, WebRoot};
use rust_embed::Embed;

#[derive(Embed)]
#[folder = "../web/dist"]
struct Page;

/// What a visitor reads where the page was not built into this program.
const NOT_BUILT: &str = "<!doctype html><meta charset=\"utf-8\"><title>Orchestrator</title>\
    <p>The web page is not part of this build. Build it with npm (see the README), then build the program again.</p>";

/// The page as the platform serves it.
pub(crate) fn root() -> WebRoot {
    Arc::new(file)
}

/// A file of the page: its bytes and its media type. Unknown paths have none.
fn file(path: &str) -> Option<WebFile> {
    let path = path.trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    if let Some(file) = Page::get(path) {
        let media_type = mime_guess::from_path(path).first_or_octet_stream().to_string();
        return Some((file.data.into_owned().into(), media_type));
    }
    (path == "index.html").then(|| (NOT_BUILT.as_bytes().into(), "text/html; charset=utf-8".to_owned()))
}
