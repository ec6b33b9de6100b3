//! What kind of content bytes are: looked for in the bytes, as the real platform does, not in
//! the file's name.

/// Beginnings that give content away.
const MAGIC: &[(&[u8], &str)] = &[
    (b"\x1f\x8b", "application/gzip"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\x7fELF", "application/x-executable"),
    (b"\0asm", "application/wasm"),
];
/// Content that `view` shows as what it is; all else is shown as plain text, so that no page of a
/// stranger runs in this address (Appwrite 1.9.6).
const SHOWN: &[&str] = &[
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/webp",
    "image/avif",
    "image/bmp",
    "audio/mpeg",
    "audio/ogg",
    "audio/flac",
    "audio/wav",
    "video/mp4",
    "video/webm",
    "application/pdf",
];

/// The media type of content.
pub(super) fn kind(bytes: &[u8]) -> &'static str {
    if bytes.is_empty() {
        return "application/x-empty";
    }
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return kind;
    }
    if bytes.starts_with(b"RIFF") {
        return match bytes.get(8..12) {
            Some(b"WEBP") => "image/webp",
            Some(b"WAVE") => "audio/wav",
            Some(_) | None => "application/octet-stream",
        };
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text_kind(text),
        Ok(_) | Err(_) => "application/octet-stream",
    }
}

fn text_kind(text: &str) -> &'static str {
    let start = text.trim_start();
    let lower: String = start.chars().take(16).collect::<String>().to_lowercase();
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        return "text/html";
    }
    if lower.starts_with("<svg") {
        return "image/svg+xml";
    }
    if lower.starts_with("<?xml") {
        return "text/xml";
    }
    let may_be_json = start.starts_with(['{', '[']);
    if may_be_json && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        return "application/json";
    }
    "text/plain"
}

/// The media type by which `view` answers content of this one.
pub(super) fn shown(kind: &str) -> &str {
    if SHOWN.contains(&kind) {
        kind
    } else {
        "text/plain"
    }
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn content_is_known_by_its_bytes() {
        for (bytes, expected) in [
            (&b""[..], "application/x-empty"),
            (b"hello world\n", "text/plain"),
            (b"{\"a\": 1}", "application/json"),
            (b"{not json", "text/plain"),
            (b"\x1f\x8b\x08", "application/gzip"),
            (b"\x93\x00\xff", "application/octet-stream"),
            (b"<!DOCTYPE html><p>", "text/html"),
        ] {
            assert_eq!(kind(bytes), expected, "{bytes:?}");
        }
    }
}
