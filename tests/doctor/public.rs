//! The way in: a relay, a tunnel of one's own, and canaries through them.

use std::net::SocketAddr;
use std::rc::Rc;

use crate::kit::{Place, SECRET, saying};
use crate::support::listener::home;
use crate::support::raw::{RawApp, ask, request};
use crate::support::relay::{Relay, public_path};
use crate::support::sandbox::Sandbox;
use crate::support::sender::post;
use crate::support::upstream::Upstream;

const BODY: &str = r#"{"event":"email.opened","data":{}}"#;

fn secret() -> String {
    format!("main={SECRET}")
}

fn token(relay: &Relay) -> [(&'static str, String); 1] {
    [("CMHOOK_RELAY_TOKEN", relay.token("ada", &["shop"]))]
}

#[test]
fn a_canary_reaches_the_running_listener_and_leaves_no_trace() {
    let (place, relay, app) = (Place::new(), Relay::start(&[]), Upstream::start());
    let token = relay.token("ada", &["shop"]);
    let args = ["-f", &app.target(), "--secret", &secret()];
    let mut listener = relay.agent_in(&place.home, Some(&token), &args);
    let url = relay.ready["url"].as_str().unwrap().to_owned();
    let args = ["--secret", &secret(), "--relay", &url, "--no-send"];
    let variables = [("CMHOOK_RELAY_TOKEN", &*token)];
    place
        .checks_with(&args, &variables, 0)
        .is("relay", "ok", "knows the token `ada`; its names: shop")
        .is("canary", "ok", "arrived within")
        .is("canary", "ok", "its signature is right (secret `main`)");
    // The running listener is enough to know of.
    place
        .checks(&["--secret", &secret(), "--no-send"], 0)
        .is("canary", "ok", "/t/shop");
    place
        .checks(&["--secret", "main=other", "--no-send"], 0)
        .is("canary", "warn", "does not know the secret `main`");
    let answer = relay.ask(
        &format!("POST {}", public_path(&listener)),
        "Cmhook-Canary: probe\r\n",
        b"{}",
    );
    assert_eq!(answer.status(), 400);
    // The first delivery that it reports is this one.
    post(listener.address(), None, BODY);
    let delivery = listener.delivery();
    assert_eq!(delivery["id"], 1, "{delivery}");
    assert_eq!(app.next().body, BODY);
}

#[test]
fn without_a_listener_a_tunnel_is_opened_for_a_moment() {
    let (place, relay) = (Place::new(), Relay::start(&[]));
    let variables = token(&relay);
    let variables = [(variables[0].0, &*variables[0].1)];
    let url = relay.ready["url"].as_str().unwrap().to_owned();
    let args = ["--secret", &secret(), "--relay", &url];
    place
        .checks_with(&args, &variables, 0)
        .is("canary", "ok", "/t/shop arrived within")
        .is("canary", "ok", "open for this only");
    let [args, named] = [&args[..], &["--name", "other"]];
    place
        .checks_with(&[args, named].concat(), &variables, 1)
        .is(
            "relay",
            "fail",
            "which has not the name `other` (it has shop)",
        )
        .is("canary", "skip", "lets no tunnel in");
}

#[test]
fn a_webhook_is_made_for_a_url_only_that_the_next_listener_has_too() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    let api = sandbox.url();
    let open = Relay::open(&[]);
    let relay = open.ready["url"].as_str().unwrap().to_owned();
    let args = |relay: &str| {
        let args = ["--relay", relay, "--api", &api, "--events", "email.opened"];
        args.map(str::to_owned)
    };
    let run = |relay: &str, variables: &[(&str, &str)]| {
        let args = args(relay);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        place.checks_with(&args, variables, 1)
    };
    let checks = run(&relay, &[]);
    let listen = format!(
        "start `cmhook listen --relay {relay} --register --events email.opened --api {api}`"
    );
    checks.is("canary", "ok", "open for this only");
    assert_eq!(checks.one("events")["cure"], *listen);
    checks.cure("webhooks", "the cure of Events is this one's, too");
    // Nor while one runs, since the next one has another.
    let listener = open.agent_in(&place.home, None, &[]);
    let checks = run(&relay, &[]);
    let again =
        format!("start the listener again with `--register --events email.opened --api {api}`");
    assert_eq!(checks.one("events")["cure"], *again);
    listener.stop();
    // A token's name stays.
    let closed = Relay::start(&[]);
    let variables = token(&closed);
    let relay = closed.ready["url"].as_str().unwrap().to_owned();
    let checks = run(&relay, &[(variables[0].0, &variables[0].1)]);
    checks.cure(
        "events",
        &format!("`cmhook webhooks create -u {relay}/t/shop -e Email.Opened --api {api}`, or start `cmhook listen"),
    );
}

#[test]
fn what_waits_at_the_relay_is_left_there() {
    let (place, relay, app) = (Place::new(), Relay::start(&[]), Upstream::start());
    let variables = token(&relay);
    let variables = [(variables[0].0, &*variables[0].1)];
    let url = relay.ready["url"].as_str().unwrap().to_owned();
    let waits = relay.ask("POST /t/shop", "", BODY.as_bytes());
    assert_eq!(waits.status(), 202);
    let args = ["--secret", &secret(), "--relay", &url];
    place
        .checks_with(&args, &variables, 0)
        .is("canary", "ok", "1 deliveries wait there");
    let args = ["-f", &app.target()];
    let mut listener = relay.agent_in(&place.home, Some(variables[0].1), &args);
    let delivery = listener.delivery();
    assert_eq!(
        (&delivery["id"], &delivery["event"]),
        (&1.into(), &"email.opened".into())
    );
    assert_eq!(app.next().body, BODY);
    assert!(relay.metrics().contains("cmhook_relay"), "it lives");
}

#[test]
fn a_relay_that_says_no_is_quoted() {
    let (place, relay) = (Place::new(), Relay::start(&[]));
    let url = relay.ready["url"].as_str().unwrap().to_owned();
    place
        .checks(&["--relay", &url], 1)
        .is("relay", "fail", &url)
        .cure("relay", "CMHOOK_RELAY_TOKEN");
    let wrong = format!("cmr_{}", "a".repeat(43));
    place
        .checks_with(&["--relay", &url], &[("CMHOOK_RELAY_TOKEN", &wrong)], 1)
        .is("relay", "fail", "token")
        .is("canary", "skip", "lets no tunnel in");
    // A name that another agent has is not taken from it.
    let token = relay.token("ada", &["shop"]);
    let _other = relay.agent_in(&Rc::new(home()), Some(&token), &[]);
    place
        .checks_with(&["--relay", &url], &[("CMHOOK_RELAY_TOKEN", &token)], 0)
        .is("canary", "warn", "not tried: ");
    let mut relay = relay;
    relay.process.kill();
    place
        .checks_with(&["--relay", &url], &[("CMHOOK_RELAY_TOKEN", &token)], 1)
        .is("relay", "fail", "refuses connections");
}

#[test]
fn a_tunnel_that_is_broken_is_said_to_be() {
    let (place, mut relay) = (Place::new(), Relay::open(&[]));
    let mut listener = relay.agent_in(&place.home, None, &[]);
    relay.process.kill();
    loop {
        if listener.next("tunnel")["state"] == "reconnecting" {
            break;
        }
    }
    place.checks(&[], 1).is("canary", "fail", "is reconnecting");
}

#[test]
fn a_url_of_ones_own_leads_here_or_elsewhere() {
    let place = Place::new();
    let listener = place.listener(&["--secret", &secret()]);
    let here = format!("http://{}", listener.address());
    let args = ["--secret", &secret(), "--public-url"];
    let with = |url: &str| place.checks(&[&args[..], &[url]].concat(), i32::from(url != here));
    with(&here).is("canary", "warn", "it is not https");
    let other = Place::new();
    let stranger = other.listener(&[]);
    with(&format!("http://{}", stranger.address())).is(
        "canary",
        "fail",
        "another listener answers",
    );
    let site = saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    with(&format!("http://{}", site.address()))
        .is(
            "canary",
            "fail",
            "answers 200, and it is not this machine's listener",
        )
        .cure("canary", "in front of the app itself");
    let offline = saying(
        "HTTP/1.1 404 Not Found\r\nNgrok-Error-Code: ERR_NGROK_3200\r\nContent-Length: 0\r\n\r\n",
    );
    with(&format!("http://{}", offline.address())).is(
        "canary",
        "fail",
        "ngrok says that its tunnel is offline",
    );
    with("http://127.0.0.1:9").is("canary", "fail", "refuses connections");
}

/// What hands requests on without that header.
fn without(header: &'static str, to: SocketAddr) -> RawApp {
    let dropped = [header, "host", "connection"];
    RawApp::answering(move |message| {
        let fields = message.fields().into_iter().filter_map(|(name, value)| {
            let is_dropped = dropped
                .iter()
                .any(|dropped| name.eq_ignore_ascii_case(dropped));
            (!is_dropped).then(|| format!("{name}: {}\r\n", String::from_utf8_lossy(&value)))
        });
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n{}\r\n",
            fields.collect::<String>()
        );
        let answer = ask(to, [head.as_bytes(), &message.body].concat());
        let field = answer.one("cmhook-canary").unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {} Status\r\nCmhook-Canary: {field}\r\nContent-Length: {}\r\n\r\n",
            answer.status(),
            answer.body.len()
        );
        [head.as_bytes(), &answer.body].concat()
    })
}

#[test]
fn a_signature_that_is_lost_on_the_way_is_missed() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    let listener = place.listener(&["--secret", &secret()]);
    let hex = without("x-cakemail-signature", listener.address());
    let proxied = format!("http://{}", hex.address());
    let args = ["--secret", &*secret(), "--public-url", &*proxied];
    place
        .checks(&args, 1)
        .is("canary", "fail", "but without its signature")
        .cure("canary", "pass X-Cakemail-Signature on");
    // An account's canary is signed as its deliveries are.
    let api = sandbox.url();
    let with_account = |proxied: &str, code| {
        let args = [
            "--secret",
            &*secret(),
            "--api",
            &api,
            "--public-url",
            proxied,
        ];
        place.checks(&args, code)
    };
    with_account(&proxied, 0).is("canary", "ok", "its signature is right");
    let base64 = without("x-signature", listener.address());
    with_account(&format!("http://{}", base64.address()), 1)
        .is("canary", "fail", "drops the header X-Signature")
        .cure("canary", "pass X-Signature on");
}

#[test]
fn a_request_that_only_looks_like_a_canary_is_refused() {
    let place = Place::new();
    let mut listener = place.listener(&[]);
    for field in ["probe", "00:11", ""] {
        let field = format!("Cmhook-Canary: {field}\r\n");
        let answer = ask(listener.address(), request("POST /", &field, b"{}"));
        assert_eq!(answer.status(), 400, "{}", answer.text());
        assert_eq!(answer.one("cmhook-canary"), None);
    }
    post(listener.address(), None, BODY);
    assert_eq!(listener.delivery()["id"], 1);
}
