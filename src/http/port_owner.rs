//! Which process listens on a port, where the system tells.

use std::fs;
use std::net::{IpAddr, SocketAddr};

/// `NAME (process 123)` of who keeps others from listening on that address. Linux only,
/// and only for processes that this user may look into.
pub fn find(address: SocketAddr) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| listening_inode(&table, address))?;
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

/// The inode of the socket that is in the way, from a table of `/proc/net`. Columns: slot,
/// local address in hex, remote, state (0A is LISTEN), …, inode tenth.
fn listening_inode(table: &str, wanted: SocketAddr) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_whitespace();
        let local = columns.nth(1)?;
        let state = columns.nth(1)?;
        let (ip, port) = local.rsplit_once(':')?;
        let ip = address_in(ip)?;
        let same = ip == wanted.ip() || ip.is_unspecified() || wanted.ip().is_unspecified();
        let listens = state == "0A" && same && u16::from_str_radix(port, 16).ok()? == wanted.port();
        listens.then(|| columns.nth(5)?.parse().ok()).flatten()
    })
}

/// An address as the kernel prints it: words of 32 bits, each in this machine's order.
fn address_in(hex: &str) -> Option<IpAddr> {
    let mut bytes = hex::decode(hex).ok()?;
    if cfg!(target_endian = "little") {
        bytes.chunks_mut(4).for_each(<[u8]>::reverse);
    }
    match bytes.len() {
        4 => Some(IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        16 => Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1130 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0
   1: 0100007F:1131 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4343 1 0 100 0 0 10 0
   2: B80D0120000000000000000001000000:1132 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4444 1 0 100 0 0 10 0";
        let find = |address: &str| listening_inode(table, address.parse().unwrap());
        assert_eq!(find("127.0.0.1:4400"), Some(4242));
        assert_eq!(find("0.0.0.0:4400"), Some(4242));
        assert_eq!(find("127.0.0.2:4400"), None);
        assert_eq!(find("127.0.0.1:4401"), None);
        assert_eq!(find("[2001:db8::1]:4402"), Some(4444));
        assert_eq!(find("[2001:db8::2]:4402"), None);
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
