//! How a page gets in, and what its session is good for.

use serde_json::{Value, json};

use crate::guard::is_sealed;
use crate::kit::{BEARER, Inspector, JSON, OWN, app, said};

#[test]
fn the_link_becomes_a_cookie_that_no_script_reads() {
    let inspector = Inspector::start(&[]);
    let answer = inspector.ask("POST /api/v1/session", BEARER, b"");
    is_sealed(&answer, "the session");
    let cookie = answer.one("set-cookie").expect("a cookie");
    let mut parts = cookie.split("; ");
    let (name, value) = parts.next().unwrap().split_once('=').expect("a pair");
    assert_eq!(name, format!("cmhook_{}", inspector.api.port()));
    assert_eq!(value.len(), 32, "{cookie}");
    let mut parts: Vec<_> = parts.collect();
    parts.sort_unstable();
    assert_eq!(parts, ["HttpOnly", "Path=/api/", "SameSite=Strict"]);
    let session = said(&answer).fine();
    let token = session["token"].as_str().expect("a token");
    // Three that have nothing to do with each other.
    assert!(token != value && token != inspector.token && value != inspector.token);
    assert_eq!(session.as_object().map(serde_json::Map::len), Some(1));
}

#[test]
fn a_page_that_is_loaded_again_goes_on_by_its_cookie() {
    let app = app();
    let inspector = Inspector::filled(&app, &[]);
    let page = inspector.page();
    let cookie = format!("Cookie: other=1; {}\r\n", page.cookie);
    let again = inspector.ask("GET /api/v1/session", &cookie, b"");
    assert_eq!(said(&again).fine(), json!({"token": page.token}));
    assert!(again.one("set-cookie").is_none());
    for path in ["status", "deliveries", "deliveries/1", "secrets"] {
        let answer = inspector.ask(&format!("GET /api/v1/{path}"), &cookie, b"");
        assert_eq!(answer.status(), 200, "{path}");
    }
    // A session is not opened by a session.
    let answer = inspector.ask("POST /api/v1/session", &cookie, b"");
    assert_eq!(answer.status(), 403);
    let change = |fields: &str| {
        let paused = json!({"paused": true}).to_string();
        inspector
            .ask("PUT /api/v1/pause", fields, paused.as_bytes())
            .status()
    };
    let own = format!("{cookie}Origin: {OWN}\r\n{JSON}");
    assert_eq!(change(&own), 401);
    assert_eq!(inspector.get("/api/v1/status")["paused"], false);
    assert_eq!(
        change(&format!("{own}X-Cmhook-Token: {}\r\n", page.token)),
        200
    );
    assert_eq!(inspector.get("/api/v1/status")["paused"], true);
}

#[test]
fn another_runs_session_is_none() {
    let first = Inspector::start(&[]);
    let page = first.page();
    let second = Inspector::start(&[]);
    let value = page.cookie.split('=').nth(1).expect("a value");
    for cookie in [
        page.cookie.clone(),
        format!("cmhook_{}={value}", second.api.port()),
    ] {
        let answer = second.ask("GET /api/v1/session", &format!("Cookie: {cookie}\r\n"), b"");
        assert_eq!(said(&answer).refused(401), "unauthorized");
    }
    let bearer = format!("Authorization: Bearer {}\r\n", first.token);
    let answer = second.ask("POST /api/v1/session", &bearer, b"");
    assert_eq!(said(&answer).refused(401), "unauthorized");
    assert!(answer.one("set-cookie").is_none());
    // The token itself is asked for its whole length.
    let short = format!("Authorization: Bearer {}\r\n", &second.token[..31]);
    let answer = second.ask("GET /api/v1/status", &short, b"");
    assert_eq!(said(&answer).refused(401), "unauthorized");
    assert_ne!(second.get("/api/v1/status"), Value::Null);
}
