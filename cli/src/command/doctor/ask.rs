//! One request, read with care: nothing is followed, and nothing of a key is told.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use shell::clock;

/// Longest that one answer may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Answers are small; the longest are lists of models.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// An answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// By lower-case name.
    pub(super) headers: BTreeMap<String, String>,
    /// Null if it is no JSON.
    pub(super) body: Value,
    /// How far this machine's clock is ahead of the service's, in seconds.
    pub(super) ahead: Option<i64>,
}

/// An answer, or why there is none.
pub(super) type Asked = Result<Answer, String>;

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What the service says about a refusal, in the shapes that services have.
    pub(super) fn message(&self) -> &str {
        let error = &self.body["error"];
        let texts = [&error["message"], error, &self.body["message"]];
        texts
            .into_iter()
            .find_map(Value::as_str)
            .unwrap_or_default()
    }
}

/// Who asks.
pub(super) struct Asker {
    client: reqwest::Client,
}

/// A request that changes nothing.
pub(super) struct Request<'a> {
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, SecretString)>,
    /// With a body it is a POST.
    pub(super) body: Option<&'a Value>,
}

impl<'a> Request<'a> {
    pub(super) fn get(url: String) -> Self {
        Self {
            url,
            headers: Vec::new(),
            body: None,
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, SecretString::from(value.into())));
        self
    }

    pub(super) fn posting(mut self, body: &'a Value) -> Self {
        self.body = Some(body);
        self
    }
}

impl Asker {
    /// # Errors
    /// The one TLS provider is not there.
    pub(super) fn new() -> anyhow::Result<Self> {
        let agent = concat!("orchestrator-doctor/", env!("CARGO_PKG_VERSION"));
        let client = reqwest::Client::builder()
            .user_agent(agent)
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .build()?;
        Ok(Self { client })
    }

    pub(super) async fn ask(&self, request: Request<'_>) -> Asked {
        let mut builder = match request.body {
            None => self.client.get(&request.url),
            Some(body) => self.client.post(&request.url).json(body),
        };
        for (name, value) in &request.headers {
            builder = builder.header(*name, value.expose_secret());
        }
        let sent = clock::now();
        let mut answer = builder.send().await.map_err(|error| why(&error))?;
        let took = clock::now().as_second() - sent.as_second();
        let headers = answer.headers().iter().filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        let headers: BTreeMap<String, String> = headers.collect();
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| why(&error))? {
            if body.len() + chunk.len() > BODY_BYTES_MAX {
                return Err("the answer is too long".to_owned());
            }
            body.extend_from_slice(&chunk);
        }
        let date = headers.get("date").and_then(|date| http_date(date));
        // The answer was dated somewhere in between.
        let ahead = date.map(|date| sent.as_second() + took / 2 - date.as_second());
        Ok(Answer {
            status,
            headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
            ahead,
        })
    }
}

/// Why there is no answer, without the address: it may hold what nobody should read.
fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} seconds", TIMEOUT.as_secs());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Reads a `Date` header: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<Timestamp> {
    let civil = jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S GMT", text).ok()?;
    let civil = civil.to_datetime().ok()?;
    let utc = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(utc.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_answers_are_read() {
        let date = http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(date.as_second(), 784_111_777);
        assert!(http_date("yesterday").is_none());
    }

    #[test]
    fn what_a_service_says_is_found_in_its_shape() {
        let said = |body: Value| {
            let answer = Answer {
                body,
                ..Answer::default()
            };
            answer.message().to_owned()
        };
        use serde_json::json;
        assert_eq!(said(json!({"error": {"message": "a"}})), "a");
        assert_eq!(said(json!({"code": "x", "error": "b"})), "b");
        assert_eq!(said(json!({"message": "c"})), "c");
        assert_eq!(said(Value::Null), "");
    }
}
