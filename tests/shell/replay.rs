//! `cmhook replay`.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::Value;

use crate::kit::{DELIVERIES, Place, Ran, SECRET, app, masked};
use crate::show::in_a_terminal;
use crate::support::needs::{needs, works};
use crate::support::process::Process;
use crate::support::sender::{Scheme, sign};
use crate::support::upstream::{Answer, Seen, Upstream};

/// The objects of a run's JSON lines, but for the summary, which is the last.
#[track_caller]
fn objects(ran: &Ran) -> (Vec<Value>, Value) {
    let lines = ran.text().lines();
    let mut objects: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let summary = objects.pop().expect("a summary");
    assert_eq!(summary["type"], "summary", "{summary}");
    (objects, summary)
}

fn header<'s>(seen: &'s Seen, name: &str) -> Option<&'s str> {
    let value = seen.parts.headers.get(name)?;
    Some(value.to_str().expect("ASCII"))
}

fn answer(status: u16, body: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = http::StatusCode::from_u16(status).expect("a status");
    answer
}

fn secret() -> String {
    format!("main={SECRET}")
}

#[test]
fn help_is_as_it_was_reviewed() {
    let place = Place::new();
    insta::assert_snapshot!(
        "help_replay",
        place.run(&["replay", "--help"]).coded(0).text()
    );
}

#[test]
fn the_bytes_that_came_are_sent_again() {
    let place = Place::new();
    place.fill();
    let app = app();
    let ran = place
        .run(&["replay", "1..", "--to", &app.target()])
        .coded(0);
    insta::assert_snapshot!("replay_all", masked(ran.text(), &place));
    for (id, (body, signed)) in (1..).zip(DELIVERIES) {
        let seen = app.next();
        assert_eq!(seen.body, body.as_bytes());
        assert_eq!(seen.parts.uri.path(), "/webhooks/cakemail");
        assert_eq!(header(&seen, "cmhook-replay-of"), Some(&*format!("{id}")));
        assert_eq!(
            header(&seen, "x-cakemail-signature").is_some(),
            signed.is_some()
        );
    }
    assert!(app.is_idle());
    // It is an attempt of the same delivery.
    let shown = place.run(&["show", "1", "--json"]).coded(0).json();
    assert_eq!(shown["replays"], 1);
    assert_eq!(shown["attempts"][1]["cause"], "replay");
    let none_new = place.run(&["show", "last", "--jq", ".id"]).coded(0);
    assert_eq!(none_new.text(), "5\n");
    // Two attempts of one delivery can be compared.
    place.run(&["diff", "1@1", "1@2"]).coded(0);
}

#[test]
fn the_target_is_the_last_listeners() {
    let place = Place::new();
    let app = app();
    place.fill_through(&app);
    (0..DELIVERIES.len()).for_each(|_| drop(app.next()));
    place.run(&["replay", "last"]).coded(0);
    assert_eq!(app.next().body, DELIVERIES[4].0);
    let nowhere = Place::new();
    let mut listener = nowhere.listener(&[]);
    crate::support::sender::post(listener.address(), None, "{}");
    listener.delivery();
    listener.stop();
    let ran = nowhere.run(&["replay", "last"]).coded(1);
    assert!(ran.stderr.contains("there is no target"), "{}", ran.stderr);
    assert_eq!(ran.text(), "");
}

#[test]
fn a_running_listener_sends_it_and_its_faces_see_it() {
    let place = Place::new();
    let app = app();
    let mut listener = place.listener(&["--forward", &app.target(), "--secret", &secret()]);
    crate::kit::send_all(&mut listener);
    place.run(&["replay", "1"]).coded(0);
    let attempt = listener.next("attempt");
    assert_eq!(
        (&attempt["delivery"], &attempt["cause"]),
        (&1.into(), &"replay".into())
    );
    // Its secrets are known to it alone.
    let ran = place
        .run(&["replay", "1", "--set", "data.email=a@b.c", "--json"])
        .coded(0);
    let (sent, _) = objects(&ran);
    assert_eq!(
        sent[0]["edits"],
        serde_json::json!([
            "set data.email",
            "signed anew (cakemail-hex, secret `main`)"
        ])
    );
    let delivery = listener.delivery();
    assert_eq!(
        (&delivery["id"], &delivery["original"]),
        (&6.into(), &1.into())
    );
    assert_eq!(delivery["verdict"]["status"], "valid");
    let ran = place
        .run(&["replay", "4", "--sign-with", "main", "--json"])
        .coded(0);
    assert_eq!(
        objects(&ran).0[0]["edits"][0],
        "signed anew (cakemail-hex, secret `main`)"
    );
    listener.stop();
}

#[test]
fn an_edit_is_signed_anew_and_names_its_original() {
    let place = Place::new();
    place.fill();
    let app = app();
    let secret = secret();
    let edit = |args: &[&str]| {
        let to = app.target();
        let base = ["replay", "--to", &to, "--secret", &secret];
        place.run(&[&base[..], args].concat()).coded(0)
    };
    let ran = edit(&[
        "2",
        "--set",
        "data.email=a@b.c",
        "--delete",
        "data.url",
        "-H",
        "X-Extra: 1",
    ]);
    insta::assert_snapshot!("replay_edited", masked(ran.text(), &place));
    let seen = app.next();
    let body = DELIVERIES[1].0.replace("zoé@example.com", "a@b.c");
    let body = body.replace(r#","url":"https:\/\/example.com\/a""#, "");
    assert_eq!(seen.body, body.as_bytes());
    let signature = sign(Scheme::CakemailHex, SECRET, &body).1;
    assert_eq!(header(&seen, "x-cakemail-signature"), Some(&*signature));
    assert_eq!(header(&seen, "x-extra"), Some("1"));
    assert_eq!(header(&seen, "cmhook-replay-of"), Some("2"));
    assert_eq!(
        header(&seen, "content-length"),
        Some(&*body.len().to_string())
    );
    let copy = place.run(&["show", "last", "--json"]).coded(0).json();
    assert_eq!((&copy["id"], &copy["original"]), (&6.into(), &2.into()));
    assert_eq!(copy["verdict"]["status"], "valid");
    let original = place.run(&["show", "2", "--body"]).coded(0);
    assert_eq!(original.stdout, DELIVERIES[1].0.as_bytes());
    let diff = place.run(&["diff", "6"]).coded(1);
    insta::assert_snapshot!("diff_edited", masked(diff.text(), &place));

    edit(&["1", "--scheme", "api-base64"]);
    let seen = app.next();
    assert_eq!(header(&seen, "x-cakemail-signature"), None);
    let signature = sign(Scheme::ApiBase64, SECRET, DELIVERIES[0].0).1;
    assert_eq!(header(&seen, "x-signature"), Some(&*signature));

    edit(&["1", "--unsigned"]);
    assert_eq!(header(&app.next(), "x-cakemail-signature"), None);

    let ran = edit(&["1", "--sign-with", "other-sentinel"]);
    assert!(!format!("{ran:?}").contains("sentinel"), "{ran:?}");
    let signature = sign(Scheme::CakemailHex, "other-sentinel", DELIVERIES[0].0).1;
    assert_eq!(
        header(&app.next(), "x-cakemail-signature"),
        Some(&*signature)
    );

    // What the edits leave as it was is no edit.
    edit(&[
        "1",
        "--set",
        "data.campaign_id=790",
        "--delete",
        "data.nope",
    ]);
    let seen = app.next();
    assert_eq!(seen.body, DELIVERIES[0].0.as_bytes());
    let newest = place.run(&["show", "last", "--jq", ".id"]).coded(0);
    assert_eq!(newest.text(), "9\n");
}

#[test]
fn what_cannot_be_sent_so_is_said_before_anything_is() {
    let place = Place::new();
    place.fill();
    let app = app();
    let to = app.target();
    for (args, code, said) in [
        (&["replay"][..], 2, "no delivery is named"),
        (&["replay", "9"], 1, "there is no delivery #9"),
        (
            &["replay", "nope"],
            2,
            "`nope` names no delivery and is no file",
        ),
        (&["replay", "1", "nope"], 2, "are replayed apart"),
        (
            &["replay", "--filter", "event:nope"],
            1,
            "No delivery matches.",
        ),
        (
            &["replay", "1..", "--set", "a=1"],
            1,
            "cannot edit #5: the payload is not JSON",
        ),
        (
            &["replay", "1", "--set", "event.x=1"],
            1,
            "cannot edit #1: `event` is a text",
        ),
        (
            &["replay", "1", "--set", "a=1"],
            1,
            "no secret is known to sign with",
        ),
        (&["replay", "1", "--set", "a"], 2, "has no `=`"),
        (
            &["replay", "1", "-H", "X: a\r\nY: b"],
            2,
            "control character",
        ),
        (&["replay", "1", "-H", "X: a\n"], 2, "control character"),
        (
            &["replay", "1", "-H", "Content-Length: 1"],
            2,
            "is set by the connection itself",
        ),
        (
            &["replay", "1", "--expect", "ok"],
            2,
            "`--expect ok` is no status",
        ),
        (
            &["replay", "1", "--rate", "fast"],
            2,
            "`--rate fast` is no rate",
        ),
        (&["replay", "1", "--paced=0"], 2, "`--paced=0` is no speed"),
        (
            &["replay", "1", "--to", "ftp://x"],
            2,
            "`--to`: `ftp://x` is not a target",
        ),
        (
            &["replay", "1", "--scheme", "md5"],
            2,
            "there is no scheme `md5`",
        ),
        (
            &["replay", "1", "--unsigned", "--sign-with", "x"],
            2,
            "cannot be used with",
        ),
        (
            &["replay", "1", "--paced", "--shuffle", "1"],
            2,
            "cannot be used with",
        ),
        (&["replay", "1", "--times", "0"], 2, "--times"),
    ] {
        let mut args = args.to_vec();
        if !args.contains(&"--to") {
            args.extend(["--to", &to]);
        }
        let ran = place.run(&args).coded(code);
        assert!(ran.stderr.contains(said), "{args:?}: {}", ran.stderr);
    }
    assert!(app.is_idle());
    let empty = Place::new();
    let ran = empty.run(&["replay", "1"]).coded(1);
    assert!(ran.stderr.contains("there is no store"), "{}", ran.stderr);
}

#[test]
fn expectations_make_it_a_test() {
    let place = Place::new();
    place.fill();
    let app = app();
    let to = app.target();
    place
        .run(&["replay", "1", "4", "--to", &to, "--expect", "2xx"])
        .coded(0);
    place
        .run(&["replay", "2", "--to", &to, "--expect", "500,503"])
        .coded(0);
    // Any answer is fine where nothing is expected.
    place.run(&["replay", "2", "--to", &to]).coded(0);
    let ran = place
        .run(&["replay", "1..3", "--to", &to, "--expect", "<400"])
        .coded(1);
    insta::assert_snapshot!("replay_missed", masked(ran.text(), &place));
    let ran = place
        .run(&["replay", "1..3", "--to", &to, "--expect", "<400", "-q"])
        .coded(1);
    assert!(!ran.text().contains("email.sent"), "{}", ran.text());
    let ran = place
        .run(&["replay", "1..3", "--to", &to, "--expect", "<400", "--json"])
        .coded(1);
    let (sent, summary) = objects(&ran);
    assert_eq!(sent[0]["ok"], true);
    assert_eq!(
        sent[1]["missed"],
        serde_json::json!(["expected <400, got 500"])
    );
    assert_eq!(
        (&summary["sent"], &summary["missed"]),
        (&3.into(), &2.into())
    );
    assert_eq!(
        summary["statuses"],
        serde_json::json!({"200": 1, "401": 1, "500": 1})
    );
}

#[test]
fn the_recorded_answer_is_expected_again() {
    let place = Place::new();
    place.fill();
    let to_same = app();
    place
        .run(&["replay", "1..", "--to", &to_same.target(), "--expect-same"])
        .coded(0);
    let other = Upstream::answering(|_, body| {
        if body.starts_with(b"{\"event\":\"email.bounced\"") {
            answer(401, "{ \"error\": \"Nope\", \"more\": 1 }")
        } else {
            answer(200, "OK")
        }
    });
    let ran = place
        .run(&["replay", "2..4", "--to", &other.target(), "--expect-same"])
        .coded(1);
    insta::assert_snapshot!("replay_not_same", masked(ran.text(), &place));
}

#[test]
fn an_app_that_is_down_is_a_no() {
    let place = Place::new();
    place.fill();
    let port = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap().to_string()
    };
    let ran = place.run(&["replay", "1", "4", "--to", &port]).coded(1);
    // What to do about it depends on where this runs, and is said once.
    let (hints, lines): (Vec<_>, Vec<_>) = ran.text().lines().partition(|l| l.contains("start it"));
    assert_eq!(hints.len(), 1, "{}", ran.text());
    insta::assert_snapshot!("replay_down", masked(&lines.join("\n"), &place));
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_dry_run_sends_nothing() {
    let place = Place::new();
    place.fill();
    let app = app();
    let to = app.target();
    let ran = place
        .run(&[
            "replay", "1..2", "--to", &to, "-n", "--set", "data.n=5", "--rate", "2/s",
        ])
        .coded(0);
    insta::assert_snapshot!("replay_dry", masked(ran.text(), &place));
    let ran = place
        .run(&["replay", "1", "--to", &to, "-n", "--json"])
        .coded(0);
    assert_eq!(ran.json()["type"], "plan");
    assert!(app.is_idle());
}

#[test]
fn order_and_times_are_as_asked() {
    let place = Place::new();
    place.fill();
    let app = app();
    let to = app.target();
    let order = |args: &[&str]| {
        let ran = place
            .run(&[&["replay", "--to", &to][..], args, &["--json"]].concat())
            .coded(0);
        let (sent, _) = objects(&ran);
        let ids = sent.iter().map(|o| o["delivery"].as_u64().unwrap());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(order(&["4", "1"]), [4, 1]);
    assert_eq!(order(&["1", "4", "--times", "2"]), [1, 4, 1, 4]);
    assert_eq!(order(&["4", "1", "--paced=1000", "-c", "1"]), [1, 4]);
    let mixed = order(&["1..", "--shuffle", "7"]);
    assert_eq!(mixed, order(&["1..", "--shuffle", "7"]));
    assert_ne!(mixed, [1, 2, 3, 4, 5]);
}

/// An app that answers when so many requests are there, and when each came.
fn gathering(size: usize) -> (Upstream, Arc<Mutex<Vec<Instant>>>) {
    let times = Arc::new(Mutex::new(Vec::new()));
    let came = Arc::clone(&times);
    let all = Arc::new(tokio::sync::Barrier::new(size));
    let app = Upstream::serving("127.0.0.1:0", move |_, _| {
        came.lock().unwrap().push(Instant::now());
        let all = Arc::clone(&all);
        Box::pin(async move {
            all.wait().await;
            answer(200, "OK")
        })
    });
    (app, times)
}

#[test]
fn a_rate_is_kept_and_answers_are_waited_for_side_by_side() {
    let place = Place::new();
    place.fill();
    let replay = |app: &Upstream, args: &[&str]| {
        let to = app.target();
        let base = ["replay", "1", "--to", &to, "--times"];
        place.run(&[&base[..], args].concat()).coded(0);
    };
    // With one at a time these would wait for ever.
    let (app, _) = gathering(3);
    replay(&app, &["9", "-c", "3"]);
    let (app, times) = gathering(20);
    replay(&app, &["20", "--rate", "50/s"]);
    let times = times.lock().unwrap();
    let took = times[19].duration_since(times[0]);
    // Nineteen gaps of 20 ms, give or take how fast the first one came.
    assert!(took >= Duration::from_millis(300), "{took:?}");
}

#[test]
fn a_signal_ends_it_with_the_figures_so_far() {
    let place = Place::new();
    place.fill();
    let app = Upstream::start();
    let to = app.target();
    let report = place.path().join("report.xml");
    let junit = report.to_str().unwrap();
    let mut command = place.command(&[
        "replay", "1", "--times", "1000", "--rate", "20/s", "--to", &to, "--junit", junit,
    ]);
    let mut process = Process::start(&mut command, place.path());
    app.next();
    app.next();
    process.signal("INT");
    let status = process.wait();
    assert_eq!(status.code(), Some(1));
    assert!(
        process.stdout.text().contains(" of 1000 sent in "),
        "{}",
        process.stdout.text()
    );
    assert!(
        process.stderr.text().contains("Stopping"),
        "{}",
        process.stderr.text()
    );
    assert!(
        std::fs::read_to_string(report)
            .unwrap()
            .contains("<testcase ")
    );
    // What was sent is kept.
    let replays = place.run(&["show", "1", "--jq", ".replays"]).coded(0);
    assert!(replays.text().trim().parse::<u32>().unwrap() >= 2);
}

#[test]
fn a_report_is_what_ci_servers_read() {
    let place = Place::new();
    place.fill();
    let app = app();
    let to = app.target();
    place
        .run(&[
            "replay",
            "1..3",
            "--to",
            &to,
            "--expect",
            "2xx",
            "--junit",
            "report.xml",
        ])
        .coded(1);
    let report = std::fs::read_to_string(place.path().join("report.xml")).unwrap();
    assert!(
        report.contains("tests=\"3\" failures=\"2\" errors=\"0\""),
        "{report}"
    );
    assert!(
        report.contains("<testcase name=\"#2 email.opened\" classname=\"email.opened\""),
        "{report}"
    );
    assert!(
        report.contains("<failure message=\"expected 2xx, got 500\""),
        "{report}"
    );
    if needs(works(Command::new("python3").arg("--version")), "Python") {
        let read = "import sys, xml.etree.ElementTree as x; print(len(x.parse(sys.argv[1]).findall('.//testcase')))";
        let output = Command::new("python3")
            .args(["-c", read])
            .arg(place.path().join("report.xml"))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "3\n");
    }
    let ran = place
        .run(&["replay", "1", "--to", &to, "--junit", "nope/report.xml"])
        .coded(1);
    assert!(
        ran.stderr.contains("cannot write the report"),
        "{}",
        ran.stderr
    );
}

#[test]
fn files_are_sent_and_not_kept() {
    let place = Place::new();
    place.fill();
    let lines = place.run(&["show", "1", "--jq", "."]).coded(0);
    let more = place.run(&["show", "2", "--jq", "."]).coded(0);
    std::fs::write(place.path().join("one.json"), lines.text()).unwrap();
    std::fs::write(
        place.path().join("two.jsonl"),
        [lines.text(), more.text()].concat(),
    )
    .unwrap();
    let before = std::fs::read(place.store()).unwrap();
    let app = app();
    let to = app.target();
    let ran = place
        .run(&[
            "replay",
            "one.json",
            "two.jsonl",
            "--to",
            &to,
            "--expect-same",
        ])
        .coded(0);
    insta::assert_snapshot!("replay_files", masked(ran.text(), &place));
    for body in [DELIVERIES[0].0, DELIVERIES[0].0, DELIVERIES[1].0] {
        assert_eq!(app.next().body, body.as_bytes());
    }
    let ran = place
        .run(&[
            "replay",
            "one.json",
            "--to",
            &to,
            "--set",
            "data.email=a@b.c",
            "--secret",
            &secret(),
            "--json",
        ])
        .coded(0);
    let (sent, _) = objects(&ran);
    assert_eq!(sent[0]["delivery"], Value::Null);
    assert_eq!(
        sent[0]["edits"][1],
        "signed anew (cakemail-hex, secret `main`)"
    );
    assert_eq!(std::fs::read(place.store()).unwrap(), before);
    // No store is needed.
    let elsewhere = Place::new();
    let file = place.path().join("one.json");
    elsewhere
        .run(&["replay", file.to_str().unwrap(), "--to", &to])
        .coded(0);
    assert!(!elsewhere.store().exists());
    std::fs::write(place.path().join("bad.json"), "{\"type\":7}").unwrap();
    let ran = place.run(&["replay", "bad.json", "--to", &to]).coded(1);
    assert!(ran.stderr.contains("`bad.json`, line 1"), "{}", ran.stderr);
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let place = Place::new();
    place.fill();
    let app = app();
    let to = app.target();
    let mut command = place.command(&["replay", "1", "--times", "200", "--to", &to]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 1]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_terminal_sees_how_far_it_is_and_then_the_figures() {
    let place = Place::new();
    place.fill();
    let app = app();
    let to = app.target();
    let args = [
        "replay", "1", "--to", &to, "--times", "30", "--rate", "60/s",
    ];
    let (code, seen) = in_a_terminal(&place, &args);
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("/30  "), "{seen:?}");
    assert_eq!(seen.matches("/webhooks/cakemail").count(), 30, "{seen:?}");
    let (_, last) = seen.rsplit_once("/30  ").expect("a bar");
    let figures = last.split_once("\r\u{1b}[2K").expect("the bar goes").1;
    assert!(figures.contains("30 sent in"), "{figures:?}");
}
