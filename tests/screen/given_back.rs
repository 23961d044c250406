//! However it ends, the terminal is as it was, and what there is to say can be read.

use std::net::TcpListener;

use crate::kit::{Terminal, until_state, vitals};
use crate::support::listener::home;

#[test]
fn the_screen_takes_the_terminal() {
    let terminal = Terminal::open(&[]);
    assert!(terminal.is_raw());
    terminal.until("its modes", |screen| {
        screen.hide_cursor()
            && screen.bracketed_paste()
            && screen.mouse_protocol_encoding() == vt100::MouseProtocolEncoding::Sgr
    });
}

#[test]
fn quitting_gives_the_terminal_back() {
    let mut terminal = Terminal::open(&[]);
    terminal.press("q");
    assert!(terminal.end().success());
    terminal.is_given_back();
}

#[test]
fn a_signal_gives_the_terminal_back() {
    for name in ["TERM", "HUP", "INT", "QUIT"] {
        let mut terminal = Terminal::open(&[]);
        terminal.signal(name);
        let status = terminal.end();
        assert!(status.success(), "{name}: {status}");
        terminal.is_given_back();
    }
}

/// Nothing in a release build panics when it is asked to.
#[cfg(debug_assertions)]
#[test]
fn a_panic_in_any_thread_is_read_on_the_terminal_as_it_was() {
    for place in ["screen", "runtime", "worker"] {
        let mut terminal = Terminal::listen(&[], &[("CMHOOK_TEST_PANIC", place)]);
        let status = terminal.end();
        assert_eq!(status.exit_code(), 101, "{place}: {status}");
        terminal.is_given_back();
        terminal.reads(&format!("asked for in the {place}").replace("the worker", "a worker"));
        terminal.reads("hint: this is a bug in cmhook");
        let bytes = String::from_utf8_lossy(&terminal.bytes()).into_owned();
        let entered = bytes.matches("\x1b[?1049h").count();
        assert_eq!(
            entered, 1,
            "{place}: the screen was there, and once: {bytes:?}"
        );
    }
}

#[test]
fn a_start_that_fails_leaves_the_terminal_alone() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let mut in_use = Terminal::listen(&["--listen", &port], &[]);
    assert_eq!(in_use.end().exit_code(), 1);
    in_use.reads("in use");

    let home = home();
    let store = home.path().join("here.db");
    let store = store.to_str().expect("it is ASCII");
    let cmhook = env!("CARGO_BIN_EXE_cmhook");
    let args = ["listen", "--listen", "127.0.0.1:0", "--store", store];
    let first = Terminal::run(cmhook, &args, &[]);
    first.until("the screen", vt100::Screen::alternate_screen);
    let mut second = Terminal::run(cmhook, &args, &[]);
    assert_eq!(second.end().exit_code(), 1);
    second.reads("--store PATH");

    for failed in [in_use, second] {
        failed.is_given_back();
        assert!(!failed.bytes().contains(&b'\x1b'), "{}", failed.text());
    }
}

/// With a hang-up that is told by a signal, and without, as under `nohup`.
#[test]
fn a_terminal_that_is_closed_ends_it_and_it_does_not_spin() {
    for before in ["", "trap '' HUP;"] {
        let script = format!("{before} exec \"$CMHOOK\" listen --listen 127.0.0.1:0 --ephemeral");
        let mut terminal = Terminal::run("sh", &["-c", &script], &[]);
        terminal.until("the screen", vt100::Screen::alternate_screen);
        let (_, until_now) = vitals(terminal.id());
        terminal.close();
        // Before it is waited for, what it took can still be seen.
        until_state(terminal.id(), 'Z');
        let (_, took) = vitals(terminal.id());
        assert!(took - until_now < 50, "{before} {until_now} {took}");
        let status = terminal.end();
        assert!(status.success(), "{before} {status}");
    }
}
