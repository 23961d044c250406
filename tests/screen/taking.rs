//! Taking something away: copying and exporting.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::kit::Terminal;
use crate::scene::webhook;
use crate::support::raw::{ask, request};

/// A payload that is not shown as it came.
const BODY: &str =
    "{\"event\":\"email.opened\",\"data\":{\"url\":\"https:\\/\\/a.test\",\"odd\":\"\u{202e}x\"}}";

/// A screen in whose PATH there is nothing but these scripts and the system's own commands.
fn with_programs(
    programs: &[(&str, &str)],
    variables: &[(&str, &str)],
) -> (Terminal, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, script) in programs {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("a file of ours");
    }
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let out = folder.path().join("taken");
    let mut all = vec![
        ("PATH", path.as_str()),
        ("TAKEN", out.to_str().expect("it is text")),
        ("WAYLAND_DISPLAY", ""),
        ("DISPLAY", ""),
        ("SSH_CONNECTION", ""),
    ];
    all.extend(variables);
    let terminal = Terminal::open_with(&[], &all);
    ask(terminal.address(), webhook(None, BODY));
    terminal.reads("email.opened");
    (terminal, folder)
}

#[test]
fn the_terminal_is_asked_where_nothing_else_copies() {
    let (mut terminal, _folder) = with_programs(&[], &[("TMUX", "")]);
    terminal.press("cp");
    terminal.reads("payload");
    terminal.reads("opied");
    let bytes = terminal.bytes();
    let text = String::from_utf8_lossy(&bytes);
    let (_, rest) = text.split_once("\x1b]52;c;").expect("an OSC 52");
    let (copied, _) = rest.split_once('\x07').expect("the end of it");
    let copied = BASE64_STANDARD.decode(copied).expect("it is base64");
    assert_eq!(String::from_utf8_lossy(&copied), BODY);
    terminal.quits();
}

#[test]
fn tmux_takes_it_where_it_runs() {
    let script = "[ \"$1\" = -V ] && { echo tmux 3.4; exit; }\ncat > \"$TAKEN\"";
    let (mut terminal, folder) = with_programs(&[("tmux", script)], &[("TMUX", "/tmp/x,1,0")]);
    terminal.press("cp");
    terminal.reads("tmux");
    assert_eq!(
        fs::read_to_string(folder.path().join("taken")).expect("it was taken"),
        BODY
    );
    terminal.quits();
}

#[test]
fn what_is_no_text_is_to_be_exported() {
    let mut terminal = Terminal::open(&[]);
    ask(
        terminal.address(),
        request("POST /image", "", b"\x89PNG\xff\x00"),
    );
    terminal.reads("/image");
    terminal.press("cp");
    terminal.reads("x ");
    terminal.reads("export");
    terminal.quits();
}

#[test]
fn an_export_is_private_and_replaces_nothing_unasked() {
    let (mut terminal, _folder) = with_programs(&[], &[]);
    let home = terminal.home().to_owned();
    terminal.press("xr");
    terminal.reads("⏎ ");
    terminal.press("\x15out/body.bin\r");
    terminal.reads("Wrote #1");
    let path = home.join("out/body.bin");
    assert_eq!(fs::read_to_string(&path).expect("it was written"), BODY);
    let mode = fs::metadata(&path)
        .expect("it was written")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::write(&path, "mine").expect("ours");
    terminal.press("xr");
    terminal.reads("⏎ ");
    terminal.press("\x15out/body.bin\r");
    terminal.reads("y replace");
    terminal.press("n");
    terminal.reads("following");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "mine");
    terminal.press("xr");
    terminal.reads("⏎ ");
    terminal.press("\x15out/body.bin\r");
    terminal.reads("y replace");
    terminal.press("y");
    terminal.reads("Wrote #1");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), BODY);
    terminal.quits();
}

/// A browser that tells what it is to open.
const BROWSER: &str = r#"printf %s "$1" > "$TAKEN""#;

#[test]
fn the_web_inspector_is_opened_in_a_browser_with_a_link_that_is_good_once() {
    let (mut terminal, folder) = with_programs(&[("xdg-open", BROWSER)], &[("DISPLAY", ":0")]);
    let pipe = folder.path().join("taken");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo starts").success());
    terminal.press("w");
    terminal.reads("Opened http://127.0.0.1:");
    let link = fs::read_to_string(&pipe).expect("a link");
    let (page, code) = link.split_once("#/deliveries/1?code=").expect("a link");
    let address: SocketAddr = page
        .strip_prefix("http://")
        .and_then(|rest| rest.strip_suffix('/'))
        .and_then(|host| host.parse().ok())
        .expect("an address");
    let session = || {
        let begin = "POST /api/v1/session HTTP/1.1";
        let asked = format!("{begin}\r\nHost: {address}\r\nAuthorization: Bearer {code}\r\n\r\n");
        ask(address, asked).status()
    };
    assert_eq!((session(), session()), (200, 401));
    terminal.quits();
}

#[test]
fn the_link_to_the_web_inspector_is_copied_where_there_is_no_browser() {
    let (mut terminal, _folder) = with_programs(&[("xdg-open", BROWSER)], &[("TMUX", "")]);
    terminal.press("w");
    terminal.reads("Copied a link to http://127.0.0.1:");
    let bytes = terminal.bytes();
    let text = String::from_utf8_lossy(&bytes);
    let (_, rest) = text.split_once("\x1b]52;c;").expect("an OSC 52");
    let (copied, _) = rest.split_once('\x07').expect("the end of it");
    let copied = BASE64_STANDARD.decode(copied).expect("it is base64");
    let copied = String::from_utf8(copied).expect("a link");
    assert!(copied.contains("/#/deliveries/1?code="), "{copied}");
    terminal.quits();
}
