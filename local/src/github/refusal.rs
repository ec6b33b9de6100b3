//! Answers that are not a success, with GitHub's messages.

use axum::http::header::LOCATION;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// Why a request is not carried out.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The caller's doing, in GitHub's words.
    Answer(Box<RefusalBody>),
    /// Ours: git or the disk failed. Shown as a bare 500, the cause goes to the log.
    Internal(anyhow::Error),
}

/// What the gate turns into JSON; it knows the operation and so the documentation address.
#[derive(Clone, Debug)]
pub(super) struct RefusalBody {
    pub(super) status: StatusCode,
    pub(super) message: String,
    pub(super) errors: Vec<Value>,
    /// One more header, such as `location` of a repository that moved.
    pub(super) header: Option<(HeaderName, String)>,
    /// Replaces the documentation of the call.
    pub(super) documentation: Option<&'static str>,
}

/// The page about single sign-on, which stands in its refusal instead of the call's.
const SIGN_ON_PAGE: &str = "https://docs.github.com/articles/authenticating-to-a-github-organization-with-saml-single-sign-on/";

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self::Answer(Box::new(RefusalBody {
            status,
            message: message.into(),
            errors: Vec::new(),
            header: None,
            documentation: None,
        }))
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// The repository has another name now; `address` is where it is by its number.
    pub(super) fn moved(status: StatusCode, address: String) -> Self {
        Self::new(status, "Moved Permanently").with_header(LOCATION, address)
    }

    pub(super) fn sign_on(organization: &str) -> Self {
        let message = "Resource protected by organization SAML enforcement. You must grant your Personal Access token access to this organization.";
        let address = format!("required; url=https://github.com/orgs/{organization}/sso");
        let mut refusal =
            Self::forbidden(message).with_header(HeaderName::from_static("x-github-sso"), address);
        if let Self::Answer(body) = &mut refusal {
            body.documentation = Some(SIGN_ON_PAGE);
        }
        refusal
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: String) -> Self {
        if let Self::Answer(body) = &mut self {
            body.header = Some((name, value));
        }
        self
    }

    pub(super) fn archived() -> Self {
        Self::forbidden("Repository was archived so is read-only.")
    }

    /// For work that no caller asked for: a refusal is a failure like another.
    pub(super) fn into_error(self) -> anyhow::Error {
        match self {
            Self::Answer(body) => anyhow::anyhow!("{}", body.message),
            Self::Internal(error) => error,
        }
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
        Self::validations(message, vec![error])
    }

    /// The same with several causes.
    pub(super) fn validations(message: &str, errors: Vec<Value>) -> Self {
        let mut refusal = Self::unprocessable(message);
        if let Self::Answer(body) = &mut refusal {
            body.errors = errors;
        }
        refusal
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
                Box::new(RefusalBody {
                    status: StatusCode::INTERNAL_SERVER_ERROR,
                    message: "Server Error".to_owned(),
                    errors: Vec::new(),
                    header: None,
                    documentation: None,
                })
            }
        };
        let mut response = body.status.into_response();
        response.extensions_mut().insert(*body);
        response
    }
}
