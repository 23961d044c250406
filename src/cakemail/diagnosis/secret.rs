//! Digests that are right for a secret that is nearly the one that is known.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;
use sha2::{Digest as _, Sha256};

use super::Finding;
use crate::cakemail::signature::{Digest, Secret, keyed};

/// A key, which is a secret.
type Key = Vec<u8>;

/// One way to get a secret wrong.
pub(super) struct Change {
    code: &'static str,
    /// What follows "the digest is right for secret `main`".
    how: &'static str,
    fix: &'static str,
    keys: fn(&Secret) -> Vec<Key>,
}

impl Change {
    /// The keys that it makes of a secret, none where it changes nothing.
    pub(super) fn keys(&self, secret: &Secret) -> Vec<Key> {
        (self.keys)(secret)
    }

    /// Says so, with the secret's label and nothing else of it.
    pub(super) fn finding(&self, secret: &Secret) -> Finding {
        let message = format!(
            "the digest is right for secret `{}` {}",
            secret.label(),
            self.how
        );
        Finding::new(self.code, message, self.fix)
    }
}

/// What happens when secrets are copied.
pub(super) const LIKELY: &[Change] = &[
    Change {
        code: "secret_white_space",
        how: "without the white space around it",
        fix: "take that out of the secret that is given here, such as the line end of a file",
        keys: |secret| {
            let value = secret.expose();
            let trimmed = value.trim();
            let start = value.trim_end();
            let mut keys = Vec::new();
            if trimmed != value {
                keys.push(trimmed.into());
            }
            if start != value && start != trimmed {
                keys.push(start.into());
            }
            keys
        },
    },
    Change {
        code: "secret_line_end",
        how: "with a line end or a space after it",
        fix: "take that out of the sender's copy of the secret: it was probably read from a file or made with `echo`",
        keys: |secret| {
            let ends = ["\n", "\r\n", " "];
            ends.map(|end| [secret.expose().as_bytes(), end.as_bytes()].concat())
                .into()
        },
    },
    Change {
        code: "secret_quotes",
        how: "with or without quotes around it",
        fix: "give the secret without quotes in both places: some env files keep them",
        keys: |secret| {
            let value = secret.expose();
            let mut keys = Vec::new();
            for quote in ['"', '\''] {
                let inner = value.strip_prefix(quote);
                match inner.and_then(|rest| rest.strip_suffix(quote)) {
                    Some(inner) => keys.push(inner.into()),
                    None => keys.push(format!("{quote}{value}{quote}").into()),
                }
            }
            keys
        },
    },
    Change {
        code: "secret_label",
        how: "together with its name and `=`, which belong to the secret",
        fix: "give it in CMHOOK_SECRET or in a file, where nothing is read as a name",
        keys: |secret| vec![format!("{}={}", secret.label(), secret.expose()).into()],
    },
];

/// What happens when secrets are taken for something that they are not.
pub(super) const RARE: &[Change] = &[
    Change {
        code: "secret_hex_decoded",
        how: "decoded from hex",
        fix: "key the digest with the secret's text as it is: Cakemail does not decode it",
        keys: |secret| hex::decode(secret.expose().trim()).into_iter().collect(),
    },
    Change {
        code: "secret_base64_decoded",
        how: "decoded from base64",
        fix: "key the digest with the secret's text as it is: Cakemail does not decode it",
        keys: |secret| {
            let value = secret.expose().trim();
            let texts = std::iter::once(value).chain(without_prefix(value));
            texts
                .filter_map(|text| STANDARD.decode(text).ok())
                .collect()
        },
    },
    Change {
        code: "secret_prefix_stripped",
        how: "without its prefix",
        fix: "key the digest with the whole secret: Cakemail strips nothing from it",
        keys: |secret| {
            without_prefix(secret.expose())
                .map(|rest| rest.as_bytes().into())
                .collect()
        },
    },
];

/// `abc_1` and `1` of `key_abc_1`.
fn without_prefix(value: &str) -> impl Iterator<Item = &str> {
    let first = value.split_once('_').map(|(_, rest)| rest);
    let last = value.rsplit_once('_').map(|(_, rest)| rest);
    first.into_iter().chain(last.filter(|_| last != first))
}

/// The digest of a body under a key.
pub(super) fn digest(key: &[u8], body: &[u8]) -> Digest {
    keyed(key).chain_update(body).finalize().into_bytes().into()
}

/// What is computed by who takes something else for HMAC, and the digest that it gives.
pub(super) fn no_hmac(secret: &Secret, body: &[u8]) -> [(Digest, Finding); 4] {
    let value = secret.expose().as_bytes();
    let label = secret.label();
    let plain = |first: &[u8], second: &[u8]| -> Digest {
        let state = Sha256::new().chain_update(first).chain_update(second);
        state.finalize().into()
    };
    let no_key = |of: String| {
        Finding::new(
            "no_hmac",
            format!("the signature is the plain SHA-256 digest of {of}, and that is not HMAC"),
            "compute HMAC-SHA256 with the secret as its key and the body as its message",
        )
    };
    let swapped = Finding::new(
        "hmac_swapped",
        format!(
            "the digest is right with the body as the key and secret `{label}` as the message: they are swapped"
        ),
        "give HMAC the secret as its key and the body as its message, in PHP `hash_hmac('sha256', $body, $secret)`",
    );
    [
        (digest(body, value), swapped),
        (plain(body, b""), no_key("the body".into())),
        (
            plain(value, body),
            no_key(format!("secret `{label}` and the body behind it")),
        ),
        (
            plain(body, value),
            no_key(format!("the body and secret `{label}` behind it")),
        ),
    ]
}

/// The signature is right, and made with a secret that was not asked for.
pub(super) fn other(secret: &Secret) -> Finding {
    let label = secret.label();
    Finding::new(
        "other_secret",
        format!("this is signed with the secret `{label}`"),
        format!("use the secret `{label}` for this webhook, or send with the other webhook's"),
    )
}
