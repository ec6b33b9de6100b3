//! The standard run, and what it costs to the last request.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::replay::assert_replays;
use crate::world::{Setup, World, assert_one_of_each, clone, todo, totals};

/// What a site answers, asked over a plain connection: `*.localhost` need not resolve.
pub(crate) fn get(port: u16, host: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sample_becomes_a_repository_and_a_site() {
    let world = World::start().await;
    let row = world.run(&todo()).await;
    assert_one_of_each(&world, &row).await;

    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("clone");
    let (_, cloned) = clone(totals(&row)["cloneUrl"].as_str().unwrap(), &into).await;
    let files = world.rows("files", &row.id).await;
    let latest: BTreeSet<String> = files
        .iter()
        .map(|file| file.text("path").unwrap().to_owned())
        .chain([".github/workflows/ci.yml".to_owned()])
        .collect();
    assert_eq!(cloned.into_iter().collect::<BTreeSet<_>>(), latest);

    let url = row
        .text("siteUrl")
        .unwrap()
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let page = tokio::task::spawn_blocking({
        let (port, url) = (world.hosting.platform.port(), url.clone());
        move || get(port, &url, "/")
    })
    .await
    .unwrap();
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.ends_with(&std::fs::read_to_string(into.join("index.html")).unwrap()));
    assert!(page.contains("scripted model"));

    // People read what each turn and each judgement was before what came of all.
    let (reviews, assignments, lines) = (
        world.rows("reviews", &row.id).await,
        world.rows("assignments", &row.id).await,
        world.rows("progress", &row.id).await,
    );
    for unit in reviews.iter().chain(&assignments) {
        let of_it = lines
            .iter()
            .filter(|line| line.text("unitId") == Some(&unit.id));
        let latest = of_it.map(|line| &line.created_at).max().unwrap();
        assert!(*latest <= unit.updated_at, "{latest} {unit:?}");
    }

    // The first review found a real defect, and the second one that it is gone.
    let verdicts: Vec<_> = reviews
        .iter()
        .map(|review| review.text("verdict").unwrap().to_owned())
        .collect();
    assert_eq!(verdicts, ["changes_requested", "approved"]);
    world.stop().await;
}

/// Counts of work: without what depends on time, and conflicts taken off.
fn work(counts: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let apart = ["schedule:", "deployments.get", "rows.update:claims"];
    let kept = counts.iter().filter(|(kind, _)| {
        !kind.ends_with(":conflict") && !apart.iter().any(|prefix| kind.starts_with(prefix))
    });
    kept.map(|(kind, count)| {
        (
            kind.clone(),
            count - counts.get(&format!("{kind}:conflict")).unwrap_or(&0),
        )
    })
    .collect()
}

/// The rows that were created, and how many requests that took: agents that are at work
/// side by side create theirs together.
fn take_created(requests: &mut BTreeMap<&str, u64>) -> (u64, u64) {
    let mut take = |kind| requests.remove(kind).unwrap_or_default();
    let (alone, together) = (take("rows.create"), take("rows.createMany"));
    (alone + take("rows.createMany:rows"), alone + together)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_standard_run_costs_exactly_this() {
    costs_exactly_this(&todo(), true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_agent_after_the_other_costs_exactly_this() {
    let mut brief = todo();
    brief["options"] = json!({"parallelism": 1});
    costs_exactly_this(&brief, false).await;
}

/// What of it depends on when agents that are at work `side_by_side` end is bounded, all else exact.
async fn costs_exactly_this(brief: &serde_json::Value, side_by_side: bool) {
    let world = World::with(Setup {
        settings: vec![
            ("ANTHROPIC_MODEL", "scripted-flawless"),
            // On a slow machine an agent may take longer than a short one; each costs a look.
            ("CLAIM_HEARTBEAT_SECONDS", "60"),
            ("CLAIM_LAPSE_SECONDS", "120"),
        ],
        ..Setup::default()
    })
    .await;
    let row = world.run(brief).await;
    assert_eq!(row.text("status"), Some("completed"));
    let assignments = totals(&row)["assignments"].as_u64().unwrap();
    let counts = work(&world.hosting.platform.counts());
    let executions: u64 = counts
        .iter()
        .filter(|(kind, _)| kind.starts_with("executions:"))
        .map(|(_, count)| count)
        .sum();
    assert_eq!(executions, 5 + assignments, "{counts:#?}");
    assert_eq!(world.hosting.github().unwrap().request_count(), 5);
    let (calls, repeats) = world.model_calls();
    assert_eq!(
        (calls as u64, repeats),
        (totals(&row)["spent"]["modelCalls"].as_u64().unwrap(), 0)
    );

    // Each agent's turns are recorded and told of; so are each judgement and that of the
    // whole, and the repository, the database, the upload and the look at the site, which
    // others wait for.
    let agents = world.rows("assignments", &row.id).await;
    let turns: u64 = agents
        .iter()
        .map(|agent| u64::try_from(agent.integer("turn").unwrap()).unwrap())
        .sum();
    let lines = world.rows("progress", &row.id).await.len() as u64;
    assert_eq!(lines, turns + assignments + 5);
    let waiting = agents
        .iter()
        .filter(|agent| agent.text("dependsOn") != Some("[]"))
        .count() as u64;
    let files = world.rows("files", &row.id).await.len() as u64;
    let mut requests: BTreeMap<&str, u64> = counts
        .iter()
        .filter(|(kind, _)| !kind.starts_with("executions:"))
        .map(|(kind, count)| (kind.as_str(), *count))
        .collect();
    let sum: u64 = requests.values().sum::<u64>() - counts["rows.createMany:rows"];
    let (created, creating) = take_created(&mut requests);
    let listed = requests.remove("rows.list").unwrap();
    let n = assignments;
    let units = 4 + n;
    // The brief and the task; each unit, its claim and its result; the journals of the plan, the
    // agents, the review (of each assignment and of the whole), the release (2) and the
    // deployment (4); the release's gate; the lines of progress; the files.
    let rows = 2 + 3 * units + (1 + turns + (n + 1) + 2 + 4) + 1 + lines + files;
    assert_eq!(created, rows);
    // The facts at the end of each agent, and at the beginning of the review, of the release and
    // of the deployment; the files for those who waited, for the review, the
    // release and the deployment; the owner's tasks, for the limits; whether a newer
    // release is there, before and after the activation.
    let lists = (n + 2 + 1) + (waiting + 3) + 1 + 2;
    if side_by_side {
        // Agents that end at the same time are looked at once.
        assert!(
            (lists - (n - 1)..=lists).contains(&listed),
            "{listed} of {lists}"
        );
        assert!(creating < rows, "{creating} requests for {rows} rows");
    } else {
        assert_eq!(listed, lists);
    }
    let expected = BTreeMap::from([
        // The plan, once for all agents and once for the review; the owner's own credentials,
        // for the release and for the deployment.
        ("rows.get", 4),
        // Each unit's own row, and the task's at each change of its status.
        ("rows.update", units + 6),
        // The app's database and its table, after a look at the tables that are there.
        ("tablesdb.create", 1),
        ("tables.list", 1),
        ("tables.create", 1),
        ("sites.create", 1),
        ("site.create", 1),
        ("deployments.create", 1),
        ("deployment.update", 1),
    ]);
    assert_eq!(requests, expected);
    // Since it was written: the owner's limits; a line for each turn, not only for those
    // that change files, and for the repository and the upload, so that a person sees all;
    // the review of the whole, and a line for each judgement; that no older release is ever
    // served after a newer one; the look at what is served; the app's database; the owner's
    // own credentials.
    let paper_design = 35 + 2 * turns + 6 * n + 1 + turns + 2 + 1 + (n + 1) + 4 + 5 + 2;
    assert!(
        sum < paper_design,
        "{sum} requests for {n} agents with {turns} turns, on paper {paper_design}"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rework_costs_one_execution_an_assignment_and_one_a_review() {
    let world = World::start().await;
    let row = world.run(&todo()).await;
    let totals = totals(&row);
    let counts = work(&world.hosting.platform.counts());
    let executions: u64 = counts
        .iter()
        .filter(|(kind, _)| kind.starts_with("executions:"))
        .map(|(_, count)| count)
        .sum();
    let reworked = totals["agentRuns"].as_u64().unwrap() - totals["assignments"].as_u64().unwrap();
    assert_eq!((reworked, totals["reviews"].as_u64().unwrap()), (1, 2));
    assert_eq!(
        executions,
        5 + totals["assignments"].as_u64().unwrap() + reworked + 1
    );
    assert_eq!(world.model_calls().1, 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_request_is_the_same_task() {
    let world = World::start().await;
    let user = world.user().await;
    let mut brief = todo();
    brief["options"] = json!({"requestId": "r-1"});
    let first = world.accept(&user, &brief).await;
    let second = world.accept(&user, &brief).await;
    assert_eq!(first, second);
    brief["description"] = json!("Another app");
    let (status, answer) = world.submit(&user, brief.to_string()).await;
    assert_eq!(
        (status, answer["error"]["code"].as_str()),
        (409, Some("request_id_used"))
    );
    let row = world.ended(&first).await;
    assert_one_of_each(&world, &row).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn data_survives_a_restart() {
    let world = World::start().await;
    let row = world.run(&todo()).await;
    let folder = world.stop().await;
    let world = World::with(Setup {
        folder: Some(folder),
        ..Setup::default()
    })
    .await;
    let again = world.ended(&row.id).await;
    assert_eq!(again.data, row.data);
    assert_one_of_each(&world, &again).await;
    let host = row
        .text("siteUrl")
        .unwrap()
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let port = world.hosting.platform.port();
    let page = tokio::task::spawn_blocking(move || get(port, &host, "/"))
        .await
        .unwrap();
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn model_troubles_end_well_or_say_why() {
    for (name, model, code) in [
        ("GROK_MODEL", "scripted-invalid-plan", None),
        ("GROK_MODEL", "scripted-hopeless-plan", Some("plan_invalid")),
        (
            "GROK_MODEL",
            "scripted-never-satisfied",
            Some("review_not_approved"),
        ),
        ("ANTHROPIC_MODEL", "scripted-overloaded", None),
        ("ANTHROPIC_MODEL", "scripted-truncated", None),
        ("ANTHROPIC_MODEL", "scripted-stuck", Some("agent_stuck")),
        ("ANTHROPIC_MODEL", "scripted-refusal", Some("model_refused")),
    ] {
        let world = World::with(Setup {
            settings: vec![(name, model)],
            sweep_every: Some(1),
            ..Setup::default()
        })
        .await;
        let row = world.run(&todo()).await;
        let failure: Option<serde_json::Value> = row
            .text("failure")
            .map(|text| serde_json::from_str(text).unwrap());
        assert_eq!(
            failure
                .as_ref()
                .and_then(|failure| failure["code"].as_str()),
            code,
            "{model}: {failure:?}"
        );
        assert_eq!(
            row.text("status") == Some("completed"),
            code.is_none(),
            "{model}"
        );
        assert_replays(&world, &row.id).await;
        world.stop().await;
    }
}
