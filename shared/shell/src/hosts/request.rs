//! From what a host received to an [`Invocation`].

use std::time::Instant;

use http::{HeaderMap, Method, Uri};
use hyper::body::Bytes;
use secrecy::SecretString;

use crate::invocation::{Invocation, Trigger, parse_query};
use crate::logging::Log;
use crate::redaction::Redactor;

/// Headers between a host and its runtime: no handler sees those of a request, and none may answer
/// with them.
pub(super) const CONTROL_PREFIX: &str = "x-open-runtimes-";

/// Values that open doors: hidden from `Debug`, and from every log of the execution.
const CREDENTIALS: [&str; 4] = [
    "x-appwrite-key",
    "x-appwrite-user-jwt",
    "authorization",
    "cookie",
];

/// A request without its body.
pub struct Head {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Head {
    /// Takes away control headers, puts the enforced ones over the rest, marks credentials.
    /// An enforced header may have any name, also that of a control header, as on Open Runtimes:
    /// it is the operator's own, and was set for the handler to see.
    pub fn new(method: Method, uri: Uri, mut headers: HeaderMap, enforced: &HeaderMap) -> Self {
        remove(&mut headers, |name| name.starts_with(CONTROL_PREFIX));
        for (name, value) in enforced {
            headers.insert(name, value.clone());
        }
        for name in CREDENTIALS {
            if let http::header::Entry::Occupied(mut entry) = headers.entry(name) {
                entry.iter_mut().for_each(|value| value.set_sensitive(true));
            }
        }
        Self {
            method,
            uri,
            headers,
        }
    }

    /// Returns a redactor that knows this execution's credentials too.
    #[must_use]
    pub fn redactor(&self, base: &Redactor) -> Redactor {
        let values = CREDENTIALS.iter().filter_map(|name| self.text(name));
        // The scheme in front of a credential is no part of it.
        let whole = values.map(|value| value.split_once(' ').map_or(value, |(_, rest)| rest));
        let cookies = self
            .text("cookie")
            .into_iter()
            .flat_map(|all| all.split(';'));
        let cookies = cookies
            .filter_map(|cookie| cookie.split_once('='))
            .map(|(_, value)| value);
        base.with(whole.chain(cookies))
    }

    /// Adds what the head does not tell.
    pub fn into_invocation(self, body: Bytes, deadline: Instant, log: Log) -> Invocation {
        let owned = |name: &str| self.text(name).map(str::to_owned);
        Invocation {
            path: path(&self.uri),
            query: parse_query(self.uri.query().unwrap_or_default()),
            trigger: Trigger::parse(self.text("x-appwrite-trigger")),
            execution_id: owned("x-appwrite-execution-id"),
            appwrite_key: self.text("x-appwrite-key").map(SecretString::from),
            user_id: owned("x-appwrite-user-id"),
            event: owned("x-appwrite-event"),
            method: self.method,
            headers: self.headers,
            body,
            deadline,
            log,
        }
    }

    /// Value of a header; empty counts as absent, as Appwrite sends empty ones.
    fn text(&self, name: &str) -> Option<&str> {
        header_text(&self.headers, name)
    }
}

/// Value of a header that is neither empty nor unreadable.
pub(super) fn header_text<'map>(headers: &'map HeaderMap, name: &str) -> Option<&'map str> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .filter(|text| !text.is_empty())
}

/// Removes every header whose lower-case name is unwanted.
pub(super) fn remove(headers: &mut HeaderMap, is_unwanted: impl Fn(&str) -> bool) {
    let unwanted: Vec<_> = headers
        .keys()
        .filter(|name| is_unwanted(name.as_str()))
        .cloned()
        .collect();
    for name in unwanted {
        headers.remove(name);
    }
}

fn path(uri: &Uri) -> String {
    let path = uri.path();
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
    use hyper::body::Bytes;
    use secrecy::ExposeSecret;

    use super::Head;
    use crate::invocation::{Invocation, Trigger};
    use crate::logging::Log;
    use crate::redaction::Redactor;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        pairs.iter().map(pair).collect()
    }

    fn invocation(head: Head) -> Invocation {
        let now = std::time::Instant::now();
        head.into_invocation(Bytes::new(), now, Log::off(Redactor::default()))
    }

    /// Headers as recorded from Appwrite 1.9.6 for a row event; values shortened.
    const EVENT: [(&str, &str); 9] = [
        ("user-agent", "Appwrite/1.9.6"),
        ("content-type", "application/json"),
        ("x-appwrite-trigger", "event"),
        (
            "x-appwrite-event",
            "databases.main.collections.tasks.documents.r1.create",
        ),
        ("x-appwrite-execution-id", "e1"),
        ("x-appwrite-key", "ephemeral_key-of-this-execution"),
        ("x-appwrite-user-id", ""),
        ("x-appwrite-user-jwt", ""),
        ("x-open-runtimes-secret", "between-host-and-runtime"),
    ];

    #[test]
    fn event_execution_is_understood() {
        let uri = Uri::from_static("/?a=b");
        let head = Head::new(Method::POST, uri, map(&EVENT), &HeaderMap::new());
        let invocation = invocation(head);
        assert_eq!(invocation.trigger, Trigger::Event);
        assert_eq!(invocation.path, "/");
        assert_eq!(invocation.query["a"], "b");
        assert_eq!(invocation.execution_id.as_deref(), Some("e1"));
        assert_eq!(invocation.user_id, None);
        assert_eq!(
            invocation.event.as_deref(),
            Some("databases.main.collections.tasks.documents.r1.create")
        );
        let key = invocation.appwrite_key.unwrap();
        assert_eq!(key.expose_secret(), "ephemeral_key-of-this-execution");
        assert!(!invocation.headers.contains_key("x-open-runtimes-secret"));
    }

    #[test]
    fn credentials_do_not_show_in_debug_or_logs() {
        let head = Head::new(
            Method::POST,
            Uri::from_static("/"),
            map(&EVENT),
            &HeaderMap::new(),
        );
        assert!(!format!("{:?}", head.headers).contains("ephemeral"));
        let redactor = head.redactor(&Redactor::default());
        assert_eq!(
            redactor.clean("key-of ephemeral_key-of-this-execution"),
            "key-of [redacted]"
        );
    }

    #[test]
    fn a_control_header_is_seen_if_it_is_enforced_and_not_if_it_was_sent() {
        let sent = map(&[
            ("x-open-runtimes-secret", "sent"),
            ("x-open-runtimes-zone", "sent"),
        ]);
        let enforced = map(&[("x-open-runtimes-zone", "host")]);
        let head = Head::new(Method::GET, Uri::from_static("/"), sent, &enforced);
        assert_eq!(head.headers, enforced);
    }

    #[test]
    fn enforced_headers_win_over_the_callers() {
        let caller = map(&[("x-one", "caller"), ("x-two", "caller")]);
        let head = Head::new(
            Method::GET,
            Uri::from_static("/"),
            caller,
            &map(&[("x-one", "host")]),
        );
        assert_eq!(
            (&head.headers["x-one"], &head.headers["x-two"]),
            (
                &HeaderValue::from_static("host"),
                &HeaderValue::from_static("caller")
            )
        );
    }
}
