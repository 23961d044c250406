//! kill -9 at any moment: what was answered 2xx is there, and no id is given twice.

use std::collections::BTreeMap;
use std::process::Command;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kit::{Dice, Journal, Row, beside, store_in, wire};
use crate::support::listener::{Listener, address_of, home, object};
use crate::support::needs::{needs, works};
use crate::support::process::Process;
use crate::support::raw::Connection;
use crate::support::upstream::Upstream;

const DELIVERIES: u64 = 10_000;
const KILLS: usize = 20;
const SENDERS: usize = 8;
/// The most attempts that one kill may cost: those of the last 20 ms, which are written
/// earlier once there are 64, and those that were just being written or made.
const LOST_ATTEMPTS: usize = 64 + 2 * SENDERS;

/// Senders that share what there is to send.
#[derive(Default)]
struct Senders {
    next: AtomicU64,
    taken: Mutex<Vec<u64>>,
    progress: Condvar,
}

impl Senders {
    /// Sends until there is nothing more to send, or nobody to send to.
    fn run(&self, mut connection: Connection) {
        loop {
            let seq = self.next.fetch_add(1, Ordering::Relaxed);
            if seq >= DELIVERIES {
                return;
            }
            let sent = connection.try_send(wire(seq));
            match sent.and_then(|()| connection.try_answer()) {
                Ok(answer) => {
                    assert_eq!(answer.status(), 200, "delivery {seq}: {}", answer.text());
                    self.taken
                        .lock()
                        .expect("no sender panics with it")
                        .push(seq);
                    self.progress.notify_all();
                }
                Err(_) => return,
            }
        }
    }

    /// Waits until so many have been taken in all.
    fn wait_for(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_mins(1);
        let mut taken = self.taken.lock().expect("no sender panics with it");
        while taken.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "only {} were taken", taken.len());
            let waited = self.progress.wait_timeout(taken, left);
            taken = waited.expect("no sender panics with it").0;
        }
    }

    fn take(&self) -> Vec<u64> {
        std::mem::take(&mut *self.taken.lock().expect("no sender panics with it"))
    }
}

/// Which delivery got which id, as far as anybody was shown it.
#[derive(Default)]
struct Shown(BTreeMap<u64, String>);

impl Shown {
    /// Takes in what a listener has printed until it was killed.
    #[track_caller]
    fn add(&mut self, process: &mut Process) {
        process.stdout.drain();
        for line in process.stdout.text().lines() {
            // Only the last one can be half a line.
            let Ok(object) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            if object["type"] == "delivery" {
                let id = object["id"].as_u64().expect("an id");
                let path = object["request"]["path"].as_str().expect("a path");
                let before = self.0.insert(id, path.to_owned());
                assert_eq!(before, None, "#{id} is given again, now to {path}");
            }
        }
    }

    #[track_caller]
    fn agrees_with(&self, journal: &Journal) {
        for (id, row) in &journal.deliveries {
            if let Some(path) = self.0.get(id) {
                let kept = row.path.split('?').next();
                assert_eq!(kept, Some(&**path), "#{id} was shown as another");
            }
        }
    }
}

/// Kills a listener again and again while deliveries come in. `app` is who answers.
fn killed_again_and_again(arguments: &[&str], app: bool) {
    let home = Rc::new(home());
    let store = store_in(home.path());
    let arguments = [&["--keep", "100000"], arguments].concat();
    let senders = Senders::default();
    let mut dice = Dice(9);
    let mut shown = Shown::default();
    let (mut checked, mut kept, mut lost) = (0, 0, Vec::new());
    for kill in 1..=KILLS + 1 {
        let mut listener = Listener::start_in(&home, &arguments);
        assert_eq!(listener.ready["kept"], kept, "after kill {}", kill - 1);
        let connections = [(); SENDERS].map(|()| Connection::open(listener.address()));
        thread::scope(|scope| {
            for connection in connections {
                scope.spawn(|| senders.run(connection));
            }
            if kill <= KILLS {
                senders.wait_for(dice.place(800));
                thread::sleep(Duration::from_micros(dice.below(3000)));
                listener.process.kill();
            }
        });
        // The last time they came to their end, and it stops as it should.
        if kill > KILLS {
            listener.process.terminate();
        }
        shown.add(&mut listener.process);

        let journal = Journal::read_after(&store, checked);
        shown.agrees_with(&journal);
        let rows = journal.by_seq();
        assert_eq!(rows.len(), journal.deliveries.len(), "one is there twice");
        let mut without = 0;
        for seq in senders.take() {
            let (id, row) = rows.get(&seq).unwrap_or_else(|| panic!("{seq} was lost"));
            assert_eq!(**row, Row::of(seq), "#{id} is not what was sent");
            without += usize::from(!journal.attempts.contains_key(&(*id, 1)));
        }
        kept += journal.deliveries.len();
        checked = journal.ids().last().copied().unwrap_or(checked);
        if app {
            lost.push(without);
        }
    }
    assert!(
        kept as u64 > DELIVERIES - (KILLS * 2 * SENDERS) as u64,
        "{kept} kept"
    );
    let most = lost.iter().max().copied().unwrap_or(0);
    assert!(
        most <= LOST_ATTEMPTS,
        "attempts lost by each kill: {lost:?}"
    );
    assert_eq!(
        lost.last().copied().unwrap_or(0),
        0,
        "a clean stop loses none"
    );
}

/// Ids are reserved before any is given, also by a listener that lives for a moment only.
#[test]
fn an_id_that_was_shown_is_never_given_again() {
    let home = Rc::new(home());
    let mut shown = Shown::default();
    for seq in 0..25 {
        let mut listener = Listener::start_in(&home, &[]);
        let mut connection = Connection::open(listener.address());
        connection.send(wire(seq));
        listener.delivery();
        listener.process.kill();
        shown.add(&mut listener.process);
    }
    assert_eq!(shown.0.len(), 25);
}

#[test]
fn every_2xx_survives_twenty_kills() {
    killed_again_and_again(&[], false);
}

#[test]
fn every_2xx_survives_twenty_kills_with_an_app_behind_it() {
    let app = Upstream::start();
    killed_again_and_again(&[&app.target()], true);
}

/// Killed when it is about to write to the store for the so many-th time: while the store is
/// made, while deliveries come in, and while the WAL is moved into the file at a stop.
#[test]
fn a_kill_at_any_write_loses_nothing_that_was_taken() {
    if !needs(
        works(Command::new("strace").args(["-o", "/dev/null", "true"])),
        "strace",
    ) {
        return;
    }
    // Counted by thread, and the one that empties the WAL writes to the main file only.
    let both = (1..16)
        .chain([20, 28, 36, 1000])
        .map(|write| (&["", "-wal"][..], write));
    let main = (1..12).map(|write| (&[""][..], write));
    let mut ended = Vec::new();
    for (suffixes, write) in both.chain(main) {
        let home = Rc::new(home());
        let store = store_in(&home.path().canonicalize().expect("a folder"));
        let mut command = Command::new("strace");
        command.args(["-D", "-f", "-qq", "-o", "/dev/null"]);
        for suffix in suffixes {
            command.arg("-P").arg(beside(&store, suffix));
        }
        let inject = format!("inject=write,pwrite64:signal=KILL:when={write}");
        command.args(["-e", "trace=write,pwrite64", "-e", &inject]);
        command.arg(env!("CARGO_BIN_EXE_cmhook"));
        command.args(["listen", "--listen", "127.0.0.1:0", "--json"]);
        let mut process = Process::start(&mut command, home.path());
        let mut taken = Vec::new();
        if let Some(ready) = process.stdout.next() {
            let mut connection = Connection::open(address_of(&object(&ready)));
            for seq in 1..=12 {
                let sent = connection.try_send(wire(seq));
                match sent.and_then(|()| connection.try_answer()) {
                    Ok(answer) => assert_eq!(answer.status(), 200, "write {write}"),
                    Err(_) => break,
                }
                taken.push(seq);
            }
            if taken.len() == 12 {
                process.signal("TERM");
            }
        }
        if process.wait().success() {
            ended.push(write);
        }

        let mut again = Listener::start_in(&home, &[]);
        assert!(
            again.ready["kept"].as_u64() >= Some(taken.len() as u64),
            "write {write}"
        );
        again.process.terminate();
        let stderr = again.process.stderr.text();
        assert!(!stderr.contains("damaged"), "write {write}: {stderr}");
        let journal = Journal::read(&store);
        let rows = journal.by_seq();
        for seq in taken {
            assert_eq!(
                rows.get(&seq).map(|row| row.1),
                Some(&Row::of(seq)),
                "write {write}"
            );
        }
    }
    assert!(
        ended.contains(&1000) && ended.len() < 10,
        "not killed at {ended:?}"
    );
}
