//! `localhost` is two addresses, and apps listen on either of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::time::{Duration, Instant};

use crate::support::listener::{home, object};
use crate::support::process::Process;
use crate::support::raw::{RawApp, Then, ask, ok, request};
use crate::{listening, unshared};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// An app on that address that answers with it.
fn app(listener: TcpListener) -> RawApp {
    let name = listener.local_addr().expect("an address").ip().to_string();
    RawApp::serving_on(listener, Duration::from_secs(30), move |_, stream| {
        std::io::Write::write_all(stream, &ok(name.as_bytes()))?;
        Ok(Then::GoOn)
    })
}

fn has_ipv6() -> bool {
    let has = TcpListener::bind((V6, 0)).is_ok();
    if !has {
        eprintln!("skipped: needs IPv6 on the loopback interface");
    }
    has
}

/// Asks through cmhook, and checks that it is not slow about it.
#[track_caller]
fn reach(target: &str) -> (u16, String) {
    let listener = listening(target, &[]);
    let begin = Instant::now();
    let answer = ask(listener.address(), request("POST /", "", b"{}"));
    let took = begin.elapsed();
    // 100 ms until the other family gets its turn, and much for a loaded machine.
    assert!(took < Duration::from_secs(5), "{target} took {took:?}");
    listener.stop();
    (answer.status(), answer.text())
}

#[test]
fn localhost_is_found_on_either_address() {
    for ip in [V4, V6] {
        if ip == V6 && !has_ipv6() {
            continue;
        }
        let listener = TcpListener::bind((ip, 0)).expect("a free port");
        let port = listener.local_addr().expect("a port").port();
        let app = app(listener);
        for name in ["localhost", "LocalHost", "app.localhost", "localhost."] {
            let target = format!("{name}:{port}");
            assert_eq!(reach(&target), (200, ip.to_string()), "{target}");
            let host = app.next().one("host");
            assert_eq!(host.as_deref(), Some(&*target), "{target}");
        }
        assert_eq!(reach(&port.to_string()), (200, ip.to_string()), "bare port");
    }
}

#[test]
fn an_app_on_both_addresses_gets_each_delivery_once() {
    if !has_ipv6() {
        return;
    }
    // Another test may have the port on the other address; then another is tried.
    let (v4, v6) = (0..50)
        .find_map(|_| {
            let v4 = TcpListener::bind((V4, 0)).ok()?;
            let port = v4.local_addr().ok()?.port();
            Some((v4, TcpListener::bind((V6, port)).ok()?))
        })
        .expect("a port that is free on both");
    let port = v4.local_addr().expect("a port").port();
    let apps = [app(v4), app(v6)];
    let listener = listening(&format!("localhost:{port}"), &[]);
    for n in 0..20 {
        let answer = ask(listener.address(), request(&format!("POST /{n}"), "", b""));
        assert_eq!(answer.status(), 200);
    }
    listener.stop();
    let reached = apps.map(|app| std::iter::from_fn(|| app.seen_already()).count());
    assert_eq!(reached.iter().sum::<usize>(), 20, "{reached:?}");
}

#[test]
fn an_address_that_does_not_answer_does_not_hold_up_the_other() {
    if !has_ipv6() {
        return;
    }
    // A full queue of connections that nobody accepts: the kernel drops what comes after.
    let (full, v6) = (0..50)
        .find_map(|_| {
            let silent = crate::down::Silent::new();
            let v6 = TcpListener::bind((V6, silent.port)).ok()?;
            Some((silent, v6))
        })
        .expect("a port that is free on both");
    let port = full.port;
    let full = full.listen_for(1);
    let mut waiting = Vec::new();
    let address = (V4, port).into();
    while let Ok(stream) =
        std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300))
    {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the queue never fills");
    }
    let _app = app(v6);
    assert_eq!(reach(&format!("localhost:{port}")), (200, "::1".to_owned()));
    drop(full);
}

/// As in most containers. What IPv6 has to say of its absence must not hide that nothing
/// listens on IPv4.
#[test]
fn without_ipv6_nobody_hears_of_it() {
    const SCRIPT: &str = "
        mount -t proc proc /proc
        ip link set lo up
        echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 || exit
        curl -s --retry 50 --retry-connrefused --retry-delay 1 -d '{}' 127.0.0.1:4400 >&2 &
        exec \"$1\" listen --json --ephemeral -f localhost:3000";
    let apart = ["--net", "--mount", "--pid", "--fork", "--kill-child"];
    let Some(mut command) = unshared(&apart) else {
        return;
    };
    let home = home();
    command.args(["sh", "-c", SCRIPT, "sh", env!("CARGO_BIN_EXE_cmhook")]);
    let mut process = Process::start(&mut command, home.path());
    if process.stdout.next().is_none() {
        process.stderr.drain();
        let said = process.stderr.text();
        assert!(said.contains("disable_ipv6"), "{said}");
        eprintln!("skipped: needs leave to turn IPv6 off: {said}");
        return;
    }
    let attempt = process.stdout.find("an attempt", |line| {
        let object = object(line);
        (object["type"] == "attempt").then_some(object)
    });
    assert_eq!(attempt["error"]["code"], "refused", "{attempt}");
}

#[test]
fn every_form_of_a_target_reaches_the_app() {
    let v4 = TcpListener::bind((V4, 0)).expect("a free port");
    let port = v4.local_addr().expect("a port").port();
    let v4 = app(v4);
    for (target, path) in [
        (format!("127.0.0.1:{port}"), "/"),
        (format!("0.0.0.0:{port}"), "/"),
        (format!("[::ffff:127.0.0.1]:{port}"), "/"),
        (format!("{port}"), "/"),
        (format!(":{port}"), "/"),
        (format!("{port}/hooks"), "/hooks"),
        (format!("localhost:{port}/hooks/"), "/hooks"),
        (format!("http://localhost:{port}"), "/"),
        (format!("HTTP://localhost:{port}/a/b"), "/a/b"),
        (format!("  localhost:{port}  "), "/"),
    ] {
        assert_eq!(reach(&target).0, 200, "{target}");
        assert_eq!(v4.next().target(), path, "{target}");
    }
    if has_ipv6() {
        let v6 = TcpListener::bind((V6, 0)).expect("a free port");
        let port = v6.local_addr().expect("a port").port();
        let v6 = app(v6);
        for target in [format!("[::1]:{port}"), format!("http://[::1]:{port}/x")] {
            assert_eq!(reach(&target), (200, "::1".to_owned()), "{target}");
            let host = v6.next().one("host");
            assert_eq!(host, Some(format!("[::1]:{port}")), "{target}");
        }
    }
}
