//! Exchanges with api.github.com that others recorded, replayed through this client: it has to
//! send the recorded request to be given the recorded answer. Plain data of `hub4j/github-api`
//! (`GHTreeBuilderTest`, `GHPullRequestTest`, `AppTest`; MIT), `@octokit/fixtures` 23.1.2 (MIT) and
//! `PyGithub` 2.10.0; tokens are removed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use wiremock::matchers::{body_json, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::openapi::{answer_problems, request_problems};
use super::settings;
use crate::client::Call;
use crate::object::{Files, Leaf, Sha, commit_sha, tree_sha};
use crate::wire::{
    CommitAnswer, CreateBlob, CreateCommit, CreateRef, InstallationAnswer, MoveRef, Object,
    PublicKeyAnswer, PullAnswer, PutVariable, RefAnswer, ReplaceTopics, RepositoryAnswer,
    Signature, TokenAnswer, TreeAnswer,
};
use crate::{Client, Identity, PullState};

const TREES: &str = include_str!("../../fixtures/tree_builder.json");
const REPOSITORIES: &str = include_str!("../../fixtures/repositories.json");
const PULLS: &str = include_str!("../../fixtures/pulls.json");
const OTHERS: &str = include_str!("../../fixtures/actions_and_apps.json");

/// What GitHub has added to its answers since the oldest of the recordings.
const NEWER: [&str; 6] = [
    "has_discussions",
    "verified_at",
    "auto_merge",
    "client_id",
    "allow_forking",
    "web_commit_signoff_required",
];

#[derive(Clone, Deserialize)]
struct Exchange {
    method: String,
    path: String,
    request: Value,
    status: u16,
    answer: Value,
}

fn recorded(file: &str) -> BTreeMap<String, Vec<Exchange>> {
    serde_json::from_str(file).expect("fixture")
}

/// Sends the call to a server that knows only this exchange.
async fn replay<B, T>(exchange: &Exchange, call: Call<'_, B>) -> T
where
    B: serde::Serialize + Sync + ?Sized,
    T: DeserializeOwned,
{
    let server = MockServer::start().await;
    let mut answer = ResponseTemplate::new(exchange.status);
    if !exchange.answer.is_null() {
        answer = answer.set_body_json(&exchange.answer);
    }
    let plain = exchange.path.split('?').next().expect("path");
    let mut mock = Mock::given(method(exchange.method.as_str())).and(path(plain));
    if !exchange.request.is_null() {
        mock = mock.and(body_json(&exchange.request));
    }
    mock.respond_with(answer).expect(1).mount(&server).await;
    let client = Client::new(settings(&server.uri())).expect("client");
    let told = format!("{} {}", exchange.method, exchange.path);
    client.once(&call).await.expect(&told)
}

#[test]
fn recordings_fit_the_description() {
    let mut found = Vec::new();
    for file in [TREES, REPOSITORIES, OTHERS] {
        for exchange in recorded(file).into_values().flatten() {
            let Exchange {
                method,
                path,
                request,
                status,
                answer,
            } = exchange;
            // The old spelling of `git/ref`, and the renaming itself, are not ours.
            if path.contains("/git/refs/heads/") && method == "GET" {
                continue;
            }
            found.extend(request_problems(&method, &path, &request));
            found.extend(answer_problems(&method, &path, status, &answer));
        }
    }
    let pulls: BTreeMap<String, Exchange> = serde_json::from_str(PULLS).expect("fixture");
    for one in pulls.values() {
        found.extend(request_problems(&one.method, &one.path, &one.request));
        found.extend(answer_problems(
            &one.method,
            &one.path,
            one.status,
            &one.answer,
        ));
    }
    found.retain(|text| !NEWER.iter().any(|newer| text.contains(newer)));
    assert!(found.is_empty(), "{found:#?}");
}

/// Three flows of branch, tree, blobs, tree, commit and branch: adding, adding by id, deleting.
/// All ids GitHub answered are those computed here.
#[tokio::test]
async fn recorded_commits_have_the_ids_computed_here() {
    let mut commits = Vec::new();
    for flow in recorded(TREES).into_values() {
        let mut files = Files::new();
        for exchange in &flow {
            let request = &exchange.request;
            let end = exchange.path.rsplit_once("/git/").expect("git").1;
            match (exchange.method.as_str(), end) {
                ("GET", end) if end.starts_with("trees/main") => {
                    files = all(&replay(exchange, Call::get(&exchange.path)).await);
                }
                // Only the root level; the files are known from before.
                ("GET", end) if end.starts_with("trees/") => {
                    let _: TreeAnswer = replay(exchange, Call::get(&exchange.path)).await;
                }
                ("GET", _) => {
                    let _: RefAnswer = replay(exchange, Call::get(&exchange.path)).await;
                }
                ("POST", "blobs") => {
                    let body = CreateBlob {
                        content: text(&request["content"]),
                        encoding: "base64",
                    };
                    let _: Object = replay(exchange, Call::post(&exchange.path, &body)).await;
                }
                ("POST", "trees") => {
                    // Its `base_tree` is a commit, which has the files read before.
                    change(&mut files, request);
                    let made: Object = replay(exchange, Call::post(&exchange.path, request)).await;
                    assert_eq!(made.sha, tree_sha(&files));
                }
                ("POST", "commits") => {
                    let made = replay_commit(exchange).await;
                    assert_eq!(made.tree.sha, tree_sha(&files));
                    commits.push(made.sha.to_string());
                }
                ("PATCH", _) => {
                    let sha = id(&request["sha"]);
                    let body = MoveRef { sha, force: false };
                    let moved: RefAnswer =
                        replay(exchange, Call::patch(&exchange.path, &body)).await;
                    assert_eq!(moved.object.sha, sha);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let expected = [
        "466725309d43aa6fe6cb67f8f4161451d627b43f",
        "7e888a1cd95c3caf31a16ff21751a06a7feb039f",
        "7f9b11d9512f639acc6d48439621026cf8410f3a",
        "8af300ad970512322542d934bcb7717a07dc6145",
    ];
    assert_eq!(commits, expected);
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn id(value: &Value) -> Sha {
    text(value).parse().expect("id")
}

fn all(tree: &TreeAnswer) -> Files {
    let leaf = |entry: &crate::wire::TreeAnswerEntry| {
        let (mode, sha) = (entry.mode, entry.sha);
        (entry.path.clone(), Leaf { mode, sha })
    };
    tree.tree.iter().map(leaf).collect()
}

fn change(files: &mut Files, request: &Value) {
    for entry in request["tree"].as_array().expect("entries") {
        let path = text(&entry["path"]).to_owned();
        if entry["sha"].is_null() {
            files.remove(&path);
        } else {
            let mode = serde_json::from_value(entry["mode"].clone()).expect("mode");
            let sha = id(&entry["sha"]);
            files.insert(path, Leaf { mode, sha });
        }
    }
}

async fn replay_commit(exchange: &Exchange) -> CommitAnswer {
    let request = &exchange.request;
    let who = |role: &str| Identity {
        name: text(&request[role]["name"]).to_owned(),
        email: text(&request[role]["email"]).to_owned(),
        date_unix: text(&request[role]["date"])
            .parse::<jiff::Timestamp>()
            .expect("date")
            .as_second(),
    };
    let signature = |role: &str| Signature {
        name: text(&request[role]["name"]),
        email: text(&request[role]["email"]),
        date: text(&request[role]["date"]),
    };
    let (tree, parent) = (id(&request["tree"]), id(&request["parents"][0]));
    let message = text(&request["message"]);
    let body = CreateCommit {
        message,
        tree,
        parents: [parent],
        author: signature("author"),
        committer: signature("committer"),
    };
    let made: CommitAnswer = replay(exchange, Call::post(&exchange.path, &body)).await;
    let (author, committer) = (who("author"), who("committer"));
    let expected = commit_sha(tree, &[parent], &author, &committer, message);
    assert_eq!(made.sha, expected);
    assert_eq!(made.author.date.as_second(), author.date_unix);
    made
}

#[tokio::test]
async fn recorded_repositories_and_refs_are_understood() {
    let recorded = recorded(REPOSITORIES);
    for flow in ["renamed", "existing", "personal"] {
        for exchange in recorded[flow].iter().filter(|one| one.status < 300) {
            let found: RepositoryAnswer = match exchange.method.as_str() {
                "GET" => replay(exchange, Call::get(&exchange.path)).await,
                _ => replay(exchange, Call::post(&exchange.path, &exchange.request)).await,
            };
            assert!(!found.archived);
            assert!(found.full_name.ends_with(&found.name));
        }
    }
    let [made, moved] = recorded["refs"].as_slice() else {
        panic!("two");
    };
    let sha = id(&made.request["sha"]);
    let body = CreateRef {
        r#ref: text(&made.request["ref"]),
        sha,
    };
    let answer: RefAnswer = replay(made, Call::post(&made.path, &body)).await;
    assert_eq!(answer.object.sha, sha);
    let answer: RefAnswer = replay(moved, Call::patch(&moved.path, &moved.request)).await;
    assert_eq!(answer.object.sha, id(&moved.request["sha"]));
}

/// A renamed repository answers 301 with its number, and is found there.
#[tokio::test]
async fn recorded_renaming_is_followed() {
    let renamed = recorded(REPOSITORIES).remove("renamed").expect("recorded");
    let server = MockServer::start().await;
    for exchange in renamed.iter().filter(|one| one.method == "GET") {
        let mut answer = ResponseTemplate::new(exchange.status).set_body_json(&exchange.answer);
        if exchange.status == 301 {
            let to = text(&exchange.answer["url"]).trim_start_matches("https://api.github.com");
            answer = answer.insert_header("location", to);
        }
        Mock::given(method("GET"))
            .and(path(exchange.path.as_str()))
            .respond_with(answer)
            .expect(1)
            .mount(&server)
            .await;
    }
    let moved = renamed.iter().find(|one| one.status == 301).expect("301");
    let old = moved.path.trim_start_matches("/repos/");
    let client = Client::new(settings(&server.uri())).expect("client");
    let found = client.existing_repository(old).await.expect("found");
    assert_eq!(found.full_name, format!("{old}-newname"));
}

#[tokio::test]
async fn recorded_pull_requests_are_understood() {
    let pulls: BTreeMap<String, Exchange> = serde_json::from_str(PULLS).expect("fixture");
    let one = &pulls["opened"];
    let opened: PullAnswer = replay(one, Call::post(&one.path, &one.request)).await;
    assert_eq!(
        (opened.number, opened.title.as_str()),
        (272, "closePullRequest")
    );
    assert_eq!(crate::Opened::from(opened).state, PullState::Open);
    let one = &pulls["updated"];
    let updated: PullAnswer = replay(one, Call::patch(&one.path, &one.request)).await;
    assert_eq!(crate::Opened::from(updated).state, PullState::Closed);
    let one = &pulls["listed"];
    let listed: Vec<PullAnswer> = replay(one, Call::get(&one.path)).await;
    assert_eq!(listed.len(), 1);
}

#[tokio::test]
async fn recorded_actions_and_apps_are_understood() {
    let recorded = recorded(OTHERS);
    let [key, put] = recorded["secrets"].as_slice() else {
        panic!("two");
    };
    let key: PublicKeyAnswer = replay(key, Call::get(&key.path)).await;
    assert_eq!(key.key_id, put.request["key_id"]);
    let _: Value = replay(put, Call::put(&put.path, &put.request)).await;
    for exchange in &recorded["variables"] {
        let body = PutVariable {
            name: text(&exchange.request["name"]),
            value: text(&exchange.request["value"]),
        };
        let _: Value = match exchange.method.as_str() {
            "POST" => replay(exchange, Call::post(&exchange.path, &body)).await,
            _ => replay(exchange, Call::patch(&exchange.path, &body)).await,
        };
    }
    let topics = &recorded["topics"][0];
    let names = ["github".to_owned(), "testing".to_owned()];
    let body = ReplaceTopics { names: &names };
    let _: Value = replay(topics, Call::put(&topics.path, &body)).await;
    let token = &recorded["token"][0];
    let token: TokenAnswer = replay(token, Call::post(&token.path, &token.request)).await;
    assert_eq!(token.expires_at.to_string(), "2024-11-25T01:00:02Z");
    for (who, kind) in [("person", "User"), ("organization", "Organization")] {
        let found = &recorded[who][0];
        let found: InstallationAnswer = replay(found, Call::get(&found.path)).await;
        assert_eq!(found.target_type, kind);
    }
}
