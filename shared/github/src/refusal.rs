//! Reading an answer that is not a success: octocrab shows such an error as just "GitHub".

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;
use crate::object::SHA256_WORDS;
use crate::{actions, publish, pull, read, repository};

/// The most of GitHub's own words that go into an error, in characters.
const MESSAGE_CHARS_MAX: usize = 500;

/// Why one request brought nothing.
#[derive(Debug)]
pub(crate) enum Failed {
    /// No whole answer came; a write may have happened.
    Unanswered(Box<dyn std::error::Error + Send + Sync>),
    /// GitHub answered with something other than success.
    Refused(Box<Refusal>),
    /// Success, but not of the documented shape; a write has happened.
    Shape(serde_json::Error),
    /// The request was not sent.
    Stopped(Box<Error>),
}

/// An answer that is not a success.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// GitHub's `message`, without the entries of `errors`.
    message: String,
    errors: Vec<ErrorEntry>,
    headers: HeaderMap,
}

/// One entry of `errors`. Source: GitHub REST 2022-11-28, schema `validation-error`; some
/// endpoints send a plain string instead.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorEntry {
    field: Option<String>,
    code: Option<String>,
    message: Option<String>,
}

impl Refusal {
    /// Reads the body of an answer, whatever it is.
    pub(crate) fn read(status: StatusCode, headers: HeaderMap, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let message = match body.get("message").and_then(Value::as_str) {
            Some(message) => message.to_owned(),
            None => status
                .canonical_reason()
                .unwrap_or("no message")
                .to_lowercase(),
        };
        let errors = match body.get("errors") {
            Some(Value::Array(entries)) => entries.iter().map(ErrorEntry::read).collect(),
            Some(single @ Value::String(_)) => vec![ErrorEntry::read(single)],
            Some(_) | None => Vec::new(),
        };
        Self {
            status,
            message,
            errors,
            headers,
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn says(&self, words: &str) -> bool {
        self.message.to_ascii_lowercase().contains(words)
    }

    /// 422 because the account already has a repository of that name. The code is `custom`, so
    /// only field and text tell.
    fn is_name_taken(&self) -> bool {
        self.status == StatusCode::UNPROCESSABLE_ENTITY
            && self.errors.iter().any(|entry| {
                entry.field.as_deref() == Some("name")
                    && (entry.code.as_deref() == Some("already_exists")
                        || entry
                            .message
                            .as_deref()
                            .is_some_and(|message| message.contains("already exists")))
            })
    }

    fn is_not_fast_forward(&self) -> bool {
        // Two spellings are in use: "not a fast forward" and "not a fast-forward".
        self.status == StatusCode::UNPROCESSABLE_ENTITY
            && (self.says("not a fast forward") || self.says("not a fast-forward"))
    }

    /// Seen for a moment after many objects were written: the replica that answered lags behind.
    fn is_lagging(&self) -> bool {
        self.status == StatusCode::UNPROCESSABLE_ENTITY
            && (self.says("reference does not exist") || self.says("object does not exist"))
    }

    /// Somebody else made the same thing first, or we did and the answer was lost.
    fn is_already_there(&self) -> bool {
        let there = |text: &str| text.to_ascii_lowercase().contains("already exists");
        matches!(
            self.status,
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::CONFLICT
        ) && (there(&self.message)
            || self
                .errors
                .iter()
                .any(|entry| entry.message.as_deref().is_some_and(there)))
    }

    /// Nothing would change between the two branches of a pull request.
    fn is_without_commits(&self) -> bool {
        self.status == StatusCode::UNPROCESSABLE_ENTITY
            && self.words().contains("No commits between")
    }

    fn is_archived(&self) -> bool {
        self.status == StatusCode::FORBIDDEN && self.says("archived so is read-only")
    }

    /// The permission itself is missing, rather than some rule being in the way.
    fn is_permission(&self) -> bool {
        self.says("resource not accessible")
            || self.lacks_scope()
            || self.header("x-github-sso").is_some()
    }

    /// The request was killed after GitHub's ten seconds.
    fn is_too_large(&self) -> bool {
        self.status == StatusCode::BAD_GATEWAY
            || (self.status == StatusCode::UNPROCESSABLE_ENTITY && self.says("timed out"))
    }

    fn is_rate_limit(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS
            || (self.status == StatusCode::FORBIDDEN
                && (self.header("retry-after").is_some()
                    || self.header("x-ratelimit-remaining") == Some("0")
                    || self.says("rate limit")))
    }

    fn rate_limited(&self) -> Error {
        let retry_after = self
            .header("retry-after")
            .and_then(|value| value.trim().parse().ok())
            .map(Duration::from_secs);
        // `x-ratelimit-reset` is the primary limit's; it says nothing about a secondary one.
        let reset: Option<i64> = (self.header("x-ratelimit-remaining") == Some("0"))
            .then(|| self.header("x-ratelimit-reset")?.parse().ok())
            .flatten();
        // GitHub's own clock, so that ours need not be right.
        let until_reset = reset.and_then(|reset| {
            let now = jiff::fmt::rfc2822::parse(self.header("date")?).ok()?;
            let seconds = reset.saturating_sub(now.timestamp().as_second()).max(0);
            u64::try_from(seconds).ok().map(Duration::from_secs)
        });
        Error::RateLimited {
            retry_after: retry_after.or(until_reset),
            reset,
        }
    }

    /// What the endpoint asks for, in GitHub's words.
    fn needed(&self) -> Option<String> {
        ["x-accepted-github-permissions", "x-accepted-oauth-scopes"]
            .into_iter()
            .filter_map(|name| self.header(name))
            .find(|value| !value.trim().is_empty())
            .map(str::to_owned)
    }

    /// Whether this is a classic token without any of the scopes the endpoint accepts: GitHub
    /// often hides that behind a 404.
    fn lacks_scope(&self) -> bool {
        let (Some(held), Some(accepted)) = (
            self.header("x-oauth-scopes"),
            self.header("x-accepted-oauth-scopes"),
        ) else {
            return false;
        };
        let mut accepted = scopes(accepted).peekable();
        accepted.peek().is_some() && !accepted.any(|scope| scopes(held).any(|own| own == scope))
    }

    fn missing_permission(&self, operation: &'static str) -> Error {
        let needed = self
            .needed()
            .or_else(|| permission(operation).map(str::to_owned));
        let message = if let Some(sso) = self.header("x-github-sso") {
            let url = sso
                .split("url=")
                .nth(1)
                .unwrap_or("github.com/settings/tokens");
            format!("authorize the token for the organization's single sign-on at {url}")
        } else if let Some(needed) = &needed {
            format!("give it {needed} ({})", self.words())
        } else {
            self.words()
        };
        Error::MissingPermission {
            operation,
            needed,
            message,
        }
    }

    /// Everything GitHub said, bounded.
    fn words(&self) -> String {
        let mut words = self.message.clone();
        for entry in &self.errors {
            let ErrorEntry {
                field,
                code,
                message,
            } = entry;
            let text = message.as_deref().or(code.as_deref()).unwrap_or("invalid");
            match field {
                Some(field) => words.push_str(&format!("; {field}: {text}")),
                None => words.push_str(&format!("; {text}")),
            }
        }
        words.chars().take(MESSAGE_CHARS_MAX).collect()
    }

    fn into_error(self, operation: &'static str) -> Error {
        if self.is_rate_limit() {
            return self.rate_limited();
        }
        match self.status {
            StatusCode::UNAUTHORIZED => Error::Unauthorized,
            _ if self.is_archived() => Error::Archived { operation },
            StatusCode::FORBIDDEN => self.missing_permission(operation),
            StatusCode::NOT_FOUND if self.lacks_scope() => self.missing_permission(operation),
            StatusCode::NOT_FOUND => Error::NotFound { operation },
            StatusCode::CONFLICT => Error::Unavailable { operation },
            status if status.is_server_error() => Error::Server {
                operation,
                status: status.as_u16(),
            },
            // "refusing to allow a token to create or update workflow … without `workflow` scope"
            _ if self.says("workflow") && self.says("refusing to allow") => {
                self.missing_permission(operation)
            }
            _ if self.is_lagging() => Error::Unavailable { operation },
            status if status.is_client_error() => Error::Validation {
                operation,
                message: self.words(),
            },
            // A write that was redirected, or turned into a GET on the way.
            _ => Error::Renamed { operation },
        }
    }
}

/// What an operation asks for where GitHub does not say it. Source: GitHub's documentation of
/// the permissions of fine-grained tokens and of classic scopes.
fn permission(operation: &str) -> Option<&'static str> {
    match operation {
        repository::CREATE => Some("scope `repo`, or the permission Administration: write"),
        repository::TOPICS => Some("scope `repo`, or the permission Administration: write"),
        publish::WRITE_BLOB
        | publish::WRITE_TREE
        | publish::WRITE_COMMIT
        | publish::MOVE_BRANCH => Some("scope `repo`, or the permission Contents: write"),
        repository::LOOK | read::READ_BRANCH | read::READ_TREE | read::READ_FILE => {
            Some("scope `repo`, or the permission Contents: read")
        }
        pull::OPEN | pull::LIST | pull::UPDATE => {
            Some("scope `repo`, or the permission Pull requests: write")
        }
        actions::SECRETS => Some("scope `repo`, or the permission Secrets: write"),
        actions::VARIABLES => Some("scope `repo`, or the permission Variables: write"),
        _ => None,
    }
}

impl ErrorEntry {
    fn read(value: &Value) -> Self {
        match value.as_str() {
            Some(message) => Self {
                message: Some(message.to_owned()),
                ..Self::default()
            },
            None => Self::deserialize(value).unwrap_or_default(),
        }
    }
}

/// The scopes in a header such as `repo, workflow`.
pub(crate) fn scopes(header: &str) -> impl Iterator<Item = &str> {
    header
        .split(',')
        .map(str::trim)
        .filter(|scope| !scope.is_empty())
}

impl Failed {
    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Unanswered(_) | Self::Shape(_) | Self::Stopped(_) => None,
        }
    }

    fn refused(&self, test: impl Fn(&Refusal) -> bool) -> bool {
        self.refusal().is_some_and(test)
    }

    /// No answer, or a 5xx: the request may or may not have had its effect.
    pub(crate) fn is_unanswered(&self) -> bool {
        match self {
            Self::Unanswered(_) => true,
            Self::Refused(refusal) => refusal.status.is_server_error(),
            Self::Shape(_) | Self::Stopped(_) => false,
        }
    }

    pub(crate) fn is_unauthorized(&self) -> bool {
        self.refused(|refusal| refusal.status == StatusCode::UNAUTHORIZED)
    }

    pub(crate) fn is_already_there(&self) -> bool {
        self.refused(Refusal::is_already_there)
    }

    pub(crate) fn is_without_commits(&self) -> bool {
        self.refused(Refusal::is_without_commits)
    }

    /// 409 of a repository without commits, which may also be one that is being made.
    pub(crate) fn is_empty(&self) -> bool {
        self.refused(|refusal| refusal.status == StatusCode::CONFLICT && refusal.says("is empty"))
    }

    /// A refusal of an organization to let something be done, in its words.
    pub(crate) fn policy(&self) -> Option<String> {
        let rule = |refusal: &&Refusal| match refusal.status {
            StatusCode::FORBIDDEN => !refusal.is_rate_limit() && !refusal.is_permission(),
            StatusCode::UNPROCESSABLE_ENTITY => {
                let words = refusal.words().to_lowercase();
                [
                    "visibility",
                    "private",
                    "public",
                    "policy",
                    "policies",
                    "plan",
                    "upgrade",
                ]
                .iter()
                .any(|word| words.contains(word))
            }
            _ => false,
        };
        self.refusal().filter(rule).map(Refusal::words)
    }

    /// 404 or 409: what a repository answers that was created a moment ago.
    pub(crate) fn is_not_visible(&self) -> bool {
        self.is_not_found() || self.refused(|refusal| refusal.status == StatusCode::CONFLICT)
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.refused(|refusal| refusal.status == StatusCode::NOT_FOUND)
    }

    /// 404, and not because of a scope that is known to be missing.
    pub(crate) fn is_absent(&self) -> bool {
        self.is_not_found() && !self.refused(Refusal::lacks_scope)
    }

    pub(crate) fn is_name_taken(&self) -> bool {
        self.refused(Refusal::is_name_taken)
    }

    pub(crate) fn is_not_fast_forward(&self) -> bool {
        self.refused(Refusal::is_not_fast_forward)
    }

    pub(crate) fn is_too_large(&self) -> bool {
        self.refused(Refusal::is_too_large)
    }

    /// The branch must be read again before anything can be said about this write.
    pub(crate) fn is_undecided(&self) -> bool {
        self.is_unanswered()
            || self.is_not_fast_forward()
            || self.is_already_there()
            || self.is_not_visible()
            || self.refused(Refusal::is_lagging)
    }

    /// The error of an operation that ends here.
    pub(crate) fn into_error(self, operation: &'static str) -> Error {
        match self {
            Self::Unanswered(source) => Error::Transport { operation, source },
            Self::Refused(refusal) => refusal.into_error(operation),
            Self::Shape(source) if source.to_string().contains(SHA256_WORDS) => Error::Validation {
                operation,
                message: format!("{SHA256_WORDS}, which are not supported; choose another one"),
            },
            Self::Shape(source) => Error::Answer { operation, source },
            Self::Stopped(error) => *error,
        }
    }
}
