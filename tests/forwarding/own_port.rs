//! cmhook never forwards to itself, however its own port is called.

use std::fs;
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use crate::support::listener::{cmhook, home, object};
use crate::support::process::Process;
use crate::support::raw::{ask, request};
use crate::unshared;

/// What came of starting it; `None` where another process was faster to take the port.
fn start(listen: &str, targets: &[String]) -> Option<(Option<i32>, String)> {
    let home = home();
    let mut command = cmhook();
    command
        .args(["listen", "--ephemeral", "--listen", listen])
        .args(targets);
    let mut process = Process::start(&mut command, home.path());
    let status = process.wait();
    let said = process.stderr.text();
    let lost = said.contains("is in use");
    (!lost).then_some((status.code(), said))
}

/// Starts it on a free port of `address` with targets in which PORT is that port.
#[track_caller]
fn refused(address: &str, targets: &[&str]) {
    for _ in 0..20 {
        let free = TcpListener::bind(format!("{address}:0")).expect("a free port");
        let port = free.local_addr().expect("a port").port().to_string();
        drop(free);
        let targets: Vec<_> = targets.iter().map(|t| t.replace("PORT", &port)).collect();
        let Some((code, said)) = start(&format!("{address}:{port}"), &targets) else {
            continue;
        };
        assert_eq!(code, Some(2), "{address} {targets:?}: {said}");
        assert!(said.contains("is cmhook itself"), "{targets:?}: {said}");
        assert!(
            said.contains("that your app listens on"),
            "{targets:?}: {said}"
        );
        return;
    }
    panic!("no port stays free");
}

#[test]
fn every_name_of_it_is_refused_at_the_start() {
    for target in [
        "PORT",
        "localhost:PORT",
        "LOCALHOST:PORT",
        "app.localhost:PORT",
        "127.0.0.1:PORT",
        "http://127.0.0.1:PORT/hooks",
        "0.0.0.0:PORT",
        "[::ffff:127.0.0.1]:PORT",
        "[::ffff:0.0.0.0]:PORT",
        "https://localhost:PORT",
    ] {
        refused("127.0.0.1", &[target]);
    }
}

#[test]
fn a_port_on_every_address_is_refused_under_every_address() {
    for target in ["PORT", "127.0.0.1:PORT", "127.1.2.3:PORT", "0.0.0.0:PORT"] {
        refused("0.0.0.0", &[target]);
    }
    if let Some(ip) = other_address() {
        refused("0.0.0.0", &[&format!("{ip}:PORT")]);
    }
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: needs IPv6 on the loopback interface");
        return;
    }
    for target in [
        "PORT",
        "127.0.0.1:PORT",
        "[::1]:PORT",
        "[::]:PORT",
        "0.0.0.0:PORT",
    ] {
        refused("[::]", &[target]);
    }
    for target in ["PORT", "[::1]:PORT", "[::]:PORT"] {
        refused("[::1]", &[target]);
    }
}

/// An address of this machine beside loopback. Nothing is sent to find it.
fn other_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

#[test]
fn it_is_found_among_others_and_in_routes() {
    refused("127.0.0.1", &["127.0.0.1:1", "-f", "PORT"]);
    refused(
        "127.0.0.1",
        &["127.0.0.1:1", "--route", "email.*=localhost:PORT"],
    );
}

#[test]
fn the_same_port_of_another_address_is_somebody_else() {
    let (app, target) = (0..50)
        .find_map(|_| {
            let own = TcpListener::bind("127.0.0.1:0").ok()?;
            let port = own.local_addr().ok()?.port();
            let app = TcpListener::bind(("127.0.0.2", port)).ok()?;
            Some((app, format!("127.0.0.2:{port}")))
        })
        .expect("a free port");
    let port = app.local_addr().expect("a port").port().to_string();
    let home = home();
    let mut command = cmhook();
    command.args([
        "listen",
        "--json",
        "--ephemeral",
        "--listen",
        &port,
        "-f",
        &target,
    ]);
    let mut process = Process::start(&mut command, home.path());
    let line = process.stdout.next();
    let line = line.unwrap_or_else(|| panic!("{}", process.stderr.text()));
    assert_eq!(object(&line)["target"], format!("http://{target}"));
    assert_eq!(process.terminate().code(), Some(0));
}

/// A name that is somebody else at the start and cmhook later, as behind a dynamic name or
/// in an edited hosts file. A namespace of its own gives cmhook a hosts file of its own.
#[test]
fn a_name_that_becomes_its_own_later_does_not_loop() {
    let Some(mut command) = unshared(&["--mount"]) else {
        return;
    };
    let home = home();
    let hosts = home.path().join("hosts");
    fs::write(&hosts, "127.0.0.9 app.test\n").expect("a file");
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("a port");
    let port = address.port();
    drop(free);
    command
        .args(["sh", "-c"])
        .arg("mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"");
    command
        .arg("sh")
        .arg(&hosts)
        .arg(env!("CARGO_BIN_EXE_cmhook"));
    command.args(["listen", "--json", "--ephemeral", "--timeout", "20s"]);
    command.args(["--listen", &address.to_string()]);
    command.arg(format!("http://app.test:{port}"));
    let mut process = Process::start(&mut command, home.path());
    let ready = process.stdout.next();
    ready.unwrap_or_else(|| panic!("{}", process.stderr.text()));

    let attempt = |process: &mut Process| {
        process.stdout.find("an attempt", |line| {
            let object = object(line);
            (object["type"] == "attempt").then_some(object)
        })
    };
    assert_eq!(ask(address, request("POST /", "", b"{}")).status(), 502);
    assert_eq!(attempt(&mut process)["error"]["code"], "refused");

    fs::write(&hosts, "127.0.0.1 app.test\n").expect("a file");
    let begin = Instant::now();
    assert_eq!(ask(address, request("POST /", "", b"{}")).status(), 502);
    assert!(begin.elapsed() < Duration::from_secs(10), "it went round");
    let looped = attempt(&mut process);
    assert_eq!(looped["error"]["code"], "loop", "{looped}");
    assert!(
        looped["error"]["message"]
            .as_str()
            .is_some_and(|m| m.contains("cmhook itself"))
    );

    assert_eq!(process.terminate().code(), Some(0));
    let stopped = object(process.stdout.last().unwrap_or_default());
    assert_eq!(stopped["received"], 2, "it sent itself a delivery");
    assert_eq!(stopped["refused"], 0, "{stopped}");
}
