//! Digests of another key or of other bytes, one for each way to get there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::{API, BODY, HEX, KEY, clean, codes, diagnosed, secret};
use crate::cakemail::diagnosis::secret::digest;
use crate::cakemail::verify::verify;
use crate::delivery::{Headers, Verdict};

/// How the digest is made wrong: the key and the bytes that it is made with, while `given`
/// and `body` are what is known here.
struct Mistake {
    code: &'static str,
    given: String,
    key: Vec<u8>,
    signed: Vec<u8>,
    body: Vec<u8>,
}

fn on_key(code: &'static str, given: &str, key: impl Into<Vec<u8>>) -> Mistake {
    Mistake {
        code,
        given: given.into(),
        key: key.into(),
        signed: BODY.into(),
        body: BODY.into(),
    }
}

fn on_body(code: &'static str, signed: impl Into<Vec<u8>>, body: impl Into<Vec<u8>>) -> Mistake {
    Mistake {
        code,
        given: KEY.into(),
        key: KEY.into(),
        signed: signed.into(),
        body: body.into(),
    }
}

fn mistakes_with_the_secret() -> Vec<Mistake> {
    let decodes = "sentinel5ecre7key5ecre70";
    let unprefixed = "5ecre7key5ecre7";
    vec![
        on_key("other_secret", KEY, "sentinel-other"),
        on_key("secret_white_space", &format!("{KEY}\n"), KEY),
        on_key("secret_white_space", &format!(" {KEY} "), KEY),
        on_key("secret_line_end", KEY, format!("{KEY}\n")),
        on_key("secret_line_end", KEY, format!("{KEY}\r\n")),
        on_key("secret_quotes", KEY, format!("\"{KEY}\"")),
        on_key("secret_quotes", &format!("'{KEY}'"), KEY),
        on_key("secret_label", KEY, format!("main={KEY}")),
        on_key(
            "secret_hex_decoded",
            "5ec7e75ec7e7",
            hex::decode("5ec7e75ec7e7").unwrap(),
        ),
        on_key(
            "secret_base64_decoded",
            decodes,
            STANDARD.decode(decodes).unwrap(),
        ),
        on_key(
            "secret_base64_decoded",
            &format!("whsec_{decodes}"),
            STANDARD.decode(decodes).unwrap(),
        ),
        on_key("secret_prefix_stripped", KEY, unprefixed),
        Mistake {
            key: BODY.into(),
            signed: KEY.into(),
            ..on_key("hmac_swapped", KEY, "")
        },
        on_key("secret_prefix_stripped", &format!("a_{KEY}"), unprefixed),
    ]
}

fn mistakes_with_json() -> Vec<Mistake> {
    // What JavaScript, Python and PHP make of it.
    let stringify =
        r#"{"event":"email.opened","data":{"url":"https://z/a+b","name":"zoé","n":1,"l":[1,2]}}"#;
    let ruby =
        r#"{"event":"email.opened","data":{"url":"https://z/a+b","name":"zoé","n":1.0,"l":[1,2]}}"#;
    let dumps = r#"{"event": "email.opened", "data": {"url": "https://z/a+b", "name": "zo\u00e9", "n": 1.0, "l": [1, 2]}}"#;
    let json_encode = r#"{"event":"email.opened","data":{"url":"https:\/\/z\/a+b","name":"zo\u00e9","n":1,"l":[1,2]}}"#;
    let pretty = "{\n  \"event\": \"email.opened\",\n  \"data\": {\n    \"url\": \"https://z/a+b\",\n    \"name\": \"zoé\",\n    \"n\": 1,\n    \"l\": [\n      1,\n      2\n    ]\n  }\n}";
    let sorted =
        r#"{"data":{"l":[1,2],"n":1,"name":"zoé","url":"https://z/a+b"},"event":"email.opened"}"#;
    let sorted_dumps = r#"{"data": {"l": [1, 2], "n": 1.0, "name": "zo\u00e9", "url": "https://z/a+b"}, "event": "email.opened"}"#;
    let four = |text: &str| text.replace("  ", "    ");
    vec![
        on_body("json_compact", stringify, BODY),
        on_body("json_compact", ruby, BODY),
        on_body("json_python", dumps, BODY),
        on_body("json_python", dumps.replace("\\u00e9", "é"), BODY),
        on_body("json_python", ruby.replace('é', "\\u00e9"), BODY),
        on_body("json_php", json_encode, BODY),
        on_body("json_php", json_encode.replace("\\u00e9", "é"), BODY),
        on_body("json_php", json_encode.replace("\\/", "/"), BODY),
        on_body("json_pretty", pretty, BODY),
        on_body(
            "json_pretty",
            pretty.replace("\"n\": 1", "\"n\": 1.0"),
            BODY,
        ),
        on_body("json_pretty_4", four(pretty), BODY),
        on_body(
            "json_pretty_4",
            four(pretty).replace('/', "\\/").replace('é', "\\u00e9"),
            BODY,
        ),
        on_body("json_sorted_keys", sorted, BODY),
        on_body("json_sorted_keys", sorted_dumps, BODY),
        on_body(
            "json_rails",
            r#"{"a":"\u003cb\u003e \u0026"}"#,
            r#"{"a": "<b> &"}"#,
        ),
        // The other way around: what is here has been through a parser.
        on_body(
            "json_php",
            json_encode,
            stringify.replace("\"n\":1", "\"n\":1.0"),
        ),
        on_body("json_compact", stringify, pretty),
        on_body("json_compact", stringify, format!("\u{feff}{dumps}")),
    ]
}

fn mistakes_with_the_body() -> Vec<Mistake> {
    let lines = "{\r\n\"a\":\r\n1}";
    let encoded: String = form_urlencoded::byte_serialize(BODY.as_bytes()).collect();
    let mojibake: String = BODY.bytes().map(char::from).collect();
    let latin: Vec<u8> = BODY.chars().map(|c| u8::try_from(c).unwrap()).collect();
    let buffer = format!(r#"{{"type":"Buffer","data":{:?}}}"#, BODY.as_bytes()).replace(' ', "");
    let invalid = b"{\"a\":\"\xff\"}";
    vec![
        on_body("body_newline_added", BODY, format!("{BODY}\n")),
        on_body("body_newline_added", BODY, format!("{BODY}\r\n")),
        on_body("body_newline_trimmed", format!("{BODY}\n"), BODY),
        on_body("body_newline_trimmed", format!("{BODY}\r\n"), BODY),
        on_body("body_white_space_added", BODY, format!("  {BODY}\n\n")),
        on_body("body_crlf_to_lf", lines, lines.replace('\r', "")),
        on_body("body_lf_to_crlf", lines.replace('\r', ""), lines),
        on_body("body_bom_added", BODY, format!("\u{feff}{BODY}")),
        on_body("body_bom_stripped", format!("\u{feff}{BODY}"), BODY),
        on_body("body_latin_1", mojibake.clone(), BODY),
        on_body("body_latin_1", BODY, mojibake),
        on_body("body_latin_1", latin, BODY),
        on_body("body_not_utf8", "{\"a\":\"\u{fffd}\"}", invalid),
        on_body("body_percent_decoded", BODY, encoded.replace('+', "%20")),
        on_body("body_percent_decoded", "a b=1", "a+b=1"),
        on_body(
            "body_percent_decoded",
            BODY,
            format!("payload={encoded}&x=1"),
        ),
        on_body("body_percent_encoded", encoded.replace('+', "%20"), BODY),
        on_body("body_percent_encoded", "a+b%3D1", "a b=1"),
        on_body("body_base64_encoded", STANDARD.encode(BODY), BODY),
        on_body("body_base64_decoded", BODY, STANDARD.encode(BODY)),
        on_body(
            "body_stringified",
            serde_json::to_string(BODY).unwrap(),
            BODY,
        ),
        on_body("body_stringified", buffer, BODY),
        on_body("body_placeholder", "[object Object]", BODY),
        on_body("body_placeholder", "{}", BODY),
        on_body("body_placeholder", "undefined", BODY),
        on_body("body_empty", "", BODY),
        on_body("no_match", "something else", BODY),
        on_body("no_match", BODY, ""),
    ]
}

#[test]
fn each_mistake_is_found_and_no_other() {
    let mut mistakes = mistakes_with_the_secret();
    mistakes.extend(mistakes_with_json());
    mistakes.extend(mistakes_with_the_body());
    for one in mistakes {
        let wrong = digest(&one.key, &one.signed);
        let signed = String::from_utf8_lossy(&one.signed);
        for (header, value) in [(HEX, hex::encode(wrong)), (API, STANDARD.encode(wrong))] {
            let found = diagnosed(&one.given, header, &value, &one.body);
            assert_eq!(codes(&found), [one.code], "{signed}: {found:?}");
            let reason = found.findings[0].message.as_str().into();
            assert_eq!(found.verdict, Verdict::Invalid { reason });
            clean(&found.findings);
            // The listener says the same, but for secrets that it would take.
            let headers: Headers = [(header, &value)].into_iter().collect();
            let strict = verify(&[secret("main", &one.given)], &headers, &one.body);
            if one.code != "other_secret" {
                assert_eq!(strict, found.verdict, "{signed}");
            }
        }
        let upper = hex::encode(wrong).to_uppercase();
        let found = diagnosed(&one.given, HEX, &upper, &one.body);
        assert_eq!(found.findings[0].code, one.code, "{signed}");
        if one.code != "no_match" {
            assert_eq!(codes(&found)[1..], ["upper_case_hex"], "{signed}");
        }
    }
}

#[test]
fn a_plain_digest_is_told() {
    for text in [
        BODY.to_owned(),
        format!("{KEY}{BODY}"),
        format!("{BODY}{KEY}"),
    ] {
        let found = diagnosed(KEY, HEX, &hex::encode(Sha256::digest(text)), BODY);
        assert_eq!(codes(&found), ["no_hmac"], "{found:?}");
        assert_eq!(found.verdict.status(), "invalid");
        clean(&found.findings);
    }
}

#[test]
fn two_mistakes_at_once_are_both_told() {
    let cases: [(&str, &str, &str, [&str; 2]); 3] = [
        (KEY, "", BODY, ["secret_line_end", "body_empty"]),
        (
            KEY,
            r#"{"a":1}"#,
            r#"{ "a": 1 }"#,
            ["secret_line_end", "json_compact"],
        ),
        ("other", "x", "x\n", ["other_secret", "body_newline_added"]),
    ];
    for (given, signed, body, expected) in cases {
        let key = if given == KEY {
            format!("{KEY}\n")
        } else {
            "sentinel-other".to_owned()
        };
        let value = hex::encode(digest(key.as_bytes(), signed.as_bytes()));
        let found = diagnosed(given, HEX, &value, body);
        assert_eq!(codes(&found), expected, "{found:?}");
        clean(&found.findings);
        let found = diagnosed(given, HEX, &value.to_uppercase(), body);
        assert_eq!(codes(&found)[2..], ["upper_case_hex"], "{found:?}");
    }
}
