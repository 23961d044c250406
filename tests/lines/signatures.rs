//! Verdicts as the binary gives them: every scheme, every way to get it wrong, and digests
//! that none of its code has computed.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::captured::Listening;
use crate::support::listener::Listener;
use crate::support::raw::{Connection, ask, request};
use crate::support::sender::{Scheme, sign};

/// The verdict on one delivery.
#[track_caller]
fn verdict(listener: &mut Listener, fields: &str, body: &[u8]) -> Value {
    ask(listener.address(), request("POST /", fields, body));
    listener.delivery()["verdict"].clone()
}

fn field((name, value): (&str, String)) -> String {
    format!("{name}: {value}\r\n")
}

#[test]
fn every_scheme_right_and_wrong() {
    let mut listener = Listener::start(&["--ephemeral", "-s", "old=first", "-s", "new=second"]);
    let body: &[u8] = br#"{"event":"email.opened","data":{"url":"https:\/\/example.com"}}"#;
    for scheme in Scheme::ALL {
        let (header, right) = sign(scheme, "second", body);
        let mut of = |value: &str| verdict(&mut listener, &field((header, value.into())), body);

        let valid = of(&right);
        assert_eq!(valid["status"], "valid", "{scheme:?}");
        assert_eq!(valid["scheme"], scheme.name());
        assert_eq!(valid["secret"], "new");
        assert_eq!(valid["reason"], Value::Null);

        let (_, wrong) = sign(scheme, "third", body);
        let upper = right.to_uppercase();
        let prefixed = format!("sha256={right}");
        let doubled = format!("{right}{right}");
        let listed = format!("{right}, {right}");
        let digest = if right.len() == 64 {
            hex::decode(&right).expect("hex")
        } else {
            STANDARD.decode(&right).expect("base64")
        };
        for (value, part) in [
            (&*wrong, "none of the 2 known secrets"),
            (
                &*upper,
                if right.len() == 64 {
                    "in upper-case hex"
                } else {
                    "none of the 2"
                },
            ),
            (&*prefixed, "behind `sha256=`"),
            (&right[..40], "is cut short: its 40 characters are right"),
            (&right[1..], "no SHA-256 digest"),
            (&*doubled, "no SHA-256 digest"),
            (&*listed, "no SHA-256 digest"),
            ("", "is empty"),
            ("nonsense", "holds 8 characters"),
            ("é✓", "holds 2 characters"),
            (&"0".repeat(9000), "holds 9000 characters"),
        ] {
            let invalid = of(value);
            assert_eq!(
                invalid["status"], "invalid",
                "{scheme:?} {value}: {invalid}"
            );
            let reason = invalid["reason"].as_str().expect("a reason");
            assert!(reason.contains(part), "{scheme:?} {value}: {reason}");
            assert_eq!(invalid["scheme"], Value::Null);
            assert_eq!(invalid["secret"], Value::Null);
        }
        // The other header, and the other encoding in the one that takes no other.
        let (_, hex) = sign(Scheme::CakemailHex, "second", body);
        let there = verdict(&mut listener, &field(("X-Signature", hex)), body);
        assert_eq!(there["status"], "invalid");
        for changed in [&[body, b"\n"].concat(), &body[..body.len() - 1], b""] {
            let there = verdict(&mut listener, &field((header, right.clone())), changed);
            assert_eq!(there["status"], "invalid", "{there}");
        }
        assert_eq!(digest.len(), 32);
    }
    for body in [body, b""] {
        assert_eq!(verdict(&mut listener, "", body)["status"], "unsigned");
        let other = "X-Hub-Signature-256: sha256=00\r\nSignature: abc\r\n";
        assert_eq!(verdict(&mut listener, other, body)["status"], "unsigned");
    }
    listener.stop();

    let mut nothing_known = Listener::start(&["--ephemeral"]);
    for scheme in Scheme::ALL {
        let fields = field(sign(scheme, "second", body));
        let unchecked = verdict(&mut nothing_known, &fields, body);
        assert_eq!(unchecked["status"], "unchecked");
        assert_eq!(unchecked["secret"], Value::Null);
    }
    assert_eq!(verdict(&mut nothing_known, "", body)["status"], "unsigned");
    nothing_known.stop();
}

#[test]
fn of_several_headers_one_right_one_is_enough() {
    let mut listener = Listener::start(&["--ephemeral", "-s", "old=first", "-s", "new=second"]);
    let body: &[u8] = b"{}";
    let right = |scheme| field(sign(scheme, "second", body));
    let wrong = |scheme| field(sign(scheme, "third", body));
    let (hex, base64, api) = (
        Scheme::CakemailHex,
        Scheme::CakemailBase64,
        Scheme::ApiBase64,
    );
    for (fields, scheme) in [
        (right(hex) + &wrong(api), Some(hex)),
        (wrong(hex) + &right(api), Some(api)),
        (right(api) + &wrong(base64), Some(api)),
        (right(hex) + &right(hex), Some(hex)),
        (wrong(hex) + &right(hex), Some(hex)),
        (wrong(hex) + &right(base64), Some(base64)),
        ("X-Signature: \r\n".to_owned() + &right(hex), Some(hex)),
        (
            "x-CAKEMAIL-signature: nonsense\r\n".to_owned() + &right(api),
            Some(api),
        ),
        (wrong(hex) + &wrong(api), None),
        (wrong(api) + &wrong(api), None),
    ] {
        let verdict = verdict(&mut listener, &fields, body);
        let status = if scheme.is_some() { "valid" } else { "invalid" };
        assert_eq!(verdict["status"], status, "{fields}: {verdict}");
        assert_eq!(
            verdict["scheme"].as_str(),
            scheme.map(Scheme::name),
            "{fields}"
        );
    }
    listener.stop();
}

/// Those of RFC 4231 whose keys are text; the others are beside the code.
#[test]
fn vectors_of_rfc_4231() {
    for (key, data, digest) in [
        (
            "\x0b".repeat(20),
            "Hi There".to_owned(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            "Jefe".to_owned(),
            "what do ya want for nothing?".to_owned(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
    ] {
        let mut listener = Listener::start(&["--ephemeral", "--secret", &key]);
        let bytes = hex::decode(digest).expect("hex");
        for (header, value, scheme) in [
            ("X-Cakemail-Signature", digest.to_owned(), "cakemail-hex"),
            (
                "X-Cakemail-Signature",
                STANDARD.encode(&bytes),
                "cakemail-base64",
            ),
            ("X-Signature", STANDARD.encode(&bytes), "api-base64"),
        ] {
            let verdict = verdict(&mut listener, &field((header, value)), data.as_bytes());
            assert_eq!(verdict["scheme"], scheme, "{verdict}");
        }
        listener.stop();
    }
}

/// Random bodies and their digests, all Python's: bodies of every byte, empty ones, and one
/// of 10 MiB.
const PYTHON: &str = r#"
import hashlib, hmac, os, random, sys
folder, seed = sys.argv[1], int(sys.argv[2])
chance = random.Random(seed)
sizes = [0, 1, 55, 56, 63, 64, 65, 127, 128, 10 << 20]
sizes += [chance.randrange(0, 5000) for _ in range(390)]
lines = []
for number, size in enumerate(sizes):
    body = chance.randbytes(size)
    if number % 7 == 0:
        body = body.replace(b"\xff", b"\x00")
    with open(os.path.join(folder, str(number)), "wb") as file:
        file.write(body)
    lines.append(hmac.new("läuft überall ✓".encode(), body, hashlib.sha256).hexdigest())
print("\n".join(lines))
"#;

#[test]
fn verdicts_are_those_of_another_implementation() {
    const SEED: &str = "20261124";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(digests) = python(folder.path(), SEED) else {
        return;
    };
    let listener = Listening::start(&["--json", "--secret", "läuft überall ✓"]);
    let mut connection = Connection::open(listener.address);
    for (number, digest) in digests.iter().enumerate() {
        let body = fs::read(folder.path().join(number.to_string())).expect("a body");
        let base64 = STANDARD.encode(hex::decode(digest).expect("hex"));
        let (header, value) = match number % 3 {
            0 => ("X-Cakemail-Signature", digest.clone()),
            1 => ("X-Cakemail-Signature", base64),
            _ => ("X-Signature", base64),
        };
        connection.send(request("POST /", &field((header, value.clone())), &body));
        assert_eq!(connection.answer().status(), 200);
        // And with one bit of the body changed, where there is one.
        let mut changed = body;
        let at = (number * 31) % changed.len().max(1);
        match changed.get_mut(at) {
            Some(byte) => *byte ^= 1 << (number % 8),
            None => changed.push(0),
        }
        connection.send(request("POST /", &field((header, value)), &changed));
        assert_eq!(connection.answer().status(), 200);
    }
    drop(connection);
    listener
        .process
        .out
        .wait_for_times("\"type\":\"delivery\"", 2 * digests.len());
    let objects = listener.process.stop().objects();
    let verdicts: Vec<_> = objects
        .iter()
        .filter(|object| object["type"] == "delivery")
        .map(|object| object["verdict"]["status"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(verdicts.len(), 2 * digests.len());
    for (number, pair) in verdicts.chunks(2).enumerate() {
        assert_eq!(pair, ["valid", "invalid"], "body {number} of seed {SEED}");
    }
}

/// The digests that Python computes; `None` where there is no Python.
#[track_caller]
fn python(folder: &Path, seed: &str) -> Option<Vec<String>> {
    let ran = Command::new("python3")
        .args(["-c", PYTHON])
        .arg(folder)
        .arg(seed)
        .output();
    let Ok(output) = ran else {
        crate::captured::skipped("python3");
        return None;
    };
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    Some(text.lines().map(str::to_owned).collect())
}
