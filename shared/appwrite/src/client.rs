//! The client: settings, identity, and sending one request.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use ureq::unversioned::multipart::{Form, Part};
use ureq::{AsSendBody, Body};

use crate::agent;
use crate::call::{Answer, Archive, Call, Payload};
use crate::error::{self, Error, Operation, Refusal};
use crate::error_type::ErrorType;
use crate::kind::Counters;
use crate::observer::{Observed, Observer, TRACEPARENT};
use crate::pace::{Pace, SystemPace};

/// The response format asked for: what Appwrite's own SDK for 1.9 sends, and what 1.9.6 answers
/// with as is. A format newer than the server is answered with a warning header; 1.4.0 makes
/// `$sequence` a number.
pub const RESPONSE_FORMAT: &str = "1.9.5";
/// A good [`Settings::timeout`]: reads and writes take 10 ms, a query is cut by the server at 15 s.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(20);
/// A good [`Settings::retries_max`].
pub const RETRIES_DEFAULT: u32 = 3;
/// Largest request, in bytes; the server answers a larger one with 413 and no body.
pub const REQUEST_BYTES_MAX: usize = 12 * 1024 * 1024;
/// Largest answer read, in bytes; downloads have their own limit.
pub(crate) const RESPONSE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Shorter secrets are not searched for in messages: they would blank out ordinary words.
const SECRET_CHARS_MIN: usize = 8;

/// What a client needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The API's address with its `/v1`, such as `https://cloud.appwrite.io/v1`.
    pub endpoint: String,
    /// The project's id.
    pub project: String,
    /// Who asks.
    pub credential: Credential,
    /// The longest that one request may take, from the name look-up to the body's last byte.
    /// Synchronous executions, uploads and downloads have at least their own time.
    pub timeout: Duration,
    /// The most repeats of one call, shared by its requests and look-ups.
    pub retries_max: u32,
}

/// Who asks.
#[derive(Debug, Clone)]
pub enum Credential {
    /// An API key, or the key that a function's execution brings.
    Key(SecretString),
    /// A user's session token.
    Session(SecretString),
    /// A user's JWT.
    Jwt(SecretString),
    /// Nobody.
    Guest,
}

impl Credential {
    fn header(&self) -> Option<(HeaderName, &SecretString)> {
        match self {
            Self::Key(secret) => Some((HeaderName::from_static("x-appwrite-key"), secret)),
            Self::Session(secret) => Some((HeaderName::from_static("x-appwrite-session"), secret)),
            Self::Jwt(secret) => Some((HeaderName::from_static("x-appwrite-jwt"), secret)),
            Self::Guest => None,
        }
    }
}

/// What a family of clients shares.
struct Shared {
    agent: ureq::Agent,
    endpoint: String,
    project: String,
    project_header: HeaderValue,
    timeout: Duration,
    counters: Counters,
    pace: Arc<dyn Pace>,
}

/// A blocking client of one Appwrite project. Clones, and clients made from it, share the
/// connections and the counts. Call it from threads that may block.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    credential: Credential,
    pub(crate) retries_max: u32,
    pub(crate) deadline: Option<Instant>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.shared.endpoint)
            .field("project", &self.shared.project)
            .field("credential", &self.credential)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Makes a client; nothing is sent.
    ///
    /// # Errors
    /// [`Error::Settings`] for an endpoint that is no plain http(s) address, or a project that is
    /// no header value.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        Self::with_pace(settings, Arc::new(SystemPace))
    }

    pub(crate) fn with_pace(settings: Settings, pace: Arc<dyn Pace>) -> Result<Self, Error> {
        let invalid = |reason| Error::Settings { reason };
        let endpoint = settings.endpoint.trim_end_matches('/').to_owned();
        let uri: Uri = endpoint
            .parse()
            .map_err(|_| invalid("the endpoint is not an address"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(invalid("the endpoint starts with http:// or https://"));
        }
        if uri.authority().is_none_or(|it| it.as_str().contains('@')) || uri.query().is_some() {
            return Err(invalid("the endpoint has a host, no user and no query"));
        }
        let project_header = HeaderValue::from_str(&settings.project)
            .ok()
            .filter(|value| !value.is_empty())
            .ok_or(invalid("the project's id is missing or malformed"))?;
        Ok(Self {
            shared: Arc::new(Shared {
                agent: agent::new(settings.timeout),
                endpoint,
                project: settings.project,
                project_header,
                timeout: settings.timeout,
                counters: Counters::new(),
                pace,
            }),
            credential: settings.credential,
            retries_max: settings.retries_max,
            deadline: None,
            observer: None,
        })
    }

    /// The same client for another identity, on the same connections and counts.
    pub fn with_credential(&self, credential: Credential) -> Self {
        Self {
            credential,
            ..self.clone()
        }
    }

    /// The same client, whose calls end by `deadline`: requests are cut short there and no repeat
    /// starts behind it. A function sets it below its own time-out; an earlier one stays.
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        Self {
            deadline: Some(self.deadline.map_or(deadline, |own| own.min(deadline))),
            ..self.clone()
        }
    }

    /// The same client, whose requests are told to `observer`.
    pub fn observed_by(&self, observer: Arc<dyn Observer>) -> Self {
        Self {
            observer: Some(observer),
            ..self.clone()
        }
    }

    /// How many requests of each kind were sent by this client's family, repeats and look-ups
    /// included; kinds without any are left out. The keys are the names of [`Kind`](crate::Kind).
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.shared.counters.read()
    }

    /// The project's id.
    pub fn project(&self) -> &str {
        &self.shared.project
    }

    pub(crate) fn pace(&self) -> &dyn Pace {
        &*self.shared.pace
    }

    /// Sends one request once.
    pub(crate) fn send_once(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let mut headers = self.headers(call)?;
        let timeout = self.request_timeout(call)?;
        self.shared.counters.add(call.operation.kind);
        let Some(observer) = &self.observer else {
            return self.exchange(call, headers, timeout).0;
        };
        let traceparent = observer.begins();
        headers.insert(TRACEPARENT, traceparent.clone());
        let started = self.pace().now();
        let (answer, status) = self.exchange(call, headers, timeout);
        observer.ended(&Observed {
            traceparent: &traceparent,
            operation: &call.operation,
            method: &call.method,
            endpoint: &self.shared.endpoint,
            path: &call.path,
            started,
            status,
        });
        answer
    }

    /// The answer, and its status where there was one.
    fn exchange(
        &self,
        call: &Call<'_>,
        headers: HeaderMap,
        timeout: Option<Duration>,
    ) -> (Result<Answer, Error>, Option<u16>) {
        match self.send_with(call, headers, timeout) {
            Ok((status, answer)) if (200..300).contains(&status) => (Ok(answer), Some(status)),
            Ok((status, answer)) => {
                let refused = self.refused(&call.operation, status, &answer);
                (Err(refused), Some(status))
            }
            Err(source) => (Err(transport(call, source)), None),
        }
    }

    fn send_with(
        &self,
        call: &Call<'_>,
        mut headers: HeaderMap,
        timeout: Option<Duration>,
    ) -> Result<(u16, Answer), ureq::Error> {
        match &call.payload {
            Payload::Nothing => self.run(call, headers, timeout, ()),
            Payload::Json(bytes) => self.run(call, headers, timeout, bytes.as_slice()),
            Payload::Archive(archive) => {
                let form = form(archive)?;
                // ureq names a form's boundary only in requests of its own builder.
                let kind = format!("multipart/form-data; boundary={}", form.boundary());
                let kind = HeaderValue::try_from(kind).map_err(ureq::http::Error::from)?;
                headers.insert("content-type", kind);
                self.run(call, headers, timeout, form)
            }
        }
    }

    fn headers(&self, call: &Call<'_>) -> Result<HeaderMap, Error> {
        let argument = |reason| Error::Argument {
            operation: call.operation.clone(),
            reason,
        };
        let mut headers = HeaderMap::new();
        headers.insert("x-appwrite-project", self.shared.project_header.clone());
        headers.insert(
            "x-appwrite-response-format",
            HeaderValue::from_static(RESPONSE_FORMAT),
        );
        headers.insert("accept", HeaderValue::from_static("application/json"));
        if let Some((name, secret)) = self.credential.header() {
            let mut value = HeaderValue::from_str(secret.expose_secret())
                .map_err(|_| argument("the credential is not a header value"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        if matches!(call.payload, Payload::Json(_)) {
            headers.insert("content-type", HeaderValue::from_static("application/json"));
        }
        if let Some(timestamp) = call.if_unmodified_since {
            let value = HeaderValue::from_str(timestamp)
                .map_err(|_| argument("the timestamp is not a header value"))?;
            headers.insert("x-appwrite-timestamp", value);
        }
        Ok(headers)
    }

    /// The time that this request has, if that is not the agent's own.
    fn request_timeout(&self, call: &Call<'_>) -> Result<Option<Duration>, Error> {
        let own = self.shared.timeout;
        let wanted = call.timeout_min.map_or(own, |least| least.max(own));
        let allowed = match self.deadline {
            None => wanted,
            Some(deadline) => wanted.min(deadline.saturating_duration_since(self.pace().now())),
        };
        if allowed.is_zero() {
            return Err(Error::Deadline {
                operation: call.operation.clone(),
            });
        }
        // ureq caches the TLS settings of the agent's own configuration only.
        Ok((allowed != own).then_some(allowed))
    }

    pub(crate) fn agent(&self) -> &ureq::Agent {
        &self.shared.agent
    }

    fn run(
        &self,
        call: &Call<'_>,
        headers: HeaderMap,
        timeout: Option<Duration>,
        body: impl AsSendBody,
    ) -> Result<(u16, Answer), ureq::Error> {
        let mut request = Request::builder()
            .method(&call.method)
            .uri(format!("{}{}", self.shared.endpoint, call.path))
            .body(body)?;
        *request.headers_mut() = headers;
        let agent = &self.shared.agent;
        if timeout.is_some() {
            request = agent
                .configure_request(request)
                .timeout_global(timeout)
                .build();
        }
        let (parts, body) = agent.run(request)?.into_parts();
        let body = read_body(body, call.answer_bytes_max)?;
        let headers = parts.headers;
        Ok((parts.status.as_u16(), Answer { headers, body }))
    }

    fn refused(&self, operation: &Operation, status: u16, answer: &Answer) -> Error {
        /// Source: Appwrite 1.9.6, production errors `{message, code, type, version}`.
        #[derive(Deserialize)]
        struct ErrorBody {
            message: String,
            #[serde(rename = "type")]
            kind: String,
        }
        // An unknown route is an HTML page, and a body that is too large an empty answer.
        let (kind, source) = match serde_json::from_slice::<ErrorBody>(&answer.body) {
            Ok(body) => (
                Some(ErrorType::parse(&self.without_secret(&body.kind))),
                Refusal::new(&self.without_secret(&body.message)),
            ),
            Err(_) if answer.body.is_empty() => (None, Refusal::new("the answer was empty")),
            Err(_) => (None, Refusal::new("the answer was not an appwrite error")),
        };
        Error::Refused {
            operation: operation.clone(),
            status,
            kind,
            after: self.wait_asked_for(status, &answer.headers),
            source,
        }
    }

    /// Appwrite sends no `Retry-After` but the Unix time at which the window ends; a proxy in
    /// front of it may do otherwise.
    fn wait_asked_for(&self, status: u16, headers: &HeaderMap) -> Option<Duration> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        if let Some(seconds) = number("retry-after") {
            return Some(Duration::from_secs(seconds));
        }
        if status != 429 {
            return None;
        }
        let reset = number("x-ratelimit-reset")?;
        let left = reset.saturating_sub(self.pace().unix_seconds());
        Some(Duration::from_secs(left))
    }

    fn without_secret(&self, text: &str) -> String {
        match self.credential.header() {
            Some((_, secret)) if secret.expose_secret().len() >= SECRET_CHARS_MIN => {
                text.replace(secret.expose_secret(), "[redacted]")
            }
            Some(_) | None => text.to_owned(),
        }
    }
}

fn read_body(mut body: Body, bytes_max: u64) -> Result<Vec<u8>, ureq::Error> {
    body.with_config().limit(bytes_max).read_to_vec()
}

fn transport(call: &Call<'_>, source: ureq::Error) -> Error {
    Error::Transport {
        operation: call.operation.clone(),
        sent: error::may_have_been_sent(&source),
        source: Box::new(source),
    }
}

/// Source: Appwrite 1.9.6 REST, create deployment (measured): texts and the file `code`.
fn form<'a>(archive: &Archive<'a>) -> Result<Form<'a>, ureq::Error> {
    let code = Part::bytes(archive.bytes)
        .file_name("code.tar.gz")
        .mime_str("application/gzip")?;
    let texts = archive
        .fields
        .iter()
        .fold(Form::new(), |form, (name, text)| form.text(name, text));
    Ok(texts.part("code", code))
}
