//! The stand-in over real HTTP. Every answer any test receives is held to GitHub's description.

mod access;
mod actions;
mod apps;
mod clones;
mod commits;
mod contents;
mod description;
mod failures;
mod limited;
mod outside;
mod pulls;
mod pushes;
mod recorded;
mod references;
mod repositories;
mod settings;
mod survival;
mod trees;

use std::path::Path;
use std::sync::Arc;

use reqwest::header::{HeaderMap, USER_AGENT};
use serde_json::{Value, json};

use super::{Access, Account, Faults, GitHub, GitHubConfig};

const TOKEN: &str = "ghp_ada";
const OTHER_TOKEN: &str = "ghp_bob";
const NARROW_TOKEN: &str = "ghp_narrow";

/// A started stand-in with a client that validates what it gets.
struct Hub {
    github: GitHub,
    client: reqwest::Client,
    directory: Arc<tempfile::TempDir>,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    #[track_caller]
    fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    #[track_caller]
    fn refused(self, status: u16, message: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.body["message"], message);
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

fn account(login: &str, token: &str, scopes: &[&str]) -> Account {
    Account {
        login: login.to_owned(),
        token: token.into(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        organizations: vec!["Guild".to_owned()],
    }
}

fn config(data_dir: &Path, faults: Faults, open_clone: bool) -> GitHubConfig {
    let mut outsider = account("bob", OTHER_TOKEN, &["repo", "workflow"]);
    outsider.organizations.clear();
    GitHubConfig {
        data_dir: data_dir.to_owned(),
        bind: "127.0.0.1:0".parse().unwrap(),
        accounts: vec![
            account("Ada", TOKEN, &["repo", "workflow", "user"]),
            outsider,
            account("Ada", NARROW_TOKEN, &["public_repo"]),
        ],
        access: Access::default(),
        open_clone,
        faults,
    }
}

impl Hub {
    async fn start() -> Self {
        Self::start_with(Faults::default(), true).await
    }

    async fn start_with(faults: Faults, open_clone: bool) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        Self::open(directory, faults, open_clone).await
    }

    async fn open(directory: Arc<tempfile::TempDir>, faults: Faults, open_clone: bool) -> Self {
        let config = config(directory.path(), faults, open_clone);
        Self::configured(directory, config).await
    }

    /// With other tokens, rules of organisations and Apps.
    async fn with_access(access: Access) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let config = config(directory.path(), Faults::default(), false);
        Self::configured(directory, GitHubConfig { access, ..config }).await
    }

    async fn configured(directory: Arc<tempfile::TempDir>, config: GitHubConfig) -> Self {
        let github = GitHub::start(config).await.unwrap();
        Self {
            github,
            client: client(),
            directory,
        }
    }

    /// Stops and starts again on the same data.
    async fn restart(self) -> Self {
        self.github.shutdown().await;
        Self::open(self.directory, Faults::default(), true).await
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.github.base_url());
        self.client.request(method.parse().unwrap(), url)
    }

    async fn try_send(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> reqwest::Result<Answer> {
        let mut request = self
            .request(method, path)
            .bearer_auth(token)
            .header(USER_AGENT, "test");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?;
        let answer = Answer {
            status,
            headers,
            body: if status == 204 {
                assert!(bytes.is_empty());
                Value::Null
            } else {
                serde_json::from_slice(&bytes).unwrap()
            },
        };
        description::check(method, path, answer.status, &answer.body);
        Ok(answer)
    }

    async fn send(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        self.try_send(token, method, path, Some(body))
            .await
            .unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(TOKEN, "POST", path, body).await
    }

    async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(TOKEN, "PATCH", path, body).await
    }

    async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(TOKEN, "PUT", path, body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.try_send(TOKEN, "GET", path, None).await.unwrap()
    }

    /// Creates `Ada/<name>` with a first commit and gives that commit's id.
    async fn create(&self, name: &str) -> String {
        let body = json!({ "name": name, "auto_init": true });
        self.post("/user/repos", body).await.expect(201);
        self.head(name).await
    }

    async fn head(&self, name: &str) -> String {
        let path = format!("/repos/Ada/{name}/git/ref/heads/main");
        text(&self.get(&path).await.expect(200)["object"]["sha"])
    }

    async fn tree(&self, name: &str, body: Value) -> Answer {
        self.post(&format!("/repos/Ada/{name}/git/trees"), body)
            .await
    }

    /// Commits one file on top of `parent` and gives the commit's id. No branch moves.
    async fn commit(&self, name: &str, parent: &str, path: &str, content: &str) -> String {
        let entry = json!({ "path": path, "mode": "100644", "type": "blob", "content": content });
        let tree = json!({ "tree": [entry], "base_tree": parent });
        let tree = text(&self.tree(name, tree).await.expect(201)["sha"]);
        let body = json!({
            "message": format!("Add {path}"),
            "tree": tree,
            "parents": [parent],
            "author": { "name": "A", "email": "a@b.c", "date": "2026-01-02T03:04:05Z" },
        });
        let path = format!("/repos/Ada/{name}/git/commits");
        text(&self.post(&path, body).await.expect(201)["sha"])
    }
}

fn client() -> reqwest::Client {
    let roots: rustls::RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Runs plain git and says whether it succeeded and what it printed.
async fn git(directory: &Path, arguments: &[&str]) -> (bool, String) {
    let output = tokio::process::Command::new("git")
        .current_dir(directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "A")
        .env("GIT_AUTHOR_EMAIL", "a@b.c")
        .env("GIT_AUTHOR_DATE", "@1767323045 +0000")
        .env("GIT_COMMITTER_NAME", "A")
        .env("GIT_COMMITTER_EMAIL", "a@b.c")
        .env("GIT_COMMITTER_DATE", "@1767323045 +0000")
        .env_remove("GIT_DIR")
        .env_remove("http_proxy")
        .env("no_proxy", "127.0.0.1")
        .args(arguments)
        .output()
        .await
        .unwrap();
    let mut printed = String::from_utf8(output.stdout).unwrap();
    if !output.status.success() {
        printed.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    (output.status.success(), printed.trim_end().to_owned())
}

#[track_caller]
fn succeeded((success, printed): (bool, String)) -> String {
    assert!(success, "{printed}");
    printed
}
