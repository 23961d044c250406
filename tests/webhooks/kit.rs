//! A user's home folder, commands run in it, and a terminal.

use std::io::{Read as _, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::listener::{cmhook, home};

/// Only a failing test ever waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The URL of webhooks that nothing is ever sent to.
pub const URL: &str = "https://shop.example.com/webhooks/cakemail";

/// A home folder, and the API that its user works with.
pub struct Place {
    pub home: Rc<TempDir>,
    variables: Vec<(String, String)>,
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Ran {
    /// The same, checked to have ended with this code.
    #[track_caller]
    pub fn coded(self, code: i32) -> Self {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{stdout}\nstderr:\n{stderr}"
        );
        self
    }

    /// Its standard output as one JSON value.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.stdout, self.stderr))
    }

    /// Its rows between tabs.
    pub fn rows(&self) -> Vec<Vec<&str>> {
        let lines = self.stdout.lines();
        lines.map(|line| line.split('\t').collect()).collect()
    }

    /// That it says this on standard error.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "no `{text}` in:\n{}",
            self.stderr
        );
        self
    }
}

impl Place {
    /// One whose API has this URL.
    pub fn new(api: impl Into<String>) -> Self {
        Self {
            home: Rc::new(home()),
            variables: vec![("CAKEMAIL_API_BASE".into(), api.into())],
        }
    }

    /// The same user with a variable more.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut variables = self.variables.clone();
        variables.push((name.into(), value.into()));
        Self {
            home: Rc::clone(&self.home),
            variables,
        }
    }

    pub fn path(&self) -> &Path {
        self.home.path()
    }

    /// The file with the logins.
    pub fn logins(&self) -> String {
        let path = self.path().join("config/cmhook/logins.toml");
        std::fs::read_to_string(path).unwrap_or_default()
    }

    /// A command, to be started by the test itself.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = cmhook();
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy().to_ascii_uppercase();
            let is_setting = text.starts_with("CMHOOK_")
                || text.starts_with("CAKEMAIL_")
                || text.ends_with("_PROXY")
                || text.starts_with("SSL_CERT_");
            if is_setting {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .current_dir(self.path())
            .env("HOME", self.path())
            .env("XDG_CONFIG_HOME", self.path().join("config"))
            .env("XDG_DATA_HOME", self.path().join("data"))
            .env("TZ", "UTC")
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts a command, whose output is read once it has ended.
    #[track_caller]
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).spawn().expect("cmhook starts")
    }

    /// Runs a command to its end.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, "")
    }

    /// Runs a command to its end with this on its standard input.
    #[track_caller]
    pub fn run_with(&self, args: &[&str], input: &str) -> Ran {
        let began = Instant::now();
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .spawn()
            .expect("cmhook starts");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        // One that reads nothing closes it.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        end(child, began)
    }

    /// `cmhook webhooks …`.
    #[track_caller]
    pub fn webhooks(&self, args: &[&str]) -> Ran {
        self.run(&[&["webhooks"], args].concat())
    }

    /// Makes webhooks at [`URL`] and gives their ids.
    #[track_caller]
    pub fn create(&self, events: &str, args: &[&str]) -> Vec<String> {
        let args = [&["create", "-u", URL, "-e", events], args].concat();
        let ran = self.webhooks(&args).coded(0);
        ran.rows().iter().map(|row| row[0].to_owned()).collect()
    }

    /// Opens a terminal of so many columns with a command on it.
    #[track_caller]
    pub fn terminal(&self, columns: u16, args: &[&str]) -> Terminal {
        self.terminal_of(columns, &self.command(args))
    }

    /// The same of a shell's script, whose `$0` is cmhook.
    #[track_caller]
    pub fn shell(&self, columns: u16, script: &str) -> Terminal {
        let clean = self.command(&[]);
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).arg(clean.get_program());
        for (name, value) in clean.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        self.terminal_of(columns, &shell)
    }

    #[track_caller]
    fn terminal_of(&self, columns: u16, clean: &Command) -> Terminal {
        let size = PtySize {
            rows: 24,
            cols: columns,
            ..PtySize::default()
        };
        let pair = native_pty_system().openpty(size).expect("a terminal");
        let mut builder = CommandBuilder::new(clean.get_program());
        builder.args(clean.get_args());
        builder.cwd(self.path());
        for (name, value) in clean.get_envs() {
            match value {
                Some(value) => builder.env(name, value),
                None => builder.env_remove(name),
            }
        }
        builder.env("TERM", "xterm-256color");
        builder.env("NO_COLOR", "1");
        let before = echoes(&*pair.master);
        let child = pair.slave.spawn_command(builder).expect("cmhook starts");
        let shown = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let into = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            // A terminal whose other end is gone gives an error in place of an end.
            while let Ok(length) = reader.read(&mut part) {
                if length == 0 {
                    break;
                }
                let mut into = into.lock().expect("nobody panics with it");
                into.extend_from_slice(&part[..length]);
            }
        });
        assert!(before, "a terminal echoes at first");
        Terminal {
            writer: pair.master.take_writer().expect("a writer"),
            master: pair.master,
            _slave: pair.slave,
            shown,
            child,
        }
    }
}

/// What a command has done by its end.
#[track_caller]
pub fn end(child: Child, began: Instant) -> Ran {
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        took: began.elapsed(),
    }
}

/// A terminal with a command on it.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    // Held, so that what was shown last can be read after the end.
    _slave: Box<dyn portable_pty::SlavePty + Send>,
    writer: Box<dyn Write + Send>,
    shown: Arc<Mutex<Vec<u8>>>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
}

impl Terminal {
    /// Everything that was written to it so far.
    pub fn text(&self) -> String {
        let shown = self.shown.lock().expect("nobody panics with it");
        String::from_utf8_lossy(&shown).replace("\r\n", "\n")
    }

    /// Waits until this was written to it.
    #[track_caller]
    pub fn until(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.text().contains(text) {
            assert!(Instant::now() < deadline, "no `{text}` in: {}", self.text());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Types.
    #[track_caller]
    pub fn press(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).expect("it is open");
    }

    /// Whether it shows what is typed.
    pub fn echoes(&self) -> bool {
        echoes(&*self.master)
    }

    /// Waits until the command has ended, and gives its code and all that it wrote.
    #[track_caller]
    pub fn end(&mut self) -> (u32, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                break status;
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                panic!("it does not end: {}", self.text());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        // What it wrote last is read a moment later.
        let mut text = self.text();
        loop {
            std::thread::sleep(Duration::from_millis(50));
            if self.text() == text {
                return (status.exit_code(), text);
            }
            text = self.text();
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn echoes(master: &dyn MasterPty) -> bool {
    let modes = format!("{:?}", master.get_termios().expect("modes"));
    modes
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| word == "ECHO")
}
