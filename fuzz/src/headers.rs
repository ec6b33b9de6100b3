//! Headers of Open Runtimes' executor, and of whoever it passes on.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use secrecy::ExposeSecret as _;
use shell::hosts::control::{LOG_ID_CHARS_MAX, TIMEOUT_SECONDS_MAX, timeout, wanted_log};
use shell::hosts::request::Head;
use shell::logging::Log;
use shell::redaction::{REDACTED, Redactor, SECRET_CHARS_MIN};

const CREDENTIALS: [&str; 4] = [
    "x-appwrite-key",
    "x-appwrite-user-jwt",
    "authorization",
    "cookie",
];

/// No handler sees a control header that was sent, each sees all that are enforced, whatever their
/// names; no credential shows in `Debug` or survives redaction, and the id of a log is a file's
/// name. The first line of the input is the address, the next ones are headers, and those behind
/// an empty line are enforced.
pub fn run(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let uri = parts
        .next()
        .and_then(|line| Uri::try_from(line).ok())
        .unwrap_or_default();
    let (headers, enforced) = maps(parts.next().unwrap_or_default());
    if let Some(limit) = timeout(&headers) {
        assert!(
            (Duration::from_secs(1)..=Duration::from_secs(TIMEOUT_SECONDS_MAX)).contains(&limit)
        );
    }
    for is_development in [false, true] {
        if let Some(id) = wanted_log(&headers, is_development) {
            assert!((1..=LOG_ID_CHARS_MAX).contains(&id.len()));
            assert!(
                id.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            );
        }
    }
    let head = Head::new(Method::POST, uri, headers, &enforced);
    let redactor = head.redactor(&Redactor::default());
    let body = axum::body::Bytes::new();
    let invocation = head.into_invocation(body, Instant::now(), Log::off(redactor.clone()));
    assert!(invocation.path.starts_with('/'));
    assert!(
        invocation
            .headers
            .keys()
            .all(|name| !name.as_str().starts_with("x-open-runtimes-")
                || enforced.contains_key(name))
    );
    for name in CREDENTIALS {
        assert!(
            invocation
                .headers
                .get_all(name)
                .iter()
                .all(HeaderValue::is_sensitive)
        );
    }
    let key = invocation
        .appwrite_key
        .as_ref()
        .map(|key| key.expose_secret());
    // Behind its scheme, if it has one.
    let key = key.map(|key| key.split_once(' ').map_or(key, |(_, rest)| rest));
    let is_known = |key: &&str| key.chars().count() >= SECRET_CHARS_MIN && !REDACTED.contains(key);
    if let Some(key) = key.filter(is_known) {
        assert!(!redactor.clean(&format!("a {key} b")).contains(key));
    }
    for (name, value) in &enforced {
        assert_eq!(
            invocation.headers.get_all(name).iter().collect::<Vec<_>>(),
            [value]
        );
    }
}

fn maps(lines: &[u8]) -> (HeaderMap, HeaderMap) {
    let (mut headers, mut enforced, mut is_enforced) = (HeaderMap::new(), HeaderMap::new(), false);
    for line in lines.split(|byte| *byte == b'\n').take(200) {
        is_enforced |= line.is_empty();
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            if is_enforced {
                enforced.insert(name, value);
            } else {
                headers.append(name, value);
            }
        }
    }
    (headers, enforced)
}
