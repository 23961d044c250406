//! What differs between two bodies or header blocks, with a sign and a role each.
//!
//! ```text
//!   ~ data.email  "a@example.com" → "b@example.com"
//!   - data.url  "https://example.com"
//!   + data.ip_address  "203.0.113.7"
//! ```

use super::glyphs::Glyphs;
use super::{MAX_LINES, counted, remark, start_of};
use crate::compare::{BodyChange, HeaderChange, OwnedChange, Pair, brief};
use crate::tui::text::{Line, Role};

const INDENT: &str = "  ";

/// How two bodies differ, in no more than about `most` lines; none where they do not.
pub(super) fn body(change: &BodyChange, most: usize, glyphs: &Glyphs) -> Vec<Line> {
    let most = most.min(MAX_LINES);
    match change {
        BodyChange::Same => Vec::new(),
        BodyChange::Json { changes, truncated } => {
            let mut lines: Vec<_> = changes
                .iter()
                .take(most)
                .map(|one| value(one, glyphs))
                .collect();
            if changes.len() > most {
                let more = counted(changes.len() - most, "change more", "changes more");
                let least = if *truncated { "at least " } else { "" };
                lines.push(remark(format!("{INDENT}({least}{more})")));
            } else if *truncated {
                lines.push(remark(format!("{INDENT}(and more)")));
            }
            lines
        }
        BodyChange::Text(all) => {
            let mut lines: Vec<_> = all.iter().take(most).map(text).collect();
            if all.len() > most {
                let more = counted(all.len() - most, "line more", "lines more");
                lines.push(remark(format!("{INDENT}({more})")));
            }
            lines
        }
        BodyChange::Spelling(_) | BodyChange::Bytes { .. } => {
            let words = change.in_words().unwrap_or_default();
            vec![Line::of(Role::Plain, format!("{INDENT}{words}"))]
        }
    }
}

fn value(change: &OwnedChange, glyphs: &Glyphs) -> Line {
    let (sign, role) = match (&change.old, &change.new) {
        (None, _) => ("+", Role::Added),
        (_, None) => ("-", Role::Removed),
        _ => ("~", Role::Warn),
    };
    let path = if change.path.is_empty() {
        "(all of it)"
    } else {
        &change.path
    };
    let line = Line::of(role, format!("{INDENT}{sign} ")).with(Role::Name, start_of(path).0);
    let old = change.old.as_ref().map(|json| brief(json, glyphs.ellipsis));
    let new = change.new.as_ref().map(|json| brief(json, glyphs.ellipsis));
    from_to(line, old.as_deref(), new.as_deref(), glyphs)
}

fn from_to(line: Line, old: Option<&str>, new: Option<&str>, glyphs: &Glyphs) -> Line {
    let line = line.with(Role::Plain, "  ");
    match (old, new) {
        (Some(old), Some(new)) => line
            .with(Role::Removed, old)
            .with(Role::Dim, format!(" {} ", glyphs.arrow))
            .with(Role::Added, new),
        (Some(old), None) => line.with(Role::Removed, old),
        (None, Some(new)) => line.with(Role::Added, new),
        (None, None) => line,
    }
}

/// A line of a unified diff.
fn text(line: &crate::compare::Line) -> Line {
    let (text, _) = start_of(&line.text);
    match line.sign {
        '@' => Line::of(Role::Accent, format!("{INDENT}{}", text.trim_end())),
        '-' => Line::of(Role::Removed, format!("{INDENT}-{text}")),
        '+' => Line::of(Role::Added, format!("{INDENT}+{text}")),
        _ => Line::of(Role::Plain, format!("{INDENT} {text}")),
    }
}

/// Headers that differ; one value on each side stands on one line.
pub(super) fn headers(changes: &[HeaderChange], glyphs: &Glyphs) -> Vec<Line> {
    let mut lines = Vec::new();
    for change in changes {
        let (sign, role) = match (&change.old[..], &change.new[..]) {
            ([], _) => ("+", Role::Added),
            (_, []) => ("-", Role::Removed),
            _ => ("~", Role::Warn),
        };
        let line = Line::of(role, format!("{INDENT}{sign} ")).with(Role::Name, &change.name);
        if let ([] | [_], [] | [_]) = (&change.old[..], &change.new[..]) {
            let (old, new) = (change.old.first(), change.new.first());
            lines.push(from_to(
                line,
                old.map(String::as_str),
                new.map(String::as_str),
                glyphs,
            ));
            continue;
        }
        lines.push(line);
        for old in &change.old {
            lines.push(Line::of(Role::Removed, format!("{INDENT}  - {old}")));
        }
        for new in &change.new {
            lines.push(Line::of(Role::Added, format!("{INDENT}  + {new}")));
        }
    }
    lines
}

/// A value of both that differs.
pub(super) fn pair(name: &str, pair: &Pair, glyphs: &Glyphs) -> Option<Line> {
    let (old, new) = pair.as_ref()?;
    let line = Line::of(Role::Warn, format!("{INDENT}~ ")).with(Role::Name, name);
    Some(from_to(line, Some(old), Some(new), glyphs))
}
