//! The help of each command.

use crate::kit::Place;

#[test]
fn what_the_environment_says_is_not_asked_for() {
    let place = Place::new("http://127.0.0.1:1");
    let ran = place.webhooks(&["create"]).coded(2);
    let ran = ran.says("Usage: cmhook webhooks create [OPTIONS] --url <URL> --events <EVENTS>");
    assert!(!ran.stderr.contains("--api"), "{}", ran.stderr);
    for args in [
        &["list", "--page", "0"][..],
        &["list", "--per-page", "0"],
        &["update", "x", "--rate-limit", "0"],
    ] {
        place.webhooks(args).coded(2).says("it is at least 1");
    }
}

#[test]
fn help_is_as_it_was_reviewed() {
    let place = Place::new("http://127.0.0.1:1");
    let of_webhooks = [
        "list",
        "get",
        "create",
        "update",
        "archive",
        "unarchive",
        "test",
        "delete",
    ];
    let mut all: Vec<Vec<&str>> = vec![vec!["webhooks"], vec!["login"], vec!["logout"]];
    all.extend(of_webhooks.map(|name| vec!["webhooks", name]));
    for args in all {
        let name = format!("help_{}", args.join("_"));
        let ran = place.run(&[&args[..], &["--help"]].concat()).coded(0);
        insta::assert_snapshot!(name, ran.stdout);
    }
}
