//! The API in each of its answers' shapes.

use std::rc::Rc;

use serde_json::{Value, json};

use crate::support::listener::home;
use crate::support::sandbox::Sandbox;

use super::kit::*;

#[test]
fn a_webhook_lives() {
    let sandbox = Sandbox::start(&[]);
    let body = json!({"event": "Email.Opened", "url": URL, "unknown": 1});
    let made = sandbox.fine("POST", "/webhooks", &body);
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 12);
    let webhook = json!({"id": id, "status": "active", "event": "Email.Opened", "url": URL,
        "archived_at": null, "rate_limit": 50, "rate_limit_period": "second"});
    assert_eq!(made, json!({"id": id, "data": webhook}));
    let path = format!("/webhooks/{id}");
    let shown = sandbox.fine("GET", &path, &Value::Null);
    assert_eq!(shown["data"], webhook);
    assert_eq!(shown["signature"]["hash_function"], "sha256");
    assert!(shown["signature"]["key"].as_str().unwrap().len() >= 32);
    let change = json!({"rate_limit": "7", "rate_limit_period": "minute", "event": "Email.Sent"});
    let patched = sandbox.fine("PATCH", &path, &change);
    assert_eq!(
        (&patched["object"], &patched["patched"]),
        (&json!("Webhook"), &json!(true))
    );
    assert_eq!(patched["data"]["rate_limit"], 7);
    assert_eq!(patched["data"]["rate_limit_period"], "minute");
    assert_eq!(patched["data"]["event"], "Email.Opened");
    assert_eq!(patched["data"]["url"], URL);
    let archived = sandbox.fine("POST", &format!("{path}/archive"), &Value::Null);
    assert_eq!(archived["archived"], true);
    assert_eq!(archived["data"]["status"], "archived");
    let since = archived["data"]["archived_at"].as_i64().unwrap();
    assert!(
        since > 1_700_000_000 && since < 4_000_000_000,
        "{since} is in seconds"
    );
    let list = sandbox.fine("GET", "/webhooks", &Value::Null);
    assert_eq!(
        list,
        json!({"pagination": {"page": 1, "per_page": 50}, "data": []})
    );
    assert_eq!(sandbox.webhooks().len(), 1);
    let back = sandbox.fine("POST", &format!("{path}/unarchive"), &Value::Null);
    assert_eq!(back["archived"], false);
    assert_eq!(back["data"]["status"], "active");
    assert_eq!(back["data"]["archived_at"], Value::Null);
    let list = sandbox.fine("GET", "/webhooks?with_count=1", &Value::Null);
    assert_eq!(list["pagination"]["count"], 1);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[test]
fn pages_follow_each_other_and_accounts_are_apart() {
    let sandbox = Sandbox::start(&[]);
    for n in 0..5 {
        sandbox.register("Email.Sent", &format!("{URL}/{n}"));
    }
    let other = sandbox.fine(
        "POST",
        "/webhooks?account_id=99",
        &json!({"event": "Email.Sent", "url": URL}),
    );
    let page = |query: &str| sandbox.fine("GET", &format!("/webhooks?{query}"), &Value::Null);
    let urls = |page: &Value| -> Vec<String> {
        let items = page["data"].as_array().unwrap().iter();
        items
            .map(|item| {
                item["url"]
                    .as_str()
                    .unwrap()
                    .rsplit('/')
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    let second = page("page=2&per_page=2&with_count=true");
    assert_eq!(
        second["pagination"],
        json!({"page": 2, "per_page": 2, "count": 5})
    );
    assert_eq!(urls(&second), ["2", "3"]);
    assert_eq!(urls(&page("page=3&per_page=2")), ["4"]);
    assert_eq!(urls(&page("page=4&per_page=2")), [""; 0]);
    assert_eq!(urls(&page("account_id=99")), ["hook"]);
    let id = other["id"].as_str().unwrap();
    assert_eq!(
        sandbox
            .ask("GET", &format!("/webhooks/{id}"), &Value::Null)
            .status(),
        404
    );
    sandbox.fine(
        "GET",
        &format!("/webhooks/{id}?account_id=99"),
        &Value::Null,
    );
}

#[test]
fn what_is_not_there_is_json_too() {
    let sandbox = Sandbox::start(&[]);
    for (method, path, status) in [
        ("GET", "/", 404),
        ("GET", "/webhooks/none", 404),
        ("PATCH", "/webhooks/none", 404),
        ("POST", "/webhooks/none/archive", 404),
        ("POST", "/webhooks/%FF/archive", 404),
        ("DELETE", "/webhooks/none", 405),
        ("PUT", "/webhooks", 405),
        ("GET", "/token", 405),
        ("GET", "/sandbox/deliveries/none", 404),
        ("GET", "/sandbox", 200),
    ] {
        let body = if method == "PATCH" {
            json!({})
        } else {
            Value::Null
        };
        let answer = sandbox.ask(method, path, &body);
        assert_eq!(answer.status(), status, "{method} {path}");
        let version = answer.one("cmhook-sandbox");
        assert_eq!(
            version.as_deref(),
            Some(env!("CARGO_PKG_VERSION")),
            "{path}"
        );
        assert_eq!(
            answer.one("content-type").as_deref(),
            Some("application/json")
        );
        value(&answer);
        if status == 405 {
            assert!(answer.one("allow").is_some(), "{path}");
        }
    }
}

#[test]
fn it_is_as_strict_as_it_is_told_to_be() {
    let sandbox = Sandbox::start(&["--strict-urls", "--narrow-events"]);
    for (event, url, place) in [
        ("Email.Opened", "https://a.example/", "event"),
        ("Email.Clicked", "http://a.example/", "url"),
        ("Email.Clicked", "https://127.0.0.1/", "url"),
        ("Email.Clicked", "https://localhost/", "url"),
    ] {
        let found = mistake(
            &sandbox,
            "POST",
            "/webhooks",
            &json!({"event": event, "url": url}),
        );
        assert_eq!(found["loc"][1], place, "{event} {url}");
    }
    sandbox.register("Email.Clicked", "https://a.example/");
}

#[test]
fn pages_of_other_sites_are_kept_out() {
    let sandbox = Sandbox::start(&[]);
    let body = br#"{"event":"Email.Sent"}"#;
    for fields in [
        ("Origin", "https://evil.example"),
        ("Sec-Fetch-Site", "cross-site"),
    ] {
        let answer = sandbox.ask_with("POST", "/sandbox/events", &[fields], body);
        assert_eq!(answer.status(), 403, "{fields:?}");
        assert!(answer.one("access-control-allow-origin").is_none());
    }
    let request = "GET /sandbox HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    let answer = crate::support::raw::ask(sandbox.address(), request);
    assert_eq!(answer.status(), 403);
    assert!(answer.one("cmhook-sandbox").is_some());
}

#[test]
fn one_seed_gives_the_same_ids_keys_and_tokens() {
    let all = |sandbox: &Sandbox| {
        let webhooks = (
            sandbox.register("Email.Sent", URL),
            sandbox.register("User.Created", URL),
        );
        let token = form(sandbox, "/token", LOGIN).1;
        let fired = sandbox.fire_with(&json!({"event": "email.*", "count": 2}));
        let delivery = sandbox.delivery(&fired[0]);
        (webhooks, token, fired, delivery["request"]["body"].clone())
    };
    let sandbox = Sandbox::start(&["--seed", "7"]);
    let first = all(&sandbox);
    assert_eq!(first, all(&Sandbox::start(&["--seed", "7"])));
    sandbox.fine("POST", "/sandbox/reset", &Value::Null);
    assert!(sandbox.webhooks().is_empty() && sandbox.deliveries().is_empty());
    assert_eq!(first, all(&sandbox), "a reset begins anew");
    let other = all(&Sandbox::start(&["--seed", "8"]));
    assert_ne!(first.0, other.0);
    assert_ne!(first.3, other.3);
    assert_ne!(all(&Sandbox::start(&[])).0, all(&Sandbox::start(&[])).0);
}

#[test]
fn without_a_seed_a_reset_gives_other_ids_and_keys() {
    let home = Rc::new(home());
    let sandbox = Sandbox::start_in(&home, &[]);
    let first = sandbox.register("Email.Sent", URL);
    sandbox.fine("POST", "/sandbox/reset", &Value::Null);
    let second = sandbox.register("Email.Sent", URL);
    assert!(first.0 != second.0 && first.1 != second.1, "{second:?}");
    // And it goes on from there.
    let sandbox = sandbox.kill_and_restart();
    let third = sandbox.register("Email.Sent", URL);
    for other in [&first, &second] {
        assert!(third.0 != other.0 && third.1 != other.1, "{third:?}");
    }
}
