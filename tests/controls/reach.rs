//! Whether the target can be reached is known all the while.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use cmhook::capture::reach::{Reach, ReachState, watch};
use cmhook::config::Policy;
use cmhook::delivery::{FailureCode, Notice, Outcome};
use tokio::sync::watch::Receiver;

use crate::support::raw::{RawApp, Then, ok};
use crate::{Running, target};

fn watching(running: &Running) -> Receiver<Reach> {
    let _inside = running.runtime.enter();
    let controls = running.controls().clone();
    let forwarder = Arc::clone(&running.forwarder);
    watch(controls, forwarder, running.stop.clone())
}

/// What is known as soon as `wanted` takes it.
#[track_caller]
fn reach(
    running: &Running,
    reach: &mut Receiver<Reach>,
    wanted: impl Fn(&ReachState) -> bool,
) -> Reach {
    /// Only a failing test ever waits for it.
    const PATIENCE: Duration = Duration::from_secs(30);
    let found = running.runtime.block_on(async {
        let changed = reach.wait_for(|reach| wanted(&reach.state));
        let found = tokio::time::timeout(PATIENCE, changed).await;
        found.map(|found| found.map(|found| found.clone()))
    });
    found.expect("it becomes known").expect("it is watched")
}

const fn is_up(state: &ReachState) -> bool {
    matches!(state, ReachState::Up)
}

const fn is_down(state: &ReachState) -> bool {
    matches!(state, ReachState::Down(_))
}

/// A socket that takes connections and answers nothing.
fn socket(address: impl Into<SocketAddr>) -> TcpListener {
    TcpListener::bind(address.into()).expect("a port")
}

#[test]
fn a_target_goes_down_in_the_words_of_an_attempt_and_comes_up_again() {
    let mut running = Running::start(Policy::default(), &[]);
    let mut watched = watching(&running);
    let none = watched.borrow().clone();
    assert_eq!((none.target, none.state), (None, ReachState::Unknown));

    let app = socket(([127, 0, 0, 1], 0));
    let address = app.local_addr().expect("a port");
    let to = target(&address.to_string());
    running.again.set_forward(vec![to.clone()]);
    let up = reach(&running, &mut watched, is_up);
    assert_eq!(up.target, Some(to.clone()));

    drop(app);
    assert_eq!(running.deliver("{}").status(), 502);
    let attempt = running.notice(|notice| match notice {
        Notice::Attempt(attempt) => Some(attempt),
        _ => None,
    });
    let Outcome::Failed(failure) = &attempt.outcome else {
        panic!("{attempt:?}");
    };
    assert_eq!(failure.code, FailureCode::Refused);
    let down = reach(&running, &mut watched, is_down);
    assert_eq!(down.state, ReachState::Down(failure.clone()));
    assert!(down.since >= up.since);

    let app = RawApp::serving_on(socket(address), Duration::from_secs(30), |_, stream| {
        std::io::Write::write_all(stream, &ok(b"OK"))?;
        Ok(Then::GoOn)
    });
    let again = running.again.clone();
    let attempt = running.runtime.block_on(again.replay(1, None));
    assert_eq!(attempt.expect("it is sent").status(), Some(200));
    let up = reach(&running, &mut watched, is_up);
    assert_eq!(up.target, Some(to));
    app.next();
    assert!(app.is_idle(), "nothing else is ever sent to it");

    running.again.set_forward(Vec::new());
    let none = reach(&running, &mut watched, |state| {
        *state == ReachState::Unknown
    });
    assert_eq!(none.target, None);
}

#[test]
fn localhost_is_up_where_the_app_is_on_either_address() {
    let running = Running::start(Policy::default(), &[]);
    let mut watched = watching(&running);
    let mut apps = vec![socket(([127, 0, 0, 1], 0))];
    // There may be no IPv6 at all.
    apps.extend(TcpListener::bind(("::1", 0)));
    for app in apps {
        let port = app.local_addr().expect("a port").port();
        let to = target(&format!("localhost:{port}"));
        running.again.set_forward(vec![to.clone()]);
        let to = Some(to);
        let mut found = reach(&running, &mut watched, is_up);
        while found.target != to {
            running
                .runtime
                .block_on(watched.changed())
                .expect("it is watched");
            found = reach(&running, &mut watched, is_up);
        }
    }
}

#[test]
fn what_is_never_reachable_is_down_with_a_reason() {
    for (to, code) in [
        (String::new(), FailureCode::Loop),
        ("no-such-host.invalid:80".into(), FailureCode::Dns),
    ] {
        let running = Running::start(Policy::default(), &[]);
        let mut watched = watching(&running);
        let own = format!("localhost:{}", running.address.port());
        let to = target(if to.is_empty() { &own } else { &to });
        running.again.set_forward(vec![to]);
        let down = reach(&running, &mut watched, is_down);
        let ReachState::Down(failure) = down.state else {
            panic!("{:?}", down.state);
        };
        assert_eq!(failure.code, code, "{failure:?}");
    }
}

#[test]
fn what_changes_nothing_wakes_nobody() {
    let running = Running::start(Policy::default(), &[]);
    let app = RawApp::saying("OK");
    running.again.set_forward(vec![target(&app.target())]);
    let mut watched = watching(&running);
    reach(&running, &mut watched, is_up);
    watched.borrow_and_update();
    for paused in [true, false] {
        running.controls().pause(paused);
    }
    assert_eq!(running.deliver("{}").status(), 200);
    assert!(!watched.has_changed().expect("it is watched"));
    running.stop.cancel();
    let ended = async { while watched.changed().await.is_ok() {} };
    running.runtime.block_on(ended);
}
