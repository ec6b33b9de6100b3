use serde_json::json;

use super::super::{GitHub, GitHubConfig};
use super::{Faults, Hub, account, config};

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let hub = Hub::start().await;
    let head = hub.create("shop").await;
    let next = hub.commit("shop", &head, "a", "1").await;
    let path = "/repos/Ada/shop/git/refs/heads/main";
    hub.patch(path, json!({ "sha": next })).await.expect(200);
    let body = json!({ "name": "site", "homepage": "https://app.example/p/17" });
    let site = hub.post("/user/repos", body.clone()).await.expect(201);

    let hub = hub.restart().await;
    assert_eq!(hub.head("shop").await, next);
    let found = hub.get("/repos/Ada/site").await.expect(200);
    assert_eq!(found["id"], site["id"]);
    assert_eq!(found["homepage"], site["homepage"]);
    let taken = hub.post("/user/repos", body).await;
    taken.refused(422, "Repository creation failed.");
    hub.create("third").await;
    let third = hub.get("/repos/Ada/third").await.expect(200);
    assert_ne!(third["id"], site["id"]);
}

#[tokio::test]
async fn leftovers_of_a_killed_process_do_not_block() {
    let hub = Hub::start().await;
    let head = hub.create("shop").await;
    let id = hub.get("/repos/Ada/shop").await.expect(200)["id"]
        .as_u64()
        .unwrap();
    let next = hub.commit("shop", &head, "a", "1").await;
    let repositories = hub.directory.path().join("repositories");
    // Killed while git held a branch, and while the next repository was being made.
    let lock = repositories.join(format!("{id}.git/refs/heads/main.lock"));
    std::fs::write(lock, "").unwrap();
    let leftover = repositories.join(format!("{}.git", id + 1));
    std::fs::create_dir_all(leftover.join("refs/heads")).unwrap();
    std::fs::write(leftover.join("HEAD"), "broken").unwrap();

    let hub = hub.restart().await;
    let path = "/repos/Ada/shop/git/refs/heads/main";
    hub.patch(path, json!({ "sha": next })).await.expect(200);
    hub.create("fresh").await;
}

#[tokio::test]
async fn a_directory_serves_one_process_at_a_time() {
    let hub = Hub::start().await;
    let config = config(hub.directory.path(), Faults::default(), true);
    let error = GitHub::start(config).await.unwrap_err();
    assert!(error.to_string().contains("in use"), "{error}");
}

#[tokio::test]
async fn contradictory_settings_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let base = || config(directory.path(), Faults::default(), true);
    for (wrong, message) in [
        (
            GitHubConfig {
                bind: "0.0.0.0:0".parse().unwrap(),
                ..base()
            },
            "open_clone",
        ),
        (
            GitHubConfig {
                accounts: vec![account("repos", "t", &[])],
                ..base()
            },
            "path of the API",
        ),
        (
            GitHubConfig {
                accounts: vec![account("a/b", "t", &[])],
                ..base()
            },
            "not a legal user name",
        ),
        (
            GitHubConfig {
                accounts: vec![account("a", "", &[])],
                ..base()
            },
            "token of a is empty",
        ),
    ] {
        let error = GitHub::start(wrong).await.unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[tokio::test]
async fn tokens_are_not_printed() {
    let hub = Hub::start().await;
    assert!(!format!("{:?}", hub.github).contains(super::TOKEN));
}
