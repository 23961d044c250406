//! Who is let in, and that nobody else gets or changes anything.

use serde_json::json;

use crate::kit::{BEARER, Inspector, JSON, OWN, app, asked, routes};
use crate::support::raw::Message;

/// What every answer has on it, whatever it says.
#[track_caller]
pub fn is_sealed(answer: &Message, what: &str) {
    let one = |name: &str| answer.one(name).unwrap_or_default();
    let policy = one("content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{what}: {policy:?}");
    }
    assert!(!policy.contains("unsafe-"), "{what}: {policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(one(name), value, "{what}: {name}");
    }
    for (name, _) in answer.fields() {
        let name = name.to_ascii_lowercase();
        assert!(!name.starts_with("access-control-"), "{what}: {name}");
    }
}

const UPGRADE: &str = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// All routes, one that there is not, and the upgrade.
fn all() -> Vec<(String, &'static str)> {
    let mut all: Vec<_> = routes().into_iter().map(|route| (route, "")).collect();
    all.extend([
        ("GET /nothing/here".to_owned(), ""),
        ("PATCH /api/v1/status".to_owned(), ""),
        ("GET /api/v1/live".to_owned(), UPGRADE),
    ]);
    all
}

#[track_caller]
fn refuses(inspector: &Inspector, fields: &str, status: u16) {
    for (route, more) in all() {
        let answer = inspector.ask(&route, &format!("{fields}{more}"), b"");
        let what = format!("{route} with {fields:?}");
        assert_eq!(answer.status(), status, "{what}: {}", answer.text());
        is_sealed(&answer, &what);
        let body = answer.text();
        assert!(body.contains(r#""type":"error""#), "{what}: {body}");
        assert!(!body.contains("example.com"), "{what}: {body}");
        let asks = answer.one("www-authenticate");
        assert_eq!(asks.is_some(), status == 401, "{what}");
    }
}

#[test]
fn without_the_token_nothing_is_told_or_done() {
    let app = app();
    let inspector = Inspector::filled(&app, &[]);
    let page = inspector.page();
    let before = inspector.state();
    for fields in [
        "",
        "Authorization: Bearer 0123456789abcdef0123456789abcdef\r\n",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: TOKEN\r\n",
        "Authorization: Basic TOKEN\r\n",
        "Authorization: Bearer TOKEN TOKEN\r\n",
        "Authorization: Bearer TOKEN0\r\n",
        "Authorization: Bearer TOKEN\r\nAuthorization: Bearer TOKEN\r\n",
        "Cookie: token=TOKEN\r\n",
        "Cookie: cmhook_PORT=TOKEN\r\n",
        "Cookie: cmhook_PORT=\r\n",
        "X-Cmhook-Token: TOKEN\r\n",
    ] {
        refuses(&inspector, fields, 401);
    }
    // Neither is what a page has worth anything as a bearer.
    let value = page.cookie.split('=').nth(1).expect("a value");
    for other in [value, &page.token] {
        refuses(
            &inspector,
            &format!("Authorization: Bearer {other}\r\n"),
            401,
        );
    }
    refuses(
        &inspector,
        &format!("X-Cmhook-Token: {}\r\n", page.token),
        401,
    );
    for route in routes() {
        for query in ["token=TOKEN", "access_token=TOKEN", "cmhook_PORT=TOKEN"] {
            let query = query
                .replace("TOKEN", &inspector.token)
                .replace("PORT", &inspector.api.port().to_string());
            let answer = inspector.ask(&format!("{route}?{query}"), "", b"");
            assert_eq!(answer.status(), 401, "{route}?{query}");
        }
    }
    assert_eq!(inspector.state(), before);
}

#[test]
fn a_host_that_is_not_this_one_is_turned_away() {
    let app = app();
    let inspector = Inspector::filled(&app, &[]);
    let before = inspector.state();
    for host in [
        "Host: evil.example\r\n",
        "Host: evil.example:PORT\r\n",
        "Host: 127.0.0.1\r\n",
        "Host: 127.0.0.1:1\r\n",
        "Host: 127.0.0.1:PORT.evil.example\r\n",
        "Host: 127.0.0.1.evil.example:PORT\r\n",
        "Host: localhost.:PORT\r\n",
        "Host: user@127.0.0.1:PORT\r\n",
        "Host: 127.0.0.1:0PORT\r\n",
        "Host: 0.0.0.0:PORT\r\n",
        "Host: \r\n",
        "Host: é\r\n",
        "Host: 127.0.0.1:PORT\r\nHost: 127.0.0.1:PORT\r\n",
        "Host: 127.0.0.1:PORT\r\nHost: evil.example\r\n",
        "NO-HOST\r\n",
    ] {
        refuses(&inspector, &format!("{host}{BEARER}"), 403);
        for path in ["/", "/inspector.js", "/inspector.css", "/icon.svg"] {
            let answer = inspector.ask(&format!("GET {path}"), host, b"");
            assert_eq!(answer.status(), 403, "{path} with {host:?}");
            is_sealed(&answer, &format!("{path} with {host:?}"));
        }
    }
    for host in ["127.0.0.1:PORT", "localhost:PORT", "[::1]:PORT"] {
        let fields = format!("Host: {host}\r\n{BEARER}");
        let answer = inspector.ask("GET /api/v1/status", &fields, b"");
        assert_eq!(answer.status(), 200, "{host}");
    }
    assert_eq!(inspector.state(), before);
}

#[test]
fn other_origins_are_turned_away() {
    let app = app();
    let inspector = Inspector::filled(&app, &[]);
    let page = inspector.page();
    let before = inspector.state();
    let cookie = format!("Cookie: {}\r\n", page.cookie);
    for origin in [
        "null",
        "http://evil.example",
        "http://localhost:3000",
        "http://127.0.0.1:4400",
        "http://127.0.0.1",
        "https://127.0.0.1:PORT",
        "http://127.0.0.1:PORT.evil.example",
        "http://127.0.0.1:PORT/",
        "HTTP://127.0.0.1:PORT",
        "http://127.0.0.1:PORT http://evil.example",
        "",
    ] {
        refuses(&inspector, &format!("{BEARER}Origin: {origin}\r\n"), 403);
        refuses(&inspector, &page.fields(origin), 403);
    }
    let twice = format!("{BEARER}Origin: {OWN}\r\nOrigin: http://evil.example\r\n");
    refuses(&inspector, &twice, 403);
    for site in ["cross-site", "same-site", "", "anything"] {
        let fields = format!("{}Sec-Fetch-Site: {site}\r\n", page.fields(OWN));
        refuses(&inspector, &fields, 403);
        refuses(
            &inspector,
            &format!("{cookie}Sec-Fetch-Site: {site}\r\n"),
            403,
        );
    }
    // Without any origin a cookie reads, and neither changes nor listens.
    let no_origin = format!("{cookie}X-Cmhook-Token: {}\r\n", page.token);
    for (route, more) in all() {
        let changes = !route.starts_with("GET ");
        let answer = inspector.ask(&route, &format!("{no_origin}{more}"), b"");
        if changes || !more.is_empty() {
            assert_eq!(answer.status(), 403, "{route}");
        } else {
            assert_ne!(answer.status(), 403, "{route}");
        }
        is_sealed(&answer, &route);
    }
    for site in ["same-origin", "none"] {
        let fields = format!("{cookie}Sec-Fetch-Site: {site}\r\n");
        let answer = inspector.ask("GET /api/v1/status", &fields, b"");
        assert_eq!(answer.status(), 200, "{site}");
    }
    assert_eq!(inspector.state(), before);
}

#[test]
fn what_a_form_can_send_does_nothing() {
    let app = app();
    let inspector = Inspector::filled(&app, &[]);
    let page = inspector.page();
    let before = inspector.state();
    let send = json!({
        "request": {"method": "POST", "path": "/", "headers": [], "body": "", "body_encoding": "utf8"},
    });
    let changes = [
        ("POST /api/v1/deliveries/1/replay", json!({"to": null})),
        ("POST /api/v1/send", send),
        ("POST /api/v1/trigger", json!({"event": "email.opened"})),
        ("POST /api/v1/secrets", json!({"secret": "s"})),
        ("POST /api/requests/http", json!({"id": "1"})),
        ("PUT /api/v1/target", json!({"targets": []})),
        ("PUT /api/v1/pause", json!({"paused": true})),
        ("DELETE /api/v1/deliveries", json!({})),
        ("DELETE /api/v1/deliveries/1", json!({})),
        ("PUT /api/v1/deliveries/1/mark", json!({})),
        ("DELETE /api/requests/http", json!({})),
    ];
    let cookie = format!("Cookie: {}\r\n", page.cookie);
    for (route, body) in changes {
        for kind in [
            "text/plain",
            "text/plain; charset=application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "",
        ] {
            let kind = format!("Content-Type: {kind}\r\n");
            let body = body.to_string();
            // By far more than another site can have a browser send.
            let whole = format!("{}{kind}", page.fields(OWN));
            let answer = inspector.ask(route, &whole, body.as_bytes());
            assert_eq!(answer.status(), 415, "{route} {kind}");
            is_sealed(&answer, route);
            for fields in [
                format!("{cookie}{kind}"),
                format!("{cookie}{kind}Origin: {OWN}\r\n"),
                format!("{cookie}{kind}Origin: null\r\n"),
            ] {
                let answer = inspector.ask(route, &fields, body.as_bytes());
                assert!(matches!(answer.status(), 401 | 403), "{route} {fields}");
            }
        }
        let twice = format!("{}{JSON}Content-Type: text/plain\r\n", page.fields(OWN));
        let answer = inspector.ask(route, &twice, body.to_string().as_bytes());
        assert_eq!(answer.status(), 415, "{route}");
        // Its own changes need the page's token, and the right one.
        for token in ["", "X-Cmhook-Token: \r\n", "X-Cmhook-Token: TOKEN\r\n"] {
            let fields = format!("{cookie}Origin: {OWN}\r\n{JSON}{token}");
            let answer = inspector.ask(route, &fields, body.to_string().as_bytes());
            assert_eq!(answer.status(), 401, "{route} {token}");
        }
    }
    assert_eq!(inspector.state(), before);
}

#[test]
fn a_preflight_gets_no_leave() {
    let app = app();
    let inspector = Inspector::filled(&app, &[]);
    for (route, _) in all() {
        let path = route.split(' ').nth(1).expect("a path");
        for fields in [
            "Origin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n\
             Access-Control-Request-Headers: content-type, x-cmhook-token\r\n\
             Access-Control-Request-Private-Network: true\r\n",
            "",
            BEARER,
        ] {
            let answer = inspector.ask(&format!("OPTIONS {path}"), fields, b"");
            assert!(answer.status() >= 400, "{path}: {}", answer.status());
            is_sealed(&answer, path);
        }
    }
}

#[test]
fn nothing_that_is_read_changes_anything() {
    let app = app();
    let inspector = Inspector::filled(&app, &[]);
    let page = inspector.page();
    let before = inspector.state();
    for route in routes() {
        let Some(path) = route.strip_prefix("GET ") else {
            continue;
        };
        for method in ["GET", "HEAD"] {
            let route = asked(&format!("GET {path}")).replace("GET ", &format!("{method} "));
            let cookie = format!("Cookie: {}\r\n", page.cookie);
            for fields in [BEARER, &cookie] {
                if method == "HEAD" && path == "/api/v1/live" {
                    continue;
                }
                let head = head_of(&inspector, &route, fields);
                let expected = if path == "/api/v1/live" { 426 } else { 200 };
                assert_eq!(head.status(), expected, "{route}");
                is_sealed(&head, &route);
            }
        }
    }
    assert_eq!(inspector.state(), before);
}

/// An answer's head, of which a HEAD has no more.
fn head_of(inspector: &Inspector, route: &str, fields: &str) -> Message {
    let fields = fields.replace("TOKEN", &inspector.token);
    let mut connection = crate::support::raw::Connection::open(inspector.api);
    connection.send(format!(
        "{route} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{fields}\r\n",
        inspector.api
    ));
    connection.answer_head()
}

#[test]
fn the_page_needs_no_token_and_has_its_own_policy() {
    let inspector = Inspector::start(&[]);
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/inspector.css", "text/css; charset=utf-8"),
        ("/inspector.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let answer = inspector.ask(&format!("GET {path}"), "", b"");
        assert_eq!(answer.status(), 200, "{path}");
        is_sealed(&answer, path);
        assert_eq!(answer.one("content-type").as_deref(), Some(kind), "{path}");
        let policy = answer.one("content-security-policy").unwrap_or_default();
        for part in [
            "script-src 'self'",
            "style-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
            &format!("connect-src 'self' ws://{}", inspector.api),
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(answer.one("set-cookie").is_none(), "{path}");
        assert!(!answer.text().contains(&inspector.token), "{path}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
            let answer = inspector.ask(&format!("{method} {path}"), "", b"");
            assert_eq!(crate::kit::said(&answer).refused(405), "no_route");
            is_sealed(&answer, &format!("{method} {path}"));
        }
    }
}
