//! All keys, grouped, in as many columns as fit, and searchable.

use crossterm::event::{KeyCode, KeyEvent};

use super::scroll::Scroll;
use super::typing::{Typing, typing};
use super::{Answer, Hint, hint, place};
use crate::tui::keys::{Group, TABLE};
use crate::tui::line_input::LineInput;
use crate::tui::text::{Line, Role};
use crate::tui::wrap::wrap_below;

/// Columns that a column of keys has at least, where there is more than one.
const COLUMN: usize = 44;
/// What is between two of them.
const GAP: usize = 2;
/// Columns of the keys in front of what they do.
const KEYS: usize = 14;
/// With fewer columns, keys stand above what they do.
const NARROW: usize = 32;

/// The keys, and what is searched for among them.
#[derive(Debug)]
pub(in crate::tui) struct Help {
    pub(in crate::tui) input: LineInput,
    unicode: bool,
    width: usize,
    /// Lines of each column, all of them equally wide.
    columns: Vec<Vec<Line>>,
    pub(in crate::tui) scroll: Scroll,
}

/// A line of the help before it is laid out.
struct Entry {
    keys: String,
    does: &'static str,
}

impl Help {
    pub(in crate::tui) fn new(unicode: bool) -> Self {
        Self {
            input: LineInput::new(""),
            unicode,
            width: 0,
            columns: Vec::new(),
            scroll: Scroll::default(),
        }
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Answer {
        let is_empty = self.input.text().is_empty();
        match typing(key) {
            Typing::Cancel if is_empty => return Answer::Close,
            Typing::Cancel => {
                self.input = LineInput::new("");
                self.search();
            }
            Typing::Text if is_empty && matches!(key.code, KeyCode::Char('?' | 'q')) => {
                return Answer::Close;
            }
            Typing::Text if is_empty && key.code == KeyCode::Home => self.scroll.step(isize::MIN),
            Typing::Text if is_empty && key.code == KeyCode::End => self.scroll.step(isize::MAX),
            Typing::Text => {
                if self.input.key(key) {
                    self.search();
                }
            }
            Typing::Up => self.scroll.step(-1),
            Typing::Down => self.scroll.step(1),
            Typing::PageUp => self.scroll.page(-1),
            Typing::PageDown => self.scroll.page(1),
            Typing::Accept => {}
        }
        Answer::Stay
    }

    pub(super) fn paste(&mut self, text: &str) {
        self.input.paste(text);
        self.search();
    }

    pub(super) fn scroll(&mut self, by: isize) {
        self.scroll.step(by);
    }

    pub(super) fn fit(&mut self, size: (u16, u16)) {
        let below = place::below_input(place::sheet(size).inner);
        let width = usize::from(below.width);
        if self.width != width || self.columns.is_empty() {
            self.width = width;
            self.lay_out();
        }
        let count = self.columns.iter().map(Vec::len).max().unwrap_or(0);
        self.scroll.fit(count, usize::from(below.height));
    }

    /// What is seen of each column, and how wide a column is, the gap behind it included.
    pub(in crate::tui) fn visible(&self) -> (impl Iterator<Item = &[Line]>, usize) {
        let (top, height) = (self.scroll.top, self.scroll.height);
        let seen = self.columns.iter().map(move |lines| {
            let from = top.min(lines.len());
            &lines[from..(top + height).min(lines.len())]
        });
        (seen, column_width(self.width) + GAP)
    }

    /// The keys that work in the help itself.
    pub(in crate::tui) fn hints(&self) -> Vec<Hint> {
        let esc = if self.input.text().is_empty() {
            "close"
        } else {
            "all keys"
        };
        vec![hint("↑↓", "scroll"), hint("Esc", esc)]
    }

    fn search(&mut self) {
        self.scroll.top = 0;
        self.lay_out();
        let count = self.columns.iter().map(Vec::len).max().unwrap_or(0);
        self.scroll.fit(count, self.scroll.height);
    }

    fn lay_out(&mut self) {
        let width = column_width(self.width);
        let typed = self.input.text().to_lowercase();
        let wanted: Vec<&str> = typed.split_whitespace().collect();
        let mut blocks: Vec<Vec<Line>> = Vec::new();
        for group in Group::ALL {
            let mut lines = vec![Line::of(Role::Accent, group.title())];
            if !blocks.is_empty() {
                lines.insert(0, Line::empty());
            }
            for entry in entries(group, self.unicode, &wanted) {
                lines.extend(entry.lines(width));
                // A title stays with what is first below it.
                blocks.push(std::mem::take(&mut lines));
            }
        }
        if blocks.is_empty() {
            blocks.push(words(
                Role::Dim,
                "No key does that. Esc shows all again.",
                width,
            ));
        }
        self.columns = flow(&blocks, column_count(self.width));
    }
}

impl Entry {
    fn lines(&self, width: usize) -> Vec<Line> {
        if width < NARROW {
            let mut lines = words(Role::Strong, &self.keys, width);
            let does = Line::of(Role::Plain, format!("  {}", self.does));
            lines.extend(wrap_below(does, width, 2));
            return lines;
        }
        let keys = words(Role::Strong, &self.keys, KEYS);
        let does = words(Role::Plain, self.does, width - KEYS - 1);
        (0..keys.len().max(does.len()))
            .map(|at| {
                let line = keys.get(at).cloned().unwrap_or_default();
                let gap = (KEYS + 1).saturating_sub(line.width());
                let mut line = line.with(Role::Plain, " ".repeat(gap));
                line.pieces.extend(
                    does.get(at)
                        .into_iter()
                        .flat_map(|line| line.pieces.clone()),
                );
                line
            })
            .collect()
    }
}

fn words(role: Role, text: &str, width: usize) -> Vec<Line> {
    wrap_below(Line::of(role, text), width, 0)
}

/// The keys of a group in which all of the words are found.
fn entries(group: Group, unicode: bool, words: &[&str]) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    for binding in TABLE.iter().filter(|binding| binding.group == group) {
        let keys: Vec<String> = binding
            .keys
            .iter()
            .map(|key| shown(&key.shown(), unicode))
            .collect();
        let keys = keys.join(" ");
        match found.last_mut() {
            // Two keys for the same are told together.
            Some(last) if last.does == binding.does => {
                last.keys.push(' ');
                last.keys.push_str(&keys);
            }
            _ => found.push(Entry {
                keys,
                does: binding.does,
            }),
        }
    }
    found.retain(|entry| {
        let text = format!("{} {}", entry.keys, entry.does).to_lowercase();
        words.iter().all(|word| text.contains(word))
    });
    found
}

fn shown(key: &str, unicode: bool) -> String {
    let word = match key {
        "↑" => "Up",
        "↓" => "Down",
        "←" => "Left",
        "→" => "Right",
        key => key,
    };
    if unicode { key } else { word }.to_owned()
}

const fn column_count(width: usize) -> usize {
    let count = (width + GAP) / (COLUMN + GAP);
    if count == 0 { 1 } else { count }
}

const fn column_width(width: usize) -> usize {
    let count = column_count(width);
    (width + GAP) / count - GAP
}

/// The blocks one below the other in so many columns, as level as can be without breaking
/// a block.
fn flow(blocks: &[Vec<Line>], columns: usize) -> Vec<Vec<Line>> {
    let total: usize = blocks.iter().map(Vec::len).sum();
    let at_least = total.div_ceil(columns.max(1)).max(1);
    let fits = |height: &usize| poured(blocks, *height).len() <= columns;
    let height = (at_least..total).find(fits).unwrap_or(total);
    poured(blocks, height)
}

fn poured(blocks: &[Vec<Line>], height: usize) -> Vec<Vec<Line>> {
    let mut columns: Vec<Vec<Line>> = vec![Vec::new()];
    for block in blocks {
        if let Some(column) = columns.last_mut()
            && (column.is_empty() || column.len() + block.len() <= height)
        {
            column.extend_from_slice(block);
            continue;
        }
        // The empty line before a title is not needed at the top.
        let from = usize::from(block.first().is_some_and(|line| line.pieces.is_empty()));
        columns.push(block[from..].to_vec());
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::KeyModifiers;

    fn press(help: &mut Help, code: KeyCode) -> Answer {
        help.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn text(help: &Help) -> String {
        let lines = help.columns.iter().flatten().map(Line::plain);
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn typing_searches_and_esc_goes_back() {
        let mut help = Help::new(true);
        help.fit((100, 30));
        for c in "REPLAY all".chars() {
            assert!(matches!(press(&mut help, KeyCode::Char(c)), Answer::Stay));
        }
        let found = text(&help);
        let (title, rest) = found.split_once('\n').unwrap();
        assert_eq!(title, "The listener");
        assert!(rest.starts_with("R  ") && rest.ends_with("  replay all that the filter shows"));
        // Only with nothing typed do these close it.
        assert!(matches!(press(&mut help, KeyCode::Char('q')), Answer::Stay));
        assert!(text(&help).contains("No key does that"));
        assert!(matches!(press(&mut help, KeyCode::Esc), Answer::Stay));
        assert!(text(&help).lines().count() > 40);
        for code in [KeyCode::Esc, KeyCode::Char('?'), KeyCode::Char('q')] {
            assert!(matches!(press(&mut help, code), Answer::Close));
        }
    }

    #[test]
    fn every_key_is_there_at_every_size() {
        for width in 0..220 {
            let mut help = Help::new(true);
            help.fit((width, 20));
            let all = text(&help);
            let room = column_width(help.width);
            // Titles are not broken.
            if room < 24 {
                continue;
            }
            for line in help.columns.iter().flatten() {
                assert!(line.width() <= room, "{width}: {}", line.plain());
            }
            for binding in TABLE {
                let first = binding.does.split(' ').next().unwrap();
                assert!(all.contains(first), "{width}: {}", binding.does);
                for key in binding.keys {
                    assert!(all.contains(&key.shown()), "{width}: {key:?}");
                }
            }
        }
    }

    #[test]
    fn keys_are_words_without_unicode() {
        let mut help = Help::new(false);
        help.fit((80, 20));
        assert!(text(&help).is_ascii());
        assert!(text(&help).contains("Up k"));
    }
}
