//! Webhooks of the account as they are shown, and their keys where the API does not tell them.

use serde_json::json;

use crate::kit::{Place, SECRET, app};
use crate::support::sandbox::Sandbox;
use crate::support::sender::Scheme;
use crate::support::upstream::Upstream;

#[test]
fn a_password_in_a_url_is_neither_shown_nor_sent() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    let alive = Upstream::start();
    let api = sandbox.url();
    sandbox.register(
        "Email.Sent",
        &format!("http://ada:hidden@{}/hook", alive.address()),
    );
    let run = || {
        let checks = place.checks(&["--api", &api], 0);
        assert!(!format!("{checks:?}").contains("hidden"), "{checks:#?}");
        checks
    };
    let shown = format!("http://ada:…@{}/hook answers", alive.address());
    run().is("urls", "ok", &shown);
    let seen = alive.next();
    assert!(
        !seen.parts.headers.contains_key("authorization"),
        "{seen:?}"
    );
    for _ in 0..2 {
        sandbox.register("Email.Sent", "http://ada:hidden@127.0.0.1:9/hook");
    }
    run()
        .is(
            "urls",
            "warn",
            "http://ada:…@127.0.0.1:9/hook: 127.0.0.1:9 refuses connections",
        )
        .is(
            "duplicates",
            "warn",
            "is sent to http://ada:…@127.0.0.1:9/hook 2 times",
        );
}

#[test]
fn the_listeners_own_webhook_is_not_one_too_many() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    let alive = Upstream::start();
    let (public, api) = (format!("http://{}/", alive.address()), sandbox.url());
    let (older, _) = sandbox.register("Email.Opened", &public);
    let _listener = place.listener(&[
        "--register",
        "--events",
        "email.opened",
        "--public-url",
        &public,
        "--api",
        &api,
    ]);
    let (newer, _) = sandbox.register("Email.Opened", &public);
    assert_eq!(sandbox.webhooks().len(), 3);
    let checks = place.checks(&["--api", &api, "--no-send"], 1);
    checks.is("duplicates", "warn", "3 times");
    let delete = format!("`cmhook webhooks delete {older} {newer} --api {api}`");
    assert_eq!(checks.one("duplicates")["cure"], delete);
}

#[test]
fn of_webhooks_that_are_the_same_the_one_whose_key_is_known_stays() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    let alive = Upstream::start();
    let (public, api) = (format!("http://{}/", alive.address()), sandbox.url());
    let (older, _) = sandbox.register("Email.Opened", &public);
    let (newer, key) = sandbox.register("Email.Opened", &public);
    let secret = format!("opened={key}");
    let delete = format!("`cmhook webhooks delete {older} --api {api}`");
    let args = ["--api", &*api, "--no-send", "--public-url", &*public];
    let here = place.checks(&[&args[..], &["--secret", &secret]].concat(), 1);
    assert_eq!(here.one("duplicates")["cure"], delete);
    // It may be the listener alone that knows it.
    let listener = place.listener(&["--secret", &secret]);
    let local = format!("http://{}/", listener.address());
    for id in [&older, &newer] {
        let change = json!({ "url": local });
        sandbox.fine("PATCH", &format!("/webhooks/{id}"), &change);
    }
    let checks = place.checks(&["--api", &api, "--no-send"], 1);
    assert_eq!(checks.one("duplicates")["cure"], delete);
}

#[test]
fn what_register_keeps_is_brought_back_by_it_alone() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    let alive = Upstream::start();
    let (public, api) = (format!("http://{}/", alive.address()), sandbox.url());
    let here = ["--public-url", &*public];
    let register = ["--register", "--events", "email.opened", "--api", &*api];
    place.listener(&[&here[..], &register].concat()).stop();
    let _listener = place.listener(&here);
    let with = |events: &str, code| {
        let args = ["--api", &*api, "--no-send", "--events", events];
        place.checks(&args, code)
    };
    let checks = with("email.opened", 1);
    let again = |events: &str| {
        format!("start the listener again with `--register --events {events} --api {api}`")
    };
    assert_eq!(checks.one("events")["cure"], again("email.opened"));
    checks.cure("webhooks", "the cure of Events is this one's, too");
    // What another one sends already would come twice.
    sandbox.register("Email.Sent", &public);
    let checks = with("email.opened,email.sent", 1);
    assert_eq!(checks.one("events")["cure"], again("Email.Opened"));
}

#[test]
fn the_api_is_the_one_that_the_listener_has_registered_at() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    let api = sandbox.url();
    let register = ["--register", "--events", "email.opened", "--api", &*api];
    let listener = place.listener(&register);
    let url = format!("http://{}/", listener.address());
    let (newer, _) = sandbox.register("Email.Opened", &url);
    let checks = place.checks(&["--no-send"], 1);
    checks
        .is("api", "ok", &format!("{api}, a sandbox,"))
        .is("webhooks", "ok", "2 point to");
    let delete = format!("`cmhook webhooks delete {newer} --api {api}`");
    assert_eq!(checks.one("duplicates")["cure"], delete);
    // One that is named is meant.
    place
        .checks(&["--no-send", "--api", "http://127.0.0.1:9"], 1)
        .is("api", "fail", "refuses connections");
    listener.stop();
    place.checks(&["--no-send"], 0).is("api", "skip", "");
}

#[test]
fn keys_that_the_api_does_not_tell_are_not_taken_for_known() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    let alive = Upstream::start();
    let public = format!("http://{}/", alive.address());
    sandbox.register("Email.Opened", &public);
    sandbox.register("Email.Sent", &public);
    let broken = json!({"method": "GET", "path": "/webhooks/*", "status": 500, "times": 0});
    sandbox.fault(&broken);
    let (api, secret) = (sandbox.url(), format!("main={SECRET}"));
    let args = ["--api", &*api, "--no-send", "--secret", &*secret];
    let here = [&args[..], &["--public-url", &public]].concat();
    place
        .checks(&here, 0)
        .is(
            "secrets",
            "warn",
            "whether the keys of 2 webhooks are known here cannot be told",
        )
        .is(
            "secrets",
            "warn",
            "the keys of 2 active webhooks were not told: the API is in trouble (500)",
        )
        .cure("secrets", "a sandbox answers so where a fault was set");
    place.checks(&args, 0).is(
        "secrets",
        "skip",
        "the keys of 2 active webhooks were not told",
    );
}

#[test]
fn an_api_that_is_slow_with_keys_holds_up_nothing_else() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    let app = app(SECRET, &Scheme::ALL);
    let public = format!("http://{}/", app.address());
    for n in 0..13 {
        sandbox.register("Email.Opened", &format!("{public}{n}"));
    }
    // They are given up long before.
    let slow = json!({"method": "GET", "path": "/webhooks/*", "status": 500,
        "delay_ms": 600_000, "times": 0});
    sandbox.fault(&slow);
    let (api, secret) = (sandbox.url(), format!("main={SECRET}"));
    let args = ["-f", &*app.target(), "--api", &*api, "--secret", &*secret];
    place
        .checks(&[&args[..], &["--public-url", &public]].concat(), 0)
        .is("target", "ok", "takes connections")
        .is("signed", "ok", "answers 200")
        .is("forged", "ok", "401")
        .is("canary", "ok", "no listener runs")
        .is("api", "ok", "answers")
        .is("webhooks", "ok", "13 point to")
        .is("duplicates", "ok", "")
        .is("urls", "skip", "no active webhook points anywhere else")
        .is(
            "secrets",
            "warn",
            "the keys of 13 active webhooks were not told: no answer within 8 s",
        );
}
