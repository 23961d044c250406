//! What is fetched as a file is what came, byte for byte, under a harmless name.

use serde_json::{Value, json};

use crate::guard::is_sealed;
use crate::kit::{BINARY, HOSTILE, Inspector, app};
use crate::support::raw::Message;

#[track_caller]
fn fetched(inspector: &Inspector, path: &str) -> Message {
    let answer = inspector.raw(&format!("GET {path}"));
    assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
    is_sealed(&answer, path);
    let kind = answer.one("content-type");
    assert_eq!(kind.as_deref(), Some("application/octet-stream"), "{path}");
    let disposition = answer.one("content-disposition").expect("a name");
    let name = disposition
        .strip_prefix("attachment; filename=\"")
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or_else(|| panic!("{path}: {disposition}"));
    let harmless = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    assert!(!name.is_empty() && name.chars().all(harmless), "{name}");
    assert!(!name.starts_with('.') && !name.contains(".."), "{name}");
    answer
}

#[test]
fn bodies_are_exact() {
    let app = app();
    let inspector = Inspector::filled(&app, &[]);
    let at = |rest: &str| fetched(&inspector, &format!("/api/v1/deliveries/{rest}"));
    assert_eq!(at("4/body").body, BINARY);
    assert_eq!(at("4/attempts/1/body").body, BINARY);
    assert_eq!(at("4/export?as=raw").body, BINARY);
    assert_eq!(at("5/body").body, HOSTILE.as_bytes());
    assert_eq!(
        at("2/attempts/1/body").body,
        br#"{"error":"Invalid signature"}"#
    );
    let raw = at("4/raw").body;
    let expected = [
        &b"POST /binary?a=%20 HTTP/1.1\r\nhost: hooks.test\r\ncontent-length: "[..],
        format!("{}\r\n\r\n", BINARY.len()).as_bytes(),
        BINARY,
    ]
    .concat();
    assert_eq!(raw, expected, "{:?}", String::from_utf8_lossy(&raw));
    // In JSON they are base64, and left out where that is asked for.
    let one = inspector.get("/api/v1/deliveries/4");
    assert_eq!(one["request"]["body_encoding"], "base64");
    let one = inspector.get("/api/v1/deliveries/4?bodies=2");
    assert_eq!(one["request"]["body"], Value::Null);
    assert_eq!(one["request"]["body_encoding"], "omitted");
    assert_eq!(one["request"]["size"], BINARY.len());
    let response = &one["attempts"][0]["response"];
    assert_eq!(response["body_encoding"], "omitted");
    let exact = format!("/api/v1/deliveries/4?bodies={}", BINARY.len());
    assert_eq!(inspector.get(&exact)["request"]["body_encoding"], "base64");
}

#[test]
fn a_name_is_never_more_than_a_name() {
    let app = app();
    let mut inspector = Inspector::filled(&app, &[]);
    let events = [
        "..",
        "/",
        "CON",
        "a\"; filename=\"b.exe",
        "a\r\nSet-Cookie: a=b",
        "é\u{202e}gpj.exe",
        "%2e%2e%2f",
        ".htaccess",
        " ",
        &"x".repeat(10_000),
    ];
    for event in events {
        let id = inspector.deliver(None, &json!({ "event": event }).to_string());
        for what in [
            "body",
            "raw",
            "export?as=curl",
            "export?as=har",
            "export?as=fixture",
            "export?as=json",
            "export?as=raw",
            "export?as=http",
            "attempts/1/body",
        ] {
            let answer = fetched(&inspector, &format!("/api/v1/deliveries/{id}/{what}"));
            assert!(answer.one("set-cookie").is_none());
            let name = answer.one("content-disposition").expect("a name");
            assert!(name.len() < 120, "{name}");
        }
    }
    for format in ["curl", "har", "json"] {
        fetched(&inspector, &format!("/api/v1/export?as={format}"));
    }
}

#[test]
fn what_there_is_not_is_not_found() {
    let app = app();
    let inspector = Inspector::filled(&app, &[]);
    let down = json!({"to": "127.0.0.1:1"});
    let failed = inspector
        .call("POST /api/v1/deliveries/1/replay", &down)
        .fine();
    assert_eq!(failed["error"]["code"], "refused");
    for (path, status, code) in [
        ("deliveries/99", 404, "no_delivery"),
        ("deliveries/99/body", 404, "no_delivery"),
        ("deliveries/99/raw", 404, "no_delivery"),
        ("deliveries/99/signature", 404, "no_delivery"),
        ("deliveries/99/export?as=har", 404, "no_delivery"),
        ("deliveries/99/attempts/1/body", 404, "no_delivery"),
        ("deliveries/1/attempts/9/body", 404, "no_attempt"),
        ("deliveries/1/attempts/2/body", 404, "no_attempt"),
        ("diff?a=1&b=99", 404, "no_delivery"),
        ("diff?a=1@9&b=1", 404, "no_attempt"),
        ("deliveries/x", 400, "usage"),
        ("deliveries/-1", 400, "usage"),
        ("deliveries/18446744073709551616", 400, "usage"),
        ("deliveries/%ff", 400, "usage"),
        ("deliveries/1/attempts/x/body", 400, "usage"),
        ("deliveries/1?bodies=x", 400, "usage"),
        ("deliveries/1/export", 400, "usage"),
        ("deliveries/1/export?as=exe", 400, "usage"),
        ("export?as=raw", 400, "usage"),
        ("export?as=har&filter=status%3A", 400, "filter"),
        ("diff?a=1", 400, "usage"),
        ("diff?a=1@&b=1", 400, "usage"),
        ("diff?a=&b=", 400, "usage"),
        ("deliveries/1/nothing", 404, "no_route"),
        ("", 404, "no_route"),
    ] {
        let said = inspector.call(&format!("GET /api/v1/{path}"), &Value::Null);
        assert_eq!(said.refused(status), code, "{path}");
    }
}

#[test]
fn a_request_that_is_none_is_neither_kept_nor_sent() {
    let app = app();
    let inspector = Inspector::filled(&app, &[]);
    let before = inspector.state();
    let draft = |field: &str, value: Value| {
        let mut request = json!({
            "method": "POST", "path": "/", "headers": [], "body": "", "body_encoding": "utf8",
        });
        request[field] = value;
        json!({ "request": request })
    };
    for (field, value) in [
        ("path", "/a HTTP/1.1\r\nX-Evil: 1\r\n\r\n"),
        ("path", "/a\n"),
        ("path", "/a b"),
        ("path", "/\u{0}"),
        ("path", "/\u{7f}"),
        ("method", "GET / HTTP/1.1\r\nX-Evil: 1\r\n\r\nPOST"),
        ("method", ""),
        ("method", "A B"),
        ("body_encoding", "hex"),
    ] {
        let said = inspector.call("POST /api/v1/send", &draft(field, value.into()));
        assert!(
            matches!(said.status, 400 | 422),
            "{field} {value:?}: {}",
            said.json
        );
        // The same of one that was kept elsewhere.
        let mut kept = inspector.get("/api/v1/deliveries/1");
        kept["request"][field] = value.into();
        let said = inspector.call("POST /api/v1/deliveries", &kept);
        assert_eq!(said.refused(400), "usage", "{field} {value:?}");
    }
    assert_eq!(inspector.state(), before);
}

#[test]
fn a_body_that_is_too_long_is_refused_in_json() {
    let inspector = Inspector::start(&["--ephemeral"]);
    let mut connection = crate::support::raw::Connection::open(inspector.api);
    let head = format!(
        "POST /api/v1/send HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
         Content-Length: {}\r\n\r\n",
        inspector.api,
        inspector.token,
        (160 << 20) + 1
    );
    connection.send(head);
    let answer = connection.answer();
    is_sealed(&answer, "a long body");
    assert_eq!(crate::kit::said(&answer).refused(413), "body_too_large");
}
