use std::fs;

use jiff::Timestamp;
use proptest::prelude::*;

use super::look::look;
use super::steps::{Left, Owner, Step, read};
use super::{EXTENSION, Ledger, append, begin};

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

fn text() -> String {
    let line = |step: &Step| serde_json::to_string(step).unwrap() + "\n";
    steps().iter().map(line).collect()
}

#[test]
fn what_is_written_is_read() {
    let (of, entries) = read(&text()).unwrap();
    assert_eq!(of, owner("me"));
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].id.as_deref(), Some("x1"));
    assert_eq!(entries[0].url, "https://b.example/");
    assert_eq!((entries[0].is_done, entries[1].is_done), (false, true));
    assert!(!entries[0].may_still_come());
    assert!(read("").is_err() && read("{}\n").is_err());
    let newer = text().replace("\"v\":1", "\"v\":2");
    assert!(read(&newer).unwrap_err().to_string().contains("newer"));
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
        read(&lines).unwrap().1
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
    let ledger = |name: &str| {
        let path = home.path().join(name).with_extension(EXTENSION);
        let run = &steps()[0];
        let file = begin(home.path(), &path, run).unwrap();
        Ledger::of(path, owner("me"), file, Vec::new())
    };
    let (own, other) = (ledger("own"), ledger("other"));
    for step in &steps()[1..3] {
        let mut held = other.0.held.lock().unwrap();
        append(&mut held.file, step).unwrap();
    }
    fs::write(home.path().join("broken.json"), "{\n").unwrap();
    let found = look(&own);
    assert!(found.over.is_empty());
    assert_eq!(found.others.making.len(), 2);
    assert_eq!(found.broken.len(), 1);
    drop(other);
    let mut found = look(&own);
    assert!(found.others.making.is_empty());
    let over = found.over.remove(0);
    assert_eq!(over.entries().len(), 2);
    // Locked by whoever has found it.
    assert!(look(&own).over.is_empty());
    let path = over.path().to_owned();
    assert!(!over.close() && path.exists());
    assert!(own.close());
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
        let (_, entries) = read(&text[..cut]).unwrap();
        prop_assert!(entries.len() <= 2);
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        let _ = read(&text);
    }
}
