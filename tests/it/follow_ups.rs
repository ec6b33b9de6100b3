//! What is asked for after the end, and plans that their owners change, on the whole system.

use serde_json::{Value, json};

use crate::world::{World, assert_one_of_each, blocking, clone, todo, totals};

fn with_approval() -> Value {
    let mut brief = todo();
    brief["options"] = json!({"approval": "plan"});
    brief
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn more_is_built_on_top_of_a_finished_task() {
    let world = World::start().await;
    let user = world.user().await;
    let task = world.accept(&user, &todo()).await;
    let first = world.ended(&task).await;
    assert_one_of_each(&world, &first).await;

    let ask = json!({"command": "follow_up", "description": "Find things again.", "requirements": ["Search"]});
    let (status, answer) = world.command(&user, &task, ask.clone()).await;
    assert_eq!((status, answer["status"].as_str()), (200, Some("planning")));
    let (status, answer) = world.command(&user, &task, ask).await;
    assert_eq!(
        (status, answer["error"]["code"].as_str()),
        (409, Some("not_now"))
    );
    let second = world.ended(&task).await;
    assert_eq!(
        second.text("status"),
        Some("completed"),
        "{:?}",
        second.text("failure")
    );

    // The same repository, one commit on top; the same site, the newer deployment.
    let address = |row: &appwrite::Row| {
        let text = |column| row.text(column).unwrap().to_owned();
        (text("repositoryUrl"), text("siteUrl"))
    };
    assert_eq!(address(&first), address(&second));
    let folder = tempfile::tempdir().unwrap();
    let url = totals(&second)["cloneUrl"].as_str().unwrap().to_owned();
    let (commits, files) = clone(&url, &folder.path().join("clone")).await;
    assert_eq!(commits.len(), 3);
    assert_eq!(Some(commits[0].as_str()), second.text("commitSha"));
    assert_eq!(Some(commits[1].as_str()), first.text("commitSha"));
    for path in ["js/features/search.js", "js/account.js", "index.html"] {
        assert!(files.contains(&path.to_owned()), "{path} of {files:?}");
    }
    let (admin, site) = (world.admin(), task.clone());
    let (site, deployments) = blocking(move || {
        let sites = admin.sites();
        (
            sites.get(&site).unwrap(),
            sites.list_deployments(&site, &[]).unwrap(),
        )
    })
    .await;
    assert_eq!(deployments.total, 2);
    let newest = deployments
        .deployments
        .iter()
        .max_by_key(|it| it.created_at.clone());
    assert_eq!(site.deployment_id, newest.unwrap().id);

    // Only what is new was planned, and nothing was paid for twice.
    let agents = world.rows("assignments", &task).await;
    let again = agents
        .iter()
        .filter(|row| row.integer("generation") == Some(2));
    let mut again: Vec<&str> = again.map(|row| row.text("name").unwrap()).collect();
    again.sort_unstable();
    again.dedup();
    assert_eq!(again, ["docs", "features", "page"]);
    assert_eq!(world.model_calls().1, 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_owner_changes_the_plan_within_its_rules() {
    let world = World::start().await;
    let user = world.user().await;
    let task = world.accept(&user, &with_approval()).await;
    world.reached(&task, &["awaiting_approval"]).await;
    let plans = world.rows("plans", &task).await;
    let estimate: Value = serde_json::from_str(plans[0].text("estimate").unwrap()).unwrap();
    assert!(estimate["costMicroUsd"].as_u64().unwrap() > 0, "{estimate}");
    let line = plans[0].text("line").unwrap();
    assert!(line.contains("It will take about"), "{line}");
    let plan: Value = serde_json::from_str(plans[0].text("plan").unwrap()).unwrap();
    let mut assignments = plan["plan"]["assignments"].as_array().unwrap().clone();

    let mut broken = assignments.clone();
    broken[0]["depends_on"] = json!(["nobody", broken[0]["id"]]);
    let edit = json!({"command": "edit", "assignments": broken});
    let (status, answer) = world.command(&user, &task, edit).await;
    let violations = answer["error"]["violations"].as_array().map(Vec::len);
    assert_eq!((status, violations), (400, Some(2)), "{answer}");

    assignments[0]["title"] = json!("Called otherwise");
    let edit = json!({"command": "edit", "assignments": assignments});
    let (status, answer) = world.command(&user, &task, edit).await;
    assert_eq!(
        (status, answer["status"].as_str()),
        (200, Some("planning")),
        "{answer}"
    );
    world.reached(&task, &["awaiting_approval"]).await;
    assert_eq!(world.model_calls().0, 1);
    let (status, _) = world
        .command(&user, &task, json!({"command": "approve"}))
        .await;
    assert_eq!(status, 200);
    let row = world.ended(&task).await;
    assert_one_of_each(&world, &row).await;
    let agents = world.rows("assignments", &task).await;
    assert!(
        agents
            .iter()
            .any(|row| row.text("title") == Some("Called otherwise"))
    );
    world.stop().await;
}
