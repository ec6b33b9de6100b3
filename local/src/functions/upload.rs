//! The upload of a function's source: one multipart request, or several with `Content-Range`.

use std::fs::OpenOptions;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Multipart, Request};
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use super::REQUEST_BYTES_MAX;
use super::definition::missing;
use super::deployments::SOURCE_FILE;
use crate::error::ApiError;
use crate::sites::SOURCE_BYTES_MAX;

/// A checked request to create a deployment or to go on with its upload.
#[derive(Debug)]
pub struct Upload {
    pub(super) activate: bool,
    /// Entry file as given; an absent one is the function's.
    pub(super) entrypoint: Option<String>,
    /// Build commands as given; absent ones are the function's.
    pub(super) commands: Option<String>,
    /// The bytes of this request.
    pub bytes: Bytes,
    /// Where they belong in the source.
    pub range: Range,
    /// The deployment whose upload goes on.
    pub(super) deployment_id: Option<String>,
}

/// Part of a source, in bytes; the end is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First byte.
    pub start: u64,
    /// Behind the last byte.
    pub end: u64,
    /// Bytes of the whole source.
    pub total: u64,
}

#[derive(Default)]
struct Form {
    activate: Option<String>,
    entrypoint: Option<String>,
    commands: Option<String>,
    code: Option<(String, Bytes)>,
}

impl Upload {
    /// Reads and checks a request.
    ///
    /// # Errors
    /// 413 for more than 12 MiB at once; 400 `general_argument_invalid`, `storage_file_empty`,
    /// `storage_file_type_unsupported`, `storage_invalid_content_range` or
    /// `storage_invalid_file_size`.
    pub async fn read(request: Request) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let headers = parts.headers.clone();
        let bytes = axum::body::to_bytes(body, REQUEST_BYTES_MAX).await;
        let bytes = bytes.map_err(|_| {
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            ApiError::new(status, "general_payload_too_large", "")
        })?;
        let form = if text(&headers, &header::CONTENT_TYPE)
            .is_some_and(|kind| kind.starts_with("multipart/form-data"))
        {
            Form::read(Request::from_parts(parts, Body::from(bytes))).await?
        } else {
            Form::from_json(&bytes)
        };
        let activate = form.activate.ok_or_else(|| missing("activate"))?;
        let activate = match activate.as_str() {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => {
                let message = "Invalid `activate` param: Value must be a valid boolean";
                return Err(ApiError::argument(message));
            }
        };
        let no_file = || ApiError::bad_request("storage_file_empty", "No file sent");
        let (name, bytes) = form.code.ok_or_else(no_file)?;
        if !name.ends_with(".gz") {
            let message = "The given file extension is not supported.";
            let kind = "storage_file_type_unsupported";
            return Err(ApiError::bad_request(kind, message));
        }
        let range = range(&headers, bytes.len() as u64)?;
        let id = headers.get("x-appwrite-id");
        let id = id.and_then(|value| value.to_str().ok());
        Ok(Self {
            activate,
            entrypoint: form.entrypoint,
            commands: form.commands,
            bytes,
            range,
            deployment_id: id.filter(|id| !id.is_empty()).map(str::to_owned),
        })
    }

    /// Writes the bytes to their place in the source. Blocks.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let mut file = options.open(folder.join(SOURCE_FILE))?;
        file.seek(SeekFrom::Start(self.range.start))?;
        file.write_all(&self.bytes)?;
        // The record that follows must not be more durable than what it speaks of.
        file.sync_all()
    }
}

impl Form {
    async fn read(request: Request) -> Result<Self, ApiError> {
        let unreadable = || ApiError::argument("The multipart body cannot be read.");
        let multipart = Multipart::from_request(request, &()).await;
        let mut multipart = multipart.map_err(|_| unreadable())?;
        let mut form = Self::default();
        while let Some(field) = multipart.next_field().await.map_err(|_| unreadable())? {
            let name = field.name().unwrap_or_default().to_owned();
            if name == "code" {
                let file = field.file_name().unwrap_or_default().to_owned();
                form.code = Some((file, field.bytes().await.map_err(|_| unreadable())?));
                continue;
            }
            let text = field.text().await.map_err(|_| unreadable())?;
            match name.as_str() {
                "activate" => form.activate = Some(text),
                "entrypoint" => form.entrypoint = Some(text),
                "commands" => form.commands = Some(text),
                _ => {}
            }
        }
        Ok(form)
    }

    /// A request that is no form has no file; which complaint comes first depends on this.
    fn from_json(bytes: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let activate = value.get("activate").filter(|it| !it.is_null());
        let activate = activate.map(|it| it.to_string().trim_matches('"').to_owned());
        Self {
            activate,
            ..Self::default()
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn range(headers: &HeaderMap, length: u64) -> Result<Range, ApiError> {
    let whole = Range {
        start: 0,
        end: length,
        total: length,
    };
    let range = if headers.contains_key(header::CONTENT_RANGE) {
        let given = text(headers, &header::CONTENT_RANGE).and_then(parse_range);
        given.filter(|range| {
            range.end <= range.total && range.end.checked_sub(range.start) == Some(length)
        })
    } else {
        Some(whole)
    };
    let range = range.ok_or_else(|| {
        let message = "Invalid content range. Please check the value of the Content-Range header.";
        ApiError::bad_request("storage_invalid_content_range", message)
    })?;
    if range.total == 0 || range.total > SOURCE_BYTES_MAX {
        let message = format!("The file is empty or larger than {SOURCE_BYTES_MAX} bytes.");
        return Err(ApiError::bad_request("storage_invalid_file_size", message));
    }
    Ok(range)
}

/// Reads `bytes 0-4/10`, where both ends are in the range.
fn parse_range(text: &str) -> Option<Range> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, last) = range.split_once('-')?;
    Some(Range {
        start: start.parse().ok()?,
        end: last.parse::<u64>().ok()?.checked_add(1)?,
        total: total.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_must_fit_their_bytes() {
        let with = |text: &str, length| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_RANGE, text.parse().unwrap());
            range(&headers, length)
        };
        let found = with("bytes 5-9/10", 5).unwrap();
        assert_eq!((found.start, found.end, found.total), (5, 10, 10));
        for (text, length) in [("bytes 5-9/10", 4), ("bytes 9-5/10", 5), ("5-9", 5)] {
            let refused = with(text, length).unwrap_err();
            assert_eq!(refused.kind, "storage_invalid_content_range");
        }
        let large = format!("bytes 0-4/{}", SOURCE_BYTES_MAX + 1);
        let refused = with(&large, 5).unwrap_err();
        assert_eq!(refused.kind, "storage_invalid_file_size");
    }
}
