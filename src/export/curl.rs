//! A delivery as a curl command, to be pasted into sh or bash.
//!
//! Whatever a stranger put into it, the command does nothing but ask that one URL, and
//! sends the very bytes. What makes that so:
//!
//! - Each argument stands in single quotes, or is printed by `printf` from octal numbers
//!   where it holds what a terminal would act on or hide, so that what is read is what runs.
//! - `--data-raw` does not take `@file` for a file, as `--data` does. A header cannot begin
//!   with `@`, which is no character of a name.
//! - `--request-target` says the path where curl would change it or take a part of it for a
//!   fragment; globbing is off where it would find something.
//! - Headers that curl adds by itself are taken away where the delivery has none.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::delivery::{Received, is_unsafe_on_terminal};

/// Bytes of an argument. Linux takes 128 KiB at most, and quoting makes it longer; what is
/// more goes through a pipe.
const LONGEST_ARGUMENT: usize = 64 << 10;

/// From this size on curl asks whether it may send the body.
const EXPECTS: usize = 1 << 20;

/// The command that asks `url`, which is `http://` or `https://`, a host, and the whole path
/// with its query. Lines end in a backslash but for the last.
pub fn command(received: &Received, url: &str) -> String {
    let mut out = String::with_capacity(received.body.len() + 512);
    let body = Body::of(&received.body);
    out.push_str(&body.before);
    out.push_str("curl");
    for option in target(url) {
        out.push(' ');
        out.push_str(&option);
    }
    let mut line = |text: &str| {
        out.push_str(" \\\n  ");
        out.push_str(text);
    };
    let has_body = !received.body.is_empty();
    match (&*received.method, has_body) {
        ("GET", false) | ("POST", _) => {}
        ("HEAD", false) => line("--head"),
        // curl would wait for a body in the answer.
        ("HEAD", true) => line("-X HEAD --ignore-content-length"),
        (method, _) => line(&format!("-X {}", quoted(method.as_bytes()))),
    }
    for (name, value) in received.headers.iter() {
        if is_sent(name) {
            line(&format!("-H {}", header(name, value)));
        }
    }
    let sends = has_body || &*received.method == "POST";
    for (name, added) in [
        ("Accept", true),
        ("User-Agent", true),
        ("Content-Type", sends),
        ("Expect", received.body.len() >= EXPECTS),
    ] {
        if added && (name == "Expect" || received.headers.get(name).is_none()) {
            line(&format!("-H '{name}:'"));
        }
    }
    if sends {
        line(&body.option);
    }
    out.push('\n');
    out
}

/// Whether the field goes on to the target. Host and length are curl's affair, as are those
/// between two neighbours only (RFC 9110, section 7.6.1).
fn is_sent(name: &str) -> bool {
    const LEFT_OUT: [&str; 13] = [
        "host",
        "content-length",
        "connection",
        "expect",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    !LEFT_OUT.iter().any(|left| name.eq_ignore_ascii_case(left))
}

/// The options that say where to.
fn target(url: &str) -> Vec<String> {
    let host = url.find("://").map_or(0, |at| at + 3);
    let path = url[host..].find(['/', '?', '#']);
    let (origin, path) = url.split_at(path.map_or(url.len(), |at| host + at));
    let mut options = Vec::new();
    // An IPv6 address.
    if origin.contains(['[', ']']) {
        options.push("--globoff".to_owned());
    }
    if is_left_alone(path) {
        let lower = path.to_ascii_lowercase();
        if lower.contains("/.") || lower.contains("%2e") {
            options.push("--path-as-is".to_owned());
        }
        options.push(format!("--url {}", quoted(url.as_bytes())));
    } else {
        options.push(format!("--url {}", quoted(format!("{origin}/").as_bytes())));
        options.push(format!("--request-target {}", quoted(path.as_bytes())));
    }
    options
}

/// Whether every curl sends this path as it is written.
fn is_left_alone(path: &str) -> bool {
    let escapes = path.split('%').skip(1);
    let digits = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    (path.is_empty() || path.starts_with('/'))
        && path
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"/?&=+,:;@$!*()~-._%'".contains(&b))
        && escapes.into_iter().all(digits)
}

fn header(name: &str, value: &[u8]) -> String {
    if value.trim_ascii().is_empty() {
        // `name:` would take the field away.
        return quoted(format!("{name};").as_bytes());
    }
    quoted(&[name.as_bytes(), b": ", value].concat())
}

struct Body {
    /// What pipes it in, if anything does.
    before: String,
    /// The option that sends it.
    option: String,
}

impl Body {
    fn of(body: &[u8]) -> Self {
        let piped = |before: String| Self {
            before,
            option: "--data-binary @-".to_owned(),
        };
        match std::str::from_utf8(body) {
            Ok(text) if !text.contains(|c| c != '\n' && is_unsafe_on_terminal(c)) => {
                let text = in_quotes(text);
                if text.len() > LONGEST_ARGUMENT {
                    return piped(format!("printf %s {text} | "));
                }
                Self {
                    before: String::new(),
                    option: format!("--data-raw {text}"),
                }
            }
            _ => piped(format!(
                "printf %s '{}' | base64 -d | ",
                STANDARD.encode(body)
            )),
        }
    }
}

/// One word of the shell's that means exactly these bytes.
fn quoted(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(is_unsafe_on_terminal) => in_quotes(text),
        _ => printed(bytes),
    }
}

/// In single quotes, in which a shell takes nothing for anything else. An old interactive
/// bash forgets on a text's second line that it is in quotes, and looks into its history.
fn in_quotes(text: &str) -> String {
    let lines = text.contains('\n');
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    let mut last = '\0';
    for c in text.chars() {
        match c {
            '\'' => out.push_str("'\\''"),
            '!' if lines => out.push_str("'\\!'"),
            '^' if last == '\n' => out.push_str("'\\^'"),
            c => out.push(c),
        }
        last = c;
    }
    out.push('\'');
    out
}

/// By `printf`. The bytes do not end in a line end, which the shell would take off.
fn printed(bytes: &[u8]) -> String {
    let mut out = String::from("\"$(printf '");
    for (at, b) in bytes.iter().enumerate() {
        match b {
            b'%' => out.push_str("%%"),
            // What quotes, escapes, or is looked up in the history; and what would be a flag.
            b'\'' | b'"' | b'\\' | b'!' | b'$' | b'`' => octal(&mut out, *b),
            b'-' if at == 0 => octal(&mut out, *b),
            b' '..=b'~' => out.push(char::from(*b)),
            _ => octal(&mut out, *b),
        }
    }
    out.push_str("')\"");
    out
}

fn octal(out: &mut String, byte: u8) {
    let _ = write!(out, "\\{byte:03o}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::read::tests::received;

    #[test]
    fn commands_read_well() {
        let plain = received(
            "/webhooks/cakemail?a=1",
            vec![
                ("host", "x"),
                ("content-type", "application/json"),
                ("content-length", "9"),
                ("user-agent", "Cakemail"),
                ("accept", "*/*"),
                ("x-empty", ""),
            ],
            br#"{"a":"it's"}"#,
        );
        let odd = received(
            "/a b#c",
            vec![("x-tab", "a\tb%!"), ("accept", "*/*"), ("user-agent", "u")],
            b"\xff\0",
        );
        let mut put = received("/../x", vec![], b"one\n!two\n^three");
        put.method = "P'UT".into();
        let mut text = command(&plain, "http://localhost:3000/webhooks/cakemail?a=1");
        text += &command(&odd, "http://[::1]:3000/a b#c");
        text += &command(&put, "https://app.example/../x");
        let mut head = received("/", vec![], b"");
        head.method = "HEAD".into();
        text += &command(&head, "http://localhost:3000");
        insta::assert_snapshot!(text);
    }
}
