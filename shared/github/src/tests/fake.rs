//! A GitHub that keeps repositories in bare git repositories, with switches for faults.
//!
//! Answers and error bodies follow GitHub REST 2022-11-28; it shares no types with the client.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use tempfile::TempDir;
use wiremock::matchers::any;
use wiremock::{Match, Mock, MockServer, Request, Respond, ResponseTemplate};

use super::git::{commit_tree, git, try_git};

const SOMEBODY: (&str, &str, &str) = ("Somebody", "s@example.org", "2026-01-02T03:04:05Z");

/// What happens to one request instead of an ordinary answer.
pub(super) enum Fault {
    /// The request has its effect, then the connection breaks.
    LostAnswer,
    /// The connection breaks before anything happens.
    LostRequest,
    /// This answer, without effect.
    Answer(ResponseTemplate),
    /// Somebody pushes a commit with this tree's files just before the request.
    PushBefore(Vec<(&'static str, &'static str)>),
}

pub(super) struct Fake {
    server: MockServer,
    state: Shared,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<State>>);

struct State {
    folder: TempDir,
    /// Method and path of every request, with ids of objects as `{sha}`.
    log: Vec<String>,
    bodies: Vec<Value>,
    repositories: HashMap<String, Value>,
    renamed: HashMap<String, String>,
    faults: VecDeque<(String, Fault)>,
    tree_entries_max: usize,
    created: u64,
}

impl Fake {
    pub(super) async fn start() -> Self {
        let state = Shared(Arc::new(Mutex::new(State {
            folder: tempfile::tempdir().expect("tempdir"),
            log: Vec::new(),
            bodies: Vec::new(),
            repositories: HashMap::new(),
            renamed: HashMap::new(),
            faults: VecDeque::new(),
            tree_entries_max: 100,
            created: 0,
        })));
        let server = MockServer::start().await;
        Mock::given(Breaks(state.clone()))
            .respond_with_err(|_: &Request| std::io::Error::other("broken"))
            .with_priority(1)
            .mount(&server)
            .await;
        Mock::given(any())
            .respond_with(Answers(state.clone()))
            .mount(&server)
            .await;
        Self { server, state }
    }

    pub(super) fn url(&self) -> String {
        self.server.uri()
    }

    /// The requests since the last call.
    pub(super) fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().log)
    }

    /// The bodies of all requests that were answered.
    pub(super) fn bodies(&self) -> Vec<Value> {
        self.state.lock().bodies.clone()
    }

    /// The next request that starts with `call` meets this fault; faults of one call queue up.
    pub(super) fn fault(&self, call: &str, fault: Fault) {
        self.state.lock().faults.push_back((call.to_owned(), fault));
    }

    /// No fault is left: each one was met.
    pub(super) fn all_faults_met(&self) -> bool {
        self.state.lock().faults.is_empty()
    }

    pub(super) fn tree_entries_max(&self, entries: usize) {
        self.state.lock().tree_entries_max = entries;
    }

    /// A repository somebody made before, with an initial commit.
    pub(super) fn existing(&self, owner: &str, name: &str, homepage: Option<&str>) {
        let body = json!({"name": name, "homepage": homepage, "private": false});
        self.state.lock().create(owner, &body);
    }

    pub(super) fn rename(&self, full_name: &str, name: &str) {
        self.state.lock().rename(full_name, name);
    }

    /// Runs git in the repository's folder.
    pub(super) fn git(&self, full_name: &str, arguments: &[&str]) -> String {
        git(&self.state.lock().folder(full_name), arguments, "")
    }

    pub(super) fn repositories(&self) -> usize {
        self.state.lock().repositories.len()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic while locked")
    }
}

/// Matches the requests whose connection breaks.
struct Breaks(Shared);

impl Match for Breaks {
    fn matches(&self, request: &Request) -> bool {
        let mut state = self.0.lock();
        let call = call(request);
        let found = state
            .faults
            .iter()
            .position(|(start, _)| call.starts_with(start));
        let Some(at) = found else { return false };
        match state.faults.get(at) {
            Some((_, Fault::LostRequest)) => {
                state.faults.remove(at);
                state.log.push(plain(&call));
                true
            }
            Some((_, Fault::LostAnswer)) => {
                state.faults.remove(at);
                let answer = state.answer(request);
                assert!(answer.0 < 300, "{call} should have worked: {}", answer.1);
                true
            }
            Some((_, Fault::Answer(_) | Fault::PushBefore(_))) | None => false,
        }
    }
}

struct Answers(Shared);

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut state = self.0.lock();
        let call = call(request);
        let found = state
            .faults
            .iter()
            .position(|(start, _)| call.starts_with(start));
        if let Some((_, fault)) = found.and_then(|at| state.faults.remove(at)) {
            match fault {
                Fault::Answer(answer) => {
                    state.log.push(plain(&call));
                    return answer;
                }
                Fault::PushBefore(files) => {
                    let full_name = segments(request).get(1..3).expect("repository").join("/");
                    state.push(&full_name, &files);
                }
                Fault::LostAnswer | Fault::LostRequest => unreachable!("matched before"),
            }
        }
        let (status, body) = state.answer(request);
        let answer = ResponseTemplate::new(status).set_body_json(&body);
        match body.get("url") {
            Some(Value::String(url)) if status == 301 => {
                answer.insert_header("location", url.as_str())
            }
            _ => answer,
        }
    }
}

fn call(request: &Request) -> String {
    format!("{} {}", request.method, request.url.path())
}

/// The call with the ids of objects left out.
fn plain(call: &str) -> String {
    let is_id = |part: &str| part.len() == 40 && part.bytes().all(|b| b.is_ascii_hexdigit());
    let parts: Vec<&str> = call
        .split('/')
        .map(|part| if is_id(part) { "{sha}" } else { part })
        .collect();
    parts.join("/")
}

fn segments(request: &Request) -> Vec<String> {
    let path = request.url.path().trim_start_matches('/');
    path.split('/').map(str::to_owned).collect()
}

fn refuse(status: u16, message: &str) -> (u16, Value) {
    (
        status,
        json!({"message": message, "status": status.to_string()}),
    )
}

impl State {
    fn folder(&self, full_name: &str) -> PathBuf {
        let id = &self.repositories[&full_name.to_lowercase()]["id"];
        self.folder.path().join(format!("{id}.git"))
    }

    fn answer(&mut self, request: &Request) -> (u16, Value) {
        self.log.push(plain(&call(request)));
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        self.bodies.push(body.clone());
        let parts = segments(request);
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["user"]) => (200, json!({"login": "ann", "id": 7})),
            ("POST", ["user", "repos"]) => self.create("ann", &body),
            ("POST", ["orgs", owner, "repos"]) => self.create(owner, &body),
            ("GET", ["repos", owner, name]) => self.show(&format!("{owner}/{name}")),
            ("GET", ["repositories", id]) => self
                .repositories
                .values()
                .find(|one| one["id"].as_u64() == id.parse().ok())
                .map_or_else(|| refuse(404, "Not Found"), |one| (200, one.clone())),
            (method, ["repos", owner, name, "git", rest @ ..]) => {
                let full_name = format!("{owner}/{name}").to_lowercase();
                if !self.repositories.contains_key(&full_name) {
                    return refuse(404, "Not Found");
                }
                let folder = self.folder(&full_name);
                match (method, rest) {
                    ("GET", ["ref", "heads", branch @ ..]) => show_ref(&folder, &branch.join("/")),
                    ("GET", ["commits", sha]) => show_commit(&folder, sha),
                    ("POST", ["trees"]) => self.make_tree(&folder, &body),
                    ("POST", ["commits"]) => make_commit(&folder, &body),
                    ("PATCH", ["refs", "heads", branch @ ..]) => {
                        move_ref(&folder, &branch.join("/"), &body)
                    }
                    _ => refuse(404, "Not Found"),
                }
            }
            _ => refuse(404, "Not Found"),
        }
    }

    fn create(&mut self, owner: &str, body: &Value) -> (u16, Value) {
        let name = body["name"].as_str().expect("name");
        let full_name = format!("{owner}/{name}");
        let key = full_name.to_lowercase();
        if self.repositories.contains_key(&key) {
            return (
                422,
                json!({"message": "Repository creation failed.", "errors": [{
                    "resource": "Repository", "code": "custom", "field": "name",
                    "message": "name already exists on this account"}], "status": "422"}),
            );
        }
        self.created += 1;
        let repository = json!({
            "id": 1000 + self.created, "name": name, "full_name": full_name,
            "owner": {"login": owner, "id": 7}, "private": body["private"],
            "html_url": format!("https://github.com/{full_name}"),
            "clone_url": format!("https://github.com/{full_name}.git"),
            "homepage": body["homepage"], "description": body["description"],
            "default_branch": "main", "size": 0, "permissions": {"push": true},
        });
        self.repositories.insert(key, repository.clone());
        let folder = self.folder(&full_name);
        std::fs::create_dir(&folder).expect("folder");
        git(&folder, &["init", "-q", "--bare", "-b", "main", "."], "");
        self.push(&full_name, &[("README.md", "# demo\n")]);
        (201, repository)
    }

    fn show(&self, full_name: &str) -> (u16, Value) {
        if let Some(id) = self.renamed.get(&full_name.to_lowercase()) {
            let url = format!("/repositories/{id}");
            return (301, json!({"message": "Moved Permanently", "url": url}));
        }
        match self.repositories.get(&full_name.to_lowercase()) {
            Some(repository) => (200, repository.clone()),
            None => refuse(404, "Not Found"),
        }
    }

    fn rename(&mut self, full_name: &str, name: &str) {
        let key = full_name.to_lowercase();
        let mut repository = self.repositories.remove(&key).expect("exists");
        let owner = repository["owner"]["login"]
            .as_str()
            .expect("owner")
            .to_owned();
        self.renamed.insert(key, repository["id"].to_string());
        repository["name"] = json!(name);
        repository["full_name"] = json!(format!("{owner}/{name}"));
        self.repositories
            .insert(format!("{owner}/{name}").to_lowercase(), repository);
    }

    /// Commits files on top of `main`, replacing everything, as somebody else.
    fn push(&self, full_name: &str, files: &[(&str, &str)]) {
        let folder = self.folder(full_name);
        let entries: Vec<Value> = files
            .iter()
            .map(|(path, content)| json!({"path": path, "mode": "100644", "content": content}))
            .collect();
        let tree = write_tree(&folder, &entries, None).expect("tree");
        let head = try_git(&folder, &["rev-parse", "-q", "--verify", "main"], "", &[]);
        let parents: Vec<&str> = head.iter().map(String::as_str).collect();
        let commit = commit_tree(&folder, &tree, &parents, SOMEBODY, "Somebody's commit");
        git(&folder, &["update-ref", "refs/heads/main", &commit], "");
    }

    fn make_tree(&self, folder: &Path, body: &Value) -> (u16, Value) {
        let entries = body["tree"].as_array().expect("tree");
        if entries.len() > self.tree_entries_max {
            return refuse(
                422,
                "Sorry, your request timed out.  It's likely that your input was too large to \
                 process.  Consider building the tree incrementally, or building the commits you \
                 need in a local clone of the repository and then pushing them to GitHub.",
            );
        }
        match write_tree(folder, entries, body.get("base_tree").map(text)) {
            Ok(tree) => (201, json!({"sha": tree, "tree": [], "truncated": false})),
            Err(error) => refuse(422, &error),
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn write_tree(folder: &Path, entries: &[Value], base: Option<&str>) -> Result<String, String> {
    let scratch = tempfile::tempdir().expect("tempdir");
    let index = scratch.path().join("index");
    let variables = [("GIT_INDEX_FILE", index.to_str().expect("utf-8"))];
    let read = ["read-tree", base.unwrap_or("--empty")];
    try_git(folder, &read, "", &variables)?;
    let mut paths = String::new();
    for (at, entry) in entries.iter().enumerate() {
        let file = scratch.path().join(format!("{at}"));
        std::fs::write(&file, text(&entry["content"])).expect("write");
        paths.push_str(&format!("{}\n", file.display()));
    }
    let blobs = try_git(folder, &["hash-object", "-w", "--stdin-paths"], &paths, &[])?;
    let lines: String = entries
        .iter()
        .zip(blobs.lines())
        .map(|(entry, blob)| {
            format!(
                "{} {blob}\t{}\n",
                text(&entry["mode"]),
                text(&entry["path"])
            )
        })
        .collect();
    try_git(
        folder,
        &["update-index", "--index-info"],
        &lines,
        &variables,
    )?;
    try_git(folder, &["write-tree"], "", &variables)
}

fn show_ref(folder: &Path, branch: &str) -> (u16, Value) {
    let name = format!("refs/heads/{branch}");
    match try_git(folder, &["rev-parse", "-q", "--verify", &name], "", &[]) {
        Ok(sha) => (
            200,
            json!({"ref": name, "object": {"sha": sha, "type": "commit"}}),
        ),
        Err(_) => refuse(404, "Not Found"),
    }
}

fn show_commit(folder: &Path, sha: &str) -> (u16, Value) {
    match try_git(folder, &["show", "-s", "--format=%T %P", sha], "", &[]) {
        Ok(line) => {
            let mut ids = line.split_whitespace();
            let tree = ids.next().expect("tree");
            let parents: Vec<Value> = ids.map(|id| json!({"sha": id})).collect();
            (
                200,
                json!({"sha": sha, "tree": {"sha": tree}, "parents": parents}),
            )
        }
        Err(_) => refuse(404, "Not Found"),
    }
}

fn make_commit(folder: &Path, body: &Value) -> (u16, Value) {
    assert_eq!(body["author"], body["committer"], "one signature");
    let author = &body["author"];
    let parents: Vec<&str> = body["parents"]
        .as_array()
        .expect("parents")
        .iter()
        .map(text)
        .collect();
    let by = (
        text(&author["name"]),
        text(&author["email"]),
        text(&author["date"]),
    );
    assert!(by.2.ends_with('Z'), "a date of zone 0: {}", by.2);
    let sha = commit_tree(
        folder,
        text(&body["tree"]),
        &parents,
        by,
        text(&body["message"]),
    );
    (
        201,
        json!({"sha": sha, "verification": {"verified": false}}),
    )
}

fn move_ref(folder: &Path, branch: &str, body: &Value) -> (u16, Value) {
    assert_eq!(body["force"], json!(false), "a branch only moves forward");
    let new = text(&body["sha"]);
    let name = format!("refs/heads/{branch}");
    let Ok(old) = try_git(folder, &["rev-parse", "-q", "--verify", &name], "", &[]) else {
        return refuse(422, "Reference does not exist");
    };
    let forward = ["merge-base", "--is-ancestor", &old, new];
    if try_git(folder, &forward, "", &[]).is_err() {
        return refuse(422, "Update is not a fast forward");
    }
    git(folder, &["update-ref", &name, new, &old], "");
    (200, json!({"ref": name, "object": {"sha": new}}))
}
