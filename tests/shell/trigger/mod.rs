//! `cmhook trigger`: which events, and to which listener.

mod answers;
mod requests;

use std::process::Command;
use std::rc::Rc;

use serde_json::Value;

use crate::kit::{Place, Ran, SECRET, masked};
use crate::support::listener::{Listener, home};
use crate::support::sender::Scheme;
use crate::support::upstream::Upstream;

/// Runs it where no listener but this test's can be found.
#[track_caller]
fn run(place: &Place, args: &[&str]) -> Ran {
    let output = command(place, args).output().expect("cmhook starts");
    Ran {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn command(place: &Place, args: &[&str]) -> Command {
    let mut command = place.command(&[&["trigger"], args].concat());
    command.env("XDG_RUNTIME_DIR", place.path());
    command
}

/// Without what is there to line columns up, which hangs on how long times are.
fn squeezed(text: &str, place: &Place) -> String {
    let masked = masked(text, place);
    let lines = masked.lines().map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        words.join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn help_is_as_it_was_reviewed() {
    let place = Place::new();
    let ran = run(&place, &["--help"]).coded(0);
    insta::assert_snapshot!("help_trigger", ran.text());
}

#[test]
fn all_events_are_listed() {
    let place = Place::new();
    let ran = run(&place, &["--list"]).coded(0);
    assert!(!ran.text().contains('\x1b'));
    insta::assert_snapshot!("trigger_list", ran.text());
    let all = run(&place, &["--list", "--json"]).coded(0).json();
    assert_eq!(all.as_array().unwrap().len(), ran.text().lines().count());
    let some = run(
        &place,
        &["--list", "list.*", "EMAIL.SENT", "--jq", ".[].event"],
    )
    .coded(0);
    assert_eq!(
        some.text(),
        "List.Created\nList.Deleted\nList.Updated\nemail.sent\n"
    );
    let one = run(
        &place,
        &["Email.Sent", "--list", "--json", "envelope,event"],
    )
    .coded(0);
    assert_eq!(
        one.text(),
        "[{\"envelope\":\"api\",\"event\":\"Email.Sent\"}]\n"
    );
}

#[test]
fn a_listener_finds_each_event_valid_in_each_scheme_and_envelope() {
    let place = Place::new();
    let secret = format!("main={SECRET}");
    let mut listener = place.listener(&["--secret", &secret]);
    for scheme in Scheme::ALL {
        for envelope in ["manual", "api"] {
            let args = ["*", "--scheme", scheme.name(), "--envelope", envelope];
            let ran = run(&place, &[&args[..], &["--secret", &secret]].concat()).coded(0);
            let sent: Vec<_> = ran.text().lines().collect();
            assert_eq!(sent.len(), 73, "{}", ran.text());
            assert!(
                ran.stderr.starts_with("Sent 73: 73 answered 2xx; p50 "),
                "{}",
                ran.stderr
            );
            for line in sent {
                let delivery = listener.delivery();
                assert_eq!(delivery["verdict"]["status"], "valid", "{delivery}");
                assert_eq!(delivery["verdict"]["scheme"], scheme.name());
                let event = delivery["event"].as_str().expect("an event");
                assert!(line.starts_with(&format!("200 {event} ")), "{line}");
                let body = delivery["request"]["body"].as_str().expect("text");
                let body: Value = serde_json::from_str(body).expect("JSON");
                let field = if envelope == "api" {
                    "created_on"
                } else {
                    "timestamp"
                };
                assert!(!body[field].is_null(), "{body}");
            }
        }
    }
    listener.stop();
}

#[test]
fn the_stores_listener_gets_it_at_its_url_and_forwards_to_the_targets_path() {
    let place = Place::new();
    let app = Upstream::start();
    let target = format!("{}/hooks/cakemail", app.target());
    let mut listener = place.listener(&["--forward", &target]);
    let ran = run(&place, &["email.opened"]).coded(0);
    insta::assert_snapshot!(squeezed(&format!("{}---\n{}", ran.text(), ran.stderr), &place), @"
    200 email.opened 12ms
    ---
    No secret is known, so nothing is signed. A secret that the listener was given as a flag is not known here. Give it with `--secret` or CMHOOK_SECRET, or say `--unsigned`.
    ");
    assert_eq!(app.next().parts.uri.path(), "/hooks/cakemail");
    let delivery = listener.delivery();
    assert_eq!(delivery["verdict"]["status"], "unsigned");
    assert_eq!(delivery["request"]["path"], "/");
    let quiet = run(&place, &["email.opened", "--unsigned"]).coded(0);
    assert_eq!(quiet.stderr, "");
    listener.stop();
}

#[test]
fn a_listener_without_a_store_is_found_too() {
    let place = Place::new();
    let runtime = format!("XDG_RUNTIME_DIR={}", place.path().display());
    let mut env = Command::new("env");
    env.arg(runtime);
    let mut listener = Listener::start_under(&Rc::new(home()), env, &["--ephemeral"]);
    run(&place, &["campaign.sent", "--unsigned"]).coded(0);
    assert_eq!(listener.delivery()["event"], "campaign.sent");
    // A store that is named is meant.
    let ran = run(
        &place,
        &["campaign.sent", "--unsigned", "--store", "other.db"],
    )
    .coded(1);
    assert!(
        ran.stderr.contains("no listener runs on this store"),
        "{}",
        ran.stderr
    );
    listener.stop();
}

#[test]
fn without_a_listener_that_is_said() {
    let place = Place::new();
    let say = |ran: Ran| {
        insta::assert_snapshot!("trigger_no_listener", ran.stderr);
        assert!(ran.stdout.is_empty());
    };
    say(run(&place, &["email.sent", "--unsigned"]).coded(1));
    let mut listener = place.listener(&[]);
    listener.process.kill();
    say(run(&place, &["email.sent", "--unsigned"]).coded(1));
    let ran = run(&place, &["email.sent", "--unsigned", "--json"]).coded(1);
    assert_eq!(ran.json()["type"], "error");
    assert_eq!(ran.json()["code"], "no_target");
}
