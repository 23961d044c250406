//! From what a piece of text is to how it looks.
//!
//! Only the terminal's own 16 colours are used, and no backgrounds, so that whoever chose a
//! light or a dark scheme can read all of it. Nothing is told by colour alone.

use ratatui::style::{Color, Modifier, Style};

use crate::tui::text::Role;

/// How text looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Theme {
    coloured: bool,
}

impl Theme {
    pub(super) const fn new(coloured: bool) -> Self {
        Self { coloured }
    }

    /// The style of a role.
    pub(super) const fn style(self, role: Role) -> Style {
        let plain = Style::new();
        let style = match role {
            Role::Plain => plain,
            // Bright black is invisible in some schemes; faint text is not.
            Role::Dim => plain.add_modifier(Modifier::DIM),
            Role::Strong => plain.add_modifier(Modifier::BOLD),
            Role::Accent => plain.fg(Color::Cyan).add_modifier(Modifier::BOLD),
            Role::Good | Role::Added | Role::Text => plain.fg(Color::Green),
            Role::Bad | Role::Removed => plain.fg(Color::Red),
            Role::Warn | Role::Word => plain.fg(Color::Yellow),
            Role::Name => plain.fg(Color::Cyan),
            Role::Number => plain.fg(Color::Magenta),
        };
        if self.coloured {
            style
        } else {
            Style { fg: None, ..style }
        }
    }
}
