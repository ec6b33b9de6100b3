//! The upload of a source: one multipart request, or several with `Content-Range`.

use std::fs::{self, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Multipart, Request};
use http::{HeaderMap, StatusCode, header};

use super::SOURCE_FILE;
use crate::error::ApiError;
use crate::functions::REQUEST_BYTES_MAX;

/// Largest source in bytes, over all chunks (Appwrite's default).
pub const SOURCE_BYTES_MAX: u64 = 30_000_000;

/// A checked request to create a deployment or to go on with its upload.
#[derive(Debug)]
pub struct Upload {
    pub(super) activate: bool,
    /// Commands and folder as given; absent ones are the site's.
    pub(super) install_command: Option<String>,
    pub(super) build_command: Option<String>,
    pub(super) output_directory: Option<String>,
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

/// What the form held.
#[derive(Default)]
struct Form {
    activate: Option<String>,
    install_command: Option<String>,
    build_command: Option<String>,
    output_directory: Option<String>,
    code: Option<(String, Bytes)>,
}

impl Upload {
    /// Reads and checks a request.
    ///
    /// # Errors
    /// 413 for more than 12 MiB at once; 400 `general_argument_invalid`, `storage_file_empty`,
    /// `storage_file_type_unsupported`, `storage_invalid_content_range` or
    /// `deployment_invalid_file_size`.
    pub async fn read(request: Request) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let headers = parts.headers.clone();
        let bytes = axum::body::to_bytes(body, REQUEST_BYTES_MAX)
            .await
            .map_err(|_| {
                ApiError::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "general_payload_too_large",
                    "",
                )
            })?;
        let form = match is_multipart(&headers) {
            true => Form::read(Request::from_parts(parts, Body::from(bytes))).await?,
            false => Form::from_json(&bytes),
        };
        let missing = "Param \"activate\" is not optional.";
        let activate = form.activate.ok_or_else(|| ApiError::argument(missing))?;
        let activate = match activate.as_str() {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => {
                let message = "Invalid `activate` param: Value must be a valid boolean";
                return Err(ApiError::argument(message));
            }
        };
        let (name, bytes) = form
            .code
            .ok_or_else(|| ApiError::bad_request("storage_file_empty", "No file sent"))?;
        if !name.ends_with(".tar.gz") {
            let message = "The given file extension is not supported.";
            return Err(ApiError::bad_request(
                "storage_file_type_unsupported",
                message,
            ));
        }
        let range = range(&headers, bytes.len() as u64)?;
        let id = headers
            .get("x-appwrite-id")
            .and_then(|value| value.to_str().ok());
        Ok(Self {
            activate,
            install_command: form.install_command,
            build_command: form.build_command,
            output_directory: form.output_directory,
            bytes,
            range,
            deployment_id: id.filter(|id| !id.is_empty()).map(str::to_owned),
        })
    }

    /// Writes the bytes to their place in the source. Blocks.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut options = OpenOptions::new();
        let path = folder.join(SOURCE_FILE);
        let mut file = options
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        file.seek(SeekFrom::Start(self.range.start))?;
        file.write_all(&self.bytes)?;
        // The record that follows must not be more durable than what it speaks of.
        file.sync_all()
    }
}

impl Form {
    async fn read(request: Request) -> Result<Self, ApiError> {
        let unreadable = || ApiError::argument("The multipart body cannot be read.");
        let mut multipart = Multipart::from_request(request, &())
            .await
            .map_err(|_| unreadable())?;
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
                "installCommand" => form.install_command = Some(text),
                "buildCommand" => form.build_command = Some(text),
                "outputDirectory" => form.output_directory = Some(text),
                _ => {}
            }
        }
        Ok(form)
    }

    /// A request that is no form has no file; which complaint comes first depends on this.
    fn from_json(bytes: &[u8]) -> Self {
        let value: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
        let activate = value
            .get("activate")
            .map(|it| it.to_string().trim_matches('"').to_owned());
        Self {
            activate,
            ..Self::default()
        }
    }
}

fn is_multipart(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("multipart/form-data"))
}

fn range(headers: &HeaderMap, length: u64) -> Result<Range, ApiError> {
    let range = match headers.get(header::CONTENT_RANGE) {
        None => Range {
            start: 0,
            end: length,
            total: length,
        },
        Some(value) => {
            let range = value.to_str().ok().and_then(parse_range);
            let fits = |range: &Range| {
                range.end <= range.total && range.end.checked_sub(range.start) == Some(length)
            };
            range.filter(fits).ok_or_else(|| {
                let message = "Invalid content range. Please check the value of the \
                               Content-Range header.";
                ApiError::bad_request("storage_invalid_content_range", message)
            })?
        }
    };
    if range.total == 0 {
        return Err(ApiError::bad_request(
            "storage_file_empty",
            "Empty file passed to the endpoint.",
        ));
    }
    if range.total > SOURCE_BYTES_MAX {
        let message = format!("The file is larger than {SOURCE_BYTES_MAX} bytes.");
        return Err(ApiError::bad_request(
            "deployment_invalid_file_size",
            message,
        ));
    }
    Ok(range)
}

/// Reads `bytes 0-4/10`, where both ends are in the range.
fn parse_range(text: &str) -> Option<Range> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, last) = range.split_once('-')?;
    let end = last.parse::<u64>().ok()?.checked_add(1)?;
    Some(Range {
        start: start.parse().ok()?,
        end,
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
        assert_eq!(
            with("bytes 5-9/10", 5).unwrap(),
            Range {
                start: 5,
                end: 10,
                total: 10
            }
        );
        for (text, length) in [
            ("bytes 5-9/10", 4),
            ("bytes 5-10/10", 6),
            ("bytes 9-5/10", 5),
            ("5-9", 5),
        ] {
            assert_eq!(
                with(text, length).unwrap_err().kind,
                "storage_invalid_content_range"
            );
        }
        let large = format!("bytes 0-4/{}", SOURCE_BYTES_MAX + 1);
        assert_eq!(
            with(&large, 5).unwrap_err().kind,
            "deployment_invalid_file_size"
        );
    }
}
