//! Message Batches: the formats.

use models::wire::anthropic::batch::{
    Batch, Outcome, answer, batch, error, is_custom_id, outcome, page, submission_body,
};
use models::wire::anthropic::request_body;
use models::{Block, ErrorKind, MicroUsd, StopReason};
use serde_json::{Value, json};

use crate::anthropic_wire::request;

pub(crate) const RESULTS: &str = include_str!("../fixtures/batch_results.jsonl");

/// As in the provider's reference.
pub(crate) fn wire(id: &str, status: &str, created_at: &str) -> Value {
    let ended = (status == "ended").then_some("2026-11-25T18:37:24.100435Z");
    json!({
        "id": id, "type": "message_batch", "processing_status": status,
        "request_counts": {"processing": u8::from(ended.is_none()),
            "succeeded": u8::from(ended.is_some()), "errored": 0, "canceled": 0, "expired": 0},
        "created_at": created_at, "expires_at": "2026-11-26T17:00:00Z", "ended_at": ended,
        "cancel_initiated_at": null, "archived_at": null,
        "results_url": ended.map(|_| format!("https://elsewhere.example/{id}/results")),
    })
}

fn of(custom_id: &str) -> Option<Outcome> {
    outcome(RESULTS, custom_id).unwrap()
}

#[test]
fn submission_is_one_plain_request_without_its_stream() {
    let body: Value =
        serde_json::from_slice(&submission_body("plan-1", &request()).unwrap()).unwrap();
    let mut plain: Value = serde_json::from_slice(&request_body(&request()).unwrap()).unwrap();
    assert_eq!(
        plain.as_object_mut().unwrap().remove("stream"),
        Some(json!(true))
    );
    assert_eq!(
        body,
        json!({"requests": [{"custom_id": "plan-1", "params": plain}]})
    );
}

#[test]
fn custom_ids_have_64_plain_characters_at_most() {
    for id in ["a", "plan-1_B", &"x".repeat(64)] {
        assert!(is_custom_id(id), "{id}");
    }
    for id in ["", "a b", "a/b", "ä", "a.b", &"x".repeat(65)] {
        assert!(!is_custom_id(id), "{id}");
    }
}

#[test]
fn batches_are_read_as_documented() {
    let ended = wire("msgbatch_01", "ended", "2026-11-25T17:00:00.5Z").to_string();
    assert_eq!(
        batch(&ended).unwrap(),
        Batch {
            id: "msgbatch_01".to_owned(),
            is_ended: true,
            created_at: 1_795_626_000,
            requests: 1,
            is_archived: false,
        }
    );
    for status in ["in_progress", "canceling", "some_new_state"] {
        let open = wire("msgbatch_01", status, "2026-11-25T17:00:00Z").to_string();
        assert!(!batch(&open).unwrap().is_ended, "{status}");
    }
    let outside = wire("../models", "ended", "2026-11-25T17:00:00Z").to_string();
    for wrong in ["{}", "[]", "", outside.as_str()] {
        assert!(matches!(batch(wrong), Err(ErrorKind::Malformed { .. })));
    }
}

#[test]
fn pages_say_where_the_next_begins() {
    let list = |has_more: bool, last_id: Value| {
        let data = [wire("msgbatch_02", "ended", "2026-11-25T17:00:00Z")];
        json!({"data": data, "has_more": has_more, "first_id": "msgbatch_02", "last_id": last_id})
            .to_string()
    };
    let first = page(&list(true, json!("msgbatch_02"))).unwrap();
    assert_eq!(first.next.as_deref(), Some("msgbatch_02"));
    assert_eq!(first.batches.len(), 1);
    assert_eq!(page(&list(false, json!("msgbatch_02"))).unwrap().next, None);
    assert!(page(&list(true, Value::Null)).is_err());
    assert!(page(&list(true, json!("a&b=c"))).is_err());
}

#[test]
fn message_of_a_result_is_a_plain_answer_for_half_the_money() {
    let Some(Outcome::Succeeded { message }) = of("plan-2") else {
        panic!("not answered");
    };
    let answer = answer(&message, "claude-sonnet-5-5").unwrap();
    assert_eq!(answer.stop, StopReason::ToolUse);
    assert_eq!((answer.attempts, answer.unsettled), (1, 0));
    assert_eq!(answer.usage.input_tokens, 3_000);
    assert_eq!(
        (answer.usage.cached_tokens, answer.usage.reasoning_tokens),
        (2_000, 24)
    );
    // Half of 1,000 * 2 + 2,000 * 0.1 + 300 * 10.
    assert_eq!(answer.cost, MicroUsd(2_600));
    assert!(matches!(&answer.blocks[2], Block::ToolUse { id, .. } if id == "toolu_01A"));
    // It goes back as it came.
    let content = answer.content.get();
    assert!(
        content.contains(r#""input":{"b" : 1.50,"a":"\u00e4"}"#),
        "{content}"
    );
    assert!(RESULTS.contains(content), "{content}");
}

#[test]
fn errors_of_results_mean_what_they_mean_in_plain_calls() {
    let kind = |id: &str| match of(id) {
        Some(Outcome::Errored { error: said }) => error(&said, "m"),
        other => panic!("{other:?}"),
    };
    let message = "max_tokens: Field required".to_owned();
    assert_eq!(kind("plan-3"), ErrorKind::InvalidRequest { message });
    assert_eq!(kind("plan-4"), ErrorKind::Overloaded);
    // The guide shows it without its envelope.
    let bare = json!({"type": "authentication_error", "message": "m"});
    assert_eq!(error(&bare, "m"), ErrorKind::InvalidKey);
    assert_eq!(error(&Value::Null, "m"), ErrorKind::Server { status: 500 });
}

#[test]
fn results_are_found_by_their_custom_id() {
    assert!(matches!(of("plan-5"), Some(Outcome::Canceled)));
    assert!(matches!(of("plan-6"), Some(Outcome::Expired)));
    assert!(matches!(of("plan-7"), Some(Outcome::Unknown)));
    assert!(of("plan-1").is_none());
    for wrong in [
        "{}",
        "x",
        r#"{"custom_id":"a","result":{"type":"succeeded"}}"#,
    ] {
        assert!(outcome(wrong, "a").is_err(), "{wrong}");
    }
}

#[test]
fn messages_without_their_parts_are_malformed() {
    for message in [
        "null",
        r#"{"id":"m","content":"x"}"#,
        r#"{"id":"m","content":[1]}"#,
    ] {
        let message = serde_json::value::RawValue::from_string(message.to_owned()).unwrap();
        assert!(matches!(
            answer(&message, "m"),
            Err(ErrorKind::Malformed { .. })
        ));
    }
}
