//! Samples as the account sends them, and what the app has made of deliveries.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::kit::{Place, SECRET, answer, app, is_signed};
use crate::support::listener::Listener;
use crate::support::sandbox::Sandbox;
use crate::support::sender::Scheme;
use crate::support::upstream::Upstream;

/// A key that is there later than the app that checks with it.
type Key = Arc<OnceLock<String>>;

/// An app that hashes what it has written itself, as `JSON.stringify` would.
fn rewriting(key: &Key) -> Upstream {
    let key = Arc::clone(key);
    Upstream::answering(move |parts, body| {
        let value: Value = serde_json::from_slice(body).expect("JSON");
        let written = serde_json::to_vec(&value).expect("JSON").into();
        let key = key.get().expect("a key");
        let mut schemes = Scheme::ALL.iter();
        let is_right = schemes.any(|scheme| is_signed(parts, &written, key, *scheme));
        answer(if is_right { 200 } else { 401 })
    })
}

/// A listener that has registered that event, and its webhook's key.
fn registered(place: &Place, sandbox: &Sandbox, app: &Upstream, event: &str) -> (Listener, String) {
    let (target, api) = (app.target(), sandbox.url());
    let args = [
        "-f",
        &*target,
        "--register",
        "--events",
        event,
        "--api",
        &*api,
    ];
    let listener = place.listener(&args);
    let id = sandbox.webhooks()[0]["id"].as_str().unwrap().to_owned();
    let whole = sandbox.fine("GET", &format!("/webhooks/{id}"), &Value::Null);
    let key = whole["signature"]["key"].as_str().unwrap().to_owned();
    (listener, key)
}

#[test]
fn an_app_that_hashes_what_it_wrote_itself_is_found_out() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&["--retries", "none"]));
    let key = Key::default();
    let app = rewriting(&key);
    let (mut listener, told) = registered(&place, &sandbox, &app, "email.opened");
    key.set(told).unwrap();
    let api = sandbox.url();
    place
        .checks(&["--api", &api], 1)
        .is("signed", "fail", "answers 401 to a right signature")
        .is(
            "signed",
            "fail",
            "if it hashes re-serialised JSON: JSON.stringify drops the escaped slash",
        )
        .is("deliveries", "skip", "has answered no delivery yet");
    let seen = app.next();
    let body = String::from_utf8(seen.body.to_vec()).unwrap();
    assert!(
        body.starts_with(r#"{"event":"Email.Opened","account_id":"#),
        "{body}"
    );
    assert!(body.contains('\u{e9}') && body.contains(r"\u003"), "{body}");
    // What it refuses for real is said, too.
    sandbox.fire("Email.Opened");
    let delivery = listener.delivery();
    listener.attempt(&delivery);
    // Then it is on the disk.
    listener.stop();
    place
        .checks(&["-f", &app.target(), "--api", &api, "--no-send"], 0)
        .is(
            "deliveries",
            "warn",
            "answered 401 to the newest delivery whose signature is right (#1, Email.Opened): ",
        )
        .is(
            "deliveries",
            "warn",
            "; or if it hashes re-serialised JSON: JSON.stringify drops the escaped slash",
        )
        .cure("deliveries", "`cmhook replay 1`");
}

#[test]
fn the_sample_of_a_listener_that_has_registered_is_of_its_event() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    let key = Key::default();
    let app = rewriting(&key);
    let (_listener, told) = registered(&place, &sandbox, &app, "email.sent");
    let secret = format!("sent={told}");
    key.set(told).unwrap();
    // Its own sample reads the same when it is written anew.
    place
        .checks(&["--secret", &secret], 1)
        .is("signed", "fail", "re-serialised JSON");
    let body = app.next().body;
    assert!(body.starts_with(br#"{"event":"Email.Sent","account_id":"#));
}

#[test]
fn a_sandbox_says_which_envelope_it_sends() {
    let place = Place::new();
    let sandbox = Sandbox::start(&["--envelope", "manual"]);
    let (app, api) = (app(SECRET, &Scheme::ALL), sandbox.url());
    let secret = format!("main={SECRET}");
    let args = ["-f", &*app.target(), "--api", &*api, "--secret", &*secret];
    place.checks(&args, 0).is("signed", "ok", "200");
    let body = app.next().body;
    assert!(body.starts_with(br#"{"event":"email.opened","timestamp":"#));
}

#[test]
fn what_was_taken_last_is_well_and_what_was_refused_is_counted() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&["--retries", "none"]));
    let key = Key::default();
    let app = rewriting(&key);
    let (mut listener, told) = registered(&place, &sandbox, &app, "email.*");
    // That of none of the events, so that all are refused.
    key.set(SECRET.to_owned()).unwrap();
    drop(told);
    for _ in 0..2 {
        sandbox.fire("Email.Sent");
        let delivery = listener.delivery();
        listener.attempt(&delivery);
    }
    listener.stop();
    let args = ["--no-send", "-f", &*app.target()];
    place.checks(&args, 0).is(
        "deliveries",
        "warn",
        "answered 401 to the newest 2 deliveries whose signatures are right (last #2, Email.Sent)",
    );
    let other = Upstream::start();
    place.checks(&["--no-send", "-f", &other.target()], 0).is(
        "deliveries",
        "skip",
        "has answered no delivery yet",
    );
}

#[test]
fn an_app_that_knows_the_webhooks_key_is_not_blamed_for_another_secret() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    let key = Key::default();
    let own = Arc::clone(&key);
    let app = Upstream::answering(move |parts, body| {
        let key = own.get().expect("a key");
        let mut schemes = Scheme::ALL.iter();
        let is_right = schemes.any(|scheme| is_signed(parts, body, key, *scheme));
        answer(if is_right { 200 } else { 401 })
    });
    let (id, told) = sandbox.register("Email.Opened", &format!("http://{}/", app.address()));
    let (_, others) = sandbox.register("Email.Sent", "http://127.0.0.1:9/");
    key.set(told).unwrap();
    let api = sandbox.url();
    let with = |secret: &str| {
        let secret = format!("main={secret}");
        let args = ["-f", &*app.target(), "--api", &*api, "--secret", &*secret];
        place.checks(&args, 0)
    };
    with(SECRET)
        .is("signed", "warn", "answers 200 to a signed Email.Opened")
        .is(
            "signed",
            "warn",
            "the secret `main` it refuses, and that is the key of no active webhook",
        )
        .cure(
            "signed",
            &format!("`cmhook webhooks get {id} --show-secrets --api {api}`"),
        );
    with(&others).is("signed", "warn", "that is the key of another webhook");
    with(key.get().unwrap()).is("signed", "ok", "secret `main`");
}
