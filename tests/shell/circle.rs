//! The whole circle that a delivery can go through, as a script would drive it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::kit::{Place, SECRET};
use crate::support::upstream::Upstream;

#[test]
#[expect(clippy::too_many_lines, reason = "it is one story")]
fn from_a_sample_to_a_fixture_that_a_build_replays() {
    let secret = format!("main={SECRET}");
    let app = Upstream::start();
    let place = Place::new();
    let mut listener = place.listener(&["--forward", &app.target(), "--secret", &secret]);

    // A sample comes in through the listener, signed so that it verifies.
    place
        .run(&[
            "trigger",
            "email.bounced",
            "--secret",
            &secret,
            "--seed",
            "7",
        ])
        .coded(0);
    let delivery = listener.delivery();
    assert_eq!(delivery["verdict"]["status"], "valid", "{delivery}");
    assert_eq!(listener.attempt(&delivery)["status"], 200);
    let came = app.next().body;

    // It is listed, with what came of it.
    let listed = place
        .run(&[
            "list",
            "--filter",
            "event:email.bounced status:2xx",
            "--json",
            "id,event,status",
        ])
        .coded(0)
        .json();
    assert_eq!(
        listed,
        serde_json::json!([{ "id": 1, "event": "email.bounced", "status": 200 }])
    );

    // An edited copy goes to the app, signed anew, through the listener's own hands.
    place
        .run(&[
            "replay",
            "last",
            "--set",
            "data.email=circle@example.org",
            "--expect",
            "2xx",
        ])
        .coded(0);
    let edited = listener.delivery();
    assert_eq!((&edited["id"], &edited["original"]), (&2.into(), &1.into()));
    assert_eq!(edited["verdict"]["status"], "valid", "{edited}");
    let seen = app.next();
    assert_eq!(seen.parts.headers["cmhook-replay-of"], "1");
    let sent: Value = serde_json::from_slice(&seen.body).expect("JSON");
    assert_eq!(sent["data"]["email"], "circle@example.org");
    let came: Value = serde_json::from_slice(&came).expect("JSON");
    assert_eq!(sent["data"]["contact_id"], came["data"]["contact_id"]);

    // The two differ in that, and diff says so as diff(1) does.
    let diff = place.run(&["diff", "1", "2"]).coded(1);
    assert!(diff.text().contains("data.email"), "{}", diff.text());
    assert!(
        diff.text().contains("circle@example.org"),
        "{}",
        diff.text()
    );

    // A fixture for the repository, without anybody's address in it.
    let fixture = place.path().join("bounced.json");
    let path = fixture.to_str().expect("UTF-8");
    place
        .run(&["export", "2", "--as", "fixture", "--redact", "-o", path])
        .coded(0);
    listener.stop();
    let text = fs::read_to_string(&fixture).expect("the fixture");
    for hidden in ["circle@example.org", SECRET] {
        assert!(!text.contains(hidden), "{text}");
    }

    // A build elsewhere takes it into a store of its own and tests the app with it.
    let build = Place::new();
    build.run(&["import", path, "--store", "ci.db"]).coded(0);
    let to = app.target();
    let replayed = build
        .run(&[
            "replay",
            "last",
            "--store",
            "ci.db",
            "--to",
            &to,
            "--expect",
            "2xx",
            "--junit",
            "junit.xml",
        ])
        .coded(0);
    let seen = app.next();
    let sent: Value = serde_json::from_slice(&seen.body).expect("JSON");
    assert_eq!(sent["event"], "email.bounced");
    assert_ne!(sent["data"]["email"], "circle@example.org");
    let junit = fs::read_to_string(build.path().join("junit.xml")).expect("the report");
    assert!(junit.contains("failures=\"0\""), "{junit}");
    assert!(
        replayed.stderr.is_empty() || !replayed.stderr.contains("error"),
        "{}",
        replayed.stderr
    );

    // Or straight from the file, and a miss is an exit code.
    build
        .run(&["replay", path, "--to", &to, "--expect-same"])
        .coded(0);
    app.next();
    let missed = build.run(&[
        "replay",
        path,
        "--to",
        &to,
        "--expect",
        "404",
        "--junit",
        "missed.xml",
    ]);
    missed.coded(1);
    app.next();
    let junit = fs::read_to_string(build.path().join("missed.xml")).expect("the report");
    assert!(
        junit.contains("failures=\"1\"") && junit.contains("<failure"),
        "{junit}"
    );
    assert!(app.is_idle());
    assert!(
        !Path::new(&build.store()).exists(),
        "nothing was kept elsewhere"
    );
}
