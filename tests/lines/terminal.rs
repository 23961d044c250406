//! On a real terminal: a pseudo-terminal that is the controlling one of its child.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use portable_pty::{
    Child, CommandBuilder, ExitStatus, MasterPty, PtyPair, PtySize, native_pty_system,
};

use crate::captured::{Tap, address_in, command, signal};
use crate::support::listener::home;
use crate::support::raw::{Connection, RawApp, ask, request};

/// Long enough for a loaded machine, and short of the grace that a stop takes.
const SOON: Duration = Duration::from_secs(20);

/// cmhook in a terminal of its own.
struct Terminal {
    pair: Option<PtyPair>,
    child: Box<dyn Child + Send + Sync>,
    ended: bool,
    _home: tempfile::TempDir,
}

impl Terminal {
    fn start(args: &[&str], variables: &[(&str, &str)]) -> Self {
        let size = PtySize {
            rows: 24,
            cols: 200,
            ..PtySize::default()
        };
        let pair = native_pty_system()
            .openpty(size)
            .expect("a pseudo-terminal");
        let home = home();
        let clean = command(home.path());
        let mut builder = CommandBuilder::new(clean.get_program());
        builder.args(["listen", "--no-tui", "--listen", "0", "--ephemeral"]);
        builder.args(args);
        builder.cwd(home.path());
        for (name, value) in clean.get_envs() {
            match value {
                Some(value) => builder.env(name, value),
                None => builder.env_remove(name),
            }
        }
        for (name, value) in variables {
            builder.env(name, value);
        }
        let child = pair.slave.spawn_command(builder).expect("cmhook starts");
        Self {
            pair: Some(pair),
            child,
            ended: false,
            _home: home,
        }
    }

    fn master(&self) -> &dyn MasterPty {
        let pair = self.pair.as_ref().expect("it was not closed");
        &*pair.master
    }

    fn tap(&self) -> Tap {
        Tap::on(self.master().try_clone_reader().expect("a reader"))
    }

    /// Reads up to the `Ready` line and no further.
    fn address(&self) -> SocketAddr {
        let mut reader = self.master().try_clone_reader().expect("a reader");
        let mut said = String::new();
        while !(said.contains("Ready") && said.ends_with('\n')) {
            let mut buffer = [0; 1024];
            let count = reader.read(&mut buffer).expect("a terminal");
            said.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        address_in(&said)
    }

    fn id(&self) -> u32 {
        self.child.process_id().expect("it was started")
    }

    /// How it ended, soon.
    #[track_caller]
    fn end(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("ours to wait for") {
                self.ended = true;
                return status;
            }
            assert!(begin.elapsed() < SOON, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Its number may be another process's by now, and this would not look.
        if !self.ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[test]
fn colour_is_there_unless_it_is_not_wanted() {
    for (args, variables, coloured) in [
        (&[][..], &[][..], true),
        (&["--color", "auto"], &[("NO_COLOR", "")], true),
        (
            &["--color", "always"],
            &[("NO_COLOR", "1"), ("TERM", "dumb")],
            true,
        ),
        (&[], &[("NO_COLOR", "1")], false),
        (&[], &[("TERM", "dumb")], false),
        (&["--color", "never"], &[], false),
        (&["-vv"], &[("NO_COLOR", "1")], false),
    ] {
        let mut terminal = Terminal::start(args, variables);
        let tap = terminal.tap();
        let address = address_in(&tap.wait_for("Ready"));
        ask(address, request("POST /", "X-Signature: x\r\n", b"{}"));
        let shown = tap.wait_for("<--");
        signal(terminal.id(), "TERM");
        assert!(terminal.end().success());
        assert_eq!(
            shown.contains('\x1b'),
            coloured,
            "{args:?} {variables:?}: {shown:?}"
        );
        for escape in shown.split('\x1b').skip(1) {
            let digits = escape
                .trim_start_matches('[')
                .trim_start_matches(|c: char| c.is_ascii_digit());
            assert!(
                escape.starts_with('[') && digits.starts_with('m'),
                "{escape:?}"
            );
        }
    }
}

#[test]
fn control_c_stops_it_and_leaves_the_terminal_as_it_was() {
    for (key, exits) in [("\x03", true), ("\x1c", false)] {
        let mut terminal = Terminal::start(&[], &[]);
        let before = terminal.master().get_termios().expect("its settings");
        let tap = terminal.tap();
        let address = address_in(&tap.wait_for("Ready"));
        let answer = ask(address, request("POST /", "", b"{}"));
        assert_eq!(answer.status(), 200);
        tap.wait_for("-->");
        let during = terminal.master().get_termios().expect("its settings");
        assert_eq!(before, during);
        let mut writer = terminal.master().take_writer().expect("a writer");
        writer.write_all(key.as_bytes()).expect("a terminal");
        let status = terminal.end();
        assert_eq!(status.success(), exits, "{status}");
        if exits {
            tap.wait_for("Stopped after 1 delivery.");
        }
        let after = terminal.master().get_termios().expect("its settings");
        assert_eq!(before, after);
        // Neither hidden nor on another screen.
        let shown = tap.wait("anything", |_, _| true);
        for mode in [&b"\x1b[?"[..], b"\x1b7", b"\x1b="] {
            assert!(!shown.windows(mode.len()).any(|w| w == mode));
        }
    }
}

#[test]
fn a_terminal_that_is_closed_ends_it() {
    for args in [&[][..], &["--json"], &["--quiet"]] {
        let mut terminal = Terminal::start(args, &[]);
        let address = terminal.address();
        let mut connection = Connection::open(address);
        connection.send(request("POST /", "", b"{}"));
        assert_eq!(connection.answer().status(), 200);
        drop(connection);
        let begin = Instant::now();
        terminal.pair = None;
        let status = terminal.end();
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(10), "{args:?} took {took:?}");
        assert!(status.success(), "{args:?}: {status}");
    }
}

/// A terminal that is stopped with Ctrl-S, or whose window hangs.
#[test]
fn a_stalled_terminal_holds_up_neither_deliveries_nor_the_stop() {
    let app = RawApp::saying("OK");
    let mut terminal = Terminal::start(&[&app.target()], &[]);
    let address = terminal.address();
    let mut connection = Connection::open(address);
    // Some 150 bytes of lines each; a terminal holds a few KiB.
    for _ in 0..2000 {
        connection.send(request("POST /", "", br#"{"event":"email.opened"}"#));
        assert_eq!(connection.answer().status(), 200);
    }
    drop(connection);
    signal(terminal.id(), "TERM");
    assert!(terminal.end().success());
}
