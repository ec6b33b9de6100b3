use serde_json::{Value, json};

use super::{Hub, text};

const PATH: &str = "/repos/Ada/shop/git/commits";

async fn tree(hub: &Hub) -> Value {
    hub.create("shop").await;
    let listing = hub.get("/repos/Ada/shop/git/trees/main").await.expect(200);
    let head = text(&listing["sha"]);
    let commit = hub.get(&format!("{PATH}/{head}")).await.expect(200);
    commit["tree"]["sha"].clone()
}

#[tokio::test]
async fn dates_become_utc_and_messages_stay() {
    let hub = Hub::start().await;
    let tree = tree(&hub).await;
    for message in ["no newline", "newline\n", "  spaces  \n\n\nbody\n\n", "ü ✓"] {
        let body = json!({
            "message": message,
            "tree": tree,
            "author": { "name": "John", "email": "j@d.x", "date": "2008-07-09T16:13:30+12:00" },
        });
        let answer = hub.post(PATH, body).await;
        assert!(answer.headers.contains_key("location"));
        let commit = answer.expect(201);
        assert_eq!(commit["message"], message);
        assert_eq!(commit["author"]["date"], "2008-07-09T04:13:30Z");
        // Who commits is who wrote, unless the request says otherwise.
        assert_eq!(commit["committer"], commit["author"]);
        assert_eq!(commit["parents"], json!([]));
        let sha = text(&commit["sha"]);
        let read = hub.get(&format!("{PATH}/{sha}")).await.expect(200);
        assert_eq!(read, commit);
    }
}

#[tokio::test]
async fn an_unnamed_author_is_the_caller() {
    let hub = Hub::start().await;
    let tree = tree(&hub).await;
    let commit = hub
        .post(PATH, json!({ "message": "m", "tree": tree }))
        .await;
    let commit = commit.expect(201);
    assert_eq!(commit["author"]["name"], "Ada");
    assert_eq!(commit["verification"]["reason"], "unsigned");
}

#[tokio::test]
async fn what_github_refuses_in_a_commit_is_refused() {
    let hub = Hub::start().await;
    let tree = tree(&hub).await;
    let head = hub.head("shop").await;
    let missing = "a".repeat(40);
    let parent = "Parent SHA does not exist or is not a commit object";
    for (body, message) in [
        (
            json!({}),
            "Invalid request.\n\n\"message\", \"tree\" weren't supplied.",
        ),
        (
            json!({ "message": "m" }),
            "Invalid request.\n\n\"tree\" wasn't supplied.",
        ),
        (
            json!({ "message": "m", "tree": missing }),
            "Tree SHA does not exist",
        ),
        (
            json!({ "message": "m", "tree": "main" }),
            "Tree SHA does not exist",
        ),
        (
            json!({ "message": "m", "tree": head }),
            "Tree SHA is not a tree object",
        ),
        (
            json!({ "message": "m", "tree": tree, "parents": [missing] }),
            parent,
        ),
        (
            json!({ "message": "m", "tree": tree, "parents": [tree] }),
            parent,
        ),
        (
            json!({ "message": "m", "tree": tree, "author": { "name": "A" } }),
            "Invalid request.\n\n\"email\" wasn't supplied.",
        ),
        (
            json!({ "message": "m", "tree": tree, "committer": {} }),
            "Invalid request.\n\n\"email\", \"name\" weren't supplied.",
        ),
        (
            json!({ "message": "m", "tree": tree, "author": { "name": "<>", "email": "a@b" } }),
            "Invalid request.\n\nThe author or committer is not valid.",
        ),
        (
            json!({ "message": "m", "tree": tree, "author": { "name": "A", "email": "a@b", "date": "today" } }),
            "Invalid request.\n\nFor 'properties/date', \"today\" is not a valid date-time.",
        ),
    ] {
        hub.post(PATH, body).await.refused(422, message);
    }
}

#[tokio::test]
async fn only_commits_are_found_as_commits() {
    let hub = Hub::start().await;
    let tree = text(&tree(&hub).await);
    for sha in [tree, "a".repeat(40), "main".to_owned()] {
        hub.get(&format!("{PATH}/{sha}"))
            .await
            .refused(404, "Not Found");
    }
}
