//! Events delivered twice or lost: the end is the same.

use appwrite::Row;
use local::faults::Faults;
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::world::{Setup, World, assert_one_of_each, todo, totals};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_event_twice_reaches_same_end() {
    let world = World::with(Setup {
        faults: Faults::parse(&["duplicate-event"], 0).unwrap(),
        ..Setup::default()
    })
    .await;
    let row = world.run(&todo()).await;
    assert_one_of_each(&world, &row).await;
    assert_eq!(world.model_calls().1, 0, "a model call was made twice");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_single_event_lost_reaches_same_end() {
    let plain = World::start().await;
    let row = plain.run(&todo()).await;
    let totals = totals(&row);
    // Each unit has one event: the plan, the agents, the reviews, release, deployment.
    let events = 3 + totals["agentRuns"].as_u64().unwrap() + totals["reviews"].as_u64().unwrap();
    plain.stop().await;
    for lost in 1..=events {
        let world = World::with(Setup {
            faults: Faults::parse(&[format!("drop-event,nth={lost}")], 0).unwrap(),
            sweep_every: Some(1),
            ..Setup::default()
        })
        .await;
        let row = world.run(&todo()).await;
        assert_one_of_each(&world, &row).await;
        assert_eq!(world.model_calls().1, 0, "event {lost}");
        world.stop().await;
    }
}

/// Carries out the sample under faults. Returns its world and the task's row.
async fn under(rules: &[&str], sweep_every: u64) -> (World, Row) {
    let world = World::with(Setup {
        faults: Faults::parse(rules, 7).unwrap(),
        sweep_every: Some(sweep_every),
        ..Setup::default()
    })
    .await;
    let row = world.run(&todo()).await;
    assert_one_of_each(&world, &row).await;
    (world, row)
}

fn fired(world: &World, kind: &str) -> u64 {
    world.hosting.platform.kernel().faults.fired(kind)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sweep_alone_reaches_the_end_when_every_event_is_dropped() {
    let (world, row) = under(&["drop-event"], 1).await;
    let totals = totals(&row);
    // Each unit has one event: the plan, the agents, the reviews, release, deployment.
    let events = 3 + totals["agentRuns"].as_u64().unwrap() + totals["reviews"].as_u64().unwrap();
    assert_eq!(fired(&world, "drop-event"), events);
    assert_eq!(world.model_calls().1, 0, "a model call was made twice");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_event_five_times_and_out_of_order_reaches_same_end() {
    let rules = [
        "duplicate-event,copies=5",
        "delay-event,ms=50,chance=20%",
        "reorder-event,ms=200,chance=20%",
    ];
    let (world, _) = under(&rules, 2).await;
    assert!(fired(&world, "duplicate-event") > 5);
    assert_eq!(world.model_calls().1, 0, "a model call was made twice");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_request_of_ten_refused_reaches_same_end() {
    for status in [503, 500, 429] {
        let rule = format!("answer,status={status},chance=10%");
        let (world, _) = under(&[&rule], 1).await;
        assert!(fired(&world, "answer") > 5, "{status}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_answer_of_ten_lost_after_its_commit_reaches_same_end() {
    let (world, _) = under(&["lose-answer,chance=10%"], 1).await;
    assert!(fired(&world, "lose-answer") > 5);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refused_connections_and_given_up_functions_reach_same_end() {
    let rules = [
        "refuse-connection,nth=3",
        "refuse-connection,ms=50,nth=7",
        "time-out,function=plan,nth=1",
        "time-out,ms=50,function=run-agent,nth=2",
        "kill-function,at=during,ms=20,function=run-agent,nth=4",
        "kill-function,at=before,function=review,nth=1",
        "kill-function,at=after,function=publish,nth=1",
        "answer,status=503,function=deploy,nth=2",
    ];
    let (world, _) = under(&rules, 1).await;
    assert_eq!(fired(&world, "refuse-connection"), 2);
    assert_eq!(fired(&world, "time-out"), 2);
    assert_eq!(fired(&world, "kill-function"), 3);
    assert_eq!(fired(&world, "answer"), 1, "the execution was not known");
    world.stop().await;
}

/// The `count` agents that start together are held back at their end until all of them are there,
/// and then let go at once. (That each order of commits and lists after that is right is shown in
/// the pipeline, where it can be forced.) Returns the task's totals.
async fn finishing_at_once(count: usize, brief: &Value) -> Value {
    let mut faults = Faults::default();
    // Each writes its own row then, and no other writes it.
    let gate = Gate::before(&mut faults, |asked| {
        asked.method == "PATCH" && asked.path.contains("/tables/assignments/rows/")
    });
    let settings = vec![("ANTHROPIC_MODEL", "scripted-flawless")];
    // No sweep helps: the agents alone must bring the task on.
    let world = World::with(Setup {
        faults,
        settings,
        ..Setup::default()
    })
    .await;
    let user = world.user().await;
    let task = world.accept(&user, brief).await;
    gate.reached_by(count).await;
    gate.open();
    let row = world.ended(&task).await;
    assert_one_of_each(&world, &row).await;
    world.stop().await;
    totals(&row)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn agents_that_finish_at_the_same_instant_do_not_stall_the_task() {
    assert_eq!(finishing_at_once(3, &todo()).await["assignments"], 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn agents_that_free_their_slots_at_the_same_instant_do_not_stall_the_task() {
    let mut brief = todo();
    brief["options"] = json!({"parallelism": 2});
    assert_eq!(finishing_at_once(2, &brief).await["assignments"], 4);
}
