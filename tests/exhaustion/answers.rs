//! Senders that ask for large answers and never read them.

use std::time::{Duration, Instant};

use crate::crowd::{App, Regular, Sender, count, runtime};
use crate::support::listener::Listener;
use crate::support::raw::request;
use crate::vitals::{MIB, descriptors, eventually, forget_peak, own_limit, peak, resident};

const CROWD: usize = 200;

#[test]
fn answers_that_are_never_read_hold_up_nobody_and_are_dropped() {
    let large = App::answering(20 * MIB);
    let small = App::answering(2);
    let route = format!("large={}", large.target());
    let listener = Listener::start(&["--ephemeral", "--quiet", "--route", &route, &small.target()]);
    let (to, pid) = (listener.address(), listener.process.id());
    own_limit();
    let runtime = runtime();
    let open = descriptors(pid);
    let before = resident(pid);
    forget_peak(pid);
    let regular = Regular::start(&runtime, to);
    let begin = Instant::now();
    let body = format!(r#"{{"event":"large","data":"{}"}}"#, "x".repeat(100 << 10));
    let stalled: Vec<Sender> = runtime.block_on(async {
        let mut stalled = Vec::new();
        for n in 0..CROWD {
            let mut sender = Sender::open(to).await;
            let request = request(&format!("POST /stalled/{n}"), "", body.as_bytes());
            sender.send(request).await.expect("it is read");
            stalled.push(sender);
        }
        stalled
    });
    eventually("the app was asked by all of them", || {
        large.asked() == CROWD
    });
    // Somebody who reads gets a large answer all the same, if not as quickly.
    let answer = runtime.block_on(async {
        let mut sender = Sender::open(to).await;
        sender
            .ask(request("POST /reads", "", body.as_bytes()))
            .await
    });
    println!(
        "one who reads: {:?} after {:?}",
        answer.map(|answer| answer.status),
        begin.elapsed()
    );
    eventually("they are dropped", || descriptors(pid) <= open + 10);
    let took = begin.elapsed();
    let most = peak(pid).saturating_sub(before);
    println!(
        "{CROWD} that do not read: dropped after {took:?}, at most {} MiB more",
        most / MIB
    );
    assert!(most < 288 * MIB, "{} MiB", most / MIB);
    regular.stop(&runtime, "answers that nobody reads");
    drop(stalled);
    let stopped = listener.stop();
    assert_eq!(count(&stopped, "refused"), 0, "{stopped}");
    assert!(
        took > Duration::from_secs(25),
        "too hasty for a slow line: {took:?}"
    );
}
