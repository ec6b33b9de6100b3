//! The official clients against the platform: see `tests/clients`.
//!
//! Each is a script that makes its calls, asserts every answer and prints how many they were.

use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use local::platform::{Platform, PlatformConfig};
use secrecy::ExposeSecret as _;

use crate::world::{blocking, install_tls};

/// Calls that an issue of this project demands of every script.
const CALLS_MIN: u32 = 30;

/// The folder of the scripts.
fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// The function that answers what it was sent, which `cargo test --workspace` builds.
pub(crate) fn function() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let target = own.ancestors().nth(2).unwrap();
    target.join("examples/fixture_function")
}

/// Packs one file.
fn archive(file: &Path, name: &str, content: &[u8]) {
    let out = std::fs::File::create(file).unwrap();
    let mut builder = tar::Builder::new(GzEncoder::new(out, Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o755);
    builder.append_data(&mut header, name, content).unwrap();
    builder.into_inner().unwrap().finish().unwrap();
}

/// Starts an empty platform, runs a script against it, and checks what it printed.
async fn run(program: impl AsRef<Path>, arguments: &[&str]) {
    install_tls();
    let program = scripts().join(program);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let executable = std::fs::read(function()).expect("run scripts/test: the fixture is not built");
    archive(&path("function.tar.gz"), "rust_runtime", &executable);
    archive(
        &path("site.tar.gz"),
        "index.html",
        b"<h1>it is served</h1>\n",
    );
    let config = PlatformConfig::new("clients", path("data"), path("functions"));
    let platform = Platform::start(config).await.unwrap();
    let mut command = Command::new(&program);
    command
        .args(arguments)
        .current_dir(scripts())
        .env("APPWRITE_ENDPOINT", platform.endpoint())
        .env("APPWRITE_PROJECT_ID", "clients")
        .env("APPWRITE_API_KEY", platform.key().expose_secret())
        .env("FUNCTION_ARCHIVE", path("function.tar.gz"))
        .env("SITE_ARCHIVE", path("site.tar.gz"));
    let output = blocking(move || command.output()).await;
    let output = output.unwrap_or_else(|error| {
        panic!(
            "run scripts/test: {} does not start: {error}",
            program.display()
        )
    });
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}\n{err}");
    let calls = out.lines().find_map(|line| line.strip_prefix("calls: "));
    let calls: u32 = calls.expect("the number of calls").parse().unwrap();
    assert!(calls >= CALLS_MIN, "only {calls} calls");
    platform.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn npm_node_appwrite_is_served() {
    run("/usr/bin/env", &["node", "node.mjs"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_web_sdk_is_served_in_node() {
    run("/usr/bin/env", &["node", "web-in-node.mjs"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_web_sdk_is_served_in_chromium() {
    run("/usr/bin/env", &["node", "web-in-chromium.mjs"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pypi_appwrite_is_served() {
    run(".venv/bin/python", &["client.py"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_crate_appwrite_is_served() {
    run("crate/target/debug/crate-client", &[]).await;
}
