//! Ends that speak other versions of the protocol, or say no in other ways.

use crate::doubles::{NoRelay, TOKEN, speaking};
use crate::support::listener::{cmhook, home, refused_as};
use crate::support::relay::Relay;

const INSTANCE: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn a_relay_tells_an_agent_of_another_version_who_has_to_upgrade() {
    let relay = Relay::start(&[]);
    let token = relay.token("ada", &["shop"]);
    for (version, who) in [
        ("0", "the agent has to be upgraded"),
        ("2", "the relay has to be upgraded"),
        ("4294967296", "only cmhook can connect"),
        ("one", "only cmhook can connect"),
        ("", "only cmhook can connect"),
    ] {
        let answer = speaking(&relay, version, &token, INSTANCE, "").answer();
        assert_eq!(answer.status(), 426, "{version}");
        assert_eq!(answer.one("cmhook-reason").as_deref(), Some("protocol"));
        assert_eq!(answer.one("cmhook-protocol").as_deref(), Some("1"));
        assert!(answer.text().contains(who), "{version}: {}", answer.text());
    }
    assert_eq!(
        speaking(&relay, "1", &token, INSTANCE, "")
            .answer_head()
            .status(),
        101
    );
}

/// An answer that is a no.
fn no(status: &str, reason: &str, fields: &str, text: &str) -> String {
    let length = text.len();
    format!(
        "HTTP/1.1 {status}\r\nCmhook-Reason: {reason}\r\n{fields}Content-Length: {length}\r\n\r\n{text}"
    )
}

#[test]
fn an_agent_says_who_has_to_upgrade() {
    for (version, who) in [
        ("2", "upgrade this cmhook"),
        ("0", "the relay has to be upgraded"),
        ("x", "another version of the protocol"),
    ] {
        let fields = format!("Cmhook-Protocol: {version}\r\n");
        let relay = NoRelay::answering(no("426 Upgrade Required", "protocol", &fields, ""));
        let refused = refused_by(&relay);
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        assert_eq!(refused.error["code"], "protocol", "{}", refused.error);
        assert!(
            refused.stderr.contains(who),
            "{version}: {}",
            refused.stderr
        );
        assert!(refused.stderr.contains("the same release at both ends"));
        assert_eq!(relay.asked(), 1);
    }
}

fn refused_by(relay: &NoRelay) -> crate::support::listener::Refused {
    let home = home();
    let mut command = cmhook();
    command.args(["listen", "--listen", "127.0.0.1:0", "--ephemeral"]);
    command.args(["--relay", &format!("http://{}", relay.address)]);
    refused_as(home.path(), command, &[], &[("CMHOOK_RELAY_TOKEN", TOKEN)])
}

#[test]
fn an_agent_is_not_fooled_by_odd_answers() {
    for (answer, code) in [
        (
            no("401 Unauthorized", "bad_token", "", "cmhook relay: gone\n"),
            "bad_token",
        ),
        (
            no("418 Teapot", "no_such_word", "", "\x1b[31mred"),
            "no_such_word",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK".into(),
            "not_a_relay",
        ),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into(),
            "not_a_relay",
        ),
        (
            "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
                .into(),
            "not_a_relay",
        ),
    ] {
        let relay = NoRelay::answering(answer);
        let refused = refused_by(&relay);
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        assert_eq!(refused.error["code"], code, "{}", refused.error);
        assert!(!refused.stderr.contains('\x1b'), "{:?}", refused.stderr);
        assert_eq!(relay.asked(), 1, "{code}");
    }
}
