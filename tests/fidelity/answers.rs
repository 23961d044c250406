//! Answers of every shape, and the order in which they come on one connection.

use std::time::Duration;

use crate::support::listener::Listener;
use crate::support::raw::{self, Connection, RawApp, ask, request};

/// Less than any limit after which cmhook would go on by itself (10 s for headers).
const AT_ONCE: Duration = Duration::from_secs(5);

/// An app that answers with the target that it was asked for.
fn echo() -> RawApp {
    RawApp::answering(|request| raw::ok(request.target().as_bytes()))
}

#[test]
fn the_answer_to_head_keeps_its_length_and_has_no_body() {
    let app = RawApp::answering(|_| {
        b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nX-A: b\r\n\r\n".to_vec()
    });
    let listener = Listener::start(&["--ephemeral", &app.target()]);
    let mut connection = Connection::open(listener.address());
    connection.send("HEAD /a HTTP/1.1\r\nHost: hooks.test\r\n\r\n");
    let head = connection.answer_head();
    assert_eq!(head.one("content-length").as_deref(), Some("1234"));
    assert_eq!(head.one("x-a").as_deref(), Some("b"));
    // Were there a body, the next answer would not begin here.
    connection.send("HEAD /b HTTP/1.1\r\nHost: hooks.test\r\n\r\n");
    assert_eq!(connection.answer_head().status(), 200);
    assert_eq!(app.next().first_line(), "HEAD /a HTTP/1.1");
    listener.stop();
}

#[test]
fn answers_without_a_body_leave_the_connection_in_order() {
    let app = RawApp::answering(|request| {
        let head = match request.target().as_str() {
            "/204" => "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n",
            "/304" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"a\"\r\n\r\n",
            "/205" => "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        };
        head.as_bytes().to_vec()
    });
    let listener = Listener::start(&["--ephemeral", &app.target()]);
    let mut connection = Connection::open(listener.address());
    for status in [204, 304, 205, 200, 304, 204] {
        connection.send(request(&format!("POST /{status}"), "", b"{}"));
        let answer = connection.answer();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.body, b"", "{status}");
        match status {
            204 => assert!(answer.all("content-length").is_empty()),
            304 => assert_eq!(answer.one("etag").as_deref(), Some("\"a\"")),
            _ => {}
        }
    }
    listener.stop();
}

#[test]
fn interim_answers_of_the_app_are_not_the_answer() {
    let app = RawApp::answering(|_| {
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
        HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nOK"
            .to_vec()
    });
    let mut listener = Listener::start(&["--ephemeral", &app.target()]);
    let answer = ask(listener.address(), request("POST /", "", b"{}"));
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.text(), "OK");
    let delivery = listener.delivery();
    assert_eq!(listener.attempt(&delivery)["status"], 201);
    listener.stop();
}

#[test]
fn a_redirect_is_the_senders_to_follow() {
    let app = RawApp::answering(|_| {
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/there\r\nContent-Length: 5\r\n\r\nthere"
            .to_vec()
    });
    let listener = Listener::start(&["--ephemeral", &app.target()]);
    let answer = ask(listener.address(), request("POST /", "", b"{}"));
    assert_eq!(answer.status(), 302);
    let location = answer.one("location");
    assert_eq!(location.as_deref(), Some("http://127.0.0.1:1/there"));
    assert_eq!(answer.text(), "there");
    app.next();
    let stopped = listener.stop();
    assert_eq!(
        (&stopped["answered"], &stopped["failed"]),
        (&1.into(), &0.into())
    );
    assert!(app.is_idle(), "it was asked again");
}

#[test]
fn every_status_of_the_app_comes_back() {
    let app = RawApp::answering(|request| {
        let status = &request.target()[1..];
        format!("HTTP/1.1 {status} As It Is\r\nContent-Length: 2\r\n\r\nOK").into_bytes()
    });
    let listener = Listener::start(&["--ephemeral", &app.target()]);
    let mut connection = Connection::open(listener.address());
    for status in [
        200, 299, 300, 400, 401, 410, 418, 429, 451, 499, 500, 503, 599, 799,
    ] {
        connection.send(request(&format!("POST /{status}"), "", b"{}"));
        let answer = connection.answer();
        assert_eq!(answer.first_line(), format!("HTTP/1.1 {status} As It Is"));
        assert_eq!(answer.text(), "OK");
    }
    listener.stop();
}

#[test]
fn an_answer_that_ends_with_its_connection_is_whole() {
    let app = RawApp::serving(AT_ONCE, |_, stream| {
        std::io::Write::write_all(stream, b"HTTP/1.0 200 OK\r\n\r\nto the \0 end")?;
        Ok(raw::Then::Close)
    });
    let listener = Listener::start(&["--ephemeral", &app.target()]);
    let mut connection = Connection::open(listener.address());
    for _ in 0..2 {
        connection.send(request("POST /", "", b"{}"));
        let answer = connection.answer();
        assert_eq!(answer.first_line(), "HTTP/1.1 200 OK");
        assert_eq!(answer.body, b"to the \0 end");
    }
    listener.stop();
}

#[test]
fn ten_pipelined_requests_are_ten_answers_and_ten_captures_in_order() {
    let app = echo();
    let mut listener = Listener::start(&["--ephemeral", &app.target()]);
    let mut connection = Connection::open(listener.address());
    let requests: Vec<u8> = (0..10)
        .flat_map(|n| match n % 3 {
            0 => request(&format!("POST /{n}"), "", format!("body {n}").as_bytes()),
            1 => format!("POST /{n} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nbody {n}\r\n0\r\n\r\n")
                .into_bytes(),
            _ => format!("GET /{n} HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes(),
        })
        .collect();
    connection.send(requests);
    for n in 0..10 {
        assert_eq!(connection.answer().text(), format!("/{n}"));
    }
    for n in 0..10 {
        assert_eq!(app.next().target(), format!("/{n}"));
        let delivery = listener.delivery();
        assert_eq!(delivery["request"]["path"], format!("/{n}"));
        assert_eq!(delivery["id"], n + 1);
        let body = if n % 3 == 2 {
            String::new()
        } else {
            format!("body {n}")
        };
        assert_eq!(delivery["request"]["body"], body);
    }
    listener.stop();
}

#[test]
fn half_of_a_next_request_does_not_hold_an_answer_back() {
    let app = echo();
    let listener = Listener::start(&["--ephemeral", &app.target()]);
    let mut connection = Connection::open(listener.address());
    connection.wait_at_most(AT_ONCE);
    let second = request("POST /second", "", b"{}");
    for cut in [1, 20, second.len() - 1] {
        connection.send([&*request("POST /first", "", b"{}"), &second[..cut]].concat());
        assert_eq!(connection.answer().text(), "/first", "{cut}");
        connection.send(&second[cut..]);
        assert_eq!(connection.answer().text(), "/second", "{cut}");
    }
    listener.stop();
}

#[test]
fn garbage_behind_a_request_does_not_hold_its_answer_back() {
    let app = echo();
    let mut listener = Listener::start(&["--ephemeral", &app.target()]);
    for garbage in ["\r\n", "\0\x01 what is this\r\n\r\n", "nonsense"] {
        let mut connection = Connection::open(listener.address());
        connection.wait_at_most(AT_ONCE);
        let whole = request("POST /first", "", b"{}");
        connection.send([&*whole, garbage.as_bytes()].concat());
        assert_eq!(connection.answer().text(), "/first", "{garbage:?}");
        app.next();
        connection.finish();
        let rest = String::from_utf8_lossy(&connection.rest()).into_owned();
        assert!(!rest.contains("200 OK"), "{garbage:?}: {rest}");
    }
    let refused = listener.next("refused");
    assert_eq!(refused["code"], "malformed", "{refused}");
    assert_eq!(listener.stop()["received"], 3);
    assert!(app.is_idle());
}
