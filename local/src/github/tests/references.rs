use serde_json::json;

use super::{Hub, text};

const REFS: &str = "/repos/Ada/shop/git/refs";
const MAIN: &str = "/repos/Ada/shop/git/refs/heads/main";

#[tokio::test]
async fn a_branch_moves_forward_only() {
    let hub = Hub::start().await;
    let first = hub.create("shop").await;
    let second = hub.commit("shop", &first, "a", "1").await;
    let third = hub.commit("shop", &second, "a", "2").await;
    let aside = hub.commit("shop", &first, "b", "1").await;

    // Two commits at once, so that the parent alone does not tell.
    let moved = hub.patch(MAIN, json!({ "sha": third })).await.expect(200);
    assert_eq!(moved["object"]["sha"], json!(third));
    for sha in [&aside, &first] {
        let answer = hub.patch(MAIN, json!({ "sha": sha, "force": false })).await;
        answer.refused(422, "Update is not a fast forward");
    }
    assert_eq!(hub.head("shop").await, third);
    // The same id again changes nothing.
    hub.patch(MAIN, json!({ "sha": third })).await.expect(200);
    hub.patch(MAIN, json!({ "sha": aside, "force": true }))
        .await
        .expect(200);
    assert_eq!(hub.head("shop").await, aside);
}

#[tokio::test]
async fn one_of_two_simultaneous_moves_wins() {
    let hub = Hub::start().await;
    let first = hub.create("shop").await;
    let mut rivals = Vec::new();
    for n in 0..4 {
        rivals.push(hub.commit("shop", &first, "a", &n.to_string()).await);
    }
    let moves = rivals
        .iter()
        .map(|sha| hub.patch(MAIN, json!({ "sha": sha })));
    let answers = futures::future::join_all(moves).await;
    let winners: Vec<usize> = (0..4).filter(|n| answers[*n].status == 200).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(hub.head("shop").await, rivals[winners[0]]);
}

#[tokio::test]
async fn references_are_created_once() {
    let hub = Hub::start().await;
    let head = hub.create("shop").await;
    let blob = hub
        .post("/repos/Ada/shop/git/blobs", json!({ "content": "x" }))
        .await;
    let blob = text(&blob.expect(201)["sha"]);
    let create = |name: &str, sha: &str| json!({ "ref": name, "sha": sha });
    let made = hub.post(REFS, create("refs/heads/next", &head)).await;
    assert!(made.headers.contains_key("location"));
    assert_eq!(made.expect(201)["object"]["type"], "commit");
    for (name, sha, message) in [
        ("refs/heads/next", head.as_str(), "Reference already exists"),
        ("refs/heads/next/a", &head, "Reference update failed"),
        ("refs/heads/new", &"a".repeat(40), "Object does not exist"),
        ("refs/heads/new", &blob, "Reference update failed"),
        (
            "heads/new",
            &head,
            "Reference name must start with 'refs/'.",
        ),
        (
            "refs/new",
            &head,
            "Reference name must contain at least three slash-separated components.",
        ),
        (
            "refs/heads/a..b",
            &head,
            "refs/heads/a..b is not a valid ref name.",
        ),
        (
            "refs/heads/new",
            "main",
            "The sha parameter must be exactly 40 characters and contain only [0-9a-f].",
        ),
    ] {
        hub.post(REFS, create(name, sha))
            .await
            .refused(422, message);
    }
    // Outside of the branches anything may be pointed to, and replaced.
    hub.post(REFS, create("refs/notes/x", &blob))
        .await
        .expect(201);
    let answer = hub
        .patch(&format!("{REFS}/notes/x"), json!({ "sha": head }))
        .await;
    answer.expect(200);
}

#[tokio::test]
async fn updates_of_what_is_not_there_are_refused() {
    let hub = Hub::start().await;
    let head = hub.create("shop").await;
    let answer = hub
        .patch(&format!("{REFS}/heads/none"), json!({ "sha": head }))
        .await;
    answer.refused(422, "Reference does not exist");
    let answer = hub.patch(MAIN, json!({ "sha": "a".repeat(40) })).await;
    answer.refused(422, "Object does not exist");
    let answer = hub.patch(MAIN, json!({})).await;
    answer.refused(422, "Invalid request.\n\n\"sha\" wasn't supplied.");
}

#[tokio::test]
async fn a_reference_is_found_by_its_whole_name_and_matched_by_its_beginning() {
    let hub = Hub::start().await;
    let head = hub.create("shop").await;
    for name in ["feature", "feature-2", "x/y"] {
        let body = json!({ "ref": format!("refs/heads/{name}"), "sha": head });
        hub.post(REFS, body).await.expect(201);
    }
    let git = "/repos/Ada/shop/git";
    hub.get(&format!("{git}/ref/heads/x/y")).await.expect(200);
    for missing in ["heads/feat", "heads/x", "heads"] {
        let answer = hub.get(&format!("{git}/ref/{missing}")).await;
        answer.refused(404, "Not Found");
    }
    let found = hub.get(&format!("{git}/matching-refs/heads/feat")).await;
    let found = found.expect(200);
    let names: Vec<String> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|reference| text(&reference["ref"]))
        .collect();
    assert_eq!(names, ["refs/heads/feature", "refs/heads/feature-2"]);
    let none = hub.get(&format!("{git}/matching-refs/heads/none")).await;
    assert_eq!(none.expect(200), json!([]));
}
