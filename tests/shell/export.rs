//! `cmhook export`.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Stdio;

use serde_json::Value;

use crate::kit::{DELIVERIES, Place, SECRET, masked};
use crate::show::in_a_terminal;
use crate::support::listener::cmhook;
use crate::support::raw::{ask, request};

#[test]
fn help_is_as_it_was_reviewed() {
    let ran = Place::new().run(&["export", "--help"]).coded(0);
    insta::assert_snapshot!("help_export", ran.text());
}

#[test]
fn every_format_of_one_delivery() {
    let place = Place::new();
    place.fill();
    for format in ["curl", "fixture", "json", "har", "http"] {
        let ran = place.run(&["export", "2", "--as", format]).coded(0);
        assert_eq!(ran.stderr, "");
        insta::assert_snapshot!(format!("export_{format}"), settled(ran.text(), &place));
    }
    let ran = place.run(&["export", "5", "--as", "raw"]).coded(0);
    assert_eq!(ran.text(), "not json");
}

/// Without what differs from run to run.
fn settled(text: &str, place: &Place) -> String {
    // Times are written without the zeros at their end.
    let mut whole = String::new();
    for part in text.split_inclusive('Z') {
        let time = part
            .strip_suffix('Z')
            .and_then(|time| time.rsplit_once('.'));
        match time.filter(|(_, digits)| digits.bytes().all(|b| b.is_ascii_digit())) {
            Some((before, digits)) => {
                let _ = write!(whole, "{before}.{digits:0<6}Z");
            }
            None => whole += part,
        }
    }
    let mut text = masked(&whole, place);
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    for name in [
        "took_ms\":",
        "first_byte_ms\":",
        "time\": ",
        "wait\": ",
        "receive\": ",
    ] {
        let mut parts = text.split(name);
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let rest = part.trim_start_matches(is_number);
            let number = if rest == part { "" } else { "1.5" };
            let _ = write!(out, "{name}{number}{rest}");
        }
        text = out;
    }
    // An answer's date.
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    while let Some(at) = days.iter().find_map(|day| text.find(&format!("\"{day}, "))) {
        let end = at + text[at..].find(" GMT\"").expect("its end") + 5;
        text.replace_range(at..end, "\"DATE\"");
    }
    text
}

#[test]
fn the_target_is_the_one_that_is_named_or_was_asked() {
    let place = Place::new();
    place.fill();
    let url = |args: &[&str]| {
        let all = [&["export", "last", "--as", "curl"], args].concat();
        let ran = place.run(&all).coded(0);
        let text = ran.text();
        let start = text.find('\'').expect("a URL") + 1;
        text[start..start + text[start..].find('\'').expect("its end")].to_owned()
    };
    assert_eq!(
        url(&["--to", "3000/hooks"]),
        "http://localhost:3000/hooks/webhooks/cakemail"
    );
    assert!(url(&[]).starts_with("http://127.0.0.1:"), "{}", url(&[]));
    let ran = place
        .run(&["export", "last", "--as", "curl", "--to", "a b"])
        .coded(2);
    assert!(
        ran.stderr.contains("`a b` is not a target"),
        "{}",
        ran.stderr
    );
    let ran = place
        .run(&["export", "last", "--as", "har", "--to", "3000"])
        .coded(2);
    assert!(
        ran.stderr.contains("`--to` is for `--as curl`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn files_are_private_whole_and_never_written_over_unasked() {
    let place = Place::new();
    place.fill();
    let file = place.path().join("all.har");
    let args = ["export", "1..", "-o", "all.har"];
    let ran = place.run(&args).coded(0);
    assert_eq!(
        (ran.text(), &*ran.stderr),
        ("", "Wrote 5 deliveries to all.har.\n")
    );
    let mode = fs::metadata(&file).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = fs::read(&file).expect("the file");
    let ran = place.run(&args).coded(2);
    assert!(
        ran.stderr.contains("`all.har` exists already"),
        "{}",
        ran.stderr
    );
    assert_eq!(fs::read(&file).expect("the file"), before);
    place
        .run(&["export", "1", "-o", "all.har", "--force"])
        .coded(0);
    assert!(fs::read(&file).expect("the file").len() < before.len());

    place
        .run(&["export", "1..", "--as", "fixture", "-o", "new/"])
        .coded(0);
    let mut names: Vec<_> = fs::read_dir(place.path().join("new"))
        .expect("the folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "1-email.sent.json",
            "2-email.opened.json",
            "3-email.bounced.json",
            "4-campaign.sent.json",
            "5.json"
        ]
    );
    // All or nothing: one that is there keeps the others from being written.
    fs::remove_file(place.path().join("new/1-email.sent.json")).expect("it was there");
    place
        .run(&["export", "1..", "--as", "fixture", "-o", "new"])
        .coded(2);
    assert!(!place.path().join("new/1-email.sent.json").exists());
    // A file is no folder.
    let ran = place
        .run(&["export", "1", "--as", "raw", "-o", "all.har/where"])
        .coded(1);
    assert!(
        ran.stderr.contains("cannot make the folder `all.har`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn folders_that_are_not_there_are_made() {
    let place = Place::new();
    place.fill();
    for (path, made) in [
        ("sub/tests/b.json", "sub/tests/b.json"),
        ("sub/more/yet/", "sub/more/yet/1-email.sent.json"),
    ] {
        let args = ["export", "1", "--as", "fixture", "-o", path];
        place.run(&args).coded(0);
        assert!(place.path().join(made).is_file());
        place.run(&args).coded(2);
    }
    let folder = fs::metadata(place.path().join("sub/tests")).expect("the folder");
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    // Where nothing matches, nothing is made.
    place
        .run(&["export", "99", "--as", "raw", "-o", "none/a"])
        .coded(1);
    assert!(!place.path().join("none").exists());
}

#[test]
fn neither_a_name_nor_a_link_leads_out_of_the_folder() {
    let place = Place::new();
    let mut listener = place.listener(&[]);
    for event in ["../../../outside", "/etc/passwd", "a\\u0000b", ".."] {
        let body = format!("{{\"event\":\"{event}\"}}");
        crate::support::sender::post(listener.address(), None, &body);
        listener.delivery();
    }
    listener.stop();
    let outside = place.path().join("outside");
    fs::write(&outside, "mine").expect("a file");
    let folder = place.path().join("out");
    fs::create_dir(&folder).expect("a folder");
    symlink(&outside, folder.join("2-etc-passwd.json")).expect("a link");
    symlink(place.path().join("nothing"), folder.join("4.json")).expect("a link");
    for force in [&[][..], &["--force"]] {
        for (id, name) in [("2", "2-etc-passwd.json"), ("4", "4.json")] {
            let args = [&["export", id, "--as", "fixture", "-o", "out"], force].concat();
            let ran = place.run(&args).coded(2);
            assert!(
                ran.stderr.contains(&format!("`out/{name}` is a link")),
                "{}",
                ran.stderr
            );
        }
        let args = [&["export", "1", "--as", "raw", "-o", "out/4.json"], force].concat();
        place.run(&args).coded(2);
    }
    place
        .run(&["export", "1", "3", "--as", "fixture", "-o", "out"])
        .coded(0);
    assert!(folder.join("1-outside.json").is_file());
    assert!(folder.join("3-a-b.json").is_file());
    assert_eq!(fs::read_to_string(&outside).expect("the file"), "mine");
    assert!(!place.path().join("nothing").exists());
    // A device is no file to replace.
    let ran = place
        .run(&["export", "1", "--as", "raw", "-o", "/dev/null", "--force"])
        .coded(2);
    assert!(
        ran.stderr.contains("`/dev/null` is no file"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_redacted_export_tells_of_nobody_and_verifies() {
    let place = Place::new();
    place.fill();
    for format in ["curl", "har", "fixture", "json", "raw", "http"] {
        for id in ["1", "2", "3"] {
            let ran = place
                .run(&["export", id, "--as", format, "--redact"])
                .coded(0);
            let text = format!("{}{}", String::from_utf8_lossy(&ran.stdout), ran.stderr);
            for hidden in ["user@", "zoé", "gone@", SECRET] {
                assert!(!text.contains(hidden), "{format} {id}: {text}");
            }
            assert!(text.contains("@example.com"), "{text}");
        }
    }
    let ran = place
        .run(&["export", "2", "--as", "fixture", "--redact"])
        .coded(0);
    let fixture: Value = ran.json();
    let secret = fixture["signature"]["throw_away_secret"]
        .as_str()
        .expect("it is noted");
    let body = fixture["request"]["body"].as_str().expect("text");
    assert!(
        body.contains(r#""url":"https:\/\/example.com\/a""#),
        "{body}"
    );
    let signature = fixture["request"]["headers"]["x-cakemail-signature"]
        .as_str()
        .expect("a header");
    let expected =
        crate::support::sender::sign(crate::support::sender::Scheme::CakemailHex, secret, body);
    assert_eq!(signature, expected.1);
    // Another time, another secret, and the same look-alikes.
    let again: Value = place
        .run(&["export", "2", "--as", "fixture", "--redact"])
        .coded(0)
        .json();
    assert_ne!(again["signature"], fixture["signature"]);
    assert_eq!(again["request"]["body"], fixture["request"]["body"]);
    let said = place
        .run(&["export", "2", "--as", "curl", "--redact"])
        .coded(0)
        .stderr;
    assert!(said.contains("throw-away secret `throw-away-"), "{said}");
}

#[test]
fn a_secret_is_in_no_export() {
    let place = Place::new();
    place.fill();
    for format in ["curl", "har", "fixture", "json", "http"] {
        let ran = place.run(&["export", "1..", "--as", format]).coded(0);
        let text = format!("{}{}", String::from_utf8_lossy(&ran.stdout), ran.stderr);
        assert!(!text.contains(SECRET), "{text}");
        assert!(text.contains("user@example.com"), "{text}");
    }
}

#[test]
fn what_cannot_be_is_said() {
    let place = Place::new();
    let ran = place.run(&["export", "1", "--as", "raw"]).coded(1);
    assert!(ran.stderr.contains("there is no store"), "{}", ran.stderr);
    place.fill();
    for (args, code, said) in [
        (&["export", "--as", "raw"][..], 2, "no delivery is named"),
        (&["export", "1"], 2, "it is not said what to write"),
        (
            &["export", "1", "-o", "a.txt"],
            2,
            "it is not said what to write",
        ),
        (
            &["export", "99", "--as", "raw"],
            1,
            "there is no delivery #99",
        ),
        (
            &["export", "1", "2", "--as", "raw"],
            2,
            "2 bodies would run into each other",
        ),
        (
            &["export", "50..", "--as", "raw"],
            1,
            "No delivery matches.",
        ),
    ] {
        let ran = place.run(args).coded(code);
        assert!(ran.stderr.contains(said), "{args:?}: {}", ran.stderr);
        assert_eq!(ran.text(), "");
    }
    // A reader that has enough is no mistake.
    let mut child = cmhook()
        .args(["export", "1..", "--as", "json", "--store"])
        .arg(place.store())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cmhook starts");
    drop(child.stdout.take());
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn what_is_exported_is_every_byte() {
    let place = Place::new();
    place.fill();
    for (id, (body, _)) in (1..).zip(DELIVERIES) {
        let ran = place
            .run(&["export", &id.to_string(), "--as", "raw"])
            .coded(0);
        assert_eq!(ran.stdout, body.as_bytes());
        let ran = place
            .run(&["export", &id.to_string(), "--as", "http"])
            .coded(0);
        let (head, sent) = ran.text().split_once("\r\n\r\n").expect("a blank line");
        assert!(
            head.starts_with("POST /webhooks/cakemail HTTP/1.1\r\n"),
            "{head}"
        );
        assert_eq!(sent, body);
    }
}

#[test]
fn a_terminal_gets_no_binary() {
    let place = Place::new();
    let mut listener = place.listener(&[]);
    for body in [b"\x1b[2J".as_slice(), b"{}"] {
        ask(listener.address(), request("POST /", "", body));
        listener.delivery();
    }
    listener.stop();
    for format in ["raw", "http"] {
        let args = ["export", "1", "--as", format];
        let (code, seen) = in_a_terminal(&place, &args);
        assert_eq!(code, 2, "{seen}");
        assert!(
            seen.contains("`--force`") && !seen.contains('\x1b'),
            "{seen}"
        );
        let (code, seen) = in_a_terminal(&place, &[&args[..], &["--force"]].concat());
        assert!(code == 0 && seen.contains("\x1b[2J"), "{seen}");
        let (code, seen) = in_a_terminal(&place, &["export", "2", "--as", format]);
        assert!(code == 0 && seen.ends_with("{}"), "{seen}");
    }
    for format in ["curl", "json", "har", "fixture"] {
        let (code, seen) = in_a_terminal(&place, &["export", "1", "--as", format]);
        assert!(code == 0 && !seen.contains('\x1b'), "{seen}");
    }
}
