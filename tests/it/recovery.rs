//! How soon a killed execution is made up for, without the sweep: by whoever watches the
//! task, and by the task's other agents.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use appwrite::Row;
use local::faults::{FaultAction, Faults, Phase};

use crate::crashes::orchestrator;
use crate::world::{Setup, World, assert_one_of_each, blocking, todo};

/// `CLAIM_LAPSE_SECONDS` of these worlds.
const LAPSE_MS: i64 = 3_000;
/// What a pick-up may take beyond it.
const GRACE_MS: i64 = 1_000;
/// Longest that the condition of a test may take to come true.
const PATIENCE: Duration = Duration::from_secs(30);

fn time(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

/// Milliseconds from the last sign of life of each unit's first claim to its second claim.
fn pick_ups(claims: &[Row]) -> Vec<i64> {
    let of_epoch = |epoch| {
        claims
            .iter()
            .filter(move |row| row.integer("epoch") == Some(epoch))
    };
    let second = |first: &Row| {
        of_epoch(2)
            .find(|row| row.text("unitId") == first.text("unitId"))
            .map(|row| time(&row.created_at) - time(&first.updated_at))
    };
    of_epoch(1).filter_map(second).collect()
}

fn brief() -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().join("examples/todo.json")
}

/// Carries out the sample with the terminal, which only submits and follows, while the
/// function that records this entry is killed. Returns how long the pick-ups took.
async fn killed_while_watched(key: &'static str) -> Vec<i64> {
    let rule = format!("kill-function,at=before,table=journal,key={key},nth=1");
    let world = World::with(Setup {
        faults: Faults::parse(&[rule], 0).unwrap(),
        ..Setup::default()
    })
    .await;
    let endpoint = world.hosting.platform.endpoint().to_owned();
    let data = world.folder.path().join("terminal");
    let output = blocking(move || {
        // It must end by itself long before.
        Command::new("timeout")
            .arg(PATIENCE.as_secs().to_string())
            .arg(orchestrator())
            .arg("run")
            .arg(brief())
            .args(["--json", "--data"])
            .arg(data)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("APPWRITE_ENDPOINT", endpoint)
            .env("APPWRITE_PROJECT_ID", "orchestrator")
            .output()
            .unwrap()
    })
    .await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{key}: {text}{errors}");
    let summary: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let task = summary["taskId"].as_str().unwrap().to_owned();
    let row = world.ended(&task).await;
    assert_one_of_each(&world, &row).await;
    let took = pick_ups(&world.rows("claims", &task).await);
    world.stop().await;
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_execution_goes_on_when_its_claim_lapses_while_somebody_watches() {
    // One after the other: what is measured must not wait for another world.
    for key in ["p0", "t0", "judge.", "repo0", "upload"] {
        let took = killed_while_watched(key).await;
        assert!(!took.is_empty(), "{key}: nobody took over");
        for took in took {
            println!("{key}: picked up {took} ms after the last sign of life");
            assert!(took <= LAPSE_MS + GRACE_MS, "{key}: {took} ms");
        }
    }
}

/// Holds the agents' second turns back until all three are at work.
#[derive(Default)]
struct Barrier {
    at_work: Mutex<usize>,
    changed: Condvar,
}

impl Barrier {
    fn come(&self) {
        *self.at_work.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    /// Returns whether all came.
    fn pass(&self) -> bool {
        let too_few = |at_work: &mut usize| *at_work < 3;
        let at_work = self.at_work.lock().unwrap();
        let waited = self.changed.wait_timeout_while(at_work, PATIENCE, too_few);
        !waited.unwrap().1.timed_out()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn agents_at_work_start_the_one_whose_event_was_lost() {
    let rule = "drop-event,event=databases.*.tables.assignments.rows.*.create,nth=1";
    let mut faults = Faults::parse(&[rule], 0).unwrap();
    let barrier = Arc::new(Barrier::default());
    let hook = Arc::clone(&barrier);
    faults.on_row_create = Some(Arc::new(move |row| {
        let is_agent = row.data["unitId"]
            .as_str()
            .is_some_and(|id| id.starts_with('a'));
        match (row.table, row.phase) {
            ("claims", Phase::After) if is_agent => hook.come(),
            ("journal", Phase::Before) if row.data["key"] == "t1" => {
                assert!(
                    tokio::task::block_in_place(|| hook.pass()),
                    "nobody started it"
                );
            }
            _ => {}
        }
        FaultAction::Continue
    }));
    let world = World::with(Setup {
        faults,
        ..Setup::default()
    })
    .await;
    let row = world.run(&todo()).await;
    assert_one_of_each(&world, &row).await;
    let claims = world.rows("claims", &row.id).await;
    let units = world.rows("assignments", &row.id).await;
    for unit in &units {
        let first = claims.iter().find(|claim| {
            claim.text("unitId") == Some(&unit.id) && claim.integer("epoch") == Some(1)
        });
        let waited = time(&first.unwrap().created_at) - time(&unit.created_at);
        println!("an agent began {waited} ms after its row");
        assert!(waited <= LAPSE_MS + GRACE_MS, "{waited} ms");
    }
    assert_eq!(world.model_calls().1, 0);
    world.stop().await;
}
