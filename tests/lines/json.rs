//! `--json` against `docs/json.md`: what is printed is what is documented, field for field,
//! and nothing else is on standard output.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value;

use crate::captured::{Listening, StalledReader, command, run};
use crate::support::document::{Checker, documentation};
use crate::support::listener::{Listener, home, object};
use crate::support::raw::{Connection, RawApp, Then, accepting, ask, ok, request};
use crate::support::sender::{Scheme, sign};

/// Everything that a listener can print, with that target and that request.
fn lines_of(args: &[&str], requests: &[Vec<u8>], wait: &[(&str, usize)]) -> Vec<Value> {
    let listener = Listening::start_in(home(), &[&["--json"], args].concat(), |_| {});
    for request in requests {
        ask(listener.address, request);
    }
    for (kind, times) in wait {
        let text = format!("{{\"type\":\"{kind}\"");
        listener.process.out.wait_for_times(&text, *times);
    }
    let ended = listener.process.stop();
    let objects = ended.objects();
    assert_eq!(objects[0]["type"], "ready", "{}", ended.text());
    let last = objects.last().expect("two lines at least");
    assert_eq!(last["type"], "stopped", "{}", ended.text());
    objects
}

#[test]
fn what_is_printed_is_what_is_documented() {
    let mut checker = Checker::new();
    let app = RawApp::saying("OK");
    let signed = |secret: &str| {
        let (name, value) = sign(Scheme::CakemailHex, secret, r#"{"event":"email.opened"}"#);
        let field = format!("{name}: {value}\r\n");
        request("POST /a?b=c", &field, br#"{"event":"email.opened"}"#)
    };
    let all = lines_of(
        &["-s", "right", "--max-body", "100", &app.target()],
        &[
            signed("right"),
            signed("wrong"),
            request("POST /", "", b"\xff"),
            request("POST /", "", &[0; 101]),
        ],
        &[("attempt", 3), ("refused", 1)],
    );
    let own = lines_of(&["--ephemeral"], &[signed("any")], &[("answer", 1)]);
    let fails = lines_of(
        &["--ephemeral", "127.0.0.1:1"],
        &[signed("any")],
        &[("attempt", 1)],
    );
    let cannot = run(&["listen", "--json", "--keep", "0"]).objects();
    for object in all.iter().chain(&own).chain(&fails).chain(&cannot) {
        checker.check(object);
    }
    // A document's example is a line too.
    let document = documentation();
    let example = document.split("```json\n").nth(1).expect("an example");
    for line in example.lines().take_while(|line| !line.starts_with("```")) {
        checker.check(&object(line));
    }
    // An edited copy is made by a command, which is tested there.
    let stream = ["ready", "attempt", "answer", "refused", "error", "stopped"];
    checker.complete(&stream);
}

#[test]
fn each_failure_and_refusal_has_a_documented_code() {
    let mut checker = Checker::new();
    let late = Duration::from_secs(30);
    let silent = RawApp::serving(late, |_, _| Ok(Then::GoOn));
    let closing = RawApp::serving(late, |_, _| Ok(Then::Close));
    let babbling = accepting(|mut stream| {
        stream.write_all(b"220 mail.test ESMTP\r\n")?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    });
    for (target, code) in [
        ("127.0.0.1:1".to_owned(), "refused"),
        (silent.target(), "timeout"),
        (closing.target(), "closed"),
        (babbling.to_string(), "protocol"),
        (format!("https://{babbling}"), "tls"),
        ("no-such-host.invalid:80".to_owned(), "dns"),
    ] {
        let args = ["--ephemeral", "--timeout", "2s", &target];
        let lines = lines_of(&args, &[request("POST /", "", b"{}")], &[("attempt", 1)]);
        checker.check_all(&lines);
        let attempt = lines.iter().find(|line| line["type"] == "attempt");
        assert_eq!(attempt.expect("it was waited for")["error"]["code"], code);
    }

    let listener = Listening::start(&["--json", "--max-body", "10"]);
    let wide = format!("POST / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(66 << 10));
    for sent in [
        &b"nonsense\r\n\r\n"[..],
        wide.as_bytes(),
        &request("POST /", "", &[0; 11]),
    ] {
        ask(listener.address, sent);
    }
    let mut half = Connection::open(listener.address);
    half.send("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf");
    half.finish();
    half.rest();
    listener
        .process
        .out
        .wait_for_times("\"type\":\"refused\"", 4);
    let lines = listener.process.stop().objects();
    checker.check_all(&lines);
    let codes: Vec<_> = lines
        .iter()
        .filter(|l| l["type"] == "refused")
        .map(|l| &l["code"])
        .collect();
    assert_eq!(
        codes,
        [
            "malformed",
            "headers_too_large",
            "body_too_large",
            "incomplete"
        ]
    );
}

#[test]
fn bodies_and_headers_are_kept_to_the_byte() {
    let odd: Vec<u8> = (0..=255).collect();
    let answered = odd.clone();
    let app = RawApp::answering(move |_| ok(&answered));
    let fields = "X-Latin: caf\u{e9}\r\n".replace('\u{e9}', "\0");
    let mut fields = fields.into_bytes();
    let at = fields
        .iter()
        .position(|b| *b == 0)
        .expect("it was put there");
    fields[at] = 0xe9;
    let raw = |body: &[u8]| {
        let head = format!(
            "POST /p?q HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n",
            body.len()
        );
        [head.as_bytes(), &fields, b"\r\n", body].concat()
    };
    let text = "text: ✓ \u{202e}\u{2028}\u{9b}\0\x1b[31m".as_bytes();
    let args = ["--ephemeral", &app.target()];
    let lines = lines_of(&args, &[raw(&odd), raw(text), raw(b"")], &[("attempt", 3)]);
    let of = |kind: &str| -> Vec<Value> {
        lines
            .iter()
            .filter(|l| l["type"] == kind)
            .cloned()
            .collect()
    };
    let bytes = |of: &Value| -> Vec<u8> {
        use base64::Engine as _;
        let body = of["body"].as_str().expect("text");
        match of["body_encoding"].as_str() {
            Some("utf8") => body.as_bytes().to_vec(),
            Some("base64") => {
                let engine = base64::engine::general_purpose::STANDARD;
                engine.decode(body).expect("base64")
            }
            other => panic!("{other:?}"),
        }
    };
    for (delivery, sent) in of("delivery").iter().zip([&odd[..], text, b""]) {
        let request = &delivery["request"];
        assert_eq!(bytes(request), sent);
        assert_eq!(request["size"], sent.len());
        assert_eq!(
            (&request["path"], &request["query"]),
            (&"/p".into(), &"q".into())
        );
        let headers = request["headers"].as_array().expect("a list");
        assert!(
            headers.contains(&serde_json::json!(["x-latin", "caf\u{e9}"])),
            "{request}"
        );
    }
    for attempt in of("attempt") {
        assert_eq!(bytes(&attempt["response"]), odd);
        assert_eq!(attempt["response"]["size"], 256);
        assert_eq!(attempt["response"]["truncated"], false);
    }
}

#[test]
fn times_and_durations_are_what_the_document_says() {
    let app = RawApp::saying("OK");
    let mut listener = Listener::start(&["--ephemeral", &app.target()]);
    let before = jiff::Timestamp::now();
    ask(listener.address(), request("POST /", "", b"{}"));
    let delivery = listener.delivery();
    let attempt = listener.attempt(&delivery);
    let after = jiff::Timestamp::now();
    let time = |value: &Value| -> jiff::Timestamp {
        let text = value.as_str().expect("text");
        assert!(text.ends_with('Z'), "{text}");
        text.parse().expect("RFC 3339")
    };
    let (received, started) = (time(&delivery["received_at"]), time(&attempt["started_at"]));
    // What is kept is cut to microseconds.
    let before = before.as_microsecond();
    assert!(
        before <= received.as_microsecond() && received <= after,
        "{delivery}"
    );
    assert!(
        before <= started.as_microsecond() && started <= after,
        "{attempt}"
    );
    let took = attempt["took_ms"].as_f64().expect("a number");
    let first = attempt["response"]["first_byte_ms"]
        .as_f64()
        .expect("a number");
    assert!(0.0 < first && first <= took && took < 30_000.0, "{attempt}");
    listener.stop();
}

/// A reader that stops for a while gets everything that is still kept, each line once.
#[test]
fn a_reader_that_falls_behind_loses_nothing() {
    const DELIVERIES: usize = 3000;
    let app = RawApp::saying("OK");
    let home = home();
    let mut command = command(home.path());
    let target = app.target();
    command.args(["listen", "-l", "0", "--ephemeral", "--json", &target]);
    let mut child = StalledReader::start(&mut command, std::process::Stdio::null());
    let mut connection = Connection::open(child.address);
    // More than a pipe and the channel to the thread that writes hold together; the first
    // is already more than a pipe holds, so that the thread waits with a line half written.
    for number in 0..DELIVERIES {
        let size = if number == 0 { 1 << 20 } else { 1000 };
        connection.send(request("POST /", "", &vec![b'x'; size]));
        assert_eq!(connection.answer().status(), 200);
    }
    let text = child
        .read_on()
        .wait_for_times("\"type\":\"attempt\"", DELIVERIES);
    let lines: Vec<_> = text.lines().map(object).collect();
    let of = |kind: &str, id: &str| -> Vec<Option<u64>> {
        let lines = lines.iter().filter(|line| line["type"] == kind);
        lines.map(|line| line[id].as_u64()).collect()
    };
    let deliveries = of("delivery", "id");
    let mut attempts = of("attempt", "delivery");
    let all: Vec<_> = (1..=DELIVERIES as u64).map(Some).collect();
    assert_eq!(deliveries, all);
    attempts.sort_unstable();
    assert_eq!(attempts, all);
}

#[test]
fn quiet_writes_the_first_line_and_the_last() {
    let app = RawApp::saying("OK");
    let args = ["--ephemeral", "--quiet", &app.target()];
    let lines = lines_of(&args, &[request("POST /", "", b"{}")], &[]);
    let kinds: Vec<_> = lines.iter().map(|line| &line["type"]).collect();
    assert_eq!(kinds, ["ready", "stopped"]);
    assert_eq!(lines[1]["received"], 1);
}

#[test]
fn counts_are_of_what_happened() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let nobody = free.local_addr().expect("a port").to_string();
    drop(free);
    let app = RawApp::saying("OK");
    let body = br#"{"event":"email.opened"}"#;
    let (name, value) = sign(Scheme::ApiBase64, "right", body);
    let lines = lines_of(
        &[
            "--ephemeral",
            "-s",
            "right",
            "-f",
            &app.target(),
            "-f",
            &nobody,
            "--keep",
            "2",
        ],
        &[
            request("POST /", &format!("{name}: {value}\r\n"), body),
            request("POST /", &format!("{name}: x{value}\r\n"), body),
            request("POST /", "", body),
            b"POST /two words HTTP/1.1\r\n\r\n".to_vec(),
        ],
        &[("attempt", 6), ("refused", 1)],
    );
    let mut stopped = lines.last().expect("a last line").clone();
    stopped.as_object_mut().expect("an object").remove("type");
    assert_eq!(
        stopped,
        serde_json::json!({
            "received": 3, "valid": 1, "invalid": 1, "unsigned": 1, "unchecked": 0,
            "answered": 3, "errors": 0, "failed": 3, "refused": 1, "evicted": 1, "unsaved": 0,
        })
    );
}
