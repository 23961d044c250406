//! What a listener says of what comes to it through a relay.

use crate::names::refused;
use crate::support::relay::Relay;
use crate::vitals::eventually;

#[test]
fn what_waited_and_goes_to_no_app_was_answered_by_the_relay() {
    let relay = Relay::start(&[]);
    let token = relay.token("ada", &["shop"]);
    for (args, reason) in [
        (&["--status", "418"][..], "kept, not forwarded (--status)"),
        (
            &["--reject-invalid", "--secret", "of-the-webhook"],
            "kept, not forwarded: its signature does not verify (--reject-invalid)",
        ),
    ] {
        assert_eq!(relay.ask("POST /t/shop/", "", b"{}").status(), 202);
        let mut agent = relay.agent(Some(&token), args);
        let waited = agent.next("answer");
        assert_eq!(waited["by"], "relay", "{waited}");
        assert_eq!(waited["status"], 202, "{waited}");
        assert_eq!(waited["reason"], reason, "{waited}");
        // What comes behind one that waits, waits too.
        eventually("nothing waits", || {
            let is_none = |line: &str| line == "cmhook_relay_waiting 0";
            relay.metrics().lines().any(is_none)
        });
        let answer = relay.ask("POST /t/shop/", "", b"{}");
        let live = agent.next("answer");
        assert_eq!(live["by"], "cmhook", "{live}");
        assert_eq!(live["status"], answer.status(), "{live}");
        agent.stop();
    }
}

#[test]
fn a_refused_request_is_named_by_its_path() {
    let relay = Relay::start(&[]);
    let token = relay.token("ada", &["shop"]);
    let mut agent = relay.agent(Some(&token), &["--ephemeral", "--max-body", "10"]);
    let answer = relay.ask("POST /t/shop/hook?a=b", "", &[b'x'; 11]);
    assert_eq!(answer.status(), 413, "{}", answer.text());
    let refused = agent.next("refused");
    assert_eq!(refused["request"], "POST /hook?a=b", "{refused}");
    agent.stop();
}

#[test]
fn whatever_else_is_asked_for_a_tunnel_names_the_relays_own_url() {
    let relay = Relay::open(&[]);
    let own = relay.ready["url"].as_str().expect("its URL");
    let port = relay.address().port();
    let mut agent = relay.agent(None, &["--ephemeral"]);
    let public = agent.ready["public_url"].as_str().expect("it is online");
    let metrics = relay.ready["metrics"].as_str().expect("metrics are on");
    let metrics = metrics.trim_end_matches("/metrics");
    for (asked, code, hint) in [
        (public, "upgrade_refused", own),
        (&format!("localhost:{port}"), "unknown_host", own),
        (metrics, "not_found", "`cmhook relay serve`"),
    ] {
        let said = refused(asked, None, &[]);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert_eq!(said.error["code"], code, "{said:?}");
        let text = said.error["hint"].as_str().expect("words");
        assert!(text.contains(hint), "{said:?}");
    }
    let named = refused(own, None, &["--name", "shop"]);
    assert_eq!(named.error["code"], "no_such_name", "{named:?}");
    assert!(
        !named.error["hint"].to_string().contains("token"),
        "{named:?}"
    );
    agent.process.terminate();
}
