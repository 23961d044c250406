//! Agents with a good token and a bad temper: each is thrown out with the right code, takes
//! no memory, and harms no other tunnel.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::support::listener::{Listener, object};
use crate::support::raw::RawApp;
use crate::support::relay::Relay;
use crate::vitals::{MIB, resident};

const INSTANCE: &str = "0123456789abcdef0123456789abcdef";
/// Only a failing test ever waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const FIN: u8 = 0x80;
const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// A frame with this first byte (RFC 6455 section 5.2), masked as a client's must be.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(first, payload.len() as u64, true);
    let masked = payload.iter().zip(MASK.iter().cycle());
    frame.extend(masked.map(|(byte, mask)| byte ^ mask));
    frame
}

/// The head of a frame that says it has so many bytes.
fn head(first: u8, length: u64, masked: bool) -> Vec<u8> {
    let bit = if masked { 0x80 } else { 0 };
    let mut head = vec![first];
    match length {
        0..=125 => head.push(bit | u8::try_from(length).expect("a small number")),
        126..=0xffff => {
            head.push(bit | 126);
            head.extend(u16::try_from(length).expect("a small number").to_be_bytes());
        }
        _ => {
            head.push(bit | 127);
            head.extend(length.to_be_bytes());
        }
    }
    if masked {
        head.extend(MASK);
    }
    head
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// With this code.
    Told(u16),
    /// Without a word.
    Cut,
}

/// An agent whose every byte is the test's.
struct Agent(BufReader<TcpStream>);

impl Agent {
    /// One that was let in.
    #[track_caller]
    fn connect(relay: &Relay, token: &str) -> Self {
        let host = relay.address();
        let mut stream = TcpStream::connect(host).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        let asked = write!(
            stream,
            "GET /connect HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Cmhook-Protocol: 1\r\nCmhook-Instance: {INSTANCE}\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        asked.expect("it is read");
        let mut from = BufReader::new(stream);
        let mut answer = String::new();
        while !answer.ends_with("\r\n\r\n") {
            assert_ne!(from.read_line(&mut answer).expect("text"), 0, "{answer}");
        }
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        Self(from)
    }

    /// Sends as much of this as is taken.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// The next frame: its first byte and its payload.
    fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut start = [0; 2];
        self.0.read_exact(&mut start)?;
        assert_eq!(start[1] & 0x80, 0, "a server's frames are not masked");
        let length = match start[1] {
            126 => {
                let mut length = [0; 2];
                self.0.read_exact(&mut length)?;
                u64::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                self.0.read_exact(&mut length)?;
                u64::from_be_bytes(length)
            }
            short => u64::from(short),
        };
        let mut payload = Vec::new();
        self.0.by_ref().take(length).read_to_end(&mut payload)?;
        Ok((start[0], payload))
    }

    /// What the relay says at the end; pings are not answered.
    #[track_caller]
    fn end(mut self) -> End {
        loop {
            match self.frame() {
                Ok((first, payload)) if first & 0xf == CLOSE => {
                    let code = payload.first_chunk().copied();
                    return End::Told(u16::from_be_bytes(code.expect("a code")));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    panic!("it is not closed")
                }
                Err(_) => return End::Cut,
            }
        }
    }
}

/// A relay with a hostile token, and with another one's tunnel that must not notice.
struct Place {
    relay: Relay,
    token: String,
    other: Listener,
    app: RawApp,
}

impl Place {
    #[track_caller]
    fn start() -> Self {
        let relay = Relay::start(&[]);
        let token = relay.token("hostile", &["hostile"]);
        let friend = relay.token("friend", &["friend"]);
        let app = RawApp::saying("OK");
        let other = relay.agent(Some(&friend), &["--ephemeral", "--forward", &app.target()]);
        Self {
            relay,
            token,
            other,
            app,
        }
    }

    #[track_caller]
    fn connect(&self) -> Agent {
        Agent::connect(&self.relay, &self.token)
    }

    #[track_caller]
    fn stop(mut self) {
        let answer = self.relay.ask("POST /t/friend/", "", b"{}");
        assert_eq!(answer.text(), "OK");
        self.app.next();
        self.other.process.terminate();
        let said = self.other.process.stdout.text();
        let states: Vec<_> = said
            .lines()
            .map(object)
            .filter(|object| object["type"] == "tunnel" && object["state"] != "online")
            .collect();
        assert!(states.is_empty(), "{states:?}");
    }
}

#[test]
fn what_breaks_the_protocol_is_told_so_with_the_right_code() {
    let place = Place::start();
    let large = vec![b'x'; 300 << 10];
    for (what, bytes, code) in [
        ("text", frame(FIN | TEXT, b"hello"), 1003),
        (
            "text that is not UTF-8",
            frame(FIN | TEXT, b"\xff\xfe"),
            1003,
        ),
        (
            "an unmasked frame",
            [&head(FIN | BINARY, 5, false)[..], b"hello"].concat(),
            1002,
        ),
        ("a large frame", frame(FIN | BINARY, &large), 1009),
        (
            "a frame that only says so",
            head(FIN | BINARY, 1 << 40, true),
            1009,
        ),
        (
            "the largest of all",
            head(FIN | BINARY, u64::MAX, true),
            1009,
        ),
        ("a reserved bit", frame(FIN | 0x40 | BINARY, b"hello"), 1002),
        ("a reserved opcode", frame(FIN | 3, b"hello"), 1002),
        ("a reserved control opcode", frame(FIN | 0xb, b""), 1002),
        (
            "a continuation of nothing",
            frame(FIN | CONTINUATION, b"hello"),
            1002,
        ),
        ("a ping in fragments", frame(PING, b"hello"), 1002),
        ("a large ping", frame(FIN | PING, &[b'x'; 126]), 1002),
        (
            "a message in another",
            [frame(BINARY, b"one"), frame(FIN | BINARY, b"two")].concat(),
            1002,
        ),
        (
            "a flood of pings",
            frame(FIN | PING, b"").repeat(1000),
            1008,
        ),
        (
            "a flood of large pings",
            frame(FIN | PING, &[b'x'; 125]).repeat(10_000),
            1008,
        ),
        ("a flood of pongs", frame(FIN | 0xa, b"").repeat(1000), 1008),
        (
            "a flood of nothing",
            frame(FIN | BINARY, b"").repeat(1000),
            1008,
        ),
        (
            // What is wrong with it is said in HTTP/2 (GOAWAY), which then ends as it should.
            "no HTTP/2",
            frame(
                FIN | BINARY,
                b"GET / HTTP/1.1\r\nHost: x\r\n\r\n\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            ),
            1001,
        ),
        ("garbage", frame(FIN | BINARY, &large[..20_000]), 1001),
    ] {
        let mut agent = place.connect();
        // What is refused may be cut off while it is still being sent.
        let _ = agent.send(&bytes);
        assert_eq!(agent.end(), End::Told(code), "{what}");
    }
    place.stop();
}

#[test]
fn endless_messages_are_cut_off_and_take_no_memory() {
    let place = Place::start();
    let pid = place.relay.process.id();
    let fragment = frame(CONTINUATION, &[b'x'; 60_000]);
    let before = resident(pid);
    let mut most = 0;
    for _ in 0..100 {
        let mut agent = place.connect();
        let mut sent = agent.send(&frame(BINARY, b"x"));
        for _ in 0..100 {
            sent = sent.and_then(|()| agent.send(&fragment));
        }
        assert_eq!(agent.end(), End::Told(1009));
        most = most.max(resident(pid));
    }
    println!("resident before {before}, at most {most}");
    assert!(most < before + 16 * MIB, "{before}, then {most}");
    place.stop();
}

#[test]
fn endless_fragments_of_nothing_do_not_keep_a_connection() {
    let place = Place::start();
    let mut agent = place.connect();
    let _ = agent.send(&frame(BINARY, b""));
    let nothing = frame(CONTINUATION, b"").repeat(1000);
    let begun = Instant::now();
    while agent.send(&nothing).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it is not closed");
    }
    println!("cut off after {:?}", begun.elapsed());
    place.stop();
}

#[test]
fn an_agent_that_never_speaks_http2_is_thrown_out() {
    let place = Place::start();
    let mut agent = place.connect();
    let begun = Instant::now();
    // It answers pings, so that it is alive; and reads what the relay says.
    let code = loop {
        let (first, payload) = agent.frame().expect("it is told so");
        match first & 0xf {
            PING => agent.send(&frame(FIN | 0xa, &payload)).expect("it is read"),
            CLOSE => break payload,
            _ => {}
        }
        assert!(begun.elapsed() < PATIENCE, "it is still there");
    };
    println!("thrown out after {:?}", begun.elapsed());
    assert_eq!(code[..2], 1002_u16.to_be_bytes());
    place.stop();
}

#[test]
fn an_agent_that_neither_reads_nor_answers_is_given_up() {
    let place = Place::start();
    let agent = place.connect();
    let begun = Instant::now();
    assert_ne!(agent.end(), End::Told(1000));
    println!("given up after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(20));
    // What comes then waits; nothing is lost with it.
    let answer = place.relay.ask("POST /t/hostile/", "", b"{}");
    assert_eq!(answer.status(), 202, "{}", answer.text());
    place.stop();
}

#[test]
fn who_says_goodbye_is_answered() {
    let place = Place::start();
    let mut agent = place.connect();
    agent
        .send(&frame(FIN | CLOSE, &1000_u16.to_be_bytes()))
        .expect("it is read");
    assert!(matches!(agent.end(), End::Told(1000) | End::Cut));
    // Half a frame, and gone.
    let mut agent = place.connect();
    agent
        .send(&head(FIN | BINARY, 100, true))
        .expect("it is read");
    agent
        .0
        .get_ref()
        .shutdown(Shutdown::Both)
        .expect("a socket");
    let answer = place.relay.ask("POST /t/hostile/", "", b"{}");
    assert_eq!(answer.status(), 202, "{}", answer.text());
    place.stop();
}
