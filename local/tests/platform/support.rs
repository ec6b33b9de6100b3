//! A started platform with one table, and a client for it.

use std::time::Duration;

use local::auth::ScopedKey;
use local::faults::Faults;
use local::platform::{Platform, PlatformConfig};
use local::schema::{TableConfig, ensure_table};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A key that may only read rows.
pub(crate) const NARROW_KEY: &str = "standard_narrow";

pub(crate) const PROJECT: &str = "test";
pub(crate) const ROWS: &str = "/tablesdb/main/tables/tasks/rows";

/// How long a condition may take to come true.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct World {
    pub(crate) platform: Option<Platform>,
    pub(crate) folder: TempDir,
    client: reqwest::Client,
}

/// Who asks.
#[derive(Clone)]
pub(crate) enum Who {
    Guest,
    Key(String),
    Session(String),
}

pub(crate) fn tasks() -> TableConfig {
    serde_json::from_value(json!({
        "$id": "tasks", "databaseId": "main", "name": "Tasks", "rowSecurity": true,
        "$permissions": ["create(\"users\")"],
        "columns": [
            {"key": "title", "type": "string", "size": 10, "required": true},
            {"key": "slug", "type": "string", "size": 64, "required": false},
            {"key": "count", "type": "integer", "min": 0, "max": 100, "default": 0},
            {"key": "due", "type": "datetime"},
            {"key": "done", "type": "boolean", "default": false},
            {"key": "score", "type": "double"},
            {"key": "tags", "type": "string", "size": 32, "array": true},
            {"key": "big", "type": "longtext"},
        ],
        "indexes": [
            {"key": "bySlug", "type": "unique", "columns": ["slug"]},
            {"key": "byCount", "type": "key", "columns": ["count", "$createdAt"], "orders": ["DESC", "ASC"]},
        ],
    }))
    .unwrap()
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(Faults::default()).await
    }

    pub(crate) async fn start_with(faults: Faults) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let platform = platform(&folder, faults).await;
        let client = client();
        Self {
            platform: Some(platform),
            folder,
            client,
        }
    }

    pub(crate) async fn restart(&mut self) {
        self.platform.take().unwrap().shutdown().await;
        self.platform = Some(platform(&self.folder, Faults::default()).await);
    }

    pub(crate) fn running(&self) -> &Platform {
        self.platform.as_ref().unwrap()
    }

    pub(crate) fn key(&self) -> Who {
        Who::Key(self.running().key().expose_secret().to_owned())
    }

    pub(crate) fn request(&self, method: Method, path: &str, who: &Who) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.running().endpoint());
        let request = self
            .client
            .request(method, url)
            .header("x-appwrite-project", PROJECT);
        match who {
            Who::Guest => request,
            Who::Key(key) => request.header("x-appwrite-key", key),
            Who::Session(token) => request.header("x-appwrite-session", token),
        }
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        who: &Who,
        body: Value,
    ) -> (u16, Value) {
        answer(
            self.request(method, path, who)
                .json(&body)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    pub(crate) async fn get(&self, path: &str, who: &Who) -> (u16, Value) {
        answer(self.request(Method::GET, path, who).send().await.unwrap()).await
    }

    /// Creates a row by key and expects it to be there.
    pub(crate) async fn row(&self, id: &str, data: Value, permissions: &[&str]) -> Value {
        let body = json!({"rowId": id, "data": data, "permissions": permissions});
        let (status, row) = self.send(Method::POST, ROWS, &self.key(), body).await;
        assert_eq!(status, 201, "{row}");
        row
    }

    /// Lists rows; returns their ids and the total.
    pub(crate) async fn list(&self, who: &Who, queries: &[Value]) -> (Vec<String>, i64) {
        let encode =
            |query: &Value| utf8_percent_encode(&query.to_string(), NON_ALPHANUMERIC).to_string();
        let texts: Vec<String> = queries
            .iter()
            .map(|query| format!("queries[]={}", encode(query)))
            .collect();
        let (status, body) = self.get(&format!("{ROWS}?{}", texts.join("&")), who).await;
        assert_eq!(status, 200, "{body}");
        let ids = body["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["$id"].as_str().unwrap().to_owned());
        (ids.collect(), body["total"].as_i64().unwrap())
    }

    /// Makes an anonymous user; returns its id and session.
    pub(crate) async fn user(&self) -> (String, Who) {
        let request = self.request(Method::POST, "/account/sessions/anonymous", &Who::Guest);
        let response = request.json(&json!({})).send().await.unwrap();
        let fallback = response.headers()["x-fallback-cookies"]
            .to_str()
            .unwrap()
            .to_owned();
        let fallback: Value = serde_json::from_str(&fallback).unwrap();
        let token = fallback[format!("a_session_{PROJECT}")]
            .as_str()
            .unwrap()
            .to_owned();
        let (_, session) = answer(response).await;
        (
            session["userId"].as_str().unwrap().to_owned(),
            Who::Session(token),
        )
    }
}

pub(crate) fn client() -> reqwest::Client {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap()
}

async fn platform(folder: &TempDir, faults: Faults) -> Platform {
    let config = PlatformConfig::new(
        PROJECT,
        folder.path().join("data"),
        folder.path().join("functions"),
    );
    let key = Some(SecretString::from("standard_test"));
    let narrow = ScopedKey {
        secret: SecretString::from(NARROW_KEY),
        scopes: vec!["rows.read".to_owned()],
    };
    let platform = Platform::start(PlatformConfig {
        key,
        extra_keys: vec![narrow],
        new_user_labels: vec!["orchestrator".to_owned()],
        faults,
        ..config
    })
    .await
    .unwrap();
    ensure_table(platform.kernel(), &tasks()).await.unwrap();
    platform
}

pub(crate) async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

pub(crate) fn query(method: &str, attribute: &str, values: Value) -> Value {
    json!({"method": method, "attribute": attribute, "values": values})
}
