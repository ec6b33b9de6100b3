//! Where and how a provider is called.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use crate::error::ErrorKind;
use crate::prices::Price;

/// The base URL of xAI; paths such as `/responses` follow.
pub const XAI_BASE_URL: &str = "https://api.x.ai/v1";

/// The base URL of Anthropic; `/v1/messages` follows.
pub const ANTHROPIC_BASE_URL: &str = "https://api.anthropic.com";

const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(90);
/// A minute less than the longest execution that Appwrite allows by default (900 s).
const TOTAL_TIMEOUT_DEFAULT: Duration = Duration::from_secs(840);
const RETRIES_DEFAULT: u32 = 3;

/// How a request carries the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// `authorization: Bearer …`
    Bearer,
    /// `x-api-key: …`
    ApiKey,
    /// Not at all: for servers that know no keys. The key may be empty then.
    None,
}

/// Settings of one client.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Without a trailing slash; `https`, or `http` on this machine's loopback.
    pub base_url: String,
    /// The key as the provider gave it.
    pub api_key: SecretString,
    /// How it is sent; `None` is the provider's own way.
    pub auth: Option<Auth>,
    /// What tokens cost, instead of the price table. What a provider says itself is preferred.
    pub price: Option<Price>,
    /// For one TCP and TLS handshake.
    pub connect_timeout: Duration,
    /// For the next bytes of an answer. A streamed answer has pings; one that is not streamed may
    /// take minutes to begin, so there it counts from the response headers on.
    pub idle_timeout: Duration,
    /// For the whole call with all its attempts and pauses.
    pub total_timeout: Duration,
    /// Attempts after the first.
    pub retries_max: u32,
}

impl Settings {
    /// Returns settings with the default limits: 10 s to connect, 90 s idle, 840 s in all, 3
    /// retries.
    pub fn new(base_url: impl Into<String>, api_key: SecretString) -> Self {
        Self {
            base_url: base_url.into(),
            api_key,
            auth: None,
            price: None,
            connect_timeout: CONNECT_TIMEOUT_DEFAULT,
            idle_timeout: IDLE_TIMEOUT_DEFAULT,
            total_timeout: TOTAL_TIMEOUT_DEFAULT,
            retries_max: RETRIES_DEFAULT,
        }
    }
}

/// Returns the URL of an endpoint.
pub(crate) fn endpoint(base_url: &str, path: &str) -> Result<Url, ErrorKind> {
    let wrong = |what| ErrorKind::Settings { what };
    let base = base_url.trim_end_matches('/');
    let url = Url::parse(&format!("{base}{path}"))
        .map_err(|_| wrong("the base URL is not an absolute URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("the base URL must not hold credentials"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("the base URL must not hold a query or a fragment"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(wrong(
            "the base URL must be https, or http on the loopback interface",
        )),
    }
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_may_be_plain_http() {
        for base in [
            "http://127.0.0.1:1234/v1",
            "http://localhost:8080",
            "http://[::1]:80",
            "https://api.x.ai/v1/",
        ] {
            assert!(endpoint(base, "/responses").is_ok(), "{base}");
        }
    }

    #[test]
    fn unsafe_base_urls_are_refused() {
        for base in [
            "http://api.x.ai/v1",
            "http://localhost.example.com",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "https://user:secret@api.x.ai",
            "https://api.x.ai/v1?key=1",
            "https://api.x.ai/v1#",
            "api.x.ai",
            "",
        ] {
            assert!(endpoint(base, "/responses").is_err(), "{base}");
        }
    }

    #[test]
    fn path_follows_the_base() {
        let url = endpoint("https://api.x.ai/v1//", "/responses").unwrap();
        assert_eq!(url.as_str(), "https://api.x.ai/v1/responses");
    }
}
