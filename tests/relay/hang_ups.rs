//! Senders that hang up at the worst moments: the tunnel and everybody else are none the
//! worse for it.

use std::time::Duration;

use crate::crowd::{App, Regular, Sender, runtime};
use crate::support::listener::{Listener, object};
use crate::support::relay::{Relay, public_path};
use crate::vitals::{MIB, eventually, own_limit};

/// So many at a time, and so often.
const CROWD: usize = 250;
const ROUNDS: usize = 4;

struct Place {
    relay: Relay,
    agent: Listener,
    path: String,
}

fn start(app: &App) -> Place {
    own_limit();
    let relay = Relay::open(&["--rate", "100000", "--concurrency", "2000"]);
    let agent = relay.agent(None, &["--ephemeral", "--forward", &app.target()]);
    let path = public_path(&agent);
    Place { relay, agent, path }
}

impl Place {
    fn request(&self, path: &str, body: &[u8]) -> Vec<u8> {
        self.relay
            .request(&format!("POST {}{path}", self.path), "", body)
    }

    /// A sender who does nothing wrong.
    fn regular(&self, runtime: &tokio::runtime::Runtime) -> Regular {
        let (host, path) = (self.relay.address(), self.path.clone());
        Regular::asking(runtime, host, move |line| {
            let (method, rest) = line.split_once(' ').expect("a line");
            format!(
                "{method} {path}{rest} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\n{{}}"
            )
            .into_bytes()
        })
    }

    /// Connections to the public side, the agent's among them.
    fn connections(&self) -> usize {
        let text = self.relay.metrics();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("cmhook_relay_connections "));
        line.and_then(|number| number.parse().ok())
            .expect("a number")
    }

    /// Ends it: the tunnel must have been online all the time.
    fn stop(mut self) {
        let answer = self
            .relay
            .ask(&format!("POST {}/last", self.path), "", b"{}");
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let status = self.agent.process.terminate();
        // Its lines have the answers in them, which may be more than a stop waits for.
        let stderr = self.agent.process.stderr.text();
        let is_cut = stderr.contains("nobody took the last lines in time");
        assert_eq!(status.code(), Some(is_cut.into()), "{stderr}");
        let said = self.agent.process.stdout.text();
        let told: Vec<_> = said
            .lines()
            .filter(|line| line.starts_with(r#"{"type":"tunnel""#))
            .map(object)
            .collect();
        assert!(told.len() <= 1, "{told:?}");
        assert!(
            told.iter().all(|state| state["state"] == "online"),
            "{told:?}"
        );
    }
}

#[test]
fn a_thousand_hang_up_in_the_middle_of_their_requests() {
    let app = App::answering(2);
    let place = start(&app);
    let (to, runtime) = (place.relay.address(), runtime());
    let regular = place.regular(&runtime);
    for _ in 0..ROUNDS {
        let half = place.request("/half", &[b'x'; 1000]);
        let half = &half[..half.len() - 500];
        let crowd = runtime.block_on(async {
            let mut crowd = Vec::new();
            for _ in 0..CROWD {
                let mut sender = Sender::open(to).await;
                sender.send(half).await.expect("it is read");
                crowd.push(sender);
            }
            crowd
        });
        hang_up(&runtime, crowd);
        eventually("they are gone", || place.connections() <= 10);
    }
    regular.stop(&runtime, "a thousand half requests");
    place.stop();
}

/// Every second one says farewell, the others just go.
fn hang_up(runtime: &tokio::runtime::Runtime, crowd: Vec<Sender>) {
    let _inside = runtime.enter();
    for (n, sender) in crowd.into_iter().enumerate() {
        if n % 2 == 0 {
            sender.reset();
        }
    }
}

#[test]
fn a_thousand_hang_up_before_they_are_answered() {
    let runtime = runtime();
    for _ in 0..ROUNDS {
        let app = App::waiting(2);
        let place = start(&app);
        let to = place.relay.address();
        let crowd = runtime.block_on(async {
            let mut crowd = Vec::new();
            for n in 0..CROWD {
                let mut sender = Sender::open(to).await;
                let request = place.request(&format!("/whole/{n}"), b"{}");
                sender.send(request).await.expect("it is read");
                crowd.push(sender);
            }
            crowd
        });
        eventually("the app has got all of them", || app.asked() == CROWD);
        hang_up(&runtime, crowd);
        // Who says farewell may still want its answer.
        app.open();
        eventually("they are gone", || place.connections() <= 1);
        let regular = place.regular(&runtime);
        std::thread::sleep(Duration::from_millis(100));
        regular.stop(&runtime, "nothing, after many hung up");
        place.stop();
    }
}

#[test]
fn a_thousand_hang_up_in_the_middle_of_their_answers() {
    let (small, large) = (App::answering(2), App::answering(4 * MIB));
    own_limit();
    let relay = Relay::open(&["--rate", "100000", "--concurrency", "2000"]);
    let route = format!("large={}", large.target());
    let agent = relay.agent(
        None,
        &[
            "--ephemeral",
            "--forward",
            &small.target(),
            "--route",
            &route,
        ],
    );
    let path = public_path(&agent);
    let place = Place { relay, agent, path };
    let (to, runtime) = (place.relay.address(), runtime());
    let regular = place.regular(&runtime);
    // Twenty at a time: it is the app's answers that take the time.
    for round in 0..50 {
        runtime.block_on(async {
            let mut crowd = Vec::new();
            for n in 0..20 {
                let mut sender = Sender::open(to).await;
                let event = br#"{"event":"large"}"#;
                let request = place.request(&format!("/large/{round}/{n}"), event);
                sender.send(request).await.expect("it is read");
                crowd.push(sender);
            }
            for (n, sender) in crowd.into_iter().enumerate() {
                sender
                    .0
                    .get_ref()
                    .readable()
                    .await
                    .expect("the answer begins");
                if n % 2 == 0 {
                    sender.reset();
                }
            }
        });
    }
    eventually("they are gone", || place.connections() <= 10);
    regular.stop(&runtime, "a thousand half answers");
    place.stop();
}
