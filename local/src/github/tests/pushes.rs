use serde_json::json;

use super::{Hub, OTHER_TOKEN, TOKEN, git, succeeded};

fn url(hub: &Hub, token: &str, path: &str) -> String {
    let host = hub.github.base_url().trim_start_matches("http://");
    format!("http://x-access-token:{token}@{host}/{path}.git")
}

/// A clone of `Ada/shop` with one more commit.
async fn changed_clone(hub: &Hub, directory: &std::path::Path) -> std::path::PathBuf {
    let from = url(hub, TOKEN, "Ada/shop");
    succeeded(git(directory, &["clone", "--quiet", &from, "shop"]).await);
    let shop = directory.join("shop");
    std::fs::write(shop.join("new"), "1").unwrap();
    succeeded(git(&shop, &["add", "--all"]).await);
    succeeded(git(&shop, &["commit", "--quiet", "-m", "Add new"]).await);
    shop
}

#[tokio::test]
async fn a_push_moves_the_branch_and_its_pull_request() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let work = tempfile::tempdir().unwrap();
    let shop = changed_clone(&hub, work.path()).await;
    succeeded(git(&shop, &["push", "--quiet", "origin", "HEAD:next"]).await);
    let body = json!({ "title": "t", "head": "next", "base": "main" });
    hub.post("/repos/Ada/shop/pulls", body).await.expect(201);
    succeeded(git(&shop, &["commit", "--quiet", "--allow-empty", "-m", "b"]).await);
    succeeded(git(&shop, &["push", "--quiet", "origin", "HEAD:next"]).await);
    let head = succeeded(git(&shop, &["rev-parse", "HEAD"]).await);
    let shown = hub.github.pull_requests("Ada/shop").unwrap();
    assert_eq!(shown[0].head_sha, head);
    succeeded(git(&shop, &["fetch", "--quiet", "origin", "refs/pull/1/head"]).await);
    assert_eq!(
        succeeded(git(&shop, &["rev-parse", "FETCH_HEAD"]).await),
        head
    );
    let (success, _) = git(
        &shop,
        &["push", "origin", "HEAD~1:refs/pull/1/head", "--force"],
    )
    .await;
    assert!(!success);
    succeeded(git(&shop, &["push", "--quiet", "origin", "HEAD:main"]).await);
    assert_eq!(hub.head("shop").await, head);
    assert!(hub.github.pull_requests("Ada/shop").unwrap()[0].merged);
}

#[tokio::test]
async fn a_project_can_be_pushed_into_an_empty_repository() {
    let hub = Hub::start().await;
    let body = json!({ "name": "shop", "private": true });
    hub.post("/user/repos", body).await.expect(201);
    let work = tempfile::tempdir().unwrap();
    succeeded(git(work.path(), &["init", "--quiet", "-b", "trunk"]).await);
    // More than axum takes of a body by itself.
    let large: Vec<u8> = (0..3_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    std::fs::write(work.path().join("large"), large).unwrap();
    succeeded(git(work.path(), &["add", "--all"]).await);
    succeeded(git(work.path(), &["commit", "--quiet", "-m", "First"]).await);
    let to = url(&hub, TOKEN, "Ada/shop");
    succeeded(git(work.path(), &["push", "--quiet", &to, "trunk"]).await);
    let shown = hub.get("/repos/Ada/shop").await.expect(200);
    assert_eq!(shown["default_branch"], "trunk");
    succeeded(git(work.path(), &["clone", "--quiet", &to, "again"]).await);
    assert!(work.path().join("again/large").is_file());
}

#[tokio::test]
async fn only_those_who_may_push_can() {
    let hub = Hub::start().await;
    let head = hub.create("shop").await;
    let work = tempfile::tempdir().unwrap();
    let shop = changed_clone(&hub, work.path()).await;
    let anonymous = format!("{}/Ada/shop.git", hub.github.base_url());
    let stranger = url(&hub, OTHER_TOKEN, "Ada/shop");
    for (to, words) in [
        (anonymous.as_str(), "could not read Username"),
        (&stranger, "403"),
        (&url(&hub, "ghp_wrong", "Ada/shop"), "Authentication failed"),
    ] {
        let (success, printed) = git(&shop, &["push", to, "HEAD:main"]).await;
        assert!(!success);
        assert!(printed.contains(words), "{printed}");
    }
    hub.patch("/repos/Ada/shop", json!({ "archived": true }))
        .await
        .expect(200);
    let (success, printed) = git(&shop, &["push", "origin", "HEAD:main"]).await;
    assert!(!success);
    assert!(printed.contains("403"), "{printed}");
    assert_eq!(hub.head("shop").await, head);
}
