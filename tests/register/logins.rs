//! Logins that are renewed, or are over, while a listener runs.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::kit::{active, files, new_home, registered, until};
use crate::support::listener::{Listener, cmhook, object};
use crate::support::raw::{RawApp, ask};
use crate::support::sandbox::Sandbox;

/// Somebody logs in at a sandbox.
#[track_caller]
fn log_in(home: &TempDir, api: &str) {
    let mut child = cmhook()
        .args(["login", "--email", "sandbox@cmhook.test", "--api", api])
        .env("HOME", home.path())
        .env("XDG_CONFIG_HOME", home.path().join("config"))
        .env("XDG_DATA_HOME", home.path().join("data"))
        .current_dir(home.path())
        .stdin(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("cmhook starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(b"sandbox\n").expect("it reads");
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
}

fn file(home: &Path) -> PathBuf {
    home.join("config/cmhook/logins.toml")
}

fn logins(home: &TempDir) -> String {
    fs::read_to_string(file(home.path())).expect("a file")
}

/// The next archiving is refused as with a token that has run out.
fn refuse_next(sandbox: &Sandbox) {
    sandbox.fault(&json!({
        "method": "POST", "path": "/webhooks/*/archive", "status": 401, "body": {"detail": "no"},
    }));
}

#[test]
fn a_login_is_renewed_long_before_the_stop_needs_it() {
    let sandbox = Sandbox::start(&["--seed", "31", "--token-lifetime", "60s"]);
    let home = new_home();
    log_in(&home, &sandbox.url());
    let before = logins(&home);
    let listener = registered(&home, &sandbox, "email.opened", &[]);
    until("renewed", || logins(&home) != before);
    listener.stop();
    assert!(active(&sandbox).is_empty());
}

#[test]
fn what_was_made_is_not_looked_for_as_another_user() {
    let sandbox = Sandbox::start(&["--seed", "32"]);
    let home = new_home();
    log_in(&home, &sandbox.url());
    let mine = logins(&home);
    let mut listener = registered(&home, &sandbox, "email.opened", &[]);
    let theirs = mine.replace("sandbox@cmhook.test", "other@cmhook.test");
    fs::write(file(home.path()), theirs).expect("a file");
    refuse_next(&sandbox);
    assert_eq!(listener.process.terminate().code(), Some(1));
    let said = listener.process.stderr.text();
    assert!(said.contains("is not archived: the login at "), "{said}");
    assert!(said.contains("another one has taken its place"), "{said}");
    assert_eq!(files(home.path()).len(), 1);
    assert_eq!(active(&sandbox).len(), 1);
    // Whoever has made it archives it.
    fs::write(file(home.path()), mine).expect("a file");
    registered(&home, &sandbox, "email.sent", &[]).stop();
    assert!(active(&sandbox).is_empty());
    assert!(files(home.path()).is_empty());
}

#[test]
fn what_is_gone_at_the_stop_is_not_said_to_be_archived() {
    let sandbox = Sandbox::start(&["--seed", "33"]);
    let home = new_home();
    let mut listener = registered(&home, &sandbox, "email.opened,email.sent", &[]);
    sandbox.fault(&json!({
        "method": "POST", "path": "/webhooks/*/archive", "status": 404, "body": {"detail": "no"},
    }));
    assert_eq!(listener.process.terminate().code(), Some(0));
    let text = listener.process.stdout.text();
    let archived = text
        .lines()
        .filter(|line| object(line)["type"] == "archived");
    assert_eq!(archived.count(), 1, "{text}");
    assert!(files(home.path()).is_empty());
}

/// A sandbox behind an API that reports a renewal, and answers it when it is told to.
fn behind(sandbox: &Sandbox) -> (RawApp, Receiver<()>, Sender<()>) {
    let (asked, renewing) = channel();
    let (go, gone) = channel::<()>();
    let (asked, gone) = (Mutex::new(asked), Mutex::new(gone));
    let to = sandbox.address();
    let api = RawApp::answering(move |request| {
        let mut head = format!(
            "{}\r\nHost: {to}\r\nConnection: close\r\n",
            request.first_line()
        );
        for (name, value) in request.fields() {
            if !name.eq_ignore_ascii_case("host") {
                let value = String::from_utf8(value).expect("text");
                let _ = write!(head, "{name}: {value}\r\n");
            }
        }
        let answer = ask(to, [head.as_bytes(), b"\r\n", &request.body].concat());
        if request.text().contains("grant_type=refresh_token") {
            let _ = asked.lock().expect("nobody panics").send(());
            let _ = gone.lock().expect("nobody panics").recv();
        }
        let length = answer.body.len();
        let line = answer.first_line();
        let head =
            format!("{line}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
        [head.as_bytes(), &answer.body].concat()
    });
    (api, renewing, go)
}

#[test]
fn a_forced_end_loses_no_login() {
    let sandbox = Sandbox::start(&["--seed", "34"]);
    let home = new_home();
    let (api, renewing, go) = behind(&sandbox);
    let url = format!("http://{}", api.address());
    log_in(&home, &url);
    let before = logins(&home);
    let args = [
        "--ephemeral",
        "--register",
        "--events",
        "email.opened",
        "--api",
        &*url,
    ];
    let mut listener = Listener::start_in(&Rc::clone(&home), &args);
    refuse_next(&sandbox);
    listener.process.signal("INT");
    let renews = renewing.recv_timeout(Duration::from_secs(30));
    renews.expect("it renews");
    // Another one: two of a kind at once are one.
    listener.process.signal("TERM");
    // The error is said, and then the end waits.
    listener
        .process
        .stderr
        .find("the error", |line| line.contains("error: ").then_some(()));
    go.send(()).expect("it waits");
    assert_eq!(listener.process.wait().code(), Some(1));
    assert_ne!(logins(&home), before, "the new one is kept");
    // Should that one renew as well, nobody waits for it.
    drop(go);
    // It is good.
    let mut next = Listener::start_in(&home, &args);
    assert_eq!(next.process.terminate().code(), Some(0));
    assert!(active(&sandbox).is_empty());
}
