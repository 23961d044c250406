//! `cmhook webhooks test`.

use std::rc::Rc;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::errors::answer;
use crate::fake::{Webhooks, api, user};
use crate::kit::Place;
use crate::support::listener::Listener;
use crate::support::raw::{RawApp, ok};
use crate::support::relay::Relay;
use crate::support::sandbox::Sandbox;
use crate::support::sender::{Scheme, sign};
use crate::support::upstream::Upstream;

fn app(status: u16, text: &'static str) -> Upstream {
    Upstream::answering(move |_, _| {
        let mut answer = Response::new(Full::new(Bytes::from(text)));
        *answer.status_mut() = http::StatusCode::from_u16(status).expect("a status");
        answer
    })
}

#[test]
fn the_webhooks_url_gets_a_sample_signed_with_its_key() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let app = app(200, "OK");
    let url = format!("http://{}/hooks/?token=a%2Fb", app.target());
    let (id, key) = sandbox.register("Email.Opened", &url);
    for (scheme, args) in [
        (Scheme::ApiBase64, &[][..]),
        (Scheme::CakemailHex, &["--scheme", "cakemail-hex"]),
        (Scheme::CakemailBase64, &["--scheme", "cakemail-base64"]),
    ] {
        let ran = place.webhooks(&[&["test", &id], args].concat()).coded(0);
        assert!(
            ran.stdout.starts_with("✓ 200 Email.Opened  "),
            "{}",
            ran.stdout
        );
        assert!(!ran.stdout.contains("listener"), "{}", ran.stdout);
        let seen = app.next();
        assert_eq!(seen.parts.method, "POST");
        assert_eq!(seen.parts.uri, "/hooks/?token=a%2Fb");
        assert_eq!(seen.parts.headers["content-type"], "application/json");
        let (name, value) = sign(scheme, &key, &seen.body);
        assert_eq!(seen.parts.headers[name.to_ascii_lowercase()], *value);
        let body: Value = serde_json::from_slice(&seen.body).expect("JSON");
        assert_eq!(body["event"], "Email.Opened");
        assert!(
            body["created_on"].is_i64() && body["account_id"].is_i64(),
            "{body}"
        );
    }
    place.webhooks(&["test", &id, "--scheme", "x"]).coded(2);
    place.webhooks(&["test", &id, "--timeout", "x"]).coded(2);
    place
        .webhooks(&["test", "nope"])
        .coded(1)
        .says("there is no webhook `nope`");
}

#[test]
fn what_came_back_is_said_with_what_to_do() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    for (status, text, hint) in [
        (500, "boom\nat line 3", "the app failed: its log says why"),
        (404, "Cannot POST /", "the app knows no such path"),
        (405, "", "takes no POST"),
        (502, "<html>", "does not reach it: is the app running?"),
        (401, "Invalid signature", "the app checks something else"),
        (302, "", "redirects are not followed"),
    ] {
        let app = app(status, text);
        let (id, _) = sandbox.register("Email.Sent", &format!("http://{}/", app.target()));
        let ran = place.webhooks(&["test", &id]).coded(1).says(hint);
        let first = text.lines().next().unwrap_or_default();
        let start = format!("✗ {status} Email.Sent  ");
        assert!(
            ran.stdout.starts_with(&start) && ran.stdout.contains(first),
            "{}",
            ran.stdout
        );
        assert!(!ran.stdout.contains("line 3"), "{}", ran.stdout);
        let json = place.webhooks(&["test", &id, "--json"]).coded(1).json();
        assert_eq!(json["status"], status);
        assert_eq!(json["ok"], false);
        assert_eq!(json["arrived"], Value::Null);
        assert!(json["hints"].to_string().contains(hint), "{json}");
    }
}

#[test]
fn an_app_that_does_not_answer_is_told_of() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let silent = RawApp::serving(std::time::Duration::from_secs(30), |_, _| {
        std::thread::sleep(std::time::Duration::from_secs(20));
        Ok(crate::support::raw::Then::Close)
    });
    let (id, _) = sandbox.register("Email.Sent", &format!("http://{}/", silent.target()));
    let ran = place
        .webhooks(&["test", &id, "--timeout", "300ms"])
        .coded(1);
    assert!(
        ran.stdout.contains("did not answer within 300 ms"),
        "{}",
        ran.stdout
    );
    let json = place.webhooks(&["test", &id, "--timeout", "300ms", "--json"]);
    let json = json.coded(1).json();
    assert_eq!(json["status"], Value::Null);
    assert_eq!(json["error"]["code"], "timeout");
    let plain = app(200, "OK");
    for (url, said, what) in [
        (
            "http://127.0.0.1:1/".to_owned(),
            "nothing listens on 127.0.0.1:1",
            "start it, or give the webhook a URL that reaches it from here",
        ),
        (
            format!("https://{}/", plain.target()),
            "does not speak TLS",
            "the webhook's URL says https",
        ),
    ] {
        let (id, _) = sandbox.register("Email.Sent", &url);
        let api = sandbox.url();
        let ran = place.webhooks(&["test", &id, "--api", &api, "--account", "17"]);
        let ran = ran.coded(1).says(what);
        assert!(ran.stdout.contains(said), "{}", ran.stdout);
        // Nothing is forwarded, and nothing is kept.
        let is_elsewhere = ["forward", "kept"]
            .iter()
            .any(|word| ran.stderr.contains(word));
        assert!(!is_elsewhere, "{}", ran.stderr);
        ran.says(&format!(
            "`cmhook webhooks update {id} --url URL --account 17`"
        ));
    }
}

#[test]
fn an_archived_webhook_is_warned_of_and_a_hostile_answer_is_harmless() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let app = RawApp::answering(|_| ok(b"\x1b]0;owned\x07\x1b[2Jyes"));
    let (id, _) = sandbox.register("Email.Sent", &format!("http://{}/", app.target()));
    place.webhooks(&["archive", &id]).coded(0);
    let ran = place.webhooks(&["test", &id]).coded(0);
    let ran = ran.says(&format!("`cmhook webhooks unarchive {id}` brings it back"));
    assert!(
        ran.stdout.contains("yes") && !ran.stdout.contains('\x1b'),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_listener_behind_the_url_is_asked_whether_it_arrived() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    // One that knows nothing of the key, then one that has it.
    for with_key in [false, true] {
        let app = app(200, "OK");
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = port.local_addr().expect("a port");
        drop(port);
        // Under another name of this machine.
        let url = format!("http://localhost:{}/x", address.port());
        let (id, key) = sandbox.register("Email.Opened", &url);
        let listen = ["--listen", &address.to_string(), "--forward", &app.target()];
        let mut args = listen.to_vec();
        if with_key {
            args.extend(["--secret", &key]);
        }
        let listener = Listener::start_in(&Rc::clone(&place.home), &args);
        let ran = place.webhooks(&["test", &id]).coded(0);
        let expected = if with_key {
            "as #2, and its signature is right (api-base64)"
        } else {
            "as #1, and its signature was not checked: the listener knows no secret"
        };
        assert!(ran.stdout.contains(expected), "{}", ran.stdout);
        app.next();
        if with_key {
            let json = place.webhooks(&["test", &id, "--json"]).coded(0).json();
            assert_eq!(json["listener"], true);
            assert_eq!(json["arrived"]["delivery"], 3);
            assert_eq!(json["arrived"]["verdict"]["status"], "valid");
            // The app behind the listener fails: it arrived all the same.
            let (other, _) = sandbox.register("Email.Sent", "http://127.0.0.1:1/");
            let ran = place.webhooks(&["test", &other]).coded(1);
            assert!(!ran.stdout.contains("listener"), "{}", ran.stdout);
        }
        listener.stop();
    }
}

#[test]
fn a_listener_behind_a_relay_is_asked_too() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let relay = Relay::start(&["--open"]);
    let url = relay.ready["url"].as_str().expect("a URL").to_owned();
    let listener = Listener::start_in(&place.home, &["--relay", &url]);
    let public = listener.ready["public_url"].as_str().expect("a URL");
    let (id, _) = sandbox.register("Email.Opened", &format!("{public}/hooks"));
    let ran = place.webhooks(&["test", &id]).coded(0);
    assert!(
        ran.stdout
            .contains("It arrived at the listener of this machine as #1"),
        "{}",
        ran.stdout
    );
    listener.stop();
}

#[test]
fn all_of_one_name_are_tried() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let app = Upstream::answering(|_, body| {
        let mut answer = Response::new(Full::new(Bytes::new()));
        if String::from_utf8_lossy(body).contains("Email.Bounced") {
            *answer.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        }
        answer
    });
    let url = format!("http://{}/", app.target());
    let create = |events: &str, name: &str| {
        let args = ["create", "-u", &url, "-e", events, "-n", name];
        place.webhooks(&args).coded(0);
    };
    create("email.sent,email.opened", "good");
    create("email.sent,email.bounced", "bad");
    let ran = place.webhooks(&["test", "good"]).coded(0);
    let marks: Vec<_> = ran.stdout.lines().map(|line| &line[..20]).collect();
    assert_eq!(marks.len(), 2, "{}", ran.stdout);
    assert!(ran.stdout.contains("✓ 200 Email.Sent"), "{}", ran.stdout);
    assert!(ran.stdout.contains("✓ 200 Email.Opened"), "{}", ran.stdout);
    let ran = place
        .webhooks(&["test", "bad", "--json", "event,ok"])
        .coded(1);
    assert_eq!(
        ran.json(),
        serde_json::json!([{"event": "Email.Sent", "ok": true}, {"event": "Email.Bounced", "ok": false}])
    );
}

#[test]
fn where_one_cannot_be_tried_the_others_are() {
    let webhooks = Webhooks::default();
    let known = webhooks.clone();
    let api = api(move |request| {
        let is_third = request.first_line().starts_with("GET /webhooks/w3");
        Some(if is_third {
            answer(500, &json!({"detail": "boom"}))
        } else {
            known.answer(request)
        })
    });
    let place = user(&api);
    let app = app(200, "");
    let url = format!("http://{}/", app.target());
    let events = "email.sent,email.opened,email.clicked,email.bounced";
    place
        .webhooks(&["create", "-u", &url, "-e", events, "-n", "shop"])
        .coded(0);
    webhooks.all()[1]["url"] = "nonsense".into();
    let ran = place.webhooks(&["test", "shop"]).coded(1);
    assert!(ran.stdout.contains("✓ 200 Email.Sent"), "{}", ran.stdout);
    assert!(ran.stdout.contains("✓ 200 Email.Bounced"), "{}", ran.stdout);
    let no = "✗ Email.Opened  nothing can be sent to the webhook's URL: it is not whole\n";
    assert!(ran.stdout.contains(no), "{}", ran.stdout);
    ran.says("warning: cannot get the webhook w3: the API is in trouble (500): boom");
    let args = ["test", "shop", "--json", "webhook,ok,took_ms,error"];
    let json = place.webhooks(&args).coded(1).json();
    let all = json.as_array().expect("an array");
    assert_eq!(all.len(), 3, "{json}");
    assert_eq!(all[1]["webhook"], "w2");
    assert_eq!(all[1]["ok"], false);
    assert_eq!(all[1]["took_ms"], Value::Null);
    assert_eq!(all[1]["error"]["code"], "bad_url");
    assert_eq!(all[2]["ok"], true);
    // One alone is an error.
    let ran = place.webhooks(&["test", "w2", "--json"]).coded(1);
    assert_eq!(ran.json()["code"], "bad_url");
}
