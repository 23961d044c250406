//! Stopping: what is in flight is answered and kept, it does not take long, and whoever
//! insists gets it at once.

use std::fs;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::kit::{Journal, assert_try_again, send_all, store_in, wire, wire_with};
use crate::support::listener::{Listener, home, object};
use crate::support::raw::{Connection, RawApp, Then, ok, request};

const IN_FLIGHT: u64 = 100;

/// An app that answers odd deliveries after a second, and even ones never.
fn half_hanging() -> RawApp {
    RawApp::serving(Duration::from_mins(1), |request, stream| {
        use std::io::Write as _;
        let seq = request.one("x-seq").and_then(|seq| seq.parse::<u64>().ok());
        if seq.is_some_and(|seq| seq % 2 == 1) {
            std::thread::sleep(Duration::from_secs(1));
            stream.write_all(&ok(b"OK"))?;
        }
        Ok(Then::GoOn)
    })
}

/// Senders whose deliveries have all reached the app.
fn in_flight(listener: &Listener, app: &RawApp) -> Vec<Connection> {
    let senders = (1..=IN_FLIGHT)
        .map(|seq| {
            let mut connection = Connection::open(listener.address());
            connection.send(wire(seq));
            connection
        })
        .collect();
    for _ in 0..IN_FLIGHT {
        app.next();
    }
    senders
}

#[test]
fn a_stop_answers_what_is_in_flight_and_keeps_it() {
    let app = half_hanging();
    let home = Rc::new(home());
    let mut listener = Listener::start_in(&home, &[&app.target()]);
    let senders = in_flight(&listener, &app);

    let begin = Instant::now();
    let status = listener.process.terminate();
    let took = begin.elapsed();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(7), "it took {took:?}");
    let (mut finished, mut refused) = (0, 0);
    for (seq, mut sender) in (1..=IN_FLIGHT).zip(senders) {
        let answer = sender.answer();
        if seq % 2 == 1 {
            assert_eq!(answer.status(), 200, "delivery {seq}");
            finished += 1;
        } else {
            assert_try_again(&answer);
            refused += 1;
        }
    }
    assert_eq!((finished, refused), (IN_FLIGHT / 2, IN_FLIGHT / 2));
    let stopped = object(listener.process.stdout.last().expect("a last line"));
    assert_eq!(stopped["type"], "stopped");
    assert_eq!(stopped["received"], IN_FLIGHT);
    Journal::read(&store_in(home.path())).holds(1..=IN_FLIGHT);
}

/// With `--ack`, or at a second target, it is forwarded behind its sender's answer.
#[test]
fn a_stop_waits_for_what_begins_during_it() {
    let slow = || {
        RawApp::answering(|_| {
            std::thread::sleep(Duration::from_millis(500));
            ok(b"OK")
        })
    };
    for is_second in [false, true] {
        let (quick, app) = (RawApp::saying("OK"), slow());
        let (quick, target) = (quick.target(), app.target());
        let args = if is_second {
            ["--forward", &*quick, "--forward", &*target]
        } else {
            ["--ack", "--forward", &*target, "--quiet"]
        };
        let home = Rc::new(home());
        let mut listener = Listener::start_in(&home, &args);
        let mut sender = Connection::open(listener.address());
        // The stop comes when its head has come and its body has not.
        let bytes = request("POST /", "X-Seq: 1\r\nExpect: 100-continue\r\n", b"{}");
        let (head, body) = bytes.split_at(bytes.len() - 2);
        sender.send(head);
        assert_eq!(sender.answer_head().status(), 100);
        listener.process.signal("TERM");
        let deadline = Instant::now() + Duration::from_secs(3);
        while std::net::TcpStream::connect(listener.address()).is_ok() {
            assert!(Instant::now() < deadline, "it goes on");
        }
        sender.send(body);
        assert_eq!(sender.answer().status(), 200);
        assert_eq!(listener.process.wait().code(), Some(0));
        let attempts = Journal::read(&store_in(home.path())).attempts;
        let all = 1 + usize::from(is_second);
        assert!(
            attempts.len() == all && attempts.values().all(|status| *status == Some(200)),
            "{attempts:?}"
        );
        assert!(app.seen_already().is_some() && app.is_idle());
    }
}

#[test]
fn a_second_signal_stops_it_at_once() {
    for second in ["TERM", "INT"] {
        let app = half_hanging();
        let home = Rc::new(home());
        let mut listener = Listener::start_in(&home, &[&app.target()]);
        let senders = in_flight(&listener, &app);
        let begin = Instant::now();
        listener.process.signal("TERM");
        // The first one has arrived when nobody is let in any more.
        let deadline = Instant::now() + Duration::from_secs(3);
        while std::net::TcpStream::connect(listener.address()).is_ok() {
            assert!(Instant::now() < deadline, "it goes on");
        }
        // Whoever sends the same within a moment means the same.
        if second == "TERM" {
            std::thread::sleep(Duration::from_millis(250));
        }
        listener.process.signal(second);
        let status = listener.process.wait();
        let took = begin.elapsed();
        assert_eq!(status.code(), Some(1), "{status}");
        assert!(took < Duration::from_secs(3), "it took {took:?}");
        let stderr = listener.process.stderr.text();
        assert!(stderr.contains("second signal"), "{stderr}");
        let last = object(listener.process.stdout.last().expect("a last line"));
        assert_eq!(
            (&last["type"], &last["code"]),
            (&"error".into(), &"forced".into())
        );
        drop(senders);
        // Nobody was told that it is done, and yet all of it is there.
        Journal::read(&store_in(home.path())).holds(1..=IN_FLIGHT);
    }
}

/// As `timeout` does it: to its child, and then to the group, in which its child is.
#[test]
fn the_same_signal_twice_within_a_moment_is_no_hurry() {
    let app = half_hanging();
    let mut listener = Listener::start(&["--ephemeral", &app.target()]);
    let mut sender = Connection::open(listener.address());
    sender.send(wire(1));
    app.next();
    let twice = format!("kill -TERM {0} && kill -TERM {0}", listener.process.id());
    let sent = std::process::Command::new("sh")
        .args(["-c", &twice])
        .status();
    assert!(sent.expect("sh starts").success(), "it was gone already");
    assert_eq!(listener.process.wait().code(), Some(0));
    assert_eq!(sender.answer().status(), 200);
}

#[test]
fn ids_go_on_without_a_gap_after_a_clean_stop() {
    let home = Rc::new(home());
    let mut next = 1;
    for count in [1, 300, 0, 5, 130, 1] {
        let listener = Listener::start_in(&home, &[]);
        assert_eq!(listener.ready["kept"], next - 1);
        send_all(listener.address(), next..next + count);
        assert_eq!(listener.stop()["received"], count);
        next += count;
    }
    let journal = Journal::read(&store_in(home.path()));
    journal.holds(1..next);
    assert_eq!(journal.ids(), (1..next).collect::<Vec<_>>());
}

#[test]
fn after_a_kill_ids_skip_no_more_than_is_documented() {
    let home = Rc::new(home());
    let (mut last, mut gap) = (0, 0);
    for count in [1, 200, 0, 128, 127, 129, 256, 1] {
        let mut listener = Listener::start_in(&home, &[]);
        send_all(listener.address(), (0..count).map(|at| 1000 + at));
        listener.process.kill();
        let journal = Journal::read_after(&store_in(home.path()), last);
        let ids = journal.ids();
        assert_eq!(ids.len() as u64, count);
        if let (Some(first), Some(newest)) = (ids.first(), ids.last()) {
            assert!(
                *first > last && *first <= last + 1 + gap,
                "#{first} after #{last}"
            );
            assert_eq!(newest - first + 1, count);
            (last, gap) = (*newest, 0);
        }
        gap += 256;
    }
}

/// A reader of lines that is behind, but reads.
#[test]
fn a_stop_waits_for_a_reader_that_is_behind() {
    const COUNT: u64 = 25;
    let home = Rc::new(home());
    let mut listener = Listener::start_in(&home, &["--ephemeral"]);
    let mut connection = Connection::open(listener.address());
    // In JSON it is six times as long.
    let body = vec![7; 20_000];
    for seq in 1..=COUNT {
        connection.send(wire_with(seq, &body));
        assert_eq!(connection.answer().status(), 200);
    }
    assert_eq!(listener.process.terminate().code(), Some(0));
    let lines = listener.process.stdout.text();
    let deliveries = lines
        .lines()
        .filter(|line| line.contains("\"delivery\",\"id\""));
    assert_eq!(deliveries.count() as u64, COUNT);
    let last = lines.lines().last().unwrap_or_default();
    assert!(last.contains("\"stopped\""), "{} bytes", last.len());
}

#[test]
fn ephemeral_leaves_no_file() {
    let home = Rc::new(home());
    let listener = Listener::start_in(&home, &["--ephemeral"]);
    assert!(listener.ready["store"].is_null());
    send_all(listener.address(), 1..=20);
    assert_eq!(listener.stop()["received"], 20);
    let left: Vec<_> = fs::read_dir(home.path())
        .expect("a home")
        .flatten()
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
