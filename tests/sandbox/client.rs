//! `cmhook sandbox fire` and `cmhook sandbox deliveries`.

use std::net::TcpListener;
use std::process::Output;

use serde_json::{Value, json};

use crate::kit::{URL, answering, url};
use crate::support::listener::object;
use crate::support::sandbox::Sandbox;
use crate::support::upstream::Upstream;

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn fired_events_are_waited_for() {
    let sandbox = Sandbox::start(&["--fast", "--retries", "10s"]);
    let app = Upstream::start();
    sandbox.register("Email.Opened", &format!("http://{}/", app.address()));
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    sandbox.register("Email.Bounced", &format!("http://{free}/"));
    let fired = sandbox.command(&["fire", "email.opened", "--count", "3", "--wait"]);
    assert_eq!(fired.status.code(), Some(0), "{}", stderr(&fired));
    let lines = stdout(&fired);
    assert_eq!(
        lines.lines().next(),
        Some("Fired 3 events: 3 deliveries to make.")
    );
    assert_eq!(
        lines.matches("delivered  tries 1  200").count(),
        3,
        "{lines}"
    );
    let failed = sandbox.command(&["fire", "email.bounced", "--wait", "--json"]);
    assert_eq!(failed.status.code(), Some(1));
    let object = object(&stdout(&failed));
    assert_eq!(object["events"][0]["event"], "Email.Bounced");
    assert_eq!(object["deliveries"][0]["outcome"], "failed");
    assert_eq!(object["deliveries"][0]["tried"], 2);
    // Nobody listens to these.
    let unheard = sandbox.command(&["fire", "List.Created", "campaign.sent"]);
    assert_eq!(unheard.status.code(), Some(1));
    let said = stderr(&unheard);
    for name in ["List.Created", "campaign.sent"] {
        let line = format!("No active webhook is registered for {name}: nobody hears of it.");
        assert!(said.contains(&line), "{said}");
    }
    let data = r#"{"a":1.0}"#;
    std::fs::write(sandbox.home().join("data.json"), data).unwrap();
    sandbox.command(&[
        "fire",
        "Email.Opened",
        "--data",
        "@data.json",
        "--envelope",
        "manual",
    ]);
    for _ in 0..3 {
        app.next();
    }
    let sent = String::from_utf8(app.next().body.to_vec()).unwrap();
    assert!(
        sent.starts_with(r#"{"event":"email.opened","timestamp""#),
        "{sent}"
    );
    assert!(sent.ends_with(&format!(",\"data\":{data}}}")), "{sent}");
}

#[test]
fn deliveries_are_listed_and_shown() {
    let sandbox = Sandbox::start(&["--seed", "3", "--retries", "none"]);
    let none = sandbox.command(&["deliveries"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(
        stderr(&none).contains("There are no such deliveries"),
        "{}",
        stderr(&none)
    );
    let app = Upstream::start();
    let (webhook, _) = sandbox.register("Email.Opened", &format!("http://{}/", app.address()));
    let id = sandbox.fire("Email.Opened").remove(0);
    sandbox.becomes(&id, "delivered");
    let listed = stdout(&sandbox.command(&["deliveries"]));
    let values: Vec<_> = listed.trim_end().split('\t').collect();
    assert_eq!(
        (values[0], values[2], values[3]),
        (&*id, "Email.Opened", "delivered")
    );
    assert_eq!((values[4], values[5], values[6]), ("200", "1", &*webhook));
    for (filter, found) in [
        (["--event", "email.*"], true),
        (["--outcome", "delivered"], true),
        (["--webhook", &webhook], true),
        (["--outcome", "failed"], false),
        (["--event", "User.Created"], false),
    ] {
        let listed = sandbox.command(&[&["deliveries", "--jq", ".[].id"], &filter[..]].concat());
        assert_eq!(stdout(&listed).trim_end() == id, found, "{filter:?}");
        assert_eq!(listed.status.success(), found, "{filter:?}");
    }
    let some = stdout(&sandbox.command(&["deliveries", "--json", "id,outcome"]));
    assert_eq!(object(&some), json!([{"id": id, "outcome": "delivered"}]));
    let shown = stdout(&sandbox.command(&["deliveries", &id]));
    assert!(
        shown.contains("try 1") && shown.contains("X-Signature: "),
        "{shown}"
    );
    assert!(shown.ends_with("}\n"), "{shown}");
    let whole = object(&stdout(&sandbox.command(&["deliveries", &id, "--json"])));
    assert_eq!(whole["tries"][0]["status"], 200);
    for id in ["nope", "../webhooks"] {
        let none = sandbox.command(&["deliveries", id]);
        assert_eq!(none.status.code(), Some(1));
        assert_eq!(stderr(&none), format!("There is no delivery `{id}`.\n"));
    }
}

#[test]
fn a_delivery_keeps_the_url_that_it_went_to() {
    let sandbox = Sandbox::start(&["--retries", "1h"]);
    let app = answering(&[500]);
    let (webhook, _) = sandbox.register("Email.Opened", &url(&app));
    let id = sandbox.fire("Email.Opened").remove(0);
    sandbox.wait(&id, "tried", |one| one["tried"] == 1);
    let shown = || stdout(&sandbox.command(&["deliveries", &id]));
    assert!(shown().contains("next at "), "{}", shown());
    let path = format!("/webhooks/{webhook}");
    sandbox.fine("PATCH", &path, &json!({"url": URL}));
    for args in [&["deliveries"][..], &["deliveries", "--json"]] {
        let listed = stdout(&sandbox.command(args));
        assert!(listed.contains(&url(&app)), "{listed}");
        assert!(!listed.contains(URL), "{listed}");
    }
    assert_eq!(sandbox.delivery(&id)["url"], url(&app));
    sandbox.fine("POST", &format!("{path}/archive"), &Value::Null);
    assert!(shown().contains("archived\n"), "{}", shown());
    assert!(!shown().contains("next at"), "{}", shown());
    let whole = sandbox.delivery(&id);
    assert_eq!(whole["tries"][0]["next_at"], Value::Null);
}

#[test]
fn mistakes_are_told_before_anything_is_asked() {
    let sandbox = Sandbox::start(&[]);
    for (args, code, told) in [
        (
            &["fire", "emial.opened"][..],
            2,
            "did you mean `email.opened`?",
        ),
        (
            &["fire", "email.opened", "--data", "{"],
            2,
            "`--data` is not JSON",
        ),
        (
            &["fire", "email.opened", "--data", "@none"],
            1,
            "cannot read `none`",
        ),
        (
            &["fire", "email.*", "--count", "1000"],
            1,
            "it must be a number from 1 to 769",
        ),
        (&["fire"], 2, "required"),
        (
            &["deliveries", "--json", "nonsense"],
            2,
            "there is no JSON field `nonsense`",
        ),
    ] {
        let output = sandbox.command(args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(told), "{args:?}: {said}");
    }
    assert!(sandbox.deliveries().is_empty());
}

#[test]
fn a_password_in_a_url_is_not_shown() {
    let sandbox = Sandbox::start(&["--retries", "none"]);
    let app = Upstream::start();
    let at = app.address();
    sandbox.register("Email.Sent", &format!("http://ada:hidden@{at}/hook"));
    let shown = format!("http://ada:…@{at}/hook");
    let id = sandbox.fire("Email.Sent").remove(0);
    sandbox.becomes(&id, "delivered");
    for args in [
        &["fire", "Email.Sent", "--wait"][..],
        &["fire", "Email.Sent", "--wait", "--json"],
        &["deliveries"],
        &["deliveries", "--json"],
        &["deliveries", &id],
        &["deliveries", &id, "--json"],
    ] {
        let text = stdout(&sandbox.command(args));
        assert!(text.contains(&shown), "{args:?}: {text}");
        assert!(!text.contains("hidden"), "{args:?}: {text}");
    }
}

#[test]
fn what_was_fired_before_a_mistake_is_told() {
    let sandbox = Sandbox::start(&[]);
    sandbox.register("Email.Sent", "http://127.0.0.1:9/");
    let args = ["fire", "Email.Sent", "email.*", "--count", "1000"];
    let fired = sandbox.command(&args);
    assert_eq!(fired.status.code(), Some(1));
    let said = "Fired 1000 events: 1000 deliveries to make.\n";
    assert_eq!(stdout(&fired), said);
    let told = stderr(&fired);
    assert!(
        told.contains("cannot fire `email.*`: the sandbox answered 422"),
        "{told}"
    );
    let fired = sandbox.command(&[&args[..], &["--json"]].concat());
    let lines = stdout(&fired);
    let mut lines = lines.lines().map(object);
    let events = lines.next().unwrap()["events"].take();
    assert_eq!(events.as_array().map(Vec::len), Some(1000));
    assert_eq!(lines.next().unwrap()["code"], "sandbox");
    assert_eq!(sandbox.deliveries().len(), 2000);
}
