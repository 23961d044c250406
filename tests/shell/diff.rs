//! `cmhook diff`.

use crate::kit::{Place, masked};

#[test]
fn help_is_as_it_was_reviewed() {
    let place = Place::new();
    insta::assert_snapshot!("help_diff", place.run(&["diff", "--help"]).coded(0).text());
}

#[test]
fn deliveries_are_compared_part_by_part() {
    let place = Place::new();
    place.fill();
    let ran = place.run(&["diff", "1", "2"]).coded(1);
    insta::assert_snapshot!("diff_json_payloads", masked(ran.text(), &place));
    assert_eq!(ran.stderr, "");
    let ran = place.run(&["diff", "4", "5"]).coded(1);
    insta::assert_snapshot!("diff_other_payloads", masked(ran.text(), &place));
    let ran = place.run(&["diff", "1", "3", "--color", "always"]).coded(1);
    insta::assert_snapshot!("diff_colours", masked(ran.text(), &place));
    let ran = place.run(&["diff", "2", "last~3"]).coded(0);
    assert_eq!((ran.text(), &*ran.stderr), ("", "No difference.\n"));
}

#[test]
fn json_tells_the_same() {
    let place = Place::new();
    place.fill();
    let diff = place.run(&["diff", "1", "2", "--json"]).coded(1).json();
    assert_eq!(diff["type"], "diff");
    assert_eq!(diff["same"], false);
    assert_eq!(diff["a"], serde_json::json!({"delivery": 1, "attempt": 1}));
    assert_eq!(diff["request"]["method"], serde_json::Value::Null);
    assert_eq!(diff["request"]["payload"]["kind"], "json");
    assert_eq!(
        diff["request"]["payload"]["changes"][0],
        serde_json::json!({"path": "event", "kind": "changed", "old": "email.sent", "new": "email.opened"})
    );
    assert_eq!(
        diff["response"]["outcome"],
        serde_json::json!({"old": "200", "new": "500"})
    );
    assert_eq!(
        diff["response"]["body"]["text"],
        "@@ -1 +1 @@\n-OK\n+boom\n"
    );
    let jq = place
        .run(&["diff", "1", "2", "--jq", ".request.payload.changes[1].path"])
        .coded(1);
    assert_eq!(jq.text(), "timestamp\n");
    let same = place.run(&["diff", "1", "1", "--json"]).coded(0).json();
    assert_eq!(same["same"], true);
}

#[test]
fn headers_are_passed_over_on_request() {
    let place = Place::new();
    place.fill();
    let ran = place
        .run(&[
            "diff",
            "1",
            "2",
            "--ignore",
            "X-Cakemail-Signature",
            "--ignore",
            "content-length",
        ])
        .coded(1);
    assert!(!ran.text().contains("signature"), "{}", ran.text());
    assert!(!ran.text().contains("content-length"), "{}", ran.text());
}

#[test]
fn what_is_not_there_is_said() {
    let place = Place::new();
    place.fill();
    for (args, code, said) in [
        (&["diff"][..], 2, "required arguments"),
        (&["diff", "1", "9"], 1, "there is no delivery #9"),
        (&["diff", "1@1", "1@2"], 1, "#1 has no attempt 2."),
        (
            &["diff", "1", "--attempts", "1", "2"],
            1,
            "#1 has no attempt 2.",
        ),
        (
            &["diff", "1", "2", "--attempts", "1", "2"],
            2,
            "two attempts of one delivery",
        ),
        (
            &["diff", "1@x", "2"],
            2,
            "`x` is not the number of an attempt",
        ),
        (
            &["diff", "1..2", "3"],
            2,
            "`1..2` may be several deliveries",
        ),
        (&["diff", "1"], 2, "#1 is no edited copy"),
    ] {
        let ran = place.run(args).coded(code);
        assert!(ran.stderr.contains(said), "{args:?}: {}", ran.stderr);
    }
    let empty = Place::new();
    let ran = empty.run(&["diff", "1", "2"]).coded(1);
    assert!(ran.stderr.contains("there is no store"), "{}", ran.stderr);
}
