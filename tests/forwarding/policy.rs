//! Whom cmhook asks, and what it answers by itself: `--events`, `--route`, several
//! `--forward`, `--reject-invalid`, `--ack`, `--status`.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::down::Silent;
use crate::listening;
use crate::support::listener::{Listener, object};
use crate::support::raw::{Connection, RawApp, Then, ask, ok, request};
use crate::support::sender::{Scheme, post, sign};

fn payload(event: &str) -> String {
    json!({ "event": event, "data": {} }).to_string()
}

/// Sends a delivery of that event and returns status and body of what comes back.
#[track_caller]
fn send(listener: &Listener, event: &str) -> (u16, String) {
    let answer = ask(
        listener.address(),
        request("POST /", "", payload(event).as_bytes()),
    );
    (answer.status(), answer.text())
}

fn says(app: &str, expected: &(u16, String)) -> bool {
    *expected == (200, app.to_owned())
}

/// The answer that cmhook gave by itself to the next delivery.
#[track_caller]
fn own_answer(listener: &mut Listener) -> Value {
    let delivery = listener.delivery();
    let answer = listener.next("answer");
    assert_eq!(answer["delivery"], delivery["id"], "{answer}");
    answer
}

#[test]
fn events_choose_what_is_forwarded_and_the_rest_is_kept() {
    for (patterns, event, forwarded) in [
        ("email.opened", "email.opened", true),
        ("email.opened", "Email.Opened", true),
        ("EMAIL.OPENED", "email.opened", true),
        ("email.opened", "email.clicked", false),
        ("email.*", "Email.Sent", true),
        ("email.*", "campaign.sent", false),
        ("*.sent", "campaign.sent", true),
        ("email.s?nt", "email.sent", true),
        ("campaign.sent,email.clicked", "email.clicked", true),
        ("campaign.sent, email.clicked", "email.clicked", true),
        ("email.complained", "Email.ReportedAsSpam", true),
        ("Email.ReportedAsSpam", "email.spam_complaint", true),
        ("email.spam_complaint", "email.complained", true),
        ("campaign.cancelled", "Campaign.Canceled", true),
        ("Contact.Added", "contact.subscribed", true),
        ("contact.subscribed", "contact.unsubscribed", false),
        ("email.*", "", false),
    ] {
        let app = RawApp::saying("app");
        let mut listener = listening(&app.target(), &["--events", patterns]);
        let answer = send(&listener, event);
        let what = format!("{event} with {patterns}: {answer:?}");
        assert_eq!(says("app", &answer), forwarded, "{what}");
        if forwarded {
            app.next();
        } else {
            assert_eq!(answer.0, 200, "{what}");
            let own = own_answer(&mut listener);
            assert_eq!(own["status"], 200, "{what}");
            assert!(
                own["reason"]
                    .as_str()
                    .is_some_and(|r| r.contains("--events"))
            );
        }
        let stopped = listener.stop();
        assert_eq!(stopped["received"], 1, "{what}");
        assert!(app.is_idle(), "{what}");
    }
}

#[test]
fn a_payload_without_an_event_is_kept_where_events_are_chosen() {
    let app = RawApp::saying("app");
    let listener = listening(&app.target(), &["--events", "*"]);
    for body in ["", "not JSON", "[]", "{}", "{\"event\":7}"] {
        let answer = ask(listener.address(), request("POST /", "", body.as_bytes()));
        assert_eq!(answer.status(), 200, "{body}");
        assert_ne!(answer.text(), "app", "{body}");
    }
    assert_eq!(listener.stop()["received"], 5);
    assert!(app.is_idle());
}

#[test]
fn the_first_route_that_matches_counts() {
    let [usual, opened, emails, rest] = ["usual", "opened", "emails", "rest"].map(RawApp::saying);
    let listener = listening(
        &usual.target(),
        &[
            "--route",
            &format!("email.opened={}", opened.target()),
            "--route",
            &format!("email.*={}/by/route", emails.target()),
            "--route",
            &format!("email.clicked={}", usual.target()),
            "--route",
            &format!("Contact.*=http://{}", rest.target()),
        ],
    );
    for (event, app) in [
        ("Email.Opened", "opened"),
        ("email.clicked", "emails"),
        ("Email.ReportedAsSpam", "emails"),
        ("contact.subscribed", "rest"),
        ("campaign.sent", "usual"),
        ("unheard.of", "usual"),
    ] {
        let answer = send(&listener, event);
        assert!(says(app, &answer), "{event}: {answer:?}");
    }
    assert_eq!(emails.next().target(), "/by/route");
    listener.stop();
}

#[test]
fn a_route_takes_precedence_over_events_and_works_alone() {
    let app = RawApp::saying("routed");
    let route = format!("email.*={}", app.target());
    let silent = RawApp::saying("usual");
    let listener = listening(
        &silent.target(),
        &["--route", &route, "--events", "campaign.*"],
    );
    assert!(says("routed", &send(&listener, "email.sent")));
    assert!(says("usual", &send(&listener, "campaign.sent")));
    assert_eq!(send(&listener, "contact.added").0, 200);
    listener.stop();
    silent.next();
    assert!(silent.is_idle());

    let listener = Listener::start(&["--ephemeral", "--route", &route]);
    assert!(says("routed", &send(&listener, "email.sent")));
    let (status, text) = send(&listener, "campaign.sent");
    assert_eq!(status, 200);
    assert!(text.starts_with("cmhook: kept"), "{text}");
    listener.stop();
}

#[test]
fn several_targets_all_get_the_exact_bytes_and_the_first_one_answers() {
    let apps = [
        RawApp::saying("first"),
        RawApp::saying("second"),
        RawApp::saying("third"),
    ];
    let mut listener = listening(
        &apps[0].target(),
        &[
            "--forward",
            &format!("{},{}/c", apps[1].target(), apps[2].target()),
        ],
    );
    let body: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    for n in 0..10 {
        let fields = "Content-Type: application/octet-stream\r\nX-Twice: a\r\nX-Twice: b\r\n";
        let answer = ask(
            listener.address(),
            request(&format!("PUT /p%2F{n}?q"), fields, &body),
        );
        assert_eq!(answer.text(), "first");
        for (app, path) in apps.iter().zip(["", "", "/c"]) {
            let seen = app.next();
            assert_eq!(seen.first_line(), format!("PUT {path}/p%2F{n}?q HTTP/1.1"));
            assert!(seen.body == body, "other bytes");
            assert_eq!(seen.all("x-twice").len(), 2);
            assert_eq!(seen.one("host"), Some(app.target()));
        }
        let delivery = listener.delivery();
        let mut attempts: Vec<_> = (0..3).map(|_| listener.next("attempt")).collect();
        attempts.sort_by_key(|attempt| attempt["n"].as_u64());
        for (at, attempt) in attempts.iter().enumerate() {
            assert_eq!(attempt["delivery"], delivery["id"], "{attempt}");
            assert_eq!(attempt["n"], at + 1, "{attempt}");
            assert_eq!(attempt["status"], 200, "{attempt}");
        }
    }
    let stopped = listener.stop();
    assert_eq!(
        (&stopped["received"], &stopped["answered"]),
        (&10.into(), &30.into())
    );
}

#[test]
fn a_second_target_that_hangs_or_is_down_changes_nothing_for_the_sender() {
    let first = RawApp::saying("first");
    let hanging = RawApp::serving(Duration::from_secs(30), |_, stream| {
        let _ = stream.read(&mut [0]);
        Ok(Then::Close)
    });
    let failing =
        RawApp::answering(|_| b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n".to_vec());
    let dead = Silent::new();
    let others = [
        hanging.target(),
        failing.target(),
        format!("127.0.0.1:{}", dead.port),
    ];
    let listener = listening(&first.target(), &["--forward", &others.join(",")]);
    let mut connection = Connection::open(listener.address());
    // More than are forwarded behind an answer at the same time.
    for n in 0..150 {
        let begin = Instant::now();
        connection.send(request(&format!("POST /{n}"), "", b"{}"));
        let answer = connection.answer();
        assert_eq!((answer.status(), &*answer.text()), (200, "first"), "{n}");
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(5), "{n} took {took:?}");
    }
}

#[test]
fn a_target_that_hangs_does_not_hold_up_the_others() {
    let first = RawApp::saying("first");
    let hanging = RawApp::serving(Duration::from_secs(30), |_, stream| {
        let _ = stream.read(&mut [0]);
        Ok(Then::Close)
    });
    let third = RawApp::saying("third");
    let listener = listening(
        &first.target(),
        &["--forward", &hanging.target(), "--forward", &third.target()],
    );
    let mut connection = Connection::open(listener.address());
    // More than are forwarded to one target behind an answer at the same time.
    for n in 0..150 {
        connection.send(request(&format!("POST /{n}"), "", b"{}"));
        assert_eq!(connection.answer().status(), 200);
    }
    let begin = Instant::now();
    for _ in 0..150 {
        third.next();
    }
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
}

/// Bodies that wait for a target that hangs take memory, and there is an end to it. That must
/// not be the sender's end.
#[test]
fn large_bodies_that_wait_for_a_target_that_hangs_change_no_answer() {
    let first = RawApp::saying("first");
    let hanging = RawApp::serving(Duration::from_secs(30), |_, stream| {
        let _ = stream.read(&mut [0]);
        Ok(Then::Close)
    });
    let mut listener = listening(
        &first.target(),
        &[
            "--quiet=false",
            "--keep",
            "5",
            "--forward",
            &hanging.target(),
        ],
    );
    let mut connection = Connection::open(listener.address());
    let body = vec![b'x'; 8 << 20];
    for n in 0..40 {
        connection.send(request(&format!("POST /{n}"), "", &body));
        let answer = connection.answer();
        assert_eq!((answer.status(), &*answer.text()), (200, "first"), "{n}");
        assert_eq!(first.next().body.len(), body.len());
    }
    let refused = listener
        .process
        .stdout
        .find("a forward that was given up", |line| {
            line.contains(r#""code":"busy""#).then(|| object(line))
        });
    let error = &refused["error"];
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|m| m.contains(&hanging.target())),
        "{error}"
    );
}

#[test]
fn the_first_target_decides_even_where_it_fails() {
    let second = RawApp::saying("second");
    let dead = Silent::new();
    let listener = listening(
        &format!("127.0.0.1:{}", dead.port),
        &["--forward", &second.target()],
    );
    assert_eq!(send(&listener, "email.sent").0, 502);
    second.next();
    let stopped = listener.stop();
    assert_eq!(
        (&stopped["failed"], &stopped["answered"]),
        (&1.into(), &1.into())
    );
}

const SECRET: &str = "whsec_right";

#[test]
fn what_does_not_verify_is_rejected_kept_and_not_forwarded() {
    let app = RawApp::saying("app");
    let mut listener = listening(&app.target(), &["--secret", SECRET, "--reject-invalid"]);
    let body = payload("email.sent");
    let right = Scheme::ALL.map(|scheme| sign(scheme, SECRET, &body));
    for header in &right {
        assert_eq!(post(listener.address(), Some(header), &body).status, 200);
        assert_eq!(app.next().body, body.as_bytes());
        listener.delivery();
    }
    let wrong = [
        (Some(sign(Scheme::CakemailHex, "another", &body)), "invalid"),
        (Some(sign(Scheme::ApiBase64, "another", &body)), "invalid"),
        (Some(("X-Cakemail-Signature", String::new())), "invalid"),
        (
            Some(sign(Scheme::CakemailHex, SECRET, format!("{body} "))),
            "invalid",
        ),
        (None, "unsigned"),
    ];
    for (header, verdict) in &wrong {
        let answer = post(listener.address(), header.as_ref(), &body);
        assert_eq!(answer.status, 401, "{header:?}: {answer:?}");
        assert!(answer.body.contains("--reject-invalid"), "{answer:?}");
        let delivery = listener.delivery();
        assert_eq!(delivery["verdict"]["status"], *verdict, "{delivery}");
        assert_eq!(delivery["request"]["body"], body);
        assert_eq!(listener.next("answer")["status"], 401);
    }
    let stopped = listener.stop();
    assert_eq!(stopped["received"], right.len() + wrong.len());
    assert_eq!(stopped["answered"], right.len());
    assert!(app.is_idle(), "something that is not right reached the app");
}

#[test]
fn rejecting_comes_before_routes_acknowledging_and_a_fixed_status() {
    let app = RawApp::saying("app");
    let route = format!("*={}", app.target());
    for arguments in [
        &["--route", &*route][..],
        &["--ack"],
        &["--status", "204"],
        &["--events", "campaign.*"],
    ] {
        let usual = app.target();
        let more = [&["--secret", SECRET, "--reject-invalid"], arguments].concat();
        let listener = listening(&usual, &more);
        assert_eq!(send(&listener, "email.sent").0, 401, "{arguments:?}");
        listener.stop();
    }
    assert!(app.is_idle());
}

#[test]
fn without_rejecting_the_app_sees_what_does_not_verify() {
    let app = RawApp::saying("app");
    let listener = listening(&app.target(), &["--secret", SECRET]);
    assert!(says("app", &send(&listener, "email.sent")));
    assert_eq!(listener.stop()["unsigned"], 1);
}

#[test]
fn ack_answers_before_the_app_does_and_records_what_it_says() {
    let (release, released) = std::sync::mpsc::channel::<&str>();
    let released = std::sync::Mutex::new(released);
    let app = RawApp::serving(Duration::from_secs(30), move |_, stream| {
        let answer = released
            .lock()
            .expect("no panic")
            .recv()
            .unwrap_or_default();
        stream.write_all(answer.as_bytes())?;
        Ok(Then::GoOn)
    });
    let mut listener = listening(&app.target(), &["--ack"]);
    for (body, says, status) in [
        (
            "one",
            "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
            json!(201),
        ),
        (
            "two",
            "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n",
            json!(500),
        ),
        ("three", "nonsense\r\n\r\n", Value::Null),
    ] {
        let answer = ask(listener.address(), request("POST /", "", body.as_bytes()));
        assert_eq!(answer.status(), 200, "{body}: {}", answer.text());
        let own = own_answer(&mut listener);
        assert!(own["reason"].as_str().is_some_and(|r| r.contains("--ack")));
        // Only now does the app say anything.
        assert_eq!(app.next().body, body.as_bytes());
        release.send(says).expect("the app waits");
        let attempt = listener.next("attempt");
        assert_eq!(attempt["delivery"], own["delivery"], "{attempt}");
        assert_eq!(attempt["status"], status, "{attempt}");
    }
    let stopped = listener.stop();
    assert_eq!(
        (&stopped["answered"], &stopped["failed"]),
        (&2.into(), &1.into())
    );
}

#[test]
fn ack_with_nobody_there_is_200_and_a_recorded_failure() {
    let dead = Silent::new();
    let mut listener = listening(&format!("127.0.0.1:{}", dead.port), &["--ack"]);
    assert_eq!(send(&listener, "email.sent").0, 200);
    let attempt = listener.next("attempt");
    assert_eq!(attempt["error"]["code"], "refused", "{attempt}");
    listener.stop();
}

#[test]
fn ack_forwards_everything_before_a_stop() {
    let app = RawApp::saying("app");
    let listener = listening(&app.target(), &["--ack"]);
    let mut connection = Connection::open(listener.address());
    for n in 0..200 {
        connection.send(request(&format!("POST /{n}"), "", b"{}"));
        assert_eq!(connection.answer().status(), 200);
    }
    let stopped = listener.stop();
    assert_eq!(stopped["answered"], 200, "{stopped}");
    assert_eq!(std::iter::from_fn(|| app.seen_already()).count(), 200);
}

#[test]
fn a_fixed_status_is_answered_and_nobody_is_asked() {
    let app = RawApp::saying("app");
    for status in [
        200, 201, 204, 205, 302, 304, 400, 401, 410, 418, 429, 500, 503, 599,
    ] {
        let mut listener = listening(&app.target(), &["--status", &status.to_string()]);
        let mut connection = Connection::open(listener.address());
        for method in ["POST", "HEAD", "GET"] {
            connection.send(request(&format!("{method} /"), "", b"{}"));
            let answer = if method == "HEAD" {
                connection.answer_head()
            } else {
                connection.answer()
            };
            assert_eq!(answer.status(), status, "{method}");
            if matches!(status, 204 | 205 | 304) {
                assert_eq!(answer.text(), "", "{status}");
                assert_eq!(answer.one("content-type"), None, "{status}");
            }
            let retry = answer.one("retry-after");
            assert_eq!(retry.is_some(), status == 503, "{status}: {retry:?}");
            assert_eq!(own_answer(&mut listener)["status"], status);
        }
        assert_eq!(listener.stop()["received"], 3);
    }
    assert!(app.is_idle());
}

#[test]
fn without_a_target_everything_is_kept_and_answered_200() {
    let mut listener = Listener::start(&["--ephemeral"]);
    assert_eq!(listener.ready["target"], Value::Null);
    let (status, text) = send(&listener, "email.sent");
    assert_eq!(status, 200);
    assert!(text.contains("no target"), "{text}");
    assert_eq!(own_answer(&mut listener)["status"], 200);
    listener.stop();
}

#[test]
fn a_large_answer_of_a_second_target_is_read_to_its_end() {
    let first = RawApp::saying("first");
    let second = RawApp::answering(|_| ok(&vec![b'x'; 5_000_000]));
    let mut listener = listening(&first.target(), &["--forward", &second.target()]);
    assert!(says("first", &send(&listener, "email.sent")));
    let attempts = [listener.next("attempt"), listener.next("attempt")];
    let mut sizes = attempts.map(|attempt| attempt["response"]["size"].as_u64());
    sizes.sort_unstable();
    assert_eq!(sizes, [Some(5), Some(5_000_000)]);
    listener.stop();
}
