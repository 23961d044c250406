//! What stands on top of everything and has all keys until it is closed.

mod ask;
mod confirm;
mod help;
mod pick;
pub(in crate::tui) mod place;
mod scroll;
mod sheet;
mod typing;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

pub(super) use ask::{Ask, COLUMNS as ASK_COLUMNS, Wanted};
pub(super) use confirm::Confirm;
pub(super) use help::Help;
pub(super) use pick::{Item, Pick, Then};
pub(super) use sheet::{HANG, Sheet, Topic};

use super::msg::Effect;

/// One of them.
#[derive(Debug)]
pub(super) enum Dialog {
    /// A question to be answered with yes or no.
    Confirm(Confirm),
    /// All keys.
    Help(Box<Help>),
    /// Things of which one is chosen.
    Pick(Box<Pick>),
    /// A line to be typed.
    Ask(Box<Ask>),
    /// A page to be read.
    Sheet(Box<Sheet>),
}

/// What a key does to a dialog.
#[derive(Debug)]
pub(super) enum Answer {
    /// It stays.
    Stay,
    /// It closes.
    Close,
    /// It closes, and this is to be done.
    Do(Box<Effect>),
    /// This takes its place.
    Ask(Box<Ask>),
}

/// A key that works in a dialog, as it is written, and what it does in a word or two.
pub(super) type Hint = (String, &'static str);

fn hint(key: &str, word: &'static str) -> Hint {
    (key.to_owned(), word)
}

impl Dialog {
    /// Takes a key.
    pub(super) fn key(&mut self, key: KeyEvent) -> Answer {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && key.code == KeyCode::Char('c') {
            return Answer::Close;
        }
        match self {
            Self::Confirm(confirm) => confirm.key(key),
            Self::Help(help) => help.key(key),
            Self::Pick(pick) => pick.key(key),
            Self::Ask(ask) => ask.key(key),
            Self::Sheet(sheet) => sheet.key(key),
        }
    }

    /// Takes pasted text, where something is typed.
    pub(super) fn paste(&mut self, text: &str) {
        match self {
            Self::Confirm(_) | Self::Sheet(_) => {}
            Self::Help(help) => help.paste(text),
            Self::Pick(pick) => pick.paste(text),
            Self::Ask(ask) => ask.paste(text),
        }
    }

    /// Moves what is longer than the screen by so many lines.
    pub(super) fn scroll(&mut self, by: isize) {
        match self {
            Self::Confirm(_) | Self::Ask(_) => {}
            Self::Help(help) => help.scroll(by),
            Self::Pick(pick) => pick.step(by),
            Self::Sheet(sheet) => sheet.scroll(by),
        }
    }

    /// Brings it in line with the room that there is. Call it before drawing.
    pub(super) fn fit(&mut self, size: (u16, u16)) {
        match self {
            Self::Confirm(_) | Self::Ask(_) => {}
            Self::Help(help) => help.fit(size),
            Self::Pick(pick) => pick.fit(size),
            Self::Sheet(sheet) => sheet.fit(size),
        }
    }
}
