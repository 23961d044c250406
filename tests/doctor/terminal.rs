//! What people see on a terminal.

use std::io::Read as _;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use crate::kit::Place;
use crate::support::listener::cmhook;
use crate::support::upstream::Upstream;

#[test]
fn on_a_terminal_checks_are_grouped_and_coloured() {
    let (place, app) = (Place::new(), Upstream::start());
    let size = PtySize {
        rows: 60,
        cols: 90,
        ..PtySize::default()
    };
    let pair = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(cmhook().get_program());
    command.args(["doctor", "--secret", "main=x", "-f", &app.target()]);
    command.cwd(place.path());
    command.env_clear();
    command.env("TERM", "xterm-256color");
    command.env("HOME", place.path());
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    let reading = std::thread::spawn(move || {
        let mut all = Vec::new();
        // A terminal whose other end is gone is an error on Linux, and the end elsewhere.
        let _ = reader.read_to_end(&mut all);
        all
    });
    assert_eq!(child.wait().unwrap().exit_code(), 0);
    drop(pair.master);
    let text = String::from_utf8(reading.join().unwrap()).unwrap();
    let text = text.replace('\r', "").replace('\x1b', "␛");
    for part in [
        "␛[1mThis machine␛[0m\n  ␛[32m✓␛[0m Configuration: no cmhook.toml, flags and environment only\n",
        "\n\n␛[1mYour app␛[0m\n  ␛[32m✓␛[0m Takes connections: ",
        "\n  ␛[33m!␛[0m ␛[33mRefuses an unsigned one: ",
        "\n      cure: anybody who knows the URL can send it anything: ",
        "\n            raw body, and answer 401 ",
        "\n  ␛[2m–␛[0m ␛[2mRelay: no relay was given␛[0m\n",
        "\n\n␛[33m2 warnings, 4 ok, 11 skipped␛[0m\n",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let widest = text
        .lines()
        .map(|line| line.replace("␛[", "").chars().count())
        .max();
    assert!(widest.unwrap() <= 90 + 12, "{text}");
}
