//! Answers in place of the API's own, and bodies that nobody expects.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::sandbox::{Sandbox, TOKEN};

const LIST: (&str, &str) = ("GET", "/webhooks");

fn list(sandbox: &Sandbox) -> crate::support::raw::Message {
    sandbox.ask(LIST.0, LIST.1, &Value::Null)
}

#[test]
fn the_next_call_is_answered_as_was_asked() {
    let sandbox = Sandbox::start(&[]);
    sandbox.fault(&json!({"path": "/webhooks*", "status": 429, "headers": {"Retry-After": "2"}}));
    sandbox.fault(&json!({"method": "GET", "status": 502, "body": "<html>Bad Gateway</html>"}));
    sandbox.fault(&json!({"status": 500, "times": 2}));
    let limited = list(&sandbox);
    assert_eq!(limited.status(), 429);
    assert_eq!(limited.one("retry-after").as_deref(), Some("2"));
    assert_eq!(limited.text(), r#"{"detail":"Too Many Requests"}"#);
    let html = list(&sandbox);
    assert_eq!(
        (html.status(), html.text()),
        (502, "<html>Bad Gateway</html>".to_owned())
    );
    assert!(html.one("content-type").unwrap().starts_with("text/html"));
    assert!(html.one("cmhook-sandbox").is_some());
    assert_eq!(list(&sandbox).status(), 500);
    // The sandbox's own routes are not meant.
    sandbox.fine("GET", "/sandbox", &Value::Null);
    assert_eq!(list(&sandbox).status(), 500);
    assert_eq!(list(&sandbox).status(), 200);
    sandbox.fault(&json!({"status": 503, "times": 0}));
    assert_eq!(
        (list(&sandbox).status(), list(&sandbox).status()),
        (503, 503)
    );
    assert_eq!(
        sandbox.fine("DELETE", "/sandbox/faults", &Value::Null)["cleared"],
        1
    );
    assert_eq!(list(&sandbox).status(), 200);
}

#[test]
fn an_answer_may_come_late_or_after_the_work() {
    let mut sandbox = Sandbox::start(&[]);
    sandbox.fault(&json!({"status": 200, "delay_ms": 300}));
    let begin = Instant::now();
    list(&sandbox);
    assert!(begin.elapsed() >= Duration::from_millis(300));
    sandbox.fault(&json!({"method": "POST", "path": "/webhooks", "status": 504, "after": true}));
    let body = json!({"event": "Email.Sent", "url": "http://127.0.0.1:9/"});
    assert_eq!(sandbox.ask("POST", "/webhooks", &body).status(), 504);
    assert_eq!(sandbox.webhooks().len(), 1, "it was made all the same");
    // One that hangs does not hold up the end.
    sandbox.fault(&json!({"status": 200, "delay_ms": 600_000}));
    let address = sandbox.address();
    let hanging = std::thread::spawn(move || {
        let request = format!("GET /webhooks HTTP/1.1\r\nHost: {address}\r\n\r\n");
        crate::support::raw::ask(address, request).status()
    });
    // It is under way when it has taken its fault.
    while sandbox.fine("GET", "/sandbox", &Value::Null)["faults"] != 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let begin = Instant::now();
    assert_eq!(sandbox.process.terminate().code(), Some(0));
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(hanging.join().unwrap(), 503);
}

#[test]
fn faults_that_make_no_sense_are_refused() {
    let sandbox = Sandbox::start(&[]);
    for fault in [
        json!({}),
        json!({"status": 7}),
        json!({"status": 500, "times": "x"}),
        json!([]),
    ] {
        assert_eq!(
            sandbox.ask("POST", "/sandbox/faults", &fault).status(),
            422,
            "{fault}"
        );
    }
}

/// A value that is nearly what is wanted.
fn odd() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("Email.Sent")),
        Just(json!("email.*")),
        Just(json!("http://127.0.0.1:9/")),
        Just(json!("https://\u{0}")),
        Just(json!("minute")),
        Just(json!("api")),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec(("[a-z_]{0,8}", inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    const FIELDS: [&str; 18] = [
        "event",
        "url",
        "rate_limit",
        "rate_limit_period",
        "data",
        "payload",
        "scheme",
        "envelope",
        "account_id",
        "duplicate",
        "status",
        "headers",
        "body",
        "delay",
        "times",
        "method",
        "path",
        "code",
    ];
    let field = proptest::sample::select(&FIELDS[..]);
    let fields = proptest::collection::vec((field, odd()), 0..6);
    let object = fields.prop_map(|fields| {
        let fields = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        Value::Object(fields.collect()).to_string().into_bytes()
    });
    prop_oneof![
        6 => object,
        1 => odd().prop_map(|value| value.to_string().into_bytes()),
        1 => proptest::collection::vec(any::<u8>(), 0..64),
    ]
}

#[test]
fn no_body_makes_it_fail() {
    const ROUTES: [&str; 9] = [
        "POST /webhooks",
        "PATCH /webhooks/ID",
        "POST /webhooks/ID/archive",
        "POST /webhooks/ID/unarchive",
        "POST /token",
        "POST /token/challenge",
        "POST /sandbox/events",
        "GET /webhooks",
        "GET /sandbox/deliveries",
    ];
    const KINDS: [&str; 3] = ["application/json", "application/x-www-form-urlencoded", "x"];
    let sandbox = Sandbox::start(&["--retries", "none", "--mfa", "1"]);
    let (id, _) = sandbox.register("Email.Sent", "http://127.0.0.1:9/");
    let authorization = format!("Bearer {TOKEN}");
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let route = proptest::sample::select(&ROUTES[..]);
    let kind = proptest::sample::select(&KINDS[..]);
    let query = proptest::option::of("(page|per_page|account_id|ids|status|event)=[ -~]{0,8}");
    let asked = (route, query, kind, body());
    let ran = runner.run(&asked, |(route, query, kind, body)| {
        let (method, path) = route.split_once(' ').unwrap();
        let query = query.map_or_else(String::new, |query| {
            let query = query.replace(
                [' ', '#', '"', '<', '>', '\\', '^', '`', '{', '|', '}'],
                "%20",
            );
            format!("?{query}")
        });
        let path = format!("{}{query}", path.replace("ID", &id));
        let fields = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", kind),
        ];
        let answer = sandbox.ask_with(method, &path, &fields, &body);
        let text = answer.text();
        prop_assert!(
            answer.status() < 500 || answer.status() == 503,
            "{path}: {text}"
        );
        let value: Result<Value, _> = serde_json::from_str(&text);
        prop_assert!(value.is_ok(), "{path}: {text}");
        if answer.status() == 422 {
            let detail = value.unwrap()["detail"].take();
            let is_told = |one: &Value| {
                one["loc"].is_array() && one["msg"].is_string() && one["type"].is_string()
            };
            prop_assert!(
                detail.as_array().is_some_and(|all| all.iter().all(is_told)),
                "{detail}"
            );
        }
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
    let mut sandbox = sandbox;
    sandbox.process.terminate();
    assert!(
        !sandbox.process.stderr.text().contains("error"),
        "{}",
        sandbox.process.stderr.text()
    );
}
