//! Text that is looked through: as it stands, behind percent-encoding, and in URLs.

use super::book::{Book, Kind};
use super::context::Context;
use super::json;
use super::shapes::{Found, ips, mails, merged, names, tokens, words};
use super::view::{Edit, View, json_encoded, percent_encoded, shifted};

/// How deep encodings may stand in each other. Nobody encodes more often by mistake.
pub(super) const DEEPEST: u8 = 8;

/// The changes of a value: a text, a URL, or JSON in a text.
pub(super) fn value(book: &mut Book, text: &str, context: Context, depth: u8) -> Vec<Edit> {
    if depth < DEEPEST && (json::is_json(text) || json::holds_members(text)) {
        return json::edits(book, text, context, depth + 1);
    }
    if matches!(context, Context::Token | Context::Phone) {
        return found(book, text, context);
    }
    let mut edits = Vec::new();
    let mut done = 0;
    while let Some(at) = text[done..].find("://").map(|at| done + at) {
        let end = text[at..].find(ends_url).map_or(text.len(), |end| at + end);
        edits.extend(shifted(plain(book, &text[done..at], context, depth), done));
        edits.extend(shifted(url(book, &text[at..end], context, depth), at));
        done = end;
    }
    edits.extend(shifted(plain(book, &text[done..], context, depth), done));
    edits
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '<' | '>' | '\\' | '^' | '`')
}

/// Of a URL, or of path and query alone: the query's fields have names.
pub(super) fn url(book: &mut Book, url: &str, context: Context, depth: u8) -> Vec<Edit> {
    let (path, rest) = url.split_at(url.find('?').unwrap_or(url.len()));
    let mut edits = plain(book, path, context, depth);
    if !rest.is_empty() {
        let query = &rest[1..];
        let fields = fields(book, query, context, depth);
        edits.extend(shifted(fields, path.len() + 1));
    }
    edits
}

/// Of a form or a query: `name=value&…`.
pub(super) fn fields(book: &mut Book, text: &str, outer: Context, depth: u8) -> Vec<Edit> {
    let outer = if outer == Context::Path {
        Context::Text
    } else {
        outer
    };
    let mut edits = Vec::new();
    let mut at = 0;
    for field in text.split('&') {
        let (name, rest) = field.split_at(field.find('=').unwrap_or(field.len()));
        let context = Context::of(&View::of_percent(name, true).text).or(outer);
        edits.extend(shifted(plain(book, name, Context::Text, depth), at));
        if let Some(raw) = rest.strip_prefix('=').filter(|raw| !raw.is_empty()) {
            let start = at + name.len() + 1;
            let view = View::of_percent(raw, true);
            let inner = value(book, &view.text, context, depth + 1);
            edits.extend(shifted(view.edits(inner, percent_encoded), start));
        }
        at += field.len() + 1;
    }
    edits
}

/// Of a text that is no URL, decoded first where it is percent-encoded.
fn plain(book: &mut Book, text: &str, context: Context, depth: u8) -> Vec<Edit> {
    let is_encoded = || {
        text.as_bytes().windows(3).any(|part| {
            part[0] == b'%' && part[1].is_ascii_hexdigit() && part[2].is_ascii_hexdigit()
        })
    };
    if depth < DEEPEST && is_encoded() {
        let view = View::of_percent(text, false);
        let inner = plain(book, &view.text, context, depth + 1);
        return view.edits(inner, percent_encoded);
    }
    found(book, text, context)
}

fn found(book: &mut Book, text: &str, context: Context) -> Vec<Edit> {
    let found = match context {
        Context::Token if !text.is_empty() => {
            book.note_token(text);
            vec![(0..text.len(), Kind::Token)]
        }
        Context::Phone => phones(text),
        _ => by_shape(book, text, context),
    };
    found
        .into_iter()
        .map(|(at, kind)| Edit {
            new: book.look_alike(kind, &text[at.clone()]),
            at,
        })
        .collect()
}

fn phones(text: &str) -> Vec<Found> {
    let is_one = text.chars().filter(char::is_ascii_digit).count() >= 4;
    let whole = is_one.then_some((0..text.len(), Kind::Phone));
    whole.into_iter().collect()
}

fn by_shape(book: &mut Book, text: &str, context: Context) -> Vec<Found> {
    let mails = mails(text);
    let has_mail = !mails.is_empty();
    let found = merged(mails, ips(text, context == Context::UserAgent));
    let found = merged(found, tokens(text, book));
    let is_name = match context {
        Context::Name | Context::AnyName | Context::Mail => true,
        Context::MaybeMail => has_mail,
        _ => false,
    };
    if is_name {
        let all: Vec<Found> = words(text).map(|word| (word, Kind::Name)).collect();
        let found = merged(found, all);
        note(book, text, &found, context);
        return found;
    }
    if context == Context::Word {
        return found;
    }
    merged(found, names(text, book, context == Context::Path))
}

/// Remembers the words of a name, to find them elsewhere. A thing's name is made of words
/// that stand everywhere; only a short one in capitals is taken for a person's.
fn note(book: &mut Book, text: &str, found: &[Found], context: Context) {
    let names = found.iter().filter(|(_, kind)| *kind == Kind::Name);
    let names: Vec<&str> = names.map(|(at, _)| &text[at.clone()]).collect();
    let is_personal = context != Context::AnyName;
    let looks_so = names.len() <= 3
        && names
            .iter()
            .all(|name| name.starts_with(char::is_uppercase));
    if is_personal || looks_so {
        for name in names {
            book.note_word(name, is_personal);
        }
    }
}

/// Of what stands between a JSON string's quotes.
pub(super) fn in_json(book: &mut Book, raw: &str, context: Context, depth: u8) -> Vec<Edit> {
    if !raw.contains('\\') {
        let edits = value(book, raw, context, depth);
        return edits
            .into_iter()
            .map(|edit| Edit {
                new: json_encoded(&edit.new),
                ..edit
            })
            .collect();
    }
    let view = View::of_json(raw);
    let inner = value(book, &view.text, context, depth);
    view.edits(inner, json_encoded)
}
