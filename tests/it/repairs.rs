//! Builds that fail, on a platform that runs them: a rule of the project's owner that the
//! reviewer knows nothing of.

use std::time::{Duration, Instant};

use appwrite::{DeploymentStatus, NewSite, Row};
use serde_json::{Value, json};

use crate::chain::get;
use crate::progress::assert_all_is_told;
use crate::replay::assert_replays;
use crate::world::{Setup, World, blocking, clone, todo, totals};

/// A build as an owner may set it up in the console: it refuses what is meant for developers.
const LINT: &str = "if grep -Hn console.log js/*.js; then \
     printf '\\033[31mError:\\033[0m console.log is not for users\\n' >&2; exit 1; fi";
/// One that is never done.
const HANG: &str = "echo at work; sleep 600";

/// One that takes longer than an execution waits for it.
const SLOW: &str = "sleep 13";
const PATIENT: (&str, &str) = ("BUILD_TIMEOUT_SECONDS", "900");

/// A task whose site is built with `command`, once it has ended.
async fn built_with(
    agent: &'static str,
    command: &str,
    setting: (&'static str, &'static str),
) -> (World, Row) {
    let world = World::with(Setup {
        settings: vec![("ANTHROPIC_MODEL", agent), setting],
        sweep_every: Some(2),
        ..Setup::default()
    })
    .await;
    let user = world.user().await;
    let task = world.accept(&user, &todo()).await;
    // The site is the owner's before it is deployed to for the first time.
    let mut site = NewSite::of_files(task.clone(), "Mine");
    site.build_command = command.to_owned();
    let admin = world.admin();
    blocking(move || admin.sites().create(&site).unwrap()).await;
    let row = world.ended(&task).await;
    (world, row)
}

async fn statuses(world: &World, task: &str) -> Vec<DeploymentStatus> {
    let (admin, task) = (world.admin(), task.to_owned());
    let list = blocking(move || admin.sites().list_deployments(&task, &[]).unwrap()).await;
    let mut all = list.deployments;
    all.sort_by(|one, other| one.created_at.cmp(&other.created_at));
    all.into_iter().map(|it| it.status).collect()
}

/// How many commits the task's repository has on top of its first.
async fn commits(row: &Row) -> usize {
    let url = totals(row)["cloneUrl"].as_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let (commits, _) = clone(&url, &folder.path().join("clone")).await;
    assert_eq!(commits[0], row.text("commitSha").unwrap());
    commits.len() - 1
}

async fn lines(world: &World, table: &'static str, task: &str) -> Vec<String> {
    let mut rows = world.rows(table, task).await;
    rows.sort_by_key(|row| row.integer("round"));
    let line = |row: &Row| row.text("line").unwrap_or_default().to_owned();
    rows.iter().map(line).collect()
}

fn failure(row: &Row) -> Value {
    serde_json::from_str(row.text("failure").unwrap_or("null")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_build_that_fails_is_repaired_by_who_owns_the_file() {
    let (world, row) = built_with("scripted-unbuildable", LINT, PATIENT).await;
    assert_eq!(row.text("status"), Some("completed"), "{:?}", failure(&row));
    let told = lines(&world, "deployments", &row.id).await;
    assert_eq!(
        told[0],
        "The build failed: Error: console.log is not for users. Now items repairs it"
    );
    assert!(told[1].starts_with("Deployed to http://"), "{told:?}");
    let deployments = world.rows("deployments", &row.id).await;
    let log = deployments
        .iter()
        .find(|it| it.text("state") == Some("failed"))
        .and_then(|it| it.text("buildLog"))
        .unwrap();
    assert!(
        log.contains("js/store.js") && !log.contains('\u{1b}'),
        "{log}"
    );
    let again: Vec<_> = world.rows("assignments", &row.id).await;
    let again = again.iter().filter(|it| it.integer("round") == Some(2));
    let again: Vec<_> = again.map(|it| it.text("name").unwrap()).collect();
    assert_eq!(again, ["items"]);
    use DeploymentStatus::{Failed, Ready};
    assert_eq!(statuses(&world, &row.id).await, [Failed, Ready]);
    assert_eq!(commits(&row).await, 2);
    let port = world.hosting.platform.port();
    let host = row.text("siteUrl").unwrap().replacen("http://", "", 1);
    let served = blocking(move || get(port, &host, "/js/store.js")).await;
    assert!(served.contains("remove(id)") && !served.contains("console.log"));
    assert_eq!(world.model_calls().1, 0, "a model call was made twice");
    assert_all_is_told(&world, &row.id).await;
    assert_replays(&world, &row.id).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_build_that_is_not_repaired_fails_the_task_with_its_error() {
    let (world, row) = built_with("scripted-never-builds", LINT, PATIENT).await;
    assert_eq!(
        failure(&row),
        json!({"code": "build_failed", "message": "The build failed, after 2 repairs: Error: console.log is not for users. Read the build's log, and retry the task to have it built and repaired again."})
    );
    assert_eq!(statuses(&world, &row.id).await.len(), 3);
    assert_eq!(row.integer("round"), Some(3));
    // Agents that change nothing make no commit.
    assert_eq!(commits(&row).await, 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_build_that_hangs_is_called_off_and_begun_anew() {
    let began = Instant::now();
    let (world, row) = built_with("scripted-flawless", HANG, ("BUILD_TIMEOUT_SECONDS", "1")).await;
    let failure = failure(&row);
    let message = failure["message"].as_str().unwrap();
    assert!(
        message.contains("the build was not done after 1 second and was called off, 2 times"),
        "{message}"
    );
    let statuses = statuses(&world, &row.id).await;
    assert!(statuses.iter().all(|it| *it == DeploymentStatus::Canceled));
    // Twice for the first and for each of two repairs.
    assert_eq!(statuses.len(), 6);
    let lines = world.rows("progress", &row.id).await;
    let told =
        |line: &&Row| line.text("text") == Some("The build took too long and was called off");
    assert_eq!(lines.iter().filter(told).count(), 6);
    assert_replays(&world, &row.id).await;
    assert!(
        began.elapsed() < Duration::from_secs(60),
        "it was waited for"
    );
    world.stop().await;
}

/// Nobody pays for waiting: the execution ends, and a delayed one goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slow_build_costs_one_more_execution() {
    let settings = ("BUILD_CHECK_SECONDS", "4");
    let (world, row) = built_with("scripted-flawless", SLOW, settings).await;
    assert_eq!(row.text("status"), Some("completed"), "{:?}", failure(&row));
    let counts = world.hosting.platform.counts();
    let of_work = |kind: &str| kind.starts_with("executions:") && !kind.contains(":sweep:");
    let kinds = counts.iter().filter(|(kind, _)| of_work(kind));
    let executions: u64 = kinds.map(|(_, count)| count).sum();
    let assignments = totals(&row)["assignments"].as_u64().unwrap();
    assert_eq!(executions, 6 + assignments, "{counts:#?}");
    assert_eq!(
        statuses(&world, &row.id).await,
        [DeploymentStatus::Ready],
        "one build"
    );
    assert_replays(&world, &row.id).await;
    world.stop().await;
}
