//! A delivery is in the agent's journal and the relay does not learn of it: because the link
//! is cut, or the agent is killed.

use std::collections::HashSet;
use std::rc::Rc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::kit::{Dice, Line, drained, kept, post, tunnel};
use crate::support::listener::{Listener, home};
use crate::support::raw::ask;
use crate::support::relay::Relay;
use crate::support::upstream::Upstream;

/// A relay, a line to it and the home folder of an agent that uses the line.
struct Scene {
    relay: Relay,
    line: Line,
    token: String,
    home: Rc<TempDir>,
}

impl Scene {
    fn new() -> Self {
        let relay = Relay::start(&["--rate", "100000", "--concurrency", "1000"]);
        let token = relay.token("ada", &["shop"]);
        Self {
            line: Line::to(relay.address()),
            token,
            home: Rc::new(home()),
            relay,
        }
    }

    fn agent(&self, args: &[&str]) -> Listener {
        let url = self.line.url();
        let args = [&["--relay", &*url, "--keep", "20000"], args].concat();
        let variables = [("CMHOOK_RELAY_TOKEN", &*self.token)];
        let mut agent = Listener::start_with(&self.home, &args, &variables);
        tunnel(&mut agent, "online");
        agent
    }

    /// Sends so many at once. What comes back is each one's status.
    fn send(&self, count: usize) -> Vec<JoinHandle<u16>> {
        let one = |_| {
            let to = self.relay.address();
            thread::spawn(move || ask(to, post(to, "/t/shop")).status())
        };
        (0..count).map(one).collect()
    }

    /// What is in the journal at the end: each once. How many came again.
    fn count(&self, total: usize) -> usize {
        let kept = kept(&self.home);
        let ids: HashSet<_> = kept.iter().map(|one| one.relay_id.clone()).collect();
        assert_eq!((kept.len(), ids.len()), (total, total));
        kept.iter().filter(|one| one.repeats > 0).count()
    }
}

#[track_caller]
fn expect(senders: Vec<JoinHandle<u16>>, status: u16) {
    for sender in senders {
        assert_eq!(sender.join().expect("a sender"), status);
    }
}

#[test]
fn the_link_is_cut_before_a_thousand_answers() {
    const ROUNDS: usize = 4;
    const EACH: usize = 250;
    let (scene, app) = (Scene::new(), Upstream::start());
    let mut agent = scene.agent(&["--forward", &app.target()]);
    for _ in 0..ROUNDS {
        scene.line.hold();
        let senders = scene.send(EACH);
        for _ in 0..EACH {
            agent.delivery();
        }
        scene.line.cut();
        expect(senders, 202);
        for _ in 0..EACH {
            agent.next("repeated");
        }
        drained(&scene.relay);
    }
    agent.stop();
    for _ in 0..ROUNDS * EACH {
        app.next();
    }
    assert!(app.is_idle(), "the app is asked once for each");
    assert_eq!(scene.count(ROUNDS * EACH), ROUNDS * EACH);
}

#[test]
fn an_agent_is_killed_before_its_answers() {
    const EACH: usize = 50;
    let scene = Scene::new();
    let mut total = 0;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        let mut agent = scene.agent(&[]);
        scene.line.hold();
        let senders = scene.send(EACH);
        for _ in 0..EACH {
            agent.delivery();
        }
        agent.process.kill();
        scene.line.cut();
        expect(senders, 202);
        let mut agent = scene.agent(&[]);
        drained(&scene.relay);
        // All of what waited was in the journal already, or is now.
        agent.process.kill();
        total += EACH;
    }
    let repeats = scene.count(total);
    println!("{total} lost their answers to a kill, {repeats} were kept before it");
    assert!(repeats > 0);
}

/// What has waited is handed on one by one; the agent is killed at any of them.
#[test]
fn an_agent_is_killed_while_it_takes_what_waited() {
    const TOTAL: usize = 2000;
    const MOST_AT_ONCE: u64 = 30;
    let scene = Scene::new();
    for _ in 0..TOTAL / 250 {
        expect(scene.send(250), 202);
    }
    let (mut dice, mut kills) = (Dice(7), 0);
    let begun = Instant::now();
    while crate::kit::waiting(&scene.relay) > 0 {
        let mut agent = scene.agent(&[]);
        // Of the last few there may be none left that it would wait for.
        let few = crate::kit::waiting(&scene.relay) <= MOST_AT_ONCE;
        if few || begun.elapsed() > Duration::from_secs(30) {
            drained(&scene.relay);
            agent.stop();
            break;
        }
        for _ in 0..=dice.below(MOST_AT_ONCE) {
            agent.delivery();
        }
        if dice.below(2) == 0 {
            scene.line.hold_something();
        }
        agent.process.kill();
        scene.line.cut();
        kills += 1;
    }
    let repeats = scene.count(TOTAL);
    println!("{kills} kills, {repeats} repeats");
    assert!(repeats > 0);
}

#[test]
fn the_link_is_cut_while_the_agent_takes_what_waited() {
    const TOTAL: usize = 500;
    let scene = Scene::new();
    for _ in 0..TOTAL / 250 {
        expect(scene.send(250), 202);
    }
    let mut agent = scene.agent(&[]);
    let mut arrived = 0;
    for _ in 0..3 {
        for _ in 0..50 {
            agent.delivery();
        }
        scene.line.hold_something();
        scene.line.cut();
        arrived += 50;
    }
    for _ in arrived..TOTAL {
        agent.delivery();
    }
    drained(&scene.relay);
    agent.stop();
    let repeats = scene.count(TOTAL);
    println!("{repeats} repeats");
    assert!((1..=3).contains(&repeats), "{repeats}");
}
