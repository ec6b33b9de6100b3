//! Tasks of the whole system, decided once more from their rows.

use std::process::Command;

use appwrite::{Client, Credential, Row};
use pipeline::replay::{Record, Replay, Replayed, StoredRow, replay};
use pipeline::{TaskId, UnitKind};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::crashes::orchestrator;
use crate::world::{World, blocking, todo};

/// Decides a task of the world once more.
async fn replayed(world: &World, task: &str) -> Replay {
    let mut stored = Vec::new();
    // The journal first: what it tells of is then in the other rows.
    let tables = ["journal", "tasks", "briefs", "files"].into_iter();
    for table in tables.chain(UnitKind::TABLES) {
        let rows = world.rows(table, task).await;
        stored.extend(rows.into_iter().map(|row| {
            StoredRow {
                table,
                sequence: row.sequence.parse().unwrap(),
                created_unix: row
                    .created_at
                    .parse::<jiff::Timestamp>()
                    .unwrap()
                    .as_second(),
                id: row.id,
                data: row.data,
            }
        }));
    }
    let task = TaskId::parse(task).unwrap();
    replay(&Record::read(&task, &stored).unwrap())
}

/// Everything of a task is recorded as it is decided now, and all of it if it is completed.
pub(crate) async fn assert_replays(world: &World, task: &str) {
    let replay = replayed(world, task).await;
    let differences: Vec<&Replayed> = replay.differences().collect();
    assert!(differences.is_empty(), "{differences:#?}");
    assert!(replay.steps.len() > 2 * replay.units, "{:#?}", replay.steps);
    let last = replay.steps.last().unwrap();
    if last.text.contains("completed") {
        assert_eq!(replay.open(), 0, "{:#?}", replay.steps);
    }
}

/// A user of the world, who is signed in in a data folder too.
pub(crate) async fn signed_in(world: &World, folder: &std::path::Path) -> Client {
    let guest = world.client(Credential::Guest);
    let (client, token) = blocking(move || {
        let (_, token) = guest.account().create_anonymous_session().unwrap();
        (
            guest.with_credential(Credential::Session(token.clone())),
            token,
        )
    })
    .await;
    let kept = json!({"orchestrator": {"token": token.expose_secret()}});
    std::fs::write(folder.join("sessions.json"), kept.to_string()).unwrap();
    client
}

/// What `orchestrator replay` prints of a task, and whether it ends with success.
async fn program(
    world: &World,
    folder: &std::path::Path,
    task: &str,
    more: &str,
) -> (bool, String) {
    let mut command = Command::new(orchestrator());
    command
        .args(["replay", task, "--data"])
        .arg(folder)
        .args(more.split_whitespace())
        .env_clear()
        .env("APPWRITE_ENDPOINT", world.hosting.platform.endpoint())
        .env("APPWRITE_PROJECT_ID", "orchestrator")
        .current_dir(folder);
    let output = blocking(move || command.output().unwrap()).await;
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_run_with_rework_is_decided_again_by_its_owner() {
    let world = World::start().await;
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let owner = signed_in(&world, folder.path()).await;
    signed_in(&world, elsewhere.path()).await;
    let task = world.accept(&owner, &todo()).await;
    world.ended(&task).await;
    assert_replays(&world, &task).await;
    let replay = replayed(&world, &task).await;
    let (steps, units) = (replay.steps.len(), replay.units);

    let (success, text) = program(&world, folder.path(), &task, "").await;
    assert!(success, "{text}");
    let sum = format!("{steps} steps of {units} units re-decided: all the same");
    assert_eq!(text.lines().last(), Some(sum.as_str()), "{text}");
    assert!(text.contains("round 2\n"), "there was no rework: {text}");
    // More than one page of the journal was read.
    let entries = world.rows("journal", &task).await;
    assert!(entries.len() > 20, "{}", entries.len());
    let requests_of_models = world.model_calls().0;

    let (success, text) = program(&world, elsewhere.path(), &task, "").await;
    assert!(
        !success && text.contains("There is no such task, or it is not yours"),
        "{text}"
    );

    let (then, now) = ("ok bytes=", "ok  bytes=");
    let is_write = |row: &&Row| row.text("outcome").unwrap().contains(then);
    let turn = entries.iter().find(is_write).unwrap();
    let changed = turn.text("outcome").unwrap().replace(then, now);
    let (admin, id) = (world.admin(), turn.id.clone());
    let change = json!({"outcome": changed});
    blocking(move || {
        admin
            .table("orchestrator", "journal")
            .patch(&id, &change, None)
            .unwrap()
    })
    .await;
    let (success, text) = program(&world, folder.path(), &task, "--json").await;
    assert!(!success, "{text}");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let differ: Vec<&Value> = lines
        .iter()
        .filter(|line| line["verdict"] == "differs")
        .collect();
    assert_eq!(differ.len(), 1, "{differ:#?}");
    assert_eq!(differ[0]["key"].as_str(), turn.text("key"));
    assert!(differ[0]["recorded"].as_str().unwrap().contains(now));
    assert_eq!(lines.last().unwrap()["differences"], 1);
    assert_eq!(
        world.model_calls().0,
        requests_of_models,
        "a model was asked"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn only_the_owner_reads_the_journal_page_by_page() {
    let world = World::start().await;
    let (owner, stranger) = (world.user().await, world.user().await);
    let task = world.accept(&owner, &todo()).await;
    world.ended(&task).await;
    let path = format!("/{task}/journal");
    let (status, _) = world.get(&stranger, path.clone()).await;
    assert_eq!(status, 404);
    let (status, answer) = world.get(&owner, format!("{path}?after=nothing")).await;
    assert_eq!(
        (status, answer["error"]["code"].as_str()),
        (400, Some("unknown_cursor"))
    );

    let stored = world.rows("journal", &task).await;
    let (mut read, mut after) = (Vec::new(), String::new());
    loop {
        let (status, page) = world.get(&owner, format!("{path}{after}")).await;
        assert_eq!(status, 200, "{page}");
        let entries = page["entries"].as_array().unwrap().clone();
        assert!(entries.len() <= 20);
        read.extend(entries);
        match page["next"].as_str() {
            None => break,
            Some(next) => after = format!("?after={next}"),
        }
    }
    let all: Vec<&str> = stored.iter().map(|row| row.id.as_str()).collect();
    let ids: Vec<&str> = read
        .iter()
        .map(|entry| entry["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, all);
    assert_eq!(read[0]["outcome"].as_str(), stored[0].text("outcome"));
    world.stop().await;
}
