//! Tasks in no hurry: calls are handed in, nobody waits for their answers, and none is paid
//! for twice.

use std::collections::BTreeSet;

use appwrite::Row;
use local::models::{CallRecord, Faults, Models, ModelsConfig, Service};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::budget::{assert_holds, ledger};
use crate::world::{Setup, World, assert_one_of_each, install_tls, todo, totals};

const KEY: &str = "key-of-the-economy-tests";

/// A world whose models take their time, and those models.
async fn slow(looks: u32, fault: Option<&str>) -> (World, Models) {
    install_tls();
    let models = Models::start(ModelsConfig {
        bind: "127.0.0.1:0".parse().unwrap(),
        key: SecretString::from(KEY),
        faults: Faults {
            deferred_looks: looks,
            batch_looks: looks,
            ..Faults::default()
        },
    })
    .await
    .unwrap();
    let world = World::with(Setup {
        faults: local::faults::Faults::parse(fault.as_slice(), 0).unwrap(),
        settings: vec![
            ("GROK_API_KEY", KEY),
            ("GROK_BASE_URL", models.xai_base_url().leak()),
            ("GROK_MODEL", "scripted"),
            ("ANTHROPIC_API_KEY", KEY),
            ("ANTHROPIC_BASE_URL", models.anthropic_base_url().leak()),
            ("ANTHROPIC_MODEL", "scripted"),
            ("COLLECT_AFTER_SECONDS", "1"),
        ],
        sweep_every: Some(1),
        ..Setup::default()
    })
    .await;
    (world, models)
}

fn in_no_hurry() -> Value {
    let mut brief = todo();
    brief["options"] = json!({"speed": "economy"});
    brief
}

fn answered(models: &Models) -> Vec<CallRecord> {
    let calls = models.calls().into_iter();
    calls.filter(|call| call.status == 200).collect()
}

/// How often the model of a service was asked, and how often for the second time.
fn asked(models: &Models, service: Service) -> (usize, usize) {
    let calls = answered(models).into_iter();
    let calls = calls.filter(|call| call.service == service);
    let prints: Vec<String> = calls.map(|call| call.fingerprint).collect();
    let different: BTreeSet<&String> = prints.iter().collect();
    (prints.len(), prints.len() - different.len())
}

/// The keys of what the journals of a task hold.
async fn keys(world: &World, task: &str) -> Vec<String> {
    let rows = world.rows("journal", task).await;
    let key = |row: &Row| row.text("key").map(str::to_owned);
    rows.iter().filter_map(key).collect()
}

fn cost(row: &Row) -> u64 {
    totals(row)["spent"]["costMicroUsd"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_waits_for_answers_and_nothing_is_asked_twice() {
    let (world, models) = slow(2, None).await;
    let row = world.run(&in_no_hurry()).await;
    assert_one_of_each(&world, &row).await;
    // One plan, a judgement for each of the five assignments, and one of the whole; of the
    // agents' turns each agent's first was in a batch of its own.
    assert_eq!(asked(&models, Service::Xai), (7, 0));
    let (turns, repeats) = asked(&models, Service::Anthropic);
    assert_eq!(repeats, 0);
    assert_eq!(models.batches().len(), 5);
    let journal = keys(&world, &row.id).await;
    let count = |end: &str| journal.iter().filter(|key| key.ends_with(end)).count();
    assert_eq!((count(".s0"), count(".c0"), count(".s1")), (12, 12, 0));
    // The execution that handed in is not the one that picked up.
    let claims = world.rows("claims", &row.id).await;
    for table in ["plans", "assignments", "reviews"] {
        for unit in world.rows(table, &row.id).await {
            let second = format!("{}.2", unit.id);
            assert!(claims.iter().any(|claim| claim.id == second), "{second}");
        }
    }

    let hurried = World::start().await;
    let normal = hurried.run(&todo()).await;
    assert_eq!(hurried.model_calls(), (7 + turns, 0));
    assert!(cost(&row) < cost(&normal), "{row:?} {normal:?}");
    hurried.stop().await;
    world.stop().await;
    models.shutdown().await;
}

/// What was handed in when the process died: batches, and deferred completions.
async fn died(key: &str) -> (usize, usize) {
    let fault = format!("kill-function,at=before,table=journal,key={key},nth=1");
    let (world, models) = slow(1, Some(&fault)).await;
    let row = world.run(&in_no_hurry()).await;
    assert_one_of_each(&world, &row).await;
    let (batches, deferred) = (models.batches().len(), asked(&models, Service::Xai).0);
    world.stop().await;
    models.shutdown().await;
    (batches, deferred)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_batch_is_never_handed_in_again() {
    let (submitted, collected) = tokio::join!(died("t0.s0"), died("t0.c0"));
    assert_eq!((submitted, collected), ((5, 7), (5, 7)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_question_is_asked_again_only_if_its_id_or_its_answer_died_in_flight() {
    let (submitted, collected) = tokio::join!(died("p0.s0"), died("p0.c0"));
    assert_eq!((submitted, collected), ((5, 8), (5, 8)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_handed_in_stays_reserved_until_it_is_answered() {
    let (world, models) = slow(1, None).await;
    let mut brief = in_no_hurry();
    brief["options"]["budgetUsd"] = json!(3.0);
    let row = world.run(&brief).await;
    assert_one_of_each(&world, &row).await;
    let rows = ledger(&world, &row.id).await;
    assert_holds(&rows, 3_000_000);
    let last = rows.last().unwrap();
    assert_eq!(last.integer("reservedMicroUsd"), Some(0));
    assert_eq!(
        last.integer("spentMicroUsd"),
        i64::try_from(cost(&row)).ok()
    );
    // What has no limit of its own is cut off instead of handed in.
    let journal = keys(&world, &row.id).await;
    let picked_up = journal.iter().filter(|key| key.ends_with(".c0"));
    assert!(picked_up.clone().all(|key| key == "t0.c0"), "{journal:?}");
    assert_eq!(picked_up.count(), 5);
    world.stop().await;
    models.shutdown().await;
}
