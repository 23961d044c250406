//! A line of text that is typed, with the keys that readline has.

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui_textarea::{CursorMove, TextArea};

/// The line. Drawing it is the view's, since what is typed may have to be hidden.
pub(super) struct LineInput {
    area: TextArea<'static>,
}

/// It may be a secret that is typed.
impl fmt::Debug for LineInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineInput").finish_non_exhaustive()
    }
}

impl LineInput {
    /// A line that reads `text`, with the cursor at its end.
    pub(super) fn new(text: &str) -> Self {
        let mut area = TextArea::new(vec![one_line(text)]);
        area.move_cursor(CursorMove::End);
        Self { area }
    }

    /// Takes a key, and tells whether the text is another one now.
    pub(super) fn key(&mut self, mut key: KeyEvent) -> bool {
        // With Shift the cursor would select, which nobody would see.
        key.modifiers.remove(KeyModifiers::SHIFT);
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            _ if is_enter(key) => false,
            KeyCode::Tab | KeyCode::Up | KeyCode::Down => false,
            // It stays one line, and these are no characters that anybody means here.
            KeyCode::Char(c) if c.is_control() => false,
            KeyCode::Char('u') if control => self.area.delete_line_by_head(),
            _ => self.area.input(key),
        }
    }

    /// Takes pasted text without the line end that often comes with it; line ends within it
    /// become spaces.
    pub(super) fn paste(&mut self, text: &str) {
        let text = text.trim_end_matches(['\r', '\n']);
        self.area.insert_str(one_line(text));
    }

    /// What it reads.
    pub(super) fn text(&self) -> &str {
        self.area.lines().first().map_or("", String::as_str)
    }

    /// What it reads before the cursor and after it.
    pub(super) fn parts(&self) -> (&str, &str) {
        let text = self.text();
        let at = text.char_indices().nth(self.area.cursor().1);
        text.split_at(at.map_or(text.len(), |(at, _)| at))
    }
}

/// Whether a key is Enter, in one of the ways in which terminals send it.
pub(super) fn is_enter(key: KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    matches!(key.code, KeyCode::Enter)
        || matches!(key.code, KeyCode::Char('j' | 'm') if control)
        || matches!(key.code, KeyCode::Char('\r' | '\n'))
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NONE: KeyModifiers = KeyModifiers::NONE;
    const CTRL: KeyModifiers = KeyModifiers::CONTROL;
    const ALT: KeyModifiers = KeyModifiers::ALT;

    fn after(text: &str, keys: &[(KeyCode, KeyModifiers)]) -> (String, String) {
        let mut input = LineInput::new(text);
        for (code, modifiers) in keys {
            input.key(KeyEvent::new(*code, *modifiers));
        }
        let (before, behind) = input.parts();
        (before.to_owned(), behind.to_owned())
    }

    #[test]
    fn readline_keys() {
        let c = KeyCode::Char;
        for (keys, before, behind) in [
            (&[(c('a'), CTRL)][..], "", "one two"),
            (&[(c('a'), CTRL), (c('e'), CTRL)], "one two", ""),
            (&[(KeyCode::Home, NONE)], "", "one two"),
            (
                &[(KeyCode::Home, NONE), (KeyCode::End, NONE)],
                "one two",
                "",
            ),
            (&[(c('b'), CTRL)], "one tw", "o"),
            (&[(c('b'), ALT)], "one ", "two"),
            (&[(c('b'), ALT), (c('b'), ALT)], "", "one two"),
            (&[(c('a'), CTRL), (c('f'), CTRL)], "o", "ne two"),
            (&[(c('b'), ALT), (c('k'), CTRL)], "one ", ""),
            (&[(c('b'), ALT), (c('u'), CTRL)], "", "two"),
            (&[(c('u'), CTRL)], "", ""),
            (&[(c('w'), CTRL)], "one ", ""),
            (&[(KeyCode::Backspace, ALT)], "one ", ""),
            (&[(c('a'), CTRL), (c('d'), ALT)], "", " two"),
            (&[(c('h'), CTRL)], "one tw", ""),
            (&[(c('a'), CTRL), (c('d'), CTRL)], "", "ne two"),
            (&[(c('w'), CTRL), (c('y'), CTRL)], "one two", ""),
            (
                &[
                    (KeyCode::Left, KeyModifiers::SHIFT),
                    (c('X'), KeyModifiers::SHIFT),
                ],
                "one twX",
                "o",
            ),
        ] {
            assert_eq!(
                after("one two", keys),
                (before.to_owned(), behind.to_owned()),
                "{keys:?}"
            );
        }
    }

    #[test]
    fn nothing_breaks_the_line() {
        let c = KeyCode::Char;
        for (code, modifiers) in [
            (c('j'), CTRL),
            (c('m'), CTRL),
            (KeyCode::Enter, NONE),
            (KeyCode::Enter, ALT),
            (KeyCode::Tab, NONE),
            (c('\n'), NONE),
            (c('\t'), NONE),
        ] {
            assert_eq!(after("one", &[(code, modifiers)]).0, "one", "{code:?}");
        }
        let mut input = LineInput::new("one");
        input.paste(" a\r\nb\tc \r\n");
        assert_eq!(input.text(), "one a  b c ");
    }

    proptest! {
        #[test]
        fn it_is_always_one_line(
            keys in proptest::collection::vec((any::<char>(), 0..8_u8), 0..40),
            pasted in any::<String>(),
        ) {
            let mut input = LineInput::new("one two");
            for (c, modifiers) in keys {
                let code = match c {
                    'a'..'e' => KeyCode::Backspace,
                    'e'..'i' => KeyCode::Delete,
                    'i'..'m' => KeyCode::Left,
                    c => KeyCode::Char(c),
                };
                input.key(KeyEvent::new(code, KeyModifiers::from_bits_truncate(modifiers)));
                input.paste(&pasted);
                prop_assert_eq!(input.area.lines().len(), 1);
                let (before, behind) = input.parts();
                prop_assert_eq!(format!("{before}{behind}"), input.text());
            }
        }
    }

    #[test]
    fn what_is_typed_is_not_told() {
        let input = LineInput::new("hunter2");
        assert!(!format!("{input:?}").contains("hunter2"));
    }
}
