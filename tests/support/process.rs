//! Child processes that die with the test, and what they print, line by line.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Long enough for a loaded machine; only a failing test ever waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A child that is killed when it goes out of scope.
pub struct Process {
    child: Child,
    /// What it prints on stdout.
    pub stdout: Lines,
    /// What it prints on stderr.
    pub stderr: Lines,
}

impl Process {
    /// Starts `command` in `home`, with no settings but the ones that `command` gives it.
    pub fn start(command: &mut Command, home: &Path) -> Self {
        Self::start_with(command, home, &[])
    }

    /// The same, with these variables in its environment.
    pub fn start_with(command: &mut Command, home: &Path, variables: &[(&str, &str)]) -> Self {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CMHOOK_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .current_dir(home)
            .env("HOME", home)
            // Tests run side by side, and ports are told apart by the system.
            .env("CMHOOK_INSPECTOR", "0")
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_DATA_HOME", home.join("data"))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdout = Lines::of("stdout", child.stdout.take().expect("stdout is piped"));
        let stderr = Lines::of("stderr", child.stderr.take().expect("stderr is piped"));
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it without warning, as `kill -9` does.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is still there");
        self.child.wait().expect("the process is ours to wait for");
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        self.stdout.drain();
        self.stderr.drain();
        self.child.wait().expect("the process is ours to wait for")
    }

    /// Sends it a signal, such as `TERM`.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let signalled = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.child.id())])
            .status()
            .expect("sh starts");
        assert!(signalled.success(), "the process is gone already");
    }

    /// Asks it to stop, as a service manager would, and waits until it has.
    #[track_caller]
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        // Its output ends when it does, so this is the wait, and one with a deadline.
        self.stdout.drain();
        self.stderr.drain();
        self.child.wait().expect("the process is ours to wait for")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines as they come, read by a thread so that the child never blocks on a full pipe.
pub struct Lines {
    name: &'static str,
    receiver: Receiver<String>,
    /// Everything so far, to show when a test fails.
    seen: Vec<String>,
}

impl Lines {
    fn of(name: &'static str, pipe: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = channel();
        std::thread::spawn(move || read(pipe, &sender));
        Self {
            name,
            receiver,
            seen: Vec::new(),
        }
    }

    /// The next line that `wanted` makes something of. Those before it are passed over.
    #[track_caller]
    pub fn find<T>(&mut self, what: &str, wanted: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self
                .receiver
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    let found = wanted(&line);
                    self.seen.push(line);
                    if let Some(found) = found {
                        return found;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.fail(&format!("no {what} came in time")),
                Err(RecvTimeoutError::Disconnected) => {
                    self.fail(&format!("no {what}, and it ended"))
                }
            }
        }
    }

    /// The next line, whatever it is; `None` when there will be none.
    #[track_caller]
    pub fn next(&mut self) -> Option<String> {
        match self.receiver.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.seen.push(line.clone());
                Some(line)
            }
            Err(RecvTimeoutError::Timeout) => self.fail("nothing came in time"),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Everything so far.
    pub fn text(&self) -> String {
        self.seen.join("\n")
    }

    /// Waits until the pipe is closed.
    #[track_caller]
    pub fn drain(&mut self) {
        while self.next().is_some() {}
    }

    #[track_caller]
    fn fail(&self, why: &str) -> ! {
        panic!("{why}; {} so far:\n{}", self.name, self.seen.join("\n"));
    }

    /// The last line that was seen.
    pub fn last(&self) -> Option<&str> {
        self.seen.last().map(String::as_str)
    }
}

fn read(pipe: impl Read, sender: &Sender<String>) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while pipe
        .read_until(b'\n', &mut line)
        .is_ok_and(|length| length > 0)
    {
        // A line that is not UTF-8 is for an assertion to find, not for this thread to die of.
        let text = String::from_utf8_lossy(&line)
            .trim_end_matches(['\r', '\n'])
            .to_owned();
        if sender.send(text).is_err() {
            return;
        }
        line.clear();
    }
}
