//! What the relay hands on at once.

use bytes::Bytes;
use cmhook::config::Policy;
use cmhook::delivery::Outcome;
use cmhook::link::names;
use http::{Response, StatusCode};
use http_body_util::Full;

use crate::kit::{Agent, block_on, live, to};
use crate::support::upstream::{Answer, Upstream};

fn answer(status: u16, fields: &[(&str, &str)]) -> Answer {
    let mut answer = Response::builder().status(status);
    for (name, value) in fields {
        answer = answer.header(*name, *value);
    }
    answer
        .body(Full::new(Bytes::from_static(b"said the app")))
        .expect("an answer")
}

#[test]
fn the_app_learns_who_sent_it_and_the_relay_that_it_is_kept() {
    let app = Upstream::answering(|_, _| answer(418, &[("x-app", "1")]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    block_on(async {
        let agent = Agent::start(Some(&path), to(&[&app])).await;
        let got = agent.hand_on(live("a", "{\"event\":\"email.sent\"}")).await;
        assert_eq!((got.status.as_u16(), &*got.body), (418, "said the app"));
        assert!(got.is_kept() && got.headers["x-app"] == "1");
        let kept = agent.on_disk();
        let request = &kept[0].delivery.request;
        assert_eq!(&*request.peer, "192.0.2.7:4711");
        assert_eq!(&*request.path_and_query, "/hook?id=a");
        assert_eq!(request.event.as_deref(), Some("email.sent"));
        let relayed = request.relayed.as_ref().unwrap();
        assert_eq!((&*relayed.id, relayed.queued_at), ("a", None));
        let names: Vec<_> = request.headers.iter().map(|(n, _)| n.to_owned()).collect();
        assert!(
            !names.iter().any(|n| n.starts_with(names::PREFIX)),
            "{names:?}"
        );
        agent.close();
    });
    let seen = app.next().parts.headers;
    assert_eq!(seen["x-forwarded-for"], "192.0.2.7");
    assert_eq!(seen["x-forwarded-proto"], "https");
    assert_eq!(seen["x-forwarded-host"], "name.example.com");
}

#[test]
fn an_app_cannot_speak_to_the_relay() {
    let app = Upstream::answering(|_, _| {
        answer(
            200,
            &[
                ("cmhook-relay-kept", "1"),
                ("cmhook-relay-kept", "yes"),
                ("Cmhook-Relay-Anything", "x"),
                ("cmhook-relayed", "mine"),
            ],
        )
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    block_on(async {
        let agent = Agent::start(Some(&path), to(&[&app])).await;
        let got = agent.hand_on(live("a", "{}")).await;
        assert!(got.is_kept());
        assert!(!got.headers.contains_key("cmhook-relay-anything"));
        assert_eq!(got.headers["cmhook-relayed"], "mine");
        // What it said is in the attempt.
        let attempt = agent.store().get(1).unwrap().attempts[0].clone();
        let Outcome::Answered(answer) = &attempt.outcome else {
            panic!("{attempt:?}");
        };
        assert!(answer.headers.get("cmhook-relay-anything").is_some());
        // Where the store fails the app is not asked, and nothing says that it is kept.
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let got = agent.hand_on(live("b", "{}")).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!got.is_kept() && !got.headers.contains_key(names::KEPT));
        other.execute_batch("ROLLBACK").unwrap();
        agent.close();
    });
}

#[test]
fn without_a_file_what_is_in_the_ring_is_kept() {
    block_on(async {
        let agent = Agent::start(None, Policy::default()).await;
        let got = agent.hand_on(live("a", "{}")).await;
        assert_eq!(got.status, StatusCode::OK);
        assert!(got.is_kept());
        assert_eq!(agent.store().relayed("a"), Some(1));
    });
}

#[test]
fn its_sender_gets_what_the_policy_says() {
    let app = Upstream::start();
    block_on(async {
        let rejecting = Policy {
            reject_invalid: true,
            ..to(&[&app])
        };
        let agent = Agent::knowing(None, rejecting, &["secret"]).await;
        let got = agent.hand_on(live("a", "{}")).await;
        assert_eq!(got.status, StatusCode::UNAUTHORIZED);
        assert!(got.is_kept());
        let agent = Agent::start(None, to(&[&app])).await;
        agent.controls.pause(true);
        let got = agent.hand_on(live("a", "{}")).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(got.is_kept());
        let acknowledging = Policy {
            ack: true,
            ..to(&[&app])
        };
        let agent = Agent::start(None, acknowledging).await;
        let got = agent.hand_on(live("a", "{}")).await;
        assert_eq!(got.status, StatusCode::OK);
        assert!(got.is_kept() && got.body.contains("--ack"), "{got:?}");
        agent.settle().await;
    });
    app.next();
    assert!(app.is_idle());
}

#[test]
fn an_app_that_is_down_makes_it_no_less_kept() {
    block_on(async {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port().to_string();
        drop(free);
        let policy = Policy {
            forward: vec![port.parse().unwrap()],
            ..Policy::default()
        };
        let agent = Agent::start(None, policy).await;
        let got = agent.hand_on(live("a", "{}")).await;
        assert_eq!(got.status, StatusCode::BAD_GATEWAY);
        assert!(got.is_kept());
    });
}
