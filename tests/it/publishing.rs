//! Organisations and workflows, on the whole system.

use serde_json::{Value, json};

use local::github::{Account, GitHub, GitHubConfig};
use pipeline::release::workflows;
use secrecy::SecretString;

use crate::replay::assert_replays;
use crate::world::{Setup, World, clone, install_tls, todo, totals};

const TOKEN: &str = "a-token-with-the-scope-repo-alone";

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
    let project = github.variable(name, "APPWRITE_PROJECT_ID").unwrap();
    assert_eq!(project.as_deref(), Some("orchestrator"));
    // What deploys has all its settings before it can begin.
    let places = |method: &str, part: &str| -> Vec<usize> {
        let all = log.iter().enumerate();
        all.filter(|(_, it)| it.method == method && it.path.contains(part))
            .map(|(place, _)| place)
            .collect()
    };
    let settings = [
        places("PUT", "/actions/secrets/APPWRITE_API_KEY"),
        places("POST", "/actions/variables"),
    ]
    .concat();
    assert_eq!(settings.len(), 3, "{log:#?}");
    let commit = places("POST", "/git/commits");
    assert_eq!(commit.len(), 1, "{log:#?}");
    assert!(settings.iter().all(|place| *place < commit[0]), "{log:#?}");

    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("clone");
    let (_, files) = clone(totals(&row)["cloneUrl"].as_str().unwrap(), &into).await;
    for path in [workflows::CI, workflows::DEPLOY, workflows::CONFIG] {
        assert!(files.contains(&path.to_owned()), "{path} of {files:?}");
    }
    let config = std::fs::read_to_string(into.join(workflows::CONFIG)).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["sites"][0]["$id"], row.id.as_str());
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
    assert_eq!(world.hosting.github().unwrap().request_count(), 0);
}

/// A stand-in whose only token has the scope `repo` and no other.
async fn without_workflow_scope(folder: &tempfile::TempDir) -> GitHub {
    install_tls();
    let account = Account {
        login: "demo".to_owned(),
        token: SecretString::from(TOKEN),
        scopes: vec!["repo".to_owned()],
        organizations: Vec::new(),
    };
    let config = GitHubConfig {
        data_dir: folder.path().join("github"),
        bind: ([127, 0, 0, 1], 0).into(),
        accounts: vec![account],
        access: Default::default(),
        open_clone: true,
        faults: Default::default(),
    };
    GitHub::start(config).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_without_the_workflow_scope_is_told_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let github = without_workflow_scope(&folder).await;
    let world = World::with(Setup {
        settings: vec![
            ("GITHUB_TOKEN", TOKEN),
            ("GITHUB_BASE_URL", github.base_url().to_owned().leak()),
        ],
        ..Setup::default()
    })
    .await;
    let row = world.run(&todo()).await;
    assert_eq!(row.text("status"), Some("failed"));
    let failure: Value = serde_json::from_str(row.text("failure").unwrap()).unwrap();
    assert_eq!(failure["code"], "publish_failed");
    let message = failure["message"].as_str().unwrap();
    assert!(message.contains("scope `workflow`"), "{message}");
    let row = world.run(&brief(json!({"workflows": "none"}))).await;
    assert_eq!(
        row.text("status"),
        Some("completed"),
        "{:?}",
        row.text("failure")
    );
    world.stop().await;
    github.shutdown().await;
}
