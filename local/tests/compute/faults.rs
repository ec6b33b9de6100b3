//! Faults of events and calls: that they happen, and what a caller and a function see of them.

use local::faults::Faults;
use serde_json::{Value, json};

use crate::world::{LIMIT, Options, World, is_alive};

/// One function `f` that hears of rows in `t`, in a mode, under faults.
async fn world(mode: &'static str, rules: &[&str]) -> World {
    World::start(Options {
        functions: json!([{"$id": "f", "name": "f", "timeout": 20,
                           "events": ["databases.d.tables.t.rows.*.create"]}]),
        modes: vec![("f", mode)],
        faults: Faults::parse(rules, 0).unwrap(),
        change: Box::new(|settings| settings.slots = 1),
        ..Options::default()
    })
    .await
}

/// The rows of the next events that reach the function.
async fn heard(world: &World, count: usize) -> Vec<String> {
    let mut rows = Vec::new();
    for _ in 0..count {
        let body: Value = serde_json::from_str(&world.gate.next().await.body).unwrap();
        rows.push(body["$id"].as_str().unwrap().to_owned());
    }
    rows
}

#[tokio::test]
async fn a_dropped_event_reaches_nobody() {
    let world = world("hold", &["drop-event,nth=2"]).await;
    // Events without a subscriber are not counted.
    world.row_created("nobody", "r0");
    for row in ["r1", "lost", "r3"] {
        world.row_created("t", row);
    }
    assert_eq!(heard(&world, 2).await, ["r1", "r3"]);
    assert_eq!(world.ended("f", 2).await.len(), 2);
    let fired = &world.kernel.faults.json()["fired"];
    assert_eq!(fired[0]["nth"], 2);
    assert_eq!(
        fired[0]["target"],
        "databases.d.collections.t.documents.lost.create"
    );
}

#[tokio::test]
async fn a_duplicated_event_is_executed_as_often_as_is_said() {
    let world = world("echo", &["duplicate-event,copies=5,nth=1"]).await;
    world.row_created("t", "r1");
    world.row_created("t", "r2");
    assert_eq!(world.ended("f", 6).await.len(), 6);
}

#[tokio::test]
async fn a_delayed_event_comes_after_later_ones() {
    let world = world("hold", &["delay-event,ms=200,nth=1"]).await;
    for row in ["late", "r2", "r3"] {
        world.row_created("t", row);
    }
    assert_eq!(heard(&world, 3).await, ["r2", "r3", "late"]);
}

#[tokio::test]
async fn a_reordered_event_comes_right_after_the_next() {
    let world = world("hold", &["reorder-event,ms=600000,nth=1"]).await;
    world.row_created("t", "second");
    world.row_created("t", "first");
    assert_eq!(heard(&world, 2).await, ["first", "second"]);
}

#[tokio::test]
async fn a_reordered_event_with_no_next_one_comes_at_last() {
    let world = world("hold", &["reorder-event,ms=1"]).await;
    world.row_created("t", "alone");
    assert_eq!(heard(&world, 1).await, ["alone"]);
}

#[tokio::test]
async fn a_function_killed_before_its_call_has_not_seen_it() {
    let world = world("hold", &["kill-function,at=before,function=f,nth=1"]).await;
    let (_, failed) = world.execute("f", json!({"body": "1"})).await;
    assert_eq!(failed["status"], "failed");
    assert!(
        failed["errors"]
            .as_str()
            .unwrap()
            .contains("ended without an answer"),
        "{failed}"
    );
    let (_, waiting) = world
        .execute("f", json!({"async": true, "body": "2"}))
        .await;
    assert_eq!(json!(world.gate.next().await.execution), waiting["$id"]);
    let done = world.ended("f", 2).await;
    assert!(
        done.iter()
            .any(|it| it["$id"] == waiting["$id"] && it["status"] == "completed"),
        "{done:?}"
    );
}

#[tokio::test]
async fn a_function_killed_during_its_call_had_begun() {
    let world = world("hold", &["kill-function,at=during,ms=3000,nth=1"]).await;
    world
        .execute("f", json!({"async": true, "body": "1"}))
        .await;
    let held = world.gate.next().await;
    assert!(is_alive(held.pid));
    let done = world.ended("f", 1).await;
    assert!(!is_alive(held.pid));
    assert_eq!(done[0]["status"], "failed");
    assert_eq!(done[0]["responseStatusCode"], 500);
}

#[tokio::test]
async fn a_function_killed_after_its_call_has_answered() {
    let world = world("echo", &["kill-function,at=after,nth=1"]).await;
    let pid = async || {
        let (_, answer) = world.execute("f", json!({"body": "1"})).await;
        assert_eq!(answer["status"], "completed");
        let body: Value = serde_json::from_str(answer["responseBody"].as_str().unwrap()).unwrap();
        i32::try_from(body["pid"].as_i64().unwrap()).unwrap()
    };
    let first = pid().await;
    assert!(!is_alive(first));
    let second = pid().await;
    assert_ne!(first, second);
    assert!(is_alive(second));
}

#[tokio::test]
async fn a_function_that_timed_out_works_on() {
    let world = world("hold", &["time-out,nth=1"]).await;
    let call = world.execute("f", json!({"body": "1"}));
    let (_, failed) = tokio::time::timeout(LIMIT, call).await.unwrap();
    assert_eq!(failed["status"], "failed");
    assert!(
        failed["errors"].as_str().unwrap().contains("timed out"),
        "{failed}"
    );
    let held = world.gate.next().await;
    assert_eq!(json!(held.execution), failed["$id"]);
    assert!(is_alive(held.pid));
    // The same process serves what comes next.
    let (_, next) = world.execute("f", json!({"path": "/echo"})).await;
    let body: Value = serde_json::from_str(next["responseBody"].as_str().unwrap()).unwrap();
    assert_eq!(body["pid"], held.pid);
    assert!(
        world.functions.kill_execution(&held.execution),
        "its process is not known any more"
    );
}
