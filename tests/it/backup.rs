//! Exports and imports on the whole system: the restore drill of the README, and a task that is
//! half way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use appwrite::{Method, NewExecution, Row};
use cli::hosting::Plan;
use local::github::{Account, GitHub, GitHubConfig};
use pipeline::UnitKind;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::commands::{at_work, holding};
use crate::gate::awaited;
use crate::program::{TODO, Typist};
use crate::progress::assert_all_is_told;
use crate::replay::assert_replays;
use crate::world::{Setup, World, assert_one_of_each, blocking, clone, install_tls, todo, totals};

/// Every table of a task but for its claims.
pub(crate) const TABLES: [&str; 12] = [
    "tasks",
    "briefs",
    "journal",
    "ledger",
    "gates",
    "files",
    "progress",
    "plans",
    "assignments",
    "reviews",
    "releases",
    "deployments",
];

/// A token of the stand-in GitHub that outlives the platforms.
const TOKEN: &str = "a-token-of-the-drill";

/// GitHub is no part of what is destroyed.
async fn github(folder: &Path) -> GitHub {
    install_tls();
    let account = Account {
        login: "demo".to_owned(),
        token: SecretString::from(TOKEN),
        scopes: ["repo", "workflow"].map(str::to_owned).to_vec(),
        organizations: Vec::new(),
    };
    let config = GitHubConfig {
        data_dir: folder.join("github"),
        bind: ([127, 0, 0, 1], 0).into(),
        accounts: vec![account],
        access: Default::default(),
        open_clone: true,
        faults: Default::default(),
    };
    GitHub::start(config).await.unwrap()
}

async fn world(github: &GitHub) -> World {
    // Settings live as long as the process.
    let address: &'static str = github.base_url().to_owned().leak();
    World::with(Setup {
        settings: vec![("GITHUB_TOKEN", TOKEN), ("GITHUB_BASE_URL", address)],
        ..Setup::default()
    })
    .await
}

/// All rows of a task without what a platform numbers, and without whose they are.
async fn rows(world: &World, task: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for table in TABLES {
        for (place, mut row) in world.rows(table, task).await.into_iter().enumerate() {
            row.data.insert("owner".to_owned(), Value::Null);
            let shown = json!({"place": place, "data": row.data, "createdAt": row.created_at,
                "updatedAt": row.updated_at, "readers": row.permissions.len()});
            found.insert(format!("{table}/{}", row.id), shown);
        }
    }
    found
}

/// Executions of any function, but for those of create-task, which answer questions.
fn executions(world: &World) -> u64 {
    let counts = world.hosting.platform.counts();
    let of_chain = |kind: &str| kind.starts_with("executions:") && !kind.contains("create-task");
    let counted = counts.iter().filter(|(kind, _)| of_chain(kind));
    counted.map(|(_, count)| count).sum()
}

/// Starts the function of every unit of a task, as an event that came late would. The claim of
/// one that has just ended is held until it lapses.
pub(crate) async fn wake_all(world: &World, task: &str) {
    for table in UnitKind::TABLES {
        let function = match table {
            "plans" => "plan",
            "assignments" => "run-agent",
            "reviews" => "review",
            "releases" => "publish",
            _ => "deploy",
        };
        for row in world.rows(table, task).await {
            let (admin, body) = (world.admin(), json!({"rowId": row.id}).to_string());
            let new = NewExecution {
                body,
                method: Method::Post,
                is_async: false,
                ..NewExecution::default()
            };
            let answer = awaited("a claim that lapses", async || {
                let (admin, new) = (admin.clone(), new.clone());
                let run = move || admin.executions().create(function, &new).unwrap();
                let answer = blocking(run).await.response_body;
                (answer != r#"{"unit":"held"}"#).then_some(answer)
            });
            assert_eq!(answer.await, r#"{"unit":"done"}"#, "{table}");
        }
    }
}

async fn exported(typist: &Typist, folder: &Path) -> (PathBuf, Value) {
    let file = folder.join("tasks.jsonl.gz");
    let said = typist.done(&["export", file.to_str().unwrap()]).await;
    let mode = std::fs::metadata(&file).unwrap().permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o600
    );
    (file, said.one("exported"))
}

fn same(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) {
    let keys = |rows: &BTreeMap<String, Value>| rows.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(before), keys(after));
    for (key, row) in before {
        assert_eq!(row, &after[key], "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_completed_task_is_restored_on_a_new_platform_and_nobody_is_asked() {
    let elsewhere = tempfile::tempdir().unwrap();
    let github = github(elsewhere.path()).await;
    let first = world(&github).await;
    let typist = Typist::on(first.folder.path());
    let summary = typist.done(&["new", TODO, "--watch"]).await.one("summary");
    let task = summary["taskId"].as_str().unwrap().to_owned();
    let before = rows(&first, &task).await;
    let (file, manifest) = exported(&typist, elsewhere.path()).await;
    assert_eq!(manifest["tasks"], 1);
    let counted = manifest["rows"].as_object().unwrap().values();
    let counted: u64 = counted.map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(counted, before.len() as u64);
    let folder = first.stop().await;
    std::fs::remove_dir_all(folder.path()).unwrap();

    let second = world(&github).await;
    let typist = Typist::on(second.folder.path());
    let requests = github.request_count();
    let path = file.to_str().unwrap();
    let imported = typist.done(&["import", path, "--mine"]).await;
    let imported = imported.one("imported");
    assert_eq!(
        (&imported["tasks"], &imported["created"], &imported["same"]),
        (&json!(1), &json!(counted), &json!(0))
    );
    same(&before, &rows(&second, &task).await);
    let again = typist.done(&["import", path, "--mine"]).await;
    let again = again.one("imported");
    assert_eq!(
        (&again["created"], &again["same"]),
        (&json!(0), &json!(counted))
    );
    assert_eq!(executions(&second), 0, "the import started a function");

    wake_all(&second, &task).await;
    same(&before, &rows(&second, &task).await);
    assert_eq!(second.model_calls(), (0, 0));
    assert_eq!(github.request_count(), requests);
    everything_works(&second, &typist, &task).await;
    assert_eq!(second.model_calls(), (0, 0));
    assert_eq!(github.request_count(), requests);

    let more = [
        "follow-up",
        "last",
        "Find things again.",
        "--requirement",
        "Search",
        "--watch",
    ];
    let summary = typist.done(&more).await.one("summary");
    assert_eq!(summary["status"], "completed");
    let row = second.ended(&task).await;
    let url = totals(&row)["cloneUrl"].as_str().unwrap().to_owned();
    let (commits, _) = clone(&url, &elsewhere.path().join("clone")).await;
    assert_eq!(commits.len(), 3);
    assert_replays(&second, &task).await;

    // The task went on: it is not mixed with what it was.
    let after = rows(&second, &task).await;
    let refused = typist.json(&["import", path, "--mine"]).await;
    assert_eq!(refused.error(), (1, "row_differs".to_owned()));
    assert!(refused.err.contains(&task), "{}", refused.err);
    same(&after, &rows(&second, &task).await);
    let replaced = ["import", path, "--mine", "--overwrite"];
    assert_eq!(typist.done(&replaced).await.one("imported")["replaced"], 1);
    same(&before, &rows(&second, &task).await);
    assert_replays(&second, &task).await;
    second.stop().await;
    github.shutdown().await;
}

/// What an owner does with a task that is completed.
async fn everything_works(world: &World, typist: &Typist, task: &str) {
    assert_eq!(typist.done(&["list"]).await.one("task")["id"], task);
    let shown = typist.done(&["show", "last"]).await.one("task");
    assert_eq!(shown["status"], "completed");
    let page = typist.plain(&["files", "last", "index.html"]).await.out;
    assert!(page.starts_with("<!doctype html>"), "{page}");
    let replayed = typist.done(&["replay", "last"]).await.one("sum");
    assert_eq!(replayed["differences"], 0);
    assert!(!typist.done(&["logs", "last"]).await.out.is_empty());
    assert_replays(world, task).await;
    assert_all_is_told(world, task).await;
}

/// Answers of models in a journal.
fn answers(journal: &[Row]) -> usize {
    let is_answer = |row: &&Row| {
        let outcome: Value = serde_json::from_str(row.text("outcome").unwrap()).unwrap();
        row.text("kind") == Some("effect")
            && (outcome.get("reply").is_some() || outcome.get("turn").is_some())
    };
    journal.iter().filter(is_answer).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_task_that_is_half_way_goes_on_where_it_is_imported() {
    let elsewhere = tempfile::tempdir().unwrap();
    let (first, barrier) = holding().await;
    let typist = Typist::on(first.folder.path());
    let task = typist.done(&["new", TODO]).await.one("accepted")["taskId"].clone();
    let task = task.as_str().unwrap().to_owned();
    at_work(&first, &task).await;
    let journal = first.rows("journal", &task).await;
    let (file, _) = exported(&typist, elsewhere.path()).await;
    assert_eq!(first.rows("journal", &task).await.len(), journal.len());
    barrier.open();
    let folder = first.stop().await;
    std::fs::remove_dir_all(folder.path()).unwrap();

    let second = World::with(Setup {
        sweep_every: Some(1),
        ..Setup::default()
    })
    .await;
    let typist = Typist::on(second.folder.path());
    let words = ["import", file.to_str().unwrap(), "--mine", "--task", &task];
    assert_eq!(typist.done(&words).await.one("imported")["tasks"], 1);
    let row = second.ended(&task).await;
    assert_one_of_each(&second, &row).await;
    let (calls, repeats) = second.model_calls();
    let recorded = answers(&second.rows("journal", &task).await);
    assert_eq!(repeats, 0);
    assert_eq!(
        calls + answers(&journal),
        recorded,
        "an answer that was recorded was asked for again"
    );
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_import_says_what_keeps_it_from_beginning() {
    let elsewhere = tempfile::tempdir().unwrap();
    let world = World::start().await;
    let typist = Typist::on(world.folder.path());
    let user = world.user().await;
    // It waits, so nothing changes meanwhile.
    let mut brief = todo();
    brief["options"] = json!({"approval": "plan"});
    let task = world.accept(&user, &brief).await;
    world.reached(&task, &["awaiting_approval"]).await;
    let (file, _) = exported(&typist, elsewhere.path()).await;
    let path = file.to_str().unwrap();

    let bytes = std::fs::read(&file).unwrap();
    let cut = elsewhere.path().join("cut");
    std::fs::write(&cut, &bytes[..bytes.len() - 30]).unwrap();
    let damaged = typist.json(&["import", cut.to_str().unwrap()]).await;
    assert_eq!(damaged.error(), (1, "export_damaged".to_owned()));
    let other = typist.json(&["import", TODO]).await;
    assert_eq!(other.error(), (1, "no_export".to_owned()));
    let missing = typist.json(&["import", path, "--task", "t1"]).await;
    assert_eq!(missing.error(), (1, "task_not_found".to_owned()));
    let none = elsewhere.path().join("none");
    let words = ["export", none.to_str().unwrap(), "--task", "t1"];
    let unknown = typist.json(&words).await;
    assert_eq!(unknown.error(), (1, "task_not_found".to_owned()));
    let left: Vec<_> = std::fs::read_dir(elsewhere.path()).unwrap().collect();
    assert_eq!(
        left.len(),
        2,
        "an export that failed leaves no file: {left:?}"
    );

    // A project without the tables, behind a key as an operator has it.
    let bare = World::with(Setup {
        plan: Some(Plan {
            config: None,
            ..Plan::orchestrator().unwrap()
        }),
        ..Setup::default()
    })
    .await;
    let mut operator = Typist::on(&elsewhere.path().join("operator"));
    operator.settings = vec![
        (
            "APPWRITE_ENDPOINT",
            bare.hosting.platform.endpoint().to_owned().leak(),
        ),
        ("APPWRITE_PROJECT_ID", "orchestrator"),
    ];
    let no_key = operator.json(&["import", path]).await;
    assert!(
        no_key.err.contains("set APPWRITE_DEV_KEY"),
        "{}",
        no_key.err
    );
    let key = bare.hosting.platform.key().expose_secret().to_owned();
    operator.settings.push(("APPWRITE_API_KEY", key.leak()));
    let no_tables = operator.json(&["import", path]).await;
    assert_eq!(no_tables.error(), (1, "tables_missing".to_owned()));
    assert!(
        no_tables.err.contains("Run scripts/push"),
        "{}",
        no_tables.err
    );
    bare.stop().await;
    world.stop().await;
}
