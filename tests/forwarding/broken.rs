//! Answers that are none, and connections that end where they should not. Each is one
//! attempt: what the app may have seen is never sent again by itself.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::listener::Listener;
use crate::support::raw::{
    self, Connection, Message, RawApp, Then, accepting, ask, ok, request, reset,
};
use crate::{failure, listening, text};

/// How an app ends a connection after it has written something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Close,
    Reset,
}

/// An app that answers `/fine` well, and everything else with `begin` and an end.
fn breaking(begin: Vec<u8>, end: End) -> RawApp {
    RawApp::serving(Duration::from_secs(30), move |request, stream| {
        if request.target() == "/fine" {
            let connection = stream.peer_addr()?.port().to_string();
            stream.write_all(&ok(connection.as_bytes()))?;
            return Ok(Then::GoOn);
        }
        stream.write_all(&begin)?;
        if end == End::Reset {
            // Goes out when the last handle on the socket is gone.
            reset(stream.try_clone()?);
        }
        Ok(Then::Close)
    })
}

/// Sends `/fine` until the app's connection is used again, as it is in the long run.
#[track_caller]
fn settle(listener: &mut Listener, connection: &mut Connection, app: &RawApp) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut last = String::new();
    loop {
        assert!(
            Instant::now() < deadline,
            "each has a connection of its own"
        );
        connection.send(request("POST /fine", "", b"{}"));
        let answer = connection.answer();
        assert_eq!(answer.status(), 200);
        app.next();
        let delivery = listener.delivery();
        listener.attempt(&delivery);
        if last == answer.text() {
            return;
        }
        last = answer.text();
    }
}

/// Sends one delivery to such an app, on a connection that was used before, and checks that
/// it was sent once and that the next one goes through.
#[track_caller]
fn broken(begin: &[u8], end: End, code: &str) -> Value {
    let app = breaking(begin.to_vec(), end);
    let what = format!("{:?} and {end:?}", String::from_utf8_lossy(begin));
    let mut listener = listening(&app.target(), &[]);
    let mut connection = Connection::open(listener.address());
    settle(&mut listener, &mut connection, &app);

    connection.send(request("POST /broken", "", b"{}"));
    let answer = connection.answer();
    assert_eq!(answer.status(), 502, "{what}: {answer:?}");
    let error = failure(&mut listener, code);
    let said = answer.text();
    assert_eq!(said, format!("cmhook: {}\n", text(&error, "message")));
    assert!(said.contains(&app.target()), "{what}: {said}");
    assert!(!text(&error, "hint").is_empty(), "{what}: {error}");
    assert_eq!(app.next().target(), "/broken", "{what}");

    connection.send(request("POST /fine", "", b"{}"));
    assert_eq!(connection.answer().status(), 200, "{what}");
    assert_eq!(app.next().target(), "/fine", "{what}: it was sent again");
    let stopped = listener.stop();
    assert_eq!(stopped["failed"], 1, "{what}: {stopped}");
    error
}

#[test]
fn no_answer_at_all() {
    let error = broken(b"", End::Close, "closed");
    assert!(text(&error, "message").contains("without an answer"));
    broken(b"", End::Reset, "reset");
}

/// As a container's port does when nothing listens in the container.
#[test]
fn an_app_that_closes_before_it_is_asked() {
    let app = accepting(|_| Ok(()));
    let mut listener = listening(&app.to_string(), &[]);
    let mut connection = Connection::open(listener.address());
    for n in 0..50 {
        connection.send(request(&format!("POST /{n}"), "", b"{}"));
        assert_eq!(connection.answer().status(), 502);
        let delivery = listener.delivery();
        let attempt = listener.attempt(&delivery);
        let code = text(&attempt["error"], "code");
        assert!(["closed", "reset"].contains(&code), "{attempt}");
    }
    let stopped = listener.stop();
    assert_eq!(stopped["failed"], 50, "{stopped}");
}

#[test]
fn half_a_head() {
    broken(b"HTTP/1.1 200 OK\r\nContent-Le", End::Close, "closed");
    broken(b"HTTP/1.1 200 OK\r\nContent-Le", End::Reset, "reset");
}

#[test]
fn something_that_is_not_http() {
    for garbage in [
        b"what is this\r\n\r\n".as_slice(),
        b"\x00\x01\x02\x03\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail.test ESMTP\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n",
    ] {
        let error = broken(garbage, End::Close, "protocol");
        assert!(text(&error, "message").contains("not HTTP"), "{error}");
    }
}

#[test]
fn half_a_body() {
    for (begin, bytes) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", 0),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 5),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            5,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
            5,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
            5,
        ),
    ] {
        for end in [End::Close, End::Reset] {
            let error = broken(begin.as_bytes(), end, "reset");
            let said = format!("broke off its answer after {bytes} bytes");
            assert!(
                text(&error, "message").contains(&said),
                "{begin:?}: {error}"
            );
        }
    }
}

#[test]
fn chunks_that_are_not_framed_right() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for chunks in [
        "zz\r\nhello\r\n",
        "5\r\nhello6\r\n",
        "fffffffffffffffff\r\n",
    ] {
        let error = broken(format!("{head}{chunks}").as_bytes(), End::Close, "protocol");
        assert!(text(&error, "message").contains("chunks"), "{error}");
    }
}

/// Over what is kept, the answer is on its way to the sender before it breaks off.
#[test]
fn a_large_answer_that_breaks_off_breaks_off_at_the_sender_too() {
    const SENT: usize = 3 << 20;
    let sized = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 4 << 20);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n",
        4 << 20
    );
    for head in [sized, chunked] {
        let app = breaking([head.as_bytes(), &vec![b'x'; SENT]].concat(), End::Close);
        let mut listener = listening(&app.target(), &[]);
        let mut connection = Connection::open(listener.address());
        connection.send(request("POST /", "", b"{}"));
        assert_eq!(connection.answer_head().status(), 200);
        let rest = connection.rest();
        assert!(rest.len() >= SENT, "{head:?}: {} bytes", rest.len());
        assert!(!rest.ends_with(b"0\r\n\r\n"), "{head:?}: it looks whole");
        let error = failure(&mut listener, "reset");
        let message = text(&error, "message");
        assert!(message.contains(&format!("{SENT} bytes")), "{message}");
        listener.stop();
    }
}

/// An app that reads a request's head and nothing more, and answers.
fn hasty(end: Option<End>) -> std::net::SocketAddr {
    accepting(move |stream| {
        let mut from = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        while from.read_line(&mut line)? > 0 && !line.ends_with("\r\n\r\n") {}
        let mut to: &TcpStream = &stream;
        to.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nlong")?;
        match end {
            Some(End::Close) => {}
            Some(End::Reset) => reset(stream.try_clone()?),
            // It keeps the connection for longer than the test lasts, and does not read.
            None => std::thread::park_timeout(Duration::from_secs(30)),
        }
        Ok(())
    })
}

#[test]
fn an_app_that_answers_before_it_has_read_the_body_is_heard() {
    for body in [100, 8 << 20] {
        for end in [Some(End::Close), None] {
            let app = hasty(end);
            let mut listener = listening(&app.to_string(), &[]);
            let answer = ask(listener.address(), request("POST /", "", &vec![b'x'; body]));
            let delivery = listener.delivery();
            let attempt = listener.attempt(&delivery);
            // Where it closes over unread bytes, its answer may be lost on the way.
            let lost = end.is_some() && answer.status() == 502;
            if lost {
                assert_eq!(attempt["outcome"], "failed", "{attempt}");
            } else {
                assert_eq!(answer.status(), 413, "{body} {end:?}: {}", answer.text());
                assert_eq!(answer.text(), "long");
                assert_eq!(attempt["status"], 413, "{attempt}");
            }
            assert_eq!(delivery["request"]["size"], body);
            listener.stop();
        }
    }
}

#[test]
fn bytes_behind_an_answer_spoil_nothing() {
    let app = RawApp::answering(|request: &Message| {
        [
            &*ok(request.target().as_bytes()),
            b"HTTP/1.1 500 Extra\r\n\r\n",
        ]
        .concat()
    });
    let listener = listening(&app.target(), &[]);
    let mut connection = Connection::open(listener.address());
    for n in 0..20 {
        connection.send(request(&format!("POST /{n}"), "", b"{}"));
        let answer = connection.answer();
        assert_eq!((answer.status(), answer.text()), (200, format!("/{n}")));
        assert_eq!(app.next().target(), format!("/{n}"));
    }
    listener.stop();
    assert!(app.is_idle());
}

#[test]
fn an_upgrade_that_nobody_asked_for_is_no_answer() {
    let mut listener = {
        let app = RawApp::answering(|_| {
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
                .to_vec()
        });
        listening(&app.target(), &[])
    };
    let answer = ask(listener.address(), request("POST /", "", b"{}"));
    assert_eq!(answer.status(), 502, "{}", answer.first_line());
    failure(&mut listener, "protocol");
    listener.stop();
}

#[test]
fn a_sender_that_leaves_while_the_app_works_costs_nothing() {
    let app = RawApp::answering(|_| raw::ok(b"OK"));
    let mut listener = listening(&app.target(), &[]);
    for _ in 0..20 {
        let mut connection = Connection::open(listener.address());
        connection.send(request("POST /", "", b"{}"));
        connection.reset();
    }
    let mut connection = Connection::open(listener.address());
    connection.send(request("POST /last", "", b"{}"));
    assert_eq!(connection.answer().status(), 200);
    // What was read whole is forwarded all the same, and its answer recorded.
    let mut whole = 0;
    loop {
        let delivery = listener.delivery();
        if delivery["request"]["path"] == "/last" {
            break;
        }
        whole += 1;
    }
    let stopped = listener.stop();
    assert_eq!(stopped["received"], whole + 1, "{stopped}");
    assert_eq!(stopped["answered"], whole + 1, "{stopped}");
}
