//! JSON as a tree that can be folded.
//!
//! ```text
//!   event      "email.opened"
//!   timestamp  "2026-11-24T10:32:07Z"
//! ▾ data
//!     campaign_id  790
//!     email        "user@example.com"
//!   ▸ tags         […] 12 elements
//! ```
//!
//! The payload itself has no line where it holds anything: what it holds begins at the left.

use super::folds::Folds;
use super::glyphs::Glyphs;
use super::{MAX_LINES, column, counted, gap, remark, start_of};
use crate::delivery::escape_json_for_terminal;
use crate::delivery::words::size;
use crate::payload::Kind;
use crate::payload::tree::{Node, Tree};
use crate::tui::text::{Line, Role, Tag};
use unicode_width::UnicodeWidthStr as _;

/// Deeper values are indented no further.
const MAX_LEVELS: usize = 40;
/// So many members of one object are looked at for how long their names are.
const MAX_MEASURED: usize = 1_000;

/// The lines of a tree, each tagged with the number of its value.
pub(super) fn lines(tree: &Tree, folds: &Folds, glyphs: &Glyphs) -> Vec<Line> {
    let nodes = tree.nodes();
    let mut lines = Vec::new();
    // The columns of values in the objects and arrays that are open, with what is behind them.
    let mut columns: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while let Some(node) = nodes.get(at) {
        if lines.len() == MAX_LINES {
            let more = counted(nodes.len() - at, "value more", "values more");
            lines.push(remark(format!(
                "({more}: copying and exporting take all of it)"
            )));
            break;
        }
        while columns.last().is_some_and(|(next, _)| *next <= at) {
            columns.pop();
        }
        let open = node.is_foldable() && !folds.contains(at);
        if node.depth > 0 || !open {
            let column = columns.last().map_or(0, |(_, column)| *column);
            lines.push(line(tree, at, node, open, column, glyphs));
        }
        if open {
            let children = tree.children(at).take(MAX_MEASURED);
            let widths =
                children.filter_map(|child| Some(name(tree, child, nodes.get(child)?).width()));
            columns.push((node.next, self::column(widths)));
            at += 1;
        } else {
            at = node.next;
        }
    }
    lines
}

fn line(tree: &Tree, at: usize, node: &Node, open: bool, column: usize, glyphs: &Glyphs) -> Line {
    let levels = node.depth.saturating_sub(1).min(MAX_LEVELS);
    let sign = match (node.is_foldable(), open) {
        (false, _) => " ",
        (true, true) => glyphs.open,
        (true, false) => glyphs.closed,
    };
    let mut line = Line::empty().tagged(Tag::Node(at));
    if node.depth > 0 {
        let name = name(tree, at, node);
        let role = if tree.key(at).is_empty() {
            Role::Dim
        } else {
            Role::Name
        };
        let width = name.width();
        line = line
            .with(Role::Dim, format!("{}{sign} ", "  ".repeat(levels)))
            .with(role, name);
        if open {
            return line;
        }
        line = line.with(Role::Plain, gap(column, width));
    }
    value(line, tree.value(at), node, glyphs)
}

/// A value at the end of its line.
fn value(line: Line, json: &str, node: &Node, glyphs: &Glyphs) -> Line {
    let more = glyphs.ellipsis;
    let (role, text) = match (node.kind, node.children) {
        (Kind::Object, 0) => (Role::Dim, "{}".to_owned()),
        (Kind::Array, 0) => (Role::Dim, "[]".to_owned()),
        (Kind::Object, count) => {
            let count = counted(count, "member", "members");
            (Role::Dim, format!("{{{more}}} {count}"))
        }
        (Kind::Array, count) => {
            let count = counted(count, "element", "elements");
            (Role::Dim, format!("[{more}] {count}"))
        }
        (kind, _) => {
            let role = match kind {
                Kind::Text => Role::Text,
                Kind::Word => Role::Word,
                _ => Role::Number,
            };
            let (start, is_cut) = start_of(json);
            let line = line.with(role, escape_json_for_terminal(start));
            return if is_cut {
                let length = size(json.len() as u64);
                line.with(Role::Dim, format!("{more} {length} in all"))
            } else {
                line
            };
        }
    };
    line.with(role, text)
}

/// A member's name, without its quotes where they tell nothing, or an element's index.
fn name(tree: &Tree, at: usize, node: &Node) -> String {
    let quoted = tree.key(at);
    if quoted.is_empty() {
        return format!("[{}]", node.index);
    }
    let (start, is_cut) = start_of(quoted);
    let bare = start.trim_matches('"');
    let is_word =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$' | '@' | ':' | '/');
    if is_cut || bare.is_empty() || !bare.chars().all(is_word) {
        escape_json_for_terminal(start).into_owned()
    } else {
        bare.to_owned()
    }
}
