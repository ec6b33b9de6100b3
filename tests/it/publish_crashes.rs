//! Publishing while GitHub loses requests and answers, and processes are killed before and after
//! what they did is recorded: one repository, one commit for each release, one pull request.

use local::faults::Faults;
use local::github::{Fault, GitHub, Operation};
use serde_json::json;

use crate::existing::{Clone, REPOSITORY, brief, completed, follow_up, one_pull_request, seeded};
use crate::replay::assert_replays;
use crate::world::{Setup, World, clone, totals};

/// Everything that publishing asks of GitHub. Commits are read only where the head moves under
/// the very release, which the client's own tests do.
const OPERATIONS: &[Operation] = &[
    Operation::GetRepository,
    Operation::GetReference,
    Operation::GetTree,
    Operation::GetBlob,
    Operation::CreateOrganizationRepository,
    Operation::ReplaceTopics,
    Operation::GetActionsKey,
    Operation::PutSecret,
    Operation::CreateVariable,
    Operation::UpdateVariable,
    Operation::CreateTree,
    Operation::CreateCommit,
    Operation::CreateReference,
    Operation::UpdateReference,
    Operation::CreatePull,
    Operation::ListPulls,
];

const KEY: (&str, &str) = ("DEPLOY_WORKFLOW_API_KEY", "a-key-for-workflows");

/// What is recorded of publishing.
const RECORDED: &[&str] = &["read", "repo0", "secrets", "commit", "pull"];

async fn assert_one_pull_request_of(github: &GitHub, commits: usize) {
    let pull = one_pull_request(github);
    let clone = Clone::of(github, &pull.head).await;
    let made = clone.commits();
    assert_eq!(made.len(), commits, "{made:?}");
    assert_eq!(made[0], pull.head_sha);
    let secret = github.secret(REPOSITORY, "APPWRITE_API_KEY").unwrap();
    assert_eq!(secret.as_deref(), Some(KEY.1.as_bytes()));
}

/// Each request fails once in each way.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lost_request_or_answer_of_each_kind_changes_nothing() {
    for fault in [
        Fault::LoseRequest,
        Fault::LoseResponse,
        Fault::BadGatewayAfter,
    ] {
        let world = World::with(Setup {
            settings: vec![KEY],
            faults: Faults::parse(&["duplicate-event"], 0).unwrap(),
            sweep_every: Some(1),
            ..Setup::default()
        })
        .await;
        let github = world.hosting.github().unwrap();
        github.seed(REPOSITORY, true, &seeded()).await.unwrap();
        for operation in OPERATIONS {
            github.fail_next(*operation, fault);
        }
        let user = world.user().await;
        let options = json!({"repository": REPOSITORY, "workflows": "deploy"});
        let task = world.accept(&user, &brief(options)).await;
        completed(&world, &task).await;
        assert_one_pull_request_of(github, 1).await;
        follow_up(&world, &user, &task).await;
        completed(&world, &task).await;
        assert_one_pull_request_of(github, 2).await;
        assert_replays(&world, &task).await;

        let options = json!({"organization": "demo-org", "topics": ["a"], "workflows": "deploy"});
        let new = world.accept(&user, &brief(options)).await;
        let row = completed(&world, &new).await;
        let folder = tempfile::tempdir().unwrap();
        let url = totals(&row)["cloneUrl"].as_str().unwrap().to_owned();
        let (commits, _) = clone(&url, &folder.path().join("clone")).await;
        assert_eq!(commits.len(), 2, "{fault:?}");
        assert!(
            github
                .pull_requests("demo-org/test-app")
                .unwrap()
                .is_empty()
        );
        assert!(github.pull_requests("demo/test-app").is_err());
        assert_eq!(github.faults_left(), [], "{fault:?}");
        assert_replays(&world, &new).await;
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_process_killed_around_each_record_changes_nothing() {
    let runs = ["before", "after"].map(|phase| async move {
        let rules: Vec<String> = RECORDED
            .iter()
            .map(|key| format!("kill-function,at={phase},table=journal,key={key},nth=1"))
            .collect();
        let world = World::with(Setup {
            settings: vec![KEY],
            faults: Faults::parse(&rules, 0).unwrap(),
            sweep_every: Some(1),
            ..Setup::default()
        })
        .await;
        let github = world.hosting.github().unwrap();
        github.seed(REPOSITORY, true, &seeded()).await.unwrap();
        let options = json!({"repository": REPOSITORY, "workflows": "deploy"});
        let row = world.run(&brief(options)).await;
        completed(&world, &row.id).await;
        let struck = world
            .hosting
            .platform
            .kernel()
            .faults
            .fired("kill-function");
        assert_eq!(struck, RECORDED.len() as u64, "{phase}");
        assert_one_pull_request_of(github, 1).await;
        assert_replays(&world, &row.id).await;
        world.stop().await;
    });
    futures::future::join_all(runs).await;
}
