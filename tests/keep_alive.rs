//! Apps that close idle connections, and senders whose next delivery comes just then. A
//! request that is written into a connection that is being closed fails without anybody
//! knowing whether the app saw it: its sender would hear of a failure that is none, or the
//! app would get it twice.

#![cfg(unix)]

#[path = "support/mod.rs"]
mod support;

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use support::listener::{Listener, home, object};
use support::process::Process;
use support::raw::{Connection, accepting, ok, read_request, request};

/// When an app closes a connection.
#[derive(Debug, Clone, Copy)]
enum Closes {
    /// So long after each answer, whatever comes.
    Anyway(Duration),
    /// When nothing has come for so long, perhaps with a last word.
    Idle(Duration, &'static str),
    Never,
}

/// An app that remembers what it was asked.
struct App {
    address: SocketAddr,
    seen: Receiver<String>,
    connections: Arc<AtomicUsize>,
}

impl App {
    fn that(closes: Closes) -> Self {
        let (sender, seen) = channel();
        let sender = Mutex::new(sender);
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let address = accepting(move |mut stream| {
            count.fetch_add(1, Ordering::Relaxed);
            let sender = sender.lock().expect("no panic").clone();
            let mut from = BufReader::new(stream.try_clone()?);
            loop {
                if let Closes::Idle(patience, farewell) = closes
                    && !something_comes(&mut from, patience)?
                {
                    return stream.write_all(farewell.as_bytes());
                }
                let Some(request) = read_request(&mut from)? else {
                    return Ok(());
                };
                let _ = sender.send(request.target());
                stream.write_all(&ok(b"OK"))?;
                if let Closes::Anyway(after) = closes {
                    thread::sleep(after);
                    return Ok(());
                }
            }
        });
        Self {
            address,
            seen,
            connections,
        }
    }

    fn listener(&self) -> Listener {
        Listener::start(&["--ephemeral", &self.address.to_string()])
    }
}

/// Whether something comes before the app's patience is at its end. What is there by then
/// counts, as it does where an event loop reads before it looks at its timers.
fn something_comes(from: &mut BufReader<TcpStream>, patience: Duration) -> io::Result<bool> {
    from.get_ref().set_read_timeout(Some(patience))?;
    let comes = match from.fill_buf() {
        Ok(bytes) => !bytes.is_empty(),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            let socket = from.get_ref();
            socket.set_nonblocking(true)?;
            let pending = socket.peek(&mut [0]);
            socket.set_nonblocking(false)?;
            matches!(pending, Ok(length) if length > 0)
        }
        Err(error) => return Err(error),
    };
    from.get_ref().set_read_timeout(None)?;
    Ok(comes)
}

/// So many senders send so many deliveries each, and pause between them.
struct Load {
    senders: u32,
    each: u32,
    pause: fn(u32) -> Duration,
}

impl Load {
    /// Statuses that are no 200, with the delivery's path.
    fn run(&self, to: SocketAddr) -> Vec<(String, u16)> {
        let (each, pause) = (self.each, self.pause);
        let send = move |sender: u32| {
            let mut connection = Connection::open(to);
            let mut failed = Vec::new();
            for n in 0..each {
                // It is the pauses that are tested.
                thread::sleep(pause(sender * each + n));
                let path = format!("/{sender}/{n}");
                connection.send(request(&format!("POST {path}"), "", b"{}"));
                let status = connection.answer().status();
                if status != 200 {
                    failed.push((path, status));
                }
            }
            failed
        };
        let senders: Vec<_> = (0..self.senders)
            .map(|sender| thread::spawn(move || send(sender)))
            .collect();
        let failed = senders.into_iter().map(thread::JoinHandle::join);
        failed.flat_map(|one| one.expect("a sender")).collect()
    }
}

/// Runs it, and checks that every delivery was answered by the app and reached it once.
#[track_caller]
fn no_race_shows(closes: Closes, load: &Load) {
    races(closes, load, 0);
}

/// The same where so many may be lost: they are 502 for the sender, on record, and not sent
/// again.
#[track_caller]
fn races(closes: Closes, load: &Load, at_most: usize) {
    let app = App::that(closes);
    let mut listener = app.listener();
    let failed = load.run(listener.address());
    let all = load.senders * load.each;
    let errors = attempts_that_failed(&mut listener);
    let count = failed.len();
    assert!(count <= at_most, "of {all}: {failed:?}, {errors:?}");
    assert_eq!(errors.len(), count, "{failed:?}, {errors:?}");
    let mut reached: HashMap<String, u32> = HashMap::new();
    for target in app.seen.try_iter() {
        *reached.entry(target).or_default() += 1;
    }
    assert!(
        reached.len() + count >= all as usize,
        "{} of {all} reached it",
        reached.len()
    );
    let twice: Vec<_> = reached.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// Stops it and returns the errors of its attempts.
fn attempts_that_failed(listener: &mut Listener) -> Vec<String> {
    listener.process.terminate();
    let text = listener.process.stdout.text();
    let failed = text
        .lines()
        .filter(|line| line.contains(r#""outcome":"failed""#));
    failed
        .map(|line| object(line)["error"]["message"].to_string())
        .collect()
}

#[test]
fn an_app_that_closes_after_every_answer() {
    no_race_shows(
        Closes::Anyway(Duration::ZERO),
        &Load {
            senders: 10,
            each: 1000,
            pause: |_| Duration::ZERO,
        },
    );
}

/// Its connection is open while the next request comes, and never read from again.
#[test]
fn an_app_that_closes_a_moment_after_every_answer() {
    no_race_shows(
        Closes::Anyway(Duration::from_millis(1)),
        &Load {
            senders: 8,
            each: 300,
            pause: |n| Duration::from_micros(u64::from(n % 16) * 100),
        },
    );
}

/// When the machine has more to do than it can, an app with so little patience closes even a
/// new connection in the moment in which its first bytes are on their way.
#[test]
fn an_app_that_closes_after_5_ms() {
    races(
        Closes::Idle(Duration::from_millis(5), ""),
        &Load {
            senders: 16,
            each: 625,
            pause: |n| Duration::from_micros(4_000 + u64::from(n * 7919 % 2000)),
        },
        5,
    );
}

#[test]
fn an_app_that_closes_after_100_ms() {
    no_race_shows(
        Closes::Idle(Duration::from_millis(100), ""),
        &Load {
            senders: 40,
            each: 25,
            pause: |n| Duration::from_micros(98_000 + u64::from(n * 7919 % 4000)),
        },
    );
}

/// Some say farewell to an idle connection. That is no answer to what comes next.
#[test]
fn an_app_that_says_408_and_closes_after_300_ms() {
    no_race_shows(
        Closes::Idle(
            Duration::from_millis(300),
            "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n",
        ),
        &Load {
            senders: 20,
            each: 15,
            pause: |n| Duration::from_micros(297_000 + u64::from(n * 7919 % 6000)),
        },
    );
}

#[test]
fn an_app_that_closes_after_1_s() {
    no_race_shows(
        Closes::Idle(Duration::from_secs(1), ""),
        &Load {
            senders: 100,
            each: 6,
            pause: |n| Duration::from_micros(995_000 + u64::from(n * 7919 % 10_000)),
        },
    );
}

/// As Node does.
#[test]
fn an_app_that_closes_after_5_s() {
    no_race_shows(
        Closes::Idle(Duration::from_secs(5), ""),
        &Load {
            senders: 100,
            each: 3,
            pause: |n| Duration::from_micros(4_995_000 + u64::from(n * 7919 % 10_000)),
        },
    );
}

const NODE: &str = "
const http = require('http');
const server = http.createServer((request, response) => {
  console.log(request.url);
  request.resume().on('end', () => response.end('OK'));
});
server.keepAliveTimeout = 50;
server.keepAliveTimeoutBuffer = 0;
server.listen(0, '127.0.0.1', () => console.log('listening on ' + server.address().port));
";

/// Node itself, with as little patience as its documentation lets one set.
#[test]
fn node_with_a_keep_alive_timeout_of_50_ms() {
    let home = home();
    let mut command = Command::new("node");
    if !command
        .arg("--version")
        .output()
        .is_ok_and(|out| out.status.success())
    {
        let line = "skipped: needs node (run ./tests/run)";
        let required = std::env::var_os("CMHOOK_TESTS_REQUIRE_ALL").is_some_and(|v| v == "1");
        assert!(!required, "{line}");
        eprintln!("{line}");
        return;
    }
    let mut node = Process::start(Command::new("node").args(["-e", NODE]), home.path());
    let port = node.stdout.find("its port", |line| {
        line.strip_prefix("listening on ").map(str::to_owned)
    });
    let mut listener = Listener::start(&["--ephemeral", &port]);
    let load = Load {
        senders: 40,
        each: 60,
        pause: |n| Duration::from_micros(48_000 + u64::from(n * 7919 % 4000)),
    };
    let failed = load.run(listener.address());
    let errors = attempts_that_failed(&mut listener);
    assert!(failed.is_empty(), "{failed:?}, {errors:?}");
    node.terminate();
    let seen = node.stdout.text();
    let seen: Vec<_> = seen.lines().skip(1).collect();
    let distinct: HashSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (2400, 2400));
}

#[test]
fn connections_of_an_app_that_keeps_them_are_used_again() {
    let app = App::that(Closes::Never);
    let listener = app.listener();
    let load = Load {
        senders: 4,
        each: 1000,
        pause: |_| Duration::ZERO,
    };
    assert_eq!(load.run(listener.address()), []);
    let opened = app.connections.load(Ordering::Relaxed);
    assert!(opened < 3000, "{opened} connections for 4000 deliveries");
    // By now it is known to keep them.
    assert_eq!(load.run(listener.address()), []);
    let more = app.connections.load(Ordering::Relaxed) - opened;
    assert!(more < 100, "{more} more connections for 4000 deliveries");
    listener.stop();
}
