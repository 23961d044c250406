//! Tokens and names.

mod model;

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::{BookError, QUARANTINE};
use crate::relay::data::{Data, DataError, open_book};
use crate::relay::id;
use crate::relay::names::{Names, is_name};
use crate::relay::queue::{Limits, Waiting};
use crate::relay::tokens::{Found, Owner, Tokens};

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(work)
}

fn open(folder: &Path) -> (Tokens, Names) {
    open_book(folder, true).unwrap()
}

async fn create(tokens: &Tokens, label: &str, names: &[&str]) -> (Owner, SecretString) {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    tokens.create(label, &names).await.unwrap()
}

#[test]
fn a_token_is_found_by_its_text_alone_and_stored_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let (tokens, _) = open(folder.path());
    run(async {
        let (owner, token) = create(&tokens, "laptop", &[]).await;
        let text = token.expose_secret();
        assert_eq!(text.len(), 4 + 43);
        assert!(text.starts_with("cmr_"));
        let Found::Owner(found) = tokens.find(text) else {
            panic!("it is not found");
        };
        assert_eq!(*found, owner);
        for wrong in ["", "cmr_", &text[1..], &format!("{text}=")] {
            assert_eq!(tokens.find(wrong), Found::Unknown);
        }
        let listed = tokens.list().await.unwrap();
        assert!(listed[0].last_used_at.is_some());
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            let within = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
            assert!(!within(&text.as_bytes()[4..]));
        }
    });
}

#[test]
fn a_revoked_token_is_no_good_and_its_names_are_nobodys() {
    let folder = tempfile::tempdir().unwrap();
    let (tokens, names) = open(folder.path());
    run(async {
        let (owner, token) = create(&tokens, "one", &["hooks", "more"]).await;
        let (other, _) = create(&tokens, "other", &[]).await;
        assert!(names.is_of("hooks", &owner.id) && !names.is_of("hooks", &other.id));
        let (_, freed) = tokens.revoke(&owner.id.as_str()[..6]).await.unwrap();
        assert_eq!(freed, ["hooks", "more"]);
        assert_eq!(tokens.find(token.expose_secret()), Found::Revoked);
        assert!(!tokens.is_valid(&owner.id) && tokens.is_valid(&other.id));
        assert!(!names.is_reserved("hooks"));
        let reserved = names.reserve("hooks", "other", false).await;
        assert!(
            matches!(&reserved, Err(BookError::Quarantined { former, until, .. })
                if former == "one" && *until > Timestamp::now() + QUARANTINE - Duration::from_mins(1)),
            "{reserved:?}"
        );
        names.reserve("hooks", "other", true).await.unwrap();
        assert_eq!(names.owner_of("hooks").as_deref(), Some(&other));
        // The label is free again, and a second token with it is another one.
        let (again, _) = create(&tokens, "one", &[]).await;
        assert_ne!(again.id, owner.id);
        let more = names.reserve("more", "one", false).await;
        assert!(matches!(more, Err(BookError::Quarantined { .. })));
    });
}

#[test]
fn a_rotated_token_keeps_its_names_and_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let data = Data::open(folder.path(), Limits::default()).unwrap();
    run(async {
        let (owner, token) = create(&data.tokens, "one", &["b", "a"]).await;
        data.queue.push("b", waiting()).await.unwrap();
        let (renewed, text) = data.tokens.rotate("one").await.unwrap();
        assert_ne!(renewed.id, owner.id);
        assert_eq!(data.tokens.find(token.expose_secret()), Found::Revoked);
        assert!(matches!(
            data.tokens.find(text.expose_secret()),
            Found::Owner(_)
        ));
        assert!(!data.tokens.is_valid(&owner.id));
        assert_eq!(*data.names.default_name(&renewed.id).await.unwrap(), *"b");
        assert_eq!(data.names.all_of(&renewed.id), ["b".into(), "a".into()]);
        assert_eq!(data.queue.count("b"), 1);
    });
}

#[test]
fn a_token_without_names_gets_one_that_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (tokens, names) = open(folder.path());
    let (owner, name) = run(async {
        let (owner, _) = create(&tokens, "one", &[]).await;
        let name = names.default_name(&owner.id).await.unwrap();
        assert!(is_name(&name) && name.len() == 19, "{name}");
        assert_eq!(names.default_name(&owner.id).await.unwrap(), name);
        (owner, name)
    });
    drop((tokens, names));
    let (tokens, names) = open(folder.path());
    run(async {
        assert_eq!(names.default_name(&owner.id).await.unwrap(), name);
        tokens.revoke("one").await.unwrap();
        assert!(names.default_name(&owner.id).await.is_err());
    });
}

#[test]
fn a_released_name_is_for_its_former_token_only() {
    let folder = tempfile::tempdir().unwrap();
    let data = Data::open(folder.path(), Limits::default()).unwrap();
    let (tokens, names) = (&data.tokens, &data.names);
    run(async {
        create(tokens, "one", &["hooks"]).await;
        create(tokens, "two", &[]).await;
        let taken = names.reserve("hooks", "two", true).await;
        assert!(matches!(taken, Err(BookError::NameTaken { holder, .. }) if holder == "one"));
        data.queue.push("hooks", waiting()).await.unwrap();
        assert_eq!(names.release("hooks").await.unwrap(), "one");
        assert!(matches!(
            names.release("hooks").await,
            Err(BookError::NoName { .. })
        ));
        let listed = names.list().await.unwrap();
        assert_eq!((listed[0].waiting, &*listed[0].token), (1, "one"));
        assert!(listed[0].free_at.is_some());
        assert_eq!(
            names.reserve("hooks", "one", false).await.unwrap().dropped,
            0
        );
        names.release("hooks").await.unwrap();
        assert_eq!(
            names.reserve("hooks", "two", true).await.unwrap().dropped,
            1
        );
        let none: Result<_, _> = data.queue.next("hooks").await;
        assert_eq!(none.unwrap(), None);
    });
    drop(data);
    // Thirty days later anybody gets it.
    let db = crate::relay::db::open(&folder.path().join("relay.db")).unwrap();
    run(async {
        let (_, names) = open(folder.path());
        names.release("hooks").await.unwrap();
        db.execute(
            "UPDATE names SET released_at = released_at - 2592000000001",
            [],
        )
        .unwrap();
        assert_eq!(names.list().await.unwrap(), []);
        names.reserve("hooks", "one", false).await.unwrap();
    });
}

#[test]
fn what_another_process_changes_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let data = Data::open(folder.path(), Limits::default()).unwrap();
    let (tokens, names) = open(folder.path());
    let mut seen = data.seen();
    let mut look = async || {
        let mut told = false;
        let changed = data.changed(&mut seen, || told = true).await.unwrap();
        assert_eq!(changed, told);
        changed
    };
    run(async {
        assert!(!look().await);
        let (owner, token) = create(&tokens, "one", &["hooks"]).await;
        assert_eq!(data.tokens.find(token.expose_secret()), Found::Unknown);
        assert!(look().await);
        assert!(matches!(
            data.tokens.find(token.expose_secret()),
            Found::Owner(_)
        ));
        data.queue.push("hooks", waiting()).await.unwrap();
        // The queue writes to the same file, and that is no news.
        assert!(!look().await);
        create(&tokens, "two", &[]).await;
        tokens.revoke("one").await.unwrap();
        assert!(data.tokens.is_valid(&owner.id));
        names.reserve("hooks", "two", true).await.unwrap();
        assert!(look().await);
        assert!(!data.tokens.is_valid(&owner.id));
        assert_eq!(data.queue.count("hooks"), 0);
        assert!(!look().await);
        // What the relay itself does, or a question of somebody's, takes in what the other
        // process has done, and that is news all the same.
        for asks in [true, false] {
            let (owner, _) = create(&tokens, "three", &[]).await;
            assert!(look().await);
            tokens.revoke("three").await.unwrap();
            if asks {
                data.refresh().await.unwrap();
            } else {
                data.names.reserve("more", "two", false).await.unwrap();
            }
            assert!(!data.tokens.is_valid(&owner.id));
            assert!(look().await);
            assert!(!look().await);
        }
    });
}

#[test]
fn a_folder_is_one_relays() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("a/b");
    assert!(matches!(
        open_book(&folder, false),
        Err(DataError::Missing(_))
    ));
    let data = Data::open(&folder, Limits::default()).unwrap();
    let second = Data::open(&folder, Limits::default());
    assert!(matches!(second, Err(DataError::InUse { .. })), "{second:?}");
    drop(data);
    // It is kept open: files that only an open one has are looked at too.
    let _data = Data::open(&folder, Limits::default()).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for file in std::fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

#[test]
fn nothing_is_made_of_what_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let (tokens, names) = open(folder.path());
    run(async {
        create(&tokens, "one", &["hooks"]).await;
        for (label, name) in [
            ("one", "a"),
            ("", "a"),
            ("x\u{1b}", "a"),
            ("two", "A"),
            ("two", "hooks"),
        ] {
            assert!(tokens.create(label, &[name.to_owned()]).await.is_err());
        }
        assert_eq!(tokens.list().await.unwrap().len(), 1);
        assert_eq!(names.list().await.unwrap().len(), 1);
        let unknown = tokens.revoke("x").await.unwrap_err();
        assert_eq!(unknown.to_string(), "there is no token `x`");
        assert!(unknown.hint().contains("one"));
    });
}

fn waiting() -> Waiting {
    Waiting {
        id: id::new(),
        received_at: Timestamp::now(),
        peer: "192.0.2.1:5".into(),
        scheme: "https".into(),
        method: "POST".into(),
        path: "/".into(),
        headers: crate::delivery::Headers::default(),
        body: bytes::Bytes::new(),
    }
}
