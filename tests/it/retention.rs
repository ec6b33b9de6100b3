//! What is removed of tasks that ended long ago, on the whole system. Days do not pass here: what
//! was recorded is made older.

use std::sync::Arc;

use appwrite::{Credential, Method, NewExecution, Row};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::backup::{TABLES, wake_all};
use crate::replay::assert_replays;
use crate::world::{Setup, World, blocking, todo};

const DAY_MS: i64 = 24 * 3_600 * 1_000;

async fn world(settings: &[(&'static str, &'static str)], folder: Option<Arc<TempDir>>) -> World {
    World::with(Setup {
        settings: settings.to_vec(),
        folder,
        ..Setup::default()
    })
    .await
}

/// A user who is the same after the platform was started again.
async fn session(world: &World) -> Credential {
    let guest = world.client(Credential::Guest);
    blocking(move || {
        let (_, token) = guest.account().create_anonymous_session().unwrap();
        Credential::Session(token)
    })
    .await
}

/// One run of the sweep. Returns how many rows it removed.
async fn sweep(world: &World) -> u64 {
    let admin = world.admin();
    let new = NewExecution {
        is_async: false,
        method: Method::Post,
        body: "{}".to_owned(),
        ..NewExecution::default()
    };
    let run = blocking(move || admin.executions().create("sweep", &new).unwrap()).await;
    let swept: Value = serde_json::from_str(&run.response_body).unwrap();
    assert_eq!(swept["troubled"], 0, "{swept}");
    assert_eq!(swept["created"], 0, "{swept}");
    assert_eq!(swept["started"], 0, "{swept}");
    swept["removed"].as_u64().unwrap()
}

fn earlier(time: &str, days: f64) -> String {
    let time: jiff::Timestamp = time.parse().unwrap();
    #[expect(clippy::cast_possible_truncation, reason = "a few days")]
    let ms = time.as_millisecond() - (days * DAY_MS as f64) as i64;
    let time = jiff::Timestamp::from_millisecond(ms).unwrap();
    shell::clock::appwrite_time(time)
}

async fn patch(world: &World, table: &'static str, id: &str, data: Value) {
    let (admin, id) = (world.admin(), id.to_owned());
    blocking(move || {
        admin
            .table("orchestrator", table)
            .patch(&id, &data, None)
            .unwrap()
    })
    .await;
}

/// Makes a task older, and due if it was looked at before.
async fn age(world: &World, task: &str, days: f64) {
    for entry in world.rows("journal", task).await {
        let created = json!({"$createdAt": earlier(&entry.created_at, days)});
        patch(world, "journal", &entry.id, created).await;
    }
    let row = shown(world, task).await;
    let mut data = json!({"$updatedAt": earlier(&row.updated_at, days)});
    if let Some(next) = row.text("nextCheckAt") {
        data["nextCheckAt"] = json!(earlier(next, days));
    }
    patch(world, "tasks", task, data).await;
}

async fn shown(world: &World, task: &str) -> Row {
    world.rows("tasks", task).await.remove(0)
}

async fn counts(world: &World, task: &str) -> Vec<(&'static str, usize)> {
    let mut counts = Vec::new();
    for table in TABLES.into_iter().chain(["claims"]) {
        counts.push((table, world.rows(table, task).await.len()));
    }
    counts
}

async fn entries(world: &World, task: &str) -> usize {
    let rows = world.rows("journal", task).await;
    let is_entry = |row: &&Row| row.text("kind") == Some("effect");
    rows.iter().filter(is_entry).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_not_to_be_kept_goes_step_by_step_and_the_rest_works() {
    let first = world(
        &[
            ("RETENTION_DAYS_PROGRESS", "1"),
            ("RETENTION_DAYS_JOURNAL", "2"),
        ],
        None,
    )
    .await;
    let session = session(&first).await;
    let user = first.client(session.clone());
    let task = first.accept(&user, &todo()).await;
    let ended = first.ended(&task).await;
    let before = counts(&first, &task).await;
    // The first look gives the task its time, and changes nothing that its owner sees.
    assert_eq!(sweep(&first).await, 0);
    let looked_at = shown(&first, &task).await;
    assert_eq!(looked_at.updated_at, ended.updated_at);
    let next = earlier(looked_at.text("nextCheckAt").unwrap(), 1.0);
    assert_eq!(next[..19], ended.updated_at[..19]);
    assert_eq!(sweep(&first).await, 0);
    assert_eq!(counts(&first, &task).await, before);

    age(&first, &task, 1.5).await;
    let lines = first.rows("progress", &task).await.len();
    assert_eq!(sweep(&first).await, lines as u64);
    assert_eq!(first.rows("progress", &task).await.len(), 0);
    assert_replays(&first, &task).await;
    assert_eq!(sweep(&first).await, 0);

    age(&first, &task, 1.0).await;
    let recorded = entries(&first, &task).await;
    assert_eq!(sweep(&first).await, recorded as u64);
    assert_eq!(entries(&first, &task).await, 0);
    // Nobody does again what has a result, and its owner can go on.
    let calls = first.model_calls();
    wake_all(&first, &task).await;
    assert_eq!(first.model_calls(), calls);
    let ask = json!({"command": "follow_up", "description": "Find things again.", "requirements": ["Search"]});
    assert_eq!(first.command(&user, &task, ask.clone()).await.0, 200);
    assert_eq!(first.ended(&task).await.text("status"), Some("completed"));
    let folder = first.stop().await;

    let second = world(
        &[("RETENTION_DAYS_FILES", "3"), ("RETENTION_DAYS_TASKS", "4")],
        Some(folder),
    )
    .await;
    let user = second.client(session);
    assert_eq!(sweep(&second).await, 0);
    age(&second, &task, 3.5).await;
    let files = second.rows("files", &task).await.len();
    // It is closed first: a command that is under way must not be left without files.
    assert_eq!(sweep(&second).await, 0);
    let (status, refused) = second.command(&user, &task, ask).await;
    assert_eq!(
        (status, refused["error"]["code"].as_str()),
        (409, Some("closed"))
    );
    assert_eq!(sweep(&second).await, 0);
    assert_eq!(second.rows("files", &task).await.len(), files);
    // More than the time that a command may take.
    age(&second, &task, 0.1).await;
    assert_eq!(sweep(&second).await, files as u64);
    let (status, answer) = second.get(&user, format!("/{task}")).await;
    assert_eq!(
        (status, answer["status"].as_str()),
        (200, Some("completed"))
    );

    age(&second, &task, 1.0).await;
    let left: usize = counts(&second, &task).await.iter().map(|it| it.1).sum();
    assert_eq!(sweep(&second).await, left as u64);
    let left: usize = counts(&second, &task).await.iter().map(|it| it.1).sum();
    assert_eq!(left, 0);
    assert_eq!(second.get(&user, format!("/{task}")).await.0, 404);
    assert_eq!(sweep(&second).await, 0);
    assert_eq!(second.model_calls(), (0, 0));
    second.stop().await;
}
