//! An execution that is thought dead activates its release after a newer one is out: the newer
//! one is served all the same.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use appwrite::Client;
use local::faults::Faults;
use local::faults::decide::Asked;

use crate::existing::{completed, follow_up};
use crate::gate::{Gate, awaited};
use crate::releases::{records, served};
use crate::replay::assert_replays;
use crate::world::{Setup, World, blocking, todo};

/// Who activates: the first execution, and the one that does so once a newer release is wanted.
#[derive(Default)]
struct Executions {
    old: Mutex<Option<String>>,
    newer: Mutex<Option<String>>,
    is_newer_wanted: AtomicBool,
}

fn activates(asked: &Asked<'_>) -> bool {
    asked.method == "PATCH"
        && asked.path.starts_with("/v1/sites/")
        && asked.path.ends_with("/deployment")
}

impl Executions {
    /// Whether the request is of the first execution that activates, from its activation on.
    fn is_of_old(&self, asked: &Asked<'_>) -> bool {
        let mut old = self.old.lock().unwrap();
        let own = asked.execution.map(str::to_owned);
        if old.is_none() && activates(asked) {
            *old = own.clone();
        }
        old.is_some() && *old == own
    }

    /// Whether the request records that the newer release is activated.
    fn records_newer(&self, asked: &Asked<'_>) -> bool {
        let mut newer = self.newer.lock().unwrap();
        let own = asked.execution.map(str::to_owned);
        if newer.is_none() && self.is_newer_wanted.load(Ordering::Relaxed) && activates(asked) {
            *newer = own.clone();
        }
        let is_record = asked.method == "POST" && asked.path.contains("/tables/journal/");
        is_record && newer.is_some() && *newer == own
    }
}

struct Late {
    world: World,
    user: Client,
    task: String,
    executions: Arc<Executions>,
    /// Before the old activation and everything that its execution asks afterwards.
    old: Arc<Gate>,
    /// Before the record of the newer one's activation.
    record: Arc<Gate>,
}

/// A task whose first release is out, by somebody who took over from one that stands at the gate.
async fn taken_over() -> Late {
    let mut faults = Faults::parse::<&str>(&[], 0).unwrap();
    let executions = Arc::new(Executions::default());
    let own = Arc::clone(&executions);
    let old = Gate::before(&mut faults, move |asked| own.is_of_old(asked));
    let own = Arc::clone(&executions);
    let record = Gate::before(&mut faults, move |asked| own.records_newer(asked));
    let world = World::with(Setup {
        faults,
        settings: vec![("ANTHROPIC_MODEL", "scripted-flawless")],
        sweep_every: Some(1),
        ..Setup::default()
    })
    .await;
    let user = world.user().await;
    let task = world.accept(&user, &todo()).await;
    old.reached().await;
    completed(&world, &task).await;
    Late {
        world,
        user,
        task,
        executions,
        old,
        record,
    }
}

/// Waits until the site has been activated so often, and serves this deployment of the task's
/// release number `release`.
async fn serves(late: &Late, activations: u64, release: usize) {
    awaited("the activation", async || {
        let counts = late.world.hosting.platform.counts();
        (counts.get("deployment.update") >= Some(&activations)).then_some(())
    })
    .await;
    let parts = &records(&late.world, &late.task).await[release - 1].parts;
    let deployment = parts[0].deployment.deployment_id.clone();
    awaited("the release", async || {
        let (admin, id) = (late.world.admin(), late.task.clone());
        let site = blocking(move || admin.sites().get(&id).unwrap()).await;
        (site.deployment_id == deployment).then_some(())
    })
    .await;
}

async fn assert_newest(late: Late) {
    let row = completed(&late.world, &late.task).await;
    let all = records(&late.world, &late.task).await;
    let site = served(&late.world, row.text("siteUrl").unwrap()).await;
    assert_eq!((all.len(), &all[1].manifest_hash), (2, &site));
    assert_replays(&late.world, &late.task).await;
    late.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_activates_after_a_newer_release_puts_it_back() {
    let late = taken_over().await;
    late.record.open();
    follow_up(&late.world, &late.user, &late.task).await;
    completed(&late.world, &late.task).await;
    serves(&late, 2, 2).await;
    late.old.open();
    // The old one, and then the newer one again.
    serves(&late, 4, 2).await;
    assert_newest(late).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_activates_before_a_newer_activation_is_recorded_puts_it_back() {
    let late = taken_over().await;
    late.executions
        .is_newer_wanted
        .store(true, Ordering::Relaxed);
    follow_up(&late.world, &late.user, &late.task).await;
    late.record.reached().await;
    late.old.open();
    serves(&late, 3, 1).await;
    late.record.open();
    completed(&late.world, &late.task).await;
    serves(&late, 4, 2).await;
    assert_newest(late).await;
}
