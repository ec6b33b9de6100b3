//! What the kernel tells of processes.

use std::collections::BTreeMap;
use std::time::Duration;

/// The unit of times in `/proc/PID/stat`: a hundredth of a second on Linux.
const TICK: Duration = Duration::from_millis(10);

/// What is read of a process.
struct Stat {
    parent: u32,
    /// Its processor time.
    own: Duration,
    /// That of its children that have ended.
    ended: Duration,
}

fn stat(id: u32) -> Option<Stat> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u32>().ok();
    Some(Stat {
        parent: number(1)?,
        own: TICK * (number(11)? + number(12)?),
        ended: TICK * (number(13)? + number(14)?),
    })
}

/// Processor time of a process alone.
pub(crate) fn cpu(id: u32) -> Option<Duration> {
    stat(id).map(|stat| stat.own)
}

/// The process and everything that it started, with the processor time of each.
fn tree(root: u32) -> BTreeMap<u32, Duration> {
    let Ok(folders) = std::fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    let all: BTreeMap<u32, Stat> = folders
        .flatten()
        .filter_map(|folder| folder.file_name().to_str()?.parse().ok())
        .filter_map(|id| Some((id, stat(id)?)))
        .collect();
    let belongs = |id: u32| {
        let mut at = id;
        loop {
            if at == root {
                return true;
            }
            match all.get(&at) {
                Some(stat) if stat.parent > 1 => at = stat.parent,
                _ => return false,
            }
        }
    };
    all.iter()
        .filter(|(id, _)| belongs(**id))
        .map(|(id, stat)| (*id, stat.own + stat.ended))
        .collect()
}

/// Processor time of a process and everything that it started.
pub(crate) fn cpu_of_tree(root: u32) -> Duration {
    tree(root).values().sum()
}

/// Resident bytes of a process.
pub(crate) fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// Resident bytes of a process and everything that it started.
pub(crate) fn resident_of_tree(root: u32) -> u64 {
    tree(root).keys().map(|id| resident(*id)).sum()
}
