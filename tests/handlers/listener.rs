//! `cmhook listen`, the real one.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::Process;

/// A listener that forwards to one app and keeps in memory.
pub struct Listener {
    process: Process,
    address: SocketAddr,
    _home: TempDir,
}

impl Listener {
    /// One that prints JSON lines.
    #[track_caller]
    pub fn start(app: u16, secret: &str) -> Self {
        let (mut process, home) = spawn(app, secret, &["--json"]);
        let line = process.stdout.next().expect("a first line on stdout");
        let ready = object(&line);
        assert_eq!(ready["type"], "ready", "the first line is {line}");
        assert_eq!(ready["v"], 1, "the first line is {line}");
        let address = address_in(ready["url"].as_str().expect("a URL in the first line"));
        Self {
            process,
            address,
            _home: home,
        }
    }

    /// One that prints lines for people.
    #[track_caller]
    pub fn start_for_a_person(app: u16, secret: &str) -> Self {
        let (mut process, home) = spawn(app, secret, &[]);
        // The address is named somewhere in the block that the `Ready` line ends.
        let address = process.stderr.find("URL to send to", |line| {
            line.split_whitespace()
                .filter(|word| word.starts_with("http://127.0.0.1:"))
                .map(address_in)
                .find(|address| address.port() != app)
        });
        process
            .stderr
            .find("`Ready` line", |line| line.contains("Ready").then_some(()));
        Self {
            process,
            address,
            _home: home,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next delivery that it reports.
    #[track_caller]
    pub fn delivery(&mut self) -> Value {
        self.process.stdout.find("delivery", |line| {
            let object = object(line);
            (object["type"] == "delivery").then_some(object)
        })
    }

    /// The first attempt at `delivery` that it reports.
    #[track_caller]
    pub fn attempt(&mut self, delivery: &Value) -> Value {
        let attempt = self.process.stdout.find("attempt", |line| {
            let object = object(line);
            (object["type"] == "attempt").then_some(object)
        });
        assert_eq!(attempt["delivery"], delivery["id"], "{attempt}");
        assert_eq!(attempt["n"], 1, "{attempt}");
        attempt
    }

    /// The next line for people that contains `text`.
    #[track_caller]
    pub fn prints(&mut self, text: &str) -> String {
        self.process
            .stdout
            .find(&format!("line with `{text}`"), |line| {
                line.contains(text).then(|| line.to_owned())
            })
    }

    /// Stops it, and checks that it stops well.
    #[track_caller]
    pub fn stop(mut self) {
        let status = self.process.terminate();
        assert_eq!(
            status.code(),
            Some(0),
            "{status}, after {:?}",
            self.process.stdout.last()
        );
    }
}

fn spawn(app: u16, secret: &str, more: &[&str]) -> (Process, TempDir) {
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cmhook"));
    command
        .args(["listen", "--listen", "127.0.0.1:0", "--secret", secret])
        .args(["--forward", &format!("127.0.0.1:{app}")])
        .args(["--ephemeral", "--color", "never"])
        .args(more);
    (Process::start(&mut command, home.path()), home)
}

#[track_caller]
fn object(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"))
}

#[track_caller]
fn address_in(url: &str) -> SocketAddr {
    let rest = url
        .strip_prefix("http://")
        .unwrap_or_else(|| panic!("no http URL: {url}"));
    let authority = rest.split('/').next().unwrap_or_default();
    authority
        .parse()
        .unwrap_or_else(|error| panic!("no address in {url}: {error}"))
}
