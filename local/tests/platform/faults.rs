use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::time::Instant;

use local::faults::Faults;
use reqwest::Method;
use serde_json::{Value, json};

use super::realtime::{CHANNEL, Socket, ids};
use super::support::{NARROW_KEY, PATIENCE, PROJECT, ROWS, Who, World, answer};

async fn world(rules: &[&str]) -> World {
    World::start_with(Faults::parse(rules, 0).unwrap()).await
}

fn row(id: &str) -> Value {
    json!({"rowId": id, "data": {"title": id}, "permissions": ["read(\"any\")"]})
}

#[tokio::test]
async fn a_refused_request_is_not_carried_out() {
    for (status, kind) in [
        (500, json!("general_unknown")),
        (503, Value::Null),
        (429, json!("general_rate_limit_exceeded")),
    ] {
        let rule = format!("answer,status={status},method=POST,path=/v1/tablesdb/**,nth=1");
        let world = world(&[&rule]).await;
        let key = world.key();
        // Another method is not meant.
        assert_eq!(world.get(ROWS, &key).await.0, 200);
        let (got, body) = world.send(Method::POST, ROWS, &key, row("a")).await;
        assert_eq!((got, &body["type"]), (status, &kind), "{body}");
        assert_eq!(world.get(&format!("{ROWS}/a"), &key).await.0, 404);
        assert_eq!(world.send(Method::POST, ROWS, &key, row("a")).await.0, 201);
    }
}

#[tokio::test]
async fn a_lost_answer_is_lost_after_the_commit() {
    let world = world(&["lose-answer,nth=1"]).await;
    let key = world.key();
    let request = world.request(Method::POST, ROWS, &key).json(&row("a"));
    let error = request.send().await.unwrap_err();
    assert!(!error.is_timeout() && !error.is_connect(), "{error:?}");
    assert_eq!(world.get(&format!("{ROWS}/a"), &key).await.0, 200);
    // What is repeated blindly meets its own work.
    assert_eq!(world.send(Method::POST, ROWS, &key, row("a")).await.0, 409);
}

#[tokio::test]
async fn a_lost_request_is_not_carried_out_and_not_answered() {
    let world = world(&["lose-request,nth=1"]).await;
    let key = world.key();
    let request = world.request(Method::POST, ROWS, &key).json(&row("a"));
    let error = request.send().await.unwrap_err();
    assert!(!error.is_timeout() && !error.is_connect(), "{error:?}");
    assert_eq!(world.get(&format!("{ROWS}/a"), &key).await.0, 404);
    assert_eq!(world.send(Method::POST, ROWS, &key, row("a")).await.0, 201);
}

#[tokio::test]
async fn a_change_can_be_answered_as_if_it_had_failed() {
    let world = world(&["lose-answer,status=503,nth=1"]).await;
    let key = world.key();
    assert_eq!(world.send(Method::POST, ROWS, &key, row("a")).await.0, 503);
    assert_eq!(world.get(&format!("{ROWS}/a"), &key).await.0, 200);
}

#[tokio::test]
async fn reads_and_refusals_are_answered_where_answers_are_lost() {
    let world = world(&["lose-answer"]).await;
    assert_eq!(world.get(ROWS, &world.key()).await.0, 200);
    let (status, _) = world
        .send(Method::POST, ROWS, &world.key(), json!({}))
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_refused_connection_is_reset_and_the_port_shut_for_a_while() {
    let world = world(&["refuse-connection,ms=1500,nth=1"]).await;
    let address = ("127.0.0.1", world.running().port());
    tokio::task::spawn_blocking(move || {
        let mut first = TcpStream::connect(address).unwrap();
        first.set_read_timeout(Some(PATIENCE)).unwrap();
        let error = first.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let deadline = Instant::now() + PATIENCE;
        let wait_for = |kind: Option<ErrorKind>| {
            while TcpStream::connect(address).err().map(|error| error.kind()) != kind {
                assert!(Instant::now() < deadline, "waited for {kind:?}");
                std::thread::yield_now();
            }
        };
        wait_for(Some(ErrorKind::ConnectionRefused));
        wait_for(None);
    })
    .await
    .unwrap();
    assert_eq!(world.get(ROWS, &world.key()).await.0, 200);
}

#[tokio::test]
async fn a_dropped_message_reaches_no_socket_and_the_row_is_there() {
    let world = world(&["drop-message,nth=1"]).await;
    let address = format!("project={PROJECT}&channels[]={CHANNEL}");
    let mut socket = Socket::open(&world, &address, &Who::Guest).await;
    assert_eq!(socket.hear().await["type"], "connected");
    for id in ["a", "b"] {
        world
            .row(id, json!({"title": id}), &["read(\"any\")"])
            .await;
    }
    assert_eq!(ids(&socket.heard().await), ["b"]);
    assert_eq!(world.get(&format!("{ROWS}/a"), &Who::Guest).await.0, 200);
    assert_eq!(world.running().kernel().faults.fired("drop-message"), 1);
}

#[tokio::test]
async fn faults_are_set_shown_and_cleared_by_the_projects_key() {
    let world = World::start().await;
    let (key, path) = (world.key(), "/local/faults");
    for who in [Who::Guest, Who::Key(NARROW_KEY.to_owned())] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let body = json!({"rules": ["answer,status=500"]});
            assert_eq!(world.send(method, path, &who, body).await.0, 401);
        }
    }
    let body = json!({"rules": ["answer,status=500", "drop-event,chance=10%"], "seed": 7});
    let (status, set) = world.send(Method::PUT, path, &key, body).await;
    assert_eq!((status, &set["seed"]), (200, &json!(7)));
    assert_eq!(set["rules"][1]["rule"], "drop-event,chance=0.1");
    assert_eq!(world.get(ROWS, &key).await.0, 500);
    // The way to clear them is never struck.
    let (status, shown) = world.get(path, &key).await;
    assert_eq!((status, &shown["total"]), (200, &json!(1)));
    let fired = &shown["fired"][0];
    assert_eq!(
        (&fired["kind"], &fired["nth"], &fired["target"]),
        (
            &json!("answer"),
            &json!(1),
            &json!(format!("GET /v1{ROWS}"))
        )
    );
    assert!(fired["at"].is_string());
    let cleared = world.request(Method::DELETE, path, &key).send().await;
    assert_eq!(answer(cleared.unwrap()).await.0, 204);
    assert_eq!(world.get(ROWS, &key).await.0, 200);
}

#[tokio::test]
async fn a_bad_set_of_faults_is_refused_by_field_and_rule() {
    let world = World::start().await;
    for (body, part) in [
        (json!({}), "Invalid `rules` param: Value must be an array"),
        (json!({"rules": [1]}), "Value must be an array of at most"),
        (json!({"rules": ["x"]}), "unknown fault `x`"),
        (json!({"rules": ["answer,status=1"]}), "`status` must be"),
        (json!({"rules": [], "seed": -1}), "Invalid `seed` param"),
    ] {
        let (status, error) = world
            .send(Method::PUT, "/local/faults", &world.key(), body)
            .await;
        assert_eq!(status, 400);
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(part), "{message}");
    }
    let (_, set) = world
        .send(
            Method::PUT,
            "/local/faults",
            &world.key(),
            json!({"rules": []}),
        )
        .await;
    assert!(set["seed"].is_u64(), "{set}");
}
