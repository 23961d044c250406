//! `cmhook verify`.

use std::fs;
use std::io::{Read as _, Write as _};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use serde_json::{Value, json};

use crate::kit::{DELIVERIES, Place, Ran, SECRET, masked};
use crate::support::sender::{Scheme, sign};

const BODY: &str = r#"{"event":"email.opened","data":{"url":"https:\/\/example.com"}}"#;

/// A secret, in whole or in part, is nowhere in it.
#[track_caller]
fn clean(ran: &Ran) {
    for text in [ran.text(), &ran.stderr] {
        assert!(!text.contains("sentinel"), "{text}");
    }
}

#[test]
fn help_is_as_it_was_reviewed() {
    let place = Place::new();
    insta::assert_snapshot!(
        "help_verify",
        place.run(&["verify", "--help"]).coded(0).text()
    );
}

#[test]
fn every_scheme_is_verified_by_value_and_by_header() {
    let place = Place::new();
    let body: Vec<u8> = (0..=255).chain(*b"\r\n\n").collect();
    fs::write(place.path().join("body"), &body).unwrap();
    for scheme in Scheme::ALL {
        let (name, value) = sign(scheme, SECRET, &body);
        let ran = place.run_with(&["verify", "-s", SECRET, "--signature", &value], &body);
        clean(&ran);
        assert!(ran.coded(0).text().starts_with("✓ signed (cakemail-"));
        let header = format!("{name}: {value}");
        let args = [
            "verify", "-s", SECRET, "-H", &header, "-H", "x-a: b", "--body", "body",
        ];
        let ran = place.run(&args).coded(0);
        let name = scheme.name();
        assert_eq!(
            ran.text(),
            format!("✓ signed ({name}, secret `secret-1`)\n")
        );
        assert_eq!(ran.stderr, "");
        let ran = place.run_with(&args[..5], &body[1..]).coded(1);
        assert!(
            ran.text().starts_with("✗ invalid signature\n"),
            "{}",
            ran.text()
        );
        clean(&ran);
    }
}

#[test]
fn what_is_wrong_is_said_with_its_cure() {
    let place = Place::new();
    let (_, right) = sign(Scheme::CakemailHex, SECRET, BODY);
    let (_, dumped) = sign(Scheme::ApiBase64, SECRET, BODY.replace("\\/", "/"));
    let (_, other) = sign(Scheme::CakemailHex, "other", BODY);
    let config = "[[secrets]]\nlabel = 'bounces'\nvalue = 'other'\n";
    fs::write(place.path().join("cmhook.toml"), config).unwrap();
    let upper = right.to_uppercase();
    let reserialised = format!("X-Signature: {dumped}");
    let hub = format!("X-Hub-Signature-256: sha256={right}");
    let cases: [(&str, i32, &[&str]); 7] = [
        ("upper", 0, &["--signature", &upper]),
        ("hub", 0, &["-H", &hub]),
        ("reserialised", 1, &["-H", &reserialised]),
        (
            "express",
            1,
            &["-H", &reserialised, "-H", "X-Powered-By: Express"],
        ),
        ("other_secret", 1, &["--signature", &other]),
        ("cut", 1, &["--signature", &right[..40]]),
        ("unsigned", 1, &["-H", "Content-Type: application/json"]),
    ];
    let mut text = String::new();
    for (name, code, args) in cases {
        let args = [&["verify", "-s", SECRET][..], args].concat();
        let ran = place.run_with(&args, BODY.as_bytes()).coded(code);
        clean(&ran);
        assert_eq!(ran.stderr, "");
        text.extend([name, ":\n", ran.text(), "\n"]);
    }
    insta::assert_snapshot!("verify_findings", text);
    // With no flag, all that are known will do.
    let ran = place.run_with(&["verify", "--signature", &other], BODY.as_bytes());
    assert_eq!(
        ran.coded(0).text(),
        "✓ signed (cakemail-hex, secret `bounces`)\n"
    );
}

#[test]
fn json_is_a_verdict_with_findings() {
    let place = Place::new();
    let (_, right) = sign(Scheme::CakemailHex, SECRET, BODY);
    let upper = right.to_uppercase();
    let args = ["verify", "-s", SECRET, "--signature", &upper, "--json"];
    let valid = place.run_with(&args, BODY.as_bytes()).coded(0).json();
    assert_eq!(valid["delivery"], Value::Null);
    let verdict =
        json!({"status": "valid", "scheme": "cakemail-hex", "secret": "secret-1", "reason": null});
    assert_eq!(valid["verdict"], verdict);
    assert_eq!(valid["findings"][0]["code"], "upper_case_hex");
    assert_eq!(valid["findings"][0].as_object().unwrap().len(), 3);
    let changed = format!("{BODY}\n");
    let invalid = place.run_with(&args, changed.as_bytes()).coded(1).json();
    assert_eq!(invalid["verdict"]["status"], "invalid");
    assert_eq!(invalid["findings"][0]["code"], "body_newline_added");
    assert_eq!(
        invalid["findings"][0]["message"],
        invalid["verdict"]["reason"]
    );
    let args = [&args[..5], &["--jq", ".findings[].code"]].concat();
    let ran = place.run_with(&args, changed.as_bytes()).coded(1);
    assert_eq!(ran.text(), "body_newline_added\nupper_case_hex\n");
    let ran = place
        .run(&["verify", "--json", "--signature", "x"])
        .coded(2);
    assert_eq!(ran.json()["type"], "error");
}

#[test]
fn kept_deliveries_are_verified_with_the_secrets_that_are_known() {
    let place = Place::new();
    place.fill();
    let ran = place.run(&["verify", "1..5", "-s", SECRET]).coded(1);
    clean(&ran);
    insta::assert_snapshot!("verify_kept", masked(ran.text(), &place));
    let one = place
        .run(&["verify", "2", "-s", SECRET, "--json"])
        .coded(0)
        .json();
    assert_eq!(
        (&one["delivery"], &one["findings"]),
        (&json!(2), &json!([]))
    );
    let codes = [
        "verify",
        "--filter",
        "sig:invalid",
        "-s",
        SECRET,
        "--jq",
        ".[].findings[].code",
    ];
    assert_eq!(place.run(&codes).coded(1).text(), "no_match\n");
    let ran = place.run(&["verify", "3", "-s", "wrong"]).coded(0);
    assert!(
        ran.text().starts_with("#3  email.bounced  ✓ signed"),
        "{}",
        ran.text()
    );
    // What was kept is what is verified, byte for byte.
    let saved = place.run(&["show", "2", "--body"]).coded(0).stdout;
    assert_eq!(saved, DELIVERIES[1].0.as_bytes());
    let nothing = place.run(&["verify", "9", "-s", SECRET]).coded(1);
    assert!(nothing.stderr.contains('9'), "{}", nothing.stderr);
}

#[test]
fn show_says_what_the_secrets_that_are_known_now_tell() {
    let place = Place::new();
    place.fill();
    let shown = |secret: &str| {
        let mut command = place.command(&["show", "3"]);
        let output = command.env("CMHOOK_SECRET", secret).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let section = text.split("Signature\n").nth(1).unwrap();
        section.split("\n\n").next().unwrap().to_owned()
    };
    assert_eq!(
        shown("wrong"),
        "  right for the secret `CMHOOK_SECRET`, which is known now"
    );
    let other = shown(SECRET);
    assert!(other.contains("[no_match]\n  fix: "), "{other}");
}

#[test]
fn mistakes_are_usage() {
    let place = Place::new();
    for (args, part) in [
        (
            &["verify", "--signature", "x"][..],
            "no secret is known to verify with",
        ),
        (
            &["verify", "-s", "", "--signature", "x"],
            "`--secret` is empty",
        ),
        (&["verify", "-s", SECRET], "there is no signature to verify"),
        // What stands there may be a password.
        (
            &["verify", "-s", SECRET, "-H", "Authorization sentinel"],
            "a `--header` has no colon",
        ),
        (
            &["verify", "-s", SECRET, "-H", ": sentinel"],
            "a `--header` has no name",
        ),
        (
            &["verify", "-s", SECRET, "-H", "a: b\r\nc: sentinel"],
            "`--header a` has a line end in it",
        ),
        (
            &[
                "verify",
                "-s",
                SECRET,
                "--signature",
                "x",
                "--body",
                "nowhere",
            ],
            "cannot read the body",
        ),
        (
            &["verify", "1", "--signature", "x", "-s", SECRET],
            "cannot be used with",
        ),
        (
            &["verify", "--signature", "x", "-s", SECRET, "--json", "nope"],
            "no JSON field `nope`",
        ),
    ] {
        let ran = place.run(args).coded(2);
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
        clean(&ran);
    }
    let ran = place.run(&["verify", "1", "-s", SECRET]).coded(1);
    assert!(ran.stderr.contains("store"), "{}", ran.stderr);
}

#[test]
fn somebody_at_a_terminal_is_told_what_it_waits_for() {
    let place = Place::new();
    let pair = native_pty_system().openpty(PtySize::default()).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_cmhook"));
    command.args(["verify", "-s", SECRET, "--signature", "0"]);
    command.cwd(place.path());
    command.env("HOME", place.path());
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"reads a file).") {
        assert_eq!(
            reader.read(&mut byte).unwrap(),
            1,
            "{}",
            String::from_utf8_lossy(&text)
        );
        text.extend(byte);
    }
    pair.master
        .take_writer()
        .unwrap()
        .write_all(b"{}\n\x04")
        .unwrap();
    assert_eq!(child.wait().unwrap().exit_code(), 1);
}
