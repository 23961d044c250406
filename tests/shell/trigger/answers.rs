//! `cmhook trigger`: what comes of it.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::Value;
use tokio::sync::Barrier;

use super::{command, run, squeezed};
use crate::kit::{Place, SECRET};
use crate::support::upstream::Upstream;

fn status(code: u16, text: &'static str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = http::StatusCode::from_u16(code).expect("a status");
    answer
}

#[test]
fn what_is_not_2xx_is_shown_and_counts() {
    let place = Place::new();
    let app = Upstream::answering(|_, body| {
        let has = |part: &[u8]| body.windows(part.len()).any(|window| window == part);
        if has(b"email.opened") {
            status(401, "Invalid \x1b[2Jsignature\nand more")
        } else if has(b"email.clicked") {
            status(302, "")
        } else {
            status(204, "")
        }
    });
    let args = [
        "email.sent",
        "email.opened",
        "email.clicked",
        "--seed",
        "7",
        "--to",
        &app.target(),
    ];
    let secret = ["--secret", SECRET];
    let ran = run(&place, &[&args[..], &secret].concat()).coded(1);
    let summary = ran.stderr.split("; p50").next().unwrap_or_default();
    insta::assert_snapshot!(squeezed(&format!("{}---\n{summary}", ran.text()), &place), @r"
    204 email.sent 12ms
    401 email.opened 12ms Invalid \x1b[2Jsignature
    302 email.clicked 12ms
    ---
    hint: the signature is right for the 246 raw bytes (secret `secret-1`): the app checks something else
    hint: if it hashes re-serialised JSON: json.dumps adds a space at byte 9, json_encode escapes the slash at byte 154
    hint: hash the raw body: `data` in Node, express.json({ verify }), get_data() in Flask, php://input
    hint: it may compare with another digest, or key it with another secret
    hint: it must compare with X-Cakemail-Signature as lower-case hex, keyed with that secret as it is: no line end, no quotes
    hint: the app may read `X-Signature` (base64, as Cakemail's API does); this delivery is signed in `X-Cakemail-Signature` (hex, as in the CLI manual)
    hint: have the app read `X-Cakemail-Signature` and compare in hex; answer 401 where it is missing
    Sent 3: 1 answered 2xx; 2 answered something else
    ");
    let ran = run(&place, &[&args[..], &secret, &["--json"]].concat()).coded(1);
    assert_eq!(ran.stderr, "");
    let objects: Vec<Value> = ran
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object a line"))
        .collect();
    assert_eq!(objects.len(), 3);
    assert_eq!(objects[1]["type"], "sent");
    assert_eq!(objects[1]["event"], "email.opened");
    assert_eq!(objects[1]["target"], format!("http://{}", app.target()));
    assert_eq!(objects[1]["status"], 401);
    assert!(objects[1]["took_ms"].as_f64().is_some_and(|ms| ms > 0.0));
    assert_eq!(objects[1]["error"], Value::Null);
    let ran = run(&place, &[&args[..], &secret, &["--jq", ".status"]].concat()).coded(1);
    assert_eq!(ran.text(), "204\n401\n302\n");
    assert!(!format!("{ran:?}").contains(SECRET));
}

#[test]
fn no_answer_is_shown_and_counts() {
    let place = Place::new();
    let app = Upstream::serving("127.0.0.1:0", |_, _| Box::pin(std::future::pending()));
    let to = app.target();
    let args = ["email.sent", "--unsigned", "--to", &to, "--timeout", "50ms"];
    let ran = run(&place, &args).coded(1);
    assert!(
        ran.text().contains("did not answer within 50 ms"),
        "{}",
        ran.text()
    );
    assert!(
        ran.stderr.starts_with(" hint: answer first"),
        "{}",
        ran.stderr
    );
    let ran = run(&place, &[&args[..], &["--json"]].concat()).coded(1);
    assert_eq!(ran.json()["status"], Value::Null);
    assert_eq!(ran.json()["error"]["code"], "timeout");
    drop(app);
    let ran = run(&place, &["email.sent", "--unsigned", "--to", &to]).coded(1);
    assert!(ran.text().starts_with("--- email.sent "), "{}", ran.text());
    assert!(ran.text().contains("nothing listens on"), "{}", ran.text());
}

#[test]
fn a_rate_is_kept_and_waits_for_no_answer() {
    let place = Place::new();
    // Nobody is answered before five are there.
    let barrier = Arc::new(Barrier::new(5));
    let came = Arc::new(Mutex::new(Vec::new()));
    let times = Arc::clone(&came);
    let app = Upstream::serving("127.0.0.1:0", move |_, _| {
        times.lock().unwrap().push(Instant::now());
        let barrier = Arc::clone(&barrier);
        Box::pin(async move {
            barrier.wait().await;
            status(200, "OK")
        })
    });
    let args = [
        "email.sent",
        "--unsigned",
        "--to",
        &app.target(),
        "--count",
        "20",
        "--rate",
        "100/s",
    ];
    let ran = run(&place, &args).coded(0);
    assert_eq!(ran.text().lines().count(), 20);
    assert!(
        ran.stderr.starts_with("Sent 20: 20 answered 2xx"),
        "{}",
        ran.stderr
    );
    let came = came.lock().unwrap();
    assert_eq!(came.len(), 20);
    let whole = came[19].duration_since(came[0]);
    assert!(whole >= Duration::from_millis(150), "{whole:?}");
}

#[test]
fn a_reader_that_goes_ends_nothing_but_printing() {
    let place = Place::new();
    let spawn = |more: &[&str], count: &str| {
        let args = ["email.sent", "--unsigned", "--count", count];
        let mut child = command(&place, &[&args[..], more].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("cmhook starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    for (code, summary) in [
        (200, "Sent 200: 200 answered 2xx"),
        (500, "Sent 200: 0 answered 2xx; 200 answered something else"),
    ] {
        let app = Upstream::answering(move |_, _| status(code, ""));
        let fails = Some(i32::from(code == 500));
        let (ended, said) = spawn(&["--to", &app.target()], "200");
        assert_eq!(ended, fails, "{said}");
        assert!(said.starts_with(summary), "{said}");
        let (ended, said) = spawn(&["--to", &app.target(), "--json"], "200");
        assert_eq!((ended, &*said), (fails, ""));
        (0..400).for_each(|_| drop(app.next()));
        assert!(app.is_idle());
    }
    assert_eq!(spawn(&["--print"], "100000"), (Some(0), String::new()));
}
