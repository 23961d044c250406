//! Commands that are interrupted, or not answered in time: what they leave is known.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use serde_json::json;

use crate::errors::answer;
use crate::fake::{Webhooks, api, is_creation, is_list, user};
use crate::kit::{Place, URL};
use crate::support::process::Process;
use crate::support::raw::{Message, RawApp};
use crate::support::sandbox::Sandbox;

const CREATE: [&str; 6] = ["webhooks", "create", "-u", URL, "-e", "email.sent"];

/// An API that begins with such a request only when it is let go on.
fn holding(
    webhooks: &Webhooks,
    is_held: impl Fn(&Message) -> bool + Send + Sync + 'static,
) -> (RawApp, Sender<()>) {
    let (go_on, gate) = channel();
    let (webhooks, gate) = (webhooks.clone(), Mutex::new(gate));
    let api = api(move |request| {
        if is_held(request) {
            let gate = gate.lock().expect("nobody panics with it");
            let _ = gate.recv();
        }
        Some(webhooks.answer(request))
    });
    (api, go_on)
}

/// Starts a command, and returns once such a request has reached the API.
#[track_caller]
fn started(api: &RawApp, place: &Place, args: &[&str], until: fn(&Message) -> bool) -> Process {
    let process = Process::start(&mut place.command(args), place.path());
    while !until(&api.next()) {}
    process
}

/// Waits until it has said that it waits.
#[track_caller]
fn is_waiting(process: &mut Process) {
    let waits = |line: &str| line.contains("waiting for the API").then_some(());
    process.stderr.find("that it waits", waits);
}

#[test]
fn a_creation_that_takes_long_is_awaited_and_undone() {
    let webhooks = Webhooks::default();
    let (api, go_on) = holding(&webhooks, is_creation);
    let place = user(&api);
    let mut process = started(&api, &place, &CREATE, is_creation);
    process.signal("INT");
    is_waiting(&mut process);
    go_on.send(()).expect("it is held");
    assert_eq!(process.wait().code(), Some(1));
    let said = process.stderr.text();
    assert!(
        said.contains("w1 (Email.Sent) is archived again: it was interrupted"),
        "{said}"
    );
    assert_eq!(webhooks.each("status"), ["archived"]);
}

#[test]
fn who_does_not_wait_is_told_what_may_be_left() {
    let webhooks = Webhooks::default();
    let (api, go_on) = holding(&webhooks, is_creation);
    let place = user(&api);
    let mut process = started(&api, &place, &CREATE, is_creation);
    process.signal("INT");
    is_waiting(&mut process);
    process.signal("INT");
    assert_eq!(process.wait().code(), Some(1));
    let said = process.stderr.text();
    let may = "one for Email.Sent may have been made all the same, `cmhook webhooks list` tells: it was interrupted";
    assert!(said.contains(may), "{said}");
    assert!(!said.contains("nothing is left"), "{said}");
    drop(go_on);
}

#[test]
fn a_step_of_an_update_is_awaited_and_undone() {
    let old = json!({"id": "w1", "status": "active", "event": "Email.Sent", "url": URL,
        "rate_limit": 50, "rate_limit_period": "second"});
    let webhooks = Webhooks::of(std::slice::from_ref(&old));
    let is_patch = |request: &Message| request.first_line().starts_with("PATCH ");
    let is_first = AtomicBool::new(true);
    let (api, go_on) = holding(&webhooks, move |request| {
        is_patch(request) && is_first.swap(false, Ordering::Relaxed)
    });
    let place = user(&api);
    let args = ["webhooks", "update", "w1", "-u", "https://new.example.com/"];
    let mut process = started(&api, &place, &args, is_patch);
    process.signal("INT");
    is_waiting(&mut process);
    go_on.send(()).expect("it is held");
    assert_eq!(process.wait().code(), Some(1));
    let said = process.stderr.text();
    assert!(
        said.contains("all is as it was before: it was interrupted"),
        "{said}"
    );
    assert_eq!(*webhooks.all(), [old]);
}

#[test]
fn what_only_looks_ends_at_once() {
    let one = json!({"id": "w1", "status": "active", "event": "Email.Sent", "url": URL});
    let webhooks = Webhooks::of(&[one]);
    let (api, go_on) = holding(&webhooks, is_list);
    let place = user(&api);
    for args in [&CREATE[..], &["webhooks", "update", "w1", "-n", "shop"]] {
        let mut process = started(&api, &place, args, is_list);
        process.signal("INT");
        assert_eq!(process.wait().code(), Some(1));
        let said = process.stderr.text();
        assert!(said.contains("error: it was interrupted"), "{said}");
        go_on.send(()).expect("it is held");
    }
    assert_eq!(webhooks.all().len(), 1);
    assert!(!place.path().join("data/cmhook/webhooks.json").exists());
}

#[test]
fn what_is_made_keeps_its_ids_where_fetching_keys_is_interrupted() {
    let webhooks = Webhooks::default();
    let is_get = |request: &Message| request.first_line().starts_with("GET /webhooks/");
    let (api, go_on) = holding(&webhooks, is_get);
    let place = user(&api);
    let args = [&CREATE[..], &["--show-secrets"]].concat();
    let mut process = started(&api, &place, &args, is_get);
    process.signal("INT");
    assert_eq!(process.wait().code(), Some(0));
    assert!(
        process.stdout.text().starts_with("w1\t"),
        "{}",
        process.stdout.text()
    );
    let said = process.stderr.text();
    assert!(
        said.contains("its key is not shown: it was interrupted"),
        "{said}"
    );
    assert_eq!(webhooks.each("status"), ["active"]);
    drop(go_on);
}

#[test]
fn where_no_list_is_to_be_had_nothing_is_claimed() {
    let webhooks = Webhooks::default();
    let (known, posts) = (webhooks.clone(), AtomicUsize::new(0));
    let api = api(move |request| {
        let broken = answer(500, &json!({"detail": "bad gateway"}));
        if is_creation(request) && posts.fetch_add(1, Ordering::Relaxed) == 1 {
            known.answer(request);
            return Some(broken);
        }
        if is_list(request) && posts.load(Ordering::Relaxed) > 1 {
            return Some(broken);
        }
        Some(known.answer(request))
    });
    let args = ["create", "-u", URL, "-e", "email.sent,email.opened"];
    let ran = user(&api).webhooks(&args).coded(1);
    assert!(!ran.stderr.contains("nothing is left"), "{}", ran.stderr);
    let ran = ran.says("w1 (Email.Sent) is archived again, but one for Email.Opened may have been made all the same, `cmhook webhooks list` tells: cannot create");
    drop(ran);
    assert_eq!(webhooks.each("status"), ["archived", "active"]);
}

#[test]
fn what_is_made_after_the_api_hung_up_is_found() {
    let webhooks = Webhooks::default();
    let (known, held) = (webhooks.clone(), Mutex::new(None::<Message>));
    let api = api(move |request| {
        let mut held = held.lock().expect("nobody panics with it");
        if is_creation(request) {
            *held = Some(request.clone());
            return None;
        }
        let answer = known.answer(request);
        // It comes to it behind the first look.
        if let Some(creation) = held.take() {
            known.answer(&creation);
        }
        Some(answer)
    });
    let args = ["create", "-u", URL, "-e", "email.sent"];
    let ran = user(&api).webhooks(&args).coded(1);
    ran.says("nothing is left of it, w1 (Email.Sent) is archived again: cannot create");
    assert_eq!(webhooks.each("status"), ["archived"]);
}

#[test]
fn an_interrupted_creation_leaves_nothing() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    // The second one hangs, though it is made.
    sandbox.fault(
        &json!({"method": "POST", "path": "/webhooks", "status": 200, "times": 1, "after": true,
        "delay_ms": 10}),
    );
    place
        .webhooks(&["create", "-u", URL, "-e", "email.queued"])
        .coded(1);
    let before = sandbox.webhooks();
    assert!(
        before.iter().all(|webhook| webhook["status"] == "archived"),
        "{before:?}"
    );
    sandbox.fault(
        &json!({"method": "POST", "path": "/webhooks", "status": 200, "after": true,
        "delay_ms": 8000}),
    );
    let args = [
        "webhooks",
        "create",
        "-u",
        URL,
        "-e",
        "email.sent,email.opened",
    ];
    let mut process = Process::start(&mut place.command(&args), place.path());
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while sandbox.webhooks().len() == before.len() {
        assert!(std::time::Instant::now() < deadline, "it makes none");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(process.terminate().code(), Some(1));
    let said = process.stderr.text();
    assert!(said.contains("it was interrupted"), "{said}");
    assert!(said.contains("archived again"), "{said}");
    let active = sandbox.webhooks();
    assert!(
        active.iter().all(|webhook| webhook["status"] == "archived"),
        "{active:?}"
    );
}

#[test]
fn a_second_signal_ends_the_undoing_too_and_says_what_is_left() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    sandbox.fault(&json!({"path": "*/archive", "status": 500, "delay_ms": 14000, "times": 0}));
    let args = [
        "webhooks",
        "create",
        "-u",
        URL,
        "-e",
        "email.sent,campaign.sent",
        "-v",
    ];
    let began = std::time::Instant::now();
    let mut process = Process::start(&mut place.command(&args), place.path());
    // The second one is refused, and then the first one's archiving hangs.
    let is_refused = |line: &str| line.contains(": 422 ").then_some(());
    process.stderr.find("the refusal", is_refused);
    process.signal("INT");
    assert_eq!(process.wait().code(), Some(1));
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    let id = sandbox.webhooks()[0]["id"].as_str().unwrap().to_owned();
    let said = process.stderr.text();
    assert!(
        said.contains(&format!("`cmhook webhooks archive {id}`")),
        "{said}"
    );
}
