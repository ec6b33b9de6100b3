//! The web page, carried in this program.

use rust_embed::Embed;

#[derive(Embed)]
#[folder = "../web/dist"]
struct Page;

/// What a visitor reads where the page was not built into this program.
const NOT_BUILT: &str = "<!doctype html><meta charset=\"utf-8\"><title>Orchestrator</title>\
    <p>The web page is not part of this build. Build it with npm (see the README), then build the program again.</p>";

/// A file of the page: its bytes and its media type. Unknown paths have none.
pub(crate) fn file(path: &str) -> Option<(Vec<u8>, String)> {
    let path = if path.is_empty() { "index.html" } else { path };
    if let Some(file) = Page::get(path) {
        let media_type = mime_guess::from_path(path).first_or_octet_stream().to_string();
        return Some((file.data.into_owned(), media_type));
    }
    (path == "index.html").then(|| (NOT_BUILT.as_bytes().to_vec(), "text/html; charset=utf-8".to_owned()))
}
