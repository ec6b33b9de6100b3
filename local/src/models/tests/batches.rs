//! What Message Batches refuse, and how they are listed.

use http::{HeaderMap, HeaderValue};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::models::Faults;
use crate::models::anthropic::batch;
use crate::models::server::State;
use crate::models::wire::{Payload, Reply};

const KEY: &str = "a-key-of-the-tests";

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-api-key", HeaderValue::from_static(KEY));
    headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    headers.insert("host", HeaderValue::from_static("127.0.0.1:1"));
    headers
}

fn state() -> State {
    let faults = Faults {
        batch_looks: 1,
        ..Faults::default()
    };
    State::new(SecretString::from(KEY), faults)
}

fn value(reply: &Reply) -> &Value {
    match &reply.payload {
        Payload::Json(value) => value,
        other => panic!("{other:?}"),
    }
}

fn params() -> Value {
    json!({"model": "scripted", "max_tokens": 100,
        "messages": [{"role": "user", "content": "Hello."}]})
}

fn request(custom_id: &str) -> Value {
    json!({"custom_id": custom_id, "params": params()})
}

fn submit(state: &State, requests: &Value) -> Reply {
    let body = json!({ "requests": requests }).to_string();
    batch::create(state, &headers(), body.as_bytes()).1
}

fn id(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{reply:?}");
    value(reply)["id"].as_str().unwrap().to_owned()
}

#[test]
fn malformed_submissions_are_refused() {
    let with = |name: &str, member: Value| {
        let mut request = request("a");
        request["params"][name] = member;
        json!([request])
    };
    for requests in [
        json!(null),
        json!([]),
        json!([1]),
        json!([{"custom_id": "a"}]),
        json!([{"params": params()}]),
        json!([{"custom_id": "a", "params": params(), "model": "scripted"}]),
        json!([request("")]),
        json!([request("a b")]),
        json!([request(&"x".repeat(65))]),
        json!([request("a"), request("a")]),
        with("stream", json!(true)),
        with("max_tokens", json!(0)),
        with("speed", json!("fast")),
    ] {
        let reply = submit(&state(), &requests);
        assert_eq!(reply.status, 400, "{requests}");
        assert_eq!(value(&reply)["error"]["type"], "invalid_request_error");
    }
    let (_, reply) = batch::create(&state(), &headers(), b"{\"requests\":[],\"x\":1}");
    assert_eq!(reply.status, 400);
    let (_, reply) = batch::create(&state(), &HeaderMap::new(), b"{}");
    assert_eq!(reply.status, 401);
    let accepted = submit(&state(), &with("stream", json!(false)));
    assert_eq!(accepted.status, 200);
}

#[test]
fn a_batch_ends_with_counts_and_a_line_for_each_request() {
    let state = state();
    let mut wrong = request("wrong");
    wrong["params"]["max_tokens"] = json!("many");
    let made = submit(&state, &json!([request("right"), wrong]));
    assert_eq!(value(&made)["processing_status"], "in_progress");
    assert_eq!(value(&made)["request_counts"]["processing"], 2);
    assert_eq!(value(&made)["results_url"], Value::Null);
    let id = id(&made);
    assert_eq!(batch::results(&state, &headers(), &id).status, 400);
    assert_eq!(batch::delete(&state, &headers(), &id).status, 400);
    let look = || batch::retrieve(&state, &headers(), &id);
    assert_eq!(value(&look())["processing_status"], "in_progress");
    let ended = look();
    let ended = value(&ended);
    assert_eq!(ended["processing_status"], "ended");
    assert_eq!(
        ended["request_counts"],
        json!({"processing": 0, "succeeded": 1, "errored": 1, "canceled": 0, "expired": 0})
    );
    assert_eq!(
        ended["results_url"],
        format!("http://127.0.0.1:1/v1/messages/batches/{id}/results")
    );
    let Payload::Text(lines) = batch::results(&state, &headers(), &id).payload else {
        panic!("not lines");
    };
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    let of = |id: &str| &lines.iter().find(|line| line["custom_id"] == id).unwrap()["result"];
    assert_eq!(of("right")["message"]["usage"]["service_tier"], "batch");
    assert_eq!(
        of("wrong")["error"]["error"]["message"],
        "max_tokens: Input should be a valid integer"
    );
    assert_eq!(
        value(&batch::delete(&state, &headers(), &id))["type"],
        "message_batch_deleted"
    );
    assert_eq!(look().status, 404);
    assert_eq!(value(&look())["error"]["type"], "not_found_error");
}

#[test]
fn pages_are_cut_from_the_newest_on() {
    let state = state();
    let ids: Vec<String> = (0..5)
        .map(|_| id(&submit(&state, &json!([request("a")]))))
        .collect();
    let list = |query: &[(&str, &str)]| {
        let query: Vec<_> = query
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        batch::list(&state, &headers(), &query)
    };
    let shown = |query: &[(&str, &str)]| {
        let reply = list(query);
        let page = value(&reply).clone();
        let data = page["data"].as_array().unwrap();
        let shown: Vec<usize> = data
            .iter()
            .map(|batch| ids.iter().position(|id| batch["id"] == **id).unwrap())
            .collect();
        assert_eq!(page["first_id"], data[0]["id"]);
        assert_eq!(page["last_id"], data[data.len() - 1]["id"]);
        (shown, page["has_more"] == true)
    };
    assert_eq!(shown(&[]), (vec![4, 3, 2, 1, 0], false));
    assert_eq!(shown(&[("limit", "2")]), (vec![4, 3], true));
    assert_eq!(
        shown(&[("limit", "2"), ("after_id", &ids[3])]),
        (vec![2, 1], true)
    );
    assert_eq!(
        shown(&[("limit", "2"), ("after_id", &ids[1])]),
        (vec![0], false)
    );
    assert_eq!(
        shown(&[("limit", "2"), ("before_id", &ids[1])]),
        (vec![3, 2], true)
    );
    for wrong in [
        ("limit", "0"),
        ("limit", "1001"),
        ("after_id", "msgbatch_none"),
        ("page", "2"),
    ] {
        assert_eq!(list(&[wrong]).status, 400, "{wrong:?}");
    }
}
