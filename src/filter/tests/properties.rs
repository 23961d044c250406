use proptest::prelude::*;

use super::*;
use crate::delivery::is_unsafe_on_terminal;

/// A filter as a tree, and what it says of a delivery by the plainest way to tell.
#[derive(Debug, Clone)]
enum Tree {
    Leaf(&'static str),
    Not(Box<Tree>),
    Both(Vec<Tree>),
    Either(Vec<Tree>),
}

impl Tree {
    fn text(&self) -> String {
        let join = |trees: &[Self], with: &str| {
            let texts: Vec<_> = trees.iter().map(Self::text).collect();
            format!("({})", texts.join(with))
        };
        match self {
            Self::Leaf(text) => (*text).to_owned(),
            Self::Not(tree) => format!("-{}", tree.text()),
            Self::Both(trees) => join(trees, " "),
            Self::Either(trees) => join(trees, " OR "),
        }
    }

    fn of(&self, kept: &Kept) -> bool {
        let request = &kept.delivery.request;
        match self {
            Self::Leaf("id:>3") => kept.delivery.id > 3,
            Self::Leaf("is:marked") => kept.marked,
            Self::Leaf("sig:unsigned") => request.verdict == Verdict::Unsigned,
            Self::Leaf("data.contact_id:42") => {
                let json: Option<serde_json::Value> = serde_json::from_slice(&request.body).ok();
                json.is_some_and(|json| json["data"]["contact_id"] == 42)
            }
            Self::Leaf(text) => String::from_utf8_lossy(&request.body).contains(text),
            Self::Not(tree) => !tree.of(kept),
            Self::Both(trees) => trees.iter().all(|tree| tree.of(kept)),
            Self::Either(trees) => trees.iter().any(|tree| tree.of(kept)),
        }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaves = [
        "id:>3",
        "is:marked",
        "sig:unsigned",
        "data.contact_id:42",
        "json",
    ];
    let leaf = proptest::sample::select(leaves.to_vec()).prop_map(Tree::Leaf);
    leaf.prop_recursive(4, 20, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|tree| Tree::Not(Box::new(tree))),
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Tree::Both),
            proptest::collection::vec(inner, 1..4).prop_map(Tree::Either),
        ]
    })
}

proptest! {
    #[test]
    fn evaluates_as_it_is_written(tree in tree()) {
        let filter = Filter::parse(&tree.text(), &now()).unwrap();
        for kept in some() {
            let id = kept.delivery.id;
            prop_assert_eq!(filter.matches(&kept, &Duplicates::default()), tree.of(&kept), "#{}", id);
        }
    }

    #[test]
    fn any_text_is_read_or_pointed_at(
        text in "(event:|status:|sig:|id:|after:|took:|size:|is:|data\\.x:|\\.x\\[0\\]:|header\\.a:|[()\"\\\\|*?><=.:-]|OR | |5|xx|10m|é|a){0,12}|\\PC{0,24}|[\\x00-\\x7f]{0,24}",
    ) {
        match Filter::parse(&text, &now()) {
            Ok(filter) => {
                for kept in some() {
                    filter.matches(&kept, &Duplicates::default());
                }
            }
            Err(error) => {
                prop_assert!((1..=text.chars().count() + 1).contains(&error.column), "{}", error);
                let drawn = error.drawn(&text);
                let lines: Vec<&str> = drawn.split('\n').collect();
                prop_assert_eq!(lines.len(), 2);
                prop_assert!(!lines.concat().chars().any(is_unsafe_on_terminal));
                prop_assert!(!error.to_string().chars().any(is_unsafe_on_terminal), "{}", error);
            }
        }
    }

    #[test]
    fn any_delivery_is_looked_at(
        body in proptest::collection::vec(any::<u8>(), 0..60),
        path in "\\PC{0,12}",
    ) {
        let kept = with(delivery(1, ""), |r| {
            r.body = body.into();
            r.path_and_query = path.into();
        });
        let filter = "path:/* OR a OR .a:>5 OR data.x[0]:a* OR header.x:b";
        Filter::parse(filter, &now()).unwrap().matches(&kept, &Duplicates::default());
    }

    #[test]
    fn quoted_text_is_found_as_it_is(text in "\\PC{1,12}") {
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        let filter = Filter::parse(&format!("\"{quoted}\""), &now()).unwrap();
        let kept = delivery(1, &format!("x{text}y"));
        prop_assert!(filter.matches(&kept, &Duplicates::default()));
    }
}
