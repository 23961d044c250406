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
