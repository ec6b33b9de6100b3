//! The platform answers as a real one did when it was recorded.

use std::path::{Path, PathBuf};
use std::process::Command;

use local::auth::ScopedKey;
use local::platform::{Platform, PlatformConfig};
use secrecy::{ExposeSecret as _, SecretString};

/// What every scenario reaches, in percent.
const AGREED_MIN: &str = "97";
/// Scenarios that mostly wait; each gets a platform of its own, beside the one of all others, which
/// follow one another because they use the same ids.
const SLOW: [&str; 3] = ["07-executions", "09-realtime", "12-sites"];
/// A key that may read rows only.
const NARROW_KEY: &str = "key-that-reads-rows";

/// Prints the figure of each scenario.
#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_scenario_is_answered_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/appwrite-1.9.6");
    let entries = std::fs::read_dir(&folder).unwrap();
    let mut scenarios: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    scenarios.sort();
    assert!(scenarios.len() >= 13, "recordings are missing");
    let is_slow = |path: &PathBuf| {
        SLOW.iter()
            .any(|slow| path.file_stem() == Some(slow.as_ref()))
    };
    let (slow, others): (Vec<_>, Vec<_>) = scenarios.into_iter().partition(is_slow);
    let mut lanes: Vec<Vec<PathBuf>> = slow.into_iter().map(|path| vec![path]).collect();
    lanes.push(others);
    let lanes: Vec<_> = lanes
        .into_iter()
        .map(|lane| tokio::spawn(replay(lane)))
        .collect();
    for lane in lanes {
        lane.await.unwrap();
    }
}

async fn replay(scenarios: Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let functions = folder.path().join("functions");
    let config = PlatformConfig {
        stand_in_functions: true,
        extra_keys: vec![ScopedKey {
            secret: SecretString::from(NARROW_KEY),
            scopes: vec!["rows.read".to_owned()],
        }],
        ..PlatformConfig::new("orch", folder.path().join("data"), functions)
    };
    let platform = Platform::start(config).await.unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/replay.py");
    let mut command = Command::new("python3");
    command
        .arg(script)
        .args(["--endpoint", platform.endpoint(), "--project", "orch"])
        .args(["--key", platform.key().expose_secret()])
        .args(["--narrow-key", NARROW_KEY, "--min", AGREED_MIN, "-v"])
        .args(&scenarios);
    let status = tokio::task::spawn_blocking(move || command.status().unwrap()).await;
    platform.shutdown().await;
    assert!(
        status.unwrap().success(),
        "below {AGREED_MIN} %: {scenarios:?}"
    );
}
