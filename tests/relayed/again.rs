//! What the relay hands on again, because it did not learn that it had arrived.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cmhook::delivery::{Cause, Notice};
use http::{Response, StatusCode};
use http_body_util::Full;
use tokio::sync::Semaphore;

use crate::kit::{Agent, Make, block_on, connect, id_of, ids, live, queued, to};
use crate::support::upstream::Upstream;

#[test]
fn it_is_captured_once_and_the_app_is_asked_once() {
    let app = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    block_on(async {
        let agent = Agent::start(Some(&path), to(&[&app])).await;
        let (_, mut notices) = agent.store().subscribe();
        for (id, request) in [("l", live as Make), ("q", queued)] {
            assert!(agent.hand_on(request(id, "{}")).await.is_kept());
            agent.settle().await;
            for _ in 0..2 {
                let got = agent.hand_on(request(id, "{}")).await;
                assert_eq!(got.status, StatusCode::OK);
                assert!(got.is_kept() && got.body.contains("came again"), "{got:?}");
            }
        }
        let mut told = Vec::new();
        while let Ok(Some(notice)) = notices.look() {
            if let Notice::Repeated { delivery, times } = notice {
                told.push((delivery, times));
            }
        }
        assert_eq!(told, [(1, 1), (1, 2), (2, 1), (2, 2)]);
        agent.close();
        let kept = agent.on_disk();
        assert_eq!(ids(&kept), ["l", "q"]);
        for kept in &kept {
            assert_eq!((kept.attempts.len(), kept.repeats), (1, 2));
        }
    });
    assert_eq!([(); 2].map(|()| id_of(&app.next().parts)), ["l", "q"]);
    assert!(app.is_idle());
}

/// The link is cut while the app is at it; the relay comes back on another one.
#[test]
fn it_is_not_sent_again_while_the_app_is_at_it() {
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let app = Upstream::serving("127.0.0.1:0", move |_, _| {
        let gate = Arc::clone(&gate);
        Box::pin(async move {
            gate.acquire().await.expect("it stays open").forget();
            Response::new(Full::new(Bytes::from_static(b"OK")))
        })
    });
    block_on(async {
        let mut agent = Agent::start(None, to(&[&app])).await;
        for (n, request) in [live as Make, queued].into_iter().enumerate() {
            let id = format!("r{n}");
            let first = tokio::spawn(agent.hand_on(request(&id, "{}")));
            while agent.store().relayed(&id).is_none() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            first.abort();
            agent.relay = connect(&agent.intake).await;
            let many = (0..8).map(|_| tokio::spawn(agent.hand_on(request(&id, "{}"))));
            let many: Vec<_> = many.collect();
            for got in many {
                let got = got.await.unwrap();
                assert!(got.status == StatusCode::OK && got.is_kept(), "{got:?}");
            }
            opened.add_permits(1);
            agent.settle().await;
            let kept = agent.store().get(n as u64 + 1).unwrap();
            assert_eq!((kept.attempts.len(), kept.repeats), (1, 8));
        }
        assert_eq!(ids(&agent.store().all()), ["r0", "r1"]);
    });
    assert_eq!([(); 2].map(|()| id_of(&app.next().parts)), ["r0", "r1"]);
    assert!(app.is_idle());
}

/// cmhook is killed when the store has it and the app has not been asked, or has not answered.
#[test]
fn one_that_was_never_tried_is_sent_when_it_comes_again() {
    let silent = Upstream::serving("127.0.0.1:0", |_, _| Box::pin(std::future::pending()));
    let app = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = (folder.path().join("a.db"), folder.path().join("b.db"));
    block_on(async {
        let agent = Agent::start(Some(&before), to(&[&silent])).await;
        let asked = tokio::spawn(agent.hand_on(live("l", "{}")));
        for id in ["q1", "q2"] {
            assert!(agent.hand_on(queued(id, "{}")).await.is_kept());
        }
        while agent.on_disk().len() < 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        agent.killed(&after);
        asked.abort();

        let agent = Agent::start(Some(&after), to(&[&app])).await;
        let before = agent.store().all();
        assert_eq!(before.len(), 3);
        assert!(before.iter().all(|kept| kept.attempts.is_empty()));
        let many = (0..4).map(|_| tokio::spawn(agent.hand_on(live("l", "{}"))));
        let many: Vec<_> = many.collect();
        let mut of_app = 0;
        for got in many {
            let got = got.await.unwrap();
            assert!(got.status == StatusCode::OK && got.is_kept(), "{got:?}");
            of_app += usize::from(got.body == "OK");
        }
        assert_eq!(of_app, 1);
        for id in ["q1", "q2"] {
            assert!(agent.hand_on(queued(id, "{}")).await.is_kept());
        }
        agent.settle().await;
        agent.close();
        let kept = agent.on_disk();
        assert_eq!(kept.len(), 3);
        for kept in &kept {
            assert_eq!(kept.attempts.len(), 1);
            assert_eq!(kept.attempts[0].cause, Cause::Live);
        }
        let mut repeats: Vec<_> = kept.iter().map(|kept| kept.repeats).collect();
        repeats.sort_unstable();
        assert_eq!(repeats, [1, 1, 4]);
    });
    let reached = [(); 3].map(|()| id_of(&app.next().parts));
    assert_eq!(reached, ["l", "q1", "q2"]);
    assert!(app.is_idle());
}
