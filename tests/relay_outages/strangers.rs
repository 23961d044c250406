//! Something else where a relay should be.

use std::io::{BufReader, Read as _, Write as _};
use std::net::SocketAddr;

use jiff::{Span, Timestamp};

use crate::kit::{text, tunnel};
use crate::support::listener::{Listener, home, refused};
use crate::support::raw::{accepting, read_request};

/// One that reads what it is asked, says this, and hangs up.
fn saying(answer: &'static str) -> SocketAddr {
    accepting(move |mut stream| {
        let mut from = BufReader::new(stream.try_clone()?);
        read_request(&mut from)?;
        stream.write_all(answer.as_bytes())?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let _ = stream.read(&mut [0]);
        Ok(())
    })
}

#[test]
fn what_speaks_something_else_is_no_relay() {
    for answer in [
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "220 mail.example.com ESMTP\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
    ] {
        let url = format!("http://{}", saying(answer));
        let home = home();
        let refused = refused(home.path(), &["--ephemeral", "--relay", &url]);
        assert_eq!(
            refused.error["code"], "not_a_relay",
            "{answer}: {}",
            refused.error
        );
        assert_ne!(refused.error["hint"], "");
    }
}

/// As a proxy in front of a relay that is down does.
#[test]
fn what_hangs_up_is_a_relay_that_is_away() {
    let url = format!("http://{}", saying(""));
    let mut agent = Listener::start(&["--ephemeral", "--relay", &url]);
    let lost = tunnel(&mut agent, "reconnecting");
    assert!(
        text(&lost, "reason").ends_with("hung up before it answered"),
        "{lost}"
    );
    agent.stop();
}

#[test]
fn nobody_makes_it_wait_for_more_than_a_minute_or_so() {
    for seconds in ["86400", "18446744073709551615"] {
        let answer = format!(
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\n\r\n"
        );
        let url = format!("http://{}", saying(answer.leak()));
        let mut agent = Listener::start(&["--ephemeral", "--relay", &url]);
        let lost = tunnel(&mut agent, "reconnecting");
        let next: Timestamp = text(&lost, "next_at").parse().expect("a time");
        let latest = Timestamp::now() + Span::new().seconds(76);
        assert!(next < latest, "{lost}");
        agent.stop();
    }
}
