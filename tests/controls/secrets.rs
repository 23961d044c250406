//! A secret is added while deliveries come in: what is kept is verified with it too.

use cmhook::capture::controls::AddSecretError;
use cmhook::capture::rejudge::Rejudged;
use cmhook::config::Policy;
use cmhook::delivery::{Notice, Verdict};
use cmhook::store::Reader;

use crate::support::raw::{ask, request};
use crate::support::sender::{Scheme, sign};
use crate::{Running, secret};

/// A delivery that is signed with that secret.
fn signed(with: &str, body: &str) -> Vec<u8> {
    let (name, value) = sign(Scheme::CakemailHex, with, body);
    request("POST /", &format!("{name}: {value}\r\n"), body.as_bytes())
}

fn statuses(running: &Running) -> Vec<&'static str> {
    let kept = running.again.store().all();
    kept.iter()
        .map(|kept| kept.delivery.request.verdict.status())
        .collect()
}

#[test]
fn what_is_kept_is_verified_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.db");
    let mut running = Running::start_with(Policy::default(), &[], Some(&path));
    for sent in [
        signed("late", "{}"),
        request("POST /", "", b"{}"),
        signed("other", "{}"),
    ] {
        ask(running.address, sent);
    }
    assert_eq!(statuses(&running), ["unchecked", "unsigned", "unchecked"]);

    let added = running.again.add_secret(secret("a", "late"));
    let rejudged = running.runtime.block_on(added).expect("it is new");
    let (valid, not_valid) = (1, 2);
    assert_eq!(rejudged, Rejudged { valid, not_valid });
    let judged = |notice| match notice {
        Notice::Judged(delivery) => Some(delivery),
        _ => None,
    };
    let verdict = running.notice(judged).request.verdict.clone();
    assert!(matches!(verdict, Verdict::Valid { secret, .. } if &*secret == "a"));
    // Why the other one is wrong is found out behind it.
    let delivery = running.notice(judged);
    assert_eq!(
        (delivery.id, delivery.request.verdict.status()),
        (3, "invalid")
    );
    assert_eq!(statuses(&running), ["valid", "unsigned", "invalid"]);
    let counts = running.again.store().counts();
    assert_eq!((counts.received, counts.valid), (3, 1));
    assert_eq!(
        (counts.invalid, counts.unsigned, counts.unchecked),
        (1, 1, 0)
    );

    let twice = running.again.add_secret(secret("b", "late"));
    let error = running.runtime.block_on(twice).unwrap_err();
    assert_eq!(error, AddSecretError::Value("a".into()));
    let kept = running.again.store().all();
    running.stop();
    let reader = Reader::open(&path).expect("a store");
    assert_eq!(reader.all().expect("it is read").kept, kept);
}

/// Each of these is verified while the secret is not known yet, and many are recorded when it
/// is.
#[test]
fn no_delivery_is_missed_that_comes_in_while_a_secret_is_added() {
    const SENDERS: usize = 8;
    const EACH: usize = 12;
    let mut running = Running::start(Policy::default(), &[("early", "early")]);
    let address = running.address;
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            std::thread::spawn(move || {
                for number in 0..EACH {
                    let body = format!("{{\"event\":\"email.sent\",\"n\":\"{sender}/{number}\"}}");
                    assert_eq!(ask(address, signed("late", &body)).status(), 200);
                }
            })
        })
        .collect();
    // As soon as some are there.
    let mut seen = 0;
    running.notice(|notice| {
        seen += usize::from(matches!(notice, Notice::Delivery(_)));
        (seen == SENDERS).then_some(())
    });
    let added = running.again.add_secret(secret("late", "late"));
    running.runtime.block_on(added).expect("it is new");
    for sender in senders {
        sender.join().expect("all are answered");
    }
    while statuses(&running).contains(&"invalid") {
        running.notice(|notice| matches!(notice, Notice::Judged(_)).then_some(()));
    }
    assert_eq!(statuses(&running), ["valid"; SENDERS * EACH]);
    let counts = running.again.store().counts();
    let all = (SENDERS * EACH) as u64;
    assert_eq!(
        (counts.received, counts.valid, counts.invalid),
        (all, all, 0)
    );
}
