//! Stores that are bounded: the ring, the journal and its WAL, and what is never dropped.

use std::fs;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::kit::{Journal, beside, path, send_all, store_in, wire, wire_with};
use crate::support::listener::{Listener, home};
use crate::support::raw::{Connection, RawApp, Then, ok, request};
use crate::support::upstream::Upstream;

#[test]
fn ring_and_journal_keep_the_newest() {
    let home = Rc::new(home());
    let store = store_in(home.path());
    let listener = Listener::start_in(&home, &["--keep", "100"]);
    send_all(listener.address(), 1..=1500);
    // Evictions are written some hundred at a time; a clean stop writes the last.
    let live = Journal::read(&store).deliveries.len();
    assert!((100..=100 + 512).contains(&live), "{live} are in the file");
    let stopped = listener.stop();
    assert_eq!(stopped["received"], 1500);
    assert_eq!(stopped["evicted"], 1400);
    Journal::read(&store).holds(1401..=1500);

    let again = Listener::start_in(&home, &["--keep", "100"]);
    assert_eq!(again.ready["kept"], 100);
    send_all(again.address(), 1501..=1510);
    assert_eq!(again.stop()["evicted"], 10);
    Journal::read(&store).holds(1411..=1510);
}

#[test]
fn what_a_kill_leaves_undone_the_next_start_does() {
    let home = Rc::new(home());
    let store = store_in(home.path());
    let mut listener = Listener::start_in(&home, &["--keep", "100"]);
    send_all(listener.address(), 1..=450);
    listener.process.kill();
    let left = Journal::read(&store).deliveries.len();
    assert!(left > 100, "{left}");

    let mut again = Listener::start_in(&home, &["--keep", "100"]);
    assert_eq!(again.ready["kept"], 100);
    Journal::read(&store).holds(351..=450);
    again.process.terminate();
    let stderr = again.process.stderr.text();
    assert!(stderr.contains("dropped"), "{stderr}");
}

#[test]
fn a_smaller_limit_drops_the_older_ones_and_says_so() {
    let home = Rc::new(home());
    let store = store_in(home.path());
    let listener = Listener::start_in(&home, &[]);
    send_all(listener.address(), 1..=50);
    listener.stop();
    let mut again = Listener::start_in(&home, &["--keep", "20"]);
    assert_eq!(again.ready["kept"], 20);
    again.process.terminate();
    let stderr = again.process.stderr.text();
    assert!(stderr.contains("30 older deliveries"), "{stderr}");
    Journal::read(&store).holds(31..=50);
}

#[test]
fn bytes_bound_both_too() {
    const SIZE: usize = 100_000;
    let home = Rc::new(home());
    let store = store_in(home.path());
    let arguments = ["--quiet", "--keep-bytes", "2MB"];
    let listener = Listener::start_in(&home, &arguments);
    let mut connection = Connection::open(listener.address());
    for seq in 1..=100 {
        connection.send(wire_with(seq, &vec![7; SIZE]));
        assert_eq!(connection.answer().status(), 200);
    }
    let stopped = listener.stop();
    // A delivery weighs its body and some hundred bytes.
    let kept = 2_000_000 / (SIZE as u64 + 300);
    assert_eq!(stopped["evicted"], 100 - kept);
    let journal = Journal::read(&store);
    assert_eq!(journal.ids(), (101 - kept..=100).collect::<Vec<_>>());
    let again = Listener::start_in(&home, &arguments);
    assert_eq!(again.ready["kept"], kept);
    again.stop();
}

#[test]
fn attempts_count_and_go_with_their_delivery() {
    let home = Rc::new(home());
    let store = store_in(home.path());
    let app = RawApp::answering(|_| ok(&vec![b'x'; 100_000]));
    let target = app.target();
    let arguments = ["--quiet", "--keep-bytes", "2MB", &target];
    let listener = Listener::start_in(&home, &arguments);
    let mut connection = Connection::open(listener.address());
    for seq in 1..=100 {
        connection.send(wire_with(seq, b"{}"));
        assert_eq!(connection.answer().status(), 200);
    }
    let stopped = listener.stop();
    let kept = 2_000_000 / (100_000 + 1000) + 1;
    let journal = Journal::read(&store);
    let ids = journal.ids();
    assert!(
        (kept - 2..=kept).contains(&(ids.len() as u64)),
        "{} are kept",
        ids.len()
    );
    assert_eq!(stopped["evicted"], 100 - ids.len());
    assert_eq!(ids.last(), Some(&100));
    assert!(
        journal
            .attempts
            .keys()
            .map(|(delivery, _)| *delivery)
            .eq(ids.iter().copied())
    );
    let again = Listener::start_in(&home, &arguments);
    assert_eq!(again.ready["kept"], ids.len());
    again.stop();
}

/// Attempts are written a little later than the eviction that may follow them.
#[test]
fn no_attempt_is_left_behind() {
    let home = Rc::new(home());
    let store = store_in(home.path());
    let app = Upstream::start();
    let target = app.target();
    let listener = Listener::start_in(&home, &["--quiet", "--keep", "3", &target]);
    let to = listener.address();
    thread::scope(|scope| {
        for sender in 0..4 {
            scope.spawn(move || send_all(to, sender * 1000..sender * 1000 + 700));
        }
    });
    listener.stop();
    let journal = Journal::read(&store);
    assert_eq!(journal.deliveries.len(), 3);
    let of: Vec<_> = journal.attempts.keys().map(|key| key.0).collect();
    assert_eq!(of, journal.ids(), "attempts and deliveries");
}

#[test]
fn what_is_being_forwarded_is_never_dropped() {
    let (release, wait) = channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let app = RawApp::serving(
        std::time::Duration::from_secs(30),
        move |request, stream| {
            use std::io::Write as _;
            if request.target() == path(1) {
                let _ = wait.lock().expect("one thread").recv();
            }
            stream.write_all(&ok(b"OK"))?;
            Ok(Then::GoOn)
        },
    );
    let home = Rc::new(home());
    let listener = Listener::start_in(&home, &["--keep", "10", &app.target()]);
    let to = listener.address();
    let mut slow = Connection::open(to);
    slow.send(wire(1));
    assert_eq!(app.next().target(), path(1));
    send_all(to, 2..=700);
    // They and their evictions are written by now, and it is still there.
    let store = store_in(home.path());
    assert!(Journal::read(&store).deliveries.contains_key(&1));
    release.send(()).expect("the app waits");
    assert_eq!(slow.answer().status(), 200);
    let stopped = listener.stop();
    let journal = Journal::read(&store);
    // It may go as soon as its attempt is recorded, and takes that with it.
    assert!(journal.deliveries.len() <= 10);
    assert_eq!(stopped["evicted"], 700 - journal.deliveries.len());
    assert_eq!(stopped["answered"], 700);
}

#[test]
fn the_files_stay_bounded_under_load() {
    const SIZE: usize = 1 << 20;
    const BOUND: u64 = 300 << 20;
    let home = Rc::new(home());
    let store = store_in(home.path());
    let listener = Listener::start_in(&home, &["--quiet", "--keep-bytes", "20MB"]);
    let to = listener.address();
    let body = vec![7; SIZE];
    let mut most = 0;
    let total = thread::scope(|scope| {
        let senders: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::open(to);
                    for _ in 0..110 {
                        connection.send(request("POST /", "X-Seq: 1\r\n", &body));
                        assert_eq!(connection.answer().status(), 200);
                    }
                })
            })
            .collect();
        while !senders.iter().all(thread::ScopedJoinHandle::is_finished) {
            let size = |suffix| fs::metadata(beside(&store, suffix)).map_or(0, |file| file.len());
            most = most.max(size("") + size("-wal"));
            thread::sleep(std::time::Duration::from_millis(5));
        }
        440 * SIZE as u64
    });
    assert!(most < BOUND, "{most} bytes after {total} were written");
    listener.stop();
    let left = fs::metadata(&store).expect("a store").len();
    assert!(left < 100 << 20, "{left} bytes for 20 MB of deliveries");
    let wal = fs::metadata(beside(&store, "-wal")).map_or(0, |file| file.len());
    assert_eq!(wal, 0, "a clean stop empties the WAL");
}
