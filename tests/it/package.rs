//! What `scripts/package` does with executables. Those that it builds are run by
//! `scripts/package --check`, which takes too long for here.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::push::{http, root};
use crate::world::install_tls;

/// What stands in front of the place for a function's name: `shell::stamp`.
const MARK: &[u8] = b"this executable is the function:";
const PLACE: &[u8] = b"this executable is the function:                ";

/// Runs the script on an executable with this content. Returns whether it went well, and what it
/// said.
fn package(content: &[u8], out: &Path, arguments: &[&str]) -> (bool, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), content).unwrap();
    let output = Command::new(root().join("scripts/package"))
        .arg("--from")
        .arg(file.path())
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
fn archives_hold_the_named_executable_at_their_root_and_are_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let content = [b"\x7fELF\n\0 before ", PLACE, b" after\n\xff"].concat();
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    for out in [&first, &second] {
        let (is_well, text) = package(&content, out, &[]);
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
        let named = [MARK, format!("{function:16}").as_bytes()].concat();
        let executable = &entries[2].4;
        assert_eq!(executable.len(), content.len());
        assert_eq!(executable[14..14 + named.len()], named, "{function}");
        let [first, second] = [&first, &second].map(|out| fs::read(out.join(&name)).unwrap());
        assert_eq!(first, second, "{function}");
    }
    let sums = fs::read_to_string(first.join("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), shell::config::FUNCTIONS.len());
}

#[test]
fn an_executable_that_is_too_large_or_has_no_single_place_for_its_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |content: &[u8], why: &str| {
        let (is_well, text) = package(content, folder.path(), &["--function", "plan"]);
        assert!(!is_well && text.contains(why), "{text}");
    };
    refused(b"\x7fELF", "place for its name");
    refused(&[PLACE, b"\n", PLACE].concat(), "place for its name");
    let large = [PLACE, &vec![0; 12_000_000]].concat();
    refused(&large, "more than 12000000");
    let (is_well, text) = package(PLACE, folder.path(), &["--function", "planet"]);
    assert!(!is_well && text.contains("no function planet"), "{text}");
}

/// An executable of the workspace, with another function's name written into it.
fn stamped(folder: &Path, function: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let built = own.ancestors().nth(2).unwrap().join("create-task");
    let mut bytes = fs::read(built).unwrap();
    let at: Vec<usize> = bytes
        .windows(PLACE.len())
        .enumerate()
        .filter(|(_, bytes)| *bytes == PLACE)
        .map(|(at, _)| at)
        .collect();
    let [at] = at[..] else {
        panic!(
            "the place for the name stands in the executable {} times",
            at.len()
        );
    };
    let name = format!("{function:16}");
    bytes[at + MARK.len()..at + PLACE.len()].copy_from_slice(name.as_bytes());
    let (written, file) = (folder.join("written"), folder.join("rust_runtime"));
    fs::write(&written, bytes).unwrap();
    fs::set_permissions(&written, fs::Permissions::from_mode(0o755)).unwrap();
    // A file that this process has written can not be run while a child of another test, on its
    // way to being another program, still has it open.
    let copied = Command::new("cp").arg(&written).arg(&file).status();
    assert!(copied.unwrap().success());
    file
}

#[tokio::test]
async fn a_copy_of_one_executable_is_the_function_whose_name_is_written_into_it() {
    install_tls();
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(stamped(folder.path(), "run-agent"))
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
    assert_eq!(health["function"], "run-agent", "{health}");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    drop(child.stdin.take());
    child.wait().unwrap();
}

/// `main.js` beside an executable, called twice as the server of Node's image calls it.
#[test]
fn images_of_node_run_the_executable_by_main_js() {
    let folder = tempfile::tempdir().unwrap();
    stamped(folder.path(), "plan");
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
