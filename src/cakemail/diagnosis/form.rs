//! How a digest is written: the right one in an unusual way, cut short, or none at all.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq as _;

use super::Finding;
use crate::cakemail::signature::{Claim, Digest};
use crate::delivery::Scheme;

/// What other services write before a digest. None can be the start of one: what they end
/// with is in neither alphabet, or only at its end.
const PREFIXES: [&str; 7] = [
    "sha256=",
    "sha256:",
    "hmac-sha256=",
    "hmac-sha256 ",
    "v1=",
    "v1,",
    "v1:",
];

/// This many characters of a digest are no coincidence.
const SURE: usize = 8;

/// A digest as it is written.
#[derive(Debug)]
pub(super) struct Written<'a> {
    /// What it says.
    pub(super) digest: Digest,
    /// In base64 of some kind, and not in hex.
    pub(super) base64: bool,
    prefix: Option<&'a str>,
    quoted: bool,
    encoding: Encoding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Plain,
    UpperHex,
    NoPadding,
    UrlSafe,
    UrlSafeNoPadding,
    Base64OfHex,
}

/// A value without quotes and without a prefix.
fn bare(value: &[u8]) -> Option<(bool, Option<&str>, &str)> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let unquoted = ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
    let quoted = unquoted.is_some();
    let text = unquoted.unwrap_or(text);
    let prefix = PREFIXES
        .iter()
        .filter_map(|prefix| text.get(..prefix.len()).zip(Some(prefix)))
        .find_map(|(start, prefix)| start.eq_ignore_ascii_case(prefix).then_some(start));
    let rest = prefix.map_or(text, |prefix| &text[prefix.len()..]);
    Some((quoted, prefix, rest))
}

impl<'a> Written<'a> {
    /// Reads a digest in any way of writing that senders have been seen to use.
    pub(super) fn read(value: &'a [u8]) -> Option<Self> {
        let (quoted, prefix, text) = bare(value)?;
        let hex = hex_of(text);
        let base64 = hex.is_none();
        let (encoding, digest) = hex.or_else(|| base64_of(text))?;
        Some(Self {
            digest,
            base64,
            prefix,
            quoted,
            encoding,
        })
    }
}

fn hex_of(text: &str) -> Option<(Encoding, Digest)> {
    let mut digest = Digest::default();
    hex::decode_to_slice(text, &mut digest).ok()?;
    let upper = text.bytes().any(|b| b.is_ascii_uppercase());
    let encoding = if upper {
        Encoding::UpperHex
    } else {
        Encoding::Plain
    };
    Some((encoding, digest))
}

fn base64_of(text: &str) -> Option<(Encoding, Digest)> {
    let engines = [
        (&STANDARD, Encoding::Plain),
        (&STANDARD_NO_PAD, Encoding::NoPadding),
        (&URL_SAFE, Encoding::UrlSafe),
        (&URL_SAFE_NO_PAD, Encoding::UrlSafeNoPadding),
    ];
    let found = engines
        .into_iter()
        .find_map(|(engine, name)| Some((name, engine.decode(text).ok()?.try_into().ok()?)));
    found.or_else(|| {
        let inner = STANDARD.decode(text).ok()?;
        let (_, digest) = hex_of(std::str::from_utf8(&inner).ok()?)?;
        Some((Encoding::Base64OfHex, digest))
    })
}

/// What is unusual about a right digest, the most telling first.
pub(super) fn unusual(claim: &Claim<'_>, written: &Written<'_>) -> Vec<Finding> {
    let name = claim.name();
    let mut found = Vec::new();
    if !claim.is_documented() {
        found.push(Finding::new(
            "other_header",
            format!("the digest stands in {name}, which is none of Cakemail's headers"),
            "send it as X-Cakemail-Signature, in lower-case hex, or see what renames the header on the way",
        ));
    }
    let but = |what: &str| format!("{name} holds the right digest, but {what}");
    let api = claim.header == Some(Scheme::ApiBase64.header());
    let as_documented = if api {
        "write it in base64 with padding"
    } else {
        "write it in lower-case hex or in base64 with padding"
    };
    if api && !written.base64 {
        found.push(Finding::new(
            "hex_in_x_signature",
            but("in hex"),
            "write it in base64 with padding, or send it as X-Cakemail-Signature",
        ));
    }
    let (code, what) = match written.encoding {
        Encoding::Plain => ("", ""),
        Encoding::UpperHex => ("upper_case_hex", "in upper-case hex"),
        Encoding::NoPadding => ("no_padding", "in base64 without its padding"),
        Encoding::UrlSafe => ("url_safe_base64", "in URL-safe base64"),
        Encoding::UrlSafeNoPadding => ("url_safe_base64", "in URL-safe base64 without its padding"),
        Encoding::Base64OfHex => ("base64_of_hex", "its hex digits are in base64 once more"),
    };
    if !code.is_empty() {
        found.push(Finding::new(code, but(what), as_documented));
    }
    if let Some(prefix) = written.prefix {
        found.push(Finding::new(
            "prefix",
            but(&format!("behind `{prefix}`")),
            "leave the prefix out: Cakemail writes the digest alone",
        ));
    }
    if written.quoted {
        found.push(Finding::new(
            "quoted",
            but("in quotes"),
            "leave the quotes out: Cakemail writes the digest alone",
        ));
    }
    found
}

/// The start of the right digest.
pub(super) fn cut_short(claim: &Claim<'_>, expected: &Digest) -> Option<Finding> {
    let (_, _, text) = bare(claim.value)?;
    let found = |unit: &str, right: usize, missing: usize| {
        Finding::new(
            "truncated",
            format!(
                "{} is cut short: its {right} {unit} are right, the other {missing} are missing",
                claim.name()
            ),
            "keep all of it: look for a column, a variable or a slice that is too short for a digest",
        )
    };
    let lower = text.to_ascii_lowercase();
    let (hex, base64) = (hex::encode(expected), STANDARD.encode(expected));
    for (given, whole) in [(&*lower, hex), (text, base64)] {
        let length = given.len();
        // Padding alone is not worth calling it cut short.
        let shorter = (SURE..whole.trim_end_matches('=').len()).contains(&length);
        if shorter && bool::from(whole.as_bytes()[..length].ct_eq(given.as_bytes())) {
            return Some(found("characters", length, whole.len() - length));
        }
    }
    let bytes = STANDARD.decode(text).ok()?;
    let shorter = (SURE..expected.len()).contains(&bytes.len());
    (shorter && bool::from(expected[..bytes.len()].ct_eq(&bytes)))
        .then(|| found("bytes", bytes.len(), expected.len() - bytes.len()))
}

/// Something that no digest is.
pub(super) fn no_digest(claim: &Claim<'_>) -> Finding {
    let name = claim.name();
    let value = claim.value.trim_ascii();
    if value.is_empty() {
        return Finding::new(
            "empty_signature",
            format!("{name} is empty"),
            "look for a variable that is not set where the signature is made",
        );
    }
    let count = String::from_utf8_lossy(value).chars().count();
    let what = match count {
        1 => "1 character that is".to_owned(),
        count => format!("{count} characters that are"),
    };
    let hex = value.iter().all(u8::is_ascii_hexdigit);
    let of_other = match count {
        32 if hex => Some("MD5"),
        40 if hex => Some("SHA-1"),
        96 if hex => Some("SHA-384"),
        128 if hex => Some("SHA-512"),
        _ => None,
    };
    let fix = match of_other {
        Some(hash) => format!("that many are what {hash} gives: make it with HMAC-SHA256"),
        None => "take the header's value as it is, and nothing else".to_owned(),
    };
    Finding::new(
        "not_a_digest",
        format!("{name} holds {what} no SHA-256 digest: 64 of hex or 44 of base64 are expected"),
        fix,
    )
}
