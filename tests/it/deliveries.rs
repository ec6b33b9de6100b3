//! Events delivered twice or lost: the end is the same.

use local::faults::Faults;

use crate::world::{Setup, World, assert_one_of_each, todo, totals};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_event_twice_reaches_same_end() {
    let mut faults = Faults::default();
    faults.duplicate_events = true;
    let world = World::with(Setup {
        faults,
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
    for lost in 0..events {
        let mut faults = Faults::default();
        faults.lose_event = Some(lost);
        let world = World::with(Setup {
            faults,
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
