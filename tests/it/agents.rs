//! Agents: what they share, and what is made up for when they go wrong on the wire.

use std::time::Duration;

use local::models::{Faults, Models, ModelsConfig};
use secrecy::SecretString;

use crate::world::{Setup, World, todo};

const KEY: &str = "a-key-of-the-agent-tests";
/// Between two events of an answer: long enough that agents which do not wait for each other
/// all ask before the first answer has begun.
const PACE: Duration = Duration::from_millis(40);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_prefix_that_agents_share_is_written_by_one_of_them() {
    let config = ModelsConfig {
        bind: "127.0.0.1:0".parse().unwrap(),
        key: SecretString::from(KEY),
        faults: Faults {
            pace: Some(PACE),
            // Few events: the pace is for their beginning.
            piece_bytes: Some(64 * 1024),
            ..Faults::default()
        },
    };
    let models = Models::start(config).await.unwrap();
    let url: &'static str = models.anthropic_base_url().leak();
    let world = World::with(Setup {
        settings: vec![
            ("ANTHROPIC_API_KEY", KEY),
            ("ANTHROPIC_BASE_URL", url),
            ("ANTHROPIC_MODEL", "scripted-flawless"),
        ],
        ..Setup::default()
    })
    .await;
    let row = world.run(&todo()).await;
    assert_eq!(row.text("status"), Some("completed"));
    let agents = world.rows("assignments", &row.id).await.len();
    assert!(agents >= 3, "{agents}");
    let reads: Vec<u64> = models
        .calls()
        .iter()
        .map(|call| call.cache_read_tokens)
        .collect();
    let writers = reads.iter().filter(|read| **read == 0).count();
    assert_eq!(writers, 1, "{reads:?}");
    // A first call reads the prefix and nothing else; later ones read their own past, too.
    let prefix = reads.iter().filter(|read| **read > 0).min().unwrap();
    let readers = reads.iter().filter(|read| *read == prefix).count();
    assert_eq!(readers, agents - 1, "{reads:?}");
    world.stop().await;
    models.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_agents_do_wrong_once_is_made_up_for() {
    for (model, fallback) in [
        ("scripted-empty", None),
        ("scripted-cut-off", None),
        ("scripted-invalid-json", None),
        ("scripted-refusal", Some("scripted-flawless")),
    ] {
        let fallback = fallback.map(|fallback| ("ANTHROPIC_FALLBACK_MODEL", fallback));
        let world = World::with(Setup {
            settings: [("ANTHROPIC_MODEL", model)]
                .into_iter()
                .chain(fallback)
                .collect(),
            ..Setup::default()
        })
        .await;
        let row = world.run(&todo()).await;
        let (status, failure) = (row.text("status"), row.text("failure"));
        assert_eq!(status, Some("completed"), "{model}: {failure:?}");
        world.stop().await;
    }
}
