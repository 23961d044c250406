//! What an operator sees of what goes wrong.

use serde_json::Value;

use crate::doubles::{TOKEN, connect_request};
use crate::support::listener::object;
use crate::support::relay::Relay;

/// The next line of the log that says so of that reason.
#[track_caller]
fn refused(relay: &mut Relay, reason: &str) -> Value {
    relay.process.stderr.find(reason, |line| {
        let line = object(line);
        (line["message"] == "refused" && line["reason"] == reason).then_some(line)
    })
}

#[test]
fn what_is_refused_is_told_of_once_and_without_secrets() {
    let args = ["--log", "json", "--queue", "1", "--rate", "2"];
    let mut relay = Relay::start(&args);
    relay.make_token("ada", &["shop"]);
    for _ in 0..8 {
        let mut connection = connect_request(&relay, TOKEN, &"a".repeat(32), "");
        assert_eq!(connection.answer().status(), 401);
    }
    let answers = [(); 6].map(|()| relay.ask("POST /t/shop/", "", b"{}").status());
    assert!(
        answers.contains(&503) && answers.contains(&429),
        "{answers:?}"
    );
    relay.ask("GET /healthz", "Host: twice\r\n", b"");
    // Not an agent, and no news.
    relay.ask("GET /connect", "", b"");
    let wrong = refused(&mut relay, "bad_token");
    assert_eq!(wrong["count"], 1, "{wrong}");
    assert_eq!(wrong["last_peer"], "127.0.0.1", "{wrong}");
    let full = refused(&mut relay, "queue_full");
    assert_eq!(
        (&full["name"], &full["level"]),
        (&"shop".into(), &"WARN".into())
    );
    assert_eq!(refused(&mut relay, "rate_limited")["name"], "shop");
    refused(&mut relay, "malformed");
    relay.process.terminate();
    let log = relay.process.stderr.text();
    assert!(!log.contains(TOKEN), "{log}");
    assert_eq!(log.matches("bad_token").count(), 1, "{log}");
    assert!(!log.contains("an agent speaks"), "{log}");
}

#[test]
fn durations_are_numbers() {
    let mut relay = Relay::start(&["--log", "json", "-v"]);
    let token = relay.token("ada", &["shop"]);
    assert_eq!(relay.ask("POST /t/shop/", "", b"{}").status(), 202);
    let mut agent = relay.agent(Some(&token), &["--ephemeral"]);
    agent.delivery();
    for message in ["delivery", "handed on what waited"] {
        let took = relay.process.stderr.find(message, |line| {
            let line = object(line);
            (line["message"] == message).then(|| line["took_ms"].clone())
        });
        let text = took.to_string();
        assert!(took.is_number(), "{message}: {text}");
        let decimals = text.split_once('.').map_or(0, |(_, rest)| rest.len());
        assert!(decimals <= 3, "{message}: {text}");
    }
    let metrics = relay.metrics();
    assert!(
        metrics.contains("# TYPE cmhook_relay_expired counter"),
        "{metrics}"
    );
    assert!(
        metrics.contains("cmhook_relay_expired_total 0"),
        "{metrics}"
    );
}
