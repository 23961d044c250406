//! What commands write as JSON is what docs/json.md says.

use serde_json::{Value, json};

use crate::kit::{Place, SECRET, app, send_all};
use crate::support::document::Checker;
use crate::support::raw;

fn lines(text: &str) -> Vec<Value> {
    let line = |line: &str| serde_json::from_str(line).expect("JSON");
    text.lines().map(line).collect()
}

/// Takes in one that came through a relay elsewhere.
fn import_a_relayed_one(place: &Place) {
    let exported = place.run(&["export", "1", "--as", "json"]).coded(0);
    let mut relayed: Value = serde_json::from_str(exported.text()).expect("JSON");
    relayed["relay"] =
        json!({ "id": "r-1", "queued_at": "2026-11-24T10:32:07.123456Z", "repeats": 2 });
    let path = place.path().join("relayed.json");
    std::fs::write(&path, relayed.to_string()).expect("a file");
    place.run(&["import", "relayed.json"]).coded(0);
    let shown = place.run(&["show", "last", "--json"]).coded(0).json();
    assert_eq!(shown["relay"], relayed["relay"]);
}

#[test]
fn json_is_as_documented() {
    let place = Place::new();
    let app = app();
    let secret = format!("main={SECRET}");
    let mut listener = place.listener(&["--forward", &app.target(), "--secret", &secret]);
    send_all(&mut listener);
    for (line, body) in [("POST /a", r#"{"a":1}"#), ("PUT /b", r#"{"a": 1}"#)] {
        raw::ask(listener.address(), raw::request(line, "", body.as_bytes()));
        listener.delivery();
    }
    let mut checker = Checker::new();

    let set = "data.email=new@example.com";
    let edited = place.run(&["replay", "2", "--set", set, "--expect", "2xx", "--json"]);
    let dry = place.run(&["replay", "2..3", "--set", set, "--dry-run", "--json"]);
    for line in lines(edited.coded(1).text()) {
        match line["type"].as_str() {
            Some("summary") => checker.check(&line),
            _ => checker.check_as("replay", &line),
        }
    }
    for line in lines(dry.coded(0).text()) {
        checker.check_as("plan", &line);
    }
    let delivery = listener.delivery();
    assert_eq!(delivery["original"], 2);
    checker.check(&delivery);
    place.run(&["replay", "1", "--to", "127.0.0.1:1"]).coded(1);
    place.run(&["mark", "1", "3"]).coded(0);

    import_a_relayed_one(&place);
    checker.check(&listener.delivery());

    for ran in [
        place.run(&["list", "--json"]),
        place.run(&["show", "1..3", "--json"]),
    ] {
        for kept in ran.coded(0).json().as_array().expect("an array") {
            checker.check_as("kept delivery", kept);
        }
    }
    let redacted = place.run(&["export", "1..", "--as", "json", "--redact"]);
    for line in lines(redacted.coded(0).text()) {
        checker.check_as("kept delivery", &line);
    }
    for (pair, code) in [
        (["1", "2"], 1),
        (["4", "5"], 1),
        (["2", "8"], 1),
        (["6", "7"], 1),
        (["1", "1"], 0),
    ] {
        let ran = place.run(&["diff", pair[0], pair[1], "--json"]).coded(code);
        checker.check_as("diff", &ran.json());
    }
    let verified = place.run(&["verify", "3", "--secret", &secret, "--json"]);
    checker.check_as("verify", &verified.coded(1).json());
    let failed = place.run(&["trigger", "email.sent", "--to", "127.0.0.1:1", "--json"]);
    for line in lines(failed.coded(1).text()) {
        checker.check(&line);
    }
    for line in lines(
        place
            .run(&["trigger", "email.sent", "--json"])
            .coded(0)
            .text(),
    ) {
        checker.check(&line);
    }
    place
        .run(&["export", "1..2", "--as", "json", "-o", "some.jsonl"])
        .coded(0);
    let imported = place.run(&["import", "some.jsonl", "--json"]).coded(0);
    for line in imported.json().as_array().expect("an array") {
        checker.check_as("imported", line);
    }
    place.run(&["delete", "1", "-y"]).coded(0);
    checker.check(&listener.next("marked"));
    checker.check(&listener.next("deleted"));
    for args in [
        &["show", "99", "--json"][..],
        &["list", "--json", "--filter", "x:"],
    ] {
        checker.check(&place.run(args).json());
    }
    listener.stop();
    checker.complete(&[
        "kept delivery",
        "verify",
        "diff",
        "replay",
        "summary",
        "plan",
        "sent",
        "imported",
        "marked",
        "deleted",
    ]);
}
