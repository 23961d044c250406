//! Deliveries that survive: kills, stops, slow apps and many of them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::listener::home;
use crate::support::raw::{RawApp, ok};
use crate::support::sandbox::Sandbox;
use crate::support::sender::{Scheme, sign};
use crate::support::upstream::Upstream;

use super::kit::*;

#[test]
fn retries_go_on_after_a_kill() {
    let home = Rc::new(home());
    let sandbox = Sandbox::start_in(&home, &["--retries", "50ms,100ms,1s,1s,1s,1s,1s,1s,1s"]);
    assert!(
        sandbox.ready["data"]
            .as_str()
            .unwrap()
            .ends_with("cmhook/sandbox.db")
    );
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (webhook, key) = sandbox.register("Email.Sent", &format!("http://{free}/"));
    let id = sandbox.fire("Email.Sent").remove(0);
    sandbox.wait(&id, "tried twice", |one| one["tried"].as_u64() >= Some(2));
    let sandbox = sandbox.kill_and_restart();
    let app = Upstream::serving(&free.to_string(), |_, _| Box::pin(async { answer(200) }));
    let ended = sandbox.becomes(&id, "delivered");
    assert!(ended["tried"].as_u64() >= Some(3), "{ended}");
    let seen = app.next();
    let (name, value) = sign(Scheme::ApiBase64, &key, &seen.body);
    assert_eq!(seen.parts.headers[name], value);
    assert_eq!(sandbox.webhooks()[0]["id"], json!(webhook));
}

#[test]
fn what_was_fired_is_not_lost_by_a_kill() {
    let home = Rc::new(home());
    let sandbox = Sandbox::start_in(&home, &[]);
    let app = Upstream::start();
    let limit = json!({"event": "Email.Sent", "url": url(&app), "rate_limit": 20});
    sandbox.register_with(&limit);
    let ids = sandbox.fire_with(&json!({"event": "Email.Sent", "count": 50}));
    let sandbox = sandbox.kill_and_restart();
    assert_eq!(sandbox.deliveries().len(), 50);
    for id in &ids {
        sandbox.becomes(id, "delivered");
    }
    for _ in 0..50 {
        app.next();
    }
}

/// Fires events as fast as it can until the sandbox is gone; the ids of those deliveries that
/// it has said it would make.
fn fire_until_it_is_gone(address: SocketAddr) -> Vec<String> {
    let mut ids = Vec::new();
    let body = r#"{"event":"Email.Sent"}"#;
    let request = format!(
        "POST /sandbox/events HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let Ok(stream) = TcpStream::connect(address) else {
        return ids;
    };
    let mut from = BufReader::new(stream.try_clone().unwrap());
    let mut to = stream;
    while to.write_all(request.as_bytes()).is_ok() {
        let mut length = 0;
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if !matches!(from.read_line(&mut line), Ok(read) if read > 0) {
                return ids;
            }
            let value = line.to_ascii_lowercase();
            if let Some(value) = value.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut answer = vec![0; length];
        if from.read_exact(&mut answer).is_err() {
            return ids;
        }
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        ids.push(
            answer["events"][0]["deliveries"][0]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    ids
}

#[test]
fn nothing_that_was_promised_is_lost_whenever_it_is_killed() {
    let home = Rc::new(home());
    let app = answering(&[200, 500]);
    let mut sandbox = Sandbox::start_in(&home, &["--retries", "20ms,1h"]);
    let limit = json!({"event": "Email.Sent", "url": url(&app), "rate_limit": 10_000});
    sandbox.register_with(&limit);
    let mut promised = Vec::new();
    for pause in [5, 60, 140] {
        let address = sandbox.address();
        let firing = std::thread::spawn(move || fire_until_it_is_gone(address));
        std::thread::sleep(Duration::from_millis(pause));
        sandbox = sandbox.kill_and_restart();
        promised.extend(firing.join().unwrap());
    }
    println!(
        "{} deliveries were promised before three kills",
        promised.len()
    );
    assert!(!promised.is_empty());
    for id in &promised {
        let tried = |one: &Value| one["outcome"] == "delivered" || one["tried"].as_u64() >= Some(2);
        sandbox.wait(id, "tried", tried);
    }
}

#[test]
fn what_was_kept_goes_out_though_its_client_hangs_up() {
    let sandbox = Sandbox::start(&["--retries", "none"]);
    let app = RawApp::answering(|_| ok(b""));
    let url = format!("http://{}/", app.address());
    sandbox.register_with(&json!({"event": "Email.Sent", "url": url, "rate_limit": 10_000}));
    let body = r#"{"event":"Email.Sent","payload":{},"count":100}"#;
    let request = format!(
        "POST /sandbox/events HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n{body}",
        sandbox.address(),
        body.len()
    );
    let deadline = Instant::now() + Duration::from_secs(30);
    // Where it hangs up before anything is kept, nothing is.
    while sandbox.deliveries().len() < 500 {
        let mut stream = TcpStream::connect(sandbox.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        drop(stream);
        assert!(Instant::now() < deadline, "nothing is kept");
    }
    let waits = |one: &Value| one["outcome"] == "pending";
    while sandbox.deliveries().iter().any(waits) {
        assert!(Instant::now() < deadline, "what was kept is never sent");
    }
}

#[test]
fn a_slow_app_is_sent_a_few_at_a_time() {
    let sandbox = Sandbox::start(&["--timeout", "1m"]);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (peak, open) = (Arc::clone(&most), Arc::new(AtomicBool::new(false)));
    let is_open = Arc::clone(&open);
    let app = Upstream::serving("127.0.0.1:0", move |_, _| {
        let (now, is_open) = (Arc::clone(&now), Arc::clone(&is_open));
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Box::pin(async move {
            while !is_open.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            now.fetch_sub(1, Ordering::SeqCst);
            answer(200)
        })
    });
    sandbox.register("Email.Sent", &url(&app));
    let ids = sandbox.fire_with(&json!({"event": "Email.Sent", "count": 20}));
    let deadline = Instant::now() + Duration::from_secs(30);
    while peak.load(Ordering::SeqCst) < 8 {
        assert!(Instant::now() < deadline, "not even eight at a time");
        std::thread::sleep(Duration::from_millis(10));
    }
    // Another webhook does not wait for it.
    let quick = Upstream::start();
    sandbox.register("List.Created", &url(&quick));
    sandbox.fire("List.Created");
    quick.next();
    open.store(true, Ordering::SeqCst);
    for id in &ids {
        sandbox.becomes(id, "delivered");
    }
    assert_eq!(peak.load(Ordering::SeqCst), 8);
}

#[test]
fn a_try_that_is_under_way_at_the_end_is_kept() {
    let home = Rc::new(home());
    let mut sandbox = Sandbox::start_in(&home, &[]);
    let app = Upstream::serving("127.0.0.1:0", |_, _| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            answer(200)
        })
    });
    sandbox.register("Email.Sent", &url(&app));
    let id = sandbox.fire("Email.Sent").remove(0);
    app.next();
    assert_eq!(sandbox.process.terminate().code(), Some(0));
    assert!(sandbox.process.stdout.last().unwrap().contains("stopped"));
    let sandbox = Sandbox::start_in(&home, &[]);
    assert_eq!(sandbox.becomes(&id, "delivered")["tried"], 1);
    assert!(app.is_idle());
}

#[test]
fn what_is_kept_is_bounded() {
    let sandbox = Sandbox::start(&["--retries", "1h"]);
    // One is taken, and the others wait.
    let slow_app = answering(&[200, 500]);
    let slow = json!({"event": "User.Created", "rate_limit": 1, "rate_limit_period": "minute",
        "url": url(&slow_app)});
    let app = RawApp::answering(|_| ok(b""));
    let (webhook, _) = sandbox.register_with(&slow);
    let many = json!({"event": "User.Created", "payload": {}, "count": 10_000});
    let begin = Instant::now();
    let ids = sandbox.fire_with(&many);
    println!("firing 10,000 deliveries took {:?}", begin.elapsed());
    sandbox.wait(&ids[0], "delivered", |one| one["outcome"] == "delivered");
    // One has made room for one.
    sandbox.fire("User.Created");
    let full = sandbox.ask("POST", "/sandbox/events", &json!({"event": "User.Created"}));
    assert_eq!(full.status(), 503, "{}", full.text());
    sandbox.fine(
        "POST",
        &format!("/webhooks/{webhook}/archive"),
        &Value::Null,
    );
    sandbox.register("User.Deleted", &format!("http://{}/", app.address()));
    let id = sandbox.fire("User.Deleted").remove(0);
    sandbox.becomes(&id, "delivered");
    assert_eq!(sandbox.deliveries().len(), 10_000);
    assert_eq!(
        sandbox
            .ask(
                "GET",
                &format!("/sandbox/deliveries/{}", ids[0]),
                &Value::Null
            )
            .status(),
        404
    );
}
