//! The whole chain with six of the functions on AWS Lambda, as `cargo lambda` plays it: its
//! Runtime API, its function URLs and its `Invoke`. Appwrite has `create-task` alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cli::environment::Environment;
use cli::hosting::{Plan, STAND_IN_TOKEN, Services, point_at};
use ring::hmac;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::push::{http, root};
use crate::world::{Setup, World, assert_one_of_each, blocking, todo};

/// What all names of the functions begin with.
const PREFIX: &str = "chain-";
/// The functions on Lambda, with the tables whose webhooks start them.
const FUNCTIONS: [(&str, Option<&str>); 6] = [
    ("plan", Some("plans")),
    ("run-agent", Some("assignments")),
    ("review", Some("reviews")),
    ("publish", Some("releases")),
    ("deploy", Some("deployments")),
    ("sweep", None),
];
/// Processes of one function: what Lambda runs at the same time.
const PROCESSES: usize = 3;
const ROLE_SECRET: &str = "secret-of-the-role";
/// How often the tables are looked at for rows that are new.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often the schedule comes; on Lambda it is a minute.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_secs(30);

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `cargo lambda`, which takes the functions of a package for those that there are.
struct Emulator {
    url: String,
    _process: Process,
}

impl Emulator {
    async fn start(folder: &Path) -> Self {
        let bins = FUNCTIONS
            .map(|(name, _)| format!("[[bin]]\nname = \"{PREFIX}{name}\"\npath = \"main.rs\"\n"));
        // A workspace of its own, whatever lies in the folders above.
        let package =
            "[workspace]\n[package]\nname = \"chain\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
        fs::write(folder.join("main.rs"), "fn main() {}\n").unwrap();
        fs::write(
            folder.join("Cargo.toml"),
            package.to_owned() + &bins.concat(),
        )
        .unwrap();
        let port = free_port();
        let log = File::create(folder.join("emulator.log")).unwrap();
        let child = Command::new(root().join("tests/lambda/.venv/bin/cargo-lambda"))
            .args(["lambda", "watch", "--only-lambda-apis"])
            .args(["--invoke-address", "127.0.0.1", "--invoke-port"])
            .arg(port.to_string())
            .current_dir(folder)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("scripts/test installs cargo-lambda");
        let process = Process(child);
        let deadline = Instant::now() + SOON;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            let log = || fs::read_to_string(folder.join("emulator.log")).unwrap();
            assert!(Instant::now() < deadline, "{}", log());
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Self {
            url: format!("http://127.0.0.1:{port}"),
            _process: process,
        }
    }
}

/// `Invoke` as Lambda answers it: at once, where nobody waits for the end. The emulator would
/// answer at the end.
async fn invoke_api(emulator: &Emulator, invoked: Arc<AtomicUsize>) -> (String, JoinSet<()>) {
    let state = (emulator.url.clone(), invoked);
    let app = Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .with_state(state);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, server)
}

async fn invoke(
    State((emulator, invoked)): State<(String, Arc<AtomicUsize>)>,
    UrlPath(name): UrlPath<String>,
    headers: HeaderMap,
    body: String,
) -> StatusCode {
    assert_eq!(headers["x-amz-invocation-type"], "Event");
    let authorization = headers["authorization"].to_str().unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
    invoked.fetch_add(1, Ordering::Relaxed);
    tokio::spawn(async move { invoke_now(&emulator, &name, body).await });
    StatusCode::ACCEPTED
}

async fn invoke_now(emulator: &str, name: &str, payload: String) {
    let url = format!("{emulator}/2015-03-31/functions/{name}/invocations");
    let client = reqwest::Client::builder().build().unwrap();
    // Whoever is not answered before the test ends is not needed.
    let _ = client.post(url).body(payload).send().await;
}

/// The executables, with what the template gives them.
fn functions(world: &World, emulator: &Emulator, invoke_url: &str, folder: &Path) -> Vec<Process> {
    let platform = &world.hosting.platform;
    let mut environment = Environment::of(BTreeMap::new());
    let services = Services {
        grok: false,
        claude: false,
        github: false,
    };
    point_at(&mut environment, world.hosting.models().unwrap(), services);
    environment.set("GITHUB_TOKEN", STAND_IN_TOKEN);
    environment.set(
        "GITHUB_BASE_URL",
        world.hosting.github().unwrap().base_url(),
    );
    environment.set("SITE_DOMAIN", format!("localhost:{}", platform.port()));
    for (name, value) in [
        ("CLAIM_HEARTBEAT_SECONDS", "1"),
        ("CLAIM_LAPSE_SECONDS", "3"),
        ("CHECK_AFTER_SECONDS", "1"),
        // Every execution takes one step and lets another one go on.
        ("TIME_SLICE_SECONDS", "0"),
    ] {
        environment.set(name, value);
    }
    let own = std::env::current_exe().unwrap();
    let executables: PathBuf = own.ancestors().nth(2).unwrap().to_owned();
    let process = |(name, _): &(&str, Option<&str>)| {
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.join(format!("{name}.log")))
            .unwrap();
        let child = Command::new(executables.join(name))
            .env_clear()
            .envs(environment.of_function(name))
            .env("APPWRITE_ENDPOINT", platform.endpoint())
            .env("APPWRITE_PROJECT_ID", "orchestrator")
            .env("APPWRITE_API_KEY", platform.key().expose_secret())
            .env("APPWRITE_WEBHOOK_SIGNATURE_KEY", key_of(name))
            .env("APPWRITE_WEBHOOK_URL", url_of(name))
            .env(
                "AWS_LAMBDA_RUNTIME_API",
                format!("{}/.rt/{PREFIX}{name}", emulator.url),
            )
            .env("AWS_LAMBDA_FUNCTION_NAME", format!("{PREFIX}{name}"))
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", ROLE_SECRET)
            .env("AWS_ENDPOINT_URL_LAMBDA", invoke_url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        Process(child.unwrap())
    };
    let all = FUNCTIONS.iter().cycle().take(FUNCTIONS.len() * PROCESSES);
    all.map(process).collect()
}

fn key_of(function: &str) -> String {
    format!("signature-key-of-{function}")
}

/// Where the webhook is sent, as Appwrite has it.
fn url_of(function: &str) -> String {
    format!("https://hooks.example/{function}")
}

/// Sends the webhooks of new rows, as Appwrite's worker does.
async fn webhooks(world: &World, emulator: &str) {
    let mut told = BTreeSet::new();
    loop {
        for (function, table) in FUNCTIONS {
            let Some(table) = table else { continue };
            for row in rows(world, table).await {
                if told.insert(row["$id"].as_str().unwrap().to_owned()) {
                    webhook(emulator, function, &row).await;
                }
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn rows(world: &World, table: &str) -> Vec<Value> {
    let path = format!("/tablesdb/orchestrator/tables/{table}/rows");
    let page = crate::push::ask(world, reqwest::Method::GET, &path, &json!({})).await;
    page["rows"].as_array().unwrap().clone()
}

async fn webhook(emulator: &str, function: &str, row: &Value) {
    let body = row.to_string();
    let key = hmac::Key::new(
        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        key_of(function).as_bytes(),
    );
    let signature = hmac::sign(&key, (url_of(function) + &body).as_bytes());
    let answer = http()
        .post(format!("{emulator}/lambda-url/{PREFIX}{function}/"))
        .header("content-type", "application/json")
        .header("x-appwrite-webhook-signature", STANDARD.encode(signature))
        .body(body)
        .send()
        .await
        .unwrap();
    let status = answer.status();
    assert_eq!(status, 202, "{function}: {}", answer.text().await.unwrap());
}

/// The input of the schedule in the template.
fn schedule() -> String {
    let template = fs::read_to_string(root().join("scripts/lambda/template.yaml")).unwrap();
    let (_, input) = template.split_once("Input: >-\n").unwrap();
    let lines = input
        .lines()
        .take_while(|line| line.starts_with("              "));
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

async fn sweeps(emulator: &str) {
    let payload = schedule();
    loop {
        invoke_now(emulator, &format!("{PREFIX}sweep"), payload.clone()).await;
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

fn only_create_task() -> Plan {
    let mut plan = Plan::orchestrator().unwrap();
    let config = plan.config.as_mut().unwrap();
    config
        .functions
        .retain(|function| function.id == "create-task");
    plan
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn webhooks_and_the_schedule_carry_out_a_brief_on_lambda() {
    let world = World::with(Setup {
        plan: Some(only_create_task()),
        ..Setup::default()
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(folder.path()).await;
    let invoked = Arc::new(AtomicUsize::new(0));
    let (invoke_url, _server) = invoke_api(&emulator, invoked.clone()).await;
    let processes = functions(&world, &emulator, &invoke_url, folder.path());
    let brief = todo();
    let row = tokio::select! {
        row = world.run(&brief) => row,
        () = webhooks(&world, &emulator.url) => unreachable!(),
        () = sweeps(&emulator.url) => unreachable!(),
    };
    assert_one_of_each(&world, &row).await;
    let mut units = 0;
    for (_, table) in FUNCTIONS {
        if let Some(table) = table {
            units += rows(&world, table).await.len();
        }
    }
    // Each unit was started by its webhook, and went on in other executions.
    let started = invoked.load(Ordering::Relaxed);
    assert!(started > 2 * units, "{started} for {units} units");
    refuses_strangers(&emulator.url).await;
    tells_no_secret(&world, folder.path()).await;
    blocking(move || drop(processes)).await;
    world.stop().await;
}

/// What the functions have written holds none of the keys that they have on Lambda alone.
async fn tells_no_secret(world: &World, folder: &Path) {
    let mut written = String::new();
    for (function, _) in FUNCTIONS {
        written += &fs::read_to_string(folder.join(format!("{function}.log"))).unwrap();
    }
    assert!(!written.is_empty(), "nobody has written anything");
    for table in Plan::orchestrator().unwrap().config.unwrap().tables {
        written += &json!(rows(world, &table.id).await).to_string();
    }
    let mut secrets = FUNCTIONS.map(|(function, _)| key_of(function)).to_vec();
    secrets.push(ROLE_SECRET.to_owned());
    secrets.push(world.hosting.platform.key().expose_secret().to_owned());
    for secret in &secrets {
        assert!(!written.contains(secret), "{secret} was written");
    }
}

async fn refuses_strangers(emulator: &str) {
    for (function, table) in FUNCTIONS {
        if table.is_none() {
            continue;
        }
        let url = format!("{emulator}/lambda-url/{PREFIX}{function}/");
        let request = http().post(url).header("content-type", "application/json");
        let answer = request.body(r#"{"rowId":"x"}"#).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{function}");
    }
}
