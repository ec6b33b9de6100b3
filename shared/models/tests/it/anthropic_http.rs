use std::time::Duration;

use models::{
    Anthropic, ErrorKind, MessagesAnswer, MessagesRequest, ModelError, Retry, Settings,
    StreamEvent, StreamFault, Wait,
};
use serde_json::{Value, json};

use crate::anthropic_wire::request;
use crate::server::{KEY, Reply, Server, answer, json, stream};
use crate::stream::{TOOLS, message_end, message_start, sse};

const NOW: &str = "retry-after-ms: 1\r\n";

fn error_body(kind: &str, message: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_9"})
}

fn tools() -> Reply {
    Reply::Close(stream(TOOLS))
}

fn start() -> String {
    sse(&[message_start()])
}

async fn ask(settings: Settings) -> (Result<MessagesAnswer, ModelError>, Vec<StreamEvent>) {
    let client = Anthropic::new(settings).unwrap();
    let mut events = Vec::new();
    let answer = client
        .create(&request(), &mut |event| events.push(event))
        .await;
    (answer, events)
}

async fn error_of(replies: Vec<Reply>) -> ModelError {
    let server = Server::start(replies).await;
    ask(server.settings()).await.0.unwrap_err()
}

#[tokio::test]
async fn streamed_answer_is_put_together() {
    let server = Server::start([tools()]).await;
    let (answer, events) = ask(server.settings()).await;
    let answer = answer.unwrap();
    assert_eq!(answer.blocks.len(), 6);
    assert_eq!((answer.attempts, answer.unsettled), (1, 0));
    assert!(events.contains(&StreamEvent::ToolUse {
        name: "write_file".to_owned()
    }));
    let seen = &server.seen()[0];
    assert!(seen.head.starts_with("POST /v1/messages HTTP/1.1\r\n"));
    for line in [
        &format!("x-api-key: {KEY}"),
        "anthropic-version: 2023-06-01",
        "content-type: application/json",
        "accept: text/event-stream",
    ] {
        assert!(seen.has_header(line), "{line} in {}", seen.head);
    }
    assert_eq!(seen.json()["stream"], true);
}

#[tokio::test]
async fn version_is_a_setting() {
    let server = Server::start([tools()]).await;
    let client = Anthropic::new(server.settings()).unwrap();
    let client = client.with_version("2026-10-21").unwrap();
    client.create(&request(), &mut |_| {}).await.unwrap();
    assert!(server.seen()[0].has_header("anthropic-version: 2026-10-21"));
    assert!(client.with_version("a\nb").is_err());
}

#[tokio::test]
async fn answer_is_complete_before_the_connection_ends() {
    let server = Server::start([Reply::Hold(stream(TOOLS))]).await;
    assert!(ask(server.settings()).await.0.is_ok());
}

#[tokio::test]
async fn call_can_run_on_another_thread() {
    let server = Server::start([tools()]).await;
    let client = Anthropic::new(server.settings()).unwrap();
    let call = tokio::spawn(async move {
        let request = request();
        client.create(&request, &mut |_| {}).await
    });
    assert!(call.await.unwrap().is_ok());
}

#[tokio::test]
async fn passing_failures_are_repeated() {
    let server = Server::start([
        json(529, NOW, &error_body("overloaded_error", "Overloaded")),
        json(429, NOW, &error_body("rate_limit_error", "m")),
        json(409, NOW, &error_body("conflict_error", "m")),
        tools(),
    ])
    .await;
    let answer = ask(server.settings()).await.0.unwrap();
    assert_eq!((answer.attempts, answer.unsettled), (4, 0));
}

#[tokio::test]
async fn rate_limit_without_a_time_is_returned() {
    let error = error_of(vec![json(429, "", &error_body("rate_limit_error", "m"))]).await;
    assert_eq!(error.kind(), &ErrorKind::RateLimited { retry_after: None });
    assert_eq!(error.retry(), Retry::Transient { after: None });
    assert_eq!(error.attempts(), 1);
}

#[tokio::test]
async fn spend_limits_are_not_repeated() {
    let own = "You have reached your specified API usage limits. You will regain access later.";
    let mut tier = error_body("rate_limit_error", "m");
    tier["error"]["details"] = json!({"error_code": "enforced_spend_limit_reached"});
    for reply in [
        json(400, "", &error_body("invalid_request_error", own)),
        json(402, "", &error_body("billing_error", "m")),
        json(429, "x-should-retry: true\r\n", &tier),
    ] {
        let error = error_of(vec![reply]).await;
        assert_eq!(error.kind(), &ErrorKind::SpendLimit);
        assert_eq!((error.retry(), error.attempts()), (Retry::Terminal, 1));
    }
}

#[tokio::test]
async fn terminal_errors_are_not_repeated() {
    let model = "claude-sonnet-5-5".to_owned();
    let message = "bad".to_owned();
    for (status, kind, expected) in [
        (
            400,
            "invalid_request_error",
            ErrorKind::InvalidRequest { message },
        ),
        (401, "authentication_error", ErrorKind::InvalidKey),
        (403, "permission_error", ErrorKind::Permission),
        (404, "not_found_error", ErrorKind::NotFound { model }),
        (413, "request_too_large", ErrorKind::TooLarge),
    ] {
        let reply = json(status, "request-id: req_7\r\n", &error_body(kind, "bad"));
        let error = error_of(vec![reply]).await;
        assert_eq!(error.kind(), &expected);
        assert_eq!((error.retry(), error.attempts()), (Retry::Terminal, 1));
        assert_eq!(error.request_id(), Some("req_7"));
        assert_eq!(error.unsettled(), 0);
    }
}

#[tokio::test]
async fn error_event_before_the_answer_is_repeated() {
    let first = sse(&[error_body("overloaded_error", "Overloaded")]);
    let server = Server::start([Reply::Close(stream(&first)), tools()]).await;
    let answer = ask(server.settings()).await.0.unwrap();
    assert_eq!((answer.attempts, answer.unsettled), (2, 0));
}

#[tokio::test]
async fn error_event_within_the_answer_ends_the_call() {
    let text = start() + &sse(&[error_body("overloaded_error", "Overloaded")]);
    let server = Server::start([Reply::Close(stream(&text))]).await;
    let (answer, events) = ask(server.settings()).await;
    let error = answer.unwrap_err();
    let error_type = "overloaded_error".to_owned();
    let fault = StreamFault::ErrorEvent { error_type };
    assert_eq!(error.kind(), &ErrorKind::Stream(fault));
    assert_eq!(error.retry(), Retry::Transient { after: None });
    assert_eq!(error.usage().unwrap().input_tokens, 10);
    assert_eq!(error.cost().unwrap().0, 30);
    assert_eq!((error.attempts(), error.unsettled()), (1, 1));
    assert_eq!(error.request_id(), Some("req_01"));
    // Who gives the answer up by then knows what it cost so far.
    let [StreamEvent::Started { .. }, StreamEvent::Billed(billed)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((Some(&billed.usage), billed.cost.0), (error.usage(), 30));
}

#[tokio::test]
async fn truncated_stream_is_no_answer() {
    let text = TOOLS.rsplit_once("event: message_stop").unwrap().0;
    let error = error_of(vec![Reply::Close(stream(text))]).await;
    assert_eq!(error.kind(), &ErrorKind::Stream(StreamFault::Ended));
    assert_eq!(error.usage().unwrap().output_tokens, 89);
    assert_eq!((error.attempts(), error.unsettled()), (1, 1));
}

#[tokio::test]
async fn connection_lost_within_the_answer_ends_the_call() {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99999\r\n\r\n";
    let error = error_of(vec![Reply::Close((head.to_owned() + &start()).into())]).await;
    assert_eq!(error.kind(), &ErrorKind::Transport);
    assert_eq!(error.attempts(), 1);
    assert!(error.usage().is_some());
}

#[tokio::test]
async fn error_body_with_status_200_is_an_error() {
    let reply = json(
        200,
        "",
        &error_body("authentication_error", "invalid x-api-key"),
    );
    assert_eq!(error_of(vec![reply]).await.kind(), &ErrorKind::InvalidKey);
    let error = error_of(vec![answer(200, "", "text/html", "<html>")]).await;
    assert!(matches!(error.kind(), ErrorKind::Malformed { .. }));
    assert_eq!((error.attempts(), error.unsettled()), (1, 1));
}

#[tokio::test]
async fn silent_stream_times_out() {
    let server = Server::start([Reply::Hold(stream(&start()))]).await;
    let settings = Settings {
        idle_timeout: Duration::from_millis(100),
        ..server.settings()
    };
    let error = ask(settings).await.0.unwrap_err();
    let waited = Wait::Idle;
    assert_eq!(error.kind(), &ErrorKind::Timeout { waited });
    assert_eq!((error.attempts(), error.unsettled()), (1, 1));
}

#[tokio::test]
async fn pings_keep_a_stream_alive_until_the_total_time() {
    let ping = sse(&[json!({"type": "ping"})]).into_bytes();
    let server = Server::start([Reply::Drip(stream(&start()), ping)]).await;
    let settings = Settings {
        idle_timeout: Duration::from_millis(200),
        total_timeout: Duration::from_millis(500),
        ..server.settings()
    };
    let error = ask(settings).await.0.unwrap_err();
    let waited = Wait::Total;
    assert_eq!(error.kind(), &ErrorKind::Timeout { waited });
    assert_eq!(error.usage().unwrap().input_tokens, 10);
}

#[tokio::test]
async fn endless_line_is_cut_off() {
    let head = stream(&(start() + "data: "));
    let error = error_of(vec![Reply::Repeat(head, vec![b'x'; 1 << 20])]).await;
    assert_eq!(error.kind(), &ErrorKind::Stream(StreamFault::LineTooLong));
}

#[tokio::test]
async fn endless_stream_is_cut_off() {
    let comments = format!(": {}\n", "x".repeat(1 << 20)).into_bytes();
    let error = error_of(vec![Reply::Repeat(stream(&start()), comments)]).await;
    assert_eq!(error.kind(), &ErrorKind::Stream(StreamFault::TooLong));
}

#[tokio::test]
async fn rejected_effort_is_left_out_once() {
    let text = "output_config.effort: not supported for this model";
    let server = Server::start([
        json(400, "", &error_body("invalid_request_error", text)),
        tools(),
    ])
    .await;
    let answer = ask(server.settings()).await.0.unwrap();
    assert_eq!(answer.attempts, 2);
    let seen = server.seen();
    assert_eq!(seen[0].json()["output_config"]["effort"], "high");
    assert_eq!(seen[1].json().get("output_config"), None);
}

#[tokio::test]
async fn broken_conversation_is_not_sent() {
    let server = Server::start([]).await;
    let client = Anthropic::new(server.settings()).unwrap();
    let mut request = request();
    request.messages.clear();
    let error = client.create(&request, &mut |_| {}).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidRequest { .. }));
    assert_eq!(error.attempts(), 0);
}

#[tokio::test]
async fn missing_counts_are_unsettled() {
    let [mut delta, stop] = message_end("end_turn");
    delta["usage"] = Value::Null;
    let text = start() + &sse(&[delta, stop]);
    let server = Server::start([Reply::Close(stream(&text))]).await;
    let answer = ask(server.settings()).await.0.unwrap();
    assert_eq!(answer.unsettled, 1);
    assert_eq!(answer.usage.input_tokens, 10);
}

#[tokio::test]
async fn tokens_are_counted_without_a_message() {
    let server = Server::start([
        json(529, NOW, &error_body("overloaded_error", "busy")),
        json(200, "", &json!({"input_tokens": 2_095})),
    ])
    .await;
    let client = Anthropic::new(server.settings()).unwrap();
    assert_eq!(client.count_tokens(&request()).await.unwrap(), 2_095);
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert!(
        seen[1]
            .head
            .starts_with("POST /v1/messages/count_tokens HTTP/1.1\r\n")
    );
    assert_eq!(seen[1].json().get("stream"), None);
}

#[tokio::test]
async fn a_count_that_is_none_is_an_error() {
    let server = Server::start([json(200, "", &json!({"input_tokens": "many"}))]).await;
    let client = Anthropic::new(server.settings()).unwrap();
    let error = client.count_tokens(&request()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Malformed { .. }));
    assert_eq!(error.unsettled(), 0);
}

#[tokio::test]
async fn what_may_have_been_billed_is_not_tried_again_with_money_for_once() {
    let server = Server::start([Reply::Close(Vec::new()), tools()]).await;
    let once = MessagesRequest {
        charged_once: true,
        ..request()
    };
    let client = Anthropic::new(server.settings()).unwrap();
    let error = client.create(&once, &mut |_| {}).await.unwrap_err();
    assert_eq!((error.attempts(), error.unsettled()), (1, 1));
    // What was refused before it cost anything is tried again as ever.
    let overloaded = json(529, NOW, &error_body("overloaded_error", "Overloaded"));
    let server = Server::start([overloaded, tools()]).await;
    let client = Anthropic::new(server.settings()).unwrap();
    let answer = client.create(&once, &mut |_| {}).await.unwrap();
    assert_eq!((answer.attempts, answer.unsettled), (2, 0));
}
