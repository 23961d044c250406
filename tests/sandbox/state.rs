//! The file that a sandbox keeps, and the disk below it: damaged, full, not a file at all;
//! and what is said when it stops.

use std::io::Read as _;
use std::net::TcpListener;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::kit::*;
use crate::support::listener::{cmhook, home};
use crate::support::process::Process;
use crate::support::sandbox::Sandbox;
use crate::support::small_disk::{self, OWN_DISK, can_mount, fill, free, private};
use crate::support::upstream::Upstream;

/// A sandbox with that file, which does not start; what it says.
#[track_caller]
fn refused(home: &Rc<tempfile::TempDir>, data: &str) -> String {
    let mut command = cmhook();
    command.args(["sandbox", "--listen", "0", "--data", data]);
    let mut process = Process::start(&mut command, home.path());
    assert_eq!(process.wait().code(), Some(1), "{data}");
    process.stderr.text()
}

#[test]
fn a_file_that_it_cannot_use_is_told_and_left_alone() {
    let home = Rc::new(home());
    let path = home.path().join("a.db");
    let mut sandbox = Sandbox::start_in(&home, &["--data", "a.db"]);
    for _ in 0..200 {
        sandbox.register("Email.Sent", "http://127.0.0.1:9/");
    }
    assert_eq!(sandbox.process.terminate().code(), Some(0));
    // All of it is in the one file then, whatever was still in the log beside it.
    let db = rusqlite::Connection::open(&path).unwrap();
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    drop(db);
    let whole = std::fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    damaged[4096..].fill(0x55);
    std::fs::write(&path, &damaged).unwrap();
    let said = refused(&home, "a.db");
    assert!(said.contains("`a.db` is damaged"), "{said}");
    assert!(
        said.contains("delete it, or name another with `--data FILE`"),
        "{said}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), damaged);
    // The same file with a number of a layout that is yet to come.
    std::fs::write(&path, &whole).unwrap();
    let db = rusqlite::Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let said = refused(&home, "a.db");
    assert!(said.contains("was made by a newer cmhook"), "{said}");
    let db = rusqlite::Connection::open(home.path().join("b.db")).unwrap();
    db.execute_batch("CREATE TABLE a (b)").unwrap();
    drop(db);
    let said = refused(&home, "b.db");
    assert!(said.contains("`b.db` is not a sandbox's file"), "{said}");
    std::fs::create_dir(home.path().join("folder")).unwrap();
    let said = refused(&home, "folder");
    assert!(said.contains("`folder` is not a file"), "{said}");
    let said = refused(&home, "a.db/c.db");
    assert!(said.contains("a.db") && said.contains("hint"), "{said}");
    let said = refused(&home, "/proc/nowhere/c.db");
    assert!(said.contains("/proc/nowhere"), "{said}");
}

/// Starts one for a person, fires at an app that is not there, and stops it: its last line.
#[track_caller]
fn last_line(home: &Rc<tempfile::TempDir>, flags: &[&str], count: usize) -> String {
    let mut command = cmhook();
    command.args(["sandbox", "--listen", "0", "--retries", "1h"]);
    let mut process = Process::start(command.args(flags), home.path());
    let url = process.stdout.find("the address", |line| {
        line.strip_prefix("cmhook sandbox at ").map(str::to_owned)
    });
    let api = json!({"event": "Email.Sent", "url": "http://127.0.0.1:9/"}).to_string();
    let address: std::net::SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
    let post = |path: &str, body: &str| {
        let token = crate::support::sandbox::TOKEN;
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        assert_eq!(crate::support::raw::ask(address, request).status(), 200);
    };
    if count > 0 {
        post("/webhooks", &api);
        let fired = json!({"event": "Email.Sent", "count": count}).to_string();
        post("/sandbox/events", &fired);
    }
    assert_eq!(process.terminate().code(), Some(0));
    process.stdout.drain();
    process.stdout.last().unwrap_or_default().to_owned()
}

#[test]
fn a_stop_says_what_waits() {
    let home = Rc::new(home());
    assert_eq!(last_line(&home, &[], 0), "Stopped; no tries wait.");
    assert_eq!(
        last_line(&home, &[], 3),
        "Stopped; 3 tries wait and go on at the next start."
    );
    // It is all in the one file then.
    let files = std::fs::read_dir(home.path().join("data/cmhook")).unwrap();
    let files: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["sandbox.db"]);
    assert_eq!(
        last_line(&home, &["--quiet"], 0),
        "Stopped; 3 tries wait and go on at the next start."
    );
    assert_eq!(
        last_line(&home, &["--ephemeral"], 1),
        "Stopped; 1 try that waited is gone: the state was in memory only."
    );
}

#[test]
fn the_one_that_keeps_its_state_is_found_without_being_named() {
    let home = Rc::new(home());
    let fire = || {
        let mut command = cmhook();
        command.args(["sandbox", "fire", "Email.Sent"]);
        let mut process = Process::start(&mut command, home.path());
        let code = process.wait().code();
        process.stdout.drain();
        (code, process.stdout.text() + &process.stderr.text())
    };
    let url_file = home.path().join("data/cmhook/sandbox.url");
    let mut kept = Sandbox::start_in(&home, &[]);
    let other = Sandbox::start_in(&home, &["--ephemeral"]);
    let app = Upstream::start();
    kept.register("Email.Sent", &url(&app));
    let (code, said) = fire();
    assert_eq!(code, Some(0), "{said}");
    app.next();
    assert!(other.deliveries().is_empty());
    assert_eq!(kept.process.terminate().code(), Some(0));
    assert!(!url_file.exists());
    // One that was killed leaves its address behind, where nobody answers.
    let mut killed = Sandbox::start_in(&home, &[]);
    killed.process.kill();
    assert_eq!(std::fs::read_to_string(&url_file).unwrap(), killed.url());
    let again = Sandbox::start_in(&home, &[]);
    let named = || std::fs::read_to_string(&url_file).unwrap();
    assert!(named().ends_with(&again.url()), "{}", named());
    again.register("Email.Sent", &url(&app));
    // A second one is the usual one as long as it runs, and then the first is that again.
    let mut second = Sandbox::start_in(&home, &["--data", "second.db"]);
    assert_eq!(fire().0, Some(1), "nobody hears of it there");
    assert_eq!(second.process.terminate().code(), Some(0));
    assert!(named().ends_with(&again.url()), "{}", named());
    let (code, said) = fire();
    assert_eq!(code, Some(0), "{said}");
    app.next();
}

#[test]
fn nothing_is_sent_to_what_is_no_sandbox() {
    let sandbox = Sandbox::start(&[]);
    let app = Upstream::start();
    let mut command = cmhook();
    let api = format!("http://{}", app.address());
    command.args(["sandbox", "fire", "Email.Sent", "--api", &api]);
    let mut process = Process::start(&mut command, sandbox.home());
    assert_eq!(process.wait().code(), Some(1));
    let said = process.stderr.text();
    assert!(said.contains("is no sandbox of cmhook"), "{said}");
    let asked = app.next();
    assert_eq!(asked.parts.method, "GET");
    assert!(app.is_idle());
    // What takes a request and then says nothing is no sandbox that went away.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let api = format!("http://{}", mute.local_addr().unwrap());
    let cut = std::thread::spawn(move || {
        let (mut stream, _) = mute.accept().unwrap();
        let _ = stream.read(&mut [0; 1000]);
    });
    let mut command = cmhook();
    command.args(["sandbox", "fire", "Email.Sent", "--api", &api]);
    let mut process = Process::start(&mut command, sandbox.home());
    assert_eq!(process.wait().code(), Some(1));
    cut.join().unwrap();
    let said = process.stderr.text();
    assert!(said.contains("did not answer"), "{said}");
}

#[test]
fn data_that_is_no_json_is_told_as_such() {
    let sandbox = Sandbox::start(&[]);
    std::fs::write(sandbox.home().join("b.dat"), [0xff, 0xfe, 0, 1]).unwrap();
    let deep = "[".repeat(300) + &"]".repeat(300);
    std::fs::write(sandbox.home().join("deep.json"), deep).unwrap();
    let most = "[".repeat(126) + &"]".repeat(126);
    std::fs::write(sandbox.home().join("most.json"), most).unwrap();
    for (file, code, told) in [
        (
            "@b.dat",
            2,
            "`b.dat` is not JSON: it holds bytes that are no text",
        ),
        ("@deep.json", 1, "the JSON is nested deeper than 127 levels"),
        ("@most.json", 1, "No active webhook"),
    ] {
        let output = sandbox.command(&["fire", "Email.Sent", "--data", file]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{file}: {said}");
        assert!(said.contains(told), "{file}: {said}");
        assert!(!said.contains(": :"), "{said}");
        assert!(code == 1 || said.contains("hint: write it as"), "{said}");
    }
}

#[test]
fn a_full_disk_promises_nothing_and_loses_nothing() {
    if !can_mount() {
        return;
    }
    let home = Rc::new(home());
    std::fs::create_dir(home.path().join("disk")).unwrap();
    let wrapper = private(OWN_DISK, "1m");
    let flags = ["--data", "disk/a.db", "--fast", "--retries", "1s,1s"];
    let sandbox = Sandbox::start_under(&home, wrapper, &flags);
    let disk = small_disk::seen_by(sandbox.process.id(), home.path());
    let app = Upstream::start();
    let hook = json!({"event": "Email.Sent", "url": url(&app), "rate_limit": 10_000});
    sandbox.register_with(&hook);
    let first = sandbox.fire("Email.Sent").remove(0);
    sandbox.becomes(&first, "delivered");
    app.next();
    fill(&disk);
    let mut promised = vec![first];
    let data = "a".repeat(4000);
    let event = json!({"event": "Email.Sent", "data": data});
    let refused = loop {
        let answer = sandbox.ask("POST", "/sandbox/events", &event);
        if answer.status() != 200 {
            break answer;
        }
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        let id = body["events"][0]["deliveries"][0].as_str().unwrap();
        promised.push(id.to_owned());
    };
    assert_eq!(refused.status(), 503);
    assert!(
        refused.text().contains("the disk is full"),
        "{}",
        refused.text()
    );
    for _ in 0..20 {
        let answer = sandbox.ask("POST", "/sandbox/events", &event);
        assert_eq!(answer.status(), 503);
    }
    // What was answered stands there, and the rest does not.
    let ids = |sandbox: &Sandbox| {
        let deliveries = sandbox.deliveries();
        let ids = deliveries.iter().rev();
        ids.map(|one| one["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&sandbox), promised);
    // Apps are not asked again and again for something that they have answered.
    std::thread::sleep(Duration::from_millis(1500));
    free(&disk);
    for id in &promised {
        let ended = sandbox.becomes(id, "delivered");
        assert_eq!(ended["tried"], 1);
    }
    for _ in 1..promised.len() {
        app.next();
    }
    assert!(app.is_idle(), "an app was asked twice");
    let begin = Instant::now();
    while sandbox.ask("POST", "/sandbox/events", &event).status() != 200 {
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
}
