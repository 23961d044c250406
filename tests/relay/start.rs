//! Settings that cannot work, and those that are probably not meant.

use std::process::Command;
use std::rc::Rc;

use crate::support::listener::home;
use crate::support::process::Process;
use crate::support::relay::Relay;

#[track_caller]
fn refusal(args: &[&str]) -> String {
    let home = home();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cmhook"));
    command.args([
        "relay",
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--metrics",
        "off",
    ]);
    command.args(["--data", "relay"]).args(args);
    let mut process = Process::start(&mut command, home.path());
    let code = process.wait().code();
    let said = process.stderr.text();
    assert_eq!(code, Some(2), "{said}");
    said
}

#[test]
fn what_cannot_work_is_refused() {
    let said = refusal(&["--domain", "*.example.com"]);
    assert!(said.contains("leave the `*.` out"), "{said}");
    let said = refusal(&["--domain", "bad_host!"]);
    assert!(said.contains("is not a host"), "{said}");
    let acme = ["--acme", "a@example.com", "--http", "off"];
    let args = [
        &acme[..],
        &["--domain", "h.example.com", "--urls", "subdomain"],
    ]
    .concat();
    let said = refusal(&args);
    assert!(said.contains("wildcard certificate"), "{said}");
}

/// What a relay with these arguments says on its standard error at the start.
#[track_caller]
fn doubts(listen: &str, args: &[&str]) -> (Relay, String) {
    let mut relay = Relay::start_at(&Rc::new(home()), listen, args);
    relay
        .process
        .stderr
        .find("ready", |line| line.contains("ready").then_some(()));
    let said = relay.process.stderr.text();
    (relay, said)
}

#[test]
fn what_is_probably_not_meant_is_warned_of() {
    let (_relay, said) = doubts("127.0.0.1:0", &["--domain", "h.example.com"]);
    assert!(said.contains("agents do not send their tokens"), "{said}");
    let (_relay, said) = doubts(":0", &[]);
    assert!(said.contains("unknown_host"), "{said}");
    for args in [
        &["--domain", "h.example.com", "--trust-proxy", "127.0.0.1"][..],
        &["--domain", "h.example.com", "--open"],
        &[],
    ] {
        let (_relay, said) = doubts("127.0.0.1:0", args);
        assert!(!said.contains("WARN"), "{args:?}: {said}");
    }
}

#[test]
fn a_domain_on_this_machine_has_the_port_that_it_listens_on() {
    let (relay, _) = doubts("127.0.0.1:0", &["--domain", "localhost"]);
    let url = relay.ready["url"].as_str().expect("a URL");
    assert_eq!(url, format!("http://localhost:{}", relay.address().port()));
    let (relay, _) = doubts("127.0.0.1:0", &["--domain", "localhost:81"]);
    assert_eq!(relay.ready["url"], "http://localhost:81");
    assert!(relay.ready["certificate"].is_null());
}
