use serde_json::json;

use super::{Hub, OTHER_TOKEN, git, succeeded};

const SHOP: &str = "/repos/Ada/shop";

#[tokio::test]
async fn settings_are_changed_by_administrators() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let body = json!({
        "description": "New",
        "homepage": "",
        "has_wiki": false,
        "private": true,
    });
    let changed = hub.patch(SHOP, body.clone()).await.expect(200);
    assert_eq!(changed["description"], "New");
    assert_eq!(changed["homepage"], json!(null));
    assert_eq!(changed["has_wiki"], false);
    assert_eq!(changed["visibility"], "private");
    assert_eq!(hub.get(SHOP).await.expect(200), changed);
    hub.send(OTHER_TOKEN, "PATCH", SHOP, body)
        .await
        .refused(404, "Not Found");
    hub.create("open").await;
    hub.send(OTHER_TOKEN, "PATCH", "/repos/Ada/open", json!({}))
        .await
        .refused(403, "Must have admin rights to Repository.");
    let algorithm = hub.get(&format!("{SHOP}/hash-algorithm")).await;
    assert_eq!(algorithm.expect(200)["hash_algorithm"], "sha1");
    let wrong = hub.patch(SHOP, json!({ "visibility": "secret" })).await;
    wrong.refused(
        422,
        "Invalid request.\n\nFor 'properties/visibility', secret is not a member of [\"public\",\"private\"].",
    );
}

#[tokio::test]
async fn a_renamed_repository_is_found_by_its_old_name() {
    let hub = Hub::start().await;
    let head = hub.create("shop").await;
    hub.create("taken").await;
    let refused = hub.patch(SHOP, json!({ "name": "Taken" })).await;
    refused.refused(422, "Validation Failed");
    let renamed = hub
        .patch(SHOP, json!({ "name": "store" }))
        .await
        .expect(200);
    assert_eq!(renamed["full_name"], "Ada/store");
    let id = renamed["id"].as_u64().unwrap();
    let base = hub.github.base_url();
    for (method, rest, status) in [
        ("GET", "", 301),
        ("GET", "/git/ref/heads/main?a=b", 301),
        ("PATCH", "", 307),
        ("POST", "/git/blobs", 307),
    ] {
        let body = (method != "GET").then(|| json!({ "content": "x" }));
        let path = format!("{SHOP}{rest}");
        let answer = hub.try_send(super::TOKEN, method, &path, body).await;
        let answer = answer.unwrap();
        let address = format!("{base}/repositories/{id}{rest}");
        assert_eq!(answer.header("location"), address);
        assert_eq!(answer.body["url"], json!(address));
        answer.refused(status, "Moved Permanently");
    }
    let numbered = format!("/repositories/{id}/git/ref/heads/main");
    assert_eq!(hub.get(&numbered).await.expect(200)["object"]["sha"], head);
    let work = tempfile::tempdir().unwrap();
    let old = format!("{base}/Ada/shop.git");
    succeeded(git(work.path(), &["clone", "--quiet", &old, "x"]).await);
    // A new repository of the old name takes it over.
    hub.create("shop").await;
    assert_ne!(hub.get(SHOP).await.expect(200)["id"], json!(id));
}

#[tokio::test]
async fn an_archived_repository_is_read_only() {
    let hub = Hub::start().await;
    let head = hub.create("shop").await;
    let archived = hub.patch(SHOP, json!({ "archived": true })).await;
    assert_eq!(archived.expect(200)["archived"], true);
    let message = "Repository was archived so is read-only.";
    for (method, path, body) in [
        ("POST", "git/blobs", json!({ "content": "x" })),
        (
            "POST",
            "git/refs",
            json!({ "ref": "refs/heads/x", "sha": head }),
        ),
        ("PATCH", "git/refs/heads/main", json!({ "sha": head })),
        ("PUT", "topics", json!({ "names": [] })),
        ("POST", "pulls", json!({ "head": "x", "base": "main" })),
    ] {
        let path = format!("{SHOP}/{path}");
        hub.send(super::TOKEN, method, &path, body)
            .await
            .refused(403, message);
    }
    hub.patch(SHOP, json!({ "description": "x" }))
        .await
        .refused(403, message);
    assert_eq!(hub.head("shop").await, head);
    hub.patch(SHOP, json!({ "archived": false }))
        .await
        .expect(200);
    hub.post(&format!("{SHOP}/git/blobs"), json!({ "content": "x" }))
        .await
        .expect(201);
}

#[tokio::test]
async fn topics_are_replaced_and_checked() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let path = format!("{SHOP}/topics");
    let put = hub
        .put(&path, json!({ "names": ["Rust", "a-1", "rust"] }))
        .await;
    assert_eq!(put.expect(200)["names"], json!(["rust", "a-1"]));
    assert_eq!(
        hub.get(&path).await.expect(200)["names"],
        json!(["rust", "a-1"])
    );
    let shown = hub.get(SHOP).await.expect(200);
    assert_eq!(shown["topics"], json!(["rust", "a-1"]));
    let many: Vec<String> = (0..21).map(|n| format!("t{n}")).collect();
    for names in [
        json!(["no spaces"]),
        json!(["-x"]),
        json!(["x".repeat(51)]),
        json!([""]),
        json!(many),
    ] {
        let refused = hub.put(&path, json!({ "names": names })).await;
        refused.refused(422, "Validation Failed");
    }
    hub.put(&path, json!({ "names": many[..20] }))
        .await
        .expect(200);
    let missing = hub.put(&path, json!({})).await;
    missing.refused(422, "Invalid request.\n\n\"names\" wasn't supplied.");
}

#[tokio::test]
async fn the_default_branch_must_be_there() {
    let hub = Hub::start().await;
    hub.post("/user/repos", json!({ "name": "void" }))
        .await
        .expect(201);
    let body = json!({ "default_branch": "next" });
    hub.patch("/repos/Ada/void", body.clone()).await.refused(
        422,
        "Cannot update default branch for an empty repository. Please init the repository and push first.",
    );
    let head = hub.create("shop").await;
    let refused = hub.patch(SHOP, body.clone()).await;
    refused.refused(422, "Validation Failed");
    let reference = json!({ "ref": "refs/heads/next", "sha": head });
    hub.post(&format!("{SHOP}/git/refs"), reference)
        .await
        .expect(201);
    let changed = hub.patch(SHOP, body).await.expect(200);
    assert_eq!(changed["default_branch"], "next");
    let work = tempfile::tempdir().unwrap();
    let url = format!("{}/Ada/shop.git", hub.github.base_url());
    succeeded(git(work.path(), &["clone", "--quiet", &url, "x"]).await);
    let branch = git(&work.path().join("x"), &["branch", "--show-current"]).await;
    assert_eq!(succeeded(branch), "next");
}
