//! `orchestrator doctor` on the embedded platform and the stand-ins, well and broken.

use std::collections::BTreeMap;
use std::process::Command;

use cli::hosting::Plan;
use local::auth::ScopedKey;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::crashes::orchestrator;
use crate::world::{Setup, World, blocking};

const POOR_KEY: &str = "a-key-that-may-do-less";
/// Those of the stand-ins.
const MODELS_KEY: &str = "scripted-models-take-this-key";
const TOKEN: &str = "stand-in-github-takes-this-token";

type Settings = BTreeMap<&'static str, String>;

async fn world() -> (World, Settings) {
    let scopes = ["databases.read", "tables.read", "functions.read"];
    let poor = ScopedKey {
        secret: SecretString::from(POOR_KEY),
        scopes: scopes.map(str::to_owned).to_vec(),
    };
    let plan = Plan {
        extra_keys: vec![poor],
        ..Plan::orchestrator().unwrap()
    };
    let world = World::with(Setup {
        plan: Some(plan),
        ..Setup::default()
    })
    .await;
    let hosting = &world.hosting;
    let models = hosting.models().unwrap();
    let settings = BTreeMap::from([
        ("APPWRITE_ENDPOINT", hosting.platform.endpoint().to_owned()),
        ("APPWRITE_PROJECT_ID", "orchestrator".to_owned()),
        (
            "APPWRITE_DEV_KEY",
            hosting.platform.key().expose_secret().to_owned(),
        ),
        ("GROK_API_KEY", MODELS_KEY.to_owned()),
        ("GROK_BASE_URL", models.xai_base_url().to_owned()),
        ("ANTHROPIC_API_KEY", MODELS_KEY.to_owned()),
        ("ANTHROPIC_BASE_URL", models.anthropic_base_url().to_owned()),
        ("GITHUB_TOKEN", TOKEN.to_owned()),
        (
            "GITHUB_BASE_URL",
            hosting.github().unwrap().base_url().to_owned(),
        ),
        ("GITHUB_OWNER", "demo-org".to_owned()),
    ]);
    (world, settings)
}

/// Whether it ended with success, and `area state: says` of each finding that is not good.
async fn doctor(settings: &Settings, arguments: &[&str]) -> (bool, Vec<String>) {
    let mut command = Command::new(orchestrator());
    let folder = tempfile::tempdir().unwrap();
    command.args(["doctor", "--json"]).args(arguments);
    command
        .current_dir(folder.path())
        .env_clear()
        .envs(settings);
    command.env("PATH", std::env::var_os("PATH").unwrap());
    let output = blocking(move || command.output().unwrap()).await;
    let text = String::from_utf8(output.stdout).unwrap();
    for secret in [POOR_KEY, MODELS_KEY, TOKEN] {
        assert!(!text.contains(secret), "{text}");
    }
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told = lines.filter(|line| line["area"] != "machine" && line["area"].is_string());
    let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let told = told.filter(|line| line["state"] != "ok").map(|line| {
        assert!(line["state"] == "note" || line["fix"].is_string(), "{line}");
        format!(
            "{} {}: {}",
            text(&line, "area"),
            text(&line, "state"),
            text(&line, "says")
        )
    });
    assert!(
        std::fs::read_dir(folder.path()).unwrap().next().is_none(),
        "it wrote something"
    );
    (output.status.success(), told.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_doctor_finds_nothing_where_all_is_well_and_names_what_is_broken() {
    let (world, well) = world().await;
    let (success, told) = doctor(&well, &[]).await;
    assert_eq!(
        told,
        ["Appwrite note: nobody is signed in on this data folder"]
    );
    assert!(success);

    let mut broken = well.clone();
    broken.insert("APPWRITE_DEV_KEY", POOR_KEY.to_owned());
    broken.insert("GROK_API_KEY", "revoked-key".to_owned());
    broken.insert("ANTHROPIC_MODEL", "claude-of-tomorrow".to_owned());
    broken.insert("GITHUB_OWNER", "nobodys-org".to_owned());
    let (success, told) = doctor(&broken, &[]).await;
    assert!(!success);
    assert_eq!(
        told,
        [
            "Appwrite wrong: APPWRITE_DEV_KEY lacks the scopes databases.write, tables.write, \
             columns.write, indexes.write, buckets.read, buckets.write, functions.write, \
             sites.read, sites.write, rules.read, rules.write",
            "Appwrite note: nobody is signed in on this data folder",
            "xAI wrong: GROK_API_KEY is not accepted: mistyped, revoked or of another service",
            "Anthropic wrong: there is no model claude-of-tomorrow",
            "GitHub wrong: organisation nobodys-org does not exist or does not let this token in",
        ]
    );

    let mut elsewhere = well.clone();
    elsewhere.insert("APPWRITE_PROJECT_ID", "another".to_owned());
    elsewhere.insert("GITHUB_TOKEN", "ghp_revoked".to_owned());
    elsewhere.insert("ANTHROPIC_API_KEY", "revoked-key".to_owned());
    let (success, told) = doctor(&elsewhere, &[]).await;
    assert!(!success);
    assert_eq!(
        told,
        [
            "Appwrite wrong: there is no project another at this endpoint",
            "Anthropic wrong: ANTHROPIC_API_KEY is not accepted: mistyped, revoked or of another service",
            "GitHub wrong: GITHUB_TOKEN is not accepted: mistyped, revoked or expired",
        ]
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_a_doctor_names_the_stand_ins_and_offline_asks_nobody() {
    let none = Settings::new();
    let (success, told) = doctor(&none, &[]).await;
    assert!(success, "{told:?}");
    assert_eq!(
        told,
        [
            "Appwrite note: no APPWRITE_ENDPOINT: the embedded platform on this machine serves it",
            "xAI note: no GROK_API_KEY: a scripted model on this machine serves it",
            "Anthropic note: no ANTHROPIC_API_KEY: a scripted model on this machine serves it",
            "GitHub note: no GITHUB_TOKEN: a stand-in on this machine serves it",
        ]
    );
    let wrong = Settings::from([("APPWRITE_ENDPOINT", "http://127.0.0.1:9/v1".to_owned())]);
    let (success, told) = doctor(&wrong, &["--offline"]).await;
    assert!(!success);
    assert_eq!(
        told,
        ["settings wrong: APPWRITE_ENDPOINT is set but APPWRITE_PROJECT_ID is not"]
    );
}
