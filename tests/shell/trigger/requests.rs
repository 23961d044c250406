//! `cmhook trigger`: what is sent.

use std::fmt::Write as _;

use serde_json::Value;

use super::run;
use crate::kit::{Place, SECRET, masked};
use crate::support::sender::{Scheme, sign};
use crate::support::upstream::Upstream;

/// The body behind a printed request's head.
fn body(request: &[u8]) -> &[u8] {
    let end = request.windows(4).position(|four| four == b"\r\n\r\n");
    &request[end.expect("a head") + 4..]
}

#[test]
fn an_app_gets_what_print_writes() {
    let place = Place::new();
    let app = Upstream::start();
    let to = format!("http://{}/a/b", app.target());
    let args = [
        "email.clicked",
        "Contact.Added",
        "--seed",
        "7",
        "--to",
        &to,
        "--secret",
        SECRET,
        "--scheme",
        "cakemail-base64",
        "--count",
        "2",
        "-H",
        "X-Extra: 1",
        "-H",
        "X-Extra: 2",
        "-H",
        "User-Agent: mine",
    ];
    run(&place, &args).coded(0);
    let printed = run(&place, &[&args[..], &["--print"]].concat()).coded(0);
    let again = run(&place, &[&args[..], &["--print"]].concat()).coded(0);
    assert_eq!(
        printed.text(),
        again.text(),
        "the same seed, the same bytes"
    );
    let mut seen = Vec::new();
    for _ in 0..4 {
        let request = app.next();
        assert_eq!(request.parts.uri.path(), "/a/b");
        let mut text = "POST /a/b HTTP/1.1\r\n".to_owned();
        for (name, value) in &request.parts.headers {
            let value = value.to_str().unwrap();
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        let (name, value) = sign(Scheme::CakemailBase64, SECRET, &request.body);
        assert_eq!(request.parts.headers[name], value);
        text.push_str("\r\n");
        text.push_str(std::str::from_utf8(&request.body).unwrap());
        seen.push(text);
    }
    assert_eq!(printed.text(), seen.concat());
    assert_ne!(seen[0], seen[2], "each time another contact");
    assert!(app.is_idle());
    insta::assert_snapshot!(masked(&seen[0].replace('\r', ""), &place));
    let other = run(
        &place,
        &["email.clicked", "--seed", "8", "--unsigned", "--print"],
    )
    .coded(0);
    assert_ne!(body(&other.stdout), body(&printed.stdout));
    assert!(
        other
            .text()
            .starts_with("POST / HTTP/1.1\r\nhost: localhost\r\n")
    );
}

#[test]
fn values_are_set_and_files_are_sent_byte_for_byte() {
    let place = Place::new();
    let app = Upstream::start();
    let to = app.target();
    let args = [
        "email.clicked",
        "--unsigned",
        "--to",
        &to,
        "--seed",
        "1",
        "--set",
        "data.email=\u{202e}\r\nx\u{0}\"\\",
        "--set",
        "data.n=5",
        "--set",
        "data[\"a=b\"]=[]",
    ];
    // A NUL cannot be an argument, so this one is not.
    let args: Vec<_> = args.iter().map(|arg| arg.replace('\0', "\u{1}")).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    run(&place, &args).coded(0);
    let sent = app.next().body;
    let value: Value = serde_json::from_slice(&sent).expect("JSON");
    assert_eq!(value["data"]["email"], "\u{202e}\r\nx\u{1}\"\\");
    assert_eq!(value["data"]["n"], 5);
    assert_eq!(value["data"]["a=b"], serde_json::json!([]));
    assert!(sent.windows(2).any(|two| two == br"\/"), "the rest stays");

    let bytes = b"\xff\x00 {\"event\":\r\n\x1b[2J not json".to_vec();
    std::fs::write(place.path().join("payload"), &bytes).unwrap();
    let file = ["--to", &to, "--secret", SECRET, "--from-file"];
    run(&place, &[&file[..], &["payload"]].concat()).coded(0);
    let seen = app.next();
    assert_eq!(seen.body, bytes);
    let (name, value) = sign(Scheme::CakemailHex, SECRET, &bytes);
    assert_eq!(seen.parts.headers[name], value);
    let args = [&["trigger"], &file[..], &["-"]].concat();
    place.run_with(&args, b"{\"event\":\"a.b\"}").coded(0);
    assert_eq!(app.next().body, "{\"event\":\"a.b\"}");
    let print = ["--from-file", "payload", "--unsigned", "--print"];
    assert_eq!(body(&run(&place, &print).coded(0).stdout), bytes);
    assert!(app.is_idle());
}

#[test]
fn mistakes_are_named_before_anything_is_sent() {
    let place = Place::new();
    let app = Upstream::start();
    let to = app.target();
    std::fs::write(place.path().join("text"), "not json").unwrap();
    let mut said = String::new();
    for args in [
        &["emial.opened"][..],
        &["emial.*"],
        &["email.sent", "nonsense\u{1b}[31m"],
        &[""],
        &[],
        &["email.sent", "--set", "data.email"],
        &["email.sent", "--set", "data..x=1"],
        &["email.sent", "campaign.sent", "--set", "data.email.x=1"],
        &["email.sent", "--set", "data[\"\u{1b}]0;x\"=1"],
        &["--from-file", "text", "--set", "a=1"],
        &["--from-file", "nowhere"],
        &["email.*", "--from-file", "text"],
        &["email.sent", "-H", "X-A: 1\r\nX-B: 2"],
        &["email.sent", "-H", "X-A: 1\nX-B: 2"],
        &["email.sent", "-H", "X A: 1"],
        &["email.sent", "-H", "X-A"],
        &["email.sent", "-H", "Content-Length: 1"],
        &["email.sent", "-H", "Transfer-Encoding: chunked"],
        &["email.sent", "--rate", "fast"],
        &["email.sent", "--count", "0"],
        &["email.sent", "--timeout", "soon"],
        &["email.sent", "--scheme", "md5"],
        &["email.sent", "--envelope", "none"],
        &["email.sent", "--json", "stat"],
        &["email.sent", "--jq", ".["],
        &["email.sent", "--secret", ""],
    ] {
        let ran = run(&place, &[args, &["--to", &to]].concat()).coded(2);
        assert!(!ran.stderr.contains('\x1b'), "{}", ran.stderr);
        let lines = ran.stderr.lines().take_while(|line| !line.is_empty());
        said.extend(lines.map(|line| format!("{line}\n")));
    }
    let ran = run(&place, &["email.sent", "--to", "no host"]).coded(2);
    said.push_str(&ran.stderr);
    insta::assert_snapshot!("trigger_mistakes", said);
    assert!(app.is_idle());
    let ran = run(&place, &["emial.opened", "--json"]).coded(2);
    assert_eq!(ran.json()["code"], "usage");
}

#[test]
fn each_event_is_signed_with_its_own_secret() {
    let place = Place::new();
    let app = Upstream::start();
    let folder = place.path().join("config/cmhook");
    std::fs::create_dir_all(&folder).unwrap();
    let config = r#"
        forward = "1"
        headers = ["X-For-The-App: 1"]
        [[secrets]]
        label = "first"
        value = "one"
        [[secrets]]
        event = "Email.ReportedAsSpam"
        value = "two"
    "#;
    std::fs::write(folder.join("cmhook.toml"), config).unwrap();
    let to = app.target();
    run(&place, &["email.sent", "email.complained", "--to", &to]).coded(0);
    for key in ["one", "two"] {
        let seen = app.next();
        let (name, value) = sign(Scheme::CakemailHex, key, &seen.body);
        assert_eq!(seen.parts.headers[name], value);
        assert!(!seen.parts.headers.contains_key("x-for-the-app"));
    }
    // Of a file nobody knows the event but its user.
    std::fs::write(place.path().join("x"), "not json").unwrap();
    run(&place, &["email.spam_complaint", "-f", "x", "--to", &to]).coded(0);
    let (name, value) = sign(Scheme::CakemailHex, "two", "not json");
    assert_eq!(app.next().parts.headers[name], value);
    // Whatever is named beside it, what is said to be sent is what is in it.
    std::fs::write(place.path().join("b.json"), r#"{"event":"email.bounced"}"#).unwrap();
    let args = ["email.spam_complaint", "-f", "b.json", "--to", &to];
    let ran = run(&place, &args).coded(0);
    assert!(
        ran.text().starts_with("200 email.bounced "),
        "{}",
        ran.text()
    );
    let seen = app.next();
    let (name, value) = sign(Scheme::CakemailHex, "two", &seen.body);
    assert_eq!(seen.parts.headers[name], value);
    let ran = run(&place, &[&args[..], &["--jq", ".event"]].concat()).coded(0);
    assert_eq!(ran.text(), "email.bounced\n");
    drop(app.next());
    // One that is given is meant, whatever else is known.
    let args = ["email.complained", "--secret", "three", "--to", &to];
    run(&place, &args).coded(0);
    let seen = app.next();
    let (name, value) = sign(Scheme::CakemailHex, "three", &seen.body);
    assert_eq!(seen.parts.headers[name], value);
    // One that is wrong on purpose.
    let wrong = "X-Cakemail-Signature: wrong";
    run(&place, &["email.sent", "-H", wrong, "--to", &to]).coded(0);
    assert_eq!(app.next().parts.headers["x-cakemail-signature"], "wrong");
}

#[test]
fn a_signature_set_by_hand_is_one() {
    let place = Place::new();
    let app = Upstream::start();
    let to = app.target();
    for header in ["x-cakemail-signature: wrong", "X-CAKEMAIL-SIGNATURE: wrong"] {
        let args = ["email.sent", "-H", header, "--to", &to];
        assert_eq!(run(&place, &args).coded(0).stderr, "");
        let printed = run(&place, &[&args[..], &["--print"]].concat()).coded(0);
        assert_eq!(printed.stderr, "");
    }
    let args = ["email.sent", "-H", "X-Other: 1", "--to", &to];
    let ran = run(&place, &args).coded(0);
    assert!(ran.stderr.contains("nothing is signed"), "{}", ran.stderr);
}
