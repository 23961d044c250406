//! What a listener says of what comes to it through a relay.

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
