//! The target is changed while deliveries come in.

use std::net::TcpListener;

use cmhook::capture::targets;
use cmhook::config::Policy;
use cmhook::delivery::{FailureCode, Notice, Outcome};
use cmhook::store::Reader;
use http::StatusCode;

use crate::support::raw::{RawApp, ok};
use crate::{Running, target, to};

#[test]
fn deliveries_go_to_the_target_that_is_set_when_they_come_in() {
    let apps = ["one", "two"].map(RawApp::saying);
    let running = Running::start(to(&apps[0]), &[]);
    assert_eq!(running.deliver("{}").text(), "one");
    running.again.set_forward(vec![target(&apps[1].target())]);
    assert_eq!(running.deliver("{}").text(), "two");
    running.again.set_forward(Vec::new());
    let answer = running.deliver("{}");
    assert_eq!(
        (answer.status(), answer.text().contains("no target")),
        (200, true)
    );
}

#[test]
fn further_targets_and_ack_work_for_targets_that_come_later() {
    let apps = ["one", "two"].map(RawApp::saying);
    let all: Vec<_> = apps.iter().map(|app| target(&app.target())).collect();
    for ack in [false, true] {
        let policy = Policy {
            ack,
            ..Policy::default()
        };
        let running = Running::start(policy, &[]);
        running.again.set_forward(all.clone());
        assert_eq!(running.deliver("{}").status(), 200);
        for app in &apps {
            app.next();
        }
    }
}

#[test]
fn a_target_takes_the_place_of_a_status() {
    let app = RawApp::answering(|_| ok(b"app"));
    let policy = Policy {
        status: Some(StatusCode::ACCEPTED),
        ..Policy::default()
    };
    let running = Running::start(policy, &[]);
    assert_eq!(running.deliver("{}").status(), 202);
    running.again.set_forward(vec![target(&app.target())]);
    assert_eq!(running.deliver("{}").text(), "app");
}

#[test]
fn cmhook_itself_is_refused_as_a_target_that_comes_later() {
    let mut running = Running::start(Policy::default(), &[]);
    for scheme in ["http", "https"] {
        let own = format!("{scheme}://localhost:{}", running.address.port());
        running.again.set_forward(vec![target(&own)]);
        assert_eq!(running.deliver("{}").status(), 502);
        let attempt = running.notice(|notice| match notice {
            Notice::Attempt(attempt) => Some(attempt),
            _ => None,
        });
        let Outcome::Failed(failure) = &attempt.outcome else {
            panic!("{attempt:?}");
        };
        assert_eq!(failure.code, FailureCode::Loop, "{failure:?}");
    }
    assert_eq!(running.again.store().len(), 2);
}

#[test]
fn an_https_target_may_come_where_there_was_none() {
    let mut running = Running::start(Policy::default(), &[]);
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let app = socket.local_addr().expect("a port");
    let listening = std::thread::spawn(move || {
        let (mut stream, _) = socket.accept()?;
        let mut first = [0; 1];
        std::io::Read::read_exact(&mut stream, &mut first).map(|()| first[0])
    });
    running
        .again
        .set_forward(vec![target(&format!("https://{app}"))]);
    assert_eq!(running.deliver("{}").status(), 502);
    let first = listening.join().expect("no panic").expect("a connection");
    assert_eq!(first, 22, "a TLS handshake");
    running.notice(|notice| match notice {
        Notice::Attempt(attempt) => Some(attempt),
        _ => None,
    });
}

#[test]
fn the_target_is_remembered_for_commands_that_come_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.db");
    let running = Running::start_with(Policy::default(), &[], Some(&path));
    running
        .again
        .set_forward(vec![target("localhost:3000/hooks")]);
    running.stop();
    let reader = Reader::open(&path).expect("a store");
    let policy = targets::remembered(&reader);
    assert_eq!(policy.forward, [target("localhost:3000/hooks")]);
}
