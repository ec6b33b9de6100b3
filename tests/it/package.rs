//! What `scripts/package` does with executables. Those that it builds are run by
//! `scripts/package --check`, which takes too long for here.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::push::{http, root};
use crate::world::install_tls;

/// Runs the script on a folder of executables with this content each. Returns whether it went well,
/// and what it said.
fn package(
    content: impl Fn(&str) -> Vec<u8>,
    functions: &[&str],
    out: &Path,
    arguments: &[&str],
) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    for function in functions {
        fs::write(folder.path().join(function), content(function)).unwrap();
    }
    let output = Command::new(root().join("scripts/package"))
        .arg("--from")
        .arg(folder.path())
        .arg("--out")
        .arg(out)
        .args(arguments)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.success(), text)
}

/// Names, modes, owners, times and contents of an archive's entries, in order.
fn entries(archive: &Path) -> Vec<(String, u32, u64, u64, Vec<u8>)> {
    let mut archive = tar::Archive::new(GzDecoder::new(fs::File::open(archive).unwrap()));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let header = entry.header();
        (
            entry.path().unwrap().to_str().unwrap().to_owned(),
            header.mode().unwrap() & 0o777,
            header.uid().unwrap() + header.gid().unwrap(),
            header.mtime().unwrap(),
            content,
        )
    });
    entries.collect()
}

#[test]
fn archives_hold_their_executable_at_their_root_and_are_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let content = |name: &str| [b"\x7fELF\n\0 of ", name.as_bytes(), b"\n\xff"].concat();
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    for out in [&first, &second] {
        let (is_well, text) = package(content, shell::config::FUNCTIONS, out, &[]);
        assert!(is_well, "{text}");
        assert_eq!(
            text.lines().filter(|line| line.contains(".tar.gz")).count(),
            0
        );
    }
    for function in shell::config::FUNCTIONS {
        let name = format!("{function}.tar.gz");
        let entries = entries(&first.join(&name));
        let heads: Vec<_> = entries
            .iter()
            .map(|(path, mode, owner, time, _)| (path.as_str(), *mode, *owner, *time))
            .collect();
        let expected = [
            ("main.js", 0o644, 0, 0),
            ("main.rs", 0o644, 0, 0),
            ("rust_runtime", 0o755, 0, 0),
        ];
        assert_eq!(heads, expected);
        assert_eq!(entries[2].4, content(function), "{function}");
        let [first, second] = [&first, &second].map(|out| fs::read(out.join(&name)).unwrap());
        assert_eq!(first, second, "{function}");
    }
    let sums = fs::read_to_string(first.join("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), shell::config::FUNCTIONS.len());
}

#[test]
fn an_executable_that_is_too_large_or_missing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |functions: &[&str], bytes: usize, wanted: &str, why: &str| {
        let arguments = ["--function", wanted];
        let (is_well, text) = package(|_| vec![0; bytes], functions, folder.path(), &arguments);
        assert!(!is_well && text.contains(why), "{text}");
    };
    refused(&["sweep"], 1, "plan", "plan is missing");
    refused(&["plan"], 8_000_001, "plan", "more than 8000000");
    refused(&["planet"], 1, "planet", "no function planet");
}

/// An executable of the workspace.
fn built(function: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(2).unwrap().join(function)
}

#[tokio::test]
async fn each_executable_says_which_function_it_is() {
    install_tls();
    for function in shell::config::FUNCTIONS {
        let mut child = Command::new(built(function))
            .env_clear()
            .envs([("HOST", "127.0.0.1"), ("PORT", "0")])
            .env("ORCHESTRATOR_EXIT_WITH_STDIN", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        // Open until its end: it says more.
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("Listening on ").unwrap();
        let health = http().get(address).send().await.unwrap();
        let health: Value = health.json().await.unwrap();
        assert_eq!(health["function"], *function, "{health}");
        assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}

/// `main.js` beside an executable, called twice as the server of Node's image calls it.
#[test]
fn images_of_node_run_the_executable_by_main_js() {
    let folder = tempfile::tempdir().unwrap();
    // A file that this process has written can not be run while a child of another test, on its
    // way to being another program, still has it open.
    let executable = folder.path().join("rust_runtime");
    let copied = Command::new("cp")
        .arg(built("plan"))
        .arg(executable)
        .status();
    assert!(copied.unwrap().success());
    let main = root().join("scripts/cli/function/main.js");
    fs::copy(main, folder.path().join("main.js")).unwrap();
    let output = Command::new("node")
        .arg(root().join("tests/package/shim.mjs"))
        .arg(folder.path())
        .env("OPEN_RUNTIMES_SECRET", "between-server-and-runtime")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let seen: Value = serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    let [health, post] = [&seen[0], &seen[1]];
    assert_eq!(health["status"], 500, "{seen}");
    assert_eq!(health["body"]["function"], "plan");
    assert_eq!(
        health["headers"]["content-type"],
        "application/json; charset=utf-8"
    );
    assert_eq!(health["errors"], serde_json::json!([]));
    assert_eq!(post["body"]["error"]["code"], "not_configured", "{seen}");
    assert!(
        post["errors"][0]
            .as_str()
            .unwrap()
            .contains("lacks settings")
    );
    assert_eq!(health["pid"], post["pid"], "one process for all requests");
    let pid = health["pid"].as_str().unwrap();
    // The executable ends with the process that started it, a moment after.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while Path::new("/proc").join(pid).join("exe").exists() {
        assert!(std::time::Instant::now() < deadline, "{pid} goes on");
        std::thread::yield_now();
    }
}
