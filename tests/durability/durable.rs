//! What `--durable` promises, as strace sees it: the disk has it before the sender knows.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::kit::{Journal, assert_try_again, beside, send, send_all, store_in, warning};
use crate::support::listener::{Listener, home};
use crate::support::needs::{needs, works};
use crate::support::raw::Connection;
use crate::support::upstream::Upstream;

fn can_trace() -> bool {
    needs(
        works(Command::new("strace").args(["-f", "-o", "/dev/null", "true"])),
        "strace",
    )
}

/// strace that leaves cmhook to be the test's own child.
fn strace(log: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("strace");
    command
        .args(["-D", "-f", "-qq", "-y", "-o"])
        .arg(log)
        .args(arguments);
    command
}

const CALLS: &str = "trace=read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,fsync,fdatasync";

/// A system call, by the lines of the log in which it began and returned.
#[derive(Debug)]
struct Call {
    begin: usize,
    end: usize,
    name: String,
    /// Its arguments, the first of which is the descriptor with its path.
    arguments: String,
    result: i64,
}

impl Call {
    fn descriptor(&self) -> &str {
        let end = self
            .arguments
            .find([',', ')'])
            .unwrap_or(self.arguments.len());
        &self.arguments[..end]
    }

    fn syncs(&self, file: &str) -> bool {
        let sync = matches!(&*self.name, "fsync" | "fdatasync");
        sync && self.result == 0 && self.descriptor().contains(file)
    }

    fn reads(&self) -> bool {
        matches!(&*self.name, "read" | "readv" | "recvfrom" | "recvmsg") && self.result > 0
    }

    fn acknowledges(&self) -> bool {
        let writes = matches!(&*self.name, "write" | "writev" | "sendto" | "sendmsg");
        writes && self.arguments.contains("\"HTTP/1.1 2")
    }
}

/// The log of a process that has ended, in the order in which calls began.
#[track_caller]
fn calls(log: &Path) -> Vec<Call> {
    let text = fs::read_to_string(log).expect("a log");
    let mut open: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut calls = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        let (begin, whole) = if let Some(first) = rest.strip_suffix(" <unfinished ...>") {
            open.insert(thread, (at, first));
            continue;
        } else if let Some((_, end)) = rest.split_once(" resumed>") {
            let Some((begin, first)) = open.remove(thread) else {
                continue;
            };
            (begin, format!("{first}{end}"))
        } else {
            (at, rest.to_owned())
        };
        let Some((name, rest)) = whole.split_once('(') else {
            continue;
        };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else {
            continue;
        };
        let result = result.split(' ').next().unwrap_or_default().parse();
        calls.push(Call {
            begin,
            end: at,
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            result: result.unwrap_or(-1),
        });
    }
    calls.sort_by_key(|call| call.begin);
    calls
}

/// Checks that every 2xx was sent after a sync of the WAL that began when its request had
/// been read, and returns how many there were.
#[track_caller]
fn assert_synced(log: &Path) -> u64 {
    let calls = calls(log);
    let syncs: Vec<_> = calls
        .iter()
        .filter(|call| call.syncs("deliveries.db-wal"))
        .collect();
    let mut read: HashMap<&str, usize> = HashMap::new();
    let mut answers = 0;
    for call in &calls {
        if call.reads() {
            read.insert(call.descriptor(), call.end);
        } else if call.acknowledges() {
            answers += 1;
            let read = read
                .get(call.descriptor())
                .expect("a request before its answer");
            let synced = |sync: &&Call| sync.begin > *read && sync.end < call.begin;
            assert!(
                syncs.iter().copied().any(|sync| synced(&sync)),
                "answered in line {} of the log without a sync since line {read}",
                call.begin + 1
            );
        }
    }
    answers
}

/// The log's file, and waits until strace, which outlives cmhook, has written all of it.
struct Log(PathBuf);

impl Log {
    fn new(home: &TempDir) -> Self {
        Self(home.path().join("trace"))
    }

    /// Waits for as many answers as there must be.
    #[track_caller]
    fn assert_synced(&self, answers: u64) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut found = 0;
        while found < answers && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
            found = calls(&self.0)
                .iter()
                .filter(|call| call.acknowledges())
                .count() as u64;
        }
        assert_eq!(assert_synced(&self.0), answers);
    }
}

#[track_caller]
fn synced_before_answered(arguments: &[&str]) {
    const SENDERS: u64 = 4;
    const EACH: u64 = 25;
    const ALL: u64 = (SENDERS + 1) * EACH;
    if !can_trace() {
        return;
    }
    let home = Rc::new(home());
    let log = Log::new(&home);
    let arguments = [&["--durable"], arguments].concat();
    let listener = Listener::start_under(&home, strace(&log.0, &["-e", CALLS]), &arguments);
    let to = listener.address();
    send_all(to, 0..EACH);
    thread::scope(|scope| {
        for sender in 1..=SENDERS {
            scope.spawn(move || send_all(to, sender * EACH..(sender + 1) * EACH));
        }
    });
    listener.stop();
    log.assert_synced(ALL);
    Journal::read(&store_in(home.path())).holds(0..ALL);
}

#[test]
fn every_2xx_waits_for_the_sync_of_its_delivery() {
    synced_before_answered(&[]);
}

#[test]
fn an_apps_2xx_waits_for_it_too() {
    let app = Upstream::start();
    synced_before_answered(&[&app.target()]);
}

#[test]
fn an_acknowledgement_at_once_waits_for_it_too() {
    let app = Upstream::start();
    synced_before_answered(&["--ack", &app.target()]);
}

/// Lets some of these calls fail, counted by thread, and checks that nobody is told otherwise.
#[track_caller]
fn said_when_it_fails(calls: &str, arguments: &[&str]) {
    if !can_trace() {
        return;
    }
    let home = Rc::new(home());
    let folder = home.path().canonicalize().expect("a folder");
    let store = store_in(&folder);
    let log = Log::new(&home);
    let wal = beside(&store, "-wal").to_string_lossy().into_owned();
    let main = store.to_string_lossy().into_owned();
    // So that there is less to do at the start, which would fail at once.
    Listener::start_in(&home, &[]).stop();
    let inject = format!("inject={calls}:error=EIO:when=20..30");
    let trace = format!("trace={calls}");
    let wrapper = strace(
        &log.0,
        &["-P", &wal, "-P", &main, "-e", &trace, "-e", &inject],
    );
    let mut listener = Listener::start_under(&home, wrapper, arguments);

    let mut connection = Connection::open(listener.address());
    let (mut taken, mut refused) = (Vec::new(), 0);
    // As many as it takes for it to fail, and ten that are taken after that.
    for seq in 0..200 {
        connection.send(crate::kit::wire(seq));
        let answer = connection.answer();
        if answer.status() == 200 {
            taken.push(seq);
        } else {
            assert_try_again(&answer);
            refused += 1;
        }
    }
    assert!(refused > 0, "nothing failed");
    assert_eq!(taken.last(), Some(&199), "it never recovered");
    let failing = warning(&mut listener, "journal_failing");
    let message = failing["message"].as_str().expect("a message");
    assert!(message.contains("I/O error"), "{message}");
    warning(&mut listener, "journal_recovered");

    // What was said to be kept is, whatever came before and after it.
    listener.process.kill();
    let journal = Journal::read(&store);
    let rows = journal.by_seq();
    for seq in taken {
        assert!(
            rows.contains_key(&seq),
            "{seq} was acknowledged and is not there"
        );
    }
    // And it is a store as any other.
    let mut again = Listener::start_in(&home, &[]);
    assert_eq!(again.ready["kept"], journal.deliveries.len());
    assert_eq!(send(again.address(), 1000).status(), 200);
    again.process.terminate();
    let stderr = again.process.stderr.text();
    assert!(!stderr.contains("damaged"), "{stderr}");
}

#[test]
fn a_sync_that_fails_is_said() {
    said_when_it_fails("fsync,fdatasync", &["--durable"]);
}

#[test]
fn a_write_that_fails_is_said() {
    said_when_it_fails("write,pwrite64,pwritev", &[]);
}

#[test]
fn a_write_that_fails_is_said_with_durable_too() {
    said_when_it_fails("write,pwrite64,pwritev", &["--durable"]);
}

#[test]
fn a_slow_disk_only_takes_longer() {
    const SENDERS: u64 = 8;
    const EACH: u64 = 5;
    if !can_trace() {
        return;
    }
    let home = Rc::new(home());
    let log = Log::new(&home);
    let inject = "inject=write,pwrite64,fsync,fdatasync:delay_enter=10000";
    let wal = beside(
        &store_in(&home.path().canonicalize().expect("a folder")),
        "-wal",
    );
    let path = wal.to_string_lossy().into_owned();
    let wrapper = strace(
        &log.0,
        &["-P", &path, "-e", "trace=write,pwrite64", "-e", inject],
    );
    let app = Upstream::start();
    let mut listener = Listener::start_under(&home, wrapper, &[&app.target()]);
    let to = listener.address();
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            scope.spawn(move || send_all(to, sender * EACH..(sender + 1) * EACH));
        }
    });
    let begin = Instant::now();
    assert_eq!(listener.process.terminate().code(), Some(0));
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(15), "it took {took:?}");
    let journal = Journal::read(&store_in(home.path()));
    journal.holds(0..SENDERS * EACH);
    assert_eq!(journal.attempts.len() as u64, SENDERS * EACH);
}
