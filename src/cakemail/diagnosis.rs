//! Why a signature does not verify, here or in the user's app.
//!
//! What is said is for the person at this machine. None of it goes to a sender, since
//! "nearly right" is a help to somebody who guesses.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use hmac::Mac as _;
use serde_json::Value;
use subtle::ConstantTimeEq as _;

use super::serializer::Serializer;
use super::signature::{Claim, Digest, Secret, keyed};
use crate::delivery::{Headers, Scheme};

/// Past this many bytes a body is not hashed again to find out why.
const MAX_BODY: usize = 1 << 20;

/// Says why no claim is right under any secret, in plain words.
pub fn why_invalid(secrets: &[Secret], claims: &[Claim<'_>], body: &[u8]) -> String {
    for secret in secrets {
        // Once for all claims: a sender can make a hundred, each over megabytes.
        let expected = secret.digest(body);
        if let Some(reason) = claims.iter().find_map(|c| wrong_form(c, &expected)) {
            return reason;
        }
    }
    let Some((claim, digest)) = claims
        .iter()
        .find_map(|c| Some((c, any_digest(c.value)?.1)))
    else {
        return claims.first().map_or_else(String::new, malformed);
    };
    if body.len() <= MAX_BODY {
        for secret in secrets {
            if let Some(reason) =
                wrong_secret(secret, &digest, body).or_else(|| wrong_body(secret, &digest, body))
            {
                return reason;
            }
        }
    }
    let header = claim.header;
    match secrets {
        [only] => format!(
            "{header} does not match secret `{}`: another webhook's secret, or the body was changed on its way",
            only.label()
        ),
        _ => format!(
            "{header} matches none of the {} known secrets: the webhook's own is missing, or the body was changed on its way",
            secrets.len()
        ),
    }
}

/// A digest in any encoding that senders have been seen to use, and a name for it.
fn any_digest(value: &[u8]) -> Option<(&'static str, Digest)> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let (prefixed, text) = text
        .strip_prefix("sha256=")
        .map_or((false, text), |rest| (true, rest));
    let form = |plain, with_prefix| if prefixed { with_prefix } else { plain };
    let mut digest = Digest::default();
    if hex::decode_to_slice(text, &mut digest).is_ok() {
        let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
        return Some(match (lower, prefixed) {
            (true, _) => (form("in hex", "in hex behind `sha256=`"), digest),
            (false, _) => (
                form("in upper-case hex", "in upper-case hex behind `sha256=`"),
                digest,
            ),
        });
    }
    [
        (&STANDARD, form("in base64", "in base64 behind `sha256=`")),
        (&STANDARD_NO_PAD, "in base64 without its padding"),
        (&URL_SAFE, "in URL-safe base64"),
        (&URL_SAFE_NO_PAD, "in URL-safe base64 without its padding"),
    ]
    .into_iter()
    .find_map(|(engine, name)| Some((name, engine.decode(text).ok()?.try_into().ok()?)))
}

/// The right digest, written down wrongly; or the start of it.
fn wrong_form(claim: &Claim<'_>, expected: &Digest) -> Option<String> {
    let header = claim.header;
    if let Some((form, digest)) = any_digest(claim.value) {
        return bool::from(digest.ct_eq(expected)).then(|| {
            let documented = if header == Scheme::ApiBase64.header() {
                "Cakemail writes it in base64 with padding"
            } else {
                "Cakemail writes it in lower-case hex or in base64 with padding"
            };
            format!("{header} holds the right digest, but {form}: {documented}")
        });
    }
    // Eight characters of a digest are no coincidence.
    let given = claim.value;
    [hex::encode(expected), STANDARD.encode(expected)]
        .iter()
        .filter(|whole| (8..whole.len()).contains(&given.len()))
        .find(|whole| bool::from(whole.as_bytes()[..given.len()].ct_eq(given)))
        .map(|whole| {
            format!(
                "{header} is cut short: its {} characters are right, the other {} are missing",
                given.len(),
                whole.len() - given.len()
            )
        })
}

fn malformed(claim: &Claim<'_>) -> String {
    let header = claim.header;
    if claim.value.is_empty() {
        return format!("{header} is empty");
    }
    let what = match String::from_utf8_lossy(claim.value).chars().count() {
        1 => "1 character that is".to_owned(),
        count => format!("{count} characters that are"),
    };
    format!("{header} holds {what} no SHA-256 digest: 64 of hex or 44 of base64 are expected")
}

/// The digest is right for a secret that is nearly this one.
fn wrong_secret(secret: &Secret, claimed: &Digest, body: &[u8]) -> Option<String> {
    let value = secret.expose();
    let label = secret.label();
    let trimmed = value.trim();
    let stripped = value.split_once('_').map(|(_, rest)| rest);
    let candidates = [
        (
            (trimmed != value).then(|| trimmed.as_bytes().to_vec()),
            "without the white space around it: take that out of the secret that cmhook was given",
        ),
        (
            Some([value.as_bytes(), b"\n"].concat()),
            "with a line end after it: the sender's copy of the secret has one",
        ),
        (
            Some([value.as_bytes(), b"\r\n"].concat()),
            "with a line end (CR LF) after it: the sender's copy of the secret has one",
        ),
        (
            hex::decode(trimmed).ok(),
            "decoded from hex: the sender decodes the secret, Cakemail takes it as text",
        ),
        (
            STANDARD.decode(trimmed).ok(),
            "decoded from base64: the sender decodes the secret, Cakemail takes it as text",
        ),
        (
            stripped.map(|s| s.as_bytes().to_vec()),
            "without its prefix: the sender strips it, Cakemail does not",
        ),
    ];
    candidates.into_iter().find_map(|(key, how)| {
        let digest: Digest = keyed(&key?)
            .chain_update(body)
            .finalize()
            .into_bytes()
            .into();
        bool::from(digest.ct_eq(claimed))
            .then(|| format!("the digest is right for secret `{label}` {how}"))
    })
}

/// The digest is right for bytes that are nearly these.
fn wrong_body(secret: &Secret, claimed: &Digest, body: &[u8]) -> Option<String> {
    let is = |bytes: &[u8]| bool::from(secret.digest(bytes).ct_eq(claimed));
    let trimmed = body.trim_ascii();
    if trimmed.len() != body.len() && is(trimmed) {
        return Some("the digest is right for the body without the white space around it: something on the way added it".into());
    }
    if is(&[body, b"\n"].concat()) {
        return Some("the digest is right for the body with a line end after it: something on the way took it off".into());
    }
    let value: Value = serde_json::from_slice(body).ok()?;
    Serializer::ALL.into_iter().find_map(|serializer| {
        is(&serializer.write(&value)).then(|| {
            format!(
                "the digest is right for the payload as {} writes it, not for the bytes that came: the sender signed other bytes than it sent",
                serializer.call()
            )
        })
    })
}

/// What usually goes wrong in an app that answers 401 or 403 to a delivery whose
/// signature is right, from what its answer tells of the framework and from what
/// re-serialising would change in these very bytes. One sentence a line, the first
/// one stating that the signature is right, the likeliest cause behind it.
pub fn why_rejected(
    scheme: Scheme,
    label: &str,
    answer: &Headers,
    request_path: &str,
    body: &[u8],
) -> Vec<String> {
    let mut lines = vec![format!(
        "the signature is right for the {} raw bytes (secret `{label}`): the app checks something else",
        body.len()
    )];
    let framework = framework(answer);
    if answer.get("www-authenticate").is_some() {
        lines.push(format!(
            "its WWW-Authenticate header says that {request_path} wants a login: exempt the webhook's route from it"
        ));
    }
    // Handlers made after the manual hash re-serialised JSON, and know hex only.
    let reserialised = why_reserialised(framework, body);
    let compared = format!(
        "it must compare with {} as {}, keyed with that secret as it is: no line end, no quotes",
        scheme.header(),
        match scheme {
            Scheme::CakemailHex => "lower-case hex",
            Scheme::CakemailBase64 | Scheme::ApiBase64 => "base64",
        }
    );
    let first = scheme == Scheme::CakemailHex || framework.is_some();
    if first && !reserialised.is_empty() {
        lines.extend(reserialised);
        lines.push(format!("and {compared}"));
    } else {
        lines.push(compared);
        lines.extend(reserialised);
    }
    if answer.get("x-frame-options").is_some() && framework == Some(Serializer::Ruby) {
        lines.push("in Rails a 401 or 403 here is often CSRF protection: skip_forgery_protection for the webhook's controller".into());
    }
    lines
}

/// What re-serialising would change in the body, and the cure. Nothing where it would
/// change nothing.
fn why_reserialised(framework: Option<Serializer>, body: &[u8]) -> Vec<String> {
    let value = (body.len() <= MAX_BODY)
        .then(|| serde_json::from_slice::<Value>(body).ok())
        .flatten();
    let Some(value) = value else {
        return Vec::new();
    };
    if let Some(serializer) = framework {
        return first_change(serializer, &value, body).map_or_else(Vec::new, |what| {
            vec![
                format!("most often it hashes re-serialised JSON: {what}"),
                serializer.cure().to_owned(),
            ]
        });
    }
    let changes: Vec<_> = [Serializer::JavaScript, Serializer::Python, Serializer::Php]
        .into_iter()
        .filter_map(|serializer| first_change(serializer, &value, body))
        .collect();
    if changes.is_empty() {
        return Vec::new();
    }
    vec![
        format!("if it hashes re-serialised JSON: {}", changes.join(", ")),
        "hash the raw body, as it is before anything parses it".to_owned(),
    ]
}

/// Which serializer the app's framework would use, as far as its headers tell.
fn framework(answer: &Headers) -> Option<Serializer> {
    let has = |name: &str, part: &str| {
        answer.get(name).is_some_and(|value| {
            String::from_utf8_lossy(value)
                .to_ascii_lowercase()
                .contains(part)
        })
    };
    if has("x-powered-by", "express") || has("x-powered-by", "next.js") {
        Some(Serializer::JavaScript)
    } else if has("x-powered-by", "php") {
        Some(Serializer::Php)
    } else if [
        "werkzeug", "gunicorn", "uvicorn", "daphne", "aiohttp", "python/",
    ]
    .iter()
    .any(|s| has("server", s))
    {
        Some(Serializer::Python)
    } else if answer.get("x-runtime").is_some() || has("server", "puma") {
        Some(Serializer::Ruby)
    } else {
        None
    }
}

/// Where and how re-serialising first departs from the bytes that were signed.
fn first_change(serializer: Serializer, value: &Value, body: &[u8]) -> Option<String> {
    let written = serializer.write(value);
    if written == body {
        return None;
    }
    let at = written.iter().zip(body).take_while(|(a, b)| a == b).count();
    let what = match (body.get(at).copied(), written.get(at).copied()) {
        (Some(b'\\'), _) if body.get(at + 1) == Some(&b'/') => {
            format!("drops the escaped slash at byte {at}")
        }
        (Some(b'\\'), _) if body.get(at + 1) == Some(&b'u') => {
            format!("writes the escaped character at byte {at} plainly")
        }
        (Some(b'/'), Some(b'\\')) => format!("escapes the slash at byte {at}"),
        (Some(given), Some(b'\\')) if !given.is_ascii() => {
            format!("escapes the non-ASCII character at byte {at}")
        }
        (Some(given), _) if given.is_ascii_whitespace() => {
            format!("drops the white space at byte {at}")
        }
        (_, Some(b' ')) => format!("adds a space at byte {at}"),
        (None, _) | (_, None) => format!("changes the length at byte {at}"),
        _ => format!("changes the text at byte {at}"),
    };
    Some(format!("{} {what}", serializer.call()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cakemail::signature::encode;
    use crate::cakemail::verify::verify;
    use crate::delivery::Verdict;
    use proptest::prelude::*;

    fn reason(secret: &str, header: &str, value: &str, body: &[u8]) -> String {
        let secrets = [Secret::new("main", None, secret).unwrap()];
        let headers: Headers = [(header, value)].into_iter().collect();
        match verify(&secrets, &headers, body) {
            Verdict::Invalid { reason } => reason.to_string(),
            other => panic!("{other:?}"),
        }
    }

    fn digest(key: &[u8], body: &[u8]) -> Digest {
        keyed(key).chain_update(body).finalize().into_bytes().into()
    }

    #[test]
    fn names_each_mistake() {
        let body = br#"{"a":"https:\/\/x","b":"\u00e9"}"#;
        let right = digest(b"key_1", body);
        let hex_of = |d: Digest| hex::encode(d);
        let cases = [
            (
                "X-Cakemail-Signature",
                hex_of(right).to_uppercase(),
                "upper-case hex",
            ),
            (
                "X-Cakemail-Signature",
                format!("sha256={}", hex_of(right)),
                "behind `sha256=`",
            ),
            ("X-Signature", hex_of(right), "right digest, but in hex"),
            (
                "X-Signature",
                encode(Scheme::ApiBase64, &right)
                    .trim_end_matches('=')
                    .to_owned(),
                "without its padding",
            ),
            (
                "X-Cakemail-Signature",
                hex_of(right)[..40].to_owned(),
                "the other 24 are missing",
            ),
            (
                "X-Cakemail-Signature",
                "abc".to_owned(),
                "holds 3 characters",
            ),
            ("X-Cakemail-Signature", String::new(), "is empty"),
            (
                "X-Cakemail-Signature",
                hex_of(digest(b"key_1\n", body)),
                "line end after it",
            ),
            (
                "X-Cakemail-Signature",
                hex_of(digest(b"1", body)),
                "without its prefix",
            ),
            (
                "X-Cakemail-Signature",
                hex_of(digest(b"key_1", r#"{"a":"https://x","b":"é"}"#.as_bytes())),
                "JSON.stringify",
            ),
            (
                "X-Cakemail-Signature",
                hex_of(digest(b"key_1", br#"{"a": "https://x", "b": "\u00e9"}"#)),
                "json.dumps",
            ),
            (
                "X-Cakemail-Signature",
                hex_of(digest(b"key_1", &[body.as_slice(), b"\n"].concat())),
                "took it off",
            ),
            (
                "X-Cakemail-Signature",
                hex_of(digest(b"other", body)),
                "does not match secret `main`",
            ),
        ];
        for (header, value, part) in cases {
            let said = reason("key_1", header, &value, body);
            assert!(said.contains(part), "{said:?} lacks {part:?}");
            assert!(!said.contains("key_1"), "the secret leaks: {said}");
        }
        let said = reason(
            "key_1\n",
            "X-Cakemail-Signature",
            &hex_of(digest(b"key_1", body)),
            body,
        );
        assert!(said.contains("without the white space around it"), "{said}");
    }

    #[test]
    fn a_rejection_names_the_byte_and_the_cure() {
        let body = br#"{"url":"https:\/\/x"}"#;
        let express: Headers = [("x-powered-by", "Express")].into_iter().collect();
        let said = why_rejected(Scheme::CakemailHex, "main", &express, "/", body).join("\n");
        assert!(
            said.contains("JSON.stringify drops the escaped slash at byte 14"),
            "{said}"
        );
        assert!(said.contains("express.json({ verify:"), "{said}");
        let flask: Headers = [("server", "Werkzeug/3.0")].into_iter().collect();
        let said = why_rejected(Scheme::CakemailHex, "main", &flask, "/", br#"{"a":1}"#).join("\n");
        assert!(said.contains("json.dumps adds a space at byte 5"), "{said}");
        let said = why_rejected(Scheme::ApiBase64, "main", &express, "/", b"not json").join("\n");
        assert!(said.contains("X-Signature as base64"), "{said}");
    }

    #[test]
    fn a_rejection_claims_no_more_than_can_be_known() {
        let body = "{\"event\": \"email.opened\", \"n\": \"\u{e9}\"}".as_bytes();
        let none = Headers::default();
        let said = why_rejected(Scheme::CakemailHex, "main", &none, "/", body);
        assert!(said[1].starts_with("if it hashes"), "{said:?}");
        for part in [
            "JSON.stringify drops",
            "json.dumps escapes the non-ASCII",
            "json_encode",
        ] {
            assert!(said[1].contains(part), "{said:?}");
        }
        assert!(said[3].contains("as lower-case hex"), "{said:?}");
        // The usual handler knows hex only.
        let said = why_rejected(Scheme::CakemailBase64, "main", &none, "/", body);
        assert!(
            said[1].contains("X-Cakemail-Signature as base64"),
            "{said:?}"
        );
        let python: Headers = [("server", "BaseHTTP/0.6 Python/3.11.7")]
            .into_iter()
            .collect();
        let said = why_rejected(Scheme::CakemailHex, "main", &python, "/", body);
        assert!(said[1].contains("json.dumps escapes"), "{said:?}");
        let login: Headers = [("www-authenticate", "Basic")].into_iter().collect();
        let said = why_rejected(Scheme::CakemailHex, "main", &login, "/hook", body);
        assert!(said[1].contains("/hook wants a login"), "{said:?}");
    }

    proptest! {
        #[test]
        fn never_panics(
            value in proptest::collection::vec(any::<u8>(), 0..90),
            body in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let headers: Headers = [("x-signature", &value)].into_iter().collect();
            let secrets = [Secret::new("a", None, "aabb").unwrap()];
            let _ = verify(&secrets, &headers, &body);
            let _ = why_rejected(Scheme::ApiBase64, "a", &headers, "/", &body);
        }
    }
}
