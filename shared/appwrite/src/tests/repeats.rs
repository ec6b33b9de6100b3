//! Repeats of everything that is no create.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::server::{Reply, Rows, Server, refusal, rows_with_fault};
use super::{FakePace, client, client_with_pace, counts, settings, tasks};
use crate::pace::{Pace, SystemPace};
use crate::{Client, Error, ErrorType, NewExecution, Query, Retry};

fn row_after(failures: usize, failure: fn() -> Reply) -> Server {
    rows_with_fault(move |_, number, rows| {
        rows.put("task-1", &json!({"title": "First"}));
        (number <= failures).then(failure)
    })
}

#[test]
fn read_is_repeated_after_lost_answers() {
    for failure in [
        || Reply::Close,
        || Reply::Truncate(200),
        || refusal(500, "general_unknown"),
        || refusal(408, "database_timeout"),
    ] {
        let server = row_after(3, failure);
        let client = client(&server.endpoint());
        assert_eq!(tasks(&client).get("task-1").unwrap().id, "task-1");
        assert_eq!(counts(&client), [("rows.get", 4)]);
    }
}

#[test]
fn waits_double_and_repeats_are_bounded() {
    let server = row_after(100, || refusal(503, "general_unknown"));
    let pace = FakePace::new();
    let client = client_with_pace(&server.endpoint(), pace.clone());
    let error = tasks(&client).get("task-1").unwrap_err();
    assert_eq!(error.status(), Some(503));
    assert_eq!(server.seen().len(), 4);
    assert_eq!(pace.slept(), [100, 200, 400].map(Duration::from_millis));
}

#[test]
fn waits_stop_growing() {
    let server = row_after(100, || refusal(503, "general_unknown"));
    let pace = FakePace::new();
    let mut settings = settings(&server.endpoint());
    settings.retries_max = 20;
    let client = Client::with_pace(settings, pace.clone()).unwrap();
    tasks(&client).get("task-1").unwrap_err();
    assert_eq!(pace.slept().len(), 20);
    assert_eq!(pace.slept().last(), Some(&Duration::from_secs(5)));
}

#[test]
fn jitter_stays_within_its_bound() {
    let upper = Duration::from_millis(100);
    assert!((0..1000).all(|_| SystemPace.jitter(upper) <= upper));
}

#[test]
fn refused_read_is_not_repeated() {
    let server = rows_with_fault(|_, _, _| None);
    let client = client(&server.endpoint());
    let error = tasks(&client).get("missing").unwrap_err();
    assert_eq!(error.kind(), Some(&ErrorType::RowNotFound));
    assert_eq!(error.retry(), Retry::Terminal);
    assert_eq!(counts(&client), [("rows.get", 1)]);
}

#[test]
fn silent_server_is_left_after_the_time_out() {
    let server = row_after(1, || Reply::Hang);
    let mut settings = settings(&server.endpoint());
    settings.timeout = Duration::from_millis(200);
    let client = Client::with_pace(settings, FakePace::new()).unwrap();
    assert_eq!(tasks(&client).get("task-1").unwrap().id, "task-1");
    assert!(server.seen().len() >= 2);
}

#[test]
fn no_repeat_starts_behind_the_deadline() {
    let server = row_after(100, || refusal(503, "general_unknown"));
    let pace = FakePace::new();
    let deadline = pace.now() + Duration::from_millis(350);
    let client = client_with_pace(&server.endpoint(), pace.clone()).with_deadline(deadline);
    let error = tasks(&client).get("task-1").unwrap_err();
    assert_eq!(error.status(), Some(503));
    assert_eq!(pace.slept(), [100, 200].map(Duration::from_millis));
}

#[test]
fn nothing_is_sent_behind_the_deadline() {
    let server = row_after(0, || Reply::Close);
    let pace = FakePace::new();
    let client = client_with_pace(&server.endpoint(), pace.clone()).with_deadline(pace.now());
    let error = tasks(&client).get("task-1").unwrap_err();
    assert!(matches!(error, Error::Deadline { .. }), "{error}");
    assert!(client.counts().is_empty());
    assert!(server.seen().is_empty());
}

#[test]
fn request_is_cut_at_the_deadline() {
    let server = row_after(1, || Reply::Hang);
    let pace: Arc<FakePace> = FakePace::new();
    let deadline = pace.now() + Duration::from_millis(100);
    let client = client_with_pace(&server.endpoint(), pace).with_deadline(deadline);
    let error = tasks(&client).get("task-1").unwrap_err();
    assert!(
        matches!(error, Error::Transport { sent: true, .. }),
        "{error}"
    );
}

#[test]
fn lost_delete_counts_as_done() {
    let server = rows_with_fault(|seen, number, rows: &Rows| {
        (number == 1).then(|| {
            rows.put("task-1", &json!({}));
            rows.reply(seen);
            Reply::Close
        })
    });
    let client = client(&server.endpoint());
    tasks(&client).delete("task-1").unwrap();
    assert_eq!(counts(&client), [("rows.delete", 2)]);
}

#[test]
fn what_is_put_is_sent_again_as_it_was() {
    let server = Server::start(|seen, number| match number {
        1 => Reply::Close,
        _ => {
            let rows = Rows::default();
            Reply::Json(200, rows.put("task-1", &seen.body["data"]))
        }
    });
    let client = client(&server.endpoint());
    let data = json!({"title": "First", "$createdAt": "2026-11-22T20:26:29.635+00:00"});
    let readers = ["read(\"user:a\")".to_owned()];
    let row = tasks(&client).put("task-1", data.as_object().unwrap(), &readers);
    assert_eq!(row.unwrap().text("title"), Some("First"));
    assert_eq!(counts(&client), [("rows.put", 2)]);
    let seen = server.seen();
    assert!(seen.iter().all(|seen| seen.method == "PUT"));
    assert_eq!(seen[0].path, "/v1/tablesdb/t1/tables/tasks/rows/task-1");
    let body = json!({"data": data, "permissions": readers});
    assert!(seen.iter().all(|seen| seen.body == body), "{body}");
}

#[test]
fn rows_are_deleted_by_queries_in_the_body() {
    let server = Server::start(|_, number| match number {
        1 => Reply::Close,
        _ => Reply::Json(200, json!({"total": 2, "rows": [{}, {}]})),
    });
    let client = client(&server.endpoint());
    let queries = [Query::equal("taskId", "t"), Query::limit(20)];
    assert_eq!(tasks(&client).delete_many(&queries).unwrap(), 2);
    assert_eq!(counts(&client), [("rows.delete_many", 2)]);
    let seen = server.seen();
    let texts = queries.map(|query| query.to_json());
    for request in &seen {
        assert_eq!(request.method, "DELETE");
        assert_eq!(request.path, "/v1/tablesdb/t1/tables/tasks/rows");
        assert_eq!(request.body, json!({"queries": texts}));
    }
}

#[test]
fn delete_of_nothing_is_refused() {
    let server = rows_with_fault(|_, _, _| None);
    let error = tasks(&client(&server.endpoint())).delete("x").unwrap_err();
    assert_eq!(error.kind(), Some(&ErrorType::RowNotFound));
}

#[test]
fn lost_patch_conflicts_with_itself() {
    let server = Server::start(|_, number| match number {
        1 => Reply::Close,
        _ => refusal(409, "row_update_conflict"),
    });
    let client = client(&server.endpoint());
    let error = tasks(&client)
        .patch(
            "task-1",
            &json!({"count": 4}),
            Some("2026-11-22T20:26:29.813+00:00"),
        )
        .unwrap_err();
    assert_eq!(error.kind(), Some(&ErrorType::RowUpdateConflict));
    assert_eq!(error.retry(), Retry::Terminal);
    assert_eq!(counts(&client), [("rows.patch", 2)]);
}

#[test]
fn execution_is_never_repeated_blindly() {
    for failure in [|| Reply::Close, || refusal(500, "general_unknown")] {
        let server = Server::start(move |_, _| failure());
        let client = client(&server.endpoint());
        let new = NewExecution::default();
        let error = client.executions().create("plan", &new).unwrap_err();
        assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error}");
        assert_eq!(server.seen().len(), 1);
    }
}

#[test]
fn session_is_never_repeated_blindly() {
    let server = Server::start(|_, _| Reply::Close);
    let client = client(&server.endpoint());
    let error = client.account().create_anonymous_session().unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error}");
    assert_eq!(counts(&client), [("account.create_session", 1)]);
}

#[test]
fn clones_share_one_connection() {
    let server = row_after(0, || Reply::Close);
    let client = client(&server.endpoint());
    for _ in 0..3 {
        let other = client.with_credential(crate::Credential::Guest);
        tasks(&other).get("task-1").unwrap();
        tasks(&client).get("task-1").unwrap();
    }
    assert_eq!(server.connections(), 1);
    assert_eq!(counts(&client), [("rows.get", 6)]);
}

#[test]
fn names_below_localhost_are_this_machine() {
    let server = row_after(0, || Reply::Close);
    for host in [
        "localhost",
        "LOCALHOST",
        "my-site.sites.localhost",
        "127.0.0.1",
    ] {
        let client = client(&format!("http://{host}:{}", server.port()));
        assert_eq!(tasks(&client).get("task-1").unwrap().id, "task-1", "{host}");
    }
    assert!(crate::agent::local_addresses("localhost.example.com").is_empty());
    assert!(crate::agent::local_addresses("notlocalhost").is_empty());
    assert_eq!(crate::agent::local_addresses("[::1]").len(), 1);
}

#[test]
fn broken_tls_is_an_error_and_no_panic() {
    // ureq panics where no crypto provider was given to it.
    let server = row_after(0, || Reply::Close);
    let client = client(&format!("https://localhost:{}", server.port()));
    let error = tasks(&client).get("task-1").unwrap_err();
    assert!(matches!(error, Error::Transport { .. }), "{error}");
    assert!(server.seen().is_empty());
}
