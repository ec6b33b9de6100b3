//! The HTTP side: routes, the state that both services share, and the record of calls.

use std::collections::{HashMap, HashSet};
use std::future::{Ready, ready};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State as Shared};
use axum::response::Response;
use axum::routing::{get, post};
use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use subtle::ConstantTimeEq as _;

use super::anthropic::Cached;
use super::anthropic::batch::{self, Batches};
use super::catalog::Behaviour;
use super::digest::sha256_hex;
use super::wire::{Payload, Reply};
use super::{CallRecord, Faults, Service, anthropic, xai};

/// Larger bodies are refused by both services.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How long a busy model wants to be left alone: longer than a client would wait inside a
/// call.
const BUSY_SECONDS: u32 = 31;
/// More conversations than this and their counts start anew.
const CONVERSATIONS_MAX: usize = 100_000;

/// What the services remember.
#[derive(Debug)]
pub(crate) struct State {
    key: SecretString,
    faults: Faults,
    calls: Mutex<Vec<CallRecord>>,
    attempts: Mutex<HashMap<String, u32>>,
    /// Prefixes that were cached, by their hash.
    prefixes: Mutex<HashSet<String>>,
    /// Deferred completions that were not read, and how often each was looked for.
    deferred: Mutex<HashMap<String, (Value, u32)>>,
    deferred_count: AtomicU32,
    batches: Mutex<Batches>,
    dropped_streams: Arc<AtomicU32>,
    xai_calls: AtomicU32,
    anthropic_calls: AtomicU32,
}

/// A fault that comes from the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Overloaded,
    /// Too many calls for this many seconds.
    RateLimited(u32),
    SpendingLimit,
    /// The prompt is longer than the model can read.
    TooLong,
}

/// What looking for a deferred completion gives.
pub(crate) enum Looked {
    Pending,
    Done(Value),
    Gone,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while holding one of these locks leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    pub(crate) fn new(key: SecretString, faults: Faults) -> Self {
        Self {
            key,
            faults,
            calls: Mutex::default(),
            attempts: Mutex::default(),
            prefixes: Mutex::default(),
            deferred: Mutex::default(),
            deferred_count: AtomicU32::new(0),
            batches: Mutex::default(),
            dropped_streams: Arc::default(),
            xai_calls: AtomicU32::new(0),
            anthropic_calls: AtomicU32::new(0),
        }
    }

    pub(crate) fn calls(&self) -> Vec<CallRecord> {
        lock(&self.calls).clone()
    }

    pub(crate) fn dropped_streams(&self) -> u32 {
        self.dropped_streams.load(Ordering::Relaxed)
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    pub(crate) fn batches(&self) -> MutexGuard<'_, Batches> {
        lock(&self.batches)
    }

    /// Whether a key is the accepted one.
    pub(crate) fn accepts(&self, key: &str) -> bool {
        self.key
            .expose_secret()
            .as_bytes()
            .ct_eq(key.as_bytes())
            .into()
    }

    /// A hash that only a holder of the key can make; it binds signatures to these services.
    pub(crate) fn seal(&self, text: &str) -> String {
        sha256_hex(format!("{}\n{text}", self.key.expose_secret()).as_bytes())
    }

    /// Counts the calls of one conversation and returns how many came before.
    pub(crate) fn attempt(&self, service: Service, model: &str, conversation: &str) -> u32 {
        let mut attempts = lock(&self.attempts);
        if attempts.len() >= CONVERSATIONS_MAX {
            attempts.clear();
        }
        let count = attempts
            .entry(format!("{service:?} {model} {conversation}"))
            .or_default();
        let before = *count;
        *count = count.saturating_add(1);
        before
    }

    /// The fault for the next call of a service, if the configuration or the model's name
    /// brings one.
    pub(crate) fn next_fault(
        &self,
        service: Service,
        model: &str,
        behaviour: Behaviour,
    ) -> Option<Fault> {
        if behaviour == Behaviour::Busy && self.attempt(service, model, "") == 0 {
            return Some(Fault::RateLimited(BUSY_SECONDS));
        }
        if self.faults.spending_limit || behaviour == Behaviour::OutOfCredit {
            return Some(Fault::SpendingLimit);
        }
        if behaviour == Behaviour::TooLong {
            return Some(Fault::TooLong);
        }
        let counter = match service {
            Service::Xai => &self.xai_calls,
            Service::Anthropic => &self.anthropic_calls,
        };
        let before = counter.fetch_add(1, Ordering::Relaxed);
        if before < self.faults.overloaded_calls {
            Some(Fault::Overloaded)
        } else if before
            < self
                .faults
                .overloaded_calls
                .saturating_add(self.faults.rate_limited_calls)
        {
            Some(Fault::RateLimited(1))
        } else {
            None
        }
    }

    /// Which of these prefixes are cached.
    pub(crate) fn has_prefixes(&self, asked: &[String]) -> Vec<bool> {
        let prefixes = lock(&self.prefixes);
        asked
            .iter()
            .map(|prefix| prefixes.contains(prefix))
            .collect()
    }

    /// Keeps a completion until it is looked for, and returns its id.
    pub(crate) fn defer(&self, completion: &Value) -> String {
        let count = self.deferred_count.fetch_add(1, Ordering::Relaxed);
        let id = sha256_hex(format!("{count}\n{completion}").as_bytes())[..32].to_owned();
        lock(&self.deferred).insert(id.clone(), (completion.clone(), 0));
        id
    }

    /// Looks for a deferred completion. It is done after as many looks as the faults say, and
    /// gone once it was read.
    pub(crate) fn look(&self, id: &str) -> Looked {
        let mut deferred = lock(&self.deferred);
        match deferred.get_mut(id) {
            None => Looked::Gone,
            Some((_, looks)) if *looks < self.faults.deferred_looks => {
                *looks += 1;
                Looked::Pending
            }
            Some(_) => deferred
                .remove(id)
                .map_or(Looked::Gone, |(completion, _)| Looked::Done(completion)),
        }
    }

    /// Looks up prefixes and adds others in one step; returns which of the asked were there.
    pub(crate) fn swap_prefixes(&self, asked: &[String], added: &[String]) -> Vec<bool> {
        let mut prefixes = lock(&self.prefixes);
        let known = asked
            .iter()
            .map(|prefix| prefixes.contains(prefix))
            .collect();
        prefixes.extend(added.iter().cloned());
        known
    }

    fn record(
        &self,
        service: Service,
        model: String,
        (headers, body): (&HeaderMap, &[u8]),
        status: u16,
        cached: &Cached,
    ) {
        let traceparent = headers.get("traceparent");
        let traceparent = traceparent.and_then(|value| value.to_str().ok());
        lock(&self.calls).push(CallRecord {
            service,
            model,
            fingerprint: sha256_hex(body),
            status,
            traceparent: traceparent.map(str::to_owned),
            cache_written_tokens: cached.written,
            cache_read_tokens: cached.read,
        });
    }
}

/// The routes of both services.
pub(crate) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/v1/responses", post(responses))
        .route("/v1/chat/completions", post(chat_completions))
        .route(
            "/v1/chat/deferred-completion/{id}",
            get(by_id(xai::chat::deferred)),
        )
        .route("/v1/completions", post(completions))
        .route("/v1/models", get(models))
        .route("/v1/models/{id}", get(model))
        .route("/v1/api-key", get(api_key))
        .route("/v1/messages", post(messages))
        .route("/v1/messages/count_tokens", post(count_tokens))
        .route("/v1/messages/batches", post(create_batch).get(batches))
        .route(
            "/v1/messages/batches/{id}",
            get(by_id(batch::retrieve)).delete(by_id(batch::delete)),
        )
        .route(
            "/v1/messages/batches/{id}/cancel",
            post(by_id(batch::cancel)),
        )
        .route(
            "/v1/messages/batches/{id}/results",
            get(by_id(batch::results)),
        )
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(state)
}

/// A handler that answers for what the path names by its id.
fn by_id(
    answer: fn(&State, &HeaderMap, &str) -> Reply,
) -> impl Fn(Shared<Arc<State>>, HeaderMap, Path<String>) -> Ready<Response<Body>> + Clone {
    move |Shared(state), headers, Path(id)| {
        ready(answer(&state, &headers, &id).into_response(&state.faults))
    }
}

/// The bearer token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get("authorization")?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}

fn is_anthropic(headers: &HeaderMap) -> bool {
    headers.contains_key("anthropic-version") || headers.contains_key("x-api-key")
}

async fn responses(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response<Body> {
    let Ok(body) = body else {
        return xai::too_large().into_response(&state.faults);
    };
    let (model, reply) = xai::respond(&state, &headers, &body);
    let sent = (&headers, &body[..]);
    state.record(Service::Xai, model, sent, reply.status, &Cached::default());
    reply.into_response(&state.faults)
}

async fn chat_completions(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response<Body> {
    let Ok(body) = body else {
        return xai::too_large().into_response(&state.faults);
    };
    let (model, reply) = xai::chat::complete(&state, &headers, &body);
    let sent = (&headers, &body[..]);
    state.record(Service::Xai, model, sent, reply.status, &Cached::default());
    reply.into_response(&state.faults)
}

async fn completions(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response<Body> {
    let body = body.unwrap_or_default();
    let (model, reply) = xai::refuse_completions(&body);
    let sent = (&headers, &body[..]);
    state.record(Service::Xai, model, sent, reply.status, &Cached::default());
    reply.into_response(&state.faults)
}

async fn models(Shared(state): Shared<Arc<State>>, headers: HeaderMap) -> Response<Body> {
    let reply = if is_anthropic(&headers) {
        anthropic::models(&state, &headers)
    } else {
        xai::models(&state, &headers)
    };
    reply.into_response(&state.faults)
}

/// Anthropic's; nobody asks xAI for a single model.
async fn model(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    anthropic::model(&state, &headers, &id).into_response(&state.faults)
}

async fn api_key(Shared(state): Shared<Arc<State>>, headers: HeaderMap) -> Response<Body> {
    xai::api_key(&state, &headers).into_response(&state.faults)
}

async fn messages(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response<Body> {
    let Ok(body) = body else {
        return anthropic::too_large().into_response(&state.faults);
    };
    if let Some(mut goes_on) = state.faults.goes_on.clone()
        && anthropic::has_been_answered(&body)
    {
        // Whoever would say so may be gone: then nobody wants it held.
        let _ = goes_on.wait_for(|goes_on| *goes_on).await;
    }
    let (model, answer) = anthropic::respond(&state, &headers, &body);
    let status = answer.reply.status;
    let sent = (&headers, &body[..]);
    state.record(Service::Anthropic, model, sent, status, &answer.cached);
    send(&state, answer)
}

/// Sends an answer. What it caches can be read once it has begun.
pub(crate) fn send(state: &Arc<State>, answer: anthropic::Answer) -> Response<Body> {
    let (keeper, prefixes) = (Arc::clone(state), answer.cached.prefixes);
    let dropped = Some(Arc::clone(&state.dropped_streams));
    answer
        .reply
        .into_response_after(&state.faults, dropped, move || {
            lock(&keeper.prefixes).extend(prefixes);
        })
}

async fn count_tokens(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response<Body> {
    let Ok(body) = body else {
        return anthropic::too_large().into_response(&state.faults);
    };
    anthropic::count_tokens(&state, &headers, &body).into_response(&state.faults)
}

async fn create_batch(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response<Body> {
    let Ok(body) = body else {
        return anthropic::too_large().into_response(&state.faults);
    };
    let (model, reply) = batch::create(&state, &headers, &body);
    let status = reply.status;
    let sent = (&headers, &body[..]);
    state.record(Service::Anthropic, model, sent, status, &Cached::default());
    reply.into_response(&state.faults)
}

async fn batches(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    Query(query): Query<Vec<(String, String)>>,
) -> Response<Body> {
    batch::list(&state, &headers, &query).into_response(&state.faults)
}

async fn unknown(Shared(state): Shared<Arc<State>>, headers: HeaderMap) -> Response<Body> {
    let reply = if is_anthropic(&headers) {
        anthropic::not_found()
    } else {
        Reply {
            status: 404,
            headers: Vec::new(),
            payload: Payload::Text("Not Found".to_owned()),
        }
    };
    reply.into_response(&state.faults)
}
