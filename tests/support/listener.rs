//! `cmhook listen`, the real one.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::process::Process;

/// A running listener on a free port, in a home folder of its own.
pub struct Listener {
    pub process: Process,
    address: SocketAddr,
    /// The `ready` object; null where it prints for people.
    pub ready: Value,
    home: Rc<TempDir>,
}

impl Listener {
    /// One that prints JSON lines, with these arguments besides.
    #[track_caller]
    pub fn start(args: &[&str]) -> Self {
        Self::start_in(&Rc::new(home()), args)
    }

    /// One that prints JSON lines, in a home folder that may have a history. Without
    /// `--store` or `--ephemeral` among the arguments its store is the default one there.
    #[track_caller]
    pub fn start_in(home: &Rc<TempDir>, args: &[&str]) -> Self {
        Self::start_as(home, listen(), args, &[])
    }

    /// The same, with these variables in its environment.
    #[track_caller]
    pub fn start_with(home: &Rc<TempDir>, args: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_as(home, listen(), args, variables)
    }

    /// The same, run by another program such as `strace`, which must become cmhook's process
    /// or leave it to be this one's child.
    #[track_caller]
    pub fn start_under(home: &Rc<TempDir>, wrapper: Command, args: &[&str]) -> Self {
        Self::start_as(home, under(wrapper), args, &[])
    }

    #[track_caller]
    fn start_as(
        home: &Rc<TempDir>,
        mut command: Command,
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        command.args(["--json"]).args(args);
        let mut process = Process::start_with(&mut command, home.path(), variables);
        let Some(line) = process.stdout.next() else {
            process.stderr.drain();
            panic!("it did not start: {}", process.stderr.text());
        };
        let ready = object(&line);
        assert_eq!(ready["type"], "ready", "the first line is {line}");
        assert_eq!(ready["v"], 1, "the first line is {line}");
        Self {
            address: address_of(&ready),
            process,
            ready,
            home: Rc::clone(home),
        }
    }

    /// One that prints lines for people, with these arguments besides.
    #[track_caller]
    pub fn start_for_a_person(args: &[&str]) -> Self {
        let args = [&["--ephemeral"], args].concat();
        Self::start_for_a_person_as(&Rc::new(home()), listen(), &args)
    }

    /// The same, run by another program, and with a store.
    #[track_caller]
    pub fn start_for_a_person_under(home: &Rc<TempDir>, wrapper: Command, args: &[&str]) -> Self {
        Self::start_for_a_person_as(home, under(wrapper), args)
    }

    #[track_caller]
    fn start_for_a_person_as(home: &Rc<TempDir>, mut command: Command, args: &[&str]) -> Self {
        command.args(args);
        let mut process = Process::start(&mut command, home.path());
        let address = process.stderr.find("`Ready` line", |line| {
            let url = line.split_whitespace().find(|w| w.starts_with("http://"))?;
            line.contains("Ready").then(|| address_in(url))
        });
        Self {
            process,
            address,
            ready: Value::Null,
            home: Rc::clone(home),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The next object of that type that it reports; those before it are passed over.
    #[track_caller]
    pub fn next(&mut self, kind: &str) -> Value {
        self.process.stdout.find(kind, |line| {
            let object = object(line);
            (object["type"] == kind).then_some(object)
        })
    }

    /// The next delivery that it reports.
    #[track_caller]
    pub fn delivery(&mut self) -> Value {
        self.next("delivery")
    }

    /// The first attempt at `delivery` that it reports.
    #[track_caller]
    pub fn attempt(&mut self, delivery: &Value) -> Value {
        let attempt = self.next("attempt");
        assert_eq!(attempt["delivery"], delivery["id"], "{attempt}");
        assert_eq!(attempt["n"], 1, "{attempt}");
        attempt
    }

    /// Waits for a line for people that contains `text`, and returns it.
    #[track_caller]
    pub fn prints(&mut self, text: &str) -> String {
        let what = format!("line with `{text}`");
        self.process
            .stdout
            .find(&what, |line| line.contains(text).then(|| line.to_owned()))
    }

    /// Stops it, and checks that it stops well. The `stopped` object, or null where it
    /// prints for people.
    #[track_caller]
    pub fn stop(mut self) -> Value {
        let status = self.process.terminate();
        let last = self.process.stdout.last().map(ToOwned::to_owned);
        assert_eq!(status.code(), Some(0), "{status}, after {last:?}");
        if self.ready.is_null() {
            return Value::Null;
        }
        let stopped = object(last.as_deref().unwrap_or_default());
        assert_eq!(stopped["type"], "stopped", "{stopped}");
        stopped
    }
}

/// A home folder for [`Listener::start_in`].
pub fn home() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// The command, without its settings.
pub fn cmhook() -> Command {
    Command::new(env!("CARGO_BIN_EXE_cmhook"))
}

fn listen() -> Command {
    let mut command = cmhook();
    command.args(LISTEN);
    command
}

fn under(mut wrapper: Command) -> Command {
    wrapper.arg(env!("CARGO_BIN_EXE_cmhook")).args(LISTEN);
    wrapper
}

const LISTEN: [&str; 5] = ["listen", "--listen", "127.0.0.1:0", "--color", "never"];

/// A listener that does not start.
#[derive(Debug)]
pub struct Refused {
    pub code: Option<i32>,
    /// The `error` object.
    pub error: Value,
    pub stderr: String,
    pub took: Duration,
}

/// What comes of a listener that must not start.
#[track_caller]
pub fn refused(home: &Path, args: &[&str]) -> Refused {
    refused_as(home, listen(), args, &[])
}

/// The same, run by another program.
#[track_caller]
pub fn refused_under(home: &Path, wrapper: Command, args: &[&str]) -> Refused {
    refused_as(home, under(wrapper), args, &[])
}

/// The same, of a copy of the program that `command` names already.
#[track_caller]
pub fn refused_copy(home: &Path, mut command: Command, args: &[&str]) -> Refused {
    command.args(LISTEN);
    refused_as(home, command, args, &[])
}

/// What comes of this command, with these arguments and variables besides.
#[track_caller]
pub fn refused_as(
    home: &Path,
    mut command: Command,
    args: &[&str],
    variables: &[(&str, &str)],
) -> Refused {
    let begin = Instant::now();
    let mut process = Process::start_with(command.arg("--json").args(args), home, variables);
    let Some(line) = process.stdout.next() else {
        let status = process.wait();
        panic!("{status}, and said only: {}", process.stderr.text());
    };
    let error = object(&line);
    assert_eq!(error["type"], "error", "it started, or so it says: {line}");
    let status = process.wait();
    let took = begin.elapsed();
    let stderr = process.stderr.text();
    Refused {
        code: status.code(),
        error,
        stderr,
        took,
    }
}

/// A line of JSON.
#[track_caller]
pub fn object(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"))
}

/// Where a listener listens, by its `ready` object.
#[track_caller]
pub fn address_of(ready: &Value) -> SocketAddr {
    address_in(ready["url"].as_str().expect("a URL in the first line"))
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
