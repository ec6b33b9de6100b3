use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use local::config::ProjectConfig;
use local::platform::{Platform, PlatformConfig};
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::support::{PATIENCE, answer, client};

/// The fixture function, which `cargo test` builds as an example.
fn fixture() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples/fixture_function")
}

/// The project as it is deployed.
fn deployed() -> ProjectConfig {
    ProjectConfig::parse(include_str!("../../../appwrite.json")).unwrap()
}

struct Whole {
    platform: Platform,
    client: reqwest::Client,
}

impl Whole {
    async fn start(folder: &std::path::Path) -> Self {
        let functions = folder.join("functions");
        std::fs::create_dir_all(&functions).unwrap();
        let executable = functions.join("plan");
        if !executable.exists() {
            std::os::unix::fs::symlink(fixture(), executable).unwrap();
        }
        let config = PlatformConfig::new("orchestrator", folder.join("data"), functions);
        let variables = BTreeMap::from([(
            "plan".to_owned(),
            BTreeMap::from([("MODE".to_owned(), "echo".to_owned())]),
        )]);
        // Half an hour: no sweep comes in between.
        let sweep_every = Some(Duration::from_secs(1_800));
        let config = PlatformConfig {
            config: Some(deployed()),
            variables,
            sweep_every,
            ..config
        };
        Self {
            platform: Platform::start(config).await.unwrap(),
            client: client(),
        }
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self
            .client
            .request(method, format!("{}{path}", self.platform.endpoint()));
        let request = request.header("x-appwrite-project", "orchestrator");
        let request = request.header("x-appwrite-key", self.platform.key().expose_secret());
        answer(request.json(&body).send().await.unwrap()).await
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send(Method::GET, path, json!({})).await;
        assert_eq!(status, 200, "{body}");
        body
    }
}

fn plan() -> Value {
    let config = deployed();
    let table = config
        .tables
        .iter()
        .find(|table| table.id == "plans")
        .unwrap();
    let value = |kind: &str| {
        if kind == "integer" {
            json!(1)
        } else {
            json!("x")
        }
    };
    let required = table.columns.iter().filter(|column| column.required);
    Value::Object(
        required
            .map(|column| (column.key.clone(), value(&column.kind)))
            .collect(),
    )
}

#[tokio::test]
async fn a_row_of_the_deployed_project_starts_its_function() {
    let folder = tempfile::tempdir().unwrap();
    let whole = Whole::start(folder.path()).await;
    let body = json!({"rowId": "p1", "data": plan()});
    let (status, row) = whole
        .send(
            Method::POST,
            "/tablesdb/orchestrator/tables/plans/rows",
            body,
        )
        .await;
    assert_eq!(status, 201, "{row}");
    let deadline = Instant::now() + PATIENCE;
    let execution = loop {
        let list = whole.get("/functions/plan/executions").await;
        if list["total"] == 1 {
            break list["executions"][0].clone();
        }
        assert!(Instant::now() < deadline, "the function was not started");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(
        (&execution["trigger"], &execution["status"]),
        (&json!("event"), &json!("completed"))
    );
    assert_eq!(
        whole.platform.counts().get("executions:plan:event"),
        Some(&1)
    );
    whole.platform.shutdown().await;
}

#[tokio::test]
async fn the_deployed_project_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let whole = Whole::start(folder.path()).await;
    let tables = whole.get("/tablesdb/orchestrator/tables").await;
    assert_eq!(tables["total"], deployed().tables.len());
    let row = "/tablesdb/orchestrator/tables/journal/rows";
    let data = json!({"taskId": "t", "unitId": "u", "key": "k", "kind": "turn", "fingerprint": "f", "outcome": "x".repeat(900_000)});
    assert_eq!(
        whole
            .send(Method::POST, row, json!({"rowId": "j1", "data": data}))
            .await
            .0,
        201
    );
    whole.platform.shutdown().await;
    let whole = Whole::start(folder.path()).await;
    assert_eq!(whole.get("/tablesdb/orchestrator/tables").await, tables);
    assert_eq!(
        whole.get(&format!("{row}/j1")).await["outcome"],
        data["outcome"]
    );
}
