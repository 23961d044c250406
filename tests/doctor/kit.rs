//! A home folder, the doctor run in it, and an app that checks signatures.

use std::path::Path;
use std::process::Stdio;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cmhook::store::Reader;
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::listener::{Listener, cmhook, home};
use crate::support::raw::RawApp;
use crate::support::sender::{Scheme, sign};
use crate::support::upstream::{Answer, Upstream};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What no output may hold.
pub const SECRET: &str = "sentinel-secret";

/// A home folder.
pub struct Place {
    pub home: Rc<TempDir>,
}

/// What the doctor said.
#[derive(Debug)]
pub struct Report {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        Self {
            home: Rc::new(home()),
        }
    }

    pub fn path(&self) -> &Path {
        self.home.path()
    }

    /// A file in it.
    #[track_caller]
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// A listener on its store.
    #[track_caller]
    pub fn listener(&self, args: &[&str]) -> Listener {
        Listener::start_in(&self.home, args)
    }

    /// Waits until the store says that the delivery was answered: the listener says so first.
    #[track_caller]
    pub fn until_answered(&self, id: u64) {
        let path = self.path().join("data/cmhook/deliveries.db");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let read = Reader::open(&path).and_then(|reader| reader.all());
            let mut kept = read.iter().flat_map(|read| &read.kept);
            if kept.any(|one| one.delivery.id == id && !one.attempts.is_empty()) {
                return;
            }
            assert!(Instant::now() < deadline, "{id} is not answered: {read:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The doctor with these arguments.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Report {
        self.run_with(args, &[])
    }

    /// The same with these variables.
    #[track_caller]
    pub fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Report {
        let mut command = cmhook();
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("CMHOOK_") || name.starts_with("CAKEMAIL_") {
                command.env_remove(name);
            }
        }
        let output = command
            .arg("doctor")
            .args(args)
            .current_dir(self.path())
            .env("HOME", self.path())
            .env("XDG_CONFIG_HOME", self.path().join("config"))
            .env("XDG_DATA_HOME", self.path().join("data"))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .expect("cmhook starts");
        let report = Report {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        };
        for text in [&report.stdout, &report.stderr] {
            for hidden in [SECRET, "cmr_", "ck_pat_"] {
                assert!(!text.contains(hidden), "{hidden} is shown: {text}");
            }
        }
        report
    }

    /// The same as JSON, with the code that it must end with.
    #[track_caller]
    pub fn checks(&self, args: &[&str], code: i32) -> Checks {
        self.checks_with(args, &[], code)
    }

    /// The same with these variables.
    #[track_caller]
    pub fn checks_with(&self, args: &[&str], variables: &[(&str, &str)], code: i32) -> Checks {
        let args = [args, &["--json"]].concat();
        let report = self.run_with(&args, variables);
        assert_eq!(
            report.code,
            Some(code),
            "{} {}",
            report.stdout,
            report.stderr
        );
        let lines = report.stdout.lines();
        let all = lines.map(|line| serde_json::from_str(line).expect("JSON"));
        Checks(all.collect())
    }
}

/// Its objects.
#[derive(Debug)]
pub struct Checks(pub Vec<Value>);

impl Checks {
    /// The first check of that id.
    #[track_caller]
    pub fn one(&self, id: &str) -> &Value {
        let found = self.0.iter().find(|check| check["id"] == id);
        found.unwrap_or_else(|| panic!("no {id} in {self:#?}"))
    }

    /// That it came out so, with this in what was found.
    #[track_caller]
    pub fn is(&self, id: &str, status: &str, found: &str) -> &Self {
        let check = self.one(id);
        assert_eq!(check["status"], status, "{check:#}");
        let text = check["found"].as_str().expect("a text");
        assert!(text.contains(found), "`{found}` is not in {check:#}");
        self
    }

    /// That this is in its cure.
    #[track_caller]
    pub fn cure(&self, id: &str, cure: &str) -> &Self {
        let check = self.one(id);
        let text = check["cure"].as_str().unwrap_or_default();
        assert!(text.contains(cure), "`{cure}` is not in {check:#}");
        self
    }
}

/// An app that takes what is signed with that secret in one of these schemes, and answers 401
/// to all else.
pub fn app(secret: &str, schemes: &[Scheme]) -> Upstream {
    let (secret, schemes) = (secret.to_owned(), schemes.to_vec());
    Upstream::answering(move |parts, body| {
        let is_right = schemes
            .iter()
            .any(|scheme| is_signed(parts, body, &secret, *scheme));
        answer(if is_right { 200 } else { 401 })
    })
}

/// Whether it is signed with that secret in that scheme.
pub fn is_signed(parts: &Parts, body: &Bytes, secret: &str, scheme: Scheme) -> bool {
    let (name, value) = sign(scheme, secret, body);
    parts
        .headers
        .get(name)
        .is_some_and(|given| *given == *value)
}

/// An answer of that status alone.
pub fn answer(status: u16) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
    answer
}

/// What differs from run to run, made the same for a snapshot.
pub fn masked(text: &str, place: &Place, other: &[(&str, &str)]) -> String {
    let mut text = text.replace(&place.path().display().to_string(), "HOME");
    for (found, mask) in other {
        text = text.replace(found, mask);
    }
    let mut out = String::new();
    let mut rest = &*text;
    while let Some(c) = rest.chars().next() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let is_time = after.starts_with("ms")
            || after.starts_with(" kB")
            || after.starts_with('.') && after.contains(" kB");
        if digits > 0
            && (after.starts_with("ms")
                || out.ends_with("process ")
                || out.ends_with("127.0.0.1:")
                || out.ends_with("localhost:"))
        {
            out.push('N');
            rest = after;
        } else if digits > 0 && is_time && out.ends_with(", ") {
            out.push_str("N kB");
            rest = after.split_once(" kB").map_or("", |(_, rest)| rest);
        } else if digits > 0 {
            out.push_str(number);
            rest = after;
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out.replace("<Nms", "Nms")
}

#[test]
fn a_duration_below_a_millisecond_is_masked_like_any_other() {
    let masks = |text| masked(text, &Place::new(), &[]);
    assert_eq!(masks("within <1ms (a), 12ms"), "within Nms (a), Nms");
}

/// Something that answers everything with these very bytes.
pub fn saying(text: &'static str) -> RawApp {
    RawApp::answering(move |_| text.as_bytes().to_vec())
}
