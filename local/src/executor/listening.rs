//! The ports that a process listens on, as the kernel tells them.

use std::collections::BTreeSet;
use std::fs;

use nix::unistd::Pid;

/// State of a listening socket in `/proc/PID/net/tcp` (Linux, `net/tcp_states.h`).
const LISTEN: &str = "0A";

/// Returns the TCP ports, lowest first, that a process listens on; none where `/proc` does not
/// tell.
pub(super) fn ports(pid: Pid) -> Vec<u16> {
    let sockets = sockets(pid);
    if sockets.is_empty() {
        return Vec::new();
    }
    let tables = ["tcp", "tcp6"].map(|table| {
        let path = format!("/proc/{pid}/net/{table}");
        fs::read_to_string(path).unwrap_or_default()
    });
    let lines = tables.iter().flat_map(|table| table.lines());
    let found: BTreeSet<u16> = lines.filter_map(|line| listener(line, &sockets)).collect();
    found.into_iter().collect()
}

/// The inodes of the sockets that a process has open.
fn sockets(pid: Pid) -> BTreeSet<String> {
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return BTreeSet::new();
    };
    open.flatten()
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            let inode = target.to_str()?.strip_prefix("socket:[")?;
            Some(inode.strip_suffix(']')?.to_owned())
        })
        .collect()
}

/// The port of a line, where it is that of a listening socket among `sockets`.
fn listener(line: &str, sockets: &BTreeSet<String>) -> Option<u16> {
    let mut words = line.split_whitespace();
    // `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode`
    let local = words.nth(1)?;
    let state = words.nth(1)?;
    let inode = words.nth(5)?;
    if state != LISTEN || !sockets.contains(inode) {
        return None;
    }
    u16::from_str_radix(local.rsplit(':').next()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn own_listeners_are_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(ports(Pid::this()).contains(&port));
        drop(listener);
        assert!(!ports(Pid::this()).contains(&port));
    }

    #[test]
    fn sockets_of_others_and_connections_are_not_taken() {
        let line = "   0: 0100007F:9C4B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1";
        let own = BTreeSet::from(["4242".to_owned()]);
        assert_eq!(listener(line, &own), Some(40_011));
        assert_eq!(listener(line, &BTreeSet::new()), None);
        assert_eq!(listener(&line.replace(" 0A ", " 01 "), &own), None);
        assert_eq!(listener("  sl  local_address rem_address   st", &own), None);
    }
}
