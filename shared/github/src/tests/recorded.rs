//! An exchange with api.github.com of 2026-08-20: one commit with two files through the git data
//! API. Plain data of `PyGithub` 2.10.0's recording `GitRef.testExample`; names and addresses of
//! committers, signatures and most headers are removed.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{TOKEN, settings};
use crate::Client;
use crate::client::Call;
use crate::object::{Files, Leaf, Mode, Sha, blob_sha, hash_tree, tree_sha};
use crate::wire::{
    CommitAnswer, CreateTree, Object, RefAnswer, RepositoryAnswer, TreeAnswer, TreeEntry, What,
};
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const TREE: &str = "cd35ead57f01b3170fd0e0a67e470b759454dc60";
const COMMIT: &str = "56e0c116bc2e43d75418457b4874d20a95c46ff0";
const PARENT: &str = "162ce9d0ed69b9e4950c92e1896ab3539a9cba1a";

#[derive(Deserialize)]
struct Exchange {
    method: String,
    path: String,
    request: Value,
    status: u16,
    answer: Value,
}

fn exchanges() -> Vec<Exchange> {
    serde_json::from_str(include_str!("../../fixtures/git_ref_example.json")).expect("fixture")
}

fn exchange(method: &str, end: &str) -> Exchange {
    exchanges()
        .into_iter()
        .find(|one| one.method == method && one.path.ends_with(end))
        .expect("recorded")
}

fn answer<T: DeserializeOwned>(method: &str, end: &str) -> T {
    serde_json::from_value(exchange(method, end).answer).expect("shape")
}

#[test]
fn recorded_answers_are_understood() {
    let repository: RepositoryAnswer = answer("GET", "/PyGithub");
    assert_eq!(repository.full_name, "EnricoMi/PyGithub");
    assert_eq!(repository.id, 446_365_735);
    let head: RefAnswer = answer("GET", "/git/ref/heads/commit-with-multiple-files");
    assert_eq!(head.object.sha.to_string(), PARENT);
    let tree: Object = answer("POST", "/git/trees");
    assert_eq!(tree.sha.to_string(), TREE);
    let made: CommitAnswer = answer("POST", "/git/commits");
    assert_eq!(made.sha.to_string(), COMMIT);
    assert_eq!(made.tree.sha.to_string(), TREE);
    assert_eq!(
        made.parents.first().expect("parent").sha.to_string(),
        PARENT
    );
    let moved: RefAnswer = answer("PATCH", "/git/refs/heads/commit-with-multiple-files");
    assert_eq!(moved.object.sha.to_string(), COMMIT);
}

/// The recorded tree is the parent's root plus a folder `path` made from the inline contents.
#[test]
fn recorded_tree_id_is_computed_exactly() {
    let base: TreeAnswer = answer("GET", &format!("/git/trees/{PARENT}"));
    let leaf = |content: &str| Leaf {
        mode: Mode::FILE,
        sha: blob_sha(content.as_bytes()),
    };
    let folder = tree_sha(&Files::from([
        ("to/file_one.txt".to_owned(), leaf("content of file one")),
        ("to/file_two.txt".to_owned(), leaf("content of file two")),
    ]));
    let mut entries: Vec<(&str, Leaf)> = base
        .tree
        .iter()
        .map(|entry| {
            let (mode, sha) = (entry.mode, entry.sha);
            (entry.path.as_str(), Leaf { mode, sha })
        })
        .collect();
    let (mode, sha) = (Mode::FOLDER, folder);
    entries.push(("path", Leaf { mode, sha }));
    assert_eq!(hash_tree(entries).to_string(), TREE);
}

/// The same request as recorded, sent by this client, is answered with the recorded tree.
#[tokio::test]
async fn recorded_tree_request_is_what_we_send() {
    let recorded = exchange("POST", "/git/trees");
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path(recorded.path.as_str()))
        .and(body_json(&recorded.request))
        .and(header("accept", "application/vnd.github+json"))
        .and(header("x-github-api-version", "2022-11-28"))
        .and(header("authorization", format!("Bearer {TOKEN}").as_str()))
        .respond_with(ResponseTemplate::new(recorded.status).set_body_json(&recorded.answer))
        .expect(1)
        .mount(&server)
        .await;
    let entry = |path, content| TreeEntry {
        path,
        mode: Mode::FILE,
        r#type: "blob",
        what: What::Content(content),
    };
    let body = CreateTree {
        tree: vec![
            entry("path/to/file_one.txt", "content of file one"),
            entry("path/to/file_two.txt", "content of file two"),
        ],
        base_tree: Some(PARENT.parse::<Sha>().expect("id")),
    };
    let client = Client::new(settings(&server.uri())).expect("client");
    let tree: Object = client
        .once(&Call::post(&recorded.path, &body))
        .await
        .expect("answer");
    assert_eq!(tree.sha.to_string(), TREE);
    assert_eq!(client.requests(), 1);
}

#[test]
fn unknown_and_missing_fields_do_no_harm() {
    let full: RefAnswer = serde_json::from_value(json!({
        "object": {"sha": TREE, "new": [1]}, "later": {"a": null}
    }))
    .expect("tolerant");
    assert_eq!(full.object.sha.to_string(), TREE);
}
