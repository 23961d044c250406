//! An API with its own ways: how it writes URLs, and which it takes.

use std::fs;

use crate::between::{Between, is_create, wire};
use crate::kit::{
    active, failed, files, new_home, registered, registered_at, remembered, starting, starting_at,
    until,
};
use crate::support::raw::Message;
use crate::support::sandbox::Sandbox;

const URL: &str = "https://hooks.example.com";

/// As a library for URLs writes it.
fn with_slash(mut answer: Message) -> Message {
    let text = answer.text();
    let written = text.replace(&format!("\"{URL}\""), &format!("\"{URL}/\""));
    answer.body = written.into_bytes();
    answer
}

#[test]
fn one_that_writes_urls_its_own_way_is_understood() {
    let sandbox = Sandbox::start(&["--seed", "1"]);
    let home = new_home();
    let between = Between::new(&sandbox, |request, behind| {
        wire(&with_slash(behind.ask(request)))
    });
    let more = ["--public-url", URL];
    let mut ids = Vec::new();
    for is_killed in [false, false, true, false] {
        let mut run = registered_at(&home, &between.url(), "email.sent", &more);
        ids.extend(active(&sandbox).into_iter().map(|(_, id)| id));
        if is_killed {
            run.process.kill();
        } else {
            run.stop();
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(sandbox.webhooks().len(), 1);
    assert!(files(home.path()).is_empty());
}

#[test]
fn what_it_made_for_a_run_that_was_killed_is_found_however_it_writes_urls() {
    let sandbox = Sandbox::start(&["--seed", "2"]);
    let home = new_home();
    let between = Between::new(&sandbox, |request, behind| {
        let answer = wire(&with_slash(behind.ask(request)));
        if is_create(request) && request.text().contains("Email.Opened") {
            // It is made, and nobody hears of it.
            std::thread::park();
        }
        answer
    });
    let more = ["--public-url", URL];
    let mut killed = starting_at(&home, &between.url(), "email.opened", &more);
    until("made", || active(&sandbox).len() == 1);
    killed.kill();
    registered_at(&home, &between.url(), "email.sent", &more).stop();
    assert!(active(&sandbox).is_empty());
    assert!(files(home.path()).is_empty());
}

#[test]
fn a_url_that_is_refused_costs_no_webhook() {
    let sandbox = Sandbox::start(&["--seed", "3", "--strict-urls"]);
    let home = new_home();
    let two = "email.opened,email.sent";
    registered(&home, &sandbox, two, &["--public-url", URL]).stop();
    let all = remembered(home.path());
    assert_eq!(all.len(), 2);
    let mistyped = ["--public-url", "https://127.0.0.1/hooks"];
    let failed = failed(starting(&home, &sandbox, two, &mistyped));
    assert_eq!(failed.code, Some(1), "{failed:?}");
    failed.says("it must be public");
    assert_eq!(remembered(home.path()), all);
    assert!(files(home.path()).is_empty());
    registered(&home, &sandbox, two, &["--public-url", URL]).stop();
    assert_eq!(sandbox.webhooks().len(), 2);
}

#[test]
fn what_a_newer_cmhook_remembers_stays() {
    let sandbox = Sandbox::start(&["--seed", "4"]);
    let home = new_home();
    registered(&home, &sandbox, "email.sent", &[]).stop();
    let book = home.path().join("data/cmhook/registrations/archived.jsonl");
    let own = fs::read_to_string(&book).expect("a file");
    let newer = "{\"v\":2,\"webhooks\":[{\"id\":\"x\"}]}\n";
    fs::write(&book, format!("{newer}{own}")).expect("a file");
    registered(&home, &sandbox, "email.sent", &[]).stop();
    let text = fs::read_to_string(&book).expect("a file");
    assert!(text.starts_with(newer), "{text}");
    assert_eq!(sandbox.webhooks().len(), 1);
}
