//! What makes no sense, and what is said of it.

use serde_json::json;

use crate::support::listener::object;
use crate::support::sandbox::{Sandbox, TOKEN};

use super::kit::*;

/// What is asked, with which body, and where the mistake is and of which kind.
const MISTAKES: &[(&str, &str, &str, &str)] = &[
    (
        "POST /webhooks",
        r#"{"url":"https://a.example"}"#,
        "body.event",
        "value_error.missing",
    ),
    (
        "POST /webhooks",
        r#"{"event":"Email.Sent"}"#,
        "body.url",
        "value_error.missing",
    ),
    (
        "POST /webhooks",
        r#"{"event":"email.sent"}"#,
        "body.event",
        "type_error.enum",
    ),
    (
        "POST /webhooks",
        r#"{"event":7}"#,
        "body.event",
        "type_error.enum",
    ),
    (
        "POST /webhooks",
        r#"{"event":null}"#,
        "body.event",
        "type_error.none.not_allowed",
    ),
    ("POST /webhooks", "[]", "body", "type_error.dict"),
    ("POST /webhooks", "null", "body", "value_error.missing"),
    ("PATCH", r#"{"url":5}"#, "body.url", "type_error.str"),
    (
        "PATCH",
        r#"{"url":""}"#,
        "body.url",
        "value_error.url.scheme",
    ),
    (
        "PATCH",
        r#"{"url":"a.example"}"#,
        "body.url",
        "value_error.url.scheme",
    ),
    (
        "PATCH",
        r#"{"url":"ftp://a.example"}"#,
        "body.url",
        "value_error.url.scheme",
    ),
    (
        "PATCH",
        r#"{"url":"https://"}"#,
        "body.url",
        "value_error.url.host",
    ),
    (
        "PATCH",
        r#"{"url":"https://a:99999/"}"#,
        "body.url",
        "value_error.url.port",
    ),
    (
        "PATCH",
        r#"{"rate_limit":0}"#,
        "body.rate_limit",
        "value_error.number.not_gt",
    ),
    (
        "PATCH",
        r#"{"rate_limit":1e18}"#,
        "body.rate_limit",
        "value_error.number.not_le",
    ),
    (
        "PATCH",
        r#"{"rate_limit":"x"}"#,
        "body.rate_limit",
        "type_error.integer",
    ),
    (
        "PATCH",
        r#"{"rate_limit_period":"day"}"#,
        "body.rate_limit_period",
        "type_error.enum",
    ),
    (
        "GET /webhooks?page=0",
        "null",
        "query.page",
        "value_error.number.not_ge",
    ),
    (
        "GET /webhooks?per_page=101",
        "null",
        "query.per_page",
        "value_error.number.not_le",
    ),
    (
        "GET /webhooks?page=x",
        "null",
        "query.page",
        "type_error.integer",
    ),
    (
        "GET /webhooks?with_archived=perhaps",
        "null",
        "query.with_archived",
        "type_error.bool",
    ),
    (
        "GET /webhooks?account_id=me",
        "null",
        "query.account_id",
        "type_error.integer",
    ),
];

#[test]
fn mistakes_are_told_as_fastapi_does() {
    let sandbox = Sandbox::start(&[]);
    let id = sandbox.register("Email.Sent", URL).0;
    let of_webhook = format!("PATCH /webhooks/{id}");
    for (asked, body, place, kind) in MISTAKES {
        let asked = if *asked == "PATCH" {
            &of_webhook
        } else {
            *asked
        };
        let (method, path) = asked.split_once(' ').unwrap();
        let found = mistake(&sandbox, method, path, &object(body));
        let at = found["loc"].as_array().unwrap().iter();
        let at: Vec<_> = at.map(|part| part.as_str().unwrap()).collect();
        assert_eq!(
            (at.join("."), &found["type"]),
            ((*place).to_owned(), &json!(kind))
        );
    }
    // All of them are told, and the longest URL that there may be is taken.
    let all = value(&sandbox.ask("POST", "/webhooks", &json!({})));
    assert_eq!(all["detail"].as_array().unwrap().len(), 2);
    let long = format!("https://a.example/{}", "x".repeat(2066));
    let found = mistake(
        &sandbox,
        "PATCH",
        &format!("/webhooks/{id}"),
        &json!({"url": long}),
    );
    assert_eq!(found["type"], "value_error.any_str.max_length");
    sandbox.register("Email.Sent", &long[..2083]);
}

#[test]
fn bodies_that_cannot_be_read_are_refused() {
    let sandbox = Sandbox::start(&[]);
    let authorization = format!("Bearer {TOKEN}");
    let token = ("Authorization", authorization.as_str());
    let broken = sandbox.ask_with("POST", "/webhooks", &[token, JSON], b"{\n \"event\" 1}");
    assert_eq!(broken.status(), 422);
    let found = &value(&broken)["detail"][0];
    assert_eq!(found["type"], "value_error.jsondecode");
    assert!(found["loc"][1].is_u64());
    let text = ("Content-Type", "text/plain");
    let plain = sandbox.ask_with("POST", "/webhooks", &[token, text], b"{}");
    assert_eq!(value(&plain)["detail"][0]["type"], "type_error.dict");
    let binary = sandbox.ask_with("POST", "/webhooks", &[token, JSON], b"\xff\xfe");
    assert_eq!(binary.status(), 400);
    let large = vec![b' '; (1 << 20) + 1];
    let large = sandbox.ask_with("POST", "/webhooks", &[token, JSON], &large);
    assert_eq!(large.status(), 413);
    let (status, found) = form(&sandbox, "/token", "grant_type=password&username=a");
    assert_eq!(
        (status, &found["detail"][0]["loc"]),
        (422, &json!(["body", "password"]))
    );
    assert_eq!(form(&sandbox, "/token", "grant_type=magic").0, 400);
    assert_eq!(form(&sandbox, "/token", "").0, 422);
}
