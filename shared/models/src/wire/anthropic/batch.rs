//! Message Batches. Source: platform.claude.com, Message Batches API and the guide to batch
//! processing, and `resources/messages/batches.d.ts` of `@anthropic-ai/sdk` (November 2026).
//!
//! A batch of ours holds one request. Others in the workspace may hold up to 100,000.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Assembly, Body, MessagesAnswer, MessagesRequest, body};
use crate::error::{ErrorKind, Provider};
use crate::prices::Tariff;
use crate::wire::{Omit, faults};

/// The longest custom id.
pub const CUSTOM_ID_CHARS_MAX: usize = 64;

/// The longest id of a batch that is used in a path.
const ID_CHARS_MAX: usize = 128;

#[derive(Serialize)]
struct Submission<'a> {
    requests: [Request<'a>; 1],
}

#[derive(Serialize)]
struct Request<'a> {
    custom_id: &'a str,
    params: Body<'a>,
}

/// Whether a text may name a request of a batch: letters, digits, `-` and `_`, 1 to 64 of them.
pub fn is_custom_id(text: &str) -> bool {
    is_plain(text, CUSTOM_ID_CHARS_MAX)
}

/// Whether an id of a batch may become a part of a path.
pub(crate) fn is_batch_id(text: &str) -> bool {
    is_plain(text, ID_CHARS_MAX)
}

fn is_plain(text: &str, chars_max: usize) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.len() <= chars_max && text.bytes().all(is_plain)
}

/// Returns the body of `POST {base}/v1/messages/batches` with one request: that of a plain call
/// without `stream`.
///
/// # Errors
/// None in practice: every field serialises.
pub fn submission_body(custom_id: &str, request: &MessagesRequest) -> serde_json::Result<Vec<u8>> {
    submission_without(custom_id, request, Omit::default())
}

/// The same without what `omit` names.
pub(crate) fn submission_without(
    custom_id: &str,
    request: &MessagesRequest,
    omit: Omit,
) -> serde_json::Result<Vec<u8>> {
    let params = Body {
        max_tokens: Some(request.max_tokens),
        ..body(request, omit)
    };
    serde_json::to_vec(&Submission {
        requests: [Request { custom_id, params }],
    })
}

/// A batch, as far as we act on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its id: letters, digits, `-` and `_`.
    pub id: String,
    /// Whether every request in it has its result.
    pub is_ended: bool,
    /// When it was made, in seconds of Unix time.
    pub created_at: i64,
    /// The requests in it.
    pub requests: u64,
    /// Whether its results are not kept any more (29 days).
    pub is_archived: bool,
}

#[derive(Deserialize)]
struct BatchWire {
    id: String,
    processing_status: String,
    created_at: Timestamp,
    request_counts: Counts,
    archived_at: Option<String>,
}

#[derive(Deserialize)]
struct Counts {
    processing: u64,
    succeeded: u64,
    errored: u64,
    canceled: u64,
    expired: u64,
}

impl BatchWire {
    fn read(self) -> Result<Batch, ErrorKind> {
        if !is_batch_id(&self.id) {
            return Err(malformed("the id of a batch cannot stand in a path"));
        }
        let counts = &self.request_counts;
        let requests = [
            counts.processing,
            counts.succeeded,
            counts.errored,
            counts.canceled,
            counts.expired,
        ];
        Ok(Batch {
            id: self.id,
            // `in_progress`, `canceling`, and states that do not exist yet.
            is_ended: self.processing_status == "ended",
            created_at: self.created_at.as_second(),
            requests: requests.iter().fold(0, |sum, n| sum.saturating_add(*n)),
            is_archived: self.archived_at.is_some(),
        })
    }
}

fn malformed(what: &'static str) -> ErrorKind {
    ErrorKind::Malformed { what }
}

/// Reads a batch.
///
/// # Errors
/// [`ErrorKind::Malformed`].
pub fn batch(raw: &str) -> Result<Batch, ErrorKind> {
    serde_json::from_str::<BatchWire>(raw)
        .map_err(|_| malformed("it is not a batch"))?
        .read()
}

/// A page of the workspace's batches, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The batches.
    pub batches: Vec<Batch>,
    /// The `after_id` of the next page, if there is one.
    pub next: Option<String>,
}

#[derive(Deserialize)]
struct PageWire {
    data: Vec<BatchWire>,
    has_more: bool,
    last_id: Option<String>,
}

/// Reads a page of batches.
///
/// # Errors
/// [`ErrorKind::Malformed`].
pub fn page(raw: &str) -> Result<Page, ErrorKind> {
    let wire: PageWire =
        serde_json::from_str(raw).map_err(|_| malformed("it is not a page of batches"))?;
    let next = match (wire.has_more, wire.last_id) {
        (true, Some(id)) if is_batch_id(&id) => Some(id),
        (true, _) => return Err(malformed("a page does not say where the next begins")),
        (false, _) => None,
    };
    let batches = wire.data.into_iter().map(BatchWire::read);
    Ok(Page {
        batches: batches.collect::<Result<_, _>>()?,
        next,
    })
}

/// What became of one request.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It was answered.
    Succeeded {
        /// The message, byte for byte.
        message: Box<RawValue>,
    },
    /// It was refused, or the provider failed. Nothing is billed.
    Errored {
        /// What an error answer to a plain call would have held.
        error: Value,
    },
    /// The batch was cancelled before the model was asked. Nothing is billed.
    Canceled,
    /// A day passed before the model was asked. Nothing is billed.
    Expired,
    /// A type that we do not know.
    Unknown,
}

#[derive(Deserialize)]
struct Line {
    custom_id: String,
    result: ResultWire,
}

#[derive(Deserialize)]
struct ResultWire {
    #[serde(rename = "type")]
    kind: String,
    message: Option<Box<RawValue>>,
    #[serde(default)]
    error: Value,
}

/// Finds the result of a request among the lines of a results file, which come in any order;
/// `None` when it is not there.
///
/// # Errors
/// [`ErrorKind::Malformed`].
pub fn outcome(raw: &str, custom_id: &str) -> Result<Option<Outcome>, ErrorKind> {
    for line in raw.lines().filter(|line| !line.trim().is_empty()) {
        let line: Line =
            serde_json::from_str(line).map_err(|_| malformed("a line is not a result"))?;
        if line.custom_id == custom_id {
            return line.result.read().map(Some);
        }
    }
    Ok(None)
}

impl ResultWire {
    fn read(self) -> Result<Outcome, ErrorKind> {
        Ok(match self.kind.as_str() {
            "succeeded" => Outcome::Succeeded {
                message: self
                    .message
                    .ok_or_else(|| malformed("a result has no message"))?,
            },
            "errored" => Outcome::Errored { error: self.error },
            "canceled" => Outcome::Canceled,
            "expired" => Outcome::Expired,
            _ => Outcome::Unknown,
        })
    }
}

/// Reads the message of a result. Whatever the tariff says of it, it is priced as one of a batch.
///
/// # Errors
/// [`ErrorKind::Malformed`].
pub fn answer<'a>(
    message: &RawValue,
    tariff: impl Into<Tariff<'a>>,
) -> Result<MessagesAnswer, ErrorKind> {
    let tariff = Tariff {
        is_batch: true,
        ..tariff.into()
    };
    Assembly::whole(message, tariff).map_err(|_| malformed("a message is malformed"))
}

/// Returns what the error of a result means: what it would mean in the answer to a plain call.
pub fn error(error: &Value, model: &str) -> ErrorKind {
    // The guide's examples show the error without its envelope, the types with it.
    let enveloped = match error.get("error") {
        Some(inner) if inner.is_object() => error.clone(),
        Some(_) | None => serde_json::json!({ "error": error }),
    };
    faults::from_value(Provider::Anthropic, &enveloped, model)
        .unwrap_or(ErrorKind::Server { status: 500 })
}
