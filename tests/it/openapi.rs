//! create-task against the description that it serves, with requests that are made of it.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use appwrite::Credential;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::world::{Setup, World, blocking, todo};

/// The longest that it may take on a machine that does much else too.
const SECONDS_MAX: u64 = 320;
/// Answers without which nothing was tried.
const SEEN: [&str; 6] = ["200", "201", "400", "404", "409", "429"];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn create_task_answers_as_it_describes_itself() {
    let world = World::with(Setup {
        // Briefs that are accepted begin tasks: a few will do, and then the limit answers.
        settings: vec![("OWNER_TASKS_A_DAY_MAX", "4")],
        ..Setup::default()
    })
    .await;
    let guest = world.client(Credential::Guest);
    let token = blocking(move || guest.account().create_anonymous_session().unwrap().1).await;
    let user = world.client(Credential::Session(token.clone()));
    let task = world.accept(&user, &todo()).await;
    world.ended(&task).await;
    let (status, document) = world.get(&user, "/openapi.json".to_owned()).await;
    assert_eq!((status, document["openapi"].as_str()), (200, Some("3.1.0")));

    let clients = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients");
    let mut command = Command::new(clients.join(".venv/bin/python"));
    command
        .arg(clients.join("openapi.py"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("ENDPOINT", world.hosting.platform.endpoint())
        .env("PROJECT", "orchestrator")
        .env("SESSION", token.expose_secret())
        .env("TASK", &task);
    let started = Instant::now();
    let output = blocking(move || {
        let output = command.output();
        output.unwrap_or_else(|cause| panic!("run scripts/test: python does not start: {cause}"))
    })
    .await;
    let took = started.elapsed();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    println!("{last} in {took:?}");
    for status in SEEN {
        assert!(
            last["answers"][status] != json!(null),
            "no {status} in {last}"
        );
    }
    assert!(took < Duration::from_secs(SECONDS_MAX), "{took:?}");
    world.stop().await;
}
