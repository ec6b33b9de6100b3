//! Events, schedules and the slots they share.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Options, World, queries};

fn subscriber(id: &str, table: &str) -> Value {
    json!({"$id": id, "name": id, "timeout": 20,
           "events": [format!("databases.d.tables.{table}.rows.*.create")]})
}

#[tokio::test]
async fn an_event_starts_its_subscriber_with_the_row() {
    let world = World::start(Options {
        functions: json!([subscriber("plan", "plans"), subscriber("other", "others")]),
        modes: vec![("plan", "hold")],
        ..Options::default()
    })
    .await;
    world.row_created("plans", "r1");
    let held = world.gate.next().await;
    assert!(
        world.executions("plan").await.is_empty(),
        "a record appears at its end only"
    );
    let execution = held.execution.clone();
    drop(held);
    let record = &world.ended("plan", 1).await[0];
    assert_eq!(
        (&record["$id"], &record["trigger"]),
        (&json!(execution), &json!("event"))
    );
    assert_eq!(
        record["requestHeaders"],
        json!([{"name": "content-type", "value": "application/json"}])
    );
    assert!(world.executions("other").await.is_empty());
    assert_eq!(world.kernel.counts.snapshot()["executions:plan:event"], 1);
}

#[tokio::test]
async fn subscribers_of_one_event_run_one_after_another() {
    let world = World::start(Options {
        functions: json!([subscriber("a", "t"), subscriber("b", "t")]),
        modes: vec![("a", "hold"), ("b", "hold")],
        ..Options::default()
    })
    .await;
    world.row_created("t", "r1");
    let first = world.gate.next().await;
    assert_eq!(first.function, "a");
    // The second is not called while the first runs, so only its end lets the gate open again.
    drop(first);
    assert_eq!(world.gate.next().await.function, "b");
    world.ended("a", 1).await;
}

#[tokio::test]
async fn an_executor_error_skips_later_subscribers_and_a_500_does_not() {
    let world = World::start(Options {
        functions: json!([
            subscriber("gone", "t"),
            subscriber("after", "t"),
            subscriber("fails", "u"),
            subscriber("last", "u")
        ]),
        modes: vec![("fails", "status-500")],
        ..Options::default()
    })
    .await;
    world.row_created("t", "r1");
    let gone = &world.ended("gone", 1).await[0];
    assert_eq!(gone["status"], "failed");
    world.row_created("u", "r1");
    world.ended("last", 1).await;
    assert_eq!(world.executions("fails").await[0]["status"], "failed");
    assert!(world.executions("after").await.is_empty());
}

#[tokio::test]
async fn events_and_asynchronous_calls_share_the_slots() {
    let world = World::start(Options {
        functions: json!([subscriber("run", "t")]),
        modes: vec![("run", "hold")],
        change: Box::new(|settings| settings.slots = 1),
        ..Options::default()
    })
    .await;
    world.row_created("t", "r1");
    let first = world.gate.next().await;
    let (_, waiting) = world
        .execute("run", json!({"async": true, "body": "x"}))
        .await;
    // A synchronous call takes no slot.
    let (_, sync) = world.execute("run", json!({"path": "/echo"})).await;
    assert_eq!(sync["status"], "completed");
    assert_ne!(json!(first.execution), waiting["$id"]);
    drop(first);
    assert_eq!(json!(world.gate.next().await.execution), waiting["$id"]);
}

#[tokio::test]
async fn a_schedule_ticks_and_may_overlap_itself() {
    let world = World::start(Options {
        functions: json!([{"$id": "sweep", "name": "sweep", "schedule": "*/2 * * * *", "timeout": 20},
                          {"$id": "off", "name": "off", "schedule": "*/2 * * * *", "enabled": false}]),
        modes: vec![("sweep", "hold")],
        change: Box::new(|settings| settings.sweep_every = Some(Duration::from_millis(50))),
        ..Options::default()
    })
    .await;
    let (first, second) = (world.gate.next().await, world.gate.next().await);
    assert_ne!(first.execution, second.execution);
    let (first_id, second_id) = (first.execution.clone(), second.execution.clone());
    drop((first, second));
    let records = crate::world::until(async || {
        let all = world.executions("sweep").await;
        let has = |id: &str| all.iter().any(|it| it["$id"] == id);
        (has(&first_id) && has(&second_id)).then_some(all)
    })
    .await;
    assert_eq!(
        (&records[0]["trigger"], &records[0]["requestPath"]),
        (&json!("schedule"), &json!("/"))
    );
    assert!(world.executions("off").await.is_empty());
}

#[tokio::test]
async fn a_delayed_execution_runs_when_it_is_due_also_after_a_restart() {
    let options = || Options {
        functions: json!([subscriber("plan", "t")]),
        ..Options::default()
    };
    let world = World::start(options()).await;
    // Whole minutes only, and at least one ahead.
    let minute = local::clock::now().as_millisecond() / 60_000;
    let at = local::clock::format_ms((minute + 3) * 60_000);
    let (status, scheduled) = world
        .execute(
            "plan",
            json!({"async": true, "scheduledAt": at, "body": "sch"}),
        )
        .await;
    assert_eq!(
        (status.as_u16(), &scheduled["status"]),
        (202, &json!("scheduled"))
    );
    assert_eq!(
        (&scheduled["trigger"], &scheduled["scheduledAt"]),
        (&json!("schedule"), &json!(at))
    );
    let folder = world.stop().await;
    // Its time passes while the platform is down.
    let path = folder.path().join(local::kernel::DATABASE_FILE);
    let db = rusqlite::Connection::open(path).unwrap();
    assert_eq!(
        db.execute("UPDATE delayed_executions SET at_ms = 1", [])
            .unwrap(),
        1
    );
    drop(db);
    let world = World::start_in(folder, options()).await;
    let done = world.ended("plan", 1).await;
    assert_eq!(
        (done.len(), &done[0]["status"]),
        (1, &json!("completed")),
        "{done:?}"
    );
    assert_eq!(done[0]["$id"], scheduled["$id"]);
}

#[tokio::test]
async fn a_list_is_filtered_by_queries() {
    let world = World::start(Options {
        functions: json!([subscriber("plan", "t")]),
        ..Options::default()
    })
    .await;
    world.execute("plan", json!({"path": "/status-500"})).await;
    world.execute("plan", json!({})).await;
    let query = queries(&[
        json!({"method": "equal", "attribute": "status", "values": ["completed"]}),
        json!({"method": "limit", "values": [1]}),
    ]);
    let (status, list) = world
        .get(&format!("/v1/functions/plan/executions?{query}"))
        .await;
    assert_eq!((status.as_u16(), &list["total"]), (200, &json!(1)));
    assert_eq!(list["executions"][0]["status"], "completed");
}
