//! A home folder with a store that a real listener has filled, and commands run in it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::listener::{Listener, cmhook, home};
use crate::support::sender::{Scheme, post, sign};
use crate::support::upstream::Upstream;

/// The secret of [`Place::fill`]'s listener, labelled `main`.
pub const SECRET: &str = "sentinel-secret";

/// What [`Place::fill`] sends: the body, and how it is signed (`None`: not at all;
/// `Some(false)`: wrongly).
pub const DELIVERIES: [(&str, Option<bool>); 5] = [
    (
        r#"{"event":"email.sent","timestamp":"2024-03-15T10:30:00Z","data":{"campaign_id":790,"contact_id":501,"email":"user@example.com","message_id":"msg_abc123"}}"#,
        Some(true),
    ),
    (
        r#"{"event":"email.opened","timestamp":"2024-03-15T11:45:00Z","data":{"campaign_id":790,"contact_id":502,"email":"zoé@example.com","url":"https:\/\/example.com\/a"}}"#,
        Some(true),
    ),
    (
        r#"{"event":"email.bounced","timestamp":"2024-03-15T11:46:00Z","data":{"campaign_id":791,"contact_id":503,"email":"gone@example.com","bounce_type":"hard"}}"#,
        Some(false),
    ),
    (
        r#"{"event":"campaign.sent","data":{"campaign_id":790}}"#,
        None,
    ),
    ("not json", Some(true)),
];

/// A home folder.
pub struct Place {
    home: Rc<TempDir>,
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ran {
    /// Its standard output as text.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("UTF-8")
    }

    /// Its standard output as one JSON value.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.text(), self.stderr))
    }

    /// The same, checked to have ended with this code.
    #[track_caller]
    pub fn coded(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            String::from_utf8_lossy(&self.stdout),
            self.stderr
        );
        self
    }
}

impl Place {
    /// An empty one, without a store.
    pub fn new() -> Self {
        Self {
            home: Rc::new(home()),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.home.path()
    }

    /// The default store's file.
    pub fn store(&self) -> PathBuf {
        self.path().join("data/cmhook/deliveries.db")
    }

    /// A listener on its default store, which goes on until it is stopped.
    #[track_caller]
    pub fn listener(&self, args: &[&str]) -> Listener {
        Listener::start_in(&self.home, args)
    }

    /// A command, to be started by the test itself.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = cmhook();
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CMHOOK_") {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .current_dir(self.path())
            .env("HOME", self.path())
            .env("CMHOOK_INSPECTOR", "0")
            .env("XDG_CONFIG_HOME", self.path().join("config"))
            .env("XDG_DATA_HOME", self.path().join("data"))
            .env("TZ", "UTC")
            .env("COLUMNS", "120")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, b"")
    }

    /// Runs a command to its end with this on its standard input.
    #[track_caller]
    pub fn run_with(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("cmhook starts");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let input = input.to_vec();
        // A command that does not read must not hold the test up.
        let writing = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("it ends");
        writing.join().expect("the writer ends");
        Ran {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Has a listener keep [`DELIVERIES`], which get the ids 1 to 5 and go to an app that
    /// answers 200, 500, 401, 200 and 200, and stops both.
    #[track_caller]
    pub fn fill(&self) {
        let app = app();
        self.fill_through(&app);
    }

    /// The same through an app that goes on.
    #[track_caller]
    pub fn fill_through(&self, app: &Upstream) {
        let secret = format!("main={SECRET}");
        let mut listener = self.listener(&["--forward", &app.target(), "--secret", &secret]);
        send_all(&mut listener);
        listener.stop();
    }
}

/// Sends [`DELIVERIES`] to a listener with an app, and waits until each is answered.
#[track_caller]
pub fn send_all(listener: &mut Listener) {
    for (body, signed) in DELIVERIES {
        let key = if signed == Some(false) {
            "wrong"
        } else {
            SECRET
        };
        let signature = signed.map(|_| sign(Scheme::CakemailHex, key, body));
        post(listener.address(), signature.as_ref(), body);
        let delivery = listener.delivery();
        listener.attempt(&delivery);
    }
}

/// An app that refuses `email.bounced` and fails at `email.opened`.
pub fn app() -> Upstream {
    Upstream::answering(|_, body| {
        let has = |part: &[u8]| body.windows(part.len()).any(|window| window == part);
        let (status, text) = if has(b"email.bounced") {
            (401, r#"{"error":"Invalid signature"}"#)
        } else if has(b"email.opened") {
            (500, "boom")
        } else {
            (200, "OK")
        };
        let mut answer = Response::new(Full::new(Bytes::from(text)));
        *answer.status_mut() = http::StatusCode::from_u16(status).expect("a status");
        answer
    })
}

/// What differs from run to run, made the same for a snapshot: times, durations, ports and
/// the home folder.
pub fn masked(text: &str, place: &Place) -> String {
    let text = text.replace(&place.path().display().to_string(), "HOME");
    let mut out = String::new();
    let mut rest = &*text;
    while let Some(c) = rest.chars().next() {
        let shapes: [(&str, &str); 3] = [
            ("dddd-dd-dd dd:dd:dd", "2026-11-24 10:32:07"),
            ("127.0.0.1:ddddd", "127.0.0.1:50000"),
            ("dd:dd:dd", "10:32:07"),
        ];
        let found = shapes.iter().find(|(shape, _)| fits(rest, shape));
        if let Some(length) = timestamp(rest) {
            out.push_str("2026-11-24T10:32:07.123456Z");
            rest = &rest[length..];
        } else if let Some((shape, mask)) = found {
            out.push_str(mask);
            rest = &rest[shape.len()..];
        } else if let Some(length) = duration(rest, &out) {
            out.push_str("12ms");
            rest = &rest[length..];
        } else {
            out.push(if c == '\x1b' { '␛' } else { c });
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

fn fits(text: &str, shape: &str) -> bool {
    let Some(bytes) = text.as_bytes().get(..shape.len()) else {
        return false;
    };
    bytes.iter().zip(shape.bytes()).all(|(byte, shape)| {
        if shape == b'd' {
            byte.is_ascii_digit()
        } else {
            *byte == shape
        }
    })
}

/// A time in JSON of now, which has as many decimals as it needs, up to six. Those of the
/// deliveries' own payloads have none.
fn timestamp(text: &str) -> Option<usize> {
    const SECONDS: &str = "dddd-dd-ddTdd:dd:dd.d";
    let rest = fits(text, SECONDS).then(|| &text[SECONDS.len()..])?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[digits..]
        .starts_with('Z')
        .then_some(SECONDS.len() + digits + 1)
}

fn duration(text: &str, before: &str) -> Option<usize> {
    if text.starts_with("<1ms") {
        return Some(4);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let starts = !before.ends_with(|c: char| c.is_ascii_alphanumeric() && c != 'm');
    (digits > 0 && starts && text[digits..].starts_with("ms")).then_some(digits + 2)
}
