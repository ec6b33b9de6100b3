//! Tasks with a budget, and what one owner may start.

use appwrite::Row;
use local::faults::Faults;
use reqwest::Method;
use serde_json::{Value, json};

use crate::push::ask;
use crate::world::{Setup, World, assert_one_of_each, todo, totals};

fn with_budget(usd: f64) -> Value {
    let mut brief = todo();
    brief["options"] = json!({"budgetUsd": usd});
    brief
}

/// The rows of a task's ledger, in order.
pub(crate) async fn ledger(world: &World, task: &str) -> Vec<Row> {
    let mut rows = world.rows("ledger", task).await;
    rows.sort_by_key(|row| row.integer("number"));
    rows
}

/// Each row follows from the one before, and none passes the limit.
pub(crate) fn assert_holds(rows: &[Row], limit: i64) {
    let number = |row: &Row, column| row.integer(column).unwrap_or_default();
    let (mut spent, mut reserved) = (0, 0);
    for (place, row) in rows.iter().enumerate() {
        assert_eq!(number(row, "number"), i64::try_from(place).unwrap() + 1);
        let settled: Value = serde_json::from_str(row.text("settled").unwrap()).unwrap();
        for item in settled.as_array().unwrap() {
            let made = usize::try_from(item["number"].as_u64().unwrap()).unwrap() - 1;
            spent += item["microUsd"].as_i64().unwrap();
            reserved -= number(&rows[made], "microUsd");
        }
        reserved += number(row, "microUsd");
        assert_eq!(number(row, "spentMicroUsd"), spent);
        assert_eq!(number(row, "reservedMicroUsd"), reserved);
        assert!(spent + reserved <= limit, "{spent} + {reserved} > {limit}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_call_is_reserved_for_and_settled() {
    let world = World::start().await;
    // Room for a few agents at once, but not for all judgements.
    let row = world.run(&with_budget(3.0)).await;
    assert_one_of_each(&world, &row).await;
    let rows = ledger(&world, &row.id).await;
    assert_holds(&rows, 3_000_000);
    let last = rows.last().unwrap();
    assert_eq!(last.integer("reservedMicroUsd"), Some(0));
    let cost = totals(&row)["spent"]["costMicroUsd"].as_i64();
    assert_eq!(last.integer("spentMicroUsd"), cost);
    let reservations = rows.iter().filter(|row| row.text("key").is_some()).count();
    let (calls, repeats) = world.model_calls();
    assert_eq!((reservations, repeats), (calls, 0));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_task_at_its_limit_waits_until_its_owner_raises_it() {
    let world = World::with(Setup {
        sweep_every: Some(1),
        ..Setup::default()
    })
    .await;
    let user = world.user().await;
    let task = world.accept(&user, &with_budget(0.5)).await;
    let row = world.reached(&task, &["paused"]).await;
    let call = &totals(&row)["exhausted"];
    assert_eq!(call["limitMicroUsd"], 500_000);
    assert!(call["neededMicroUsd"].as_u64() > Some(500_000));
    assert_eq!(
        world.model_calls().0,
        0,
        "nothing is asked that could cost too much"
    );

    let command = |body: Value| world.command(&user, &task, body);
    let (status, error) = command(json!({"command": "resume"})).await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (409, &json!("budget_reached"))
    );
    let (status, error) = command(json!({"command": "budget", "budgetUsd": 0.4})).await;
    assert_eq!((status, &error["error"]["code"]), (409, &json!("not_more")));

    // Enough for the plan and an agent at a time.
    assert_eq!(
        command(json!({"command": "budget", "budgetUsd": 1.5}))
            .await
            .0,
        200
    );
    let row = world.ended(&task).await;
    assert_one_of_each(&world, &row).await;
    assert_holds(&ledger(&world, &task).await, 1_500_000);
    assert_eq!(world.model_calls().1, 0);
    let told: Vec<_> = world
        .rows("progress", &task)
        .await
        .iter()
        .filter(|line| line.text("stage") == Some("budget"))
        .map(|line| line.text("level").unwrap().to_owned())
        .collect();
    assert_eq!(told, ["warning"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_that_was_lost_with_its_execution_counts_at_its_worst() {
    // The answer is there, and nobody is left to record it.
    let fault = "kill-function,at=before,table=journal,key=t0,nth=1";
    let world = World::with(Setup {
        faults: Faults::parse(&[fault], 0).unwrap(),
        sweep_every: Some(1),
        ..Setup::default()
    })
    .await;
    let row = world.run(&with_budget(10.0)).await;
    assert_one_of_each(&world, &row).await;
    let rows = ledger(&world, &row.id).await;
    assert_holds(&rows, 10_000_000);
    let last = rows.last().unwrap();
    assert_eq!(last.integer("reservedMicroUsd"), Some(0));
    let cost = totals(&row)["spent"]["costMicroUsd"].as_i64().unwrap();
    let unexplained = last.integer("spentMicroUsd").unwrap() - cost;
    // Several agents have a first turn, and any of them may be the one that was lost.
    let first_turns = rows.iter().filter(|row| row.text("key") == Some("t0"));
    let worst = first_turns.map(|row| row.integer("microUsd").unwrap());
    let worst = worst.min().unwrap();
    assert!(unexplained >= worst, "{unexplained} < {worst}");
    let (calls, _) = world.model_calls();
    let reservations = rows.iter().filter(|row| row.text("key").is_some()).count();
    // The process may have died between an agent's reservation and its call.
    assert!(reservations >= calls, "{reservations} for {calls} calls");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_task_without_a_budget_has_no_ledger_to_raise() {
    let world = World::start().await;
    let user = world.user().await;
    let task = world.accept(&user, &todo()).await;
    let raise = json!({"command": "budget", "budgetUsd": 5});
    let (status, error) = world.command(&user, &task, raise).await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (409, &json!("no_budget"))
    );
    world.ended(&task).await;
    assert!(ledger(&world, &task).await.is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_owner_is_told_what_limit_is_reached() {
    let world = World::with(Setup {
        settings: vec![("OWNER_OPEN_TASKS_MAX", "3")],
        ..Setup::default()
    })
    .await;
    let (user, other) = (world.user().await, world.user().await);
    let brief = |number: u32| {
        let mut brief = todo();
        brief["options"] = json!({"approval": "plan", "requestId": format!("r{number}")});
        brief.to_string()
    };
    let submits = (0..8).map(|number| world.submit(&user, brief(number)));
    let answers = futures::future::join_all(submits).await;
    let (accepted, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|(status, _)| *status == 201);
    // Never more than three; fewer only where refused ones were seen by others.
    assert!((1..=3).contains(&accepted.len()), "{answers:?}");
    for (status, error) in refused {
        assert_eq!(
            (*status, &error["error"]["code"]),
            (429, &json!("open_tasks_limit"))
        );
    }
    assert_eq!(world.submit(&other, brief(0)).await.0, 201);

    // What was refused is not there, and may be accepted later.
    let task = accepted[0].1["taskId"].as_str().unwrap();
    world.reached(task, &["awaiting_approval"]).await;
    let cancel = json!({"command": "cancel"});
    assert_eq!(world.command(&user, task, cancel).await.0, 200);
    assert_eq!(world.submit(&user, brief(100)).await.0, 201);
    world.stop().await;
}

/// Asks create-task for a task of `owner` that waits for a word; returns the execution.
async fn start_for(world: &World, owner: &str, number: u32) -> Value {
    let mut brief = todo();
    brief["owner"] = json!(owner);
    brief["options"] = json!({"approval": "plan", "requestId": format!("r{number}")});
    let call = json!({"method": "POST", "path": "/", "body": brief.to_string()});
    let path = "/functions/create-task/executions";
    ask(world, Method::POST, path, &call).await
}

fn status_of(execution: &Value) -> u64 {
    execution["responseStatusCode"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_owner_in_a_hurry_is_told_when_to_go_on() {
    let world = World::with(Setup {
        settings: vec![("OWNER_TASKS_A_MINUTE_MAX", "2")],
        ..Setup::default()
    })
    .await;
    let mut tasks = Vec::new();
    for number in 0..2 {
        let execution = start_for(&world, "ada", number).await;
        assert_eq!(status_of(&execution), 201, "{execution}");
        let answer: Value =
            serde_json::from_str(execution["responseBody"].as_str().unwrap()).unwrap();
        tasks.push(answer["taskId"].as_str().unwrap().to_owned());
    }
    let refused = start_for(&world, "ada", 2).await;
    assert_eq!(status_of(&refused), 429);
    let error: Value = serde_json::from_str(refused["responseBody"].as_str().unwrap()).unwrap();
    let error = &error["error"];
    assert_eq!(error["code"], "tasks_a_minute_limit");
    let seconds = error["retryAfterSeconds"].as_u64().unwrap();
    assert!((1..=60).contains(&seconds), "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.ends_with(&format!("in {seconds} s.")), "{error}");
    let headers = refused["responseHeaders"].as_array().unwrap();
    let wanted = json!({"name": "retry-after", "value": seconds.to_string()});
    assert!(headers.contains(&wanted), "{headers:?}");
    assert_eq!(status_of(&start_for(&world, "grace", 0).await), 201);

    // As if the first one had been started a minute before: there is room for one again.
    let row = world.reached(&tasks[0], &["awaiting_approval"]).await;
    let created: jiff::Timestamp = row.created_at.parse().unwrap();
    let before = created - jiff::SignedDuration::from_secs(60);
    let path = format!("/tablesdb/orchestrator/tables/tasks/rows/{}", tasks[0]);
    let change = json!({"data": {"$createdAt": before.to_string()}});
    ask(&world, Method::PATCH, &path, &change).await;
    assert_eq!(status_of(&start_for(&world, "ada", 2).await), 201);
    assert_eq!(status_of(&start_for(&world, "ada", 3).await), 429);
    world.stop().await;
}
