//! Answers that are not a success, with GitHub's messages.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// Why a request is not carried out.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The caller's doing, in GitHub's words.
    Answer(RefusalBody),
    /// Ours: git or the disk failed. Shown as a bare 500, the cause goes to the log.
    Internal(anyhow::Error),
}

/// What the gate turns into JSON; it knows the operation and so the documentation address.
#[derive(Clone, Debug)]
pub(super) struct RefusalBody {
    pub(super) status: StatusCode,
    pub(super) message: String,
    pub(super) errors: Vec<Value>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self::Answer(RefusalBody {
            status,
            message: message.into(),
            errors: Vec::new(),
        })
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(super) fn empty_repository() -> Self {
        Self::new(StatusCode::CONFLICT, "Git Repository is empty.")
    }

    pub(super) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    /// A body that does not fit the published request schema.
    pub(super) fn invalid_request(detail: impl std::fmt::Display) -> Self {
        Self::unprocessable(format!("Invalid request.\n\n{detail}"))
    }

    /// A 422 whose cause stands in `errors`, as validation failures of a record do.
    pub(super) fn validation(message: &str, error: Value) -> Self {
        Self::Answer(RefusalBody {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            message: message.to_owned(),
            errors: vec![error],
        })
    }
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = match self {
            Self::Answer(body) => body,
            Self::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "github stand-in failed");
                RefusalBody {
                    status: StatusCode::INTERNAL_SERVER_ERROR,
                    message: "Server Error".to_owned(),
                    errors: Vec::new(),
                }
            }
        };
        let mut response = body.status.into_response();
        response.extensions_mut().insert(body);
        response
    }
}
