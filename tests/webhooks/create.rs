//! `cmhook webhooks create`.

use serde_json::{Value, json};

use crate::kit::{Place, URL};
use crate::support::sandbox::Sandbox;

fn events(sandbox: &Sandbox, status: &str) -> Vec<String> {
    let all = sandbox.webhooks();
    let those = all.iter().filter(|webhook| webhook["status"] == status);
    those
        .map(|webhook| webhook["event"].as_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn the_manuals_own_command_works_and_says_what_the_manual_says() {
    let sandbox = Sandbox::start(&["--seed", "7"]);
    let place = Place::new(sandbox.url());
    let all = "email.sent,email.opened,email.clicked";
    let args = [
        "webhooks",
        "create",
        "-u",
        URL,
        "-e",
        all,
        "-n",
        "Production Webhook",
    ];
    let (code, text) = place.terminal(100, &args).end();
    assert_eq!(code, 0, "{text}");
    insta::assert_snapshot!("create_three", text);
    let args = ["webhooks", "create", "-u", URL, "-e", "email.bounced"];
    let (code, text) = place.terminal(100, &args).end();
    assert_eq!(code, 0, "{text}");
    insta::assert_snapshot!("create_one", text);
    assert_eq!(
        events(&sandbox, "active"),
        [
            "Email.Sent",
            "Email.Opened",
            "Email.Clicked",
            "Email.Bounced"
        ]
    );
}

#[test]
fn names_are_any_and_each_event_gets_one_webhook() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let words = "EMAIL.SENT,email.complained,Email.ReportedAsSpam,campaign.cancelled,email.sent";
    place.create(words, &["-e", "contact.subscribed", "-e", "Email.Sent"]);
    assert_eq!(
        events(&sandbox, "active"),
        [
            "Email.Sent",
            "Email.ReportedAsSpam",
            "Campaign.Canceled",
            "Contact.Added"
        ]
    );
    let limited = [
        "--rate-limit",
        "7",
        "--rate-limit-period",
        "minute",
        "--json",
    ];
    let ran =
        place.webhooks(&[&["create", "-u", URL, "-e", "list.created"], &limited[..]].concat());
    let made = ran.coded(0).json();
    assert_eq!(made[0]["rate_limit"], 7);
    assert_eq!(made[0]["rate_limit_period"], "minute");
}

#[test]
fn keys_are_shown_where_that_is_asked_for() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let args = [
        "create",
        "-u",
        URL,
        "-e",
        "email.sent,email.opened",
        "--json",
    ];
    let made = place.webhooks(&args).coded(0).json();
    assert_eq!(made[0].get("key"), None);
    let args = [&args[..], &["--show-secrets"]].concat();
    let made = place.webhooks(&args).coded(0).json();
    for one in made.as_array().unwrap() {
        let path = format!("/webhooks/{}", one["id"].as_str().unwrap());
        let whole = sandbox.fine("GET", &path, &Value::Null);
        assert_eq!(one["key"], whole["signature"]["key"]);
    }
}

#[test]
fn what_cannot_be_meant_is_said_before_anything_is_made() {
    let place = Place::new("http://127.0.0.1:1");
    for (url, events, message) in [
        (URL, "email.opend", "there is no event called `email.opend`"),
        (URL, "email.opend", "did you mean `email.opened`?"),
        (URL, "zzz.*", "no event matches `zzz.*`"),
        (URL, ",", "`--events` names no event"),
        ("shop.example.com", "email.sent", "is not a whole URL"),
        (
            "ftp://shop.example.com",
            "email.sent",
            "is neither https nor http",
        ),
    ] {
        let ran = place
            .webhooks(&["create", "-u", url, "-e", events])
            .coded(2);
        ran.says(message);
    }
    let args = ["create", "-u", URL, "-e", "email.sent", "-n", " "];
    place.webhooks(&args).coded(2).says("`--name` is empty");
    let args = ["create", "-u", URL, "-e", "email.sent", "--json", "nope"];
    place.webhooks(&args).coded(2).says("no JSON field `nope`");
}

#[test]
fn where_one_fails_none_is_left() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    // The manual has it, the API has not.
    let args = [
        "create",
        "-u",
        URL,
        "-e",
        "email.sent,email.opened,campaign.sent",
        "-n",
        "x",
    ];
    let ran = place.webhooks(&args).coded(1);
    let ran = ran.says(
        "cannot create a webhook for campaign.sent: Cakemail's API has no event `campaign.sent`, though the CLI manual names it; its campaign events are: Campaign.Canceled, ",
    );
    let ran = ran.says("are archived again");
    let ran = ran.says("hint: name events that the API has");
    assert!(!ran.stderr.contains("Email.Bounced"), "{}", ran.stderr);
    assert_eq!(events(&sandbox, "active"), [""; 0]);
    assert_eq!(events(&sandbox, "archived"), ["Email.Sent", "Email.Opened"]);
    assert_eq!(place.webhooks(&["list"]).coded(1).stdout, "");
    // The name is free.
    place.create("email.sent", &["-n", "x"]);
}

#[test]
fn what_cannot_be_undone_is_said_with_the_command_that_does_it() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    sandbox.fault(&json!({"path": "*/archive", "status": 500, "times": 0}));
    let args = [
        "create",
        "-u",
        URL,
        "-e",
        "email.sent,campaign.sent",
        "--json",
    ];
    let ran = place.webhooks(&args).coded(1);
    let id = sandbox.webhooks()[0]["id"].as_str().unwrap().to_owned();
    let command = format!("cmhook webhooks archive {id}");
    let message = ran.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains(&format!("`{command}`")), "{message}");
    // The account that flags name is in it too.
    let args = [&args[..], &["--account", "17"]].concat();
    let ran = place.webhooks(&args).coded(1);
    assert!(ran.stdout.contains(" --account 17`"), "{}", ran.stdout);
    sandbox.fine("DELETE", "/sandbox/faults", &Value::Null);
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    place.run(&words).coded(0);
}

#[test]
fn one_that_was_made_without_an_answer_is_undone_too() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    sandbox.register("Email.Opened", URL);
    sandbox.fault(
        &json!({"method": "POST", "path": "/webhooks", "status": 502,
        "body": "<html>bad gateway</html>", "after": true}),
    );
    let args = ["create", "-u", URL, "-e", "email.opened"];
    let ran = place.webhooks(&args).coded(1);
    ran.says("is archived again")
        .says("the API is in trouble (502)");
    assert_eq!(
        events(&sandbox, "active"),
        ["Email.Opened"],
        "the one before"
    );
    assert_eq!(events(&sandbox, "archived"), ["Email.Opened"]);
}

#[test]
fn of_a_glob_what_the_api_does_not_send_is_left_out() {
    let sandbox = Sandbox::start(&["--narrow-events"]);
    let place = Place::new(sandbox.url());
    let ran = place
        .webhooks(&["create", "-u", URL, "-e", "email.*"])
        .coded(0);
    let ran = ran
        .says("warning: ")
        .says(" are left out: the API refuses it (422)");
    assert_eq!(ran.rows().len(), 2);
    assert_eq!(
        events(&sandbox, "active"),
        ["Email.Bounced", "Email.Clicked"]
    );
    // What is named is not left out.
    let args = ["create", "-u", URL, "-e", "list.*,email.opened"];
    let ran = place.webhooks(&args).coded(1);
    ran.says("cannot create a webhook for Email.Opened");
    assert_eq!(
        events(&sandbox, "active"),
        ["Email.Bounced", "Email.Clicked"]
    );
    let ran = place
        .webhooks(&["create", "-u", URL, "-e", "email.q*"])
        .coded(1);
    ran.says("cannot create a webhook for Email.Queued");
}

#[test]
fn of_a_glob_what_the_manual_alone_has_is_said_to_be_left_out() {
    let left_out = "warning: Cakemail's API has no events `campaign.completed` and `campaign.sent`, though the CLI manual names them: left out";
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let ran = place.webhooks(&[
        "create",
        "-u",
        URL,
        "-e",
        "campaign.*,email.*",
        "-n",
        "Camp",
    ]);
    ran.coded(0).says(left_out);
    let ran = place.webhooks(&["update", "Camp", "-e", "campaign.*"]);
    ran.coded(0).says(left_out);
    let ran = place.webhooks(&["create", "-u", URL, "-e", "list.*"]);
    assert_eq!(ran.coded(0).stderr, "");
}

#[test]
fn a_double_is_warned_of() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let (id, _) = sandbox.register("Email.Sent", URL);
    let ran = place
        .webhooks(&["create", "-u", URL, "-e", "email.sent"])
        .coded(0);
    let ran = ran.says(&format!("by the webhook {id}: it arrives there twice now"));
    assert_eq!(ran.rows().len(), 1);
    let other = "https://other.example.com/";
    let ran = place.webhooks(&["create", "-u", other, "-e", "email.sent"]);
    assert_eq!(ran.coded(0).stderr, "");
}

#[test]
fn a_name_is_for_those_that_were_made_with_it() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let ids = place.create("email.sent", &["-n", "shop"]);
    let again = ["create", "-u", URL, "-e", "email.opened", "-n", "shop"];
    let ran = place.webhooks(&again).coded(2);
    ran.says("`shop` is the name of other webhooks already");
    let as_id = ["create", "-u", URL, "-e", "email.opened", "-n", &ids[0]];
    place
        .webhooks(&as_id)
        .coded(2)
        .says("is the id of a webhook");
    assert_eq!(events(&sandbox, "active").len(), 1);
    // Once they are archived nobody needs it.
    place.webhooks(&["archive", "shop"]).coded(0);
    place.webhooks(&again).coded(0);
    let listed = place.webhooks(&["list", "--with-archived", "--json", "event,name"]);
    assert_eq!(
        listed.coded(0).json(),
        json!([{"event": "Email.Sent", "name": null}, {"event": "Email.Opened", "name": "shop"}])
    );
}

#[test]
fn what_the_url_must_be_is_said() {
    let sandbox = Sandbox::start(&["--strict-urls"]);
    let place = Place::new(sandbox.url());
    let args = [
        "create",
        "-u",
        "http://127.0.0.1:3000/x",
        "-e",
        "email.sent",
    ];
    let ran = place.webhooks(&args).coded(1);
    ran.says("`url`: ").says("Cakemail calls public https URLs");
    let long = format!("https://shop.example.com/{}", "x".repeat(2083));
    let ran = place.webhooks(&["create", "-u", &long, "-e", "email.sent"]);
    ran.coded(2).says("is longer than 2083 characters");
}

#[test]
fn several_at_once_lose_no_name() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let names: Vec<String> = (0..8).map(|n| format!("name{n}")).collect();
    let children = names.iter().map(|name| {
        place.start(&[
            "webhooks",
            "create",
            "-u",
            URL,
            "-e",
            "email.sent",
            "-n",
            name,
        ])
    });
    for child in children.collect::<Vec<_>>() {
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
    }
    let listed = place.webhooks(&["list", "--jq", "[.[].name] | sort | join(\" \")"]);
    assert_eq!(listed.coded(0).stdout, format!("{}\n", names.join(" ")));
}

#[test]
fn what_was_made_is_said_where_the_output_fails() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let args = ["create", "-u", URL, "-e", "email.sent,email.opened"];
    let jq = [&args[..], &["--jq", ".[].id + 1"]].concat();
    let ran = place.webhooks(&jq).coded(1);
    let made = |text: &str| {
        let all = sandbox.webhooks();
        let ids = all.iter().rev().take(2).rev();
        let ids: Vec<_> = ids
            .map(|one| {
                format!(
                    "{} ({})",
                    one["id"].as_str().unwrap(),
                    one["event"].as_str().unwrap()
                )
            })
            .collect();
        format!("{text} all the same: {}", ids.join(", "))
    };
    ran.says(&made("created"));
    if !cfg!(target_os = "linux") {
        return;
    }
    for more in [&[][..], &["--json"]] {
        let args = [&["webhooks"], &args[..], more].concat();
        let full = std::fs::File::create("/dev/full").expect("a device");
        let ran = place.command(&args).stdout(full).output().expect("it runs");
        assert_eq!(ran.status.code(), Some(1));
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(said.contains(&made("created")), "{said}");
    }
    let id = sandbox.webhooks()[0]["id"].as_str().unwrap().to_owned();
    let ran = place
        .webhooks(&["archive", &id, "--jq", ".[].id + 1"])
        .coded(1);
    ran.says(&format!("archived all the same: {id} (Email.Sent)"));
    let ran = place.webhooks(&["update", &id, "-e", "email.clicked", "--jq", ".[].id + 1"]);
    let id = sandbox.webhooks().pop().unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    ran.coded(1)
        .says(&format!("created all the same: {id} (Email.Clicked)"));
}
