//! A listener that is asked to stop while it has work: what comes meanwhile, and what is left.

use std::net::TcpStream;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use tokio::sync::Semaphore;

use crate::kit::{drained, eventually, text, tunnel};
use crate::support::listener::home;
use crate::support::raw::ask;
use crate::support::relay::{Relay, public_path};
use crate::support::upstream::Upstream;

/// An app that answers what is sent to `/before` when it is let.
fn patient_app() -> (Upstream, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let app = Upstream::serving("127.0.0.1:0", move |parts, _| {
        let waits = parts.uri.path().ends_with("/before");
        let gate = Arc::clone(&opened);
        Box::pin(async move {
            if waits {
                gate.acquire().await.expect("it stays open").forget();
            }
            Response::new(Full::new(Bytes::from_static(b"from the app")))
        })
    });
    (app, gate)
}

#[test]
fn what_comes_meanwhile_waits_and_cuts_nothing_off() {
    for (args, expected) in [(&[][..], 202), (&["--queue", "off"], 503)] {
        let relay = Relay::start(args);
        let token = relay.token("ada", &["shop"]);
        let (app, gate) = patient_app();
        let home = Rc::new(home());
        let forward = ["--forward", &*app.target()];
        let mut agent = relay.agent_in(&home, Some(&token), &forward);
        tunnel(&mut agent, "online");
        let path = public_path(&agent);
        let request = relay.request(&format!("POST {path}/before"), "", b"{}");
        let to = relay.address();
        let before = thread::spawn(move || ask(to, request));
        app.next();
        agent.process.signal("TERM");
        let line = format!("POST {path}/during");
        let during = eventually("the relay knows that it leaves", || {
            let answer = relay.ask(&line, "", b"{}");
            (answer.status() != 200).then_some(answer)
        });
        assert_eq!(during.status(), expected, "{}", during.text());
        let reason = during.one("cmhook-reason");
        let word = if expected == 202 { "queued" } else { "offline" };
        assert_eq!(reason.as_deref(), Some(word));
        gate.add_permits(1);
        let answer = before.join().expect("a sender");
        assert_eq!(answer.text(), "from the app", "{}", answer.status());
        assert_eq!(agent.process.wait().code(), Some(0));
        while !app.is_idle() {}
        if expected == 202 {
            let agent = relay.agent_in(&home, Some(&token), &forward);
            drained(&relay);
            assert!(app.next().parts.uri.path().ends_with("/during"));
            agent.stop();
        }
        assert!(app.is_idle());
    }
}

#[test]
fn what_waits_for_the_app_is_said_and_forwarded_by_the_next_start() {
    let relay = Relay::start(&[]);
    let token = relay.token("ada", &["shop"]);
    for n in 1..=4 {
        let answer = relay.ask(&format!("POST /t/shop/{n}/before"), "", b"{}");
        assert_eq!(answer.status(), 202, "{}", answer.text());
    }
    let (app, gate) = patient_app();
    let home = Rc::new(home());
    let forward = ["--forward", &*app.target()];
    let mut agent = relay.agent_in(&home, Some(&token), &forward);
    drained(&relay);
    app.next();
    agent.process.signal("TERM");
    eventually("it lets nobody in", || {
        TcpStream::connect(agent.address()).err()
    });
    gate.add_permits(1);
    let warning = agent.next("warning");
    assert_eq!(warning["code"], "app_not_reached", "{warning}");
    assert!(
        text(&warning, "message").starts_with("3 deliveries"),
        "{warning}"
    );
    assert!(
        text(&warning, "hint").contains("cmhook replay 2..4"),
        "{warning}"
    );
    assert_eq!(agent.process.wait().code(), Some(0));
    let said = agent.process.stderr.text();
    assert!(
        said.contains("3 deliveries that waited at the relay"),
        "{said}"
    );

    gate.add_permits(10);
    let agent = relay.agent_in(&home, Some(&token), &forward);
    for n in 2..=4 {
        assert_eq!(app.next().parts.uri.path(), format!("/{n}/before"));
    }
    agent.stop();
    assert!(app.is_idle());
}
