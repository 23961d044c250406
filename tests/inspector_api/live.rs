//! What the socket tells of all that happens.

use std::sync::{Mutex, mpsc};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::kit::{Inspector, SECRET, app, signed};
use crate::socket::{Socket, bearer};
use crate::support::raw::{Connection, RawApp, ok, request};

fn ids(frame: &Value) -> Vec<u64> {
    let rows = frame["deliveries"].as_array().expect("rows");
    rows.iter().filter_map(|row| row["id"].as_u64()).collect()
}

#[test]
fn the_first_frame_is_all_there_is() {
    let app = app();
    let inspector = Inspector::filled(&app, &[]);
    let mut socket = Socket::open(&inspector);
    let frame = socket.next();
    assert_eq!(frame["type"], "snapshot");
    assert_eq!(ids(&frame), [1, 2, 3, 4, 5]);
    assert_eq!(frame["more"], false);
    let listed = inspector.get("/api/v1/deliveries");
    assert_eq!(frame["deliveries"], listed["deliveries"]);
    let mut status = inspector.get("/api/v1/status");
    let mut told = frame["status"].clone();
    for status in [&mut status, &mut told] {
        status["target"] = Value::Null;
    }
    assert_eq!(told, status);
    socket.close();
}

#[test]
fn what_happens_is_told_as_it_happens() {
    let app = app();
    let mut inspector = Inspector::filled(&app, &[]);
    let mut socket = Socket::open(&inspector);
    socket.find("snapshot");
    let body = r#"{"event":"email.sent"}"#;
    let id = inspector.deliver(Some(&signed(SECRET, body)), body);
    let row = socket.row(id, |row| row["attempts"] == 1);
    assert_eq!(
        (&row["event"], &row["status"]),
        (&"email.sent".into(), &200.into())
    );
    assert_eq!(row["verdict"]["secret"], "main");

    inspector
        .call("POST /api/v1/deliveries/1/replay", &Value::Null)
        .fine();
    let row = socket.row(1, |row| row["attempts"] == 2);
    assert_eq!(row["replays"], 1);

    inspector
        .call("PUT /api/v1/deliveries/2/mark", &Value::Null)
        .fine();
    socket.row(2, |row| row["marked"] == true);
    inspector
        .call("DELETE /api/v1/deliveries/2/mark", &Value::Null)
        .fine();
    socket.row(2, |row| row["marked"] == false);

    inspector
        .call("DELETE /api/v1/deliveries/3", &Value::Null)
        .fine();
    let frame = socket.find_that("deletion", |frame| frame["gone"] != json!([]));
    assert_eq!(frame["gone"], json!([3]));
    let kept = |kept: u64| move |frame: &Value| frame["status"]["kept"] == kept;
    if !kept(5)(&frame) {
        socket.find_that("count", kept(5));
    }

    let paused = |paused: bool| move |frame: &Value| frame["status"]["paused"] == paused;
    inspector
        .call("PUT /api/v1/pause", &json!({"paused": true}))
        .fine();
    socket.find_that("pause", paused(true));
    inspector
        .call("PUT /api/v1/pause", &json!({"paused": false}))
        .fine();
    socket.find_that("end of the pause", paused(false));

    inspector
        .call("PUT /api/v1/target", &json!({"targets": ["127.0.0.1:1"]}))
        .fine();
    let frame = socket.find_that("target", |frame| {
        frame["status"]["target"]["url"] == "http://127.0.0.1:1"
    });
    assert_eq!(frame["status"]["targets"], json!(["http://127.0.0.1:1"]));
    socket.find_that("state of the target", |frame| {
        frame["status"]["target"]["state"] == "unreachable"
    });
    inspector
        .call("PUT /api/v1/target", &json!({"targets": []}))
        .fine();
    socket.find_that("no target", |frame| {
        frame["status"]["pid"].is_u64() && frame["status"]["target"].is_null()
    });

    let wrong = json!({"secret": "wrong", "label": "other"});
    let added = inspector.call("POST /api/v1/secrets", &wrong).fine();
    assert_eq!(added, json!({"label": "other", "valid": 1, "not_valid": 2}));
    let row = socket.row(2, |row| row["verdict"]["status"] == "valid");
    assert_eq!(row["verdict"]["secret"], "other");

    crate::support::raw::ask(inspector.listener.address(), "nonsense\r\n\r\n");
    let frame = socket.find_that("refusal", |frame| frame["refused"] != json!([]));
    assert_eq!(frame["refused"][0]["code"], "malformed");
    inspector
        .call("DELETE /api/v1/deliveries", &Value::Null)
        .fine();
    let frame = socket.find_that("deletion", |frame| frame["gone"] != json!([]));
    assert_eq!(frame["gone"], json!([1, 2, 4, 5, 6]));
    inspector.listener.stop();
}

#[test]
fn what_makes_room_is_told_to_be_gone() {
    let mut inspector = Inspector::start(&["--keep", "3"]);
    let mut socket = Socket::open(&inspector);
    assert_eq!(ids(&socket.next()), [0; 0]);
    for _ in 0..6 {
        inspector.deliver(None, "{}");
    }
    let mut gone = Vec::new();
    while gone.len() < 3 {
        let frame = socket.find("changes");
        let more = frame["gone"].as_array().expect("ids").iter();
        gone.extend(more.filter_map(Value::as_u64));
    }
    assert_eq!(gone, [1, 2, 3]);
    assert_eq!(inspector.get("/api/v1/status")["oldest"], 4);
}

#[test]
fn a_filter_is_answered_and_kept_to() {
    let app = app();
    let mut inspector = Inspector::filled(&app, &[]);
    let mut socket = Socket::open(&inspector);
    socket.find("snapshot");
    socket.say(&json!({"filter": "event:email.*"}));
    let expected =
        json!({"type": "filtered", "filter": "event:email.*", "ids": [1, 2], "error": null});
    assert_eq!(socket.find("filtered"), expected);
    let yes = inspector.deliver(None, r#"{"event":"email.sent"}"#);
    let no = inspector.deliver(None, r#"{"event":"list.created"}"#);
    let (mut passes, mut fails) = (false, false);
    while !(passes && fails) {
        let changes = socket.next();
        assert_eq!(changes["type"], "changes");
        if ids(&changes).is_empty() {
            // Nothing but the listener has changed.
            continue;
        }
        let matches = socket.next();
        assert_eq!(
            (&matches["type"], &matches["filter"]),
            (&"matches".into(), &"event:email.*".into())
        );
        let has = |side: &str, id: u64| {
            let ids = matches[side].as_array().expect("ids");
            ids.contains(&id.into())
        };
        assert!(!has("yes", no) && !has("no", yes), "{matches}");
        passes |= has("yes", yes);
        fails |= has("no", no);
        let mut told: Vec<_> = ["yes", "no"]
            .iter()
            .flat_map(|side| matches[side].as_array().expect("ids").clone())
            .filter_map(|id| id.as_u64())
            .collect();
        told.sort_unstable();
        assert_eq!(told, ids(&changes));
    }
    // Columns are counted in characters, not in bytes.
    socket.say(&json!({"filter": "zoé stauts:200"}));
    let mistake = socket.find("filtered");
    assert_eq!(mistake["ids"], Value::Null);
    assert_eq!(mistake["error"]["column"], 5, "{mistake}");
    let suggestion = mistake["error"]["suggestion"].as_str().expect("one");
    assert!(suggestion.contains("status"), "{mistake}");
    let path = "GET /api/v1/deliveries?filter=zo%C3%A9%20stauts:200";
    let refused = inspector.call(path, &Value::Null);
    assert_eq!(refused.json["column"], 5);
    assert_eq!(refused.refused(400), "filter");
    // A filter that is none lets nothing be said of.
    let id = inspector.deliver(None, r#"{"event":"email.sent"}"#);
    socket.row(id, |row| row["attempts"] == 1);
    socket.say(&json!({"filter": null}));
    let none = json!({"type": "filtered", "filter": null, "ids": null, "error": null});
    assert_eq!(socket.find("filtered"), none);
    socket.say(&json!({"filter": "  "}));
    assert_eq!(socket.find("filtered"), none);
}

#[test]
fn pings_are_answered_and_nonsense_is_refused() {
    let inspector = Inspector::start(&[]);
    let mut socket = Socket::open(&inspector);
    socket.find("snapshot");
    for n in [0, 1, u64::MAX] {
        socket.say(&json!({ "ping": n }));
        assert_eq!(socket.next(), json!({"type": "pong", "ping": n}));
    }
    for nonsense in [
        "",
        "{",
        "null",
        "[]",
        "[1]",
        r#"["a"]"#,
        "{}",
        "1",
        r#"{"ping":-1}"#,
        r#"{"ping":1,"filter":null}"#,
        r#"{"filter":1}"#,
        r#"{"secret":"x"}"#,
        &"[".repeat(60_000),
    ] {
        socket.say_text(nonsense);
        let answer = socket.next();
        assert_eq!(answer["type"], "error", "{nonsense:.20}: {answer}");
        assert_eq!(answer["code"], "usage", "{nonsense:.20}");
    }
    socket.say_message(Message::binary(vec![0xff; 100]));
    socket.say(&json!({"ping": 7}));
    assert_eq!(socket.find("pong")["ping"], 7);
}

#[test]
fn a_message_that_is_too_long_ends_its_socket_alone() {
    let mut inspector = Inspector::start(&[]);
    let mut other = Socket::open(&inspector);
    other.find("snapshot");
    let mut socket = Socket::open(&inspector);
    socket.find("snapshot");
    socket.say(&json!({"filter": "a".repeat(65_000)}));
    assert_eq!(socket.next()["type"], "filtered");
    socket.say(&json!({"filter": "a".repeat(66_000)}));
    assert_eq!(socket.try_next(), None);
    let id = inspector.deliver(None, "{}");
    other.row(id, |_| true);
}

#[test]
fn what_was_missed_is_told_after_a_resume() {
    let mut inspector = Inspector::start(&[]);
    let mut socket = Socket::open(&inspector);
    let first = socket.next();
    inspector.deliver(None, "{}");
    let seen = socket.find("changes");
    let resume = seen["resume"].as_str().expect("a text").to_owned();
    socket.close();
    let missed: Vec<_> = (0..3).map(|_| inspector.deliver(None, "{}")).collect();
    inspector
        .call("DELETE /api/v1/deliveries/1", &Value::Null)
        .fine();

    let mut socket = Socket::resume(&inspector, &resume);
    let resumed = socket.next();
    assert_eq!(resumed["type"], "resumed");
    assert_eq!(resumed["resume"], json!(resume));
    let (mut rows, mut gone) = (Vec::new(), Vec::new());
    while rows.len() < 3 || gone.is_empty() {
        let frame = socket.next();
        assert_eq!(frame["type"], "changes");
        rows.extend(ids(&frame));
        gone.extend(frame["gone"].as_array().expect("ids").clone());
    }
    assert_eq!(rows, missed);
    assert_eq!(gone, [json!(1)]);
    // Nothing else follows.
    socket.say(&json!({"ping": 1}));
    assert_eq!(socket.next()["type"], "pong");

    // The first frame of all names a place too.
    let mut socket = Socket::resume(&inspector, first["resume"].as_str().expect("a text"));
    assert_eq!(socket.next()["type"], "resumed");
    assert_eq!(ids(&socket.next()), [1]);
    // A text that names none is no mistake.
    for unknown in ["", "x", "0.0", "%00", &format!("{resume}0"), "%F0%9F%92%A9"] {
        let mut socket = Socket::resume(&inspector, unknown);
        let frame = socket.next();
        assert_eq!(frame["type"], "snapshot", "{unknown}");
        assert_eq!(ids(&frame), missed);
    }
}

#[test]
fn a_resume_that_is_too_old_begins_anew() {
    let mut inspector = Inspector::start(&[]);
    let mut socket = Socket::open(&inspector);
    let resume = socket.next()["resume"].as_str().expect("a text").to_owned();
    socket.close();
    // Over 1 MiB of rows.
    let path = format!("POST /{}", "x".repeat(250));
    for _ in 0..2500 {
        inspector.deliver_bytes(&path, b"{}");
    }
    let mut socket = Socket::resume(&inspector, &resume);
    let frame = socket.next();
    assert_eq!(frame["type"], "snapshot");
    assert_eq!(ids(&frame).last(), Some(&2500));
}

#[test]
fn it_says_when_it_stops() {
    let inspector = Inspector::start(&[]);
    let mut sockets: Vec<_> = (0..3).map(|_| Socket::open(&inspector)).collect();
    for socket in &mut sockets {
        socket.find("snapshot");
    }
    let begin = std::time::Instant::now();
    inspector.listener.stop();
    assert!(begin.elapsed().as_secs() < 4, "{:?}", begin.elapsed());
    for socket in &mut sockets {
        assert_eq!(socket.find("bye"), json!({"type": "bye"}));
        assert_eq!(socket.try_next(), None);
    }
}

#[test]
fn there_are_64_seats() {
    let inspector = Inspector::start(&[]);
    let mut sockets: Vec<_> = (0..64).map(|_| Socket::open(&inspector)).collect();
    let refused = |inspector: &Inspector| Socket::try_open(inspector, "", bearer(inspector)).err();
    assert_eq!(refused(&inspector), Some(503));
    for socket in &mut sockets {
        socket.find("snapshot");
    }
    // Whoever leaves makes room.
    sockets.pop().expect("one").close();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while let Some(status) = refused(&inspector) {
        assert_eq!(status, 503);
        assert!(std::time::Instant::now() < deadline, "it stays taken");
    }
}

#[test]
fn only_the_page_and_programs_with_the_token_get_a_socket() {
    let inspector = Inspector::start(&[]);
    let page = inspector.page();
    let own = format!("http://{}", inspector.api);
    let open = |fields: &[(&'static str, &str)]| {
        let fields = fields.iter().map(|(name, value)| (*name, (*value).into()));
        Socket::try_open(&inspector, "", fields.collect()).err()
    };
    let cookie = ("cookie", page.cookie.as_str());
    assert_eq!(open(&[cookie, ("origin", &own)]), None);
    assert_eq!(open(&[cookie]), Some(403));
    for origin in ["null", "http://localhost:3000", "http://evil.example"] {
        assert_eq!(open(&[cookie, ("origin", origin)]), Some(403));
    }
    assert_eq!(open(&[("origin", &own)]), Some(401));
    assert_eq!(open(&[("authorization", "Bearer x")]), Some(401));
    let query = format!("?token={}", inspector.token);
    assert_eq!(
        Socket::try_open(&inspector, &query, Vec::new()).err(),
        Some(401)
    );
    // The token is no sub-protocol either.
    let protocol = ("sec-websocket-protocol", inspector.token.as_str());
    assert_eq!(open(&[protocol]), Some(401));
}

#[test]
fn what_was_gone_before_any_frame_told_of_it_is_told_to_be_gone() {
    let mut inspector = Inspector::start(&[]);
    let mut first = Socket::open(&inspector);
    first.find("snapshot");
    // A frame is made every 33 ms; what comes and goes between two of them may be in the
    // snapshot of a page that is opened just then.
    for _ in 0..20 {
        let id = inspector.deliver(None, "{}");
        let route = format!("DELETE /api/v1/deliveries/{id}");
        let mut socket = Socket::open(&inspector);
        inspector.call(&route, &Value::Null).fine();
        if !ids(&socket.find("snapshot")).contains(&id) {
            continue;
        }
        let gone = |frame: &Value| {
            let gone = frame["gone"].as_array();
            gone.is_some_and(|gone| gone.contains(&id.into()))
        };
        socket.find_that("deletion", gone);
    }
}

#[test]
fn what_is_under_way_is_told_to_be_pending_until_it_is_answered() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let app = RawApp::answering(move |_| {
        let _ = wait.lock().expect("nobody panics with it").recv();
        ok(b"done")
    });
    let inspector = Inspector::start(&[&app.target()]);
    let mut socket = Socket::open(&inspector);
    socket.find("snapshot");
    let mut sender = Connection::open(inspector.listener.address());
    sender.send(request("POST /", "", b"{}"));
    socket.row(1, |row| row["attempts"] == 0 && row["pending"] == true);
    let listed = inspector.get("/api/v1/deliveries");
    assert_eq!(listed["deliveries"][0]["pending"], true);
    go.send(()).expect("the app waits");
    assert_eq!(sender.answer().status(), 200);
    socket.row(1, |row| row["attempts"] == 1 && row["pending"] == false);
    // What cmhook answers by itself is told of too.
    inspector
        .call("PUT /api/v1/pause", &json!({"paused": true}))
        .fine();
    sender.send(request("POST /", "", b"{}"));
    assert_eq!(sender.answer().status(), 503);
    socket.row(2, |row| row["attempts"] == 0 && row["pending"] == false);
    socket.close();
}
