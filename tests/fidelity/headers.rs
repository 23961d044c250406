//! Header fields in both directions: what is passed on as it is, what ends here, and what
//! cmhook adds.

use crate::support::listener::Listener;
use crate::support::raw::{Message, RawApp, ask, request};
use crate::support::sender::{Scheme, sign};

/// Sends a request with these fields, and gives what the app got of it.
#[track_caller]
fn through(arguments: &[&str], fields: &str) -> (Message, String) {
    let app = RawApp::saying("OK");
    let target = app.target();
    let listener = Listener::start(&[&["--ephemeral", &target], arguments].concat());
    let answer = ask(listener.address(), request("POST /", fields, b"{}"));
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let seen = app.next();
    listener.stop();
    (seen, target)
}

#[test]
fn duplicates_latin_1_and_odd_values_reach_the_app_and_the_screen() {
    let app = RawApp::saying("OK");
    let mut listener = Listener::start(&["--ephemeral", &app.target()]);
    let values: [&[u8]; 7] = [
        b"one",
        b"caf\xe9 \xa0\xff",
        b"",
        b"one",
        b"a, b; c=\"d\"",
        b"tab\there",
        "日本".as_bytes(),
    ];
    let mut sent = b"POST / HTTP/1.1\r\nHost: hooks.test\r\nContent-Length: 0\r\n".to_vec();
    for value in values {
        sent.extend_from_slice(b"X-Several: ");
        sent.extend_from_slice(value);
        sent.extend_from_slice(b"\r\n");
    }
    sent.extend_from_slice(b"\r\n");
    assert_eq!(ask(listener.address(), sent).status(), 200);
    assert_eq!(app.next().all("x-several"), values);

    let delivery = listener.delivery();
    let shown = delivery["request"]["headers"].as_array().expect("a list");
    let shown: Vec<_> = shown
        .iter()
        .filter(|field| field[0] == "x-several")
        .map(|field| field[1].as_str().expect("text"))
        .collect();
    let expected = [
        "one",
        "caf\u{e9} \u{a0}\u{ff}",
        "",
        "one",
        "a, b; c=\"d\"",
        "tab\there",
        "日本",
    ];
    assert_eq!(shown, expected);
    listener.stop();
}

#[test]
fn names_keep_their_case_on_their_way_to_the_app_and_back() {
    let app = RawApp::answering(|_| {
        b"HTTP/1.1 200 OK\r\nX-fRoM-aPP: 1\r\nETag: \"a\"\r\ncontent-LENGTH: 0\r\n\r\n".to_vec()
    });
    let listener = Listener::start(&["--ephemeral", &app.target()]);
    let fields = "x-CAKEMAIL-signature: 00\r\nX-Odd-cAsE: 1\r\nx-odd-case: 2\r\nUSER-AGENT: x\r\n";
    let answer = ask(listener.address(), request("POST /", fields, b"{}"));
    let names = |message: &Message| -> Vec<String> {
        message.fields().into_iter().map(|(name, _)| name).collect()
    };
    let seen = names(&app.next());
    for name in [
        "x-CAKEMAIL-signature",
        "X-Odd-cAsE",
        "x-odd-case",
        "USER-AGENT",
    ] {
        assert!(seen.iter().any(|n| n == name), "{name} in {seen:?}");
    }
    let answered = names(&answer);
    for name in ["X-fRoM-aPP", "ETag"] {
        assert!(answered.iter().any(|n| n == name), "{name} in {answered:?}");
    }
    listener.stop();
}

#[test]
fn what_ends_at_this_hop_does_not_reach_the_app() {
    let fields = "Connection: keep-alive, x-private, TE\r\nConnection: X-Also\r\n\
        Keep-Alive: timeout=5\r\nX-Private: 1\r\nX-Also: 1\r\nTE: trailers\r\n\
        Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic eDp5\r\nTrailer: x-sum\r\n\
        Upgrade: h2c\r\nX-Stays: 1\r\nAuthorization: Bearer stays\r\n";
    let (seen, _) = through(&[], fields);
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
        "upgrade",
    ] {
        assert!(seen.all(name).is_empty(), "{name} reached the app");
    }
    assert_eq!(seen.one("x-stays").as_deref(), Some("1"));
    assert_eq!(seen.one("authorization").as_deref(), Some("Bearer stays"));
}

#[test]
fn connection_cannot_take_away_the_host_the_signature_or_the_type() {
    let (_, signature) = sign(Scheme::CakemailHex, "s", "{}");
    let fields = format!(
        "Connection: host, X-Cakemail-Signature, x-signature, content-type, content-length\r\n\
         X-Cakemail-Signature: {signature}\r\nX-Signature: abc\r\nContent-Type: text/odd\r\n"
    );
    let (seen, target) = through(&["--secret", "s", "--reject-invalid"], &fields);
    assert_eq!(seen.one("host"), Some(target));
    assert_eq!(seen.one("x-cakemail-signature"), Some(signature));
    assert_eq!(seen.one("x-signature").as_deref(), Some("abc"));
    assert_eq!(seen.one("content-type").as_deref(), Some("text/odd"));
    assert_eq!(seen.body, b"{}");
}

#[test]
fn what_ends_at_the_apps_hop_does_not_reach_the_sender() {
    let app = RawApp::answering(|_| {
        b"HTTP/1.1 200 Very Well\r\nConnection: keep-alive, x-private\r\nKeep-Alive: timeout=5\r\n\
        X-Private: 1\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nTrailer: x-sum\r\n\
        X-Stays: 1\r\nX-Stays: 2\r\nX-Latin: caf\xe9\r\nSet-Cookie: a=1; Path=/\r\n\
        Set-Cookie: b=2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nO\0\r\n0\r\nX-Sum: 1\r\n\r\n"
            .to_vec()
    });
    let listener = Listener::start(&["--ephemeral", &app.target()]);
    let answer = ask(listener.address(), request("POST /", "", b"{}"));
    for name in [
        "connection",
        "keep-alive",
        "x-private",
        "proxy-authenticate",
        "upgrade",
        "trailer",
    ] {
        assert!(answer.all(name).is_empty(), "{name} reached the sender");
    }
    assert_eq!(answer.first_line(), "HTTP/1.1 200 Very Well");
    assert_eq!(answer.all("x-stays"), [b"1", b"2"]);
    assert_eq!(answer.all("x-latin"), [b"caf\xe9"]);
    assert_eq!(answer.all("set-cookie"), [&b"a=1; Path=/"[..], b"b=2"]);
    assert_eq!(answer.body, b"O\0");
    listener.stop();
}

#[test]
fn the_app_is_told_its_own_host_and_who_asked() {
    let (seen, target) = through(&[], "");
    assert_eq!(seen.one("host"), Some(target));
    assert_eq!(seen.one("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_eq!(seen.one("x-forwarded-host").as_deref(), Some("hooks.test"));
    assert_eq!(seen.one("x-forwarded-proto").as_deref(), Some("http"));
}

#[test]
fn the_senders_host_can_be_preserved() {
    let (seen, _) = through(&["--host-header", "preserve"], "");
    assert_eq!(seen.one("host").as_deref(), Some("hooks.test"));
    assert_eq!(seen.one("x-forwarded-host").as_deref(), Some("hooks.test"));
}

#[test]
fn what_a_proxy_in_front_said_is_kept_and_added_to() {
    let fields = "X-Forwarded-For: 203.0.113.9, 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2\r\n\
        X-Forwarded-Host: public.test\r\nX-Forwarded-Proto: https\r\n";
    let (seen, _) = through(&[], fields);
    let hops = seen.all("x-forwarded-for").join(&b", "[..]);
    assert_eq!(
        String::from_utf8_lossy(&hops),
        "203.0.113.9, 10.0.0.1, 10.0.0.2, 127.0.0.1"
    );
    assert_eq!(seen.one("x-forwarded-host").as_deref(), Some("public.test"));
    assert_eq!(seen.one("x-forwarded-proto").as_deref(), Some("https"));
}

#[test]
fn a_header_of_the_users_takes_the_place_of_the_senders() {
    let (seen, _) = through(
        &[
            "--header",
            "Authorization: Bearer mine",
            "--header",
            "X-New: a: b",
            "--header",
            "Host: chosen.test",
        ],
        "authorization: Basic eDp5\r\nAUTHORIZATION: Basic eDp6\r\n",
    );
    assert_eq!(seen.one("authorization").as_deref(), Some("Bearer mine"));
    assert_eq!(seen.one("x-new").as_deref(), Some("a: b"));
    assert_eq!(seen.one("host").as_deref(), Some("chosen.test"));
}

#[test]
fn an_empty_delivery_without_any_field_is_still_one() {
    let app = RawApp::saying("OK");
    let listener = Listener::start(&["--ephemeral", &app.target()]);
    let answer = ask(listener.address(), "POST / HTTP/1.1\r\n\r\n");
    assert_eq!(answer.status(), 200);
    let seen = app.next();
    assert_eq!(seen.body, b"");
    assert_eq!(seen.one("host"), Some(app.target()));
    listener.stop();
}
