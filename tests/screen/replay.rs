//! Sending again: one, many, and an edited copy.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::kit::Terminal;
use crate::scene::{LABELLED, SECRET, answer, deliver, deliver_many, deliver_signed};
use crate::support::raw::{Connection, Message, RawApp};
use crate::support::sender::{Scheme, sign};

fn app() -> RawApp {
    RawApp::answering(|_| answer(200, "text/plain", "OK"))
}

#[test]
fn r_sends_the_same_bytes_once_more() {
    let app = app();
    let mut terminal = Terminal::open(&[&app.target()]);
    deliver_signed(terminal.address(), "email.opened");
    terminal.lists("1 email.opened 200");
    terminal.press("r");
    terminal.reads("Replayed #1: 200");
    let (first, again) = (app.next(), app.next());
    assert_eq!(first.body, again.body);
    assert_eq!(again.one("cmhook-replay-of").as_deref(), Some("1"));
    assert_eq!(first.one("cmhook-replay-of"), None);
    terminal.press("4");
    terminal.details("replay 200");
    terminal.details("same answer");
    terminal.lists("1 email.opened ↻1");
    terminal.quits();
}

#[test]
fn all_that_the_filter_shows_are_replayed_the_oldest_first() {
    let app = app();
    let mut terminal = Terminal::open(&[&app.target()]);
    let to = terminal.address();
    for event in ["email.sent", "campaign.sent", "email.opened"] {
        deliver(to, event);
        app.next();
    }
    terminal.press("/event:email.*\r");
    terminal.reads("2 of 3");
    terminal.press("R");
    terminal.reads("Replay");
    terminal.press("n");
    terminal.reads("following");
    terminal.press("R");
    terminal.reads("y replay");
    terminal.press("y");
    terminal.reads("Replayed 2: 2 answered fine");
    let ids = [app.next(), app.next()].map(|seen| seen.one("cmhook-replay-of"));
    assert_eq!(ids, [Some("1".to_owned()), Some("3".to_owned())]);
    assert!(app.is_idle());
    terminal.quits();
}

#[test]
fn replays_of_many_stop_when_they_are_told_to() {
    // The app answers the live ones, and leaves the first replay waiting.
    let (held, release) = std::sync::mpsc::channel::<()>();
    let release = std::sync::Mutex::new(release);
    let app = RawApp::answering(move |seen: &Message| {
        if seen.one("cmhook-replay-of").is_some() {
            let _ = release.lock().map(|release| release.recv());
        }
        answer(200, "text/plain", "OK")
    });
    let mut terminal = Terminal::open(&[&app.target(), "--keep", "5"]);
    deliver_many(terminal.address(), "email.sent", 5);
    terminal.lists("5 email.sent 200");
    terminal.press("Ry");
    terminal.reads("R stops");
    terminal.press("R");
    drop(held);
    terminal.reads("stopped before the other");
    terminal.quits();
}

/// A script that edits, as the user's editor.
fn editor(folder: &Path, script: &str) -> PathBuf {
    let path = folder.join("editor.sh");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("a file of ours");
    path
}

/// The screen with such an editor, and a delivery that was signed.
fn to_edit(app: &RawApp, script: &str) -> (Terminal, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let editor = editor(folder.path(), script);
    let editor = editor.to_str().expect("it is text");
    let tmp = folder.path().to_str().expect("it is text");
    let variables = [("EDITOR", editor), ("VISUAL", ""), ("TMPDIR", tmp)];
    let terminal = Terminal::open_with(&[&app.target(), "--secret", LABELLED], &variables);
    deliver_signed(terminal.address(), "email.opened");
    terminal.lists("1 email.opened 200");
    app.next();
    (terminal, folder)
}

#[test]
fn an_edited_copy_is_signed_anew() {
    let app = app();
    let (mut terminal, folder) = to_edit(&app, r#"sed -i 's/790/791/' "$1""#);
    terminal.press("e");
    terminal.lists("2 email.opened 200");
    terminal.details("copy of #1");
    let seen = app.next();
    assert_eq!(
        seen.text(),
        r#"{"event":"email.opened","data":{"campaign_id":791}}"#
    );
    let (name, right) = sign(Scheme::CakemailHex, SECRET, &seen.body);
    assert_eq!(seen.one(name), Some(right.clone()));
    let left: Vec<_> = fs::read_dir(folder.path()).expect("ours").collect();
    assert_eq!(left.len(), 1, "only the editor is left");
    terminal.quits();
}

#[test]
fn what_is_no_change_or_fails_is_not_sent() {
    let app = app();
    for (script, said) in [
        ("true", "Nothing was changed"),
        ("exit 3", "nothing was sent"),
        (r#"printf '' > "$1""#, "The file was emptied"),
    ] {
        let (mut terminal, _folder) = to_edit(&app, script);
        terminal.press("e");
        terminal.reads(said);
        terminal.lists("1 email.opened 200");
        assert!(app.is_idle(), "{script}");
        terminal.quits();
    }
}

#[test]
fn what_is_no_json_any_more_is_asked_about() {
    let app = app();
    let (mut terminal, _folder) = to_edit(&app, r#"printf '{"event":' > "$1""#);
    terminal.press("e");
    terminal.reads("no JSON any more");
    terminal.press("n");
    terminal.until("the question is gone", |screen| {
        !screen.contents().contains("no JSON any more")
    });
    assert!(app.is_idle());
    terminal.press("e");
    terminal.reads("no JSON any more");
    terminal.press("y");
    assert_eq!(app.next().text(), r#"{"event":"#);
    terminal.quits();
}

/// SIGTERM while the editor has the terminal ends all of it, and leaves nothing behind.
#[test]
fn a_stop_does_not_wait_for_the_editor() {
    let app = app();
    let script = "echo at work; exec awk 'BEGIN {getline line < \"-\"}'";
    let (mut terminal, folder) = to_edit(&app, script);
    terminal.press("e");
    terminal.reads("at work");
    terminal.signal("TERM");
    assert!(terminal.end().success());
    terminal.is_given_back_but_for_what_is_shown();
    let left: Vec<_> = fs::read_dir(folder.path()).expect("ours").collect();
    assert_eq!(left.len(), 1, "only the editor is left");
}

/// A sender that waits for an app.
#[test]
fn quitting_asks_where_something_is_in_flight() {
    let (held, release) = std::sync::mpsc::channel::<()>();
    let release = std::sync::Mutex::new(release);
    let app = RawApp::answering(move |_| {
        let _ = release.lock().map(|release| release.recv());
        answer(200, "text/plain", "OK")
    });
    let mut terminal = Terminal::open(&[&app.target()]);
    let mut sender = Connection::open(terminal.address());
    sender.send(crate::scene::webhook(
        None,
        crate::scene::payload("email.sent"),
    ));
    terminal.lists("1 email.sent");
    terminal.press("q");
    terminal.reads("1 delivery is in flight");
    terminal.press("n");
    terminal.reads("following");
    terminal.press("q");
    terminal.reads("1 delivery is in flight");
    terminal.press("y");
    terminal.until("the main screen", |screen| !screen.alternate_screen());
    drop(held);
    assert_eq!(sender.answer().status(), 200);
    assert!(terminal.end().success());
}
