//! JSON that is looked through without being written anew. What is not quite JSON is read
//! as far as it goes, so that a comma too many gives nothing away.

use serde::de::IgnoredAny;

use super::book::{Book, Kind};
use super::context::Context;
use super::text::{in_json, value};
use super::view::{Edit, shifted};

/// Whether a text is an object or a list.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Whether members of an object stand in a text, as they do in a log's line.
pub(super) fn holds_members(text: &str) -> bool {
    let quotes = text.match_indices('"');
    quotes
        .map(|(at, _)| text[at + 1..].trim_start_matches(' '))
        .any(|rest| rest.starts_with(':'))
}

/// Whether a text begins like an object or a list, or is a string.
pub(super) fn is_nearly_json(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    text.starts_with(['{', '['])
        || (text.starts_with('"') && serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// The changes of an object or a list in that context.
pub(super) fn edits(book: &mut Book, text: &str, context: Context, depth: u8) -> Vec<Edit> {
    let mut edits = Vec::new();
    // The contexts of what is open around the place, and of the member whose value comes.
    let mut open = vec![context];
    let mut member = None;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let outer = open.last().copied().unwrap_or(Context::Text);
        match bytes[at] {
            b'"' => {
                let (end, next) = string(text, at);
                let raw = &text[at + 1..end];
                let is_key = text[next..].trim_start().starts_with(':');
                if is_key {
                    let own = Context::of(&super::view::View::of_json(raw).text);
                    member = Some(own.or(outer));
                }
                let context = match member.take_if(|_| !is_key) {
                    // What is asked of a name is what it looks like.
                    _ if is_key => Context::Word,
                    Some(context) => context,
                    None => outer,
                };
                edits.extend(shifted(in_json(book, raw, context, depth), at + 1));
                at = next;
            }
            opening @ (b'{' | b'[') => {
                let context = member.take().unwrap_or(outer);
                open.push(context.inside(opening == b'['));
                at += 1;
            }
            b'}' | b']' => {
                if open.len() > 1 {
                    open.pop();
                }
                member = None;
                at += 1;
            }
            b',' => {
                member = None;
                at += 1;
            }
            b':' | b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            _ => {
                let end = text[at..]
                    .find(['"', '{', '[', '}', ']', ','])
                    .map_or(text.len(), |end| at + end);
                let context = member.take().unwrap_or(outer);
                edits.extend(shifted(bare(book, &text[at..end], context, depth), at));
                at = end;
            }
        }
    }
    edits
}

/// Where a string's contents end, and what comes after its closing quote.
fn string(text: &str, start: usize) -> (usize, usize) {
    let bytes = text.as_bytes();
    let mut at = start + 1;
    while let Some(b) = bytes.get(at) {
        match b {
            b'"' => return (at, at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    (text.len(), text.len())
}

/// Of a number, a word, or what should not be there.
fn bare(book: &mut Book, text: &str, context: Context, depth: u8) -> Vec<Edit> {
    let number = text.trim_end();
    let is_number = number.bytes().all(|b| b.is_ascii_digit());
    if is_number && matches!(context, Context::Token | Context::Phone) && number.len() >= 4 {
        return vec![Edit {
            at: 0..number.len(),
            new: book.look_alike(Kind::Phone, number),
        }];
    }
    let is_json = is_number || serde_json::from_str::<IgnoredAny>(number).is_ok();
    if is_json {
        Vec::new()
    } else {
        value(book, text, context, depth)
    }
}
