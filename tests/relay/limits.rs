//! How much a relay takes, and what it says to more.

use std::io::Write as _;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use crate::doubles::connect_request;
use crate::scene::Scene;
use crate::support::listener::home;
use crate::support::raw::{Connection, Message, RawApp, Then, ask, ok, request};
use crate::support::relay::Relay;
use crate::vitals::eventually;

/// Checks an answer of the relay's own: plain text, a reason, and when to come again.
#[track_caller]
fn is_own(answer: &Message, status: u16, reason: &str, retry_after: Option<&str>) {
    assert_eq!(answer.status(), status, "{}", answer.text());
    assert_eq!(answer.one("cmhook-reason").as_deref(), Some(reason));
    assert_eq!(answer.one("retry-after").as_deref(), retry_after);
    let kind = answer.one("content-type");
    assert_eq!(kind.as_deref(), Some("text/plain; charset=utf-8"));
    assert!(
        answer.text().starts_with("cmhook relay: "),
        "{}",
        answer.text()
    );
}

/// An app that answers when it is told to, once for each message.
fn gated() -> (RawApp, Sender<()>) {
    let (open, gate) = channel();
    let gate = Mutex::new(gate);
    let app = RawApp::serving(Duration::from_mins(1), move |_, stream| {
        let gate = gate.lock().expect("no thread panics with it");
        gate.recv().map_err(|_| std::io::ErrorKind::BrokenPipe)?;
        stream.write_all(&ok(b"OK"))?;
        Ok(Then::GoOn)
    });
    (app, open)
}

#[test]
fn more_than_a_tunnels_rate_is_429() {
    let relay = Relay::start(&["--rate", "1"]);
    let token = relay.token("ada", &["shop", "other"]);
    let agents =
        ["shop", "other"].map(|name| relay.agent(Some(&token), &["--ephemeral", "--name", name]));
    let mut answers: Vec<_> = (0..10)
        .map(|_| relay.ask("POST /t/shop/", "", b"{}"))
        .collect();
    // Two seconds' worth may come at once.
    for answer in answers.drain(..2) {
        assert_eq!(answer.status(), 200);
    }
    let refused: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status() != 200)
        .collect();
    assert!(refused.len() >= 5, "{} of 8", refused.len());
    for answer in refused {
        is_own(answer, 429, "rate_limited", Some("1"));
    }
    // Another tunnel has a rate of its own.
    assert_eq!(relay.ask("POST /t/other/", "", b"{}").status(), 200);
    for agent in agents {
        agent.stop();
    }
}

#[test]
fn more_at_one_time_than_a_tunnel_may_have_is_429() {
    let (app, open) = gated();
    let scene = Scene::with(app, &["--concurrency", "2"], &["--ephemeral"]);
    let line = format!("POST {}/", scene.path);
    let mut under_way: Vec<_> = (0..2)
        .map(|_| {
            let mut connection = scene.connect();
            connection.send(scene.relay.request(&line, "", b"{}"));
            scene.app.next();
            connection
        })
        .collect();
    is_own(
        &scene.relay.ask(&line, "", b"{}"),
        429,
        "too_many_at_once",
        Some("1"),
    );
    open.send(()).expect("the app waits");
    open.send(()).expect("the app waits");
    for connection in &mut under_way {
        assert_eq!(connection.answer().status(), 200);
    }
    open.send(()).expect("the app is there");
    assert_eq!(scene.relay.ask(&line, "", b"{}").status(), 200);
    scene.agent.stop();
}

#[test]
fn as_much_waits_as_may_and_no_more() {
    for (args, waits, size) in [
        (&["--queue", "3"][..], 3, 2),
        (&["--queue-bytes", "100KB"], 2, 40_000),
    ] {
        let relay = Relay::start(args);
        let token = relay.token("ada", &["shop"]);
        let body = vec![b'x'; size];
        for number in 0..waits {
            let answer = relay.ask(&format!("POST /t/shop/{number}"), "", &body);
            is_own(&answer, 202, "queued", None);
        }
        for _ in 0..2 {
            let answer = relay.ask("POST /t/shop/more", "", &body);
            is_own(&answer, 503, "queue_full", Some("60"));
        }
        // There is room again when the agent has been there.
        let (app, home) = (RawApp::saying("OK"), Rc::new(home()));
        let mut agent = relay.agent_in(&home, Some(&token), &["--forward", &app.target()]);
        for number in 0..waits {
            assert_eq!(agent.delivery()["request"]["path"], format!("/{number}"));
            assert_eq!(app.next().target(), format!("/{number}"));
        }
        agent.stop();
        assert!(app.is_idle());
        is_own(&relay.ask("POST /t/shop/", "", &body), 202, "queued", None);
    }
}

#[test]
fn a_relay_that_keeps_nothing_says_when_to_come_again() {
    let relay = Relay::start(&["--queue", "off"]);
    let token = relay.token("ada", &["shop"]);
    is_own(
        &relay.ask("POST /t/shop/", "", b"{}"),
        503,
        "offline",
        Some("60"),
    );
    let agent = relay.agent(Some(&token), &["--ephemeral"]);
    assert_eq!(relay.ask("POST /t/shop/", "", b"{}").status(), 200);
    agent.stop();
    is_own(
        &relay.ask("POST /t/shop/", "", b"{}"),
        503,
        "offline",
        Some("60"),
    );
}

#[test]
fn a_tunnel_without_a_token_is_gone_with_its_agent() {
    let scene = Scene::start(&[]);
    let line = format!("POST {}/", scene.path);
    assert_eq!(scene.relay.ask(&line, "", b"{}").status(), 200);
    scene.agent.stop();
    is_own(
        &scene.relay.ask(&line, "", b"{}"),
        404,
        "no_such_tunnel",
        None,
    );
}

#[test]
fn more_connections_than_may_be_are_told_so() {
    let scene = Scene::start(&["--max-connections", "3"]);
    let line = format!("POST {}/", scene.path);
    // Those of agents are not among them.
    let mut held = [scene.connect(), scene.connect(), scene.connect()];
    for connection in &mut held {
        connection.send(scene.relay.request(&line, "", b"{}"));
        assert_eq!(connection.answer().status(), 200);
    }
    let mut more = scene.connect();
    let answer = more.answer();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.one("cmhook-reason").as_deref(), Some("busy"));
    assert_eq!(answer.one("retry-after").as_deref(), Some("1"));
    assert_eq!(more.rest(), b"");
    for connection in &mut held {
        connection.send(scene.relay.request(&line, "", b"{}"));
        assert_eq!(connection.answer().status(), 200);
    }
    scene.agent.stop();
}

#[test]
fn an_agent_that_does_not_answer_in_time_is_504() {
    let (app, open) = gated();
    let scene = Scene::with(app, &["--answer-timeout", "1s"], &["--ephemeral"]);
    let line = format!("POST {}/", scene.path);
    let begun = Instant::now();
    is_own(
        &scene.relay.ask(&line, "", b"{}"),
        504,
        "agent_silent",
        None,
    );
    assert!(begun.elapsed() >= Duration::from_secs(1));
    drop(open);
    scene.agent.stop();
}

#[test]
fn what_is_nowhere_is_404() {
    let mut scene = Scene::start(&[]);
    let at = scene.relay.address();
    is_own(
        &ask(at, request("POST /", "", b"{}")),
        404,
        "unknown_host",
        None,
    );
    for path in ["/t/none/x", "/t/none", "/t/", "/t/UPPER/x", "/t/a%62c/x"] {
        let answer = scene.relay.ask(&format!("POST {path}"), "", b"{}");
        is_own(&answer, 404, "no_such_tunnel", None);
    }
    for path in ["/", "/x", "/t", "/T/none", "//t/none", "/healthz/"] {
        let answer = scene.relay.ask(&format!("POST {path}"), "", b"{}");
        is_own(&answer, 404, "not_found", None);
    }
    let answer = scene.relay.ask(&format!("POST {}/", scene.path), "", b"{}");
    assert_eq!(answer.status(), 200);
    assert_eq!(scene.agent.delivery()["id"], 1);
    scene.agent.stop();
}

#[test]
fn it_says_that_it_lives_and_what_it_does() {
    let scene = Scene::start(&[]);
    for path in ["/healthz", "/readyz"] {
        is_own(
            &scene.relay.ask(&format!("GET {path}"), "", b""),
            200,
            "ok",
            None,
        );
    }
    let line = format!("POST {}/", scene.path);
    for _ in 0..3 {
        assert_eq!(scene.relay.ask(&line, "", b"{}").status(), 200);
    }
    scene.relay.ask("POST /t/none/", "", b"{}");
    scene.say(b"nonsense\r\n\r\n");
    // The metrics are on a port of their own.
    assert_eq!(scene.relay.ask("GET /metrics", "", b"").status(), 404);
    let text = scene.relay.metrics();
    let name = scene.path.strip_prefix("/t/").expect("a name");
    assert!(!text.contains(name), "a name is half of a secret");
    for line in [
        "cmhook_relay_agents 1",
        "cmhook_relay_deliveries_total{outcome=\"answered\",status=\"2xx\"} 3",
        "cmhook_relay_deliveries_total{outcome=\"no_such_tunnel\",status=\"4xx\"} 1",
        "cmhook_relay_refused_requests_total{reason=\"malformed\"} 1",
        "cmhook_relay_delivered_bytes_total 6",
    ] {
        assert!(
            text.lines().any(|other| other == line),
            "no `{line}` in:\n{text}"
        );
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
    scene.agent.stop();
}

/// How long a connection lived that says this, a byte at a time, and then nothing.
fn lived(mut connection: Connection, says: &[u8]) -> Duration {
    let begun = Instant::now();
    for byte in says {
        if connection.try_send([*byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    connection.rest();
    begun.elapsed()
}

#[test]
fn silent_and_slow_connections_are_closed_after_five_seconds() {
    let relay = Relay::start(&[]);
    let host = relay.address();
    let says = [
        String::new(),
        "P".to_owned(),
        "\r\n".repeat(100),
        format!(
            "POST /t/shop/ HTTP/1.1\r\nHost: {host}\r\nX: {}",
            "x".repeat(1000)
        ),
        format!("GET /connect HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"),
    ];
    let mut lives = Vec::new();
    std::thread::scope(|scope| {
        let all: Vec<_> = says
            .iter()
            .map(|says| scope.spawn(|| lived(Connection::open(host), says.as_bytes())))
            .collect();
        // One that has had an answer is no better.
        let again = scope.spawn(|| {
            let mut connection = Connection::open(host);
            connection.send(relay_request(&host.to_string()));
            assert_eq!(connection.answer().status(), 200);
            lived(connection, b"")
        });
        lives.extend(
            all.into_iter()
                .map(|thread| thread.join().expect("it was closed")),
        );
        lives.push(again.join().expect("it was closed"));
    });
    println!("they lived {lives:?}");
    // A second of slack, and what a busy machine takes beside.
    assert!(
        lives.iter().all(|life| *life < Duration::from_secs(8)),
        "{lives:?}"
    );
}

fn relay_request(host: &str) -> String {
    format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

#[test]
fn a_body_that_stops_coming_is_408_and_never_delivered() {
    let scene = Scene::start(&[]);
    let mut connection = scene.connect();
    connection
        .send(scene.fill("POST PATH/slow HTTP/1.1\r\nHost: HOST\r\nContent-Length: 9\r\n\r\nhalf"));
    let answer = connection.answer();
    is_own(&answer, 408, "too_slow", None);
    assert_eq!(connection.rest(), b"");
    scene.prove_untouched(0);
}

#[test]
fn what_an_agent_takes_no_more_does_not_hold_up_what_is_behind_it() {
    let relay = Relay::start(&[]);
    let token = relay.token("ada", &["shop"]);
    for (path, size) in [("first", 2), ("large", 2000), ("last", 2)] {
        let body = vec![b'x'; size];
        let answer = relay.ask(&format!("POST /t/shop/{path}"), "", &body);
        is_own(&answer, 202, "queued", None);
    }
    let home = Rc::new(home());
    let mut agent = relay.agent_in(&home, Some(&token), &["--max-body", "1000"]);
    assert_eq!(agent.delivery()["request"]["path"], "/first");
    let refused = agent.next("refused");
    assert_eq!(refused["code"], "body_too_large", "{refused}");
    assert_eq!(agent.delivery()["request"]["path"], "/last");
    // It is told once, and the next one is live again.
    eventually("nothing waits", || {
        relay
            .metrics()
            .lines()
            .any(|line| line == "cmhook_relay_waiting 0")
    });
    assert_eq!(relay.ask("POST /t/shop/live", "", b"{}").status(), 200);
    let stopped = agent.stop();
    assert_eq!(stopped["received"], 3, "{stopped}");
    assert_eq!(stopped["refused"], 1, "{stopped}");
}

#[test]
fn who_asks_for_a_tunnel_and_is_not_let_in_is_answered_at_once() {
    let relay = Relay::start(&[]);
    let instance = "0123456789abcdef0123456789abcdef";
    let mut stranger = connect_request(&relay, crate::doubles::TOKEN, instance, "");
    stranger.wait_at_most(Duration::from_secs(4));
    let answer = stranger.answer();
    is_own(&answer, 401, "bad_token", None);
    assert_eq!(stranger.rest(), b"");
}

/// Of an app's answer the head may have 128 KiB.
#[test]
fn an_answers_head_comes_through_as_large_as_it_may_be() {
    let app = RawApp::answering(|_| {
        let value = "x".repeat(8 << 10);
        let fields = (0..15).map(|n| format!("X-Large-{n}: {value}\r\n"));
        let fields: String = fields.collect();
        format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nOK").into_bytes()
    });
    let scene = Scene::with(app, &[], &["--ephemeral"]);
    let answer = scene.relay.ask(&format!("POST {}", scene.path), "", b"{}");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let large = (0..15).filter_map(|n| answer.one(&format!("x-large-{n}")));
    assert!(large.map(|value| value.len()).eq([8 << 10; 15]));
    assert_eq!(answer.text(), "OK");
}
