use std::collections::HashSet;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use proptest::prelude::*;

use super::look::{Known, look};
use super::steps::{Left, Owner, Step, read, whole};
use super::{EXTENSION, Ledger, begin};

fn owner(user: &str) -> Owner {
    Owner {
        api: "https://api.cakemail.dev".into(),
        account: None,
        user: user.into(),
    }
}

fn steps() -> Vec<Step> {
    let make = |event: &str| Step::Make {
        event: event.into(),
        url: "https://a.example/".into(),
        before: vec!["old".into()],
        at: Timestamp::UNIX_EPOCH,
    };
    let (event, id) = ("Email.Sent".to_owned(), "x1".to_owned());
    vec![
        Step::Run {
            v: 1,
            pid: 7,
            owner: owner("me"),
        },
        make("Email.Sent"),
        make("Email.Opened"),
        Step::Made {
            event,
            id: id.clone(),
        },
        Step::Moved {
            id,
            url: "https://b.example/".into(),
        },
        Step::NotMade {
            event: "Email.Opened".into(),
        },
    ]
}

fn ledger(folder: &Path, name: &str) -> Ledger {
    let path = folder.join(name).with_extension(EXTENSION);
    let file = begin(folder, &path, &steps()[0]).unwrap();
    Ledger::of(path, owner("me"), file, Vec::new())
}

fn text() -> String {
    let line = |step: &Step| serde_json::to_string(step).unwrap() + "\n";
    steps().iter().map(line).collect()
}

#[test]
fn what_is_written_is_read() {
    let (of, entries) = read(text().as_bytes()).unwrap();
    assert_eq!(of, owner("me"));
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].id.as_deref(), Some("x1"));
    assert_eq!(entries[0].url, "https://b.example/");
    assert_eq!((entries[0].is_done, entries[1].is_done), (false, true));
    assert!(!entries[0].may_still_come());
    assert!(read(b"").is_err() && read(b"{}\n").is_err());
    let newer = text().replace("\"v\":1", "\"v\":2");
    assert!(
        read(newer.as_bytes())
            .unwrap_err()
            .to_string()
            .contains("newer")
    );
}

#[test]
fn one_that_is_used_again_goes_through_its_steps() {
    let again = [
        r#"{"step":"take","event":"Email.Sent","url":"https://b.example/","before":[],"at":"2026-01-01T00:00:00Z","id":"x2","left":"https://a.example/"}"#,
        r#"{"step":"bring","id":"x2"}"#,
        r#"{"step":"back","id":"x2"}"#,
        r#"{"step":"done","event":"Email.Sent"}"#,
        r#"{"step":"make","event":"Email.Sent","url":"https://b.example/","before":[],"at":"2026-01-01T00:00:00Z"}"#,
        r#"{"step":"made","event":"Email.Sent","id":"x3"}"#,
    ];
    let at = |steps: usize| {
        let head = text().lines().next().unwrap().to_owned();
        let lines = [&[&*head], &again[..steps]].concat().join("\n") + "\n";
        read(lines.as_bytes()).unwrap().1
    };
    let left = |is_begun| {
        Some(Left {
            url: "https://a.example/".into(),
            is_begun,
        })
    };
    for (steps, expected) in [(1, left(false)), (2, left(true)), (3, None)] {
        let entries = at(steps);
        assert_eq!(entries[0].id.as_deref(), Some("x2"));
        assert_eq!((&entries[0].left, entries[0].is_done), (&expected, false));
    }
    // One that was given up stays so when another is made of the same event.
    let entries = at(6);
    assert_eq!(entries[0].id.as_deref(), Some("x2"));
    assert_eq!((entries[0].is_done, entries[1].is_done), (true, false));
    assert_eq!(entries[1].id.as_deref(), Some("x3"));
}

#[test]
fn a_living_run_is_told_from_one_that_is_over() {
    let home = tempfile::tempdir().unwrap();
    let (own, other) = (ledger(home.path(), "own"), ledger(home.path(), "other"));
    for step in &steps()[1..3] {
        other.plan(step.clone()).unwrap();
    }
    let known = |held: &[Ledger]| Known::look(&own, held, HashSet::from(["old".into()]));
    let is_made = |known: Known| known.is_being_made("email.sent", "https://A.example");
    assert!(!known(&[]).is_partial);
    fs::write(home.path().join("broken.json"), "{\n").unwrap();
    let found = look(&own);
    assert!(found.over.is_empty());
    assert_eq!(found.broken.len(), 1);
    assert!(known(&[]).is_partial && is_made(known(&[])));
    drop(other);
    let over = look(&own).over.remove(0);
    // Whoever cleans up knows that nobody else does.
    assert!(!is_made(known(std::slice::from_ref(&over))));
    let (event, id) = ("Email.Sent".into(), "x1".into());
    over.know(Step::Made { event, id });
    let ids = known(std::slice::from_ref(&over)).ids;
    assert!(ids.len() == 2 && ids.contains("x1") && ids.contains("old"));
    assert_eq!(over.entries().len(), 2);
    // Locked by whoever has found it.
    assert!(look(&own).over.is_empty());
    over.end(Vec::new(), &[]);
    assert!(over.path().exists());
    own.end(Vec::new(), &[]);
    assert!(!own.path().exists());
}

#[test]
fn a_disk_that_hangs_keeps_nobody_from_what_is_known() {
    let home = tempfile::tempdir().unwrap();
    let own = ledger(home.path(), "own");
    let _writing = own.0.file.lock().unwrap();
    let (sender, known) = std::sync::mpsc::channel();
    let other = own.clone();
    std::thread::spawn(move || {
        other.know(steps().remove(1));
        sender.send(other.entries().len())
    });
    let known = known.recv_timeout(std::time::Duration::from_secs(30));
    assert_eq!(known, Ok(1));
}

#[cfg(unix)]
#[test]
fn it_is_for_the_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.json");
    begin(home.path(), &path, &steps()[0]).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

proptest! {
    #[test]
    fn it_may_be_cut_anywhere_behind_its_first_line(at in 0usize..2000) {
        let text = text();
        let first = text.find('\n').unwrap() + 1;
        let cut = (first + at).min(text.len());
        let text = &text.as_bytes()[..cut];
        let (_, entries) = read(text).unwrap();
        prop_assert!(entries.len() <= 2);
        // Whoever takes it over writes on.
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("cut.json");
        fs::write(&path, text).unwrap();
        let own = ledger(home.path(), "own");
        let over = look(&own).over.remove(0);
        prop_assert_eq!(&over.entries(), &entries);
        over.plan(steps().remove(2)).unwrap();
        let written = fs::read(&path).unwrap();
        prop_assert_eq!(&written[..whole(text)], &text[..whole(text)]);
        prop_assert_eq!(read(&written).unwrap().1, over.entries());
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        let _ = read(text.as_bytes());
    }
}
