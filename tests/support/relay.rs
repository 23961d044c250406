//! `cmhook relay serve`, the real one, and listeners that connect to it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use serde_json::Value;
use tempfile::TempDir;

use super::listener::{Listener, cmhook, home, object};
use super::process::Process;
use super::raw::{Message, ask, request};

/// A running relay, in a home folder of its own.
pub struct Relay {
    pub process: Process,
    /// The `ready` object.
    pub ready: Value,
    args: Vec<String>,
    home: Rc<TempDir>,
}

impl Relay {
    /// One on a free port that wants tokens, with these arguments besides.
    #[track_caller]
    pub fn start(args: &[&str]) -> Self {
        Self::start_in(&Rc::new(home()), args)
    }

    /// One that lets agents in without a token.
    #[track_caller]
    pub fn open(args: &[&str]) -> Self {
        Self::start(&[&["--open"], args].concat())
    }

    /// One in a home folder that may have a history.
    #[track_caller]
    pub fn start_in(home: &Rc<TempDir>, args: &[&str]) -> Self {
        Self::start_at(home, "127.0.0.1:0", args)
    }

    /// The same, on this address.
    #[track_caller]
    pub fn start_at(home: &Rc<TempDir>, listen: &str, args: &[&str]) -> Self {
        Self::start_as(home, cmhook(), listen, args)
    }

    /// The same, run by another program, which must become cmhook's process.
    #[track_caller]
    pub fn start_under(
        home: &Rc<TempDir>,
        mut wrapper: Command,
        listen: &str,
        args: &[&str],
    ) -> Self {
        wrapper.arg(env!("CARGO_BIN_EXE_cmhook"));
        Self::start_as(home, wrapper, listen, args)
    }

    #[track_caller]
    fn start_as(home: &Rc<TempDir>, mut command: Command, listen: &str, args: &[&str]) -> Self {
        command.args(["relay", "serve", "--json", "--listen", listen]);
        command.args(["--metrics", "127.0.0.1:0"]);
        command.args(["--data", "relay"]).args(args);
        let mut process = Process::start(&mut command, home.path());
        let Some(line) = process.stdout.next() else {
            process.stderr.drain();
            panic!("it did not start: {}", process.stderr.text());
        };
        let ready = object(&line);
        assert_eq!(ready["type"], "ready", "the first line is {line}");
        Self {
            process,
            ready,
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            home: Rc::clone(home),
        }
    }

    /// Kills it, as `kill -9` does, and starts it again where it was.
    #[track_caller]
    pub fn kill_and_restart(self) -> Self {
        let mut killed = self;
        killed.process.kill();
        killed.start_again()
    }

    /// Starts it again, after it has ended, where it was.
    #[track_caller]
    pub fn start_again(&self) -> Self {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        Self::start_at(&self.home, &self.address().to_string(), &args)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        let listen = self.ready["listen"].as_str().expect("an address");
        listen.parse().expect("an address")
    }

    /// Its home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs a command of the relay's operator, `cmhook relay ...`, and returns what it
    /// prints.
    #[track_caller]
    pub fn command(&self, args: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_cmhook"))
            .arg("relay")
            .args(args)
            .args(["--data", "relay"])
            .current_dir(self.home.path())
            .output()
            .expect("cmhook starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {stderr}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// A new token for these names, which the relay knows already.
    #[track_caller]
    pub fn token(&self, label: &str, names: &[&str]) -> String {
        let token = self.make_token(label, names);
        let fields = format!("Cmhook-Protocol: 1\r\nAuthorization: Bearer {token}\r\n");
        let answer = self.ask("GET /connect", &fields, b"");
        assert_eq!(answer.status(), 200, "{}", answer.text());
        token
    }

    /// A new token for these names.
    #[track_caller]
    pub fn make_token(&self, label: &str, names: &[&str]) -> String {
        let mut args = vec!["token", "create", label];
        for name in names {
            args.extend(["--name", name]);
        }
        self.command(&args).trim().to_owned()
    }

    /// Its metrics, as text.
    #[track_caller]
    pub fn metrics(&self) -> String {
        let url = self.ready["metrics"].as_str().expect("metrics are on");
        let at = url.strip_prefix("http://").expect("an http URL");
        let at = at.strip_suffix("/metrics").expect("its path");
        let at = at.parse().expect("an address");
        ask(at, request("GET /metrics", "", b"")).text()
    }

    /// Sends a request to the public side: `POST /t/shop`, with these lines of fields
    /// besides `Host` and the length.
    #[track_caller]
    pub fn ask(&self, line: &str, fields: &str, body: &[u8]) -> Message {
        ask(self.address(), self.request(line, fields, body))
    }

    /// The bytes of such a request.
    pub fn request(&self, line: &str, fields: &str, body: &[u8]) -> Vec<u8> {
        let (address, length) = (self.address(), body.len());
        let head = format!("{line} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n");
        [head.as_bytes(), fields.as_bytes(), b"\r\n", body].concat()
    }

    /// A listener that connects with this token and these arguments besides, once it is
    /// online.
    #[track_caller]
    pub fn agent(&self, token: Option<&str>, args: &[&str]) -> Listener {
        self.agent_in(&Rc::new(home()), token, args)
    }

    /// The same in a home folder that may have a history.
    #[track_caller]
    pub fn agent_in(&self, home: &Rc<TempDir>, token: Option<&str>, args: &[&str]) -> Listener {
        let url = self.ready["url"].as_str().expect("its URL").to_owned();
        let args = [&["--relay", &*url], args].concat();
        let token = token.map(|token| ("CMHOOK_RELAY_TOKEN", token));
        let variables: Vec<_> = token.into_iter().collect();
        Listener::start_with(home, &args, &variables)
    }
}

/// The path under which a listener is reached at its relay, where URLs have the name in the
/// path.
#[track_caller]
pub fn public_path(listener: &Listener) -> String {
    let url = listener.ready["public_url"].as_str().expect("it is online");
    let at = url.find("/t/").expect("a URL with the name in its path");
    url[at..].to_owned()
}
