//! A disk that is full or broken: nobody is told that a delivery is kept when it is not, the
//! user hears of it, what was kept stays, and it goes on by itself when it can.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::kit::{Journal, assert_try_again, send, send_all, warning, wire_with};
use crate::support::listener::{Listener, Refused, home, refused_under};
use crate::support::raw::{Connection, ask};
use crate::support::small_disk::{self, OWN_DISK, fill, free};
pub use crate::support::small_disk::{can_mount, is_root, private};
use crate::support::upstream::Upstream;

/// A small disk that can be filled.
struct Disk {
    home: Rc<TempDir>,
    size: &'static str,
}

const STORE: &str = "disk/deliveries.db";

impl Disk {
    fn new(size: &'static str) -> Self {
        let home = Rc::new(home());
        fs::create_dir(home.path().join("disk")).expect("a folder");
        Self { home, size }
    }

    #[track_caller]
    fn listener(&self, arguments: &[&str]) -> Listener {
        let wrapper = private(OWN_DISK, self.size);
        Listener::start_under(
            &self.home,
            wrapper,
            &[&["--store", STORE], arguments].concat(),
        )
    }

    /// The same with something done to it first.
    #[track_caller]
    fn refused(&self, script: &str) -> Refused {
        let script = format!("mount -t tmpfs -o size=\"$0\" tmpfs disk && {script} && exec \"$@\"");
        let wrapper = private(&script, self.size);
        refused_under(self.home.path(), wrapper, &["--store", STORE])
    }

    /// The disk, as that process sees it.
    fn seen_by(&self, listener: &Listener) -> PathBuf {
        small_disk::seen_by(listener.process.id(), self.home.path())
    }
}

/// Sends until one is not taken, and returns how many were.
#[track_caller]
fn send_until_refused(listener: &Listener, from: u64) -> u64 {
    let mut connection = Connection::open(listener.address());
    for seq in from..from + 10_000 {
        connection.send(crate::kit::wire(seq));
        let answer = connection.answer();
        if answer.status() != 200 {
            assert_try_again(&answer);
            return seq - from;
        }
    }
    panic!("the disk never got full");
}

/// Sends the same delivery until it is taken, as a sender that is told to try again does.
#[track_caller]
fn send_until_taken(listener: &Listener, seq: u64) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = send(listener.address(), seq);
        if answer.status() == 200 {
            return;
        }
        assert_try_again(&answer);
        assert!(Instant::now() < deadline, "it never recovers");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_full_disk_is_said_and_survived() {
    if !can_mount() {
        return;
    }
    let disk = Disk::new("1m");
    let mut listener = disk.listener(&[]);
    send_all(listener.address(), 1..=5);
    let mount = disk.seen_by(&listener);
    fill(&mount);
    let taken = 5 + send_until_refused(&listener, 6);
    let failing = warning(&mut listener, "journal_failing");
    let message = failing["message"].as_str().expect("a message");
    assert!(message.contains(STORE), "{message}");
    assert!(message.contains("503"), "{message}");
    assert!(message.contains("full"), "{message}");
    assert_ne!(failing["hint"], "");

    // What was kept is readable and as it was.
    let before = Journal::read(&mount.join("deliveries.db"));
    before.holds(1..=taken);

    // It is still said after the first, and only once to the user.
    for seq in 1000..1010 {
        assert_try_again(&send(listener.address(), seq));
    }
    free(&mount);
    send_until_taken(&listener, 2000);
    let recovered = warning(&mut listener, "journal_recovered");
    assert!(
        recovered["message"]
            .as_str()
            .is_some_and(|text| text.contains("again"))
    );

    // What came in meanwhile was kept in memory and is written now.
    let rows = Journal::read(&mount.join("deliveries.db"));
    let seqs = rows.by_seq();
    for seq in (1..=taken + 1).chain(1000..1010).chain([2000]) {
        let (id, row) = seqs
            .get(&seq)
            .unwrap_or_else(|| panic!("{seq} is not there"));
        assert_eq!(**row, crate::kit::Row::of(seq), "#{id}");
    }
    let last = rows.ids().len();
    let stopped = listener.stop();
    assert_eq!(stopped["received"], last);
    assert!(stopped["unsaved"].as_u64() >= Some(11), "{stopped}");
}

#[test]
fn a_person_is_told_too() {
    if !can_mount() {
        return;
    }
    let disk = Disk::new("1m");
    let wrapper = private(OWN_DISK, disk.size);
    let mut listener = Listener::start_for_a_person_under(&disk.home, wrapper, &["--store", STORE]);
    let mount = disk.seen_by(&listener);
    fill(&mount);
    send_until_refused(&listener, 1);
    let stderr = &mut listener.process.stderr;
    let warning = stderr.find("warning", |line| {
        line.starts_with("warning: ").then(|| line.to_owned())
    });
    assert!(warning.contains("cannot write the store"), "{warning}");
    assert!(warning.contains("503"), "{warning}");
    stderr.find("hint", |line| {
        line.contains("hint: free space").then_some(())
    });
    // And each delivery that is not taken.
    listener.prints("503 by cmhook");
    free(&mount);
    let stderr = &mut listener.process.stderr;
    stderr.find("recovery", |line| {
        line.contains("can be written again").then_some(())
    });
    listener.stop();
}

#[test]
fn many_senders_are_turned_away_quickly() {
    if !can_mount() {
        return;
    }
    let disk = Disk::new("1m");
    let listener = disk.listener(&["--quiet"]);
    let mount = disk.seen_by(&listener);
    fill(&mount);
    send_until_refused(&listener, 1);
    let to = listener.address();
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for sender in 1..=8 {
            scope.spawn(move || {
                let mut connection = Connection::open(to);
                for seq in 0..250 {
                    connection.send(wire_with(10_000 * sender + seq, &[7; 1000]));
                    assert_try_again(&connection.answer());
                }
            });
        }
    });
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(20), "it took {took:?}");
    free(&mount);
    send_until_taken(&listener, 100_000);
    let stopped = listener.stop();
    assert!(stopped["unsaved"].as_u64() >= Some(2001), "{stopped}");
}

#[test]
fn it_recovers_without_anybody_asking() {
    if !can_mount() {
        return;
    }
    let disk = Disk::new("1m");
    let mut listener = disk.listener(&[]);
    let mount = disk.seen_by(&listener);
    fill(&mount);
    let taken = send_until_refused(&listener, 1);
    warning(&mut listener, "journal_failing");
    free(&mount);
    warning(&mut listener, "journal_recovered");
    Journal::read(&mount.join("deliveries.db")).holds(1..=taken + 1);
    listener.stop();
}

#[test]
fn while_the_disk_is_full_no_app_is_asked() {
    if !can_mount() {
        return;
    }
    let app = Upstream::start();
    let disk = Disk::new("1m");
    let target = app.target();
    let listener = disk.listener(&[&target]);
    let mount = disk.seen_by(&listener);
    fill(&mount);
    // The one that finds it out is on its way to the app already.
    let asked = send_until_refused(&listener, 1) + 1;
    for _ in 0..asked {
        app.next();
    }
    for seq in 100..120 {
        assert_try_again(&send(listener.address(), seq));
    }
    assert!(app.is_idle(), "an app was asked for what is not kept");
    free(&mount);
    send_until_taken(&listener, 200);
    app.next();
    listener.stop();
}

#[test]
fn a_disk_that_fills_and_empties_again_and_again_loses_nothing_that_was_taken() {
    if !can_mount() {
        return;
    }
    let disk = Disk::new("3m");
    let mut listener = disk.listener(&[]);
    let mount = disk.seen_by(&listener);
    let mut taken = Vec::new();
    for round in 0..4 {
        fill(&mount);
        let from = 1000 * (round + 1);
        let count = send_until_refused(&listener, from);
        taken.extend(from..from + count);
        warning(&mut listener, "journal_failing");
        free(&mount);
        send_until_taken(&listener, from + 900);
        taken.push(from + 900);
        warning(&mut listener, "journal_recovered");
    }
    // Killed and not stopped; the disk goes with its process, so a copy is what is read.
    let held = fs::File::open(&mount).expect("the disk");
    listener.process.kill();
    let path = format!(
        "/proc/self/fd/{}/deliveries.db",
        std::os::fd::AsRawFd::as_raw_fd(&held)
    );
    let journal = Journal::read(Path::new(&path));
    let rows = journal.by_seq();
    for seq in taken {
        assert!(
            rows.contains_key(&seq),
            "{seq} was acknowledged and is not there"
        );
    }
}

#[test]
fn a_disk_that_is_full_at_the_start_is_an_error_that_says_so() {
    if !can_mount() {
        return;
    }
    let disk = Disk::new("1m");
    let refused = disk.refused("! cat /dev/zero >disk/ballast 2>/dev/null");
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert_eq!(refused.error["code"], "store");
    assert!(refused.stderr.contains(STORE), "{}", refused.stderr);
    assert!(refused.stderr.contains("space"), "{}", refused.stderr);
}

#[test]
fn a_large_delivery_on_a_small_disk_does_not_stop_small_ones_for_ever() {
    if !can_mount() {
        return;
    }
    let disk = Disk::new("2m");
    let mut listener = disk.listener(&[]);
    send_all(listener.address(), 1..=3);
    let large = wire_with(4, &vec![7; 3 << 20]);
    assert_try_again(&ask(listener.address(), large));
    warning(&mut listener, "journal_failing");
    send_until_taken(&listener, 5);
    listener.stop();
}
