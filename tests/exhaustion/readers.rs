//! Whoever reads cmhook's output may stop doing so, for a while or for good. Deliveries do
//! not wait for readers.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::crowd::{App, Sender, runtime};
use crate::support::listener::{cmhook, home, object};
use crate::support::raw::request;
use crate::vitals::{MIB, forget_peak, peak, resident};

/// A listener whose output is read when the test does it.
struct Unread {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    to: SocketAddr,
    _home: TempDir,
}

impl Unread {
    fn start(arguments: &[&str]) -> Self {
        let home = home();
        let mut command: Command = cmhook();
        command
            .args(["listen", "--listen", "127.0.0.1:0", "--json"])
            .args(arguments);
        let child = command
            .current_dir(home.path())
            .env("HOME", home.path())
            .env("XDG_CONFIG_HOME", home.path().join("config"))
            .env("XDG_DATA_HOME", home.path().join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a first line");
        let url = object(&line)["url"].to_string();
        let to = url
            .trim_matches('"')
            .trim_start_matches("http://")
            .trim_end_matches('/');
        Self {
            to: to.parse().expect("an address"),
            child,
            stdout: Some(stdout),
            _home: home,
        }
    }

    fn id(&self) -> u32 {
        self.child.id()
    }

    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        let stdout = self.stdout.as_mut().expect("it was not closed");
        let length = stdout.read_line(&mut line).expect("UTF-8");
        (length > 0).then(|| object(&line))
    }

    fn signal(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("kill starts").success());
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// So many deliveries on sixteen connections, all of them answered 200.
fn send(to: SocketAddr, deliveries: usize, body: &[u8]) {
    let runtime = runtime();
    let mut senders = JoinSet::new();
    for _ in 0..16 {
        let request = request("POST /unread", "", body);
        let one = async move {
            let mut sender = Sender::open(to).await;
            for _ in 0..deliveries / 16 {
                let answer = sender.ask(&request).await.expect("an answer");
                assert_eq!(answer.status, 200);
            }
        };
        senders.spawn_on(one, runtime.handle());
    }
    runtime.block_on(async {
        while let Some(sender) = senders.join_next().await {
            sender.expect("all were answered 200");
        }
    });
}

#[test]
fn output_that_is_not_read_for_a_while_goes_on_with_what_is_kept() {
    const SENT: u64 = 20_000;
    const KEEP: u64 = 10_000;
    let app = App::answering(2);
    let mut listener = Unread::start(&[&app.target()]);
    send(listener.to, 20_000, &[b'x'; 500]);
    let memory = resident(listener.id());
    println!("20,000 deliveries unread: {} MiB", memory / MIB);
    assert!(memory < 192 * MIB, "{} MiB", memory / MIB);

    // The pipe's own content, then what is still kept, and then what comes now.
    let mut deliveries = Vec::new();
    let mut attempts = Vec::new();
    while attempts.last() != Some(&SENT) || deliveries.last() != Some(&SENT) {
        let object = listener.next().expect("it goes on");
        match object["type"].as_str() {
            Some("delivery") => deliveries.push(object["id"].as_u64().expect("an id")),
            Some("attempt") => {
                assert_eq!(object["n"], 1, "{object}");
                attempts.push(object["delivery"].as_u64().expect("an id"));
            }
            _ => panic!("{object}"),
        }
    }
    println!("{} of {SENT} deliveries shown", deliveries.len());
    assert!(deliveries.is_sorted_by(|a, b| a < b), "each once, in order");
    let newest = SENT - KEEP + 1..=SENT;
    assert!(
        deliveries.ends_with(&newest.clone().collect::<Vec<_>>()),
        "all that are kept"
    );
    attempts.sort_unstable();
    assert!(attempts.is_sorted_by(|a, b| a < b), "each once");
    assert!(
        attempts.ends_with(&newest.collect::<Vec<_>>()),
        "all that are kept"
    );

    send(listener.to, 16, b"{}");
    for n in 1..=16 {
        let delivery = loop {
            let object = listener.next().expect("it goes on");
            if object["type"] == "delivery" {
                break object;
            }
        };
        assert_eq!(delivery["id"], SENT + n);
    }
    listener.signal();
    let mut last = Value::Null;
    while let Some(object) = listener.next() {
        last = object;
    }
    assert_eq!(last["type"], "stopped");
    assert_eq!(last["received"], SENT + 16);
    assert_eq!(listener.child.wait().expect("it is ours").code(), Some(0));
}

#[test]
fn large_deliveries_that_nobody_reads_of_take_no_more_than_the_ring_has() {
    const RING: usize = 16 * MIB;
    let mut listener = Unread::start(&["--ephemeral", "--keep-bytes", &RING.to_string()]);
    let pid = listener.id();
    let before = resident(pid);
    forget_peak(pid);
    // NUL is what takes the most room in JSON.
    send(listener.to, 256, &vec![0; MIB]);
    let most = peak(pid).saturating_sub(before);
    println!("256 MiB unread: at most {} MiB more", most / MIB);
    assert!(most < 192 * MIB, "{} MiB", most / MIB);

    send(listener.to, 16, b"{}");
    let last = loop {
        let object = listener.next().expect("it goes on");
        if object["type"] == "delivery" && object["request"]["size"] == 2 {
            break object["id"].as_u64().expect("an id");
        }
    };
    assert!(last > 256, "{last}");
    listener.signal();
    while listener.next().is_some() {}
    assert_eq!(listener.child.wait().expect("it is ours").code(), Some(0));
}

#[test]
fn output_that_is_never_read_does_not_keep_it_from_stopping() {
    let mut listener = Unread::start(&["--ephemeral"]);
    send(listener.to, 3200, &[b'x'; 1000]);
    let begin = std::time::Instant::now();
    listener.signal();
    assert_eq!(listener.child.wait().expect("it is ours").code(), Some(1));
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn closed_output_ends_it_quietly() {
    let mut listener = Unread::start(&["--ephemeral"]);
    // Nobody reads any more; that shows with the next line, not before.
    listener.stdout = None;
    let runtime = runtime();
    let answer = runtime.block_on(async {
        let mut sender = Sender::open(listener.to).await;
        sender.ask(request("POST /last", "", b"{}")).await
    });
    assert_eq!(answer.expect("an answer").status, 200);
    let status = listener.child.wait().expect("it is ours");
    assert_eq!(status.code(), Some(0), "{status}");
    let mut said = String::new();
    let stderr = listener.child.stderr.as_mut().expect("it is piped");
    stderr.read_to_string(&mut said).expect("UTF-8");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("Ready"), "{said}");
}
