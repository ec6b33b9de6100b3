//! E-mails to the owners of tasks.

use std::time::{Duration, Instant};

use appwrite::{Client, Credential};
use local::faults::Faults;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::push::ask;
use crate::world::{Setup, World, blocking, todo};

const PAGE: &str = "https://page.example";
/// Longest that the condition of a test may take to come true.
const PATIENCE: Duration = Duration::from_secs(30);

/// A new user with an e-mail address, and its id.
async fn addressee(world: &World) -> (Client, String) {
    let guest = world.client(Credential::Guest);
    blocking(move || {
        let (email, password) = ("ann@example.org", SecretString::from("a good password"));
        let user = guest.account().create(email, &password).unwrap();
        let (_, token) = guest
            .account()
            .create_email_session(email, &password)
            .unwrap();
        (guest.with_credential(Credential::Session(token)), user.id)
    })
    .await
}

async fn messages(world: &World) -> Vec<Value> {
    let path = "/messaging/messages?queries[0]=%7B%22method%22%3A%22limit%22%2C%22values%22%3A%5B100%5D%7D";
    let answer = ask(world, reqwest::Method::GET, path, &json!({})).await;
    answer["messages"].as_array().unwrap().clone()
}

/// What the e-mails about a task say that happened, once there are so many of them.
async fn told(world: &World, task: &str, count: usize) -> Vec<String> {
    let link = format!("{PAGE}/#/task/{task}\n");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let messages = messages(world).await;
        let mut told: Vec<_> = messages
            .iter()
            .filter(|message| {
                let content = message["data"]["content"].as_str().unwrap();
                content.ends_with(&link)
            })
            .map(|message| {
                let subject = message["data"]["subject"].as_str().unwrap();
                subject.rsplit(": ").next().unwrap().to_owned()
            })
            .collect();
        if told.len() >= count {
            told.sort_unstable();
            return told;
        }
        assert!(Instant::now() < deadline, "{task}: {messages:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn with(options: Value) -> Value {
    let mut brief = todo();
    brief["options"] = options;
    brief
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_owner_with_an_address_gets_one_email_for_each_occasion() {
    let rules = [
        "duplicate-event",
        "kill-function,at=before,table=journal,key=p0,nth=1",
        "kill-function,at=before,table=journal,key=upload,nth=1",
    ];
    let world = World::with(Setup {
        faults: Faults::parse(&rules, 0).unwrap(),
        settings: vec![("NOTICE_EMAIL", "on"), ("NOTICE_PAGE_URL", PAGE)],
        sweep_every: Some(1),
        ..Setup::default()
    })
    .await;
    let (ann, id) = addressee(&world).await;
    let approve = || json!({"command": "approve"});

    let whole = json!({"approval": "plan", "preview": true});
    let task = world.accept(&ann, &with(whole)).await;
    for told_before in 0..2 {
        world.reached(&task, &["awaiting_approval"]).await;
        told(&world, &task, told_before + 1).await;
        assert_eq!(world.command(&ann, &task, approve()).await.0, 200);
    }
    let row = world.ended(&task).await;
    assert_eq!(row.text("status"), Some("completed"));

    let poor = world.accept(&ann, &with(json!({"budgetUsd": 0.5}))).await;
    world.reached(&poor, &["paused"]).await;
    let nowhere = json!({"repository": "demo/nowhere"});
    let failed = world.accept(&ann, &with(nowhere)).await;
    world.reached(&failed, &["failed"]).await;

    let anonymous = world.user().await;
    let silent = world.accept(&anonymous, &todo()).await;
    let row = world.ended(&silent).await;
    assert_eq!(row.text("status"), Some("completed"));

    assert_eq!(told(&world, &poor, 1).await, ["its budget is used up"]);
    assert_eq!(told(&world, &failed, 1).await, ["it failed"]);
    assert_eq!(told(&world, &silent, 1).await, ["it is done"]);
    let all = [
        "it is done",
        "its plan waits for your approval",
        "its preview waits for your approval",
    ];
    assert_eq!(told(&world, &task, 3).await, all);
    // Each is there once, whoever was killed and however often it was told to start.
    let messages = messages(&world).await;
    assert_eq!(messages.len(), 6, "{messages:#?}");
    for message in &messages {
        let is_anns = message["users"] == json!([id]);
        let (status, reached) = if is_anns { ("sent", 1) } else { ("failed", 0) };
        assert_eq!(
            (&message["status"], &message["deliveredTotal"]),
            (&json!(status), &json!(reached)),
            "{message:#}"
        );
    }
    let to_ann = messages
        .iter()
        .filter(|message| message["status"] == "sent");
    assert_eq!(to_ann.count(), 5);
    assert_eq!(
        world
            .hosting
            .platform
            .kernel()
            .faults
            .fired("kill-function"),
        2
    );
    world.stop().await;
}
