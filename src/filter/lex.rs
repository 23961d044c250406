//! From a filter's text to its tokens.

use super::error::FilterError;
use crate::delivery::escape_for_terminal;

/// A character of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) c: char,
    /// Quoted or escaped, so that it stands for itself.
    pub(super) literal: bool,
    /// Where it stands in the text, in characters from 0.
    pub(super) column: usize,
}

/// A token and where it begins, in characters from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) column: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    /// `-` or `NOT`.
    Not,
    And,
    Or,
    /// Its letters, and whether any of it was quoted: `""` is a word too.
    Word(Vec<Letter>, bool),
}

/// Splits a filter into tokens.
///
/// # Errors
/// Where quotes are not closed, or a backslash stands before a letter that it means nothing
/// with.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let kind = match c {
            c if c.is_whitespace() => {
                at += 1;
                continue;
            }
            '(' => Kind::Open,
            ')' => Kind::Close,
            '-' => Kind::Not,
            _ => {
                let (kind, end) = word(&chars, at)?;
                tokens.push(Token { column: at, kind });
                at = end;
                continue;
            }
        };
        tokens.push(Token { column: at, kind });
        at += 1;
    }
    Ok(tokens)
}

/// Reads the word that begins here, and says where it ends.
fn word(chars: &[char], start: usize) -> Result<(Kind, usize), FilterError> {
    let mut letters = Vec::new();
    let mut at = start;
    // Where the quotes were opened that are not closed yet.
    let mut open = None;
    let mut quoted = false;
    while let Some(&c) = chars.get(at) {
        match c {
            '"' => {
                open = if open.is_none() { Some(at) } else { None };
                quoted = true;
            }
            '\\' => {
                let next = chars.get(at + 1).copied();
                let c = escape(next).ok_or_else(|| FilterError::at(at, bad_escape(next)))?;
                letters.push(Letter {
                    c,
                    literal: true,
                    column: at,
                });
                at += 1;
            }
            c if open.is_none() && (c.is_whitespace() || matches!(c, '(' | ')')) => break,
            c => letters.push(Letter {
                c,
                literal: open.is_some(),
                column: at,
            }),
        }
        at += 1;
    }
    if let Some(open) = open {
        return Err(FilterError::at(open, "these quotes are not closed"));
    }
    let plain: String = letters.iter().map(|l| l.c).collect();
    let bare = !quoted && letters.iter().all(|l| !l.literal);
    let kind = match plain.as_str() {
        "OR" if bare => Kind::Or,
        "AND" if bare => Kind::And,
        "NOT" if bare => Kind::Not,
        _ => Kind::Word(letters, quoted),
    };
    Ok((kind, at))
}

/// What a backslash and this character mean. Before a sign it takes away what the sign
/// means; letters are kept for meanings of their own.
fn escape(next: Option<char>) -> Option<char> {
    match next? {
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        c if c.is_alphanumeric() => None,
        c => Some(c),
    }
}

fn bad_escape(next: Option<char>) -> String {
    match next {
        None => "a character is missing after `\\`".to_owned(),
        Some(c) => {
            // Some letters are invisible.
            let c = c.to_string();
            let c = escape_for_terminal(&c);
            format!("`\\{c}` means nothing; a backslash itself is `\\\\`")
        }
    }
}
