//! What has waited at the relay.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cmhook::config::Policy;
use http::{Response, StatusCode};
use http_body_util::Full;
use tokio::sync::Semaphore;

use crate::kit::{Agent, block_on, id_of, ids, live, queued, queued_at, to};
use crate::support::upstream::Upstream;

/// An app that answers when it is let, and how often it is.
fn gated() -> (Upstream, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let app = Upstream::serving("127.0.0.1:0", move |_, _| {
        let gate = Arc::clone(&gate);
        Box::pin(async move {
            gate.acquire().await.expect("it stays open").forget();
            Response::new(Full::new(Bytes::from_static(b"OK")))
        })
    });
    (app, opened)
}

#[test]
fn five_hundred_reach_the_app_in_their_order_and_hold_up_nobody() {
    const COUNT: usize = 500;
    let app = Upstream::serving("127.0.0.1:0", |_, _| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(2)).await;
            Response::new(Full::new(Bytes::from_static(b"OK")))
        })
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let expected: Vec<String> = (0..COUNT).map(|n| format!("q{n}")).collect();
    block_on(async {
        let agent = Agent::start(Some(&path), to(&[&app])).await;
        // Large ones among them, which take longer to come in and to be looked at.
        let sent = expected.iter().enumerate().map(|(n, id)| {
            let size = if n % 50 == 7 { 300 << 10 } else { n };
            agent.hand_on(queued(id, vec![b'x'; size]))
        });
        let sent: Vec<_> = sent.collect();
        let all: Vec<_> = sent.into_iter().map(tokio::spawn).collect();
        for (n, got) in all.into_iter().enumerate() {
            let got = got.await.unwrap();
            assert_eq!(got.status, StatusCode::OK, "{n}: {got:?}");
            assert!(got.is_kept());
        }
        assert!(agent.intake.in_flight() > 0, "the app is still at it");
        let got = agent.hand_on(live("now", "{}")).await;
        assert!(got.is_kept() && got.body == "OK");
        assert!(
            agent.intake.in_flight() > 1,
            "it has not waited for the others"
        );
        agent.settle().await;
        agent.store().settled().wait().await.unwrap();
        let kept = agent.on_disk();
        assert_eq!(ids(&kept[..COUNT]), expected);
        for kept in &kept {
            assert_eq!((kept.attempts.len(), kept.repeats), (1, 0));
        }
        let relayed = kept[0].delivery.request.relayed.as_ref().unwrap();
        assert_eq!(relayed.queued_at, Some(queued_at()));
        agent.close();
    });
    let reached: Vec<_> = (0..=COUNT).map(|_| id_of(&app.next().parts)).collect();
    let waited = reached.iter().filter(|id| *id != "now");
    assert!(waited.eq(&expected));
    assert_ne!(reached.last().unwrap(), "now");
}

#[test]
fn one_is_acknowledged_when_it_is_in_the_file_and_not_before() {
    let (app, gate) = gated();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    block_on(async {
        let agent = Agent::start(Some(&path), to(&[&app])).await;
        for n in 0..40 {
            // The app answers none of them.
            let got = agent.hand_on(queued(&format!("q{n}"), "{}")).await;
            assert!(got.is_kept());
            assert_eq!(ids(&agent.on_disk()).len(), n + 1);
        }
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let got = agent.hand_on(queued("late", "{}")).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!got.is_kept());
        other.execute_batch("ROLLBACK").unwrap();
        let got = agent.hand_on(queued("late", "{}")).await;
        assert!(got.is_kept(), "{got:?}");
        assert_eq!(ids(&agent.on_disk()).len(), 41);
        assert_eq!(agent.store().counts().unsaved, 0, "it waited on");
        gate.add_permits(100);
        agent.settle().await;
        assert_eq!(agent.store().get(41).unwrap().attempts.len(), 1);
        agent.close();
    });
    let reached: Vec<_> = (0..41).map(|_| id_of(&app.next().parts)).collect();
    assert_eq!(reached[40], "late");
    assert!(app.is_idle());
}

#[test]
fn the_relay_keeps_what_there_is_no_room_for_and_nothing_overtakes_it() {
    const LARGE: usize = 23 << 20;
    // As large as one may be.
    const LARGEST: usize = 25 << 20;
    let (app, gate) = gated();
    block_on(async {
        let agent = Agent::start(None, to(&[&app])).await;
        let large = |id: &str| queued(id, vec![b'x'; LARGE]);
        for id in ["a", "b"] {
            assert!(agent.hand_on(large(id)).await.is_kept());
        }
        let got = agent.hand_on(large("c")).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!got.is_kept() && got.headers.contains_key("retry-after"));
        // There would be room for this one.
        let got = agent.hand_on(queued("d", "{}")).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
        // Those that come in live have room of their own.
        let living = tokio::spawn(agent.hand_on(live("now", vec![b'x'; LARGEST])));
        while agent.store().relayed("now").is_none() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        gate.add_permits(100);
        assert!(living.await.unwrap().is_kept());
        agent.settle().await;
        for request in [large("c"), queued("d", "{}")] {
            assert!(agent.hand_on(request).await.is_kept());
        }
        agent.settle().await;
        assert_eq!(agent.store().refusals().len(), 0);
    });
    let reached = (0..5).map(|_| id_of(&app.next().parts));
    let waited: Vec<_> = reached.filter(|id| id != "now").collect();
    assert_eq!(waited, ["a", "b", "c", "d"]);
}

#[test]
fn the_relay_is_told_that_it_is_kept_whatever_the_policy_says() {
    let app = Upstream::start();
    let status = Policy {
        status: Some(StatusCode::IM_A_TEAPOT),
        ..to(&[&app])
    };
    let rejecting = Policy {
        reject_invalid: true,
        ..to(&[&app])
    };
    let other_events = Policy {
        events: vec!["campaign.*".parse().unwrap()],
        ..to(&[&app])
    };
    block_on(async {
        for policy in [status, rejecting, other_events, Policy::default()] {
            let agent = Agent::knowing(None, policy, &["secret"]).await;
            let got = agent
                .hand_on(queued("a", "{\"event\":\"email.sent\"}"))
                .await;
            assert_eq!(got.status, StatusCode::OK);
            assert!(got.is_kept());
            agent.settle().await;
            assert!(agent.store().get(1).unwrap().attempts.is_empty());
        }
    });
    assert!(app.is_idle());
}

#[test]
fn a_pause_holds_them_up_and_loses_none() {
    let (app, gate) = gated();
    block_on(async {
        let agent = Agent::start(None, to(&[&app])).await;
        for id in ["a", "b"] {
            assert!(agent.hand_on(queued(id, "{}")).await.is_kept());
        }
        app.next();
        agent.controls.pause(true);
        assert!(agent.hand_on(queued("c", "{}")).await.is_kept());
        gate.add_permits(100);
        while agent.store().waiting() != [2, 3] {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // A live one's sender is told.
        let got = agent.hand_on(live("l", "{}")).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(app.is_idle());
        agent.controls.pause(false);
        agent.settle().await;
        assert_eq!(agent.store().waiting(), [0; 0]);
    });
    let reached = [(); 2].map(|()| id_of(&app.next().parts));
    assert_eq!(reached, ["b", "c"]);
    assert!(app.is_idle());
}

#[test]
fn what_a_stop_or_a_kill_leaves_is_forwarded_first_at_the_next_start() {
    let (app, gate) = gated();
    let folder = tempfile::tempdir().unwrap();
    let (path, killed) = (folder.path().join("a.db"), folder.path().join("b.db"));
    block_on(async {
        let agent = Agent::start(Some(&path), to(&[&app])).await;
        for id in ["a", "b", "c", "d"] {
            assert!(agent.hand_on(queued(id, "{}")).await.is_kept());
        }
        app.next();
        agent.killed(&killed);
        agent.intake.stop();
        gate.add_permits(1);
        agent.intake.tasks().close();
        agent.intake.tasks().wait().await;
        // The one that the app had is finished, and no other one is begun.
        assert_eq!(agent.store().waiting(), [2, 3, 4]);
        assert!(app.is_idle());
        agent.close();

        // Where nothing is forwarded, they go on waiting.
        for path in [&path, &killed] {
            let agent = Agent::start(Some(path), Policy::default()).await;
            agent.intake.resume();
            assert!(agent.hand_on(queued("n", "{}")).await.is_kept());
            assert!(agent.store().waiting().ends_with(&[2, 3, 4]));
            agent.close();
        }
        gate.add_permits(100);
        for (path, waited) in [(&path, 3), (&killed, 4)] {
            let agent = Agent::start(Some(path), to(&[&app])).await;
            agent.intake.resume();
            assert_eq!(agent.store().waiting().len(), waited);
            // One comes again, and a new one comes.
            assert!(agent.hand_on(queued("b", "{}")).await.is_kept());
            assert!(agent.hand_on(queued("e", "{}")).await.is_kept());
            agent.settle().await;
            assert_eq!(agent.store().waiting(), [0; 0]);
            let reached = (0..=waited).map(|_| id_of(&app.next().parts));
            let expected = ["a", "b", "c", "d", "e"];
            assert!(reached.eq(expected[expected.len() - waited - 1..].iter().copied()));
            agent.close();
        }
    });
    assert!(app.is_idle());
}

#[test]
fn further_targets_and_routes_get_theirs() {
    let (first, second, routed) = (Upstream::start(), Upstream::start(), Upstream::start());
    let policy = Policy {
        routes: vec![("email.*".parse().unwrap(), routed.target().parse().unwrap())],
        ack: true,
        ..to(&[&first, &second])
    };
    block_on(async {
        let agent = Agent::start(None, policy).await;
        let routed = queued("b", "{\"event\":\"email.sent\"}");
        for request in [queued("a", "{}"), routed] {
            assert!(agent.hand_on(request).await.is_kept());
        }
        agent.settle().await;
        let attempts = |id| agent.store().get(id).unwrap().attempts.len();
        assert_eq!((attempts(1), attempts(2)), (2, 1));
    });
    let reached = [&first, &second, &routed].map(|app| id_of(&app.next().parts));
    assert_eq!(reached, ["a", "a", "b"]);
}
