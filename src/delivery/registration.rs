//! A webhook that is at Cakemail for as long as the listener runs.

use super::command;

/// A webhook that was made for this listener, or is used again for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The event, as the API writes it.
    pub event: Box<str>,
    /// The webhook's id.
    pub id: Box<str>,
    /// Where it is sent.
    pub url: Box<str>,
    /// Whether an earlier run has made it, so that its key is known already.
    pub is_reused: bool,
    /// What a command needs besides, to ask the same account: `--api`, `--account`.
    pub flags: Box<[String]>,
}

impl Registration {
    /// A command on its account, as a shell takes it.
    pub fn command(&self, words: &[&str]) -> String {
        let flags = self.flags.iter().map(String::as_str);
        let words: Vec<&str> = words.iter().copied().chain(flags).collect();
        command(&words)
    }
}
