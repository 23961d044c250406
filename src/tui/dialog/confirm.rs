//! A question before something that cannot be undone.

use crossterm::event::{KeyCode, KeyEvent};

use super::Answer;
use crate::tui::msg::Effect;

/// A question.
#[derive(Debug)]
pub(in crate::tui) struct Confirm {
    /// What is asked, with a question mark.
    pub(in crate::tui) question: String,
    /// What it means, in a line; empty where that is clear.
    pub(in crate::tui) detail: String,
    /// What `y` does, as a verb: `delete`.
    pub(in crate::tui) verb: &'static str,
    effect: Effect,
}

impl Confirm {
    /// A question that does `effect` when it is answered with yes.
    pub(in crate::tui) fn new(
        question: impl Into<String>,
        detail: impl Into<String>,
        verb: &'static str,
        effect: Effect,
    ) -> Self {
        Self {
            question: question.into(),
            detail: detail.into(),
            verb,
            effect,
        }
    }

    /// Takes a key.
    pub(super) fn key(&self, key: KeyEvent) -> Answer {
        match key.code {
            KeyCode::Char('y' | 'Y') | KeyCode::Enter => Answer::Do(self.effect.clone()),
            KeyCode::Char('n' | 'N' | 'q') | KeyCode::Esc => Answer::Close,
            _ => Answer::Stay,
        }
    }
}
