//! A question before something that cannot be undone.

use crossterm::event::{KeyCode, KeyEvent};

use super::{Answer, Hint, hint};
use crate::tui::line_input::is_enter;
use crate::tui::msg::Effect;

/// A question.
#[derive(Debug)]
pub(in crate::tui) struct Confirm {
    /// What is asked, with a question mark.
    pub(in crate::tui) question: String,
    /// What it means, in a line; empty where that is clear.
    pub(in crate::tui) detail: String,
    /// What `y` does, as a verb: `delete`.
    verb: &'static str,
    effect: Box<Effect>,
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
            effect: Box::new(effect),
        }
    }

    /// Takes a key.
    pub(super) fn key(&self, key: KeyEvent) -> Answer {
        match key.code {
            _ if is_enter(key) => Answer::Do(self.effect.clone()),
            KeyCode::Char('y' | 'Y') => Answer::Do(self.effect.clone()),
            KeyCode::Char('n' | 'N' | 'q') | KeyCode::Esc => Answer::Close,
            _ => Answer::Stay,
        }
    }

    /// The keys that work.
    pub(in crate::tui) fn hints(&self) -> Vec<Hint> {
        vec![hint("y", self.verb), hint("n", "do not")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::KeyModifiers;

    #[test]
    fn only_yes_does_it() {
        let confirm = Confirm::new("Delete all?", "", "delete", Effect::Clear);
        let answer = |code| confirm.key(KeyEvent::new(code, KeyModifiers::NONE));
        for code in [KeyCode::Char('y'), KeyCode::Char('Y'), KeyCode::Enter] {
            assert!(matches!(answer(code), Answer::Do(effect) if matches!(*effect, Effect::Clear)));
        }
        for code in [KeyCode::Char('n'), KeyCode::Char('q'), KeyCode::Esc] {
            assert!(matches!(answer(code), Answer::Close));
        }
        for code in [KeyCode::Char('Z'), KeyCode::Char(' '), KeyCode::Tab] {
            assert!(matches!(answer(code), Answer::Stay));
        }
    }
}
