use serde_json::{Value, json};

use super::{Hub, text};

fn file(path: &str, content: &str) -> Value {
    json!({ "path": path, "mode": "100644", "type": "blob", "content": content })
}

fn paths(listing: &Value) -> Vec<String> {
    let entries = listing["tree"].as_array().unwrap();
    entries.iter().map(|entry| text(&entry["path"])).collect()
}

async fn all_paths(hub: &Hub, sha: &str) -> Vec<String> {
    let path = format!("/repos/Ada/shop/git/trees/{sha}?recursive=0");
    paths(&hub.get(&path).await.expect(200))
}

#[tokio::test]
async fn a_recorded_tree_gets_its_recorded_id() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let body = json!({ "tree": [file("Foobar.txt", "File created by PyGithub")] });
    let tree = hub.tree("shop", body).await.expect(201);
    // As api.github.com answered PyGithub's `Repository.testCreateGitTree`.
    assert_eq!(tree["sha"], "41cf8c178c636a018d537cb20daae09391efd70b");
    let entry = &tree["tree"][0];
    assert_eq!(entry["sha"], "73a1c7f17aa0ad5d7cbb5a8ca033ce47d3d23197");
    assert_eq!(entry["size"], 24);
}

#[tokio::test]
async fn the_answer_lists_the_root_only() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let body = json!({ "tree": [file("a/b/c.txt", "c"), file("z", "z"), file("a.txt", "a")] });
    let answer = hub.tree("shop", body).await;
    assert!(answer.headers.contains_key("location"));
    let tree = answer.expect(201);
    // Git sorts a directory as if its name ended with a slash.
    assert_eq!(paths(&tree), ["a.txt", "a", "z"]);
    assert_eq!(tree["tree"][1]["mode"], "040000");
    assert!(tree["tree"][1].get("size").is_none());
    let sha = text(&tree["sha"]);
    assert_eq!(
        all_paths(&hub, &sha).await,
        ["a.txt", "a", "a/b", "a/b/c.txt", "z"]
    );
}

#[tokio::test]
async fn a_base_may_be_a_tree_or_a_commit() {
    let hub = Hub::start().await;
    let head = hub.create("shop").await;
    let commit = hub
        .get(&format!("/repos/Ada/shop/git/commits/{head}"))
        .await;
    let tree = commit.expect(200)["tree"]["sha"].clone();
    let mut ids = Vec::new();
    for base in [json!(head), tree] {
        let body = json!({ "base_tree": base, "tree": [file("src/a.rs", "a")] });
        let made = hub.tree("shop", body).await.expect(201);
        assert_eq!(paths(&made), ["README.md", "src"]);
        ids.push(made["sha"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    let alone = json!({ "tree": [file("src/a.rs", "a")] });
    assert_eq!(paths(&hub.tree("shop", alone).await.expect(201)), ["src"]);
}

#[tokio::test]
async fn chunks_chained_by_base_make_the_same_tree_as_one_request() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let files: Vec<Value> = (0..60)
        .map(|n| file(&format!("d{}/e{}/f{n}", n % 3, n % 7), &n.to_string()))
        .collect();
    let whole = hub.tree("shop", json!({ "tree": files })).await.expect(201);
    let mut base = Value::Null;
    for chunk in files.chunks(13) {
        let body = json!({ "tree": chunk, "base_tree": base });
        base = hub.tree("shop", body).await.expect(201)["sha"].clone();
    }
    assert_eq!(base, whole["sha"]);
}

#[tokio::test]
async fn a_null_id_deletes_and_empty_directories_go() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let body = json!({ "tree": [file("a/b/c", "c"), file("a/d", "d"), file("e", "e")] });
    let base = hub.tree("shop", body).await.expect(201)["sha"].clone();
    let delete = |path| json!({ "path": path, "mode": "100644", "type": "blob", "sha": null });

    let body = json!({ "base_tree": base, "tree": [delete("a/b/c"), delete("e")] });
    let left = text(&hub.tree("shop", body).await.expect(201)["sha"]);
    assert_eq!(all_paths(&hub, &left).await, ["a", "a/d"]);

    for path in ["missing", "a/missing", "e/missing"] {
        let body = json!({ "base_tree": base, "tree": [delete(path)] });
        hub.tree("shop", body)
            .await
            .refused(422, "GitRPC::BadObjectState");
    }
    let body = json!({ "base_tree": left, "tree": [delete("a/d")] });
    hub.tree("shop", body)
        .await
        .refused(422, "Invalid tree info");
}

#[tokio::test]
async fn files_and_directories_replace_each_other() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let body = json!({ "tree": [file("a", "file"), file("b/c", "c")] });
    let base = hub.tree("shop", body).await.expect(201)["sha"].clone();
    let body = json!({ "base_tree": base, "tree": [file("a/x", "x"), file("b", "file")] });
    let made = text(&hub.tree("shop", body).await.expect(201)["sha"]);
    assert_eq!(all_paths(&hub, &made).await, ["a", "a/x", "b"]);
}

#[tokio::test]
async fn a_deletion_makes_room_whatever_the_order() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let body = json!({ "tree": [file("a", "file"), file("b/c/d", "d")] });
    let base = hub.tree("shop", body).await.expect(201)["sha"].clone();
    let delete = |path| json!({ "path": path, "mode": "100644", "type": "blob", "sha": null });
    let mut entries = vec![
        file("a/x", "x"),
        delete("a"),
        file("b", "file"),
        delete("b/c/d"),
    ];
    for _ in 0..2 {
        let body = json!({ "base_tree": base, "tree": entries });
        let made = text(&hub.tree("shop", body).await.expect(201)["sha"]);
        assert_eq!(all_paths(&hub, &made).await, ["a", "a/x", "b"]);
        entries.reverse();
    }
}

#[tokio::test]
async fn modes_and_stored_objects_are_kept() {
    let hub = Hub::start().await;
    let head = hub.create("shop").await;
    let blob = json!({ "content": "AAEC/w==", "encoding": "base64" });
    let blob = hub
        .post("/repos/Ada/shop/git/blobs", blob)
        .await
        .expect(201);
    let inner = hub.tree("shop", json!({ "tree": [file("x", "x")] })).await;
    let inner = inner.expect(201)["sha"].clone();
    let body = json!({ "tree": [
        { "path": "bin", "mode": "100755", "type": "blob", "sha": blob["sha"] },
        { "path": "link", "mode": "120000", "type": "blob", "content": "bin" },
        { "path": "mod", "mode": "160000", "type": "commit", "sha": head },
        { "path": "sub", "mode": "040000", "type": "tree", "sha": inner },
    ]});
    let made = hub.tree("shop", body).await.expect(201);
    let kept: Vec<String> = made["tree"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| format!("{} {}", text(&entry["mode"]), text(&entry["type"])))
        .collect();
    assert_eq!(
        kept,
        ["100755 blob", "120000 blob", "160000 commit", "040000 tree"]
    );
    assert_eq!(made["tree"][0]["size"], 4);
}

const STATE: &str = "GitRPC::BadObjectState";

#[tokio::test]
async fn lists_and_paths_that_github_refuses_are_refused() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let malformed = "tree.path contains a malformed path component";
    for (tree, message) in [
        (json!([]), "Invalid tree info"),
        (json!([7]), "Invalid tree info"),
        (
            json!([file("/a", "")]),
            "tree.path cannot start with a slash",
        ),
        (json!([file("a//b", "")]), malformed),
        (json!([file("../a", "")]), malformed),
        (json!([file("x/.git/config", "")]), malformed),
        (json!([file("a", "1"), file("a", "2")]), STATE),
        (json!([file("a", "1"), file("a/b", "2")]), STATE),
        (json!([file("a/b", "2"), file("a", "1")]), STATE),
    ] {
        let answer = hub.tree("shop", json!({ "tree": tree })).await;
        answer.refused(422, message);
    }
}

#[tokio::test]
async fn entries_that_github_refuses_are_refused() {
    let hub = Hub::start().await;
    let head = hub.create("shop").await;
    let zeros = "0".repeat(40);
    let mode = "Must supply a valid tree.mode";
    let both = "Must supply either tree.sha or tree.content. Request will be rejected if both are present.";
    let not_a = |kind: &str| format!("tree.sha {head} is not a valid {kind}");
    let empty = json!({ "content": "" });
    for (octal, kind, source, message) in [
        ("100664", "blob", empty.clone(), mode),
        ("40000", "tree", empty.clone(), mode),
        (
            "100644",
            "tag",
            empty.clone(),
            "Must supply a valid tree.type",
        ),
        (
            "040000",
            "tree",
            empty.clone(),
            "A subdirectory may not have content",
        ),
        ("160000", "commit", empty, STATE),
        ("160000", "commit", json!({ "sha": zeros }), STATE),
        (
            "160000",
            "commit",
            json!({ "sha": "5" }),
            "tree.sha 5 is not a valid commit",
        ),
        ("100644", "blob", json!({}), both),
        ("100644", "blob", json!({ "content": null }), both),
        (
            "100644",
            "blob",
            json!({ "sha": head, "content": "" }),
            both,
        ),
        ("100644", "blob", json!({ "sha": head }), &not_a("blob")),
        ("040000", "tree", json!({ "sha": head }), &not_a("tree")),
    ] {
        let mut entry = json!({ "path": "f", "mode": octal, "type": kind });
        entry
            .as_object_mut()
            .unwrap()
            .extend(source.as_object().unwrap().clone());
        let answer = hub.tree("shop", json!({ "tree": [entry] })).await;
        answer.refused(422, message);
    }
}

#[tokio::test]
async fn a_base_that_is_no_tree_is_refused() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let blob = hub
        .post("/repos/Ada/shop/git/blobs", json!({ "content": "x" }))
        .await;
    let blob = blob.expect(201)["sha"].clone();
    for base in [json!(""), json!("kljfdh"), json!("0".repeat(40)), blob] {
        let body = json!({ "base_tree": base, "tree": [file("a", "")] });
        hub.tree("shop", body)
            .await
            .refused(422, "base_tree is not a valid tree oid");
    }
}

#[tokio::test]
async fn a_listing_is_found_by_tree_commit_and_branch() {
    let hub = Hub::start().await;
    let head = hub.create("shop").await;
    let listing = hub.get("/repos/Ada/shop/git/trees/main").await.expect(200);
    assert_eq!(listing["sha"], json!(head));
    assert_eq!(listing["truncated"], false);
    for name in ["none", "main:README.md", "main..main", "-x"] {
        let path = format!("/repos/Ada/shop/git/trees/{name}");
        hub.get(&path).await.refused(404, "Not Found");
    }
}

#[tokio::test]
async fn blobs_are_stored_byte_for_byte() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let path = "/repos/Ada/shop/git/blobs";
    // Ids as `git hash-object` gives them.
    for (body, sha) in [
        (
            json!({ "content": "" }),
            "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
        ),
        (
            json!({ "content": "hello\n", "encoding": "utf-8" }),
            "ce013625030ba8dba906f756967f9e9ca394464a",
        ),
        (
            json!({ "content": "aGVs\nbG8K\n", "encoding": "base64" }),
            "ce013625030ba8dba906f756967f9e9ca394464a",
        ),
    ] {
        assert_eq!(hub.post(path, body).await.expect(201)["sha"], sha);
    }
    let wrong = json!({ "content": "***", "encoding": "base64" });
    hub.post(path, wrong)
        .await
        .refused(422, "content is not valid Base64");
    let answer = hub.post(path, json!({ "encoding": "utf-8" })).await;
    answer.refused(422, "Invalid request.\n\n\"content\" wasn't supplied.");
}
