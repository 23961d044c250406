//! A page to be read: what differs, what should be known.

use crossterm::event::KeyEvent;

use super::scroll::Scroll;
use super::{Answer, Hint, place};
use crate::tui::keys::{Action, Place, binding, resolve};
use crate::tui::text::Line;
use crate::tui::wrap::{wrap, wrap_below};

/// Columns that `<` and `>` move by.
const SIDEWAYS: usize = 8;
/// Columns of a time and what is behind it: what goes on in the next line stands below that.
pub(in crate::tui) const HANG: usize = 10;

/// What of the screen's keys works, and the word for what is named at its foot.
const KEYS: &[(Action, Option<&str>)] = &[
    (Action::Up, None),
    (Action::Down, Some("scroll")),
    (Action::PageUp, None),
    (Action::PageDown, Some("page")),
    (Action::First, None),
    (Action::Last, None),
    (Action::ScrollLeft, None),
    (Action::ScrollRight, Some("sideways")),
    (Action::Wrap, Some("wrap")),
    (Action::Quit, None),
    (Action::Back, Some("close")),
];

/// What a page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) enum Topic {
    /// Two deliveries.
    Compared,
    /// Warnings and refused requests, which can become more while they are read.
    Warnings,
}

/// The page.
#[derive(Debug)]
pub(in crate::tui) struct Sheet {
    pub(in crate::tui) topic: Topic,
    pub(in crate::tui) title: String,
    lines: Vec<Line>,
    /// The same as they are shown.
    page: Vec<Line>,
    width: usize,
    wraps: bool,
    is_stale: bool,
    /// Columns that are cut off on the left.
    pub(in crate::tui) left: usize,
    pub(in crate::tui) scroll: Scroll,
}

impl Sheet {
    pub(in crate::tui) fn new(topic: Topic, title: String, lines: Vec<Line>) -> Self {
        Self {
            topic,
            title,
            lines,
            page: Vec::new(),
            width: 0,
            wraps: true,
            is_stale: true,
            left: 0,
            scroll: Scroll::default(),
        }
    }

    /// Shows these lines in the place of those before.
    pub(in crate::tui) fn replace(&mut self, lines: Vec<Line>) {
        self.lines = lines;
        self.is_stale = true;
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Answer {
        let action = resolve(&[Place::Anywhere], key);
        let works = |action: &Action| KEYS.iter().any(|(key, _)| key == action);
        match action.filter(works) {
            Some(Action::Up) => self.scroll.step(-1),
            Some(Action::Down) => self.scroll.step(1),
            Some(Action::PageUp) => self.scroll.page(-1),
            Some(Action::PageDown) => self.scroll.page(1),
            Some(Action::First) => self.scroll.step(isize::MIN),
            Some(Action::Last) => self.scroll.step(isize::MAX),
            Some(Action::ScrollLeft) => self.sideways(self.left.saturating_sub(SIDEWAYS)),
            Some(Action::ScrollRight) => self.sideways(self.left + SIDEWAYS),
            Some(Action::Wrap) => {
                self.wraps = !self.wraps;
                self.left = 0;
                self.is_stale = true;
            }
            Some(Action::Back | Action::Quit) => return Answer::Close,
            _ => {}
        }
        Answer::Stay
    }

    pub(super) fn scroll(&mut self, by: isize) {
        self.scroll.step(by);
    }

    pub(super) fn fit(&mut self, size: (u16, u16)) {
        let inner = place::sheet(size).inner;
        let width = usize::from(inner.width);
        if self.is_stale || self.width != width {
            self.width = width;
            self.lay_out();
        }
        self.scroll.fit(self.page.len(), usize::from(inner.height));
    }

    /// The lines that are seen.
    pub(in crate::tui) fn visible(&self) -> impl Iterator<Item = &Line> {
        let Scroll { top, height, .. } = self.scroll;
        self.page.iter().skip(top).take(height)
    }

    /// The keys that work.
    pub(in crate::tui) fn hints() -> Vec<Hint> {
        let named = KEYS.iter().filter_map(|(action, word)| {
            let key = match action {
                Action::Down => "↑↓".to_owned(),
                Action::ScrollRight => "< >".to_owned(),
                action => binding(*action)?.keys.first()?.shown(),
            };
            Some((key, (*word)?))
        });
        named.collect()
    }

    fn sideways(&mut self, left: usize) {
        self.is_stale |= self.wraps;
        self.wraps = false;
        let widest = self.lines.iter().map(Line::width).max().unwrap_or(0);
        self.left = left.min(widest.saturating_sub(1));
    }

    fn lay_out(&mut self) {
        self.is_stale = false;
        let width = if self.wraps { self.width } else { 0 };
        let lines = self.lines.iter().cloned();
        self.page = match self.topic {
            Topic::Compared => lines.flat_map(|line| wrap(line, width)).collect(),
            Topic::Warnings => lines
                .flat_map(|line| wrap_below(line, width, HANG))
                .collect(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::text::Role;
    use crossterm::event::{KeyCode, KeyModifiers};

    fn press(sheet: &mut Sheet, code: KeyCode) -> Answer {
        let answer = sheet.key(KeyEvent::new(code, KeyModifiers::NONE));
        sheet.fit((60, 20));
        answer
    }

    #[test]
    fn it_scrolls_wraps_and_closes() {
        let mut lines: Vec<Line> = (0..40)
            .map(|n| Line::of(Role::Plain, format!("line {n}")))
            .collect();
        lines[3] = Line::of(Role::Plain, "x".repeat(100));
        let mut sheet = Sheet::new(Topic::Compared, "Pages".into(), lines);
        sheet.fit((60, 20));
        let seen = |sheet: &Sheet| {
            let first = sheet.visible().next().map(Line::plain);
            (first.unwrap(), sheet.visible().count())
        };
        assert_eq!(seen(&sheet), ("line 0".into(), 16));
        assert_eq!(sheet.scroll.count, 41);
        press(&mut sheet, KeyCode::Char('j'));
        assert_eq!(seen(&sheet).0, "line 1");
        press(&mut sheet, KeyCode::Char('G'));
        assert_eq!(seen(&sheet).0, "line 24");
        press(&mut sheet, KeyCode::PageUp);
        press(&mut sheet, KeyCode::Char('k'));
        assert_eq!(seen(&sheet).0, "line 8");
        press(&mut sheet, KeyCode::Char('>'));
        assert_eq!((sheet.scroll.count, sheet.left), (40, 8));
        for _ in 0..20 {
            press(&mut sheet, KeyCode::Char('>'));
        }
        assert_eq!(sheet.left, 99);
        press(&mut sheet, KeyCode::Char('W'));
        assert_eq!((sheet.scroll.count, sheet.left), (41, 0));
        press(&mut sheet, KeyCode::Home);
        assert_eq!(seen(&sheet).0, "line 0");
        // What would change something behind it does nothing.
        assert!(matches!(
            press(&mut sheet, KeyCode::Char('D')),
            Answer::Stay
        ));
        assert!(matches!(
            press(&mut sheet, KeyCode::Char('q')),
            Answer::Close
        ));
        assert!(matches!(press(&mut sheet, KeyCode::Esc), Answer::Close));
    }
}
