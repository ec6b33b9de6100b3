//! The one error of the REST API, in Appwrite's shape.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// The version of Appwrite whose behaviour this platform follows.
pub const APPWRITE_VERSION: &str = "1.9.6";

/// An answer that is not a success.
///
/// Rendered as `{"message","code","type","version"}` (Appwrite 1.9.6 in
/// production mode, measured).
#[derive(Debug, Clone, thiserror::Error)]
#[error("{kind} ({status}): {message}")]
pub struct ApiError {
    /// The HTTP status, also the `code` of the body.
    pub status: StatusCode,
    /// Appwrite's `type`.
    pub kind: &'static str,
    /// The text for people.
    pub message: String,
}

impl ApiError {
    /// Makes an error of any status and `type`.
    #[must_use]
    pub fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            message: message.into(),
        }
    }

    /// 400 with the given `type`.
    #[must_use]
    pub fn bad_request(kind: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, kind, message)
    }

    /// 400 `general_argument_invalid`: a parameter is not of its form.
    #[must_use]
    pub fn argument(message: impl Into<String>) -> Self {
        Self::bad_request("general_argument_invalid", message)
    }

    /// 404 with the given `type`.
    #[must_use]
    pub fn not_found(kind: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, kind, message)
    }

    /// 409 with the given `type`.
    #[must_use]
    pub fn conflict(kind: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, kind, message)
    }

    /// 401 `user_unauthorized`: the caller is known but may not do this.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "user_unauthorized",
            "The current user is not authorized to perform the requested action.",
        )
    }

    /// 500 `general_unknown`; the cause goes to the log, not to the caller.
    #[must_use]
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(cause = %cause, "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "general_unknown",
            "Server Error",
        )
    }

    /// The JSON body of this error.
    #[must_use]
    pub fn body(&self) -> serde_json::Value {
        json!({
            "message": self.message,
            "code": self.status.as_u16(),
            "type": self.kind,
            "version": APPWRITE_VERSION,
        })
    }
}

impl From<rusqlite::Error> for ApiError {
    fn from(error: rusqlite::Error) -> Self {
        Self::internal(&error)
    }
}

impl From<serde_json::Error> for ApiError {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(&error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        response.headers_mut().insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-cache, no-store, must-revalidate"),
        );
        response
    }
}
