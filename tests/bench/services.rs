//! The outside services of the measured shape, in a process of its own: xAI plans eight
//! assignments without dependencies and approves everything, Anthropic's agents take three turns
//! each, and GitHub takes one commit. What counts as a call of the shape is answered [`LATENCY`]
//! later; everything else at once.
//!
//! They look at no more than an answer takes, unlike the stand-ins of `local`: what is measured
//! is the orchestrator, not them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Read as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use futures::stream;
use serde_json::{Value, json};
use sha1_smol::Sha1;

/// How long each call of the shape takes.
pub(crate) const LATENCY: Duration = Duration::from_millis(50);

/// Calls that take their time at once.
const CALLS_MAX: usize = 1_024;

/// When a call came in. Declared before what reads the call: that is part of the time it takes.
pub(crate) struct Arrived(Instant);

impl Arrived {
    /// Just now.
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }
}

impl<S: Sync> FromRequestParts<S> for Arrived {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::now())
    }
}

/// Returns [`LATENCY`] after a call came in, to a tenth of a millisecond: the runtime's own timer
/// would round it up by as much as a whole one, which a task with seven calls in a row would be
/// charged with.
pub(crate) async fn pass_latency(Arrived(arrived): Arrived) {
    #[expect(
        clippy::disallowed_methods,
        reason = "on a thread of its own, and it is what is measured"
    )]
    let slept = tokio::task::spawn_blocking(move || {
        std::thread::sleep(LATENCY.saturating_sub(arrived.elapsed()));
    });
    // Fails only when the runtime stops: then nobody waits.
    let _ = slept.await;
}

/// Where the branch of a new repository points.
const FIRST_COMMIT: &str = "1111111111111111111111111111111111111111";
const MODE_TREE: &str = "40000";

/// Serves until standard input ends. Prints its port.
pub(crate) fn serve(mut words: impl Iterator<Item = String>) -> anyhow::Result<ExitCode> {
    let agents: usize = words.next().context("services AGENTS")?.parse()?;
    let plan = Arc::new(plan(agents).to_string());
    let app = Router::new()
        .route(
            "/v1/responses",
            post(move |arrived: Arrived, Json(body): Json<Value>| {
                respond(arrived, plan.clone(), body)
            }),
        )
        .route("/v1/messages", post(message))
        .route("/user/repos", post(create_repository))
        .route("/repos/{owner}/{name}/git/ref/heads/main", get(head))
        .route("/repos/{owner}/{name}/git/trees", post(create_tree))
        .route("/repos/{owner}/{name}/git/commits", post(create_commit))
        .route(
            "/repos/{owner}/{name}/git/refs/heads/main",
            patch(move_head),
        );
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(CALLS_MAX)
        .build()?
        .block_on(async {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
            println!("{}", listener.local_addr()?.port());
            // As a service's load balancer does: else an answer's last piece waits for 40 ms where
            // calls follow each other quickly.
            let listener = listener.tap_io(|connection| {
                let _ = connection.set_nodelay(true);
            });
            let ended =
                tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
            tokio::select! {
                served = axum::serve(listener, app) => served?,
                ended = ended => { ended??; }
            }
            Ok(ExitCode::SUCCESS)
        })
}

/// A plan of `agents` assignments, each of which owns one file.
fn plan(agents: usize) -> Value {
    let assignments: Vec<Value> = (1..=agents)
        .map(|number| {
            json!({
                "id": format!("part-{number}"), "title": format!("Part {number}"), "type": "frontend",
                "specialization": "HTML", "estimate": "1 minutes", "priority": 1,
                "objective": "Write the file.", "depends_on": [], "owns": [path(number)],
                "may_read": [], "contracts": [], "out_of_scope": [], "size": "S",
                "acceptance": [{"id": format!("part-{number}-1"), "check": "The file exists."}],
            })
        })
        .collect();
    json!({
        "refused": "", "project_name": "measured", "summary": "Files side by side.", "risks": [],
        "stack": {"language": "HTML", "framework": "none", "build_command": "", "test_command": "",
            "output_dir": ".", "appwrite_kind": "static-site"},
        "shared_files": [], "contracts": [], "tables": [], "functions": [],
        "assignments": assignments,
    })
}

fn path(number: usize) -> String {
    match number {
        1 => "index.html".to_owned(),
        _ => format!("part-{number}.html"),
    }
}

/// `POST /v1/responses`: the plan, or an approval. The shape has one review call, so the look at the
/// whole, which follows those at the assignments, is answered at once.
async fn respond(arrived: Arrived, plan: Arc<String>, body: Value) -> Response {
    let text = match body["text"]["format"]["name"].as_str() {
        Some("plan") => plan.as_str().to_owned(),
        Some("review") => approval(&body).to_string(),
        _ => json!({"contracts": [], "findings": [], "earlier": [], "overall": "approve", "confidence": "high"})
            .to_string(),
    };
    let part = json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
    let message = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]});
    let answer = Json(json!({
        "id": "resp_1", "object": "response", "created_at": 1, "completed_at": 1,
        "model": body["model"], "status": "completed", "incomplete_details": null, "error": null,
        "output": [message],
        "usage": {"input_tokens": 1000, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 100,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 1100, "num_sources_used": 0,
            "num_server_side_tools_used": 0, "cost_in_usd_ticks": 1_000_000},
        "store": false,
    }));
    let answer = answer.into_response();
    if body["text"]["format"]["name"] != "integration" {
        pass_latency(arrived).await;
    }
    answer
}

/// Everything that was asked is met.
fn approval(body: &Value) -> Value {
    let texts = body["input"].as_array().into_iter().flatten();
    let request = texts
        .filter_map(|input| input["content"].as_str())
        .filter_map(|text| text.split_once("<review>")?.1.split_once("</review>"))
        .find_map(|(json, _)| serde_json::from_str::<Value>(json).ok())
        .unwrap_or_default();
    let acceptance = request["assignment"]["acceptance"].as_array();
    let criteria: Vec<Value> = acceptance
        .into_iter()
        .flatten()
        .map(|check| json!({"id": check["id"], "verdict": "met", "evidence": "index.html:1: it is there"}))
        .collect();
    json!({
        "criteria": criteria, "contract_violations": [], "findings": [], "scope_violations": [], "earlier": [],
        "injection_suspected": false, "overall": "approve", "confidence": "high",
    })
}

/// `POST /v1/messages`: looks around, writes the file, finishes. The stream begins at once, as
/// the real one does long before its end, and ends after the latency.
async fn message(arrived: Arrived, Json(body): Json<Value>) -> Response {
    let messages = body["messages"].as_array();
    let turns = messages
        .into_iter()
        .flatten()
        .filter(|message| message["role"] == "assistant")
        .count();
    let assignment = assignment(&body);
    let owned = assignment["owns"][0].as_str().unwrap_or_default();
    let (name, input) = match turns {
        0 => ("list_files", json!({"prefix": ""})),
        1 => (
            "write_file",
            json!({"path": owned, "content": format!("<!doctype html>\n<title>{owned}</title>\n<p>Measured.</p>\n")}),
        ),
        _ => ("finish", finish(&assignment, owned)),
    };
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"],
        "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 1000, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1}});
    let begun = event(&json!({"type": "message_start", "message": message}));
    let block =
        json!({"type": "tool_use", "id": format!("toolu_{turns}"), "name": name, "input": {}});
    let rest = [
        json!({"type": "content_block_start", "index": 0, "content_block": block}),
        json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": input.to_string()}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null},
            "usage": {"output_tokens": 100}}),
        json!({"type": "message_stop"}),
    ];
    let rest: String = rest.iter().map(event).collect();
    let later = async move {
        pass_latency(arrived).await;
        Ok::<_, Infallible>(rest)
    };
    let begun = stream::once(async { Ok::<_, Infallible>(begun) });
    let body = Body::from_stream(stream::StreamExt::chain(begun, stream::once(later)));
    ([("content-type", "text/event-stream")], body).into_response()
}

fn event(value: &Value) -> String {
    let name = value["type"].as_str().unwrap_or_default();
    format!("event: {name}\ndata: {value}\n\n")
}

/// The assignment as the conversation's first message tells it.
fn assignment(body: &Value) -> Value {
    let blocks = body["messages"][0]["content"].as_array();
    let texts = blocks.into_iter().flatten();
    texts
        .filter_map(|block| block["text"].as_str())
        .filter_map(|text| {
            text.split_once("<assignment>")?
                .1
                .split_once("</assignment>")
        })
        .find_map(|(json, _)| serde_json::from_str(json).ok())
        .unwrap_or_default()
}

fn finish(assignment: &Value, owned: &str) -> Value {
    let acceptance = assignment["acceptance"].as_array();
    let acceptance: Vec<Value> = acceptance
        .into_iter()
        .flatten()
        .map(|check| json!({"id": check["id"], "met": true, "evidence": "written"}))
        .collect();
    json!({"summary": "The file is written.", "files_changed": [owned], "acceptance": acceptance,
        "contract_change_request": "", "blocked_reason": ""})
}

/// `POST /user/repos`: the one call of a release that takes its time.
async fn create_repository(arrived: Arrived, Json(body): Json<Value>) -> Response {
    let name = body["name"].as_str().unwrap_or_default();
    let full_name = format!("bench/{name}");
    let repository = json!({
        "id": 1, "name": name, "full_name": full_name, "owner": {"login": "bench", "id": 1, "type": "User"},
        "private": body["private"], "default_branch": "main", "html_url": format!("http://127.0.0.1/{full_name}"),
        "clone_url": format!("http://127.0.0.1/{full_name}.git"), "homepage": body["homepage"],
        "topics": [], "archived": false, "permissions": {"push": true, "admin": true, "pull": true},
    });
    let answer = (StatusCode::CREATED, Json(repository)).into_response();
    pass_latency(arrived).await;
    answer
}

async fn head() -> Json<Value> {
    Json(reference(FIRST_COMMIT))
}

async fn move_head(Path(_): Path<(String, String)>, Json(body): Json<Value>) -> Json<Value> {
    Json(reference(body["sha"].as_str().unwrap_or_default()))
}

fn reference(sha: &str) -> Value {
    json!({"ref": "refs/heads/main", "object": {"type": "commit", "sha": sha}})
}

async fn create_tree(Json(body): Json<Value>) -> Response {
    let mut root = Tree::default();
    for entry in body["tree"].as_array().into_iter().flatten() {
        let text = |key: &str| entry[key].as_str().unwrap_or_default();
        let blob = object("blob", text("content").as_bytes());
        root.put(text("path"), text("mode"), blob);
    }
    let sha = hex(&root.id());
    (StatusCode::CREATED, Json(json!({"sha": sha, "tree": []}))).into_response()
}

async fn create_commit(body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let person = |role: &str| {
        let seconds = text(&body[role]["date"])
            .parse::<jiff::Timestamp>()
            .map_or(0, jiff::Timestamp::as_second);
        let (name, email) = (text(&body[role]["name"]), text(&body[role]["email"]));
        format!("{role} {name} <{email}> {seconds} +0000\n")
    };
    let content = format!(
        "tree {}\nparent {}\n{}{}\n{}",
        text(&body["tree"]),
        text(&body["parents"][0]),
        person("author"),
        person("committer"),
        text(&body["message"]),
    );
    let sha = hex(&object("commit", content.as_bytes()));
    (StatusCode::CREATED, Json(json!({"sha": sha}))).into_response()
}

/// A folder of git.
#[derive(Default)]
struct Tree {
    files: BTreeMap<String, (String, [u8; 20])>,
    folders: BTreeMap<String, Self>,
}

impl Tree {
    fn put(&mut self, path: &str, mode: &str, blob: [u8; 20]) {
        match path.split_once('/') {
            Some((folder, rest)) => self
                .folders
                .entry(folder.to_owned())
                .or_default()
                .put(rest, mode, blob),
            None => {
                self.files.insert(path.to_owned(), (mode.to_owned(), blob));
            }
        }
    }

    fn id(&self) -> [u8; 20] {
        // Git sorts a folder as if its name ended with a slash.
        let files = self.files.iter();
        let files = files.map(|(name, (mode, id))| (name.clone(), mode.as_str(), name, *id));
        let folders = self.folders.iter();
        let folders = folders.map(|(name, tree)| (format!("{name}/"), MODE_TREE, name, tree.id()));
        let mut entries: Vec<_> = files.chain(folders).collect();
        entries.sort();
        let mut content = Vec::new();
        for (_, mode, name, id) in entries {
            content.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            content.extend_from_slice(&id);
        }
        object("tree", &content)
    }
}

fn object(kind: &str, content: &[u8]) -> [u8; 20] {
    let mut hash = Sha1::new();
    hash.update(format!("{kind} {}\0", content.len()).as_bytes());
    hash.update(content);
    hash.digest().bytes()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
