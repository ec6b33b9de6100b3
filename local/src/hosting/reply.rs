//! How a file is answered: with a tag, with how long it may be kept, and smaller where that helps.

use std::io::Write as _;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use sha2::{Digest as _, Sha256};

use crate::ids;

/// Hex digits of an entity tag.
const TAG_DIGITS: usize = 32;
/// Below this a file does not get smaller by enough, in bytes.
const COMPRESSED_BYTES_MIN: usize = 1_024;
/// Characters of the hash that a build puts into the name of a file.
const HASH_CHARS: usize = 8;

/// How long a browser may keep a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// It asks each time whether there is another one; so may caches on the way.
    Shared,
    /// It asks each time whether there is another one.
    Asks,
    /// The name changes with the content.
    Forever,
}

impl Keep {
    /// What holds for a file of our own web client.
    pub(super) fn of_own(path: &str) -> Self {
        let is_hash = |text: &str| {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            text.len() == HASH_CHARS && text.bytes().all(is_part)
        };
        let stem = path
            .strip_prefix("assets/")
            .and_then(|name| name.split('.').next());
        let hash = stem.and_then(|stem| {
            let start = stem.len().checked_sub(HASH_CHARS)?;
            let before = stem.get(..start)?;
            before.ends_with('-').then(|| stem.get(start..)).flatten()
        });
        match hash {
            Some(hash) if is_hash(hash) => Self::Forever,
            Some(_) | None => Self::Asks,
        }
    }

    fn header(self) -> &'static str {
        match self {
            Self::Shared => "public, max-age=0, must-revalidate",
            Self::Asks => "no-cache",
            Self::Forever => "public, max-age=31536000, immutable",
        }
    }
}

/// Answers a file, or 304 where the browser has it.
pub(super) fn file(
    request: &Parts,
    status: StatusCode,
    bytes: Bytes,
    kind: &str,
    keep: Keep,
) -> Response {
    let mut tag = ids::hex(&Sha256::digest(&bytes));
    tag.truncate(TAG_DIGITS);
    let tag = format!("\"{tag}\"");
    let is_unchanged = status == StatusCode::OK && is_known(&request.headers, &tag);
    let small = (!is_unchanged && request.method == Method::GET)
        .then(|| smaller(&request.headers, kind, &bytes))
        .flatten();
    let is_small = small.is_some();
    let mut response = if is_unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let bytes = small.unwrap_or(bytes);
        let length = [(header::CONTENT_LENGTH, bytes.len().to_string())];
        let body = match request.method == Method::HEAD {
            true => Body::empty(),
            false => Body::from(bytes),
        };
        (status, length, body).into_response()
    };
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    if !is_unchanged {
        set(header::CONTENT_TYPE, kind);
    }
    if is_small {
        set(header::CONTENT_ENCODING, "gzip");
        // The bytes differ from those of the strong tag.
        set(header::ETAG, &format!("W/{tag}"));
    } else {
        set(header::ETAG, &tag);
    }
    if is_text(kind) {
        set(header::VARY, "Accept-Encoding");
    }
    set(header::CACHE_CONTROL, keep.header());
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    known.is_some_and(|list| {
        list.split(',')
            .map(|it| it.trim().trim_start_matches("W/"))
            .any(|it| it == tag || it == "*")
    })
}

/// The file as gzip, where the browser takes that and it is worth it.
fn smaller(headers: &HeaderMap, kind: &str, bytes: &Bytes) -> Option<Bytes> {
    let accepted = headers.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    let takes = accepted.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next() == Some("gzip") && parts.all(|part| part.trim_start_matches("q=") != "0")
    });
    if !takes || !is_text(kind) || bytes.len() < COMPRESSED_BYTES_MIN {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// Whether a media type is one of text, which gets smaller.
fn is_text(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or(kind);
    essence.starts_with("text/")
        || matches!(
            essence,
            "application/json"
                | "application/javascript"
                | "application/manifest+json"
                | "image/svg+xml"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_with_a_hash_are_kept_for_ever() {
        for name in ["assets/index-D2-51Egp.css", "assets/index-BKQKPYAB.js"] {
            assert_eq!(Keep::of_own(name), Keep::Forever, "{name}");
        }
        for name in [
            "index.html",
            "icon.svg",
            "assets/logo.svg",
            "x-BKQKPYAB.js",
            "assets/a-short.js",
        ] {
            assert_eq!(Keep::of_own(name), Keep::Asks, "{name}");
        }
    }

    #[test]
    fn a_file_is_compressed_for_those_who_take_that() {
        let large = Bytes::from(vec![b'a'; 4_000]);
        let ask = |accepted: &'static str, kind: &str, bytes: &Bytes| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted));
            smaller(&headers, kind, bytes).map(|bytes| bytes.len())
        };
        assert!(ask("br, gzip;q=0.8", "text/css; charset=utf-8", &large).unwrap() < 100);
        for (accepted, kind) in [
            ("br", "text/css"),
            ("gzip;q=0", "text/css"),
            ("gzip", "image/png"),
        ] {
            assert_eq!(ask(accepted, kind, &large), None, "{accepted} {kind}");
        }
        assert_eq!(ask("gzip", "text/css", &large.slice(..1_000)), None);
    }
}
