//! `cmhook show`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use crate::kit::{DELIVERIES, Place};
use crate::support::listener::Listener;
use crate::support::needs::{needs, works};
use crate::support::sender::{Scheme, post, sign};
use crate::support::upstream::Upstream;

/// The day of an answer's `date` header is no part of what is reviewed.
fn masked(text: &str, place: &Place) -> String {
    let lines = text.lines().map(|line| match line.find("date") {
        Some(at) if line.ends_with("GMT") => format!("{}date  DATE", &line[..at]),
        _ => line.to_owned(),
    });
    let text: Vec<_> = lines.collect();
    crate::kit::masked(&text.join("\n"), place)
}

#[test]
fn help_is_as_it_was_reviewed() {
    let place = Place::new();
    insta::assert_snapshot!("help_show", place.run(&["show", "--help"]).coded(0).text());
}

#[test]
fn deliveries_are_shown_with_all_that_came_of_them() {
    let place = Place::new();
    place.fill();
    for id in ["1", "2", "3", "4", "5"] {
        let ran = place.run(&["show", id]).coded(0);
        insta::assert_snapshot!(format!("show_{id}"), masked(ran.text(), &place));
        assert_eq!(ran.stderr, "");
    }
    let coloured = place.run(&["show", "3", "--color", "always"]).coded(0);
    insta::assert_snapshot!("show_colours", masked(coloured.text(), &place));
    let newest = place.run(&["show"]).coded(0);
    assert!(newest.text().starts_with("#5  "), "{}", newest.text());
    let two = place.run(&["show", "last~1", "1"]).coded(0);
    let heads: Vec<_> = two.text().lines().filter(|l| l.starts_with('#')).collect();
    assert!(
        heads[0].starts_with("#4 ") && heads[1].starts_with("#1 "),
        "{heads:?}"
    );
}

#[test]
fn a_refusal_is_explained() {
    let place = Place::new();
    let app = Upstream::answering(|_, _| {
        let mut answer = Response::new(Full::new(Bytes::new()));
        *answer.status_mut() = http::StatusCode::FORBIDDEN;
        answer
    });
    let mut listener = place.listener(&["--forward", &app.target()]);
    let signature = sign(Scheme::CakemailHex, "a", "{}");
    for signature in [None, Some(&signature)] {
        post(listener.address(), signature, "{}");
        let delivery = listener.delivery();
        listener.attempt(&delivery);
    }
    listener.stop();
    for (id, said) in [
        (
            "1",
            "\nYour app refused a delivery without a signature\n  it carries no signature, so an app that checks signatures is right to refuse it\n",
        ),
        (
            "2",
            "\nYour app refused a delivery whose signature was not checked\n  with the webhook's secret cmhook can say more: `cmhook verify 2 --secret S`\n",
        ),
    ] {
        let ran = place.run(&["show", id]).coded(0);
        assert!(ran.text().ends_with(said), "{}", ran.text());
    }
}

#[test]
fn parts_are_written_as_they_are() {
    let place = Place::new();
    place.fill();
    let body = place.run(&["show", "2", "--body"]).coded(0);
    assert_eq!(body.stdout, DELIVERIES[1].0.as_bytes());
    let answer = place.run(&["show", "3", "--response", "--body"]).coded(0);
    assert_eq!(answer.text(), r#"{"error":"Invalid signature"}"#);
    let headers = place.run(&["show", "4", "--headers"]).coded(0);
    assert!(
        headers.text().contains("content-type: application/json\n"),
        "{}",
        headers.text()
    );
    let headers = place.run(&["show", "4", "-r", "-H"]).coded(0);
    assert!(
        headers.text().contains("content-length: 2\n"),
        "{}",
        headers.text()
    );
    let response = place.run(&["show", "2", "--response"]).coded(0);
    insta::assert_snapshot!("show_response", masked(response.text(), &place));
}

#[test]
fn attempts_are_chosen_by_number() {
    let place = Place::new();
    let app = crate::kit::app();
    place.fill_through(&app);
    let ran = place.run(&["show", "1", "--attempt", "2"]).coded(1);
    assert_eq!(ran.stderr, "#1 has no attempt 2.\n");
    let one = place
        .run(&["show", "1", "--attempt", "1", "--response"])
        .coded(0);
    assert!(one.text().starts_with("200 in "), "{}", one.text());
}

#[test]
fn of_many_attempts_the_newest_are_listed() {
    let place = Place::new();
    let app = crate::kit::app();
    place.fill_through(&app);
    let attempts = || {
        let ran = place.run(&["show", "1"]).coded(0);
        let (_, rest) = ran.text().split_once("\nAttempts\n").unwrap();
        let (attempts, _) = rest.split_once("\n\n").unwrap();
        let lines = attempts.lines().map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    for _ in 0..9 {
        place.run(&["replay", "1"]).coded(0);
    }
    assert_eq!(attempts().len(), 10);
    for _ in 0..2 {
        place.run(&["replay", "1"]).coded(0);
    }
    let seen = attempts();
    assert_eq!(
        seen[0],
        "  2 earlier ones: --json has all, --attempt N shows any"
    );
    assert!(
        seen.len() == 11 && seen[1].starts_with("   3  "),
        "{seen:?}"
    );
    let all = place.run(&["show", "1", "--json"]).coded(0).json();
    assert_eq!(all["attempts"].as_array().map(Vec::len), Some(12));
    let one = place.run(&["show", "1", "--attempt", "1"]).coded(0);
    assert!(one.text().contains("\nAttempts\n   1  "), "{}", one.text());
}

#[test]
fn json_is_the_delivery_with_its_attempts() {
    let place = Place::new();
    place.fill();
    let shown = place.run(&["show", "2", "--json"]).coded(0).json();
    assert_eq!(shown["id"], 2);
    assert_eq!(shown["event"], "email.opened");
    assert_eq!(shown["attempts"][0]["status"], 500);
    let several = place.run(&["show", "1..2", "--json", "id"]).coded(0);
    assert_eq!(several.text(), "[{\"id\":1},{\"id\":2}]\n");
    let several = place
        .run(&["show", "--filter", "id:1", "--json=id"])
        .coded(0);
    assert_eq!(several.text(), "[{\"id\":1}]\n");
    let jq = place
        .run(&["show", "3", "--jq", ".verdict.status"])
        .coded(0);
    assert_eq!(jq.text(), "invalid\n");
}

/// A raw request, so that its bytes can be anything.
fn send(listener: &mut Listener, headers: &str, body: &[u8]) {
    let mut stream = TcpStream::connect(listener.address()).unwrap();
    let head = format!(
        "POST /hook HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    listener.delivery();
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(body).unwrap();
    out.finish().unwrap()
}

#[test]
fn bodies_of_every_kind_have_their_form() {
    let place = Place::new();
    let mut listener = place.listener(&[]);
    let binary: Vec<u8> = (0..=255).collect();
    send(
        &mut listener,
        "content-type: application/x-www-form-urlencoded\r\n",
        b"event=email.sent&email=a%40b.c&text=\x1b[2J%1b",
    );
    send(
        &mut listener,
        "content-encoding: gzip\r\n",
        &gzip(br#"{"event":"email.sent"}"#),
    );
    send(&mut listener, "x-latin: caf\u{e9}\r\n", &binary);
    send(&mut listener, "", b"");
    send(
        &mut listener,
        "content-encoding: zstd\r\n",
        "two\nlines\u{202e}".as_bytes(),
    );
    let mut shown = String::new();
    for id in ["1", "2", "3", "4", "5"] {
        let ran = place.run(&["show", id]).coded(0);
        let (_, payload) = ran.text().split_once("\nPayload\n").unwrap();
        shown.push_str(payload);
        shown.push_str("--\n");
    }
    insta::assert_snapshot!("show_bodies", shown);
    let body = place.run(&["show", "3", "--body"]).coded(0);
    assert_eq!(body.stdout, binary);
    let body = place.run(&["show", "2", "--body"]).coded(0);
    assert_eq!(body.stdout, gzip(br#"{"event":"email.sent"}"#));
    let never = place.run(&["show", "3", "--response"]).coded(1);
    assert_eq!(
        never.stderr,
        "#3 was never forwarded, so there is no response.\n"
    );
    listener.stop();
}

/// Runs in a terminal and returns its code and what appears there.
pub fn in_a_terminal(place: &Place, args: &[&str]) -> (u32, String) {
    let pty = native_pty_system().openpty(PtySize::default()).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_cmhook"));
    command.args(args);
    command.cwd(place.path());
    command.env("HOME", place.path());
    command.env("XDG_CONFIG_HOME", place.path().join("config"));
    command.env("XDG_DATA_HOME", place.path().join("data"));
    command.env("TERM", "xterm");
    command.env_remove("NO_COLOR");
    let mut child = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let mut reader = pty.master.try_clone_reader().unwrap();
    let mut seen = Vec::new();
    let mut piece = [0; 4096];
    // The end of a terminal's other side is an error on Linux.
    while let Ok(length @ 1..) = reader.read(&mut piece) {
        seen.extend_from_slice(&piece[..length]);
    }
    let code = child.wait().unwrap().exit_code();
    (code, String::from_utf8_lossy(&seen).into_owned())
}

#[test]
fn a_terminal_gets_colours_and_no_binary() {
    let place = Place::new();
    let mut listener = place.listener(&[]);
    send(&mut listener, "", b"\x00\x01");
    send(&mut listener, "", b"{\"a\":1}");
    send(&mut listener, "", b"\x1b[2J");
    for id in ["1", "3"] {
        let (code, seen) = in_a_terminal(&place, &["show", id, "--body"]);
        assert_eq!(code, 2, "{seen}");
        assert!(seen.contains("`--force`"), "{seen}");
    }
    let (code, seen) = in_a_terminal(&place, &["show", "1", "--body", "--force"]);
    assert_eq!((code, &*seen), (0, "\0\u{1}"));
    let (code, seen) = in_a_terminal(&place, &["show", "2"]);
    assert_eq!(code, 0);
    assert!(seen.contains("\u{1b}[36m\"a\"\u{1b}[0m"), "{seen:?}");
    listener.stop();
}

#[test]
fn nothing_that_a_sender_writes_acts_on_a_terminal() {
    let place = Place::new();
    let app = Upstream::answering(|_, _| {
        let body = "\u{1b}]52;c;eA==\u{7}\u{9b}2J\u{202e}\u{1b}Pq\n".repeat(2);
        let mut answer = Response::new(Full::new(Bytes::from(body)));
        let value = http::HeaderValue::from_bytes(b"caf\xe9\x9b2J").unwrap();
        answer.headers_mut().insert("x-answer", value);
        answer
    });
    let mut listener = place.listener(&["--forward", &app.target()]);
    let event = r#"{"event":"\u001b]0;x\u0007\u202e","a\u009b":"\u001b[2J"}"#;
    let plain = "{\"event\":\"\u{202e}\u{9b}\",\"b\u{2066}\":\"\u{85}\"}";
    send(&mut listener, "x-a: \u{9b}2J\u{202e}\r\n", event.as_bytes());
    send(&mut listener, "x-a: \u{9b}31m\r\n", plain.as_bytes());
    send(&mut listener, "", "\u{1b}c\nline\u{2028}".as_bytes());
    listener.stop();
    std::fs::write(place.path().join("\u{1b}[2J.json"), "{").unwrap();
    for args in [
        &["show", "1..3"][..],
        &["show", "1..3", "--color", "never", "--headers"],
        &["show", "1..3", "--response"],
        &["show", "1..3", "--json"],
        &["diff", "1", "2"],
        &["diff", "2", "3"],
        &["diff", "1", "2", "--json"],
        &["replay", "1..3", "--expect", "418"],
        &["replay", "1..3", "--expect-same", "--json"],
        &["replay", "1..2", "--set", "\u{1b}[2J=1", "-n"],
        &["replay", "\u{1b}[2J.json"],
        &["show", "\u{1b}[2J"],
    ] {
        let ran = place.run(args);
        let acts =
            |c: &char| (c.is_control() && *c != '\n') || "\u{202e}\u{2066}\u{2028}".contains(*c);
        let seen = format!("{}{}", ran.text(), ran.stderr);
        let found: Vec<char> = seen.chars().filter(acts).collect();
        assert!(found.is_empty(), "{args:?}: {found:?} in {seen:?}");
    }
}

#[test]
fn a_bomb_costs_little_memory() {
    if !needs(works(Command::new("python3").arg("--version")), "Python") {
        return;
    }
    let place = Place::new();
    let bomb = Bytes::from(gzip(&vec![b' '; 64 << 20]));
    let answered = bomb.clone();
    let app = Upstream::answering(move |_, _| {
        let mut answer = Response::new(Full::new(answered.clone()));
        answer
            .headers_mut()
            .insert("content-encoding", "gzip".parse().unwrap());
        answer
    });
    let mut listener = place.listener(&["--forward", &app.target()]);
    send(&mut listener, "", b"{}");
    send(
        &mut listener,
        "content-encoding: br\r\n",
        &hex::decode(BROTLI_BOMB).unwrap(),
    );
    send(&mut listener, "content-encoding: gzip\r\n", &bomb);
    let wide = hex::decode(WIDE_BROTLI_BOMB).unwrap();
    send(&mut listener, "content-encoding: br\r\n", &wide);
    listener.stop();
    let least = peak(&place, &["show", "1", "--headers"]);
    for id in ["1", "2", "3", "4"] {
        let most = peak(&place, &["show", id]);
        println!("#{id}: {most} KiB, {least} KiB without decoding");
        assert!(
            most < least + (16 << 10),
            "#{id} took {most} KiB, {least} KiB without"
        );
    }
}

/// The most memory that a command had, in KiB.
fn peak(place: &Place, args: &[&str]) -> u64 {
    const MEASURE: &str = "\
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let command = place.command(args);
    let mut measured = Command::new("python3");
    measured.args(["-c", MEASURE]);
    measured.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => measured.env(name, value),
            None => measured.env_remove(name),
        };
    }
    let output = measured.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .unwrap()
}

/// 256 MiB of nothing, as Node's zlib.brotliCompressSync writes it.
const BROTLI_BOMB: &str = "cbffff3ff82700e2b14020f7fe8fffff7ff04f00c4611180eefd1fffffffe09f0088c30200ddfb3f\
     feffffc13f0110870500baf77ffcffff837f02200e0b0074effff8ffff07ff04401c1600e8defff1\
     ffff0ffe0980382c00d0bdffe3ffff1ffc1300715800a07bffc7ffff3ff82700e2b00040f7fe8fff\
     ff7ff04f00c4610180eefd1fffffffe09f0088c30200ddfb3ffeffffc13f0110870500baf77ffcff\
     ff837f02200e0b0074effff8ffff07ff04401c1600e8defff1ffff0ffe0980382c00d0bdffe3ffff\
     1ffc1300715800a07bffc7ffff3ff82700e2b00040f7fe8fffff7ff04f00c4610180eefd1fffffff\
     e09f0088c30200ddfb3ffeffffc13f0110870500baf77ffcffff837f02200e0b0074effff8ffff07\
     ff04401c1600e8defff1ffff0ffe0980382c00d0bdffe3ffff1ffc1300715800a07bffc7ffff3ff8\
     2700e2b00040f7fe8fffff7ff04f00c4610180eefd1fffffffe09f0088c30200ddfb3ffeffffc13f\
     0110870500baf77ffcffff837f02200e0b0074effff8ffff07ff04401c1600e8defff1ffff0ffe09\
     80382c00d0bdffcbffff3ffc1300715800a07bff07";

/// The same with a window of 1 GiB, which `br` does not allow.
const WIDE_BROTLI_BOMB: &str = "111effffff01900088c70221f7fe9fffffff004800c46101a07bffcfffff7f002400e2b000d0bdff\
     e7ffff3f001200715800e8defff3ffff1f000980382c0074effff9ffff0f8004401c1600baf7fffc\
     ffff074002200e0b00ddfb7ffeffff03200110870580eefd3fffffff01900088c30240f7fe9fffff\
     ff004800c46101a07bffcfffff7f002400e2b000d0bdffe7ffff3f001200715800e8defff3ffff1f\
     000980382c0074effff9ffff0f8004401c1600baf7fffcffff074002200e0b00ddfbfffcffff0720\
     0110870580eefd3f";
