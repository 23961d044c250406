//! `cmhook webhooks update`.

use serde_json::{Value, json};

use crate::kit::{Place, URL};
use crate::support::sandbox::Sandbox;

/// What was done to which event.
fn changes(rows: &[Vec<&str>]) -> Vec<(String, String)> {
    let rows = rows.iter();
    rows.map(|row| (row[0].to_owned(), row[3].to_owned()))
        .collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    let of = of.iter();
    of.map(|(change, event)| ((*change).into(), (*event).into()))
        .collect()
}

fn active(sandbox: &Sandbox) -> Vec<String> {
    let all = sandbox.webhooks();
    let those = all.iter().filter(|webhook| webhook["status"] == "active");
    let names = those.map(|webhook| webhook["event"].as_str().expect("a name").to_owned());
    names.collect()
}

#[test]
fn the_manuals_own_command_changes_the_events_of_those_made_together() {
    let sandbox = Sandbox::start(&["--seed", "7"]);
    let place = Place::new(sandbox.url());
    let ids = place.create("email.sent,email.opened,email.clicked", &[]);
    let args = [
        "update",
        &ids[0],
        "-e",
        "email.sent,email.opened,email.bounced",
    ];
    let ran = place.webhooks(&args).coded(0);
    assert_eq!(
        changes(&ran.rows()),
        pairs(&[
            ("unchanged", "Email.Sent"),
            ("unchanged", "Email.Opened"),
            ("archived", "Email.Clicked"),
            ("created", "Email.Bounced"),
        ])
    );
    assert_eq!(
        active(&sandbox),
        ["Email.Sent", "Email.Opened", "Email.Bounced"]
    );
    // The new one is one of them from then on, by whichever id.
    let new = ran.rows()[3][1].to_owned();
    let args = [
        "webhooks",
        "update",
        &new,
        "-e",
        "email.bounced,email.opened",
    ];
    let (code, text) = place.terminal(120, &args).end();
    assert_eq!(code, 0, "{text}");
    insta::assert_snapshot!("update", text);
    assert_eq!(active(&sandbox), ["Email.Opened", "Email.Bounced"]);
}

#[test]
fn one_alone_becomes_several_and_gets_a_name() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let (id, _) = sandbox.register_with(
        &json!({"event": "Email.Sent", "url": URL, "rate_limit": 3, "rate_limit_period": "minute"}),
    );
    place
        .webhooks(&["update", &id, "-e", "email.sent,email.opened"])
        .coded(0);
    let all = sandbox.webhooks();
    // As the first one is.
    assert_eq!(all[1]["rate_limit"], 3);
    assert_eq!(all[1]["rate_limit_period"], "minute");
    assert_eq!(all[1]["url"], URL);
    let ran = place.webhooks(&["update", &id, "-n", "shop", "--json", "change,name"]);
    assert_eq!(
        ran.coded(0).json(),
        json!([{"change": "renamed", "name": "shop"}])
    );
    let listed = place.webhooks(&["list", "--jq", "[.[].name] | join(\" \")"]);
    assert_eq!(listed.coded(0).stdout, "shop shop\n");
}

#[test]
fn url_and_limit_are_changed_of_one_or_of_all() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let ids = place.create("email.sent,email.opened", &["-n", "shop"]);
    let ran = place.webhooks(&["update", &ids[1], "-u", "https://new.example.com/"]);
    let ran = ran.coded(0).says(&format!("are as they were: {}", ids[0]));
    assert_eq!(changes(&ran.rows()), pairs(&[("updated", "Email.Opened")]));
    let args = [
        "update",
        "shop",
        "-u",
        "https://new.example.com/",
        "--rate-limit",
        "9",
    ];
    let ran = place.webhooks(&args).coded(0);
    assert_eq!(ran.stderr, "");
    let all = sandbox.webhooks();
    for webhook in &all {
        assert_eq!(webhook["url"], "https://new.example.com/");
        assert_eq!(webhook["rate_limit"], 9);
    }
    let ran = place.webhooks(&args).coded(0);
    assert!(
        ran.rows().iter().all(|row| row[0] == "unchanged"),
        "{}",
        ran.stdout
    );
}

#[test]
fn what_is_archived_and_wanted_again_comes_back_with_its_key() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let ids = place.create("email.sent,email.opened", &["-n", "shop"]);
    place.webhooks(&["archive", &ids[1]]).coded(0);
    let ran = place.webhooks(&[
        "update",
        "shop",
        "-e",
        "email.*",
        "-u",
        "https://n.example.com/",
    ]);
    let ran = ran.coded(0);
    assert_eq!(
        changes(&ran.rows())[1],
        pairs(&[("unarchived", "Email.Opened")])[0]
    );
    assert_eq!(ran.rows()[1][1], ids[1]);
    assert!(
        ran.rows()
            .iter()
            .all(|row| row[4] == "https://n.example.com/"),
        "{}",
        ran.stdout
    );
}

#[test]
fn nothing_is_changed_where_not_all_of_it_can_be() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let ids = place.create("email.sent,email.opened,email.clicked", &["-n", "shop"]);
    let before = sandbox.webhooks();
    sandbox.fault(&json!({"path": format!("/webhooks/{}/archive", ids[2]), "status": 403}));
    let args = [
        "update",
        "shop",
        "-e",
        "email.sent,email.bounced",
        "-u",
        "https://n.example.com/",
    ];
    let ran = place.webhooks(&args).coded(1);
    let ran = ran.says("nothing is changed, all is as it was before: cannot archive the webhook");
    ran.says("this account may not do that (403)");
    let after = sandbox.webhooks();
    assert_eq!(after[..3], before[..]);
    assert_eq!(after[3]["status"], "archived");
    let listed = place.webhooks(&["list", "--jq", "[.[].name] | join(\" \")"]);
    assert_eq!(listed.coded(0).stdout, "shop shop shop\n");
    // What fails at first changes nothing, so nothing is to be undone.
    let ran = place
        .webhooks(&["update", "shop", "-e", "campaign.sent"])
        .coded(1);
    assert!(
        ran.stderr.starts_with("error: cannot create"),
        "{}",
        ran.stderr
    );
    assert_eq!(sandbox.webhooks(), after);
}

#[test]
fn mistakes_are_said() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    place
        .webhooks(&["update", "x"])
        .coded(2)
        .says("nothing is to be changed");
    let ran = place
        .webhooks(&["update", "x", "-e", "email.sent"])
        .coded(1);
    ran.says("there is no webhook `x`");
    place.create("email.sent", &["-n", "one"]);
    place.create("email.sent", &["-n", "two"]);
    let ran = place.webhooks(&["update", "one", "-n", "two"]).coded(2);
    ran.says("`two` is the name of other webhooks already");
    place.webhooks(&["update", "one", "-n", "three"]).coded(0);
    place.webhooks(&["update", "one", "-n", "four"]).coded(1);
    place.webhooks(&["update", "three", "-n", "three"]).coded(0);
}

#[test]
fn one_that_is_gone_is_left_out() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let ids = place.create("email.sent,email.opened", &["-n", "shop"]);
    let file = place.path().join("data/cmhook/webhooks.json");
    let kept = std::fs::read_to_string(&file).expect("the groups");
    std::fs::write(&file, kept.replace(&ids[0], "gone")).expect("a file");
    let ran = place.webhooks(&["update", "shop", "-e", "email.opened,email.clicked"]);
    let ran = ran
        .coded(0)
        .says("warning: the webhook gone is not there any more");
    assert_eq!(
        changes(&ran.rows()),
        pairs(&[("unchanged", "Email.Opened"), ("created", "Email.Clicked")])
    );
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert!(!kept.to_string().contains("gone"), "{kept}");
}

#[test]
fn a_broken_file_with_names_is_said_and_left_alone() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    place.create("email.sent", &["-n", "shop"]);
    let file = place.path().join("data/cmhook/webhooks.json");
    std::fs::write(&file, "[{").expect("a file");
    let ran = place.webhooks(&["create", "-u", URL, "-e", "email.sent", "--json"]);
    let ran = ran.coded(1);
    assert_eq!(ran.json()["code"], "file");
    ran.says("webhooks.json`: ")
        .says("mend the file, or delete it");
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), "[{");
    assert_eq!(sandbox.webhooks().len(), 1);
}

#[test]
fn what_is_dropped_belongs_to_them_no_more() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let ids = place.create("email.sent,email.opened", &[]);
    place
        .webhooks(&["update", &ids[0], "-e", "email.sent"])
        .coded(0);
    let ran = place.webhooks(&["update", &ids[0], "-e", "email.sent,email.opened"]);
    let ran = ran.coded(0);
    assert_eq!(
        changes(&ran.rows()),
        pairs(&[("unchanged", "Email.Sent"), ("created", "Email.Opened")])
    );
    assert_ne!(ran.rows()[1][1], ids[1]);
}

#[test]
fn what_was_archived_by_hand_and_is_not_wanted_leaves_them_too() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let ids = place.create("email.sent,email.opened,email.clicked", &["-n", "Camp"]);
    place.webhooks(&["archive", &ids[1]]).coded(0);
    let ran = place.webhooks(&["update", "Camp", "-e", "email.sent"]);
    assert_eq!(
        changes(&ran.coded(0).rows()),
        pairs(&[("unchanged", "Email.Sent"), ("archived", "Email.Clicked")])
    );
    let listed = place.webhooks(&["list", "--with-archived", "--json", "event,name"]);
    assert_eq!(
        listed.coded(0).json(),
        json!([
            {"event": "Email.Sent", "name": "Camp"},
            {"event": "Email.Opened", "name": null},
            {"event": "Email.Clicked", "name": null},
        ])
    );
    place.webhooks(&["unarchive", "Camp"]).coded(0);
    assert_eq!(active(&sandbox), ["Email.Sent"]);
}
