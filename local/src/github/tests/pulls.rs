use serde_json::{Value, json};

use super::{Hub, NARROW_TOKEN, OTHER_TOKEN, text};
use crate::github::OutsideFile;

const PULLS: &str = "/repos/Ada/shop/pulls";

/// `Ada/shop` with a branch `next` one commit ahead of `main`.
async fn hub() -> (Hub, String) {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let sha = commit(&hub, "next", "a").await;
    (hub, sha)
}

async fn commit(hub: &Hub, branch: &str, path: &str) -> String {
    let files = [OutsideFile::new(path, "x\ny\n")];
    let made = hub.github.commit("Ada/shop", branch, "Change", &files);
    made.await.unwrap()
}

fn wanted(head: &str) -> Value {
    json!({ "title": "Add a", "body": "Because.", "head": head, "base": "main" })
}

async fn open(hub: &Hub, head: &str) -> Value {
    hub.post(PULLS, wanted(head)).await.expect(201)
}

/// The causes of a refusal, each as `field code message`.
#[track_caller]
fn causes(body: &Value) -> Vec<String> {
    assert_eq!(body["message"], "Validation Failed");
    let errors = body["errors"].as_array().unwrap().iter();
    let part = |error: &Value, name: &str| error[name].as_str().unwrap_or("-").to_owned();
    errors
        .map(|error| ["field", "code", "message"].map(|name| part(error, name)))
        .map(|parts| parts.join(" "))
        .collect()
}

#[tokio::test]
async fn a_pull_request_shows_what_it_would_bring() {
    let (hub, sha) = hub().await;
    let answer = hub.post(PULLS, wanted("Ada:next")).await;
    let address = answer.header("location").to_owned();
    let made = answer.expect(201);
    assert_eq!(made["number"], 1);
    assert_eq!(made["url"], json!(address));
    let page = format!("{}/Ada/shop/pull/1", hub.github.base_url());
    assert_eq!(made["html_url"], json!(page));
    assert_eq!(made["head"]["sha"], json!(sha));
    assert_eq!(made["head"]["label"], "Ada:next");
    assert_eq!(made["base"]["ref"], "main");
    assert_eq!(made["mergeable"], true);
    assert_eq!(made["commits"], 1);
    assert_eq!(made["changed_files"], 1);
    assert_eq!(made["additions"], 2);
    assert_eq!(hub.get(&format!("{PULLS}/1")).await.expect(200), made);
    hub.get(&format!("{PULLS}/2"))
        .await
        .refused(404, "Not Found");
    let path = "/repos/Ada/shop/git/ref/pull/1/head";
    let reference = hub.get(path).await.expect(200);
    assert_eq!(reference["object"]["sha"], json!(sha));
    let shown = hub.request("GET", "/Ada/shop/pull/1").send().await.unwrap();
    assert!(shown.text().await.unwrap().contains("next into main, open"));
}

#[tokio::test]
async fn there_is_one_open_pull_request_for_two_branches() {
    let (hub, _) = hub().await;
    let attempts = (0..4).map(|_| hub.post(PULLS, wanted("next")));
    let answers = futures::future::join_all(attempts).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422, 422, 422]);
    let again = hub.post(PULLS, wanted("next")).await.expect(422);
    assert_eq!(again["errors"][0]["resource"], "PullRequest");
    let message = "- custom A pull request already exists for Ada:next.";
    assert_eq!(causes(&again), [message]);

    hub.patch(&format!("{PULLS}/1"), json!({ "state": "closed" }))
        .await
        .expect(200);
    assert_eq!(open(&hub, "next").await["number"], 2);
    let reopened = hub
        .patch(&format!("{PULLS}/1"), json!({ "state": "open" }))
        .await;
    assert_eq!(causes(&reopened.expect(422)), [message]);
}

#[tokio::test]
async fn what_cannot_be_pulled_is_refused() {
    let (hub, _) = hub().await;
    let long = "x".repeat(65_537);
    for (body, cause) in [
        (wanted("main"), "- custom No commits between main and main"),
        (wanted("none"), "head invalid -"),
        (wanted("bob:next"), "head invalid -"),
        (
            json!({ "title": "t", "head": "next", "base": "none" }),
            "base invalid -",
        ),
        (
            json!({ "head": "next", "base": "main" }),
            "title missing_field -",
        ),
        (
            json!({ "title": "t", "head": "next", "base": "main", "body": long }),
            "body custom body is too long (maximum is 65536 characters)",
        ),
        (
            json!({ "title": "t".repeat(257), "head": "next", "base": "main" }),
            "title custom title is too long (maximum is 256 characters)",
        ),
    ] {
        let refused = hub.post(PULLS, body).await.expect(422);
        assert_eq!(causes(&refused), [cause]);
    }
    let both = json!({ "title": "t", "head": "a", "base": "b" });
    let both = hub.post(PULLS, both).await.expect(422);
    assert_eq!(causes(&both), ["head invalid -", "base invalid -"]);
    let missing = hub.post(PULLS, json!({ "title": "t" })).await;
    missing.refused(
        422,
        "Invalid request.\n\n\"base\", \"head\" weren't supplied.",
    );
    let answer = hub.send(OTHER_TOKEN, "POST", PULLS, wanted("next")).await;
    answer.refused(404, "Not Found");
    hub.send(NARROW_TOKEN, "POST", PULLS, wanted("next"))
        .await
        .expect(201);
}

#[tokio::test]
async fn title_text_and_state_can_be_changed() {
    let (hub, _) = hub().await;
    open(&hub, "next").await;
    let path = format!("{PULLS}/1");
    let changed = hub
        .patch(
            &path,
            json!({ "title": "Better", "body": "b".repeat(65_536) }),
        )
        .await
        .expect(200);
    assert_eq!(changed["title"], "Better");
    let long = hub
        .patch(&path, json!({ "body": "b".repeat(65_537) }))
        .await;
    long.expect(422);
    let closed = hub.patch(&path, json!({ "state": "closed" })).await;
    let closed = closed.expect(200);
    assert_eq!(closed["state"], "closed");
    assert_eq!(closed["merged"], false);
    assert!(closed["closed_at"].is_string());
    let reopened = hub.patch(&path, json!({ "state": "open" })).await;
    let reopened = reopened.expect(200);
    assert_eq!(reopened["closed_at"], Value::Null);
    let wrong = hub.patch(&path, json!({ "state": "merged" })).await;
    wrong.refused(
        422,
        "Invalid request.\n\nFor 'properties/state', merged is not a member of [\"open\",\"closed\"].",
    );
}

#[tokio::test]
async fn lists_are_filtered_and_come_in_pages() {
    let (hub, _) = hub().await;
    commit(&hub, "other", "b").await;
    for head in ["next", "other"] {
        open(&hub, head).await;
    }
    hub.patch(&format!("{PULLS}/1"), json!({ "state": "closed" }))
        .await
        .expect(200);
    open(&hub, "next").await;
    for (query, numbers) in [
        ("", vec![3, 2]),
        ("?state=all", vec![3, 2, 1]),
        ("?state=closed", vec![1]),
        ("?state=all&head=Ada:next", vec![3, 1]),
        ("?state=all&head=ada:next&base=main", vec![3, 1]),
        ("?head=Ada:other", vec![2]),
        ("?head=bob:next", vec![]),
        ("?base=none", vec![]),
        // Without its owner a head is no filter, as at GitHub.
        ("?head=next", vec![3, 2]),
        ("?state=all&direction=asc", vec![1, 2, 3]),
        ("?state=all&per_page=2&page=2", vec![1]),
    ] {
        let list = hub.get(&format!("{PULLS}{query}")).await.expect(200);
        let list = list.as_array().unwrap().iter();
        let found: Vec<u64> = list.map(|pull| pull["number"].as_u64().unwrap()).collect();
        assert_eq!(found, numbers, "{query}");
    }
    let page = hub
        .get(&format!("{PULLS}?state=all&per_page=1&page=2"))
        .await;
    let link = page.header("link").to_owned();
    assert_eq!(link.matches("rel=").count(), 4);
    assert!(
        link.contains("page=3&per_page=1&state=all>; rel=\"next\""),
        "{link}"
    );
    let first = hub.get(PULLS).await;
    assert!(!first.headers.contains_key("link"));
}

#[tokio::test]
async fn a_pull_request_follows_its_branches() {
    let (hub, _) = hub().await;
    open(&hub, "next").await;
    let second = commit(&hub, "next", "b").await;
    let followed = hub.get(&format!("{PULLS}/1")).await.expect(200);
    assert_eq!(followed["head"]["sha"], json!(second));
    assert_eq!(followed["commits"], 2);
    let reference = hub.get("/repos/Ada/shop/git/ref/pull/1/head").await;
    assert_eq!(reference.expect(200)["object"]["sha"], json!(second));
    // Nobody else moves it.
    let body = json!({ "sha": second, "force": true });
    hub.patch("/repos/Ada/shop/git/refs/pull/1/head", body)
        .await
        .refused(422, "Reference update failed");
    // The commits come into main by another way.
    hub.patch(
        "/repos/Ada/shop/git/refs/heads/main",
        json!({ "sha": second }),
    )
    .await
    .expect(200);
    let merged = hub.get(&format!("{PULLS}/1")).await.expect(200);
    assert_eq!(merged["merged"], true);
    assert_eq!(merged["state"], "closed");
}

#[tokio::test]
async fn merging_makes_one_commit_of_two() {
    let (hub, head) = hub().await;
    open(&hub, "next").await;
    let main = commit(&hub, "main", "c").await;
    let path = format!("{PULLS}/1/merge");
    let stale = hub.put(&path, json!({ "sha": main })).await;
    stale.refused(
        409,
        "Head branch was modified. Review and try the merge again.",
    );
    let merged = hub.put(&path, json!({ "sha": head })).await.expect(200);
    let sha = text(&merged["sha"]);
    assert_eq!(hub.head("shop").await, sha);
    let made = hub.get(&format!("/repos/Ada/shop/git/commits/{sha}")).await;
    let parents = made.expect(200)["parents"].clone();
    assert_eq!(parents[0]["sha"], json!(main));
    assert_eq!(parents[1]["sha"], json!(head));
    let shown = hub.get(&format!("{PULLS}/1")).await.expect(200);
    assert_eq!(shown["merge_commit_sha"], json!(sha));
    assert_eq!(shown["merged_by"]["login"], "Ada");
    let again = hub.put(&path, json!({})).await;
    again.refused(405, "Pull Request is not mergeable");
    let reopened = hub
        .patch(&format!("{PULLS}/1"), json!({ "state": "open" }))
        .await;
    reopened.expect(422);
}

#[tokio::test]
async fn a_conflict_cannot_be_merged() {
    let (hub, _) = hub().await;
    open(&hub, "next").await;
    let files = [OutsideFile::new("a", "other\n")];
    let made = hub.github.commit("Ada/shop", "main", "Conflict", &files);
    made.await.unwrap();
    let shown = hub.get(&format!("{PULLS}/1")).await.expect(200);
    assert_eq!(shown["mergeable"], false);
    assert_eq!(shown["mergeable_state"], "dirty");
    let refused = hub.put(&format!("{PULLS}/1/merge"), json!({})).await;
    refused.refused(405, "Pull Request is not mergeable");
}

#[tokio::test]
async fn pull_requests_are_there_after_a_restart() {
    let (hub, _) = hub().await;
    let made = open(&hub, "next").await;
    let hub = hub.restart().await;
    let found = hub.get(&format!("{PULLS}/1")).await.expect(200);
    assert_eq!(found["id"], made["id"]);
    assert_eq!(found["body"], "Because.");
}
