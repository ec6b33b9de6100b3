//! Events delivered twice or lost: the end is the same.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use local::faults::{FaultAction, Faults, Phase};
use serde_json::{Value, json};

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

/// Lets callers go on once `count` of them have come, or after a while.
struct Gate {
    count: usize,
    come: Mutex<usize>,
    all: Condvar,
}

impl Gate {
    /// Returns whether all came.
    fn pass(&self) -> bool {
        let mut come = self.come.lock().unwrap();
        *come += 1;
        self.all.notify_all();
        let (come, _) = self
            .all
            .wait_timeout_while(come, Duration::from_secs(20), |come| *come < self.count)
            .unwrap();
        *come >= self.count
    }
}

/// The results of the `count` agents that start together are held back until all of them
/// are there, and then committed at once. (That each order of commits and lists after that
/// is right is shown in the pipeline, where it can be forced.) Returns the task's totals.
async fn finishing_at_once(count: usize, brief: &Value) -> Value {
    let gate = Arc::new(Gate {
        count,
        come: Mutex::new(0),
        all: Condvar::new(),
    });
    let met = Arc::new(AtomicUsize::new(0));
    let mut faults = Faults::default();
    let (hook_gate, hook_met) = (Arc::clone(&gate), Arc::clone(&met));
    faults.on_row_create = Some(Arc::new(move |row| {
        let is_result =
            row.table == "journal" && row.data["kind"] == "done" && row.row_id.starts_with('a');
        if is_result
            && row.phase == Phase::Before
            && hook_met.load(Ordering::SeqCst) < count
            && tokio::task::block_in_place(|| hook_gate.pass())
        {
            hook_met.fetch_add(1, Ordering::SeqCst);
        }
        FaultAction::Continue
    }));
    let settings = vec![("ANTHROPIC_MODEL", "scripted-flawless")];
    // No sweep helps: the agents alone must bring the task on.
    let world = World::with(Setup {
        faults,
        settings,
        ..Setup::default()
    })
    .await;
    let row = world.run(brief).await;
    assert_eq!(
        met.load(Ordering::SeqCst),
        count,
        "they did not finish at the same instant"
    );
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
