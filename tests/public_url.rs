//! The settings of a public URL, through the binary: what is refused, where it comes from,
//! and that no token shows anywhere.

#![cfg(unix)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use support::listener::{cmhook, home};
use support::process::Process;
use tempfile::TempDir;

const TOKEN: &str = "cmr_sentinel";

/// What it says of why it does not start.
#[track_caller]
fn refused(home: &TempDir, flags: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = cmhook();
    command.args(["listen", "--ephemeral", "--listen", "127.0.0.1:0"]);
    command.args(flags);
    let mut process = Process::start_with(&mut command, home.path(), variables);
    let status = process.wait();
    let said = process.stderr.text();
    assert_eq!(status.code(), Some(2), "{flags:?} {variables:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(!said.contains("sentinel"), "{said}");
    assert!(said.contains("hint: "), "{said}");
    said
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
}

#[test]
fn what_cannot_be_used_is_refused_with_a_way_out() {
    let home = home();
    write(&home.path().join("no.pem"), "no certificate", 0o600);
    for (flags, message) in [
        (&["--relay", "ftp://a.example"][..], "only https and http"),
        (
            &["--relay", "https://a.example/?t=sentinel"],
            "`https://a.example/` is not the URL of a relay",
        ),
        (
            &["--relay", "https://u:sentinel@a.example"],
            "a user is not wanted",
        ),
        (&["--relay", "a.example", "--name", "Shop"], "write `shop`"),
        (
            &["--relay", "a.example", "--name", "a.b"],
            "`--name a.b` cannot be a name",
        ),
        (
            &["--relay", "a.example", "--takeover", "--share"],
            "exclude each other",
        ),
        (
            &["--relay", "a.example", "--relay-ca", "nope.pem"],
            "`--relay-ca nope.pem` cannot be read",
        ),
        (
            &["--relay", "a.example", "--relay-ca", "no.pem"],
            "holds no certificate",
        ),
        (&["--name", "shop"], "`--name` is for a relay"),
        (&["--takeover"], "`--takeover` is for a relay"),
        (&["--share"], "`--share` is for a relay"),
        (&["--relay-ca", "no.pem"], "`--relay-ca` is for a relay"),
        (&["--relay=", "--name", "shop"], "`--name` is for a relay"),
    ] {
        let said = refused(&home, flags, &[]);
        assert!(said.contains(message), "{flags:?}: {said}");
    }
}

#[test]
fn a_mistake_names_the_variable_or_the_file_it_stands_in() {
    let home = home();
    let relay = ("CMHOOK_RELAY", "a.example");
    for (variables, place) in [
        (
            &[("CMHOOK_RELAY", "ftp://x")][..],
            "it comes from CMHOOK_RELAY",
        ),
        (
            &[relay, ("CMHOOK_NAME", "a b")],
            "it comes from CMHOOK_NAME",
        ),
        (
            &[relay, ("CMHOOK_RELAY_CA", "nope")],
            "it comes from CMHOOK_RELAY_CA",
        ),
        (
            &[relay, ("CMHOOK_RELAY_TOKEN", "")],
            "CMHOOK_RELAY_TOKEN is not a token",
        ),
        (
            &[
                ("CMHOOK_RELAY", "http://a.example"),
                ("CMHOOK_RELAY_TOKEN", TOKEN),
            ],
            "in the clear",
        ),
    ] {
        let said = refused(&home, &[], variables);
        assert!(said.contains(place), "{variables:?}: {said}");
    }
    let project = home.path().join("cmhook.toml");
    for text in [
        "relay = \"ftp://x\"",
        "relay = \"a.example\"\nname = \"a b\"",
        "relay = \"a.example\"\nrelay_ca = \"nope.pem\"",
        "relay = \"a.example\"\nrelay_token = \"sentinel sentinel\"",
        "takeover = true",
    ] {
        write(&project, text, 0o600);
        let said = refused(&home, &[], &[]);
        assert!(said.contains("cmhook.toml"), "{text}: {said}");
    }
}

#[test]
fn an_exported_token_is_not_sent_where_a_projects_file_says() {
    let home = home();
    let token = ("CMHOOK_RELAY_TOKEN", TOKEN);
    let project = home.path().join("cmhook.toml");
    write(&project, "relay = \"https://evil.example\"\n", 0o600);
    let said = refused(&home, &[], &[token]);
    assert!(
        said.contains("CMHOOK_RELAY_TOKEN is not sent to https://evil.example"),
        "{said}"
    );
    assert!(
        said.contains("cmhook.toml") && said.contains("--relay URL"),
        "{said}"
    );
}

#[test]
fn no_token_is_sent_in_the_clear_wherever_it_stands() {
    let home = home();
    let config = home.path().join("config/cmhook");
    let relay = "http://hooks.example.com";
    let flags = ["--relay", relay];
    write(
        &config.join("credentials.toml"),
        &format!("[\"{relay}\"]\ntoken = \"{TOKEN}\"\n"),
        0o600,
    );
    let said = refused(&home, &flags, &[]);
    assert!(said.contains("in the clear"), "{said}");
    write(
        &config.join("credentials.toml"),
        "token = cmr_sentinel\n",
        0o600,
    );
    let said = refused(&home, &flags, &[]);
    assert!(said.contains("credentials.toml`: it is not TOML"), "{said}");
}

#[test]
fn a_relays_settings_in_a_file_are_no_matter_of_other_commands() {
    let home = home();
    write(
        &home.path().join("cmhook.toml"),
        "relay = \"ftp://x\"\nrelay_ca = \"nope.pem\"\nstore = \"a.db\"\n",
        0o600,
    );
    let mut process = Process::start_with(cmhook().arg("list"), home.path(), &[]);
    process.wait();
    let said = process.stderr.text();
    assert!(!said.contains("ftp"), "{said}");
    assert!(said.contains("a.db"), "{said}");
}

#[test]
fn a_file_with_a_token_is_for_its_user_alone() {
    for (name, text) in [
        (
            "cmhook.toml",
            format!("relay = \"127.0.0.1:9\"\nrelay_token = \"{TOKEN}\"\n"),
        ),
        (
            "config/cmhook/credentials.toml",
            format!("[\"http://127.0.0.1:9\"]\ntoken = \"{TOKEN}\"\n"),
        ),
    ] {
        let home = home();
        write(&home.path().join(name), &text, 0o644);
        let mut command = cmhook();
        command.args([
            "listen",
            "--ephemeral",
            "--listen",
            "127.0.0.1:0",
            "--relay",
            "127.0.0.1:9",
        ]);
        let mut process = Process::start_with(&mut command, home.path(), &[]);
        let said = process.stderr.find("a warning", |line| {
            line.contains("other users of this machine can read it")
                .then(|| line.to_owned())
        });
        assert!(said.contains("chmod 600") && said.contains(name), "{said}");
        process.terminate();
        process.stderr.drain();
        assert!(!process.stderr.text().contains("sentinel"));
    }
}
