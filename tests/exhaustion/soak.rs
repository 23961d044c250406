//! A long time under load: what grows, grows for ever.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::crowd::{App, Sender, count, runtime, store};
use crate::support::listener::{Listener, home};
use crate::support::raw::request;
use crate::vitals::{MIB, descriptors, on_disk, resident, rows};

const KEEP: usize = 500;

/// What was seen at one moment.
#[derive(Debug, Clone, Copy)]
struct Reading {
    resident: usize,
    descriptors: usize,
    on_disk: u64,
}

/// Deliveries of 4 KiB from eight senders who keep their connections, each begun anew now
/// and then, for `time`; `pause` is between two of one sender.
fn soak(time: Duration, pause: Duration) {
    let app = App::answering(100);
    let keep = KEEP.to_string();
    let home = Rc::new(home());
    let listener = Listener::start_in(
        &home,
        &["--quiet", "--keep", &keep, "--secret", "s", &app.target()],
    );
    let (to, pid) = (listener.address(), listener.process.id());
    let store = store(&home);
    let runtime = runtime();
    let stop = Arc::new(AtomicBool::new(false));
    let sent = Arc::new(AtomicUsize::new(0));
    let mut senders = JoinSet::new();
    for _ in 0..8 {
        let one = send(to, pause, Arc::clone(&stop), Arc::clone(&sent));
        senders.spawn_on(one, runtime.handle());
    }
    let begin = Instant::now();
    let mut readings = Vec::new();
    while begin.elapsed() < time {
        std::thread::sleep(time / 60);
        readings.push(Reading {
            resident: resident(pid),
            descriptors: descriptors(pid),
            on_disk: on_disk(&store),
        });
    }
    stop.store(true, Ordering::Relaxed);
    runtime.block_on(async {
        while let Some(sender) = senders.join_next().await {
            sender.expect("all were answered 200");
        }
    });
    let sent = sent.load(Ordering::Relaxed);
    let (second, last) = (
        &readings[readings.len() / 3..readings.len() * 2 / 3],
        &readings[readings.len() * 2 / 3..],
    );
    let most =
        |of: &[Reading], what: fn(&Reading) -> u64| of.iter().map(what).max().unwrap_or_default();
    println!("{sent} deliveries in {:?}", begin.elapsed());
    for (what, of) in [("second third", second), ("last third", last)] {
        println!(
            "{what}: at most {} KiB resident, {} descriptors, {} KiB on disk",
            most(of, |r| r.resident as u64) >> 10,
            most(of, |r| r.descriptors as u64),
            most(of, |r| r.on_disk) >> 10
        );
    }
    let grown =
        most(last, |r| r.resident as u64).saturating_sub(most(second, |r| r.resident as u64));
    assert!(
        grown < 16 * MIB as u64,
        "{grown} bytes more in the last third"
    );
    let (before, after) = (
        most(second, |r| r.descriptors as u64),
        most(last, |r| r.descriptors as u64),
    );
    assert!(after <= before + 8, "{before} descriptors, later {after}");
    // The log of the store begins anew when some 128 MiB were written to it, which is near
    // twice that with its share of pages that are written again.
    assert!(
        most(&readings, |r| r.on_disk) < 320 * MIB as u64,
        "{readings:?}"
    );

    let stopped = listener.stop();
    assert_eq!(count(&stopped, "received"), sent);
    assert_eq!(count(&stopped, "valid"), sent);
    assert_eq!(count(&stopped, "answered"), sent);
    assert_eq!(app.asked(), sent);
    let kept = rows(&store, "SELECT path FROM deliveries");
    assert_eq!(kept.len(), KEEP.min(sent));
    let size = on_disk(&store);
    println!("{} deliveries left, {} KiB on disk", kept.len(), size >> 10);
    assert!(size < 64 * MIB as u64, "{size} bytes for {KEEP} deliveries");
}

async fn send(to: SocketAddr, pause: Duration, stop: Arc<AtomicBool>, sent: Arc<AtomicUsize>) {
    let body = format!(
        r#"{{"event":"email.opened","data":"{}"}}"#,
        "x".repeat(4 << 10)
    );
    let (name, value) =
        crate::support::sender::sign(crate::support::sender::Scheme::CakemailHex, "s", &body);
    let fields = format!("{name}: {value}\r\n");
    let mut turn = (!pause.is_zero()).then(|| tokio::time::interval(pause));
    while !stop.load(Ordering::Relaxed) {
        let mut sender = Sender::open(to).await;
        for _ in 0..200 {
            if let Some(turn) = &mut turn {
                turn.tick().await;
            }
            let answer = sender
                .ask(request("POST /soak", &fields, body.as_bytes()))
                .await;
            assert_eq!(answer.expect("an answer").status, 200);
            sent.fetch_add(1, Ordering::Relaxed);
            if stop.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

#[test]
fn twenty_seconds_at_full_speed_leave_nothing_behind() {
    soak(Duration::from_secs(20), Duration::ZERO);
}

/// Ten minutes at a hundred a second; see CONTRIBUTING.md.
#[test]
#[ignore = "takes ten minutes: cargo test --test exhaustion -- --ignored --nocapture"]
fn ten_minutes_at_a_hundred_a_second_leave_nothing_behind() {
    soak(Duration::from_mins(10), Duration::from_millis(80));
}
