//! cmhook as a child process whose every byte is kept as it came.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::masked::masked;
use crate::support::listener::{cmhook, home, object};

/// Only a failing test ever waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came out of a pipe or a terminal so far.
#[derive(Clone, Default)]
pub struct Tap(Arc<(Mutex<Taken>, Condvar)>);

#[derive(Default)]
struct Taken {
    bytes: Vec<u8>,
    ended: bool,
}

impl Tap {
    /// Reads `from` to its end, on a thread of its own.
    pub fn on(mut from: impl Read + Send + 'static) -> Self {
        let tap = Self::default();
        let shared = Arc::clone(&tap.0);
        std::thread::spawn(move || {
            let (taken, news) = &*shared;
            let mut buffer = vec![0; 64 << 10];
            loop {
                // A terminal that was closed is an error and not an end.
                let count = from.read(&mut buffer).unwrap_or(0);
                let mut taken = taken.lock().expect("no thread panics with it");
                taken.bytes.extend_from_slice(&buffer[..count]);
                taken.ended |= count == 0;
                news.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        tap
    }

    /// What came so far, once `enough` says so.
    #[track_caller]
    pub fn wait(&self, what: &str, mut enough: impl FnMut(&[u8], bool) -> bool) -> Vec<u8> {
        let (taken, news) = &*self.0;
        let deadline = Instant::now() + PATIENCE;
        let mut taken = taken.lock().expect("no thread panics with it");
        while !enough(&taken.bytes, taken.ended) {
            let left = deadline.saturating_duration_since(Instant::now());
            if taken.ended || left.is_zero() {
                let last = taken.bytes.len().saturating_sub(10_000);
                let text = String::from_utf8_lossy(&taken.bytes[last..]);
                panic!("no {what} came, ended: {}:\n{text}", taken.ended);
            }
            taken = news
                .wait_timeout(taken, left)
                .expect("no thread panics with it")
                .0;
        }
        taken.bytes.clone()
    }

    /// Waits until that text came; everything so far.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        self.wait_for_times(text, 1)
    }

    /// Waits until that text came so many times; everything so far.
    #[track_caller]
    pub fn wait_for_times(&self, text: &str, times: usize) -> String {
        let what = format!("`{text}`, {times} times,");
        // A line of megabytes comes in small pieces, so no byte is looked at twice.
        let (mut line, mut searched, mut found) = (0, 0, 0);
        let seen = self.wait(&what, |bytes, _| {
            while let Some(length) = bytes[searched..].iter().position(|b| *b == b'\n') {
                searched += length + 1;
                found += String::from_utf8_lossy(&bytes[line..searched])
                    .matches(text)
                    .count();
                line = searched;
            }
            searched = bytes.len();
            found >= times && line == searched
        });
        String::from_utf8_lossy(&seen).into_owned()
    }

    /// Everything, once it has ended.
    #[track_caller]
    pub fn all(&self) -> Vec<u8> {
        self.wait("end", |_, ended| ended)
    }
}

/// A running cmhook.
pub struct Captured {
    child: Child,
    pub out: Tap,
    pub err: Tap,
}

impl Captured {
    /// Starts `command` in `home`, with no settings but those that `command` gives it.
    pub fn start(command: &mut Command, home: &Path) -> Self {
        let mut child = command
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Self {
            out: Tap::on(child.stdout.take().expect("stdout is piped")),
            err: Tap::on(child.stderr.take().expect("stderr is piped")),
            child,
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits until it has ended, and says how, with all that it wrote.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        let (out, err) = (self.out.all(), self.err.all());
        let status = self.child.wait().expect("the process is ours to wait for");
        Ended { status, out, err }
    }

    /// Stops it, and checks that it stops well.
    #[track_caller]
    pub fn stop(self) -> Ended {
        self.signal("TERM");
        let ended = self.end();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.text());
        ended
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal, such as `TERM`.
#[track_caller]
pub fn signal(process: u32, name: &str) {
    let kill = format!("kill -{name} {process}");
    let signalled = Command::new("sh").args(["-c", &kill]).status();
    assert!(signalled.expect("sh starts").success(), "{kill}");
}

/// Waits for the end of a child that nothing is read from.
#[track_caller]
pub fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("the process is ours to wait for") {
            return status;
        }
        assert!(Instant::now() < deadline, "it does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until that comes true.
#[track_caller]
pub fn until(what: &str, mut true_now: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !true_now() {
        assert!(Instant::now() < deadline, "{what} does not come true");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A cmhook that has ended.
pub struct Ended {
    pub status: ExitStatus,
    pub out: Vec<u8>,
    pub err: Vec<u8>,
}

impl Ended {
    #[track_caller]
    pub fn stdout(&self) -> &str {
        std::str::from_utf8(&self.out).expect("standard output is UTF-8")
    }

    #[track_caller]
    pub fn stderr(&self) -> &str {
        std::str::from_utf8(&self.err).expect("standard error is UTF-8")
    }

    /// Both, to show when a test fails.
    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy;
        format!("{}\n{}{}", self.status, text(&self.out), text(&self.err))
    }

    /// Standard output as JSON lines, of which there is nothing else.
    #[track_caller]
    pub fn objects(&self) -> Vec<Value> {
        self.stdout().lines().map(object).collect()
    }
}

/// A command that sees nothing of the settings of whoever runs the tests.
pub fn command(home: &Path) -> Command {
    let mut command = cmhook();
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CMHOOK_") {
            command.env_remove(name);
        }
    }
    command
        .env_remove("NO_COLOR")
        .env("TERM", "xterm-256color")
        .env("TZ", "UTC")
        .env("CMHOOK_INSPECTOR", "0")
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_DATA_HOME", home.join("data"));
    command
}

/// Another program with the environment of [`command`].
pub fn around(program: &str, home: &Path) -> Command {
    let mut other = Command::new(program);
    for (name, value) in command(home).get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    other
}

/// A shell with the environment of [`command`] that becomes cmhook with `exec`, after
/// `before` and with these arguments and redirections.
pub fn shell(home: &Path, before: &str, args: &str) -> Command {
    let mut shell = around("sh", home);
    let cmhook = env!("CARGO_BIN_EXE_cmhook");
    shell.args(["-c", &format!("{before} exec {cmhook} {args}")]);
    shell
}

/// Runs to its end, in a home of its own.
#[track_caller]
pub fn run(args: &[&str]) -> Ended {
    let home = home();
    Captured::start(command(home.path()).args(args), home.path()).end()
}

/// A listener on a free port.
pub struct Listening {
    pub process: Captured,
    pub address: SocketAddr,
    pub home: Rc<TempDir>,
}

impl Listening {
    /// One that keeps in memory, with these arguments besides.
    #[track_caller]
    pub fn start(args: &[&str]) -> Self {
        Self::start_in(home(), &[&["--ephemeral"], args].concat(), |_| {})
    }

    /// One in a home that may hold something, with a command that may be changed.
    #[track_caller]
    pub fn start_in(home: TempDir, args: &[&str], change: impl FnOnce(&mut Command)) -> Self {
        let mut command = command(home.path());
        command
            .args(["listen", "--listen", "127.0.0.1:0"])
            .args(args);
        change(&mut command);
        let process = Captured::start(&mut command, home.path());
        let said = process.err.wait_for("Ready");
        Self {
            process,
            address: address_in(&said),
            home: Rc::new(home),
        }
    }

    /// Standard error and standard output once it has stopped, with what differs from run
    /// to run masked; `app` is the port of the app that it forwarded to.
    #[track_caller]
    pub fn shown(self, app: Option<u16>) -> String {
        let (port, home) = (self.address.port(), self.home.path().to_owned());
        let ended = self.process.stop();
        let mut text = format!("{}~~~\n{}", ended.stderr(), ended.stdout())
            .replace(&format!(":{port}"), ":4400")
            .replace(&*home.to_string_lossy(), "/home/ada");
        if let Some(app) = app {
            text = text.replace(&format!(":{app}"), ":3000");
        }
        masked(&text)
    }
}

/// A cmhook whose standard output is read up to its first line, and then only when the test
/// says so.
pub struct StalledReader {
    pub child: Child,
    pub address: SocketAddr,
    pub stdout: Option<BufReader<ChildStdout>>,
}

impl StalledReader {
    pub fn start(command: &mut Command, stderr: Stdio) -> Self {
        command.stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().expect("cmhook starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a first line");
        let ready = object(&line);
        let url = ready["url"].as_str().expect("a URL");
        let authority = url.trim_start_matches("http://").trim_end_matches('/');
        Self {
            address: authority.parse().expect("an address"),
            child,
            stdout: Some(stdout),
        }
    }

    pub fn read_on(&mut self) -> Tap {
        Tap::on(self.stdout.take().expect("it was not read before"))
    }
}

impl Drop for StalledReader {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in the `Ready` line.
#[track_caller]
pub fn address_in(said: &str) -> SocketAddr {
    let url = said.split("Ready").nth(1).and_then(|rest| {
        let from = rest.find("http://")? + "http://".len();
        rest[from..].split('/').next()
    });
    url.and_then(|authority| authority.parse().ok())
        .unwrap_or_else(|| panic!("no address in {said}"))
}

/// Says that a test cannot be run here, or fails if all must be there.
#[track_caller]
pub fn skipped(what: &str) {
    let line = format!("skipped: needs {what} (run ./tests/run)");
    let required = std::env::var_os("CMHOOK_TESTS_REQUIRE_ALL").is_some_and(|value| value == "1");
    assert!(!required, "{line}");
    eprintln!("{line}");
}
