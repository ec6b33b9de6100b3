//! Responses with an allowance: streamed, and cut off when it is used up.

use std::time::Duration;

use models::{ErrorKind, Finish, ModelError, ResponsesAnswer, ResponsesRequest, Retry, Settings};
use models::{StreamFault, Xai};
use serde_json::{Value, json};

use crate::server::{Reply, Server, json, stream};
use crate::xai_wire::request;

const COMPLETED: &str = include_str!("../fixtures/responses_completed.json");

fn event(value: &Value) -> String {
    format!("data: {value}\n\n")
}

fn delta(kind: &str, text: &str) -> String {
    event(&json!({"type": format!("response.{kind}.delta"), "item_id": "i", "delta": text}))
}

fn created() -> String {
    event(&json!({"type": "response.created", "response": {"id": "resp_01"}}))
}

fn completed() -> String {
    let response = COMPLETED.replace('\n', " ");
    format!("data: {{\"type\":\"response.completed\",\"response\":{response}}}\n\ndata: [DONE]\n\n")
}

async fn ask(settings: Settings, allowance: u64) -> Result<ResponsesAnswer, ModelError> {
    let request = ResponsesRequest {
        output_allowance: Some(allowance),
        ..request()
    };
    Xai::new(settings).unwrap().respond(&request).await
}

async fn ask_for(text: &str, allowance: u64) -> (Result<ResponsesAnswer, ModelError>, Server) {
    let server = Server::start([Reply::Hold(stream(text))]).await;
    (ask(server.settings(), allowance).await, server)
}

#[tokio::test]
async fn streamed_answer_is_the_same_as_a_whole_one() {
    let text = [
        created(),
        event(&json!({"type": "ping"})),
        delta("reasoning_text", "hm"),
        delta("output_text", "{\"title\":"),
        completed(),
    ]
    .concat();
    let (answer, server) = ask_for(&text, 1_000).await;
    let answer = answer.unwrap();
    assert_eq!(answer.finish, Finish::Completed);
    assert_eq!(answer.text, r#"{"title":"Größe"}"#);
    assert_eq!(answer.cost.0, 2_381);
    assert_eq!((answer.attempts, answer.unsettled), (1, 0));
    assert_eq!(server.seen()[0].json()["stream"], true);
}

#[tokio::test]
async fn answer_that_passes_its_allowance_is_cut_off() {
    for kind in ["output_text", "reasoning_text", "reasoning_summary_text"] {
        let text = created() + &delta(kind, &"x".repeat(3_003));
        let (answer, _) = ask_for(&text, 1_000).await;
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::AllowanceSpent { tokens: 1_000 });
        assert_eq!(error.retry(), Retry::Terminal);
        assert_eq!((error.attempts(), error.unsettled()), (1, 1));
        assert_eq!(error.usage(), None);
    }
}

#[tokio::test]
async fn hidden_reasoning_is_cut_off_by_the_time_it_takes() {
    // The model is silent: after a second it may have written more than its 100 tokens, and
    // pings do not say otherwise.
    let ping = event(&json!({"type": "ping"})).into_bytes();
    let server = Server::start([Reply::Drip(stream(&created()), ping)]).await;
    let begun = std::time::Instant::now();
    let error = ask(server.settings(), 100).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::AllowanceSpent { tokens: 100 });
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(error.unsettled(), 1);
}

#[tokio::test]
async fn stream_without_its_response_is_no_answer() {
    let text = created() + &delta("output_text", "{") + "data: [DONE]\n\n";
    let error = ask_for(&text, 1_000).await.0.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Stream(StreamFault::Ended));
    assert_eq!(error.retry(), Retry::Transient { after: None });
    assert_eq!((error.attempts(), error.unsettled()), (1, 1));
}

#[tokio::test]
async fn failed_response_is_an_error() {
    let failed = json!({"type": "response.failed", "response": {"id": "r", "error":
        {"code": "server_error", "message": "m"}}});
    let error = ask_for(&(created() + &event(&failed)), 1_000)
        .await
        .0
        .unwrap_err();
    assert!(matches!(
        error.kind(),
        ErrorKind::Stream(StreamFault::ErrorEvent { .. })
    ));
    let refused = json!({"type": "error", "code": "invalid-argument", "message": "bad schema"});
    let error = ask_for(&event(&refused), 1_000).await.0.unwrap_err();
    let message = "bad schema".to_owned();
    assert_eq!(error.kind(), &ErrorKind::InvalidRequest { message });
}

#[tokio::test]
async fn passing_error_before_the_answer_is_repeated() {
    let unavailable = json!({"code": "The service is currently unavailable", "error": "m"});
    let server = Server::start([
        Reply::Close(stream(&event(&unavailable))),
        Reply::Close(stream(&completed())),
    ])
    .await;
    let answer = ask(server.settings(), 1_000).await.unwrap();
    assert_eq!((answer.attempts, answer.unsettled), (2, 0));
}

#[tokio::test]
async fn server_that_does_not_stream_is_read_all_the_same() {
    let body: Value = serde_json::from_str(COMPLETED).unwrap();
    let server = Server::start([json(200, "", &body)]).await;
    let answer = ask(server.settings(), 1_000).await.unwrap();
    assert_eq!(answer.finish, Finish::Completed);
}
