//! A secret goes in, and never comes out.

use std::rc::Rc;

use serde_json::{Value, json};

use crate::kit::{BEARER, Inspector, app, asked, routes, signed};
use crate::socket::Socket;
use crate::support::listener::home;

/// Of the flag, the environment, the file and the API.
const SENTINELS: [&str; 4] = [
    "sentinel-by-flag-7f3a",
    "sentinel-by-environment-91cc",
    "sentinel-by-file-d02e",
    "sentinel-by-api-5b68",
];

#[track_caller]
fn has_none(text: &str, what: &str) {
    for sentinel in SENTINELS {
        assert!(!text.contains(sentinel), "{sentinel} in {what}: {text}");
        // Nor in what a body or a header may be written in.
        let hex = hex::encode(sentinel);
        assert!(!text.contains(&hex), "{sentinel} in {what}: {text}");
    }
}

#[test]
fn no_answer_frame_or_log_has_it() {
    let home = Rc::new(home());
    let [flag, environment, file, api] = SENTINELS;
    let config = format!("[[secrets]]\nlabel = \"by-file\"\nvalue = \"{file}\"\n");
    std::fs::write(home.path().join("cmhook.toml"), config).expect("a file");
    let app = app();
    let (to, secret) = (app.target(), format!("by-flag={flag}"));
    let args = ["-vv", "--forward", &to, "--secret", &secret];
    let mut inspector = Inspector::start_with(&home, &args, &[("CMHOOK_SECRET", environment)]);
    let mut socket = Socket::open(&inspector);
    has_none(&socket.next_text(), "the snapshot");
    let body = r#"{"event":"email.bounced"}"#;
    for secret in SENTINELS {
        inspector.deliver(Some(&signed(secret, body)), body);
    }

    let added = json!({"secret": api, "label": "by-api"});
    let said = inspector.call("POST /api/v1/secrets", &added).fine();
    assert_eq!(said["label"], "by-api");
    // What is wrong with one is said without it.
    for (wrong, status) in [
        (json!({"secret": api, "label": "again"}), 409),
        (
            json!({"secret": format!("{api}-other"), "label": "by-api"}),
            409,
        ),
        (json!({"secret": [api]}), 400),
        (json!({"secret": {"value": api}}), 400),
        (json!({"secret": api, "more": 1}), 400),
        (json!({ api: 1 }), 400),
        (json!({"secret": api, "label": 1}), 400),
        (json!(api), 400),
    ] {
        let said = inspector.call("POST /api/v1/secrets", &wrong);
        has_none(&said.json.to_string(), "a refusal");
        said.refused(status);
    }
    let broken = format!(r#"{{"secret":"{api}"#);
    let answer = inspector.ask("POST /api/v1/secrets", BEARER, broken.as_bytes());
    assert_eq!(answer.status(), 400);
    has_none(&answer.text(), "a refusal");

    let sign = json!({
        "request": {"method": "POST", "path": "/", "headers": [], "body": "{}", "body_encoding": "utf8"},
        "sign": {"secret": "by-api"},
    });
    let sent = inspector.call("POST /api/v1/send", &sign).fine();
    assert_eq!(sent["delivery"]["verdict"]["secret"], "by-api");
    has_none(&sent.to_string(), "what was sent");
    inspector
        .call("POST /api/v1/trigger", &json!({"event": "email.opened"}))
        .fine();
    for route in routes() {
        if !route.starts_with("GET ") {
            continue;
        }
        for route in [asked(&route), asked(&route).replace("as=har", "as=curl")] {
            let answer = inspector.raw(&route);
            let head = String::from_utf8_lossy(&answer.head).into_owned();
            has_none(&format!("{head}\n{}", answer.text()), &route);
        }
    }
    socket.say(&json!({"filter": "event:email.*"}));
    socket.say_text(&format!(r#"{{"secret":"{api}"}}"#));
    loop {
        let text = socket.next_text();
        has_none(&text, "a frame");
        let frame: Value = serde_json::from_str(&text).expect("JSON");
        if frame["type"] == "error" {
            break;
        }
    }
    assert_eq!(
        inspector.get("/api/v1/secrets")["secrets"]
            .as_array()
            .map(Vec::len),
        Some(4)
    );
    let page = inspector.page();
    let token = inspector.token.clone();
    let mut listener = inspector.listener;
    listener.process.terminate();
    has_none(&listener.process.stdout.text(), "standard output");
    let log = listener.process.stderr.text();
    assert!(log.contains("TRACE hyper"), "{log}");
    has_none(&log, "the log");
    // Neither are what lets somebody in.
    let cookie = page.cookie.split('=').nth(1).expect("a value");
    for key in [token.as_str(), cookie, &page.token] {
        let line = log.lines().find(|line| line.contains(key));
        assert!(line.is_none_or(|line| line.contains("Ready")), "{line:?}");
    }
}

#[test]
fn a_label_is_shown_as_text_and_nothing_else() {
    let app = app();
    let mut inspector = Inspector::filled(&app, &[]);
    let label = "\u{1b}]0;evil\u{7}\r\n<script>";
    let added = json!({"secret": "wrong", "label": label});
    let said = inspector.call("POST /api/v1/secrets", &added).fine();
    assert_eq!(said["label"], label);
    let told = inspector.listener.next("verdict");
    assert_eq!(told["verdict"]["secret"], label);
    for text in [
        inspector.listener.process.stdout.text(),
        inspector.raw("GET /api/v1/secrets").text(),
        inspector.raw("GET /api/v1/deliveries").text(),
    ] {
        assert!(
            !text.contains(|c: char| c.is_control() && c != '\n'),
            "{text:?}"
        );
    }
}
