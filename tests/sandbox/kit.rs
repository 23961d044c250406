//! What these tests share.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::Value;

use crate::support::listener::object;
use crate::support::raw::Message;
use crate::support::sandbox::Sandbox;
use crate::support::upstream::{Answer, Upstream};

pub fn answer(status: u16) -> Answer {
    let answer = Response::builder().status(status);
    answer
        .body(Full::new(Bytes::from_static(b"said so")))
        .unwrap()
}

/// An app that gives these answers in turn, and then the last for ever.
pub fn answering(statuses: &'static [u16]) -> Upstream {
    let next = AtomicUsize::new(0);
    Upstream::answering(move |_, _| {
        let at = next.fetch_add(1, Ordering::Relaxed).min(statuses.len() - 1);
        answer(statuses[at])
    })
}

pub fn url(app: &Upstream) -> String {
    format!("http://{}/hook?a=b", app.address())
}

pub const URL: &str = "http://127.0.0.1:9/hook";
pub const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
pub const JSON: (&str, &str) = ("Content-Type", "application/json");

#[track_caller]
pub fn value(answer: &Message) -> Value {
    object(&answer.text())
}

#[track_caller]
pub fn form(sandbox: &Sandbox, path: &str, form: &str) -> (u16, Value) {
    let answer = sandbox.ask_with("POST", path, &[FORM], form.as_bytes());
    (answer.status(), value(&answer))
}

pub const LOGIN: &str = "grant_type=password&username=Sandbox%40cmhook.test&password=sandbox";

#[track_caller]
pub fn list_status(sandbox: &Sandbox, token: &str) -> u16 {
    let authorization = format!("Bearer {token}");
    let fields = [("Authorization", authorization.as_str())];
    sandbox.ask_with("GET", "/webhooks", &fields, b"").status()
}

#[track_caller]
pub fn mistake(sandbox: &Sandbox, method: &str, path: &str, body: &Value) -> Value {
    let answer = sandbox.ask(method, path, body);
    assert_eq!(answer.status(), 422, "{body}: {}", answer.text());
    let mut body = value(&answer);
    let first = body["detail"][0].take();
    assert!(first["msg"].is_string(), "{first}");
    first
}
