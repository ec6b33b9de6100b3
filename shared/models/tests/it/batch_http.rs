//! Message Batches against a server that says what it is told to.

use models::{Anthropic, Batched, ErrorKind, Found, Retry};
use serde_json::{Value, json};

use crate::anthropic_wire::request;
use crate::batch_wire::{RESULTS, wire};
use crate::server::{KEY, Reply, Server, answer, json};

const NOW: &str = "retry-after-ms: 1\r\n";
const MORNING: &str = "2026-11-25T08:00:00Z";
const NOON: &str = "2026-11-25T12:00:00Z";
/// Noon in seconds of Unix time.
const NOON_SECONDS: i64 = 1_795_608_000;

fn client(server: &Server) -> Anthropic {
    Anthropic::new(server.settings()).unwrap()
}

fn ended(id: &str) -> Reply {
    json(200, "", &wire(id, "ended", NOON))
}

fn results(lines: &str) -> Reply {
    answer(200, "", "application/x-jsonl", lines)
}

fn page(batches: &[Value], has_more: bool) -> Reply {
    let last = batches.last().map(|batch| batch["id"].clone());
    let page = json!({"data": batches, "has_more": has_more, "first_id": null, "last_id": last});
    json(200, "", &page)
}

fn not_found() -> Reply {
    let error = json!({"type": "not_found_error", "message": "m"});
    json(404, "", &json!({"type": "error", "error": error}))
}

async fn look(replies: Vec<Reply>, custom_id: &str) -> Batched {
    let server = Server::start(replies).await;
    let client = client(&server);
    let collected = client.collect("msgbatch_01", custom_id, "claude-sonnet-5-5");
    collected.await.unwrap()
}

#[tokio::test]
async fn answer_is_there_later_and_can_be_read_again() {
    let server = Server::start([
        json(200, "", &wire("msgbatch_01", "in_progress", NOON)),
        json(200, "", &wire("msgbatch_01", "in_progress", NOON)),
        ended("msgbatch_01"),
        results(RESULTS),
        // A look that fails is repeated from its beginning.
        ended("msgbatch_01"),
        Reply::Close(Vec::new()),
        ended("msgbatch_01"),
        results(RESULTS),
    ])
    .await;
    let client = client(&server);
    let id = client.submit("plan-2", &request()).await.unwrap();
    assert_eq!(id, "msgbatch_01");
    let look = async || client.collect(&id, "plan-2", "m").await.unwrap();
    assert!(matches!(look().await, Batched::Pending));
    for _ in 0..2 {
        let Batched::Answered(answer) = look().await else {
            panic!("not answered");
        };
        assert_eq!(
            (answer.cost.0, answer.attempts, answer.unsettled),
            (2_600, 1, 0)
        );
    }
    let seen = server.seen();
    let heads: Vec<&str> = seen
        .iter()
        .filter_map(|seen| seen.head.lines().next())
        .collect();
    assert_eq!(heads[0], "POST /v1/messages/batches HTTP/1.1");
    assert_eq!(heads[1], "GET /v1/messages/batches/msgbatch_01 HTTP/1.1");
    // The key goes to the configured server, whatever `results_url` says.
    assert_eq!(
        heads[3],
        "GET /v1/messages/batches/msgbatch_01/results HTTP/1.1"
    );
    assert_eq!(seen[0].json()["requests"][0]["custom_id"], "plan-2");
    for seen in &seen {
        assert!(seen.has_header(&format!("x-api-key: {KEY}")));
        assert!(seen.has_header("anthropic-version: 2023-06-01"));
    }
}

#[tokio::test]
async fn submission_that_may_have_been_taken_is_not_sent_again() {
    let failed = || {
        json(
            500,
            NOW,
            &json!({"type": "error", "error": {"type": "api_error"}}),
        )
    };
    for reply in [
        Reply::Close(Vec::new()),
        failed(),
        json(200, "", &json!({"id": "../models"})),
    ] {
        let server = Server::start([reply, failed()]).await;
        let error = client(&server).submit("a", &request()).await.unwrap_err();
        assert_eq!((error.attempts(), error.unsettled()), (1, 1));
        assert!(matches!(error.retry(), Retry::Transient { .. }));
    }
    // What was refused was not taken.
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "m"}});
    let server = Server::start([
        json(529, NOW, &error),
        json(200, "", &wire("msgbatch_01", "in_progress", NOON)),
    ])
    .await;
    assert!(client(&server).submit("a", &request()).await.is_ok());
}

#[tokio::test]
async fn ids_that_would_leave_their_path_are_not_sent() {
    let server = Server::start([]).await;
    let client = client(&server);
    let refused = |error: models::ModelError| {
        assert!(matches!(error.kind(), ErrorKind::InvalidRequest { .. }));
        assert_eq!(error.attempts(), 0);
    };
    for id in ["../models", "a/b", "", "a?b"] {
        refused(client.submit(id, &request()).await.unwrap_err());
        refused(client.collect(id, "a", "m").await.unwrap_err());
        refused(client.collect("b", id, "m").await.unwrap_err());
        refused(client.find(id, 0).await.unwrap_err());
        refused(client.cancel(id).await.unwrap_err());
    }
}

#[tokio::test]
async fn errored_result_is_classified_and_costs_nothing() {
    for (custom_id, is_transient) in [("plan-3", false), ("plan-4", true)] {
        let looked = look(vec![ended("msgbatch_01"), results(RESULTS)], custom_id).await;
        let Batched::Errored(error) = looked else {
            panic!("{looked:?}");
        };
        assert_eq!(error.kind().is_transient(), is_transient);
        assert_eq!(
            (error.attempts(), error.unsettled(), error.cost()),
            (1, 0, None)
        );
    }
}

#[tokio::test]
async fn answers_that_will_not_come_are_lost() {
    let mut lost = Vec::new();
    for custom_id in ["plan-5", "plan-6", "plan-7", "plan-1"] {
        let replies = vec![ended("msgbatch_01"), results(RESULTS)];
        lost.push(look(replies, custom_id).await);
    }
    lost.push(look(vec![not_found()], "a").await);
    lost.push(look(vec![ended("msgbatch_01"), not_found()], "a").await);
    let why: Vec<String> = lost
        .into_iter()
        .map(|lost| match lost {
            Batched::Lost(why) => why,
            other @ (Batched::Pending | Batched::Answered(_) | Batched::Errored(_)) => {
                panic!("{other:?}")
            }
        })
        .collect();
    insta::assert_snapshot!(why.join("\n"), @r"
    it was cancelled
    it expired before the model was asked
    its result is of an unknown type
    its batch has no result for it
    the service does not know it
    its results are not kept any more
    ");
}

#[tokio::test]
async fn request_is_found_page_by_page() {
    let mut foreign = wire("msgbatch_99", "ended", NOON);
    foreign["request_counts"]["succeeded"] = json!(90_000);
    let others = r#"{"custom_id":"b","result":{"type":"canceled"}}"#;
    let server = Server::start([
        page(&[wire("msgbatch_03", "ended", NOON), foreign], true),
        results(others),
        page(&[wire("msgbatch_02", "in_progress", NOON)], true),
        // A look that fails goes on where it was.
        json(503, NOW, &json!({})),
        page(&[wire("msgbatch_01", "ended", NOON)], true),
        results(RESULTS),
    ])
    .await;
    let found = client(&server).find("plan-2", NOON_SECONDS).await.unwrap();
    assert_eq!(found, Found::Yes("msgbatch_01".to_owned()));
    let seen = server.seen();
    let lines = seen.iter().filter_map(|seen| seen.head.lines().next());
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
    GET /v1/messages/batches?limit=100 HTTP/1.1
    GET /v1/messages/batches/msgbatch_03/results HTTP/1.1
    GET /v1/messages/batches?limit=100&after_id=msgbatch_99 HTTP/1.1
    GET /v1/messages/batches?limit=100&after_id=msgbatch_02 HTTP/1.1
    GET /v1/messages/batches?limit=100&after_id=msgbatch_02 HTTP/1.1
    GET /v1/messages/batches/msgbatch_01/results HTTP/1.1
    ");
}

#[tokio::test]
async fn request_that_was_not_taken_is_not_found() {
    let old = || wire("msgbatch_01", "ended", MORNING);
    for (batches, has_more, found) in [
        (vec![], false, Found::No),
        // Older ones are not looked at.
        (vec![old()], true, Found::No),
        (
            vec![wire("msgbatch_02", "in_progress", NOON), old()],
            false,
            Found::MaybeLater,
        ),
    ] {
        let server = Server::start([page(&batches, has_more)]).await;
        // The clock of the provider may be behind.
        let since = NOON_SECONDS + 200;
        assert_eq!(client(&server).find("plan-2", since).await.unwrap(), found);
    }
}

#[tokio::test]
async fn search_has_an_end() {
    let full = || page(&[wire("msgbatch_01", "canceling", NOON)], true);
    let server = Server::start((0..25).map(|_| full())).await;
    let found = client(&server).find("a", 0).await.unwrap();
    assert_eq!(found, Found::MaybeLater);
    assert_eq!(server.seen().len(), 20);
}

#[tokio::test]
async fn batches_are_cancelled_once_or_more() {
    let refusal = json!({"type": "error", "error": {"type": "invalid_request_error",
        "message": "ended"}});
    let server = Server::start([
        json(503, NOW, &json!({})),
        json(200, "", &wire("msgbatch_01", "canceling", NOON)),
        not_found(),
        json(400, "", &refusal),
    ])
    .await;
    let client = client(&server);
    client.cancel("msgbatch_01").await.unwrap();
    client.cancel("msgbatch_01").await.unwrap();
    let error = client.cancel("msgbatch_01").await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidRequest { .. }));
    assert_eq!(error.unsettled(), 0);
    let head = &server.seen()[0].head;
    assert!(head.starts_with("POST /v1/messages/batches/msgbatch_01/cancel HTTP/1.1\r\n"));
}
