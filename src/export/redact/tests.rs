use super::*;
use crate::cakemail::verify::verify;
use crate::export::read::tests::{answered, kept, received};
use proptest::prelude::*;
use serde_json::{Value, json};

fn secret() -> Secret {
    Secret::new(THROW_AWAY, None, "throw-away-1234").unwrap()
}

fn redacted(all: &[Kept]) -> Vec<Kept> {
    let mut redactor = Redactor::new(secret(), all);
    all.iter().map(|kept| redactor.redact(kept).kept).collect()
}

fn of_body(body: &str) -> String {
    let all = [kept(1, received("/", vec![], body.as_bytes()))];
    let body = redacted(&all)[0].delivery.request.body.to_vec();
    String::from_utf8(body).unwrap()
}

/// Everything that is exported of a delivery.
fn everything(kept: &Kept) -> String {
    format!("{kept:?}")
}

#[test]
fn a_delivery_keeps_its_form() {
    let body = r#"{"event":"email.clicked","data":{ "email" : "ada.lovelace@acme.io","ip_address":"198.51.100.20",
 "first_name":"Ada","last_name":"Lovelace","note":"Hi Ada! \u0041DA@acme.io wrote","campaign_id":790,
 "message_id":"msg_00ffaa1122bb","url":"https:\/\/acme.io\/u?email=ada.lovelace%40acme.io&x=1",
 "user_agent":"Mozilla/5.0 Chrome/120.0.0.0","token":"Zx81-abc","inner":"{\"email\":\"bob@acme.io\",\"n\":1}"}}"#;
    let mut one = kept(
        1,
        received(
            "/hooks/cakemail?contact=Ada&to=ada.lovelace%40acme.io",
            vec![
                ("host", "hooks.example.net"),
                ("content-type", "application/json"),
                ("content-length", &body.len().to_string()),
                ("authorization", "Bearer s3cr3t-t0ken-value"),
                ("cookie", "sid=abcdef123; theme=dark"),
                ("x-forwarded-for", "198.51.100.20, 10.1.2.3, 127.0.0.1"),
                ("x-real-ip", "2001:db8:1::5"),
                ("user-agent", "Cakemail-Webhooks/1.0"),
            ],
            body.as_bytes(),
        ),
    );
    answered(&mut one, 200, b"stored ada.lovelace@acme.io");
    insta::assert_snapshot!({
        let out = &redacted(&[one])[0];
        let request = &out.delivery.request;
        let Outcome::Answered(answer) = &out.attempts[0].outcome else {
            panic!("it was answered")
        };
        format!(
            "{}\n{}\n{:#?}\n{}\n{}\n{}",
            request.peer,
            request.path_and_query,
            request.headers,
            String::from_utf8_lossy(&request.body),
            out.attempts[0].target,
            String::from_utf8_lossy(&answer.body)
        )
    });
}

#[test]
fn bytes_beside_a_value_are_kept() {
    for (body, kept) in [
        (r#"{ "a" : 1.50, "b":"\/\u00e9" , "c":[ ] }"#, true),
        (
            r#"{"event":"email.sent","data":{"campaign_id":790,"status":"sent"}}"#,
            true,
        ),
        ("not json", true),
        ("", true),
        (r#"{"email":"a@b.co"}"#, false),
    ] {
        assert_eq!(of_body(body) == body, kept, "{body}");
    }
    let out = of_body(r#"{ "x":"\/\u00e9 a@b.co \/" ,"y":1e2}"#);
    assert!(out.starts_with(r#"{ "x":"\/\u00e9 "#), "{out}");
    assert!(out.ends_with(r#"@example.com \/" ,"y":1e2}"#), "{out}");
}

#[test]
fn the_same_value_becomes_the_same_look_alike() {
    let all = [
        kept(
            1,
            received(
                "/",
                vec![],
                br#"{"email":"ada@acme.io","note":"from Lovelace"}"#,
            ),
        ),
        kept(
            2,
            received(
                "/",
                vec![],
                br#"{"to":"ADA@acme.io","cc":"bob@acme.io","last_name":"Lovelace"}"#,
            ),
        ),
    ];
    let out = redacted(&all);
    let body =
        |at: usize| -> Value { serde_json::from_slice(&out[at].delivery.request.body).unwrap() };
    assert_eq!(body(0)["email"], body(1)["to"]);
    assert_ne!(body(1)["to"], body(1)["cc"]);
    let name = body(1)["last_name"].as_str().unwrap().to_owned();
    assert_eq!(body(0)["note"], format!("from {name}"));
    assert_eq!(name.len(), "Lovelace".len());
    // And the same again, the next time.
    assert_eq!(redacted(&all), out);
}

#[test]
fn what_is_nearly_json_is_looked_through_too() {
    for body in [
        r#"{"first_name":"Grace","email":"g@navy.mil",}"#,
        r#"{"first_name":"Grace","email":"g@navy.mil"#,
        "{\"first_name\":\"Grace\"}\n{\"email\":\"g@navy.mil\"}\n",
        r#"[g@navy.mil, {"first_name": "Grace"}]"#,
        "first_name=Grace&email=g%40navy.mil",
        r#""g@navy.mil, {\"first_name\":\"Grace\"}""#,
        r#"{"a":"{\"b\":\"{\\\"first_name\\\":\\\"Grace\\\",\\\"e\\\":\\\"g\\u0040navy.mil\\\"}\"}"}"#,
        r#"{"first_name":{"given":["Grace"]},"g@navy.mil":1}"#,
        r#"{"user":{"name":"Grace"},"u":"x://h/?q=g%2540navy.mil#Grace"}"#,
    ] {
        let headers = vec![("content-type", "application/x-www-form-urlencoded")];
        let all = [kept(1, received("/", headers, body.as_bytes()))];
        let out = everything(&redacted(&all)[0]);
        assert!(
            !out.contains("Grace") && !out.contains("navy.mil"),
            "{body}\n{out}"
        );
    }
}

#[test]
fn what_cannot_be_read_is_left_out() {
    for (encoding, body) in [
        ("gzip", b"abc".as_slice()),
        ("identity", b"a\0b"),
        ("", b"\x1f\x8b\x00"),
    ] {
        let all = [kept(
            1,
            received(
                "/",
                vec![("content-encoding", encoding), ("content-length", "3")],
                body,
            ),
        )];
        let out = Redactor::new(secret(), &all).redact(&all[0]);
        assert!(out.kept.delivery.request.body.is_empty());
        assert_eq!(out.left_out.len(), 1);
        assert_eq!(
            out.kept.delivery.request.headers.get("content-length"),
            Some(b"0".as_slice())
        );
        assert_eq!(
            out.kept.delivery.request.headers.get("content-encoding"),
            None
        );
    }
    let all = [kept(1, received("/", vec![], b"caf\xe9 a@b.co \xe9"))];
    let out = redacted(&all)[0].delivery.request.body.to_vec();
    assert!(
        out.starts_with(b"caf\xe9 ") && out.ends_with(b"@example.com \xe9"),
        "{out:?}"
    );
}

#[test]
fn signatures_are_as_right_as_they_were() {
    let body = br#"{"email":"ada@acme.io"}"#;
    let real = Secret::new("main", None, "real").unwrap();
    for scheme in Scheme::ALL {
        let right = real.sign(scheme, body);
        let wrong = real.sign(scheme, b"");
        for (signature, secrets, status) in [
            (&right, std::slice::from_ref(&real), "valid"),
            (&right, &[], "valid"),
            (&wrong, std::slice::from_ref(&real), "invalid"),
        ] {
            let name = scheme.header().to_lowercase();
            let mut request = received("/", vec![(&name, signature)], body);
            request.verdict = verify(secrets, &request.headers, &request.body);
            let out = &redacted(&[kept(1, request)])[0].delivery.request;
            assert_ne!(out.headers.get(&name), Some(signature.as_bytes()));
            let now = verify(&[secret()], &out.headers, &out.body);
            assert_eq!(now.status(), status, "{scheme}");
            assert_eq!(out.verdict.status(), status, "{scheme}");
            assert_eq!(out.headers.get(&name).unwrap().len(), signature.len());
            if status == "valid" {
                assert_eq!(now, out.verdict);
            }
        }
    }
    let unsigned = redacted(&[kept(1, received("/", vec![], body))]);
    assert_eq!(unsigned[0].delivery.request.verdict, Verdict::Unsigned);
}

#[test]
fn targets_on_this_machine_are_kept() {
    for (target, kept) in [
        ("http://localhost:3000/hooks", true),
        ("http://127.0.0.1:3000/", true),
        ("http://[::1]:3000/a", true),
        ("http://10.0.0.7:3000/a", false),
        ("https://app.example/?token=abcdef", false),
    ] {
        let mut book = Book::learning();
        parts::target(&mut book, target);
        book.learning = false;
        let out = parts::target(&mut book, target);
        assert_eq!(out == target, kept, "{out}");
    }
}

#[derive(Debug, Clone)]
struct Person {
    first: String,
    last: String,
    mail: String,
    ip: String,
    token: String,
}

fn person() -> impl Strategy<Value = Person> {
    (
        "[A-Z][a-zé]{4,9}",
        "[A-Z][a-z]{5,9}",
        "[a-z]{3,8}[.+_]?[a-z0-9]{2,5}@[a-z]{3,8}\\.(org|io|co\\.uk)",
        prop_oneof![
            (11u8..120, any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(a, b, c, d)| format!("{a}.{b}.{c}.{d}")),
            (1u16..999, 1u16..999).prop_map(|(a, b)| format!("2a0{}:{a:x}::{b:x}", a % 9)),
        ],
        "[a-f0-9]{9}[0-9][a-f][0-9a-f]{12}|ck_pat_[0-9a-f]{8}[0-9][a-f]{6}[0-9]|[A-Z][0-9][a-z][0-9][A-Z]{3}[0-9][a-zA-Z0-9]{12}",
    )
        .prop_map(|(first, last, mail, ip, token)| Person { first, last, mail, ip, token })
}

impl Person {
    fn values(&self) -> [&str; 5] {
        [&self.first, &self.last, &self.mail, &self.ip, &self.token]
    }

    fn payload(&self, form: u8) -> String {
        let Self {
            first,
            last,
            mail,
            ip,
            token,
        } = self;
        let inner = json!({"email": mail, "user": {"name": first, "ip": ip}, "token": token});
        let plain = json!({"event": "email.opened", "data": {
            "email": mail, "first_name": first, "contact": {"Last Name": last},
            "text": format!("Dear {first} {last}, <{mail}> at {ip} ({token})"),
            "link": format!("https://a.example/{token}?e={}&name={first}%20{last}", mail.replace('@', "%40")),
            "list": [mail, ip, {"names": [first, last]}],
            mail: ip, "nested": inner.to_string(), "number": 12.5, "twice": json!({"a": inner.to_string()}).to_string(),
        }});
        match form {
            0 => plain.to_string(),
            1 => serde_json::to_string_pretty(&plain).unwrap(),
            2 => plain
                .to_string()
                .replace('@', "\\u0040")
                .replace('/', "\\/"),
            3 => format!(
                "email={}&first_name={first}&last_name={last}&ip={ip}&t={token}&payload={}",
                mail.replace('@', "%40").replace('+', "%2B"),
                view::percent_encoded(&plain.to_string())
            ),
            _ => format!("{plain} and {plain},"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_of_a_person_survives(
        people in proptest::collection::vec((person(), 0u8..5), 1..4),
    ) {
        let all: Vec<Kept> = people.iter().zip(1..).map(|((person, form), id)| {
            let body = person.payload(*form);
            let right = Secret::new("main", None, "x").unwrap().sign(Scheme::CakemailHex, body.as_bytes());
            let kind = if *form == 3 { "application/x-www-form-urlencoded" } else { "application/json" };
            let cookie = format!("sid={}", person.token);
            let auth = format!("Bearer {}", person.token);
            let mut request = received(
                &format!("/hooks/{}?email={}&n={}", person.token, person.mail.replace('@', "%40"), person.first),
                vec![("content-type", kind), ("x-cakemail-signature", &right), ("cookie", &cookie),
                     ("authorization", &auth), ("x-forwarded-for", &person.ip), ("x-note", &person.mail)],
                body.as_bytes(),
            );
            request.peer = if person.ip.contains(':') { format!("[{}]:1", person.ip) } else { format!("{}:1", person.ip) }.into();
            let mut kept = kept(id, request);
            answered(&mut kept, 200, format!("{{\"stored\":\"{}\",\"by\":\"{} {}\"}}", person.mail, person.first, person.last).as_bytes());
            kept
        }).collect();
        let out = redacted(&all);
        for (kept, (_, form)) in out.iter().zip(&people) {
            let request = &kept.delivery.request;
            let body = std::str::from_utf8(&request.body).unwrap();
            if *form < 3 {
                prop_assert!(serde_json::from_str::<Value>(body).is_ok(), "{body}");
                prop_assert_eq!(request.event.as_deref(), Some("email.opened"));
            }
            prop_assert_eq!(verify(&[secret()], &request.headers, &request.body), request.verdict.clone());
            prop_assert!(request.verdict.is_valid());
            let text = everything(kept);
            let decoded = [
                text.replace("\\u0040", "@").replace('\\', ""),
                view::View::of_percent(&text, true).text,
                format!("{body}{}", request.peer),
            ];
            for (person, _) in &people {
                for value in person.values() {
                    for text in &decoded {
                        prop_assert!(!text.contains(value), "{value} in {text}");
                    }
                }
            }
        }
    }

    #[test]
    fn any_body_is_redacted_or_left_out(body in prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..80),
        "(\\{|\\}|\\[|\\]|\"|:|,|\\\\|\\\\u0040|a@b\\.c|email|name|token|%40|[0-9]|://|\\?|=|&| |é){0,40}".prop_map(String::into_bytes),
    ]) {
        let all = [kept(1, received("/", vec![], &body))];
        let out = redacted(&all);
        // A body that was JSON is JSON.
        if let Ok(before) = serde_json::from_slice::<Value>(&body) {
            let after = serde_json::from_slice::<Value>(&out[0].delivery.request.body);
            prop_assert!(after.is_ok_and(|after| std::mem::discriminant(&after) == std::mem::discriminant(&before)));
        }
    }
}
