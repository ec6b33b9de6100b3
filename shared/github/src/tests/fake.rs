//! A GitHub that keeps repositories in bare git repositories, with switches for faults.
//!
//! Every request it gets and every answer it gives is checked against GitHub's own description; it
//! shares no types with the client.

mod account;
mod actions;
mod git_data;
mod pulls;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use tempfile::TempDir;
use wiremock::matchers::any;
use wiremock::{Match, Mock, MockServer, Request, Respond, ResponseTemplate};

use super::git::git;
use super::openapi::{answer_problems, request_problems};

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
    /// Somebody renames the repository just before the request.
    RenameBefore(&'static str),
}

/// From which request on no connection works any more.
#[derive(Clone, Copy)]
pub(super) struct Crash {
    /// How many requests still work.
    pub(super) after: usize,
    /// Whether the next one still has its effect.
    pub(super) effect: bool,
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
    tokens: Vec<String>,
    /// What of requests and answers does not fit GitHub's description.
    problems: Vec<String>,
    repositories: HashMap<String, Value>,
    renamed: HashMap<String, String>,
    organizations: Vec<&'static str>,
    pulls: Vec<Value>,
    secrets: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
    minted: usize,
    faults: VecDeque<(String, Fault)>,
    crash: Option<Crash>,
    tree_entries_max: usize,
    created: u64,
}

impl Fake {
    pub(super) async fn start() -> Self {
        let state = Shared(Arc::new(Mutex::new(State {
            folder: tempfile::tempdir().expect("tempdir"),
            log: Vec::new(),
            bodies: Vec::new(),
            tokens: Vec::new(),
            problems: Vec::new(),
            repositories: HashMap::new(),
            renamed: HashMap::new(),
            organizations: vec!["team"],
            pulls: Vec::new(),
            secrets: BTreeMap::new(),
            variables: BTreeMap::new(),
            minted: 0,
            faults: VecDeque::new(),
            crash: None,
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

    /// What the requests named as their right, since the last call.
    pub(super) fn tokens(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().tokens)
    }

    /// The next request that starts with `call` meets this fault; faults of one call queue up.
    pub(super) fn fault(&self, call: &str, fault: Fault) {
        self.state.lock().faults.push_back((call.to_owned(), fault));
    }

    /// No fault is left: each one was met.
    pub(super) fn all_faults_met(&self) -> bool {
        self.state.lock().faults.is_empty()
    }

    /// From some request on no connection works, or again every one.
    pub(super) fn crash(&self, crash: Option<Crash>) {
        self.state.lock().crash = crash;
    }

    pub(super) fn tree_entries_max(&self, entries: usize) {
        self.state.lock().tree_entries_max = entries;
    }

    /// A repository somebody made before, with an initial commit.
    pub(super) fn existing(&self, owner: &str, name: &str, homepage: Option<&str>) {
        let body = json!({"name": name, "homepage": homepage, "private": false, "auto_init": true});
        self.state.lock().create(owner, &body);
    }

    /// Changes what the repository says of itself.
    pub(super) fn set(&self, full_name: &str, key: &str, value: Value) {
        let mut state = self.state.lock();
        let key_of = full_name.to_lowercase();
        let repository = state.repositories.get_mut(&key_of).expect("exists");
        repository[key] = value;
    }

    /// Somebody commits these files, and nothing else, to a branch; returns the commit.
    pub(super) fn push(&self, full_name: &str, branch: &str, files: &[(&str, &str)]) -> String {
        self.state.lock().push(full_name, branch, files)
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

    /// All pull requests, as GitHub answers them.
    pub(super) fn pulls(&self) -> Vec<Value> {
        self.state.lock().pulls.clone()
    }

    /// Somebody closes or merges a pull request.
    pub(super) fn end_pull(&self, number: u64, merged: bool) {
        self.state.lock().end_pull(number, merged);
    }

    /// The secrets in clear, as the repository's key opens them.
    pub(super) fn secrets(&self) -> BTreeMap<String, String> {
        self.state.lock().secrets.clone()
    }

    pub(super) fn variables(&self) -> BTreeMap<String, String> {
        self.state.lock().variables.clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let problems = std::mem::take(&mut self.state.lock().problems);
        if !std::thread::panicking() {
            assert!(problems.is_empty(), "{problems:#?}");
        }
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
        if let Some(crash) = state.crash {
            return state.crashes(crash, request);
        }
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
            Some((_, Fault::Answer(_) | Fault::PushBefore(_) | Fault::RenameBefore(_))) | None => {
                false
            }
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
            let full_name = || segments(request).get(1..3).expect("repository").join("/");
            match fault {
                Fault::Answer(answer) => {
                    state.log.push(plain(&call));
                    return answer;
                }
                Fault::PushBefore(files) => {
                    state.push(&full_name(), "main", &files);
                }
                Fault::RenameBefore(name) => state.rename(&full_name(), name),
                Fault::LostAnswer | Fault::LostRequest => unreachable!("matched before"),
            }
        }
        let (status, body) = state.answer(request);
        let mut answer = ResponseTemplate::new(status);
        if !body.is_null() {
            answer = answer.set_body_json(&body);
        }
        match body.get("url") {
            Some(Value::String(url)) if matches!(status, 301 | 307) => {
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
        json!({"message": message, "documentation_url": "https://docs.github.com/rest",
            "status": status.to_string()}),
    )
}

/// 422 with reasons, as `validation-error` describes it.
fn invalid(message: &str, resource: &str, field: &str, reason: &str) -> (u16, Value) {
    let mut body = refuse(422, message).1;
    body["errors"] = json!([
        {"resource": resource, "code": "custom", "field": field, "message": reason}]);
    (422, body)
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

impl State {
    /// Whether a request comes after the crash; the last one may still have its effect.
    fn crashes(&mut self, crash: Crash, request: &Request) -> bool {
        if crash.after > 0 {
            let after = crash.after - 1;
            self.crash = Some(Crash { after, ..crash });
            return false;
        }
        if crash.effect {
            self.answer(request);
            self.crash = Some(Crash {
                effect: false,
                ..crash
            });
        }
        true
    }

    fn answer(&mut self, request: &Request) -> (u16, Value) {
        self.log.push(plain(&call(request)));
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        self.bodies.push(body.clone());
        let token = request.headers.get("authorization").expect("a token");
        self.tokens.push(token.to_str().expect("text").to_owned());
        let method = request.method.as_str();
        let path = match request.url.query() {
            Some(query) => format!("{}?{query}", request.url.path()),
            None => request.url.path().to_owned(),
        };
        let (status, answer) = self.route(method, request, &body);
        let problems = request_problems(method, &path, &body);
        self.problems.extend(problems);
        let problems = answer_problems(method, &path, status, &answer);
        self.problems.extend(problems);
        (status, answer)
    }

    fn route(&mut self, method: &str, request: &Request, body: &Value) -> (u16, Value) {
        let parts = segments(request);
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match (method, parts.as_slice()) {
            ("GET", ["user"]) => (200, account::user("ann")),
            ("POST", ["user", "repos"]) => self.create("ann", body),
            ("POST", ["orgs", owner, "repos"]) => self.create_in(owner, body),
            ("GET", ["orgs", owner, "installation"]) => self.installation(owner, "Organization"),
            ("GET", ["users", owner, "installation"]) => self.installation(owner, "User"),
            ("POST", ["app", "installations", id, "access_tokens"]) => self.mint(id),
            ("GET", ["repos", owner, name]) => self.show(&format!("{owner}/{name}")),
            ("GET", ["repositories", id]) => self
                .repositories
                .values()
                .find(|one| one["id"].as_u64() == id.parse().ok())
                .map_or_else(|| refuse(404, "Not Found"), |one| (200, one.clone())),
            (method, ["repos", owner, name, rest @ ..]) => {
                let full_name = format!("{owner}/{name}").to_lowercase();
                if let Some(id) = self.renamed.get(&full_name) {
                    let url = format!("/repositories/{id}/{}", rest.join("/"));
                    let status = if method == "GET" { 301 } else { 307 };
                    return (status, json!({"message": "Moved Permanently", "url": url}));
                }
                self.inside(method, &full_name, rest, request, body)
            }
            (method, ["repositories", id, rest @ ..]) => {
                let found = self
                    .repositories
                    .iter()
                    .find(|(_, one)| one["id"].as_u64() == id.parse().ok());
                let full_name = found.map(|(name, _)| name.clone()).unwrap_or_default();
                self.inside(method, &full_name, rest, request, body)
            }
            _ => refuse(404, "Not Found"),
        }
    }

    fn inside(
        &mut self,
        method: &str,
        full_name: &str,
        rest: &[&str],
        request: &Request,
        body: &Value,
    ) -> (u16, Value) {
        let Some(repository) = self.repositories.get(full_name) else {
            return refuse(404, "Not Found");
        };
        if repository["archived"] == true && method != "GET" {
            return refuse(403, "Repository was archived so is read-only.");
        }
        match (method, rest) {
            ("PUT", ["topics"]) => self.put_topics(full_name, body),
            (method, ["git", rest @ ..]) => self.git_data(method, full_name, rest, body),
            (method, ["pulls", rest @ ..]) => self.pull(method, full_name, rest, request, body),
            (method, ["actions", rest @ ..]) => self.action(method, rest, body),
            _ => refuse(404, "Not Found"),
        }
    }
}
