//! Webhooks of the account as they are shown.

use crate::kit::Place;
use crate::support::sandbox::Sandbox;
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
