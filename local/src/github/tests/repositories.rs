use serde_json::json;

use super::{Hub, OTHER_TOKEN, text};

#[tokio::test]
async fn a_new_repository_shows_what_was_asked_for() {
    let hub = Hub::start().await;
    let body = json!({
        "name": "My Shop",
        "description": "Sells <things>",
        "homepage": "https://app.example/p/17",
        "private": true,
        "has_wiki": false,
    });
    let answer = hub.post("/user/repos", body).await;
    let base = hub.github.base_url();
    assert_eq!(
        answer.header("location"),
        format!("{base}/repos/Ada/My-Shop")
    );
    let created = answer.expect(201);
    assert_eq!(created["full_name"], "Ada/My-Shop");
    assert_eq!(created["homepage"], "https://app.example/p/17");
    assert_eq!(created["private"], true);
    assert_eq!(created["has_wiki"], false);
    assert_eq!(created["has_issues"], true);
    assert_eq!(created["permissions"]["admin"], true);
    assert_eq!(created["clone_url"], format!("{base}/Ada/My-Shop.git"));
    // GitHub names the branch although there is none yet.
    assert_eq!(created["default_branch"], "main");

    let id = &created["id"];
    for path in [
        "/repos/ada/my-shop".to_owned(),
        format!("/repositories/{id}"),
    ] {
        assert_eq!(hub.get(&path).await.expect(200), created);
    }
}

#[tokio::test]
async fn a_taken_name_is_refused_in_githubs_words() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    let body = hub.post("/user/repos", json!({ "name": "SHOP" })).await;
    let body = body.expect(422);
    assert_eq!(
        body,
        json!({
            "message": "Repository creation failed.",
            "errors": [{
                "resource": "Repository",
                "code": "custom",
                "field": "name",
                "message": "name already exists on this account",
            }],
            "documentation_url": "https://docs.github.com/rest/repos/repos#create-a-repository-for-the-authenticated-user",
            "status": "422",
        })
    );
    // Another owner's names are another matter.
    let answer = hub.send(
        OTHER_TOKEN,
        "POST",
        "/user/repos",
        json!({ "name": "shop" }),
    );
    answer.await.expect(201);
}

#[tokio::test]
async fn a_name_is_given_once_to_simultaneous_requests() {
    let hub = Hub::start().await;
    let body = json!({ "name": "shop", "auto_init": true });
    let requests = (0..4).map(|_| hub.post("/user/repos", body.clone()));
    let answers = futures::future::join_all(requests).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422, 422, 422]);
}

#[tokio::test]
async fn members_create_in_their_organisation() {
    let hub = Hub::start().await;
    let body = json!({
        "name": "site",
        "visibility": "private",
        "custom_properties": { "project": "17" },
        "auto_init": true,
    });
    let created = hub
        .post("/orgs/guild/repos", body.clone())
        .await
        .expect(201);
    assert_eq!(created["full_name"], "Guild/site");
    assert_eq!(created["owner"]["type"], "Organization");
    assert_eq!(created["organization"]["login"], "Guild");
    assert_eq!(created["private"], true);
    assert_eq!(created["custom_properties"]["project"], "17");
    hub.get("/repos/Guild/site/git/ref/heads/main")
        .await
        .expect(200);

    let answer = hub
        .send(OTHER_TOKEN, "POST", "/orgs/guild/repos", body)
        .await;
    answer.refused(404, "Not Found");
}

#[tokio::test]
async fn bad_requests_name_what_is_wrong() {
    let hub = Hub::start().await;
    for (body, status, message) in [
        (
            json!({}),
            422,
            "Invalid request.\n\n\"name\" wasn't supplied.",
        ),
        (
            json!({ "name": 7 }),
            422,
            "Invalid request.\n\nFor 'properties/name', 7 is not a string.",
        ),
        (
            json!({ "name": "x", "auto_init": "yes" }),
            422,
            "Invalid request.\n\nFor 'properties/auto_init', \"yes\" is not a boolean.",
        ),
        (json!({ "name": "" }), 422, "Repository creation failed."),
        (
            json!({ "name": "x".repeat(101) }),
            422,
            "Repository creation failed.",
        ),
        (json!([1]), 400, "Body should be a JSON object"),
    ] {
        hub.post("/user/repos", body).await.refused(status, message);
    }
    let answer = hub
        .request("POST", "/user/repos")
        .bearer_auth(super::TOKEN)
        .header("user-agent", "test")
        .body("{")
        .send();
    assert_eq!(answer.await.unwrap().status(), 400);
}

#[tokio::test]
async fn auto_init_makes_a_readme_in_one_commit() {
    let hub = Hub::start().await;
    let head = hub.create("shop").await;
    let commit = hub
        .get(&format!("/repos/Ada/shop/git/commits/{head}"))
        .await;
    let commit = commit.expect(200);
    assert_eq!(commit["message"], "Initial commit");
    assert_eq!(commit["parents"], json!([]));
    assert_eq!(commit["committer"]["name"], "GitHub");
    let listing = hub.get("/repos/Ada/shop/git/trees/main").await.expect(200);
    assert_eq!(listing["tree"][0]["path"], "README.md");
    assert_eq!(listing["tree"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_empty_repository_refuses_the_git_data_calls() {
    let hub = Hub::start().await;
    hub.post("/user/repos", json!({ "name": "void" }))
        .await
        .expect(201);
    let sha = "a".repeat(40);
    let git = "/repos/Ada/void/git";
    for path in ["ref/heads/main", "matching-refs/heads/", "trees/main"] {
        let answer = hub.get(&format!("{git}/{path}")).await;
        answer.refused(409, "Git Repository is empty.");
    }
    hub.get(&format!("{git}/commits/{sha}")).await.expect(409);
    let entry = json!({ "path": "a", "mode": "100644", "type": "blob", "content": "" });
    for (path, body) in [
        ("blobs", json!({ "content": "x" })),
        ("trees", json!({ "tree": [entry] })),
        ("commits", json!({ "message": "m", "tree": sha })),
        ("refs", json!({ "ref": "refs/heads/main", "sha": sha })),
    ] {
        let answer = hub.post(&format!("{git}/{path}"), body).await;
        answer.refused(409, "Git Repository is empty.");
    }
    let main = format!("{git}/refs/heads/main");
    let answer = hub.patch(&main, json!({ "sha": sha })).await;
    answer.refused(409, "Git Repository is empty.");
}

#[tokio::test]
async fn everything_is_served_below_the_number_too() {
    let hub = Hub::start().await;
    let head = hub.create("shop").await;
    let id = hub.get("/repos/Ada/shop").await.expect(200)["id"].clone();
    let path = format!("/repositories/{id}/git/ref/heads/main");
    let reference = hub.get(&path).await.expect(200);
    assert_eq!(text(&reference["object"]["sha"]), head);
    hub.get("/repositories/5").await.refused(404, "Not Found");
}
