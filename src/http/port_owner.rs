//! Which process listens on a port, where the system tells.

use std::fs;
use std::net::SocketAddr;

/// `NAME (process 123)` of who listens on that address. Linux only, and only for
/// processes that this user may look into.
pub fn find(address: SocketAddr) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| listening_inode(&table, address.port()))?;
    let socket = format!("socket:[{inode}]");
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|n| n.parse::<u32>().ok())
        else {
            continue;
        };
        let Ok(descriptors) = fs::read_dir(entry.path().join("fd")) else {
            continue;
        };
        let holds = descriptors
            .flatten()
            .any(|fd| fs::read_link(fd.path()).is_ok_and(|link| link.as_os_str() == &*socket));
        if holds {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (process {pid})", name.trim().escape_debug()));
        }
    }
    None
}

/// The inode of the socket that listens on the port, from a table of `/proc/net`.
/// Columns: slot, local address in hex, remote, state (0A is LISTEN), …, inode tenth.
fn listening_inode(table: &str, port: u16) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_whitespace();
        let local = columns.nth(1)?;
        let state = columns.nth(1)?;
        let (_, hex) = local.rsplit_once(':')?;
        let listens = state == "0A" && u16::from_str_radix(hex, 16).ok()? == port;
        listens.then(|| columns.nth(5)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1130 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0
   1: 0100007F:1131 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4343 1 0 100 0 0 10 0";
        assert_eq!(listening_inode(table, 0x1130), Some(4242));
        assert_eq!(listening_inode(table, 0x1131), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn finds_this_process() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let owner = find(socket.local_addr().unwrap()).unwrap();
        assert!(
            owner.contains(&format!("process {}", std::process::id())),
            "{owner}"
        );
    }
}
