//! What comes through a tunnel is what was sent, in both directions.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::scene::Scene;
use crate::support::raw::{RawApp, Then, ok, request};
use crate::support::sender::{Scheme, sign};

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
    "/\"quoted\"",
    "/?",
    "/??",
    "/a?b?c",
    "/a?x=1&&y=2&",
    "/a?x=%zz&y={}&z=|&w=+",
    "/a?redirect=http://example.com/../b",
    "/a?x='quoted'`tick`",
    "/t/other/x",
    "/connect",
    "/healthz",
];

#[test]
fn targets_reach_the_app_byte_for_byte() {
    let mut scene = Scene::start(&[]);
    let mut connection = scene.connect();
    for target in TARGETS {
        let line = format!("POST {}{target}", scene.path);
        connection.send(scene.relay.request(&line, "", b"{}"));
        let answer = connection.answer();
        assert_eq!(answer.status(), 200, "{target}: {}", answer.text());
        assert_eq!(scene.app.next().target(), *target);
        let shown = &scene.agent.delivery()["request"];
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (*target, None),
        };
        assert_eq!(shown["path"], path, "{target}");
        assert_eq!(shown["query"].as_str(), query, "{target}");
    }
    // A whole URL of the same host, a fragment, and nothing behind the name.
    let host = scene.relay.address();
    for (sent, reached) in [
        (format!("http://{host}{}/a%2Fb?c", scene.path), "/a%2Fb?c"),
        (scene.path.clone(), "/"),
        (format!("{}?a=b", scene.path), "/?a=b"),
        (format!("{}/x#fragment", scene.path), "/x"),
    ] {
        connection.send(scene.relay.request(&format!("POST {sent}"), "", b"{}"));
        assert_eq!(connection.answer().status(), 200, "{sent}");
        assert_eq!(scene.app.next().target(), reached, "{sent}");
    }
    scene.agent.stop();
}

#[test]
fn any_method_is_passed_on() {
    let mut scene = Scene::start(&[]);
    for method in [
        "GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "CUSTOM", "m-search",
        "brew!",
    ] {
        let line = format!("{method} {}/m", scene.path);
        let answer = scene.relay.ask(&line, "", b"body");
        assert_eq!(answer.status(), 200, "{method}: {}", answer.text());
        let seen = scene.app.next();
        assert_eq!(seen.first_line(), format!("{method} /m HTTP/1.1"));
        assert_eq!(seen.body, b"body", "{method}");
        let without = format!("{line} HTTP/1.1\r\nHost: HOST\r\n\r\n");
        let mut connection = scene.connect();
        connection.send(scene.fill(&without));
        assert_eq!(connection.answer().status(), 200, "{method}");
        assert_eq!(scene.app.next().body, b"", "{method}");
        assert_eq!(scene.agent.delivery()["request"]["method"], method);
        assert_eq!(scene.agent.delivery()["request"]["size"], 0);
    }
    scene.agent.stop();
}

#[test]
fn field_values_are_the_same_at_the_app_and_on_the_screen() {
    let mut scene = Scene::start(&[]);
    let values: [&[u8]; 7] = [
        b"one",
        b"caf\xe9 \xa0\xff",
        b"",
        b"one",
        b"a, b; c=\"d\"",
        b"tab\there",
        "日本".as_bytes(),
    ];
    let mut sent = scene.fill("POST PATH/ HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n");
    for value in values {
        sent.extend_from_slice(b"X-Several: ");
        sent.extend_from_slice(value);
        sent.extend_from_slice(b"\r\n");
    }
    sent.extend_from_slice(b"Cookie: a=1\r\nCookie: b=2\r\n\r\n");
    let mut connection = scene.connect();
    connection.send(sent);
    assert_eq!(connection.answer().status(), 200);
    let seen = scene.app.next();
    assert_eq!(seen.all("x-several"), values);
    assert_eq!(seen.all("cookie"), [b"a=1", b"b=2"]);
    let delivery = scene.agent.delivery();
    let fields = delivery["request"]["headers"].as_array().expect("a list");
    let mut names: Vec<_> = fields
        .iter()
        .filter_map(|field| field[0].as_str())
        .collect();
    let shown: Vec<_> = fields
        .iter()
        .filter(|field| field[0] == "x-several")
        .map(|field| field[1].as_str().expect("text"))
        .collect();
    let latin = "caf\u{e9} \u{a0}\u{ff}";
    assert_eq!(
        shown,
        [
            "one",
            latin,
            "",
            "one",
            "a, b; c=\"d\"",
            "tab\there",
            "日本"
        ]
    );
    // Those that were sent, and no other.
    names.retain(|name| *name != "x-several");
    names.sort_unstable();
    assert_eq!(names, ["content-length", "cookie", "cookie", "host"]);
    scene.agent.stop();
}

#[test]
fn what_the_sender_did_not_send_is_not_captured() {
    let mut scene = Scene::start(&[]);
    let names = |delivery: &serde_json::Value| -> Vec<String> {
        let fields = delivery["request"]["headers"].as_array().expect("a list");
        let names = fields.iter().filter_map(|field| field[0].as_str());
        names.map(ToOwned::to_owned).collect()
    };
    for (sent, expected) in [
        ("GET PATH/ HTTP/1.1\r\nHost: HOST\r\n\r\n", &["host"][..]),
        ("POST PATH/ HTTP/1.1\r\nHost: HOST\r\n\r\n", &["host"]),
        (
            "POST PATH/ HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            &["host"],
        ),
    ] {
        let mut connection = scene.connect();
        connection.send(scene.fill(sent));
        assert_eq!(connection.answer().status(), 200, "{sent}");
        assert_eq!(names(&scene.agent.delivery()), expected, "{sent}");
    }
    scene.agent.stop();
}

#[test]
fn an_answer_comes_back_as_the_app_gave_it() {
    let app = RawApp::answering(|_| {
        b"HTTP/1.1 207 Multi\r\nConnection: keep-alive, x-private\r\nKeep-Alive: timeout=5\r\n\
        X-Private: 1\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nTrailer: x-sum\r\n\
        Cmhook-Relay-Kept: no\r\nCmhook-Relay-Id: mine\r\nCmhook-Reason: mine\r\n\
        X-Stays: 1\r\nX-Stays: 2\r\nX-Latin: caf\xe9\r\nSet-Cookie: a=1; Path=/\r\n\
        Set-Cookie: b=2\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n\
        2\r\nO\0\r\n3\r\n\x1f\x8b\xff\r\n0\r\nX-Sum: 1\r\n\r\n"
            .to_vec()
    });
    let scene = Scene::with(app, &[], &["--ephemeral"]);
    let answer = scene.relay.ask(&format!("POST {}/", scene.path), "", b"{}");
    for name in [
        "connection",
        "keep-alive",
        "x-private",
        "proxy-authenticate",
        "upgrade",
        "trailer",
        "cmhook-relay-kept",
        "cmhook-relay-id",
    ] {
        assert!(answer.all(name).is_empty(), "{name} reached the sender");
    }
    assert_eq!(answer.status(), 207);
    assert_eq!(answer.all("x-stays"), [b"1", b"2"]);
    assert_eq!(answer.all("x-latin"), [b"caf\xe9"]);
    assert_eq!(answer.all("set-cookie"), [&b"a=1; Path=/"[..], b"b=2"]);
    assert_eq!(answer.one("content-encoding").as_deref(), Some("gzip"));
    assert_eq!(answer.body, b"O\0\x1f\x8b\xff");
    assert_eq!(answer.one("cmhook-reason").as_deref(), Some("mine"));
    // What the relay counts is not the app's to say.
    let counted = "cmhook_relay_deliveries_total{outcome=\"answered\",status=\"2xx\"} 1";
    let metrics = scene.relay.metrics();
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");
    assert!(!metrics.contains("mine"), "{metrics}");
    scene.agent.stop();
}

#[test]
fn answers_without_a_body_leave_the_connection_in_order() {
    let app = RawApp::answering(|request| {
        let head = match request.target().as_str() {
            "/204" => "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n",
            "/304" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"a\"\r\n\r\n",
            "/205" => "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
            "/head" => "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nX-A: b\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        };
        head.as_bytes().to_vec()
    });
    let scene = Scene::with(app, &[], &["--ephemeral"]);
    let mut connection = scene.connect();
    for status in [204, 304, 205, 200, 304, 204] {
        let line = format!("POST {}/{status}", scene.path);
        connection.send(scene.relay.request(&line, "", b"{}"));
        let answer = connection.answer();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.body, b"", "{status}");
        match status {
            204 => assert!(answer.all("content-length").is_empty()),
            304 => assert_eq!(answer.one("etag").as_deref(), Some("\"a\"")),
            _ => {}
        }
    }
    for _ in 0..2 {
        connection.send(scene.fill("HEAD PATH/head HTTP/1.1\r\nHost: HOST\r\n\r\n"));
        let head = connection.answer_head();
        assert_eq!(head.status(), 200);
        assert_eq!(head.one("content-length").as_deref(), Some("1234"));
        assert_eq!(head.one("x-a").as_deref(), Some("b"));
    }
    scene.agent.stop();
}

#[test]
fn every_status_and_every_redirect_is_the_senders() {
    let app = RawApp::answering(|request| {
        let status = &request.target()[1..];
        format!(
            "HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:1/there\r\nContent-Length: 2\r\n\r\nOK"
        )
        .into_bytes()
    });
    let scene = Scene::with(app, &[], &["--ephemeral"]);
    let mut connection = scene.connect();
    for status in [
        200, 299, 300, 302, 308, 400, 401, 410, 418, 429, 451, 499, 500, 503, 599, 799,
    ] {
        let line = format!("POST {}/{status}", scene.path);
        connection.send(scene.relay.request(&line, "", b"{}"));
        let answer = connection.answer();
        assert_eq!((answer.status(), &*answer.text()), (status, "OK"));
        let location = answer.one("location");
        assert_eq!(location.as_deref(), Some("http://127.0.0.1:1/there"));
    }
    scene.agent.stop();
}

#[test]
fn ten_pipelined_requests_are_ten_answers_in_order() {
    let app = RawApp::answering(|request| ok(request.target().as_bytes()));
    let mut scene = Scene::with(app, &[], &["--ephemeral"]);
    let requests: String = (0..10)
        .map(|n| match n % 3 {
            0 => format!("POST PATH/{n} HTTP/1.1\r\nHost: HOST\r\nContent-Length: 6\r\n\r\nbody {n}"),
            1 => format!("POST PATH/{n} HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nbody {n}\r\n0\r\nX-Trailer: 1\r\n\r\n"),
            _ => format!("GET PATH/{n} HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        })
        .collect();
    let mut connection = scene.connect();
    connection.send(scene.fill(&requests));
    for n in 0..10 {
        assert_eq!(connection.answer().text(), format!("/{n}"));
    }
    for n in 0..10 {
        let delivery = scene.agent.delivery();
        assert_eq!(delivery["request"]["path"], format!("/{n}"));
        let body = if n % 3 == 2 {
            String::new()
        } else {
            format!("body {n}")
        };
        assert_eq!(delivery["request"]["body"], body);
    }
    scene.agent.stop();
}

#[test]
fn expect_is_answered_by_the_relay_and_not_passed_on() {
    let scene = Scene::start(&[]);
    let mut connection = scene.connect();
    let mut times = Vec::new();
    for framing in ["Content-Length: 5", "Transfer-Encoding: chunked"].repeat(10) {
        let begin = Instant::now();
        connection.send(scene.fill(&format!(
            "POST PATH/ HTTP/1.1\r\nHost: HOST\r\n{framing}\r\nExpect: 100-continue\r\n\r\n"
        )));
        assert_eq!(connection.answer().status(), 100);
        times.push(begin.elapsed());
        connection.send(if framing.contains("chunked") {
            "5\r\nhello\r\n0\r\n\r\n"
        } else {
            "hello"
        });
        assert_eq!(connection.answer().status(), 200);
        let seen = scene.app.next();
        assert_eq!(seen.body, b"hello");
        assert!(seen.all("expect").is_empty());
    }
    println!("100 took {:?} at most", times.iter().max());
    scene.agent.stop();
}

/// More than a socket's buffers hold, so that a sender that writes everything first would be
/// stuck or reset if nobody read it.
const LARGE: usize = 12 << 20;

#[test]
fn a_body_over_the_limit_is_413_and_never_delivered() {
    let scene = Scene::start(&["--max-body", "1MB"]);
    let line = format!("POST {}/large", scene.path);
    let chunked = |size: usize| {
        let head = "POST PATH/large HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut sent = scene.fill(head);
        for _ in 0..size.div_ceil(64 << 10) {
            sent.extend_from_slice(b"10000\r\n");
            sent.resize(sent.len() + (64 << 10), b'x');
            sent.extend_from_slice(b"\r\n");
        }
        sent.extend_from_slice(b"0\r\n\r\n");
        sent
    };
    for sent in [
        scene
            .relay
            .request(&line, "Expect: 100-continue\r\n", &vec![b'x'; 1_000_001])[..200]
            .to_vec(),
        scene.relay.request(&line, "", &vec![b'x'; 1_000_001]),
        scene.relay.request(&line, "", &vec![b'x'; LARGE]),
        chunked(1_000_001),
        chunked(LARGE),
    ] {
        let mut connection = scene.connect();
        connection.send(sent);
        let answer = connection.answer();
        assert_eq!(answer.status(), 413, "{}", answer.text());
        assert_eq!(
            answer.one("cmhook-reason").as_deref(),
            Some("body_too_large")
        );
    }
    // What is just as large as it may be goes through.
    let most = scene.relay.ask(&line, "", &vec![b'x'; 1_000_000]);
    assert_eq!(most.status(), 200, "{}", most.text());
    assert_eq!(scene.app.next().body.len(), 1_000_000);
    let stopped = scene.agent.stop();
    assert_eq!(stopped["received"], 1, "{stopped}");
    assert!(scene.app.is_idle());
}

#[test]
fn a_truncated_body_is_never_delivered() {
    let scene = Scene::start(&[]);
    for body in [
        "Content-Length: 100\r\n\r\n{\"event\":",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "Transfer-Encoding: chunked\r\n\r\n50\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ] {
        let sent = scene.fill(&format!("POST PATH/half HTTP/1.1\r\nHost: HOST\r\n{body}"));
        let mut connection = scene.connect();
        connection.send(&sent);
        connection.finish();
        let answer = String::from_utf8(connection.rest()).expect("UTF-8");
        assert!(!answer.starts_with("HTTP/1.1 2"), "{body:?}: {answer}");
        // Cut off without a farewell, after the relay has begun to read the body.
        let mut connection = scene.connect();
        let (head, begin) = body.split_once("\r\n\r\n").expect("a body");
        connection.send(scene.fill(&format!(
            "POST PATH/half HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\n{head}\r\n\r\n"
        )));
        assert_eq!(connection.answer().status(), 100);
        connection.send(begin);
        connection.reset();
    }
    scene.prove_untouched(0);
}

#[test]
fn what_ends_at_this_hop_or_is_between_the_two_ends_does_not_reach_the_app() {
    let mut scene = Scene::start(&[]);
    let fields = "Connection: keep-alive, x-private, TE\r\nConnection: X-Also\r\n\
        Keep-Alive: timeout=5\r\nX-Private: 1\r\nX-Also: 1\r\nTE: trailers\r\n\
        Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic eDp5\r\nTrailer: x-sum\r\n\
        Cmhook-Relay-Id: forged\r\nCmhook-Relay-Peer: 192.0.2.1:9\r\n\
        CMHOOK-RELAY-SCHEME: https\r\nCmhook-Relay-Queued-At: 2020-01-01T00:00:00Z\r\n\
        Cmhook-Relay-Kept: 1\r\nCmhook-Relay-Else: 1\r\n\
        X-Stays: 1\r\nAuthorization: Bearer stays\r\nCmhook-Relayed: stays\r\n";
    let line = format!("POST {}/", scene.path);
    let answer = scene.relay.ask(&line, fields, b"{}");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let seen = scene.app.next();
    for name in [
        "connection",
        "keep-alive",
        "x-private",
        "x-also",
        "te",
        "proxy-connection",
        "proxy-authorization",
        "trailer",
        "transfer-encoding",
        "cmhook-relay-id",
        "cmhook-relay-peer",
        "cmhook-relay-scheme",
        "cmhook-relay-queued-at",
        "cmhook-relay-kept",
        "cmhook-relay-else",
    ] {
        assert!(seen.all(name).is_empty(), "{name} reached the app");
    }
    assert_eq!(seen.one("x-stays").as_deref(), Some("1"));
    assert_eq!(seen.one("authorization").as_deref(), Some("Bearer stays"));
    assert_eq!(seen.one("cmhook-relayed").as_deref(), Some("stays"));
    assert_eq!(seen.one("x-forwarded-proto").as_deref(), Some("http"));
    assert_eq!(seen.one("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    let host = scene.relay.address().to_string();
    assert_eq!(seen.one("x-forwarded-host"), Some(host));
    let delivery = scene.agent.delivery();
    assert_ne!(delivery["relay"]["id"], "forged", "{delivery}");
    assert!(delivery["relay"]["queued_at"].is_null(), "{delivery}");
    let peer = delivery["peer"].as_str().expect("a peer");
    assert!(peer.starts_with("127.0.0.1:"), "{peer}");
    assert!(!delivery["request"].to_string().contains("cmhook-relay-"));
    scene.agent.stop();
}

#[test]
fn connection_cannot_take_away_the_host_the_signature_or_the_type() {
    let (_, signature) = sign(Scheme::CakemailHex, "s", "{}");
    let fields = format!(
        "Connection: host, X-Cakemail-Signature, x-signature, content-type, content-length, \
         cmhook-relay-id, cmhook-relay-peer\r\n\
         X-Cakemail-Signature: {signature}\r\nX-Signature: abc\r\nContent-Type: text/odd\r\n"
    );
    let of_agent = ["--ephemeral", "--secret", "s", "--reject-invalid"];
    let scene = Scene::with(RawApp::saying("OK"), &[], &of_agent);
    let answer = scene
        .relay
        .ask(&format!("POST {}/", scene.path), &fields, b"{}");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let seen = scene.app.next();
    assert_eq!(seen.one("x-cakemail-signature"), Some(signature));
    assert_eq!(seen.one("x-signature").as_deref(), Some("abc"));
    assert_eq!(seen.one("content-type").as_deref(), Some("text/odd"));
    assert_eq!(seen.body, b"{}");
    scene.agent.stop();
}

#[test]
fn compressed_bodies_are_not_touched() {
    let scene = Scene::start(&[]);
    let body = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01\x02\0\xfd\xffhi\xac*\x93\xd8\x02\0\0\0";
    let fields = "Content-Encoding: gzip\r\nAccept-Encoding: br;q=0.1\r\n";
    let answer = scene
        .relay
        .ask(&format!("POST {}/", scene.path), fields, body);
    assert_eq!(answer.status(), 200);
    let seen = scene.app.next();
    assert!(seen.body == body, "the app got other bytes");
    assert_eq!(seen.one("content-encoding").as_deref(), Some("gzip"));
    assert_eq!(seen.one("accept-encoding").as_deref(), Some("br;q=0.1"));
    scene.agent.stop();
}

#[test]
fn a_large_head_goes_through_whole() {
    let scene = Scene::start(&[]);
    let value = "x".repeat(60 << 10);
    let fields = format!("X-Large: {value}\r\n{}", "X-Many: 1\r\n".repeat(97));
    let answer = scene
        .relay
        .ask(&format!("POST {}/", scene.path), &fields, b"{}");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let seen = scene.app.next();
    assert_eq!(seen.all("x-many").len(), 97);
    assert_eq!(seen.one("x-large").map(|value| value.len()), Some(60 << 10));
    scene.agent.stop();
}

#[test]
fn an_answer_that_breaks_off_does_so_for_the_sender_too() {
    let app = RawApp::serving(Duration::from_secs(5), |request, stream| {
        if request.target() != "/half" {
            stream.write_all(&ok(b"OK"))?;
            return Ok(Then::GoOn);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n")?;
        stream.write_all(&vec![b'x'; 3_000_000])?;
        Ok(Then::Close)
    });
    let scene = Scene::with(app, &[], &["--ephemeral"]);
    let mut connection = scene.connect();
    let line = format!("POST {}/half", scene.path);
    connection.send(scene.relay.request(&line, "", b"{}"));
    if let Ok(answer) = connection.try_answer() {
        assert_ne!(answer.status(), 200, "half an answer for a whole one");
    }
    // The tunnel and other deliveries are not affected.
    let answer = scene.relay.ask(&format!("POST {}/", scene.path), "", b"{}");
    assert_eq!(answer.text(), "OK");
    scene.agent.stop();
}

#[test]
fn the_senders_port_comes_with_it() {
    let mut scene = Scene::start(&[]);
    let stream = std::net::TcpStream::connect(scene.relay.address()).expect("it listens");
    let own = stream.local_addr().expect("an address").to_string();
    let line = format!("POST {}/", scene.path);
    (&stream)
        .write_all(&scene.relay.request(&line, "", b"{}"))
        .expect("it is read");
    assert_eq!(scene.agent.delivery()["peer"], own);
    // A request of a stranger to the listener itself is no relayed one.
    let direct = crate::support::raw::ask(
        scene.agent.address(),
        request(
            "POST /direct",
            "Cmhook-Relay-Id: forged\r\nCmhook-Relay-Peer: 192.0.2.1:9\r\n",
            b"{}",
        ),
    );
    assert_eq!(direct.status(), 200);
    let delivery = scene.agent.delivery();
    assert!(delivery["relay"].is_null(), "{delivery}");
    assert!(
        delivery["peer"]
            .as_str()
            .is_some_and(|peer| peer.starts_with("127.0.0.1:"))
    );
    scene.agent.stop();
}

#[test]
fn an_old_sender_is_understood() {
    let app = RawApp::answering(|_| {
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
            .to_vec()
    });
    let scene = Scene::with(app, &[], &["--ephemeral"]);
    let sent = scene.fill("POST PATH/ HTTP/1.0\r\nHost: HOST\r\nContent-Length: 2\r\n\r\n{}");
    let answer = scene.say(&sent);
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    assert!(head.starts_with("HTTP/1.0 200 "), "{head}");
    let head = head.to_lowercase();
    assert!(!head.contains("transfer-encoding"), "{head}");
    assert_eq!(body, "onetwo");
    scene.agent.stop();
}
