//! Archived webhooks that are used again, so that a restart changes no key.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::kit::{active, answer_never, files, new_home, registered, remembered, starting, until};
use crate::support::listener::Listener;
use crate::support::sandbox::Sandbox;

const URL: &str = "http://127.0.0.1:9/hooks";
const OTHER: &str = "http://127.0.0.1:9/other";
const TWO: &str = "email.opened,email.sent";

/// The keys of the active webhooks, by event.
#[track_caller]
fn keys(sandbox: &Sandbox) -> BTreeMap<String, String> {
    let key = |(event, id): (String, String)| {
        let whole = sandbox.fine("GET", &format!("/webhooks/{id}"), &Value::Null);
        let key = whole["signature"]["key"].as_str().expect("a key");
        (event, key.to_owned())
    };
    active(sandbox).into_iter().map(key).collect()
}

/// The next objects of webhooks, as `(event, reused)`.
fn told(listener: &mut Listener, count: usize) -> Vec<(String, bool)> {
    let mut told: Vec<_> = (0..count)
        .map(|_| {
            let one = listener.next("registered");
            let event = one["event"].as_str().expect("an event").to_owned();
            (event, one["reused"].as_bool().expect("yes or no"))
        })
        .collect();
    told.sort();
    told
}

fn archive(sandbox: &Sandbox, id: &str, way: &str) {
    sandbox.fine("POST", &format!("/webhooks/{id}/{way}"), &Value::Null);
}

#[test]
fn runs_one_after_the_other_have_the_same_webhooks_and_keys() {
    let sandbox = Sandbox::start(&["--seed", "1"]);
    let home = new_home();
    let mut first = registered(&home, &sandbox, TWO, &["--public-url", URL]);
    let (made, known) = (active(&sandbox), keys(&sandbox));
    let both = |reused| {
        let one = |event: &str| (event.to_owned(), reused);
        vec![one("Email.Opened"), one("Email.Sent")]
    };
    assert_eq!(told(&mut first, 2), both(false));
    first.stop();
    assert_eq!(remembered(home.path()).len(), 2);
    // The second is killed; the third has another URL.
    let mut second = registered(&home, &sandbox, TWO, &["--public-url", URL]);
    assert_eq!(told(&mut second, 2), both(true));
    assert!(remembered(home.path()).is_empty());
    second.process.kill();
    assert_eq!(active(&sandbox), made);
    let mut third = registered(&home, &sandbox, TWO, &[]);
    assert_eq!(told(&mut third, 2), both(true));
    assert_eq!((active(&sandbox), keys(&sandbox)), (made, known));
    for webhook in sandbox.webhooks() {
        assert_eq!(webhook["url"], third.ready["url"], "{webhook}");
    }
    sandbox.fire("Email.Sent");
    assert_eq!(third.delivery()["verdict"]["status"], "valid");
    third.stop();
    // A run with fewer events leaves the others.
    registered(&home, &sandbox, "email.sent", &[]).stop();
    assert_eq!(remembered(home.path()).len(), 2);
    assert_eq!(sandbox.webhooks().len(), 2);
}

#[test]
fn a_kill_at_any_moment_changes_no_key_and_leaves_no_more_webhooks() {
    let sandbox = Sandbox::start(&["--seed", "2"]);
    let home = new_home();
    let (own, _) = sandbox.register("Email.Opened", URL);
    registered(&home, &sandbox, "email.*", &["--public-url", URL]).stop();
    let all = sandbox.webhooks().len();
    let first = registered(&home, &sandbox, "email.*", &["--public-url", URL]);
    let known = keys(&sandbox);
    first.stop();
    for after in [0, 2, 4, 6, 8, 10, 13, 16, 20, 25, 30, 40, 60] {
        let url = if after % 4 == 0 { URL } else { OTHER };
        let mut process = starting(&home, &sandbox, "email.*", &["--public-url", url]);
        until("begun", || !files(home.path()).is_empty());
        std::thread::sleep(std::time::Duration::from_millis(after));
        process.kill();
        std::thread::sleep(std::time::Duration::from_millis(50));
        let next = registered(&home, &sandbox, "email.*", &["--public-url", URL]);
        assert_eq!(active(&sandbox).len(), 14, "after {after} ms");
        assert_eq!(sandbox.webhooks().len(), all, "after {after} ms");
        assert_eq!(keys(&sandbox), known, "after {after} ms");
        next.stop();
        let left = active(&sandbox);
        assert_eq!(left, [("Email.Opened".to_owned(), own.clone())]);
        assert!(files(home.path()).is_empty(), "after {after} ms");
    }
}

#[test]
fn one_that_is_killed_at_each_request_is_archived_and_used_again() {
    let sandbox = Sandbox::start(&["--seed", "3"]);
    let home = new_home();
    registered(&home, &sandbox, "email.sent", &["--public-url", URL]).stop();
    let id = remembered(home.path()).remove(0);
    let steps = [
        ("GET", "/webhooks/*", false, "take"),
        ("PATCH", "/webhooks/*", false, "bring"),
        ("PATCH", "/webhooks/*", true, "bring"),
        ("POST", "/webhooks/*/unarchive", false, "bring"),
        ("POST", "/webhooks/*/unarchive", true, "bring"),
    ];
    for (method, path, after, step) in steps {
        // Always another one than it was left with.
        let is_at_url = |one: &Value| one["id"] == *id && one["url"] == URL;
        let is_there = sandbox.webhooks().iter().any(is_at_url);
        let url = if is_there { OTHER } else { URL };
        answer_never(&sandbox, method, path, after);
        let mut process = starting(&home, &sandbox, "email.sent", &["--public-url", url]);
        let last = || {
            let file = files(home.path()).pop()?;
            let text = fs::read_to_string(file).ok()?;
            text.lines().last().map(str::to_owned)
        };
        let is_there = || last().is_some_and(|last| last.contains(&format!("\"{step}\"")));
        until("at it", is_there);
        until("asked", || {
            sandbox.fine("GET", "/sandbox", &Value::Null)["faults"] == 0
        });
        if after && path.ends_with("unarchive") {
            until("back", || active(&sandbox).len() == 1);
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        process.kill();
        // Whoever asks for something else cleans up.
        registered(&home, &sandbox, "email.opened", &[]).stop();
        assert!(active(&sandbox).is_empty(), "{method} {path} {after}");
        assert!(files(home.path()).is_empty(), "{method} {path} {after}");
        assert!(
            remembered(home.path()).contains(&id),
            "{method} {path} {after}"
        );
    }
    let mut last = registered(&home, &sandbox, "email.sent", &[]);
    assert_eq!(told(&mut last, 1), [("Email.Sent".to_owned(), true)]);
    assert_eq!(active(&sandbox), [("Email.Sent".to_owned(), id)]);
}

#[test]
fn two_listeners_never_have_the_same() {
    let sandbox = Sandbox::start(&["--seed", "4"]);
    let home = new_home();
    registered(&home, &sandbox, TWO, &["--public-url", URL]).stop();
    let first = registered(&home, &sandbox, TWO, &["--public-url", URL]);
    let second = registered(&home, &sandbox, TWO, &["--public-url", OTHER]);
    assert_eq!(active(&sandbox).len(), 4);
    first.stop();
    assert_eq!(active(&sandbox).len(), 2);
    second.stop();
    // Each has its own again, whoever comes first.
    let ids = |url: &str| {
        let mut ids: Vec<_> = (sandbox.webhooks().iter())
            .filter(|one| one["url"] == url)
            .map(|one| one["id"].as_str().expect("an id").to_owned())
            .collect();
        ids.sort();
        ids
    };
    let (of_first, of_second) = (ids(URL), ids(OTHER));
    // Both at once.
    let mut starts: Vec<_> = [OTHER, URL]
        .map(|url| starting(&home, &sandbox, TWO, &["--public-url", url]))
        .into();
    until("registered", || active(&sandbox).len() == 4);
    assert_eq!((ids(URL), ids(OTHER)), (of_first, of_second));
    assert_eq!(sandbox.webhooks().len(), 4);
    for process in &mut starts {
        process.terminate();
    }
    assert!(active(&sandbox).is_empty());
}

#[test]
fn what_the_user_has_changed_is_the_users() {
    let sandbox = Sandbox::start(&["--seed", "5"]);
    let home = new_home();
    let events = "email.opened,email.sent,email.bounced";
    let mut first = registered(&home, &sandbox, events, &["--public-url", URL]);
    let made = active(&sandbox);
    first.process.terminate();
    let [bounced, opened, sent] = &made[..] else {
        panic!("{made:?}");
    };
    archive(&sandbox, &opened.1, "unarchive");
    let moved = json!({ "url": "http://127.0.0.1:9/mine" });
    sandbox.fine("PATCH", &format!("/webhooks/{}", sent.1), &moved);
    let before = sandbox.webhooks();
    let theirs = |id: &str| {
        let all = sandbox.webhooks();
        all.into_iter().find(|one| one["id"] == id)
    };
    let mut next = registered(&home, &sandbox, events, &["--public-url", URL]);
    let expected = [("Bounced", true), ("Opened", false), ("Sent", false)];
    let expected = expected.map(|(event, reused)| (format!("Email.{event}"), reused));
    assert_eq!(told(&mut next, 3), expected);
    assert!(active(&sandbox).contains(bounced));
    next.stop();
    assert_eq!(active(&sandbox), std::slice::from_ref(opened));
    for id in [&opened.1, &sent.1] {
        let was = before.iter().find(|one| one["id"] == **id);
        assert_eq!(theirs(id).as_ref(), was);
        assert!(!remembered(home.path()).contains(id));
    }
}

#[test]
fn what_the_user_has_brought_back_after_a_kill_is_the_users() {
    let sandbox = Sandbox::start(&["--seed", "6"]);
    let home = new_home();
    registered(&home, &sandbox, "email.sent", &["--public-url", URL]).stop();
    let id = remembered(home.path()).remove(0);
    answer_never(&sandbox, "PATCH", "/webhooks/*", false);
    let mut process = starting(&home, &sandbox, "email.sent", &["--public-url", OTHER]);
    let is_asked = || {
        let text = files(home.path())
            .pop()
            .and_then(|file| fs::read_to_string(file).ok());
        text.is_some_and(|text| text.contains("\"bring\""))
    };
    until("asked", is_asked);
    process.kill();
    sandbox.ask("DELETE", "/sandbox/faults", &json!(null));
    // As it was, and so not by cmhook, which moves it first.
    archive(&sandbox, &id, "unarchive");
    registered(&home, &sandbox, "email.sent", &["--public-url", URL]).stop();
    assert_eq!(active(&sandbox), [("Email.Sent".to_owned(), id.clone())]);
    assert!(!remembered(home.path()).contains(&id));
    assert!(files(home.path()).is_empty());
}

#[test]
fn those_that_are_gone_or_refused_are_made_anew() {
    let sandbox = Sandbox::start(&["--seed", "7"]);
    let home = new_home();
    registered(&home, &sandbox, TWO, &[]).stop();
    assert_eq!(remembered(home.path()).len(), 2);
    // A sandbox that keeps nothing knows none of them.
    let sandbox = sandbox.kill_and_restart();
    let mut next = registered(&home, &sandbox, TWO, &[]);
    assert!(told(&mut next, 2).iter().all(|(_, reused)| !reused));
    next.stop();
    assert_eq!(remembered(home.path()).len(), 2);
    sandbox.fault(&json!({ "method": "POST", "path": "/webhooks/*/unarchive", "status": 422 }));
    let mut last = registered(&home, &sandbox, TWO, &[]);
    let reused = told(&mut last, 2).iter().filter(|(_, it)| *it).count();
    assert_eq!(reused, 1);
    last.stop();
    assert!(active(&sandbox).is_empty());
    assert_eq!(remembered(home.path()).len(), 2);
}

#[test]
fn one_that_cannot_be_brought_back_fails_the_start_and_is_not_lost() {
    let sandbox = Sandbox::start(&["--seed", "8"]);
    let home = new_home();
    registered(&home, &sandbox, TWO, &["--public-url", URL]).stop();
    let all = remembered(home.path());
    for (method, path) in [
        ("GET", "/webhooks/*"),
        ("PATCH", "/webhooks/*"),
        ("POST", "/webhooks/*/unarchive"),
    ] {
        sandbox.fault(&json!({ "method": method, "path": path, "status": 500 }));
        let more = ["--public-url", OTHER];
        let failed = crate::kit::failed(starting(&home, &sandbox, TWO, &more));
        assert_eq!(failed.code, Some(1), "{failed:?}");
        failed.says("the API is in trouble (500)");
        assert!(active(&sandbox).is_empty(), "{method} {path}");
        assert!(files(home.path()).is_empty(), "{method} {path}");
        assert_eq!(remembered(home.path()), all, "{method} {path}");
    }
}
