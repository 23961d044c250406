//! Which values of a payload's tree are folded.

use std::collections::HashSet;

use crate::payload::Kind;
use crate::payload::tree::{Node, Tree};

/// Values of this depth and deeper are folded at first.
const OPEN_DEPTH: usize = 4;
/// Arrays of more elements are folded at first.
const OPEN_ELEMENTS: usize = 50;

/// The numbers of the values that are folded. Folding one leaves those inside it as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::tui) struct Folds(HashSet<usize>);

impl Folds {
    /// What is folded at first: what is deep, and long arrays. The payload itself never is.
    pub(in crate::tui) fn first(tree: &Tree) -> Self {
        Self::all_that(tree, |node| {
            let long = node.kind == Kind::Array && node.children > OPEN_ELEMENTS;
            long || node.depth >= OPEN_DEPTH
        })
    }

    /// Whether this value is folded.
    pub(in crate::tui) fn contains(&self, node: usize) -> bool {
        self.0.contains(&node)
    }

    /// Folds a value, or opens it. What holds nothing stays as it is.
    pub(in crate::tui) fn toggle(&mut self, tree: &Tree, node: usize) {
        let foldable = |node: &Node| node.depth > 0 && node.is_foldable();
        if tree.nodes().get(node).is_some_and(foldable) && !self.0.remove(&node) {
            self.0.insert(node);
        }
    }

    /// Folds every value that holds others.
    pub(in crate::tui) fn fold_all(&mut self, tree: &Tree) {
        *self = Self::all_that(tree, |_| true);
    }

    /// Opens every value.
    pub(in crate::tui) fn unfold_all(&mut self) {
        self.0.clear();
    }

    fn all_that(tree: &Tree, wanted: impl Fn(&Node) -> bool) -> Self {
        let nodes = tree.nodes().iter().enumerate().skip(1);
        let folded = nodes.filter(|(_, node)| node.is_foldable() && wanted(node));
        Self(folded.map(|(number, _)| number).collect())
    }
}
