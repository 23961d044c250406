//! The values of a JSON payload as a tree over its text: nothing is parsed and written anew,
//! so numbers, escapes, the order of members and their duplicates stay as they came.

use std::ops::Range;

use super::path::{Path, Step};
use super::scan::{Kind, NotJson, Text, end_of_string, end_of_value, key, skip_space};

/// A value in a tree. Places are bytes of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// The number of the object or array around it; its own for the payload itself.
    pub parent: usize,
    /// 0 for the payload itself, 1 for its members.
    pub depth: usize,
    /// Where it stands among its parent's members or elements, from 0.
    pub index: usize,
    /// Members or elements.
    pub children: usize,
    /// The number of the first node behind it that is not inside it.
    pub next: usize,
    // Empty where it is no member of an object.
    key: Span,
    value: Span,
}

impl Node {
    /// Whether it has members or elements, and so can be folded.
    pub const fn is_foldable(&self) -> bool {
        self.children > 0
    }
}

/// A range that can be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
}

const NO_NAME: Span = Span { start: 0, end: 0 };

impl Span {
    const fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A JSON payload with its values numbered in the order of the text; 0 is the payload itself.
///
/// It takes about a hundred bytes a value, so a payload of unknown size wants a limit first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    text: Box<str>,
    nodes: Vec<Node>,
}

impl Tree {
    /// Reads a payload. Depth takes no stack.
    ///
    /// # Errors
    /// Where it is no JSON.
    pub fn of(body: &[u8]) -> Result<Self, NotJson> {
        let Text { text, start } = Text::of(body)?;
        Ok(Self {
            text: text.into(),
            nodes: nodes(text, start),
        })
    }

    /// All values, each at its number.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The name of a member, quoted and spelt as it came; empty for what is no member.
    pub fn key(&self, node: usize) -> &str {
        self.slice(node, |node| node.key)
    }

    /// The JSON of a value as it came; empty for a number that no value has.
    pub fn value(&self, node: usize) -> &str {
        self.slice(node, |node| node.value)
    }

    fn slice(&self, node: usize, span: impl Fn(&Node) -> Span) -> &str {
        let range = self.nodes.get(node).map(|node| span(node).range());
        range.and_then(|range| self.text.get(range)).unwrap_or("")
    }

    /// The way to a value as [`Path`] reads it; empty for the payload itself.
    ///
    /// Of several members of one name it leads to the last. A name with half a surrogate pair
    /// is written with its escapes, and leads nowhere.
    pub fn path(&self, node: usize) -> String {
        let mut steps = Vec::new();
        let mut at = node;
        while let Some(node) = self.nodes.get(at).filter(|node| node.depth > 0) {
            let quoted = self.key(at);
            steps.push(match key(quoted) {
                Some(name) => Step::Key(name.into_owned()),
                None if quoted.is_empty() => Step::Index(node.index),
                None => Step::Key(quoted.trim_matches('"').to_owned()),
            });
            at = node.parent;
        }
        steps.reverse();
        Path::from(steps).to_string()
    }

    /// The children of a value, in order.
    pub fn children(&self, node: usize) -> impl Iterator<Item = usize> {
        let end = self.nodes.get(node).map_or(0, |node| node.next);
        let mut at = node + 1;
        std::iter::from_fn(move || {
            let child = at;
            at = self.nodes.get(child).filter(|_| child < end)?.next;
            Some(child)
        })
    }
}

/// The values of the checked JSON that begins at `start`.
fn nodes(text: &str, start: usize) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    // The numbers of the objects and arrays that are open.
    let mut open: Vec<usize> = Vec::new();
    let mut at = start;
    let mut name = NO_NAME;
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'}' | b']' => {
                let next = nodes.len();
                if let Some(node) = open.pop().and_then(|node| nodes.get_mut(node)) {
                    node.next = next;
                    node.value.end = at + 1;
                }
                at += 1;
            }
            b',' => at += 1,
            // One name stands before each value of an object.
            b'"' if name == NO_NAME && is_in_object(&nodes, &open) => {
                let end = end_of_string(text, at);
                name = Span { start: at, end };
                // Past the colon.
                at = skip_space(text, end) + 1;
            }
            _ => {
                let number = nodes.len();
                let kind = Kind::at(text, at);
                let holds = matches!(kind, Kind::Object | Kind::Array);
                let end = if holds {
                    at + 1
                } else {
                    end_of_value(text, at)
                };
                let parent = open.last().copied();
                let around = parent.and_then(|parent| nodes.get_mut(parent));
                let index = around.map_or(0, |around| {
                    around.children += 1;
                    around.children - 1
                });
                nodes.push(Node {
                    kind,
                    parent: parent.unwrap_or(number),
                    depth: open.len(),
                    index,
                    children: 0,
                    next: number + 1,
                    key: std::mem::replace(&mut name, NO_NAME),
                    value: Span { start: at, end },
                });
                if holds {
                    open.push(number);
                }
                at = end;
            }
        }
        at = skip_space(text, at);
    }
    nodes
}

fn is_in_object(nodes: &[Node], open: &[usize]) -> bool {
    let around = open.last().and_then(|around| nodes.get(*around));
    around.is_some_and(|around| around.kind == Kind::Object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::find;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn values_are_numbered_as_they_stand() {
        let body = "\u{feff} {\"a\\u0062\" : [1.50, {\"x\":\":\"} ,[]],\"a\":null,\"a\":\"\\/\"}\n";
        let tree = Tree::of(body.as_bytes()).unwrap();
        let all: Vec<_> = (0..tree.nodes().len())
            .map(|n| {
                let Node {
                    depth,
                    children,
                    next,
                    ..
                } = tree.nodes()[n];
                (
                    depth,
                    tree.path(n),
                    tree.key(n),
                    tree.value(n),
                    children,
                    next,
                )
            })
            .collect();
        assert_eq!(
            all,
            [
                (
                    0,
                    String::new(),
                    "",
                    body.trim_start_matches(['\u{feff}', ' ']).trim_end(),
                    3,
                    8
                ),
                (
                    1,
                    "ab".into(),
                    "\"a\\u0062\"",
                    "[1.50, {\"x\":\":\"} ,[]]",
                    3,
                    6
                ),
                (2, "ab[0]".into(), "", "1.50", 0, 3),
                (2, "ab[1]".into(), "", "{\"x\":\":\"}", 1, 5),
                (3, "ab[1].x".into(), "\"x\"", "\":\"", 0, 5),
                (2, "ab[2]".into(), "", "[]", 0, 6),
                (1, "a".into(), "\"a\"", "null", 0, 7),
                (1, "a".into(), "\"a\"", "\"\\/\"", 0, 8),
            ]
        );
        assert_eq!(tree.children(0).collect::<Vec<_>>(), [1, 6, 7]);
        assert_eq!(tree.children(99).count(), 0);
        assert_eq!((tree.value(99), &*tree.path(99)), ("", ""));
        assert!(Tree::of(b"a=1").is_err());
    }

    #[test]
    fn depth_takes_no_stack_and_length_comes_to_an_end() {
        let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
        let tree = Tree::of(deep.as_bytes()).unwrap();
        assert_eq!(tree.nodes().last().unwrap().depth, 499_999);
        assert_eq!(tree.path(499_999).len(), 3 * 499_999);
        let long = format!("[{}1]", "1,".repeat(499_999));
        let tree = Tree::of(long.as_bytes()).unwrap();
        assert_eq!(tree.nodes()[0].children, 500_000);
        assert_eq!(tree.children(0).count(), 500_000);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            "[a:,{\"\\\\é]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec(("[a.\\[\":é]{0,3}", inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn paths_lead_to_their_values(value in values(), laid_out in any::<bool>()) {
            let body = if laid_out {
                serde_json::to_string_pretty(&value).unwrap()
            } else {
                value.to_string()
            };
            let tree = Tree::of(body.as_bytes()).unwrap();
            prop_assert_eq!(tree.value(0), &*body);
            for node in 1..tree.nodes().len() {
                let path: Path = tree.path(node).parse().unwrap();
                prop_assert_eq!(find(body.as_bytes(), &path), Some(tree.value(node)));
            }
            let children: usize = tree.nodes().iter().map(|node| node.children).sum();
            prop_assert_eq!(children + 1, tree.nodes().len());
        }

        #[test]
        fn any_text_is_read_or_refused(body in "[\\[\\]{}\":,0-9a \n\\\\]{0,24}") {
            if let Ok(tree) = Tree::of(body.as_bytes()) {
                for node in 0..tree.nodes().len() {
                    prop_assert!(serde_json::from_str::<Value>(tree.value(node)).is_ok());
                    tree.path(node);
                }
            }
        }
    }
}
