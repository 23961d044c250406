//! `cmhook relay token` and `cmhook relay name`.

use std::path::Path;

use serde_json::{Value, json};

use crate::kit::{Place, Ran};

fn relay(place: &Place, args: &[&str]) -> Ran {
    let all: Vec<&str> = ["relay"].iter().chain(args).copied().collect();
    place.run(&all)
}

/// The text of a token, which stands alone on standard output.
#[track_caller]
fn token(ran: &Ran) -> String {
    let text = ran.text().strip_suffix('\n').expect("a line").to_owned();
    let secret = text.strip_prefix("cmr_").expect("a token");
    assert_eq!(secret.len(), 43, "{text}");
    text
}

/// Tokens' ids made the same.
fn masked(text: &str, place: &Place) -> String {
    let ids = relay(place, &["token", "list", "--json", "id"]).json();
    let mut text = crate::kit::masked(text, place);
    for id in ids.as_array().expect("an array") {
        text = text.replace(id["id"].as_str().expect("an id"), "abcdefghjk");
    }
    text
}

#[test]
fn help_is_as_it_was_reviewed() {
    let place = Place::new();
    for (name, args) in [
        ("help_relay_token", &["token"][..]),
        ("help_relay_token_create", &["token", "create"]),
        ("help_relay_token_list", &["token", "list"]),
        ("help_relay_token_revoke", &["token", "revoke"]),
        ("help_relay_name", &["name"]),
        ("help_relay_name_reserve", &["name", "reserve"]),
        ("help_relay_name_release", &["name", "release"]),
    ] {
        let args: Vec<&str> = args.iter().chain(&["--help"]).copied().collect();
        insta::assert_snapshot!(name, relay(&place, &args).coded(0).text());
    }
}

#[test]
fn a_token_is_made_listed_renewed_and_revoked() {
    let place = Place::new();
    let made = relay(&place, &["token", "create", "ada", "--name", "shop"]).coded(0);
    let first = token(&made);
    insta::assert_snapshot!("relay_token_create", masked(&made.stderr, &place));
    relay(&place, &["token", "create", "bob"]).coded(0);
    let listed = relay(&place, &["token", "ls", "--json"]).coded(0).json();
    let brief: Vec<_> = listed
        .as_array()
        .expect("an array")
        .iter()
        .map(|one| (one["label"].clone(), one["names"].clone()))
        .collect();
    assert_eq!(
        brief,
        [(json!("ada"), json!(["shop"])), (json!("bob"), json!([]))]
    );
    let listed = relay(&place, &["token", "list"]).coded(0);
    let rows: Vec<Vec<&str>> = listed
        .text()
        .lines()
        .map(|l| l.split('\t').collect())
        .collect();
    assert_eq!((rows.len(), rows[0].len(), rows[0][2]), (2, 5, "shop"));
    let renewed = relay(&place, &["token", "rotate", "ada"]).coded(0);
    assert_ne!(token(&renewed), first);
    let revoked = relay(&place, &["token", "revoke", "ada"]).coded(0);
    assert!(
        revoked
            .stderr
            .ends_with("Nobody else gets shop for 30 days.\n"),
        "{}",
        revoked.stderr
    );
    assert_eq!(revoked.text(), "");
    let again = relay(&place, &["token", "revoke", "ada"]).coded(1);
    insta::assert_snapshot!("relay_token_unknown", again.stderr);
}

#[test]
fn a_name_is_reserved_and_released() {
    let place = Place::new();
    relay(&place, &["token", "create", "ada"]).coded(0);
    relay(&place, &["token", "create", "bob"]).coded(0);
    let none = relay(&place, &["name", "list"]).coded(1);
    assert!(
        none.stderr.starts_with("There are no names yet"),
        "{}",
        none.stderr
    );
    let reserved = relay(&place, &["name", "reserve", "shop", "--token", "ada"]).coded(0);
    assert_eq!(reserved.stderr, "The name shop is `ada`'s.\n");
    let taken = relay(&place, &["name", "reserve", "shop", "--token", "bob"]).coded(1);
    insta::assert_snapshot!("relay_name_taken", taken.stderr);
    relay(&place, &["name", "release", "shop"]).coded(0);
    let kept = relay(
        &place,
        &["name", "reserve", "shop", "--token", "bob", "--json"],
    )
    .coded(1);
    assert_eq!(kept.json()["code"], "name_quarantined");
    let listed = relay(&place, &["name", "list", "--json"]).coded(0).json();
    assert_eq!(listed[0]["token"], "ada");
    assert!(listed[0]["free_at"].is_string());
    let forced = relay(
        &place,
        &[
            "name", "reserve", "shop", "--token", "bob", "--force", "--json",
        ],
    );
    assert_eq!(
        forced.coded(0).json(),
        json!({"name": "shop", "token": "bob", "dropped": 0})
    );
    let bad = relay(&place, &["name", "reserve", "Shop", "--token", "bob"]).coded(2);
    insta::assert_snapshot!("relay_name_bad", bad.stderr);
}

#[test]
fn a_folder_that_is_no_relays_is_said() {
    let place = Place::new();
    let missing = relay(&place, &["token", "list", "--data", "nowhere"]).coded(1);
    insta::assert_snapshot!("relay_data_missing", missing.stderr);
    assert!(!place.path().join("nowhere").exists());
    std::fs::create_dir(place.path().join("other")).expect("a folder");
    std::fs::write(place.path().join("other/relay.db"), b"mine").expect("a file");
    let other = relay(
        &place,
        &["token", "create", "a", "--data", "other", "--json"],
    )
    .coded(1);
    assert_eq!(other.json()["code"], "not_relay_data");
    let kept = std::fs::read(place.path().join("other/relay.db")).expect("the file");
    assert_eq!(kept, b"mine");
}

#[test]
fn what_is_made_is_for_the_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let object: Value = relay(&place, &["token", "create", "a", "--json"])
        .coded(0)
        .json();
    assert!(
        object["token"]
            .as_str()
            .is_some_and(|text| text.starts_with("cmr_"))
    );
    let folder = place.path().join("data/cmhook/relay");
    let mode = |path: &Path| {
        let found = std::fs::metadata(path).expect("it is there");
        found.permissions().mode() & 0o777
    };
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("relay.db")), 0o600);
}
