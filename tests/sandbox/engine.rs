//! Deliveries: signed, paced, and tried again.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::listener::Listener;
use crate::support::raw::{RawApp, Then};
use crate::support::sandbox::Sandbox;
use crate::support::sender::{Scheme, sign};
use crate::support::upstream::Upstream;

use super::kit::*;

#[test]
fn what_fails_is_tried_again_until_it_is_taken() {
    let mut sandbox = Sandbox::start(&["--fast"]);
    let app = answering(&[500, 302, 404, 204]);
    let (webhook, key) = sandbox.register("Email.Bounced", &url(&app));
    let id = sandbox.fire("email.bounced").remove(0);
    let ended = sandbox.becomes(&id, "delivered");
    assert_eq!(
        (&ended["webhook"], &ended["tried"]),
        (&json!(webhook), &json!(4))
    );
    assert_eq!(ended["next_at"], Value::Null);
    let tries = ended["tries"].as_array().unwrap();
    let statuses: Vec<_> = tries
        .iter()
        .map(|one| one["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [500, 302, 404, 204]);
    assert_eq!(tries[0]["answer"], "said so");
    let time = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    for (n, pair) in tries.windows(2).enumerate() {
        let waited = time(&pair[1]["started_at"]).duration_since(time(&pair[0]["started_at"]));
        assert!(waited.as_millis() >= 10 << n, "{waited:?} before retry {n}");
        assert!(time(&pair[1]["started_at"]) >= time(&pair[0]["next_at"]));
    }
    let first = app.next();
    let (name, value) = sign(Scheme::ApiBase64, &key, &first.body);
    assert_eq!(first.parts.headers[name], value);
    assert_eq!(first.parts.headers["content-type"], "application/json");
    assert_eq!(first.parts.uri, "/hook?a=b");
    assert_eq!(first.parts.method, "POST");
    assert_eq!(ended["request"]["headers"]["X-Signature"], json!(value));
    assert_eq!(
        ended["request"]["body"].as_str().unwrap().as_bytes(),
        first.body
    );
    for _ in 0..3 {
        let next = app.next();
        assert_eq!(
            (next.body, next.parts.headers),
            (first.body.clone(), first.parts.headers.clone())
        );
    }
    assert!(app.is_idle(), "a redirect is not followed");
    let body: Value = serde_json::from_slice(&first.body).unwrap();
    assert_eq!(
        (&body["event"], &body["account_id"]),
        (&json!("Email.Bounced"), &json!(17))
    );
    for (n, status) in [500, 302, 404, 204].into_iter().enumerate() {
        let told = sandbox.next("try");
        assert_eq!(
            (&told["n"], &told["status"]),
            (&json!(n + 1), &json!(status))
        );
        let outcome = if status == 204 {
            "delivered"
        } else {
            "pending"
        };
        assert_eq!(
            (&told["outcome"], &told["delivery"]),
            (&json!(outcome), &json!(id))
        );
    }
}

#[test]
fn every_way_to_fail_is_named_and_there_is_an_end() {
    let hasty = Sandbox::start(&["--timeout", "300ms", "--retries", "1ms,1ms"]);
    // What fails by itself has the time for it.
    let patient = Sandbox::start(&["--timeout", "20s", "--retries", "1ms,1ms"]);
    let silent = Upstream::serving("127.0.0.1:0", |_, _| Box::pin(std::future::pending()));
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let hangs_up = RawApp::serving(Duration::from_secs(30), |_, _| Ok(Then::Close));
    let no_http = RawApp::answering(|_| b"220 mail.example ESMTP\r\n".to_vec());
    let failing = answering(&[503]);
    for (url, error, status) in [
        (url(&silent), json!("timeout"), Value::Null),
        (format!("http://{free}/"), json!("refused"), Value::Null),
        (
            format!("http://{}/", hangs_up.address()),
            json!("closed"),
            Value::Null,
        ),
        (
            format!("http://{}/", no_http.address()),
            json!("protocol"),
            Value::Null,
        ),
        (
            "http://no.such.host.invalid/".to_owned(),
            json!("dns"),
            Value::Null,
        ),
        (
            format!("https://{}/", failing.address()),
            json!("tls"),
            Value::Null,
        ),
        (url(&failing), Value::Null, json!(503)),
    ] {
        let sandbox = if error == "timeout" { &hasty } else { &patient };
        let (webhook, _) = sandbox.register("List.Created", &url);
        let id = sandbox.fire("List.Created").remove(0);
        let ended = sandbox.becomes(&id, "failed");
        assert_eq!(
            (&ended["error"], &ended["status"]),
            (&error, &status),
            "{url}: {ended}"
        );
        assert_eq!(ended["tries"].as_array().unwrap().len(), 3);
        sandbox.fine(
            "POST",
            &format!("/webhooks/{webhook}/archive"),
            &Value::Null,
        );
    }
}

#[test]
fn each_scheme_is_one_that_a_listener_verifies() {
    let sandbox = Sandbox::start(&["--scheme", "cakemail-hex", "--envelope", "manual"]);
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (_, key) = sandbox.register("Email.Opened", &format!("http://{free}/"));
    let port = free.port().to_string();
    let mut listener = Listener::start(&["--ephemeral", "--secret", &key, "--listen", &port]);
    sandbox.fire("email.opened");
    let delivery = listener.delivery();
    assert_eq!(delivery["verdict"]["scheme"], "cakemail-hex", "{delivery}");
    assert_eq!(delivery["event"], "email.opened");
    for scheme in Scheme::ALL {
        for (envelope, event) in [("api", "Email.Opened"), ("manual", "email.opened")] {
            sandbox.fire_with(&json!({"event": "EMAIL.OPENED", "scheme": scheme.name(),
                "envelope": envelope}));
            let delivery = listener.delivery();
            assert_eq!(delivery["verdict"]["status"], "valid", "{delivery}");
            assert_eq!(delivery["verdict"]["scheme"], scheme.name());
            assert_eq!(delivery["event"], event);
        }
    }
}

#[test]
fn no_second_has_more_than_the_rate() {
    let sandbox = Sandbox::start(&[]);
    let app = Upstream::start();
    sandbox.register_with(&json!({"event": "Email.Sent", "url": url(&app), "rate_limit": 5}));
    let begin = Instant::now();
    sandbox.fire_with(&json!({"event": "Email.Sent", "count": 12}));
    let mut came = Vec::new();
    for _ in 0..12 {
        app.next();
        came.push(begin.elapsed());
    }
    // Each may be held up on its way, but none comes before its time.
    assert!(came[5] >= Duration::from_secs(1), "{came:?}");
    assert!(came[10] >= Duration::from_secs(2), "{came:?}");
    println!("12 deliveries at 5 a second took {:?}", came[11]);
}

#[test]
fn a_new_rate_counts_at_once() {
    let sandbox = Sandbox::start(&[]);
    let app = Upstream::start();
    let slow = json!({"event": "Email.Sent", "url": url(&app), "rate_limit": 1,
        "rate_limit_period": "minute"});
    let (webhook, _) = sandbox.register_with(&slow);
    sandbox.fire_with(&json!({"event": "Email.Sent", "count": 30}));
    app.next();
    let fast = json!({"rate_limit": 1000, "rate_limit_period": "second"});
    sandbox.fine("PATCH", &format!("/webhooks/{webhook}"), &fast);
    for _ in 0..29 {
        app.next();
    }
}

#[test]
fn first_tries_arrive_in_order() {
    let sandbox = Sandbox::start(&[]);
    let app = Upstream::start();
    let limit = json!({"event": "Email.Sent", "url": url(&app), "rate_limit": 10_000});
    sandbox.register_with(&limit);
    for n in 0..60 {
        sandbox.fire_with(&json!({"event": "Email.Sent", "payload": {"n": n}}));
    }
    let order: Vec<u64> = (0..60)
        .map(|_| {
            serde_json::from_slice::<Value>(&app.next().body).unwrap()["n"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(order, (0..60).collect::<Vec<_>>());
}

#[test]
fn what_is_given_is_sent_byte_for_byte() {
    let sandbox = Sandbox::start(&[]);
    let app = Upstream::start();
    sandbox.register("Email.Sent", &url(&app));
    let whole = r#"{ "a" : 1.0, "b":"\/\u00e9", "big":12345678901234567890123 }"#;
    let body = format!(r#"{{"event":"Email.Sent","payload":{whole}}}"#);
    let fired = sandbox.ask_with("POST", "/sandbox/events", &[], body.as_bytes());
    assert_eq!(fired.status(), 200);
    assert_eq!(app.next().body, whole);
    let data = r#"{ "x" : [1.50] }"#;
    let body = format!(r#"{{"event":"Email.Sent","data":{data},"account_id":17}}"#);
    sandbox.ask_with("POST", "/sandbox/events", &[], body.as_bytes());
    let sent = app.next().body;
    assert!(String::from_utf8_lossy(&sent).ends_with(&format!(",\"data\":{data}}}")));
}

#[test]
fn only_active_webhooks_of_the_event_and_account_are_sent_it() {
    let sandbox = Sandbox::start(&[]);
    let app = Upstream::start();
    let (spam, _) = sandbox.register("Email.ReportedAsSpam", &url(&app));
    sandbox.register("Email.Opened", &url(&app));
    let fire = |body: &Value| sandbox.fine("POST", "/sandbox/events", body)["events"].clone();
    // The manual's name means the API's event.
    let fired = fire(&json!({"event": "email.spam_complaint"}));
    assert_eq!(
        (&fired[0]["webhooks"], &fired[0]["event"]),
        (&json!([spam]), &json!("Email.ReportedAsSpam"))
    );
    assert_eq!(
        fire(&json!({"event": "campaign.sent"}))[0]["webhooks"],
        json!([])
    );
    assert_eq!(
        fire(&json!({"event": "Email.Opened", "account_id": 5}))[0]["webhooks"],
        json!([])
    );
    let all = fire(&json!({"event": "email.*"}));
    let all = all.as_array().unwrap();
    let heard = all
        .iter()
        .filter(|event| event["webhooks"] != json!([]))
        .count();
    assert_eq!((all.len(), heard), (13, 2));
    sandbox.fine("POST", &format!("/webhooks/{spam}/archive"), &Value::Null);
    assert_eq!(
        fire(&json!({"event": "Email.ReportedAsSpam"}))[0]["webhooks"],
        json!([])
    );
}

#[test]
fn what_waits_for_a_webhook_that_is_archived_is_dropped() {
    let sandbox = Sandbox::start(&["--retries", "300ms"]);
    let app = answering(&[500]);
    let (webhook, _) = sandbox.register("Email.Sent", &url(&app));
    let id = sandbox.fire("Email.Sent").remove(0);
    sandbox.wait(&id, "tried", |one| one["tried"] == 1);
    sandbox.fine(
        "POST",
        &format!("/webhooks/{webhook}/archive"),
        &Value::Null,
    );
    assert_eq!(sandbox.becomes(&id, "archived")["next_at"], Value::Null);
    sandbox.fine(
        "POST",
        &format!("/webhooks/{webhook}/unarchive"),
        &Value::Null,
    );
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(sandbox.delivery(&id)["tried"], 1);
    let again = sandbox.fire("Email.Sent").remove(0);
    sandbox.becomes(&again, "failed");
}

#[test]
fn duplicates_happen_where_they_are_asked_for() {
    let sandbox = Sandbox::start(&["--duplicates"]);
    let app = Upstream::start();
    sandbox.register("Email.Sent", &url(&app));
    let ids = sandbox.fire("Email.Sent");
    assert_eq!(ids.len(), 2);
    assert_eq!(app.next().body, app.next().body);
    assert_eq!(
        sandbox
            .fire_with(&json!({"event": "Email.Sent", "duplicate": false}))
            .len(),
        1
    );
}

#[test]
fn a_webhook_that_leads_to_the_sandbox_fires_nothing() {
    let sandbox = Sandbox::start(&["--retries", "none"]);
    sandbox.register("Email.Sent", &format!("{}/sandbox/events", sandbox.url()));
    let id = sandbox.fire("Email.Sent").remove(0);
    assert_eq!(sandbox.becomes(&id, "failed")["status"], 508);
    assert_eq!(sandbox.deliveries().len(), 1);
}
