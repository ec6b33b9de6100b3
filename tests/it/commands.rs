//! Commands of the owner, on the whole system.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::crashes::orchestrator;
use crate::replay::assert_replays;
use crate::world::{Setup, World, assert_one_of_each, blocking, todo};

/// Longest that the condition of a test may take to come true.
const PATIENCE: Duration = Duration::from_secs(30);

fn with_approval() -> Value {
    let mut brief = todo();
    brief["options"] = json!({"approval": "plan"});
    brief
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_plan_is_revised_and_approved_by_its_owner_only() {
    let world = World::start().await;
    let (owner, stranger) = (world.user().await, world.user().await);
    let task = world.accept(&owner, &with_approval()).await;
    world.reached(&task, &["awaiting_approval"]).await;
    assert!(world.rows("assignments", &task).await.is_empty());

    let approve = || json!({"command": "approve"});
    assert_eq!(world.command(&stranger, &task, approve()).await.0, 404);
    let (status, error) = world.command(&owner, &task, json!({"command": "go"})).await;
    assert_eq!(
        (status, error["error"]["code"].as_str()),
        (400, Some("invalid_command"))
    );
    let (status, error) = world
        .command(&owner, &task, json!({"command": "retry"}))
        .await;
    assert_eq!(
        (status, error["error"]["code"].as_str()),
        (409, Some("not_now"))
    );

    let revise = json!({"command": "revise", "comment": "Call it something else."});
    let (status, answer) = world.command(&owner, &task, revise).await;
    assert_eq!((status, answer["status"].as_str()), (200, Some("planning")));
    world.reached(&task, &["awaiting_approval"]).await;
    assert_eq!(world.rows("plans", &task).await.len(), 2);

    assert_eq!(world.command(&owner, &task, approve()).await.0, 200);
    let row = world.ended(&task).await;
    assert_one_of_each(&world, &row).await;
    assert_eq!(world.model_calls().1, 0);
    let told = world.rows("progress", &task).await;
    let told: Vec<_> = told
        .iter()
        .filter(|line| line.text("stage") == Some("command"))
        .map(|line| line.text("text").unwrap().to_owned())
        .collect();
    assert_eq!(
        told,
        [
            "You asked for another plan: Call it something else.",
            "You approved it"
        ]
    );
    world.stop().await;
}

/// Holds agents back until it is opened.
pub(crate) struct Barrier(watch::Sender<bool>);

impl Barrier {
    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }
}

/// A world in which every agent's second turn is held back.
pub(crate) async fn holding() -> (World, Barrier) {
    holding_with(Setup {
        sweep_every: Some(1),
        ..Setup::default()
    })
    .await
}

pub(crate) async fn holding_with(setup: Setup) -> (World, Barrier) {
    let (barrier, goes_on) = watch::channel(false);
    let model_faults = local::models::Faults {
        goes_on: Some(goes_on),
        ..Default::default()
    };
    let world = World::with(Setup {
        model_faults,
        ..setup
    })
    .await;
    (world, Barrier(barrier))
}

/// Waits until the agents that start together have taken their first turn.
pub(crate) async fn at_work(world: &World, task: &str) {
    have_taken(world, task, "t0").await;
}

/// Waits until the agents that were held back have taken their second turn.
pub(crate) async fn went_on(world: &World, task: &str) {
    have_taken(world, task, "t1").await;
}

async fn have_taken(world: &World, task: &str, turn: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let journal = world.rows("journal", task).await;
        let turns = journal.iter().filter(|row| row.text("key") == Some(turn));
        if turns.count() >= 3 {
            return;
        }
        assert!(Instant::now() < deadline, "{journal:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the agents that are held back have heard that they were stopped.
pub(crate) async fn heard(world: &World, task: &str) {
    let since = jiff::Timestamp::now();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let claims = world.rows("claims", task).await;
        let stopped = claims.iter().filter(|row| {
            let beat = row.text("heartbeatAt").unwrap_or_default();
            let beat: jiff::Timestamp = beat.parse().unwrap();
            row.text("state") == Some("stopped") && beat > since
        });
        if stopped.count() >= 3 {
            return;
        }
        assert!(Instant::now() < deadline, "{claims:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn agents_stop_after_their_turn_and_go_on_where_they_stood() {
    let (world, barrier) = holding().await;
    let user = world.user().await;
    let task = world.accept(&user, &todo()).await;
    at_work(&world, &task).await;
    let (status, answer) = world
        .command(&user, &task, json!({"command": "pause"}))
        .await;
    assert_eq!((status, answer["status"].as_str()), (200, Some("paused")));
    heard(&world, &task).await;
    barrier.open();
    went_on(&world, &task).await;
    world.reached(&task, &["paused"]).await;

    let (status, _) = world
        .command(&user, &task, json!({"command": "resume"}))
        .await;
    assert_eq!(status, 200);
    let row = world.ended(&task).await;
    assert_one_of_each(&world, &row).await;
    assert_eq!(
        world.model_calls().1,
        0,
        "a recorded turn was asked for again"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn agents_that_are_let_go_on_before_their_turn_ends_keep_it() {
    let (world, barrier) = holding().await;
    let user = world.user().await;
    let task = world.accept(&user, &todo()).await;
    at_work(&world, &task).await;
    for command in ["pause", "resume"] {
        let answer = world.command(&user, &task, json!({"command": command}));
        assert_eq!(answer.await.0, 200);
        if command == "pause" {
            heard(&world, &task).await;
        }
    }
    barrier.open();
    let row = world.ended(&task).await;
    assert_one_of_each(&world, &row).await;
    assert_eq!(world.model_calls().1, 0, "a turn was paid for twice");
    let claims = world.rows("claims", &task).await;
    let second = claims.iter().find(|row| row.integer("epoch") != Some(1));
    assert_eq!(second, None, "another execution took over");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cancelled_task_ends_without_a_repository() {
    let (world, barrier) = holding().await;
    let user = world.user().await;
    let task = world.accept(&user, &todo()).await;
    world.reached(&task, &["coding"]).await;
    let (status, answer) = world
        .command(&user, &task, json!({"command": "cancel"}))
        .await;
    assert_eq!(
        (status, answer["status"].as_str()),
        (200, Some("cancelled"))
    );
    barrier.open();
    world.reached(&task, &["cancelled"]).await;
    assert_eq!(
        world
            .command(&user, &task, json!({"command": "resume"}))
            .await
            .0,
        409
    );
    assert!(world.rows("releases", &task).await.is_empty());
    assert_replays(&world, &task).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_failed_is_done_again_and_what_succeeded_is_kept() {
    let settings = |model| vec![("ANTHROPIC_MODEL", model)];
    let world = World::with(Setup {
        settings: settings("scripted-stuck"),
        ..Setup::default()
    })
    .await;
    let user = world.user().await;
    let task = world.accept(&user, &todo()).await;
    assert_eq!(world.ended(&task).await.text("status"), Some("failed"));
    let folder = world.stop().await;
    // The owner takes another model and tries again.
    let world = World::with(Setup {
        settings: settings("scripted"),
        folder: Some(folder),
        ..Setup::default()
    })
    .await;
    let (status, answer) = world
        .command(&user, &task, json!({"command": "retry"}))
        .await;
    assert_eq!((status, answer["status"].as_str()), (200, Some("coding")));
    let row = world.ended(&task).await;
    assert_one_of_each(&world, &row).await;
    assert_eq!(world.rows("plans", &task).await.len(), 1);
    assert_eq!(row.integer("generation"), Some(2));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_program_asks_for_the_owners_word() {
    let folder = tempfile::tempdir().unwrap();
    let brief = folder.path().join("brief.json");
    std::fs::write(&brief, with_approval().to_string()).unwrap();
    let run = move |said: &'static str| {
        let mut child = Command::new(orchestrator())
            .arg("run")
            .arg(&brief)
            .arg("--data")
            .arg(folder.path().join("data"))
            .env_clear()
            // The stand-in GitHub runs git.
            .env("PATH", std::env::var_os("PATH").unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(said.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    let both = blocking(move || (run("\nOther colours, please.\n"), run("yes\n")));
    let ((success, text), (later_success, later)) = both.await;
    assert!(!success, "{text}");
    assert!(
        text.contains("You asked for another plan: Other colours, please."),
        "{text}"
    );
    assert!(
        text.contains("run the same command at a terminal to go on"),
        "{text}"
    );
    assert!(later_success, "{later}");
    assert!(later.contains("You approved it"), "{later}");
}
