//! A line of text that is typed, with the keys that readline has.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui_textarea::{CursorMove, Input, TextArea};

/// The line. Drawing it is the view's, since what is typed may have to be hidden.
#[derive(Debug)]
pub(super) struct LineInput {
    area: TextArea<'static>,
}

impl LineInput {
    /// A line that reads `text`, with the cursor at its end.
    pub(super) fn new(text: &str) -> Self {
        let mut area = TextArea::new(vec![one_line(text)]);
        area.move_cursor(CursorMove::End);
        Self { area }
    }

    /// Takes a key, and tells whether the text is another one now.
    pub(super) fn key(&mut self, key: KeyEvent) -> bool {
        match key.code {
            // It stays one line, and Tab is no character that anybody means here.
            KeyCode::Enter | KeyCode::Tab | KeyCode::Up | KeyCode::Down => false,
            KeyCode::Char('m') if Input::from(key).ctrl => false,
            _ => self.area.input(key),
        }
    }

    /// Takes pasted text; line ends become spaces.
    pub(super) fn paste(&mut self, text: &str) {
        self.area.insert_str(one_line(text.trim_end()));
    }

    /// What it reads.
    pub(super) fn text(&self) -> &str {
        self.area.lines().first().map_or("", String::as_str)
    }

    /// The cursor's place in characters.
    pub(super) fn cursor(&self) -> usize {
        self.area.cursor().1
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n', '\t'], " ")
}
