//! The content of files: `download` and `view`, whole or in part.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::file::File;
use super::{Storage, disk, files, media};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::kernel::Kernel;

/// Most bytes of an answer to a range without an end (Appwrite 1.9.6).
const RANGE_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// A file's place in the address.
type FilePath = Path<(String, String)>;

pub(super) async fn download(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((bucket, id)): FilePath,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    caller.require_scope("files.read")?;
    let file = files::readable(&kernel, caller, bucket, id).await?;
    let kind = file.mime_type.clone();
    answer(&kernel, file, &headers, "attachment", &kind).await
}

pub(super) async fn view(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path((bucket, id)): FilePath,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    caller.require_scope("files.read")?;
    let file = files::readable(&kernel, caller, bucket, id).await?;
    let kind = media::shown(&file.mime_type).to_owned();
    let mut response = answer(&kernel, file, &headers, "inline", &kind).await?;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("script-src none;"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    Ok(response)
}

async fn answer(
    kernel: &Kernel,
    file: File,
    headers: &HeaderMap,
    disposition: &str,
    kind: &str,
) -> Result<Response, ApiError> {
    if !file.complete {
        // The real platform names its path here.
        let message = "File not found";
        return Err(ApiError::not_found("storage_file_not_found", message));
    }
    let wanted = headers
        .get(header::RANGE)
        .map(|range| part(range, file.size_original).ok_or_else(unsatisfiable))
        .transpose()?;
    let name = file.name.replace(['"', '\\', '\r', '\n'], "_");
    let size = file.size_original;
    let content = read(kernel, file).await?;
    let mut response = match wanted {
        None => Response::new(Body::from(content)),
        Some((start, end)) => {
            let index = |at: u64| usize::try_from(at).map_err(|error| ApiError::internal(&error));
            let bounds = index(start)?..index(end)? + 1;
            if bounds.end > content.len() {
                return Err(ApiError::internal(&"a stored file is too short"));
            }
            let mut response = Response::new(Body::from(content.slice(bounds)));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let range = value(&format!("bytes {start}-{end}/{size}"));
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_RANGE, range);
            headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, value(kind));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, max-age=3888000"),
    );
    let disposition = value(&format!("{disposition}; filename=\"{name}\""));
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    Ok(response)
}

/// A header's value; one that cannot be sent becomes empty.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_bytes(text.as_bytes()).unwrap_or(HeaderValue::from_static(""))
}

async fn read(kernel: &Kernel, file: File) -> Result<Bytes, ApiError> {
    let storage = Storage::of(kernel)?;
    let path = file.folder(&kernel.data_dir).join(&file.blob);
    let bytes = disk::blocking(move || std::fs::read(path)).await?;
    let Some(seal) = file.seal else {
        return Ok(Bytes::from(bytes));
    };
    let opened = tokio::task::spawn_blocking(move || storage.sealer.open(&bytes, &seal)).await;
    let opened = opened.map_err(|error| ApiError::internal(&error))??;
    Ok(Bytes::from(opened))
}

/// 416 `storage_invalid_range`.
fn unsatisfiable() -> ApiError {
    let message =
        "The requested range is not satisfiable. Please check the value of the Range header.";
    ApiError::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "storage_invalid_range",
        message,
    )
}

/// Reads `bytes=0-4`: the first and the last byte. One byte alone is refused, as there.
fn part(range: &HeaderValue, size: u64) -> Option<(u64, u64)> {
    let (start, end) = range
        .to_str()
        .ok()?
        .trim()
        .strip_prefix("bytes=")?
        .split_once('-')?;
    let start: u64 = start.parse().ok()?;
    let end = match end {
        "" => start
            .checked_add(RANGE_BYTES_MAX - 1)?
            .min(size.checked_sub(1)?),
        end => end.parse().ok()?,
    };
    (start < end && end < size).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_lie_inside_the_file() {
        let part = |text: &'static str| part(&HeaderValue::from_static(text), 12);
        assert_eq!(part("bytes=0-4"), Some((0, 4)));
        assert_eq!(part("bytes=6-"), Some((6, 11)));
        for refused in [
            "bytes=0-12",
            "bytes=4-2",
            "bytes=12-",
            "items=0-4",
            "bytes=-5",
        ] {
            assert_eq!(part(refused), None, "{refused}");
        }
    }
}
