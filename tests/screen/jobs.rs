//! Stopped and continued, from its keyboard and from elsewhere.

use crate::kit::{Terminal, signal, until_state, vitals};
use crate::support::needs::{needs, works};
use crate::support::raw::{ask, request};
use crate::support::upstream::Upstream;

/// A shell with job control, in which cmhook is the first job, with this target if any.
fn shell(target: &str, prepare: impl FnOnce(&Terminal)) -> Option<Terminal> {
    let mut bash = std::process::Command::new("bash");
    if !needs(works(bash.arg("--version")), "bash") {
        return None;
    }
    let variables = [("PS1", "ready> "), ("EDITOR", "./editor")];
    let args = ["--norc", "--noprofile", "-i"];
    let mut terminal = Terminal::run("bash", &args, &variables);
    prepare(&terminal);
    terminal.reads("ready>");
    terminal.press(&format!(
        "\"$CMHOOK\" listen --listen 127.0.0.1:0 --ephemeral {target}\r"
    ));
    is_on_screen(&terminal);
    Some(terminal)
}

#[track_caller]
fn is_on_screen(terminal: &Terminal) {
    terminal.until("the screen", |screen| {
        screen.alternate_screen()
            && screen.hide_cursor()
            && screen.contents().contains("http://127.0.0.1:")
    });
}

/// Back in the shell, which waits for a command.
#[track_caller]
fn is_in_shell(terminal: &Terminal) {
    terminal.until("the shell", |screen| {
        let (row, _) = screen.cursor_position();
        let line = screen.rows(0, 120).nth(row.into()).unwrap_or_default();
        !screen.alternate_screen() && !screen.hide_cursor() && line.trim_end() == "ready>"
    });
}

/// The process that listens, a child of the shell.
fn job(terminal: &Terminal) -> u32 {
    let children = format!("/proc/{0}/task/{0}/children", terminal.id());
    let children = std::fs::read_to_string(children).expect("the shell is there");
    children.trim().parse().expect("one child")
}

#[test]
fn control_z_goes_to_the_shell_and_fg_comes_back() {
    let Some(mut terminal) = shell("", |_| {}) else {
        return;
    };
    let (address, job) = (terminal.address(), job(&terminal));
    for _ in 0..2 {
        terminal.press("\x1a");
        is_in_shell(&terminal);
        until_state(job, 'T');
        terminal.press("fg\r");
        is_on_screen(&terminal);
        assert_eq!(ask(address, request("POST /", "", b"{}")).status(), 200);
    }
    terminal.press("q");
    is_in_shell(&terminal);
    terminal.press("exit\r");
    assert!(terminal.end().success());
    terminal.is_given_back();
}

#[test]
fn in_the_background_it_goes_on_without_the_terminal() {
    let Some(mut terminal) = shell("", |_| {}) else {
        return;
    };
    let (address, job) = (terminal.address(), job(&terminal));
    terminal.press("\x1a");
    is_in_shell(&terminal);
    terminal.press("bg\r");
    assert_eq!(ask(address, request("POST /", "", b"{}")).status(), 200);
    // Whatever else was written after its prompt.
    terminal.press("\r");
    is_in_shell(&terminal);
    assert_ne!(vitals(job).0, 'T');
    terminal.press("fg\r");
    is_on_screen(&terminal);
    terminal.press("q");
    is_in_shell(&terminal);
}

#[test]
fn a_stop_from_outside_is_redrawn_after() {
    let Some(mut terminal) = shell("", |_| {}) else {
        return;
    };
    let job = job(&terminal);
    // This one asks for a stop, as Ctrl-Z does.
    signal(job, "TSTP");
    is_in_shell(&terminal);
    until_state(job, 'T');
    terminal.press("fg\r");
    is_on_screen(&terminal);
    // This one cannot be answered, and the shell gets the terminal as the screen has it.
    signal(job, "STOP");
    until_state(job, 'T');
    terminal.press("\x0c");
    terminal.press("echo blind-$((40 + 2))\r");
    terminal.reads("blind-42");
    terminal.press("fg\r");
    terminal.until("the screen, without what the shell wrote on it", |screen| {
        let shown = screen.contents();
        shown.contains("http://127.0.0.1:") && !shown.contains("blind-42")
    });
    terminal.press("q");
    is_in_shell(&terminal);
}

/// Nobody could have it go on.
#[test]
fn without_a_shell_control_z_stops_nothing() {
    let mut terminal = Terminal::open(&[]);
    let address = terminal.address();
    terminal.press("\x1a");
    terminal.signal("TSTP");
    is_on_screen(&terminal);
    assert_eq!(ask(address, request("POST /", "", b"{}")).status(), 200);
    terminal.press("q");
    assert!(terminal.end().success());
    terminal.is_given_back();
}

/// An editor has the terminal, and Ctrl-Z in it stops all that the shell calls the job.
#[test]
fn an_editor_is_stopped_and_continued_with_the_listener() {
    let script = "#!/bin/sh\nstty -a > \"$HOME/modes\"\necho editing\nkill -TSTP 0\necho back to work\nread line\n";
    let editor = |terminal: &Terminal| {
        let path = terminal.home().join("editor");
        std::fs::write(&path, script).expect("a home");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("it is ours");
    };
    let app = Upstream::start();
    let Some(mut terminal) = shell(&app.target(), editor) else {
        return;
    };
    let (address, job) = (terminal.address(), job(&terminal));
    ask(address, request("POST /", "", b"{}"));
    terminal.reads("POST /");
    terminal.press("e");
    is_in_shell(&terminal);
    until_state(job, 'T');
    let modes = std::fs::read_to_string(terminal.home().join("modes")).expect("it was begun");
    assert!(
        modes.contains(" icanon") && modes.contains(" echo "),
        "{modes}"
    );
    terminal.press("fg\r");
    terminal.reads("back to work");
    // What is typed is the editor's alone.
    terminal.press("q\r");
    is_on_screen(&terminal);
    terminal.press("q");
    is_in_shell(&terminal);
}
