//! An API, or a disk, that takes its time.

use std::fs::File;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::between::{Between, bad_gateway, is_archive, is_create};
use crate::kit::{
    active, answer_never, failed, files, new_home, registered, registered_at, starting,
    starting_at, until, warnings,
};
use crate::support::sandbox::Sandbox;

const URL: &str = "http://127.0.0.1:9/hooks";

#[test]
fn one_that_does_not_start_leaves_alone_what_was_made_meanwhile() {
    let sandbox = Sandbox::start(&["--seed", "1"]);
    let home = new_home();
    let (asked, is_asked) = channel();
    let (over, is_over) = channel::<()>();
    let (asked, is_over) = (Mutex::new(asked), Mutex::new(is_over));
    let is_first = AtomicBool::new(true);
    let between = Between::new(&sandbox, move |request, behind| {
        if is_create(request) && is_first.swap(false, Ordering::SeqCst) {
            asked.lock().unwrap().send(()).expect("the test waits");
            let _ = is_over.lock().unwrap().recv();
            return bad_gateway();
        }
        behind.pass(request)
    });
    let more = ["--public-url", URL];
    let first = starting_at(&home, &between.url(), "email.opened", &more);
    is_asked.recv().expect("the first asks");
    let second = registered_at(&home, &between.url(), "email.opened", &more);
    over.send(()).expect("it waits");
    let failed = failed(first);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert_eq!(active(&sandbox).len(), 1, "{failed:?}");
    second.stop();
    assert!(active(&sandbox).is_empty());
}

#[test]
fn a_stop_while_it_registers_waits_for_what_is_being_made_and_archives_it() {
    let sandbox = Sandbox::start(&["--seed", "2"]);
    let home = new_home();
    let (asked, is_asked) = channel();
    let (go, may_go) = channel::<()>();
    let (asked, may_go) = (Mutex::new(asked), Mutex::new(may_go));
    let between = Between::new(&sandbox, move |request, behind| {
        if is_create(request) {
            asked.lock().unwrap().send(()).expect("the test waits");
            let _ = may_go.lock().unwrap().recv();
            // The API is as slow as that.
            std::thread::sleep(Duration::from_secs(2));
        }
        behind.pass(request)
    });
    let mut process = starting_at(&home, &between.url(), "email.opened", &[]);
    is_asked.recv().expect("it asks");
    go.send(()).expect("it waits");
    let begin = Instant::now();
    assert_eq!(process.terminate().code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(sandbox.webhooks().len(), 1);
    assert!(active(&sandbox).is_empty());
    assert!(files(home.path()).is_empty());
}

#[test]
fn a_stop_that_cannot_tell_what_was_made_says_so() {
    let sandbox = Sandbox::start(&["--seed", "3"]);
    let home = new_home();
    answer_never(&sandbox, "POST", "/webhooks", false);
    let mut process = starting(&home, &sandbox, "email.opened", &[]);
    until("asked", || {
        sandbox.fine("GET", "/sandbox", &Value::Null)["faults"] == 0
    });
    let begin = Instant::now();
    assert_eq!(process.terminate().code(), Some(1));
    assert!(begin.elapsed() < Duration::from_secs(6));
    let said = warnings(&process.stdout.text());
    let words = "it is not known whether the webhook for Email.Opened was made";
    assert!(
        said.iter().any(|one| one["message"]
            .as_str()
            .is_some_and(|m| m.starts_with(words))),
        "{said:?}"
    );
    assert_eq!(files(home.path()).len(), 1);
}

#[test]
fn a_stop_while_a_failed_start_is_undone_is_a_stop() {
    let sandbox = Sandbox::start(&["--seed", "4"]);
    let home = new_home();
    for _ in 0..2 {
        answer_never(&sandbox, "POST", "/webhooks/*/archive", false);
    }
    let events = "email.opened,email.sent,campaign.sent";
    let process = starting(&home, &sandbox, events, &[]);
    until("undone", || {
        let faults = sandbox.fine("GET", "/sandbox", &Value::Null)["faults"].clone();
        faults.as_u64().is_some_and(|left| left < 2)
    });
    process.signal("INT");
    let failed = failed(process);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.took < Duration::from_secs(5), "{failed:?}");
    failed.says("campaign.sent");
    assert_eq!(failed.objects[0]["code"], "not_archived", "{failed:?}");
}

#[test]
fn all_events_are_archived_in_time_where_each_answer_takes_a_while() {
    let sandbox = Sandbox::start(&["--seed", "5"]);
    let home = new_home();
    let between = Between::new(&sandbox, |request, behind| {
        if is_archive(request) {
            std::thread::sleep(Duration::from_millis(400));
        }
        behind.pass(request)
    });
    let mut listener = registered_at(&home, &between.url(), "*", &[]);
    let count = active(&sandbox).len();
    assert!(count > 50, "{count}");
    let begin = Instant::now();
    let status = listener.process.terminate();
    println!("{count} webhooks archived in {:?}", begin.elapsed());
    let said = listener.process.stderr.text();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(active(&sandbox).is_empty());
    assert!(files(home.path()).is_empty());
    // They are remembered, each of them.
    let all = sandbox.webhooks().len();
    registered(&home, &sandbox, "email.sent", &[]).stop();
    registered_at(&home, &between.url(), "*", &[]).stop();
    assert_eq!(sandbox.webhooks().len(), all + 1);
}

#[test]
fn a_stop_does_not_wait_for_a_disk() {
    let sandbox = Sandbox::start(&["--seed", "6"]);
    let home = new_home();
    let mut listener = registered(&home, &sandbox, "email.opened,email.sent", &[]);
    // Whoever wants to write into the book waits, as for a disk that hangs.
    let lock = home.path().join("data/cmhook/registrations/archived.lock");
    let held = File::create(lock).expect("a file");
    held.lock().expect("it is free");
    let begin = Instant::now();
    assert_eq!(listener.process.terminate().code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert!(active(&sandbox).is_empty());
    drop(held);
    // The next one sees to what could not be written.
    assert_eq!(files(home.path()).len(), 1);
    registered(&home, &sandbox, "email.opened,email.sent", &[]).stop();
    assert_eq!(sandbox.webhooks().len(), 2);
    assert!(files(home.path()).is_empty());
}
