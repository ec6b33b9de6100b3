//! One request to a function and its reply, the same on every host.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Instant;

use http::{HeaderMap, Method};
use hyper::body::Bytes;
use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use serde::Serialize;

use crate::logging::Log;

/// One request to a function.
pub struct Invocation {
    /// HTTP method.
    pub method: Method,
    /// Path as sent, with its leading slash, without the query.
    pub path: String,
    /// Query parameters, percent-decoded; of a repeated name the last.
    pub query: BTreeMap<String, String>,
    /// Headers without the host's control headers; credentials are marked sensitive.
    pub headers: HeaderMap,
    /// At most 20 MiB.
    pub body: Bytes,
    /// Why the function was started.
    pub trigger: Trigger,
    /// `x-appwrite-execution-id`, or Lambda's request id.
    pub execution_id: Option<String>,
    /// `x-appwrite-key`: the key that this execution may use.
    pub appwrite_key: Option<SecretString>,
    /// `x-appwrite-user-id`: who caused the execution; `None` for keys and schedules. Only hosts
    /// behind Appwrite fill it in, so it can be trusted.
    pub user_id: Option<String>,
    /// `x-appwrite-event`: the first name of the event. Its wording differs between versions of
    /// Appwrite: take ids from the body.
    pub event: Option<String>,
    /// When the handler's future is dropped, finished or not. Stop before it.
    pub deadline: Instant,
    /// Log of this execution.
    pub log: Log,
}

/// Why a function was started. Source: Appwrite's `x-appwrite-trigger`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A call through the API or a domain, or through Lambda.
    Http,
    /// A row or site event.
    Event,
    /// The function's schedule.
    Schedule,
    /// The host named none, or one that we do not know.
    Unknown,
}

impl Trigger {
    /// The value of `x-appwrite-trigger` for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Event => "event",
            Self::Schedule => "schedule",
            Self::Unknown => "",
        }
    }

    /// Reads the value of `x-appwrite-trigger`.
    pub(crate) fn parse(value: Option<&str>) -> Self {
        match value {
            Some("http") => Self::Http,
            Some("event") => Self::Event,
            Some("schedule") => Self::Schedule,
            Some(_) | None => Self::Unknown,
        }
    }
}

/// What a function answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status, 200 to 599.
    pub status: u16,
    /// Names in any case; a `set-cookie` value may hold several cookies, one a line.
    pub headers: Vec<(String, String)>,
    /// Raw bytes.
    pub body: Vec<u8>,
}

impl Reply {
    /// Returns an answer without body.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Returns a JSON answer. A value that has no JSON form gives the error `bug_reply_json`.
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => {
                let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
                Self {
                    status,
                    headers,
                    body,
                }
            }
            Err(_) => Self::error(
                500,
                "bug_reply_json",
                "The answer could not be written as JSON.",
            ),
        }
    }

    /// Returns the JSON error `{"error": {"code": …, "message": …}}`: a stable `snake_case` code
    /// and a sentence that says what to do. The message must be redacted.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(
            status,
            &serde_json::json!({ "error": { "code": code, "message": message } }),
        )
    }
}

/// What every function is to a host.
pub trait Handler: Send + Sync + 'static {
    /// Answers one invocation. Calls run in parallel, so state of one call lives in the call.
    ///
    /// The future is dropped at `invocation.deadline`. A panic is answered with status 500.
    fn handle(&self, invocation: Invocation) -> impl Future<Output = Reply> + Send;

    /// Is awaited when no call will follow, before the process ends: soon, or not at all where the
    /// process is killed.
    fn stopped(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// Splits at `&` and the first `=`, and decodes percent signs; `+` stays as it is (Open Runtimes v5).
pub(crate) fn parse_query(query: &str) -> BTreeMap<String, String> {
    let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Reply, Trigger, parse_query};

    #[test]
    fn query_is_split_and_decoded() {
        let query = parse_query("a=1=2&b%20c=%C3%A4+&&d&a=3");
        let pairs: Vec<_> = query
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(pairs, [("a", "3"), ("b c", "ä+"), ("d", "")]);
    }

    #[test]
    fn trigger_is_read_from_the_header() {
        let triggers = [
            Some("http"),
            Some("event"),
            Some("schedule"),
            Some("email"),
            None,
        ];
        let expected = [
            Trigger::Http,
            Trigger::Event,
            Trigger::Schedule,
            Trigger::Unknown,
            Trigger::Unknown,
        ];
        assert_eq!(triggers.map(Trigger::parse), expected);
    }

    #[test]
    fn error_reply_is_json_with_code_and_message() {
        let reply = Reply::error(400, "brief_invalid", "Give the task a name.");
        let body = r#"{"error":{"code":"brief_invalid","message":"Give the task a name."}}"#;
        assert_eq!(String::from_utf8_lossy(&reply.body), body);
        assert_eq!(
            (reply.status, reply.headers[0].1.as_str()),
            (400, "application/json")
        );
    }

    #[test]
    fn value_without_json_form_is_a_terminal_error() {
        let keys = std::collections::BTreeMap::from([((1, 2), 3)]);
        let reply = Reply::json(200, &keys);
        assert_eq!(reply.status, 500);
        assert!(String::from_utf8_lossy(&reply.body).contains("bug_reply_json"));
    }
}
