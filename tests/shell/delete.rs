//! `cmhook delete` and `cmhook clear`.

use crate::kit::{Place, send_all};
use crate::support::upstream::Upstream;

/// The ids that are kept, by the count that a clear would ask about.
fn kept(place: &Place) -> i64 {
    let db = rusqlite::Connection::open(place.store()).expect("the store");
    let rows = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        db.query_row(&sql, [], |row| row.get::<_, i64>(0))
            .expect("a count")
    };
    assert_eq!(
        rows("deliveries"),
        rows("attempts"),
        "none without the other"
    );
    rows("deliveries")
}

#[test]
fn help_is_as_it_was_reviewed() {
    let place = Place::new();
    for name in ["delete", "clear"] {
        let ran = place.run(&[name, "--help"]).coded(0);
        insta::assert_snapshot!(format!("help_{name}"), ran.text());
    }
}

#[test]
fn without_a_listener_they_are_gone_and_ids_go_on() {
    let place = Place::new();
    place.fill();
    let ran = place.run(&["delete", "2", "4..5", "--yes"]).coded(0);
    assert_eq!(ran.stderr, "Deleted 3 deliveries.\n");
    assert_eq!(kept(&place), 2);
    let ran = place.run(&["delete", "2", "--yes"]).coded(1);
    assert!(
        ran.stderr.contains("there is no delivery #2"),
        "{}",
        ran.stderr
    );
    let ran = place.run(&["clear", "-y"]).coded(0);
    assert_eq!(ran.stderr, "Deleted 2 deliveries.\n");
    assert_eq!(kept(&place), 0);
    let ran = place.run(&["clear", "-y"]).coded(0);
    assert_eq!(ran.stderr, "The store is empty already.\n");
    let ran = place.run(&["delete", "last", "-y"]).coded(1);
    assert_eq!(ran.stderr, "No deliveries are kept yet.\n");
    let app = Upstream::start();
    let mut listener = place.listener(&["--forward", &app.target()]);
    crate::support::sender::post(listener.address(), None, "{}");
    assert_eq!(listener.delivery()["id"], 6);
    listener.stop();
}

#[test]
fn a_running_listener_does_it_and_says_so() {
    let place = Place::new();
    let app = Upstream::start();
    let mut listener = place.listener(&["--forward", &app.target()]);
    send_all(&mut listener);
    place.run(&["delete", "2..3", "-y"]).coded(0);
    assert_eq!(listener.next("deleted")["ids"], serde_json::json!([2]));
    assert_eq!(listener.next("deleted")["ids"], serde_json::json!([3]));
    assert_eq!(kept(&place), 3);
    place.run(&["clear", "-y"]).coded(0);
    assert_eq!(
        listener.next("deleted")["ids"],
        serde_json::json!([1, 4, 5])
    );
    assert_eq!(kept(&place), 0);
    listener.stop();
}

#[test]
fn nothing_is_deleted_unasked() {
    let place = Place::new();
    place.fill();
    for args in [&["delete", "1"][..], &["clear"]] {
        let ran = place.run(args).coded(2);
        assert!(ran.stderr.contains("`--yes`"), "{}", ran.stderr);
    }
    let ran = place.run(&["delete", "-y"]).coded(2);
    assert!(
        ran.stderr.contains("no delivery is named"),
        "{}",
        ran.stderr
    );
    let ran = place.run(&["delete", "nonsense", "-y"]).coded(2);
    assert!(
        ran.stderr.contains("`nonsense` names no delivery"),
        "{}",
        ran.stderr
    );
    assert_eq!(kept(&place), 5);
}

#[test]
fn without_a_store_that_is_said() {
    let place = Place::new();
    for args in [&["delete", "1", "-y"][..], &["clear", "-y"], &["mark", "1"]] {
        let ran = place.run(args).coded(1);
        assert!(ran.stderr.contains("there is no store"), "{}", ran.stderr);
        assert!(!place.store().exists());
    }
}
