//! Any steps, beside a model that keeps the same in memory.

use proptest::prelude::*;

use super::*;

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
