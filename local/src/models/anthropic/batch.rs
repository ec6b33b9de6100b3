//! Message Batches.
//!
//! Source: the Message Batches API reference and the guide to batch processing, read in November
//! 2026. As there, the shape of a submission is checked at once and the parameters of its
//! requests when they are processed: what a plain call would refuse is an errored result. A batch
//! is processed when it has been looked at as often as the faults say, retrieved or listed.
//! Results are kept for ever, and usage is that of a plain call.

use std::collections::HashSet;

use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::Service;
use super::super::server::State;
use super::super::wire::{Payload, Reply};
use super::request::Request;
use super::{
    Refused, answer, check_headers, error, invalid, is_latest_version, refused_by_fault,
    request_id, signature,
};
use crate::models::catalog::{Behaviour, claude};
use crate::models::{BatchFault, BatchRecord};

/// Requests that one batch may have.
const REQUESTS_MAX: usize = 100_000;
const CUSTOM_ID_CHARS_MAX: usize = 64;
const PAGE_ITEMS: usize = 20;
const PAGE_ITEMS_MAX: usize = 1_000;
/// A batch that is not processed by then expires.
const LIFE: SignedDuration = SignedDuration::from_hours(24);

/// One batch.
#[derive(Debug)]
pub(crate) struct Batch {
    id: String,
    /// Custom ids and parameters.
    requests: Vec<(String, Value)>,
    is_latest_version: bool,
    fault: BatchFault,
    created_at: Timestamp,
    cancelled_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    looks: u32,
    /// Custom ids and results; empty until it has ended.
    results: Vec<(String, Value)>,
}

/// The batches of the workspace, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    list: Vec<Batch>,
    made: usize,
}

impl Batches {
    /// What tests can see.
    pub(crate) fn records(&self) -> Vec<BatchRecord> {
        let record = |batch: &Batch| BatchRecord {
            id: batch.id.clone(),
            custom_ids: batch.requests.iter().map(|(id, _)| id.clone()).collect(),
            status: batch.status(),
        };
        self.list.iter().map(record).collect()
    }

    fn find(&mut self, id: &str) -> Refused<&mut Batch> {
        self.list
            .iter_mut()
            .find(|batch| batch.id == id)
            .ok_or_else(|| {
                let message = format!("Message Batch {id} not found.");
                Box::new(error(404, "not_found_error", message))
            })
    }
}

impl Batch {
    fn status(&self) -> &'static str {
        match (self.ended_at, self.cancelled_at) {
            (Some(_), _) => "ended",
            (None, Some(_)) => "canceling",
            (None, None) => "in_progress",
        }
    }

    /// Somebody looks at it, which brings it on.
    fn look(&mut self, state: &State) {
        if self.ended_at.is_some() {
            return;
        }
        if self.cancelled_at.is_none() && self.looks < state.faults().batch_looks {
            self.looks += 1;
            return;
        }
        let results = self.requests.iter().map(|(custom_id, params)| {
            let result = self.result(state, params);
            (custom_id.clone(), result)
        });
        self.results = results.collect();
        self.ended_at = Some(Timestamp::now());
    }

    fn result(&self, state: &State, params: &Value) -> Value {
        if self.cancelled_at.is_some() {
            return json!({"type": "canceled"});
        }
        match self.fault {
            BatchFault::Canceled => json!({"type": "canceled"}),
            BatchFault::Expired => json!({"type": "expired"}),
            BatchFault::Errored => errored(error(500, "api_error", "Internal server error")),
            BatchFault::Answered => match processed(state, params, self.is_latest_version) {
                Ok(message) => json!({"type": "succeeded", "message": message}),
                Err(refusal) => errored(*refusal),
            },
        }
    }

    fn shown(&self, base: &str) -> Value {
        let count = |kind: &str| {
            let results = self.results.iter();
            results.filter(|(_, result)| result["type"] == kind).count()
        };
        let processing = self.requests.len() - self.results.len();
        let path = format!("{base}/v1/messages/batches/{}/results", self.id);
        json!({
            "id": self.id, "type": "message_batch", "processing_status": self.status(),
            "request_counts": {
                "processing": processing, "succeeded": count("succeeded"),
                "errored": count("errored"), "canceled": count("canceled"),
                "expired": count("expired"),
            },
            "created_at": self.created_at, "expires_at": self.created_at + LIFE,
            "ended_at": self.ended_at, "cancel_initiated_at": self.cancelled_at,
            "archived_at": null, "results_url": self.ended_at.map(|_| path),
        })
    }
}

fn errored(reply: Reply) -> Value {
    let error = match reply.payload {
        Payload::Json(value) => value,
        Payload::Text(_) | Payload::Events(_) | Payload::SlowEvents(_) => Value::Null,
    };
    json!({"type": "errored", "error": error})
}

/// The message that a request gets, or what a plain call would be refused with.
fn processed(state: &State, params: &Value, is_latest_version: bool) -> Refused<Value> {
    let request = Request::parse(params.clone(), true, is_latest_version)?;
    signature::verify(state, &request)?;
    let conversation = signature::conversation(&request);
    let before = state.attempt(Service::Anthropic, &request.model_name, &conversation);
    let truncates = request.behaviour == Behaviour::Truncated && before == 0;
    let (mut message, cached) = answer::message(state, &request, truncates);
    message["usage"]["service_tier"] = json!("batch");
    state.swap_prefixes(&[], &cached.prefixes);
    Ok(message)
}

/// Answers `POST /v1/messages/batches`: the model of the first request as far as it could be
/// read, and the answer.
pub(crate) fn create(state: &State, headers: &HeaderMap, body: &[u8]) -> (String, Reply) {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let model = value["requests"][0]["params"]["model"].as_str();
    let model = model.unwrap_or_default().to_owned();
    let reply = created(state, headers, &value, body).unwrap_or_else(|refusal| *refusal);
    (model, reply.header("request-id", request_id(body)))
}

fn created(state: &State, headers: &HeaderMap, value: &Value, body: &[u8]) -> Refused<Reply> {
    check_headers(state, headers)?;
    let requests = submitted(value)?;
    let model = requests[0].1["model"].as_str().unwrap_or_default();
    let behaviour = claude(model).map_or(Behaviour::Scripted, |(_, behaviour)| behaviour);
    if let Some(refusal) = refused_by_fault(state, model, behaviour) {
        return Ok(refusal);
    }
    let mut batches = state.batches();
    let made = batches.made;
    batches.made += 1;
    let seed = format!("batch {made} {}", String::from_utf8_lossy(body));
    let faults = &state.faults().batch_faults;
    let batch = Batch {
        id: format!("msgbatch_01{}", &state.seal(&seed)[..22]),
        requests,
        is_latest_version: is_latest_version(headers),
        fault: faults.get(made).copied().unwrap_or_default(),
        created_at: Timestamp::now(),
        cancelled_at: None,
        ended_at: None,
        looks: 0,
        results: Vec::new(),
    };
    let shown = batch.shown(&base(headers));
    batches.list.push(batch);
    Ok(Reply::json(200, shown))
}

/// Reads a submission.
fn submitted(value: &Value) -> Refused<Vec<(String, Value)>> {
    let Some(members) = value.as_object() else {
        return invalid("The request body must be an object");
    };
    if let Some(unknown) = members.keys().find(|name| *name != "requests") {
        return invalid(format!("{unknown}: Extra inputs are not permitted"));
    }
    let Some(list) = value["requests"].as_array() else {
        return invalid("requests: Field required");
    };
    if list.is_empty() || list.len() > REQUESTS_MAX {
        return invalid(format!(
            "requests: List should have 1 to {REQUESTS_MAX} items, not {}",
            list.len()
        ));
    }
    let mut seen = HashSet::new();
    let mut requests = Vec::new();
    for (index, request) in list.iter().enumerate() {
        let (custom_id, params) = one(index, request)?;
        if !seen.insert(custom_id) {
            return invalid(format!(
                "requests.{index}.custom_id: `{custom_id}` is not unique in this batch"
            ));
        }
        requests.push((custom_id.to_owned(), params.clone()));
    }
    Ok(requests)
}

fn one(index: usize, request: &Value) -> Refused<(&str, &Value)> {
    let at = format!("requests.{index}");
    let Some(members) = request.as_object() else {
        return invalid(format!("{at}: Input should be an object"));
    };
    let is_unknown = |name: &&String| !["custom_id", "params"].contains(&name.as_str());
    if let Some(unknown) = members.keys().find(is_unknown) {
        return invalid(format!("{at}.{unknown}: Extra inputs are not permitted"));
    }
    let Some(custom_id) = request["custom_id"].as_str() else {
        return invalid(format!("{at}.custom_id: Field required"));
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if custom_id.is_empty()
        || custom_id.len() > CUSTOM_ID_CHARS_MAX
        || !custom_id.bytes().all(is_plain)
    {
        return invalid(format!(
            "{at}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'"
        ));
    }
    let params = &request["params"];
    if !params.is_object() {
        return invalid(format!("{at}.params: Field required"));
    }
    if params["stream"] == true || params["max_tokens"] == 0 || !params["speed"].is_null() {
        return invalid(format!(
            "{at}.params: streaming, `max_tokens: 0` and `speed` are not supported in a batch"
        ));
    }
    Ok((custom_id, params))
}

/// Where this server was called.
fn base(headers: &HeaderMap) -> String {
    let host = headers.get("host").and_then(|host| host.to_str().ok());
    format!("http://{}", host.unwrap_or("127.0.0.1"))
}

fn replied(reply: Refused<Reply>, seed: &str) -> Reply {
    reply
        .unwrap_or_else(|refusal| *refusal)
        .header("request-id", request_id(seed.as_bytes()))
}

/// Answers `GET /v1/messages/batches/{id}`.
pub(crate) fn retrieve(state: &State, headers: &HeaderMap, id: &str) -> Reply {
    let shown = check_headers(state, headers).and_then(|()| {
        let mut batches = state.batches();
        let batch = batches.find(id)?;
        batch.look(state);
        Ok(Reply::json(200, batch.shown(&base(headers))))
    });
    replied(shown, id)
}

/// Answers `POST /v1/messages/batches/{id}/cancel`.
pub(crate) fn cancel(state: &State, headers: &HeaderMap, id: &str) -> Reply {
    let shown = check_headers(state, headers).and_then(|()| {
        let mut batches = state.batches();
        let batch = batches.find(id)?;
        if batch.ended_at.is_some() {
            return invalid("Message Batch has ended and cannot be canceled.");
        }
        batch.cancelled_at.get_or_insert_with(Timestamp::now);
        Ok(Reply::json(200, batch.shown(&base(headers))))
    });
    replied(shown, id)
}

/// Answers `DELETE /v1/messages/batches/{id}`.
pub(crate) fn delete(state: &State, headers: &HeaderMap, id: &str) -> Reply {
    let shown = check_headers(state, headers).and_then(|()| {
        let mut batches = state.batches();
        if batches.find(id)?.ended_at.is_none() {
            return invalid("Message Batch is still processing: cancel it first.");
        }
        batches.list.retain(|batch| batch.id != id);
        let deleted = json!({"id": id, "type": "message_batch_deleted"});
        Ok(Reply::json(200, deleted))
    });
    replied(shown, id)
}

/// Answers `GET /v1/messages/batches/{id}/results`: one line for each request.
pub(crate) fn results(state: &State, headers: &HeaderMap, id: &str) -> Reply {
    let lines = check_headers(state, headers).and_then(|()| {
        let mut batches = state.batches();
        let batch = batches.find(id)?;
        if batch.ended_at.is_none() {
            return invalid("Message Batch has no results before it has ended.");
        }
        // They come in any order.
        let lines = batch.results.iter().rev().map(|(custom_id, result)| {
            format!("{}\n", json!({"custom_id": custom_id, "result": result}))
        });
        let reply = Reply {
            status: 200,
            headers: Vec::new(),
            payload: Payload::Text(lines.collect()),
        };
        Ok(reply.header("content-type", "application/x-jsonl"))
    });
    replied(lines, id)
}

/// Answers `GET /v1/messages/batches`.
pub(crate) fn list(state: &State, headers: &HeaderMap, query: &[(String, String)]) -> Reply {
    let page = check_headers(state, headers).and_then(|()| {
        let mut batches = state.batches();
        for batch in &mut batches.list {
            batch.look(state);
        }
        page(&batches.list, &base(headers), query)
    });
    replied(page, "list")
}

fn page(list: &[Batch], base: &str, query: &[(String, String)]) -> Refused<Reply> {
    let (mut limit, mut after, mut before) = (PAGE_ITEMS, None, None);
    let newest: Vec<&Batch> = list.iter().rev().collect();
    let position = |name: &str, id: &str| match newest.iter().position(|batch| batch.id == id) {
        Some(position) => Ok(Some(position)),
        None => invalid(format!("{name}: no Message Batch has this id")),
    };
    for (name, value) in query {
        match name.as_str() {
            "limit" => match value.parse() {
                Ok(count @ 1..=PAGE_ITEMS_MAX) => limit = count,
                Ok(_) | Err(_) => return invalid("limit: Input should be 1 to 1000"),
            },
            "after_id" => after = position(name, value)?,
            "before_id" => before = position(name, value)?,
            _ => return invalid(format!("{name}: Extra inputs are not permitted")),
        }
    }
    let (shown, has_more) = match (after, before) {
        (Some(_), Some(_)) => {
            return invalid("Only one of after_id and before_id may be given");
        }
        (None, Some(end)) => {
            let start = end.saturating_sub(limit);
            (&newest[start..end], start > 0)
        }
        (after, None) => {
            let start = after.map_or(0, |position| position + 1);
            let end = newest.len().min(start + limit);
            (&newest[start..end], end < newest.len())
        }
    };
    let id = |batch: Option<&&Batch>| batch.map(|batch| batch.id.clone());
    Ok(Reply::json(
        200,
        json!({
            "data": shown.iter().map(|batch| batch.shown(base)).collect::<Vec<_>>(),
            "has_more": has_more, "first_id": id(shown.first()), "last_id": id(shown.last()),
        }),
    ))
}
