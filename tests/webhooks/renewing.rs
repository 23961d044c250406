//! What else becomes of a login while it is renewed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::errors::answer;
#[cfg(target_os = "linux")]
use crate::fake::api;
use crate::kit::{Place, Ran, URL, end};
use crate::support::process::Process;
use crate::support::raw::RawApp;
use crate::support::sandbox::Sandbox;
use crate::tokens::{ending, log_in};

const LONG_AGO: &str = "2020-01-01T00:00:00Z";

fn file(place: &Place) -> PathBuf {
    place.path().join("config/cmhook/logins.toml")
}

/// The turn to change the file, as another process has it.
#[track_caller]
fn turn(place: &Place) -> File {
    let lock = File::create(file(place).with_extension("lock")).expect("a file");
    lock.try_lock().expect("nobody has it");
    lock
}

/// Waits until a process has come to the lock.
#[cfg(target_os = "linux")]
#[track_caller]
fn until_it_waits(process: u32) {
    let folder = PathBuf::from(format!("/proc/{process}/fd"));
    let is_lock = |path: PathBuf| {
        fs::read_link(path).is_ok_and(|to| to.file_name() == Some("logins.lock".as_ref()))
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    let open = || {
        let all = fs::read_dir(&folder).into_iter().flatten().flatten();
        all.map(|entry| entry.path()).any(is_lock)
    };
    while !open() {
        assert!(Instant::now() < deadline, "it does not come to the lock");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What comes of a command that is about to renew the login when the file becomes this.
#[cfg(target_os = "linux")]
#[track_caller]
fn overtaken(place: &Place, becomes: &str) -> Ran {
    ending(place, LONG_AGO);
    let turn = turn(place);
    let began = Instant::now();
    let child = place.start(&["webhooks", "list", "--json"]);
    until_it_waits(child.id());
    fs::write(file(place), becomes).expect("a file");
    drop(turn);
    end(child, began)
}

#[cfg(target_os = "linux")]
#[test]
fn a_logout_is_not_undone() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    log_in(&place);
    let ran = overtaken(&place, "").coded(1);
    assert_eq!(ran.json()["code"], "login_over");
    ran.says("somebody has logged out meanwhile");
    assert_eq!(place.logins(), "");
}

#[cfg(target_os = "linux")]
#[test]
fn nobody_goes_on_as_another_user() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    log_in(&place);
    let mine = place.logins();
    let theirs = mine.replace("sandbox@cmhook.test", "other@cmhook.test");
    assert_ne!(mine, theirs);
    let ran = overtaken(&place, &theirs).coded(1);
    assert_eq!(ran.json()["code"], "login_over");
    ran.says("another one has taken its place meanwhile");
    assert_eq!(place.logins(), theirs);
    // The same user may have logged in anew.
    fs::write(file(&place), &mine).expect("a file");
    overtaken(&place, &mine)
        .coded(1)
        .says("There are no active webhooks");
}

/// Puts a link in the file's place, and the file beside it.
fn link(file: &Path) {
    let other = file.with_extension("other");
    fs::rename(file, &other).expect("a file");
    std::os::unix::fs::symlink(other, file).expect("a link");
}

#[test]
fn no_login_is_used_up_that_could_not_be_kept() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    log_in(&place);
    ending(&place, LONG_AGO);
    let file = file(&place);
    link(&file);
    let ran = place.webhooks(&["list"]).coded(1);
    ran.says("no login can be kept: ").says("is a link");
    fs::rename(file.with_extension("other"), &file).expect("a file");
    // It is good for another one.
    place.create("email.sent", &[]);
}

#[test]
fn a_login_that_is_not_kept_is_good_for_the_run_and_that_is_said() {
    let place: std::sync::Arc<std::sync::OnceLock<PathBuf>> = std::sync::Arc::default();
    let logins = std::sync::Arc::clone(&place);
    let api = RawApp::answering(move |request| {
        let form = request.text();
        let grant = |n: u8, life: u32| {
            answer(
                200,
                &json!({"access_token": format!("sentinel-{n}"), "refresh_token": format!("sentinel-r{n}"), "expires_in": life}),
            )
        };
        if form.contains("grant_type=password") {
            grant(1, 1)
        } else if form.contains("refresh_token=sentinel-r1") {
            // Between the check and the end.
            link(logins.get().expect("it is known"));
            grant(2, 1)
        } else if form.contains("refresh_token=sentinel-r2") {
            grant(3, 3600)
        } else if request.target().contains("/archive") {
            answer(
                200,
                &json!({"data": {"id": "w1", "event": "Email.Sent", "url": URL, "status": "archived"}}),
            )
        } else {
            answer(401, &json!({"detail": "no"}))
        }
    });
    let at = Place::new(format!("http://{}", api.address()));
    place.set(file(&at)).expect("it is new");
    log_in(&at);
    // The second one is renewed with what this process alone has.
    let ran = at.webhooks(&["archive", "w1", "w2"]).coded(0);
    let ran = ran
        .says("warning: the login at ")
        .says("for this run alone");
    assert!(!ran.stderr.contains("sentinel"), "{}", ran.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn an_end_waits_for_nobody_who_has_the_turn() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    log_in(&place);
    // The creation is what renews it.
    sandbox.fault(
        &json!({"method": "POST", "path": "/webhooks", "status": 401, "body": {"detail": "no"}}),
    );
    let _turn = turn(&place);
    let args = ["webhooks", "create", "-u", URL, "-e", "email.sent", "-v"];
    let mut process = Process::start(&mut place.command(&args), place.path());
    until_it_waits(process.id());
    let began = Instant::now();
    let pid = process.id();
    let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_over = std::sync::Arc::clone(&over);
    // Whoever waits presses it again.
    let impatient = std::thread::spawn(move || {
        while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
            let _ = std::process::Command::new("kill")
                .args(["-INT", &pid.to_string()])
                .output();
            std::thread::sleep(Duration::from_millis(300));
        }
    });
    let status = process.wait();
    over.store(true, std::sync::atomic::Ordering::Relaxed);
    impatient.join().expect("it ends");
    assert_eq!(status.code(), Some(1));
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    let said = process.stderr.text();
    assert!(said.contains("waiting for "), "{said}");
    assert!(said.contains("logins.lock`"), "{said}");
}

/// An API that has begun to renew a login of a command that lists webhooks, and goes on where
/// it is let.
#[cfg(target_os = "linux")]
#[track_caller]
fn held_renewal() -> (RawApp, std::sync::mpsc::Sender<()>, Place, Process) {
    let (go_on, gate) = std::sync::mpsc::channel();
    let gate = std::sync::Mutex::new(gate);
    let api = api(move |request| {
        let form = request.text();
        let grant = |n: u8| {
            answer(
                200,
                &json!({"access_token": format!("a{n}"), "refresh_token": format!("r{n}"), "expires_in": 3600}),
            )
        };
        if form.contains("grant_type=password") {
            return Some(grant(1));
        }
        if form.contains("refresh_token=r1") {
            let gate = gate.lock().expect("nobody panics with it");
            let _ = gate.recv();
            return Some(grant(2));
        }
        Some(answer(200, &json!({"data": []})))
    });
    let place = Place::new(format!("http://{}", api.address()));
    log_in(&place);
    ending(&place, LONG_AGO);
    let args = ["webhooks", "list"];
    let process = Process::start(&mut place.command(&args), place.path());
    while !api.next().text().contains("refresh_token=r1") {}
    (api, go_on, place, process)
}

#[cfg(target_os = "linux")]
#[test]
fn a_command_that_is_interrupted_keeps_the_login_that_it_renews() {
    use std::os::unix::process::ExitStatusExt as _;
    let (api, go_on, place, mut process) = held_renewal();
    process.signal("INT");
    let waits = |line: &str| line.contains("waiting for the login").then_some(());
    process.stderr.find("that it waits", waits);
    go_on.send(()).expect("it is held");
    assert_eq!(process.wait().signal(), Some(2));
    let kept = place.logins();
    assert!(kept.contains("\"r2\""), "{kept}");
    assert!(api.is_idle(), "nothing more is asked");
}

#[cfg(target_os = "linux")]
#[test]
fn who_is_in_a_hurry_waits_for_no_renewal() {
    use std::os::unix::process::ExitStatusExt as _;
    let (_api, _go_on, place, mut process) = held_renewal();
    process.signal("INT");
    let waits = |line: &str| line.contains("waiting for the login").then_some(());
    process.stderr.find("that it waits", waits);
    process.signal("TERM");
    assert_eq!(process.wait().signal(), Some(15));
    assert!(place.logins().contains("\"r1\""));
}
