//! A platform with everything around it, in this process, and verbs to use it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use appwrite::{Client, Credential, Method, NewExecution, Query, Row, Settings};
use cli::args::PlatformArgs;
use cli::data::Data;
use cli::environment::Environment;
use cli::hosting::{Hosting, Plan};
use local::faults::Faults;
use serde_json::Value;
use tempfile::TempDir;

use crate::progress::assert_all_is_told;
use crate::replay::assert_replays;

/// Longest that a task may take, with crashes and lost events on the way.
const TASK_TIMEOUT: Duration = Duration::from_secs(90);
/// How long a person tries again where requests are lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(30);

pub(crate) struct World {
    pub(crate) hosting: Hosting,
    pub(crate) folder: Arc<TempDir>,
    _data: Data,
}

/// How a world differs from the ordinary.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) faults: Faults,
    pub(crate) model_faults: local::models::Faults,
    pub(crate) settings: Vec<(&'static str, &'static str)>,
    /// Seconds between sweeps; hardly ever by default, so that it can not interfere.
    pub(crate) sweep_every: Option<u64>,
    pub(crate) folder: Option<Arc<TempDir>>,
    /// What is served; the orchestrator, unless another plan is given.
    pub(crate) plan: Option<Plan>,
}

pub(crate) fn todo() -> Value {
    serde_json::from_str(include_str!("../../examples/todo.json")).unwrap()
}

pub(crate) fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        install_tls();
        let folder = setup
            .folder
            .unwrap_or_else(|| Arc::new(tempfile::tempdir().unwrap()));
        let data = Data::open(folder.path()).unwrap();
        let quick = [
            ("CLAIM_HEARTBEAT_SECONDS", "1"),
            ("CLAIM_LAPSE_SECONDS", "3"),
            ("CHECK_AFTER_SECONDS", "1"),
            // One user may stand for many.
            ("OWNER_OPEN_TASKS_MAX", "0"),
            ("OWNER_TASKS_A_MINUTE_MAX", "0"),
            ("OWNER_TASKS_A_DAY_MAX", "0"),
        ];
        let settings = quick
            .into_iter()
            .chain(setup.settings)
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = Environment::of(settings.collect());
        let args = PlatformArgs {
            data: folder.path().to_owned(),
            port: None,
            sync: Default::default(),
            slots: 8,
            sweep_every: setup.sweep_every.unwrap_or(80_000),
            faults: Vec::new(),
            fault_seed: None,
        };
        let hosting = Hosting::start_with(
            &args,
            &data,
            environment,
            setup.plan.unwrap_or_else(|| Plan::orchestrator().unwrap()),
            (setup.faults, setup.model_faults),
        )
        .await
        .unwrap();
        Self {
            hosting,
            folder,
            _data: data,
        }
    }

    pub(crate) fn client(&self, credential: Credential) -> Client {
        Client::new(Settings {
            endpoint: self.hosting.platform.endpoint().to_owned(),
            project: "orchestrator".to_owned(),
            credential,
            timeout: Duration::from_secs(35),
            retries_max: 2,
        })
        .unwrap()
    }

    /// Appwrite with the project's key.
    pub(crate) fn admin(&self) -> Client {
        self.client(Credential::Key(self.hosting.platform.key().clone()))
    }

    /// A new anonymous user.
    pub(crate) async fn user(&self) -> Client {
        let guest = self.client(Credential::Guest);
        let asking = guest.clone();
        // Whoever does not learn whether there is an account makes another one.
        let (_, token) = patiently(move || asking.account().create_anonymous_session()).await;
        guest.with_credential(Credential::Session(token))
    }

    /// Hands a brief to create-task. Returns the function's status and answer.
    pub(crate) async fn submit(&self, user: &Client, body: String) -> (u16, Value) {
        self.call(user, Method::Post, "/".to_owned(), body).await
    }

    /// Hands a command for a task to create-task, likewise.
    pub(crate) async fn command(&self, user: &Client, task: &str, body: Value) -> (u16, Value) {
        let path = format!("/{task}/commands");
        self.call(user, Method::Post, path, body.to_string()).await
    }

    /// Asks create-task for something, likewise.
    pub(crate) async fn get(&self, user: &Client, path: String) -> (u16, Value) {
        self.call(user, Method::Get, path, String::new()).await
    }

    /// Makes one call of create-task, likewise.
    pub(crate) async fn call(
        &self,
        user: &Client,
        method: Method,
        path: String,
        body: String,
    ) -> (u16, Value) {
        let user = user.clone();
        let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
        let new = NewExecution {
            body,
            path,
            is_async: false,
            method,
            headers,
            ..NewExecution::default()
        };
        let execution = patiently(move || user.executions().create("create-task", &new)).await;
        let answer = serde_json::from_str(&execution.response_body).unwrap_or(Value::Null);
        (execution.response_status_code, answer)
    }

    /// Submits a brief that is accepted, and returns the task's id.
    pub(crate) async fn accept(&self, user: &Client, brief: &Value) -> String {
        let (status, answer) = self.submit(user, brief.to_string()).await;
        assert_eq!(status, 201, "{answer}");
        answer["taskId"].as_str().unwrap().to_owned()
    }

    /// The task's row once the task has ended.
    pub(crate) async fn ended(&self, task: &str) -> Row {
        self.reached(task, &["completed", "failed"]).await
    }

    /// The task's row once it has one of these statuses.
    pub(crate) async fn reached(&self, task: &str, statuses: &[&str]) -> Row {
        let (admin, task) = (self.admin(), task.to_owned());
        let deadline = Instant::now() + TASK_TIMEOUT;
        loop {
            let (admin, id) = (admin.clone(), task.clone());
            let row = blocking(move || admin.table("orchestrator", "tasks").get(&id)).await;
            if let Ok(row) = row
                && statuses.contains(&row.text("status").unwrap())
            {
                return row;
            }
            if Instant::now() > deadline {
                let rows = self.rows("progress", &task).await;
                let lines: Vec<_> = rows
                    .iter()
                    .map(|row| row.text("text").unwrap_or_default().to_owned())
                    .collect();
                panic!("task {task} did not become {statuses:?}; its feed: {lines:#?}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Carries out a brief as a new user.
    pub(crate) async fn run(&self, brief: &Value) -> Row {
        let user = self.user().await;
        let task = self.accept(&user, brief).await;
        self.ended(&task).await
    }

    /// The rows of a table that belong to a task.
    pub(crate) async fn rows(&self, table: &'static str, task: &str) -> Vec<Row> {
        let (admin, task) = (self.admin(), task.to_owned());
        let by = if ["tasks", "briefs"].contains(&table) {
            "$id"
        } else {
            "taskId"
        };
        let look = move || {
            let table = admin.table("orchestrator", table);
            table.list_all(&[Query::equal(by, task.as_str())], 5_000)
        };
        patiently(look).await.rows
    }

    /// Model calls that were answered, and how many of them were repeats.
    pub(crate) fn model_calls(&self) -> (usize, usize) {
        let calls = self.hosting.models().unwrap().calls();
        let mut seen = BTreeMap::<String, usize>::new();
        for call in calls.iter().filter(|call| call.status == 200) {
            *seen.entry(call.fingerprint.clone()).or_default() += 1;
        }
        let answered: usize = seen.values().sum();
        (answered, answered - seen.len())
    }

    pub(crate) async fn stop(self) -> Arc<TempDir> {
        self.hosting.stop().await;
        self.folder
    }
}

/// Runs what blocks beside the platform that answers it.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// The answer to a request of the test's own, which faults that are meant for the functions
/// strike as well.
async fn patiently<T: Send + 'static>(
    ask: impl Fn() -> Result<T, appwrite::Error> + Send + Sync + 'static,
) -> T {
    let (ask, deadline) = (Arc::new(ask), Instant::now() + PATIENCE);
    loop {
        let asking = Arc::clone(&ask);
        match blocking(move || asking()).await {
            Ok(answer) => return answer,
            Err(error) => assert!(Instant::now() < deadline, "no answer: {error}"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The totals of a task's row.
pub(crate) fn totals(row: &Row) -> Value {
    serde_json::from_str(row.text("totals").unwrap()).unwrap()
}

/// Clones a repository with plain git. Returns its commits, newest first, and its files.
pub(crate) async fn clone(url: &str, into: &Path) -> (Vec<String>, Vec<String>) {
    let (url, into) = (url.to_owned(), into.to_owned());
    blocking(move || {
        let git = |arguments: &[&str]| {
            let output = Command::new("git")
                .args(arguments)
                .env("GIT_TERMINAL_PROMPT", "0")
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "git {arguments:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            String::from_utf8(output.stdout)
                .unwrap()
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let folder = into.to_str().unwrap();
        git(&["clone", "-q", &url, folder]);
        (
            git(&["-C", folder, "log", "--format=%H"]),
            git(&["-C", folder, "-c", "core.quotePath=false", "ls-files"]),
        )
    })
    .await
}

/// What must be the same however a task came to its end: one repository with one commit
/// on top of its first, one site with one deployment.
pub(crate) async fn assert_one_of_each(world: &World, row: &Row) {
    assert_eq!(
        row.text("status"),
        Some("completed"),
        "{:?}",
        row.text("failure")
    );
    let folder = tempfile::tempdir().unwrap();
    let clone_url = clone_url(world, row);
    let (commits, files) = clone(&clone_url, &folder.path().join("clone")).await;
    assert_eq!(commits.len(), 2);
    assert_eq!(commits[0], row.text("commitSha").unwrap());
    assert!(files.contains(&"index.html".to_owned()), "{files:?}");
    let (admin, task) = (world.admin(), row.id.clone());
    let deployments = blocking(move || admin.sites().list_deployments(&task, &[]).unwrap()).await;
    assert_eq!(deployments.total, 1);
    assert_eq!(repositories(&world.folder.path().join("github")), 1);
    assert_all_is_told(world, &row.id).await;
    assert_replays(world, &row.id).await;
}

/// Where the task's repository is cloned from now: after a restart somebody else may have the
/// port that the stand-in had.
fn clone_url(world: &World, row: &Row) -> String {
    let known = totals(row)["cloneUrl"].as_str().unwrap().to_owned();
    let Some(github) = world.hosting.github() else {
        return known;
    };
    let path = known.splitn(4, '/').last().unwrap();
    let base = github.base_url();
    let host: Vec<_> = base.splitn(4, '/').take(3).collect();
    format!("{}/{path}", host.join("/"))
}

/// How many bare repositories lie below `folder`.
pub(crate) fn repositories(folder: &Path) -> usize {
    fn walk(folder: &Path, found: &mut usize) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if path.extension().is_some_and(|end| end == "git") {
                    *found += 1
                } else {
                    walk(&path, found)
                }
            }
        }
    }
    let mut found = 0;
    walk(folder, &mut found);
    found
}
