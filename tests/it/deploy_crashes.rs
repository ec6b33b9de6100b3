//! Deploying an app while Appwrite loses requests and answers, every event comes twice, and
//! processes are killed before and after what they did is recorded: one commit for each release,
//! one table, rule and variable, one active deployment for each site and function, and nothing of
//! what people have put into the app is lost.

use std::time::Instant;

use appwrite::{
    Client, ColumnKind, DeploymentArchive, DeploymentStatus, IndexKind, NewColumn, NewFunction,
    NewIndex, NewSite, Query, SchemaStatus, TableSettings,
};
use local::faults::Faults;
use pipeline::effect::Resource;
use pipeline::release_record::{ReleaseRecord, ReleasedPart};
use serde_json::{Value, json};

use crate::existing::{completed, follow_up};
use crate::gate::{Gate, PATIENCE, awaited};
use crate::releases::records;
use crate::replay::assert_replays;
use crate::world::{Setup, World, blocking, clone, repositories, totals};

/// What a deployment changes at Appwrite, by method and path.
const CHANGES: &[&str] = &[
    "POST /v1/tablesdb",
    "POST /v1/tablesdb/*/tables",
    "PUT /v1/tablesdb/*/tables/*",
    "POST /v1/tablesdb/*/tables/*/columns/*",
    "PATCH /v1/tablesdb/*/tables/*/columns/*/*",
    "POST /v1/tablesdb/*/tables/*/indexes",
    "DELETE /v1/tablesdb/*/tables/*/indexes/*",
    "POST /v1/functions",
    "PUT /v1/functions/*",
    "POST /v1/functions/*/variables",
    "POST /v1/functions/*/deployments",
    "PATCH /v1/functions/*/deployment",
    "PATCH /v1/functions/*/deployments/*/status",
    "POST /v1/sites",
    "POST /v1/sites/*/deployments",
    "PATCH /v1/sites/*/deployment",
    "PATCH /v1/sites/*/deployments/*/status",
    "POST /v1/proxy/rules/site",
    "POST /v1/proxy/rules/function",
];

/// What it reads, most of it because the answer to a change was lost.
const READS: &[&str] = &[
    "GET /v1/tablesdb/*",
    "GET /v1/tablesdb/*/tables",
    "GET /v1/tablesdb/*/tables/*",
    "GET /v1/tablesdb/*/tables/*/columns/*",
    "GET /v1/tablesdb/*/tables/*/indexes/*",
    "GET /v1/functions/*",
    "GET /v1/functions/*/variables",
    "GET /v1/functions/*/deployments",
    "GET /v1/functions/*/deployments/*",
    "GET /v1/sites/*",
    "GET /v1/sites/*/deployments",
    "GET /v1/sites/*/deployments/*",
    "GET /v1/proxy/rules",
];

/// What it reads only where an upload has arrived and nobody knows.
const COMPARED: &[&str] = &[
    "GET /v1/functions/*/deployments/*/download",
    "GET /v1/sites/*/deployments/*/download",
];

/// What is recorded until the first release is out.
const FIRST: &[&str] = &["schema", "f0u", "upload", "f0a", "activate", "look1"];

/// What is recorded of builds that are called off, and of a rollback.
const LATER: &[&str] = &["f0c", "f0u1", "f0a1", "cancel", "late", "serve0", "serve1"];

/// Builds at once, of sites and of functions.
const BUILDS_MAX: usize = 2;
/// An app with a database, a function and a site.
pub(crate) fn app(options: Value) -> Value {
    json!({"name": "counted", "description": "A list.", "type": "fullstack",
           "requirements": ["CRUD"], "options": options})
}

pub(crate) async fn told(world: &World, user: &Client, task: &str, command: Value) {
    let (status, answer) = world.command(user, task, command).await;
    assert_eq!(status, 200, "{answer}");
}

/// Waits until the owner's word is asked for, and agrees.
async fn approved(world: &World, user: &Client, task: &str) {
    world.reached(task, &["awaiting_approval"]).await;
    told(world, user, task, json!({"command": "approve"})).await;
}

/// Builds that never end, so that no other build begins.
struct Occupied {
    admin: Client,
    builds: Vec<(Resource, String)>,
}

impl Occupied {
    /// Takes all places for builds.
    async fn by(world: &World, release: &ReleaseRecord) -> Self {
        let admin = world.admin();
        let (client, parts) = (admin.clone(), release.parts.clone());
        let builds = blocking(move || {
            let (sites, functions) = (client.sites(), client.functions());
            let mut site = NewSite::of_files("busy", "Busy");
            site.build_command = "sleep 600".to_owned();
            sites.create(&site).unwrap();
            let function = NewFunction::new("busy", "Busy", "node-22", "main.js");
            functions.create(&function).unwrap();
            let mut builds = Vec::new();
            for part in &parts {
                let of = &part.deployment;
                let (id, deployment) = (&of.resource_id, &of.deployment_id);
                let source = DeploymentArchive::Source;
                for _ in 0..BUILDS_MAX {
                    let made = match of.resource {
                        Resource::Site => {
                            let source = sites.download_deployment(id, deployment, source);
                            sites.create_deployment("busy", source.unwrap(), false)
                        }
                        Resource::Function => {
                            let source = functions.download_deployment(id, deployment, source);
                            let (entry, commands) = ("main.js", "sleep 600");
                            let source = source.unwrap();
                            functions.create_deployment("busy", source, false, entry, commands)
                        }
                    };
                    builds.push((of.resource, made.unwrap().id));
                }
            }
            builds
        })
        .await;
        let occupied = Self { admin, builds };
        awaited("builds", async || {
            let (client, builds) = (occupied.admin.clone(), occupied.builds.clone());
            let under_way = blocking(move || {
                let status = |(resource, id): &(Resource, String)| match resource {
                    Resource::Site => client.sites().get_deployment("busy", id),
                    Resource::Function => client.functions().get_deployment("busy", id),
                };
                let is_it = |it| status(it).unwrap().status == DeploymentStatus::Building;
                builds.iter().all(is_it)
            });
            under_way.await.then_some(())
        })
        .await;
        occupied
    }

    /// Gives the places for builds of this kind back.
    async fn free(&self, freed: Resource) {
        let (client, builds) = (self.admin.clone(), self.builds.clone());
        blocking(move || {
            for (_, id) in builds.iter().filter(|(resource, _)| *resource == freed) {
                let canceled = match freed {
                    Resource::Site => client.sites().cancel_deployment("busy", id),
                    Resource::Function => client.functions().cancel_deployment("busy", id),
                };
                canceled.unwrap();
            }
        })
        .await;
    }
}

/// Waits until the journal has an entry.
async fn recorded(world: &World, task: &str, key: &str) {
    awaited(key, async || {
        let rows = world.rows("journal", task).await;
        let is_it = |row: &appwrite::Row| row.text("key") == Some(key);
        rows.iter().any(is_it).then_some(())
    })
    .await;
}

/// Whether the newest deployment of the task's site is built.
async fn built(world: &World, task: &str) {
    awaited("the build", async || {
        let (admin, id) = (world.admin(), task.to_owned());
        let site = blocking(move || admin.sites().get(&id).unwrap()).await;
        (site.latest_deployment_status == Some(DeploymentStatus::Ready)).then_some(())
    })
    .await;
}

/// Somebody's item, in the app's database.
async fn keep_an_item(world: &World, task: &str) {
    let (admin, task) = (world.admin(), task.to_owned());
    let item = json!({"title": "Loom", "done": true});
    blocking(move || {
        admin
            .table(&task, "items")
            .create("kept", &item, &[])
            .unwrap()
    })
    .await;
}

/// Changes by hand, so that the next deployment has a column, its size, an index and the table's
/// settings to put right.
async fn change_by_hand(world: &World, task: &str) {
    let (admin, database) = (world.admin(), task.to_owned());
    blocking(move || {
        let databases = admin.databases();
        let narrow = NewColumn {
            required: true,
            ..NewColumn::new("title", ColumnKind::String { size: 400 })
        };
        let other = NewIndex::new("by_done", IndexKind::Key, &["created"]);
        let settings = TableSettings {
            id: "items".to_owned(),
            name: "Mine".to_owned(),
            permissions: Vec::new(),
            row_security: true,
        };
        databases
            .delete_index(&database, "items", "by_done")
            .unwrap();
        databases.delete_column(&database, "items", "tags").unwrap();
        databases
            .update_column(&database, "items", &narrow)
            .unwrap();
        databases.update_table(&database, &settings).unwrap();
        let end = Instant::now() + PATIENCE;
        while databases.create_index(&database, "items", &other).is_err() {
            assert!(Instant::now() < end, "the index stays");
        }
    })
    .await;
}

/// The whole life of an app: two releases that are looked at first, the second of which has
/// builds that hang, and two rollbacks. With a `gate`, which holds the request that calls the
/// site's build off, that build ends in this very moment.
async fn lived(world: &World, user: &Client, gate: Option<&Gate>) -> String {
    let task = released(world, user).await;
    keep_an_item(world, &task).await;
    change_by_hand(world, &task).await;
    let first = records(world, &task).await.remove(0);
    let occupied = Occupied::by(world, &first).await;
    follow_up(world, user, &task).await;
    recorded(world, &task, "f0c").await;
    occupied.free(Resource::Function).await;
    if let Some(gate) = gate {
        gate.reached().await;
        occupied.free(Resource::Site).await;
        built(world, &task).await;
        gate.open();
    } else {
        recorded(world, &task, "cancel").await;
        occupied.free(Resource::Site).await;
    }
    approved(world, user, &task).await;
    completed(world, &task).await;
    assert_one_of_all(world, &task, (2, 2)).await;
    for (number, releases) in [(1, 2), (2, 2)] {
        let back = json!({"command": "rollback", "release": number});
        told(world, user, &task, back).await;
        completed(world, &task).await;
        assert_one_of_all(world, &task, (number, releases)).await;
    }
    task
}

/// An app whose first release is out, after a look at it.
async fn released(world: &World, user: &Client) -> String {
    let task = world.accept(user, &app(json!({"preview": true}))).await;
    approved(world, user, &task).await;
    completed(world, &task).await;
    assert_one_of_all(world, &task, (1, 1)).await;
    task
}

/// The release `serving` is served as a whole and by itself, of so many.
pub(crate) async fn assert_one_of_all(
    world: &World,
    task: &str,
    (serving, releases): (u32, usize),
) {
    let row = completed(world, task).await;
    assert_eq!(totals(&row)["release"], json!(serving));
    let folder = tempfile::tempdir().unwrap();
    let url = totals(&row)["cloneUrl"].as_str().unwrap().to_owned();
    let (commits, _) = clone(&url, &folder.path().join("clone")).await;
    assert_eq!(commits.len(), 1 + releases);
    let record = records(world, task).await.pop().unwrap();
    assert_eq!(record.number, serving);
    let has_function = record.parts.iter().any(|part| !part.name.is_empty());
    assert!(has_function, "{record:?}");
    // Whoever is thought dead may upload beside who took over; one of the two is served.
    let uploads_max = releases + taken_over(world, task).await;
    let (admin, database) = (world.admin(), task.to_owned());
    blocking(move || {
        for part in &record.parts {
            assert_one_part(&admin, &database, part, (releases, uploads_max));
        }
        let tables = admin
            .databases()
            .list_tables(&database, &[])
            .unwrap()
            .tables;
        assert_eq!(tables.len(), 1, "{tables:?}");
        let mut columns: Vec<&str> = tables[0].columns.iter().map(|it| it.key.as_str()).collect();
        columns.sort_unstable();
        assert_eq!(columns, ["created", "done", "due", "tags", "title"]);
        let is_ready = |status| status == SchemaStatus::Available;
        assert!(tables[0].columns.iter().all(|it| is_ready(it.status)));
        assert!(tables[0].indexes.iter().all(|it| is_ready(it.status)));
        let indexes: Vec<_> = tables[0]
            .indexes
            .iter()
            .map(|it| (&*it.key, it.columns.join(",")))
            .collect();
        let is_app = record.parts.len() == 2;
        let expected = is_app.then(|| ("by_done", "done".to_owned()));
        assert_eq!(indexes, Vec::from_iter(expected));
        if releases == 2 {
            let item = admin.table(&database, "items").get("kept").unwrap();
            assert_eq!(
                (item.text("title"), item.boolean("done")),
                (Some("Loom"), Some(true))
            );
        }
    })
    .await;
    assert_replays(world, task).await;
}

/// How often another execution went on with a deployment.
async fn taken_over(world: &World, task: &str) -> usize {
    let claims = world.rows("claims", task).await;
    let later = |it: &&appwrite::Row| {
        it.id.starts_with(['d', 'v']) && it.integer("epoch").is_some_and(|epoch| epoch > 1)
    };
    claims.iter().filter(later).count()
}

/// A site or function of a release is what is served, has its address once, and is there once for
/// each release: a function that is the same as before may be the same deployment.
fn assert_one_part(
    admin: &Client,
    database: &str,
    part: &ReleasedPart,
    (releases, uploads_max): (usize, usize),
) {
    let of = &part.deployment;
    let id = &of.resource_id;
    let (active, deployments) = match of.resource {
        Resource::Site => {
            let sites = admin.sites();
            (
                sites.get(id).unwrap().deployment_id,
                sites.list_deployments(id, &[]),
            )
        }
        Resource::Function => {
            let functions = admin.functions();
            let vars = functions.list_variables(id).unwrap().variables;
            let vars: Vec<_> = vars.iter().map(|it| (&*it.key, &*it.value)).collect();
            assert_eq!(vars, [("APP_DATABASE_ID", database)]);
            let active = functions.get(id).unwrap().deployment_id;
            (active, functions.list_deployments(id, &[]))
        }
    };
    assert_eq!(active, of.deployment_id, "{part:?}");
    let ready = |it: &&appwrite::Deployment| it.status == DeploymentStatus::Ready;
    let ready = deployments
        .unwrap()
        .deployments
        .iter()
        .filter(ready)
        .count();
    let fits = match of.resource {
        Resource::Site => (releases..=uploads_max).contains(&ready),
        Resource::Function => (1..=uploads_max).contains(&ready),
    };
    assert!(fits, "{ready} deployments of {part:?}");
    let queries = [
        Query::equal("deploymentResourceId", id.as_str()),
        Query::equal("trigger", "manual"),
    ];
    let rules = admin.rules().list_rules(&queries).unwrap().rules;
    assert_eq!(rules.len(), usize::from(part.url.is_some()), "{rules:?}");
}

/// Every fault of a rule that strikes once has struck.
pub(crate) fn assert_all_struck(world: &World) {
    let faults = world.hosting.platform.kernel().faults.json();
    let rules = faults["rules"].as_array().unwrap();
    let once = rules
        .iter()
        .filter(|it| it["rule"].as_str().unwrap().contains("nth="));
    let left: Vec<&Value> = once.filter(|it| it["fired"] != 1).collect();
    assert!(left.is_empty(), "{left:#?}");
}

async fn world(rules: &[String], gate: impl FnOnce(&mut Faults)) -> World {
    let mut faults = Faults::parse(rules, 0).unwrap();
    gate(&mut faults);
    World::with(Setup {
        faults,
        // A build that is well has time enough on a slow machine, too.
        settings: vec![("BUILD_TIMEOUT_SECONDS", "6"), ("BUILD_CHECK_SECONDS", "1")],
        sweep_every: Some(1),
        ..Setup::default()
    })
    .await
}

/// The first call of each kind that `deploy` makes fails in this way.
async fn calls_fail_once(change: &str, read: &str) {
    let is_done = change.starts_with("lose-answer");
    let compared = if is_done { COMPARED } else { &[] };
    let reads = READS.iter().chain(compared).map(|call| (read, call));
    let calls = CHANGES.iter().map(|call| (change, call)).chain(reads);
    let mut rules = vec!["duplicate-event".to_owned()];
    rules.extend(calls.map(|(fault, call)| {
        let (method, path) = call.split_once(' ').unwrap();
        format!("{fault},method={method},path={path},function=deploy,nth=1")
    }));
    let world = world(&rules, |_| {}).await;
    let user = world.user().await;
    let api = json!({"name": "inventory", "description": "Items over HTTP.", "type": "api", "requirements": ["CRUD"]});
    let api = world.accept(&user, &api).await;
    lived(&world, &user, None).await;
    completed(&world, &api).await;
    assert_one_of_all(&world, &api, (1, 1)).await;
    assert_eq!(repositories(&world.folder.path().join("github")), 2);
    assert_all_struck(&world);
    assert_eq!(world.model_calls().1, 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lost_request_or_answer_of_each_call_of_appwrite_changes_nothing() {
    let ways = [
        ("lose-request", "lose-request"),
        ("lose-answer", "lose-request"),
        ("lose-answer,status=503", "answer,status=503"),
    ];
    let worlds = ways.map(|(change, read)| calls_fail_once(change, read));
    futures::future::join_all(worlds).await;
}

async fn killed(phase: &str, keys: &[&str], is_whole: bool) {
    let rules: Vec<String> = keys
        .iter()
        .map(|key| format!("kill-function,at={phase},table=journal,key={key},nth=1"))
        .collect();
    let mut gate = None;
    let world = world(&rules, |faults| {
        gate = Some(Gate::before(faults, |asked| {
            asked.method == "PATCH"
                && asked.path.starts_with("/v1/sites/t")
                && asked.path.ends_with("/status")
        }));
    })
    .await;
    let user = world.user().await;
    if is_whole {
        lived(&world, &user, gate.as_deref()).await;
    } else {
        released(&world, &user).await;
    }
    assert_eq!(repositories(&world.folder.path().join("github")), 1);
    assert_all_struck(&world);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_process_killed_around_each_record_of_a_deployment_changes_nothing() {
    let first = ["before", "after"].map(|phase| killed(phase, FIRST, false));
    let later = ["before", "after"].map(|phase| killed(phase, LATER, true));
    let all = futures::future::join(
        futures::future::join_all(first),
        futures::future::join_all(later),
    );
    all.await;
}
