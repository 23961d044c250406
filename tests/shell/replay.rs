//! `cmhook replay`: what is sent, from where and to whom.

use std::io::Read as _;
use std::process::Stdio;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::Value;

use crate::kit::{DELIVERIES, Place, Ran, SECRET, app, masked};
use crate::support::upstream::{Answer, Seen};

/// The objects of a run's JSON lines, but for the summary, which is the last.
#[track_caller]
pub fn objects(ran: &Ran) -> (Vec<Value>, Value) {
    let lines = ran.text().lines();
    let mut objects: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let summary = objects.pop().expect("a summary");
    assert_eq!(summary["type"], "summary", "{summary}");
    (objects, summary)
}

pub fn header<'s>(seen: &'s Seen, name: &str) -> Option<&'s str> {
    let value = seen.parts.headers.get(name)?;
    Some(value.to_str().expect("ASCII"))
}

pub fn answer(status: u16, body: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = http::StatusCode::from_u16(status).expect("a status");
    answer
}

pub fn secret() -> String {
    format!("main={SECRET}")
}

#[test]
fn help_is_as_it_was_reviewed() {
    let place = Place::new();
    insta::assert_snapshot!(
        "help_replay",
        place.run(&["replay", "--help"]).coded(0).text()
    );
}

#[test]
fn the_bytes_that_came_are_sent_again() {
    let place = Place::new();
    place.fill();
    let app = app();
    let ran = place
        .run(&["replay", "1..", "--to", &app.target()])
        .coded(0);
    insta::assert_snapshot!("replay_all", masked(ran.text(), &place));
    for (id, (body, signed)) in (1..).zip(DELIVERIES) {
        let seen = app.next();
        assert_eq!(seen.body, body.as_bytes());
        assert_eq!(seen.parts.uri.path(), "/webhooks/cakemail");
        assert_eq!(header(&seen, "cmhook-replay-of"), Some(&*format!("{id}")));
        assert_eq!(
            header(&seen, "x-cakemail-signature").is_some(),
            signed.is_some()
        );
    }
    assert!(app.is_idle());
    // It is an attempt of the same delivery.
    let shown = place.run(&["show", "1", "--json"]).coded(0).json();
    assert_eq!(shown["replays"], 1);
    assert_eq!(shown["attempts"][1]["cause"], "replay");
    let none_new = place.run(&["show", "last", "--jq", ".id"]).coded(0);
    assert_eq!(none_new.text(), "5\n");
    // Two attempts of one delivery can be compared.
    place.run(&["diff", "1@1", "1@2"]).coded(0);
}

#[test]
fn the_target_is_the_last_listeners() {
    let place = Place::new();
    let app = app();
    place.fill_through(&app);
    (0..DELIVERIES.len()).for_each(|_| drop(app.next()));
    place.run(&["replay", "last"]).coded(0);
    assert_eq!(app.next().body, DELIVERIES[4].0);
    let nowhere = Place::new();
    let mut listener = nowhere.listener(&[]);
    crate::support::sender::post(listener.address(), None, "{}");
    listener.delivery();
    listener.stop();
    let ran = nowhere.run(&["replay", "last"]).coded(1);
    assert!(ran.stderr.contains("there is no target"), "{}", ran.stderr);
    assert_eq!(ran.text(), "");
}

#[test]
fn a_running_listener_sends_it_and_its_faces_see_it() {
    let place = Place::new();
    let app = app();
    let mut listener = place.listener(&["--forward", &app.target(), "--secret", &secret()]);
    crate::kit::send_all(&mut listener);
    place.run(&["replay", "1"]).coded(0);
    let attempt = listener.next("attempt");
    assert_eq!(
        (&attempt["delivery"], &attempt["cause"]),
        (&1.into(), &"replay".into())
    );
    // To itself it sends nothing.
    let own = listener.address().to_string();
    let ran = place.run(&["replay", "1", "--to", &own, "--json"]).coded(1);
    assert_eq!(objects(&ran).0[0]["attempt"]["error"]["code"], "loop");
    assert_eq!(listener.next("attempt")["outcome"], "failed");
    // Its secrets are known to it alone.
    let ran = place
        .run(&["replay", "1", "--set", "data.email=a@b.c", "--json"])
        .coded(0);
    let (sent, _) = objects(&ran);
    assert_eq!(
        sent[0]["edits"],
        serde_json::json!([
            "set data.email",
            "signed anew (cakemail-hex, secret `main`)"
        ])
    );
    let delivery = listener.delivery();
    assert_eq!(
        (&delivery["id"], &delivery["original"]),
        (&6.into(), &1.into())
    );
    assert_eq!(delivery["verdict"]["status"], "valid");
    let ran = place
        .run(&["replay", "4", "--sign-with", "main", "--json"])
        .coded(0);
    assert_eq!(
        objects(&ran).0[0]["edits"][0],
        "signed anew (cakemail-hex, secret `main`)"
    );
    listener.stop();
}

#[test]
fn files_are_sent_and_not_kept() {
    let place = Place::new();
    place.fill();
    let lines = place.run(&["show", "1", "--jq", "."]).coded(0);
    let more = place.run(&["show", "2", "--jq", "."]).coded(0);
    std::fs::write(place.path().join("one.json"), lines.text()).unwrap();
    std::fs::write(
        place.path().join("two.jsonl"),
        [lines.text(), more.text()].concat(),
    )
    .unwrap();
    let before = std::fs::read(place.store()).unwrap();
    let app = app();
    let to = app.target();
    let ran = place
        .run(&[
            "replay",
            "one.json",
            "two.jsonl",
            "--to",
            &to,
            "--expect-same",
        ])
        .coded(0);
    insta::assert_snapshot!("replay_files", masked(ran.text(), &place));
    for body in [DELIVERIES[0].0, DELIVERIES[0].0, DELIVERIES[1].0] {
        assert_eq!(app.next().body, body.as_bytes());
    }
    let ran = place
        .run(&[
            "replay",
            "one.json",
            "--to",
            &to,
            "--set",
            "data.email=a@b.c",
            "--secret",
            &secret(),
            "--json",
        ])
        .coded(0);
    let (sent, _) = objects(&ran);
    assert_eq!(sent[0]["delivery"], Value::Null);
    assert_eq!(
        sent[0]["edits"][1],
        "signed anew (cakemail-hex, secret `main`)"
    );
    assert_eq!(std::fs::read(place.store()).unwrap(), before);
    // No store is needed.
    let elsewhere = Place::new();
    let file = place.path().join("one.json");
    elsewhere
        .run(&["replay", file.to_str().unwrap(), "--to", &to])
        .coded(0);
    assert!(!elsewhere.store().exists());
    std::fs::write(place.path().join("bad.json"), "{\"type\":7}").unwrap();
    let ran = place.run(&["replay", "bad.json", "--to", &to]).coded(1);
    assert!(ran.stderr.contains("`bad.json`, line 1"), "{}", ran.stderr);
}

#[test]
fn a_reader_that_leaves_ends_nothing() {
    let place = Place::new();
    place.fill();
    let app = app();
    let to = app.target();
    // The app answers the second delivery 500.
    for (id, code, output) in [("1", 0, ""), ("2", 1, ""), ("2", 1, "--json")] {
        let args = ["replay", id, "--times", "200", "--to", &to];
        let test = ["--expect", "2xx", "--junit", "h.xml"];
        let mut command = place.command(&[&args[..], &test].concat());
        let mut child = command
            .args(Some(output).filter(|flag| !flag.is_empty()))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 1]).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        (0..200).for_each(|_| drop(app.next()));
        let report = std::fs::read_to_string(place.path().join("h.xml")).unwrap();
        let counts = format!("tests=\"200\" failures=\"{}\"", 200 * code);
        assert!(report.contains(&counts), "{report}");
        assert!(report.ends_with("</testsuites>\n"), "{report}");
    }
}
