//! Requests that two programs could read in two ways, over raw sockets at the public side of
//! a relay with a live agent: each is refused, and nothing of it gets through.

use crate::scene::{Scene, first_of};

/// Sends each of these, which must be answered once, with 400 and a reason, and checks that
/// none has reached the agent or the app.
#[track_caller]
fn all_are_refused<T: AsRef<str>>(requests: &[T]) {
    let scene = Scene::start(&[]);
    let mut wrong = Vec::new();
    for request in requests {
        let request = request.as_ref();
        let answers = scene.say(&scene.fill(request));
        let (status, reason, count) = first_of(&answers);
        if (status, &*reason, count) != (400, "malformed", 1) {
            wrong.push(format!("{request:?}:\n{answers}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    scene.is_untouched(0);
}

/// A second request that hides in the first, should that be read otherwise.
const HIDDEN: &str = "POST PATH/hidden HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n";

/// A request with these fields, and behind it one that nobody must see.
fn with(fields: &str) -> String {
    format!("POST PATH/bad HTTP/1.1\r\nHost: HOST\r\n{fields}\r\n\r\n0\r\n\r\n{HIDDEN}")
}

#[test]
fn a_length_and_a_coding_exclude_each_other() {
    all_are_refused(&[
        with("Content-Length: 5\r\nTransfer-Encoding: chunked"),
        with("Transfer-Encoding: chunked\r\nContent-Length: 5"),
        with("Content-Length: 0\r\nTransfer-Encoding: chunked"),
        with("Content-Length: 5\r\nTransfer-Encoding: identity"),
        with("Content-Length: 5\r\nX: y\r\ntransfer-encoding:chunked"),
    ]);
}

#[test]
fn a_coding_in_another_spelling_is_none() {
    let spellings = [
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding:\x0cchunked",
        " Transfer-Encoding: chunked",
        "X: X\nTransfer-Encoding: chunked",
        "Transfer-Encoding\r\n : chunked",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: chunk\u{e9}d",
        "Transfer\u{2010}Encoding: chunked",
        "Transfer-Encoding: ",
        "Transfer_Encoding: chunked\r\nTransfer-Encoding: gzip",
        "X: y\rTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\0",
        "\x00Transfer-Encoding: chunked",
    ];
    all_are_refused(&spellings.map(with));
}

#[test]
fn lengths_that_are_no_number_or_several_are_refused() {
    let lengths = [
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 5",
        "Content-Length: 5 5",
        "Content-Length: -5",
        "Content-Length: +5",
        "Content-Length: 5.0",
        "Content-Length: 0x5",
        "Content-Length: 5e0",
        "Content-Length: five",
        "Content-Length:",
        "Content-Length: ,",
        "Content-Length: \u{665}",
        "Content-Length: 18446744073709551616",
        "Content-Length: 18446744073709551615",
        "Content-Length: 18446744073709551614",
        "Content-Length: 99999999999999999999999999999999",
        "Content-Length : 5",
        "Content-Length\t: 5",
        "Content-Length: 5\r\n 5",
    ];
    all_are_refused(&lengths.map(with));
}

#[test]
fn lines_end_with_cr_lf_and_neither_stands_alone() {
    all_are_refused(&[
        "POST PATH/bad HTTP/1.1\nHost: HOST\nContent-Length: 0\n\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\nContent-Length: 0\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\n",
        "POST PATH/bad HTTP/1.1\nHost: HOST\r\nContent-Length: 0\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\nX: a\rb\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\nX: a\r\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\r\nHost: HOST\r\n\r\n",
        "POST PATH/bad HTTP/1.1\rHost: HOST\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\n\rX: y\r\n\r\n",
        "\nPOST PATH/bad HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "\r\n\n\r\nPOST PATH/bad HTTP/1.1\r\nHost: HOST\r\n\r\n",
    ]);
}

#[test]
fn there_is_one_host_and_it_is_a_host() {
    all_are_refused(&[
        "POST PATH/bad HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        "POST PATH/bad HTTP/1.0\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\nhost: other.test\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST, HOST\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST other.test\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: me@HOST\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: http://HOST\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST/x\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST#x\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST:1\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: 127.0.0.1:x\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: 127.0.0.1:99999\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: \r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: :80\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost : HOST\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\n Host: HOST\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost:\r\n HOST\r\n\r\n",
    ]);
}

#[test]
fn targets_are_paths_or_urls_of_the_same_host() {
    all_are_refused(&[
        "POST http://other.testPATH/bad HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "POST http://HOSTPATH/bad HTTP/1.1\r\nHost: other.test\r\n\r\n",
        "POST http://me@HOSTPATH/bad HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "POST http:/PATH/bad HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "POST http:PATH/bad HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "POST ftp://HOSTPATH/bad HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "POST HOSTPATH/bad HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "POST bad HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "POST ?bad HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "POST  PATH/bad HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "POST PATH/bad  HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "POST PATH/b ad HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "POST PATH/b\tad HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "POST PATH/bad?<x> HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "POST PATH/b\x01ad HTTP/1.1\r\nHost: HOST\r\n\r\n",
        " POST PATH/bad HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "POST\tPATH/bad HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "P(ST PATH/bad HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "POST PATH/bad\r\nHost: HOST\r\n\r\n",
        "POST PATH/bad HTTP/1.2\r\nHost: HOST\r\n\r\n",
        "POST PATH/bad HTTP/2.0\r\nHost: HOST\r\n\r\n",
        "POST PATH/bad HTTP/0.9\r\nHost: HOST\r\n\r\n",
        "POST PATH/bad http/1.1\r\nHost: HOST\r\n\r\n",
        "POST PATH/bad HTTP/1.1 \r\nHost: HOST\r\n\r\n",
        "CONNECT HOST HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n",
        "CONNECT PATH/bad HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "CONNECT http://HOSTPATH/bad HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n",
    ]);
}

#[test]
fn folded_lines_and_odd_names_are_refused() {
    all_are_refused(&[
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\nX: a\r\n b\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\nX: a\r\n\tb\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\nX : a\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\nX Y: a\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\n: a\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\nX\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\nX[]: a\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\nX\u{e9}: a\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\nX: a\0b\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\nX: a\x1b[31m\r\n\r\n",
        "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\nX: a\x7f\r\n\r\n",
    ]);
}

#[test]
fn chunks_are_framed_as_they_say_or_refused() {
    let chunked = |body: &str| {
        format!(
            "POST PATH/bad HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n{body}{HIDDEN}"
        )
    };
    let bodies = [
        "5;x\nyz\r\nhello\r\n0\r\n\r\n",
        "5;a=\"b\nc\"\r\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhell\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-1\r\nhello\r\n0\r\n\r\n",
        "5_0\r\nhello\r\n0\r\n\r\n",
        "zz\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff5\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\n",
        "5\r\nhello\r\n0\n\r\n",
        "5\r\nhello\r\n0\r\nX: y\n\r\n",
        "5\r\nhello\r\n0\r\n\rX",
    ];
    all_are_refused(&bodies.map(chunked));
}

#[test]
fn an_early_upgrade_lets_nothing_through_behind_it() {
    let scene = Scene::start(&[]);
    // What would be refused, were it looked at, and what would not.
    let behind = [
        HIDDEN.to_owned(),
        "POST PATH/hidden HTTP/1.1\nHost: HOST\nContent-Length: 0\n\n".to_owned(),
        with("Content-Length: 0\r\nTransfer-Encoding: chunked"),
    ];
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (line, host) in [
        ("GET PATH/up", "HOST"),
        ("POST PATH/up", "HOST"),
        ("GET /", "HOST"),
        ("GET /healthz", "HOST"),
        ("GET /readyz", "HOST"),
        ("GET /nowhere", "HOST"),
        ("GET /t/no-such-name/up", "HOST"),
        ("GET /connect", "HOST"),
        ("POST /connect", "HOST"),
        ("GET /up", "other.test"),
    ] {
        for fields in [
            upgrade,
            "Connection: upgrade\r\nUpgrade: h2c\r\n",
            "Upgrade: x\r\n",
        ] {
            for behind in &behind {
                let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n{behind}");
                let answers = scene.say(&scene.fill(&request));
                let (status, _, count) = first_of(&answers);
                assert!(status >= 200 && count == 1, "{request:?}:\n{answers}");
                if line.contains("PATH") {
                    let (status, reason, _) = first_of(&answers);
                    assert_eq!((status, &*reason), (400, "upgrade_refused"), "{request:?}");
                }
            }
        }
    }
    scene.is_untouched(0);
}

#[test]
fn behind_a_bad_request_nothing_is_read() {
    let mut scene = Scene::start(&[]);
    let good = |name: &str| {
        format!("POST PATH/{name} HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\n\r\n{{}}")
    };
    let bad = with("Content-Length: 0\r\nTransfer-Encoding: chunked");
    let sent = [good("first"), bad, good("third")].concat();
    let answers = scene.say(&scene.fill(&sent));
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 2, "{answers}");
    assert!(answers.starts_with("HTTP/1.1 200 "), "{answers}");
    let second = &answers[answers.rfind("HTTP/1.1 ").expect("two")..];
    let (status, reason, _) = first_of(second);
    assert_eq!((status, &*reason), (400, "malformed"), "{answers}");
    assert_eq!(scene.app.next().target(), "/first");
    assert_eq!(scene.agent.delivery()["request"]["path"], "/first");
    scene.is_untouched(1);
}

#[test]
fn a_body_that_breaks_its_framing_is_never_delivered() {
    let scene = Scene::start(&[]);
    let mut connection = scene.connect();
    connection.send(scene.fill(
        "POST PATH/half HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\
         Expect: 100-continue\r\n\r\n",
    ));
    assert_eq!(connection.answer().status(), 100);
    connection.send("5\r\nhello\r\n");
    connection.send("5\r\nhello, this is more than five\r\n0\r\n\r\n");
    let answer = connection.answer();
    assert_eq!(answer.status(), 400, "{}", answer.text());
    assert_eq!(answer.one("cmhook-reason").as_deref(), Some("malformed"));
    assert_eq!(connection.rest(), b"");
    scene.is_untouched(0);
}

#[test]
fn other_protocols_are_told_so_or_cut_off() {
    let scene = Scene::start(&[]);
    let hello = {
        let mut hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
        hello.resize(517, 7);
        hello
    };
    for bytes in [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(),
        hello,
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec(),
        b"\x80\x2e\x01\x00\x02\0\0\0".to_vec(),
        b"\0\0\0\0".to_vec(),
        b"{\"jsonrpc\":\"2.0\"}\r\n\r\n".to_vec(),
    ] {
        let answers = scene.say(&bytes);
        let (status, reason, count) = first_of(&answers);
        assert_eq!(
            (status, &*reason, count),
            (400, "malformed", 1),
            "{bytes:?}: {answers}"
        );
    }
    scene.is_untouched(0);
}

#[test]
fn heads_that_are_too_large_are_431() {
    let scene = Scene::start(&[]);
    let head = "POST PATH/large HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n";
    for request in [
        format!("{head}X: {}\r\n\r\n", "x".repeat(200 << 10)),
        format!("{head}{}\r\n", "X: y\r\n".repeat(10_000)),
        format!("{head}{}\r\n", "X: y\r\n".repeat(101)),
        format!(
            "POST PATH/{} HTTP/1.1\r\nHost: HOST\r\n\r\n",
            "x".repeat(200 << 10)
        ),
        format!("{head}{}", "x".repeat(200 << 10)),
        "x".repeat(200 << 10),
    ] {
        let answers = scene.say(&scene.fill(&request));
        let (status, reason, count) = first_of(&answers);
        let begin = &request[..request.len().min(100)];
        assert_eq!(
            (status, &*reason, count),
            (431, "headers_too_large", 1),
            "{begin}: {answers}"
        );
    }
    scene.is_untouched(0);
}
