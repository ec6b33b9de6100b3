//! From a [`Reply`] to what a host sends.

use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;

use super::request::CONTROL_PREFIX;
use crate::invocation::Reply;
use crate::logging::Log;

const CONTENT_TYPE_DEFAULT: &str = "text/plain";

/// Set by the server itself; a second opinion would break the connection.
const SERVER_HEADERS: [&str; 5] = [
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
];

/// Applies the header rules of Open Runtimes v5. What cannot be sent is left out and said in the
/// errors of the execution.
pub(super) fn build(reply: Reply, log: &Log) -> Response<Bytes> {
    let headers = headers(&reply.headers, log);
    let Some(status) = final_status(reply.status) else {
        log.error(&format!(
            "The function answered with the impossible status {}.",
            reply.status
        ));
        return plain_bytes(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new());
    };
    let mut response = Response::new(Bytes::from(reply.body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Returns an answer of the host itself.
pub(super) fn plain(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    plain_bytes(status, body.into()).map(Full::new)
}

fn plain_bytes(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}

/// An informational status cannot end an exchange.
fn final_status(status: u16) -> Option<StatusCode> {
    StatusCode::from_u16(status)
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()))
}

fn headers(pairs: &[(String, String)], log: &Log) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    for (name, text) in pairs {
        let name = name.to_ascii_lowercase();
        if name.starts_with(CONTROL_PREFIX) || SERVER_HEADERS.contains(&name.as_str()) {
            continue;
        }
        let values = match name.as_str() {
            "content-type" => vec![content_type(text)],
            "set-cookie" => text
                .lines()
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect(),
            _ => vec![text.clone()],
        };
        for value in values {
            match (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
                (Ok(SET_COOKIE), Ok(value)) => drop(headers.append(SET_COOKIE, value)),
                (Ok(name), Ok(value)) => drop(headers.insert(name, value)),
                (Err(_), _) | (_, Err(_)) => {
                    log.error(&format!(
                        "The header `{name}` of the answer cannot be sent."
                    ));
                }
            }
        }
    }
    headers
}

fn content_type(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("multipart/") || lower.contains("charset=") {
        return text.to_owned();
    }
    let kind = if lower.is_empty() {
        CONTENT_TYPE_DEFAULT
    } else {
        &lower
    };
    format!("{kind}; charset=utf-8")
}

#[cfg(test)]
mod tests {
    use http::Response;
    use hyper::body::Bytes;

    use super::build;
    use crate::invocation::Reply;
    use crate::logging::Log;
    use crate::redaction::Redactor;

    fn check(status: u16, headers: &[(&str, &str)]) -> (Response<Bytes>, usize) {
        let log = Log::in_memory(Redactor::default());
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let reply = Reply {
            status,
            headers: headers.collect(),
            body: b"body".to_vec(),
        };
        (build(reply, &log), log.lines().len())
    }

    #[test]
    fn content_type_gets_a_charset_unless_it_has_one_or_is_multipart() {
        let cases = [
            ("", "text/plain; charset=utf-8"),
            ("Application/JSON", "application/json; charset=utf-8"),
            ("text/html; charset=UTF-16", "text/html; charset=UTF-16"),
            (
                "multipart/form-data; boundary=AbC",
                "multipart/form-data; boundary=AbC",
            ),
        ];
        for (given, sent) in cases {
            let (response, _) = check(200, &[("Content-Type", given)]);
            assert_eq!(response.headers()["content-type"], sent);
        }
        assert_eq!(
            check(200, &[]).0.headers()["content-type"],
            "text/plain; charset=utf-8"
        );
    }

    #[test]
    fn cookies_are_split_at_line_ends() {
        let (response, _) = check(200, &[("Set-Cookie", "a=1\nb=2")]);
        let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
    }

    #[test]
    fn headers_of_host_and_server_cannot_be_set() {
        let (response, errors) = check(
            200,
            &[
                ("X-Open-Runtimes-Log-Id", "mine"),
                ("Content-Length", "1"),
                ("X-Mine", "yes"),
            ],
        );
        let names: Vec<_> = response
            .headers()
            .keys()
            .map(|name| name.as_str())
            .collect();
        assert_eq!((names, errors), (vec!["content-type", "x-mine"], 0));
    }

    #[test]
    fn unsendable_header_is_left_out_and_logged() {
        let (response, errors) = check(201, &[("x bad", "a"), ("x-bad", "a\nb"), ("x-good", "a")]);
        assert_eq!((response.status().as_u16(), errors), (201, 2));
        assert_eq!(response.headers()["x-good"], "a");
        assert!(!response.headers().contains_key("x-bad"));
    }

    #[test]
    fn impossible_status_becomes_500() {
        for status in [0, 99, 100, 600, 1000] {
            let (response, errors) = check(status, &[]);
            assert_eq!((response.status().as_u16(), errors), (500, 1), "{status}");
        }
    }
}
