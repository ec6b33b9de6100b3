//! The upload of a file: one form, or several with `Content-Range`.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

use super::bucket::{Bucket, missing};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::ids;
use crate::permissions::{self, Subject};
use crate::server::Params;
use crate::server::whole_body::BODY_BYTES_MAX;

/// What a request to create a file holds, before the bucket is known.
pub struct Upload {
    /// As asked for, or made anew for `unique()`.
    pub id: String,
    /// As asked for; a new file without gets its creator's default.
    pub(super) permissions: Option<Vec<String>>,
    /// Name and bytes of the form's file.
    content: Option<(String, Bytes)>,
    range: Result<Option<Range>, ApiError>,
}

/// Part of a file that has passed its bucket's rules.
pub(super) struct Chunk {
    pub(super) name: String,
    pub(super) bytes: Bytes,
    pub(super) range: Range,
    /// Whether the request said that this is a part.
    pub(super) ranged: bool,
}

/// Bytes of a file; the end is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) total: u64,
}

impl Upload {
    /// Reads a request.
    ///
    /// # Errors
    /// 413 without a body for more than 12 MiB; 400 `general_argument_invalid`.
    pub async fn read(request: Request) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let headers = parts.headers.clone();
        let bytes = axum::body::to_bytes(body, BODY_BYTES_MAX).await;
        let bytes = bytes.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE.into_response())?;
        let request = Request::from_parts(parts, Body::from(bytes));
        let (params, content) = if is_multipart(&headers) {
            form(request).await.map_err(ApiError::into_response)?
        } else {
            (Params::from_request(request, &()).await?, None)
        };
        Self::of(params, content, &headers).map_err(ApiError::into_response)
    }

    fn of(
        mut params: Params,
        content: Option<(String, Bytes)>,
        headers: &HeaderMap,
    ) -> Result<Self, ApiError> {
        let id = params
            .take_str("fileId")?
            .ok_or_else(|| missing("fileId"))?;
        let mut id = ids::resolve("fileId", &id)?;
        let permissions = params.take("permissions");
        let permissions = permissions
            .map(|list| permissions::parse(&list, Subject::Row))
            .transpose()?;
        let range = range(headers);
        let begun = headers.get("x-appwrite-id").filter(|id| !id.is_empty());
        if let (Ok(Some(_)), Some(begun)) = (&range, begun) {
            id = ids::resolve("fileId", begun.to_str().unwrap_or_default())?;
        }
        Ok(Self {
            id,
            permissions,
            content,
            range,
        })
    }

    /// Checks the rules of the bucket, in the order of the real platform.
    ///
    /// # Errors
    /// 401 `user_unauthorized`; 400 `storage_file_empty`, `storage_invalid_content_range`,
    /// `storage_file_type_unsupported` or `storage_invalid_file_size`.
    pub(super) fn check(&mut self, bucket: &Bucket, caller: &Caller) -> Result<Chunk, ApiError> {
        permissions::check_grantable(self.permissions.as_deref().unwrap_or_default(), caller)?;
        let empty =
            || ApiError::bad_request("storage_file_empty", "Empty file passed to the endpoint.");
        let (name, bytes) = self.content.take().ok_or_else(empty)?;
        let ranged = self.range.clone()?;
        let length = bytes.len() as u64;
        let range = ranged.unwrap_or(Range {
            start: 0,
            end: length,
            total: length,
        });
        if range.end.checked_sub(range.start) != Some(length) || range.end > range.total {
            return Err(bad_range());
        }
        if !bucket.accepts(&name) {
            let message = "File extension not allowed";
            return Err(ApiError::bad_request(
                "storage_file_type_unsupported",
                message,
            ));
        }
        if range.total > bucket.maximum_file_size {
            let message = "File size not allowed";
            return Err(ApiError::bad_request("storage_invalid_file_size", message));
        }
        Ok(Chunk {
            name,
            bytes,
            range,
            ranged: ranged.is_some(),
        })
    }
}

/// 400 `storage_invalid_content_range`.
pub(super) fn bad_range() -> ApiError {
    let message =
        "The content range is invalid. Please check the value of the Content-Range header.";
    ApiError::bad_request("storage_invalid_content_range", message)
}

fn is_multipart(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data"))
}

/// Reads a form: its texts, `name[]` as lists, and the file.
async fn form(request: Request) -> Result<(Params, Option<(String, Bytes)>), ApiError> {
    let unreadable = || ApiError::argument("The multipart body cannot be read.");
    let mut multipart = Multipart::from_request(request, &())
        .await
        .map_err(|_| unreadable())?;
    let mut values = Map::new();
    let mut content = None;
    while let Some(field) = multipart.next_field().await.map_err(|_| unreadable())? {
        let name = field.name().unwrap_or_default().to_owned();
        if let Some(file) = field.file_name().map(base_name) {
            let bytes = field.bytes().await.map_err(|_| unreadable())?;
            if name == "file" {
                content = Some((file, bytes));
            }
            continue;
        }
        let text = Value::String(field.text().await.map_err(|_| unreadable())?);
        match name.split_once('[') {
            None => {
                values.insert(name, text);
            }
            Some((list, _)) => {
                let list = values
                    .entry(list)
                    .or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(list) = list {
                    list.push(text);
                }
            }
        }
    }
    Ok((Params::of(values), content))
}

/// Some clients send the path the file had with them.
fn base_name(name: &str) -> String {
    name.rsplit(['/', '\\'])
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Reads `Content-Range: bytes 0-4/10`, where both ends are in the range.
fn range(headers: &HeaderMap) -> Result<Option<Range>, ApiError> {
    let Some(value) = headers.get(header::CONTENT_RANGE) else {
        return Ok(None);
    };
    let parsed = value.to_str().ok().and_then(|text| {
        let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
        let (start, last) = range.split_once('-')?;
        Some(Range {
            start: start.parse().ok()?,
            end: last.parse::<u64>().ok()?.checked_add(1)?,
            total: total.parse().ok()?,
        })
    });
    parsed.map(Some).ok_or_else(bad_range)
}
