//! The line in which a filter is typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::line_input::LineInput;
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
        match key.code {
            KeyCode::Enter => Typed::Accepted,
            KeyCode::Esc => Typed::Cancelled,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Typed::Cancelled,
            KeyCode::Up => self.recall(self.back + 1, searches),
            KeyCode::Down if self.back > 0 => self.recall(self.back - 1, searches),
            KeyCode::Down => Typed::Nothing,
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

    fn recall(&mut self, back: usize, searches: &[String]) -> Typed {
        if back > searches.len() {
            return Typed::Nothing;
        }
        self.back = back;
        let text = match back {
            0 => self.typed.as_str(),
            _ => &searches[searches.len() - back],
        };
        self.input = LineInput::new(text);
        Typed::Changed
    }
}
