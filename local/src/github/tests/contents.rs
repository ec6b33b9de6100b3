use serde_json::json;

use super::{Hub, NARROW_TOKEN, text};

const CONTENTS: &str = "/repos/Ada/shop/contents";

#[tokio::test]
async fn the_first_file_of_an_empty_repository_makes_its_branch() {
    let hub = Hub::start().await;
    hub.post("/user/repos", json!({ "name": "shop" }))
        .await
        .expect(201);
    hub.get(&format!("{CONTENTS}/test.txt"))
        .await
        .refused(404, "This repository is empty.");
    // As recorded: the ids of the blob and of the tree.
    let body = json!({ "message": "create test.txt", "content": "VGVzdCBjb250ZW50" });
    let made = hub.put(&format!("{CONTENTS}/test.txt"), body).await;
    let made = made.expect(201);
    assert_eq!(
        made["content"]["sha"],
        "3f3f005b29247e51a4f4d6b8ce07b67646cd6074"
    );
    assert_eq!(
        made["commit"]["tree"]["sha"],
        "1beb5e7fc6a813cf4e24c20a4e0a21c73d01a93f"
    );
    assert_eq!(made["commit"]["parents"], json!([]));
    assert_eq!(made["commit"]["committer"], made["commit"]["author"]);
    assert_eq!(hub.head("shop").await, text(&made["commit"]["sha"]));
}

#[tokio::test]
async fn a_file_is_changed_by_who_knows_it() {
    let hub = Hub::start().await;
    let head = hub.create("shop").await;
    let path = format!("{CONTENTS}/a/b.txt");
    let made = hub
        .put(&path, json!({ "message": "m", "content": "MQ==" }))
        .await
        .expect(201);
    assert_eq!(made["commit"]["parents"][0]["sha"], json!(head));
    let sha = made["content"]["sha"].clone();
    let change = |sha| json!({ "message": "m", "content": "Mg==", "sha": sha });
    let blind = hub
        .put(&path, json!({ "message": "m", "content": "Mg==" }))
        .await;
    blind.refused(422, "Invalid request.\n\n\"sha\" wasn't supplied.");
    let wrong = "a".repeat(40);
    let stale = hub.put(&path, change(json!(wrong))).await;
    stale.refused(409, &format!("a/b.txt does not match {wrong}"));
    hub.put(&path, change(sha)).await.expect(200);
    let read = hub.get(&path).await.expect(200);
    assert_eq!(read["content"], "Mg==\n");
    assert_eq!(read["type"], "file");
    let listed = hub.get(&format!("{CONTENTS}/a?ref=main")).await.expect(200);
    assert_eq!(listed[0]["path"], "a/b.txt");
    let root = hub.get(&format!("{CONTENTS}/")).await.expect(200);
    let kinds: Vec<String> = root
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| format!("{} {}", text(&entry["type"]), text(&entry["name"])))
        .collect();
    assert_eq!(kinds, ["file README.md", "dir a"]);
    for path in ["none", "a/none", "a?ref=none", "a/../README.md"] {
        let answer = hub.get(&format!("{CONTENTS}/{path}")).await;
        if path.contains("..") {
            // Clients resolve it before they send it.
            answer.expect(200);
        } else {
            answer.refused(404, "Not Found");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_put_is_refused() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let body = json!({ "message": "m", "content": "MQ==" });
    let workflow = format!("{CONTENTS}/.github/workflows/a.yml");
    hub.send(NARROW_TOKEN, "PUT", &workflow, body.clone())
        .await
        .refused(404, "Not Found");
    hub.put(&workflow, body.clone()).await.expect(201);
    hub.put(&format!("{CONTENTS}/.git/config"), body.clone())
        .await
        .refused(422, "path contains a malformed path component");
    let mut elsewhere = body;
    elsewhere["branch"] = json!("none");
    hub.put(&format!("{CONTENTS}/x"), elsewhere)
        .await
        .refused(404, "Branch none not found");
    let broken = json!({ "message": "m", "content": "***" });
    hub.put(&format!("{CONTENTS}/x"), broken)
        .await
        .refused(422, "content is not valid Base64");
}
