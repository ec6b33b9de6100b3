//! Creates whose answer is lost.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::server::{Reply, Rows, Server, refusal, rows_with_fault};
use super::{client, counts, tasks};
use crate::{Error, ErrorType, NewRow, NewSite, Retry, Row};

fn data() -> Value {
    json!({"title": "First", "count": 3})
}

fn create(server: &Server) -> (Result<Row, Error>, Vec<(&'static str, u64)>) {
    let client = client(&server.endpoint());
    let result = tasks(&client).create("task-1", &data(), &[]);
    (result, counts(&client))
}

/// The first request is applied, then this becomes of its answer.
fn applied_then(reply: fn() -> Reply) -> Server {
    rows_with_fault(move |seen, number, rows| {
        (number == 1).then(|| {
            rows.reply(seen);
            reply()
        })
    })
}

fn assert_found(server: &Server) {
    let (result, counts) = create(server);
    assert_eq!(result.unwrap().text("title"), Some("First"));
    assert_eq!(counts, [("rows.create", 1), ("rows.get", 1)]);
}

#[test]
fn applied_create_is_found_after_a_closed_connection() {
    assert_found(&applied_then(|| Reply::Close));
}

#[test]
fn applied_create_is_found_after_a_broken_answer() {
    assert_found(&applied_then(|| Reply::Truncate(201)));
}

#[test]
fn applied_create_is_found_after_a_server_error() {
    assert_found(&applied_then(|| refusal(503, "general_service_disabled")));
}

#[test]
fn missing_create_is_repeated_after_the_look_up() {
    let server = rows_with_fault(|_, number, _| (number == 1).then_some(Reply::Close));
    let (result, counts) = create(&server);
    assert_eq!(result.unwrap().integer("count"), Some(3));
    assert_eq!(counts, [("rows.create", 2), ("rows.get", 1)]);
    let methods: Vec<String> = server.seen().into_iter().map(|seen| seen.method).collect();
    assert_eq!(methods, ["POST", "GET", "POST"]);
}

#[test]
fn late_first_create_is_success_of_the_repeat() {
    let server = rows_with_fault(|seen, number, rows| match number {
        1 => Some(Reply::Close),
        2 => {
            let missing = rows.reply(seen);
            rows.put("task-1", &data());
            Some(missing)
        }
        _ => None,
    });
    let (result, counts) = create(&server);
    assert_eq!(result.unwrap().id, "task-1");
    assert_eq!(counts, [("rows.create", 2), ("rows.get", 2)]);
}

#[test]
fn other_content_is_a_conflict() {
    let server = rows_with_fault(|_, number, rows| {
        (number == 1).then(|| {
            rows.put("task-1", &json!({"title": "Other", "count": 3}));
            Reply::Close
        })
    });
    let (result, _) = create(&server);
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    assert_eq!(error.retry(), Retry::Terminal);
}

#[test]
fn taken_id_is_refused_without_a_look_up() {
    let server = rows_with_fault(|_, number, rows| {
        (number == 1).then(|| {
            rows.put("task-1", &data());
            refusal(409, "row_already_exists")
        })
    });
    let (result, counts) = create(&server);
    assert_eq!(
        result.unwrap_err().kind(),
        Some(&ErrorType::RowAlreadyExists)
    );
    assert_eq!(counts, [("rows.create", 1)]);
}

#[test]
fn failed_look_up_leaves_the_outcome_unknown() {
    let server = rows_with_fault(|seen, _, _| {
        Some(if seen.method == "POST" {
            Reply::Close
        } else {
            refusal(401, "user_unauthorized")
        })
    });
    let (result, counts) = create(&server);
    let error = result.unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error}");
    assert_eq!(error.kind(), Some(&ErrorType::UserUnauthorized));
    assert_eq!(counts, [("rows.create", 1), ("rows.get", 1)]);
}

#[test]
fn create_gives_up_with_the_outcome_unknown() {
    let server = rows_with_fault(|seen, _, _| (seen.method == "POST").then_some(Reply::Close));
    let (result, counts) = create(&server);
    let error = result.unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error}");
    assert_eq!(error.retry(), Retry::Transient { after: None });
    assert_eq!(counts, [("rows.create", 4), ("rows.get", 4)]);
}

#[test]
fn look_ups_and_repeats_share_one_budget() {
    let server = rows_with_fault(|_, _, _| Some(Reply::Close));
    let (result, counts) = create(&server);
    assert!(matches!(result, Err(Error::OutcomeUnknown { .. })));
    assert_eq!(counts, [("rows.create", 1), ("rows.get", 4)]);
}

#[test]
fn unsent_create_is_repeated_without_a_look_up() {
    // Bound, so that nobody else gets it, but not listening.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    let client = client(&format!("http://127.0.0.1:{port}"));
    let error = tasks(&client).create("task-1", &data(), &[]).unwrap_err();
    assert!(
        matches!(error, Error::Transport { sent: false, .. }),
        "{error}"
    );
    assert_eq!(counts(&client), [("rows.create", 4)]);
}

fn three_rows() -> Vec<NewRow> {
    ["a", "b", "c"]
        .map(|id| NewRow::new(id, &json!({"title": id}), &[]).unwrap())
        .to_vec()
}

#[test]
fn applied_bulk_create_is_found() {
    let server = applied_then(|| Reply::Close);
    let client = client(&server.endpoint());
    let rows = tasks(&client).create_many(&three_rows()).unwrap();
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    assert_eq!(counts(&client), [("rows.create_many", 1), ("rows.list", 1)]);
}

#[test]
fn missing_bulk_create_is_repeated() {
    let server = rows_with_fault(|_, number, _| (number == 1).then_some(Reply::Close));
    let client = client(&server.endpoint());
    assert_eq!(tasks(&client).create_many(&three_rows()).unwrap().len(), 3);
    assert_eq!(counts(&client), [("rows.create_many", 2), ("rows.list", 1)]);
}

#[test]
fn partial_bulk_create_is_a_conflict() {
    let server = rows_with_fault(|_, number, rows: &Rows| {
        (number == 1).then(|| {
            rows.put("b", &json!({"title": "b"}));
            Reply::Close
        })
    });
    let client = client(&server.endpoint());
    let error = tasks(&client).create_many(&three_rows()).unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
}

/// The first POST is applied, its answer lost, and `found` is what look-ups see.
fn applied(taken: &'static str, found: fn() -> Value) -> Server {
    let exists = AtomicBool::new(false);
    Server::start(move |seen, _| match seen.method.as_str() {
        "POST" if exists.swap(true, Ordering::SeqCst) => refusal(409, taken),
        "POST" => Reply::Close,
        _ => Reply::Json(200, found()),
    })
}

#[test]
fn applied_site_is_found() {
    let site = || super::recorded::body("site_created");
    let server = applied("site_already_exists", site);
    let client = client(&server.endpoint());
    let mut new = NewSite::of_files("web", "Web");
    (new.adapter, new.output_directory) = (String::new(), String::new());
    assert_eq!(client.sites().create(&new).unwrap().id, "web");
    assert_eq!(counts(&client), [("sites.create", 1), ("sites.get", 1)]);

    let server = applied("site_already_exists", site);
    let client = super::client(&server.endpoint());
    new.name = "Another".to_owned();
    let error = client.sites().create(&new).unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
}

#[test]
fn applied_rule_is_found_by_its_domain() {
    let rules = || {
        let mut rules = super::recorded::body("rules");
        rules["rules"][0]["domain"] = json!("my.sites.localhost");
        rules["rules"][0]["trigger"] = json!("manual");
        rules
    };
    let server = applied("rule_already_exists", rules);
    let client = client(&server.endpoint());
    let rule = client
        .rules()
        .create_site_rule("my.sites.localhost", "web")
        .unwrap();
    assert_eq!(rule.deployment_resource_id, "web");
    assert_eq!(counts(&client), [("rules.create", 1), ("rules.list", 1)]);
    assert!(server.seen()[1].path.contains("my%2Esites%2Elocalhost"));

    let server = applied("rule_already_exists", rules);
    let client = super::client(&server.endpoint());
    let error = client
        .rules()
        .create_site_rule("my.sites.localhost", "another")
        .unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
}
