//! Listeners that are killed at each step, and what the next one makes of what they left.

use std::fs;

use serde_json::json;

use crate::kit::{active, answer_never, files, new_home, registered, starting, until};
use crate::support::listener::Listener;
use crate::support::sandbox::Sandbox;

const URL: &str = "http://127.0.0.1:9/hooks";

/// Starts a listener whose URL is always the same one.
fn at_url(home: &std::rc::Rc<tempfile::TempDir>, sandbox: &Sandbox, events: &str) -> Listener {
    registered(home, sandbox, events, &["--public-url", URL])
}

#[test]
fn the_next_one_archives_what_a_killed_one_has_made_and_only_that() {
    let sandbox = Sandbox::start(&["--seed", "1"]);
    let home = new_home();
    // A slash at the end makes no other URL of it.
    let (before, _) = sandbox.register("Email.Opened", &format!("{URL}/"));
    let mut killed = at_url(&home, &sandbox, "email.opened,email.sent");
    killed.process.stderr.find("a warning", |line| {
        line.contains("other webhooks send Email.Opened to this URL too")
            .then_some(())
    });
    let shows = format!(
        "`cmhook webhooks get {before} --show-secrets --api {}`",
        sandbox.url()
    );
    killed
        .process
        .stderr
        .find("its hint", |line| line.contains(&shows).then_some(()));
    killed.process.kill();
    assert_eq!(files(home.path()).len(), 1);
    // The user makes one that looks the same.
    let (after, _) = sandbox.register("Email.Sent", URL);
    assert_eq!(active(&sandbox).len(), 4);
    // It is of another event and another URL.
    let next = registered(&home, &sandbox, "email.bounced", &[]);
    let own = active(&sandbox);
    assert_eq!(own.len(), 3, "{own:?}");
    assert_eq!(own[0].0, "Email.Bounced");
    assert_eq!(own[1].1, before);
    assert_eq!(own[2].1, after);
    assert_eq!(files(home.path()).len(), 1);
    next.stop();
    assert_eq!(active(&sandbox).len(), 2);
    assert!(files(home.path()).is_empty());
}

#[test]
fn what_was_made_without_an_answer_is_found_by_its_event_and_url() {
    let sandbox = Sandbox::start(&["--seed", "2"]);
    let home = new_home();
    let (before, _) = sandbox.register("Email.Opened", URL);
    answer_never(&sandbox, "POST", "/webhooks", true);
    let mut killed = starting(&home, &sandbox, "email.opened", &["--public-url", URL]);
    until("made", || active(&sandbox).len() == 2);
    killed.kill();
    let text = fs::read_to_string(&files(home.path())[0]).expect("a file");
    assert!(
        text.contains("\"step\":\"make\"") && !text.contains("\"step\":\"made\""),
        "{text}"
    );
    let (other, _) = sandbox.register("Email.Opened", "http://127.0.0.1:9/other");
    let next = at_url(&home, &sandbox, "email.sent");
    let mut left: Vec<_> = active(&sandbox).into_iter().map(|(_, id)| id).collect();
    left.pop();
    left.sort();
    let mut expected = vec![before, other];
    expected.sort();
    assert_eq!(left, expected);
    next.stop();
    assert!(files(home.path()).is_empty());
}

#[test]
fn of_two_that_it_cannot_tell_apart_it_archives_none() {
    let sandbox = Sandbox::start(&["--seed", "3"]);
    let home = new_home();
    answer_never(&sandbox, "POST", "/webhooks", true);
    let mut killed = starting(&home, &sandbox, "email.opened", &["--public-url", URL]);
    until("made", || active(&sandbox).len() == 1);
    killed.kill();
    sandbox.register("Email.Opened", URL);
    let mut next = at_url(&home, &sandbox, "email.sent");
    assert_eq!(active(&sandbox).len(), 3);
    next.process.terminate();
    let said = next.process.stderr.text();
    assert!(said.contains("nothing tells which"), "{said}");
}

#[test]
fn one_that_was_killed_before_the_api_had_its_request_leaves_nothing_to_archive() {
    let sandbox = Sandbox::start(&["--seed", "4"]);
    let home = new_home();
    answer_never(&sandbox, "POST", "/webhooks", false);
    let mut killed = starting(&home, &sandbox, "email.opened", &["--public-url", URL]);
    let is_asked = || {
        let file = files(home.path());
        let text = file.first().and_then(|file| fs::read_to_string(file).ok());
        text.is_some_and(|text| text.contains("\"step\":\"make\""))
    };
    until("asked", is_asked);
    killed.kill();
    sandbox.ask("DELETE", "/sandbox/faults", &json!(null));
    let (own, _) = sandbox.register("Email.Sent", URL);
    at_url(&home, &sandbox, "email.opened").stop();
    assert_eq!(active(&sandbox), [("Email.Sent".to_owned(), own)]);
    // It may still be on its way, so the file stays for a minute.
    let file = files(home.path()).remove(0);
    let text = fs::read_to_string(&file).expect("a file");
    fs::write(&file, long_ago(&text)).expect("a file");
    at_url(&home, &sandbox, "email.opened").stop();
    assert!(files(home.path()).is_empty());
}

/// The file as if it were of long ago.
fn long_ago(text: &str) -> String {
    let (head, rest) = text.split_once("\"at\":\"").expect("a time");
    let (_, tail) = rest.split_once('"').expect("its end");
    format!("{head}\"at\":\"2020-01-01T00:00:00Z\"{tail}")
}

#[test]
fn a_kill_at_any_moment_leaves_nothing_that_the_next_one_does_not_archive() {
    let sandbox = Sandbox::start(&["--seed", "5"]);
    let home = new_home();
    let (own, _) = sandbox.register("Email.Opened", URL);
    for after in [0, 3, 6, 9, 12, 15, 20, 25, 30, 40, 60, 90] {
        let mut process = starting(&home, &sandbox, "email.*", &["--public-url", URL]);
        until("begun", || !files(home.path()).is_empty());
        std::thread::sleep(std::time::Duration::from_millis(after));
        process.kill();
        // The sandbox may still be at what it was asked last.
        std::thread::sleep(std::time::Duration::from_millis(50));
        registered(&home, &sandbox, "email.sent", &[]).stop();
        let left = active(&sandbox);
        assert_eq!(
            left,
            [("Email.Opened".to_owned(), own.clone())],
            "after {after} ms"
        );
    }
}

#[test]
fn two_that_run_do_not_clean_up_each_others() {
    let sandbox = Sandbox::start(&["--seed", "6"]);
    let home = new_home();
    let first = registered(&home, &sandbox, "email.opened", &["--public-url", URL]);
    let second = registered(&home, &sandbox, "email.opened", &[]);
    // The third has the URL of the first.
    let third = registered(&home, &sandbox, "email.opened", &["--public-url", URL]);
    assert_eq!(active(&sandbox).len(), 3);
    assert_eq!(files(home.path()).len(), 3);
    first.stop();
    assert_eq!(active(&sandbox).len(), 2);
    second.stop();
    third.stop();
    assert!(active(&sandbox).is_empty());
}

#[test]
fn what_belongs_to_another_api_or_cannot_be_read_is_left_alone() {
    let (one, other) = (
        Sandbox::start(&["--seed", "7"]),
        Sandbox::start(&["--seed", "8"]),
    );
    let home = new_home();
    registered(&home, &one, "email.opened", &[]).process.kill();
    let folder = home.path().join("data/cmhook/registrations");
    fs::write(folder.join("broken.json"), "{\"step\":\n").expect("a file");
    let mut next = registered(&home, &other, "email.opened", &[]);
    assert_eq!(active(&one).len(), 1);
    next.process.terminate();
    let said = next.process.stderr.text();
    assert!(said.contains("broken.json` may tell of webhooks"), "{said}");
    assert_eq!(files(home.path()).len(), 2);
    registered(&home, &one, "email.opened", &[]).stop();
    assert!(active(&one).is_empty());
    assert_eq!(files(home.path()).len(), 1);
}

#[test]
fn what_is_archived_or_gone_counts_as_cleaned() {
    let sandbox = Sandbox::start(&["--seed", "9"]);
    let home = new_home();
    registered(&home, &sandbox, "email.opened,email.sent", &[])
        .process
        .kill();
    let (_, id) = active(&sandbox).remove(0);
    sandbox.fine("POST", &format!("/webhooks/{id}/archive"), &json!(null));
    // A sandbox that keeps nothing knows none of them.
    let sandbox = sandbox.kill_and_restart();
    let mut next = registered(&home, &sandbox, "email.opened", &[]);
    assert_eq!(files(home.path()).len(), 1);
    next.process.terminate();
    let said = next.process.stderr.text();
    assert!(!said.contains("not archived"), "{said}");
    assert!(files(home.path()).is_empty());
}
