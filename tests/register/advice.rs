//! Commands in what a listener with webhooks of its own advises: each works as it stands.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;

use crate::kit::{active, new_home, registered, run_hint};
use crate::support::listener::{Listener, cmhook};
use crate::support::process::Process;
use crate::support::raw::ask;
use crate::support::sandbox::Sandbox;
use crate::support::upstream::Upstream;

const EVENTS: &str = "email.opened,email.sent";

/// An app that refuses everything.
fn refusing() -> Upstream {
    Upstream::answering(|_, _| {
        let mut answer = Response::new(Full::new(Bytes::from_static(b"Invalid signature")));
        *answer.status_mut() = http::StatusCode::UNAUTHORIZED;
        answer
    })
}

#[test]
fn a_refused_delivery_leads_to_the_key_of_its_webhook() {
    let (sandbox, app, home) = (Sandbox::start(&["--seed", "1"]), refusing(), new_home());
    let mut command = cmhook();
    command.args(["listen", "--listen", "127.0.0.1:0", "--color", "never"]);
    command.args(["--register", "--events", EVENTS, "--api", &sandbox.url()]);
    let mut process = Process::start(command.args(["--forward", &app.target()]), home.path());
    process
        .stderr
        .find("`Ready`", |line| line.contains("Ready").then_some(()));
    let id = active(&sandbox)[1].1.clone();
    let wanted = format!(
        "`cmhook webhooks get {id} --show-secrets --api {}`",
        sandbox.url()
    );
    sandbox.fire("Email.Sent");
    let line = process.stdout.find("the advice", |line| {
        line.contains("--show-secrets").then(|| line.to_owned())
    });
    assert!(line.contains(&wanted), "{line}");
    run_hint(home.path(), &wanted);
    let says = |args: &[&str]| {
        let mut process = Process::start(cmhook().args(args), home.path());
        process.wait();
        let said = process.stdout.text() + &process.stderr.text();
        assert!(said.contains(&wanted), "{args:?}: {said}");
    };
    says(&["show", "last"]);
    says(&["replay", "last"]);
    assert_eq!(process.terminate().code(), Some(0));
    // It is archived then, and shown all the same.
    says(&["show", "last"]);
    run_hint(home.path(), &wanted);
}

#[test]
fn beside_such_a_listener_trigger_names_what_signs_with_its_keys() {
    let (sandbox, home) = (Sandbox::start(&["--seed", "1"]), new_home());
    let api = sandbox.url();
    let args = ["--register", "--events", EVENTS, "--api", &api];
    let mut listener = Listener::start_in(&home, &args);
    let id = &active(&sandbox)[1].1;
    let mut process = Process::start(cmhook().args(["trigger", "email.sent"]), home.path());
    assert_eq!(process.wait().code(), Some(0));
    assert_eq!(listener.delivery()["verdict"]["status"], "unsigned");
    let said = process.stderr.text();
    assert!(!said.contains("as a flag"), "{said}");
    for wanted in [
        format!("`cmhook webhooks test {id} --api {api}`"),
        format!("`cmhook sandbox fire Email.Sent --api {api}`"),
    ] {
        assert!(said.contains(&wanted), "no {wanted} in: {said}");
        run_hint(home.path(), &wanted);
        let delivery = listener.delivery();
        assert_eq!(delivery["event"], "Email.Sent");
        assert_eq!(delivery["verdict"]["status"], "valid");
    }
    listener.stop();
}

#[test]
fn a_sample_that_the_listener_sends_itself_is_as_the_api_sends_it() {
    let (sandbox, home) = (Sandbox::start(&["--seed", "1"]), new_home());
    // Another secret that is known, and stands before the webhooks' own.
    let more = ["--secret", "other=of-another-place"];
    let mut listener = registered(&home, &sandbox, EVENTS, &more);
    for event in ["email.opened", "Email.Opened"] {
        let link = listener.ready["inspector"].as_str().expect("a link");
        let (place, token) = link.split_once("/#token=").expect("a token");
        let address: SocketAddr = place.trim_start_matches("http://").parse().expect("a port");
        let body = format!(r#"{{"event":"{event}"}}"#);
        let post = format!(
            "POST /api/v1/trigger HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        assert_eq!(ask(address, post).status(), 200);
        let delivery = listener.delivery();
        assert_eq!(delivery["event"], "Email.Opened");
        assert_eq!(delivery["verdict"]["scheme"], "api-base64");
        assert_eq!(delivery["verdict"]["secret"], "Email.Opened");
        let body = delivery["request"]["body"].as_str().expect("a text");
        assert!(body.contains("\"account_id\""), "{body}");
    }
    listener.stop();
}
