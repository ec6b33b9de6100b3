//! What is looked at before it is published, and served again after it, on the whole system.

use pipeline::release_record::ReleaseRecord;
use serde_json::{Value, json};

use crate::replay::assert_replays;
use crate::world::{World, assert_one_of_each, blocking, todo, totals};

/// What a visitor of `url` gets: the status, and the text.
async fn visit(world: &World, url: &str) -> (u16, String) {
    let (client, url) = (world.admin(), url.to_owned());
    let visit = blocking(move || client.visit(&url).unwrap()).await;
    (visit.status, visit.text)
}

/// The release that a site says it is.
pub(crate) async fn served(world: &World, site: &str) -> String {
    let (status, text) = visit(world, &format!("{site}/app-config.json")).await;
    assert_eq!(status, 200, "{text}");
    let config: Value = serde_json::from_str(&text).unwrap();
    config["release"].as_str().unwrap().to_owned()
}

/// Everything that was put out, in order.
pub(crate) async fn records(world: &World, task: &str) -> Vec<ReleaseRecord> {
    let mut rows = world.rows("deployments", task).await;
    rows.sort_by_key(|row| (row.integer("generation"), row.integer("round")));
    let texts = rows.iter().filter_map(|row| row.text("release"));
    texts
        .map(|text| serde_json::from_str(text).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_public_before_its_owner_has_looked() {
    let world = World::start().await;
    let user = world.user().await;
    let mut brief = todo();
    brief["options"] = json!({"preview": true});
    let task = world.accept(&user, &brief).await;
    let row = world.reached(&task, &["awaiting_approval"]).await;

    // The site can be looked at, at an address that nobody can guess; nothing else is there.
    let preview = totals(&row)["previewUrl"].as_str().unwrap().to_owned();
    let (status, text) = visit(&world, &preview).await;
    assert_eq!(status, 200);
    assert!(text.contains("test-app"), "{text}");
    assert_eq!((row.text("siteUrl"), row.text("commitSha")), (None, None));
    assert_eq!(world.hosting.github().unwrap().request_count(), 0);
    let (client, site) = (world.admin(), task.clone());
    let site = blocking(move || client.sites().get(&site).unwrap()).await;
    assert_eq!(site.deployment_id, "");

    let revise = json!({"command": "revise", "comment": "Other"});
    let (status, refused) = world.command(&user, &task, revise).await;
    assert_eq!(
        (status, refused["error"]["code"].as_str()),
        (409, Some("not_now"))
    );
    let approve = json!({"command": "approve"});
    assert_eq!(world.command(&user, &task, approve).await.0, 200);
    let row = world.ended(&task).await;
    assert_one_of_each(&world, &row).await;
    assert!(totals(&row)["previewUrl"].is_null());

    // What was built for the preview is what is served.
    let rows = world.rows("deployments", &task).await;
    assert_eq!(rows.len(), 2);
    let ids: Vec<_> = rows.iter().map(|row| row.text("deploymentId")).collect();
    assert_eq!(ids[0], ids[1]);
    assert_replays(&world, &task).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_earlier_release_is_served_again_at_once() {
    let world = World::start().await;
    let user = world.user().await;
    let task = world.accept(&user, &todo()).await;
    let first = world.ended(&task).await;
    let site = first.text("siteUrl").unwrap().to_owned();
    let rollback = || json!({"command": "rollback"});
    let (status, refused) = world.command(&user, &task, rollback()).await;
    assert_eq!(
        (status, refused["error"]["code"].as_str()),
        (409, Some("no_release"))
    );

    let ask = json!({"command": "follow_up", "description": "Find things again.", "requirements": ["Search"]});
    assert_eq!(world.command(&user, &task, ask).await.0, 200);
    let second = world.ended(&task).await;
    assert_eq!(second.text("status"), Some("completed"));
    let records_ = records(&world, &task).await;
    let [one, two] = &records_[..] else {
        panic!("{records_:?}");
    };
    assert_eq!((one.number, two.number), (1, 2));
    assert_eq!(Some(two.commit_sha.as_str()), second.text("commitSha"));
    assert!(!two.models.is_empty() && !two.verdicts.is_empty() && two.cost_micro_usd > 0);
    assert_eq!(served(&world, &site).await, two.manifest_hash);

    // One operation: no model, no commit, no build.
    let before = (
        world.model_calls(),
        world.hosting.github().unwrap().request_count(),
    );
    let (status, answer) = world.command(&user, &task, rollback()).await;
    assert_eq!(
        (status, answer["status"].as_str()),
        (200, Some("deploying")),
        "{answer}"
    );
    let row = world.ended(&task).await;
    assert_eq!(
        row.text("status"),
        Some("completed"),
        "{:?}",
        row.text("failure")
    );
    assert_eq!(totals(&row)["release"], json!(1));
    assert_eq!(served(&world, &site).await, one.manifest_hash);
    let after = (
        world.model_calls(),
        world.hosting.github().unwrap().request_count(),
    );
    assert_eq!(before, after);
    let (client, id) = (world.admin(), task.clone());
    let deployments = blocking(move || client.sites().list_deployments(&id, &[]).unwrap()).await;
    assert_eq!(deployments.total, 2);

    // And forward again, by its number.
    let forward = json!({"command": "rollback", "release": 2});
    assert_eq!(world.command(&user, &task, forward).await.0, 200);
    let row = world.ended(&task).await;
    assert_eq!(totals(&row)["release"], json!(2));
    assert_eq!(served(&world, &site).await, two.manifest_hash);
    assert_replays(&world, &task).await;
    world.stop().await;
}
