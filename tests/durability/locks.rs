//! One listener a store.

use std::fs;
use std::rc::Rc;
use std::time::Duration;

use crate::kit::{Journal, beside, send_all, store_in};
use crate::support::listener::{Listener, home, refused};

#[test]
fn a_second_listener_is_refused_at_once_and_told_who_has_the_store() {
    let home = Rc::new(home());
    let store = store_in(home.path());
    let first = Listener::start_in(&home, &[]);
    send_all(first.address(), 1..=3);
    let file = |suffix| fs::read(beside(&store, suffix)).expect("a file");
    let before = [file(""), file("-wal"), file(".lock")];

    let second = refused(home.path(), &[]);
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert_eq!(second.error["code"], "store_in_use");
    let holder = format!("process {}", first.process.id());
    for text in [
        &*holder,
        "cmhook",
        &*store.to_string_lossy(),
        "--store PATH",
        "--ephemeral",
    ] {
        assert!(second.stderr.contains(text), "{text}: {}", second.stderr);
    }
    assert!(
        second.took < Duration::from_secs(3),
        "it took {:?}",
        second.took
    );
    assert!(
        before == [file(""), file("-wal"), file(".lock")],
        "it was changed"
    );

    // The first one has not noticed.
    send_all(first.address(), 4..=6);
    first.stop();
    Journal::read(&store).holds(1..=6);
}

#[test]
fn what_a_dead_process_has_left_is_no_obstacle() {
    let home = Rc::new(home());
    let mut first = Listener::start_in(&home, &[]);
    send_all(first.address(), 1..=3);
    first.process.kill();
    let lock = beside(&store_in(home.path()), ".lock");
    let dead = fs::read_to_string(&lock).expect("a lock file");
    assert_eq!(dead.trim(), first.process.id().to_string());

    let second = Listener::start_in(&home, &[]);
    assert_eq!(second.ready["kept"], 3);
    let holder = fs::read_to_string(&lock).expect("a lock file");
    assert_eq!(holder.trim(), second.process.id().to_string());
    second.stop();

    // Nor is one that names a process that lives, but has not taken the store.
    fs::write(&lock, format!("{}\n", std::process::id())).expect("a lock file");
    Listener::start_in(&home, &[]).stop();
    fs::write(&lock, "what is this").expect("a lock file");
    Listener::start_in(&home, &[]).stop();
}

#[test]
fn a_store_by_another_name_is_still_the_same_store() {
    let home = Rc::new(home());
    let first = Listener::start_in(&home, &[]);
    let store = store_in(home.path());
    let other = home.path().join("other.db");
    std::os::unix::fs::symlink(&store, &other).expect("a link");
    let second = refused(home.path(), &["--store", "other.db"]);
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert_eq!(second.error["code"], "store_in_use", "{}", second.stderr);
    first.stop();
}
