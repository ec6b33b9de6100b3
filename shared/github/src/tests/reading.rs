//! Reading a repository that somebody made.

use serde_json::json;
use wiremock::ResponseTemplate;

use super::fake::{Fake, Fault};
use super::{client, settings};
use crate::{Client, Content, Error, ReadLimits, Settings};

const LOOK: &str = "GET /repos/ann/app";
const REF: &str = "GET /repos/ann/app/git/ref/heads/main";
const FILES: &str = "GET /repos/ann/app/git/trees/{sha}";
const BLOB: &str = "GET /repos/ann/app/git/blobs/{sha}";

const ALL: ReadLimits = ReadLimits {
    files_max: 100,
    bytes_max: 1_000_000,
};

async fn with_app() -> Fake {
    let fake = Fake::start().await;
    fake.existing("ann", "app", None);
    fake
}

#[tokio::test]
async fn existing_repository_is_one_request() {
    let fake = with_app().await;
    let client = client(&fake);
    let found = client.existing_repository("ann/app").await.expect("found");
    assert_eq!(fake.taken(), [LOOK]);
    assert_eq!((found.full_name.as_str(), found.id), ("ann/app", 1001));
    fake.rename("ann/app", "better");
    let found = client.existing_repository("ann/app").await.expect("found");
    assert_eq!(found.full_name, "ann/better");
    for name in ["", "app", "a/b/c", "../x", "ann/..", "ann/a b"] {
        let error = client.existing_repository(name).await.expect_err("refused");
        assert!(matches!(error, Error::Validation { .. }), "{name}");
    }
}

#[tokio::test]
async fn archived_repository_is_refused() {
    let fake = with_app().await;
    fake.set("ann/app", "archived", json!(true));
    let error = client(&fake)
        .existing_repository("ann/app")
        .await
        .expect_err("archived");
    insta::assert_snapshot!(error, @"could not write to the repository: the repository is archived; unarchive it in its settings on GitHub, or choose another one");
}

#[tokio::test]
async fn repository_archived_meanwhile_is_told() {
    let fake = with_app().await;
    let client = client(&fake);
    let found = client.existing_repository("ann/app").await.expect("found");
    fake.set("ann/app", "archived", json!(true));
    let variables = [("A".to_owned(), "1".to_owned())];
    let error = client
        .set_variables(&found, &variables)
        .await
        .expect_err("archived");
    assert!(matches!(error, Error::Archived { .. }), "{error:?}");
}

#[tokio::test]
async fn account_that_may_only_read_is_refused() {
    let fake = with_app().await;
    let permissions = json!({"admin": false, "push": false, "pull": true});
    fake.set("ann/app", "permissions", permissions);
    let error = client(&fake)
        .existing_repository("ann/app")
        .await
        .expect_err("refused");
    insta::assert_snapshot!(error, @"the token may not write to the repository: its account can only read `ann/app`; ask its owner for write access, or use another token");
    let installation = Settings {
        auth: secrecy::SecretString::from("ghs_never-shown").into(),
        ..settings(&fake.url())
    };
    let client = Client::new(installation).expect("client");
    let found = client.existing_repository("ann/app").await;
    assert!(found.is_ok(), "an installation is always told so");
}

#[tokio::test]
async fn files_are_read_within_limits() {
    let fake = with_app().await;
    let client = client(&fake);
    let repository = client.existing_repository("ann/app").await.expect("found");
    let long = "long line\n".repeat(50);
    let files = [("a.txt", "1234"), ("b/c.txt", &long), ("d.txt", "")];
    let head = fake.push("ann/app", "main", &files);
    fake.taken();
    let tree = client.read_tree(&repository, "main").await.expect("read");
    assert_eq!(fake.taken(), [REF, FILES]);
    assert_eq!(tree.head.to_string(), head);
    let listed: Vec<(&str, u64)> = tree
        .entries
        .iter()
        .map(|entry| (entry.path.as_str(), entry.size))
        .collect();
    assert_eq!(listed, [("a.txt", 4), ("b/c.txt", 500), ("d.txt", 0)]);
    let read = client.read_files(&repository, &tree.entries, ALL).await;
    let text = |text: &str| Some(Content::Text(text.to_owned()));
    assert_eq!(read.expect("read"), [text("1234"), text(&long), text("")]);
    assert_eq!(fake.taken(), [BLOB; 3]);
    for (files_max, bytes_max, expected) in [
        (1, 1000, [text("1234"), None, None]),
        (9, 100, [text("1234"), None, text("")]),
        (0, 1000, [None, None, None]),
    ] {
        let limits = ReadLimits {
            files_max,
            bytes_max,
        };
        let read = client.read_files(&repository, &tree.entries, limits).await;
        assert_eq!(read.expect("read"), expected);
    }
}

#[tokio::test]
async fn what_is_not_text_is_binary() {
    let fake = with_app().await;
    let client = client(&fake);
    let repository = client.existing_repository("ann/app").await.expect("found");
    let tree = client.read_tree(&repository, "main").await.expect("read");
    let sha = tree.entries.first().expect("one").sha;
    let answer = json!({"sha": sha, "size": 2, "encoding": "base64", "content": "//4=\n"});
    let fault = Fault::Answer(ResponseTemplate::new(200).set_body_json(answer));
    fake.fault("GET /repos/ann/app/git/blobs", fault);
    let read = client.read_files(&repository, &tree.entries, ALL).await;
    let expected = [Some(Content::Binary(vec![0xff, 0xfe]))];
    assert_eq!(read.expect("read"), expected);
}

#[tokio::test]
async fn tree_that_github_cuts_is_too_large() {
    let fake = with_app().await;
    let client = client(&fake);
    let repository = client.existing_repository("ann/app").await.expect("found");
    let cut = json!({"sha": "x", "tree": [], "truncated": true});
    let fault = Fault::Answer(ResponseTemplate::new(200).set_body_json(cut));
    fake.fault("GET /repos/ann/app/git/trees", fault);
    let error = client
        .read_tree(&repository, "main")
        .await
        .expect_err("too large");
    insta::assert_snapshot!(error, @"could not read the list of files: the repository is too large, GitHub lists only a part of its files; choose a smaller one, or a new one");
}

#[tokio::test]
async fn sha256_and_empty_repositories_are_told() {
    let fake = with_app().await;
    let client = client(&fake);
    let repository = client.existing_repository("ann/app").await.expect("found");
    let long = json!({"object": {"sha": "a".repeat(64)}});
    let fault = Fault::Answer(ResponseTemplate::new(200).set_body_json(long));
    fake.fault(REF, fault);
    let error = client
        .read_tree(&repository, "main")
        .await
        .expect_err("sha256");
    insta::assert_snapshot!(error, @"could not read the branch: the repository has SHA-256 ids, which are not supported; choose another one");
    fake.git("ann/app", &["update-ref", "-d", "refs/heads/main"]);
    let error = client
        .read_tree(&repository, "main")
        .await
        .expect_err("empty");
    insta::assert_snapshot!(error, @"could not read the list of files: the repository is empty; add a first file on GitHub, such as a README, and start again");
}
