//! `cmhook webhooks list` and `get`.

use serde_json::json;

use crate::kit::{Place, URL};
use crate::support::sandbox::Sandbox;

#[test]
fn a_terminal_gets_a_table_and_a_pipe_gets_rows() {
    let sandbox = Sandbox::start(&["--seed", "7"]);
    let place = Place::new(sandbox.url());
    let none = place.webhooks(&["list"]).coded(1);
    assert_eq!(none.stdout, "");
    assert!(
        none.stderr.starts_with("There are no active webhooks: "),
        "{}",
        none.stderr
    );
    assert_eq!(place.webhooks(&["list", "--json"]).coded(1).stdout, "[]\n");
    let ids = place.create("email.sent,email.opened", &["-n", "Production Webhook"]);
    place.create(
        "email.bounced",
        &["--rate-limit", "5", "--rate-limit-period", "minute"],
    );
    place.webhooks(&["archive", &ids[0]]).coded(0);
    let listed = place.webhooks(&["list"]).coded(0);
    assert_eq!(listed.rows().len(), 2);
    let (code, text) = place
        .terminal(120, &["webhooks", "ls", "--with-archived"])
        .end();
    assert_eq!(code, 0, "{text}");
    insta::assert_snapshot!("table", text);
    let (_, narrow) = place.terminal(60, &["webhooks", "list"]).end();
    insta::assert_snapshot!("table_narrow", narrow);
    let piped = place.webhooks(&["list", "--with-archived"]).coded(0);
    insta::assert_snapshot!("piped", piped.stdout);
}

#[test]
fn json_has_what_the_api_has_and_the_name() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let ids = place.create("email.sent", &["-n", "shop"]);
    let listed = place.webhooks(&["list", "--json"]).coded(0).json();
    assert_eq!(
        listed,
        json!([{"id": ids[0], "status": "active", "event": "Email.Sent", "url": URL,
            "archived_at": null, "rate_limit": 50, "rate_limit_period": "second", "name": "shop"}])
    );
    let some = place.webhooks(&["list", "--json", "event,name"]).coded(0);
    assert_eq!(
        some.json(),
        json!([{"event": "Email.Sent", "name": "shop"}])
    );
    let jq = place.webhooks(&["list", "--jq", ".[].id"]).coded(0);
    assert_eq!(jq.stdout, format!("{}\n", ids[0]));
    let bad = place.webhooks(&["list", "--json", "nope"]).coded(2);
    assert_eq!(bad.json()["code"], "usage");
}

#[test]
fn all_pages_are_listed_or_one() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    place.create("*", &[]);
    place.create("*", &["-n", "again"]);
    let all = place.webhooks(&["list", "--json"]).coded(0).json();
    let count = all.as_array().unwrap().len();
    assert!(count > 100, "{count}");
    let page = place.webhooks(&["list", "--page", "2", "--per-page", "3"]);
    let page = page.coded(0).says(&format!("These are 3 of {count}."));
    let ids: Vec<_> = page.rows().iter().map(|row| row[0].to_owned()).collect();
    assert_eq!(ids.len(), 3);
    for (at, id) in ids.iter().enumerate() {
        assert_eq!(all[at + 3]["id"], **id);
    }
    place
        .webhooks(&["list", "--page", "9999", "--per-page", "50"])
        .coded(1);
    place.webhooks(&["list", "--page", "0"]).coded(2);
}

#[test]
fn a_key_is_shown_to_whoever_asks_for_it() {
    let sandbox = Sandbox::start(&["--seed", "7"]);
    let (id, key) = sandbox.register("Email.Opened", URL);
    let place = Place::new(sandbox.url());
    let got = place.webhooks(&["get", &id]).coded(0);
    insta::assert_snapshot!("get", got.stdout);
    for args in [
        &["get", &id, "--json"][..],
        &["list", "--json"],
        &["get", &id, "-vv"],
    ] {
        let ran = place.webhooks(args).coded(0);
        assert!(
            !ran.stdout.contains(&key) && !ran.stderr.contains(&key),
            "{args:?}"
        );
    }
    assert_eq!(
        place.webhooks(&["get", &id, "--json"]).json()["key"],
        json!(null)
    );
    let got = place.webhooks(&["get", &id, "--show-secrets"]).coded(0);
    assert!(
        got.stdout.ends_with(&format!("Key: {key}\n")),
        "{}",
        got.stdout
    );
    let jq = place.webhooks(&["get", &id, "--show-secrets", "--jq", ".key"]);
    assert_eq!(jq.coded(0).stdout, format!("{key}\n"));
}

#[test]
fn a_name_stands_for_one_webhook_and_not_for_several() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let one = place.create("email.sent", &["-n", "one"]);
    let got = place.webhooks(&["get", "one", "--json"]).coded(0).json();
    assert_eq!(got["id"], *one[0]);
    let two = place.create("email.sent,email.opened", &["-n", "two"]);
    let ran = place.webhooks(&["get", "two"]).coded(2);
    let ran = ran.says("`two` is the name of 2 webhooks");
    ran.says(&two.join(", "));
}
