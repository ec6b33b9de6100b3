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
        retry_after: Duration::from_secs(7),
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
