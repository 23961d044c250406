//! A relay that is asked to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use tokio::sync::Semaphore;

use crate::kit::{eventually, text, tunnel};
use crate::support::listener::Listener;
use crate::support::raw::{Message, ask, request};
use crate::support::relay::{Relay, public_path};
use crate::support::upstream::Upstream;

/// An app that answers when it is let.
fn patient_app() -> (Upstream, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let app = Upstream::serving("127.0.0.1:0", move |_, _| {
        let gate = Arc::clone(&opened);
        Box::pin(async move {
            gate.acquire().await.expect("it stays open").forget();
            Response::new(Full::new(Bytes::from_static(b"from the app")))
        })
    });
    (app, gate)
}

/// A sender who waits for the answer.
fn send(relay: &Relay, line: &str) -> JoinHandle<Message> {
    let (to, request) = (relay.address(), relay.request(line, "", b"{}"));
    thread::spawn(move || ask(to, request))
}

struct Scene {
    relay: Relay,
    agent: Listener,
    app: Upstream,
    gate: Arc<Semaphore>,
    path: String,
}

/// A relay that was asked to stop while a delivery is under way.
fn stopping() -> (Scene, JoinHandle<Message>) {
    let relay = Relay::start(&[]);
    let token = relay.token("ada", &["shop"]);
    let (app, gate) = patient_app();
    let mut agent = relay.agent(Some(&token), &["--ephemeral", "--forward", &app.target()]);
    tunnel(&mut agent, "online");
    let path = public_path(&agent);
    let sender = send(&relay, &format!("POST {path}/before"));
    app.next();
    assert_eq!(ready(relay.address()), 200);
    relay.process.signal("TERM");
    eventually("it takes no more work", || {
        (ready(relay.address()) == 503).then_some(())
    });
    let scene = Scene {
        relay,
        agent,
        app,
        gate,
        path,
    };
    (scene, sender)
}

fn ready(relay: SocketAddr) -> u16 {
    let request = String::from_utf8(request("GET /readyz", "", b"")).expect("text");
    let request = request.replace("hooks.test", &relay.to_string());
    ask(relay, request).status()
}

#[test]
fn what_is_under_way_is_finished_and_agents_are_told() {
    let (mut scene, before) = stopping();
    let during = send(&scene.relay, &format!("POST {}/during", scene.path));
    scene.app.next();
    assert!(scene.relay.metrics().contains("cmhook_relay_in_flight 2"));
    scene.gate.add_permits(2);
    for sender in [before, during] {
        let answer = sender.join().expect("a sender");
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.text(), "from the app");
    }
    let told = tunnel(&mut scene.agent, "reconnecting");
    assert_eq!(text(&told, "reason"), "the relay is restarting");
    assert_eq!(scene.relay.process.wait().code(), Some(0));
    let relay = scene.relay.start_again();
    tunnel(&mut scene.agent, "online");
    scene.gate.add_permits(1);
    let after = relay.ask(&format!("POST {}/after", scene.path), "", b"{}");
    assert_eq!(after.text(), "from the app");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (mut scene, sender) = stopping();
    let begun = Instant::now();
    scene.relay.process.signal("INT");
    assert_eq!(scene.relay.process.wait().code(), Some(1));
    assert!(begun.elapsed().as_secs() < 2, "{:?}", begun.elapsed());
    drop(sender);
}
