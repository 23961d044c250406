//! Methods and request targets, undecoded and unjudged.

use crate::support::listener::Listener;
use crate::support::raw::{Connection, RawApp, ask, request};

/// What routers, proxies and URL libraries like to "clean up".
const TARGETS: &[&str] = &[
    "/",
    "/plain",
    "/a%2Fb",
    "/a%2fb%2E%2e",
    "/../up/./and/..",
    "//double//slash//",
    "/semi;colon=1;b",
    "/plus+and%20space",
    "/%zz%",
    "/%00%0d%0a",
    "/{braces}/|pipe|",
    "/it's(fine)!*~@:,$&=",
    "/caf\u{e9}",
    "/back\\slash^caret",
    "/?",
    "/??",
    "/a?b?c",
    "/a?x=1&&y=2&",
    "/a?x=%zz&y={}&z=|&w=+",
    "/a?redirect=http://example.com/../b",
    "/a?x='quoted'`tick`",
];

#[test]
fn targets_reach_the_app_byte_for_byte() {
    let app = RawApp::saying("OK");
    let mut listener = Listener::start(&["--ephemeral", &app.target()]);
    let mut connection = Connection::open(listener.address());
    for target in TARGETS {
        connection.send(request(&format!("POST {target}"), "", b"{}"));
        let answer = connection.answer();
        assert_eq!(answer.status(), 200, "{target}: {}", answer.text());
        assert_eq!(app.next().target(), *target);
        let shown = &listener.delivery()["request"];
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (*target, None),
        };
        assert_eq!(shown["path"], path, "{target}");
        assert_eq!(shown["query"].as_str(), query, "{target}");
    }
    listener.stop();
}

#[test]
fn a_target_with_a_path_takes_the_deliverys_path_behind_it() {
    let app = RawApp::saying("OK");
    let forward = format!("{}/hooks", app.target());
    let listener = Listener::start(&["--ephemeral", "--forward", &forward]);
    let mut connection = Connection::open(listener.address());
    for (sent, reached) in [
        ("/", "/hooks"),
        ("/?a=1", "/hooks?a=1"),
        ("/x%2Fy/../z", "/hooks/x%2Fy/../z"),
        ("/hooks", "/hooks"),
        ("/hooks/x?y", "/hooks/x?y"),
        ("/hooksx", "/hooks/hooksx"),
        ("//x", "/hooks//x"),
    ] {
        connection.send(request(&format!("POST {sent}"), "", b"{}"));
        assert_eq!(connection.answer().status(), 200, "{sent}");
        assert_eq!(app.next().target(), reached, "{sent}");
    }
    listener.stop();
}

#[test]
fn any_method_is_taken_and_passed_on() {
    let app = RawApp::answering(|request| {
        let method = request.first_line();
        let method = method.split(' ').next().unwrap_or_default();
        format!("HTTP/1.1 200 OK\r\nX-Method: {method}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    });
    let mut listener = Listener::start(&["--ephemeral", &app.target()]);
    for method in [
        "GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "CUSTOM", "m-search",
        "brew!",
    ] {
        let with_body = ask(
            listener.address(),
            request(&format!("{method} /"), "", b"body"),
        );
        assert_eq!(with_body.one("x-method").as_deref(), Some(method));
        assert_eq!(app.next().body, b"body", "{method}");
        let without = format!("{method} / HTTP/1.1\r\nHost: hooks.test\r\n\r\n");
        assert_eq!(ask(listener.address(), without).status(), 200, "{method}");
        assert_eq!(app.next().body, b"", "{method}");
        assert_eq!(listener.delivery()["request"]["method"], method);
        assert_eq!(listener.delivery()["request"]["size"], 0);
    }
    listener.stop();
}

#[test]
fn a_whole_url_and_an_old_version_are_understood() {
    let app = RawApp::saying("OK");
    let listener = Listener::start(&["--ephemeral", &app.target()]);
    let answer = ask(
        listener.address(),
        request("POST http://other.test/a%2Fb?c", "", b"{}"),
    );
    assert_eq!(answer.status(), 200);
    assert_eq!(app.next().target(), "/a%2Fb?c");

    let mut old = Connection::open(listener.address());
    old.send("POST /old HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}");
    assert_eq!(old.answer().status(), 200);
    assert_eq!(old.rest(), b"", "HTTP/1.0 ends with its connection");
    let seen = app.next();
    assert_eq!(seen.first_line(), "POST /old HTTP/1.1");
    assert_eq!(seen.one("host"), Some(app.target()));
    listener.stop();
}
