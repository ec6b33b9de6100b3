//! Publishing: the exact requests, and what real git finds afterwards.

use serde_json::json;
use wiremock::ResponseTemplate;

use super::fake::{Fake, Fault};
use super::{client, commit, delete, file, new_repository, script};
use crate::commit::apply;
use crate::object::{Files, tree_sha};
use crate::{Client, Commit, Error, Published, Repository, Retry};

const CREATE: &str = "POST /user/repos";
const REF: &str = "GET /repos/ann/demo/git/ref/heads/main";
const HEAD: &str = "GET /repos/ann/demo/git/commits/{sha}";
const FILES: &str = "GET /repos/ann/demo/git/trees/{sha}";
const TREE: &str = "POST /repos/ann/demo/git/trees";
const COMMIT: &str = "POST /repos/ann/demo/git/commits";
const MOVE: &str = "PATCH /repos/ann/demo/git/refs/heads/main";

/// A fake with a new repository, whose requests are forgotten.
async fn ready() -> (Fake, Client, Repository) {
    let fake = Fake::start().await;
    let client = client(&fake);
    let repository = client
        .ensure_repository(&new_repository())
        .await
        .expect("made");
    fake.taken();
    (fake, client, repository)
}

/// Checks the branch with git: our commit on top, exactly our files in it.
fn check(fake: &Fake, commit: &Commit, published: Published) {
    let git = |arguments: &[&str]| fake.git("ann/demo", arguments);
    assert_eq!(
        git(&["rev-parse", "main"]),
        published.commit_sha.to_string()
    );
    assert_eq!(
        git(&["rev-parse", "main^{tree}"]),
        published.tree_sha.to_string()
    );
    let parent = published.parent_sha.expect("parent").to_string();
    assert_eq!(git(&["rev-parse", "main^"]), parent);
    let files = apply(&Files::new(), &commit.changes);
    let expected: Vec<&str> = files.keys().map(String::as_str).collect();
    let found = git(&["ls-tree", "-r", "--name-only", "-z", "main"]);
    let found: Vec<&str> = found.split_terminator('\0').collect();
    assert_eq!(found, expected);
    assert_eq!(tree_sha(&files), published.tree_sha);
}

async fn requests_of_a_new_project(files: usize) -> Vec<String> {
    let fake = Fake::start().await;
    let client = client(&fake);
    let repository = client
        .ensure_repository(&new_repository())
        .await
        .expect("made");
    let commit = commit(files);
    let published = client
        .publish(&repository, &commit, false)
        .await
        .expect("published");
    assert!(published.wrote);
    check(&fake, &commit, published);
    let requests = fake.taken();
    assert_eq!(client.requests(), requests.len() as u64);
    requests
}

#[tokio::test]
async fn small_project_costs_five_requests() {
    assert_eq!(
        requests_of_a_new_project(1).await,
        [CREATE, REF, TREE, COMMIT, MOVE]
    );
    assert_eq!(
        requests_of_a_new_project(99).await,
        [CREATE, REF, TREE, COMMIT, MOVE]
    );
    assert_eq!(
        requests_of_a_new_project(100).await,
        [CREATE, REF, TREE, COMMIT, MOVE]
    );
}

#[tokio::test]
async fn each_hundred_files_cost_one_more() {
    let expected = [CREATE, REF, TREE, TREE, COMMIT, MOVE];
    assert_eq!(requests_of_a_new_project(101).await, expected);
    let expected = [CREATE, REF, TREE, TREE, TREE, COMMIT, MOVE];
    assert_eq!(requests_of_a_new_project(201).await, expected);
}

#[tokio::test]
async fn content_mode_and_signature_arrive_unchanged() {
    let (fake, client, repository) = ready().await;
    let mut commit = commit(0);
    let content = "Grüße\r\n\u{1f980}\n\n";
    commit.changes = vec![
        file("a/text.txt", content),
        script("run.sh", "#!/bin/sh\n"),
        file("empty", ""),
    ];
    let published = client
        .publish(&repository, &commit, false)
        .await
        .expect("published");
    check(&fake, &commit, published);
    let raw = fake.git("ann/demo", &["cat-file", "commit", "main"]);
    let stamp = "Orchestrator Bot <bot@orchestrator.example> 1763800000 +0000";
    assert!(
        raw.contains(&format!("author {stamp}\ncommitter {stamp}\n")),
        "{raw}"
    );
    assert!(
        raw.ends_with("\n\nPublish the project\n\nPublish-Id: t42"),
        "{raw}"
    );
    let mode = fake.git("ann/demo", &["ls-tree", "main", "run.sh"]);
    assert!(mode.starts_with("100755 blob"), "{mode}");
    let text = fake.git("ann/demo", &["cat-file", "blob", "main:a/text.txt"]);
    assert_eq!(text, content.trim_end_matches('\n'));
}

#[tokio::test]
async fn repeat_that_finds_its_tree_writes_nothing() {
    let (fake, client, repository) = ready().await;
    let commit = commit(3);
    let first = client
        .publish(&repository, &commit, false)
        .await
        .expect("published");
    fake.taken();
    let again = client
        .publish(&repository, &commit, true)
        .await
        .expect("found");
    assert_eq!(fake.taken(), [REF, HEAD]);
    let expected = Published {
        wrote: false,
        ..first
    };
    assert_eq!(again, expected);
    assert_eq!(fake.git("ann/demo", &["rev-list", "--count", "main"]), "2");
}

#[tokio::test]
async fn repeat_that_finds_nothing_writes_the_same_commit() {
    let (fake, client, repository) = ready().await;
    let commit = commit(3);
    for fault in [TREE, COMMIT, MOVE] {
        fake.fault(
            fault,
            Fault::Answer(ResponseTemplate::new(403).set_body_json(json!({}))),
        );
        client
            .publish(&repository, &commit, true)
            .await
            .expect_err("stopped");
    }
    fake.taken();
    let published = client
        .publish(&repository, &commit, true)
        .await
        .expect("published");
    assert_eq!(fake.taken(), [REF, HEAD, TREE, COMMIT, MOVE]);
    check(&fake, &commit, published);
    let objects = fake.git("ann/demo", &["rev-list", "--all", "--count"]);
    assert_eq!(objects, "2");
}

#[tokio::test]
async fn lost_answer_of_the_move_is_found_by_reading() {
    let (fake, client, repository) = ready().await;
    let commit = commit(1);
    fake.fault(MOVE, Fault::LostAnswer);
    let published = client
        .publish(&repository, &commit, false)
        .await
        .expect("published");
    assert!(published.wrote);
    assert_eq!(fake.taken(), [REF, TREE, COMMIT, MOVE, REF]);
    check(&fake, &commit, published);
}

#[tokio::test]
async fn lost_move_is_sent_again_only_after_reading() {
    let (fake, client, repository) = ready().await;
    let commit = commit(1);
    fake.fault(MOVE, Fault::LostRequest);
    fake.fault(MOVE, Fault::Answer(ResponseTemplate::new(502)));
    let published = client
        .publish(&repository, &commit, false)
        .await
        .expect("published");
    assert_eq!(
        fake.taken(),
        [REF, TREE, COMMIT, MOVE, REF, MOVE, REF, MOVE]
    );
    check(&fake, &commit, published);
}

#[tokio::test]
async fn last_lost_answer_is_still_looked_up() {
    let (fake, client, repository) = ready().await;
    fake.fault(MOVE, Fault::LostRequest);
    fake.fault(MOVE, Fault::LostRequest);
    fake.fault(MOVE, Fault::LostAnswer);
    let published = client
        .publish(&repository, &commit(1), false)
        .await
        .expect("published");
    assert_eq!(
        fake.taken(),
        [REF, TREE, COMMIT, MOVE, REF, MOVE, REF, MOVE, REF]
    );
    check(&fake, &commit(1), published);
}

#[tokio::test]
async fn moved_head_with_our_files_is_done() {
    let (fake, client, repository) = ready().await;
    let mut commit = commit(0);
    commit.changes = vec![file("ours", "same")];
    fake.fault(MOVE, Fault::PushBefore(vec![("ours", "same")]));
    let published = client
        .publish(&repository, &commit, false)
        .await
        .expect("found");
    assert!(!published.wrote);
    assert_eq!(fake.taken(), [REF, TREE, COMMIT, MOVE, REF, FILES, FILES]);
    let head = fake.git("ann/demo", &["rev-parse", "main"]);
    assert_eq!(head, published.commit_sha.to_string());
}

#[tokio::test]
async fn head_that_keeps_moving_ends_after_three_rounds() {
    let (fake, client, repository) = ready().await;
    for content in ["1", "2", "3"] {
        fake.fault(MOVE, Fault::PushBefore(vec![("theirs", content)]));
    }
    let error = client
        .publish(&repository, &commit(1), false)
        .await
        .expect_err("ends");
    assert!(matches!(&error, Error::NotFastForward { branch } if branch == "main"));
    assert_eq!(error.retry(), Retry::Transient { after: None });
    let mut expected = vec![REF, TREE, COMMIT, MOVE];
    expected.extend([REF, FILES, FILES, TREE, COMMIT, MOVE]);
    expected.extend([REF, FILES, TREE, COMMIT, MOVE]);
    assert_eq!(fake.taken(), expected);
    assert_eq!(
        fake.git("ann/demo", &["cat-file", "blob", "main:theirs"]),
        "3"
    );
}

#[tokio::test]
async fn two_publications_at_once_make_one_commit() {
    let (fake, client, repository) = ready().await;
    let commit = commit(2);
    let (one, two) = tokio::join!(
        client.publish(&repository, &commit, false),
        client.publish(&repository, &commit, false),
    );
    let (one, two) = (one.expect("published"), two.expect("published"));
    assert_eq!(one.commit_sha, two.commit_sha);
    assert_eq!(fake.git("ann/demo", &["rev-list", "--count", "main"]), "2");
}

#[tokio::test]
async fn repository_that_is_not_ready_is_awaited() {
    let (fake, client, repository) = ready().await;
    let answer = |status, message: &str| {
        Fault::Answer(ResponseTemplate::new(status).set_body_json(json!({"message": message})))
    };
    fake.fault(REF, answer(404, "Not Found"));
    fake.fault(REF, answer(409, "Git Repository is empty."));
    fake.fault(TREE, answer(404, "Not Found"));
    fake.fault(COMMIT, answer(409, "Git Repository is empty."));
    let published = client
        .publish(&repository, &commit(1), false)
        .await
        .expect("published");
    assert_eq!(
        fake.taken(),
        [REF, REF, REF, TREE, TREE, COMMIT, COMMIT, MOVE]
    );
    check(&fake, &commit(1), published);
}

#[tokio::test]
async fn waiting_for_a_repository_is_bounded() {
    let (fake, client, mut repository) = ready().await;
    for _ in 0..6 {
        let empty = json!({"message": "Git Repository is empty."});
        fake.fault(
            REF,
            Fault::Answer(ResponseTemplate::new(409).set_body_json(empty)),
        );
    }
    let error = client
        .publish(&repository, &commit(1), false)
        .await
        .expect_err("ends");
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert_eq!(fake.taken(), [REF; 6]);
    repository.full_name = "ann/gone".to_owned();
    let error = client
        .publish(&repository, &commit(1), false)
        .await
        .expect_err("ends");
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    assert_eq!(fake.taken().len(), 6);
}

#[tokio::test]
async fn chunk_that_times_out_is_halved() {
    let (fake, client, repository) = ready().await;
    fake.tree_entries_max(30);
    let commit = commit(100);
    let published = client
        .publish(&repository, &commit, false)
        .await
        .expect("published");
    // 100 fails; 50 fails, 25, 25; 50 fails, 25, 25.
    let mut expected = vec![REF];
    expected.extend([TREE; 7]);
    expected.extend([COMMIT, MOVE]);
    assert_eq!(fake.taken(), expected);
    check(&fake, &commit, published);
}

#[tokio::test]
async fn bad_gateway_on_a_tree_halves_it_and_on_one_file_repeats() {
    let (fake, client, repository) = ready().await;
    for _ in 0..3 {
        fake.fault(TREE, Fault::Answer(ResponseTemplate::new(502)));
    }
    let published = client
        .publish(&repository, &commit(2), false)
        .await
        .expect("published");
    // Two files fail; one file fails twice and works; the other works.
    assert_eq!(
        fake.taken(),
        [REF, TREE, TREE, TREE, TREE, TREE, COMMIT, MOVE]
    );
    check(&fake, &commit(2), published);
}

#[tokio::test]
async fn objects_are_written_again_after_a_lost_answer() {
    let (fake, client, repository) = ready().await;
    fake.fault(TREE, Fault::LostAnswer);
    fake.fault(COMMIT, Fault::LostAnswer);
    let published = client
        .publish(&repository, &commit(1), false)
        .await
        .expect("published");
    assert_eq!(fake.taken(), [REF, TREE, TREE, COMMIT, COMMIT, MOVE]);
    check(&fake, &commit(1), published);
}

#[tokio::test]
async fn object_with_another_id_stops_before_the_branch() {
    let (fake, client, repository) = ready().await;
    let wrong = json!({"sha": "cd35ead57f01b3170fd0e0a67e470b759454dc60"});
    for (call, object) in [(TREE, "tree"), (COMMIT, "commit")] {
        let answer = ResponseTemplate::new(201).set_body_json(&wrong);
        fake.fault(call, Fault::Answer(answer));
        let error = client
            .publish(&repository, &commit(1), false)
            .await
            .expect_err("differs");
        assert!(
            matches!(&error, Error::ObjectMismatch { object: found, .. } if *found == object),
            "{error:?}"
        );
        assert_eq!(error.retry(), Retry::Terminal);
        assert!(!fake.taken().iter().any(|call| call == MOVE));
    }
}

#[tokio::test]
async fn unusable_commits_are_refused_without_a_request() {
    let (fake, client, repository) = ready().await;
    let cases: [fn(&mut Commit); 11] = [
        |commit| commit.changes.clear(),
        |commit| commit.changes.push(file("../x", "")),
        |commit| commit.changes.push(delete("x")),
        |commit| commit.changes.push(file("src/part0/file0.txt", "")),
        |commit| commit.branch = "a/../b".to_owned(),
        |commit| commit.branch = String::new(),
        |commit| commit.message = " \n".to_owned(),
        |commit| commit.author.name = "A <b>".to_owned(),
        |commit| commit.author.email = String::new(),
        |commit| commit.author.date_unix = -1,
        |commit| commit.author.date_unix = i64::MAX,
    ];
    for (at, case) in cases.into_iter().enumerate() {
        let mut commit = commit(1);
        case(&mut commit);
        let error = client
            .publish(&repository, &commit, false)
            .await
            .expect_err("refused");
        assert!(matches!(error, Error::Validation { .. }), "{at}: {error:?}");
    }
    assert!(fake.taken().is_empty());
}
