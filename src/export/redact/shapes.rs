//! What gives itself away by its shape: addresses, tokens, and words of known names.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::book::{Book, Kind};

/// Where something is in a text, and what.
pub(super) type Found = (Range<usize>, Kind);

/// Adds to what was found what is beside it. Both are in order and overlap nothing in
/// themselves; the first has precedence.
pub(super) fn merged(first: Vec<Found>, second: Vec<Found>) -> Vec<Found> {
    if second.is_empty() {
        return first;
    }
    let mut out: Vec<Found> = Vec::with_capacity(first.len() + second.len());
    let mut first = first.into_iter().peekable();
    for found in second {
        while let Some(before) = first.next_if(|one| one.0.start < found.0.end) {
            out.push(before);
        }
        if out.last().is_none_or(|last| last.0.end <= found.0.start) {
            out.push(found);
        }
    }
    out.extend(first);
    out
}

/// E-mail addresses.
pub(super) fn mails(text: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut from = 0;
    for (at, _) in text.match_indices('@') {
        if at < from {
            continue;
        }
        let local = text[from..at]
            .char_indices()
            .rev()
            .take_while(|(_, c)| is_local(*c))
            .last()
            .map_or(at, |(start, _)| from + start);
        let local = local
            + leading(&text[local..at], |c| {
                matches!(c, '.' | '-' | '\'' | '+' | '*')
            });
        let domain = text[at + 1..]
            .find(|c: char| !(c.is_alphanumeric() || c == '-' || c == '.'))
            .map_or(text.len(), |end| at + 1 + end);
        let domain = at + 1 + text[at + 1..domain].trim_end_matches(['.', '-']).len();
        if local < at && domain > at + 1 && text[at + 1..].starts_with(char::is_alphanumeric) {
            found.push((local..domain, Kind::Mail));
            from = domain;
        } else {
            from = at + 1;
        }
    }
    found
}

fn is_local(c: char) -> bool {
    c.is_alphanumeric() || "._%+-'!#$*^`{}~".contains(c)
}

fn leading(text: &str, is: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is(c)).unwrap_or(text.len())
}

/// Addresses of networks, but for this machine's own. In a browser's name, what follows a
/// slash is a version.
pub(super) fn ips(text: &str, in_user_agent: bool) -> Vec<Found> {
    let mut found = Vec::new();
    for run in runs(text, |b| b.is_ascii_hexdigit() || b == b'.' || b == b':') {
        // `ip:1.2.3.4` and `ip:::1`: a colon that stands before the address.
        let colons = leading(&text[run.clone()], |c| c == ':');
        let run = run.start + colons % 2..run.end;
        let before = text[..run.start].chars().next_back();
        let after = text[run.end..].chars().next();
        let beside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        if beside(before) || beside(after) || (in_user_agent && before == Some('/')) {
            continue;
        }
        let whole = text[run.clone()].trim_end_matches('.');
        let ends = [whole, whole.trim_end_matches(':')];
        let v6 = ends
            .into_iter()
            .filter(|part| part.bytes().filter(|b| *b == b':').count() >= 2)
            .find_map(|part| Some((part, part.parse::<Ipv6Addr>().ok()?)));
        if let Some((part, ip)) = v6 {
            let own = ip.to_canonical().is_loopback() || ip.is_unspecified();
            if !own {
                found.push((run.start..run.start + part.len(), Kind::V6));
            }
            continue;
        }
        // `1.2.3.4:56` and `ip:1.2.3.4`.
        let mut start = run.start;
        for part in whole.split(':') {
            if let Some(ip) = v4(part)
                && !(ip.is_loopback() || ip.is_unspecified())
            {
                found.push((start..start + part.len(), Kind::V4));
            }
            start += part.len() + 1;
        }
    }
    found
}

/// Four numbers, perhaps with zeros before them, which the standard library refuses.
fn v4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next().filter(|part| part.len() <= 3)?;
        *octet = part.parse().ok()?;
    }
    parts.next().is_none().then(|| octets.into())
}

/// Tokens: what follows `Bearer` and the like, what was found under a token's name before,
/// and what looks random.
pub(super) fn tokens(text: &str, book: &Book) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for run in runs(text, |b| {
        b.is_ascii_alphanumeric() || b"_-.~+/=".contains(&b)
    }) {
        let before = text[..run.start].trim_end_matches(' ');
        let word = before.len() < run.start
            && ["bearer", "basic", "token"].iter().any(|scheme| {
                let start = before.len().checked_sub(scheme.len());
                start
                    .and_then(|start| before.get(start..))
                    .is_some_and(|end| end.eq_ignore_ascii_case(scheme))
            });
        let part = &text[run.clone()];
        let is_base64 = run.len() >= 24
            && run.len() % 4 == 0
            && !part.contains(['-', '.', '~'])
            && part.contains('=')
            && is_random(part);
        if (word && run.len() >= 8) || is_base64 {
            found.push((run, Kind::Token));
            continue;
        }
        if let Some(length) = jwt(part) {
            found.push((run.start..run.start + length, Kind::Token));
            continue;
        }
        for inner in runs(part, |b| {
            b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
        }) {
            let at = run.start + inner.start..run.start + inner.end;
            let word = &part[inner];
            if (word.len() >= 16 && is_random(word)) || book.is_token(word) {
                found.push((at, Kind::Token));
            }
        }
    }
    found
}

/// A JSON Web Token at the start: three parts, the first of which is `{"…` in base64.
fn jwt(text: &str) -> Option<usize> {
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    let mut parts = text.split('.');
    let (header, claims) = (parts.next()?, parts.next()?);
    let signature = parts.next()?;
    let signature = &signature[..leading(signature, |c| {
        c.is_ascii_alphanumeric() || c == '_' || c == '-'
    })];
    (header.starts_with("eyJ") && is_part(header) && is_part(claims))
        .then_some(header.len() + claims.len() + signature.len() + 2)
}

/// Whether letters and digits are mixed as nobody writes words: hexadecimal, or one goes
/// over into the other often.
fn is_random(text: &str) -> bool {
    let has = |is: fn(&u8) -> bool| text.bytes().any(|b| is(&b));
    if !has(u8::is_ascii_digit) || !has(u8::is_ascii_alphabetic) {
        return false;
    }
    let longest = |is: &dyn Fn(u8) -> bool| {
        text.as_bytes()
            .split(|b| !is(*b))
            .map(<[u8]>::len)
            .max()
            .unwrap_or(0)
    };
    if longest(&|b| b.is_ascii_hexdigit()) >= 12 || is_uuid(text) {
        return true;
    }
    let class = |b: u8| match b {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        _ => 3,
    };
    let bytes = text.as_bytes();
    let changes = bytes.windows(2).filter(|pair| {
        let (a, b) = (class(pair[0]), class(pair[1]));
        a != b && a != 3 && b != 3 && !(a == 2 && b == 1)
    });
    changes.count() >= 3
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// Words of names that were found before.
pub(super) fn names(text: &str, book: &Book, personal: bool) -> Vec<Found> {
    words(text)
        .filter(|word| book.is_word(&text[word.clone()], personal))
        .map(|word| (word, Kind::Name))
        .collect()
}

/// Words: letters on end.
pub(super) fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(char::is_alphabetic)?;
        let end = text[start..].find(|c: char| !is_inside(c));
        at = end.map_or(text.len(), |end| start + end);
        Some(start..at)
    })
}

/// Letters, and the marks that some alphabets put on them.
fn is_inside(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '\u{300}'..='\u{36f}')
}

/// Bytes on end, all of them ASCII, of which `is` holds.
fn runs(text: &str, is: impl Fn(u8) -> bool) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes[at..].iter().position(|b| is(*b))?;
        let end = bytes[start..].iter().position(|b| !is(*b));
        at = end.map_or(bytes.len(), |end| start + end);
        Some(start..at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(text: &str, found: &[Found]) -> Vec<String> {
        found
            .iter()
            .map(|(at, _)| text[at.clone()].to_owned())
            .collect()
    }

    #[test]
    fn addresses_are_found_and_nothing_beside_them() {
        for (text, expected) in [
            (
                "write to <ada.l+x@mail.example.org>.",
                &["ada.l+x@mail.example.org"][..],
            ),
            ("'zoé@exämple.de', b@c", &["zoé@exämple.de", "b@c"]),
            ("@handle, a @ b, @@, x@-y, 5 @", &[]),
            ("mailto:a@b.co?subject=c@d.co", &["a@b.co", "c@d.co"]),
            ("a@b@c.d", &["a@b"]),
        ] {
            assert_eq!(parts(text, &mails(text)), expected, "{text}");
        }
        for (text, expected) in [
            ("192.0.2.60, 10.0.0.1:443", &["192.0.2.60", "10.0.0.1"][..]),
            ("for=\"[2001:db8:cafe::17]:4711\"", &["2001:db8:cafe::17"]),
            ("at 10:32:07, v1.2.3.4, 1.2.3, 1.2.3.4.5, 256.1.1.1", &[]),
            ("127.0.0.1 ::1 :: 0.0.0.0 ::ffff:127.0.0.1", &[]),
            ("ip:8.8.8.8. ::ffff:8.8.4.4", &["8.8.8.8", "::ffff:8.8.4.4"]),
            ("010.001.000.009", &["010.001.000.009"]),
            ("fe80::1%eth0", &["fe80::1"]),
        ] {
            assert_eq!(parts(text, &ips(text, false)), expected, "{text}");
        }
        assert!(ips("Chrome/120.0.0.0 Safari", true).is_empty());
    }

    #[test]
    fn tokens_are_told_from_words() {
        let book = Book::default();
        for (text, expected) in [
            ("Bearer abcdefgh.-~", &["abcdefgh.-~"][..]),
            (
                "basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                &["QWxhZGRpbjpvcGVuIHNlc2FtZQ=="],
            ),
            ("msg_00112233aabb", &["msg_00112233aabb"]),
            ("/hooks/9f86d081884c7d659a2f/x", &["9f86d081884c7d659a2f"]),
            (
                "3fa85f64-5717-4562-b3fc-2c963f66afa6",
                &["3fa85f64-5717-4562-b3fc-2c963f66afa6"],
            ),
            (
                "x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl. y",
                &["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"],
            ),
            (
                "/webhooks/cakemail-production-2024 2026-11-24T10:32:07.123456Z",
                &[],
            ),
            (
                "application/x-www-form-urlencoded Mozilla/5.0 AppleWebKit/537.36",
                &[],
            ),
            ("1234567890123456789", &[]),
        ] {
            assert_eq!(parts(text, &tokens(text, &book)), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_found_is_in_order(text in "([a-f0-9.:@_\\-]|Bearer |é|\\PC){0,60}") {
            let book = Book::default();
            let found = merged(merged(mails(&text), ips(&text, false)), tokens(&text, &book));
            for pair in found.windows(2) {
                prop_assert!(pair[0].0.end <= pair[1].0.start);
            }
            for (at, _) in found {
                prop_assert!(text.get(at).is_some_and(|part| !part.is_empty()));
            }
        }
    }
}
