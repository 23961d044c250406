//! An app that does not answer, or not to the end.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::down::Silent;
use crate::support::raw::{Connection, RawApp, Then, ask, ok, request};
use crate::{failure, listening, text};

/// Waits until the other side gives up.
fn hang(stream: &mut TcpStream) -> Then {
    // The connection's read timeout is the test's patience.
    let _ = stream.read(&mut [0]);
    Then::Close
}

/// An app that writes this and then nothing more.
fn stalling_after(begin: impl Into<Vec<u8>>) -> RawApp {
    let begin = begin.into();
    RawApp::serving(Duration::from_secs(30), move |_, stream| {
        stream.write_all(&begin)?;
        Ok(hang(stream))
    })
}

#[test]
fn silence_is_504_at_the_timeout_and_never_sent_again() {
    let app = stalling_after("");
    let mut listener = listening(&app.target(), &["--timeout", "700ms"]);
    let begin = Instant::now();
    let answer = ask(listener.address(), request("POST /", "", b"{}"));
    let took = begin.elapsed();
    assert_eq!(answer.status(), 504);
    assert!(took >= Duration::from_millis(700), "{took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    let said = format!("{} did not answer within 700 ms", app.target());
    assert_eq!(answer.text(), format!("cmhook: {said}\n"));
    let error = failure(&mut listener, "timeout");
    assert_eq!(error["message"], said);
    assert!(text(&error, "hint").contains("--timeout"), "{error}");
    app.next();
    listener.stop();
    assert!(app.is_idle());
}

#[test]
fn an_answer_that_begins_and_stalls_is_504_too() {
    for begin in [
        "HTTP/1.1 200 OK\r\nContent-",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\n\r\nuntil the end",
    ] {
        let app = stalling_after(begin);
        let mut listener = listening(&app.target(), &["--timeout", "300ms"]);
        let answer = ask(listener.address(), request("POST /", "", b"{}"));
        assert_eq!(answer.status(), 504, "{begin:?}");
        let error = failure(&mut listener, "timeout");
        let message = text(&error, "message");
        assert!(message.contains("within 300 ms"), "{begin:?}: {message}");
        let has_begun = begin.contains("\r\n\r\n") && !begin.contains("100");
        assert_eq!(
            message.contains("began to answer"),
            has_begun,
            "{begin:?}: {message}"
        );
        listener.stop();
    }
}

#[test]
fn an_answer_that_never_comes_to_its_end_is_504_too() {
    let app = RawApp::serving(Duration::from_secs(30), |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")?;
        loop {
            stream.write_all(b"data: tick\n\n")?;
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let mut listener = listening(&app.target(), &["--timeout", "500ms"]);
    let answer = ask(listener.address(), request("POST /", "", b"{}"));
    assert_eq!(answer.status(), 504);
    let error = failure(&mut listener, "timeout");
    assert!(text(&error, "message").contains("began to answer"));
    listener.stop();
}

#[test]
fn an_app_that_accepts_nobody_is_504_at_the_timeout() {
    let silent = Silent::new();
    let address = SocketAddr::from(([127, 0, 0, 1], silent.port));
    let _full = silent.listen_for(1);
    // The kernel drops what comes when the queue is full.
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the queue never fills");
    }
    let mut listener = listening(&address.to_string(), &["--timeout", "500ms"]);
    let answer = ask(listener.address(), request("POST /", "", b"{}"));
    assert_eq!(answer.status(), 504);
    failure(&mut listener, "timeout");
    listener.stop();
}

#[test]
fn a_large_answer_that_stalls_breaks_off_and_is_a_timeout() {
    let begin = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n".as_slice(),
        &vec![b'x'; 2_000_000],
    ];
    let app = stalling_after(begin.concat());
    let mut listener = listening(&app.target(), &["--timeout", "500ms"]);
    let mut connection = Connection::open(listener.address());
    connection.send(request("POST /", "", b"{}"));
    let head = connection.answer_head();
    assert_eq!(head.status(), 200, "it had begun before anybody knew");
    assert_eq!(head.one("content-length").as_deref(), Some("4000000"));
    assert_eq!(connection.rest().len(), 2_000_000);
    let error = failure(&mut listener, "timeout");
    let message = text(&error, "message");
    assert!(message.contains("2000000 bytes"), "{message}");
    listener.stop();
}

#[test]
fn others_go_on_while_some_hang() {
    const HANGING: usize = 20;
    let (release, released) = channel::<()>();
    let released = Mutex::new(released);
    let app = RawApp::serving(Duration::from_secs(30), move |request, stream| {
        if request.target() == "/hang" {
            let _ = released.lock().expect("no panic").recv();
        }
        stream.write_all(&ok(request.target().as_bytes()))?;
        Ok(Then::GoOn)
    });
    let listener = listening(&app.target(), &[]);
    let mut hanging: Vec<_> = (0..HANGING)
        .map(|_| {
            let mut connection = Connection::open(listener.address());
            connection.send(request("POST /hang", "", b"{}"));
            assert_eq!(app.next().target(), "/hang");
            connection
        })
        .collect();

    let mut quick = Connection::open(listener.address());
    for n in 0..200 {
        let begin = Instant::now();
        quick.send(request(&format!("POST /{n}"), "", b"{}"));
        assert_eq!(quick.answer().text(), format!("/{n}"));
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(5), "{n} took {took:?}");
    }
    for connection in &mut hanging {
        connection.wait_at_most(Duration::from_millis(1));
        let error = connection.try_answer().expect_err("nobody answered it");
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    }

    for _ in 0..HANGING {
        release.send(()).expect("the app waits");
    }
    for connection in &mut hanging {
        connection.wait_at_most(Duration::from_secs(30));
        assert_eq!(connection.answer().text(), "/hang");
    }
    let stopped = listener.stop();
    assert_eq!(stopped["answered"], 220, "{stopped}");
}
