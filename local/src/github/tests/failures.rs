use std::time::Duration;

use serde_json::json;

use super::super::{Fault, FaultRule, Operation};
use super::{Faults, Hub, TOKEN};

async fn hub(operation: Operation, nth: u64, fault: Fault) -> Hub {
    let rules = vec![FaultRule {
        operation,
        nth,
        fault,
    }];
    let faults = Faults {
        rules,
        ..Faults::default()
    };
    Hub::start_with(faults, true).await
}

#[tokio::test]
async fn a_lost_response_was_carried_out() {
    let hub = hub(Operation::CreateUserRepository, 0, Fault::LoseResponse).await;
    let body = json!({ "name": "shop" });
    let lost = hub.try_send(TOKEN, "POST", "/user/repos", Some(body.clone()));
    assert!(lost.await.is_err());
    assert_eq!(hub.github.request_log()[0].status, None);
    hub.get("/repos/Ada/shop").await.expect(200);
    let again = hub.post("/user/repos", body).await;
    again.refused(422, "Repository creation failed.");
}

#[tokio::test]
async fn a_lost_request_was_not_carried_out() {
    let hub = hub(Operation::CreateUserRepository, 1, Fault::LoseRequest).await;
    hub.create("first").await;
    let body = json!({ "name": "shop" });
    let lost = hub.try_send(TOKEN, "POST", "/user/repos", Some(body.clone()));
    assert!(lost.await.is_err());
    hub.get("/repos/Ada/shop").await.refused(404, "Not Found");
    hub.post("/user/repos", body).await.expect(201);
}

#[tokio::test]
async fn a_bad_gateway_may_hide_either_outcome() {
    for (fault, applied) in [(Fault::BadGateway, false), (Fault::BadGatewayAfter, true)] {
        let hub = hub(Operation::UpdateReference, 0, fault).await;
        let head = hub.create("shop").await;
        let next = hub.commit("shop", &head, "a", "1").await;
        let response = hub
            .request("PATCH", "/repos/Ada/shop/git/refs/heads/main")
            .bearer_auth(TOKEN)
            .header("user-agent", "test")
            .json(&json!({ "sha": next }))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 502);
        assert_eq!(hub.head("shop").await == next, applied);
    }
}

#[tokio::test]
async fn the_secondary_limit_says_how_long_to_wait() {
    let fault = Fault::SecondaryLimit {
        retry_after: Some(Duration::from_secs(7)),
    };
    let hub = hub(Operation::GetUser, 0, fault).await;
    let answer = hub.get("/user").await;
    assert_eq!(answer.header("retry-after"), "7");
    let body = answer.expect(403);
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .contains("secondary rate limit")
    );
    hub.get("/user").await.expect(200);
}

#[tokio::test]
async fn a_tree_that_is_too_large_times_out() {
    let faults = Faults {
        tree_entries_max: Some(2),
        ..Faults::default()
    };
    let hub = Hub::start_with(faults, true).await;
    hub.create("shop").await;
    let entries = |count: usize| -> Vec<serde_json::Value> {
        (0..count)
            .map(|n| json!({ "path": n.to_string(), "mode": "100644", "type": "blob", "content": "" }))
            .collect()
    };
    let answer = hub
        .tree("shop", json!({ "tree": entries(3) }))
        .await
        .expect(422);
    assert!(
        answer["message"]
            .as_str()
            .unwrap()
            .starts_with("Sorry, your request timed out.")
    );
    hub.tree("shop", json!({ "tree": entries(2) }))
        .await
        .expect(201);
}

#[tokio::test]
async fn a_listing_that_is_too_long_is_cut() {
    let faults = Faults {
        tree_listed_max: Some(2),
        ..Faults::default()
    };
    let hub = Hub::start_with(faults, true).await;
    let head = hub.create("shop").await;
    for (path, truncated, listed) in [("a", false, 2), ("a/b", true, 2)] {
        let sha = hub.commit("shop", &head, path, "x").await;
        let path = format!("/repos/Ada/shop/git/trees/{sha}?recursive=1");
        let listing = hub.get(&path).await.expect(200);
        assert_eq!(listing["truncated"], truncated);
        assert_eq!(listing["tree"].as_array().unwrap().len(), listed);
    }
}

#[tokio::test]
async fn a_new_repository_may_look_missing_for_a_while() {
    let faults = Faults {
        missing_after_create: 2,
        ..Faults::default()
    };
    let hub = Hub::start_with(faults, true).await;
    let body = json!({ "name": "shop", "auto_init": true });
    hub.post("/user/repos", body).await.expect(201);
    hub.get("/repos/Ada/shop").await.refused(404, "Not Found");
    let path = "/repos/Ada/shop/git/ref/heads/main";
    hub.get(path).await.refused(404, "Not Found");
    hub.get(path).await.expect(200);
}

#[tokio::test]
async fn limits_need_not_say_how_long_to_wait() {
    let fault = Fault::SecondaryLimit { retry_after: None };
    let hub = hub(Operation::GetUser, 0, fault).await;
    let answer = hub.get("/user").await;
    assert!(!answer.headers.contains_key("retry-after"));
    assert_ne!(answer.header("x-ratelimit-remaining"), "0");
    answer.expect(403);

    let reset_after = Duration::from_secs(90);
    hub.github
        .fail_next(Operation::GetUser, Fault::PrimaryLimit { reset_after });
    let answer = hub.get("/user").await;
    assert_eq!(answer.header("x-ratelimit-remaining"), "0");
    let reset: i64 = answer.header("x-ratelimit-reset").parse().unwrap();
    assert!((85..=95).contains(&(reset - jiff::Timestamp::now().as_second())));
    answer.refused(403, "API rate limit exceeded for user Ada.");
    hub.get("/user").await.expect(200);
}

#[tokio::test]
async fn too_much_content_in_a_minute_is_refused() {
    let faults = Faults {
        contents_per_minute_max: Some(2),
        ..Faults::default()
    };
    let hub = Hub::start_with(faults, true).await;
    for name in ["a", "b"] {
        hub.post("/user/repos", json!({ "name": name }))
            .await
            .expect(201);
    }
    hub.get("/user").await.expect(200);
    let answer = hub.post("/user/repos", json!({ "name": "c" })).await;
    assert_eq!(answer.header("retry-after"), "60");
    let message = answer.expect(403)["message"].to_string();
    assert!(message.contains("blocked from content creation"));
    hub.get("/repos/Ada/c").await.refused(404, "Not Found");
}

/// Every call goes through the same mechanism, so each can be lost before and after it is done.
#[tokio::test]
async fn every_call_can_fail() {
    let hub = Hub::start().await;
    hub.create("shop").await;
    for operation in super::super::operation::all() {
        let (method, template) = operation.described();
        if template.contains("installation") || template == "/app" {
            continue;
        }
        hub.github.fail_next(operation, Fault::LoseRequest);
        let path = template
            .replace("{owner}/{repo}", "Ada/shop")
            .replace(['{', '}'], "");
        let lost = hub.try_send(TOKEN, method, &path, Some(json!({}))).await;
        assert!(lost.is_err(), "{method} {path}");
    }
}
