use std::time::Duration;

use models::{ErrorKind, Finish, ModelError, ResponsesAnswer, Retry, Settings, Wait, Xai};
use serde_json::json;

use crate::server::{KEY, Reply, Server, answer, json};
use crate::xai_wire::request;

const COMPLETED: &str = include_str!("../fixtures/responses_completed.json");
const NOW: &str = "retry-after-ms: 1\r\n";

fn completed() -> Reply {
    answer(200, "x-request-id: r-1\r\n", "application/json", COMPLETED)
}

async fn ask(settings: Settings) -> Result<ResponsesAnswer, ModelError> {
    Xai::new(settings).unwrap().respond(&request()).await
}

async fn error_of(replies: Vec<Reply>) -> (ModelError, Server) {
    let server = Server::start(replies).await;
    let error = ask(server.settings()).await.unwrap_err();
    (error, server)
}

#[tokio::test]
async fn answer_comes_with_its_raw_body() {
    let server = Server::start([completed()]).await;
    let answer = ask(server.settings()).await.unwrap();
    assert_eq!(answer.raw, COMPLETED);
    assert_eq!(answer.finish, Finish::Completed);
    assert_eq!((answer.attempts, answer.unsettled), (1, 0));
    let seen = server.seen();
    assert!(seen[0].head.starts_with("POST /responses HTTP/1.1\r\n"));
    assert!(seen[0].has_header(&format!("authorization: Bearer {KEY}")));
    assert_eq!(seen[0].json()["store"], false);
}

#[tokio::test]
async fn every_attempt_says_what_it_belongs_to() {
    let refusal = || json(503, NOW, &json!({"error": "m"}));
    let server = Server::start([refusal(), completed(), completed()]).await;
    let client = Xai::new(server.settings()).unwrap();
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let (value, request) = (traceparent.parse().unwrap(), request());
    models::traced(value, client.respond(&request))
        .await
        .unwrap();
    client.respond(&request).await.unwrap();
    let line = format!("traceparent: {traceparent}");
    let has = |seen: &crate::server::Seen| seen.has_header(&line);
    let told: Vec<bool> = server.seen().iter().map(has).collect();
    assert_eq!(told, [true, true, false]);
}

#[tokio::test]
async fn passing_failures_are_repeated() {
    let body = json!({"error": "m"});
    let server = Server::start([
        json(429, NOW, &body),
        json(503, NOW, &body),
        json(529, NOW, &body),
        completed(),
    ])
    .await;
    let answer = ask(server.settings()).await.unwrap();
    assert_eq!((answer.attempts, answer.unsettled), (4, 0));
    let bodies: Vec<Vec<u8>> = server.seen().into_iter().map(|seen| seen.body).collect();
    assert!(bodies.windows(2).all(|two| two[0] == two[1]));
}

#[tokio::test]
async fn retries_are_bounded() {
    let replies = (0..4)
        .map(|_| json(500, NOW, &json!({"error": "m"})))
        .collect();
    let (error, server) = error_of(replies).await;
    assert_eq!(error.kind(), &ErrorKind::Server { status: 500 });
    assert_eq!(error.attempts(), 4);
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn lost_connection_is_repeated_and_unsettled() {
    let server = Server::start([Reply::Close(Vec::new()), completed()]).await;
    let answer = ask(server.settings()).await.unwrap();
    assert_eq!((answer.attempts, answer.unsettled), (2, 1));
}

#[tokio::test]
async fn refused_connection_costs_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let settings = Settings {
        retries_max: 0,
        ..Settings::new(url, KEY.to_owned().into())
    };
    let error = ask(settings).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Transport);
    assert_eq!((error.attempts(), error.unsettled()), (1, 0));
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn long_waits_are_returned() {
    let reply = json(429, "retry-after: 31\r\n", &json!({"error": "slow down"}));
    let (error, _) = error_of(vec![reply]).await;
    let after = Some(Duration::from_secs(31));
    assert_eq!(error.kind(), &ErrorKind::RateLimited { retry_after: after });
    assert_eq!(error.retry(), Retry::Transient { after });
    assert_eq!(error.attempts(), 1);
}

#[tokio::test]
async fn used_up_credits_are_not_repeated() {
    let text =
        "Your team has either used all available credits or reached its monthly spending limit.";
    let reply = json(429, NOW, &json!({"code": "x", "error": text}));
    let (error, _) = error_of(vec![reply]).await;
    assert_eq!(error.kind(), &ErrorKind::SpendLimit);
    assert_eq!((error.retry(), error.attempts()), (Retry::Terminal, 1));
}

#[tokio::test]
async fn wrong_key_is_told_without_the_key() {
    let text = format!("Incorrect API key provided: {KEY}. See https://console.x.ai.");
    let (error, _) = error_of(vec![json(400, "", &json!({"code": "c", "error": text}))]).await;
    assert_eq!(error.kind(), &ErrorKind::InvalidKey);
    assert_eq!(error.retry(), Retry::Terminal);
    assert_eq!(
        error.to_string(),
        "xai call failed: the API key was refused"
    );
}

#[tokio::test]
async fn errors_never_show_the_key() {
    let text = json!({"error": {"message": format!("odd \"{KEY}\" and xai-abc")}});
    for status in [400, 404, 429, 500] {
        let server = Server::start([json(status, "x-should-retry: false\r\n", &text)]).await;
        let error = ask(server.settings()).await.unwrap_err();
        for shown in [format!("{error}"), format!("{error:?}")] {
            assert!(
                !shown.contains(KEY) && !shown.contains("xai-abc"),
                "{shown}"
            );
        }
    }
    let client = Xai::new(Settings::new("https://api.x.ai/v1", KEY.to_owned().into())).unwrap();
    assert!(!format!("{client:?}").contains(KEY));
}

#[tokio::test]
async fn server_may_forbid_the_retry() {
    let reply = json(500, "x-should-retry: false\r\n", &json!({"error": "m"}));
    let (error, _) = error_of(vec![reply]).await;
    assert_eq!((error.retry(), error.attempts()), (Retry::Terminal, 1));
}

#[tokio::test]
async fn unknown_model_is_named() {
    let reply = json(
        404,
        "x-request-id: r-9\r\n",
        &json!({"error": "no such model"}),
    );
    let (error, _) = error_of(vec![reply]).await;
    assert_eq!(
        error.to_string(),
        "xai call failed: model `grok-4.7` was not found"
    );
    assert_eq!(error.request_id(), Some("r-9"));
}

#[tokio::test]
async fn error_with_status_200_is_repeated_when_passing() {
    let unavailable = json!({"code": "The service is currently unavailable", "error": "m"});
    let server = Server::start([json(200, "", &unavailable), completed()]).await;
    // No header says how long to wait here, so this pauses for up to a second.
    let answer = ask(server.settings()).await.unwrap();
    assert_eq!((answer.attempts, answer.unsettled), (2, 0));
}

#[tokio::test]
async fn billed_failure_reports_its_usage() {
    let body = json!({"code": "The service is currently unavailable", "error": "m",
        "usage": {"input_tokens": 7, "output_tokens": 2, "cost_in_usd_ticks": 50_000}});
    let (error, _) = error_of(vec![json(200, "", &body)]).await;
    assert_eq!(error.kind(), &ErrorKind::Overloaded);
    assert_eq!(error.usage().unwrap().input_tokens, 7);
    assert_eq!(error.cost().unwrap().0, 5);
    assert_eq!((error.attempts(), error.unsettled()), (1, 0));
}

#[tokio::test]
async fn unreadable_answer_is_not_paid_for_twice() {
    let (error, _) = error_of(vec![answer(200, "", "text/html", "<html>")]).await;
    assert!(matches!(error.kind(), ErrorKind::Malformed { .. }));
    assert_eq!((error.attempts(), error.unsettled()), (1, 1));
    assert_eq!(error.retry(), Retry::Transient { after: None });
}

#[tokio::test]
async fn rejected_effort_is_left_out_once() {
    let rejects = || {
        let text = "Argument not supported on this model: reasoning_effort";
        json(400, "", &json!({"code": "invalid-argument", "error": text}))
    };
    let server = Server::start([rejects(), completed()]).await;
    let answer = ask(server.settings()).await.unwrap();
    assert_eq!(answer.attempts, 2);
    let seen = server.seen();
    assert_eq!(seen[0].json()["reasoning"]["effort"], "high");
    assert_eq!(seen[1].json().get("reasoning"), None);

    let (error, _) = error_of(vec![rejects(), rejects()]).await;
    assert!(matches!(error.kind(), ErrorKind::InvalidRequest { .. }));
    assert_eq!(error.attempts(), 2);
}

#[tokio::test]
async fn redirects_are_errors() {
    let reply = answer(307, "location: http://127.0.0.1:1/\r\n", "text/plain", "");
    let (error, server) = error_of(vec![reply]).await;
    assert!(matches!(error.kind(), ErrorKind::Settings { .. }));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn total_time_is_limited() {
    let server = Server::start([Reply::Hold(Vec::new())]).await;
    let settings = Settings {
        total_timeout: Duration::from_millis(200),
        ..server.settings()
    };
    let error = ask(settings).await.unwrap_err();
    let waited = Wait::Total;
    assert_eq!(error.kind(), &ErrorKind::Timeout { waited });
    assert_eq!((error.attempts(), error.unsettled()), (1, 1));
}

#[tokio::test]
async fn silent_body_times_out() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
    let server = Server::start([Reply::Hold(head.into())]).await;
    let settings = Settings {
        idle_timeout: Duration::from_millis(100),
        retries_max: 0,
        ..server.settings()
    };
    let error = ask(settings).await.unwrap_err();
    let waited = Wait::Idle;
    assert_eq!(error.kind(), &ErrorKind::Timeout { waited });
    assert_eq!(error.unsettled(), 1);
}

#[tokio::test]
async fn endless_body_is_cut_off() {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    let server = Server::start([Reply::Repeat(head.into(), vec![b' '; 1 << 20])]).await;
    let error = ask(server.settings()).await.unwrap_err();
    let what = "it is longer than 32 MiB";
    assert_eq!(error.kind(), &ErrorKind::Malformed { what });
}

#[test]
fn wrong_settings_are_refused() {
    for (url, key) in [
        ("http://example.com", KEY),
        ("https://api.x.ai/v1", ""),
        ("https://api.x.ai/v1", "line\nbreak"),
    ] {
        let error = Xai::new(Settings::new(url, key.to_owned().into())).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Settings { .. }));
        assert_eq!(error.retry(), Retry::Terminal);
    }
}
