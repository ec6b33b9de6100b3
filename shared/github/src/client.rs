//! The connection: settings, one request, and the bounded repetition of requests that may be
//! repeated.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::response::Parts;
use http::{HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use octocrab::Octocrab;
use octocrab::service::middleware::retry::RetryConfig;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::auth::{Auth, Credentials};
use crate::error::Error;
use crate::observer::{Observed, Observer, Repeated, TRACEPARENT};
use crate::pace::Pace;
use crate::refusal::{Failed, Refusal, scopes};

/// Where the API is unless told otherwise.
const BASE_URL: &str = "https://api.github.com";

/// The time to open a connection unless told otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest silence while waiting for an answer unless told otherwise. GitHub kills a request
/// after ten seconds, so more than that means that the answer is lost.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// How often a request is repeated unless told otherwise.
const RETRIES_MAX: u32 = 3;

/// The largest answer that is read, in bytes: a tree of 100,000 entries, which GitHub cuts there.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The most redirects one request follows; a renamed repository takes one.
const REDIRECTS_MAX: usize = 3;

/// How to reach GitHub and as whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The API's root, `https://api.github.com` by default; a path in it is kept.
    pub base_url: String,
    /// As whom.
    pub auth: Auth,
    /// The time to open a connection.
    pub connect_timeout: Duration,
    /// The longest silence while waiting for an answer.
    pub read_timeout: Duration,
    /// How often a request that may be repeated is repeated after a lost answer or a 5xx.
    pub retries_max: u32,
    /// Who is told of requests, if anybody is.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Settings {
    /// The settings for github.com.
    pub fn new(auth: impl Into<Auth>) -> Self {
        Self {
            base_url: BASE_URL.to_owned(),
            auth: auth.into(),
            connect_timeout: CONNECT_TIMEOUT,
            read_timeout: READ_TIMEOUT,
            retries_max: RETRIES_MAX,
            observer: None,
        }
    }
}

/// A connection to GitHub. Cheap to clone; clones share connections and counter.
#[derive(Clone)]
pub struct Client {
    octocrab: Octocrab,
    requests: Arc<AtomicU64>,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) retries_max: u32,
    pub(crate) pace: Pace,
    pub(crate) login: Arc<OnceLock<String>>,
    observer: Option<Arc<dyn Observer>>,
    /// The scopes of a classic token, known from the first answer on; other tokens have none.
    scopes: Arc<OnceLock<String>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("requests", &self.requests())
            .finish_non_exhaustive()
    }
}

/// One request, ready to be sent once or more often.
pub(crate) struct Call<'a, B: ?Sized> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) body: Option<&'a B>,
}

impl<'a> Call<'a, ()> {
    pub(crate) fn get(path: &'a str) -> Self {
        Self {
            method: Method::GET,
            path,
            body: None,
        }
    }
}

impl<'a, B: ?Sized> Call<'a, B> {
    pub(crate) fn post(path: &'a str, body: &'a B) -> Self {
        Self {
            method: Method::POST,
            path,
            body: Some(body),
        }
    }

    pub(crate) fn put(path: &'a str, body: &'a B) -> Self {
        Self {
            method: Method::PUT,
            path,
            body: Some(body),
        }
    }

    pub(crate) fn patch(path: &'a str, body: &'a B) -> Self {
        Self {
            method: Method::PATCH,
            path,
            body: Some(body),
        }
    }
}

impl Client {
    /// Builds a client. No request is made, so the token is not proven.
    ///
    /// Must be called inside a tokio runtime and used only there: octocrab ties itself to it.
    ///
    /// # Errors
    /// [`Error::Settings`], terminal: an unusable URL, token or key, or no runtime.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(Error::Settings {
                name: "runtime",
                reason: "there is no tokio runtime",
            });
        }
        let credentials = Arc::new(Credentials::new(&settings.auth)?);
        let requests = Arc::new(AtomicU64::new(0));
        let octocrab = Octocrab::builder()
            .base_uri(base_uri(&settings.base_url)?)
            .map_err(|_| Error::Settings {
                name: "base_url",
                reason: "it is not a URL",
            })?
            .add_header(header::ACCEPT, "application/vnd.github+json".to_owned())
            // octocrab's own retries repeat every method at once, a POST too.
            .add_retry_config(RetryConfig::None)
            .build_with_reqwest(transport(&settings, Arc::clone(&requests))?)
            .map_err(|_| Error::Settings {
                name: "transport",
                reason: "octocrab cannot be built",
            })?;
        Ok(Self {
            octocrab,
            requests,
            credentials,
            retries_max: settings.retries_max,
            pace: Pace::default(),
            login: Arc::default(),
            observer: settings.observer,
            scopes: Arc::default(),
        })
    }

    /// The number of HTTP requests made so far, with repeats and followed redirects.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Whether the token is known to lack a scope. `false` as long as nothing was answered, and
    /// always for fine-grained and installation tokens.
    pub(crate) fn lacks_scope(&self, scope: &str) -> bool {
        self.scopes
            .get()
            .is_some_and(|held| !scopes(held).any(|own| own == scope))
    }

    /// Sends one request once. An App whose token was revoked early sends it again with a new one.
    pub(crate) async fn once<B, T>(&self, call: &Call<'_, B>) -> Result<T, Failed>
    where
        B: Serialize + Sync + ?Sized,
        T: DeserializeOwned,
    {
        let stopped = |error| Failed::Stopped(Box::new(error));
        let bearer = self.bearer().await.map_err(stopped)?;
        match self.send(call, &bearer).await {
            Err(failed) if failed.is_unauthorized() && self.renounce(&bearer).await => {
                let bearer = self.bearer().await.map_err(stopped)?;
                self.send(call, &bearer).await
            }
            end => end,
        }
    }

    /// Sends one request once, as told.
    pub(crate) async fn send<B, T>(
        &self,
        call: &Call<'_, B>,
        bearer: &SecretString,
    ) -> Result<T, Failed>
    where
        B: Serialize + Sync + ?Sized,
        T: DeserializeOwned,
    {
        let Some(observer) = &self.observer else {
            return self.exchange(call, bearer, None).await.0;
        };
        let (traceparent, started) = (observer.begins(), Instant::now());
        let (answer, status) = self.exchange(call, bearer, Some(&traceparent)).await;
        observer.ended(&Observed {
            traceparent: &traceparent,
            method: &call.method,
            path: call.path,
            started,
            status,
        });
        answer
    }

    /// Waits before a request is repeated.
    pub(crate) async fn wait<B: ?Sized>(&self, call: &Call<'_, B>, repeat: u32, wait: Duration) {
        if let Some(observer) = &self.observer {
            observer.repeats(&Repeated {
                method: &call.method,
                path: call.path,
                repeat,
                wait,
            });
        }
        tokio::time::sleep(wait).await;
    }

    /// The answer, and its status where there was one.
    async fn exchange<B, T>(
        &self,
        call: &Call<'_, B>,
        bearer: &SecretString,
        traceparent: Option<&HeaderValue>,
    ) -> (Result<T, Failed>, Option<u16>)
    where
        B: Serialize + Sync + ?Sized,
        T: DeserializeOwned,
    {
        match self.answer(call, bearer, traceparent).await {
            Ok((parts, body)) => {
                let status = parts.status.as_u16();
                (read(&call.method, parts, body.as_ref()), Some(status))
            }
            Err(failed) => (Err(failed), None),
        }
    }

    /// The answer as it came.
    async fn answer<B>(
        &self,
        call: &Call<'_, B>,
        bearer: &SecretString,
        traceparent: Option<&HeaderValue>,
    ) -> Result<(Parts, impl AsRef<[u8]>), Failed>
    where
        B: Serialize + Sync + ?Sized,
    {
        let request = http::Request::builder()
            .method(call.method.clone())
            .uri(call.path);
        let mut request = self
            .octocrab
            .build_request(request, call.body)
            .map_err(unanswered)?;
        let mut value = HeaderValue::from_str(&format!("Bearer {}", bearer.expose_secret()))
            .map_err(|error| Failed::Unanswered(Box::new(error)))?;
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
        if let Some(value) = traceparent {
            request.headers_mut().insert(TRACEPARENT, value.clone());
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let response = self.octocrab.execute(request).await.map_err(unanswered)?;
        let (parts, body) = response.into_parts();
        tracing::debug!(method = %call.method, path = call.path, status = parts.status.as_u16(), "github request");
        let body = Limited::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(Failed::Unanswered)?
            .to_bytes();
        if let Some(held) = parts.headers.get("x-oauth-scopes")
            && let Ok(held) = held.to_str()
        {
            self.scopes.get_or_init(|| held.to_owned());
        }
        Ok((parts, body))
    }

    /// Sends a request that may be repeated: a GET, or a POST of a content-addressed object.
    /// Repeats after a lost answer or a 5xx, unless `stop` says that repeating is no use.
    pub(crate) async fn again<B, T>(
        &self,
        call: &Call<'_, B>,
        stop: impl Fn(&Failed) -> bool,
    ) -> Result<T, Failed>
    where
        B: Serialize + Sync + ?Sized,
        T: DeserializeOwned,
    {
        let mut attempt = 0;
        loop {
            match self.once(call).await {
                Err(failed)
                    if failed.is_unanswered() && !stop(&failed) && attempt < self.retries_max =>
                {
                    let wait = self.pace.repeat(attempt);
                    attempt += 1;
                    self.wait(call, attempt, wait).await;
                }
                end => return end,
            }
        }
    }

    /// Like [`Client::again`], and also waits, bounded, for a repository that was created a moment
    /// ago: it answers 404 or 409 for a while.
    pub(crate) async fn when_visible<B, T>(
        &self,
        call: &Call<'_, B>,
        stop: impl Fn(&Failed) -> bool,
    ) -> Result<T, Failed>
    where
        B: Serialize + Sync + ?Sized,
        T: DeserializeOwned,
    {
        let mut attempt = 0;
        loop {
            let failed = match self.again(call, &stop).await {
                Err(failed) if failed.is_not_visible() && !stop(&failed) => failed,
                end => return end,
            };
            let Some(delay) = self.pace.visible(attempt) else {
                return Err(failed);
            };
            attempt += 1;
            self.wait(call, u32::try_from(attempt).unwrap_or(u32::MAX), delay)
                .await;
        }
    }
}

/// Reads an answer.
fn read<T: DeserializeOwned>(method: &Method, parts: Parts, body: &[u8]) -> Result<T, Failed> {
    if !is_expected(method, parts.status) {
        let refusal = Refusal::read(parts.status, parts.headers, body);
        return Err(Failed::Refused(Box::new(refusal)));
    }
    let body: &[u8] = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).map_err(Failed::Shape)
}

/// A redirected POST turns into a GET and would look like a success.
fn is_expected(method: &Method, status: StatusCode) -> bool {
    match *method {
        Method::POST => status == StatusCode::CREATED,
        Method::GET => status == StatusCode::OK,
        _ => matches!(
            status,
            StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT
        ),
    }
}

fn unanswered(error: octocrab::Error) -> Failed {
    Failed::Unanswered(Box::new(error))
}

fn base_uri(text: &str) -> Result<Uri, Error> {
    let refuse = |reason| Error::Settings {
        name: "base_url",
        reason,
    };
    let uri: Uri = text
        .trim()
        .trim_end_matches('/')
        .parse()
        .map_err(|_| refuse("it is not a URL"))?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(_)) => Ok(uri),
        _ => Err(refuse("it is not an absolute http or https URL")),
    }
}

/// Our HTTP client: ring and the compiled-in roots only, so that it works in an empty file
/// system, and the time-outs octocrab does not set. The environment's proxies are not used.
fn transport(settings: &Settings, requests: Arc<AtomicU64>) -> Result<reqwest::Client, Error> {
    let refuse = |reason| Error::Settings {
        name: "transport",
        reason,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| refuse("TLS cannot be set up"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let redirects = reqwest::redirect::Policy::custom(move |attempt| {
        let first = attempt.previous().first().map(|url| url.origin());
        if attempt.previous().len() > REDIRECTS_MAX || first != Some(attempt.url().origin()) {
            return attempt.error("redirected too often or to another host");
        }
        requests.fetch_add(1, Ordering::Relaxed);
        attempt.follow()
    });
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(settings.connect_timeout)
        .read_timeout(settings.read_timeout)
        .redirect(redirects)
        .no_proxy()
        .build()
        .map_err(|_| refuse("the HTTP client cannot be built"))
}
