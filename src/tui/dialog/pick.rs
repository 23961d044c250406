//! Things of which one is chosen: by its letter, or by typing a part of its name.

use crossterm::event::{KeyCode, KeyEvent};
use unicode_width::UnicodeWidthStr as _;

use super::scroll::Scroll;
use super::typing::{Typing, typing};
use super::{Answer, Ask, Hint, hint, place};
use crate::tui::keys::{Action, Place, resolve};
use crate::tui::line_input::LineInput;
use crate::tui::msg::Effect;

/// Columns of the box, at least and at most.
const COLUMNS: (u16, u16) = (44, 84);
/// Columns of an item besides its name and what it is, the box's sides included.
const BESIDE: usize = 4 + 4 + 2;

/// What choosing it leads to.
#[derive(Debug)]
pub(in crate::tui) enum Then {
    Do(Box<Effect>),
    Ask(Box<Ask>),
}

/// One of the things.
#[derive(Debug)]
pub(in crate::tui) struct Item {
    /// The key that chooses it at once. All of a dialog's items have one, or none.
    pub(in crate::tui) letter: Option<char>,
    pub(in crate::tui) name: String,
    /// What it is, in a line.
    pub(in crate::tui) about: String,
    pub(in crate::tui) then: Then,
}

/// The things, and the one that Enter takes.
#[derive(Debug)]
pub(in crate::tui) struct Pick {
    pub(in crate::tui) title: &'static str,
    /// What Enter does, as a verb.
    verb: &'static str,
    items: Vec<Item>,
    /// Columns of the longest name, and those that the box would like to have.
    name: usize,
    columns: usize,
    /// What is typed to find one; without letters only.
    pub(in crate::tui) input: Option<LineInput>,
    /// Indices of the items that are shown.
    shown: Vec<usize>,
    /// Index among these of the one that Enter takes.
    at: usize,
    pub(in crate::tui) scroll: Scroll,
}

impl Pick {
    /// Things that are found by typing; the one of the name that is `preferred` stands ready.
    pub(in crate::tui) fn typed(
        title: &'static str,
        verb: &'static str,
        items: Vec<Item>,
        preferred: Option<&str>,
    ) -> Self {
        let mut pick = Self::lettered(title, verb, items);
        let is_it = |item: &Item| Some(&*item.name) == preferred;
        pick.at = pick.items.iter().position(is_it).unwrap_or(0);
        pick.input = Some(LineInput::new(""));
        pick
    }

    /// Things that have a letter each.
    pub(in crate::tui) fn lettered(
        title: &'static str,
        verb: &'static str,
        items: Vec<Item>,
    ) -> Self {
        let widest = |part: fn(&Item) -> &str| {
            let widths = items.iter().map(|item| part(item).width());
            widths.max().unwrap_or(0)
        };
        let (name, about) = (widest(|item| &item.name), widest(|item| &item.about));
        Self {
            title,
            verb,
            name,
            columns: BESIDE + name + about,
            shown: (0..items.len()).collect(),
            items,
            input: None,
            at: 0,
            scroll: Scroll::default(),
        }
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Answer {
        if self.input.is_none() {
            return self.letter(key);
        }
        match typing(key) {
            Typing::Accept => return self.take(self.at),
            Typing::Cancel => return Answer::Close,
            Typing::Up => self.step(-1),
            Typing::Down => self.step(1),
            Typing::PageUp => self.page(-1),
            Typing::PageDown => self.page(1),
            Typing::Text => {
                if self.input.as_mut().is_some_and(|input| input.key(key)) {
                    self.search();
                }
            }
        }
        Answer::Stay
    }

    pub(super) fn paste(&mut self, text: &str) {
        if let Some(input) = &mut self.input {
            input.paste(text);
            self.search();
        }
    }

    /// Goes to the one so many places further.
    pub(super) fn step(&mut self, by: isize) {
        let last = self.shown.len().saturating_sub(1);
        self.at = self.at.saturating_add_signed(by).min(last);
        self.scroll.show(self.at);
    }

    pub(super) fn fit(&mut self, size: (u16, u16)) {
        let height = self.list(size).height;
        self.scroll.fit(self.shown.len(), usize::from(height));
        self.scroll.show(self.at);
    }

    /// Where it stands on a terminal of that size.
    pub(in crate::tui) fn place(&self, size: (u16, u16)) -> place::Place {
        let input = if self.input.is_some() { 2 } else { 0 };
        // However few are found, the box stays as it is.
        let rows = u16::try_from(self.items.len() + input).unwrap_or(u16::MAX);
        let columns = u16::try_from(self.columns).unwrap_or(u16::MAX);
        place::middle(size, columns.clamp(COLUMNS.0, COLUMNS.1), rows)
    }

    /// Where its items stand.
    pub(in crate::tui) fn list(&self, size: (u16, u16)) -> ratatui::layout::Rect {
        let inner = self.place(size).inner;
        if self.input.is_some() {
            place::below_input(inner)
        } else {
            inner
        }
    }

    /// The items that there is room for, with whether Enter takes each.
    pub(in crate::tui) fn visible(&self) -> impl Iterator<Item = (&Item, bool)> {
        let Scroll { top, height, .. } = self.scroll;
        let shown = self.shown.iter().enumerate().skip(top).take(height);
        shown.map(|(at, index)| (&self.items[*index], at == self.at))
    }

    /// How many are shown, and how many there are.
    pub(in crate::tui) fn count(&self) -> (usize, usize) {
        (self.shown.len(), self.items.len())
    }

    /// Columns of the longest name.
    pub(in crate::tui) const fn name_width(&self) -> usize {
        self.name
    }

    /// The keys that work.
    pub(in crate::tui) fn hints(&self) -> Vec<Hint> {
        vec![
            hint("↑↓", "choose"),
            hint("Enter", self.verb),
            hint("Esc", "close"),
        ]
    }

    /// Takes a key where each item has one of its own.
    fn letter(&mut self, key: KeyEvent) -> Answer {
        let own = |item: &Item| item.letter.map(KeyCode::Char) == Some(key.code);
        if key.modifiers.is_empty()
            && let Some(at) = self.items.iter().position(own)
        {
            return self.take(at);
        }
        if typing(key) == Typing::Accept {
            return self.take(self.at);
        }
        match resolve(&[Place::Anywhere], key) {
            Some(Action::Up) => self.step(-1),
            Some(Action::Down) => self.step(1),
            Some(Action::PageUp) => self.page(-1),
            Some(Action::PageDown) => self.page(1),
            Some(Action::First) => self.step(isize::MIN),
            Some(Action::Last) => self.step(isize::MAX),
            Some(Action::Back | Action::Quit) => return Answer::Close,
            _ => {}
        }
        Answer::Stay
    }

    fn page(&mut self, by: isize) {
        let rows = isize::try_from(self.scroll.height.max(2) - 1).unwrap_or(1);
        self.step(by.saturating_mul(rows));
    }

    /// Takes the one at this index of those that are shown.
    fn take(&mut self, at: usize) -> Answer {
        let Some(index) = self.shown.get(at) else {
            return Answer::Stay;
        };
        // The dialog closes, so nobody misses it.
        match self.items.swap_remove(*index).then {
            Then::Do(effect) => Answer::Do(effect),
            Then::Ask(ask) => Answer::Ask(ask),
        }
    }

    /// Shows those in which all of the words are found: the one of that very name first, then
    /// those in whose name they are.
    fn search(&mut self) {
        let typed = self.input.as_ref().map_or("", LineInput::text);
        let text = typed.to_lowercase();
        let words: Vec<&str> = text.split_whitespace().collect();
        let has = |text: String| words.iter().all(|word| text.contains(word));
        let (mut named, mut other) = (Vec::new(), Vec::new());
        for (index, item) in self.items.iter().enumerate() {
            if has(item.name.to_lowercase()) {
                named.push(index);
            } else if has(format!("{} {}", item.name, item.about).to_lowercase()) {
                other.push(index);
            }
        }
        // `email.clicked` and `Email.Clicked` are two.
        named.sort_by_key(|index| self.items[*index].name != typed.trim());
        named.append(&mut other);
        self.shown = named;
        self.at = 0;
        self.scroll.top = 0;
        self.scroll.fit(self.shown.len(), self.scroll.height);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::KeyModifiers;

    fn items(letters: bool) -> Vec<Item> {
        [
            "email.sent",
            "email.opened",
            "list.created",
            "User.LoggedIn",
        ]
        .into_iter()
        .zip('a'..)
        .map(|(name, letter)| Item {
            letter: letters.then_some(letter),
            name: name.into(),
            about: format!("about {name}; opened or not").replace("email.sent", "it"),
            then: Then::Do(Box::new(Effect::Trigger(name))),
        })
        .collect()
    }

    fn press(pick: &mut Pick, code: KeyCode) -> Answer {
        pick.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn names(pick: &Pick) -> Vec<&str> {
        let shown = pick.shown.iter();
        shown.map(|at| &*pick.items[*at].name).collect()
    }

    fn takes(answer: Answer) -> &'static str {
        match answer {
            Answer::Do(effect) => match *effect {
                Effect::Trigger(name) => name,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_typed_finds_names_first() {
        let mut pick = Pick::typed("Send", "send", items(false), Some("list.created"));
        pick.fit((80, 24));
        assert_eq!(pick.at, 2);
        for c in "OPENED".chars() {
            press(&mut pick, KeyCode::Char(c));
        }
        assert_eq!(
            names(&pick),
            [
                "email.opened",
                "email.sent",
                "list.created",
                "User.LoggedIn"
            ]
        );
        pick.paste(" user\n");
        assert_eq!(names(&pick), ["User.LoggedIn"]);
        assert_eq!(takes(press(&mut pick, KeyCode::Enter)), "User.LoggedIn");
    }

    #[test]
    fn an_exact_spelling_wins() {
        for typed in ["Email.Opened", "email.opened"] {
            let mut items = items(false);
            items.push(Item {
                letter: None,
                name: "Email.Opened".into(),
                about: String::new(),
                then: Then::Do(Box::new(Effect::Trigger("Email.Opened"))),
            });
            let mut pick = Pick::typed("Send", "send", items, None);
            pick.paste(typed);
            pick.fit((80, 24));
            assert_eq!(takes(press(&mut pick, KeyCode::Enter)), typed);
        }
    }

    #[test]
    fn nothing_found_is_nothing_taken() {
        let mut pick = Pick::typed("Send", "send", items(false), None);
        pick.paste("xyz");
        pick.fit((80, 24));
        assert!(matches!(press(&mut pick, KeyCode::Enter), Answer::Stay));
        assert!(matches!(press(&mut pick, KeyCode::Down), Answer::Stay));
        for _ in 0..3 {
            press(&mut pick, KeyCode::Backspace);
        }
        assert_eq!(pick.count(), (4, 4));
        for code in [KeyCode::Down, KeyCode::Down, KeyCode::Down, KeyCode::Down] {
            press(&mut pick, code);
        }
        press(&mut pick, KeyCode::Up);
        assert_eq!(takes(press(&mut pick, KeyCode::Enter)), "list.created");
    }

    #[test]
    fn a_letter_takes_at_once() {
        let mut pick = Pick::lettered("Copy", "copy", items(true));
        pick.fit((80, 24));
        assert!(matches!(press(&mut pick, KeyCode::Char('z')), Answer::Stay));
        press(&mut pick, KeyCode::Char('j'));
        assert_eq!(pick.at, 1);
        let control = KeyEvent::new(KeyCode::Char('a'), KeyModifiers::CONTROL);
        assert!(matches!(pick.key(control), Answer::Stay));
        assert_eq!(takes(press(&mut pick, KeyCode::Char('c'))), "list.created");
        let mut pick = Pick::lettered("Copy", "copy", items(true));
        press(&mut pick, KeyCode::Char('G'));
        assert_eq!(takes(press(&mut pick, KeyCode::Enter)), "User.LoggedIn");
        assert!(matches!(
            press(&mut pick, KeyCode::Char('q')),
            Answer::Close
        ));
    }
}
