//! What HTTP/2 lets one connection do to a server: floods of frames that cost the sender
//! next to nothing. The numbers are those of the advisories' own examples, or more.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::crowd::{App, Regular, runtime};
use crate::support::listener::Listener;
use crate::vitals::{MIB, descriptors, eventually, forget_peak, peak, resident};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: usize, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a small frame");
    let stream = u32::try_from(stream).expect("a small number");
    let [_, length @ ..] = length.to_be_bytes();
    [&length[..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The preface with empty settings.
fn opening() -> Vec<u8> {
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(SETTINGS, 0, 0, &[]),
    ]
    .concat()
}

/// `POST http://x/flood`, in HPACK: three fields of the static table, one with its own value.
fn head() -> Vec<u8> {
    [&[0x83, 0x86, 0x41, 1, b'x', 0x44, 6][..], b"/flood"].concat()
}

/// The nth stream that a client opens.
const fn stream(n: usize) -> usize {
    2 * n + 1
}

fn rapid_reset() -> Vec<u8> {
    let streams = (0..1000).flat_map(|n| {
        let cancel = frame(RESET, 0, stream(n), &8u32.to_be_bytes());
        [frame(HEADERS, END_HEADERS, stream(n), &head()), cancel].concat()
    });
    streams.collect()
}

fn rapid_reset_of_whole_requests() -> Vec<u8> {
    let streams = (0..1000).flat_map(|n| {
        let cancel = frame(RESET, 0, stream(n), &8u32.to_be_bytes());
        [
            frame(HEADERS, END_HEADERS | END_STREAM, stream(n), &head()),
            cancel,
        ]
        .concat()
    });
    streams.collect()
}

/// Data for streams that were closed long ago.
fn data_behind_resets() -> Vec<u8> {
    let streams = (0..200).flat_map(|n| {
        let data = frame(DATA, 0, stream(n), &[b'x'; 1000]).repeat(3);
        let cancel = frame(RESET, 0, stream(n), &8u32.to_be_bytes());
        [
            frame(HEADERS, END_HEADERS, stream(n), &head()),
            cancel,
            data,
        ]
        .concat()
    });
    streams.collect()
}

fn continuations() -> Vec<u8> {
    // A field without a name in the table, whose value goes on for ever.
    let field = [&head()[..], &[0x40, 1, b'x', 0x7f, 0x80, 0x80, 0x80, 0x40]].concat();
    let more = frame(CONTINUATION, 0, 1, &[b'x'; 1024]);
    [frame(HEADERS, 0, 1, &field), more.repeat(32 << 10)].concat()
}

/// The same without a byte in them, which no limit on sizes ends.
fn empty_continuations() -> Vec<u8> {
    let more = frame(CONTINUATION, 0, 1, &[]);
    [frame(HEADERS, 0, 1, &head()), more.repeat(500_000)].concat()
}

fn empty_data() -> Vec<u8> {
    let data = frame(DATA, 0, 1, &[]);
    [
        frame(HEADERS, END_HEADERS, 1, &head()),
        data.repeat(500_000),
    ]
    .concat()
}

fn pings() -> Vec<u8> {
    frame(PING, 0, 0, b"floods!!").repeat(300_000)
}

fn settings() -> Vec<u8> {
    // The size of the table for headers, changed and changed again.
    let setting = [0, 1, 0, 0, 0x10, 0];
    frame(SETTINGS, 0, 0, &setting).repeat(300_000)
}

/// Sends all of it, or as much as is taken within two seconds. `reads` says whether the
/// answers are read; those who do not read want them to pile up.
async fn flood(to: SocketAddr, bytes: &[u8], reads: bool) {
    let stream = TcpStream::connect(to).await.expect("cmhook listens");
    let (mut from, mut into) = stream.into_split();
    let reading = async {
        let mut buffer = [0; 4096];
        while reads && from.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
        if !reads {
            std::future::pending::<()>().await;
        }
    };
    let writing = async {
        let _ = into.write_all(&opening()).await;
        let _ = into.write_all(bytes).await;
        // What was sent last has to be worked on as well.
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let both = async {
        tokio::select! {
            () = reading => {}
            () = writing => {}
        }
    };
    let _ = timeout(Duration::from_secs(2), both).await;
}

#[test]
fn floods_of_frames_cost_little_and_hold_up_nobody() {
    let app = App::answering(2);
    let listener = Listener::start(&["--ephemeral", "--quiet", &app.target()]);
    let (to, pid) = (listener.address(), listener.process.id());
    let runtime = runtime();
    let warm = Regular::start(&runtime, to);
    std::thread::sleep(Duration::from_millis(500));
    let mut sent = warm.stop(&runtime, "nothing");
    let open = descriptors(pid);
    for (what, bytes) in [
        ("rapid reset", rapid_reset()),
        (
            "rapid reset of whole requests",
            rapid_reset_of_whole_requests(),
        ),
        ("data behind resets", data_behind_resets()),
        ("endless continuation", continuations()),
        ("empty continuations", empty_continuations()),
        ("empty data", empty_data()),
        ("pings", pings()),
        ("settings", settings()),
    ] {
        for reads in [true, false] {
            let what = format!("{what}, answers {}", if reads { "read" } else { "unread" });
            let before = resident(pid);
            forget_peak(pid);
            let regular = Regular::start(&runtime, to);
            // Its own thread: the regular ones are not to wait for this one's turns.
            let attacker = crate::crowd::runtime();
            attacker.block_on(async {
                tokio::join!(flood(to, &bytes, reads), flood(to, &bytes, reads));
            });
            let more = peak(pid).saturating_sub(before);
            sent += regular.stop(&runtime, &what);
            println!("{what}: {} KiB more", more >> 10);
            assert!(more < 48 * MIB, "{what}: {more} bytes more");
        }
    }
    eventually("descriptors are given back", || {
        descriptors(pid) <= open + 2
    });
    let stopped = listener.stop();
    let received = stopped["received"].as_u64().expect("a number");
    // Whole requests are deliveries even where the sender takes them back at once.
    assert!(received >= sent as u64, "{stopped}");
}

#[test]
fn a_connection_that_breaks_the_rules_is_shown_as_refused() {
    let mut listener = Listener::start(&["--ephemeral"]);
    let to = listener.address();
    runtime().block_on(async {
        // Data for a stream that was never opened.
        flood(to, &frame(DATA, 0, 1, b"x"), true).await;
    });
    let refused = listener.next("refused");
    assert_eq!(refused["code"], "malformed", "{refused}");
    let reason = refused["reason"].as_str().expect("a reason");
    assert!(reason.contains("HTTP/2"), "{refused}");
    assert_eq!(listener.stop()["refused"], 1);
}
