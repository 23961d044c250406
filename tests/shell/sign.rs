//! `cmhook sign`.

use std::fs;
use std::process::{Command, Stdio};

use crate::kit::{Place, SECRET};
use crate::support::listener::Listener;
use crate::support::needs::{needs, works};
use crate::support::sender::{Scheme, sign};

/// Every byte there is, line ends included.
fn every_byte() -> Vec<u8> {
    (0..=255).chain(*b"\r\n\n").collect()
}

#[test]
fn help_is_as_it_was_reviewed() {
    let place = Place::new();
    insta::assert_snapshot!("help_sign", place.run(&["sign", "--help"]).coded(0).text());
}

#[test]
fn every_scheme_is_as_another_implementation_has_it() {
    let place = Place::new();
    let body = every_byte();
    fs::write(place.path().join("body"), &body).unwrap();
    for scheme in Scheme::ALL {
        let (name, value) = sign(scheme, SECRET, &body);
        let args = ["sign", "--secret", SECRET, "--scheme", scheme.name()];
        let ran = place.run_with(&args, &body).coded(0);
        assert_eq!(ran.text(), format!("{name}: {value}\n"));
        assert_eq!(ran.stderr, "");
        let args = [&args[..], &["--value", "--body", "body"]].concat();
        let ran = place.run(&args).coded(0);
        assert_eq!(ran.text(), format!("{value}\n"));
    }
    let (name, value) = sign(Scheme::CakemailHex, SECRET, "");
    let ran = place.run(&["sign", "-s", SECRET, "--body", "-"]).coded(0);
    assert_eq!(ran.text(), format!("{name}: {value}\n"));
}

#[test]
fn the_secret_is_the_events_own_or_else_the_first() {
    let place = Place::new();
    let config = "[[secrets]]\nlabel = 'first'\nvalue = 'one'\n[[secrets]]\nlabel = 'bounces'\nevent = 'email.bounced'\nvalue = 'two'\n";
    fs::write(place.path().join("cmhook.toml"), config).unwrap();
    for (body, args, secret, label) in [
        (r#"{"event":"email.opened"}"#, &["sign"][..], "one", "first"),
        (r#"{"event":"Email.Bounced"}"#, &["sign"], "two", "bounces"),
        (
            r#"{"event":"email.bounced"}"#,
            &["sign", "-s", "three"],
            "three",
            "",
        ),
    ] {
        let ran = place.run_with(args, body.as_bytes()).coded(0);
        let (name, value) = sign(Scheme::CakemailHex, secret, body);
        assert_eq!(ran.text(), format!("{name}: {value}\n"));
        let said = format!("Signed with the secret `{label}`, one of 2 that are known.\n");
        assert_eq!(
            ran.stderr,
            if label.is_empty() {
                String::new()
            } else {
                said
            }
        );
    }
}

#[test]
fn mistakes_are_usage() {
    let place = Place::new();
    for (args, part) in [
        (&["sign"][..], "no secret is known to sign with"),
        (&["sign", "--secret", ""], "`--secret` is empty"),
        (
            &["sign", "-s", "x", "--scheme", "md5"],
            "invalid value 'md5'",
        ),
        (
            &["sign", "-s", "x", "--body", "nowhere"],
            "cannot read the body from `nowhere`",
        ),
    ] {
        let ran = place.run(args).coded(2);
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
        assert_eq!(ran.text(), "");
    }
    let mut command = place.command(&["sign"]);
    let ran = command.env("CMHOOK_SECRET", "").output().unwrap();
    assert_eq!(ran.status.code(), Some(2));
}

/// The line of its help, run by a shell with curl, verifies at a listener.
#[test]
fn its_header_fits_into_a_curl_command() {
    if !needs(works(Command::new("curl").arg("--version")), "curl") {
        return;
    }
    let place = Place::new();
    fs::write(place.path().join("body.json"), every_byte()).unwrap();
    let mut listener: Listener = place.listener(&["--secret", SECRET]);
    for scheme in Scheme::ALL {
        let script = format!(
            "curl -sS -H \"$({} sign -s {SECRET} --scheme {} < body.json)\" --data-binary @body.json http://{}/hook",
            env!("CARGO_BIN_EXE_cmhook"),
            scheme.name(),
            listener.address(),
        );
        let ran = Command::new("sh")
            .args(["-c", &script])
            .current_dir(place.path())
            .stdin(Stdio::null())
            .status();
        assert!(ran.unwrap().success());
        let delivery = listener.delivery();
        assert_eq!(delivery["verdict"]["scheme"], scheme.name());
    }
    listener.stop();
}
