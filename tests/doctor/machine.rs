//! Files, the store, the listener.

use crate::kit::{Place, SECRET};

#[test]
fn nothing_at_all_is_well() {
    let report = Place::new().run(&[]);
    assert_eq!(report.code, Some(0), "{}", report.stdout);
    let text = report.stdout;
    assert!(
        text.contains("ok    Configuration: no cmhook.toml"),
        "{text}"
    );
    assert!(
        text.contains("skip  API: nobody is logged in at https://api.cakemail.dev"),
        "{text}"
    );
    assert!(
        text.contains("skip  Webhooks, Events, Duplicates, URLs, Secrets: the API has not told"),
        "{text}"
    );
    assert!(text.ends_with("2 ok, 15 skipped\n"), "{text}");
    assert_eq!(report.stderr, "");
}

#[test]
fn a_file_that_cannot_be_used_fails_and_the_rest_is_looked_at() {
    let place = Place::new();
    place.write("cmhook.toml", "foward = 3000\n");
    place
        .checks(&[], 1)
        .is(
            "config",
            "fail",
            "there is no setting `foward`; did you mean `forward`?",
        )
        .cure("config", "docs/configuration.md")
        .is("store", "ok", "none yet");
    place.write("cmhook.toml", "forward = \"3000\"\nstatus = 99\n");
    place.checks(&[], 1).is("config", "fail", "99");
    std::fs::remove_file(place.path().join("cmhook.toml")).unwrap();
    std::fs::create_dir(place.path().join("dir.toml")).unwrap();
    place.checks(&["--config", "dir.toml"], 1).is(
        "config",
        "fail",
        "cannot read the configuration file",
    );
}

#[test]
fn a_mistake_in_flags_is_no_finding() {
    let place = Place::new();
    for args in [
        &["-f", "a b"][..],
        &["--timeout", "soon"],
        &["--events", "a b"],
        &["--json=nope"],
    ] {
        let report = place.run(args);
        assert_eq!(
            report.code,
            Some(2),
            "{args:?}: {} {}",
            report.stdout,
            report.stderr
        );
    }
}

#[test]
fn secrets_that_others_can_read_are_warned_of() {
    let place = Place::new();
    let text = format!("[[secrets]]\nlabel = \"main\"\nvalue = \"{SECRET}\"\n");
    place.write("cmhook.toml", text);
    place
        .checks(&[], 0)
        .is("config", "warn", "other users of this machine can read it");
}

#[test]
fn a_store_is_described_and_a_broken_one_is_told_apart() {
    let place = Place::new();
    let mut listener = place.listener(&[]);
    let body = r#"{"event":"email.opened"}"#;
    crate::support::sender::post(listener.address(), None, body);
    listener.delivery();
    let pid = format!("in use by the listener (process {})", listener.process.id());
    place
        .checks(&[], 0)
        .is("store", "ok", &pid)
        .is("listener", "ok", "forwards to nothing");
    listener.stop();
    let checks = place.checks(&[], 0);
    checks.is("store", "ok", "1 delivery, ");
    checks.is("listener", "skip", "none runs");
    let store = place.path().join("data/cmhook/deliveries.db");
    let whole = std::fs::read(&store).unwrap();
    for (name, bytes, found) in [
        ("cut.db", &whole[..3000], "cut.db"),
        ("text.db", b"not a store, and longer than a header is: not a store, and longer than a header is, 100 bytes at least" as &[u8], "is not a cmhook store"),
    ] {
        place.write(name, bytes);
        place.checks(&["--store", name], 1).is("store", "fail", found);
    }
    let damaged = place.path().join("damaged.db");
    std::fs::write(&damaged, &whole).unwrap();
    let db = rusqlite::Connection::open(&damaged).unwrap();
    db.execute("UPDATE deliveries SET path = '/other'", [])
        .unwrap();
    drop(db);
    place
        .checks(&["--store", "damaged.db"], 0)
        .is("store", "warn", "0 deliveries")
        .is(
            "store",
            "warn",
            "1 deliveries or attempts in it are damaged",
        );
    let newer = place.path().join("newer.db");
    std::fs::write(&newer, &whole).unwrap();
    let db = rusqlite::Connection::open(&newer).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    place
        .checks(&["--store", "newer.db"], 1)
        .is("store", "fail", "has layout 99")
        .cure("store", "upgrade this cmhook");
}

#[test]
fn a_listener_that_is_paused_is_warned_of() {
    let place = Place::new();
    let listener = place.listener(&["--inspector", "127.0.0.1:0"]);
    let link = listener.ready["inspector"].as_str().unwrap();
    let (at, token) = link
        .strip_prefix("http://")
        .unwrap()
        .split_once("/#token=")
        .unwrap();
    let body = r#"{"paused":true}"#;
    let head = format!(
        "PUT /api/v1/pause HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = crate::support::raw::ask(at.parse().unwrap(), head);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    place
        .checks(&[], 0)
        .is("listener", "warn", "it is paused")
        .cure("listener", "press `p`");
}

#[test]
fn json_has_the_fields_that_are_asked_for() {
    let place = Place::new();
    let report = place.run(&["--json", "id,status"]);
    let first = report.stdout.lines().next().unwrap();
    assert_eq!(first, r#"{"id":"config","status":"ok"}"#);
    assert_eq!(report.stdout.lines().count(), 17);
    let report = place.run(&["--jq", "select(.status == \"ok\").id"]);
    assert!(
        report.stdout.starts_with("config\nstore\n"),
        "{}",
        report.stdout
    );
    assert_eq!(place.run(&["--json", "nope"]).code, Some(2));
}
