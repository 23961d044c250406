//! What the body of an app's answer tells of what went wrong there.

use super::bare::says_nothing;
use crate::cakemail::serializer::Serializer;
use crate::delivery::Scheme;

/// No more of a body is read: an error page says it in its first lines.
const READ: usize = 16 << 10;

/// What the app stumbled over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It finds no signature where it looks.
    NoSignature,
    /// It knows no secret.
    NoSecret,
    /// It has no body to hash.
    NoBody,
    /// What it compares has different lengths.
    Lengths,
}

/// What an answer's body tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Evidence {
    /// What it stumbled over, as far as it says.
    pub(super) trouble: Option<Trouble>,
    /// Whether that is an error that was thrown, and not only words about a signature.
    pub(super) is_thrown: bool,
    /// A scheme that has the header which is named.
    pub(super) named: Option<Scheme>,
    /// Whether it is about signatures at all.
    pub(super) of_signatures: bool,
    /// Whether it says no more than its status does, as servers do for an app that threw.
    pub(super) says_nothing: bool,
    /// The language that it is written in.
    pub(super) language: Option<Serializer>,
}

impl Evidence {
    pub(super) fn of(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&body[..body.len().min(READ)]).to_ascii_lowercase();
        let says_nothing = says_nothing(&text);
        // As error pages write quotes.
        let text = ["&quot;", "&#34;", "&#x22;", "\\\""]
            .iter()
            .fold(text, |text, quote| text.replace(quote, "\""));
        let text = ["&#39;", "&#039;", "&#x27;", "&apos;"]
            .iter()
            .fold(text, |text, quote| text.replace(quote, "'"));
        let thrown = thrown(&text);
        let words = || says_missing(&text).then_some(Trouble::NoSignature);
        Self {
            trouble: thrown.map(|(trouble, _)| trouble).or_else(words),
            is_thrown: thrown.is_some(),
            named: named(&text),
            of_signatures: has_any(&text, &["signature", "hmac", "digest"]),
            says_nothing,
            language: thrown.map(|(_, language)| language),
        }
    }
}

fn has_any(text: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| text.contains(part))
}

/// The header that is named, in its own way of writing or in that of CGI.
fn named(text: &str) -> Option<Scheme> {
    if has_any(text, &["cakemail-signature", "cakemail_signature"]) {
        Some(Scheme::CakemailHex)
    } else if has_any(text, &["x-signature", "x_signature"]) {
        Some(Scheme::ApiBase64)
    } else {
        None
    }
}

/// What app authors say where they look for it themselves.
fn says_missing(text: &str) -> bool {
    let missing = ["missing", "no signature", "required", "not found", "absent"];
    // A whole page has any word in it.
    text.len() <= 1000 && text.contains("signature") && has_any(text, &missing)
}

/// The error of a language or of its library, and which language that is.
fn thrown(text: &str) -> Option<(Trouble, Serializer)> {
    let node = || Some((of_node(text)?, Serializer::JavaScript));
    let python = || Some((of_python(text)?, Serializer::Python));
    let php = || Some((of_php(text)?, Serializer::Php));
    let ruby = || Some((of_ruby(text)?, Serializer::Ruby));
    node().or_else(python).or_else(php).or_else(ruby)
}

fn of_node(text: &str) -> Option<Trouble> {
    let lengths = [
        "must have the same byte length",
        "err_crypto_timing_safe_equal_length",
    ];
    if has_any(text, &lengths) {
        return Some(Trouble::Lengths);
    }
    if has_any(text, &["received undefined", "received null"]) {
        return match argument(text) {
            Some("key") => Some(Trouble::NoSecret),
            Some("data") => Some(Trouble::NoBody),
            None | Some("buf1" | "buf2") => Some(Trouble::NoSignature),
            // That of a function that has nothing to do with signatures.
            Some(_) => None,
        };
    }
    let reads = [
        "cannot read properties of undefined",
        "cannot read properties of null",
    ];
    (has_any(text, &reads) && text.contains("signature")).then_some(Trouble::NoSignature)
}

/// `key` of `The "key" argument must be of type string`; none of `The first argument`.
fn argument(text: &str) -> Option<&str> {
    let before = text.split_once("\" argument")?.0;
    before.rsplit_once('"').map(|(_, name)| name)
}

fn of_python(text: &str) -> Option<Trouble> {
    if text.contains("key: expected bytes or bytearray, but got 'nonetype'") {
        return Some(Trouble::NoSecret);
    }
    let none = text.contains("nonetype");
    let compared = [
        "unsupported operand types(s) or combination of types",
        "compare_digest",
    ];
    let key = text.contains("keyerror") && named(text).is_some();
    let is_it = key || none && (has_any(text, &compared) || text.contains("signature"));
    is_it.then_some(Trouble::NoSignature)
}

fn of_php(text: &str) -> Option<Trouble> {
    let null = text.contains("null given");
    if null && text.contains("hash_hmac()") && text.contains("$key") {
        return Some(Trouble::NoSecret);
    }
    let key = has_any(text, &["undefined array key", "undefined index"]) && named(text).is_some();
    (key || null && text.contains("hash_equals()")).then_some(Trouble::NoSignature)
}

fn of_ruby(text: &str) -> Option<Trouble> {
    let nil = [
        "bytesize' for nil",
        "unpack' for nil",
        "no implicit conversion of nil into string",
    ];
    let compared = ["secure_compare", "fixed_length", "signature", "bytesize"];
    if has_any(
        text,
        &["inputs must be of equal length", "string length mismatch"],
    ) {
        return Some(Trouble::Lengths);
    }
    (has_any(text, &nil) && has_any(text, &compared)).then_some(Trouble::NoSignature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_thrown_is_told_apart() {
        use Trouble::{Lengths, NoBody, NoSecret, NoSignature};
        for (body, trouble) in [
            (
                "TypeError [ERR_INVALID_ARG_TYPE]: The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object. Received undefined",
                Some(NoSignature),
            ),
            (
                "The &quot;buf1&quot; argument must be an instance of ArrayBuffer, Buffer, TypedArray, or DataView. Received undefined",
                Some(NoSignature),
            ),
            (
                r#"{"message":"The \"key\" argument must be of type string or an instance of ArrayBuffer. Received undefined"}"#,
                Some(NoSecret),
            ),
            (
                r#"The "data" argument must be of type string or an instance of Buffer. Received undefined"#,
                Some(NoBody),
            ),
            (
                r#"The "path" argument must be of type string. Received undefined"#,
                None,
            ),
            (
                "RangeError [ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH]: Input buffers must have the same byte length",
                Some(Lengths),
            ),
            (
                "TypeError: unsupported operand types(s) or combination of types: 'str' and 'NoneType'",
                Some(NoSignature),
            ),
            ("KeyError: 'HTTP_X_CAKEMAIL_SIGNATURE'", Some(NoSignature)),
            (
                "TypeError: key: expected bytes or bytearray, but got &#39;NoneType&#39;",
                Some(NoSecret),
            ),
            ("KeyError: 'contact_id'", None),
            (
                r#"Warning: Undefined array key "HTTP_X_CAKEMAIL_SIGNATURE""#,
                Some(NoSignature),
            ),
            (
                "hash_equals(): Argument #2 ($user_string) must be of type string, null given",
                Some(NoSignature),
            ),
            (
                "undefined method `bytesize' for nil:NilClass",
                Some(NoSignature),
            ),
            ("Internal Server Error", None),
            ("Cannot read properties of undefined (reading 'id')", None),
            ("", None),
        ] {
            let found = Evidence::of(body.as_bytes());
            assert_eq!(found.trouble, trouble, "{body}");
            assert_eq!(found.is_thrown, trouble.is_some(), "{body}");
        }
    }

    #[test]
    fn the_header_that_it_names_is_known() {
        for (body, named, missing) in [
            (
                "missing X-Cakemail-Signature",
                Some(Scheme::CakemailHex),
                true,
            ),
            ("x-signature header required", Some(Scheme::ApiBase64), true),
            ("HTTP_X_SIGNATURE", Some(Scheme::ApiBase64), false),
            ("invalid signature", None, false),
        ] {
            let found = Evidence::of(body.as_bytes());
            assert_eq!(found.named, named, "{body}");
            assert_eq!(found.trouble.is_some(), missing, "{body}");
            assert!(!found.is_thrown, "{body}");
        }
    }
}
