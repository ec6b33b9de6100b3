//! The client of Chat Completions against a server that says what it is told to.

use std::time::Duration;

use models::{
    Auth, Chat, Deferred, ErrorKind, Finish, Retry, Settings, StopReason, StreamEvent, StreamFault,
    Structured,
};
use serde_json::{Value, json};

use crate::chat_wire::turn;
use crate::server::{KEY, Reply, Server, json, stream};
use crate::xai_wire::request;

const NOW: &str = "retry-after-ms: 1\r\n";

fn completion() -> Value {
    json!({"id": "c1", "object": "chat.completion", "model": "grok-4.7-0921", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "{\"title\":\"x\"}"},
         "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
            "cost_in_usd_ticks": 50_000}})
}

fn chunk(delta: &Value, reason: Option<&str>) -> String {
    let chunk = json!({"id": "c1", "model": "m", "choices": [
        {"index": 0, "delta": delta, "finish_reason": reason}]});
    format!("data: {chunk}\n\n")
}

fn client(settings: Settings) -> Chat {
    Chat::new(settings, Structured::JsonSchema).unwrap()
}

#[tokio::test]
async fn question_is_answered_by_the_served_model() {
    let server = Server::start([json(503, NOW, &json!({})), json(200, "", &completion())]).await;
    let answer = client(server.settings()).respond(&request()).await.unwrap();
    // Row 29: an alias is served by another model than was asked for.
    assert_eq!(answer.model, "grok-4.7-0921");
    assert_eq!(answer.finish, Finish::Completed);
    assert_eq!(answer.text, r#"{"title":"x"}"#);
    assert_eq!(answer.cost.0, 5);
    assert_eq!((answer.attempts, answer.unsettled), (2, 0));
    let seen = &server.seen()[0];
    assert!(seen.head.starts_with("POST /chat/completions HTTP/1.1\r\n"));
    assert!(seen.has_header(&format!("authorization: Bearer {KEY}")));
}

#[tokio::test]
async fn key_goes_as_the_settings_say() {
    for (auth, line) in [
        (Auth::ApiKey, Some(format!("x-api-key: {KEY}"))),
        (Auth::None, None),
    ] {
        let server = Server::start([json(200, "", &completion())]).await;
        let settings = Settings {
            auth: Some(auth),
            ..server.settings()
        };
        client(settings).respond(&request()).await.unwrap();
        let seen = &server.seen()[0];
        assert!(!seen.head.to_lowercase().contains("authorization"));
        match line {
            Some(line) => assert!(seen.has_header(&line)),
            None => assert!(!seen.head.contains(KEY)),
        }
    }
    let keyless = Settings {
        auth: Some(Auth::None),
        ..Settings::new("http://127.0.0.1:1/v1", String::new().into())
    };
    assert!(Chat::new(keyless, Structured::JsonObject).is_ok());
}

#[tokio::test]
async fn turn_is_streamed() {
    let text = [
        chunk(&json!({"role": "assistant", "content": "I "}), None),
        chunk(&json!({"content": "look."}), None),
        chunk(
            &json!({"tool_calls": [{"index": 0, "id": "a", "type": "function",
                "function": {"name": "list_files", "arguments": "{}"}}]}),
            None,
        ),
        chunk(&json!({}), Some("tool_calls")),
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\n"
            .to_owned(),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat();
    let server = Server::start([Reply::Hold(stream(&text))]).await;
    let mut events = Vec::new();
    let answer = client(server.settings())
        .create(&turn(), &mut |event| events.push(event))
        .await
        .unwrap();
    assert_eq!(answer.stop, StopReason::ToolUse);
    assert_eq!(
        answer.content.get(),
        r#"[{"type":"text","text":"I look."},{"type":"tool_use","id":"a","name":"list_files","input":{}}]"#
    );
    assert_eq!((answer.usage.input_tokens, answer.unsettled), (7, 0));
    let name = "list_files".to_owned();
    assert!(events.contains(&StreamEvent::ToolUse { name }));
    assert_eq!(
        server.seen()[0].json()["stream_options"]["include_usage"],
        true
    );
}

#[tokio::test]
async fn stream_that_says_why_it_stopped_needs_no_terminator() {
    let text = chunk(&json!({"content": "x"}), None) + &chunk(&json!({}), Some("stop"));
    let server = Server::start([Reply::Close(stream(&text))]).await;
    let answer = client(server.settings()).create(&turn(), &mut |_| {}).await;
    assert_eq!(answer.unwrap().stop, StopReason::EndTurn);
}

#[tokio::test]
async fn row_04_truncated_stream_is_no_answer() {
    let text = chunk(&json!({"content": "x"}), None);
    let server = Server::start([Reply::Close(stream(&text))]).await;
    let error = client(server.settings())
        .create(&turn(), &mut |_| {})
        .await
        .unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Stream(StreamFault::Ended));
    assert_eq!((error.attempts(), error.unsettled()), (1, 1));
    assert_eq!(error.retry(), Retry::Transient { after: None });
}

#[tokio::test]
async fn answer_that_passes_its_allowance_is_cut_off() {
    let text = chunk(&json!({"reasoning_content": "x".repeat(400)}), None);
    let server = Server::start([Reply::Hold(stream(&text))]).await;
    let request = models::ResponsesRequest {
        output_allowance: Some(100),
        ..request()
    };
    let error = client(server.settings())
        .respond(&request)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::AllowanceSpent { tokens: 100 });
    assert_eq!(error.unsettled(), 1);
}

#[tokio::test]
async fn row_30_schema_that_is_refused_is_told_in_words() {
    let refusal = json!({"error": {"message": "response_format: json_schema is not supported"}});
    let server = Server::start([json(400, "", &refusal), json(200, "", &completion())]).await;
    let answer = client(server.settings()).respond(&request()).await.unwrap();
    assert_eq!(answer.attempts, 2);
    let seen = server.seen();
    assert_eq!(seen[0].json()["response_format"]["type"], "json_schema");
    assert_eq!(seen[1].json().get("response_format"), None);
    let rules = seen[1].json()["messages"][0]["content"].to_string();
    assert!(rules.contains("JSON Schema"));
}

#[tokio::test]
async fn row_30_strict_tools_that_are_refused_are_sent_without() {
    let refusal = json!({"error": {"message": "tools[0].function.strict: unknown field"}});
    let end = chunk(&json!({"content": "x"}), Some("stop")) + "data: [DONE]\n\n";
    let server = Server::start([json(400, "", &refusal), Reply::Close(stream(&end))]).await;
    let answer = client(server.settings()).create(&turn(), &mut |_| {}).await;
    assert_eq!(answer.unwrap().attempts, 2);
    let seen = server.seen();
    assert_eq!(seen[0].json()["tools"][0]["function"]["strict"], true);
    assert_eq!(seen[1].json()["tools"][0]["function"].get("strict"), None);
    // What was not named stays.
    assert_eq!(seen[1].json()["reasoning_effort"], "high");
}

#[tokio::test]
async fn deferred_answer_is_read_once() {
    let server = Server::start([
        json(200, "", &json!({"request_id": "req-1"})),
        json(202, "", &json!({})),
        json(200, "", &completion()),
        json(404, "", &json!({"code": "not-found", "error": "m"})),
    ])
    .await;
    let client = client(server.settings());
    let id = client.submit(&request()).await.unwrap();
    let look = async || client.collect(&id, "grok-4.7").await.unwrap();
    assert!(matches!(look().await, Deferred::Pending));
    let Deferred::Done(answer) = look().await else {
        panic!("not done");
    };
    assert_eq!(
        (answer.text.as_str(), answer.attempts),
        (r#"{"title":"x"}"#, 1)
    );
    assert!(matches!(look().await, Deferred::Gone));
    let seen = server.seen();
    assert_eq!(seen[0].json()["deferred"], true);
    assert!(
        seen[1]
            .head
            .starts_with("GET /chat/deferred-completion/req-1 HTTP/1.1\r\n")
    );
}

#[tokio::test]
async fn submission_whose_answer_is_lost_is_not_sent_again() {
    let server = Server::start([Reply::Close(Vec::new())]).await;
    let error = client(server.settings())
        .submit(&request())
        .await
        .unwrap_err();
    assert_eq!((error.attempts(), error.unsettled()), (1, 1));
}

#[tokio::test]
async fn id_that_would_leave_its_path_is_refused() {
    for id in ["../models", "a/b", "", "a?b"] {
        let server = Server::start([json(200, "", &json!({"request_id": id}))]).await;
        let error = client(server.settings())
            .submit(&request())
            .await
            .unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Malformed { .. }), "{id}");
    }
}

#[tokio::test]
async fn calls_can_run_on_another_thread() {
    let server = Server::start([json(200, "", &completion())]).await;
    let client = client(Settings {
        total_timeout: Duration::from_secs(5),
        ..server.settings()
    });
    let answer = tokio::spawn(async move { client.respond(&request()).await }).await;
    assert!(answer.unwrap().is_ok());
}
