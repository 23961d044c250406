//! `cmhook sandbox`, the real one.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::listener::{address_of, cmhook, home, object};
use super::process::Process;
use super::raw::{Message, ask};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A token that every sandbox takes.
pub const TOKEN: &str = cmhook::cakemail::sandbox::ACCESS_TOKEN;

/// A running sandbox on a free port, in a home folder of its own. It is killed when it goes
/// out of scope.
pub struct Sandbox {
    pub process: Process,
    /// The `ready` object.
    pub ready: Value,
    address: SocketAddr,
    args: Vec<String>,
    home: Rc<TempDir>,
}

impl Sandbox {
    /// One that keeps its state in memory, with these arguments besides.
    #[track_caller]
    pub fn start(args: &[&str]) -> Self {
        Self::start_in(&Rc::new(home()), &[&["--ephemeral"], args].concat())
    }

    /// One in a home folder that may have a history.
    #[track_caller]
    pub fn start_in(home: &Rc<TempDir>, args: &[&str]) -> Self {
        Self::start_at(home, "127.0.0.1:0", args)
    }

    /// One that another command starts, which takes it and its arguments after its own.
    #[track_caller]
    pub fn start_under(home: &Rc<TempDir>, wrapper: Command, args: &[&str]) -> Self {
        let mut command = wrapper;
        command.arg(env!("CARGO_BIN_EXE_cmhook"));
        Self::start_as(command, home, "127.0.0.1:0", args)
    }

    #[track_caller]
    fn start_at(home: &Rc<TempDir>, listen: &str, args: &[&str]) -> Self {
        Self::start_as(cmhook(), home, listen, args)
    }

    #[track_caller]
    fn start_as(mut command: Command, home: &Rc<TempDir>, listen: &str, args: &[&str]) -> Self {
        command.args(["sandbox", "--json", "--listen", listen]);
        let mut process = Process::start(command.args(args), home.path());
        let Some(line) = process.stdout.next() else {
            process.stderr.drain();
            panic!("it did not start: {}", process.stderr.text());
        };
        let ready = object(&line);
        assert_eq!(ready["type"], "ready", "the first line is {line}");
        Self {
            process,
            address: address_of(&ready),
            ready,
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            home: Rc::clone(home),
        }
    }

    /// Kills it, as `kill -9` does, and starts it again where it was.
    #[track_caller]
    pub fn kill_and_restart(mut self) -> Self {
        self.process.kill();
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        Self::start_at(&self.home, &self.address.to_string(), &args)
    }

    /// The base of its API.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Its answer to a request with the token that it always takes; `body` is JSON or null.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Message {
        let authorization = format!("Bearer {TOKEN}");
        let fields = [
            ("Authorization", &*authorization),
            ("Content-Type", "application/json"),
        ];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.ask_with(method, path, &fields, body.as_bytes())
    }

    /// The same with these headers and this body alone.
    #[track_caller]
    pub fn ask_with(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> Message {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.address,
            fields.concat(),
            body.len()
        );
        ask(self.address, [head.as_bytes(), body].concat())
    }

    /// What it answers in JSON, which must be that it is fine.
    #[track_caller]
    pub fn fine(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.ask(method, path, body);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status(), 200, "{method} {path}: {text}");
        object(&text)
    }

    /// Registers a webhook, and returns its id and its key.
    #[track_caller]
    pub fn register(&self, event: &str, url: &str) -> (String, String) {
        self.register_with(&json!({ "event": event, "url": url }))
    }

    /// The same of this body.
    #[track_caller]
    pub fn register_with(&self, body: &Value) -> (String, String) {
        let made = self.fine("POST", "/webhooks", body);
        let id = made["id"].as_str().expect("an id").to_owned();
        let whole = self.fine("GET", &format!("/webhooks/{id}"), &Value::Null);
        let key = whole["signature"]["key"].as_str().expect("a key");
        (id, key.to_owned())
    }

    /// All webhooks of its account, archived ones too.
    #[track_caller]
    pub fn webhooks(&self) -> Vec<Value> {
        let path = "/webhooks?with_archived=true&per_page=100";
        list(self.fine("GET", path, &Value::Null))
    }

    /// Fires an event, and returns the ids of its deliveries.
    #[track_caller]
    pub fn fire(&self, event: &str) -> Vec<String> {
        self.fire_with(&json!({ "event": event }))
    }

    /// The same of this body.
    #[track_caller]
    pub fn fire_with(&self, body: &Value) -> Vec<String> {
        let fired = self.fine("POST", "/sandbox/events", body);
        let events = fired["events"].as_array().expect("events");
        let ids = events
            .iter()
            .flat_map(|event| event["deliveries"].as_array().expect("ids"));
        ids.map(|id| id.as_str().expect("an id").to_owned())
            .collect()
    }

    /// All deliveries, the newest first.
    #[track_caller]
    pub fn deliveries(&self) -> Vec<Value> {
        list(self.fine("GET", "/sandbox/deliveries?limit=10000", &Value::Null))
    }

    /// A delivery with its tries.
    #[track_caller]
    pub fn delivery(&self, id: &str) -> Value {
        self.fine("GET", &format!("/sandbox/deliveries/{id}"), &Value::Null)
    }

    /// Waits until the delivery is like that.
    #[track_caller]
    pub fn wait(&self, id: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let delivery = self.delivery(id);
            if is_so(&delivery) {
                return delivery;
            }
            assert!(Instant::now() < deadline, "not {what} in time: {delivery}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until nothing more becomes of the delivery, and checks what has.
    #[track_caller]
    pub fn becomes(&self, id: &str, outcome: &str) -> Value {
        let ended = self.wait(id, "finished", |one| one["outcome"] != "pending");
        assert_eq!(ended["outcome"], outcome, "{ended}");
        ended
    }

    /// Has the next call that matches be answered so.
    #[track_caller]
    pub fn fault(&self, fault: &Value) {
        self.fine("POST", "/sandbox/faults", fault);
    }

    /// The next object of that type that it reports; those before it are passed over.
    #[track_caller]
    pub fn next(&mut self, kind: &str) -> Value {
        self.process.stdout.find(kind, |line| {
            let object = object(line);
            (object["type"] == kind).then_some(object)
        })
    }

    /// Runs `cmhook sandbox …` against it.
    #[track_caller]
    pub fn command(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cmhook"));
        command
            .arg("sandbox")
            .args(args)
            .args(["--api", &self.url()]);
        command.current_dir(self.home.path());
        for name in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "CAKEMAIL_API_BASE"] {
            command.env_remove(name);
        }
        command.env("HOME", self.home.path());
        command.output().expect("cmhook starts")
    }
}

#[track_caller]
fn list(mut answer: Value) -> Vec<Value> {
    match answer["data"].take() {
        Value::Array(items) => items,
        other => panic!("no list: {other}"),
    }
}
