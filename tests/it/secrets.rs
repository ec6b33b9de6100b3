//! Services that answer with every secret they can know of: none is kept or shown anywhere.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::crashes::orchestrator;
use crate::replay::signed_in;
use crate::traces::{KEY as TRACES, Receiver};
use crate::world::{Setup, World, blocking, install_tls, todo};

const GROK: &str = "key-of-the-planner-that-nobody-sees";
const REVIEWER: &str = "key-of-the-reviewer-that-nobody-sees";
const CLAUDE: &str = "key-of-the-agents-that-nobody-sees";
const TOKEN: &str = "token-of-the-operator-that-nobody-sees";
const WORKFLOW: &str = "key-of-the-workflows-that-nobody-sees";
const DEPLOY: &str = "key-of-the-apps-that-nobody-sees";
const OWN_TOKEN: &str = "token-of-the-owner-that-nobody-sees";
const OWN_KEY: &str = "key-of-the-owner-that-nobody-sees";
/// Opens the door of a function on AWS Lambda; on Appwrite no function is handed it.
const WEBHOOK: &str = "key-of-the-webhooks-that-nobody-sees";
/// In every text that a service of these tests answers with.
const ECHO: &str = "you sent";
/// How the key of an execution begins.
const EXECUTION_KEY: &str = "ephemeral_eyJ";

/// `{"method":"limit","values":[5000]}`
const ALL: &str = "%7B%22method%22:%22limit%22,%22values%22:[5000]%7D";

/// Longest until a task has heard what a service says.
const TIMEOUT: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// One service that tells on whoever asks it, and what its function knows beside.
struct Case {
    service: &'static str,
    settings: fn(&'static str) -> Vec<(&'static str, &'static str)>,
    /// What the owner sets with `PUT /credentials`.
    own: fn(&str) -> Value,
    /// Told beside what was sent.
    known: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        service: "planner",
        settings: |url| vec![("GROK_API_KEY", GROK), ("GROK_BASE_URL", url)],
        own: |_| Value::Null,
        known: &[GROK],
    },
    Case {
        service: "reviewer",
        settings: |url| vec![("REVIEWER_API_KEY", REVIEWER), ("REVIEWER_BASE_URL", url)],
        own: |_| Value::Null,
        known: &[REVIEWER],
    },
    Case {
        service: "agents",
        settings: |url| vec![("ANTHROPIC_API_KEY", CLAUDE), ("ANTHROPIC_BASE_URL", url)],
        own: |_| Value::Null,
        known: &[CLAUDE],
    },
    Case {
        service: "GitHub of the operator",
        settings: |url| {
            vec![
                ("GITHUB_TOKEN", TOKEN),
                ("GITHUB_BASE_URL", url),
                ("DEPLOY_WORKFLOW_API_KEY", WORKFLOW),
            ]
        },
        own: |_| Value::Null,
        known: &[TOKEN, WORKFLOW],
    },
    Case {
        service: "GitHub of the owner",
        settings: |url| vec![("GITHUB_TOKEN", TOKEN), ("GITHUB_BASE_URL", url)],
        own: |_| json!({"github": {"token": OWN_TOKEN}}),
        known: &[TOKEN, OWN_TOKEN],
    },
    Case {
        service: "project for apps of the operator",
        settings: |url| {
            vec![
                ("DEPLOY_ENDPOINT", url),
                ("DEPLOY_PROJECT_ID", "apps"),
                ("DEPLOY_API_KEY", DEPLOY),
            ]
        },
        own: |_| Value::Null,
        known: &[DEPLOY],
    },
    Case {
        service: "project for apps of the owner",
        settings: |_| Vec::new(),
        own: |url| json!({"appwrite": {"endpoint": url, "project": "apps", "key": OWN_KEY, "siteDomain": "x.example"}}),
        known: &[OWN_KEY],
    },
];

/// A service that refuses everything and says all it knows.
async fn telltale(known: &'static [&'static str]) -> MockServer {
    let server = MockServer::start().await;
    let answer = move |request: &Request| {
        let header = |name: &str| {
            request
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let sent = ["authorization", "x-api-key", "x-appwrite-key"];
        let sent: Vec<&str> = sent.into_iter().filter_map(header).collect();
        let told = format!("{ECHO} {} and know {}", sent.join(" "), known.join(" "));
        ResponseTemplate::new(400).set_body_json(json!({
            "error": {"type": "invalid_request_error", "message": told},
            "message": told, "type": "general_argument_invalid", "code": 400, "version": "1.9.6",
        }))
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// What the API answers whoever has the project's key.
pub(crate) async fn get(world: &World, path: String) -> String {
    let platform = &world.hosting.platform;
    let client = reqwest::Client::builder().build().unwrap();
    let request = client
        .get(format!("{}{path}?queries[]={ALL}", platform.endpoint()))
        .header("x-appwrite-project", "orchestrator")
        .header("x-appwrite-key", platform.key().expose_secret());
    request.send().await.unwrap().text().await.unwrap()
}

/// All rows and all executions, with their logs and errors.
async fn kept(world: &World) -> String {
    let mut all = String::new();
    let config: Value = serde_json::from_str(include_str!("../../appwrite.json")).unwrap();
    for table in config["tables"].as_array().unwrap() {
        let table = table["$id"].as_str().unwrap();
        let rows = get(world, format!("/tablesdb/orchestrator/tables/{table}/rows")).await;
        assert!(rows.starts_with(r#"{"rows""#), "{table}: {rows}");
        all += &rows;
    }
    for function in shell::config::FUNCTIONS {
        let list = get(world, format!("/functions/{function}/executions")).await;
        let list: Value = serde_json::from_str(&list).unwrap();
        for execution in list["executions"].as_array().unwrap() {
            let id = execution["$id"].as_str().unwrap();
            all += &get(world, format!("/functions/{function}/executions/{id}")).await;
        }
    }
    all
}

/// Waits until what the service says has come to a row or a log.
async fn heard(world: &World, service: &str) -> String {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let all = kept(world).await;
        if all.contains(ECHO) {
            return all;
        }
        assert!(Instant::now() < deadline, "{service} was not heard");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What the program shows of a task, with every setting in its own environment too.
async fn shown(
    world: &World,
    folder: &Path,
    task: &str,
    settings: &[(&'static str, &'static str)],
) -> String {
    let mut all = String::new();
    for words in [
        &["list"][..],
        &["show", task],
        &["logs", task],
        &["files", task],
        &["replay", task],
        &["credentials", "show"],
        &["doctor", "--offline"],
        &["retry", task],
    ] {
        let mut command = Command::new(orchestrator());
        command
            .args(words)
            .args(["--json", "--data"])
            .arg(folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .envs(settings.iter().copied())
            .env("APPWRITE_ENDPOINT", world.hosting.platform.endpoint())
            .env("APPWRITE_PROJECT_ID", "orchestrator")
            .current_dir(folder);
        let output = blocking(move || command.output().unwrap()).await;
        all += &String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    }
    all
}

/// Whether a file below `folder` holds one of `secrets`.
fn lies_in(folder: &Path, secrets: &[&str]) -> Option<String> {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(found) = lies_in(&path, secrets) {
                return Some(found);
            }
        } else if let Ok(bytes) = std::fs::read(&path) {
            let holds = |secret: &&&str| {
                bytes
                    .windows(secret.len())
                    .any(|part| part == secret.as_bytes())
            };
            if let Some(secret) = secrets.iter().find(holds) {
                return Some(format!("{secret} in {}", path.display()));
            }
        }
    }
    None
}

/// The place of a text where `part` stands, with what stands around it.
fn around<'a>(text: &'a str, part: &str) -> Option<&'a str> {
    let at = text.find(part)?;
    let end = text.ceil_char_boundary((at + 300).min(text.len()));
    text.get(text.floor_char_boundary(at.saturating_sub(300))..end)
}

async fn nothing_is_told(case: &Case) {
    let service = telltale(case.known).await;
    let url: &'static str = format!("{}/v1", service.uri()).leak();
    let receiver = Receiver::start().await;
    let mut settings = (case.settings)(url);
    settings.push(("APPWRITE_WEBHOOK_SIGNATURE_KEY", WEBHOOK));
    settings.extend(receiver.settings());
    let world = World::with(Setup {
        settings: settings.clone(),
        ..Setup::default()
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let owner = signed_in(&world, folder.path()).await;
    let own = (case.own)(url);
    if !own.is_null() {
        let path = "/credentials".to_owned();
        let (status, answer) = world
            .call(&owner, appwrite::Method::Put, path, own.to_string())
            .await;
        assert_eq!(status, 200, "{answer}");
    }
    let task = world.accept(&owner, &todo()).await;
    let kept = heard(&world, case.service).await;
    let shown = shown(&world, folder.path(), &task, &settings).await;
    assert!(shown.contains(&task), "{shown}");
    let session = std::fs::read_to_string(folder.path().join("sessions.json")).unwrap();
    let session: Value = serde_json::from_str(&session).unwrap();
    let session = session["orchestrator"]["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let data = world.stop().await;
    let sent = receiver.bodies().await.concat();
    assert!(sent.contains("error.type"), "{}: {sent}", case.service);

    let mut secrets = case.known.to_vec();
    secrets.extend([EXECUTION_KEY, &session, WEBHOOK, TRACES]);
    for secret in &secrets {
        let what = case.service;
        assert_eq!(around(&kept, secret), None, "{what}: kept");
        assert_eq!(around(&shown, secret), None, "{what}: shown");
        assert_eq!(around(&sent, secret), None, "{what}: sent with the spans");
    }
    let is_replaced = kept.contains("[redacted]") || kept.contains("[key]");
    assert!(is_replaced, "{}: {:?}", case.service, around(&kept, ECHO));
    assert_eq!(lies_in(data.path(), &secrets), None, "{}", case.service);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_services_tell_of_secrets_is_neither_kept_nor_shown() {
    install_tls();
    for case in CASES {
        nothing_is_told(case).await;
    }
}
