use serde_json::json;

use super::{Hub, text};
use crate::github::OutsideFile;

fn project() -> Vec<OutsideFile> {
    vec![
        OutsideFile::new("README.md", "# Shop\n"),
        OutsideFile::new("src/deep/main.rs", "fn main() {}\n"),
        OutsideFile::new("logo.png", vec![0x89, 0x50, 0x00, 0xff, 0x0a]),
        OutsideFile::new("bin/run", "#!/bin/sh\n").executable(),
        OutsideFile::new("a \"quoted\" ü", ""),
    ]
}

#[tokio::test]
async fn a_seeded_repository_is_like_any_other() {
    let hub = Hub::start().await;
    let sha = hub.github.seed("Ada/shop", true, &project()).await.unwrap();
    let shown = hub.get("/repos/Ada/shop").await.expect(200);
    assert_eq!(shown["private"], true);
    assert_eq!(shown["default_branch"], "main");
    assert_eq!(hub.head("shop").await, sha);
    let listing = hub
        .get("/repos/Ada/shop/git/trees/main?recursive=1")
        .await
        .expect(200);
    assert_eq!(listing["truncated"], false);
    let entries: Vec<String> = listing["tree"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let (mode, path) = (text(&entry["mode"]), text(&entry["path"]));
            format!("{mode} {path} {}", entry["size"])
        })
        .collect();
    let expected = [
        "100644 README.md 7",
        "100644 a \"quoted\" ü 0",
        "040000 bin null",
        "100755 bin/run 10",
        "100644 logo.png 5",
        "040000 src null",
        "040000 src/deep null",
        "100644 src/deep/main.rs 13",
    ];
    assert_eq!(entries, expected);
    let logo = listing["tree"][4]["sha"].as_str().unwrap();
    let blob = hub.get(&format!("/repos/Ada/shop/git/blobs/{logo}")).await;
    let blob = blob.expect(200);
    assert_eq!(blob["content"], "iVAA/wo=\n");
    assert_eq!(blob["size"], 5);
    let missing = format!("/repos/Ada/shop/git/blobs/{sha}");
    hub.get(&missing).await.refused(404, "Not Found");

    let taken = hub.github.seed("Ada/shop", true, &project()).await;
    assert!(taken.is_err());
    let seeded = hub.github.seed("Guild/site", false, &project()).await;
    seeded.unwrap();
    let site = hub.get("/repos/Guild/site").await.expect(200);
    assert_eq!(site["owner"]["type"], "Organization");
}

#[tokio::test]
async fn others_commit_and_delete_branches() {
    let hub = Hub::start().await;
    hub.github
        .seed("Ada/shop", false, &project())
        .await
        .unwrap();
    let files = [OutsideFile::deleted("logo.png"), OutsideFile::new("b", "1")];
    let made = hub.github.commit("ada/SHOP", "main", "Change", &files);
    let sha = made.await.unwrap();
    assert_eq!(hub.head("shop").await, sha);
    let listing = hub.get("/repos/Ada/shop/git/trees/main").await.expect(200);
    let names: Vec<String> = listing["tree"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| text(&entry["path"]))
        .collect();
    assert_eq!(names, ["README.md", "a \"quoted\" ü", "b", "bin", "src"]);

    let made = hub.github.commit("Ada/shop", "next", "Next", &files[1..]);
    // Nothing changed in it, but it is a commit of its own.
    assert_ne!(made.await.unwrap(), sha);
    let body = json!({ "title": "t", "head": "next", "base": "main" });
    hub.post("/repos/Ada/shop/pulls", body).await.expect(201);
    let shown = hub.github.pull_requests("Ada/shop").unwrap();
    assert_eq!(shown.len(), 1);
    assert!(shown[0].open && !shown[0].merged);
    hub.github.delete_branch("Ada/shop", "next").await.unwrap();
    let shown = hub.github.pull_requests("Ada/shop").unwrap();
    assert!(!shown[0].open && !shown[0].merged);
    let before = hub.github.request_count();
    assert!(hub.github.pull_requests("Ada/none").is_err());
    assert_eq!(hub.github.request_count(), before);
}

#[tokio::test]
async fn others_merge_and_close_pull_requests() {
    let hub = Hub::start().await;
    hub.github
        .seed("Ada/shop", false, &project())
        .await
        .unwrap();
    for branch in ["one", "two"] {
        let files = [OutsideFile::new(branch, "1")];
        let made = hub.github.commit("Ada/shop", branch, "Change", &files);
        made.await.unwrap();
        let body = json!({ "title": "t", "head": branch, "base": "main" });
        hub.post("/repos/Ada/shop/pulls", body).await.expect(201);
    }
    let merged = hub.github.merge_pull_request("Ada/shop", 1).await.unwrap();
    assert_eq!(hub.head("shop").await, merged);
    hub.github.close_pull_request("Ada/shop", 2).unwrap();
    let states: Vec<(bool, bool)> = hub
        .github
        .pull_requests("Ada/shop")
        .unwrap()
        .iter()
        .map(|pull| (pull.open, pull.merged))
        .collect();
    assert_eq!(states, [(false, true), (false, false)]);
    assert!(hub.github.merge_pull_request("Ada/shop", 2).await.is_err());
    assert!(hub.github.close_pull_request("Ada/shop", 3).is_err());
}
