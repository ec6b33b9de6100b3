//! The HTTP side that both clients share: one connection policy, limits, and error answers.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::{Client, Response};
use secrecy::{ExposeSecret, SecretString};

use crate::call::{Call, Fault};
use crate::error::{ErrorKind, ModelError, Provider, Wait};
use crate::pace::Pacer;
use crate::prices::{Price, Tariff};
use crate::redact;
use crate::retry::Hint;
use crate::settings::{self, Auth, Settings};
use crate::traced;
use crate::wire::faults;

/// The largest request and the largest answer, in bytes; Anthropic refuses more.
pub(crate) const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// How much of an error answer is read.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// Keeps a waiting connection open through address translation.
const KEEPALIVE: Duration = Duration::from_secs(30);

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

const REQUEST_ID_CHARS_MAX: usize = 100;

/// A connection to one endpoint.
#[derive(Debug)]
pub(crate) struct Http {
    client: Client,
    provider: Provider,
    base_url: String,
    headers: HeaderMap,
    key: SecretString,
    price: Option<Price>,
    pacer: Pacer,
    idle: Duration,
    total: Duration,
    retries_max: u32,
}

impl Http {
    /// `own_auth` is how the provider wants the key unless the settings say otherwise.
    pub(crate) fn new(
        provider: Provider,
        settings: Settings,
        own_auth: Auth,
    ) -> Result<Self, ModelError> {
        let unsent = |kind| ModelError::unsent(provider, kind);
        settings::endpoint(&settings.base_url, "").map_err(unsent)?;
        let mut headers = HeaderMap::new();
        match settings.auth.unwrap_or(own_auth) {
            Auth::Bearer => {
                let value = key_header(&settings.api_key, "Bearer ").map_err(unsent)?;
                headers.insert(header::AUTHORIZATION, value);
            }
            Auth::ApiKey => {
                let value = key_header(&settings.api_key, "").map_err(unsent)?;
                headers.insert(API_KEY, value);
            }
            Auth::None => {}
        }
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        let client = client(settings.connect_timeout).map_err(unsent)?;
        Ok(Self {
            client,
            provider,
            base_url: settings.base_url,
            headers,
            key: settings.api_key,
            price: settings.price,
            pacer: Pacer::default(),
            idle: settings.idle_timeout,
            total: settings.total_timeout,
            retries_max: settings.retries_max,
        })
    }

    pub(crate) fn set_header(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    pub(crate) fn begin_call(&self) -> Call {
        Call::new(self.provider, self.total, self.retries_max)
    }

    /// How an answer of `requested` is priced.
    pub(crate) fn tariff<'a>(&self, requested: &'a str) -> Tariff<'a> {
        Tariff {
            requested,
            fixed: self.price,
            is_batch: false,
        }
    }

    /// Posts to a path and returns the answer once its headers are there and say success.
    /// `patience` limits the wait for them. Where the provider's limits are used up, it waits
    /// first, or says how long it would have to.
    pub(crate) async fn send(
        &self,
        path: &str,
        body: &[u8],
        model: &str,
        patience: Option<Duration>,
    ) -> Result<Response, Fault> {
        let _slot = self.pacer.enter(body.len()).await?;
        let url = settings::endpoint(&self.base_url, path).map_err(Fault::free)?;
        let request = self
            .client
            .post(url)
            .headers(self.headers.clone())
            .body(body.to_vec());
        self.exchange(request, model, patience).await
    }

    /// Gets a path, as [`Http::send`] posts to one.
    pub(crate) async fn get(&self, path: &str, model: &str) -> Result<Response, Fault> {
        self.get_with(path, &[], model).await
    }

    /// The same with a query.
    pub(crate) async fn get_with(
        &self,
        path: &str,
        query: &[(&str, &str)],
        model: &str,
    ) -> Result<Response, Fault> {
        let _slot = self.pacer.enter(0).await?;
        let mut url = settings::endpoint(&self.base_url, path).map_err(Fault::free)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.client.get(url).headers(self.headers.clone());
        self.exchange(request, model, Some(self.idle)).await
    }

    async fn exchange(
        &self,
        request: reqwest::RequestBuilder,
        model: &str,
        patience: Option<Duration>,
    ) -> Result<Response, Fault> {
        let sending = traced::with_header(request).send();
        let sent = match patience {
            Some(patience) => tokio::time::timeout(patience, sending)
                .await
                .map_err(|_| idle_fault())?,
            None => sending.await,
        };
        let response = sent.map_err(Fault::transport)?;
        tracing::debug!(
            provider = %self.provider,
            model,
            status = response.status().as_u16(),
            request_id = request_id(response.headers()),
            "model answered"
        );
        self.pacer.learn(response.headers());
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refused(response, model).await)
    }

    async fn refused(&self, mut response: Response, model: &str) -> Fault {
        let hint = Hint::from_headers(response.headers());
        let request_id = request_id(response.headers());
        let status = response.status().as_u16();
        let mut body = Vec::new();
        // The status says enough where the body breaks off.
        while let Ok(Some(bytes)) = self.chunk(&mut response).await {
            let room = ERROR_BYTES_MAX - body.len();
            body.extend(bytes.iter().take(room));
            if body.len() == ERROR_BYTES_MAX {
                break;
            }
        }
        let body = match std::str::from_utf8(&body) {
            Ok(text) => redact::without_key(text, self.key.expose_secret()).into_bytes(),
            Err(_) => body,
        };
        let mut kind = faults::from_status(status, &body, model);
        if let ErrorKind::RateLimited { retry_after } = &mut kind {
            *retry_after = hint.after;
            self.pacer.hold(hint.after);
        }
        Fault {
            hint,
            request_id,
            ..Fault::free(kind)
        }
    }

    /// Returns the next bytes of an answer, `None` at its end.
    pub(crate) async fn chunk(
        &self,
        response: &mut Response,
    ) -> Result<Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> + use<>>, Fault> {
        tokio::time::timeout(self.idle, response.chunk())
            .await
            .map_err(|_| idle_fault())?
            .map_err(Fault::transport)
    }

    /// Returns the whole body of an answer.
    pub(crate) async fn body(&self, response: &mut Response) -> Result<String, Fault> {
        let malformed = |what| Fault::lost(ErrorKind::Malformed { what });
        let mut body = Vec::new();
        while let Some(bytes) = self.chunk(response).await? {
            if body.len() + bytes.len() > BODY_BYTES_MAX {
                return Err(malformed("it is longer than 32 MiB"));
            }
            body.extend_from_slice(&bytes);
        }
        String::from_utf8(body).map_err(|_| malformed("it is not UTF-8"))
    }

    pub(crate) fn idle(&self) -> Duration {
        self.idle
    }

    /// Returns the fault without our key in its text.
    pub(crate) fn redacted(&self, mut kind: ErrorKind) -> ErrorKind {
        if let ErrorKind::InvalidRequest { message } = &mut kind {
            *message = redact::without_key(message, self.key.expose_secret());
        }
        kind
    }
}

/// Returns a serialised request unless it is too large to be taken.
pub(crate) fn checked_body(body: serde_json::Result<Vec<u8>>) -> Result<Vec<u8>, Fault> {
    match body {
        Ok(body) if body.len() > BODY_BYTES_MAX => Err(Fault::free(ErrorKind::TooLarge)),
        Ok(body) => Ok(body),
        Err(_) => Err(Fault::free(ErrorKind::InvalidRequest {
            message: "it cannot be written as JSON".to_owned(),
        })),
    }
}

/// Whether an answer is an event stream.
pub(crate) fn is_event_stream(response: &Response) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim_start().starts_with("text/event-stream"))
}

pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    let value = headers
        .get("request-id")
        .or_else(|| headers.get("x-request-id"))?;
    let text = value.to_str().ok()?;
    Some(text.chars().take(REQUEST_ID_CHARS_MAX).collect())
}

fn idle_fault() -> Fault {
    Fault::lost(ErrorKind::Timeout { waited: Wait::Idle })
}

fn key_header(key: &SecretString, prefix: &str) -> Result<HeaderValue, ErrorKind> {
    let key = key.expose_secret();
    if key.is_empty() {
        return Err(ErrorKind::Settings {
            what: "the API key is empty",
        });
    }
    let mut value =
        HeaderValue::from_str(&format!("{prefix}{key}")).map_err(|_| ErrorKind::Settings {
            what: "the API key has characters that no header can hold",
        })?;
    value.set_sensitive(true);
    Ok(value)
}

fn client(connect_timeout: Duration) -> Result<Client, ErrorKind> {
    let wrong = ErrorKind::Settings {
        what: "TLS could not be set up",
    };
    let roots = rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let Ok(versions) =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
    else {
        return Err(wrong);
    };
    let tls = versions.with_root_certificates(roots).with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        // A connection belongs to one call: dropping the call closes it, and that stops the model.
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        // Attempts are counted here, so nothing below may repeat a request.
        .retry(reqwest::retry::never())
        .connect_timeout(connect_timeout)
        .tcp_keepalive(KEEPALIVE)
        .build()
        .map_err(|_| wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oversized_requests_are_not_sent() {
        assert!(checked_body(Ok(vec![b' '; BODY_BYTES_MAX])).is_ok());
        let fault = checked_body(Ok(vec![b' '; BODY_BYTES_MAX + 1])).unwrap_err();
        assert_eq!(fault.kind, ErrorKind::TooLarge);
    }
}
