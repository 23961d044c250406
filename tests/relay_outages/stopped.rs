//! An end that stands still, as in a laptop that sleeps: its sockets are open and nobody is
//! there.

use std::thread;
use std::time::{Duration, Instant};

use crate::kit::{agents, text, tunnel, within};
use crate::support::relay::{Relay, public_path};

/// By when a dead link is to be found.
const NOTICED: Duration = Duration::from_secs(15);
/// By when the tunnel is to work again.
const BACK: Duration = Duration::from_secs(3);

#[test]
fn an_agent_that_stood_still_is_back_within_three_seconds() {
    let relay = Relay::start(&[]);
    let token = relay.token("ada", &["shop"]);
    let mut agent = relay.agent(Some(&token), &["--ephemeral"]);
    tunnel(&mut agent, "online");
    let path = public_path(&agent);
    agent.process.signal("STOP");
    within(NOTICED, "the relay misses its agent", || {
        (agents(&relay) == 0).then_some(())
    });
    let meanwhile = relay.ask(&format!("POST {path}/queued"), "", b"{}");
    assert_eq!(meanwhile.status(), 202, "{}", meanwhile.text());
    // It may be out for longer than the relay takes to notice.
    thread::sleep(Duration::from_secs(2));
    agent.process.signal("CONT");
    let begun = Instant::now();
    within(BACK, "a delivery works", || {
        let answer = relay.ask(&format!("POST {path}/live"), "", b"{}");
        (answer.status() == 200).then_some(())
    });
    println!("an agent was back after {:?}", begun.elapsed());
    let delivery = agent.delivery();
    assert_eq!(delivery["request"]["path"], "/queued");
    agent.stop();
}

/// The agent notices, and not because the socket was closed; then the relay goes on, and
/// knows of no agent that is gone.
#[test]
fn a_relay_that_stood_still_is_found_again() {
    let relay = Relay::start(&[]);
    let token = relay.token("ada", &["shop"]);
    let mut agent = relay.agent(Some(&token), &["--ephemeral"]);
    tunnel(&mut agent, "online");
    let path = public_path(&agent);
    relay.process.signal("STOP");
    let begun = Instant::now();
    let lost = tunnel(&mut agent, "reconnecting");
    assert!(begun.elapsed() < NOTICED, "{:?}", begun.elapsed());
    assert!(text(&lost, "reason").contains("nothing has come"), "{lost}");
    relay.process.signal("CONT");
    let begun = Instant::now();
    // What it finds first may be half a handshake of a try before.
    within(BACK, "a delivery works", || {
        let answer = relay.ask(&format!("POST {path}"), "", b"{}");
        (answer.status() == 200).then_some(())
    });
    println!("a relay was found again after {:?}", begun.elapsed());
    assert_eq!(agents(&relay), 1);
    agent.stop();
}
