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
fn a_name_stands_for_those_that_have_it() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let one = place.create("email.sent", &["-n", "one"]);
    let got = place.webhooks(&["get", "one", "--json"]).coded(0).json();
    assert_eq!(got["id"], *one[0]);
    let two = place.create("email.sent,email.opened", &["-n", "two"]);
    let got = place.webhooks(&["get", "two", "--json", "id"]).coded(0);
    assert_eq!(got.json(), json!([{"id": two[0]}, {"id": two[1]}]));
    let got = place.webhooks(&["get", "two"]).coded(0);
    assert_eq!(got.stdout.matches("Name: two").count(), 2, "{}", got.stdout);
    assert!(got.stdout.contains("\n\nID: "), "{}", got.stdout);
}

#[test]
fn all_keys_are_shown_at_once_to_whoever_asks_for_them() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let ids = place.create("email.*", &[]);
    let keys = |text: &str| {
        let all: Vec<_> = ids
            .iter()
            .filter(|id| {
                let whole = sandbox.fine("GET", &format!("/webhooks/{id}"), &json!(null));
                text.contains(whole["signature"]["key"].as_str().expect("a key"))
            })
            .collect();
        all.len()
    };
    let listed = place.webhooks(&["list"]).coded(0);
    assert_eq!(keys(&listed.stdout), 0);
    let listed = place.webhooks(&["list", "--show-secrets"]).coded(0);
    assert_eq!(keys(&listed.stdout), ids.len());
    let listed = place.webhooks(&["list", "--show-secrets", "--json"]);
    assert_eq!(keys(&listed.coded(0).stdout), ids.len());
    let (_, text) = place
        .terminal(200, &["webhooks", "list", "--show-secrets"])
        .end();
    assert_eq!(keys(&text), ids.len(), "{text}");
}

#[test]
fn eighty_columns_have_room_for_a_url() {
    let sandbox = Sandbox::start(&["--seed", "7"]);
    let place = Place::new(sandbox.url());
    let url = "http://localhost:4400/t/shop";
    let args = [
        "create",
        "-u",
        url,
        "-e",
        "email.*",
        "-n",
        "Production Webhook",
    ];
    place.webhooks(&args).coded(0);
    let (_, text) = place.terminal(80, &["webhooks", "list"]).end();
    let rows = text.lines().skip(1);
    assert!(rows.clone().count() > 5, "{text}");
    for row in rows {
        assert!(row.contains(url), "{text}");
    }
}

#[test]
fn a_broken_file_with_names_stops_no_look() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let ids = place.create("email.sent,email.opened", &["-n", "shop"]);
    let file = place.path().join("data/cmhook/webhooks.json");
    std::fs::write(&file, "[{").expect("a file");
    for args in [
        &["list"][..],
        &["get", &ids[0]],
        &["archive", &ids[0]],
        &["unarchive", &ids[0]],
        &["delete", &ids[0], "--force"],
    ] {
        let ran = place.webhooks(args).coded(0);
        let ran = ran.says("warning: going on without the names of webhooks: cannot read `");
        ran.says("webhooks.json`");
    }
    place.webhooks(&["get", "shop"]).coded(1);
    let ran = place.webhooks(&["update", &ids[1], "-n", "x"]).coded(1);
    ran.says("mend the file, or delete it");
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), "[{");
}

#[test]
fn a_password_in_a_url_is_warned_of_and_hidden() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let url = "https://ada:sentinel@shop.example.com/x";
    let hidden = "https://ada:…@shop.example.com/x";
    for _ in 0..2 {
        let ran = place.webhooks(&["create", "-u", url, "-e", "email.sent"]);
        let ran = ran.coded(0);
        let ran = ran.says(&format!("warning: {hidden} has a password in it"));
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!said.contains("sentinel"), "{said}");
    }
    let id = sandbox.webhooks()[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    for args in [
        &["list"][..],
        &["list", "--json"],
        &["get", &id],
        &["get", &id, "--json"],
        &["update", &id, "--rate-limit", "3"],
        &["archive", &id],
        &["unarchive", &id],
    ] {
        let ran = place.webhooks(args).coded(0);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains(hidden), "{said}");
        assert!(!said.contains("sentinel"), "{said}");
    }
    let ran = place.webhooks(&["get", &id, "--show-secrets"]).coded(0);
    assert!(ran.stdout.contains(url), "{}", ran.stdout);
}

#[test]
fn what_is_empty_is_filled_with_the_flags_that_were_given() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new("https://api.example.test");
    let api = sandbox.url();
    let flags = ["--api", &*api, "--account", "17"];
    let ran = place.webhooks(&[&["list"], &flags[..]].concat()).coded(1);
    let flags = flags.join(" ");
    let ran = ran.says(&format!(
        "`cmhook webhooks create -u URL -e EVENTS {flags}` makes one"
    ));
    ran.says(&format!("`cmhook webhooks list --with-archived {flags}`"));
    let ran = place.webhooks(&["get", "nonesuch", "--api", &api]).coded(1);
    ran.says(&format!(
        "`cmhook webhooks list --with-archived --api {api}` lists what there is"
    ));
}
