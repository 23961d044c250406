//! The whole way: an event at Cakemail's side, the relay, the listener, and an app.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::apps::App;
use crate::kit::{active, files, new_home, registered, until};
use crate::support::relay::Relay;
use crate::support::sandbox::{Sandbox, TOKEN};

const EVENTS: [&str; 3] = ["Email.Bounced", "Email.Clicked", "Email.Opened"];

#[test]
fn a_hundred_events_of_three_kinds_go_through_relay_and_listener_to_an_app() {
    let retries = ["200ms"; 50].join(",");
    let sandbox = Sandbox::start(&["--seed", "1", "--retries", &retries]);
    let Some(app) = App::express_of(&sandbox.url(), TOKEN, 0) else {
        return;
    };
    let relay = Relay::open(&[]);
    let home = new_home();
    let target = format!("http://127.0.0.1:{}/webhooks/cakemail", app.port());
    let relayed = relay.ready["url"].as_str().expect("its URL");
    let more = ["--relay", relayed, "--forward", &target];
    let events = "email.opened,email.cl*,Email.Bounced";
    let mut listener = registered(&home, &sandbox, events, &more);
    let public = listener.ready["public_url"].as_str().expect("it is online");
    assert_eq!(listener.ready["registered"], 3, "{}", listener.ready);
    assert_eq!(listener.ready["secrets"], 3);
    let made = active(&sandbox);
    assert_eq!(
        made.iter().map(|(event, _)| &**event).collect::<Vec<_>>(),
        EVENTS
    );
    for webhook in sandbox.webhooks() {
        assert_eq!(webhook["url"], public, "{webhook}");
    }
    let public = public.to_owned();
    for _ in EVENTS {
        let told = listener.next("registered");
        let pair = (told["event"].as_str(), told["id"].as_str());
        let known = |(event, id): &(String, String)| pair == (Some(&**event), Some(&**id));
        assert!(made.iter().any(known), "{told}");
        assert_eq!(told["url"], public, "{told}");
    }

    let mut fired = Vec::new();
    for (event, count) in [
        ("Email.Bounced", 33),
        ("Email.Clicked", 33),
        ("Email.Opened", 34),
    ] {
        fired.extend(sandbox.fire_with(&json!({ "event": event, "count": count })));
    }
    assert_eq!(fired.len(), 100);
    for id in &fired {
        sandbox.becomes(id, "delivered");
    }
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..100 {
        let delivery = listener.delivery();
        let event = delivery["event"].as_str().expect("an event");
        assert_eq!(delivery["verdict"]["status"], "valid", "{delivery}");
        assert_eq!(delivery["verdict"]["secret"], event, "{delivery}");
        *seen.entry(event.to_owned()).or_default() += 1;
    }
    assert_eq!(seen.into_values().collect::<Vec<_>>(), [33, 33, 34]);

    // The app is away for a while: Cakemail tries again.
    let port = app.port();
    drop(app);
    let away = sandbox.fire("Email.Opened").remove(0);
    let tried = |one: &Value| {
        one["tries"]
            .as_array()
            .is_some_and(|tries| tries.len() >= 2)
    };
    let waiting = sandbox.wait(&away, "tried twice", tried);
    assert_eq!(waiting["outcome"], "pending", "{waiting}");
    let app = App::express_of(&sandbox.url(), TOKEN, port).expect("it was there before");
    sandbox.becomes(&away, "delivered");

    let stopped = listener.stop();
    assert_eq!(stopped["invalid"], 0, "{stopped}");
    assert_eq!(stopped["unsigned"], 0, "{stopped}");
    assert!(active(&sandbox).is_empty());
    assert!(files(home.path()).is_empty());
    drop(app);
}

#[test]
fn an_app_with_a_fixed_secret_takes_deliveries_after_each_restart() {
    let sandbox = Sandbox::start(&["--seed", "5", "--retries", "none"]);
    let home = new_home();
    let first = registered(&home, &sandbox, "email.sent", &[]);
    let id = active(&sandbox).remove(0).1;
    let whole = sandbox.fine("GET", &format!("/webhooks/{id}"), &Value::Null);
    let key = whole["signature"]["key"].as_str().expect("a key");
    let Some(app) = App::express("raw.js", key) else {
        return;
    };
    let forward = format!("http://127.0.0.1:{}/webhooks/cakemail", app.port());
    let mut running = first;
    for is_killed in [false, true, false] {
        if is_killed {
            running.process.kill();
        } else {
            running.stop();
        }
        running = registered(&home, &sandbox, "email.sent", &["--forward", &forward]);
        let fired = sandbox.fire("Email.Sent");
        sandbox.becomes(&fired[0], "delivered");
        assert_eq!(running.delivery()["verdict"]["status"], "valid");
        assert_eq!(running.next("attempt")["status"], 200);
    }
    running.stop();
    assert_eq!(sandbox.webhooks().len(), 1);
}

#[test]
fn people_are_told_each_event_and_at_the_end_how_many_were_archived() {
    let sandbox = Sandbox::start(&["--seed", "2"]);
    let home = new_home();
    let mut command = crate::support::listener::cmhook();
    command.args(["listen", "--listen", "127.0.0.1:0", "--color", "never"]);
    command.args(["--register", "--events", "email.opened,email.sent"]);
    command.args(["--ephemeral", "--api", &sandbox.url()]);
    let mut process = crate::support::process::Process::start(&mut command, home.path());
    let line = |process: &mut crate::support::process::Process, text: &str| {
        process
            .stderr
            .find(text, |line| line.contains(text).then(|| line.to_owned()))
    };
    line(&mut process, "events  2 webhooks point here");
    let opened = line(&mut process, "        Email.Opened  ");
    let made = active(&sandbox);
    assert!(opened.ends_with(&made[0].1), "{opened}");
    let keys = format!(
        "keys    for your app: cmhook webhooks list --show-secrets --api {}",
        sandbox.url()
    );
    line(&mut process, &keys);
    line(&mut process, "secrets 2 (Email.Opened, Email.Sent)");
    line(&mut process, "Ready, waiting");
    sandbox.fire("Email.Sent");
    process.stdout.find("a delivery", |line| {
        line.contains("✓ signed (api-base64, secret `Email.Sent`)")
            .then_some(())
    });
    assert_eq!(process.terminate().code(), Some(0));
    let said = process.stderr.text();
    assert!(said.ends_with("Archived 2 webhooks."), "{said}");
    assert!(!process.stdout.text().contains("Email.Opened"));
}

#[test]
fn keys_are_in_no_output_and_in_no_file() {
    let sandbox = Sandbox::start(&["--seed", "3"]);
    let home = new_home();
    let api = sandbox.url();
    let args = ["-vv", "--register", "--events", "email.sent", "--api", &api];
    let mut listener = crate::support::listener::Listener::start_in(&home, &args);
    let id = active(&sandbox).remove(0).1;
    let whole = sandbox.fine("GET", &format!("/webhooks/{id}"), &Value::Null);
    let key = whole["signature"]["key"]
        .as_str()
        .expect("a key")
        .to_owned();
    sandbox.fire("Email.Sent");
    assert_eq!(listener.delivery()["verdict"]["status"], "valid");
    let mut said = String::new();
    listener.process.terminate();
    said.push_str(&listener.process.stdout.text());
    said.push_str(&listener.process.stderr.text());
    assert!(!said.contains(&key) && !said.contains(TOKEN), "{said}");
    let found = crate::support::process::Process::start(
        std::process::Command::new("grep").args(["-rlF", &key, "."]),
        home.path(),
    )
    .wait();
    assert_eq!(found.code(), Some(1), "the key is in a file");
}

#[test]
fn the_webhooks_follow_the_relay_to_another_url() {
    let sandbox = Sandbox::start(&["--seed", "4"]);
    let relay = Relay::open(&["--domain", "hooks.localhost"]);
    let address = relay.address();
    let relayed = format!("http://hooks.localhost:{}", address.port());
    let home = new_home();
    let more = ["--relay", &*relayed];
    let mut listener = registered(&home, &sandbox, "email.sent,email.opened", &more);
    let public = listener.ready["public_url"].as_str().expect("a URL");
    let before = public.to_owned();
    drop(relay);
    let again = [
        "--open",
        "--domain",
        "hooks.localhost",
        "--urls",
        "subdomain",
    ];
    let relay = Relay::start_at(&new_home(), &address.to_string(), &again);
    let is_moved = |webhook: &Value| webhook["url"] != before;
    until("moved", || sandbox.webhooks().iter().all(is_moved));
    for _ in 0..2 {
        listener.next("registered");
    }
    let told = listener.next("registered");
    assert_ne!(told["url"], before, "{told}");
    let mut gone = registered(&home, &sandbox, "email.bounced", &[]);
    assert_eq!(active(&sandbox).len(), 3);
    gone.process.terminate();
    listener.stop();
    assert!(active(&sandbox).is_empty());
    drop(relay);
}

#[test]
fn one_that_is_gone_keeps_no_other_from_following() {
    let sandbox = Sandbox::start(&["--seed", "6"]);
    let relay = Relay::open(&["--domain", "hooks.localhost"]);
    let address = relay.address();
    let relayed = format!("http://hooks.localhost:{}", address.port());
    let home = new_home();
    let events = "email.bounced,email.opened,email.sent";
    let mut listener = registered(&home, &sandbox, events, &["--relay", &relayed]);
    let before = listener.ready["public_url"].as_str().expect("a URL");
    let before = before.to_owned();
    let gone = active(&sandbox).remove(0).1;
    let path = format!("/webhooks/{gone}");
    sandbox.fault(&json!({ "method": "PATCH", "path": path, "status": 404 }));
    drop(relay);
    let again = [
        "--open",
        "--domain",
        "hooks.localhost",
        "--urls",
        "subdomain",
    ];
    let relay = Relay::start_at(&new_home(), &address.to_string(), &again);
    let is_moved = |webhook: &&Value| webhook["url"] != before;
    until("moved", || {
        sandbox.webhooks().iter().filter(is_moved).count() == 2
    });
    let told = listener.next("archived");
    assert_eq!(told["id"], gone, "{told}");
    let told = listener.next("warning");
    assert_eq!(told["code"], "not_moved", "{told}");
    assert!(
        told["message"]
            .as_str()
            .is_some_and(|it| it.contains(&gone)),
        "{told}"
    );
    listener.stop();
    drop(relay);
}
