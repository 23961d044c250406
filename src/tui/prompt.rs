//! The line in which a filter is typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::line_input::{LineInput, is_enter};
use crate::filter::FilterError;

/// A filter while it is typed.
#[derive(Debug)]
pub(super) struct Prompt {
    pub(super) input: LineInput,
    /// What is wrong with it as it stands.
    pub(super) error: Option<FilterError>,
    /// The filter that was in force before, for Esc.
    pub(super) before: String,
    /// How far back in what was searched for before; 0 for what is typed now.
    back: usize,
    typed: String,
}

/// What a key does to the prompt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// Nothing that matters.
    Nothing,
    /// It reads otherwise now.
    Changed,
    /// It is what is wanted.
    Accepted,
    /// What was there before is wanted.
    Cancelled,
}

impl Prompt {
    /// One that begins with the filter in force.
    pub(super) fn new(before: &str) -> Self {
        Self {
            input: LineInput::new(before),
            error: None,
            before: before.to_owned(),
            back: 0,
            typed: before.to_owned(),
        }
    }

    /// Takes a key; up and down go through what was searched for before.
    pub(super) fn key(&mut self, key: KeyEvent, searches: &[String]) -> Typed {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            _ if is_enter(key) => Typed::Accepted,
            KeyCode::Esc => Typed::Cancelled,
            KeyCode::Char('c') if control => Typed::Cancelled,
            KeyCode::Up => self.older(searches),
            KeyCode::Char('p') if control => self.older(searches),
            KeyCode::Down => self.newer(searches),
            KeyCode::Char('n') if control => self.newer(searches),
            _ if self.input.key(key) => {
                self.back = 0;
                self.typed = self.input.text().to_owned();
                Typed::Changed
            }
            _ => Typed::Nothing,
        }
    }

    /// Takes pasted text.
    pub(super) fn paste(&mut self, text: &str) {
        self.input.paste(text);
        self.back = 0;
        self.typed = self.input.text().to_owned();
    }

    fn older(&mut self, searches: &[String]) -> Typed {
        let older = searches.iter().rev().zip(1..).skip(self.back);
        // The filter in force is the latest search too; it stands in the line already.
        let mut other = older.filter(|(text, _)| **text != self.input.text());
        match other.next() {
            Some((text, back)) => self.recall(back, &text.clone()),
            None => Typed::Nothing,
        }
    }

    fn newer(&mut self, searches: &[String]) -> Typed {
        match self.back {
            0 => Typed::Nothing,
            1 => self.recall(0, &self.typed.clone()),
            back => match searches.iter().rev().nth(back - 2) {
                Some(text) => self.recall(back - 1, &text.clone()),
                None => Typed::Nothing,
            },
        }
    }

    fn recall(&mut self, back: usize, text: &str) -> Typed {
        self.back = back;
        self.input = LineInput::new(text);
        Typed::Changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(prompt: &mut Prompt, code: KeyCode, searches: &[String]) -> Typed {
        prompt.key(KeyEvent::new(code, KeyModifiers::NONE), searches)
    }

    #[test]
    fn up_and_down_go_through_what_was_searched_for() {
        let searches = ["first".to_owned(), "second".into(), "third".into()];
        let mut prompt = Prompt::new("third");
        let mut go = |code, changes, text: &str| {
            let typed = press(&mut prompt, code, &searches);
            assert_eq!(typed == Typed::Changed, changes, "{text}");
            assert_eq!(prompt.input.text(), text);
        };
        go(KeyCode::Char('!'), true, "third!");
        go(KeyCode::Up, true, "third");
        go(KeyCode::Up, true, "second");
        go(KeyCode::Up, true, "first");
        go(KeyCode::Up, false, "first");
        go(KeyCode::Down, true, "second");
        go(KeyCode::Down, true, "third");
        go(KeyCode::Down, true, "third!");
        go(KeyCode::Down, false, "third!");
        // What is typed into an older one begins anew.
        go(KeyCode::Up, true, "third");
        go(KeyCode::Backspace, true, "thir");
        go(KeyCode::Up, true, "third");
        go(KeyCode::Down, true, "thir");
    }

    #[test]
    fn the_filter_in_force_is_not_shown_twice() {
        let searches = ["first".to_owned(), "second".into()];
        let mut prompt = Prompt::new("second");
        assert_eq!(press(&mut prompt, KeyCode::Up, &searches), Typed::Changed);
        assert_eq!(prompt.input.text(), "first");
        let mut prompt = Prompt::new("");
        assert_eq!(press(&mut prompt, KeyCode::Up, &[]), Typed::Nothing);
        assert_eq!(press(&mut prompt, KeyCode::Down, &[]), Typed::Nothing);
    }

    #[test]
    fn enter_esc_and_what_is_pasted() {
        let mut prompt = Prompt::new("sig:");
        prompt.paste("valid\n");
        assert_eq!(prompt.input.text(), "sig:valid");
        let control = |letter| KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
        for (key, typed) in [
            (KeyEvent::from(KeyCode::Enter), Typed::Accepted),
            (control('j'), Typed::Accepted),
            (KeyEvent::from(KeyCode::Esc), Typed::Cancelled),
            (control('c'), Typed::Cancelled),
            (control('a'), Typed::Nothing),
        ] {
            assert_eq!(prompt.key(key, &[]), typed, "{key:?}");
        }
        assert_eq!(prompt.before, "sig:");
    }
}
