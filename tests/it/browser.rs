//! The web page, a generated app and the console in headless Chromium: see `tests/browser`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use appwrite::Query;
use local::faults::Faults;
use secrecy::ExposeSecret as _;

use crate::commands::{heard, holding};
use crate::crashes::orchestrator;
use crate::gate::{Gate, awaited};
use crate::world::{Setup, World, blocking, todo};

/// How long a run in a browser may take.
const PATIENCE: Duration = Duration::from_secs(240);
/// How often a look is taken whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Runs a script of `tests/browser` on an address.
pub(crate) async fn browse(world: &World, script: &'static str, address: String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    let screenshots = screenshots(world);
    let key = world.hosting.platform.key().expose_secret().to_owned();
    let output = blocking(move || {
        Command::new("node")
            .env("PLATFORM_KEY", key)
            .arg(script)
            .arg(address)
            .arg(screenshots)
            .current_dir(folder)
            .output()
            .unwrap()
    })
    .await;
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    if !output.status.success() {
        panic!("{out}\n{err}\n{}", left_behind(world).await);
    }
}

/// How the tasks stand, who was at work on them, and what was told of them last.
async fn left_behind(world: &World) -> String {
    let columns = [
        ("tasks", ["$id", "status", "$updatedAt"]),
        ("claims", ["$id", "state", "$updatedAt"]),
        ("progress", ["taskId", "text", "$createdAt"]),
    ];
    let admin = world.admin();
    blocking(move || {
        let rows = columns.map(|(table, columns)| {
            let queries = [
                Query::order_desc("$updatedAt"),
                Query::limit(40),
                Query::select(&columns),
            ];
            let list = admin.table("orchestrator", table).list(&queries);
            format!("{table}: {:#?}", list.map(|list| list.rows))
        });
        rows.join("\n")
    })
    .await
}

/// Where a script puts its pictures.
fn screenshots(world: &World) -> PathBuf {
    world.folder.path().join("screenshots")
}

/// Where the platform serves our page.
fn page(world: &World) -> String {
    let endpoint = world.hosting.platform.endpoint();
    format!("{}/", endpoint.trim_end_matches("/v1"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_person_goes_from_the_form_to_the_finished_app() {
    let world = World::start().await;
    browse(&world, "form-to-link.mjs", page(&world)).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_guest_becomes_an_account_and_keeps_the_projects() {
    let world = World::start().await;
    browse(&world, "shell.mjs", page(&world)).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_owner_watches_and_steers_a_project_through_a_cut_network() {
    // Agents wait until their first task is paused: they would be done before a person could.
    let (world, barrier) = holding().await;
    let goes_on = async {
        let paused = loop {
            let admin = world.admin();
            let tasks = blocking(move || {
                let queries = [Query::equal("status", "paused")];
                admin.table("orchestrator", "tasks").list(&queries).unwrap()
            });
            if let Some(row) = tasks.await.rows.first() {
                break row.id.clone();
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        heard(&world, &paused).await;
        barrier.open();
    };
    tokio::select! {
        () = browse(&world, "board.mjs", page(&world)) => {}
        never = async { goes_on.await; std::future::pending::<()>().await } => never,
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_stage_comes_back_after_a_reload() {
    let mut faults = Faults::default();
    let stages = [
        ("planning", "plan"),
        ("coding", "run-agent"),
        ("reviewing", "review"),
        ("publishing", "publish"),
        ("deploying", "deploy"),
    ];
    // Nobody records anything before the page was seen in the stage.
    let gates = stages.map(|(stage, function)| {
        let gate = Gate::before(&mut faults, move |asked| {
            asked.method == "POST"
                && asked.function == Some(function)
                && asked.path.ends_with("/tables/journal/rows")
        });
        (format!("seen-{stage}"), gate)
    });
    let world = World::with(Setup {
        faults,
        settings: vec![("ANTHROPIC_MODEL", "scripted-flawless")],
        ..Setup::default()
    })
    .await;
    let folder = screenshots(&world);
    let opens = async {
        for (mark, gate) in &gates {
            let mark = folder.join(mark);
            awaited("a stage that was seen", async || {
                mark.exists().then_some(())
            })
            .await;
            gate.open();
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = browse(&world, "stages.mjs", page(&world)) => {}
        () = opens => {}
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_people_use_one_app_and_each_sees_only_their_own() {
    let world = World::start().await;
    let row = world.run(&todo()).await;
    let site = row.text("siteUrl").unwrap().to_owned();
    browse(&world, "two-people.mjs", site).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_person_sees_in_the_console_what_went_on() {
    let world = World::start().await;
    world.run(&todo()).await;
    let link = world.hosting.platform.console_link();
    browse(&world, "console.mjs", link.expose_secret().to_owned()).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_person_looks_at_the_result_and_goes_back_to_an_earlier_one() {
    let world = World::start().await;
    browse(&world, "result.mjs", page(&world)).await;
    world.stop().await;
}

/// Runs the sample with `--open`, where `BROWSER` is `script` of `tests/browser`. Returns what
/// the program printed and what the browser did, with how it ended.
fn opened_in(folder: &Path, script: &str) -> (String, String) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (browser, ended) = (folder.join("browser"), folder.join("ended"));
    let line = format!(
        "#!/bin/sh\ncd '{}'\nnode {script} \"$1\" '{}' >'{}' 2>&1\necho \"ends with $?\" >>'{2}'\nmv '{2}' '{}'\n",
        tests.join("browser").display(),
        folder.join("pictures").display(),
        folder.join("doing").display(),
        ended.display(),
    );
    std::fs::write(&browser, line).unwrap();
    std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o700)).unwrap();
    let printed = std::fs::File::create(folder.join("printed")).unwrap();
    let mut program = Command::new(orchestrator())
        .arg("run")
        .arg(tests.parent().unwrap().join("examples/todo.json"))
        .args(["--open", "--keep", "--data"])
        .arg(folder.join("data"))
        .current_dir(folder)
        .env("BROWSER", &browser)
        .stdin(Stdio::null())
        .stdout(printed)
        .spawn()
        .unwrap();
    let until = Instant::now() + PATIENCE;
    while !ended.exists() && Instant::now() < until {
        std::thread::park_timeout(LOOK_EVERY);
    }
    program.kill().unwrap();
    program.wait().unwrap();
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    (read(&folder.join("printed")), read(&ended))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_run_is_shown_in_the_browser_as_who_runs_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let (printed, ended) = blocking(move || opened_in(&path, "opened.mjs")).await;
    assert!(ended.ends_with("ends with 0\n"), "{ended}\n{printed}");
    assert!(printed.contains("/#/task/t"), "{printed}");
    assert!(!printed.contains("/#/enter/"), "{printed}");
}
