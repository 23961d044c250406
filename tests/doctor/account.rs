//! The account: the API, its webhooks, their keys.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::kit::{Place, SECRET, app, masked, saying};
use crate::support::raw::RawApp;
use crate::support::relay::Relay;
use crate::support::sandbox::Sandbox;
use crate::support::sender::Scheme;
use crate::support::upstream::Upstream;

const DEAD: &str = "http://127.0.0.1:9/hook";

/// A set-up that works, in which Cakemail has sent one delivery.
#[test]
fn a_set_up_that_works_is_well_from_end_to_end() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&["--seed", "1"]));
    let relay = Relay::start(&[]);
    let token = relay.token("ada", &["shop"]);
    let url = relay.ready["url"].as_str().unwrap().to_owned();
    let public = format!("{url}/t/shop");
    let (_, key) = sandbox.register("Email.Opened", &public);
    let app = app(&key, &Scheme::ALL);
    let secret = format!("opened={key}");
    let args = ["-f", &app.target(), "--secret", &secret];
    let mut listener = relay.agent_in(&place.home, Some(&token), &args);
    sandbox.fire("Email.Opened");
    let delivery = listener.delivery();
    assert_eq!(delivery["verdict"]["status"], "valid", "{delivery}");
    listener.attempt(&delivery);
    place.until_answered(1);
    let args = [
        "-f",
        &app.target(),
        "--secret",
        &secret,
        "--relay",
        &url,
        "--events",
        "email.opened",
        "--api",
        &sandbox.url(),
    ];
    let variables = [("CMHOOK_RELAY_TOKEN", &*token)];
    let report = place.run_with(&args, &variables);
    assert_eq!(report.code, Some(0), "{}", report.stdout);
    assert!(!report.stdout.contains(&key), "{}", report.stdout);
    insta::assert_snapshot!("healthy", masked(&report.stdout, &place, &[]));
    let json = place.run_with(&[&args[..], &["--json"]].concat(), &variables);
    insta::assert_snapshot!("healthy_json", masked(&json.stdout, &place, &[]));
    // Nothing of it is kept.
    let fired = sandbox.fire("Email.Opened");
    assert_eq!(listener.delivery()["id"], 2, "{fired:?}");
}

#[test]
fn an_event_that_there_is_not_is_a_mistake() {
    let report = Place::new().run(&["--events", "email.sent,email.opend"]);
    assert_eq!(report.code, Some(2), "{}", report.stdout);
    assert!(report.stderr.contains("did you mean `email.opened`?"));
}

#[test]
fn nobody_logged_in_is_no_mistake() {
    let place = Place::new();
    let checks = place.checks_with(&[], &[("CAKEMAIL_EMAIL", "me@example.com")], 1);
    checks
        .is("api", "fail", "https://api.cakemail.dev")
        .cure("api", "CAKEMAIL_PASSWORD");
}

#[test]
fn an_api_that_says_no_is_quoted() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    let wrong = format!("ck_pat_{}", "0".repeat(40));
    let api = ["--api", &sandbox.url()];
    place
        .checks_with(&api, &[("CAKEMAIL_ACCESS_TOKEN", &wrong)], 1)
        .is("api", "fail", "does not accept the token (401)")
        .is("webhooks", "skip", "the API has not told");
    let html =
        saying("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>");
    place
        .checks(&["--api", &format!("http://{}", html.address())], 1)
        .is("api", "fail", "HTML where JSON was due")
        .is("clock", "skip", "");
    place
        .checks(&["--api", "http://127.0.0.1:9"], 1)
        .is("api", "fail", "refuses connections");
}

#[test]
fn a_clock_that_is_off_is_told_by_how_much() {
    let place = Place::new();
    for (behind, status, code) in [(0, "ok", 0), (20, "warn", 0), (3600, "fail", 1)] {
        let api = RawApp::answering(move |_| {
            let then = Timestamp::now() - Duration::from_secs(behind);
            let date = then.strftime("%a, %d %b %Y %H:%M:%S GMT");
            let body = r#"{"pagination":{"count":0},"data":[]}"#;
            format!(
                "HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        });
        let args = ["--api", &format!("http://{}", api.address())];
        let checks = place.checks(&args, code);
        checks
            .is("clock", status, "")
            .is("webhooks", "warn", "0 active");
    }
}

#[test]
fn events_that_are_not_sent_have_the_command_that_makes_them() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    let alive = Upstream::start();
    let public = format!("http://{}", alive.address());
    let (archived, _) = sandbox.register("Email.Clicked", &public);
    sandbox.fine(
        "POST",
        &format!("/webhooks/{archived}/archive"),
        &Value::Null,
    );
    sandbox.register("Email.Sent", DEAD);
    let api = sandbox.url();
    let args = |events: &'static str| {
        [
            "--api",
            &*api,
            "--public-url",
            &*public,
            "--secret",
            "x=y",
            "--no-send",
            "--events",
            events,
        ]
        .map(str::to_owned)
    };
    let run = |events, code| {
        let args = args(events);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        place.checks(&args, code)
    };
    run("email.opened,email.clicked", 1)
        .is("webhooks", "warn", "1 active, 1 archived; none points to")
        .is(
            "events",
            "fail",
            "no active webhook sends Email.Opened and Email.Clicked",
        )
        .cure(
            "events",
            &format!("`cmhook webhooks unarchive {archived} --api {api}`"),
        )
        .cure(
            "events",
            &format!("`cmhook webhooks create -u {public} -e Email.Opened --api {api}`"),
        )
        .is("urls", "warn", "127.0.0.1:9 refuses connections");
    run("campaign.sent", 0).is("events", "warn", "campaign.sent");
    sandbox.register("Email.Opened", &public);
    let (twice, _) = sandbox.register("Email.Opened", &format!("{public}/"));
    run("email.opened", 1)
        .is("events", "ok", "Email.Opened is sent")
        .is("duplicates", "warn", "Email.Opened is sent to")
        .cure("duplicates", &twice)
        .is("secrets", "fail", "Email.Opened")
        .cure("secrets", "--show-secrets");
}

#[test]
fn keys_are_compared_with_the_secrets() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    let alive = Upstream::start();
    let public = format!("http://{}/", alive.address());
    let (id, key) = sandbox.register("Email.Opened", &public);
    let api = sandbox.url();
    let known = format!("opened={key}");
    let old = format!("old={SECRET}");
    let args = ["--api", &*api, "--no-send"];
    let here = ["--public-url", &*public];
    let with = |more: &[&str], code| place.checks(&[&args[..], more].concat(), code);
    // Whose they are is not known, and no matter of this machine.
    with(&[], 0).is("secrets", "skip", "which webhooks point here is not known");
    with(&["--secret", &known], 0).is("secrets", "ok", "the secret `opened` is known here");
    with(&["--secret", &old], 0).is("secrets", "warn", "`old` belongs to no active webhook");
    let with = |more: &[&str], code| place.checks(&[&args[..], &here, more].concat(), code);
    with(&["--secret", &known], 0).is("secrets", "ok", "the keys of 1 webhook are known");
    with(&["--secret", &known, "--secret", &old], 0).is(
        "secrets",
        "warn",
        "`old` belongs to no active webhook",
    );
    with(&["--secret", &old], 1)
        .is("secrets", "fail", "do not verify")
        .cure(
            "secrets",
            &format!("`cmhook webhooks get {id} --show-secrets --api {api}`"),
        );
    with(&[], 1).is("secrets", "fail", "no secret is known here");
}

#[test]
fn the_app_is_sent_samples_that_are_signed_with_the_key_of_a_webhook_that_points_to_it() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    let app = Upstream::start();
    sandbox.register("Email.Opened", &format!("http://{}/hook", app.address()));
    let api = sandbox.url();
    place.checks(&["-f", &app.target(), "--api", &api], 0).is(
        "signed",
        "ok",
        "secret `Email.Opened ",
    );
    let other = Upstream::start();
    place.checks(&["-f", &other.target(), "--api", &api], 0).is(
        "signed",
        "skip",
        "no secret is known",
    );
}

#[test]
fn a_listeners_own_url_is_here_for_a_sandbox() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    let relay = Relay::open(&[]);
    let listener = relay.agent_in(&place.home, None, &[]);
    let local = listener
        .address()
        .to_string()
        .replace("127.0.0.1", "localhost");
    sandbox.register("Email.Opened", &format!("http://{local}/"));
    sandbox.register("Email.Sent", DEAD);
    place
        .checks(&["--api", &sandbox.url(), "--events", "email.opened"], 1)
        .is("webhooks", "ok", "2 active, 0 archived; 1 points to")
        .is("events", "ok", "Email.Opened is sent")
        .is("urls", "warn", "127.0.0.1:9")
        .is("secrets", "fail", "deliveries of Email.Opened (");
}

#[test]
fn cures_carry_the_flags_that_were_given() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    place.write("own.toml", "");
    let api = sandbox.url();
    let events = ["--events", "email.opened", "--config", "own.toml"];
    let args = ["-f", "3000", "--api", &*api, "--account", "17"];
    let account = format!("--api {api} --account 17 --config own.toml");
    place
        .checks(&[&args[..], &events].concat(), 1)
        .cure(
            "events",
            &format!("`cmhook listen -f 3000 --register --events email.opened {account}`"),
        )
        .cure("webhooks", "the cure of Events is this one's, too");
    place.checks(&[&args[..], &events[2..]].concat(), 1).cure(
        "webhooks",
        &format!("start `cmhook listen -f 3000 --register --events email.opened {account}`"),
    );
    // What the environment says, it says to the next command too.
    let variables = [("CAKEMAIL_API_BASE", &*api), ("CMHOOK_FORWARD", "3000")];
    place
        .checks_with(&events[..2], &variables, 1)
        .cure("events", "`cmhook listen --register --events email.opened`");
    place
        .checks_with(
            &["--api", "https://api.example.invalid"],
            &[("CAKEMAIL_EMAIL", "me@example.com")],
            1,
        )
        .cure("api", "`cmhook login --api https://api.example.invalid`");
}

#[test]
fn long_lists_are_cut_and_what_is_not_tried_is_counted() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    let alive = Upstream::start();
    let public = format!("http://{}", alive.address());
    for event in [
        "Email.Opened",
        "Email.Sent",
        "Email.Clicked",
        "Email.Bounced",
        "Email.Queued",
    ] {
        sandbox.register(event, &public);
    }
    for n in 0..25 {
        sandbox.register("Email.Opened", &format!("http://127.0.0.1:9/{n}"));
    }
    let args = ["--api", &*sandbox.url(), "--public-url", &public];
    place
        .checks(&args, 1)
        .is("webhooks", "ok", "5 point to")
        .is("webhooks", "ok", " and 2 more")
        .is("secrets", "fail", " and 2 more")
        .is("urls", "warn", "; and 17 others; 5 more were not tried");
    for n in 25..101 {
        sandbox.register("Email.Opened", &format!("http://127.0.0.1:9/{n}"));
    }
    // Those that point here are asked first.
    place.checks(&args, 1).is(
        "secrets",
        "fail",
        " and 2 more cannot be checked; the keys of 6 active webhooks were not asked for",
    );
}

#[test]
fn what_a_listener_has_registered_is_well() {
    let (place, sandbox) = (Place::new(), Sandbox::start(&[]));
    let sink = Upstream::start();
    let api = sandbox.url();
    let args = [
        "-f",
        &*sink.target(),
        "--register",
        "--events",
        "email.opened",
        "--api",
        &*api,
    ];
    let listener = place.listener(&args);
    let made = sandbox.webhooks();
    assert_eq!(made.len(), 1, "{made:#?}");
    let id = made[0]["id"].as_str().unwrap();
    place
        .checks(
            &["--events", "email.opened", "--api", &*api, "--no-send"],
            0,
        )
        .is(
            "canary",
            "ok",
            "its signature is right (secret `Email.Opened ",
        )
        .is("webhooks", "ok", "1 points to")
        .is("events", "ok", "Email.Opened is sent to")
        .is("secrets", "ok", "are known");
    let change = serde_json::json!({"rate_limit": 5, "rate_limit_period": "minute"});
    sandbox.fine("PATCH", &format!("/webhooks/{id}"), &change);
    place.checks(&["--api", &*api, "--no-send"], 0).is(
        "webhooks",
        "ok",
        &format!("{id} gets 5 a minute at most"),
    );
    listener.stop();
    assert!(sink.is_idle());
    place
        .checks(&["--events", "email.opened", "--api", &*api], 1)
        .is(
            "webhooks",
            "warn",
            "0 active, 1 archived: Cakemail sends nothing",
        )
        .cure(
            "events",
            &format!("start `cmhook listen --register --events email.opened --api {api}`"),
        );
}
