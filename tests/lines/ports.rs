//! Where it listens, and why it cannot.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use crate::captured::{Captured, Listening, around, run, skipped};
use crate::support::listener::home;
use crate::support::raw::{ask, request};

#[test]
fn a_port_in_use_is_named_with_who_has_it() {
    let me = format!("process {}", std::process::id());
    for taken in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
        let Ok(taken) = TcpListener::bind(taken) else {
            skipped("an IPv6 loopback");
            continue;
        };
        let address = taken.local_addr().expect("a port");
        let ended = run(&["listen", "--ephemeral", "--listen", &address.to_string()]);
        assert_eq!(ended.status.code(), Some(1), "{}", ended.text());
        let said = ended.stderr();
        let port = format!("port {} on {} is in use by ", address.port(), address.ip());
        assert!(said.contains(&port) && said.contains(&me), "{said}");
        assert!(said.contains("`--listen PORT`"), "{said}");
        assert!(!said.contains("Ready"), "{said}");
    }
}

/// Another address of the same port, taken by somebody else, is not what is in the way.
#[test]
fn the_process_that_is_named_is_the_one_in_the_way() {
    let first = Listening::start(&[]);
    let port = first.address.port();
    let Ok(beside) = TcpListener::bind(("127.0.0.2", port)) else {
        skipped("127.0.0.2");
        return;
    };
    for (address, owner) in [
        (first.address, first.process.id()),
        (beside.local_addr().expect("a port"), std::process::id()),
    ] {
        let ended = run(&["listen", "--ephemeral", "--listen", &address.to_string()]);
        let said = ended.stderr();
        assert!(
            said.contains(&format!("process {owner})")),
            "{address}: {said}"
        );
    }
    first.process.stop();
}

#[test]
fn what_is_no_address_is_refused() {
    for text in [
        "",
        " ",
        "x",
        "-1",
        "65536",
        "99999",
        "1.2.3.4",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:65536",
        "::1:80",
        "[::1]",
        "[::1]:",
        "localhost",
        "localhost:",
        "localhost:x",
        "example.com:80",
        "http://127.0.0.1:80",
        "127.0.0.1:80/path",
        "256.0.0.1:80",
        "127.0.0.1 :80",
        "0x50",
        "4400,4401",
    ] {
        let ended = run(&["listen", "--ephemeral", &format!("--listen={text}")]);
        assert_eq!(ended.status.code(), Some(2), "{text:?}: {}", ended.text());
        let said = ended.stderr();
        assert!(said.contains("is not an address"), "{text:?}: {said}");
        assert!(said.contains(" hint: use a port"), "{text:?}: {said}");
    }
}

#[test]
fn an_address_of_another_machine_is_refused_in_words() {
    let ended = run(&["listen", "--ephemeral", "--listen", "192.0.2.1:4400"]);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.text());
    let said = ended.stderr();
    assert!(said.contains("cannot listen on 192.0.2.1:4400"), "{said}");
    assert!(
        said.contains("no network of this machine has that address"),
        "{said}"
    );
}

#[test]
fn what_other_machines_can_reach_is_warned_of() {
    for (listen, url, warned) in [
        ("0.0.0.0:0", "http://127.0.0.1:", true),
        ("[::]:0", "http://[::1]:", true),
        ("[::1]:0", "http://[::1]:", false),
        ("localhost:0", "http://127.0.0.1:", false),
        ("127.0.0.1:0", "http://127.0.0.1:", false),
        (":0", "http://127.0.0.1:", false),
        ("0", "http://127.0.0.1:", false),
        (" 0 ", "http://127.0.0.1:", false),
    ] {
        if listen.contains("::") && TcpListener::bind("[::1]:0").is_err() {
            skipped("an IPv6 loopback");
            continue;
        }
        let listener = Listening::start(&["--listen", listen]);
        let address: SocketAddr = listener.address;
        assert_eq!(ask(address, request("POST /", "", b"{}")).status(), 200);
        let ended = listener.process.stop();
        let said = ended.stderr();
        assert!(
            said.contains(&format!("Ready, waiting for deliveries at {url}")),
            "{said}"
        );
        let warning = said.contains("can be reached from other machines");
        assert_eq!(warning, warned, "{listen}: {said}");
    }
}

/// A copy of the binary that anybody can run: the one that was built may lie where an
/// ordinary user cannot go.
fn copy_for_everybody(folder: &Path) -> std::path::PathBuf {
    let copy = folder.join("cmhook");
    fs::copy(env!("CARGO_BIN_EXE_cmhook"), &copy).expect("a copy");
    for path in [folder, &copy] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("ours");
    }
    copy
}

/// What runs a program without the right to take such a port.
fn as_ordinary_user(home: &Path) -> Command {
    let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let mut command = around(if root { "setpriv" } else { "env" }, home);
    if root {
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    }
    command
}

#[test]
fn a_port_that_is_the_administrators_is_explained() {
    const PORT: u16 = 81;
    let home = home();
    let works = as_ordinary_user(home.path()).arg("true").status();
    if !works.is_ok_and(|status| status.success()) {
        skipped("setpriv");
        return;
    }
    let first = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if first.is_ok_and(|first| first.trim().parse().is_ok_and(|first: u16| first <= PORT)) {
        // A setting of the kernel, which containers change; nothing that could be installed.
        eprintln!("skipped: needs ports that are the administrator's");
        return;
    }
    let binary = copy_for_everybody(home.path());
    let mut unprivileged = as_ordinary_user(home.path());
    unprivileged.arg(binary);
    unprivileged.args(["listen", "--ephemeral", "--listen", &PORT.to_string()]);
    let ended = Captured::start(&mut unprivileged, home.path()).end();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.text());
    let said = ended.stderr();
    assert!(said.contains("cannot listen on 127.0.0.1:81"), "{said}");
    assert!(
        said.contains("ports below 1024 are the administrator's"),
        "{said}"
    );
}
