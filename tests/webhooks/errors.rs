//! An API that does not do what it should: each is told in words that say what to do.

use std::time::Duration;

use serde_json::{Value, json};

use crate::kit::{Place, URL};
use crate::support::raw::{Message, RawApp, Then};
use crate::support::sandbox::Sandbox;

/// An answer in JSON.
pub fn answer(status: u16, body: &Value) -> Vec<u8> {
    with(
        status,
        "Content-Type: application/json\r\n",
        &body.to_string(),
    )
}

/// An answer with these fields.
fn with(status: u16, fields: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\n{fields}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// An API that always answers this.
pub fn saying(status: u16, body: &Value) -> RawApp {
    let bytes = answer(status, body);
    RawApp::answering(move |_| bytes.clone())
}

fn place(api: &RawApp) -> Place {
    Place::new(format!("http://{}", api.address())).with("CAKEMAIL_ACCESS_TOKEN", "ck_pat_sentinel")
}

/// What comes of a command at an API that answers with these bytes, in words and as an object.
#[track_caller]
fn told(bytes: Vec<u8>, args: &[&str]) -> (String, Value) {
    let api = RawApp::answering(move |_| bytes.clone());
    let place = place(&api);
    let ran = place.webhooks(args).coded(1);
    let said = ran.stderr;
    let ran = place
        .webhooks(&[args, &["--json", "-vv"]].concat())
        .coded(1);
    let error = ran.json();
    assert!(!ran.stderr.contains("sentinel"), "{}", ran.stderr);
    assert_eq!(error["type"], "error");
    (said, error)
}

const HTML: &str = "Content-Type: text/html\r\n";
const PAGE: &str = "<!doctype html><title>sign in</title>";

#[test]
fn every_answer_that_is_no_json_is_told() {
    each_is_told(&[
        (
            with(200, HTML, PAGE),
            "not_the_api",
            "answers 200 with HTML where JSON was due",
            "is it the URL of the API",
        ),
        (
            with(200, "", ""),
            "not_the_api",
            "answers 200 with nothing",
            "CAKEMAIL_API_BASE",
        ),
        (
            with(404, HTML, PAGE),
            "not_the_api",
            "answers 404 with HTML",
            "--api",
        ),
        (
            with(502, HTML, PAGE),
            "server_error",
            "the API is in trouble (502)",
            "it is on this machine",
        ),
        (
            with(301, "Location: https://login.example.com/\r\n", ""),
            "not_the_api",
            "answers 301 and points to https://login.example.com/",
            "--api",
        ),
        (
            with(401, HTML, PAGE),
            "not_the_api",
            "answers 401 with HTML where JSON was due",
            "that is no sandbox: is it the URL of the API",
        ),
    ]);
}

#[test]
fn every_answer_that_says_no_is_told() {
    each_is_told(&[
        (
            answer(404, &json!({"detail": "Not Found"})),
            "not_found",
            "has no such path (404)",
            "--api",
        ),
        (
            answer(403, &json!({"detail": "no rights"})),
            "forbidden",
            "this account may not do that (403): no rights",
            "`--account N`",
        ),
        (
            answer(500, &json!({"detail": "boom"})),
            "server_error",
            "the API is in trouble (500): boom",
            "it is on this machine",
        ),
        (
            answer(200, &json!({"data": 3})),
            "unexpected_answer",
            "there is no list in `data`",
            "up to date",
        ),
        (
            answer(418, &json!({"detail": "short and stout"})),
            "unexpected_answer",
            "short and stout",
            "up to date",
        ),
        (
            answer(429, &json!({"detail": "slow down"})),
            "too_many_requests",
            "is asked too often (429)",
            "try again in a minute",
        ),
        (
            answer(
                422,
                &json!({"detail": [{"loc": ["query", "page"], "msg": "too large", "type": "x"}]}),
            ),
            "invalid",
            "the API refuses it (422): `page`: too large",
            "",
        ),
        (
            answer(401, &json!({"detail": "no"})),
            "bad_token",
            "does not accept the token (401)",
            "that is no sandbox",
        ),
    ]);
}

/// Each answer is an error of that code, that says and advises this.
#[track_caller]
fn each_is_told(cases: &[(Vec<u8>, &str, &str, &str)]) {
    for (bytes, code, message, hint) in cases {
        let (said, error) = told(bytes.clone(), &["list"]);
        assert_eq!(error["code"], *code, "{said}");
        assert!(said.contains(message) && said.contains(hint), "{said}");
    }
}

#[test]
fn what_an_api_says_does_not_act_on_the_terminal() {
    let text = "\x1b]0;owned\x07\u{202e}\r\nmore";
    let (said, _) = told(answer(403, &json!({ "detail": text })), &["list"]);
    assert!(
        !said.contains('\x1b') && !said.contains('\u{202e}'),
        "{said}"
    );
    let hostile = json!({"id": "a\x1b[2J", "event": "Email.\x1b[2J", "url": "https://\x1b[2J", "status": "active"});
    let api = saying(200, &json!({"data": [hostile], "pagination": {"count": 1}}));
    let ran = place(&api).webhooks(&["list"]).coded(0);
    assert!(!ran.stdout.contains('\x1b'), "{}", ran.stdout);
    let long = "x".repeat(100_000);
    let (said, _) = told(answer(403, &json!({ "detail": long })), &["list"]);
    assert!(said.len() < 1000, "{}", said.len());
}

#[test]
fn a_wait_that_is_short_is_waited_and_a_long_one_is_said() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let wait = |seconds: &str| json!({"path": "/webhooks", "status": 429, "headers": {"Retry-After": seconds}});
    sandbox.fault(&wait("1"));
    let ran = place
        .webhooks(&["create", "-u", URL, "-e", "email.sent"])
        .coded(0);
    assert!(ran.took >= Duration::from_secs(1), "{:?}", ran.took);
    assert_eq!(sandbox.webhooks().len(), 1);
    sandbox.fault(&wait("3600"));
    let ran = place.webhooks(&["list", "--json"]).coded(1);
    assert!(ran.took < Duration::from_secs(5), "{:?}", ran.took);
    assert_eq!(ran.json()["code"], "too_many_requests");
    ran.says("try again in 1 h");
}

#[test]
fn an_api_that_always_says_wait_is_not_waited_for_for_ever() {
    let api = RawApp::answering(|_| with(429, "Retry-After: 1\r\n", "{}"));
    let ran = place(&api).webhooks(&["list"]).coded(1);
    assert!(ran.took < Duration::from_secs(10), "{:?}", ran.took);
    let mut asked = 0;
    while api.seen_already().is_some() {
        asked += 1;
    }
    assert_eq!(asked, 4);
    ran.says("try again in 1 s");
}

#[test]
fn what_is_on_this_machine_is_not_for_others_to_mend() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    for body in [json!({"detail": "boom"}), json!("<html>")] {
        sandbox.fault(&json!({"path": "/webhooks*", "status": 500, "body": body}));
        let ran = place.webhooks(&["list"]).coded(1);
        let ran = ran.says("the API is in trouble (500)");
        assert!(!ran.stderr.contains("Cakemail's"), "{}", ran.stderr);
        ran.says("it is on this machine, so see what it says there");
    }
}

#[test]
fn a_webhook_that_was_deleted_behind_our_back_is_missed() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let ids = place.create("email.sent,email.opened", &["-n", "shop"]);
    let path = format!("/webhooks/{}*", ids[0]);
    sandbox.fault(&json!({"path": path, "status": 404, "times": 0}));
    for args in [
        &["get", &ids[0]][..],
        &["test", &ids[0]],
        &["archive", &ids[0]],
        &["unarchive", &ids[0]],
        &["delete", &ids[0], "--force"],
        &["update", &ids[0], "-u", "https://n.example.com/"],
    ] {
        let ran = place.webhooks(args).coded(1);
        let ran = ran.says(&format!("there is no webhook `{}`", ids[0]));
        ran.says("`cmhook webhooks list --with-archived` lists what there is");
    }
}

#[test]
fn one_that_hangs_up_half_way_is_told_and_whether_it_may_be_done() {
    let api = RawApp::serving(Duration::from_secs(30), |request, stream| {
        let bytes: &[u8] = if request.first_line().starts_with("GET") {
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\": ["
        } else {
            b""
        };
        std::io::Write::write_all(stream, bytes)?;
        Ok(Then::Close)
    });
    let place = place(&api);
    let ran = place.webhooks(&["list"]).coded(1);
    ran.says("hung up before it answered")
        .says("hint: try again in a while");
    let ran = place.webhooks(&["archive", "x"]).coded(1);
    let ran = ran.says("hung up before it answered");
    ran.says("it may have happened all the same: `cmhook webhooks list` tells");
}

#[test]
fn one_that_is_silent_is_given_up() {
    let api = RawApp::serving(Duration::from_secs(30), |_, _| {
        std::thread::sleep(Duration::from_secs(25));
        Ok(Then::Close)
    });
    let ran = place(&api).webhooks(&["archive", "x", "--json"]).coded(1);
    assert!(ran.took < Duration::from_secs(22), "{:?}", ran.took);
    assert_eq!(ran.json()["code"], "no_answer");
    ran.says("has not answered for 15 s")
        .says("it may have happened all the same");
}

#[test]
fn pages_without_end_are_given_up() {
    let page = |request: &Message, fresh: bool| {
        let target = request.target();
        let page = target
            .split("&page=")
            .nth(1)
            .and_then(|rest| rest.split('&').next());
        let page: u64 = page.and_then(|page| page.parse().ok()).unwrap_or(1);
        let first = if fresh { page * 50 } else { 0 };
        let all: Vec<_> = (first..first + 50)
            .map(|id| json!({"id": id, "event": "Email.Sent", "url": URL}))
            .collect();
        answer(200, &json!({"data": all, "pagination": {}}))
    };
    // One that does not know pages, and one that always has more.
    let same = RawApp::answering(move |request| page(request, false));
    let ran = place(&same).webhooks(&["list"]).coded(0);
    assert_eq!(ran.rows().len(), 50);
    let more = RawApp::answering(move |request| page(request, true));
    let ran = place(&more).webhooks(&["list", "--json"]).coded(1);
    assert_eq!(ran.json()["code"], "unexpected_answer");
    ran.says("its pages do not end");
}

#[test]
fn a_short_page_is_not_the_last_one() {
    // It has its own idea of how much is on a page, and of what it counts.
    let api = RawApp::answering(|request| {
        let target = request.target();
        let page = target
            .split("&page=")
            .nth(1)
            .and_then(|rest| rest.split('&').next());
        let page: u64 = page.and_then(|page| page.parse().ok()).unwrap_or(1);
        let ids = (page - 1) * 20..(page * 20).min(45);
        let all: Vec<_> = ids
            .map(|id| json!({"id": id, "event": "Email.Sent", "url": URL}))
            .collect();
        answer(200, &json!({"data": all, "pagination": {"count": 45}}))
    });
    assert_eq!(place(&api).webhooks(&["list"]).coded(0).rows().len(), 45);
}

#[test]
fn nobody_there_is_told() {
    let api = RawApp::saying("");
    let address = api.address();
    let place = Place::new("http://127.0.0.1:1");
    let ran = place.webhooks(&["list", "--json"]).coded(1);
    assert_eq!(ran.json()["code"], "unreachable");
    ran.says("127.0.0.1:1 refuses connections")
        .says("is the API running? if it is a sandbox, start it with `cmhook sandbox --listen 1`");
    // A flag goes before the variable.
    let api = format!("http://{address}");
    let ran = place.webhooks(&["list", "--api", &api]).coded(1);
    ran.says("where JSON was due");
    let unknown = Place::new("https://nowhere.invalid").with("CAKEMAIL_ACCESS_TOKEN", "x");
    let ran = unknown.webhooks(&["list"]).coded(1);
    ran.says("cannot find the address of nowhere.invalid");
}

#[test]
fn the_account_is_named_in_every_request() {
    let api = saying(200, &json!({"data": [], "pagination": {"count": 0}}));
    let place = place(&api).with("CAKEMAIL_CURRENT_ACCOUNT_ID", "17");
    place.webhooks(&["list"]).coded(1);
    assert!(api.next().target().ends_with("&account_id=17"));
    place.webhooks(&["list", "--account", "3"]).coded(1);
    assert!(api.next().target().ends_with("&account_id=3"));
    place.webhooks(&["archive", "a/b?c"]).coded(1);
    assert_eq!(
        api.next().target(),
        "/webhooks/a%2Fb%3Fc/archive?account_id=17"
    );
}
