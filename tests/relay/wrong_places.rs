//! Who asks a relay at the wrong place, or in the wrong way.

use crate::doubles::TOKEN;
use crate::names::login;
use crate::support::listener::home;
use crate::support::raw::{ask, request};
use crate::support::relay::Relay;

#[test]
fn a_token_is_not_sent_over_the_network_in_the_clear() {
    let home = home();
    for url in ["http://relay.example", "http://192.0.2.1:4480"] {
        let output = login(home.path(), &[url], TOKEN);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("in the clear"), "{said}");
        assert!(said.contains("https://"), "{said}");
        // One that is there from before can be forgotten.
        let output = login(home.path(), &[url, "--forget"], "");
        assert_eq!(output.status.code(), Some(1));
    }
}

/// What a proxy does that puts its own Host in the place of the sender's.
#[test]
fn who_asks_for_another_host_is_told_both() {
    let relay = Relay::start(&["--domain", "hooks.example.com"]);
    for line in ["GET /connect", "POST /t/shop/x"] {
        let asked = request(line, "", b"");
        let asked = String::from_utf8(asked).expect("text");
        let asked = asked.replace("hooks.test", "127.0.0.1:24505");
        let answer = ask(relay.address(), asked);
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.one("cmhook-reason").as_deref(), Some("unknown_host"));
        let said = answer.text();
        assert!(said.contains("for hooks.example.com and"), "{said}");
        assert!(said.contains("was asked as 127.0.0.1:24505"), "{said}");
        assert!(said.contains("must pass Host"), "{said}");
    }
}

#[test]
fn an_agent_at_the_wrong_place_is_told_the_right_one() {
    let relay = Relay::start(&[]);
    relay.token("ada", &["shop"]);
    let url = relay.ready["url"].as_str().expect("its URL").to_owned();
    let agent = format!(
        "Cmhook-Protocol: 1\r\nCmhook-Instance: {}\r\nAuthorization: Bearer {TOKEN}\r\n",
        "a".repeat(32)
    );
    let upgrade = format!("{agent}Connection: Upgrade\r\nUpgrade: websocket\r\n");
    for (line, fields, reason) in [
        ("GET /t/shop/connect", &upgrade, "upgrade_refused"),
        ("GET /t/shop/connect", &agent, "not_found"),
        ("GET /hooks/connect", &agent, "not_found"),
    ] {
        let answer = relay.ask(line, fields, b"");
        assert_eq!(answer.one("cmhook-reason").as_deref(), Some(reason));
        let said = answer.text();
        assert!(said.contains(&format!("agents connect to {url}")), "{said}");
    }
    // No app gets to see the token.
    assert!(relay.metrics().contains("cmhook_relay_waiting 0"));
    let metrics = relay.ready["metrics"].as_str().expect("a URL");
    let at = metrics.trim_start_matches("http://");
    let at = at.trim_end_matches("/metrics").parse().expect("an address");
    let said = ask(at, request("GET /connect", &agent, b"")).text();
    assert!(said.contains(&format!("agents connect to {url}")), "{said}");
}

#[test]
fn what_is_at_the_root_can_be_asked_for_its_head() {
    let relay = Relay::start(&[]);
    let mut connection = crate::support::raw::Connection::open(relay.address());
    connection.send(relay.request("HEAD /", "", b""));
    assert_eq!(connection.answer_head().status(), 200);
}
