//! One end of a tunnel played by the test, which says things that the real one does not.

use std::io::{BufReader, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::raw::{Connection, accepting, read_request};
use crate::support::relay::Relay;

/// Of the form of a token, and no relay's.
pub const TOKEN: &str = "cmr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// An agent's request for a tunnel, sent, with these lines of fields besides.
#[track_caller]
pub fn connect_request(relay: &Relay, token: &str, instance: &str, fields: &str) -> Connection {
    speaking(relay, "1", token, instance, fields)
}

/// The same, of an agent that speaks this version of the protocol.
#[track_caller]
pub fn speaking(
    relay: &Relay,
    version: &str,
    token: &str,
    instance: &str,
    fields: &str,
) -> Connection {
    let host = relay.address();
    let mut connection = Connection::open(host);
    connection.send(format!(
        "GET /connect HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Cmhook-Protocol: {version}\r\nCmhook-Version: 9.9.9\r\nCmhook-Claim: exclusive\r\n\
         Cmhook-Holder: test@test\r\nCmhook-Instance: {instance}\r\n\
         Authorization: Bearer {token}\r\n{fields}\r\n"
    ));
    connection
}

/// Something at a relay's address that gives every request this answer.
pub struct NoRelay {
    pub address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl NoRelay {
    pub fn answering(answer: String) -> Self {
        let asked = Arc::<AtomicUsize>::default();
        let counter = Arc::clone(&asked);
        let address = accepting(move |mut stream| {
            let mut from = BufReader::new(stream.try_clone()?);
            while read_request(&mut from)?.is_some() {
                counter.fetch_add(1, Ordering::Relaxed);
                stream.write_all(answer.as_bytes())?;
            }
            Ok(())
        });
        Self { address, asked }
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}
