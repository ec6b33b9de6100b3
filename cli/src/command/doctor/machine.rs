//! This machine: the data folder, the disk, and the programs that are called.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use tokio::process::Command;
use tokio::time::timeout;

use super::finding::Finding;
use crate::environment::FILE;

const AREA: &str = "machine";
/// Longest that a program may take to say its version.
const PATIENCE: Duration = Duration::from_secs(10);
const MIB: u64 = 1024 * 1024;
/// Below this a run fails soon.
const DISK_MIB_MIN: u64 = 200;
/// Below this a run may fail.
const DISK_MIB_LOW: u64 = 2_000;

/// Looks at the data folder and at the file of settings.
pub(super) fn files(data: &Path) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(judge_mode(Path::new(FILE), 0o600));
    found.extend(judge_mode(data, 0o700));
    // A folder that is not made yet will be on the disk of the one above it.
    let there = data
        .canonicalize()
        .or_else(|_| Path::new(".").canonicalize());
    let free = there.ok().and_then(|folder| statvfs(&folder).ok());
    found.extend(free.map(|disk| {
        let bytes = disk.blocks_available().saturating_mul(disk.fragment_size());
        judge_disk(bytes / MIB)
    }));
    found
}

fn judge_mode(path: &Path, wanted: u32) -> Option<Finding> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let name = path.display();
    let says = format!("{name} can be read by others on this machine (mode {mode:o})");
    let fix = format!("chmod {wanted:o} {name}");
    (mode & !wanted != 0).then(|| Finding::warning(AREA, says, fix))
}

fn judge_disk(mib: u64) -> Finding {
    let says = format!("{mib} MiB are free for the data folder");
    let fix = "Free some space, or choose another disk with --data.";
    match mib {
        DISK_MIB_LOW.. => Finding::ok(AREA, says),
        DISK_MIB_MIN.. => Finding::warning(AREA, says, fix),
        _ => Finding::wrong(AREA, says, fix),
    }
}

/// Looks for the programs that the embedded platform and its stand-ins call.
pub(super) async fn programs() -> Vec<Finding> {
    let git = version("git", &["--version"]).await;
    let node = version("node", &["--version"]).await;
    let bwrap = version("bwrap", &["--ro-bind", "/", "/", "git", "--version"]).await;
    vec![
        judge_program(
            "git",
            git,
            "the stand-in GitHub keeps repositories with it",
            "apt-get install git",
            true,
        ),
        judge_program(
            "node",
            node,
            "functions of apps run in it",
            "Install Node.js 22.",
            false,
        ),
        judge_program(
            "bwrap",
            bwrap,
            "builds and functions of apps are locked in with it",
            "apt-get install bubblewrap, and allow unprivileged user namespaces.",
            false,
        ),
    ]
}

/// What a program says first, if it runs.
async fn version(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    let running = command.args(arguments).kill_on_drop(true).output();
    let output = timeout(PATIENCE, running).await.ok()?.ok()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let first = said.lines().next().unwrap_or_default();
    output.status.success().then(|| first.trim().to_owned())
}

fn judge_program(
    name: &str,
    version: Option<String>,
    what_for: &str,
    install: &str,
    is_needed: bool,
) -> Finding {
    match version {
        Some(version) if version.contains(name) || name == "bwrap" => {
            let says = if name == "bwrap" {
                "bwrap works".to_owned()
            } else {
                version
            };
            Finding::ok(AREA, says)
        }
        Some(version) => Finding::ok(AREA, format!("{name} {version}")),
        None => {
            let says = format!("{name} does not run: {what_for}");
            match is_needed {
                true => Finding::wrong(AREA, says, install),
                false => Finding::warning(AREA, says, install),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn little_space_is_told() {
        assert_eq!(judge_disk(50_000).state, State::Ok);
        assert_eq!(judge_disk(1_999).state, State::Warning);
        assert_eq!(judge_disk(199).state, State::Wrong);
    }

    #[test]
    fn what_others_can_read_is_told_with_its_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings");
        fs::write(&file, "x").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let found = judge_mode(&file, 0o600).unwrap();
        assert_eq!(found.state, State::Warning);
        assert_eq!(found.fix, Some(format!("chmod 600 {}", file.display())));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(judge_mode(&file, 0o600), None);
        assert_eq!(judge_mode(&folder.path().join("none"), 0o600), None);
    }

    #[test]
    fn a_program_that_is_missing_is_told_with_what_it_is_for() {
        let judge = |version: Option<&str>| {
            judge_program(
                "git",
                version.map(str::to_owned),
                "needed",
                "apt-get install git",
                true,
            )
        };
        assert_eq!(judge(Some("git version 2.47.3")).says, "git version 2.47.3");
        assert_eq!(judge(None).says, "git does not run: needed");
        assert_eq!(judge(None).state, State::Wrong);
    }
}
