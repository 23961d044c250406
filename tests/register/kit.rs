//! Listeners that register at a sandbox.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::listener::{Listener, cmhook, home, object};
use crate::support::process::Process;
use crate::support::sandbox::Sandbox;

/// A listener that registers these events.
#[track_caller]
pub fn registered(home: &Rc<TempDir>, sandbox: &Sandbox, events: &str, more: &[&str]) -> Listener {
    registered_at(home, &sandbox.url(), events, more)
}

/// The same at an API with this URL.
#[track_caller]
pub fn registered_at(home: &Rc<TempDir>, api: &str, events: &str, more: &[&str]) -> Listener {
    Listener::start_in(home, &[&own(api, events)[..], more].concat())
}

/// One with these variables in its environment.
#[track_caller]
pub fn registered_as(
    home: &Rc<TempDir>,
    sandbox: &Sandbox,
    events: &str,
    variables: &[(&str, &str)],
) -> Listener {
    Listener::start_with(home, &own(&sandbox.url(), events), variables)
}

const fn own<'a>(api: &'a str, events: &'a str) -> [&'a str; 6] {
    [
        "--ephemeral",
        "--register",
        "--events",
        events,
        "--api",
        api,
    ]
}

/// A listener that is being started, of which no `ready` object is awaited.
#[track_caller]
pub fn starting(home: &TempDir, sandbox: &Sandbox, events: &str, more: &[&str]) -> Process {
    starting_at(home, &sandbox.url(), events, more)
}

/// The same at an API with this URL.
#[track_caller]
pub fn starting_at(home: &TempDir, api: &str, events: &str, more: &[&str]) -> Process {
    let mut command = cmhook();
    command.args(["listen", "--listen", "127.0.0.1:0", "--json"]);
    command.args(own(api, events));
    Process::start(command.args(more), home.path())
}

/// A listener that did not start.
#[derive(Debug)]
pub struct Failed {
    pub code: Option<i32>,
    /// The objects that it wrote, the error last.
    pub objects: Vec<Value>,
    pub stderr: String,
    pub took: Duration,
}

impl Failed {
    pub fn error(&self) -> &Value {
        let error = self.objects.last().expect("an error");
        assert_eq!(error["type"], "error", "{self:?}");
        error
    }

    #[track_caller]
    pub fn says(&self, text: &str) {
        let message = self.error()["message"].as_str().expect("words");
        assert!(message.contains(text), "{message} does not say `{text}`");
    }

    #[track_caller]
    pub fn hints(&self, text: &str) {
        let hint = self.error()["hint"].as_str().expect("words");
        assert!(hint.contains(text), "{hint} does not say `{text}`");
    }
}

/// What comes of a listener that must not start.
#[track_caller]
pub fn failed(process: Process) -> Failed {
    let begin = Instant::now();
    let mut process = process;
    let status = process.wait();
    let objects: Vec<Value> = process.stdout.text().lines().map(object).collect();
    Failed {
        code: status.code(),
        objects,
        stderr: process.stderr.text(),
        took: begin.elapsed(),
    }
}

/// The sandbox's active webhooks, as `(event, id)`, by event.
#[track_caller]
pub fn active(sandbox: &Sandbox) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut active: Vec<_> = (sandbox.webhooks().iter())
        .filter(|webhook| webhook["status"] == "active")
        .map(|webhook| (text(&webhook["event"]), text(&webhook["id"])))
        .collect();
    active.sort();
    active
}

/// The files of runs that are not cleaned up.
pub fn files(home: &Path) -> Vec<PathBuf> {
    let folder = home.join("data/cmhook/registrations");
    let mut files: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|it| it == "json"))
        .collect();
    files.sort();
    files
}

/// Ids that are remembered.
pub fn remembered(home: &Path) -> Vec<String> {
    let book = home.join("data/cmhook/registrations/archived.jsonl");
    let text = fs::read_to_string(book).unwrap_or_default();
    let id = |line| object(line)["id"].as_str().map(str::to_owned);
    let mut ids: Vec<_> = text.lines().filter_map(id).collect();
    ids.sort();
    ids
}

/// The warnings among the objects.
pub fn warnings(text: &str) -> Vec<Value> {
    let objects = text.lines().map(object);
    objects
        .filter(|object| object["type"] == "warning")
        .collect()
}

/// Waits until that is so.
#[track_caller]
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "not {what} in time");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Has the sandbox do what the next such request asks for, and not answer it.
#[track_caller]
pub fn answer_never(sandbox: &Sandbox, method: &str, path: &str, after: bool) {
    sandbox.fault(&json!({
        "method": method, "path": path, "status": 200, "delay_ms": 600_000, "after": after,
    }));
}

/// Runs what a hint says between backticks.
#[track_caller]
pub fn run_hint(home: &Path, hint: &str) -> String {
    let command = hint.split('`').nth(1).expect("a command");
    assert!(command.starts_with("cmhook "), "{command}");
    let binary = Path::new(env!("CARGO_BIN_EXE_cmhook"));
    let folder = binary.parent().expect("a folder").display();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("sh")
        .args(["-c", command])
        .env("PATH", format!("{folder}:{path}"))
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_DATA_HOME", home.join("data"))
        .current_dir(home)
        .output()
        .expect("sh starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A home folder.
pub fn new_home() -> Rc<TempDir> {
    Rc::new(home())
}
