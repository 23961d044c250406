//! A relay that is killed while deliveries wait at it.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::thread;

use crate::kit::{drained, kept, post, tunnel};
use crate::support::listener::{home, object};
use crate::support::raw::Connection;
use crate::support::relay::Relay;

const SENDERS: u32 = 16;
const EACH: u32 = 625;
/// So many have arrived when the relay is killed.
const KILLS: [usize; 4] = [500, 1500, 4000, 9000];

/// Sends all of them, each sender's in order, on a connection of its own.
fn send_all(relay: &Relay) {
    let to = relay.address();
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            scope.spawn(move || {
                let mut connection = Connection::open(to);
                for number in 0..EACH {
                    let path = format!("/t/shop/{sender}/{number}");
                    connection.send(post(to, &path));
                    let answer = connection.answer();
                    assert_eq!(answer.status(), 202, "{path}: {}", answer.text());
                }
            });
        }
    });
}

/// Sender and number of a delivery.
fn numbers(path: &str) -> (u32, u32) {
    let (sender, number) = path[1..].split_once('/').expect("two numbers");
    let number_of = |text: &str| text.parse().expect("a number");
    (number_of(sender), number_of(number))
}

#[test]
fn a_backlog_of_ten_thousand_survives_kills_in_order() {
    let mut relay = Relay::start(&["--rate", "100000"]);
    let token = relay.token("ada", &["shop"]);
    send_all(&relay);
    relay = relay.kill_and_restart();
    let total = SENDERS * EACH;
    assert_eq!(relay.ready["waiting"], total);

    let home = Rc::new(home());
    let mut agent = relay.agent_in(&home, Some(&token), &["--keep", "20000"]);
    let mut next = HashMap::<u32, u32>::new();
    let (mut seen, mut repeats) = (0, HashSet::new());
    let mut kills = KILLS.iter().peekable();
    while seen < total as usize {
        let line = agent.process.stdout.next().expect("it goes on");
        let object = object(&line);
        match object["type"].as_str() {
            Some("delivery") => {
                let path = object["request"]["path"].as_str().expect("a path");
                let (sender, number) = numbers(path);
                let expected = next.entry(sender).or_default();
                assert_eq!(number, *expected, "of sender {sender}, after {seen}");
                *expected += 1;
                seen += 1;
            }
            Some("repeated") => drop(repeats.insert(object["delivery"].to_string())),
            _ => {}
        }
        if kills.next_if(|at| **at == seen).is_some() {
            relay = relay.kill_and_restart();
        }
    }
    drained(&relay);
    let answer = relay.ask("POST /t/shop/live", "", b"{}");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    agent.stop();

    let kept = kept(&home);
    assert_eq!(kept.len(), total as usize + 1);
    let ids: HashSet<_> = kept.iter().map(|one| one.relay_id.clone()).collect();
    assert_eq!(ids.len(), kept.len(), "each is there once");
    let marked = kept.iter().filter(|one| one.repeats > 0).count();
    println!("{} kills, {marked} repeats", KILLS.len());
    assert!(
        marked >= repeats.len() && marked > 0,
        "{marked}, {repeats:?}"
    );
}

/// The relay is back before its agent misses it, and after.
#[test]
fn what_is_sent_while_the_agent_looks_for_the_relay_waits() {
    let relay = Relay::start(&[]);
    let token = relay.token("ada", &["shop"]);
    let mut agent = relay.agent(Some(&token), &["--ephemeral"]);
    tunnel(&mut agent, "online");
    let relay = relay.kill_and_restart();
    let answer = relay.ask("POST /t/shop/1", "", b"{}");
    assert_eq!(answer.status(), 202, "{}", answer.text());
    let online = tunnel(&mut agent, "online");
    assert_eq!(online["waiting"], 1, "{online}");
    assert_eq!(agent.delivery()["request"]["path"], "/1");
    agent.stop();
}
