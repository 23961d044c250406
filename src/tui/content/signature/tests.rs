//! Signatures of every kind, with what is said of them.

use std::sync::Arc;

use super::*;
use crate::cakemail::explained::explain;
use crate::cakemail::signature::Secret;
use crate::delivery::{Headers, is_unsafe_on_terminal};
use crate::delivery::{Kept, Scheme};
use crate::tui::content::samples::{
    answered, failed, kept, plain, received, sample, secret, unsigned,
};
use proptest::prelude::*;

fn shown(kept: &Kept, secrets: &[Secret]) -> String {
    plain(&lines(
        &explain(kept, secrets, Arc::default()),
        &Glyphs::UNICODE,
    ))
}

const HEADER: &str = "x-cakemail-signature";

#[test]
fn a_right_one_and_what_the_app_made_of_it() {
    let known = [Secret::new("other", None, "o").unwrap(), secret()];
    let error = r#"{"error":"Invalid signature"}"#;
    let with = |event, attempt: Option<Attempt>| kept(event, attempt.as_slice());
    let all = [
        shown(&with("email.opened", None), &known),
        shown(
            &with("email.opened", Some(answered(1, 200, "text/plain", "OK"))),
            &known,
        ),
        shown(&with("email.opened", Some(failed(1))), &known),
        // Its slashes are escaped.
        shown(
            &with(
                "email.clicked",
                Some(answered(1, 401, "application/json", error)),
            ),
            &known,
        ),
        // The secret is known no more, or not any other.
        shown(&with("email.opened", None), &[]),
        shown(&with("email.opened", None), &known[..1]),
    ];
    insta::assert_snapshot!("right", all.join("\n----\n"));
}

#[test]
fn a_wrong_one_is_explained() {
    let body = sample("email.clicked");
    let hex = secret().sign(Scheme::CakemailHex, &body);
    let of = |name: &str, value: &str| received(&body, &[(name, value)], &[secret()]);
    let python = serde_json::from_slice::<serde_json::Value>(&body)
        .unwrap()
        .to_string();
    let rotated = format!("{}{}", &hex[..12], "0".repeat(52));
    let many: Vec<_> = (0..11)
        .map(|n| Secret::new(&format!("s{n}"), None, &n.to_string()).unwrap())
        .collect();
    let all = [
        shown(&of(HEADER, &rotated), &[secret()]),
        shown(&of(HEADER, &hex.to_ascii_uppercase()), &[secret()]),
        shown(
            &of(
                HEADER,
                &secret().sign(Scheme::CakemailHex, python.as_bytes()),
            ),
            &[secret()],
        ),
        shown(&of("x-signature", "nonsense"), &[secret()]),
        shown(&of(HEADER, ""), &[secret()]),
        shown(
            &of("x-hub-signature-256", &format!("sha256={hex}")),
            &[secret()],
        ),
        shown(&of(HEADER, &"0".repeat(64)), &many),
        // The secret that was tried is known no more.
        shown(&of(HEADER, &rotated), &[]),
    ];
    insta::assert_snapshot!("wrong", all.join("\n----\n"));
}

#[test]
fn none_and_one_that_cannot_be_checked() {
    let body = sample("email.opened");
    let value = secret().sign(Scheme::ApiBase64, &body);
    let mut unchecked = received(&body, &[("x-signature", &value)], &[]);
    let mut none = unsigned(b"");
    let mut all = vec![
        shown(&none, &[secret()]),
        shown(&unchecked, &[]),
        // Now it can.
        shown(&unchecked, &[secret()]),
    ];
    for one in [&mut unchecked, &mut none] {
        one.attempts = vec![answered(1, 403, "text/plain", "no").into()];
        all.push(shown(one, &[]));
    }
    insta::assert_snapshot!("none", all.join("\n----\n"));
}

proptest! {
    #[test]
    fn no_secret_is_shown_and_nothing_acts(
        header in prop::sample::select(vec![HEADER, "x-signature", "x-hub-signature-256"]),
        value in "(sha256=|\"|)[0-9A-Fa-f+/=]{0,90}|\\PC{0,9}[\u{9b}\u{202e}a]{0,3}",
        body in proptest::collection::vec(any::<u8>(), 0..60),
        known in any::<bool>(),
    ) {
        let mut kept = unsigned(&body);
        let delivery = Arc::make_mut(&mut kept.delivery);
        delivery.request.headers = [(header, value)].into_iter().collect::<Headers>();
        kept.attempts = vec![answered(1, 401, "", "no").into()];
        let secrets = if known { vec![secret()] } else { Vec::new() };
        let explained = explain(&kept, &secrets, Arc::default());
        let held = format!("{explained:?}");
        prop_assert!(!held.contains("sentinel"), "{}", held);
        for line in lines(&explained, &Glyphs::ASCII) {
            prop_assert!(!line.plain().contains(is_unsafe_on_terminal));
        }
    }
}
