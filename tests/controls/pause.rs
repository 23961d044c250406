//! While forwarding is paused, deliveries are kept and their senders told to come again.

use cmhook::delivery::Notice;
use http::StatusCode;

use crate::support::raw::RawApp;
use crate::{Running, to};

const REASON: &str = "kept, not forwarded while forwarding is paused";

#[test]
fn in_a_pause_deliveries_are_kept_and_answered_503_and_replays_go_out() {
    let app = RawApp::saying("OK");
    let mut running = Running::start(to(&app), &[]);
    running.controls().pause(true);
    let answer = running.deliver("{}");
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.one("retry-after").as_deref(), Some("5"));
    assert_eq!(answer.text(), format!("cmhook: {REASON}\n"));
    let told = running.notice(|notice| match notice {
        Notice::Answered(answer) => Some(answer),
        _ => None,
    });
    assert_eq!((told.delivery, told.status), (1, 503));
    assert_eq!(told.reason, REASON);
    assert!(app.is_idle());

    let again = running.again.clone();
    let attempt = running.runtime.block_on(again.replay(1, None));
    assert_eq!(attempt.expect("it is sent").status(), Some(200));
    assert_eq!(app.next().one("cmhook-replay-of").as_deref(), Some("1"));
    assert_eq!(running.deliver("{}").status(), 503, "the pause goes on");

    running.controls().pause(false);
    assert_eq!(running.deliver("{}").status(), 200);
    assert_eq!(app.next().one("cmhook-replay-of"), None);
    assert_eq!(running.again.store().len(), 3);
}

#[test]
fn a_pause_is_for_every_delivery_that_verifies() {
    let app = RawApp::saying("OK");
    let mut policy = to(&app);
    policy.ack = true;
    let running = Running::start(policy.clone(), &[]);
    running.controls().pause(true);
    assert_eq!(running.deliver("{}").status(), 503, "with --ack too");

    policy.ack = false;
    policy.status = Some(StatusCode::ACCEPTED);
    let running = Running::start(policy.clone(), &[]);
    running.controls().pause(true);
    assert_eq!(running.deliver("{}").status(), 503, "with --status too");

    policy.reject_invalid = true;
    let running = Running::start(policy, &[("a", "s")]);
    running.controls().pause(true);
    assert_eq!(running.deliver("{}").status(), 401);
    assert!(app.is_idle());
}
