//! Organisations and workflows, on the whole system.

use serde_json::{Value, json};

use crate::replay::assert_replays;
use crate::world::{Setup, World, todo};

fn brief(options: Value) -> Value {
    let mut brief = todo();
    brief["options"] = options;
    brief
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_organisation_gets_a_repository_whose_workflows_can_deploy() {
    let world = World::with(Setup {
        settings: vec![("DEPLOY_WORKFLOW_API_KEY", "a-key-for-workflows")],
        ..Setup::default()
    })
    .await;
    let options =
        json!({"organization": "demo-org", "topics": ["todo", "web"], "workflows": "deploy"});
    let row = world.run(&brief(options)).await;
    assert_eq!(
        row.text("status"),
        Some("completed"),
        "{:?}",
        row.text("failure")
    );
    let github = world.hosting.github().unwrap();
    let name = "demo-org/test-app";
    let secret = github.secret(name, "APPWRITE_API_KEY").unwrap();
    assert_eq!(secret.as_deref(), Some("a-key-for-workflows".as_bytes()));
    let endpoint = github.variable(name, "APPWRITE_ENDPOINT").unwrap();
    assert_eq!(endpoint.as_deref(), Some(world.hosting.platform.endpoint()));
    let log = github.request_log();
    let is_topics = |path: &str| path.ends_with("/demo-org/test-app/topics");
    assert!(
        log.iter()
            .any(|it| is_topics(&it.path) && it.status == Some(200))
    );
    // What deploys has its key before it can begin.
    let place = |part: &str| log.iter().position(|it| it.path.contains(part)).unwrap();
    assert!(place("/actions/secrets/APPWRITE_API_KEY") < place("/git/trees"));
    assert_replays(&world, &row.id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn workflows_that_deploy_need_a_key_that_is_named() {
    let world = World::start().await;
    let row = world.run(&brief(json!({"workflows": "deploy"}))).await;
    assert_eq!(row.text("status"), Some("failed"));
    let failure: Value = serde_json::from_str(row.text("failure").unwrap()).unwrap();
    assert_eq!(failure["code"], "not_configured");
    assert!(
        failure["message"]
            .as_str()
            .unwrap()
            .contains("DEPLOY_WORKFLOW_API_KEY")
    );
}
