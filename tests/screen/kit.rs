//! cmhook in a pseudo-terminal, and what a terminal would show of it.

use std::ffi::OsStr;
use std::io::{Read as _, Write};
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use portable_pty::{
    Child, CommandBuilder, ExitStatus, MasterPty, PtySize, SlavePty, native_pty_system,
};
use tempfile::TempDir;

use crate::support::listener::{cmhook, home};

/// Only a failing test ever waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A terminal with a program on it, whose controlling terminal it is.
pub struct Terminal {
    master: Option<Box<dyn MasterPty + Send>>,
    /// Kept, so that what was shown last can be read after the end, and the modes seen.
    slave: Option<Box<dyn SlavePty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    shown: Arc<(Mutex<Shown>, Condvar)>,
    child: Box<dyn Child + Send + Sync>,
    ended: Option<ExitStatus>,
    before: String,
    home: TempDir,
}

/// What came from the program so far.
struct Shown {
    parser: vt100::Parser,
    bytes: Vec<u8>,
    reader: Reader,
}

/// What the terminal does with what is written to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Reads,
    Stalls,
    /// After the next that comes it has done.
    Leaves,
    Gone,
}

impl Terminal {
    /// `cmhook listen` on a free port, with these arguments besides, once its screen is there.
    #[track_caller]
    pub fn open(args: &[&str]) -> Self {
        Self::open_with(args, &[])
    }

    /// The same, with variables.
    #[track_caller]
    pub fn open_with(args: &[&str], variables: &[(&str, &str)]) -> Self {
        let terminal = Self::listen(args, variables);
        terminal.until("the screen", |screen| {
            screen.alternate_screen() && screen.contents().contains("cmhook")
        });
        terminal
    }

    /// `cmhook listen`, whatever comes of it.
    #[track_caller]
    pub fn listen(args: &[&str], variables: &[(&str, &str)]) -> Self {
        let args = [LISTEN, args].concat();
        Self::run(env!("CARGO_BIN_EXE_cmhook"), &args, variables)
    }

    /// Another program, for which `$CMHOOK` is the binary.
    #[track_caller]
    pub fn run(program: &str, args: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::run_in(home(), program, args, variables)
    }

    /// The same, in a home that may hold something.
    #[track_caller]
    pub fn run_in(home: TempDir, program: &str, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let size = size(30, 120);
        let pair = native_pty_system().openpty(size).expect("a terminal");
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.cwd(home.path());
        for (name, value) in environment(home.path()).get_envs() {
            set(&mut command, name, value);
        }
        command.env("CMHOOK", env!("CARGO_BIN_EXE_cmhook"));
        for (name, value) in variables {
            command.env(name, value);
        }
        let before = modes(&*pair.master);
        let shown = Shown {
            parser: vt100::Parser::new(cells(size.rows), cells(size.cols), 0),
            bytes: Vec::new(),
            reader: Reader::Reads,
        };
        let shown = Arc::new((Mutex::new(shown), Condvar::new()));
        read(&*pair.master, &shown);
        let child = pair.slave.spawn_command(command).expect("it starts");
        Self {
            writer: Some(pair.master.take_writer().expect("a writer")),
            master: Some(pair.master),
            slave: Some(pair.slave),
            shown,
            child,
            ended: None,
            before,
            home,
        }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn id(&self) -> u32 {
        self.child.process_id().expect("it was started")
    }

    fn master(&self) -> &dyn MasterPty {
        &**self.master.as_ref().expect("it was not closed")
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.0.lock().expect("no thread panics with it")
    }

    #[track_caller]
    fn wait(&self, what: &str, mut enough: impl FnMut(&Shown) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut shown = self.shown();
        while !enough(&shown) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || shown.reader == Reader::Gone {
                let screen = shown.parser.screen().contents();
                drop(shown);
                panic!("{what} did not come:\n{screen}");
            }
            // Some changes come with no output: modes that are set, for one.
            let turn = left.min(Duration::from_millis(50));
            let (woken, _) = self.shown.1.wait_timeout(shown, turn).expect("as above");
            shown = woken;
        }
    }

    /// Waits until the screen is so.
    #[track_caller]
    pub fn until(&self, what: &str, mut so: impl FnMut(&vt100::Screen) -> bool) {
        self.wait(what, |shown| so(shown.parser.screen()));
    }

    /// Waits until that is to be read.
    #[track_caller]
    pub fn reads(&self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }

    /// What is to be read now.
    pub fn text(&self) -> String {
        self.shown().parser.screen().contents()
    }

    /// All that was ever written.
    pub fn bytes(&self) -> Vec<u8> {
        self.shown().bytes.clone()
    }

    /// Where deliveries arrive, as the screen says.
    #[track_caller]
    pub fn address(&self) -> SocketAddr {
        let found = |text: &str| -> Option<SocketAddr> {
            let at = text.find("http://127.0.0.1:")? + "http://".len();
            let end = text[at..].find(|c: char| !matches!(c, '0'..='9' | '.' | ':'))?;
            text[at..at + end].parse().ok()
        };
        let mut address = None;
        self.until("an address", |screen| {
            address = found(&screen.contents());
            address.is_some()
        });
        address.expect("it was waited for")
    }

    /// Types that.
    #[track_caller]
    pub fn press(&mut self, keys: &str) {
        let writer = self.writer.as_mut().expect("it was not closed");
        writer.write_all(keys.as_bytes()).expect("a terminal");
        writer.flush().expect("a terminal");
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        self.shown()
            .parser
            .screen_mut()
            .set_size(cells(rows), cells(columns));
        let resized = self.master().resize(size(rows, columns));
        resized.expect("a terminal has a size");
    }

    /// From now on nobody reads what is written, up to what the terminal itself holds.
    pub fn stall(&self) {
        self.shown().reader = Reader::Stalls;
    }

    pub fn read_on(&self) {
        self.shown().reader = Reader::Reads;
        self.shown.1.notify_all();
    }

    pub fn signal(&self, name: &str) {
        signal(self.id(), name);
    }

    /// Whether keys come as they are pressed.
    pub fn is_raw(&self) -> bool {
        modes(self.master()) != self.before
    }

    /// Closes the terminal, as its window would.
    #[track_caller]
    pub fn close(&mut self) {
        // The reader has a descriptor of it too, and leaves it after the next that comes.
        self.shown().reader = Reader::Leaves;
        self.resize(20, 90);
        self.wait("a frame", |shown| shown.reader == Reader::Gone);
        self.slave = None;
        self.writer = None;
        self.master = None;
    }

    /// How it ended, soon.
    #[track_caller]
    pub fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("ours to wait for") {
                self.ended = Some(status.clone());
                return status;
            }
            let late = Instant::now() > deadline;
            assert!(!late, "it does not end:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the terminal is as it was before.
    #[track_caller]
    pub fn is_given_back(&self) {
        self.until("the main screen", |screen| {
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        });
        assert_eq!(modes(self.master()), self.before);
    }

    /// The same of a stalled terminal, which has not read that it is to show the main screen.
    #[track_caller]
    pub fn is_given_back_but_for_what_is_shown(&self) {
        assert_eq!(modes(self.master()), self.before);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.ended.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// What `cmhook listen` is given in all of these.
const LISTEN: &[&str] = &["listen", "--listen", "127.0.0.1:0", "--ephemeral"];

/// The modes that the system keeps for it.
fn modes(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().expect("it has some"))
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).expect("no terminal is as small as that")
}

fn size(rows: u16, cols: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        ..PtySize::default()
    }
}

/// Reads the terminal on a thread of its own, unless it is stalled.
fn read(master: &dyn MasterPty, shown: &Arc<(Mutex<Shown>, Condvar)>) {
    let mut reader = master.try_clone_reader().expect("a reader");
    let both = Arc::clone(shown);
    std::thread::spawn(move || {
        let (shown, news) = &*both;
        let mut buffer = [0; 4096];
        loop {
            // The end of a terminal is an error.
            let count = reader.read(&mut buffer).unwrap_or(0);
            let mut shown = shown.lock().expect("no thread panics with it");
            shown.bytes.extend_from_slice(&buffer[..count]);
            shown.parser.process(&buffer[..count]);
            news.notify_all();
            if count == 0 || shown.reader == Reader::Leaves {
                drop(reader);
                shown.reader = Reader::Gone;
                return;
            }
            drop(news.wait_while(shown, |shown| shown.reader == Reader::Stalls));
        }
    });
}

/// The settings of nobody.
fn environment(home: &Path) -> Command {
    let mut command = cmhook();
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CMHOOK_") {
            command.env_remove(name);
        }
    }
    command
        .env_remove("NO_COLOR")
        .env_remove("TMUX")
        .env("TERM", "xterm-256color")
        .env("TZ", "UTC")
        .env("CMHOOK_INSPECTOR", "0")
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_DATA_HOME", home.join("data"));
    command
}

fn set(command: &mut CommandBuilder, name: &OsStr, value: Option<&OsStr>) {
    match value {
        Some(value) => command.env(name, value),
        None => command.env_remove(name),
    }
}

/// Sends a signal, such as `TERM`.
#[track_caller]
pub fn signal(process: u32, name: &str) {
    let kill = format!("kill -{name} {process}");
    let signalled = Command::new("sh").args(["-c", &kill]).status();
    assert!(signalled.expect("sh starts").success(), "{kill}");
}

/// The state of a process, such as `T` for stopped and `Z` for ended but not waited for, and
/// the processor time that it took, in hundredths of a second.
pub fn vitals(process: u32) -> (char, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("it is there");
    let (_, rest) = stat.rsplit_once(") ").expect("its name is in parentheses");
    let fields: Vec<_> = rest.split(' ').collect();
    let number = |at: usize| fields[at].parse::<u64>().expect("a number");
    (
        fields[0].chars().next().expect("a letter"),
        number(11) + number(12),
    )
}

/// Waits until a process is in that state.
#[track_caller]
pub fn until_state(process: u32, state: char) {
    let deadline = Instant::now() + PATIENCE;
    while vitals(process).0 != state {
        assert!(Instant::now() < deadline, "it does not come to {state}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
