//! A task that is cancelled in the middle of its agents' turns.

use std::time::{Duration, Instant};

use local::models::Service;
use serde_json::{Value, json};

use crate::replay::assert_replays;
use crate::world::{Setup, World, todo, totals};

/// Longest that the condition of a test may take to come true.
const PATIENCE: Duration = Duration::from_secs(30);

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Turns of agents that were asked for.
fn turns(world: &World) -> usize {
    let calls = world.hosting.models().unwrap().calls();
    let is_turn = |service| service == Service::Anthropic;
    calls.iter().filter(|call| is_turn(call.service)).count()
}

/// Row 40: the models stop when the owner cancels, not at the end of their turns.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn row_40_cancelling_drops_the_answers_under_way_and_shows_what_they_cost() {
    let world = World::with(Setup {
        settings: vec![("ANTHROPIC_MODEL", "scripted-slow")],
        ..Setup::default()
    })
    .await;
    let user = world.user().await;
    let mut brief = todo();
    brief["options"] = json!({"budgetUsd": 20});
    let task = world.accept(&user, &brief).await;
    // The second is asked once the first has begun to answer.
    until("two agents at work", async || turns(&world) >= 2).await;
    let planned = world.reached(&task, &["coding"]).await;
    let before = totals(&planned)["spent"]["costMicroUsd"].as_u64().unwrap();
    let cancel = json!({"command": "cancel"});
    let (status, answer) = world.command(&user, &task, cancel).await;
    assert_eq!(
        (status, answer["status"].as_str()),
        (200, Some("cancelled"))
    );

    let models = world.hosting.models().unwrap();
    until("every stream is dropped", async || {
        models.dropped_streams() as usize == turns(&world)
    })
    .await;
    let agents = turns(&world);
    let mut ends = Vec::new();
    until("every agent tells its end", async || {
        let journal = world.rows("journal", &task).await;
        let outcome = |row: &appwrite::Row| -> Value {
            serde_json::from_str(row.text("outcome").unwrap()).unwrap()
        };
        let done = journal
            .iter()
            .filter(|row| row.text("kind") == Some("done"));
        ends = done.map(outcome).collect();
        ends.retain(|end| end["outcome"]["failed"]["code"] == "cancelled");
        ends.len() >= agents
    })
    .await;
    let cost = |end: &Value| end["spent"]["costMicroUsd"].as_u64().unwrap();
    let dropped: u64 = ends.iter().map(cost).sum();
    // The prompts of the first one, at least, are known to have been read.
    assert!(dropped > 0);
    until("the task shows the cost", async || {
        let row = world.reached(&task, &["cancelled"]).await;
        totals(&row)["spent"]["costMicroUsd"].as_u64() == Some(before + dropped)
    })
    .await;
    let assignments = world.rows("assignments", &task).await;
    let stopped: Vec<_> = assignments
        .iter()
        .filter(|row| row.text("state") == Some("cancelled"))
        .collect();
    assert_eq!(stopped.len(), ends.len());
    for row in stopped {
        let line = row.text("line").unwrap();
        assert!(
            line.ends_with(": Stopped, because you cancelled the task."),
            "{line}"
        );
        assert_eq!(row.text("level"), Some("warning"));
    }
    // What may have been billed counts at its worst.
    let mut ledger = world.rows("ledger", &task).await;
    ledger.sort_by_key(|row| row.integer("number"));
    let last = ledger.last().unwrap();
    assert_eq!(last.integer("reservedMicroUsd"), Some(0));
    assert!(last.integer("spentMicroUsd").unwrap() > i64::try_from(before + dropped).unwrap());
    assert!(world.rows("releases", &task).await.is_empty());
    assert_eq!(turns(&world), agents, "nobody asks after that");
    assert_replays(&world, &task).await;
    world.stop().await;
}
