//! `kill -9` before and after each kind of effect is recorded: of the function's process,
//! and of the whole platform.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use appwrite::Row;
use local::faults::Faults;
use local::github::{Account, GitHub, GitHubConfig};
use local::models::{Models, ModelsConfig};
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::world::{Setup, World, assert_one_of_each, blocking, clone, install_tls, todo};

/// Tables and keys whose rows are created on the way, with what each stands for.
pub(crate) const PLACES: &[(&str, &str)] = &[
    ("claims", ""),
    ("journal", "p0"),
    ("files", ""),
    ("journal", "t0"),
    ("journal", "t1"),
    ("assignments", ""),
    ("reviews", ""),
    ("journal", "judge."),
    ("releases", ""),
    ("journal", "repo0"),
    ("journal", "commit"),
    ("deployments", ""),
    ("journal", "upload"),
    ("journal", "activate"),
    ("journal", "done"),
    ("progress", ""),
];

/// The same before the task has a unit: what create-task makes.
const FIRST_PLACES: &[(&str, &str)] = &[("briefs", ""), ("tasks", ""), ("plans", "")];

/// Worlds that run at the same time.
const WORLDS_MAX: usize = 3;

async fn killed_function(fault: String) {
    let world = World::with(Setup {
        faults: Faults::parse(&[&fault], 0).unwrap(),
        sweep_every: Some(1),
        ..Setup::default()
    })
    .await;
    let row = world.run(&todo()).await;
    assert_one_of_each(&world, &row).await;
    if fault.contains("key=t1") {
        let lines = world.rows("progress", &row.id).await;
        let again = |line: &Row| line.text("text").unwrap().contains("started again");
        assert!(lines.iter().any(again), "{fault}: nobody tells of it");
    }
    // The calls in flight when the process died are the only ones ever repeated: one for
    // each agent it served, one for each judgement.
    let (_, repeats) = world.model_calls();
    assert!(repeats <= 4, "{fault} repeated {repeats} model calls");
    if fault.contains("at=after") && !["t0", "t1", "judge."].iter().any(|key| fault.contains(key)) {
        assert!(repeats <= 3, "{fault} repeated {repeats} model calls");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_function_is_made_up_for() {
    let places = Arc::new(Semaphore::new(WORLDS_MAX));
    let mut runs = tokio::task::JoinSet::new();
    for (table, key) in PLACES {
        for phase in ["before", "after"] {
            let (places, fault) = (
                Arc::clone(&places),
                format!("kill-function,at={phase},table={table},key={key},nth=1"),
            );
            runs.spawn(async move {
                let _place = places.acquire().await.unwrap();
                killed_function(fault).await;
            });
        }
    }
    for result in runs.join_all().await {
        let () = result;
    }
}

/// The program beside this test.
pub(crate) fn orchestrator() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own
        .ancestors()
        .skip(1)
        .find(|folder| folder.join("orchestrator").is_file());
    folder
        .expect("build the whole workspace first")
        .join("orchestrator")
}

/// Services that outlive the platform, so that what was asked of them can be counted.
struct Services {
    models: Models,
    github: GitHub,
    folder: tempfile::TempDir,
}

impl Services {
    async fn start() -> Self {
        install_tls();
        let folder = tempfile::tempdir().unwrap();
        let key = || SecretString::from("a-key-of-the-crash-tests");
        let models = Models::start(ModelsConfig {
            bind: ([127, 0, 0, 1], 0).into(),
            key: key(),
            faults: Default::default(),
        })
        .await
        .unwrap();
        let account = Account {
            login: "demo".to_owned(),
            token: key(),
            scopes: ["repo", "workflow"].map(str::to_owned).to_vec(),
            organizations: Vec::new(),
        };
        let config = GitHubConfig {
            data_dir: folder.path().join("github"),
            bind: ([127, 0, 0, 1], 0).into(),
            accounts: vec![account],
            access: Default::default(),
            open_clone: true,
            faults: Default::default(),
        };
        Self {
            models,
            github: GitHub::start(config).await.unwrap(),
            folder,
        }
    }

    /// `orchestrator run` on the sample, with these services.
    async fn run(&self, fault: Option<&str>) -> Output {
        let mut command = Command::new(orchestrator());
        let data = self.folder.path().join("data");
        command
            .args([
                "run",
                "examples/todo.json",
                "--json",
                "--sweep-every",
                "1",
                "--data",
            ])
            .arg(&data);
        command.args(fault.into_iter().flat_map(|fault| ["--faults", fault]));
        command
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
            .env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        for (name, value) in [
            ("GROK_API_KEY", "a-key-of-the-crash-tests".to_owned()),
            ("GROK_BASE_URL", self.models.xai_base_url()),
            ("GROK_MODEL", "scripted".to_owned()),
            ("ANTHROPIC_API_KEY", "a-key-of-the-crash-tests".to_owned()),
            ("ANTHROPIC_BASE_URL", self.models.anthropic_base_url()),
            ("ANTHROPIC_MODEL", "scripted".to_owned()),
            ("GITHUB_TOKEN", "a-key-of-the-crash-tests".to_owned()),
            ("GITHUB_BASE_URL", self.github.base_url().to_owned()),
            ("CHECK_AFTER_SECONDS", "1".to_owned()),
            ("CLAIM_LAPSE_SECONDS", "3".to_owned()),
        ] {
            command.env(name, value);
        }
        blocking(move || command.output().unwrap()).await
    }
}

async fn killed_platform(fault: String) {
    let services = Services::start().await;
    let first = services.run(Some(&fault)).await;
    assert_eq!(
        first.status.code(),
        None,
        "{fault}: it was not killed: {}",
        String::from_utf8_lossy(&first.stdout)
    );
    let second = services.run(None).await;
    let text = String::from_utf8_lossy(&second.stdout).into_owned();
    assert!(
        second.status.success(),
        "{fault}: {text}\n{}",
        String::from_utf8_lossy(&second.stderr)
    );
    let summary: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(summary["status"], "completed", "{fault}");
    let (commits, _) = clone(
        summary["repositoryUrl"].as_str().unwrap(),
        &services.folder.path().join("clone"),
    )
    .await;
    assert_eq!(
        (commits.len(), commits[0].as_str()),
        (2, summary["commitSha"].as_str().unwrap()),
        "{fault}"
    );
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for call in services
        .models
        .calls()
        .iter()
        .filter(|call| call.status == 200)
    {
        *seen.entry(call.fingerprint.clone()).or_default() += 1;
    }
    let repeats: usize = seen.values().map(|count| count - 1).sum();
    assert!(repeats <= 4, "{fault} repeated {repeats} model calls");
    services.models.shutdown().await;
    services.github.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_platform_goes_on_where_it_stopped() {
    let places = Arc::new(Semaphore::new(WORLDS_MAX));
    let mut runs = tokio::task::JoinSet::new();
    for (table, key) in FIRST_PLACES.iter().chain(PLACES) {
        for phase in ["before", "after"] {
            let (places, fault) = (
                Arc::clone(&places),
                format!("kill-platform,at={phase},table={table},key={key},nth=1"),
            );
            runs.spawn(async move {
                let _place = places.acquire().await.unwrap();
                killed_platform(fault).await;
            });
        }
    }
    runs.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_program_prints_a_summary_that_programs_read() {
    let services = Services::start().await;
    let output = services.run(None).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let summary = lines.last().unwrap();
    for field in [
        "taskId",
        "status",
        "repositoryUrl",
        "siteUrl",
        "commitSha",
        "counts",
        "usage",
        "durationMs",
        "failure",
    ] {
        assert!(summary.get(field).is_some(), "{field}: {summary}");
    }
    assert_eq!(summary["counts"]["githubRequests"], 5);
    assert!(lines.iter().any(|line| line["type"] == "progress"));
    assert!(
        !text.contains("a-key-of-the-crash-tests"),
        "a secret is printed"
    );
}
