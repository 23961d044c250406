//! What keys mean in dialogs where something is typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::line_input::is_enter;

/// What a key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typing {
    /// Take it.
    Accept,
    /// Leave it.
    Cancel,
    Up,
    Down,
    PageUp,
    PageDown,
    /// Anything that the line takes.
    Text,
}

/// Tells it.
pub(super) fn typing(key: KeyEvent) -> Typing {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        _ if is_enter(key) => Typing::Accept,
        KeyCode::Esc => Typing::Cancel,
        KeyCode::Up => Typing::Up,
        KeyCode::Down => Typing::Down,
        KeyCode::PageUp => Typing::PageUp,
        KeyCode::PageDown => Typing::PageDown,
        KeyCode::Char('p') if control => Typing::Up,
        KeyCode::Char('n') if control => Typing::Down,
        _ => Typing::Text,
    }
}
