//! A good signature, broken in each way there is.

mod mistakes;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use proptest::prelude::*;

use super::*;
use crate::cakemail::verify::{likely_claims, verify};

const HEX: &str = "X-Cakemail-Signature";
const API: &str = "X-Signature";

/// Its keys are not sorted, and each serializer changes something of it.
const BODY: &str =
    r#"{"event":"email.opened","data":{"url":"https:\/\/z/a+b","name":"zoé","n":1.0,"l":[1,2]}}"#;

fn digest(key: &str, body: impl AsRef<[u8]>) -> Digest {
    secret::digest(key.as_bytes(), body.as_ref())
}

fn hex_of(key: &str, body: impl AsRef<[u8]>) -> String {
    hex::encode(digest(key, body))
}

fn secret(label: &str, value: &str) -> Secret {
    Secret::new(label, None, value).unwrap()
}

fn diagnosed(key: &str, header: &str, value: &str, body: impl AsRef<[u8]>) -> Diagnosis {
    let headers: Headers = [(header, value)].into_iter().collect();
    diagnose(&Case {
        secrets: &[secret("main", key)],
        others: &[secret("bounces", "sentinel-other")],
        claims: &likely_claims(&headers),
        headers: &headers,
        body: body.as_ref(),
    })
}

/// The codes of its findings.
fn codes(diagnosis: &Diagnosis) -> Vec<&'static str> {
    diagnosis.findings.iter().map(|one| one.code).collect()
}

/// A key whose every part is easy to find, and which can be decoded once its prefix is off.
const KEY: &str = "sentinel_5ecre7key5ecre7";

#[track_caller]
fn clean(findings: &[Finding]) {
    for one in findings {
        let text = format!("{one:?}");
        assert!(
            !text.contains("sentinel") && !text.contains("5ecre7"),
            "{text}"
        );
        for sentence in [&one.message, &one.fix] {
            assert!(!sentence.is_empty() && !sentence.ends_with('.'), "{text}");
            assert!(!sentence.contains('\n'), "{text}");
        }
    }
}

#[test]
fn a_right_digest_that_is_written_unusually_is_valid() {
    let right = digest(KEY, BODY);
    let (hex, base64) = (hex::encode(right), STANDARD.encode(right));
    // There is at least one `/` or `+` in it, so that the alphabets differ.
    assert!(base64.contains(['/', '+']), "{base64}");
    let url_safe = URL_SAFE.encode(right);
    let upper = hex.to_uppercase();
    let cases: &[(&str, &str, &[&str], Scheme)] = &[
        (HEX, &hex, &[], Scheme::CakemailHex),
        (HEX, &base64, &[], Scheme::CakemailBase64),
        (API, &base64, &[], Scheme::ApiBase64),
        (HEX, &upper, &["upper_case_hex"], Scheme::CakemailHex),
        (API, &hex, &["hex_in_x_signature"], Scheme::CakemailHex),
        (
            API,
            &upper,
            &["hex_in_x_signature", "upper_case_hex"],
            Scheme::CakemailHex,
        ),
        (
            HEX,
            &format!("sha256={hex}"),
            &["prefix"],
            Scheme::CakemailHex,
        ),
        (
            HEX,
            &format!("SHA256={hex}"),
            &["prefix"],
            Scheme::CakemailHex,
        ),
        (HEX, &format!("v1={hex}"), &["prefix"], Scheme::CakemailHex),
        (API, &format!("v1,{base64}"), &["prefix"], Scheme::ApiBase64),
        (
            HEX,
            &format!("sha256={upper}"),
            &["upper_case_hex", "prefix"],
            Scheme::CakemailHex,
        ),
        (HEX, &format!("\"{hex}\""), &["quoted"], Scheme::CakemailHex),
        (
            API,
            base64.trim_end_matches('='),
            &["no_padding"],
            Scheme::ApiBase64,
        ),
        (HEX, &url_safe, &["url_safe_base64"], Scheme::CakemailBase64),
        (
            HEX,
            url_safe.trim_end_matches('='),
            &["url_safe_base64"],
            Scheme::CakemailBase64,
        ),
        (
            HEX,
            &STANDARD.encode(&hex),
            &["base64_of_hex"],
            Scheme::CakemailBase64,
        ),
        (
            "X-Hub-Signature-256",
            &format!("sha256={hex}"),
            &["other_header", "prefix"],
            Scheme::CakemailHex,
        ),
        (
            "X-Webhook-Signature",
            &hex,
            &["other_header"],
            Scheme::CakemailHex,
        ),
        (
            "x-cakemail-hmac",
            &base64,
            &["other_header"],
            Scheme::CakemailBase64,
        ),
    ];
    for (header, value, expected, scheme) in cases {
        let found = diagnosed(KEY, header, value, BODY);
        assert_eq!(codes(&found), *expected, "{header}: {value}");
        let verdict = Verdict::Valid {
            scheme: *scheme,
            secret: "main".into(),
        };
        assert_eq!(found.verdict, verdict, "{header}: {value}");
        clean(&found.findings);
        // A listener takes what is documented, and nothing else.
        let headers: Headers = [(header, value)].into_iter().collect();
        let strict = verify(&[secret("main", KEY)], &headers, BODY.as_bytes());
        assert_eq!(strict.is_valid(), expected.is_empty(), "{header}: {value}");
    }
}

#[test]
fn what_is_no_whole_digest_is_told() {
    let right = digest(KEY, BODY);
    let (hex, base64) = (hex::encode(right), STANDARD.encode(right));
    let cases: &[(&str, &str, &str, &str)] = &[
        (
            HEX,
            &hex[..40],
            "truncated",
            "its 40 characters are right, the other 24",
        ),
        (
            HEX,
            &hex[..40].to_uppercase(),
            "truncated",
            "its 40 characters are right",
        ),
        (
            HEX,
            &format!("sha256={}", &hex[..32]),
            "truncated",
            "the other 32 are missing",
        ),
        (
            API,
            &base64[..40],
            "truncated",
            "its 40 characters are right, the other 4",
        ),
        (
            API,
            &STANDARD.encode(&right[..16]),
            "truncated",
            "its 16 bytes are right",
        ),
        (
            "X-Hub-Signature-256",
            &hex[..40],
            "truncated",
            "X-Hub-Signature-256 is cut short",
        ),
        (HEX, "", "empty_signature", "is empty"),
        (HEX, "abc", "not_a_digest", "holds 3 characters"),
        (HEX, "é", "not_a_digest", "holds 1 character that is no"),
        (
            HEX,
            &format!("{hex}{hex}"),
            "not_a_digest",
            "holds 128 characters",
        ),
    ];
    for (header, value, code, part) in cases {
        let found = diagnosed(KEY, header, value, BODY);
        assert_eq!(codes(&found), [*code], "{value}: {found:?}");
        assert!(found.findings[0].message.contains(part), "{found:?}");
        assert_eq!(found.verdict.status(), "invalid");
        clean(&found.findings);
    }
    let sha1 = diagnosed(KEY, HEX, &"0".repeat(40), BODY);
    assert!(sha1.findings[0].fix.contains("SHA-1"), "{sha1:?}");
    for (header, value) in [
        ("X-Other", hex.as_str()),
        ("Signature", "keyid=1"),
        ("X-Hub-Signature-256", ""),
    ] {
        let found = diagnosed(KEY, header, value, BODY);
        assert_eq!(
            (codes(&found), found.verdict),
            (vec!["no_signature"], Verdict::Unsigned)
        );
    }
}

#[test]
fn a_value_alone_is_tried_in_every_scheme() {
    let right = digest(KEY, BODY);
    for (value, scheme) in [
        (hex::encode(right), Scheme::CakemailHex),
        (STANDARD.encode(right), Scheme::CakemailBase64),
    ] {
        let claims = [Claim {
            header: None,
            value: value.as_bytes(),
        }];
        let mut case = Case {
            secrets: &[secret("main", KEY)],
            others: &[],
            claims: &claims,
            headers: &Headers::default(),
            body: BODY.as_bytes(),
        };
        let found = diagnose(&case);
        let valid = Verdict::Valid {
            scheme,
            secret: "main".into(),
        };
        assert_eq!((found.verdict, found.findings), (valid, vec![]));
        case.body = b"{}";
        let found = diagnose(&case);
        let message = &found.findings[0].message;
        assert!(
            message.starts_with("the signature does not match"),
            "{message}"
        );
        case.secrets = &[];
        assert_eq!(diagnose(&case).verdict, Verdict::Unchecked);
    }
}

#[test]
fn the_cure_is_that_of_the_framework_which_the_headers_name() {
    let signed = hex_of(KEY, r#"{"a": "\u00e9"}"#);
    for (name, value, cure) in [
        ("x-powered-by", "Express", "express.json({ verify:"),
        ("server", "Werkzeug/3.0", "request.get_data()"),
        ("user-agent", "python-requests/2.32", "request.get_data()"),
        ("user-agent", "GuzzleHttp/7", "$request->getContent()"),
        ("user-agent", "Faraday v2", "request.raw_post"),
        ("user-agent", "axios/1.7", "express.json({ verify:"),
        ("user-agent", "x", "in Flask `request.get_data()`, in PHP"),
    ] {
        let headers: Headers = [(HEX, &*signed), (name, value)].into_iter().collect();
        let found = diagnose(&Case {
            secrets: &[secret("main", KEY)],
            others: &[],
            claims: &likely_claims(&headers),
            headers: &headers,
            body: r#"{"a":"é"}"#.as_bytes(),
        });
        assert_eq!(codes(&found), ["json_python"], "{name}: {value}");
        assert!(found.findings[0].fix.contains(cure), "{found:?}");
    }
}

#[test]
fn a_secret_of_another_event_is_valid_and_said() {
    let headers: Headers = [(HEX, hex_of(KEY, BODY))].into_iter().collect();
    for (event, expected) in [
        ("email.bounced", &["secret_of_other_event"][..]),
        ("Email.Opened", &[]),
        ("email.*", &[]),
    ] {
        let found = diagnose(&Case {
            secrets: &[Secret::new("main", Some(event), KEY).unwrap()],
            others: &[],
            claims: &likely_claims(&headers),
            headers: &headers,
            body: BODY.as_bytes(),
        });
        assert_eq!(codes(&found), expected, "{event}");
        assert!(found.verdict.is_valid());
        clean(&found.findings);
    }
}

#[test]
fn large_bodies_and_many_secrets_are_given_up() {
    let body = vec![b' '; MAX_BODY + 1];
    let found = diagnosed(KEY, HEX, &hex_of(KEY, body.trim_ascii()), &body);
    assert_eq!(codes(&found), ["no_match", "not_all_tried"]);
    let body = vec![b'['; 200 << 10];
    let headers: Headers = [(HEX, hex_of("x", "y"))].into_iter().collect();
    let secrets: Vec<_> = (0..40).map(|n| secret("n", &format!("s{n}"))).collect();
    let case = Case {
        secrets: &secrets,
        others: &[],
        claims: &likely_claims(&headers),
        headers: &headers,
        body: &body,
    };
    let found = diagnose(&case);
    assert_eq!(codes(&found), ["no_match", "not_all_tried"]);
}

/// Every code is in the table of `docs/signatures.md`, and nothing else is.
#[test]
fn the_codes_are_documented() {
    let sources = [
        include_str!("../mod.rs"),
        include_str!("../form.rs"),
        include_str!("../secret.rs"),
        include_str!("../body.rs"),
        include_str!("../body/rare.rs"),
        include_str!("../causes.rs"),
        include_str!("../rejection.rs"),
    ];
    // Some of them are words that could be anything.
    let looks_like_one = |text: &&str| {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let word = ["prefix", "quoted", "truncated"].contains(text);
        text.chars().all(letters) && (word || text.contains('_'))
    };
    let mut used = std::collections::BTreeSet::new();
    for source in sources {
        let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
        used.extend(code.split('"').filter(looks_like_one));
    }
    let docs = include_str!("../../../../docs/signatures.md");
    let rows = docs.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed = rows.filter_map(|row| row.split('`').next());
    let listed: std::collections::BTreeSet<_> = listed.filter(|code| !code.contains('-')).collect();
    assert_eq!(used, listed);
}

proptest! {
    #[test]
    fn never_panics_and_never_tells_the_secret(
        value in proptest::collection::vec(any::<u8>(), 0..90),
        body in proptest::collection::vec(any::<u8>(), 0..200),
        key in "sentinel[ -~]{0,20}[\n\"' ]?",
        header in prop::sample::select(vec![HEX, API, "X-Hub-Signature-256"]),
    ) {
        let headers: Headers = [(header, &value)].into_iter().collect();
        let secrets = [secret("a", &key)];
        let _ = verify(&secrets, &headers, &body);
        let found = diagnose(&Case {
            secrets: &secrets,
            others: &[],
            claims: &likely_claims(&headers),
            headers: &headers,
            body: &body,
        });
        let said = format!("{found:?}");
        prop_assert!(!said.contains("sentinel"), "{said}");
        let _ = why_failed(&body);
    }

    #[test]
    fn one_changed_byte_is_never_valid(
        value in "(sha256=|v1,|\"|)[0-9A-Fa-f+/_=-]{30,90}\"?",
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        for header in [HEX, API, "X-Hub-Signature-256"] {
            let found = diagnosed(KEY, header, &value, &body);
            prop_assert!(!found.verdict.is_valid(), "{found:?}");
        }
    }
}
