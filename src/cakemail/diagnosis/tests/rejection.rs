//! Why an app refuses a right signature.

use super::*;

fn received(verdict: Verdict, path: &str, body: &[u8]) -> Received {
    Received {
        received_at: jiff::Timestamp::UNIX_EPOCH,
        peer: "".into(),
        method: "POST".into(),
        path_and_query: path.into(),
        headers: Headers::default(),
        body: body.to_vec().into(),
        event: None,
        verdict,
        original: None,
        relayed: None,
    }
}

fn valid(scheme: Scheme, label: &str) -> Verdict {
    Verdict::Valid {
        scheme,
        secret: label.into(),
    }
}

fn reply<'a>(status: u16, headers: &'a Headers, body: &'a str) -> Reply<'a> {
    let body = body.as_bytes();
    Reply {
        status,
        headers,
        body,
    }
}

fn said(scheme: Scheme, answer: &Headers, path: &str, body: &[u8]) -> Vec<String> {
    let request = received(valid(scheme, "main"), path, body);
    let why = why_refused(&request, reply(401, answer, ""), &Keys::default());
    why.unwrap().why.unwrap().lines().collect()
}

/// The findings' codes, and all that is said.
fn told(verdict: Verdict, status: u16, body: &str, keys: &Keys) -> (Vec<&'static str>, String) {
    let request = received(verdict, "/", br#"{"url":"https:\/\/x"}"#);
    let none = Headers::default();
    let Some(refusal) = why_refused(&request, reply(status, &none, body), keys) else {
        return (Vec::new(), String::new());
    };
    let why = refusal.why.unwrap();
    let codes = why.findings.iter().map(|one| one.code).collect();
    (codes, why.lines().collect::<Vec<_>>().join("\n"))
}

const UNDEFINED: &str = "TypeError [ERR_INVALID_ARG_TYPE]: The first argument must be of type string or an instance of Buffer. Received undefined";

#[test]
fn an_app_that_reads_the_other_header_is_told_so() {
    let none = Keys::default();
    let (codes, text) = told(valid(Scheme::ApiBase64, "main"), 500, UNDEFINED, &none);
    assert_eq!(codes, ["app_reads_other_header"]);
    for part in [
        "the app throws while it checks it",
        "the app probably reads `X-Cakemail-Signature` (hex, as in the CLI manual); this delivery is signed in `X-Signature` (base64, as Cakemail's API does)",
        "have the app read `X-Signature` and compare in base64 (`req.headers['x-signature']`, `.digest('base64')`)",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let (codes, text) = told(
        valid(Scheme::ApiBase64, "main"),
        401,
        "Missing X-Cakemail-Signature",
        &none,
    );
    assert_eq!(codes[0], "app_reads_other_header");
    assert!(
        text.contains("the app reads `X-Cakemail-Signature`"),
        "{text}"
    );
    let (codes, text) = told(valid(Scheme::CakemailHex, "main"), 500, UNDEFINED, &none);
    assert_eq!(codes, ["app_reads_other_header"]);
    assert!(text.contains("reads `X-Signature` (base64"), "{text}");
    // With nothing said it is one of the causes.
    let (codes, _) = told(valid(Scheme::ApiBase64, "main"), 401, "no", &none);
    assert_eq!(
        codes,
        [
            "app_reads_other_header",
            "app_compares_otherwise",
            "app_reserialises"
        ]
    );
    let (codes, _) = told(
        valid(Scheme::ApiBase64, "main"),
        401,
        "Invalid signature",
        &none,
    );
    assert_eq!(codes.last(), Some(&"app_reads_other_header"));
}

#[test]
fn of_an_app_that_fails_without_a_word_the_other_header_is_the_likeliest() {
    let none = Keys::default();
    let api = || valid(Scheme::ApiBase64, "main");
    for (status, body) in [
        (500, ""),
        (500, "Internal Server Error"),
        (400, "Bad Request"),
    ] {
        let (codes, text) = told(api(), status, body, &none);
        assert_eq!(codes, ["app_reads_other_header"], "{status} {body}");
        for part in [
            "the app's answer does not tell what went wrong there",
            "the app may read `X-Cakemail-Signature` (hex, as in the CLI manual); this delivery is signed in `X-Signature`",
            "answer 401 where it is missing",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
    for (verdict, status, body) in [
        (api(), 500, "connect ECONNREFUSED 127.0.0.1:5432"),
        (api(), 400, "no such list"),
        (api(), 502, ""),
        (api(), 404, ""),
        (valid(Scheme::CakemailHex, "main"), 500, ""),
        (Verdict::Unsigned, 500, ""),
        (Verdict::Unchecked, 500, ""),
    ] {
        assert_eq!(told(verdict, status, body, &none).1, "", "{status} {body}");
    }
    // It may have come in both.
    let mut request = received(api(), "/", b"{}");
    request.headers = [("x-signature", "a"), ("x-cakemail-signature", "b")]
        .into_iter()
        .collect();
    let empty = Headers::default();
    assert_eq!(why_refused(&request, reply(500, &empty, ""), &none), None);
}

#[test]
fn what_an_app_throws_at_is_told_apart() {
    let none = Keys::default();
    let main = || valid(Scheme::CakemailHex, "main");
    for (body, code) in [
        (
            "Input buffers must have the same byte length",
            "app_compares_lengths",
        ),
        (
            r#"The "key" argument must be of type string. Received undefined"#,
            "app_has_no_secret",
        ),
        (
            r#"The "data" argument must be of type string. Received undefined"#,
            "app_has_no_body",
        ),
    ] {
        assert_eq!(told(main(), 500, body, &none).0, [code], "{body}");
    }
    for (status, body) in [
        (500, "oops"),
        (404, UNDEFINED),
        (400, "no such list"),
        (200, ""),
    ] {
        assert_eq!(told(main(), status, body, &none).1, "", "{status} {body}");
    }
    assert!(!told(main(), 400, "bad signature", &none).0.is_empty());
    let (codes, text) = told(Verdict::Unsigned, 500, UNDEFINED, &none);
    assert_eq!(codes, ["app_throws_unsigned"]);
    assert!(text.contains("answer 401"), "{text}");
}

#[test]
fn among_several_secrets_another_one_is_the_likeliest() {
    let several = Keys {
        several: true,
        webhooks: [Arc::new(Registration {
            event: "Email.Opened".into(),
            id: "X1qRXqz1upM9".into(),
            url: "https://x".into(),
            is_reused: false,
            flags: Box::default(),
        })]
        .into(),
    };
    for (label, command) in [
        ("main", "cmhook webhooks list --show-secrets"),
        (
            "Email.Opened",
            "cmhook webhooks get X1qRXqz1upM9 --show-secrets",
        ),
        (
            "Email.Opened (registered)",
            "cmhook webhooks get X1qRXqz1upM9 --show-secrets",
        ),
    ] {
        let (codes, text) = told(valid(Scheme::CakemailHex, label), 401, "", &several);
        assert_eq!(codes[0], "app_checks_other_secret", "{label}");
        assert!(codes.contains(&"app_reserialises"), "{codes:?}");
        assert!(text.contains(command), "{text}");
        assert!(text.contains(&format!("the secret `{label}`")), "{text}");
    }
    let one = Keys::default();
    let of = |label| told(valid(Scheme::CakemailHex, label), 401, "", &one).0[0];
    assert_eq!(of("main"), "app_reserialises");
    // Its label tells that it was made for one webhook.
    assert_eq!(of("Email.Opened"), "app_checks_other_secret");
}

fn registered(events: &[&str]) -> Keys {
    let webhook = |event: &&str| {
        Arc::new(Registration {
            event: (*event).into(),
            id: "X1qRXqz1upM9".into(),
            url: "https://x".into(),
            is_reused: false,
            flags: Box::default(),
        })
    };
    Keys {
        several: events.len() > 1,
        webhooks: events.iter().map(webhook).collect(),
    }
}

#[test]
fn the_command_that_shows_a_secret_asks_the_same_account() {
    let mut keys = registered(&["Email.Opened", "Email.Clicked"]);
    let flags = ["--api", "http://[::1]:4500", "--account", "7"];
    let with_flags = |one: &Arc<Registration>| {
        Arc::new(Registration {
            flags: flags.map(str::to_owned).into(),
            ..(**one).clone()
        })
    };
    keys.webhooks = keys.webhooks.iter().map(with_flags).collect();
    for (label, shows) in [("Email.Clicked", "get X1qRXqz1upM9"), ("main", "list")] {
        let (_, text) = told(valid(Scheme::CakemailHex, label), 401, "", &keys);
        let command = format!(
            "`cmhook webhooks {shows} --show-secrets --api 'http://[::1]:4500' --account 7`"
        );
        assert!(text.contains(&command), "{text}");
    }
}

#[test]
fn of_one_webhook_there_is_no_other_secret() {
    let keys = registered(&["Email.Opened"]);
    let sent = valid(Scheme::CakemailHex, "Email.Opened");
    let (codes, _) = told(sent, 401, "", &keys);
    assert_eq!(codes[0], "app_reserialises");
    assert!(!codes.contains(&"app_checks_other_secret"), "{codes:?}");
}

#[test]
fn of_several_webhooks_the_app_needs_every_secret() {
    let keys = registered(&["Email.Opened", "Email.Clicked"]);
    let sent = valid(Scheme::CakemailHex, "Email.Clicked");
    let (codes, text) = told(sent, 401, "", &keys);
    assert_eq!(codes[0], "app_checks_other_secret");
    assert!(text.contains("hold the secrets of all of them"), "{text}");
    assert!(text.contains("here it is `Email.Clicked`"), "{text}");
}

#[test]
fn a_rejection_names_the_byte_and_the_cure() {
    let body = br#"{"url":"https:\/\/x"}"#;
    let express: Headers = [("x-powered-by", "Express")].into_iter().collect();
    let lines = said(Scheme::CakemailHex, &express, "/", body).join("\n");
    assert!(
        lines.contains("JSON.stringify drops the escaped slash at byte 14"),
        "{lines:?}"
    );
    assert!(lines.contains("express.json({ verify:"), "{lines:?}");
    let flask: Headers = [("server", "Werkzeug/3.0")].into_iter().collect();
    let lines = said(Scheme::CakemailHex, &flask, "/", br#"{"a":1}"#).join("\n");
    assert!(
        lines.contains("json.dumps adds a space at byte 5"),
        "{lines:?}"
    );
    let lines = said(Scheme::ApiBase64, &express, "/", b"not json").join("\n");
    assert!(lines.contains("X-Signature as base64"), "{lines:?}");
}

#[test]
fn a_rejection_claims_no_more_than_can_be_known() {
    let body = "{\"event\": \"email.opened\", \"n\": \"\u{e9}\"}".as_bytes();
    let none = Headers::default();
    let lines = said(Scheme::CakemailHex, &none, "/", body);
    assert!(lines[1].starts_with("if it hashes"), "{lines:?}");
    for part in [
        "JSON.stringify drops",
        "json.dumps escapes the non-ASCII",
        "json_encode",
    ] {
        assert!(lines[1].contains(part), "{lines:?}");
    }
    assert!(lines[2].contains("`data` in Node"), "{lines:?}");
    assert!(lines[4].contains("as lower-case hex"), "{lines:?}");
    // The usual handler knows hex only.
    let lines = said(Scheme::CakemailBase64, &none, "/", body);
    assert!(
        lines[2].contains("X-Cakemail-Signature as base64"),
        "{lines:?}"
    );
    let python: Headers = [("server", "BaseHTTP/0.6 Python/3.11.7")]
        .into_iter()
        .collect();
    let lines = said(Scheme::CakemailHex, &python, "/", body);
    assert!(lines[1].contains("json.dumps escapes"), "{lines:?}");
    let login: Headers = [("www-authenticate", "Basic")].into_iter().collect();
    let lines = said(Scheme::CakemailHex, &login, "/hook", body);
    assert!(lines[1].contains("/hook wants a login"), "{lines:?}");
}
