//! Executions that let go before their unit has ended: at the end of their slice of time,
//! and where nothing can be done for a while.

use std::time::{Duration, Instant};

use appwrite::Row;
use serde_json::{Value, json};

use crate::commands::holding_with;
use crate::world::{Setup, World, assert_one_of_each, todo};

/// Longest that the condition of a test may take to come true.
const PATIENCE: Duration = Duration::from_secs(60);

fn states(claims: &[Row]) -> Vec<(String, String)> {
    let text = |row: &Row, column| row.text(column).unwrap().to_owned();
    let mut states: Vec<_> = claims
        .iter()
        .map(|row| (text(row, "unitId"), text(row, "state")))
        .collect();
    states.sort();
    states
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_execution_without_time_hands_on_and_nothing_is_asked_twice() {
    let world = World::with(Setup {
        settings: vec![("TIME_SLICE_SECONDS", "0")],
        sweep_every: Some(80_000),
        ..Setup::default()
    })
    .await;
    let row = world.run(&todo()).await;
    assert_one_of_each(&world, &row).await;
    let (calls, repeats) = world.model_calls();
    assert_eq!(repeats, 0);
    let claims = states(&world.rows("claims", &row.id).await);
    let continued = claims.iter().filter(|(_, state)| state == "continued");
    let held = claims.iter().filter(|(_, state)| state == "held").count();
    // Every step but a unit's last ended in another execution: a step is a model call, or
    // one of the release's two and the deployment's four. The judgements of a review are one.
    let judgements = world.rows("journal", &row.id).await;
    let judgements = judgements
        .iter()
        .filter(|entry| entry.text("key").unwrap().starts_with("judge."))
        .count();
    let reviews = world.rows("reviews", &row.id).await.len();
    let steps = calls - judgements + reviews + 2 + 4;
    assert_eq!(continued.count() + held, steps, "{claims:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_long_wait_is_left_to_a_delayed_execution() {
    let world = World::with(Setup {
        settings: vec![("GROK_MODEL", "scripted-busy")],
        sweep_every: Some(1),
        ..Setup::default()
    })
    .await;
    let user = world.user().await;
    let task = world.accept(&user, &todo()).await;
    let waiting = waiting_claim(&world, &task).await;
    let not_before: jiff::Timestamp = waiting.text("notBefore").unwrap().parse().unwrap();

    let executions = executions(&world, "plan").await;
    let scheduled = executions.iter().find(|it| it["status"] == "scheduled");
    let at: jiff::Timestamp = scheduled.unwrap()["scheduledAt"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(at >= not_before, "{at} is before {not_before}");

    let row = world.ended(&task).await;
    assert_one_of_each(&world, &row).await;
    let lines = world.rows("progress", &task).await;
    let waits = format!("Waits until {}: xAI: ", at.strftime("%H:%M UTC"));
    let told = |line: &Row| line.text("text").unwrap().starts_with(&waits);
    assert_eq!(lines.iter().filter(|line| told(line)).count(), 1);
    let claims = world.rows("claims", &task).await;
    let plan: Vec<&Row> = claims
        .iter()
        .filter(|claim| claim.text("unitId") == waiting.text("unitId"))
        .collect();
    // The sweep looked by every second and let the unit rest.
    assert_eq!(plan.len(), 2);
    let second = plan.iter().find(|claim| claim.id != waiting.id).unwrap();
    assert!(second.created_at.parse::<jiff::Timestamp>().unwrap() >= not_before);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_hands_on_leaves_it_at_that_where_a_pause_was_not_heard_of() {
    // Every turn is another execution's, and none shows a sign of life, with which it would hear.
    let (world, barrier) = holding_with(Setup {
        settings: vec![
            ("TIME_SLICE_SECONDS", "0"),
            ("CLAIM_HEARTBEAT_SECONDS", "60"),
            ("CLAIM_LAPSE_SECONDS", "300"),
        ],
        ..Setup::default()
    })
    .await;
    let user = world.user().await;
    let task = world.accept(&user, &todo()).await;
    agents_are(&world, &task, "continued").await;
    agents_are(&world, &task, "held").await;
    let pause = world.command(&user, &task, json!({"command": "pause"}));
    assert_eq!(pause.await.0, 200);
    agents_are(&world, &task, "stopped").await;
    barrier.open();
    agents_are(&world, &task, "left").await;
    world.reached(&task, &["paused"]).await;

    let resume = world.command(&user, &task, json!({"command": "resume"}));
    assert_eq!(resume.await.0, 200);
    let row = world.ended(&task).await;
    assert_one_of_each(&world, &row).await;
    assert_eq!(world.model_calls().1, 0, "a turn was paid for twice");
    world.stop().await;
}

/// Waits until three claims of agents, as many as start together, are in this state.
async fn agents_are(world: &World, task: &str, wanted: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let claims = states(&world.rows("claims", task).await);
        let so = claims
            .iter()
            .filter(|(unit, state)| unit.starts_with('a') && state == wanted);
        if so.count() == 3 {
            return;
        }
        assert!(Instant::now() < deadline, "{claims:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn waiting_claim(world: &World, task: &str) -> Row {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let claims = world.rows("claims", task).await;
        if let Some(claim) = claims
            .into_iter()
            .find(|claim| claim.text("state") == Some("waiting"))
        {
            return claim;
        }
        assert!(Instant::now() < deadline, "nobody waits");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The executions of a function that can be seen.
async fn executions(world: &World, function: &str) -> Vec<Value> {
    let platform = &world.hosting.platform;
    let url = format!("{}/functions/{function}/executions", platform.endpoint());
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .build()
        .unwrap();
    let request = client
        .get(url)
        .header("x-appwrite-project", "orchestrator")
        .header(
            "x-appwrite-key",
            secrecy::ExposeSecret::expose_secret(platform.key()),
        );
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    answer["executions"].as_array().unwrap().clone()
}
