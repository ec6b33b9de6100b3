//! What all processes of a build take together. Limits of the system hold for each process, and
//! the one on their number not at all where the platform runs as root, so they are counted.

use std::collections::HashMap;
use std::time::Duration;

/// Most processes of a build.
pub(super) const PROCESSES_MAX: usize = 512;
/// Most memory of all of them, in MiB.
pub(super) const MEMORY_MIB_MAX: u64 = 4_096;
/// Bytes of a page where the system does not say otherwise (x86-64 and 64-bit ARM on Linux).
const PAGE_BYTES: u64 = 4_096;
const MIB: u64 = 1_048_576;
/// Places in `/proc/PID/stat` behind the name: parent and resident pages.
const PARENT: usize = 1;
const RESIDENT: usize = 21;

/// A limit that was passed, in words.
pub(super) type Excess = String;

/// Looks `every` so often, and returns when a process and all it started are too many or too large.
pub(super) async fn excess(process: u32, every: Duration) -> Excess {
    loop {
        let looked = tokio::task::spawn_blocking(move || look(process)).await;
        if let Ok(Some(excess)) = looked {
            return excess;
        }
        tokio::time::sleep(every).await;
    }
}

fn look(process: u32) -> Option<Excess> {
    let mut children: HashMap<u32, Vec<(u32, u64)>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let pid = entry.file_name().to_str().and_then(|it| it.parse().ok());
        // Processes that have ended meanwhile have no file any more.
        let read = pid.and_then(|pid: u32| Some((pid, stat(pid)?)));
        if let Some((pid, (parent, bytes))) = read {
            children.entry(parent).or_default().push((pid, bytes));
        }
    }
    let (mut count, mut bytes, mut open) = (0_usize, 0_u64, vec![process]);
    while let Some(parent) = open.pop() {
        for (pid, own) in children.remove(&parent).unwrap_or_default() {
            count += 1;
            bytes += own;
            open.push(pid);
        }
    }
    if count > PROCESSES_MAX {
        return Some(format!("{PROCESSES_MAX} processes"));
    }
    (bytes > MEMORY_MIB_MAX * MIB).then(|| format!("{MEMORY_MIB_MAX} MiB of memory"))
}

/// The parent of a process and its resident bytes.
fn stat(pid: u32) -> Option<(u32, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, parentheses too.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let parent = fields.get(PARENT)?.parse().ok()?;
    let pages: u64 = fields.get(RESIDENT)?.parse().ok()?;
    Some((parent, pages * PAGE_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_with_its_parent_and_memory() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let (parent, _) = stat(child.id()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(parent, std::process::id());
        assert!(stat(std::process::id()).unwrap().1 > 0);
        assert_eq!(look(std::process::id()), None);
    }
}
