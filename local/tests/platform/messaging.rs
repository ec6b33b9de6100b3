//! E-mails to users.

use reqwest::Method;
use serde_json::{Value, json};

use super::support::{NARROW_KEY, Who, World};

const EMAIL: &str = "/messaging/messages/email";
const MESSAGES: &str = "/messaging/messages";

fn kind(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["type"].as_str().unwrap_or_default())
}

fn email(id: &str, user: &str) -> Value {
    json!({"messageId": id, "subject": "Hello", "content": "It is done.", "users": [user]})
}

impl World {
    /// Makes a user with an address; returns the id of its target.
    async fn addressee(&self, id: &str) -> String {
        let body = json!({"userId": id, "email": format!("{id}@example.org")});
        let (status, user) = self.send(Method::POST, "/users", &self.key(), body).await;
        assert_eq!(status, 201, "{user}");
        user["targets"][0]["$id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn an_email_is_answered_at_once_and_kept_as_what_became_of_it() {
    let mut world = World::start().await;
    world.addressee("ann").await;
    let key = world.key();
    let (status, message) = world
        .send(Method::POST, EMAIL, &key, email("m1", "ann"))
        .await;
    assert_eq!(status, 201, "{message}");
    assert_eq!(
        (&message["status"], &message["deliveredTotal"]),
        (&json!("processing"), &json!(0))
    );
    world.restart().await;
    let (status, kept) = world.get(&format!("{MESSAGES}/m1"), &key).await;
    assert_eq!(status, 200);
    assert_eq!(
        (&kept["status"], &kept["deliveredTotal"], &kept["users"]),
        (&json!("sent"), &json!(1), &json!(["ann"]))
    );
    assert_eq!(kept["data"]["subject"], "Hello");
    assert_eq!(kept["data"]["html"], false);
    let again = world
        .send(Method::POST, EMAIL, &key, email("m1", "ann"))
        .await;
    assert_eq!(kind(&again), (409, "message_already_exists"));
    let (_, list) = world.get(MESSAGES, &key).await;
    assert_eq!((&list["total"], &list["messages"][0]), (&json!(1), &kept));
}

#[tokio::test]
async fn an_email_to_users_without_an_address_reaches_nobody() {
    let world = World::start().await;
    let (anonymous, _) = world.user().await;
    let key = world.key();
    for (id, user) in [("m1", anonymous.as_str()), ("m2", "nobody")] {
        let body = email(id, user);
        assert_eq!(world.send(Method::POST, EMAIL, &key, body).await.0, 201);
        let (_, kept) = world.get(&format!("{MESSAGES}/{id}"), &key).await;
        assert_eq!(
            (
                &kept["status"],
                &kept["deliveredTotal"],
                &kept["deliveryErrors"]
            ),
            (
                &json!("failed"),
                &json!(0),
                &json!(["No valid recipients found."])
            )
        );
    }
}

#[tokio::test]
async fn targets_are_email_targets_that_are_there() {
    let world = World::start().await;
    let target = world.addressee("ann").await;
    let key = world.key();
    let body = json!({"messageId": "m1", "subject": "s", "content": "c", "targets": [target]});
    let sent = world.send(Method::POST, EMAIL, &key, body.clone()).await;
    assert_eq!(sent.0, 201, "{}", sent.1);
    let (_, kept) = world.get(&format!("{MESSAGES}/m1"), &key).await;
    assert_eq!(kept["deliveredTotal"], 1);
    let mut other = body;
    other["messageId"] = json!("m2");
    other["cc"] = json!(["unknown"]);
    let sent = world.send(Method::POST, EMAIL, &key, other).await;
    assert_eq!(kind(&sent), (400, "message_target_not_email"));
}

#[tokio::test]
async fn what_is_no_email_is_refused() {
    let world = World::start().await;
    let key = world.key();
    let invalid = [
        json!({"messageId": "_a"}),
        json!({"subject": ""}),
        json!({"subject": "x".repeat(999)}),
        json!({"content": null}),
        json!({"content": "x".repeat(64_231)}),
        json!({"users": "ann"}),
        json!({"users": ["a b"]}),
        json!({"html": "perhaps"}),
        json!({"scheduledAt": "2030-01-01T00:00:00.000+00:00"}),
    ];
    for change in invalid {
        let mut body = email("m1", "ann");
        let change = change.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(change.clone());
        let sent = world.send(Method::POST, EMAIL, &key, body).await;
        assert_eq!(kind(&sent), (400, "general_argument_invalid"), "{change:?}");
    }
    let mut nobody = email("m1", "ann");
    nobody["users"] = json!([]);
    let sent = world.send(Method::POST, EMAIL, &key, nobody.clone()).await;
    assert_eq!(kind(&sent), (400, "message_missing_target"));
    nobody["draft"] = json!(true);
    let (status, draft) = world.send(Method::POST, EMAIL, &key, nobody).await;
    assert_eq!((status, &draft["status"]), (201, &json!("draft")));
    let missing = world.get(&format!("{MESSAGES}/m9"), &key).await;
    assert_eq!(kind(&missing), (404, "message_not_found"));
}

#[tokio::test]
async fn only_keys_with_the_scope_send_and_read() {
    let world = World::start().await;
    let (_, user) = world.user().await;
    for who in [Who::Guest, user, Who::Key(NARROW_KEY.to_owned())] {
        let sent = world
            .send(Method::POST, EMAIL, &who, email("m1", "ann"))
            .await;
        assert_eq!(kind(&sent), (401, "general_unauthorized_scope"));
        let read = world.get(MESSAGES, &who).await;
        assert_eq!(kind(&read), (401, "general_unauthorized_scope"));
    }
}
