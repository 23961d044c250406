//! In which order deliveries wait whose connection broke.

use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use crate::kit::{eventually, post, tunnel, waiting};
use crate::support::listener::Listener;
use crate::support::raw::{Message, ask};
use crate::support::relay::Relay;
use crate::support::upstream::Upstream;

const COUNT: usize = 10;

fn send(to: SocketAddr, number: usize) -> JoinHandle<Message> {
    thread::spawn(move || ask(to, post(to, &format!("/t/shop/{number}"))))
}

/// An agent whose app has got all of them, one after the other, and answers none.
fn all_under_way(relay: &Relay, token: &str) -> (Listener, Upstream, Vec<JoinHandle<Message>>) {
    let app = Upstream::serving("127.0.0.1:0", |_, _| Box::pin(std::future::pending()));
    let mut agent = relay.agent(Some(token), &["--ephemeral", "--forward", &app.target()]);
    tunnel(&mut agent, "online");
    let senders = (0..COUNT).map(|number| {
        let sender = send(relay.address(), number);
        assert_eq!(app.next().parts.uri.path(), format!("/{number}"));
        sender
    });
    let senders = senders.collect();
    (agent, app, senders)
}

#[track_caller]
fn arrive_in_order(relay: &Relay, token: &str) {
    assert_eq!(waiting(relay), COUNT as u64);
    let mut next = relay.agent(Some(token), &["--ephemeral"]);
    let paths = (0..COUNT).map(|_| next.delivery()["request"]["path"].clone());
    let paths: Vec<_> = paths.collect();
    let wanted: Vec<_> = (0..COUNT).map(|number| format!("/{number}")).collect();
    assert_eq!(paths, wanted);
    next.stop();
}

#[test]
fn what_was_under_way_waits_in_the_order_in_which_it_came() {
    let relay = Relay::start(&[]);
    let token = relay.token("ada", &["shop"]);
    let (mut agent, _app, senders) = all_under_way(&relay, &token);
    agent.process.kill();
    for sender in senders {
        assert_eq!(sender.join().expect("a sender").status(), 202);
    }
    arrive_in_order(&relay, &token);
}

#[test]
fn so_it_does_where_the_agent_only_fell_silent() {
    let relay = Relay::start(&[]);
    let token = relay.token("ada", &["shop"]);
    let (agent, _app, senders) = all_under_way(&relay, &token);
    agent.process.signal("STOP");
    let late = send(relay.address(), COUNT);
    eventually("all wait", || {
        (waiting(&relay) > COUNT as u64).then_some(())
    });
    for sender in senders.into_iter().chain([late]) {
        assert_eq!(sender.join().expect("a sender").status(), 202);
    }
    drop(agent);
    let mut next = relay.agent(Some(&token), &["--ephemeral"]);
    for number in 0..=COUNT {
        let path = &next.delivery()["request"]["path"];
        assert_eq!(*path, format!("/{number}"));
    }
    next.stop();
}
