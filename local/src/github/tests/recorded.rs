//! What was recorded of the live service, asked again: the same request gives the same id.

use serde_json::json;

use super::{Hub, text};
use crate::github::OutsideFile;

/// hub4j/github-api, `GHTreeBuilderTest`.
#[tokio::test]
async fn recorded_blobs_and_trees_have_the_recorded_ids() {
    let hub = Hub::start().await;
    let readme = [OutsideFile::new("README.md", "# GHTreeBuilderTest")];
    hub.github.seed("Ada/shop", false, &readme).await.unwrap();
    let listing = hub.get("/repos/Ada/shop/git/trees/main").await.expect(200);
    let base = listing["sha"].clone();
    assert_eq!(
        listing["tree"][0]["sha"],
        "958337fe1f522a58e5e7098cc61a2917db1c9643"
    );
    let blobs = [
        (
            "IyEvYmluL2Jhc2gKZWNobyBIZWxsbwo=",
            "e9ba7ba07276a794d493db90e0384940ce2b757b",
        ),
        (
            "VGhhbmtzIGZvciB1c2luZyBvdXIgYXBwbGljYXRpb24hCg==",
            "fbbc875b17d1e17da06b4ee8fda46e2596c41f3c",
        ),
        ("AQID", "aed2973e4b8a7ff1b30ff5c4751e5a2b38989e74"),
        ("BAUGBw==", "5bd8bb897b13225c93a1d26baa88c96b7bd5d817"),
    ];
    for (content, sha) in blobs {
        let body = json!({ "encoding": "base64", "content": content });
        let made = hub.post("/repos/Ada/shop/git/blobs", body).await;
        assert_eq!(made.expect(201)["sha"], sha);
    }
    let paths = [
        "app/run.sh",
        "doc/readme.txt",
        "data/val1.dat",
        "data/val2.dat",
    ];
    let entries: Vec<_> = paths
        .iter()
        .zip(blobs)
        .map(|(path, (_, sha))| {
            let mode = if *path == "app/run.sh" {
                "100755"
            } else {
                "100644"
            };
            json!({ "path": path, "mode": mode, "type": "blob", "sha": sha })
        })
        .collect();
    let body = json!({ "base_tree": base, "tree": entries });
    let made = hub.tree("shop", body).await.expect(201);
    assert_eq!(
        text(&made["sha"]),
        "b09a1698f3aeb1d462c3492007760e2579734c74"
    );
}
