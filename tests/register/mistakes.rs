//! What goes wrong at the start. Nothing is left behind.

use std::time::Duration;

use serde_json::json;

use crate::kit::{Failed, active, answer_never, failed, files, new_home, registered, starting};
use crate::support::listener::cmhook;
use crate::support::process::Process;
use crate::support::sandbox::Sandbox;

/// What comes of a listener with these arguments and variables.
#[track_caller]
fn failed_with(args: &[&str], variables: &[(&str, &str)]) -> Failed {
    let home = new_home();
    let mut command = cmhook();
    command.args(["listen", "--listen", "127.0.0.1:0", "--json", "--ephemeral"]);
    let process = Process::start_with(command.args(args), home.path(), variables);
    let failed = failed(process);
    assert!(files(home.path()).is_empty(), "{failed:?}");
    failed
}

#[test]
fn a_mistake_in_a_variable_names_the_variable() {
    let register = ["--register", "--events", "email.sent"];
    for (variable, value) in [
        ("CAKEMAIL_API_BASE", "http://a.example"),
        ("CAKEMAIL_CURRENT_ACCOUNT_ID", "shop"),
    ] {
        let failed = failed_with(&register, &[(variable, value)]);
        assert_eq!(failed.code, Some(2), "{failed:?}");
        failed.says(&format!("(it comes from {variable})"));
    }
}

#[test]
fn what_cannot_be_meant_is_a_mistake_with_a_way_out() {
    for (args, says, hints) in [
        (&["--register"][..], "for which events", "--events"),
        (
            &["--register", "--events", "emial.*"],
            "no event matches",
            "did you mean `email.*`?",
        ),
        (
            &["--register", "--events", "email.sent,email.opend"],
            "there is no event called `email.opend`",
            "did you mean `email.opened`?",
        ),
        (
            &["--public-url", "http://hooks.example.com"],
            "is not https",
            "https",
        ),
        (&["--public-url", "shop"], "is no URL", "https://"),
        (
            &["--register", "--events", "email.sent", "--account", "shop"],
            "is no number",
            "CAKEMAIL_CURRENT_ACCOUNT_ID",
        ),
        (
            &[
                "--register",
                "--events",
                "email.sent",
                "--api",
                "http://a.example",
            ],
            "in the clear",
            "https://",
        ),
    ] {
        let failed = failed_with(args, &[]);
        assert_eq!(failed.code, Some(2), "{args:?}: {failed:?}");
        failed.says(says);
        failed.hints(hints);
    }
    // Nobody asks an API that is not wanted.
    let home = new_home();
    let variables = [
        ("CAKEMAIL_API_BASE", "http://a.example"),
        ("CAKEMAIL_CURRENT_ACCOUNT_ID", "shop"),
    ];
    let listener =
        crate::support::listener::Listener::start_with(&home, &["--ephemeral"], &variables);
    listener.stop();
}

#[test]
fn an_api_that_is_not_this_machines_calls_public_urls_only() {
    let register = [
        "--register",
        "--events",
        "email.sent",
        "--api",
        "https://a.invalid",
    ];
    for more in [&[][..], &["--public-url", "http://127.0.0.1:9/"]] {
        let failed = failed_with(&[&register, more].concat(), &[]);
        assert_eq!(failed.code, Some(1), "{failed:?}");
        failed.says("public https URL");
        failed.hints("--relay URL");
        failed.hints("--public-url URL");
    }
    let url = ["--public-url", "https://hooks.example.com"];
    let failed = failed_with(&[&register[..], &url].concat(), &[]);
    assert_eq!(failed.error()["code"], "not_logged_in", "{failed:?}");
    failed.hints("cmhook login");
    let token = [("CAKEMAIL_ACCESS_TOKEN", "ck_pat_sentinel")];
    let failed = failed_with(&[&register[..], &url].concat(), &token);
    assert_eq!(failed.error()["code"], "unreachable", "{failed:?}");
    assert!(!failed.stderr.contains("sentinel"), "{failed:?}");
}

#[test]
fn a_wrong_token_and_an_api_that_is_down() {
    let sandbox = Sandbox::start(&["--seed", "1"]);
    let register = ["--register", "--events", "email.sent", "--api"];
    let url = sandbox.url();
    let token = [("CAKEMAIL_ACCESS_TOKEN", "ck_pat_sentinel")];
    let failed = failed_with(&[&register[..], &[&url]].concat(), &token);
    assert_eq!(failed.error()["code"], "bad_token", "{failed:?}");
    failed.hints("CAKEMAIL_ACCESS_TOKEN");
    assert!(!format!("{failed:?}").contains("sentinel"), "{failed:?}");
    drop(sandbox);
    let failed = failed_with(&[&register[..], &[&url]].concat(), &[]);
    assert_eq!(failed.error()["code"], "unreachable", "{failed:?}");
}

#[test]
fn one_event_that_is_refused_undoes_the_others() {
    let sandbox = Sandbox::start(&["--seed", "2"]);
    let home = new_home();
    let events = "email.opened,email.bounced,campaign.sent,email.sent";
    let failed = failed(starting(&home, &sandbox, events, &[]));
    assert_eq!(failed.code, Some(1), "{failed:?}");
    failed.says("cannot register `campaign.sent`: Cakemail's API has no event `campaign.sent`");
    failed.says("its campaign events are: Campaign.Canceled, ");
    assert!(active(&sandbox).is_empty());
    assert!(files(home.path()).is_empty());
}

#[test]
fn of_a_glob_what_the_api_refuses_is_left_out() {
    let sandbox = Sandbox::start(&["--seed", "3", "--narrow-events"]);
    let home = new_home();
    let mut listener = registered(&home, &sandbox, "email.*", &[]);
    let events: Vec<_> = active(&sandbox)
        .into_iter()
        .map(|(event, _)| event)
        .collect();
    assert_eq!(events, ["Email.Bounced", "Email.Clicked"]);
    listener.process.terminate();
    let said = listener.process.stderr.text();
    assert!(
        said.contains("does not know them: Email.Delivered, Email.Error, "),
        "{said}"
    );
    let mut listener = registered(&home, &sandbox, "campaign.*,email.clicked", &[]);
    listener.process.terminate();
    let said = listener.process.stderr.text();
    assert!(
        said.contains("no events `campaign.completed` and `campaign.sent`"),
        "{said}"
    );
    // By its name it is wanted.
    let failed = failed(starting(&home, &sandbox, "email.*,email.sent", &[]));
    failed.says("cannot register `Email.Sent`");
    assert!(active(&sandbox).is_empty());
}

#[test]
fn what_fails_half_way_is_undone() {
    let sandbox = Sandbox::start(&["--seed", "4"]);
    for fault in [
        json!({ "method": "POST", "path": "/webhooks", "status": 500 }),
        json!({ "method": "POST", "path": "/webhooks", "status": 500, "after": true }),
        json!({ "method": "POST", "path": "/webhooks", "status": 200, "body": "<html>", "after": true }),
        json!({ "method": "POST", "path": "/webhooks", "status": 403 }),
        json!({ "method": "POST", "path": "/webhooks", "status": 429, "headers": { "retry-after": "60" } }),
        json!({ "method": "GET", "path": "/webhooks/*", "status": 500 }),
        json!({ "method": "GET", "path": "/webhooks/*", "status": 404 }),
    ] {
        let home = new_home();
        sandbox.fault(&fault);
        let failed = failed(starting(&home, &sandbox, "email.*", &[]));
        assert_eq!(failed.code, Some(1), "{fault}: {failed:?}");
        // Of one that the API may still be making, that is said.
        let said = failed.objects.iter().rev().skip(1);
        for one in said {
            let message = one["message"].as_str().expect("words");
            assert!(message.starts_with("it is not known whether"), "{failed:?}");
        }
        assert!(active(&sandbox).is_empty(), "{fault}");
    }
}

#[test]
fn an_api_that_asks_to_wait_is_waited_for() {
    let sandbox = Sandbox::start(&["--seed", "5"]);
    let home = new_home();
    sandbox.fault(&json!({
        "method": "POST", "path": "/webhooks", "status": 429, "headers": { "retry-after": "1" }, "times": 2,
    }));
    registered(&home, &sandbox, "email.opened,email.sent", &[]).stop();
    assert!(active(&sandbox).is_empty());
}

#[test]
fn an_answer_that_does_not_come_is_given_up_and_what_it_made_is_archived() {
    let sandbox = Sandbox::start(&["--seed", "6"]);
    let home = new_home();
    answer_never(&sandbox, "POST", "/webhooks", true);
    let failed = failed(starting(&home, &sandbox, "email.opened,email.sent", &[]));
    assert_eq!(failed.error()["code"], "no_answer", "{failed:?}");
    assert!(failed.took < Duration::from_secs(25), "{failed:?}");
    assert!(active(&sandbox).is_empty());
    assert!(files(home.path()).is_empty());
}

#[test]
fn a_key_that_is_not_shown_is_said() {
    let sandbox = Sandbox::start(&["--seed", "7"]);
    let home = new_home();
    let bare = json!({ "method": "GET", "path": "/webhooks/*", "status": 200, "body": {
        "id": "x", "data": { "id": "x", "event": "Email.Sent", "url": "http://127.0.0.1/" } } });
    sandbox.fault(&bare);
    let mut listener = registered(&home, &sandbox, "email.sent", &[]);
    assert_eq!(listener.ready["secrets"], 0);
    sandbox.fire("Email.Sent");
    assert_eq!(listener.delivery()["verdict"]["status"], "unchecked");
    listener.process.terminate();
    let said = listener.process.stderr.text();
    assert!(said.contains("shows no key for Email.Sent"), "{said}");
    sandbox.fault(&bare);
    // One that remembers nothing.
    let failed = failed(starting(
        &new_home(),
        &sandbox,
        "email.sent",
        &["--reject-invalid"],
    ));
    assert_eq!(failed.error()["code"], "no_keys", "{failed:?}");
    assert!(active(&sandbox).is_empty());
}
