//! Answers of which the API knows nothing.

use std::time::Duration;

use serde_json::{Value, json};

use crate::errors::answer;
use crate::kit::Place;
use crate::support::raw::{RawApp, Then};
use crate::tokens::{ending, log_in};

const EMAIL: &str = "sandbox@cmhook.test";

fn at(api: &RawApp) -> Place {
    Place::new(format!("http://{}", api.address()))
}

/// What nginx says to whoever speaks HTTP to its HTTPS port.
fn page(status: u16) -> Vec<u8> {
    let page = "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>";
    let length = page.len();
    format!(
        "HTTP/1.1 {status} X\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{page}"
    )
    .into_bytes()
}

#[test]
fn a_page_does_not_say_that_a_password_is_wrong() {
    for status in [400, 401] {
        let api = RawApp::answering(move |_| page(status));
        let ran = at(&api).run_with(&["login", "--email", EMAIL], "x\n");
        let ran = ran
            .coded(1)
            .says(&format!("answers {status} with HTML where JSON was due"));
        assert!(!ran.stderr.contains("password"), "{}", ran.stderr);
    }
}

#[test]
fn a_page_does_not_say_that_a_code_is_wrong() {
    let api = RawApp::answering(|request| {
        if request.target() == "/token" {
            answer(401, &json!({"challenge": "c"}))
        } else {
            page(400)
        }
    });
    let ran = at(&api).run_with(&["login", "--email", EMAIL], "x\n123456\n");
    ran.coded(1).says("answers 400 with HTML");
}

#[test]
fn a_page_ends_no_login() {
    let api = RawApp::answering(|request| {
        if request.text().contains("grant_type=password") {
            let granted = json!({"access_token": "a", "refresh_token": "r", "expires_in": 3600});
            answer(200, &granted)
        } else {
            page(400)
        }
    });
    let place = at(&api);
    log_in(&place);
    ending(&place, "2020-01-01T00:00:00Z");
    let ran = place.webhooks(&["list", "--json"]).coded(1);
    assert_eq!(ran.json()["code"], "not_the_api");
}

#[test]
fn an_answer_that_is_too_long_is_told_as_that() {
    let api = RawApp::answering(|_| {
        let mut body = "[".to_owned();
        body.push_str(&" ".repeat(9 << 20));
        answer(200, &Value::String(body))
    });
    let place = at(&api).with("CAKEMAIL_ACCESS_TOKEN", "x");
    let ran = place.webhooks(&["list", "--json"]).coded(1);
    assert_eq!(ran.json()["code"], "unexpected_answer");
    ran.says("answers with more than 8 MiB");
}

#[test]
fn a_login_whose_answer_is_lost_is_tried_again() {
    let api = RawApp::serving(Duration::from_secs(30), |_, _| Ok(Then::Close));
    let ran = at(&api).run_with(&["login", "--email", EMAIL], "x\n");
    let ran = ran.coded(1).says("hung up before it answered");
    let ran = ran.says("try again in a while");
    assert!(!ran.stderr.contains("webhooks list"), "{}", ran.stderr);
}
