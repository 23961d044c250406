//! Tokens and names.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
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

#[derive(Debug, Clone)]
enum Step {
    Create(usize),
    Revoke(usize),
    Rotate(usize),
    Reserve(usize, usize, bool),
    Release(usize),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3usize).prop_map(Step::Create),
        1 => (0..3usize).prop_map(Step::Revoke),
        1 => (0..3usize).prop_map(Step::Rotate),
        4 => (0..3usize, 0..3usize, any::<bool>()).prop_map(|(n, t, f)| Step::Reserve(n, t, f)),
        2 => (0..3usize).prop_map(Step::Release),
        1 => Just(Step::Reopen),
    ]
}

/// A name: the token that has or had it, by its number of all that were made, and whether it
/// has it still.
type Held = Option<(usize, bool)>;

/// What tokens and names are to be like.
#[derive(Debug, Default)]
struct Model {
    /// The texts and owners of all that were made.
    made: Vec<(SecretString, Owner)>,
    /// The number of the token that is good under each label.
    good: [Option<usize>; 3],
    names: [Held; 3],
}

impl Model {
    fn release_all(&mut self, token: usize) {
        for held in self.names.iter_mut().flatten() {
            held.1 &= held.0 != token;
        }
    }

    fn reserve(&mut self, name: usize, token: Option<usize>, force: bool) -> bool {
        let Some(token) = token else { return false };
        let may = match self.names[name] {
            None => true,
            Some((other, true)) => other == token,
            Some((other, false)) => other == token || force,
        };
        if may {
            self.names[name] = Some((token, true));
        }
        may
    }
}

const LABELS: [&str; 3] = ["one", "two", "three"];
const NAMES: [&str; 3] = ["a", "b", "c"];

async fn take(step: &Step, model: &mut Model, tokens: &Tokens, names: &Names) {
    match *step {
        Step::Create(label) => {
            let made = tokens.create(LABELS[label], &[]).await;
            assert_eq!(made.is_ok(), model.good[label].is_none());
            if let Ok((owner, text)) = made {
                model.good[label] = Some(model.made.len());
                model.made.push((text, owner));
            }
        }
        Step::Revoke(label) => {
            let revoked = tokens.revoke(LABELS[label]).await;
            assert_eq!(revoked.is_ok(), model.good[label].is_some());
            if let Some(token) = model.good[label].take() {
                model.release_all(token);
            }
        }
        Step::Rotate(label) => {
            let rotated = tokens.rotate(LABELS[label]).await;
            assert_eq!(rotated.is_ok(), model.good[label].is_some());
            if let (Ok((owner, text)), Some(old)) = (rotated, model.good[label]) {
                let new = model.made.len();
                model.made.push((text, owner));
                model.good[label] = Some(new);
                for held in model.names.iter_mut().flatten() {
                    if held.0 == old {
                        held.0 = new;
                    }
                }
            }
        }
        Step::Reserve(name, label, force) => {
            let reserved = names.reserve(NAMES[name], LABELS[label], force).await;
            let may = model.reserve(name, model.good[label], force);
            assert_eq!(reserved.is_ok(), may, "{reserved:?}");
        }
        Step::Release(name) => {
            let released = names.release(NAMES[name]).await;
            let held = model.names[name].as_mut().filter(|held| held.1);
            assert_eq!(released.is_ok(), held.is_some());
            if let Some(held) = held {
                held.1 = false;
            }
        }
        Step::Reopen => {}
    }
}

fn check(model: &Model, tokens: &Tokens, names: &Names) {
    for (number, (text, owner)) in model.made.iter().enumerate() {
        let good = model.good.contains(&Some(number));
        let wanted = if good {
            Found::Owner(std::sync::Arc::new(owner.clone()))
        } else {
            Found::Revoked
        };
        assert_eq!(tokens.find(text.expose_secret()), wanted);
        assert_eq!(tokens.is_valid(&owner.id), good);
        for (name, held) in NAMES.iter().zip(&model.names) {
            assert_eq!(names.is_of(name, &owner.id), *held == Some((number, true)));
        }
    }
    for (name, held) in NAMES.iter().zip(&model.names) {
        let owner = held.filter(|held| held.1).map(|held| &model.made[held.0].1);
        assert_eq!(names.owner_of(name).as_deref(), owner);
        assert_eq!(names.is_reserved(name), owner.is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whoever had a name, at any time, nobody else has it unasked; and every handle and
    /// every later run knows it.
    #[test]
    fn tokens_and_names_are_as_a_list_of_them(
        steps in proptest::collection::vec(step(), 1..30),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut model = Model::default();
        let (mut tokens, mut names) = open(folder.path());
        let beside = Data::open(folder.path(), Limits::default()).unwrap();
        run(async {
            for step in steps {
                if matches!(step, Step::Reopen) {
                    (tokens, names) = open(folder.path());
                }
                take(&step, &mut model, &tokens, &names).await;
                check(&model, &tokens, &names);
                beside.refresh().await.unwrap();
                check(&model, &beside.tokens, &beside.names);
            }
        });
    }
}

proptest! {
    #[test]
    fn names_are_labels_of_hosts(text in "[a-z0-9A-Z._é-]{0,66}") {
        let wanted = !text.is_empty()
            && text.len() <= 63
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        prop_assert_eq!(is_name(&text), wanted);
    }
}
