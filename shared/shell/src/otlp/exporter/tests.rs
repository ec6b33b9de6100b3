use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use pipeline::trace::{SpanId, TraceId};
use serde_json::Value;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::otlp::Kind;

/// More than enough for what comes at once.
const LONG: Duration = Duration::from_secs(20);

fn exporter(endpoint: &str) -> Exporter {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let map = BTreeMap::from([
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(),
            endpoint.to_owned(),
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS".to_owned(),
            "x-key=one%20two".to_owned(),
        ),
    ]);
    Exporter::of(&Settings::from_map(&map).unwrap(), "plan").unwrap()
}

fn span(number: u64) -> Span {
    Span {
        trace: Some(TraceId::of_execution("e1")),
        id: SpanId::of(&["e1"]).call(number),
        parent: None,
        name: "plan".to_owned(),
        kind: Kind::Consumer,
        start: Timestamp::UNIX_EPOCH,
        end: Timestamp::UNIX_EPOCH,
        attributes: Vec::new(),
        error: None,
    }
}

/// How many spans each request held that arrived.
async fn arrived(server: &MockServer) -> Vec<usize> {
    let requests = server.received_requests().await.unwrap();
    let spans = |body: &[u8]| {
        let body: Value = serde_json::from_slice(body).unwrap();
        let spans = &body["resourceSpans"][0]["scopeSpans"][0]["spans"];
        spans.as_array().unwrap().len()
    };
    requests
        .iter()
        .map(|request| spans(&request.body))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_are_sent_together_with_the_headers() {
    let server = MockServer::start().await;
    let wanted = Mock::given(method("POST"))
        .and(path("/base/v1/traces"))
        .and(header("x-key", "one two"))
        .and(header("content-type", "application/json"));
    wanted
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    let exporter = exporter(&format!("{}/base/", server.uri()));
    exporter.send(vec![span(1), span(2)]);
    exporter.clone().send(vec![span(3)]);
    exporter.flush(LONG).await;
    assert_eq!(arrived(&server).await, [3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_help_is_sent_again_and_a_refusal_is_not() {
    // A connection that the server has closed meanwhile is one more reason to send again.
    for (status, times) in [(503, 2..=3), (400, 1..=1)] {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(status))
            .up_to_n_times(1)
            .mount(&server)
            .await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(200))
            .mount(&server)
            .await;
        let exporter = exporter(&server.uri());
        exporter.send(vec![span(1)]);
        exporter.flush(LONG).await;
        let arrived = arrived(&server).await.len();
        assert!(times.contains(&arrived), "{arrived} after {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_answer_holds_nobody_up() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_delay(REQUEST_TIMEOUT * 2))
        .mount(&server)
        .await;
    let exporter = exporter(&server.uri());
    let started = Instant::now();
    for number in 0..2 * WAITING_MAX as u64 {
        exporter.send(vec![span(number)]);
    }
    exporter.flush(Duration::from_millis(100)).await;
    assert!(
        started.elapsed() < REQUEST_TIMEOUT,
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn nothing_begins_before_there_is_a_span() {
    let exporter = exporter("http://127.0.0.1:9");
    assert!(exporter.shared.queue.get().is_none());
}
