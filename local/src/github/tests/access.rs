use reqwest::header::{AUTHORIZATION, HOST, USER_AGENT};
use serde_json::json;

use super::{Hub, NARROW_TOKEN, OTHER_TOKEN, TOKEN};

#[tokio::test]
async fn a_missing_and_a_wrong_token_are_told_apart() {
    let hub = Hub::start().await;
    let request = hub.request("GET", "/user").header(USER_AGENT, "test");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 401);
    let body: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(body["message"], "Requires authentication");

    let answer = hub.try_send("ghp_wrong", "GET", "/user", None).await;
    answer.unwrap().refused(401, "Bad credentials");
}

#[tokio::test]
async fn both_authorization_schemes_are_accepted() {
    let hub = Hub::start().await;
    for scheme in ["Bearer", "token", "bearer"] {
        let answer = hub
            .request("GET", "/user")
            .header(USER_AGENT, "test")
            .header(AUTHORIZATION, format!("{scheme} {TOKEN}"))
            .send()
            .await;
        assert_eq!(answer.unwrap().status(), 200, "{scheme}");
    }
}

#[tokio::test]
async fn a_request_without_user_agent_is_forbidden() {
    let hub = Hub::start().await;
    let answer = hub.request("GET", "/user").bearer_auth(TOKEN).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 403);
    assert!(answer.text().await.unwrap().contains("User-Agent"));
}

#[tokio::test]
async fn every_answer_carries_githubs_headers() {
    let hub = Hub::start().await;
    for path in ["/user", "/repos/Ada/none", "/nothing/at/all"] {
        let answer = hub.get(path).await;
        assert_eq!(answer.header("x-oauth-scopes"), "repo, workflow, user");
        assert_eq!(
            answer.header("x-github-media-type"),
            "github.v3; format=json"
        );
        assert_eq!(answer.header("x-ratelimit-limit"), "5000");
        assert_eq!(answer.header("x-ratelimit-resource"), "core");
        assert!(answer.headers.contains_key("x-accepted-oauth-scopes"));
        assert!(answer.headers.contains_key("x-ratelimit-reset"));
        assert_eq!(answer.header("x-github-request-id").split(':').count(), 5);
    }
}

#[tokio::test]
async fn looking_at_the_rate_limit_is_free() {
    let hub = Hub::start().await;
    hub.get("/user").await.expect(200);
    for _ in 0..2 {
        let body = hub.get("/rate_limit").await.expect(200);
        assert_eq!(body["rate"]["used"], 1);
        assert_eq!(body["resources"]["core"]["remaining"], 4_999);
    }
}

#[tokio::test]
async fn the_profile_depends_on_the_user_scope() {
    let hub = Hub::start().await;
    let own = hub.get("/user").await.expect(200);
    assert_eq!(own["login"], "Ada");
    assert_eq!(own["two_factor_authentication"], true);
    let answer = hub.try_send(OTHER_TOKEN, "GET", "/user", None).await;
    let public = answer.unwrap().expect(200);
    assert_eq!(public["login"], "bob");
    assert!(public.get("two_factor_authentication").is_none());
}

#[tokio::test]
async fn strangers_do_not_see_private_repositories() {
    let hub = Hub::start().await;
    let body = json!({ "name": "secret", "private": true, "auto_init": true });
    hub.post("/user/repos", body).await.expect(201);
    hub.create("open").await;
    for (token, path, status) in [
        (TOKEN, "/repos/Ada/secret", 200),
        (OTHER_TOKEN, "/repos/Ada/secret", 404),
        (NARROW_TOKEN, "/repos/Ada/secret", 404),
        (OTHER_TOKEN, "/repos/Ada/open", 200),
    ] {
        let answer = hub.try_send(token, "GET", path, None).await.unwrap();
        assert_eq!(answer.status, status, "{token} {path}");
    }
    let blob = json!({ "content": "x" });
    let path = "/repos/Ada/open/git/blobs";
    let answer = hub.send(OTHER_TOKEN, "POST", path, blob).await;
    answer.refused(404, "Not Found");
}

#[tokio::test]
async fn a_public_scope_creates_public_repositories_only() {
    let hub = Hub::start().await;
    let create = |private| json!({ "name": "x", "private": private });
    let answer = hub.send(NARROW_TOKEN, "POST", "/user/repos", create(true));
    let answer = answer.await;
    assert_eq!(
        answer.header("x-accepted-oauth-scopes"),
        "public_repo, repo"
    );
    answer.refused(404, "Not Found");
    let answer = hub.send(NARROW_TOKEN, "POST", "/user/repos", create(false));
    answer.await.expect(201);
}

#[tokio::test]
async fn workflow_files_need_the_workflow_scope() {
    let hub = Hub::start().await;
    hub.create("site").await;
    let tree = |path| json!({ "tree": [{ "path": path, "mode": "100644", "type": "blob", "content": "on: push" }] });
    let path = "/repos/Ada/site/git/trees";
    let workflow = tree(".github/workflows/deploy.yml");
    let answer = hub.send(NARROW_TOKEN, "POST", path, workflow.clone()).await;
    answer.refused(404, "Not Found");
    let answer = hub.send(NARROW_TOKEN, "POST", path, tree(".github/CODEOWNERS"));
    answer.await.expect(201);
    hub.post(path, workflow).await.expect(201);
}

#[tokio::test]
async fn a_foreign_host_name_is_turned_away() {
    let hub = Hub::start().await;
    hub.create("site").await;
    for (host, status) in [("evil.example", 421), ("localhost:80", 200)] {
        let answer = hub.request("GET", "/Ada/site").header(HOST, host).send();
        assert_eq!(answer.await.unwrap().status(), status, "{host}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_not_found() {
    let hub = Hub::start().await;
    hub.create("site").await;
    hub.get("/user/repos").await.refused(404, "Not Found");
    hub.get("/repos/Ada/site/issues")
        .await
        .refused(404, "Not Found");
    let answer = hub.try_send(TOKEN, "DELETE", "/repos/Ada/site", None).await;
    answer.unwrap().refused(404, "Not Found");
}

#[tokio::test]
async fn requests_are_counted_and_logged() {
    let hub = Hub::start().await;
    hub.get("/user").await.expect(200);
    hub.get("/repos/Ada/none?a=b")
        .await
        .refused(404, "Not Found");
    assert_eq!(hub.github.request_count(), 2);
    let log = hub.github.request_log();
    assert_eq!(log[1].method, "GET");
    assert_eq!(log[1].path, "/repos/Ada/none?a=b");
    assert_eq!(log[1].status, Some(404));
}
