use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{Faults, Hub, TOKEN, git, succeeded, text};

/// A project as an agent might write it.
fn project() -> Value {
    json!([
        { "path": "README.md", "mode": "100644", "type": "blob", "content": "# Shop\n" },
        { "path": "src/deep/er/main.rs", "mode": "100644", "type": "blob", "content": "fn main() {}\n" },
        { "path": "run.sh", "mode": "100755", "type": "blob", "content": "#!/bin/sh\necho ü\n" },
        { "path": "empty", "mode": "100644", "type": "blob", "content": "" },
        { "path": ".github/workflows/deploy.yml", "mode": "100644", "type": "blob", "content": "on: push\n" },
    ])
}

fn files(directory: &Path, prefix: &str, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            if name != ".git" {
                files(&entry.path(), &format!("{name}/"), found);
            }
        } else {
            found.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
}

/// Publishes the project into `Ada/shop` and gives the ids of the commit and its tree.
async fn publish(hub: &Hub) -> (String, String) {
    let head = hub.create("shop").await;
    let tree = hub.tree("shop", json!({ "tree": project() })).await;
    let tree = text(&tree.expect(201)["sha"]);
    let signature = json!({ "name": "A", "email": "a@b.c", "date": "2026-01-02T03:04:05Z" });
    let body = json!({
        "message": "Publish the shop",
        "tree": tree,
        "parents": [head],
        "author": signature,
        "committer": signature,
    });
    let commit = hub.post("/repos/Ada/shop/git/commits", body).await;
    let commit = text(&commit.expect(201)["sha"]);
    let path = "/repos/Ada/shop/git/refs/heads/main";
    hub.patch(path, json!({ "sha": commit })).await.expect(200);
    (commit, tree)
}

#[tokio::test]
async fn a_clone_has_exactly_the_published_files_and_two_commits() {
    let hub = Hub::start().await;
    let (commit, tree) = publish(&hub).await;
    let work = tempfile::tempdir().unwrap();
    let url = text(&hub.get("/repos/Ada/shop").await.expect(200)["clone_url"]);
    succeeded(git(work.path(), &["clone", "--quiet", &url, "shop"]).await);
    let shop = work.path().join("shop");

    let mut found = BTreeMap::new();
    files(&shop, "", &mut found);
    let expected: BTreeMap<String, Vec<u8>> = project()
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (text(&entry["path"]), text(&entry["content"]).into_bytes()))
        .collect();
    assert_eq!(found, expected);
    let mode = std::fs::metadata(shop.join("run.sh"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o111, 0o111);

    let log = succeeded(git(&shop, &["log", "--format=%H %s"]).await);
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], format!("{commit} Publish the shop"));
    assert!(lines[1].ends_with("Initial commit"));
    succeeded(git(&shop, &["fsck", "--strict"]).await);

    // Real git makes the same tree from the files, and the same commit from the tree.
    succeeded(git(&shop, &["rm", "-r", "--quiet", "--cached", "."]).await);
    succeeded(git(&shop, &["add", "--all"]).await);
    assert_eq!(succeeded(git(&shop, &["write-tree"]).await), tree);
    std::fs::write(work.path().join("message"), "Publish the shop").unwrap();
    let message = work.path().join("message");
    let arguments = [
        "commit-tree",
        &tree,
        "-p",
        "HEAD^",
        "-F",
        message.to_str().unwrap(),
    ];
    assert_eq!(succeeded(git(&shop, &arguments).await), commit);
}

#[tokio::test]
async fn a_shallow_clone_and_a_later_fetch_work() {
    let hub = Hub::start().await;
    let head = hub.create("shop").await;
    let work = tempfile::tempdir().unwrap();
    let url = format!("{}/ada/SHOP.git", hub.github.base_url());
    succeeded(
        git(
            work.path(),
            &["clone", "--quiet", "--depth=1", &url, "shop"],
        )
        .await,
    );
    let next = hub.commit("shop", &head, "a", "1").await;
    let path = "/repos/Ada/shop/git/refs/heads/main";
    hub.patch(path, json!({ "sha": next })).await.expect(200);
    let shop = work.path().join("shop");
    succeeded(git(&shop, &["pull", "--quiet", "--ff-only"]).await);
    assert_eq!(succeeded(git(&shop, &["rev-parse", "HEAD"]).await), next);
}

#[tokio::test]
async fn a_private_clone_needs_the_token_unless_clones_are_open() {
    for open_clone in [false, true] {
        let hub = Hub::start_with(Faults::default(), open_clone).await;
        let body = json!({ "name": "secret", "private": true, "auto_init": true });
        hub.post("/user/repos", body).await.expect(201);
        let work = tempfile::tempdir().unwrap();
        let host = hub.github.base_url().trim_start_matches("http://");
        for (user, target, expected) in [
            (String::new(), "a", open_clone),
            ("x:ghp_wrong@".to_owned(), "b", open_clone),
            (format!("x-access-token:{TOKEN}@"), "c", true),
        ] {
            let url = format!("http://{user}{host}/Ada/secret.git");
            let (success, printed) = git(work.path(), &["clone", "--quiet", &url, target]).await;
            assert_eq!(success, expected, "{open_clone} {target} {printed}");
        }
        let page = hub.request("GET", "/Ada/secret").send().await.unwrap();
        assert_eq!(page.status(), if open_clone { 200 } else { 404 });
    }
}

#[tokio::test]
async fn clones_and_pages_are_not_api_requests() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let before = hub.github.request_count();
    let work = tempfile::tempdir().unwrap();
    let url = format!("{}/Ada/shop.git", hub.github.base_url());
    succeeded(git(work.path(), &["clone", "--quiet", &url, "shop"]).await);
    hub.request("GET", "/Ada/shop").send().await.unwrap();
    assert_eq!(hub.github.request_count(), before);
}

#[tokio::test]
async fn the_page_lists_the_files_and_escapes_everything() {
    let hub = Hub::start().await;
    let body = json!({ "name": "shop", "description": "<b>&'\"", "auto_init": true });
    hub.post("/user/repos", body).await.expect(201);
    let head = hub.head("shop").await;
    let next = hub.commit("shop", &head, "a/<script>.txt", "x").await;
    let path = "/repos/Ada/shop/git/refs/heads/main";
    hub.patch(path, json!({ "sha": next })).await.expect(200);
    let response = hub.request("GET", "/Ada/shop").send().await.unwrap();
    assert_eq!(
        response.headers()["content-security-policy"],
        "default-src 'none'"
    );
    let page = response.text().await.unwrap();
    assert!(page.contains("stand-in for GitHub"));
    assert!(page.contains("<li>README.md</li>"));
    assert!(page.contains("<li>a/&lt;script&gt;.txt</li>"));
    assert!(page.contains("&lt;b&gt;&amp;&#39;&quot;"));
    assert!(!page.contains("<script>"));
}
