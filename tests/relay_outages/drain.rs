//! A relay that is asked to stop.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use tokio::sync::Semaphore;

use crate::kit::{eventually, post, text, tunnel};
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
    let during = format!("POST {}/during", scene.path);
    // It comes after the stop began, and waits.
    let answer = scene.relay.ask(&during, "", b"{}");
    assert_eq!(answer.status(), 202, "{}", answer.text());
    assert!(scene.relay.metrics().contains("cmhook_relay_in_flight 1"));
    scene.gate.add_permits(1);
    let answer = before.join().expect("a sender");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.text(), "from the app");
    let told = tunnel(&mut scene.agent, "reconnecting");
    assert_eq!(text(&told, "reason"), "the relay is restarting");
    assert_eq!(scene.relay.process.wait().code(), Some(0));
    assert!(scene.app.is_idle());
    let relay = scene.relay.start_again();
    tunnel(&mut scene.agent, "online");
    scene.gate.add_permits(2);
    assert!(scene.app.next().parts.uri.path().ends_with("/during"));
    crate::kit::drained(&relay);
    let after = relay.ask(&format!("POST {}/after", scene.path), "", b"{}");
    assert_eq!(after.text(), "from the app");
}

#[test]
fn a_stop_under_steady_traffic_ends_and_cuts_nobody_off() {
    let (mut scene, before) = stopping();
    let path = scene.path.clone();
    let to = scene.relay.address();
    let stop = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..4)
        .map(|_| {
            let (stop, path) = (Arc::clone(&stop), path.clone());
            thread::spawn(move || {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed)
                    && let Ok(stream) = TcpStream::connect(to)
                {
                    let answer = answer_to(stream, &post(to, &path));
                    // A connection that was not taken in any more is not answered.
                    if !answer.is_empty() {
                        assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
                        count += 1;
                    }
                }
                count
            })
        })
        .collect();
    eventually("some are kept", || {
        (crate::kit::waiting(&scene.relay) > 20).then_some(())
    });
    let begun = Instant::now();
    scene.gate.add_permits(1);
    assert_eq!(before.join().expect("a sender").status(), 200);
    assert_eq!(scene.relay.process.wait().code(), Some(0));
    // Without having waited for the time after which it cuts everything off.
    assert!(begun.elapsed().as_secs() < 15, "{:?}", begun.elapsed());
    stop.store(true, Ordering::Relaxed);
    let answered: u64 = senders
        .into_iter()
        .map(|s| s.join().expect("a sender"))
        .sum();
    let relay = scene.relay.start_again();
    tunnel(&mut scene.agent, "online");
    scene.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    crate::kit::drained(&relay);
    // Each look takes one.
    let came = std::iter::from_fn(|| (!scene.app.is_idle()).then_some(())).count();
    assert!(came as u64 >= answered, "{came} of {answered}");
}

/// All that is answered, as far as it comes.
fn answer_to(mut stream: TcpStream, request: &[u8]) -> String {
    let mut answer = vec![0; 1 << 10];
    let count = stream
        .write_all(request)
        .and_then(|()| stream.read(&mut answer));
    answer.truncate(count.unwrap_or(0));
    String::from_utf8_lossy(&answer).into_owned()
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
